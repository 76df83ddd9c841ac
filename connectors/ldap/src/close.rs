//! Closing one account: what is changed, and in which order.
//!
//! - Active Directory: disable first, for an old password may stay good for an hour after it was
//!   changed; groups, password and folder follow.
//! - OpenLDAP: the password first, the lock last: a password written over the lock would delete it.
//!
//! Each part is tried, whatever became of the others, but an account is only moved once it is out
//! of its groups: a group may go on listing the old name.

use drawbridge_sdk::{AccountState, CallError, FailureClass};
use ldap3::Mod;

use crate::{
    dn,
    entry::Entry,
    flavor::{self, END, ENDED, Flavor, LOCK, LOCKED_FOR_GOOD},
    password,
    result_code::UNKNOWN_ATTRIBUTE,
    search::Directory,
    session::Session,
};

/// What closing one account did.
#[derive(Default)]
pub(crate) struct Closed {
    pub(crate) changed: bool,
    pub(crate) error: Option<CallError>,
}

impl Closed {
    /// Takes in what became of one part; the first error is kept.
    fn and(&mut self, part: Result<bool, CallError>) {
        match part {
            Ok(changed) => self.changed |= changed,
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}

impl Directory {
    /// Closes one account, as it was read a moment ago.
    pub(crate) async fn close_account(
        &self,
        session: &mut Session,
        account: &Entry,
        managed_levels: &[String],
    ) -> Closed {
        let mut closed = Closed::default();
        let is_blocked;
        match self.flavor {
            Flavor::ActiveDirectory => {
                let disabled = self.disable(session, account).await;
                is_blocked = disabled.is_ok();
                closed.and(disabled);
                closed.and(self.set_groups(session, account, &[], managed_levels).await);
                if self.scramble_password {
                    closed.and(self.reset_password(session, account).await);
                }
            }
            Flavor::OpenLdap => {
                let is_locked = account.text(LOCK) == Some(LOCKED_FOR_GOOD);
                if self.scramble_password && !is_locked {
                    closed.and(self.scramble(session, account).await);
                }
                let locked = self.lock(session, account).await;
                is_blocked = locked.is_ok();
                closed.and(locked);
                closed.and(self.set_groups(session, account, &[], managed_levels).await);
            }
        }
        if let (Some(folder), None) = (&self.offboarded_ou, &closed.error) {
            closed.and(self.move_into(session, account, folder).await);
        }
        if let Some(error) = closed.error.as_mut().filter(|_| is_blocked) {
            error.message = format!(
                "sign-in is refused by now, but not all is done: {}",
                error.message
            );
        }
        closed
    }

    async fn disable(&self, session: &mut Session, account: &Entry) -> Result<bool, CallError> {
        let bits = account.bits()?;
        if flavor::state_of_bits(bits) == AccountState::Disabled {
            return Ok(false);
        }
        self.write_bits(session, account, "disable", flavor::disabled(bits))
            .await?;
        self.expect(session, account, AccountState::Disabled)
            .await
            .map(|()| true)
    }

    /// Writes `userAccountControl`. Naming the old value would be no guard: Samba accepts the change
    /// whatever the value is.
    pub(crate) async fn write_bits(
        &self,
        session: &mut Session,
        account: &Entry,
        step: &str,
        bits: u32,
    ) -> Result<(), CallError> {
        // The attribute is a signed number.
        let bits = (bits as i32).to_string();
        let line = format!("modify {{account}}: replace userAccountControl: {bits}");
        let change = replace(flavor::BITS, &bits);
        session
            .modify(step, &line, &account.dn, vec![change], &[])
            .await
            .map(drop)
    }

    async fn lock(&self, session: &mut Session, account: &Entry) -> Result<bool, CallError> {
        let is_locked = account.text(LOCK) == Some(LOCKED_FOR_GOOD);
        if is_locked && account.text(END) == Some(ENDED) {
            return Ok(false);
        }
        let line = format!("modify {{account}}: replace {LOCK}: {LOCKED_FOR_GOOD}, {END}: {ENDED}");
        let both = vec![replace(LOCK, LOCKED_FOR_GOOD), replace(END, ENDED)];
        let unknown = [UNKNOWN_ATTRIBUTE];
        let mut changed = true;
        // Before version 2.5 only the lock is known.
        if session
            .modify("disable", &line, &account.dn, both, &unknown)
            .await?
            == UNKNOWN_ATTRIBUTE
        {
            let line = format!("modify {{account}}: replace {LOCK}: {LOCKED_FOR_GOOD}");
            let lock = vec![replace(LOCK, LOCKED_FOR_GOOD)];
            changed = !is_locked;
            if changed {
                session
                    .modify("disable", &line, &account.dn, lock, &[])
                    .await?;
            }
        }
        self.expect(session, account, AccountState::Disabled)
            .await
            .map(|()| changed)
    }

    async fn scramble(&self, session: &mut Session, account: &Entry) -> Result<bool, CallError> {
        let password = password::random().ok_or_else(no_random_numbers)?;
        session
            .set_password(&account.dn, &password)
            .await
            .map(|()| true)
    }

    async fn reset_password(
        &self,
        session: &mut Session,
        account: &Entry,
    ) -> Result<bool, CallError> {
        let password = password::random().ok_or_else(no_random_numbers)?;
        let change = Mod::Replace(
            b"unicodePwd".to_vec(),
            [password::unicode_pwd(&password)].into(),
        );
        let line = "modify {account}: replace unicodePwd: random";
        session
            .modify("scramble password", line, &account.dn, vec![change], &[])
            .await
            .map(|_| true)
    }

    /// Moves the account into this folder, if it is not in there.
    pub(crate) async fn move_into(
        &self,
        session: &mut Session,
        account: &Entry,
        folder: &str,
    ) -> Result<bool, CallError> {
        if dn::same(dn::parent(&account.dn), folder) {
            return Ok(false);
        }
        session
            .move_under(&account.dn, dn::leaf(&account.dn), folder)
            .await
            .map(|()| true)
    }

    /// Reads the account back and holds its state against the one it was given.
    pub(crate) async fn expect(
        &self,
        session: &mut Session,
        account: &Entry,
        state: AccountState,
    ) -> Result<(), CallError> {
        let now = self.read_again(session, &account.id(self.flavor)?).await?;
        if now.state(self.flavor)? == state {
            return Ok(());
        }
        let message = "the directory said yes and shows the account as it was: look who changes it, \
                       or set it by hand";
        Err(CallError::new(
            FailureClass::Contract,
            session.finality(),
            message,
        ))
    }
}

fn replace(attribute: &str, value: &str) -> Mod<Vec<u8>> {
    Mod::Replace(
        attribute.as_bytes().to_vec(),
        [value.as_bytes().to_vec()].into(),
    )
}

/// The operating system has none to give, so no password can be made.
pub(crate) fn no_random_numbers() -> CallError {
    CallError::new(
        FailureClass::Retryable,
        drawbridge_sdk::Finality::NotSent,
        "this machine has no random numbers for a password: it is tried again",
    )
}
