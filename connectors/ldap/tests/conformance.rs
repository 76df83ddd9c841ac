//! The conformance suite over a small directory in this process, and what its lies lead to. The same
//! suite faces the real slapd and Samba in `real_*.rs`.

mod fake;
mod message;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use drawbridge_conformance::{Fault, Fixture, Place, TcpProxy, suite};
use drawbridge_sdk::{
    AccountState, Ask, BuildContext, CloseCall, Connector, FailureClass, OpenCall, Sessions,
    Subject, Way,
};
use fake::{BASE, Fake, GROUPS, PEOPLE, SERVICE, Trick};
use ldap3::{Ldap, LdapConnAsync};
use serde_json::json;

suite!(
    Practice,
    claims = [
        create,
        set_role,
        disable,
        read_back,
        read_sessions,
        list_accounts
    ],
    tls
);

const SERVICE_PASSWORD: &str = "S3rvice-Secret-9";
const WRONG_PASSWORD: &str = "Wr0ng-Password-7";
const PASSWORD: &str = "Start-Pass-123!";

struct Practice {
    directory: Fake,
    proxy: TcpProxy,
    connector: Arc<dyn Connector>,
    mistaken: Arc<dyn Connector>,
    open: Mutex<Vec<Ldap>>,
    /// Holds the passwords' files.
    folder: tempfile::TempDir,
}

impl Practice {
    fn is_locked(&self, name: &str) -> bool {
        self.directory
            .world()
            .value(&dn(name), "pwdaccountlockedtime")
            .is_some()
    }

    fn play(&self, trick: Trick) {
        self.directory.world().trick = Some(trick);
    }

    async fn bind(&self, dn: &str, password: &str) -> Option<Ldap> {
        let url = format!("ldap://{}", self.directory.address);
        let (connection, mut ldap) = LdapConnAsync::new(&url).await.expect("it listens");
        tokio::spawn(async move { drop(connection.drive().await) });
        let code = ldap.simple_bind(dn, password).await.expect("an answer").rc;
        (code == 0).then_some(ldap)
    }
}

#[async_trait]
impl Fixture for Practice {
    async fn start() -> Self {
        let directory = Fake::start(SERVICE_PASSWORD).await;
        let proxy = TcpProxy::start(directory.address, message::is_change);
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("ldap://{}", proxy.address());
        let with = |password| connector(&url, None, folder.path(), password);
        let (connector, mistaken) = (with(SERVICE_PASSWORD), with(WRONG_PASSWORD));
        let open = Mutex::default();
        let practice = Self {
            directory,
            proxy,
            connector,
            mistaken,
            open,
            folder,
        };
        practice.add_account("canary").await;
        practice
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
        let subject = self.stranger(name);
        let mail = subject.email().expect("an address").to_owned();
        self.directory.add(
            &dn(name),
            &[("uid", name), ("mail", &mail), ("userpassword", PASSWORD)],
        );
        subject
    }

    fn stranger(&self, name: &str) -> Subject {
        Subject {
            user_names: vec![name.to_owned()],
            emails: vec![format!("{name}@practice.test")],
            ..Subject::default()
        }
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        self.is_enabled(subject).await?;
        let before = self.open_sessions(subject).await;
        let is_let_in = self
            .bind(&dn(subject.user_name()?), PASSWORD)
            .await
            .is_some();
        // The directory hears a moment later that this try is over, and must not count it as a session.
        while self.open_sessions(subject).await > before {
            tokio::task::yield_now().await;
        }
        Some(is_let_in)
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        let name = subject.user_name()?;
        self.directory.world().value(&dn(name), "uid")?;
        Some(!self.is_locked(name))
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        let session = self
            .bind(&dn(subject.user_name().expect("a name")), PASSWORD)
            .await;
        self.open.lock().expect("nobody panicked").extend(session);
        true
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        let own = dn(subject.user_name()?);
        u32::try_from(
            self.directory
                .world()
                .bound
                .values()
                .filter(|dn| **dn == own)
                .count(),
        )
        .ok()
    }

    fn levels(&self) -> Vec<String> {
        vec!["nurses".to_owned(), "frontdesk".to_owned()]
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        let own = dn(subject.user_name().expect("a name")).into_bytes();
        let world = self.directory.world();
        let lists = |level: &String| {
            world.entries[&format!("cn={level},{GROUPS}")]["member"].contains(&own)
        };
        self.levels().into_iter().filter(lists).collect()
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        let trick = match fault {
            Fault::Status(400) => Trick::Code(21),
            Fault::Status(403) => Trick::Code(50),
            Fault::Status(409) => Trick::Code(68),
            Fault::Status(500) => Trick::Code(80),
            Fault::Status(503) => Trick::Code(51),
            Fault::HtmlPage => Trick::HtmlPage,
            Fault::Redirect => Trick::Refers,
            Fault::SaysYesDoesNothing => Trick::SaysYesDoesNothing,
            Fault::SomebodyElse => Trick::SomebodyElse,
            Fault::Blind => Trick::Blind,
            _ => return self.proxy.misbehave(fault).await,
        };
        self.play(trick);
        true
    }

