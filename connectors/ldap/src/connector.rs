//! A directory as the server sees it.

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountPage, Ask, CallError, Canary, Capabilities, Change, CloseCall, Connector, Cursor,
    Effect, FailureClass, Finality, Health, Observation, OpenCall, Outcome, Sessions, Subject, Way,
};
use jiff::Timestamp;
use ldap3::Scope;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    client::Server,
    connections::Connections,
    entry::Entry,
    filter,
    flavor::Flavor,
    open::refused,
    search::Directory,
    session::{EVERYTHING, Query, Session},
};

/// Accounts on one page of a listing.
const PAGE_ACCOUNTS: i32 = 100;

/// One directory.
pub struct LdapDirectory {
    pub(crate) server: Server,
    pub(crate) directory: Directory,
    pub(crate) listing: Mutex<Option<Listing>>,
}

/// A listing under way. A directory goes on with a paged search only on the connection that began
/// it, so the connection is kept from page to page.
pub(crate) struct Listing {
    session: Session,
    cookie: Vec<u8>,
    /// What the cursor to the next page says.
    next: Cursor,
}

impl std::fmt::Debug for LdapDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LdapDirectory")
            .field("server", &self.server)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Connector for LdapDirectory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            create: self.directory.people_ou.is_some(),
            set_role: true,
            disable: true,
            read_back: true,
            read_sessions: self.directory.monitor_dn.is_some(),
            list_accounts: true,
            ..Capabilities::none(self.directory.flavor.disabled_means())
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut session = self.server.connect().await?;
        match self.check_with(&mut session).await {
            Ok(product) => Ok(Health {
                product,
                receipts: session.take_receipts(),
            }),
            Err(error) => Err(session.fail(error)),
        }
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        account_way(ask.way)?;
        let mut session = self.server.connect().await?;
        match self.observe_with(&mut session, ask).await {
            Ok(seen) => Ok(Observation {
                receipts: session.take_receipts(),
                ..seen
            }),
            Err(error) => Err(session.fail(error)),
        }
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        account_way(call.way)?;
        let mut session = self.server.connect().await?;
        let accounts = match self.accounts_to_open(&mut session, &call.subject).await {
            Ok(accounts) => accounts,
            Err(error) => return Err(session.fail(error)),
        };
        let mut outcome = Outcome::new(Change::AlreadyInState);
        let mut error = None;
        for (account, is_new) in accounts {
            outcome.accounts.extend(account.id(self.directory.flavor));
            let opened = self
                .directory
                .open_account(&mut session, &account, &call.levels, &call.managed_levels)
                .await;
            match opened {
                Ok(changed) if changed || is_new => outcome.change = Change::Done,
                Ok(_) => {}
                Err(failed) => {
                    error.get_or_insert(failed);
                }
            }
        }
        Ok(conclude(outcome, error, session))
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        account_way(call.way)?;
        let mut session = self.server.connect().await?;
        let accounts = match self.accounts_to_close(&mut session, &call.subject).await {
            Ok(accounts) => accounts,
            Err(error) => return Err(session.fail(error)),
        };
        if accounts.is_empty() {
            let receipts = session.take_receipts();
            return Ok(Outcome {
                receipts,
                ..Outcome::new(Change::NoAccount)
            });
        }
        let mut outcome = Outcome::new(Change::AlreadyInState);
        outcome.residual = self.directory.residual();
        let mut error = None;
        for account in accounts {
            outcome.accounts.extend(account.id(self.directory.flavor));
            let closed = self
                .directory
                .close_account(&mut session, &account, &call.managed_levels)
                .await;
            if closed.changed {
                outcome.change = Change::Done;
            }
            error = error.or(closed.error);
        }
        Ok(conclude(outcome, error, session))
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let mut kept = self.listing.lock().await;
        // Taken out, so that a page that fails or is given up ends the listing.
        let (mut session, cookie) = match (page, kept.take()) {
            (None, _) => (self.server.connect().await?, Vec::new()),
            (Some(cursor), Some(mut listing)) if listing.next == *cursor => {
                listing.session.renew(self.server.deadline());
                (listing.session, listing.cookie)
            }
            (Some(_), _) => {
                return Err(CallError::new(
                    FailureClass::Retryable,
                    Finality::NotSent,
                    "the listing this page belongs to is over: list from the first page again",
                ));
            }
        };
        let (mut page, cookie) = match self.list_with(&mut session, cookie).await {
            Ok(page) => page,
            Err(error) => return Err(session.fail(error)),
        };
        page.receipts = session.take_receipts();
        if !cookie.is_empty() {
            let next = Cursor(Uuid::new_v4().to_string());
            page.next = Some(next.clone());
            *kept = Some(Listing {
                session,
                cookie,
                next,
            });
        }
        Ok(page)
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.server.certificate_ends()
    }
}

