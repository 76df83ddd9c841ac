//! The same promises against the real FreeRADIUS, asked by its own reference client `radclient`. The
//! gateway is a stand-in: a second virtual server that answers real Disconnect-Requests from the
//! accounting tables. No tunnel is cut.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{
    AccountState, Ask, BuildContext, CloseCall, Connector, Effect, FailureClass, OpenCall, Outcome,
    Sessions, Subject, Way,
};
use serde_json::json;
use support::tables::Tables;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

struct Practice {
    server: RealSystem,
    tables: Tables,
    folder: TempDir,
}

impl Practice {
    /// The real server with nina, who may sign in.
    async fn start() -> Self {
        let server = RealSystem::start("freeradius");
        let tables = Tables::open(Path::new(server.var("RADIUS_DB"))).await;
        tables.add_user("nina", "pw1").await;
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("secret"), server.var("SECRET")).expect("the secret");
        Self {
            server,
            tables,
            folder,
        }
    }

    fn connector(&self) -> Arc<dyn Connector> {
        let settings = json!({
            "database": format!("sqlite://{}", self.server.var("RADIUS_DB")),
            "coa_secret": { "file": "secret" },
            "gateways": { "127.0.0.1": { "coa_address": self.server.var("COA_ADDRESS") } },
        });
        let context = BuildContext {
            base_dir: self.folder.path().to_owned(),
            call_timeout: Duration::from_secs(6),
            ..BuildContext::named("vpn")
        };
        drawbridge_radius::kind()
            .build(settings, &context)
            .expect("usable settings")
    }

    async fn close(&self) -> Outcome {
        let call = CloseCall {
            subject: nina(),
            way: Way::Account,
            managed_levels: vec!["vpn-staff".to_owned()],
            idempotency_key: "k1".to_owned(),
        };
        self.connector().close(&call).await.expect("an outcome")
    }

    async fn sessions(&self) -> Sessions {
        let ask = Ask {
            subject: nina(),
            way: Way::Account,
            canary: None,
        };
        let seen = self.connector().observe(&ask).await.expect("a reading");
        seen.accounts[0].sessions
    }

    /// Whether the server lets somebody in.
    async fn signs_in(&self, user: &str, password: &str) -> bool {
        let attributes = format!("User-Name={user}\nUser-Password={password}\n");
        let said = self.radclient("AUTH_ADDRESS", "auth", &attributes).await;
        assert!(
            said.contains("Access-Accept") || said.contains("Access-Reject"),
            "{said}"
        );
        said.contains("Access-Accept")
    }

    /// Tells the server that a session began, as a gateway does.
    async fn start_session(&self, user: &str, session: &str) {
        let attributes = format!(
            "User-Name={user}\nAcct-Session-Id={session}\nAcct-Status-Type=Start\n\
             NAS-IP-Address=127.0.0.1\nNAS-Port=1\n"
        );
        let said = self.radclient("ACCT_ADDRESS", "acct", &attributes).await;
        assert!(said.contains("Accounting-Response"), "{said}");
    }

    async fn radclient(&self, address: &str, command: &str, attributes: &str) -> String {
        let mut client = Command::new("radclient")
            .args([
                "-x",
                "-t",
                "5",
                "-r",
                "2",
                self.server.var(address),
                command,
            ])
            .arg(self.server.var("SECRET"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("radclient, of the package freeradius-utils");
        let request = format!("{attributes}Message-Authenticator=0x00\n");
        let mut stdin = client.stdin.take().expect("its input");
        stdin
            .write_all(request.as_bytes())
            .await
            .expect("the request");
        drop(stdin);
        let output = client.wait_with_output().await.expect("its output");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn nina() -> Subject {
    Subject {
        person: "p1".to_owned(),
        user_names: vec!["nina".to_owned()],
        ..Subject::default()
    }
}

#[tokio::test]
async fn sign_in_that_worked_is_refused_after_closing_and_admitted_after_opening() {
    let practice = Practice::start().await;
    assert!(practice.signs_in("nina", "pw1").await);

    practice.close().await;
    practice.close().await;
    let refused = !practice.signs_in("nina", "pw1").await;
    let rows = practice.tables.refusing_rows("nina").await;
    let call = OpenCall {
        subject: nina(),
        way: Way::Account,
        levels: vec!["vpn-staff".to_owned()],
        managed_levels: vec!["vpn-staff".to_owned()],
        forward_to: None,
        until: None,
        idempotency_key: "k2".to_owned(),
    };
    practice.connector().open(&call).await.expect("an outcome");

    assert!(refused);
    assert_eq!(rows, 1, "closing twice leaves one row");
    assert!(practice.signs_in("nina", "pw1").await);
    assert_eq!(practice.tables.groups("nina").await, ["vpn-staff"]);
}

#[tokio::test]
async fn open_sessions_are_cut_by_disconnect_request() {
    let practice = Practice::start().await;
    practice.start_session("nina", "S1").await;
    practice.start_session("nina", "S2").await;
    let before = practice.sessions().await;

    let outcome = practice.close().await;

    assert_eq!(before, Sessions::Open(2));
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    let acknowledged = outcome
        .receipts
        .iter()
        .filter(|step| step.status.as_deref() == Some("Disconnect-ACK"));
    assert_eq!(acknowledged.count(), 2);
    assert_eq!(practice.sessions().await, Sessions::None);
}

#[tokio::test]
async fn a_stopped_gateway_is_a_failure_and_its_sessions_count_as_open() {
    let practice = Practice::start().await;
    practice.start_session("nina", "S1").await;
    practice.server.stop();

    let outcome = practice.close().await;

    let Effect::Failed(error) = &outcome.sessions_ended else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Retryable);
    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(practice.sessions().await, Sessions::Open(1));
    practice.server.start_again();
    assert!(!practice.signs_in("nina", "pw1").await);
    assert!(matches!(
        practice.close().await.sessions_ended,
        Effect::Done
    ));
}

#[tokio::test]
async fn a_wrong_shared_secret_is_a_failure() {
    let practice = Practice::start().await;
    practice.start_session("nina", "S1").await;
    std::fs::write(practice.folder.path().join("secret"), "wrong").expect("the secret");

    let outcome = practice.close().await;

    let Effect::Failed(error) = &outcome.sessions_ended else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Retryable);
    assert_eq!(practice.sessions().await, Sessions::Open(1));
}

#[tokio::test]
async fn a_group_that_overrides_the_refusal_lets_her_in_and_is_reported() {
    let practice = Practice::start().await;
    practice
        .tables
        .add_group_check("legacy", "Auth-Type", ":=", "PAP")
        .await;
    practice.tables.add_to_group("nina", "legacy").await;

    let outcome = practice.close().await;

    assert!(
        practice.signs_in("nina", "pw1").await,
        "FreeRADIUS weighs the group higher"
    );
    let Effect::Failed(error) = &outcome.blocked else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Refused);
    let ask = Ask {
        subject: nina(),
        way: Way::Account,
        canary: None,
    };
    let seen = practice.connector().observe(&ask).await.expect("a reading");
    assert_eq!(seen.accounts[0].state, AccountState::Enabled);
}

