//! What the connector answers.

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountPage, AccountState, Ask, BuildContext, CallError, Canary, Capabilities, CloseCall,
    Connector, Cursor, FailureClass, Finality, Health, Observation, OpenCall, Outcome, Residual,
    SettingsError, Way,
    http::{Auth, Endpoint, EndpointOptions},
};
use jiff::Timestamp;

use crate::{
    client::{Client, Conversation},
    close::close,
    levels,
    open::open,
    requests::Resource,
    search,
    settings::Settings,
    user::User,
};

/// A SCIM 2.0 provider.
#[derive(Debug)]
pub struct Scim {
    client: Client,
    residual: Residual,
}

impl Scim {
    /// A connector with these settings; nothing is sent.
    ///
    /// # Errors
    /// When the address may not be called or the token's reference leads nowhere.
    pub fn new(settings: Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        let longest = settings.session_lifetime();
        let options = EndpointOptions {
            allow_plain_http: settings.allow_plain_http,
            allow_networks: settings.allow_networks,
            ca_file: settings.ca_file,
            auth: vec![Auth::Bearer(settings.token.bind(&context.base_dir)?)],
            headers: Vec::new(),
        };
        let endpoint = Endpoint::new(&settings.base_url, options, context)?;
        let what = "sessions and tokens that were open before: SCIM can neither see nor end them";
        let residual = Residual {
            what: what.to_owned(),
            longest,
        };
        Ok(Self {
            client: Client::new(endpoint),
            residual,
        })
    }

    async fn observed(
        &self,
        talk: &mut Conversation<'_>,
        ask: &Ask,
    ) -> Result<Observation, CallError> {
        let found = search::all(talk, &ask.subject, ask.canary.as_deref()).await?;
        let mut users = found.owned;
        users.extend(found.namesakes);
        users.extend(found.of_others);
        levels::complete(talk, &mut users).await?;
        let is_closed = users
            .iter()
            .any(|user| user.state() == AccountState::Disabled);
        Ok(Observation {
            accounts: users.iter().map(User::account).collect(),
            canary: match (&ask.canary, found.saw_canary) {
                (None, _) => Canary::NotAsked,
                (Some(_), true) => Canary::Seen,
                (Some(_), false) => Canary::Missing,
            },
            residual: if is_closed {
                vec![self.residual.clone()]
            } else {
                Vec::new()
            },
            receipts: Vec::new(),
        })
    }

    async fn listed(
        &self,
        talk: &mut Conversation<'_>,
        start: usize,
    ) -> Result<AccountPage, CallError> {
        let page = talk.page("list", Resource::Users, None, start).await?;
        let page = page.unwrap_or_default();
        let mut users = search::users(&page.records)?;
        levels::complete(talk, &mut users).await?;
        Ok(AccountPage {
            accounts: users.iter().map(User::account).collect(),
            next: page.next(start).map(|next| Cursor(next.to_string())),
            receipts: Vec::new(),
        })
    }
}

#[async_trait]
impl Connector for Scim {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            create: true,
            set_role: true,
            disable: true,
            read_back: true,
            list_accounts: true,
            session_lifetime: self.residual.longest,
            ..Capabilities::none(
                "the record says active = false: the vendor's page must say that new logins are refused then",
            )
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut talk = self.client.converse();
        let result = checked(&mut talk).await;
        let product = self.client.end(&mut talk, result).await?;
        Ok(Health {
            product,
            receipts: talk.receipts,
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        only_accounts(ask.way)?;
        let mut talk = self.client.converse();
        let result = self.observed(&mut talk, ask).await;
        let observation = self.client.end(&mut talk, result).await?;
        Ok(Observation {
            receipts: talk.receipts,
            ..observation
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        only_accounts(call.way)?;
        let mut talk = self.client.converse();
        let result = open(&mut talk, call).await;
        let outcome = self.client.end(&mut talk, result).await?;
        Ok(Outcome {
            receipts: talk.receipts,
            ..outcome
        })
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        only_accounts(call.way)?;
        let mut talk = self.client.converse();
        let result = close(&mut talk, call).await;
        let mut outcome = self.client.end(&mut talk, result).await?;
        if !outcome.accounts.is_empty() {
            outcome.residual = vec![self.residual.clone()];
        }
        Ok(Outcome {
            receipts: talk.receipts,
            ..outcome
        })
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let start = match page {
            None => 1,
            Some(Cursor(start)) => start.parse().map_err(|_| {
                CallError::new(
                    FailureClass::Contract,
                    Finality::NotSent,
                    "the place to go on from is not one of this list: start the listing anew",
                )
            })?,
        };
        let mut talk = self.client.converse();
        let result = self.listed(&mut talk, start).await;
        let page = self.client.end(&mut talk, result).await?;
        Ok(AccountPage {
            receipts: talk.receipts,
            ..page
        })
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.client.endpoint.certificate_ends()
    }
}

/// The configuration is often public, so the token is tried on a list.
async fn checked(talk: &mut Conversation<'_>) -> Result<String, CallError> {
    let features = talk.features().await?;
    talk.page("check the token", Resource::Users, None, 1)
        .await?;
    Ok(features.summary())
}

fn only_accounts(way: Way) -> Result<(), CallError> {
    if way == Way::Account {
        return Ok(());
    }
    Err(CallError::needs_human(format!(
        "SCIM knows accounts only, not `{way}`: do this by hand"
    )))
}
