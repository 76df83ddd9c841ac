//! An identity provider that says nothing any more.

use std::time::Duration;

use drawbridge::{clock::Clock as _, policy::office::OfficeRole, store::token_uses::Came};

use crate::support::TestApp;

const HOUR: Duration = Duration::from_secs(3_600);

async fn pushes(app: &TestApp, why: &str) {
    let token = app.store.list_tokens().await.unwrap().pop().unwrap();
    let came = Came {
        at: app.clock.now(),
        from: "192.0.2.7".to_owned(),
        what: "GET /Users".to_owned(),
        status: if why.is_empty() { 200 } else { 401 },
        why: why.to_owned(),
    };
    app.store.note_came(&token.id, &came).await.unwrap();
}

/// The alerts of this kind that stand.
async fn told(app: &TestApp) -> Vec<String> {
    app.alarm().look_around().await.unwrap();
    let practice = app.practice();
    let standing = app.store.list_standing_alerts(&practice, "source.silent");
    let standing = standing.await.unwrap().into_iter();
    standing.map(|alert| alert.about).collect()
}

const ALERTS: &str = "silent_after = \"24 h\"\n[[practice.alerts.channel]]\nname = \"x\"\nkind = \"webhook\"\n\
    url = \"https://oncall.example\"\nsecret = { env = \"PATH\" }\n[practice.alerts.owner]\nchannels = [\"x\"]\n";

#[tokio::test]
async fn whoever_used_to_push_and_does_not_is_told_once_until_it_is_heard_again() {
    let in_elm = format!("[[practice.source]]\nname = \"okta\"\n{ALERTS}");
    let app = TestApp::start_with("console.url = \"https://bridge.elm.example\"", &in_elm).await;
    app.token("elm", "okta").await;

    app.clock.advance(48 * HOUR);
    let not_begun = told(&app).await;
    pushes(&app, "").await;
    app.clock.advance(23 * HOUR);
    let soon = told(&app).await;
    app.clock.advance(HOUR);
    let silent = told(&app).await;
    let again = told(&app).await;
    let all = app.store.list_latest_alerts(&app.practice(), 10).await;
    pushes(&app, "").await;
    let heard = told(&app).await;
    app.clock.advance(25 * HOUR);
    let anew = told(&app).await;
    let twice = app.store.list_latest_alerts(&app.practice(), 10).await;

    assert!(not_begun.is_empty() && soon.is_empty());
    assert_eq!(silent, ["silent/okta"]);
    assert_eq!((again, all.unwrap().len()), (silent.clone(), 1));
    assert!(heard.is_empty());
    assert_eq!((anew, twice.unwrap().len()), (silent, 2));
}

#[tokio::test]
async fn the_board_says_since_when_a_provider_is_silent_or_refused_without_any_alerts() {
    let app = TestApp::start().await;
    app.token("elm", "entra").await;
    let console = app.console().await;
    let looks = async || {
        let owner = app.sign_in(&console, OfficeRole::Owner).await;
        owner.get("/").await
    };
    pushes(&app, "").await;

    app.clock.advance(7 * 24 * HOUR - Duration::from_secs(1));
    let before = looks().await;
    app.clock.advance(25 * HOUR);
    let silent = looks().await;
    pushes(&app, "its token is over").await;
    let refused = looks().await;
    let wall = app
        .sign_in(&console, OfficeRole::Board)
        .await
        .get("/")
        .await;
    pushes(&app, "").await;
    let heard = looks().await;

    assert!(!before.says("has been silent"), "a week is the default");
    assert!(
        silent.says("entra has been silent for 8 days"),
        "{}",
        silent.text
    );
    assert!(silent.says("See its tokens"));
    assert!(refused.says("entra has been refused for 8 days"));
    assert!(wall.says("has been refused") && !wall.says("See its tokens"));
    assert!(!heard.says("has been silent") && !heard.says("has been refused"));
}

#[tokio::test]
async fn a_source_that_was_ended_or_may_be_silent_for_ever_is_not_told_of() {
    let app = TestApp::start_with(
        "",
        "[[practice.source]]\nname = \"hr\"\nsilent_after = \"0 min\"\n",
    )
    .await;
    let console = app.console().await;
    app.token("elm", "hr").await;
    pushes(&app, "").await;
    app.clock.advance(30 * 24 * HOUR);
    let for_ever = app
        .sign_in(&console, OfficeRole::Owner)
        .await
        .get("/")
        .await;
    app.token("elm", "entra").await;
    let token = app.store.list_tokens().await.unwrap();
    let token = token.iter().find(|token| token.source.as_str() == "entra");
    let token = token.unwrap().id.clone();
    let came = Came {
        at: app.clock.now(),
        from: String::new(),
        what: "GET /Users".to_owned(),
        status: 200,
        why: String::new(),
    };
    app.store.note_came(&token, &came).await.unwrap();
    app.clock.advance(30 * 24 * HOUR);
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let silent = owner.get("/").await;
    owner
        .press(&format!("/settings/tokens/{token}/revoke"), &[])
        .await;
    let ended = owner.get("/").await;

    assert!(!for_ever.says("has been silent"));
    assert!(silent.says("entra has been silent"));
    assert!(!ended.says("has been silent"), "{}", ended.text);
}
