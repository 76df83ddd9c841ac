//! The same promises against the real Dovecot and Postfix, with a mail program's eyes.

use std::{path::Path, sync::OnceLock, time::Duration};

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{AccountState, Connector, Effect, FailureClass, Sessions, Subject, Way};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{
    ask, close, connector, forward,
    mail::{Imap, ManageSieve, Smtp},
    open,
    users::Users,
};
use tempfile::TempDir;
use tokio::time::timeout;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const FAR: &str = "2999-01-01T00:00:00Z";
/// Longest time to wait for a message or a closed connection on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server for all tests that leave it running; each has people of its own.
fn shared_server() -> &'static RealSystem {
    static SERVER: OnceLock<RealSystem> = OnceLock::new();
    SERVER.get_or_init(|| RealSystem::start("dovecot"))
}

/// A nurse and her supervisor with mailboxes on the real server.
struct Practice<'s> {
    server: &'s RealSystem,
    users: Users,
    folder: TempDir,
    nurse: String,
    supervisor: String,
}

impl<'s> Practice<'s> {
    async fn with(server: &'s RealSystem, test: &str) -> Self {
        let users = Users::open(Path::new(server.var("USERS_DB"))).await;
        let nurse = format!("nina-{test}@practice.test");
        let supervisor = format!("super-{test}@practice.test");
        users.add(&nurse, "pw1").await;
        users.add(&supervisor, "pw2").await;
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("key"), server.var("DOVEADM_API_KEY")).expect("the key");
        Self {
            server,
            users,
            folder,
            nurse,
            supervisor,
        }
    }

    fn settings(&self) -> Value {
        json!({
            "doveadm_url": self.server.var("DOVEADM_URL"),
            "api_key": { "file": "key" },
            "allow_plain_http": true,
            "user_database": format!("sqlite://{}", self.server.var("USERS_DB")),
        })
    }

    fn connector(&self) -> Arc<dyn Connector> {
        connector(self.settings(), self.folder.path())
    }

    fn subject(&self) -> Subject {
        Subject {
            emails: vec![self.nurse.clone()],
            ..Subject::default()
        }
    }

    async fn close(&self, way: Way) -> drawbridge_sdk::Outcome {
        self.connector()
            .close(&close(self.subject(), way))
            .await
            .expect("an outcome")
    }

    async fn forward(&self, until: &str) {
        let mut call = forward(self.subject(), until);
        call.forward_to = Some(self.supervisor.clone());
        self.connector().open(&call).await.expect("an outcome");
    }

    /// Ids and states of what a reading shows.
    async fn seen(&self, way: Way) -> Vec<(String, AccountState, Sessions)> {
        let seen = self
            .connector()
            .observe(&ask(self.subject(), way))
            .await
            .expect("a reading");
        let accounts = seen.accounts.into_iter();
        accounts
            .map(|account| (account.id.0, account.state, account.sessions))
            .collect()
    }

    async fn imap(&self) -> Option<Imap> {
        Imap::login(self.server.var("IMAP_ADDRESS"), &self.nurse, "pw1").await
    }

    async fn smtp(&self) -> Option<Smtp> {
        Smtp::login(self.server.var("SUBMISSION_ADDRESS"), &self.nurse, "pw1").await
    }

    async fn sieve(&self) -> ManageSieve {
        ManageSieve::login(self.server.var("SIEVE_ADDRESS"), &self.nurse, "pw1").await
    }

    async fn supervisors_inbox(&self) -> Imap {
        let address = self.server.var("IMAP_ADDRESS");
        Imap::login(address, &self.supervisor, "pw2")
            .await
            .expect("her login")
    }

    /// A message from outside.
    async fn receive(&self, to: &str, subject: &str) {
        let mut smtp = Smtp::connect(self.server.var("SMTP_ADDRESS")).await;
        assert!(
            smtp.mail("patient@example.test", to, subject).await,
            "taken"
        );
    }
}

#[tokio::test]
async fn logins_that_worked_are_refused_although_the_cache_knows_them() {
    let practice = Practice::with(shared_server(), "cache").await;
    // Each login also fills the cache, for an hour.
    assert!(practice.imap().await.is_some());
    assert!(practice.smtp().await.is_some());

    let outcome = practice.close(Way::Account).await;

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert!(practice.imap().await.is_none());
    assert!(practice.smtp().await.is_none());
    assert_eq!(
        practice.seen(Way::Account).await[0].1,
        AccountState::Disabled
    );

    let call = open(practice.subject());
    practice.connector().open(&call).await.expect("an outcome");

    assert!(practice.imap().await.is_some());
    assert!(practice.smtp().await.is_some());
}

#[tokio::test]
async fn without_the_flush_the_cache_would_let_her_in() {
    let practice = Practice::with(shared_server(), "stale").await;
    assert!(practice.imap().await.is_some());

    // What a close would be if it only wrote the table.
    practice.users.set_enabled(&practice.nurse, false).await;

    assert!(
        practice.imap().await.is_some(),
        "the cache answers for the table"
    );
    practice.close(Way::Account).await;
    assert!(
        practice.imap().await.is_none(),
        "closing flushes it, though the row was as wanted"
    );
}

#[tokio::test]
async fn open_imap_sessions_are_cut() {
    let practice = Practice::with(shared_server(), "kick").await;
    let mut first = practice.imap().await.expect("a session");
    let second = practice.imap().await.expect("a session");
    assert_eq!(practice.seen(Way::Account).await[0].2, Sessions::Open(2));
    assert!(first.is_open().await);

    let outcome = practice.close(Way::Account).await;

    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    timeout(PATIENCE, async {
        first.closed().await;
        second.closed().await;
        while practice.seen(Way::Account).await[0].2 != Sessions::None {}
    })
    .await
    .expect("both are cut, and `who` shows none");
    let again = practice.close(Way::Account).await;
    assert!(
        matches!(again.sessions_ended, Effect::AlreadyInState),
        "{again:?}"
    );
}

