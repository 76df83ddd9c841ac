//! FreeRADIUS as the server sees it: refuse sign-in first, then cut what is open.

use std::time::Duration;

use async_trait::async_trait;
use drawbridge_sdk::{
    Account, AccountId, AccountPage, Ask, CallError, Canary, Capabilities, Change, CloseCall,
    Connector, Cursor, Effect, FailureClass, Finality, Health, Observation, OpenCall, Outcome,
    Receipt, Residual, Sessions, Subject, Way,
    sql::{Database, begin_exclusively, failure},
};
use sqlx::{Any, AnyConnection, Connection, Transaction};

use crate::{
    settings::Gateways,
    tables::{self, Refusal, User},
};

/// Users on one page of a listing.
const PAGE_USERS: i64 = 100;

const DISABLED_MEANS: &str = "FreeRADIUS refuses every new sign-in of this user name \
                              (`Auth-Type := Reject`); sessions go on until the gateway cuts them";

/// One FreeRADIUS with its gateways.
#[derive(Debug)]
pub struct Radius {
    pub(crate) database: Database,
    pub(crate) gateways: Gateways,
    pub(crate) wifi_key_lifetime: Option<Duration>,
    pub(crate) call_timeout: Duration,
}

#[async_trait]
impl Connector for Radius {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            set_role: true,
            disable: true,
            end_sessions: true,
            read_back: true,
            read_sessions: true,
            list_accounts: true,
            session_lifetime: self.wifi_key_lifetime,
            ..Capabilities::none(DISABLED_MEANS)
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut connection = self.database.connect().await?;
        tables::try_tables(&mut connection).await?;
        self.gateways.read_secrets()?;
        let product = format!("FreeRADIUS tables in {}", connection.backend_name());
        Ok(Health {
            product,
            receipts: vec![read_receipt("check", "one row of each table")],
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        account_way(ask.way)?;
        let mut connection = self.database.connect().await?;
        let mut accounts = Vec::new();
        for name in tables::find_names(&mut connection, &ask.subject).await? {
            accounts.push(account(tables::read_user(&mut connection, &name).await?));
        }
        let canary = self.canary(&mut connection, ask.canary.as_deref()).await?;
        let receipt = read_receipt("observe", &format!("{} found", accounts.len()));
        let residual = if accounts.is_empty() {
            Vec::new()
        } else {
            self.residual()
        };
        Ok(Observation {
            accounts,
            canary,
            residual,
            receipts: vec![receipt],
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        account_way(call.way)?;
        let mut connection = self.database.connect().await?;
        let found = tables::find_names(&mut connection, &call.subject).await?;
        let names = own_names(&call.subject, &found);
        if names.is_empty() {
            if !found.is_empty() && call.subject.account_ids.is_empty() {
                return Err(CallError::anothers_account());
            }
            return Err(CallError::needs_human(
                "FreeRADIUS knows no such user: create the user with a password or certificate there",
            ));
        }
        let mut transaction = begin(&mut connection).await?;
        let mut changed = false;
        for name in &names {
            changed |= tables::admit_sign_in(&mut transaction, name).await?;
            let groups =
                tables::set_groups(&mut transaction, name, &call.levels, &call.managed_levels);
            changed |= groups.await?;
        }
        commit(transaction).await?;
        let mut outcome = outcome_for(&names, changed);
        outcome.receipts.push(change_receipt(
            "enable",
            "remove Auth-Type := Reject, set groups",
        ));
        Ok(outcome)
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        account_way(call.way)?;
        let mut connection = self.database.connect().await?;
        let found = tables::find_names(&mut connection, &call.subject).await?;
        let names = own_names(&call.subject, &found);
        if names.is_empty() {
            let mut outcome = Outcome::new(Change::NoAccount);
            outcome.receipts.push(read_receipt("find", "0 found"));
            return Ok(outcome);
        }
        let blocked = block(&mut connection, &names, &call.managed_levels).await;
        let mut outcome = outcome_for(&names, matches!(blocked, Ok(true)));
        let proved = match blocked {
            Ok(_) => {
                outcome
                    .receipts
                    .push(change_receipt("disable", "add Auth-Type := Reject"));
                prove_refusal(&mut connection, &names).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = proved {
            outcome.blocked = failed(error, &mut outcome.receipts);
        }
        outcome.residual = self.residual();
        // After the block, so that nobody signs in again in between; and whatever became of it.
        let (ended, receipts) = self.end_sessions(&mut connection, &names).await;
        outcome.receipts.extend(receipts);
        outcome.sessions_ended = match ended {
            Ok(0) => Effect::AlreadyInState,
            Ok(_) => {
                outcome.change = Change::Done;
                Effect::Done
            }
            Err(error) => failed(error, &mut outcome.receipts),
        };
        Ok(outcome)
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let mut connection = self.database.connect().await?;
        let after = page.map_or("", |cursor| cursor.0.as_str());
        let names = tables::names_after(&mut connection, after, PAGE_USERS).await?;
        let is_full = i64::try_from(names.len()).is_ok_and(|found| found == PAGE_USERS);
        let next = names
            .last()
            .filter(|_| is_full)
            .map(|name| Cursor(name.clone()));
        let mut accounts = Vec::new();
        for name in &names {
            accounts.push(account(tables::read_user(&mut connection, name).await?));
        }
        let receipt = read_receipt("list accounts", &format!("{} found", accounts.len()));
        Ok(AccountPage {
            accounts,
            next,
            receipts: vec![receipt],
        })
    }
}

impl Radius {
    async fn canary(
        &self,
        connection: &mut AnyConnection,
        name: Option<&str>,
    ) -> Result<Canary, CallError> {
        let Some(name) = name else {
            return Ok(Canary::NotAsked);
        };
        let known = Subject {
            user_names: vec![name.to_owned()],
            ..Subject::default()
        };
        let found = tables::find_names(connection, &known).await?;
        Ok(if found.is_empty() {
            Canary::Missing
        } else {
            Canary::Seen
        })
    }

    fn residual(&self) -> Vec<Residual> {
        let what = "a device may rejoin the Wi-Fi with the key it still holds, without signing in";
        self.wifi_key_lifetime
            .map(|longest| Residual {
                what: what.to_owned(),
                longest: Some(longest),
            })
            .into_iter()
            .collect()
    }
}

fn account_way(way: Way) -> Result<(), CallError> {
    if way == Way::Account {
        return Ok(());
    }
    Err(CallError::needs_human(format!(
        "RADIUS knows no {way}: name another system for it"
    )))
}

/// The users this door may act on: once ids are known, those and no other that merely has a name of
/// the person, and none that is somebody else's.
fn own_names(subject: &Subject, found: &[String]) -> Vec<String> {
    let own = found.iter().filter(|name| subject.may_act_on(name));
    own.cloned().collect()
}

/// Refuses sign-in and takes the managed groups away, for all of these users or for none. Says
/// whether that changed anything.
async fn block(
    connection: &mut AnyConnection,
    names: &[String],
    managed: &[String],
) -> Result<bool, CallError> {
    let mut transaction = begin(connection).await?;
    let mut changed = false;
    for name in names {
        changed |= tables::refuse_sign_in(&mut transaction, name).await?;
        changed |= tables::set_groups(&mut transaction, name, &[], managed).await?;
    }
    commit(transaction).await?;
    Ok(changed)
}

/// A row that refuses is not a refusal yet: a group that is not managed here may override it.
async fn prove_refusal(connection: &mut AnyConnection, names: &[String]) -> Result<(), CallError> {
    for name in names {
        if matches!(
            tables::refusal(connection, name).await?,
            Refusal::Overridden
        ) {
            return Err(CallError::new(
                FailureClass::Refused,
                Finality::Answered,
                "a group of this user sets Auth-Type in radgroupcheck, which overrides the refusal: \
                 remove that row, or name the group among the system's levels so that closing takes \
                 it away",
            ));
        }
    }
    Ok(())
}

async fn begin(connection: &mut AnyConnection) -> Result<Transaction<'_, Any>, CallError> {
    let statement = begin_exclusively(connection);
    connection
        .begin_with(statement)
        .await
        .map_err(|error| failure(&error, Finality::NotSent))
}

async fn commit(transaction: Transaction<'_, Any>) -> Result<(), CallError> {
    transaction
        .commit()
        .await
        .map_err(|error| failure(&error, Finality::Unknown))
}

fn outcome_for(names: &[String], changed: bool) -> Outcome {
    let mut outcome = Outcome::new(if changed {
        Change::Done
    } else {
        Change::AlreadyInState
    });
    outcome.blocked = if changed {
        Effect::Done
    } else {
        Effect::AlreadyInState
    };
    outcome.accounts = names.iter().cloned().map(AccountId).collect();
    outcome
}

fn failed(mut error: CallError, receipts: &mut Vec<Receipt>) -> Effect {
    receipts.append(&mut error.receipts);
    Effect::Failed(error)
}

fn account(user: User) -> Account {
    Account {
        id: AccountId(user.name.clone()),
        login: user.name,
        state: user.state,
        sessions: match u32::try_from(user.sessions.len()) {
            Ok(0) => Sessions::None,
            Ok(open) => Sessions::Open(open),
            Err(_) => Sessions::Open(u32::MAX),
        },
        levels: user.groups,
        identifiers: Vec::new(),
    }
}

fn read_receipt(step: &str, found: &str) -> Receipt {
    let request = "SELECT radcheck, radusergroup, radgroupcheck, radacct for {user}";
    Receipt::new(step, request, Some("ok".to_owned()), found)
}

fn change_receipt(step: &str, change: &str) -> Receipt {
    Receipt::new(
        step,
        format!("{change} for {{user}}"),
        Some("committed".to_owned()),
        "",
    )
}
