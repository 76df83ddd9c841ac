//! Who works in the console: admins, the links that let them in, and their sessions.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    leavers::when_left,
    row::{Row, corrupt},
    statement::Statement,
};
use crate::{
    clock,
    ids::{AdminId, PracticeName},
    policy::office::OfficeRole,
    query::fold,
};

/// Somebody who works in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The id.
    pub id: AdminId,
    /// In which practice.
    pub practice: PracticeName,
    /// What people call them. Evidence names them so.
    pub name: String,
    /// What they may do.
    pub role: OfficeRole,
    /// The address they were invited by, in small letters.
    pub email: Option<String>,
}

impl Admin {
    /// Whether this is their name, whatever its case.
    pub fn is_called(&self, name: &str) -> bool {
        fold(&self.name) == fold(name.trim())
    }
}

/// A link that lets somebody sign in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The id, which is part of the link.
    pub id: String,
    /// SHA-256 of the secret in the link, in lower-case hex.
    pub hash: String,
    /// Whom it lets in; their role is that of now.
    pub admin: Admin,
    /// When it stops working.
    pub expires: Timestamp,
    /// Whether it was used, or a later link took its place.
    pub is_used: bool,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id, which is part of what the browser holds.
    pub id: String,
    /// SHA-256 of what the browser holds, in lower-case hex.
    pub hash: String,
    /// Who; their role is that of now.
    pub admin: Admin,
    /// When they signed in.
    pub began: Timestamp,
    /// When they last did something.
    pub last_active: Timestamp,
    /// When they last proved who they are, if anybody said so.
    pub proved: Option<Timestamp>,
}

pub(super) fn admin_of(row: &Row) -> Result<Admin, StoreError> {
    Ok(Admin {
        id: row.text("admin")?.into(),
        practice: row.text("practice")?.into(),
        name: row.text("name")?,
        role: OfficeRole::from_name(&row.text("role")?).ok_or_else(|| corrupt("role"))?,
        email: row.maybe_text("email")?,
    })
}

/// The session `$1` while it goes on.
pub(super) const SESSION: &str = concat!(
    "SELECT s.id AS id, hash, s.practice AS practice, s.admin AS admin, name, role, email, began, last_active, proved
     FROM admin_session s JOIN admin a ON a.practice = s.practice AND a.id = s.admin
     WHERE s.id = $1 AND s.ended IS NULL AND a.removed IS NULL AND COALESCE(",
    when_left!(),
    ", '') < s.began"
);

impl Store {
    /// Everybody who may come in, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_admins(&self, practice: &PracticeName) -> Result<Vec<Admin>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, id AS admin, name, role, email FROM admin WHERE practice = $1 AND removed IS NULL
             ORDER BY folded",
        )
        .bind(practice.as_str());
        self.rows(statement).await?.iter().map(admin_of).collect()
    }

    /// The link with this id; `None` when there is none, or when its admin was sent away.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_invitation(&self, id: &str) -> Result<Option<Invitation>, StoreError> {
        let statement = Statement::new(
            "SELECT i.id AS id, hash, i.practice AS practice, i.admin AS admin, name, role, email, expires,
                 CASE WHEN used IS NULL THEN 0 ELSE 1 END AS is_used
             FROM admin_invitation i JOIN admin a ON a.practice = i.practice AND a.id = i.admin
             WHERE i.id = $1 AND a.removed IS NULL",
        )
        .bind(id);
        let row = self.row(statement).await?;
        row.map(|row| {
            Ok(Invitation {
                id: row.text("id")?,
                hash: row.text("hash")?,
                admin: admin_of(&row)?,
                expires: row.time("expires")?,
                is_used: row.flag("is_used")?,
            })
        })
        .transpose()
    }

    /// The session with this id that was not ended; `None` also when its admin was sent away, or left the practice
    /// after it began: whose address the identity provider disabled is out here too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_session(&self, id: &str) -> Result<Option<Session>, StoreError> {
        let statement = Statement::new(SESSION).bind(id);
        let row = self.row(statement).await?;
        row.map(|row| {
            Ok(Session {
                id: row.text("id")?,
                hash: row.text("hash")?,
                admin: admin_of(&row)?,
                began: row.time("began")?,
                last_active: row.time("last_active")?,
                proved: row.maybe_time("proved")?,
            })
        })
        .transpose()
    }

    /// Notes that whoever is signed in did something.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_active(&self, session: &str, now: Timestamp) -> Result<(), StoreError> {
        let statement = Statement::new("UPDATE admin_session SET last_active = $1 WHERE id = $2")
            .bind(clock::to_text(now))
            .bind(session);
        let noted = self.run_alone(statement).await;
        noted.inspect_err(|error| self.note_trouble(error))?;
        Ok(())
    }
}

