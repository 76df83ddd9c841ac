//! Passkeys of admins, and what was signed with them once.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    admins::{Admin, admin_of},
    database::Reads as _,
    leavers::when_left,
    row::Row,
    statement::Statement,
};
use crate::{
    clock,
    ids::{AdminId, PracticeName},
};

/// A passkey of an admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// What the device calls it.
    pub id: String,
    /// Whose; their role is that of now.
    pub admin: Admin,
    /// What they call it.
    pub name: String,
    /// Its public half.
    pub public_key: String,
    /// How often it signed.
    pub counter: i64,
    /// Since when.
    pub added: Timestamp,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

macro_rules! passkeys {
    () => {
        "SELECT k.id AS id, k.practice AS practice, k.admin AS admin, a.name AS name, role, email, k.name AS label,
             public_key, counter, added, used
         FROM admin_passkey k JOIN admin a ON a.practice = k.practice AND a.id = k.admin AND a.removed IS NULL"
    };
}

/// Whose holder has not left since it was added, or in the same moment. Without an address nobody knows whether they have.
macro_rules! is_good {
    () => {
        concat!(
            " AND a.email IS NOT NULL AND COALESCE(",
            when_left!(),
            ", '') < k.added"
        )
    };
}

fn passkey_of(row: &Row) -> Result<Passkey, StoreError> {
    Ok(Passkey {
        id: row.text("id")?,
        admin: admin_of(row)?,
        name: row.text("label")?,
        public_key: row.text("public_key")?,
        counter: row.number("counter")?,
        added: row.time("added")?,
        used: row.maybe_time("used")?,
    })
}

impl Store {
    /// The passkey that a device calls so; `None` also when its admin was sent away.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        let statement = Statement::new(concat!(passkeys!(), " WHERE k.id = $1")).bind(id);
        let row = self.row(statement).await?;
        row.as_ref().map(passkey_of).transpose()
    }

    /// All passkeys of a practice, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_passkeys(&self, practice: &PracticeName) -> Result<Vec<Passkey>, StoreError> {
        let statement = Statement::new(concat!(
            passkeys!(),
            " WHERE k.practice = $1 ORDER BY added, k.id"
        ))
        .bind(practice.as_str());
        self.rows(statement).await?.iter().map(passkey_of).collect()
    }

    /// The passkeys of an admin, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_passkeys_of(&self, admin: &Admin) -> Result<Vec<Passkey>, StoreError> {
        let statement = Statement::new(concat!(
            passkeys!(),
            " WHERE k.practice = $1 AND k.admin = $2 ORDER BY added, k.id"
        ))
        .bind(admin.practice.as_str())
        .bind(admin.id.as_str());
        self.rows(statement).await?.iter().map(passkey_of).collect()
    }

    /// Those of them that are good still, as [`WriteTx::is_passkey_good`] has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_good_passkeys_of(&self, admin: &Admin) -> Result<Vec<Passkey>, StoreError> {
        let statement = Statement::new(concat!(
            passkeys!(),
            " WHERE k.practice = $1 AND k.admin = $2",
            is_good!(),
            " ORDER BY added, k.id"
        ))
        .bind(admin.practice.as_str())
        .bind(admin.id.as_str());
        self.rows(statement).await?.iter().map(passkey_of).collect()
    }
}

impl WriteTx {
    /// Records a new passkey. Answers whether nobody has one that is called so.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_passkey(&mut self, passkey: &Passkey) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "INSERT INTO admin_passkey (id, practice, admin, name, public_key, counter, added)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING RETURNING id",
        )
        .bind(passkey.id.as_str())
        .bind(passkey.admin.practice.as_str())
        .bind(passkey.admin.id.as_str())
        .bind(passkey.name.as_str())
        .bind(passkey.public_key.as_str())
        .bind(passkey.counter)
        .bind(clock::to_text(passkey.added));
        Ok(self.row(statement).await?.is_some())
    }

    /// Whether a passkey lets its holder in still: they may come in, have an address by which it is known when they
    /// leave, and have not left since it was added.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_passkey_good(&mut self, id: &str) -> Result<bool, StoreError> {
        let statement = Statement::new(concat!(
            passkeys!(),
            " WHERE k.id = $1 AND k.practice = $2",
            is_good!()
        ))
        .bind(id)
        .bind(self.practice().as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// How many passkeys an admin has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_passkeys(&mut self, admin: &AdminId) -> Result<i64, StoreError> {
        let statement = Statement::new(
            "SELECT COUNT(*) AS known FROM admin_passkey WHERE practice = $1 AND admin = $2",
        )
        .bind(self.practice().as_str())
        .bind(admin.as_str());
        let row = self.row(statement).await?;
        row.map_or(Ok(0), |row| row.number("known"))
    }

    /// Uses up what a browser was asked. Answers whether nobody has: what was brought once is not taken again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn spend_challenge(&mut self, challenge: &str) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "INSERT INTO spent_challenge (practice, challenge, spent) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING RETURNING challenge",
        )
        .bind(self.practice().as_str())
        .bind(challenge)
        .bind(clock::to_text(self.now()));
        Ok(self.row(statement).await?.is_some())
    }

    /// Notes that a passkey signed, for so many times by now. Answers whether it is there still, and nobody
    /// counted further meanwhile.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn use_passkey(&mut self, id: &str, counter: i64) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "UPDATE admin_passkey SET counter = $1, used = $2
             WHERE id = $3 AND practice = $4 AND (counter < $1 OR (counter = 0 AND $1 = 0)) RETURNING id",
        )
        .bind(counter)
        .bind(clock::to_text(self.now()))
        .bind(id)
        .bind(self.practice().as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Removes this passkey of an admin, or all of them. Answers what they were called.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_passkeys(
        &mut self,
        admin: &AdminId,
        id: Option<&str>,
    ) -> Result<Vec<String>, StoreError> {
        let statement = Statement::new(
            "DELETE FROM admin_passkey WHERE practice = $1 AND admin = $2 AND ($3 = '' OR id = $3) RETURNING name",
        )
        .bind(self.practice().as_str())
        .bind(admin.as_str())
        .bind(id.unwrap_or_default());
        let rows = self.rows(statement).await?;
        rows.iter().map(|row| row.text("name")).collect()
    }
}
