//! SCIM Users and Groups, one row each, with what is searched in columns of its own.

use std::collections::HashMap;

use super::{
    Store, StoreError, WriteTx,
    database::Reads,
    row::{Row, json_text, placeholders, rows_of_placeholders},
    statement::Statement,
};
use crate::{
    clock,
    ids::{GroupId, PracticeName, SourceName, UserId},
    people::{Group, GroupRef, Member, User, user},
    query::fold,
};

/// How many rows one statement writes: a body may name thousands.
const AT_ONCE: usize = 100;

/// Every column a User is read from.
macro_rules! user_columns {
    () => {
        "id, person, attributes, version, created, modified, \
         CASE WHEN EXISTS (SELECT 1 FROM scim_group_member m WHERE m.practice = scim_user.practice \
         AND m.value = scim_user.id) THEN 1 ELSE 0 END AS in_groups"
    };
}
pub(super) use user_columns;

const USER: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM scim_user WHERE practice = $1 AND id = $2 AND deleted IS NULL"
);
const GROUP: &str = "SELECT id, attributes, version, created, modified FROM scim_group
    WHERE practice = $1 AND id = $2 AND deleted IS NULL";

pub(super) fn user_of(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.text("id")?.into(),
        person: row.text("person")?.into(),
        attributes: row.json("attributes")?,
        version: row.number("version")?,
        created: row.time("created")?,
        modified: row.time("modified")?,
        may_be_in_groups: row.flag("in_groups")?,
    })
}

pub(super) fn group_of(row: &Row, members: Vec<Member>) -> Result<Group, StoreError> {
    Ok(Group {
        id: row.text("id")?.into(),
        attributes: row.json("attributes")?,
        members,
        version: row.number("version")?,
        created: row.time("created")?,
        modified: row.time("modified")?,
    })
}

pub(super) async fn members_of(
    mut source: impl Reads,
    practice: &PracticeName,
    group: &str,
) -> Result<Vec<Member>, StoreError> {
    let statement = Statement::new(
        "SELECT value, display FROM scim_group_member WHERE practice = $1 AND group_id = $2 ORDER BY position",
    )
    .bind(practice.as_str())
    .bind(group);
    let rows = source.rows(statement).await?;
    rows.iter()
        .map(|row| {
            Ok(Member {
                value: row.text("value")?,
                display: row.maybe_text("display")?,
            })
        })
        .collect()
}

/// The members of each of these groups.
pub(super) async fn members_of_all(
    mut source: impl Reads,
    practice: &PracticeName,
    groups: &[String],
) -> Result<HashMap<String, Vec<Member>>, StoreError> {
    let mut members: HashMap<String, Vec<Member>> = HashMap::new();
    if groups.is_empty() {
        return Ok(members);
    }
    let sql = format!(
        "SELECT group_id, value, display FROM scim_group_member WHERE practice = $1 AND group_id IN ({})
         ORDER BY group_id, position",
        placeholders(2, groups.len())
    );
    let mut statement = Statement::new(sql).bind(practice.as_str());
    for group in groups {
        statement = statement.bind(group.as_str());
    }
    for row in &source.rows(statement).await? {
        members
            .entry(row.text("group_id")?)
            .or_default()
            .push(Member {
                value: row.text("value")?,
                display: row.maybe_text("display")?,
            });
    }
    Ok(members)
}

/// The groups of each of these Users.
async fn read_groups_of_all(
    mut source: impl Reads,
    practice: &PracticeName,
    users: &[UserId],
) -> Result<HashMap<UserId, Vec<GroupRef>>, StoreError> {
    let mut groups: HashMap<UserId, Vec<GroupRef>> = HashMap::new();
    if users.is_empty() {
        return Ok(groups);
    }
    let sql = format!(
        "SELECT m.value AS value, g.id AS id, g.attributes AS attributes FROM scim_group_member m
         JOIN scim_group g ON g.practice = m.practice AND g.id = m.group_id
         WHERE m.practice = $1 AND g.deleted IS NULL AND m.value IN ({}) ORDER BY g.id",
        placeholders(2, users.len())
    );
    let mut statement = Statement::new(sql).bind(practice.as_str());
    for user in users {
        statement = statement.bind(user.as_str());
    }
    for row in &source.rows(statement).await? {
        let attributes: user::Attributes = row.json("attributes")?;
        let display = user::text(&attributes, "displayName")
            .unwrap_or_default()
            .to_owned();
        groups
            .entry(UserId::from(row.text("value")?))
            .or_default()
            .push(GroupRef {
                id: row.text("id")?.into(),
                display,
            });
    }
    Ok(groups)
}

