//! Mail that is passed on: a forward that ends by itself, and every other forward that is there.

use drawbridge_sdk::{
    Account, AccountId, AccountState, CallError, Change, CloseCall, Effect, FailureClass, Finality,
    OpenCall, Outcome, Receipt, Sessions, Subject,
};
use jiff::Timestamp;

use crate::{
    account::{no_mailbox, rows_receipt},
    client::DoveadmCall,
    commands::Script,
    connector::Dovecot,
    sieve::{self, FORWARD_SCRIPT, Forward, Reach},
};

/// What a mailbox does with its mail.
struct Mailbox {
    scripts: Vec<Script>,
    active: Option<Active>,
    receipts: Vec<Receipt>,
}

/// The script that runs on each message.
struct Active {
    name: String,
    kind: Kind,
    /// What the server's clock said when it showed the script.
    seen_at: Option<Timestamp>,
}

enum Kind {
    /// Ours, as we wrote it.
    Ours(Forward),
    /// Somebody's, and it sends mail on.
    SendsOn,
    /// Somebody's, and it sends nothing on.
    Stays,
}

impl Dovecot {
    /// Each mailbox with the state of our forward, and beside it a forward that is not ours.
    pub(crate) async fn observe_forwards(
        &self,
        subject: &Subject,
    ) -> Result<(Vec<Account>, Vec<Receipt>), CallError> {
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let users = self.users.find(&mut connection, subject).await?;
        let mut receipts = vec![rows_receipt("observe", users.len())];
        let mut accounts = Vec::new();
        for user in users {
            let mailbox = read_mailbox(&doveadm, &user.email).await?;
            receipts.extend(mailbox.receipts);
            accounts.push(entry(
                user.email.clone(),
                &user.email,
                state(mailbox.active.as_ref()),
            ));
            if let Some(Active {
                name,
                kind: Kind::SendsOn,
                ..
            }) = mailbox.active
            {
                let id = format!("{}/{name}", user.email);
                accounts.push(entry(id, &user.email, AccountState::Enabled));
            }
        }
        Ok((accounts, receipts))
    }

    pub(crate) async fn open_forward(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        let refused = |message: &str| {
            CallError::new(FailureClass::Refused, Finality::NotSent, message.to_owned())
        };
        let to = call.forward_to.as_deref().ok_or_else(|| {
            refused("no address to forward to: name the supervisor or `forward_to`")
        })?;
        let to = sieve::address(to)?;
        let until = call
            .until
            .ok_or_else(|| refused("a forward needs a day on which it ends"))?;
        let until = Timestamp::from_second(until.as_second())
            .map_err(|_| refused("the day on which the forward ends is out of range"))?;
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let users = self
            .own_users_to_open(&mut connection, &call.subject)
            .await?;
        if users.is_empty() {
            return Err(no_mailbox());
        }
        if users
            .iter()
            .any(|user| user.email.eq_ignore_ascii_case(to.as_str()))
        {
            return Err(refused(
                "a mailbox cannot be forwarded to itself: name another address",
            ));
        }
        let mut outcome = Outcome::new(Change::AlreadyInState);
        outcome.blocked = Effect::AlreadyInState;
        for user in users {
            let mailbox = read_mailbox(&doveadm, &user.email).await;
            let mailbox = mailbox.map_err(|error| error.after(outcome.receipts.clone()))?;
            outcome.receipts.extend(mailbox.receipts);
            let replaces = match mailbox.active {
                Some(Active {
                    kind: Kind::Ours(ref ours),
                    ..
                }) => ours.replaces.clone(),
                // Ours, changed by somebody: what it replaced is lost.
                Some(Active { ref name, .. }) if name == FORWARD_SCRIPT => None,
                Some(Active { ref name, .. }) => Some(name.clone()),
                None => None,
            };
            let wanted = Forward {
                to: to.clone(),
                until,
                replaces,
            };
            let is_there = matches!(
                &mailbox.active, Some(Active { kind: Kind::Ours(ours), .. }) if *ours == wanted
            );
            if !is_there {
                let script = wanted.script();
                let put = doveadm
                    .put_script(&user.email, FORWARD_SCRIPT, &script)
                    .await;
                let receipt = put.map_err(|error| error.after(outcome.receipts.clone()))?;
                outcome.receipts.push(receipt);
                outcome.change = Change::Done;
                outcome.blocked = Effect::Done;
            }
            outcome.accounts.push(AccountId(user.email));
        }
        Ok(outcome)
    }

    /// Leaves no active script that sends mail on. Ours makes room for the script it replaced, unless
    /// that one sends mail on itself. Scripts of the mailbox's owner are never deleted.
    pub(crate) async fn close_forward(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let users = self.own_users(&mut connection, &call.subject).await?;
        if users.is_empty() {
            let mut outcome = Outcome::new(Change::NoAccount);
            outcome.receipts.push(rows_receipt("find", 0));
            return Ok(outcome);
        }
        let mut outcome = Outcome::new(Change::AlreadyInState);
        outcome.blocked = Effect::AlreadyInState;
        outcome.sessions_ended = Effect::AlreadyInState;
        for user in users {
            let stopped = stop_forwarding(&doveadm, &user.email, &mut outcome).await;
            if let Err(mut error) = stopped {
                outcome.receipts.append(&mut error.receipts);
                outcome.blocked = Effect::Failed(error);
            }
            outcome.accounts.push(AccountId(user.email));
        }
        if outcome.change == Change::Done && outcome.failure().is_none() {
            outcome.blocked = Effect::Done;
        }
        Ok(outcome)
    }
}

