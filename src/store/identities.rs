//! Whom an identity provider vouches for, and forms that wait for their sender.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    admins::{Admin, admin_of},
    database::Reads as _,
    row::Row,
    statement::Statement,
};
use crate::{
    clock,
    ids::{AdminId, PracticeName},
};

/// A form that waits until its sender proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptForm {
    /// The id, which is part of its address.
    pub id: String,
    /// In which practice.
    pub practice: PracticeName,
    /// Who sent it.
    pub admin: AdminId,
    /// Where it was sent.
    pub path: String,
    /// What was typed, as a form is sent, without what proves where it comes from.
    pub fields: String,
    /// When.
    pub kept: Timestamp,
}

/// How an identity provider knows an admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Whom.
    pub admin: AdminId,
    /// Which provider.
    pub issuer: String,
    /// What it calls them for good.
    pub subject: String,
    /// The address it had of them last, if it ever said one that counts.
    pub email: Option<String>,
}

fn vouched_of(row: &Row) -> Result<Vouched, StoreError> {
    Ok(Vouched {
        admin: row.text("admin")?.into(),
        issuer: row.text("issuer")?,
        subject: row.text("subject")?,
        email: row.maybe_text("email")?,
    })
}

fn kept_of(row: &Row) -> Result<KeptForm, StoreError> {
    Ok(KeptForm {
        id: row.text("id")?,
        practice: row.text("practice")?.into(),
        admin: row.text("admin")?.into(),
        path: row.text("path")?,
        fields: row.text("fields")?,
        kept: row.time("kept")?,
    })
}

impl Store {
    /// Everybody, in whatever practice, whom this provider knows by this name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_admins_by_identity(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Vec<Admin>, StoreError> {
        let statement = Statement::new(
            "SELECT a.practice AS practice, a.id AS admin, name, role, a.email AS email
             FROM admin_identity i JOIN admin a ON a.practice = i.practice AND a.id = i.admin
             WHERE issuer = $1 AND subject = $2 AND a.removed IS NULL ORDER BY a.practice",
        )
        .bind(issuer)
        .bind(subject);
        self.rows(statement).await?.iter().map(admin_of).collect()
    }

    /// Everybody, in whatever practice, who was invited by this address and whom this provider does not know
    /// by a name yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_admins_by_email(
        &self,
        issuer: &str,
        email: &str,
    ) -> Result<Vec<Admin>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, id AS admin, name, role, email FROM admin a
             WHERE email = $2 AND removed IS NULL AND NOT EXISTS (
                 SELECT 1 FROM admin_identity i
                 WHERE i.practice = a.practice AND i.admin = a.id AND i.issuer = $1)
             ORDER BY practice",
        )
        .bind(issuer)
        .bind(email);
        self.rows(statement).await?.iter().map(admin_of).collect()
    }

    /// Those of a practice whom a provider knows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_identities(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<Vouched>, StoreError> {
        let statement = Statement::new(
            "SELECT admin, issuer, subject, email FROM admin_identity WHERE practice = $1",
        )
        .bind(practice.as_str());
        self.rows(statement).await?.iter().map(vouched_of).collect()
    }

    /// The latest form that waits for somebody, unless it is older than this.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_latest_kept_form(
        &self,
        admin: &Admin,
        since: Timestamp,
    ) -> Result<Option<KeptForm>, StoreError> {
        let statement = Statement::new(
            "SELECT id, practice, admin, path, fields, kept FROM kept_form
             WHERE practice = $1 AND admin = $2 AND kept > $3 ORDER BY kept DESC LIMIT 1",
        )
        .bind(admin.practice.as_str())
        .bind(admin.id.as_str())
        .bind(clock::to_text(since));
        self.row(statement).await?.as_ref().map(kept_of).transpose()
    }

    /// A form that waits for somebody, unless it is older than this.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_kept_form(
        &self,
        admin: &Admin,
        id: &str,
        since: Timestamp,
    ) -> Result<Option<KeptForm>, StoreError> {
        let statement = Statement::new(
            "SELECT id, practice, admin, path, fields, kept FROM kept_form
             WHERE practice = $1 AND admin = $2 AND id = $3 AND kept > $4",
        )
        .bind(admin.practice.as_str())
        .bind(admin.id.as_str())
        .bind(id)
        .bind(clock::to_text(since));
        self.row(statement).await?.as_ref().map(kept_of).transpose()
    }

    /// Keeps a form until its sender proved who they are.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_form(&self, form: &KeptForm) -> Result<(), StoreError> {
        // The latest of each, so that nobody fills the disk with what was never sent.
        let older = Statement::new(
            "DELETE FROM kept_form WHERE practice = $1 AND admin = $2 AND id NOT IN (
                 SELECT id FROM kept_form WHERE practice = $1 AND admin = $2 ORDER BY kept DESC, id DESC LIMIT 63)",
        )
        .bind(form.practice.as_str())
        .bind(form.admin.as_str());
        let dropped = self.run_alone(older).await;
        dropped.inspect_err(|error| self.note_trouble(error))?;
        let statement = Statement::new(
            "INSERT INTO kept_form (id, practice, admin, path, fields, kept) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(form.id.as_str())
        .bind(form.practice.as_str())
        .bind(form.admin.as_str())
        .bind(form.path.as_str())
        .bind(form.fields.as_str())
        .bind(clock::to_text(form.kept));
        let kept = self.run_alone(statement).await;
        kept.inspect_err(|error| self.note_trouble(error))?;
        Ok(())
    }

    /// Forgets a form that was sent.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn drop_kept_form(&self, admin: &Admin, id: &str) -> Result<(), StoreError> {
        let statement =
            Statement::new("DELETE FROM kept_form WHERE practice = $1 AND admin = $2 AND id = $3")
                .bind(admin.practice.as_str())
                .bind(admin.id.as_str())
                .bind(id);
        self.run_alone(statement).await?;
        Ok(())
    }
}

