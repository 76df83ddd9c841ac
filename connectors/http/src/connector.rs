//! The connector: what a vendor file says, done.

use async_trait::async_trait;
use drawbridge_sdk::{
    Account, AccountPage, AccountState, Ask, BuildContext, CallError, Canary, Capabilities,
    CloseCall, Connector, Cursor, FailureClass, Finality, Health, Observation, OpenCall, Outcome,
    Receipt, Sessions, SettingsError, Way,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    client::{Client, Reply, Vendor},
    close,
    lookup::Lookup,
    open, residual,
    settings::Settings,
    values::Filling,
    vendor::{VendorFile, step::Does},
};

/// A REST vendor.
#[derive(Debug)]
pub struct Http {
    vendor: Vendor,
    capabilities: Capabilities,
}

impl Http {
    /// A connector with these settings.
    ///
    /// # Errors
    /// When the vendor file or a setting cannot be used.
    pub fn new(settings: Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        let vendor = Vendor::new(&settings, context)?;
        Ok(Self {
            capabilities: capabilities(&vendor.file),
            vendor,
        })
    }

    fn client(&self, way: Way) -> Result<Client<'_>, CallError> {
        let file = &self.vendor.file;
        if way == file.way {
            return Ok(self.vendor.client());
        }
        Err(CallError::needs_human(format!(
            "the vendor file of {} serves `{}`, not `{way}`: do this by hand",
            file.title, file.way
        )))
    }
}

async fn count_sessions(
    client: &Client<'_>,
    account: &mut Account,
    receipts: &mut Vec<Receipt>,
) -> Result<(), CallError> {
    let Some(sessions) = &client.file.sessions else {
        return Ok(());
    };
    let filling = Filling {
        account_id: Some(account.id.as_str()),
        login: Some(&account.login),
        ..Filling::default()
    };
    let answer = match client
        .read("sessions", &sessions.step, &filling, &[])
        .await?
    {
        Reply::Yes(answer) => answer,
        Reply::Already(answer) | Reply::Absent(answer) => {
            receipts.extend(answer.into_receipts());
            return Ok(());
        }
    };
    let open = match sessions.open.all(&answer.body).as_slice() {
        [Value::Number(number)] => number.as_u64(),
        each if sessions.open.names_many() => Some(each.len() as u64),
        _ => None,
    };
    account.sessions = match open.and_then(|open| u32::try_from(open).ok()) {
        Some(0) => Sessions::None,
        Some(open) => Sessions::Open(open),
        None => {
            return Err(client.contract("answered without sessions or their number: check `sessions.open` in the vendor file", &answer));
        }
    };
    receipts.extend(answer.into_receipts_of(std::slice::from_ref(account)));
    Ok(())
}

/// What the file has steps for, and nothing else.
fn capabilities(file: &VendorFile) -> Capabilities {
    // `Capabilities` borrows for ever, because Rust connectors write this sentence down as a literal. Here it
    // comes from a file that is read once for each system, so it may live as long as the server.
    let disabled_means: &'static str = file.disabled_means.clone().leak();
    Capabilities {
        ways: vec![file.way],
        create: file.create.is_some(),
        set_role: file.levels.is_some(),
        disable: file.can(Does::blocks),
        end_sessions: file.can(Does::ends_sessions),
        read_back: true,
        read_sessions: file.sessions.is_some(),
        list_accounts: file.list.is_some(),
        session_lifetime: file.session_lifetime,
        disabled_means,
    }
}

#[async_trait]
impl Connector for Http {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn check(&self) -> Result<Health, CallError> {
        let client = self.vendor.client();
        let reply = client
            .read("check", &client.file.check, &Filling::default(), &[])
            .await?;
        let (Reply::Yes(answer) | Reply::Already(answer) | Reply::Absent(answer)) = reply;
        Ok(Health {
            product: client.file.title.clone(),
            receipts: answer.into_receipts(),
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        let client = self.client(ask.way)?;
        let mut lookup = Lookup::new(&client);
        let (mut accounts, saw_canary) = match lookup.all(&ask.subject, ask.canary.as_deref()).await
        {
            Ok(found) => found,
            Err(error) => return Err(error.after(lookup.receipts)),
        };
        let mut receipts = lookup.receipts;
        for account in &mut accounts {
            if let Err(error) = count_sessions(&client, account, &mut receipts).await {
                return Err(error.after(receipts));
            }
        }
        let is_closed = accounts
            .iter()
            .any(|account| account.state == AccountState::Disabled);
        Ok(Observation {
            residual: if is_closed {
                residual::after_close(client.file)
            } else {
                Vec::new()
            },
            canary: match (&ask.canary, saw_canary) {
                (None, _) => Canary::NotAsked,
                (Some(_), true) => Canary::Seen,
                (Some(_), false) => Canary::Missing,
            },
            accounts,
            receipts,
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        open::open(&self.client(call.way)?, call).await
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        close::close(&self.client(call.way)?, call).await
    }

    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        let client = self.vendor.client();
        let Some(list) = &client.file.list else {
            return Err(CallError::needs_human(format!(
                "{} has no list of accounts: have its owner compare it by hand",
                client.file.title
            )));
        };
        let place = match page {
            None => list.paging.first(),
            Some(Cursor(cursor)) => list.paging.resume(cursor).ok_or_else(|| {
                CallError::new(
                    FailureClass::Contract,
                    Finality::NotSent,
                    "the place to go on from is not one of this list: start the listing anew",
                )
            })?,
        };
        let mut lookup = Lookup::new(&client);
        match lookup.list_page(list, &place).await {
            Ok(page) => Ok(AccountPage {
                accounts: page.accounts,
                next: page.next.map(|place| Cursor(place.to_text())),
                receipts: lookup.receipts,
            }),
            Err(error) => Err(error.after(lookup.receipts)),
        }
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.vendor.certificate_ends()
    }
}
