//! Admins who leave the practice: how that is known, and what of theirs is over then.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx, admins::Admin, database::Reads as _, row::Row, statement::Statement,
};
use crate::{
    clock,
    ids::{AdminId, PersonId},
};

/// When the admin in row `a` left last; NULL while nobody of their address has: of the one here, or of one that an
/// identity provider has of them. Somebody who is let in after a departure and departs again has left again.
macro_rules! when_left {
    () => {
        "(SELECT MAX(COALESCE(p.held_since, p.departed_at))
          FROM (SELECT a.email AS folded UNION ALL
              SELECT n.email FROM admin_identity n WHERE n.practice = a.practice AND n.admin = a.id) e
          JOIN identifier i ON i.practice = a.practice AND i.kind IN ('email', 'user_name') AND i.folded = e.folded
          JOIN person p ON p.practice = i.practice AND p.id = i.person
          WHERE p.departed_at IS NOT NULL)"
    };
}
pub(super) use when_left;

/// The admins who bear an address of person `$3` in practice `$1`.
macro_rules! admins_of_person {
    () => {
        "(SELECT a.id FROM admin a WHERE a.practice = $1 AND a.removed IS NULL AND EXISTS (
              SELECT 1 FROM identifier i
              WHERE i.practice = $1 AND i.person = $3 AND i.kind IN ('email', 'user_name')
                  AND (i.folded = a.email OR i.folded IN (
                      SELECT n.email FROM admin_identity n WHERE n.practice = a.practice AND n.admin = a.id))))"
    };
}

fn left(admin: &Admin) -> Statement {
    Statement::new(concat!(
        "SELECT ",
        when_left!(),
        " AS departed FROM admin a WHERE a.practice = $1 AND a.id = $2"
    ))
    .bind(admin.practice.as_str())
    .bind(admin.id.as_str())
}

fn when_left_of(row: Option<Row>) -> Result<Option<Timestamp>, StoreError> {
    row.map_or(Ok(None), |row| row.maybe_time("departed"))
}

impl Store {
    /// Whether the person who bears an admin's address has left the practice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_admin_left(&self, admin: &Admin) -> Result<bool, StoreError> {
        Ok(when_left_of(self.row(left(admin)).await?)?.is_some())
    }
}

impl WriteTx {
    /// When the person who bears an admin's address left the practice last; `None` while nobody of that address
    /// has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_when_admin_left(
        &mut self,
        admin: &Admin,
    ) -> Result<Option<Timestamp>, StoreError> {
        when_left_of(self.row(left(admin)).await?)
    }

    /// Removes what whoever bears the address of this person had added by then. Answers whose they were, and
    /// what they were called.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_passkeys_from_before(
        &mut self,
        person: &PersonId,
        then: Timestamp,
    ) -> Result<Vec<(AdminId, String)>, StoreError> {
        let statement = Statement::new(concat!(
            "DELETE FROM admin_passkey WHERE practice = $1 AND added <= $2 AND admin IN ",
            admins_of_person!(),
            " RETURNING admin, name",
        ))
        .bind(self.practice().as_str())
        .bind(clock::to_text(then))
        .bind(person.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.text("admin")?.into(), row.text("name")?)))
            .collect()
    }

    /// Ends what whoever bears the address of this person was let in by until then: sessions, and links that were made
    /// by then, which expire by `links`.
    pub fn end_sign_ins_from_before(
        &mut self,
        person: &PersonId,
        then: Timestamp,
        links: Timestamp,
    ) {
        let now = clock::to_text(self.now());
        for (sql, until) in [
            (
                concat!(
                    "UPDATE admin_session SET ended = $4
                     WHERE practice = $1 AND began <= $2 AND ended IS NULL AND admin IN ",
                    admins_of_person!()
                ),
                then,
            ),
            (
                concat!(
                    "UPDATE admin_invitation SET used = $4
                     WHERE practice = $1 AND expires <= $2 AND used IS NULL AND admin IN ",
                    admins_of_person!()
                ),
                links,
            ),
        ] {
            let statement = Statement::new(sql)
                .bind(self.practice().as_str())
                .bind(clock::to_text(until))
                .bind(person.as_str())
                .bind(now.as_str());
            self.later(statement);
        }
    }
}
