//! What the connector answers.

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountId, AccountPage, Ask, BuildContext, CallError, Canary, Capabilities, Change, CloseCall,
    Connector, Cursor, Effect, FailureClass, Finality, Health, Observation, OpenCall, Outcome,
    SettingsError, Way,
    http::{Endpoint, EndpointOptions},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    client::{Client, Conversation},
    settings::Settings,
    users::{self, Group, User},
};

/// Users on one page of a listing.
const PAGE: u32 = 100;

/// A Tryton server.
#[derive(Debug)]
pub struct Tryton(Client);

impl Tryton {
    /// A connector with these settings; nothing is sent.
    ///
    /// # Errors
    /// When the address may not be called or the password's reference leads nowhere.
    pub fn new(settings: Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        let options = EndpointOptions {
            allow_plain_http: settings.allow_plain_http,
            allow_networks: settings.allow_networks,
            ca_file: settings.ca_file,
            ..EndpointOptions::default()
        };
        Ok(Self(Client {
            endpoint: Endpoint::new(&settings.base_url, options, context)?,
            database: settings.database,
            login: settings.login,
            password: settings.password.bind(&context.base_dir)?,
            session: Mutex::new(None),
        }))
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
                "the user is inactive: new logins are refused, and the server ends the user's sessions",
            )
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut talk = self.0.converse();
        let groups = users::groups(&mut talk).await?;
        Ok(Health {
            product: format!("Tryton, {} groups", groups.len()),
            receipts: talk.receipts,
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        let mut talk = self.0.converse();
        let found = users::find(&mut talk, &ask.subject, ask.canary.as_deref()).await?;
        let canary = match &ask.canary {
            None => Canary::NotAsked,
            Some(name) if found.iter().any(|user| user.is_called(name)) => Canary::Seen,
            Some(_) => Canary::Missing,
        };
        let groups = users::groups(&mut talk).await?;
        let accounts = found
            .iter()
            .filter(|user| user.is_of(&ask.subject))
            .map(|user| user.account(&groups))
            .collect();
        Ok(Observation {
            accounts,
            canary,
            residual: Vec::new(),
            receipts: talk.receipts,
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        let mut talk = self.0.converse();
        let groups = users::groups(&mut talk).await?;
        let wanted = users::ids_of(&call.levels, &groups)
            .map_err(|error| error.after(talk.receipts.clone()))?;
        let found = users::find(&mut talk, &call.subject, None).await?;
        let own: Vec<&User> = found
            .iter()
            .filter(|user| user.may_be_changed_for(&call.subject))
            .collect();
        let mut outcome = match own.as_slice() {
            [] => create(&mut talk, call, &wanted).await?,
            [user] => {
                enable(
                    &mut talk,
                    user,
                    &wanted,
                    &managed(&call.managed_levels, &groups),
                )
                .await?
            }
            _ => {
                let message = "several users there bear this person's names: leave one active and join or rename the others";
                return Err(
                    CallError::new(FailureClass::Refused, Finality::NotSent, message)
                        .after(talk.receipts),
                );
            }
        };
        outcome.receipts = talk.receipts;
        Ok(outcome)
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        let mut talk = self.0.converse();
        let found = users::find(&mut talk, &call.subject, None).await?;
        let own: Vec<&User> = found
            .iter()
            .filter(|user| user.may_be_changed_for(&call.subject))
            .collect();
        if own.is_empty() {
            return Ok(Outcome {
                receipts: talk.receipts,
                ..Outcome::new(Change::NoAccount)
            });
        }
        let managed = if call.managed_levels.is_empty() {
            Vec::new()
        } else {
            managed(&call.managed_levels, &users::groups(&mut talk).await?)
        };
        let was_open = own.iter().any(|user| user.active);
        for user in &own {
            shut(&mut talk, user, &managed).await?;
        }
        let mut outcome = Outcome::new(if was_open {
            Change::Done
        } else {
            Change::AlreadyInState
        });
        outcome.accounts = own
            .iter()
            .map(|user| AccountId(user.id.to_string()))
            .collect();
        outcome.blocked = if was_open {
            Effect::Done
        } else {
            Effect::AlreadyInState
        };
        // The server ends sessions when it shuts a user out; that it did is read, not assumed.
        outcome.sessions_ended = match users::find(&mut talk, &call.subject, None).await {
            Ok(after) => sessions_after(&after, &outcome.accounts),
            Err(error) => Effect::Failed(error),
        };
        outcome.receipts = talk.receipts;
        Ok(outcome)
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let after = page.and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let mut talk = self.0.converse();
        let found = users::list(&mut talk, after, PAGE).await?;
        let groups = users::groups(&mut talk).await?;
        let is_full = found.len() >= PAGE as usize;
        let next = found
            .last()
            .filter(|_| is_full)
            .map(|user| Cursor(user.id.to_string()));
        Ok(AccountPage {
            accounts: found.iter().map(|user| user.account(&groups)).collect(),
            next,
            receipts: talk.receipts,
        })
    }
}

/// Groups of the server among the levels the practice manages; a level that is none is nobody's.
fn managed(levels: &[String], groups: &[Group]) -> Vec<i64> {
    let is_managed = |group: &&Group| {
        levels
            .iter()
            .any(|level| level.to_lowercase() == group.name.to_lowercase())
    };
    groups
        .iter()
        .filter(is_managed)
        .map(|group| group.id)
        .collect()
}

async fn create(
    talk: &mut Conversation<'_>,
    call: &OpenCall,
    wanted: &[i64],
) -> Result<Outcome, CallError> {
    let subject = &call.subject;
    let Some(login) = subject.user_name() else {
        return Err(CallError::new(
            FailureClass::Refused,
            Finality::NotSent,
            "the person has no userName to make a login of: give them one at the identity provider",
        ));
    };
    let name = subject
        .display_name
        .clone()
        .unwrap_or_else(|| login.to_owned());
    let mut fields = json!({"login": login, "name": name, "password": unguessable()?, "groups": [["add", wanted]]});
    if let Some(email) = subject.email() {
        fields["email"] = Value::from(email);
    }
    let id = users::create(talk, fields).await?;
    Ok(Outcome {
        accounts: vec![AccountId(id.to_string())],
        blocked: Effect::Done,
        ..Outcome::new(Change::Done)
    })
}

async fn enable(
    talk: &mut Conversation<'_>,
    user: &User,
    wanted: &[i64],
    managed: &[i64],
) -> Result<Outcome, CallError> {
    let add: Vec<i64> = wanted
        .iter()
        .copied()
        .filter(|group| !user.groups.contains(group))
        .collect();
    let remove: Vec<i64> = managed
        .iter()
        .copied()
        .filter(|group| user.groups.contains(group) && !wanted.contains(group))
        .collect();
    let is_as_wanted = user.active && add.is_empty() && remove.is_empty();
    if !is_as_wanted {
        let mut fields = json!({"groups": [["remove", remove], ["add", add]]});
        // Writing `active` ends the user's sessions, so it is written only when it changes.
        if !user.active {
            fields["active"] = Value::from(true);
        }
        users::write(talk, "enable", user.id, fields).await?;
    }
    let change = if is_as_wanted {
        Change::AlreadyInState
    } else {
        Change::Done
    };
    let blocked = if is_as_wanted {
        Effect::AlreadyInState
    } else {
        Effect::Done
    };
    Ok(Outcome {
        accounts: vec![AccountId(user.id.to_string())],
        blocked,
        ..Outcome::new(change)
    })
}

/// Shuts one user out. Sessions that outlived an earlier shutting-out are ended by a new password.
async fn shut(talk: &mut Conversation<'_>, user: &User, managed: &[i64]) -> Result<(), CallError> {
    let remove: Vec<i64> = managed
        .iter()
        .copied()
        .filter(|group| user.groups.contains(group))
        .collect();
    let mut fields = json!({"active": false});
    if !remove.is_empty() {
        fields["groups"] = json!([["remove", remove]]);
    }
    if !user.active && user.sessions.is_some_and(|open| open > 0) {
        fields["password"] = Value::from(unguessable()?);
    }
    users::write(talk, "disable", user.id, fields).await
}

fn sessions_after(users: &[User], accounts: &[AccountId]) -> Effect {
    let own = |user: &&User| accounts.iter().any(|id| id.as_str() == user.id.to_string());
    let open: Option<u32> = users.iter().filter(own).map(|user| user.sessions).sum();
    match open {
        Some(0) => Effect::Done,
        Some(_) => Effect::Failed(CallError::contract(
            "the user is inactive and still has open sessions: they are ended again",
        )),
        None => Effect::NotSupported,
    }
}

/// A password nobody knows. People set their own through the practice's usual way.
fn unguessable() -> Result<String, CallError> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        CallError::new(
            FailureClass::Retryable,
            Finality::NotSent,
            "this machine gave no random numbers: it is tried again",
        )
    })?;
    // Upper case, lower case, digit and sign, for servers that ask for each.
    Ok(bytes.iter().fold("Aa1-".to_owned(), |text, byte| {
        text + &format!("{byte:02x}")
    }))
}