    async fn behave(&self) {
        self.directory.world().trick = None;
        self.proxy.behave();
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.proxy.address())
    }

    fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
        let url = format!("ldaps://{}", place.host);
        let (ca_file, folder) = (Some(place.ca_file.as_path()), self.folder.path());
        Some(connector(&url, ca_file, folder, SERVICE_PASSWORD))
    }

    async fn deliver(&self) -> usize {
        self.proxy.deliver().await
    }

    fn secrets(&self) -> Vec<String> {
        [SERVICE_PASSWORD, WRONG_PASSWORD, PASSWORD]
            .map(str::to_owned)
            .to_vec()
    }
}

fn connector(
    url: &str,
    ca_file: Option<&Path>,
    folder: &Path,
    password: &str,
) -> Arc<dyn Connector> {
    std::fs::write(folder.join(password), password).expect("written");
    let settings = json!({
        "url": url,
        "ca_file": ca_file,
        "allow_plain_ldap": true,
        "flavor": "openldap",
        "bind_dn": SERVICE,
        "bind_password": { "file": password },
        "base_dn": BASE,
        "people_ou": PEOPLE,
        "group_base": GROUPS,
        "monitor_dn": "cn=Monitor",
        // Whoever returns signs in with the password of before.
        "scramble_password": false,
    });
    let context = BuildContext {
        base_dir: folder.to_owned(),
        call_timeout: Duration::from_secs(2),
        ..BuildContext::named("directory")
    };
    drawbridge_ldap::kind()
        .build(settings, &context)
        .expect("usable settings")
}

fn dn(name: &str) -> String {
    format!("uid={name},{PEOPLE}")
}

fn ask(subject: &Subject) -> Ask {
    Ask {
        subject: subject.clone(),
        way: Way::Account,
        canary: Some("canary".to_owned()),
    }
}

fn close(subject: &Subject) -> CloseCall {
    CloseCall {
        subject: subject.clone(),
        way: Way::Account,
        managed_levels: Vec::new(),
        idempotency_key: "k-1".to_owned(),
    }
}

#[tokio::test]
async fn a_directory_that_says_yes_and_does_nothing_is_never_believed() {
    let practice = Practice::start().await;
    let nina = practice.add_account("nina").await;
    practice.play(Trick::SaysYesDoesNothing);

    let outcome = practice
        .connector()
        .close(&close(&nina))
        .await
        .expect("tried");

    assert_eq!(
        outcome.failure().expect("read back as it was").class,
        FailureClass::Contract
    );
    assert!(!practice.is_locked("nina"));
}

#[tokio::test]
async fn a_refused_group_change_is_no_repeat_while_the_group_still_lists_them() {
    let practice = Practice::start().await;
    let nina = practice.add_account("nina").await;
    let connector = practice.connector.clone();
    connector.close(&close(&nina)).await.expect("closed");
    let member = vec![SERVICE.as_bytes().to_vec(), dn("nina").into_bytes()];
    let nurses = format!("cn=nurses,{GROUPS}");
    practice
        .directory
        .world()
        .entries
        .get_mut(&nurses)
        .expect("there")
        .insert("member".into(), member);
    let take_groups = CloseCall {
        managed_levels: vec!["nurses".to_owned()],
        ..close(&nina)
    };

    // Active Directory's code for a member that is gone already, and for much else.
    practice.play(Trick::Code(53));
    let refused = connector.close(&take_groups).await.expect("tried");
    practice.directory.world().trick = None;
    let done = connector.close(&take_groups).await.expect("closed");

    assert_eq!(
        refused.failure().expect("still listed").class,
        FailureClass::Refused
    );
    assert!(done.failure().is_none(), "{done:?}");
}

#[tokio::test]
async fn a_person_of_two_accounts_is_shut_out_of_both_and_let_into_none_by_guess() {
    let practice = Practice::start().await;
    let mut nina = practice.add_account("nina").await;
    practice.add_account("nina-admin").await;
    nina.emails = vec!["nina-admin@practice.test".to_owned()];
    let connector = practice.connector.clone();
    let open = OpenCall {
        subject: nina.clone(),
        way: Way::Account,
        levels: Vec::new(),
        managed_levels: Vec::new(),
        forward_to: None,
        until: None,
        idempotency_key: "k-1".to_owned(),
    };

    let closed = connector.close(&close(&nina)).await.expect("closed");
    let error = connector.open(&open).await.expect_err("which one?");

    assert_eq!(closed.accounts.len(), 2);
    assert!(practice.is_locked("nina") && practice.is_locked("nina-admin"));
    assert_eq!(error.class, FailureClass::Refused);
    let seen = connector.observe(&ask(&nina)).await.expect("read");
    assert!(
        seen.accounts
            .iter()
            .all(|account| account.state == AccountState::Disabled)
    );
}

#[tokio::test]
async fn a_monitor_that_shows_nothing_proves_nothing() {
    let practice = Practice::start().await;
    let nina = practice.add_account("nina").await;
    let connector = practice.connector.clone();
    practice.directory.world().hides_connections = true;

    let seen = connector.observe(&ask(&nina)).await.expect("read");
    let error = connector.check().await.expect_err("found at once");

    assert_eq!(seen.accounts[0].sessions, Sessions::NotReadable);
    assert_eq!(seen.residual.len(), 1);
    assert_eq!(error.class, FailureClass::Refused);
}
