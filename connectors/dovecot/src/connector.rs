//! Dovecot as the server sees it; each way in has its own file.

use std::time::Duration;

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountPage, Ask, CallError, Canary, Capabilities, CloseCall, Connector, Cursor, FailureClass,
    Finality, Health, Observation, OpenCall, Outcome, Residual, Subject, Way,
};
use jiff::Timestamp;

use crate::{
    account::{account, rows_receipt, sessions},
    client::Doveadm,
    users::UserTable,
};

/// Mailboxes on one page of a listing: each costs a request for its sessions.
const PAGE_MAILBOXES: i64 = 50;

const DISABLED_MEANS: &str = "the password is unusable for IMAP, POP3, ManageSieve and SMTP alike; \
                              the mailbox goes on receiving mail and running its rules";

/// Commands the connector cannot do without.
const NEEDED_COMMANDS: [&str; 3] = ["authCacheFlush", "kick", "who"];

/// One Dovecot with its user table.
#[derive(Debug)]
pub struct Dovecot {
    pub(crate) doveadm: Doveadm,
    pub(crate) users: UserTable,
    pub(crate) create: bool,
    pub(crate) smtp_session_longest: Option<Duration>,
}

#[async_trait]
impl Connector for Dovecot {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account, Way::Forwarding],
            create: self.create,
            disable: true,
            end_sessions: true,
            read_back: true,
            read_sessions: true,
            list_accounts: true,
            session_lifetime: self.smtp_session_longest,
            ..Capabilities::none(DISABLED_MEANS)
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut connection = self.users.connect().await?;
        self.users.try_columns(&mut connection).await?;
        let (commands, receipt) = self.doveadm.call().offered().await?;
        if let Some(missing) = NEEDED_COMMANDS
            .iter()
            .find(|needed| !commands.iter().any(|name| name == *needed))
        {
            let message = format!("doveadm offers no `{missing}`: update Dovecot to 2.3 or later");
            return Err(CallError::new(
                FailureClass::Refused,
                Finality::NotSent,
                message,
            ));
        }
        let has_sieve = commands.iter().any(|name| name == "sievePut");
        let product = if has_sieve {
            "Dovecot with Sieve"
        } else {
            "Dovecot without Sieve"
        };
        let receipts = vec![rows_receipt("check", 0), receipt];
        Ok(Health {
            product: product.to_owned(),
            receipts,
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        let (accounts, receipts) = match ask.way {
            Way::Account => self.observe_accounts(&ask.subject).await?,
            Way::Forwarding => self.observe_forwards(&ask.subject).await?,
            other => return Err(unknown_way(other)),
        };
        let canary = self.canary(ask.canary.as_deref()).await?;
        let residual = match ask.way {
            Way::Account if !accounts.is_empty() => self.residual(),
            _ => Vec::new(),
        };
        Ok(Observation {
            accounts,
            canary,
            residual,
            receipts,
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        match call.way {
            Way::Account => self.open_account(call).await,
            Way::Forwarding => self.open_forward(call).await,
            other => Err(unknown_way(other)),
        }
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        match call.way {
            Way::Account => self.close_account(call).await,
            Way::Forwarding => self.close_forward(call).await,
            other => Err(unknown_way(other)),
        }
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let after = page.map_or("", |cursor| cursor.0.as_str());
        let users = self
            .users
            .page(&mut connection, after, PAGE_MAILBOXES)
            .await?;
        let is_full = i64::try_from(users.len()).is_ok_and(|found| found == PAGE_MAILBOXES);
        let next = users
            .last()
            .filter(|_| is_full)
            .map(|user| Cursor(user.email.clone()));
        let mut receipts = vec![rows_receipt("list accounts", users.len())];
        let mut accounts = Vec::new();
        for user in users {
            let (open, receipt) = doveadm.count_sessions(&user.email).await?;
            receipts.push(receipt);
            accounts.push(account(user, sessions(open)));
        }
        Ok(AccountPage {
            accounts,
            next,
            receipts,
        })
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.doveadm.endpoint.certificate_ends()
    }
}

impl Dovecot {
    /// What ending sessions leaves: doveadm knows nothing of Postfix's.
    pub(crate) fn residual(&self) -> Vec<Residual> {
        if self.smtp_session_longest == Some(Duration::ZERO) {
            return Vec::new();
        }
        vec![Residual {
            what: "an SMTP session that was open on the submission port can go on sending mail"
                .to_owned(),
            longest: self.smtp_session_longest,
        }]
    }

    async fn canary(&self, name: Option<&str>) -> Result<Canary, CallError> {
        let Some(name) = name else {
            return Ok(Canary::NotAsked);
        };
        let known = Subject {
            user_names: vec![name.to_owned()],
            ..Subject::default()
        };
        let mut connection = self.users.connect().await?;
        let found = self.users.find(&mut connection, &known).await?;
        Ok(if found.is_empty() {
            Canary::Missing
        } else {
            Canary::Seen
        })
    }
}

fn unknown_way(way: Way) -> CallError {
    CallError::needs_human(format!(
        "a mail server knows no {way}: name another system for it"
    ))
}
