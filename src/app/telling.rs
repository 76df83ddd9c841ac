//! Subscribers of security events: settings to addressees, endpoints and secrets.

use std::{collections::HashMap, sync::Arc};

use drawbridge_sdk::{
    BuildContext,
    http::{Auth, Endpoint, EndpointOptions},
    secret::Secret,
};
use secrecy::ExposeSecret as _;

use crate::{
    clock::Clock,
    config::{Delivery, Practice, Settings, Subscriber},
    events::{Addressee, poll::Poll, push::Push, signature::Signer},
    ids::{PracticeName, SubscriberName},
    intake::Intake,
    store::Store,
};

/// The shortest secret a subscriber may show: it is all that keeps others from fetching.
const SHORTEST_TOKEN: usize = 32;

/// All that is needed to tell subscribers; `None` of it without `[events]`.
#[derive(Debug, Clone)]
pub struct Telling {
    signer: Arc<Signer>,
    endpoints: HashMap<(PracticeName, SubscriberName), Endpoint>,
    secrets: HashMap<(PracticeName, SubscriberName), Secret>,
}

/// Who is told by reception.
pub(super) fn addressees(settings: &Settings, practice: &Practice) -> Vec<Addressee> {
    let Some(events) = &settings.events else {
        return Vec::new();
    };
    let addressee = |subscriber: &Subscriber| Addressee {
        subscriber: subscriber.name.clone(),
        audience: subscriber.audience.clone(),
        issuer: events.issuer.clone(),
        is_pushed_to: matches!(subscriber.delivery, Delivery::Push { .. }),
    };
    practice.subscribers.iter().map(addressee).collect()
}

impl Telling {
    /// Reads the key and makes an endpoint for each subscriber. Nothing is connected.
    ///
    /// # Errors
    /// With the sentence to show: which key, secret or address cannot be used.
    pub fn new(settings: &Settings) -> Result<Option<Self>, String> {
        let Some(events) = &settings.events else {
            return Ok(None);
        };
        let key = events.key.bind(&settings.base_dir);
        let key = key.map_err(|error| format!("[events], `key`: {error}"))?;
        let signer = Signer::new(&key).map_err(|error| format!("[events]: {error}"))?;
        let mut telling = Self {
            signer: Arc::new(signer),
            endpoints: HashMap::new(),
            secrets: HashMap::new(),
        };
        for practice in &settings.practices {
            for subscriber in &practice.subscribers {
                telling
                    .add(settings, practice, subscriber)
                    .map_err(|problem| {
                        format!(
                            "practice `{}`, subscriber `{}`: {problem}",
                            practice.name, subscriber.name
                        )
                    })?;
            }
        }
        Ok(Some(telling))
    }

    fn add(
        &mut self,
        settings: &Settings,
        practice: &Practice,
        subscriber: &Subscriber,
    ) -> Result<(), String> {
        let who = (practice.name.clone(), subscriber.name.clone());
        match &subscriber.delivery {
            Delivery::Push {
                url,
                token,
                allow_plain_http,
                allow_networks,
                ca_file,
            } => {
                let token = token.as_ref().map(|token| token.bind(&settings.base_dir));
                let token = token.transpose().map_err(|error| error.to_string())?;
                let options = EndpointOptions {
                    allow_plain_http: *allow_plain_http,
                    allow_networks: allow_networks.clone(),
                    ca_file: ca_file.clone(),
                    auth: token.into_iter().map(Auth::Bearer).collect(),
                    headers: Vec::new(),
                };
                let context = BuildContext {
                    system: subscriber.name.as_str().to_owned(),
                    base_dir: settings.base_dir.clone(),
                    call_timeout: super::CALL_TIMEOUT,
                };
                let endpoint = Endpoint::new(url, options, &context);
                let endpoint = endpoint.map_err(|error| format!("`push_to`: {error}"))?;
                self.endpoints.insert(who, endpoint);
            }
            Delivery::Poll { token } => {
                let secret = token
                    .bind(&settings.base_dir)
                    .map_err(|error| error.to_string())?;
                let length = secret.read().map_or(0, |text| text.expose_secret().len());
                if length < SHORTEST_TOKEN {
                    return Err(format!(
                        "its `token` is too short: give it {SHORTEST_TOKEN} characters or more, as \
                         `openssl rand -base64 32` makes them"
                    ));
                }
                self.secrets.insert(who, secret);
            }
        }
        Ok(())
    }

    pub(super) fn push(&self, store: Store, clock: Arc<dyn Clock>) -> Push {
        Push {
            store,
            clock,
            signer: Arc::clone(&self.signer),
            endpoints: Arc::new(self.endpoints.clone()),
        }
    }

    pub(super) fn poll(&self, store: Store, clock: Arc<dyn Clock>, intake: &Intake) -> Poll {
        Poll {
            store,
            clock,
            signer: Arc::clone(&self.signer),
            secrets: self.secrets.clone(),
            accepted: intake.told(),
        }
    }
}
