//! The conformance suite over Samba. The domain takes passwords only over TLS, so the connector speaks
//! plain LDAP to a proxy that can tell a change from a reading, and from there on it is encrypted.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use drawbridge_conformance::{Fault, Fixture, TcpProxy, suite};
use drawbridge_sdk::{Connector, Subject};
use ldap3::Ldap;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
};
use tokio_rustls::TlsConnector;

use super::{BITS, CANARY, PASSWORD, Samba};
use crate::support::{self, person};

suite!(
    Domain,
    claims = [create, set_role, disable, read_back, list_accounts]
);

struct Domain {
    samba: Mutex<Samba>,
    proxy: TcpProxy,
    connector: Arc<dyn Connector>,
    mistaken: Arc<dyn Connector>,
    service_password: String,
    open: Mutex<Vec<Ldap>>,
}

/// An address where plain connections are taken and handed on to the domain encrypted.
async fn in_the_clear(samba: &Samba) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(samba.system.var("CA_FILE")).expect("readable");
    roots.add(authority).expect("a certificate");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let domain = samba.system.var("ADDRESS").to_owned();
    let name = ServerName::try_from(domain.clone()).expect("a name");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let (connector, name, domain) = (connector.clone(), name.clone(), domain.clone());
            tokio::spawn(async move {
                let stream = TcpStream::connect((domain.as_str(), 636)).await?;
                let mut encrypted = connector.connect(name, stream).await?;
                tokio::io::copy_bidirectional(&mut plain, &mut encrypted).await
            });
        }
    });
    address
}

#[async_trait]
impl Fixture for Domain {
    async fn start() -> Self {
        let samba = Samba::start().await;
        let proxy = TcpProxy::start(in_the_clear(&samba).await, crate::message::is_change);
        let settings = |bind_password: Option<Value>| {
            let mut changes = json!({
                "url": format!("ldap://{}", proxy.address()),
                "allow_plain_ldap": true,
            });
            if let Some(reference) = bind_password {
                changes["bind_password"] = reference;
            }
            samba.connector_with(changes)
        };
        let (connector, mistaken) = (
            settings(None),
            settings(Some(support::wrong_password(&samba.system))),
        );
        Self {
            connector,
            mistaken,
            service_password: samba.system.var("BIND_PASSWORD").to_owned(),
            samba: Mutex::new(samba),
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
        CANARY.to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        self.samba.lock().await.add(name).await
    }

    fn stranger(&self, name: &str) -> Subject {
        person(name)
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        self.is_enabled(subject).await?;
        let samba = self.samba.lock().await;
        Some(samba.log_in(subject.user_name()?, PASSWORD).await.is_ok())
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        let mut samba = self.samba.lock().await;
        let dn = samba.dn(subject.user_name()?);
        let bits = support::values(&mut samba.admin, &dn, "userAccountControl")
            .await
            .pop()?;
        Some([BITS, "512"].contains(&bits.as_str()))
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        let samba = self.samba.lock().await;
        let session = samba
            .log_in(subject.user_name().expect("a name"), PASSWORD)
            .await;
        self.open.lock().await.extend(session);
        true
    }

    async fn open_sessions(&self, _subject: &Subject) -> Option<u32> {
        None
    }

    fn levels(&self) -> Vec<String> {
        vec!["nurses".to_owned(), "frontdesk".to_owned()]
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        let mut samba = self.samba.lock().await;
        let dn = samba.dn(subject.user_name().expect("a name"));
        samba.groups_of(&dn).await
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