/// What a User is looked up by, each in a column of its own.
fn looked_up_by(user: &User) -> [(&'static str, Option<String>); 4] {
    let display_name = user::text(&user.attributes, "displayName").map(fold);
    [
        ("person", Some(user.person.as_str().to_owned())),
        ("user_name", Some(fold(user.user_name()))),
        ("external_id", user.external_id().map(str::to_owned)),
        ("display_name", display_name),
    ]
}

fn insert_user(practice: &PracticeName, source: &SourceName, user: &User) -> Statement {
    let statement = Statement::new(
        "INSERT INTO scim_user (practice, id, source, active, attributes, version, created, modified,
             person, user_name, external_id, display_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(practice.as_str())
    .bind(user.id.as_str())
    .bind(source.as_str())
    .bind(i64::from(user.active()))
    .bind(json_text(&user.attributes))
    .bind(user.version)
    .bind(clock::to_text(user.created))
    .bind(clock::to_text(user.modified));
    let columns = looked_up_by(user).into_iter();
    columns.fold(statement, |statement, (_, value)| statement.bind(value))
}

/// Leaves out what is looked up by and stayed the same: each index that is named would be written to.
fn update_user(practice: &PracticeName, user: &User, before: &User) -> Statement {
    let mut sql =
        "UPDATE scim_user SET active = $3, attributes = $4, version = $5, modified = $6".to_owned();
    let mut changed = Vec::new();
    for ((column, now), (_, before)) in looked_up_by(user).into_iter().zip(looked_up_by(before)) {
        if now != before {
            changed.push(now);
            sql.push_str(&format!(", {column} = ${}", 6 + changed.len()));
        }
    }
    sql.push_str(" WHERE practice = $1 AND id = $2");
    let statement = Statement::new(sql)
        .bind(practice.as_str())
        .bind(user.id.as_str())
        .bind(i64::from(user.active()))
        .bind(json_text(&user.attributes))
        .bind(user.version)
        .bind(clock::to_text(user.modified));
    changed.into_iter().fold(statement, Statement::bind)
}

fn select_user(practice: &PracticeName, id: &UserId) -> Statement {
    Statement::new(USER)
        .bind(practice.as_str())
        .bind(id.as_str())
}

async fn read_group(
    mut source: impl Reads,
    practice: &PracticeName,
    id: &GroupId,
) -> Result<Option<Group>, StoreError> {
    let statement = Statement::new(GROUP)
        .bind(practice.as_str())
        .bind(id.as_str());
    let row = source.row(statement).await?;
    let Some(row) = row else { return Ok(None) };
    let members = members_of(source, practice, id.as_str()).await?;
    group_of(&row, members).map(Some)
}

impl Store {
    /// Finds a User that was not deleted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_user(
        &self,
        practice: &PracticeName,
        id: &UserId,
    ) -> Result<Option<User>, StoreError> {
        let row = self.row(select_user(practice, id)).await?;
        row.as_ref().map(user_of).transpose()
    }

    /// Finds a Group that was not deleted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_group(
        &self,
        practice: &PracticeName,
        id: &GroupId,
    ) -> Result<Option<Group>, StoreError> {
        read_group(self, practice, id).await
    }

    /// The groups each of these Users is in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups_of(
        &self,
        practice: &PracticeName,
        users: &[User],
    ) -> Result<HashMap<UserId, Vec<GroupRef>>, StoreError> {
        let users: Vec<UserId> = users
            .iter()
            .filter(|user| user.may_be_in_groups)
            .map(|user| user.id.clone())
            .collect();
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        read_groups_of_all(self, practice, &users).await
    }
}