impl WriteTx {
    /// How this provider knows an admin of this practice, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_identity_at(
        &mut self,
        admin: &AdminId,
        issuer: &str,
    ) -> Result<Option<Vouched>, StoreError> {
        let statement = Statement::new(
            "SELECT admin, issuer, subject, email FROM admin_identity
             WHERE practice = $1 AND admin = $2 AND issuer = $3",
        )
        .bind(self.practice().as_str())
        .bind(admin.as_str())
        .bind(issuer);
        let row = self.row(statement).await?;
        row.as_ref().map(vouched_of).transpose()
    }

    /// Who in this practice this provider knows by this name, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_admin_vouched_for(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<AdminId>, StoreError> {
        let statement = Statement::new(
            "SELECT a.id AS id FROM admin_identity i
             JOIN admin a ON a.practice = i.practice AND a.id = i.admin
             WHERE i.practice = $1 AND issuer = $2 AND subject = $3 AND removed IS NULL",
        )
        .bind(self.practice().as_str())
        .bind(issuer)
        .bind(subject);
        let row = self.row(statement).await?;
        row.map(|row| Ok(row.text("id")?.into())).transpose()
    }

    /// Has the provider vouch for an admin by this name from now on, in place of any other.
    pub fn record_identity(&mut self, vouched: &Vouched) {
        let Vouched {
            admin,
            issuer,
            subject,
            email,
        } = vouched;
        let before = Statement::new(
            "DELETE FROM admin_identity WHERE practice = $1 AND issuer = $2 AND admin = $3",
        )
        .bind(self.practice().as_str())
        .bind(issuer.as_str())
        .bind(admin.as_str());
        self.later(before);
        // Whoever had the name before was sent away.
        let statement = Statement::new(
            "INSERT INTO admin_identity (practice, issuer, subject, admin, since, email)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (practice, issuer, subject) DO UPDATE
             SET admin = excluded.admin, since = excluded.since, email = excluded.email",
        )
        .bind(self.practice().as_str())
        .bind(issuer.as_str())
        .bind(subject.as_str())
        .bind(admin.as_str())
        .bind(clock::to_text(self.now()))
        .bind(email.clone());
        self.later(statement);
        if let Some(email) = email {
            self.keep_address(admin, email);
        }
    }

    /// Notes the address that a provider has of somebody now. That of before is kept for the day they leave.
    pub fn note_address(&mut self, admin: &AdminId, issuer: &str, email: &str) {
        let statement = Statement::new(
            "UPDATE admin_identity SET email = $1 WHERE practice = $2 AND admin = $3 AND issuer = $4",
        )
        .bind(email)
        .bind(self.practice().as_str())
        .bind(admin.as_str())
        .bind(issuer);
        self.later(statement);
        self.keep_address(admin, email);
    }

    /// Notes when whoever is signed in proved who they are.
    pub fn prove_session(&mut self, session: &str, proved: Timestamp) {
        let statement = Statement::new(
            "UPDATE admin_session SET proved = $1, last_active = $4 WHERE id = $2 AND practice = $3 AND ended IS NULL",
        )
        .bind(clock::to_text(proved))
        .bind(session)
        .bind(self.practice().as_str())
        .bind(clock::to_text(self.now()));
        self.later(statement);
    }

    /// Forgets sessions that began, links that ended, forms that were kept and challenges that were signed
    /// before this. What they did is in the ledger.
    pub fn forget_sign_ins(&mut self, before: Timestamp) {
        for sql in [
            "DELETE FROM admin_session WHERE practice = $1 AND began < $2",
            "DELETE FROM admin_invitation WHERE practice = $1 AND expires < $2",
            "DELETE FROM kept_form WHERE practice = $1 AND kept < $2",
            "DELETE FROM spent_challenge WHERE practice = $1 AND spent < $2",
        ] {
            let statement = Statement::new(sql)
                .bind(self.practice().as_str())
                .bind(clock::to_text(before));
            self.later(statement);
        }
    }
}
