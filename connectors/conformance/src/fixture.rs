//! What a connector's author supplies to the suite: a system to test against.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use drawbridge_sdk::{Connector, FailureClass, Subject, Way};

use crate::{fault::Fault, proxy::FaultyProxy};

/// Another place where a system is to be looked for, over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Host and port, as they stand in a URL: `localhost:8443`.
    pub host: String,
    /// The PEM file with the only certificate that is trusted there.
    pub ca_file: PathBuf,
}

/// A system, fake or real, and a connector that speaks to it.
///
/// Everything here asks or changes the *system itself*, never through the connector under test, so
/// that the connector's word is never its own proof.
///
/// Each rule starts a fixture of its own and rules run at the same time: a fixture over one shared
/// real system makes the names it is given unique.
#[async_trait]
pub trait Fixture: Send + Sync + Sized + 'static {
    /// Starts a fresh system that knows the service account and the canary, and nobody else.
    async fn start() -> Self;

    /// A connector with settings that fit the system.
    fn connector(&self) -> Arc<dyn Connector>;

    /// A connector with a credential that the system refuses.
    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector>;

    /// The account known to exist, as one names it in `canary = "..."`.
    fn canary(&self) -> String;

    /// Makes an enabled account for somebody of this name and gives the person as the server would:
    /// `userName` and e-mail filled, no account id yet.
    async fn add_account(&self, name: &str) -> Subject;

    /// A person whom the system does not know.
    fn stranger(&self, name: &str) -> Subject;

    /// Whether one can log in as this person now. `None` where the system has no login to try; then
    /// the state is read from the system directly.
    async fn can_log_in(&self, subject: &Subject) -> Option<bool>;

    /// Whether the system's own record says that the account is enabled. `None` where there is none.
    async fn is_enabled(&self, subject: &Subject) -> Option<bool>;

    /// Opens a session as this person, and says whether the system has such a thing.
    async fn open_session(&self, subject: &Subject) -> bool;

    /// How many sessions of this person are open, read from the system itself; `None` where it cannot
    /// be known.
    async fn open_sessions(&self, subject: &Subject) -> Option<u32>;

    /// Two levels the system knows, for tests that change them. Empty where it has none.
    fn levels(&self) -> Vec<String>;

    /// The levels of this person, read from the system itself.
    async fn levels_of(&self, subject: &Subject) -> Vec<String>;

    /// Makes the system misbehave from now on, and says whether it can misbehave in this way.
    async fn misbehave(&self, fault: Fault) -> bool;

    /// Lets it behave again.
    async fn behave(&self);

    /// Faults it cannot produce, each with the reason. What is neither produced nor named here fails
    /// the suite, so that no rule passes for want of a fault that nobody missed.
    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        Vec::new()
    }

    /// The proxy before it, where it speaks HTTP.
    fn proxy(&self) -> Option<&FaultyProxy> {
        None
    }

    /// Where its connector finds it, for a front that speaks TLS before it.
    fn address(&self) -> Option<SocketAddr> {
        self.proxy().map(FaultyProxy::address)
    }

    /// A connector to the same system, over TLS at another place. `None` where its settings have no
    /// such address; the suite is then written without `http` and `tls`.
    fn connector_at(&self, _place: &Place) -> Option<Arc<dyn Connector>> {
        None
    }

    /// Hands on what [`Fault::LateChanges`] held back, waits until it is done, and says how much it
    /// was.
    async fn deliver(&self) -> usize {
        match self.proxy() {
            Some(proxy) => proxy.deliver().await,
            None => 0,
        }
    }

    /// Secrets that must never be seen in a receipt, an error or `Debug`: the service account's
    /// password or token, passwords of accounts.
    fn secrets(&self) -> Vec<String>;

    /// The way in that is tested.
    fn way(&self) -> Way {
        Way::Account
    }

    /// Where an opened door forwards mail to, for [`Way::Forwarding`].
    fn forward_to(&self) -> Option<String> {
        None
    }

    /// The `call_timeout` its connectors were built with. Short, so that silence is tested quickly.
    fn call_timeout(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// Whether an account has exactly one level, so that a new one takes the place of the old.
    fn has_one_level_only(&self) -> bool {
        false
    }

    /// Blocks the account as the system's own administrator would, leaving its sessions open, and
    /// says whether that can be done.
    async fn block_by_hand(&self, _subject: &Subject) -> bool {
        false
    }

    /// The class this system's connector gives a fault, where a documented peculiarity of the system
    /// makes it another than [`Fault::class`].
    fn class_of(&self, fault: Fault) -> Option<FailureClass> {
        fault.class()
    }
}
