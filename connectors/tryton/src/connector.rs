//! What the connector answers.

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountPage, Ask, BuildContext, CallError, Canary, Capabilities, CloseCall, Connector, Cursor,
    FailureClass, Finality, Health, Observation, OpenCall, Outcome, Residual, SettingsError, Way,
};
use jiff::Timestamp;

use crate::{
    calls,
    client::{Client, Conversation},
    close::close,
    open::open,
    settings::Settings,
    user::User,
};

/// Users on one page of a listing.
const PAGE: usize = 100;

/// A Tryton server.
#[derive(Debug)]
pub struct Tryton(Client);

impl Tryton {
    /// A connector with these settings; nothing is sent.
    ///
    /// # Errors
    /// When the address may not be called or the password's reference leads nowhere.
    pub fn new(settings: Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        Client::new(settings, context).map(Self)
    }
}

#[async_trait]
impl Connector for Tryton {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            create: true,
            set_role: true,
            disable: true,
            end_sessions: true,
            read_back: true,
            read_sessions: true,
            list_accounts: true,
            ..Capabilities::none(
                "the user is inactive: new logins are refused and the server ends their sessions",
            )
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut talk = self.0.converse();
        let result = checked(&mut talk, self.0.own_login()).await;
        let product = talk.fail(result)?;
        Ok(Health {
            product,
            receipts: talk.receipts,
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        only_accounts(ask.way)?;
        let mut talk = self.0.converse();
        let result = observed(&mut talk, ask).await;
        let observation = talk.fail(result)?;
        Ok(Observation {
            receipts: talk.receipts,
            ..observation
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        only_accounts(call.way)?;
        let mut talk = self.0.converse();
        let result = open(&mut talk, call).await;
        let outcome = talk.fail(result)?;
        Ok(Outcome {
            receipts: talk.receipts,
            ..outcome
        })
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        only_accounts(call.way)?;
        let mut talk = self.0.converse();
        let result = close(&mut talk, call).await;
        let outcome = talk.fail(result)?;
        Ok(Outcome {
            receipts: talk.receipts,
            ..outcome
        })
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let after = match page {
            None => 0,
            Some(Cursor(after)) => after.parse().map_err(|_| {
                CallError::new(
                    FailureClass::Contract,
                    Finality::NotSent,
                    "the place to go on from is not one of this list: start the listing anew",
                )
            })?,
        };
        let mut talk = self.0.converse();
        let result = listed(&mut talk, after).await;
        let page = talk.fail(result)?;
        Ok(AccountPage {
            receipts: talk.receipts,
            ..page
        })
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.0.certificate_ends()
    }
}

async fn checked(talk: &mut Conversation<'_>, own_login: &str) -> Result<String, CallError> {
    let groups = calls::groups(talk).await?;
    let subject = drawbridge_sdk::Subject {
        user_names: vec![own_login.to_owned()],
        ..Default::default()
    };
    let found = calls::find(talk, &subject, None).await?;
    if !found
        .iter()
        .any(|user| user.is_called(own_login) && user.sessions.is_some())
    {
        return Err(CallError::new(
            FailureClass::Refused,
            Finality::NotSent,
            "the bridge's own user does not see itself with its sessions: give it the rights this \
             connector's page lists",
        ));
    }
    Ok(format!("Tryton with {} groups", groups.len()))
}

async fn observed(talk: &mut Conversation<'_>, ask: &Ask) -> Result<Observation, CallError> {
    let found = calls::find(talk, &ask.subject, ask.canary.as_deref()).await?;
    let canary = match &ask.canary {
        None => Canary::NotAsked,
        Some(name) if found.iter().any(|user| user.is_called(name)) => Canary::Seen,
        Some(_) => Canary::Missing,
    };
    let own: Vec<&User> = found
        .iter()
        .filter(|user| user.is_of(&ask.subject))
        .collect();
    let groups = if own.is_empty() {
        Vec::new()
    } else {
        calls::groups(talk).await?
    };
    let inactive = own.iter().filter(|user| !user.active);
    let keys: Vec<i64> = inactive.flat_map(|user| &user.keys).copied().collect();
    let usable = calls::usable_keys(talk, &keys).await?;
    let residual = Residual {
        what: "keys for applications that were not cancelled: they work without a login".to_owned(),
        longest: None,
    };
    Ok(Observation {
        accounts: own.iter().map(|user| user.account(&groups)).collect(),
        canary,
        residual: if usable.is_empty() {
            Vec::new()
        } else {
            vec![residual]
        },
        receipts: Vec::new(),
    })
}

async fn listed(talk: &mut Conversation<'_>, after: i64) -> Result<AccountPage, CallError> {
    let users = calls::list(talk, after, PAGE).await?;
    let groups = calls::groups(talk).await?;
    let last = users.last().filter(|_| users.len() >= PAGE);
    Ok(AccountPage {
        accounts: users.iter().map(|user| user.account(&groups)).collect(),
        next: last.map(|user| Cursor(user.id.to_string())),
        receipts: Vec::new(),
    })
}

fn only_accounts(way: Way) -> Result<(), CallError> {
    if way == Way::Account {
        return Ok(());
    }
    Err(CallError::needs_human(format!(
        "Tryton knows users only, not `{way}`: do this by hand"
    )))
}