impl WriteTx {
    /// The admin of this name, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_admin(&mut self, name: &str) -> Result<Option<Admin>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, id AS admin, name, role, email FROM admin
             WHERE practice = $1 AND folded = $2 AND removed IS NULL",
        )
        .bind(self.practice().as_str())
        .bind(fold(name));
        let row = self.row(statement).await?;
        row.as_ref().map(admin_of).transpose()
    }

    /// The admin with this id, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_admin_by_id(&mut self, id: &AdminId) -> Result<Option<Admin>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, id AS admin, name, role, email FROM admin
             WHERE practice = $1 AND id = $2 AND removed IS NULL",
        )
        .bind(self.practice().as_str())
        .bind(id.as_str());
        let row = self.row(statement).await?;
        row.as_ref().map(admin_of).transpose()
    }

    /// The admin who was invited by this address, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_admin_by_email(&mut self, email: &str) -> Result<Option<Admin>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, id AS admin, name, role, email FROM admin
             WHERE practice = $1 AND email = $2 AND removed IS NULL",
        )
        .bind(self.practice().as_str())
        .bind(email);
        let row = self.row(statement).await?;
        row.as_ref().map(admin_of).transpose()
    }

    /// Whether the practice has an owner beside this admin.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_other_owner(&mut self, than: &AdminId) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "SELECT id FROM admin WHERE practice = $1 AND role = $2 AND removed IS NULL AND id <> $3 LIMIT 1",
        )
        .bind(self.practice().as_str())
        .bind(OfficeRole::Owner.as_str())
        .bind(than.as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Records somebody who may come in: new, or with another role or address. That of before is kept for the day they
    /// leave.
    pub fn record_admin(&mut self, admin: &Admin) {
        let statement = Statement::new(
            "INSERT INTO admin (practice, id, name, folded, role, created, email) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (practice, id) DO UPDATE SET role = excluded.role, email = excluded.email",
        )
        .bind(admin.practice.as_str())
        .bind(admin.id.as_str())
        .bind(admin.name.as_str())
        .bind(fold(&admin.name))
        .bind(admin.role.as_str())
        .bind(clock::to_text(self.now()))
        .bind(admin.email.clone());
        self.later(statement);
        if let Some(email) = &admin.email {
            self.keep_address(&admin.id, email);
        }
    }

    /// Sends an admin away: their links and sessions end with it.
    pub fn remove_admin(&mut self, id: &AdminId) {
        let statement =
            Statement::new("UPDATE admin SET removed = $1 WHERE practice = $2 AND id = $3")
                .bind(clock::to_text(self.now()))
                .bind(self.practice().as_str())
                .bind(id.as_str());
        self.later(statement);
    }

    /// Has every link of an admin that was not used yet stop working.
    pub fn void_invitations(&mut self, admin: &AdminId) {
        let statement = Statement::new(
            "UPDATE admin_invitation SET used = $1 WHERE practice = $2 AND admin = $3 AND used IS NULL",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(admin.as_str());
        self.later(statement);
    }

    /// Records a link.
    pub fn record_invitation(&mut self, invitation: &Invitation) {
        let statement = Statement::new(
            "INSERT INTO admin_invitation (id, hash, practice, admin, expires) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(invitation.id.as_str())
        .bind(invitation.hash.as_str())
        .bind(invitation.admin.practice.as_str())
        .bind(invitation.admin.id.as_str())
        .bind(clock::to_text(invitation.expires));
        self.later(statement);
    }

    /// Uses a link up. Answers whether it was still good: of two who try at once, one comes in.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn use_invitation(&mut self, id: &str) -> Result<bool, StoreError> {
        let now = clock::to_text(self.now());
        let statement = Statement::new(
            "UPDATE admin_invitation SET used = $1 WHERE id = $2 AND used IS NULL AND expires > $1 RETURNING id",
        )
        .bind(now)
        .bind(id);
        Ok(self.row(statement).await?.is_some())
    }

    /// Records that somebody signed in.
    pub fn record_session(&mut self, session: &Session) {
        let statement = Statement::new(
            "INSERT INTO admin_session (id, hash, practice, admin, began, last_active, proved)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(session.id.as_str())
        .bind(session.hash.as_str())
        .bind(session.admin.practice.as_str())
        .bind(session.admin.id.as_str())
        .bind(clock::to_text(session.began))
        .bind(clock::to_text(session.last_active))
        .bind(session.proved.map(clock::to_text));
        self.later(statement);
    }

    /// Ends a session of this practice.
    pub fn end_session(&mut self, id: &str) {
        let statement = Statement::new(
            "UPDATE admin_session SET ended = $1 WHERE id = $2 AND practice = $3 AND ended IS NULL",
        )
        .bind(clock::to_text(self.now()))
        .bind(id)
        .bind(self.practice().as_str());
        self.later(statement);
    }

    /// Ends every session of an admin but this one.
    pub fn end_other_sessions(&mut self, admin: &AdminId, but: &str) {
        let statement = Statement::new(
            "UPDATE admin_session SET ended = $1 WHERE practice = $2 AND admin = $3 AND id <> $4 AND ended IS NULL",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(admin.as_str())
        .bind(but);
        self.later(statement);
    }
}
