//! What a system without an interface answers.

use std::sync::Arc;

use drawbridge_manual::kind;
use drawbridge_sdk::{
    Ask, BuildContext, CallError, CloseCall, Connector, FailureClass, Finality, OpenCall,
    SettingsError, Subject, Way,
};
use serde_json::{Value, json};

fn settings() -> Value {
    json!({
        "owner": "Office manager",
        "ways": ["badge", "shared_secret"],
        "instructions": {
            "open": "hand out a {way} and write down its number.",
            "close": "collect the {way} of {system}, then try the back door with it",
        },
    })
}

fn build(settings: Value) -> Result<Arc<dyn Connector>, SettingsError> {
    kind().build(settings, &BuildContext::named("front-door"))
}

async fn close(way: Way) -> CallError {
    let call = CloseCall {
        subject: Subject {
            user_names: vec!["nina".to_owned()],
            ..Subject::default()
        },
        way,
        managed_levels: Vec::new(),
        idempotency_key: "key".to_owned(),
    };
    build(settings())
        .expect("right")
        .close(&call)
        .await
        .expect_err("a person does it")
}

#[tokio::test]
async fn closing_asks_a_person_and_says_how_and_how_to_sign() {
    let error = close(Way::Badge).await;

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::NeedsHuman, Finality::NotSent)
    );
    assert_eq!(
        error.to_string(),
        "Office manager does this by hand and then signs with `drawbridge attest`: \
         collect the badge of front-door, then try the back door with it"
    );
}

#[tokio::test]
async fn a_way_of_two_words_is_written_as_people_write_it() {
    assert!(
        close(Way::SharedSecret)
            .await
            .to_string()
            .contains("collect the shared secret of")
    );
}

#[tokio::test]
async fn opening_asks_a_person_too() {
    let call = OpenCall {
        subject: Subject::default(),
        way: Way::Badge,
        levels: Vec::new(),
        managed_levels: Vec::new(),
        forward_to: None,
        until: None,
        idempotency_key: "key".to_owned(),
    };

    let error = build(settings())
        .expect("right")
        .open(&call)
        .await
        .expect_err("a person does it");

    assert_eq!(error.class, FailureClass::NeedsHuman);
    assert!(
        error
            .to_string()
            .ends_with("hand out a badge and write down its number"),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_is_ever_claimed_to_be_read() {
    let connector = build(settings()).expect("right");
    let ask = Ask {
        subject: Subject::default(),
        way: Way::Badge,
        canary: None,
    };

    let observed = connector.observe(&ask).await.expect_err("cannot be read");
    let listed = connector
        .list_accounts(None)
        .await
        .expect_err("cannot be read");

    assert_eq!(
        (observed.class, listed.class),
        (FailureClass::NeedsHuman, FailureClass::NeedsHuman)
    );
    assert!(connector.capabilities().claims().is_empty());
    assert_eq!(
        connector.capabilities().ways,
        [Way::Badge, Way::SharedSecret]
    );
}

#[tokio::test]
async fn a_check_says_who_does_it() {
    let health = build(settings())
        .expect("right")
        .check()
        .await
        .expect("there is nothing to reach");

    assert_eq!(health.product, "by hand, by Office manager");
}

#[test]
fn without_ways_it_is_an_account() {
    let mut plain = settings();
    plain.as_object_mut().expect("an object").remove("ways");

    assert_eq!(
        build(plain).expect("right").capabilities().ways,
        [Way::Account]
    );
}

#[test]
fn each_wrong_setting_names_its_key_and_the_way_out() {
    for (key, value, says) in [
        ("/ways", json!([]), "`ways`: is empty"),
        ("/owner", json!(" "), "`owner`: is empty"),
        (
            "/instructions/close",
            json!(""),
            "`instructions.close`: is empty",
        ),
        (
            "/instructions/open",
            json!("tell {user_name}"),
            "`instructions.open`: `{user_name}` is no placeholder",
        ),
        ("/instructions/open", json!(7), "settings: "),
    ] {
        let mut wrong = settings();
        *wrong.pointer_mut(key).expect("the key is there") = value;

        let error = build(wrong).err().expect("wrong").to_string();

        assert!(error.starts_with(says), "{error}");
    }
    assert!(
        build(json!({ "owner": "x" }))
            .err()
            .expect("wrong")
            .to_string()
            .contains("missing field `instructions`")
    );
}
