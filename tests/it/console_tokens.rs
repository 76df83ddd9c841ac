//! Tokens: made, replaced, waited for; and the first steps.

use std::time::Duration;

use drawbridge::policy::office::OfficeRole;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{
    TestApp,
    browser::{Browser, Page},
    provider::Provider,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The token and its id, of the page that shows it once.
fn token_in(page: &Page) -> (String, String) {
    let token = page.text.split("dbr_scim_").nth(1);
    let token = token.and_then(|token| token.split('<').next());
    let token = format!("dbr_scim_{}", token.expect("a token"));
    let id = token.split('_').nth(2).expect("an id").to_owned();
    (token, id)
}

async fn make(browser: &Browser) -> (String, String) {
    let page = browser
        .press("/settings/tokens", &[("source", "entra"), ("days", "180")])
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    token_in(&page)
}

/// What the page shows once it is so; noting it is nothing a request waits for.
async fn once(browser: &Browser, path: &str, is_so: impl Fn(&Page) -> bool) -> Page {
    loop {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        if is_so(&page) {
            return page;
        }
        tokio::task::yield_now().await;
    }
}

async fn status(provider: &Provider, token: &str) -> StatusCode {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let answer = provider
        .send_raw("GET", "/Users?count=1", &headers, Vec::new())
        .await;
    answer.status
}

#[tokio::test]
async fn a_new_token_comes_with_the_address_and_the_steps_and_waits_for_the_first_request() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let mut provider = app.provider("entra").await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;

    let made = owner
        .press("/settings/tokens", &[("source", "entra"), ("days", "180")])
        .await;
    let (token, id) = token_in(&made);
    let path = format!("/settings/tokens/{id}/first");
    let waiting = owner.get(&path).await;
    provider.token.clone_from(&token);
    let person = json!({"userName": "nina", "active": true});
    let answer = provider.post("/Users", &person).await;
    let came = once(&owner, &path, |page| page.says("The first request came")).await;
    let settings = owner.get("/settings").await;

    assert!(made.says("/scim/v2</textarea>") && made.says("Tenant URL"));
    assert!(made.says("SCIM connector base URL") && made.says("Test Connector Configuration"));
    assert!(
        waiting.says("Waiting for the first request") && waiting.says("data-stream=\"/live?token=")
    );
    assert!(
        waiting.says("http-equiv=\"refresh\" content=\"5;"),
        "without scripts too"
    );
    assert!(!waiting.says(&token) && !came.says(&token) && !settings.says(&token));
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(came.says("POST /Users</b> answered 201"), "{}", came.text);
    assert!(came.says("from 127.0.0.1"));
    assert!(settings.says("Last used") && settings.says("POST /Users"));
    assert!(!came.says("nina"), "what came names nobody");
}

#[tokio::test]
async fn a_first_request_that_is_refused_says_what_was_wrong() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let mut provider = app.provider("entra").await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let (token, id) = make(&owner).await;
    let path = format!("/settings/tokens/{id}/first");

    let (rest, last) = token.split_at(token.len() - 1);
    let cut = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let of_cut = status(&provider, &cut).await;
    let not_whole = once(&owner, &path, |page| page.says("Refused")).await;
    provider.token.clone_from(&token);
    let bad = provider.post("/Users", &json!({"active": true})).await;
    let (other, other_id) = make(&owner).await;
    owner
        .press(&format!("/settings/tokens/{other_id}/revoke"), &[])
        .await;
    let of_revoked = status(&provider, &other).await;
    let other_path = format!("/settings/tokens/{other_id}/first");
    let taken_back = once(&owner, &other_path, |page| page.says("Refused")).await;

    assert_eq!(of_cut, StatusCode::UNAUTHORIZED);
    assert!(not_whole.says("answered 401") && not_whole.says("copy it again"));
    assert!(not_whole.says("Waiting for the first request"));
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert_eq!(of_revoked, StatusCode::UNAUTHORIZED);
    assert!(taken_back.says("was taken back"), "{}", taken_back.text);
}

