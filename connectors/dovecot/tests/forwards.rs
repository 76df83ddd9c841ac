//! Forwards: ours ends by itself and makes room again, and somebody else's is seen and stopped.

use std::collections::BTreeMap;

use drawbridge_sdk::{
    AccountId, AccountState, Change, Effect, FailureClass, Finality, OpenCall, Way,
};
use support::{Practice, close, doveadm::exit, forward, nina};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const NINA: &str = "nina@practice.test";
const OURS: &str = "drawbridge-forward";
const FAR: &str = "2999-01-01T00:00:00Z";

impl Practice {
    fn write_script(&self, name: &str, text: &str) {
        let mut world = self.doveadm.world();
        let scripts: &mut BTreeMap<String, String> =
            world.scripts.entry(NINA.to_owned()).or_default();
        scripts.insert(name.to_owned(), text.to_owned());
    }

    fn activate(&self, name: &str) {
        self.doveadm
            .world()
            .active
            .insert(NINA.to_owned(), name.to_owned());
    }

    fn active(&self) -> Option<String> {
        self.doveadm.world().active.get(NINA).cloned()
    }

    fn script(&self, name: &str) -> Option<String> {
        self.doveadm
            .world()
            .scripts
            .get(NINA)
            .and_then(|scripts| scripts.get(name))
            .cloned()
    }

    async fn forward(&self, until: &str) -> drawbridge_sdk::Outcome {
        self.connector()
            .open(&forward(nina(), until))
            .await
            .expect("an outcome")
    }

    /// Ids and states of what a reading shows.
    async fn seen(&self) -> Vec<(String, AccountState)> {
        let seen = self.observe(Way::Forwarding).await;
        seen.accounts
            .into_iter()
            .map(|account| (account.id.0, account.state))
            .collect()
    }
}

fn ours(state: AccountState) -> (String, AccountState) {
    (NINA.to_owned(), state)
}

#[tokio::test]
async fn a_forward_is_installed_once_and_read_back() {
    let practice = Practice::start().await;
    let before = practice.seen().await;

    let outcome = practice.forward(FAR).await;
    let again = practice.forward(FAR).await;

    assert_eq!(before, [ours(AccountState::Disabled)]);
    assert_eq!(outcome.accounts, [AccountId(NINA.to_owned())]);
    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(again.change, Change::AlreadyInState);
    assert_eq!(practice.active().as_deref(), Some(OURS));
    assert!(
        practice
            .script(OURS)
            .expect("a script")
            .contains("redirect :copy \"super@practice.test\";")
    );
    assert_eq!(practice.seen().await, [ours(AccountState::Enabled)]);
}

#[tokio::test]
async fn a_forward_that_has_ended_reads_as_closed() {
    let practice = Practice::start().await;

    practice.forward("2020-01-01T00:00:00Z").await;

    assert_eq!(practice.active().as_deref(), Some(OURS));
    assert_eq!(practice.seen().await, [ours(AccountState::Disabled)]);
}

#[tokio::test]
async fn the_replaced_script_comes_back() {
    let practice = Practice::start().await;
    practice.write_script("Meine \"Regeln\"", "fileinto \"Lab\";");
    practice.activate("Meine \"Regeln\"");
    practice.forward(FAR).await;
    // Another day: what was replaced is not forgotten.
    practice.forward("2998-01-01T00:00:00Z").await;

    let outcome = practice.close(Way::Forwarding).await;

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(practice.active().as_deref(), Some("Meine \"Regeln\""));
    assert_eq!(practice.script(OURS), None);
    assert_eq!(practice.seen().await, [ours(AccountState::Disabled)]);
}

#[tokio::test]
async fn a_replaced_script_that_forwards_does_not_come_back() {
    let practice = Practice::start().await;
    practice.write_script("private", "redirect \"me@home.test\";");
    practice.activate("private");
    practice.forward(FAR).await;

    practice.close(Way::Forwarding).await;

    assert_eq!(practice.active(), None);
    assert!(
        practice.script("private").is_some(),
        "nothing of hers is deleted"
    );
}

#[tokio::test]
async fn a_replaced_script_that_is_gone_is_no_failure() {
    let practice = Practice::start().await;
    practice.write_script("rules", "keep;");
    practice.activate("rules");
    practice.forward(FAR).await;
    practice
        .doveadm
        .world()
        .scripts
        .get_mut(NINA)
        .expect("scripts")
        .remove("rules");

    let outcome = practice.close(Way::Forwarding).await;

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(practice.active(), None);
}

#[tokio::test]
async fn a_replaced_script_that_cannot_be_read_does_not_keep_the_forward_alive() {
    let practice = Practice::start().await;
    practice.write_script("rules", "keep;");
    practice.activate("rules");
    practice.forward(FAR).await;
    practice.doveadm.world().unreadable.push("rules");

    let outcome = practice.close(Way::Forwarding).await;

    assert!(matches!(outcome.blocked, Effect::Failed(_)), "{outcome:?}");
    assert_eq!(practice.active(), None);
}

