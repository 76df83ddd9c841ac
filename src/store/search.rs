//! Searching Users and Groups: what an index can answer narrows the rows, the rest is evaluated in
//! memory by the same filter.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    Store, StoreError,
    resources::{group_of, members_of, user_of},
    row::Columns,
};
use crate::{
    ids::PracticeName,
    people::{Group, GroupRef, User},
    query::{AttributePath, Comparison, Filter, Literal, Sort, fold},
};

/// Which resources to look for, and which part of the answer to give.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `None` asks for all.
    pub filter: Option<Filter>,
    /// `None` is the order of creation, which is stable.
    pub sort: Option<Sort>,
    /// How many to leave out at the front.
    pub offset: u64,
    /// How many to give at most.
    pub limit: u64,
}

/// Part of the answer to a [`Search`].
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// How many fit in all.
    pub total: u64,
    /// Those from `offset` on, at most `limit`.
    pub items: Vec<T>,
}

/// One indexed column a filter can be narrowed by.
struct Index {
    attribute: &'static str,
    sub: Option<&'static str>,
    condition: &'static str,
    folds: bool,
}

const USER_INDEXES: [Index; 5] = [
    Index {
        attribute: "id",
        sub: None,
        condition: "id = $2",
        folds: false,
    },
    Index {
        attribute: "userName",
        sub: None,
        condition: "user_name = $2",
        folds: true,
    },
    Index {
        attribute: "externalId",
        sub: None,
        condition: "external_id = $2",
        folds: false,
    },
    Index {
        attribute: "displayName",
        sub: None,
        condition: "display_name = $2",
        folds: true,
    },
    Index {
        attribute: "emails",
        sub: Some("value"),
        condition: "id IN (SELECT user_id FROM scim_user_email WHERE practice = $1 AND email = $2)",
        folds: true,
    },
];

const GROUP_INDEXES: [Index; 4] = [
    Index {
        attribute: "id",
        sub: None,
        condition: "id = $2",
        folds: false,
    },
    Index {
        attribute: "displayName",
        sub: None,
        condition: "display_name = $2",
        folds: true,
    },
    Index {
        attribute: "externalId",
        sub: None,
        condition: "external_id = $2",
        folds: false,
    },
    Index {
        attribute: "members",
        sub: Some("value"),
        condition: "id IN (SELECT group_id FROM scim_group_member WHERE practice = $1 AND value = $2)",
        folds: false,
    },
];

/// A condition that every row fitting the filter meets, and its one parameter.
fn narrow(
    filter: &Filter,
    indexes: &[Index],
    within: Option<&str>,
) -> Option<(&'static str, String)> {
    match filter {
        Filter::And(parts) => parts.iter().find_map(|part| narrow(part, indexes, within)),
        Filter::Element(path, inner) if path.schema.is_none() => {
            narrow(inner, indexes, Some(&path.name))
        }
        Filter::Compare(path, Comparison::Equal, Literal::Text(text)) => {
            let index = indexes.iter().find(|index| index.answers(path, within))?;
            Some((
                index.condition,
                if index.folds {
                    fold(text)
                } else {
                    text.clone()
                },
            ))
        }
        _ => None,
    }
}

impl Index {
    fn answers(&self, path: &AttributePath, within: Option<&str>) -> bool {
        let (name, sub) = match within {
            Some(element) => (element, Some(path.sub.as_deref().unwrap_or(&path.name))),
            None => (path.name.as_str(), path.sub.as_deref().or(self.sub)),
        };
        path.schema.is_none() && name == self.attribute && sub == self.sub
    }
}

fn mentions(filter: Option<&Filter>, sort: Option<&Sort>, attribute: &str) -> bool {
    fn in_filter(filter: &Filter, attribute: &str) -> bool {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter().any(|part| in_filter(part, attribute))
            }
            Filter::Not(part) => in_filter(part, attribute),
            Filter::Present(path) | Filter::Compare(path, ..) | Filter::Element(path, _) => {
                path.name == attribute
            }
        }
    }
    filter.is_some_and(|filter| in_filter(filter, attribute))
        || sort.is_some_and(|sort| sort.path.name == attribute)
}

