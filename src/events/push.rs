//! Bringing tokens to subscribers that take them.
//!
//! # Source
//! RFC 8935.

use std::{collections::HashMap, sync::Arc, time::Duration};

use drawbridge_sdk::http::{Endpoint, Method};
use tokio::sync::watch;

use super::{acknowledge, signature::Signer};
use crate::{
    clock::{self, Clock},
    ids::{PracticeName, SubscriberName},
    rounds::retry,
    store::{Store, StoreError, events::Waiting},
};

/// How long a token that was taken up is left alone by other bridges: longer than a call may take.
const LEASE: Duration = Duration::from_secs(60);

/// How often to look for tokens that another process accepted, or whose time has come.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long to wait where nothing but a change of the settings helps.
const UNTIL_SETTINGS_CHANGE: Duration = Duration::from_secs(3_600);

/// Brings tokens to subscribers.
#[derive(Debug)]
pub struct Push {
    /// The archive.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Signs the tokens.
    pub signer: Arc<Signer>,
    /// Where to bring them.
    pub endpoints: HashMap<(PracticeName, SubscriberName), Endpoint>,
}

impl Push {
    /// Brings what is due until told to stop. `accepted` changes when a token was accepted.
    pub async fn run(self, mut accepted: watch::Receiver<()>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.bring_due().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "could not look which security events are due");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = accepted.changed() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Brings what is due now, the oldest first. Answers how many it tried.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bring_due(&self) -> Result<usize, StoreError> {
        let due = self.store.claim_events(self.clock.now(), LEASE).await?;
        for waiting in &due {
            self.bring(waiting).await?;
        }
        Ok(due.len())
    }

    async fn bring(&self, waiting: &Waiting) -> Result<(), StoreError> {
        let key = (waiting.practice.clone(), waiting.event.subscriber.clone());
        let Some(endpoint) = self.endpoints.get(&key) else {
            let failure =
                "the settings name no such subscriber to push to: add it, or let its events be";
            return self.postpone(waiting, UNTIL_SETTINGS_CHANGE, failure).await;
        };
        match self.send(endpoint, &waiting.event.claims).await {
            Ok(()) => {
                let ids = std::slice::from_ref(&waiting.event.id);
                acknowledge(&self.store, self.clock.now(), &key, ids, "pushed").await
            }
            Err(failure) => {
                tracing::warn!(
                    practice.name = %waiting.practice, subscriber.name = %waiting.event.subscriber,
                    event.id = %waiting.event.id, failure, "a security event could not be delivered"
                );
                let wait = retry::delay(waiting.tries + 1);
                self.postpone(waiting, wait, &failure).await
            }
        }
    }

    async fn send(&self, endpoint: &Endpoint, claims: &str) -> Result<(), String> {
        let token = self
            .signer
            .sign(claims)
            .map_err(|error| error.to_string())?;
        // Telling it twice does no harm, and 202 is the whole answer (RFC 8935 section 2.2).
        endpoint
            .read("deliver", Method::POST, "")
            .header("Accept", "application/json")
            .body("application/secevent+jwt", token.into_bytes())
            .send()
            .await
            .and_then(drawbridge_sdk::http::Answer::ok)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn postpone(
        &self,
        waiting: &Waiting,
        wait: Duration,
        failure: &str,
    ) -> Result<(), StoreError> {
        let next_try = clock::after(self.clock.now(), wait);
        self.store.postpone_event(waiting, next_try, failure).await
    }
}
