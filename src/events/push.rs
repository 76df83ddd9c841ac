//! Bringing tokens to subscribers that take them.
//!
//! # Source
//! RFC 8935.

use std::{collections::HashMap, sync::Arc, time::Duration};

use drawbridge_sdk::http::{Endpoint, Method};
use tokio::{sync::watch, task::JoinSet, time::Instant};

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

/// Brings tokens to subscribers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Push {
    /// The archive.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Signs the tokens.
    pub signer: Arc<Signer>,
    /// Where to bring them.
    pub endpoints: Arc<HashMap<(PracticeName, SubscriberName), Endpoint>>,
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

    /// Brings what is due now: to each subscriber the oldest first, to all of them at once, so that one
    /// that does not answer keeps nobody waiting. Answers how many were due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bring_due(&self) -> Result<usize, StoreError> {
        let due = self.store.claim_events(self.clock.now(), LEASE).await?;
        let total = due.len();
        let mut of_each: HashMap<_, Vec<Waiting>> = HashMap::new();
        for waiting in due {
            let who = (waiting.practice.clone(), waiting.event.subscriber.clone());
            of_each.entry(who).or_default().push(waiting);
        }
        let mut subscribers = JoinSet::new();
        for (who, waiting) in of_each {
            let push = self.clone();
            subscribers.spawn(async move { push.bring_to(&who, waiting).await });
        }
        while let Some(brought) = subscribers.join_next().await {
            brought.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        }
        Ok(total)
    }

    /// Brings these to one subscriber. Once one fails, the others wait as long as that one.
    async fn bring_to(
        &self,
        who: &(PracticeName, SubscriberName),
        waiting: Vec<Waiting>,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut failed: Option<(Duration, String)> = None;
        for waiting in waiting {
            if failed.is_none() {
                // What is left when the lease is used up is taken up again by itself.
                if began.elapsed() > LEASE / 2 {
                    return Ok(());
                }
                match self.bring(who, &waiting).await {
                    Ok(()) => {
                        let id = std::slice::from_ref(&waiting.event.id);
                        acknowledge(&self.store, self.clock.now(), who, id, "pushed").await?;
                        continue;
                    }
                    Err(failure) => {
                        tracing::warn!(
                            practice.name = %who.0, subscriber.name = %who.1, event.id = %waiting.event.id, failure,
                            "a security event could not be delivered"
                        );
                        failed = Some((retry::delay(waiting.tries + 1), failure));
                    }
                }
            }
            if let Some((wait, failure)) = &failed {
                let next_try = clock::after(self.clock.now(), *wait);
                self.store
                    .postpone_event(&waiting, next_try, failure)
                    .await?;
            }
        }
        Ok(())
    }

    async fn bring(
        &self,
        who: &(PracticeName, SubscriberName),
        waiting: &Waiting,
    ) -> Result<(), String> {
        match self.endpoints.get(who) {
            Some(endpoint) => self.send(endpoint, &waiting.event.claims).await,
            None => Err(
                "the settings name no such subscriber to push to: add it, or let its events be"
                    .to_owned(),
            ),
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
}
