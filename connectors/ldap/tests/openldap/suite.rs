//! The conformance suite over slapd. It speaks plain LDAP here, so that the proxy between them can
//! tell a change from a reading; encrypted connections have tests of their own.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use drawbridge_conformance::{Fault, Fixture, TcpProxy, suite};
use drawbridge_sdk::{Connector, Subject};
use ldap3::{Ldap, Scope};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{LOCKED, OpenLdap, PASSWORD};
use crate::support::{self, person};

suite!(
    Slapd,
    claims = [
        create,
        set_role,
        disable,
        read_back,
        read_sessions,
        list_accounts
    ]
);

struct Slapd {
    directory: Mutex<OpenLdap>,
    proxy: TcpProxy,
    connector: Arc<dyn Connector>,
    mistaken: Arc<dyn Connector>,
    service_password: String,
    open: Mutex<Vec<Ldap>>,
}

#[async_trait]
impl Fixture for Slapd {
    async fn start() -> Self {
        let directory = OpenLdap::start().await;
        let upstream = directory
            .system
            .var("LDAP_URL")
            .trim_start_matches("ldap://")
            .to_owned();
        let proxy = TcpProxy::start(
            upstream.parse().expect("an address"),
            crate::message::is_change,
        );
        let settings = |bind_password: Option<Value>| {
            let mut changes = json!({
                "url": format!("ldap://{}", proxy.address()),
                "allow_plain_ldap": true,
                "monitor_dn": "cn=Monitor",
                // Whoever returns signs in with the password of before.
                "scramble_password": false,
            });
            if let Some(reference) = bind_password {
                changes["bind_password"] = reference;
            }
            directory.connector_with(changes)
        };
        let (connector, mistaken) = (
            settings(None),
            settings(Some(support::wrong_password(&directory.system))),
        );
        Self {
            connector,
            mistaken,
            service_password: directory.system.var("BIND_PASSWORD").to_owned(),
            directory: Mutex::new(directory),
            proxy,
            open: Mutex::default(),
        }
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.mistaken.clone()
    }

    fn canary(&self) -> String {
        "canary".to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        self.directory.lock().await.add(name).await
    }

    fn stranger(&self, name: &str) -> Subject {
        person(name)
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        self.is_enabled(subject).await?;
        let before = self.open_sessions(subject).await;
        let tried = {
            let directory = self.directory.lock().await;
            directory.log_in(subject.user_name()?, PASSWORD).await
        };
        let is_let_in = tried.is_ok();
        drop(tried);
        // The directory hears a moment later that this try is over, and must not count it as a session.
        while self.open_sessions(subject).await > before {
            tokio::task::yield_now().await;
        }
        Some(is_let_in)
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        let mut directory = self.directory.lock().await;
        let name = subject.user_name()?;
        directory.value(name, "uid").await?;
        Some(
            directory
                .value(name, "pwdAccountLockedTime")
                .await
                .as_deref()
                != Some(LOCKED),
        )
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        let directory = self.directory.lock().await;
        let session = directory
            .log_in(subject.user_name().expect("a name"), PASSWORD)
            .await;
        self.open.lock().await.extend(session);
        true
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        let mut directory = self.directory.lock().await;
        let own = directory.dn(subject.user_name()?);
        let filter = format!(
            "(monitorConnectionAuthzDN={})",
            ldap3::ldap_escape(own.as_str())
        );
        let base = "cn=Connections,cn=Monitor";
        let found = directory
            .admin
            .search(base, Scope::OneLevel, &filter, ["1.1"])
            .await
            .ok()?;
        u32::try_from(found.0.len()).ok()
    }

    fn levels(&self) -> Vec<String> {
        vec!["nurses".to_owned(), "frontdesk".to_owned()]
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        let name = subject.user_name().expect("a name").to_owned();
        self.directory.lock().await.groups_of(&name).await
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        self.proxy.misbehave(fault).await
    }

    async fn behave(&self) {
        self.proxy.behave();
    }

    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        let real = "a real directory does not lie; the one in `tests/fake` does";
        [Fault::SaysYesDoesNothing, Fault::SomebodyElse, Fault::Blind]
            .map(|fault| (fault, real))
            .into()
    }

    async fn deliver(&self) -> usize {
        self.proxy.deliver().await
    }

    fn secrets(&self) -> Vec<String> {
        let passwords = [
            self.service_password.as_str(),
            support::WRONG_PASSWORD,
            PASSWORD,
        ];
        passwords.map(str::to_owned).to_vec()
    }

    fn call_timeout(&self) -> Duration {
        support::CALL_TIMEOUT
    }
}