impl LdapDirectory {
    async fn check_with(&self, session: &mut Session) -> Result<String, CallError> {
        let directory = &self.directory;
        let server = Query {
            step: "check",
            line: "read the server's own entry",
            base: "",
            scope: Scope::Base,
            filter: EVERYTHING,
            attributes: &["vendorName"],
        };
        let shown = session.search(server).await?;
        let vendor = shown.first().and_then(|entry| entry.text("vendorName"));
        for folder in directory.folders() {
            let line = "read {folder}";
            session
                .search(Query {
                    line,
                    base: folder,
                    attributes: &["1.1"],
                    ..server
                })
                .await?;
        }
        if directory.monitor_dn.is_some()
            && directory
                .connections(session, &self.server)
                .await?
                .is_none()
        {
            return Err(refused(
                "the service account cannot read open connections under `monitor_dn`: give it the \
                 right, or remove the setting",
            ));
        }
        Ok(match (directory.flavor, vendor) {
            (Flavor::ActiveDirectory, Some(vendor)) => format!("Active Directory by {vendor}"),
            (Flavor::ActiveDirectory, None) => "Active Directory".to_owned(),
            (Flavor::OpenLdap, _) => "OpenLDAP".to_owned(),
        })
    }

    async fn observe_with(
        &self,
        session: &mut Session,
        ask: &Ask,
    ) -> Result<Observation, CallError> {
        let found = self
            .directory
            .find(session, &ask.subject, ask.canary.as_deref())
            .await?;
        let connections = self.directory.connections(session, &self.server).await?;
        let mut seen = Observation {
            canary: match (&ask.canary, found.saw_canary) {
                (None, _) => Canary::NotAsked,
                (Some(_), true) => Canary::Seen,
                (Some(_), false) => Canary::Missing,
            },
            residual: if connections.is_some() {
                Vec::new()
            } else {
                self.directory.residual()
            },
            ..Observation::default()
        };
        for entry in &found.own {
            seen.accounts
                .push(self.account(session, entry, connections.as_ref()).await?);
        }
        Ok(seen)
    }

    async fn account(
        &self,
        session: &mut Session,
        entry: &Entry,
        connections: Option<&Connections>,
    ) -> Result<drawbridge_sdk::Account, CallError> {
        let groups = self.directory.groups_of(session, entry).await?;
        let levels = groups.into_iter().map(|group| group.level).collect();
        let sessions = connections.map_or(Sessions::NotReadable, |open| open.of(entry));
        entry.account(
            self.directory.flavor,
            &self.directory.attributes,
            levels,
            sessions,
        )
    }

    async fn accounts_to_close(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Vec<Entry>, CallError> {
        let found = self.directory.find(session, subject, None).await?.own;
        self.directory.ours(subject, &found)
    }

    /// The accounts to open, and whether they were created just now.
    async fn accounts_to_open(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Vec<(Entry, bool)>, CallError> {
        let found = self.directory.find(session, subject, None).await?.own;
        let ours = self.directory.ours(subject, &found)?;
        if ours.is_empty() && !found.is_empty() {
            if subject.account_ids.is_empty() {
                return Err(CallError::anothers_account());
            }
            return Err(refused(
                "an account bears a name of this person and is not the one that was theirs: rename \
                 it, or decide by hand whose it is",
            ));
        }
        if subject.account_ids.is_empty() && ours.len() > 1 {
            return Err(refused(
                "more than one account bears a name of this person: enable the right one by hand, or \
                 take the name off the others",
            ));
        }
        if ours.is_empty() {
            return Ok(vec![(self.directory.create(session, subject).await?, true)]);
        }
        Ok(ours.into_iter().map(|account| (account, false)).collect())
    }

    async fn list_with(
        &self,
        session: &mut Session,
        cookie: Vec<u8>,
    ) -> Result<(AccountPage, Vec<u8>), CallError> {
        let directory = &self.directory;
        let filter = format!(
            "(&{})",
            filter::is_account(directory.flavor, &directory.attributes)
        );
        let query = Query {
            step: "list accounts",
            line: "search {base}: one page of accounts",
            base: &directory.base_dn,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &directory.account_attributes(),
        };
        let found = session.search_page(query, PAGE_ACCOUNTS, cookie).await?;
        let connections = directory.connections(session, &self.server).await?;
        let mut page = AccountPage::default();
        for entry in &found.entries {
            page.accounts
                .push(self.account(session, entry, connections.as_ref()).await?);
        }
        Ok((page, found.cookie))
    }
}

fn account_way(way: Way) -> Result<(), CallError> {
    if way == Way::Account {
        return Ok(());
    }
    Err(CallError::needs_human(format!(
        "a directory knows no {way}: name another system for it"
    )))
}

/// Sums up what became of all accounts. The ids stay known also where a part failed.
fn conclude(mut outcome: Outcome, error: Option<CallError>, mut session: Session) -> Outcome {
    outcome.blocked = match (error, outcome.change) {
        (Some(error), _) => Effect::Failed(CallError {
            finality: session.finality(),
            ..error
        }),
        (None, Change::Done) => Effect::Done,
        (None, _) => Effect::AlreadyInState,
    };
    outcome.receipts = session.take_receipts();
    outcome
}