#[tokio::test]
async fn what_counts_as_refused_is_what_freeradius_refuses() {
    let practice = Practice::start().await;
    let rows = [
        ("==", "Reject", false),
        (":=", "Accept", false),
        (":=", "Reject", true),
    ];

    for (op, value, refused) in rows {
        practice
            .tables
            .add_check("nina", "Auth-Type", op, value)
            .await;
        let ask = Ask {
            subject: nina(),
            way: Way::Account,
            canary: None,
        };
        let seen = practice.connector().observe(&ask).await.expect("a reading");

        assert_eq!(
            seen.accounts[0].state == AccountState::Disabled,
            refused,
            "{op} {value}"
        );
        assert_eq!(
            !practice.signs_in("nina", "pw1").await,
            refused,
            "{op} {value}"
        );
    }
}

#[tokio::test]
async fn passwords_that_were_tried_are_in_no_receipt() {
    let practice = Practice::start().await;
    practice.signs_in("nina", "typed-by-mistake").await;

    let outcome = practice.close().await;

    let ask = Ask {
        subject: nina(),
        way: Way::Account,
        canary: None,
    };
    let seen = practice.connector().observe(&ask).await.expect("a reading");
    let written = format!("{:?} {:?}", outcome.receipts, seen.receipts);
    for secret in [
        "typed-by-mistake",
        "pw1",
        practice.server.var("SECRET"),
        "nina",
    ] {
        assert!(!written.contains(secret), "{secret}");
    }
}