#[tokio::test]
async fn somebody_elses_forward_is_seen_and_stopped() {
    let practice = Practice::start().await;
    practice.write_script("private", "redirect \"me@home.test\";");
    practice.activate("private");

    let before = practice.seen().await;
    let outcome = practice.close(Way::Forwarding).await;

    let hers = (format!("{NINA}/private"), AccountState::Enabled);
    assert_eq!(before, [ours(AccountState::Disabled), hers]);
    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(practice.active(), None);
    assert!(
        practice.script("private").is_some(),
        "nothing of hers is deleted"
    );
    assert_eq!(practice.seen().await, [ours(AccountState::Disabled)]);
}

#[tokio::test]
async fn a_forward_in_an_included_script_is_seen() {
    let practice = Practice::start().await;
    practice.write_script("main", "require \"include\"; include :personal \"more\";");
    practice.write_script("more", "redirect \"me@home.test\";");
    practice.activate("main");

    assert_eq!(practice.seen().await.len(), 2);
}

#[tokio::test]
async fn our_forward_changed_by_somebody_is_theirs() {
    let practice = Practice::start().await;
    practice.forward(FAR).await;
    let changed = practice
        .script(OURS)
        .expect("a script")
        .replace("redirect :copy \"super@", "redirect :copy \"omar@");
    practice.write_script(OURS, &changed);

    let before = practice.seen().await;
    practice.close(Way::Forwarding).await;

    assert_eq!(before[1], (format!("{NINA}/{OURS}"), AccountState::Enabled));
    assert_eq!(practice.active(), None);
    assert_eq!(practice.script(OURS), None);
}

#[tokio::test]
async fn rules_that_keep_mail_are_left_alone() {
    let practice = Practice::start().await;
    practice.write_script("rules", "fileinto \"Lab\";");
    practice.activate("rules");

    let outcome = practice.close(Way::Forwarding).await;

    assert_eq!(outcome.change, Change::AlreadyInState);
    assert_eq!(practice.active().as_deref(), Some("rules"));
}

#[tokio::test]
async fn a_forward_needs_a_plain_address_and_an_end() {
    let practice = Practice::start().await;
    let call = forward(nina(), FAR);
    let hostile = [
        OpenCall {
            forward_to: None,
            ..call.clone()
        },
        OpenCall {
            until: None,
            ..call.clone()
        },
        OpenCall {
            forward_to: Some("a\"; discard; #@practice.test".to_owned()),
            ..call.clone()
        },
        OpenCall {
            forward_to: Some("Nina@practice.test".to_owned()),
            ..call
        },
    ];

    for call in hostile {
        let error = practice.connector().open(&call).await.expect_err("refused");
        assert_eq!(
            (error.class, error.finality),
            (FailureClass::Refused, Finality::NotSent)
        );
    }
    assert!(practice.doveadm.world().taken.is_empty());
}

#[tokio::test]
async fn an_error_inside_a_success_installs_nothing() {
    let practice = Practice::start().await;
    practice
        .doveadm
        .world()
        .answers
        .insert("sievePut", exit(65));

    let error = practice
        .connector()
        .open(&forward(nina(), FAR))
        .await
        .expect_err("refused");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Refused, Finality::Answered)
    );
}

#[tokio::test]
async fn a_stop_that_did_nothing_is_seen_when_reading() {
    let practice = Practice::start().await;
    practice.forward(FAR).await;
    practice
        .doveadm
        .world()
        .idle
        .extend(["sieveDeactivate", "sieveDelete"]);

    practice.close(Way::Forwarding).await;

    assert_eq!(practice.seen().await, [ours(AccountState::Enabled)]);
}

#[tokio::test]
async fn a_failed_stop_is_a_failure() {
    let practice = Practice::start().await;
    practice.forward(FAR).await;
    practice
        .doveadm
        .world()
        .answers
        .insert("sieveDeactivate", exit(75));

    let outcome = practice.close(Way::Forwarding).await;

    let Effect::Failed(error) = outcome.blocked else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Retryable);
}

#[tokio::test]
async fn a_server_without_sieve_says_so() {
    let practice = Practice::start().await;
    let unknown = serde_json::json!({ "type": "unknownMethod", "exitCode": 0 });
    practice
        .doveadm
        .world()
        .answers
        .insert("sieveList", unknown);

    let close = close(nina(), Way::Forwarding);
    let outcome = practice
        .connector()
        .close(&close)
        .await
        .expect("an outcome");

    let Effect::Failed(error) = outcome.blocked else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.class, FailureClass::Refused);
    assert!(error.message.contains("Sieve"), "{error}");
}