#[tokio::test]
async fn a_request_without_a_token_is_shown_only_where_it_cannot_be_anothers() {
    let mut app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let of_both = app.console().await;
    let oak = app.settings.practices.pop().expect("two practices");
    let of_one = app.console().await;
    let owner = app.sign_in(&of_one, OfficeRole::Owner).await;
    let with_another = app.sign_in(&of_both, OfficeRole::Owner).await;
    let (_, id) = make(&owner).await;
    let path = format!("/settings/tokens/{id}/first");

    let refused = status(&provider, "hunter2").await;
    let alone = owner.get(&path).await;
    let beside = with_another.get(&path).await;

    assert_eq!(refused, StatusCode::UNAUTHORIZED);
    assert!(alone.says("Without a token") && alone.says("GET /Users"));
    assert!(!alone.says("hunter2"));
    assert!(!beside.says("Without a token"), "it may be {}'s", oak.name);
}

#[tokio::test]
async fn a_token_that_is_replaced_works_until_the_day_that_is_shown_and_no_longer() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let provider = app.provider("entra").await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let (old, old_id) = make(&owner).await;
    assert_eq!(status(&provider, &old).await, StatusCode::OK);

    let path = format!("/settings/tokens/{old_id}/replace");
    let too_long = owner.press(&path, &[("overlap", "31")]).await;
    let replaced = owner.press(&path, &[("overlap", "7")]).await;
    let (new, _) = token_in(&replaced);
    let unused = once(&owner, "/settings", |page| page.says("Last used")).await;
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(status(&provider, &new).await, StatusCode::OK);
    let in_use = once(&owner, "/settings", |page| page.says("take it back")).await;
    app.clock.advance(7 * DAY - Duration::from_secs(180));
    let on_the_day = status(&provider, &old).await;
    app.clock.advance(Duration::from_secs(60));
    let after = status(&provider, &old).await;

    assert_eq!(too_long.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(replaced.says("The one before works until") && replaced.says("Nov 27"));
    assert!(unused.says("The newer one was not used yet") && unused.says("being replaced"));
    assert!(in_use.says("The newer one is in use, and this one no more"));
    assert_eq!(on_the_day, StatusCode::OK);
    assert_eq!(after, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&provider, &new).await, StatusCode::OK);
}

#[tokio::test]
async fn the_stream_of_the_waiting_page_tells_of_a_request_that_changes_nothing() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let provider = app.provider("entra").await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let (token, id) = make(&owner).await;

    let mut stream = owner.open(&format!("/live?token={id}")).await;
    let mut told = String::new();
    while !told.contains("event: stands") {
        told.push_str(&String::from_utf8_lossy(
            &stream.chunk().await.unwrap().unwrap(),
        ));
    }
    status(&provider, &token).await;
    while !told.contains("event: moved") {
        told.push_str(&String::from_utf8_lossy(
            &stream.chunk().await.unwrap().unwrap(),
        ));
    }

    assert!(
        !told.contains("127.0.0.1"),
        "it says that, and nothing else: {told}"
    );
}

#[tokio::test]
async fn the_first_steps_are_what_is_there_and_lead_on() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let done = |page: &Page| page.text.matches("mark good").count();

    let board = owner.get("/").await;
    let at_first = owner.get("/start").await;
    let provider = app.provider("entra").await;
    let with_token = owner.get("/start").await;
    let person = json!({"userName": "nina", "title": "Nurse", "active": true});
    let nina = provider.post("/Users", &person).await.id();
    app.run_due().await;
    let with_nina = once(&owner, "/start", |page| done(page) == 5).await;
    let disable = json!([{"op": "replace", "path": "active", "value": false}]);
    provider.patch(&format!("/Users/{nina}"), &disable).await;
    app.run_due().await;
    let departed = owner.get("/start").await;
    let person = app.person("nina").await;
    let file = owner
        .press(&format!("/people/{person}/evidence"), &[])
        .await;
    let all = owner.get("/start").await;

    assert!(board.says("First steps</a>: 2 of 7 done"), "{}", board.text);
    assert_eq!(done(&at_first), 2, "somebody is in, and systems are there");
    assert!(at_first.says("Make a token"));
    assert_eq!(done(&with_token), 3);
    assert!(with_token.says("Wait for it"));
    assert!(with_nina.says("1 person so far"));
    assert_eq!(done(&departed), 6);
    assert_eq!(file.status, StatusCode::OK);
    assert!(all.says("All done."), "{}", all.text);
}