async fn stop_forwarding(
    doveadm: &DoveadmCall<'_>,
    email: &str,
    outcome: &mut Outcome,
) -> Result<(), CallError> {
    let mailbox = read_mailbox(doveadm, email).await?;
    outcome.receipts.extend(mailbox.receipts);
    match mailbox.active {
        Some(Active {
            kind: Kind::Ours(forward),
            ..
        }) => {
            let previous = restorable(doveadm, email, &forward, &mailbox.scripts, outcome).await;
            let receipt = match &previous {
                Ok(Some(name)) => doveadm.activate_script(email, name).await?,
                // Whatever became of the old script, ours ends.
                Ok(None) | Err(_) => doveadm.deactivate_scripts(email).await?,
            };
            outcome.receipts.push(receipt);
            outcome.change = Change::Done;
            previous?;
        }
        Some(Active { name, kind, .. })
            if name == FORWARD_SCRIPT || matches!(kind, Kind::SendsOn) =>
        {
            outcome
                .receipts
                .push(doveadm.deactivate_scripts(email).await?);
            outcome.change = Change::Done;
        }
        Some(_) | None => {}
    }
    if mailbox
        .scripts
        .iter()
        .any(|script| script.name == FORWARD_SCRIPT)
    {
        outcome
            .receipts
            .push(doveadm.delete_script(email, FORWARD_SCRIPT).await?);
        outcome.change = Change::Done;
    }
    Ok(())
}

/// The script to put back, if it is still there and keeps mail where it is.
async fn restorable(
    doveadm: &DoveadmCall<'_>,
    email: &str,
    forward: &Forward,
    scripts: &[Script],
    outcome: &mut Outcome,
) -> Result<Option<String>, CallError> {
    let Some(name) = &forward.replaces else {
        return Ok(None);
    };
    if !scripts.iter().any(|script| script.name == *name) {
        return Ok(None);
    }
    let (kind, _) = read_script(doveadm, email, name, scripts, &mut outcome.receipts).await?;
    Ok(matches!(kind, Kind::Stays).then(|| name.clone()))
}

async fn read_mailbox(doveadm: &DoveadmCall<'_>, email: &str) -> Result<Mailbox, CallError> {
    let (scripts, receipt) = doveadm.list_scripts(email).await?;
    let mut receipts = vec![receipt];
    let mut active = None;
    if let Some(script) = scripts.iter().find(|script| script.is_active) {
        let (kind, seen_at) =
            read_script(doveadm, email, &script.name, &scripts, &mut receipts).await?;
        active = Some(Active {
            name: script.name.clone(),
            kind,
            seen_at,
        });
    }
    Ok(Mailbox {
        scripts,
        active,
        receipts,
    })
}

async fn read_script(
    doveadm: &DoveadmCall<'_>,
    email: &str,
    name: &str,
    scripts: &[Script],
    receipts: &mut Vec<Receipt>,
) -> Result<(Kind, Option<Timestamp>), CallError> {
    let shown = doveadm.get_script(email, name).await?;
    receipts.push(shown.receipt);
    if name == FORWARD_SCRIPT
        && let Some(forward) = Forward::read(&shown.text)
    {
        return Ok((Kind::Ours(forward), shown.server_time));
    }
    let kind = match sieve::reach(&shown.text) {
        Reach::Stays => Kind::Stays,
        Reach::SendsOn => Kind::SendsOn,
        Reach::Includes => reach_of_included(doveadm, email, name, scripts, receipts).await?,
    };
    Ok((kind, shown.server_time))
}

/// Which scripts are included is not worked out: any other of the mailbox may be.
async fn reach_of_included(
    doveadm: &DoveadmCall<'_>,
    email: &str,
    name: &str,
    scripts: &[Script],
    receipts: &mut Vec<Receipt>,
) -> Result<Kind, CallError> {
    for script in scripts.iter().filter(|script| script.name != name) {
        let shown = doveadm.get_script(email, &script.name).await?;
        receipts.push(shown.receipt);
        if sieve::reach(&shown.text) == Reach::SendsOn && Forward::read(&shown.text).is_none() {
            return Ok(Kind::SendsOn);
        }
    }
    Ok(Kind::Stays)
}

/// Whether our forward runs. The server's clock decides, as it does when a message arrives; without
/// it the forward counts as running.
fn state(active: Option<&Active>) -> AccountState {
    match active {
        Some(Active {
            kind: Kind::Ours(forward),
            seen_at,
            ..
        }) if seen_at.is_none_or(|now| now < forward.until) => AccountState::Enabled,
        _ => AccountState::Disabled,
    }
}

fn entry(id: String, email: &str, state: AccountState) -> Account {
    Account {
        id: AccountId(id),
        login: email.to_owned(),
        state,
        // A forward has none.
        sessions: Sessions::None,
        levels: Vec::new(),
        identifiers: Vec::new(),
    }
}