impl WriteTx {
    /// Finds a User that was not deleted, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_user(&mut self, id: &UserId) -> Result<Option<User>, StoreError> {
        let statement = select_user(self.practice(), id);
        self.rows(statement).await?.first().map(user_of).transpose()
    }

    /// Finds a Group that was not deleted, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_group(&mut self, id: &GroupId) -> Result<Option<Group>, StoreError> {
        let practice = self.practice().clone();
        read_group(self, &practice, id).await
    }

    /// The groups a User is in, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups_of(&mut self, user: &User) -> Result<Vec<GroupRef>, StoreError> {
        if !user.may_be_in_groups {
            return Ok(Vec::new());
        }
        let practice = self.practice().clone();
        let users = std::slice::from_ref(&user.id);
        let mut groups = read_groups_of_all(self, &practice, users).await?;
        Ok(groups.remove(&user.id).unwrap_or_default())
    }

    /// Records a User: a new one, or a new version of one that was `before`.
    pub fn record_user(&mut self, source: &SourceName, user: &User, before: Option<&User>) {
        let practice = self.practice().clone();
        let was_active = before.is_some_and(User::active);
        self.counts().users += i64::from(user.version == 1);
        self.counts().active += i64::from(user.active()) - i64::from(was_active);
        self.later(match before {
            Some(before) => update_user(&practice, user, before),
            None => insert_user(&practice, source, user),
        });
    }

    /// Marks a User as deleted and takes it out of every group. The person stays.
    pub fn record_user_deleted(&mut self, user: &User) {
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        self.counts().users -= 1;
        self.counts().active -= i64::from(user.active());
        self.counts().users_removed += 1;
        let statement = Statement::new(
            "UPDATE scim_user SET deleted = $1, modified = $1 WHERE practice = $2 AND id = $3",
        )
        .bind(now)
        .bind(practice.as_str())
        .bind(user.id.as_str());
        self.later(statement);
        let statement =
            Statement::new("DELETE FROM scim_group_member WHERE practice = $1 AND value = $2")
                .bind(practice.as_str())
                .bind(user.id.as_str());
        self.later(statement);
    }

    /// Records a Group: a new one, or a new version of one, with its members.
    pub fn record_group(&mut self, group: &Group) {
        let practice = self.practice().as_str().to_owned();
        self.counts().groups += i64::from(group.version == 1);
        let statement = Statement::new(
            "INSERT INTO scim_group (practice, id, display_name, external_id, attributes, version, created, modified,
                 deleted)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)
             ON CONFLICT (practice, id) DO UPDATE SET display_name = excluded.display_name,
                 external_id = excluded.external_id, attributes = excluded.attributes,
                 version = excluded.version, modified = excluded.modified",
        )
        .bind(practice.as_str())
        .bind(group.id.as_str())
        .bind(fold(group.display_name()))
        .bind(user::text(&group.attributes, "externalId").map(str::to_owned))
        .bind(json_text(&group.attributes))
        .bind(group.version)
        .bind(clock::to_text(group.created))
        .bind(clock::to_text(group.modified));
        self.later(statement);
        self.forget_members(&group.id);
        let members: Vec<_> = (0_i64..).zip(&group.members).collect();
        for members in members.chunks(AT_ONCE) {
            let mut statement = Statement::new(format!(
                "INSERT INTO scim_group_member (practice, group_id, value, position, display)
                 VALUES {} ON CONFLICT DO NOTHING",
                rows_of_placeholders(members.len(), 5)
            ));
            for (position, member) in members {
                statement = statement
                    .bind(practice.as_str())
                    .bind(group.id.as_str())
                    .bind(member.value.as_str())
                    .bind(*position)
                    .bind(member.display.as_deref());
            }
            self.later(statement);
        }
    }

    fn forget_members(&mut self, id: &GroupId) {
        let practice = self.practice().as_str().to_owned();
        let statement =
            Statement::new("DELETE FROM scim_group_member WHERE practice = $1 AND group_id = $2")
                .bind(practice)
                .bind(id.as_str());
        self.later(statement);
    }

    /// Marks a Group as deleted; nobody is in it any more.
    pub fn record_group_deleted(&mut self, id: &GroupId) {
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        self.counts().groups -= 1;
        self.counts().groups_removed += 1;
        let statement = Statement::new(
            "UPDATE scim_group SET deleted = $1, modified = $1 WHERE practice = $2 AND id = $3",
        )
        .bind(now)
        .bind(practice)
        .bind(id.as_str());
        self.later(statement);
        self.forget_members(id);
    }
}