impl Store {
    /// Finds the Users that fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_users(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<User>, StoreError> {
        const COLUMNS: &str =
            "SELECT id, person, attributes, version, created, modified FROM scim_user";
        let mut connection = self.pool.acquire().await?;
        if search.filter.is_none() && search.sort.is_none() {
            let total = count(&mut connection, practice, "scim_user").await?;
            let rows = page(&mut connection, practice, COLUMNS, search).await?;
            return Ok(Found {
                total,
                items: rows.iter().map(user_of).collect::<Result<_, _>>()?,
            });
        }
        let rows = candidates(&mut connection, practice, COLUMNS, &USER_INDEXES, search).await?;
        let users: Vec<User> = rows.iter().map(user_of).collect::<Result<_, _>>()?;
        let memberships = if mentions(search.filter.as_ref(), search.sort.as_ref(), "groups") {
            memberships(&mut connection, practice).await?
        } else {
            HashMap::new()
        };
        let none = Vec::new();
        Ok(choose(users, search, |user| {
            user.to_json(memberships.get(user.id.as_str()).unwrap_or(&none))
        }))
    }

    /// Finds the Groups that fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_groups(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<Group>, StoreError> {
        const COLUMNS: &str = "SELECT id, attributes, version, created, modified FROM scim_group";
        let mut connection = self.pool.acquire().await?;
        let whole = search.filter.is_none() && search.sort.is_none();
        let rows = if whole {
            page(&mut connection, practice, COLUMNS, search).await?
        } else {
            candidates(&mut connection, practice, COLUMNS, &GROUP_INDEXES, search).await?
        };
        let mut groups = Vec::with_capacity(rows.len());
        for row in &rows {
            let members = members_of(&mut connection, practice, &row.text("id")?).await?;
            groups.push(group_of(row, members)?);
        }
        if whole {
            let total = count(&mut connection, practice, "scim_group").await?;
            return Ok(Found {
                total,
                items: groups,
            });
        }
        Ok(choose(groups, search, Group::to_json))
    }
}

async fn count(
    connection: &mut AnyConnection,
    practice: &PracticeName,
    table: &str,
) -> Result<u64, StoreError> {
    let sql =
        format!("SELECT COUNT(*) AS total FROM {table} WHERE practice = $1 AND deleted IS NULL");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(practice.as_str())
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(row.number("total")?).unwrap_or(0))
}

async fn page(
    connection: &mut AnyConnection,
    practice: &PracticeName,
    columns: &str,
    search: &Search,
) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
    let sql =
        format!("{columns} WHERE practice = $1 AND deleted IS NULL ORDER BY id LIMIT $2 OFFSET $3");
    Ok(sqlx::query(AssertSqlSafe(sql))
        .bind(practice.as_str())
        .bind(i64::try_from(search.limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(search.offset).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?)
}

async fn candidates(
    connection: &mut AnyConnection,
    practice: &PracticeName,
    columns: &str,
    indexes: &[Index],
    search: &Search,
) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
    let narrowed = search
        .filter
        .as_ref()
        .and_then(|filter| narrow(filter, indexes, None));
    let condition = narrowed
        .as_ref()
        .map(|(condition, _)| format!("AND {condition}"))
        .unwrap_or_default();
    // The text comes from the constants above alone; what the caller sent is bound.
    let sql = format!("{columns} WHERE practice = $1 AND deleted IS NULL {condition} ORDER BY id");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(practice.as_str());
    if let Some((_, parameter)) = narrowed {
        query = query.bind(parameter);
    }
    Ok(query.fetch_all(connection).await?)
}

async fn memberships(
    connection: &mut AnyConnection,
    practice: &PracticeName,
) -> Result<HashMap<String, Vec<GroupRef>>, StoreError> {
    let rows = sqlx::query(
        "SELECT m.value AS value, g.id AS id, g.display_name AS display FROM scim_group_member m
         JOIN scim_group g ON g.practice = m.practice AND g.id = m.group_id
         WHERE m.practice = $1 AND g.deleted IS NULL",
    )
    .bind(practice.as_str())
    .fetch_all(connection)
    .await?;
    let mut groups: HashMap<String, Vec<GroupRef>> = HashMap::new();
    for row in &rows {
        let group = GroupRef {
            id: row.text("id")?.into(),
            display: row.text("display")?,
        };
        groups.entry(row.text("value")?).or_default().push(group);
    }
    Ok(groups)
}

fn choose<T: Clone>(resources: Vec<T>, search: &Search, to_json: impl Fn(&T) -> Value) -> Found<T> {
    let mut fitting: Vec<(Value, T)> = resources
        .into_iter()
        .map(|resource| (to_json(&resource), resource))
        .filter(|(json, _)| {
            search
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(json))
        })
        .collect();
    if let Some(sort) = &search.sort {
        fitting.sort_by(|(a, _), (b, _)| sort.compare(a, b));
    }
    let total = fitting.len() as u64;
    let offset = usize::try_from(search.offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(search.limit).unwrap_or(usize::MAX);
    Found {
        total,
        items: fitting
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(|(_, resource)| resource)
            .collect(),
    }
}
