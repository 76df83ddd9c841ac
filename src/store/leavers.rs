//! Admins who leave the practice: how that is known, and what of theirs is over then.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx, admins::Admin, database::Reads as _, row::Row, statement::Statement,
};
use crate::{
    clock,
    ids::{AdminId, PersonId},
    query::fold,
};

/// Every address the admin in row `a` ever had, as a person keeps every identifier they ever bore. The columns are read
/// beside the table because an older bridge over the same database writes them alone.
macro_rules! addresses {
    () => {
        "SELECT b.email AS folded FROM admin_address b WHERE b.practice = a.practice AND b.admin = a.id
         UNION ALL SELECT a.email
         UNION ALL SELECT n.email FROM admin_identity n WHERE n.practice = a.practice AND n.admin = a.id"
    };
}
pub(super) use addresses;

/// When the admin in row `a` left last; NULL while nobody of an address of theirs has. Somebody who is let in after a
/// departure and departs again has left again.
macro_rules! when_left {
    () => {
        concat!(
            "(SELECT MAX(COALESCE(p.held_since, p.departed_at)) FROM (",
            $crate::store::leavers::addresses!(),
            ") e
              -- SQLite, left to itself, walks through everybody's identifiers; CROSS keeps the order.
              CROSS JOIN identifier i CROSS JOIN person p
              WHERE i.practice = a.practice AND i.folded = e.folded AND i.kind IN ('email', 'user_name')
                  AND p.practice = i.practice AND p.id = i.person AND p.departed_at IS NOT NULL)"
        )
    };
}
pub(super) use when_left;

/// The admins who ever had an address of person `$3` in practice `$1`.
macro_rules! admins_of_person {
    () => {
        concat!(
            "(SELECT a.id FROM admin a WHERE a.practice = $1 AND a.removed IS NULL AND EXISTS (
                  SELECT 1 FROM identifier i
                  WHERE i.practice = $1 AND i.person = $3 AND i.kind IN ('email', 'user_name') AND i.folded IN (",
            addresses!(),
            ")))"
        )
    };
}

/// Ends the sessions of person `$3` that began by then.
pub(super) const END_SESSIONS: &str = concat!(
    "UPDATE admin_session SET ended = $4
     WHERE practice = $1 AND began <= $2 AND ended IS NULL AND admin IN ",
    admins_of_person!()
);

/// Ends the links of person `$3` that expire by then.
pub(super) const END_LINKS: &str = concat!(
    "UPDATE admin_invitation SET used = $4
     WHERE practice = $1 AND expires <= $2 AND used IS NULL AND admin IN ",
    admins_of_person!()
);

/// Removes the passkeys of person `$3` that were added by then.
pub(super) const REMOVE_PASSKEYS: &str = concat!(
    "DELETE FROM admin_passkey WHERE practice = $1 AND added <= $2 AND admin IN ",
    admins_of_person!(),
    " RETURNING admin, name",
);

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
    /// Whether a person who bears an address of an admin has left the practice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_admin_left(&self, admin: &Admin) -> Result<bool, StoreError> {
        Ok(when_left_of(self.row(left(admin)).await?)?.is_some())
    }
}

impl WriteTx {
    /// Keeps an address that an admin has now beside all they ever had.
    pub(super) fn keep_address(&mut self, admin: &AdminId, email: &str) {
        let statement = Statement::new(
            "INSERT INTO admin_address (practice, admin, email) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(self.practice().as_str())
        .bind(admin.as_str())
        // As a person's identifiers are.
        .bind(fold(email));
        self.later(statement);
    }

    /// When a person who bears an address of an admin left the practice last; `None` while nobody has who bears one
    /// they ever had.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_when_admin_left(
        &mut self,
        admin: &Admin,
    ) -> Result<Option<Timestamp>, StoreError> {
        when_left_of(self.row(left(admin)).await?)
    }

    /// Removes what whoever bears an address of this person had added by then. Answers whose they were, and
    /// what they were called.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_passkeys_from_before(
        &mut self,
        person: &PersonId,
        then: Timestamp,
    ) -> Result<Vec<(AdminId, String)>, StoreError> {
        let statement = Statement::new(REMOVE_PASSKEYS)
            .bind(self.practice().as_str())
            .bind(clock::to_text(then))
            .bind(person.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.text("admin")?.into(), row.text("name")?)))
            .collect()
    }

    /// Ends what whoever bears an address of this person was let in by until then: sessions, and links that were made
    /// by then, which expire by `links`.
    pub fn end_sign_ins_from_before(
        &mut self,
        person: &PersonId,
        then: Timestamp,
        links: Timestamp,
    ) {
        let now = clock::to_text(self.now());
        for (sql, until) in [(END_SESSIONS, then), (END_LINKS, links)] {
            let statement = Statement::new(sql)
                .bind(self.practice().as_str())
                .bind(clock::to_text(until))
                .bind(person.as_str())
                .bind(now.as_str());
            self.later(statement);
        }
    }
}