#[tokio::test]
async fn an_open_smtp_session_goes_on_and_is_named_as_residual() {
    let practice = Practice::with(shared_server(), "smtp").await;
    let mut session = practice.smtp().await.expect("a session");

    let outcome = practice.close(Way::Account).await;

    assert!(practice.smtp().await.is_none());
    let sent = session
        .mail(&practice.nurse, &practice.supervisor, "still here")
        .await;
    assert!(sent, "neither the table nor the kick reaches Postfix");
    assert_eq!(outcome.residual.len(), 1);
    assert_eq!(outcome.residual[0].longest, None);
}

#[tokio::test]
async fn mail_goes_to_the_supervisor_and_stays_in_the_mailbox_of_a_closed_login() {
    let practice = Practice::with(shared_server(), "forward").await;
    practice
        .sieve()
        .await
        .activate("rules", "require \"fileinto\"; keep;\r\n")
        .await;
    practice.close(Way::Account).await;

    practice.forward(FAR).await;
    practice.receive(&practice.nurse, "lab result").await;

    let mut inbox = practice.supervisors_inbox().await;
    timeout(PATIENCE, inbox.wait_for("lab result"))
        .await
        .expect("it is forwarded");
    let (id, state, _) = &practice.seen(Way::Forwarding).await[0];
    assert_eq!((id, *state), (&practice.nurse, AccountState::Enabled));

    let outcome = practice.close(Way::Forwarding).await;

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(
        practice.seen(Way::Forwarding).await[0].1,
        AccountState::Disabled
    );
    practice
        .connector()
        .open(&open(practice.subject()))
        .await
        .expect("an outcome");
    assert_eq!(practice.sieve().await.list().await, ["\"rules\" ACTIVE"]);
    assert_eq!(
        practice
            .imap()
            .await
            .expect("her login")
            .count("lab result")
            .await,
        1
    );
}

#[tokio::test]
async fn a_forward_ends_by_itself_on_its_day() {
    let practice = Practice::with(shared_server(), "expiry").await;
    practice.forward("2020-01-01T00:00:00Z").await;

    practice.receive(&practice.nurse, "too late").await;
    let mut own = practice.imap().await.expect("her login");
    timeout(PATIENCE, own.wait_for("too late"))
        .await
        .expect("it is delivered");
    practice.receive(&practice.supervisor, "afterwards").await;

    let mut inbox = practice.supervisors_inbox().await;
    timeout(PATIENCE, inbox.wait_for("afterwards"))
        .await
        .expect("it is delivered");
    assert_eq!(inbox.count("too late").await, 0);
    assert_eq!(
        practice.seen(Way::Forwarding).await[0].1,
        AccountState::Disabled
    );
}

#[tokio::test]
async fn a_private_forward_is_seen_and_stopped() {
    let practice = Practice::with(shared_server(), "private").await;
    let script = format!("redirect \"{}\";\r\n", practice.supervisor);
    practice.sieve().await.activate("private", &script).await;
    let before = practice.seen(Way::Forwarding).await;

    practice.close(Way::Forwarding).await;
    practice.receive(&practice.nurse, "stays here").await;

    assert_eq!(before[1].0, format!("{}/private", practice.nurse));
    assert_eq!(before[1].1, AccountState::Enabled);
    let mut own = practice.imap().await.expect("her login");
    timeout(PATIENCE, own.wait_for("stays here"))
        .await
        .expect("it is kept");
    assert_eq!(
        practice.supervisors_inbox().await.count("stays here").await,
        0
    );
    assert_eq!(practice.sieve().await.list().await, ["\"private\""]);
}

#[tokio::test]
async fn an_error_inside_a_success_is_a_failure() {
    let practice = Practice::with(shared_server(), "error").await;
    // A row without a home: Dovecot answers HTTP 200 with an error inside.
    let hostile = Subject {
        emails: vec!["error/../x@practice.test".to_owned()],
        ..Subject::default()
    };
    practice.users.add("error/../x@practice.test", "pw").await;
    let mut call = forward(hostile, FAR);
    call.forward_to = Some(practice.supervisor.clone());

    let error = practice
        .connector()
        .open(&call)
        .await
        .expect_err("no such mailbox");

    let last = error.receipts.last().expect("a receipt");
    assert_eq!(last.status.as_deref(), Some("200"), "{error:?}");
    assert!(last.excerpt.starts_with("exit code"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_key_is_a_credential_failure_and_the_login_is_refused_all_the_same() {
    let practice = Practice::with(shared_server(), "key").await;
    practice.connector().check().await.expect("healthy");
    std::fs::write(practice.folder.path().join("key"), "wrong").expect("the key");

    let checked = practice.connector().check().await.expect_err("refused");
    let outcome = practice.close(Way::Account).await;

    assert_eq!(checked.class, FailureClass::Credential);
    let Effect::Failed(error) = &outcome.sessions_ended else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Credential);
    assert!(practice.imap().await.is_none());
}

#[tokio::test]
async fn a_stopped_mail_server_is_tried_again_and_the_login_stays_refused() {
    let server = RealSystem::start("dovecot");
    let practice = Practice::with(&server, "stopped").await;
    server.stop();

    let outcome = practice.close(Way::Account).await;

    let Effect::Failed(error) = &outcome.sessions_ended else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Retryable);
    assert_eq!(
        practice.users.is_enabled(&practice.nurse).await,
        Some(false)
    );
    server.start_again();
    assert!(practice.imap().await.is_none());
}
