//! The conformance suite over a user table and a doveadm inside this process.
//!
//! Two systems stand behind this connector. Network faults are doveadm's; the table goes blind and
//! refuses the credential. A doveadm that refuses or lies does not keep the table from being
//! written, so those faults have tests of their own in `answers.rs`.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use drawbridge_conformance::{
    Asks, Canned, DatabaseFault, Fault, FaultyDatabase, FaultyProxy, Fixture, Place, Seen,
};
use drawbridge_sdk::{BuildContext, Connector, FailureClass, Subject};
use serde_json::json;
use support::{API_KEY, Practice, users::Users};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const PASSWORD: &str = "her-own-password";
const CANARY: &str = "canary@practice.test";
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// A mail server whose connector makes missing mailboxes, or does not.
struct Mail<const CREATES: bool> {
    practice: Practice,
    proxy: FaultyProxy,
    /// Kept, so that it goes on refusing.
    _refusing: FaultyDatabase,
}

impl<const CREATES: bool> Mail<CREATES> {
    async fn begin() -> Self {
        let practice = Practice::start().await;
        practice.users.add(CANARY, PASSWORD).await;
        Users::create(&practice.folder.path().join("empty.db")).await;
        let refusing = FaultyDatabase::start(DatabaseFault::RefusesLogin).await;
        let write = |name: &str, text: &str| {
            std::fs::write(practice.folder.path().join(name), text).expect("a file");
        };
        write("refusing", &refusing.url());
        write("database", "sqlite://users.db");
        let proxy = FaultyProxy::start_with(practice.doveadm.address, asks)
            .answering(Fault::ErrorInsideSuccess, |seen| {
                let error =
                    json!([["error", { "type": "exitCode", "exitCode": 75 }, "drawbridge"]]);
                (seen.method == "POST").then(|| Canned::json(200, error.to_string()))
            })
            .answering(Fault::SomebodyElse, |seen| {
                let row = json!({
                    "result": "bertram.oaks@practice.test",
                    "username": "bertram.oaks@practice.test", "connections": "1", "service": "imap",
                });
                let answer = json!([["doveadmResponse", [row], "drawbridge"]]);
                (seen.method == "POST").then(|| Canned::json(200, answer.to_string()))
            });
        Self {
            practice,
            proxy,
            _refusing: refusing,
        }
    }

    fn build(&self, address_file: &str) -> Arc<dyn Connector> {
        self.build_at(&self.proxy.url(), None, address_file)
    }

    fn build_at(
        &self,
        origin: &str,
        ca_file: Option<&Path>,
        address_file: &str,
    ) -> Arc<dyn Connector> {
        let settings = json!({
            "doveadm_url": format!("{origin}/doveadm/v1"),
            "ca_file": ca_file,
            "api_key": { "file": "key" },
            "allow_plain_http": true,
            "user_database": { "file": address_file },
            "create": CREATES,
        });
        let context = BuildContext {
            base_dir: self.practice.folder.path().to_owned(),
            call_timeout: CALL_TIMEOUT,
            ..BuildContext::named("mail")
        };
        drawbridge_dovecot::kind()
            .build(settings, &context)
            .expect("usable settings")
    }

    /// The address is a secret that is read at each call, so blindness is another address.
    fn point_to(&self, address: &str) {
        std::fs::write(self.practice.folder.path().join("database"), address).expect("the address");
    }
}

fn asks(seen: &Seen) -> Asks {
    let reads = ["\"who\"", "\"sieveList\"", "\"sieveGet\""];
    if seen.method == "GET" || reads.iter().any(|command| seen.body.contains(command)) {
        Asks::Reads
    } else {
        Asks::Changes
    }
}

fn email(subject: &Subject) -> &str {
    subject.email().expect("an address")
}

#[async_trait]
impl<const CREATES: bool> Fixture for Mail<CREATES> {
    async fn start() -> Self {
        Self::begin().await
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.build("database")
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.build("refusing")
    }

    fn canary(&self) -> String {
        CANARY.to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        let subject = self.stranger(name);
        self.practice.users.add(email(&subject), PASSWORD).await;
        subject
    }

    fn stranger(&self, name: &str) -> Subject {
        Subject {
            person: name.to_owned(),
            user_names: vec![format!("{name}@practice.test")],
            emails: vec![format!("{name}@practice.test")],
            ..Subject::default()
        }
    }

    /// As Dovecot does it: what is cached counts, and a login that worked is cached.
    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        let email = email(subject);
        let is_enabled = self.practice.users.is_enabled(email).await?;
        let mut world = self.practice.doveadm.world();
        if is_enabled && !world.cached.iter().any(|login| login == email) {
            world.cached.push(email.to_owned());
        }
        Some(world.cached.iter().any(|login| login == email))
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        self.practice.users.is_enabled(email(subject)).await
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        let mut world = self.practice.doveadm.world();
        *world.sessions.entry(email(subject).to_owned()).or_default() += 1;
        true
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        let world = self.practice.doveadm.world();
        Some(
            world
                .sessions
                .get(email(subject))
                .copied()
                .unwrap_or_default(),
        )
    }

    fn levels(&self) -> Vec<String> {
        Vec::new()
    }

    async fn levels_of(&self, _: &Subject) -> Vec<String> {
        Vec::new()
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        match fault {
            Fault::Blind => {
                self.point_to("sqlite://empty.db");
                true
            }
            Fault::Status(400..=499) | Fault::SaysYesDoesNothing => false,
            fault => self.proxy.misbehave(fault).await,
        }
    }

    async fn behave(&self) {
        self.proxy.behave();
        self.point_to("sqlite://users.db");
    }

    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        let beside = "the table is written whatever doveadm says";
        [
            Fault::Status(400),
            Fault::Status(403),
            Fault::Status(409),
            Fault::SaysYesDoesNothing,
        ]
        .map(|fault| (fault, beside))
        .into()
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
        let origin = format!("https://{}", place.host);
        Some(self.build_at(&origin, Some(&place.ca_file), "database"))
    }

    fn secrets(&self) -> Vec<String> {
        vec![
            API_KEY.to_owned(),
            STANDARD.encode(API_KEY),
            PASSWORD.to_owned(),
            "wrong-database-password".to_owned(),
        ]
    }

    fn call_timeout(&self) -> Duration {
        CALL_TIMEOUT
    }

    async fn block_by_hand(&self, subject: &Subject) -> bool {
        self.practice.users.set_enabled(email(subject), false).await;
        true
    }

    fn class_of(&self, fault: Fault) -> Option<FailureClass> {
        match fault {
            // Exit code 75 inside a 200: later.
            Fault::ErrorInsideSuccess => Some(FailureClass::Retryable),
            fault => fault.class(),
        }
    }
}

mod as_it_comes {
    drawbridge_conformance::suite!(
        super::Mail<false>,
        claims = [
            disable,
            end_sessions,
            read_back,
            read_sessions,
            list_accounts
        ],
        http
    );
}

mod creating {
    drawbridge_conformance::suite!(
        super::Mail<true>,
        claims = [
            create,
            disable,
            end_sessions,
            read_back,
            read_sessions,
            list_accounts
        ],
        http
    );
}
