//! A fixture with its connector, and the calls the rules make.

use std::{future::Future, sync::Arc, time::Duration};

use drawbridge_sdk::{
    AccountId, AccountState, Ask, CallError, CloseCall, Connector, Observation, OpenCall, Outcome,
    Subject,
};
use jiff::Timestamp;
use tokio::time::timeout;

use super::{Verdict, must};
use crate::{fault::Fault, fixture::Fixture};

/// The account most rules are about.
pub const PERSON: &str = "zelda.quill";

/// Somebody who must never be touched.
pub const BYSTANDER: &str = "bertram.oaks";

/// A person nobody has an account for.
pub const STRANGER: &str = "ulla.nowhere";

/// What a call may take beyond its timeout on a machine that is busy with other tests.
const GRACE: Duration = Duration::from_millis(1_500);

/// When a forward that a rule opens would end.
const UNTIL: i64 = 4_102_444_800;

/// A fixture with its connector.
pub struct Stage<F> {
    pub fixture: F,
    pub connector: Arc<dyn Connector>,
}

impl<F: Fixture> Stage<F> {
    pub async fn start() -> Self {
        let fixture = F::start().await;
        let connector = fixture.connector();
        Self { fixture, connector }
    }

    /// A fixture with one enabled account that can be used.
    pub async fn with_account() -> Result<(Self, Subject), String> {
        let stage = Self::start().await;
        let subject = stage.add(PERSON).await?;
        Ok((stage, subject))
    }

    /// An account whose login works, as far as the fixture can tell.
    pub async fn add(&self, name: &str) -> Result<Subject, String> {
        let subject = self.fixture.add_account(name).await;
        must(
            self.lets_in(&subject).await == Some(true),
            "the fixture's new account cannot log in, so nothing could be proved by it",
        )?;
        Ok(subject)
    }

    /// An account that was closed.
    pub async fn add_closed(&self, name: &str) -> Result<Subject, String> {
        let subject = self.add(name).await?;
        self.close(&subject).await?;
        must(
            self.lets_in(&subject).await == Some(false),
            "a close did not block, so there is nothing to open",
        )?;
        Ok(subject)
    }

    /// Whether the system itself lets this person in. `None` where there is no account.
    pub async fn lets_in(&self, subject: &Subject) -> Option<bool> {
        match self.fixture.can_log_in(subject).await {
            None => self.fixture.is_enabled(subject).await,
            login => login,
        }
    }

    pub fn ask(&self, subject: &Subject) -> Ask {
        Ask {
            subject: subject.clone(),
            way: self.fixture.way(),
            canary: Some(self.fixture.canary()),
        }
    }

    pub fn close_call(&self, subject: &Subject) -> CloseCall {
        CloseCall {
            subject: subject.clone(),
            way: self.fixture.way(),
            managed_levels: Vec::new(),
            idempotency_key: "conformance-close".to_owned(),
        }
    }

    pub fn open_call(&self, subject: &Subject) -> OpenCall {
        OpenCall {
            subject: subject.clone(),
            way: self.fixture.way(),
            levels: Vec::new(),
            managed_levels: Vec::new(),
            forward_to: self.fixture.forward_to(),
            until: Timestamp::from_second(UNTIL).ok(),
            idempotency_key: "conformance-open".to_owned(),
        }
    }

    /// A reading that has to work.
    pub async fn observe(&self, subject: &Subject) -> Result<Observation, String> {
        let observed = self.connector.observe(&self.ask(subject)).await;
        observed.map_err(|error| format!("observe failed: {error:?}"))
    }

    /// A reading that shows this person's accounts in no other state, where readings are claimed.
    pub async fn shows(&self, subject: &Subject, state: AccountState) -> Verdict {
        if !self.connector.capabilities().read_back {
            return Ok(());
        }
        let observed = self.observe(subject).await?;
        must(
            observed.accounts.iter().all(|own| own.state == state) && !observed.accounts.is_empty(),
            format!(
                "the account is {state:?}, observe shows {:?}",
                observed.accounts
            ),
        )
    }

    /// Calls that have to come to an end within the time of one, however the system behaves.
    pub async fn in_time<T>(
        &self,
        fault: Fault,
        calls: impl Future<Output = T>,
    ) -> Result<T, String> {
        let longest = self.fixture.call_timeout() + GRACE;
        timeout(longest, calls).await.map_err(|_| {
            format!(
                "a call during {fault:?} takes longer than its {:?}",
                self.fixture.call_timeout()
            )
        })
    }

    /// A close that has to work in every part.
    pub async fn close(&self, subject: &Subject) -> Result<Outcome, String> {
        whole(
            "close",
            self.connector.close(&self.close_call(subject)).await,
        )
    }

    /// An open that has to work in every part.
    pub async fn open(&self, call: &OpenCall) -> Result<Outcome, String> {
        whole("open", self.connector.open(call).await)
    }

    /// The same person with the account's id known, as the server has it after a first reading.
    pub async fn knowing_its_id(&self, subject: &Subject) -> Result<Subject, String> {
        let outcome = self.observe(subject).await?;
        must(
            outcome.accounts.len() == 1,
            "observe did not find the one account there is",
        )?;
        let account_ids = outcome
            .accounts
            .into_iter()
            .map(|account| account.id)
            .collect();
        Ok(Subject {
            account_ids,
            ..subject.clone()
        })
    }

    /// A person of the same names, for whom the account is somebody else's.
    pub async fn as_somebody_else(&self, owner: &Subject) -> Result<Subject, String> {
        let known = self.knowing_its_id(owner).await?;
        Ok(Subject {
            account_ids: Vec::new(),
            accounts_of_others: known.account_ids.into_iter().collect(),
            ..known
        })
    }

    /// The ids of this person's accounts, none where they cannot be read.
    pub async fn observe_ids(&self, subject: &Subject) -> Vec<AccountId> {
        let observed = self.connector.observe(&self.ask(subject)).await;
        observed.map_or_else(
            |_| Vec::new(),
            |observed| {
                observed
                    .accounts
                    .into_iter()
                    .map(|account| account.id)
                    .collect()
            },
        )
    }

    /// Closes while the system misbehaves. `None` where it cannot misbehave in this way; otherwise
    /// what failed, since a close must never claim to be done then.
    pub async fn close_during(
        &self,
        subject: &Subject,
        fault: Fault,
    ) -> Result<Option<CallError>, String> {
        if !self.fixture.misbehave(fault).await {
            return Ok(None);
        }
        failure(self.connector.close(&self.close_call(subject)).await)
            .map(Some)
            .ok_or_else(|| format!("a close during {fault:?} claims to be done"))
    }
}

/// The failure of a call or of its first part that failed.
pub fn failure(result: Result<Outcome, CallError>) -> Option<CallError> {
    match result {
        Ok(outcome) => outcome.failure().cloned(),
        Err(error) => Some(error),
    }
}

fn whole(call: &str, result: Result<Outcome, CallError>) -> Result<Outcome, String> {
    let outcome = result.map_err(|error| format!("{call} failed: {error:?}"))?;
    match outcome.failure() {
        None => Ok(outcome),
        Some(error) => Err(format!("a part of {call} failed: {error:?}")),
    }
}
