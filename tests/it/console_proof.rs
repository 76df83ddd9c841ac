//! Who is asked again who they are, and what becomes of what they typed; how long anybody stays signed in.

use std::time::Duration;

use drawbridge::{console::routes::table, policy::office::OfficeRole, store::sqlite_path};
use drawbridge_sdk::Way;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::console_access::a_busy_friday;
use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
    oidc::StandIn,
};

const MINUTE: Duration = Duration::from_secs(60);
const DANA: &str = "dana@elm.example";
const TYPED: [(&str, &str); 4] = [
    ("by", "Sam Lee"),
    ("done", "2026-11-20T17:01"),
    ("how", "Tried the card: refused. <b>Really</b>"),
    ("note", "Took \"the\" card & the key"),
];

/// Nina left, and somebody looks into the panel of the VPN; Dana comes in by a provider.
async fn with_provider() -> (TestApp, Console, StandIn) {
    let mut app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let provider = StandIn::start(&app).await;
    app.settings.console.oidc = Some(provider.settings(&app));
    app.settings.console.url = Some("http://localhost:9".to_owned());
    let console = app.console().await;
    app.let_in("elm", "Dana Ruiz", OfficeRole::Owner, DANA)
        .await;
    provider.is_used_by("d-1", DANA);
    (app, console, provider)
}

async fn form(app: &TestApp) -> (String, Vec<(&'static str, String)>) {
    let door = app.door("nina", "vpn").await;
    assert_eq!(door.way, Way::Account);
    let mut fields = vec![("generation", door.generation.to_string())];
    fields.extend(TYPED.map(|(name, value)| (name, value.to_owned())));
    (format!("/doors/{}/by-hand", door.id), fields)
}

/// Whether the ledger has a signature.
async fn is_signed(app: &TestApp) -> bool {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .any(|record| record.text.contains("\"door.attested\""))
}

async fn press(browser: &Browser, path: &str, fields: &[(&'static str, String)]) -> Page {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    browser.press(path, &fields).await
}

/// Where the page says that the form waits.
fn place(page: &Page) -> String {
    let id = page.text.split("/kept/").nth(1);
    let id = id.and_then(|id| id.split(['"', '&']).next());
    format!("/kept/{}", id.expect("a place"))
}

/// What the form of a page would send, as a browser reads it.
fn fields_of(page: &Page, names: &[&str]) -> Vec<(String, String)> {
    let plain = |text: &str| {
        [
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#34;", "\""),
            ("&#38;", "&"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    names
        .iter()
        .map(|name| {
            let area = page
                .text
                .split(&format!("name=\"{name}\" rows=\"3\">"))
                .nth(1);
            let typed = match area.and_then(|area| area.split("</textarea>").next()) {
                Some(typed) => typed.to_owned(),
                None => page.field(name),
            };
            ((*name).to_owned(), plain(&typed))
        })
        .collect()
}

async fn send(browser: &Browser, path: &str, page: &Page) -> Page {
    let fields = fields_of(
        page,
        &["csrf", "kept", "generation", "by", "done", "how", "note"],
    );
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    browser.post(path, &fields).await
}

#[tokio::test]
async fn a_signature_waits_until_the_provider_says_that_it_is_still_them() {
    let (app, console, provider) = with_provider().await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let (path, typed) = form(&app).await;

    let asked = press(&browser, &path, &typed).await;
    let place = place(&asked);
    let before = is_signed(&app).await;
    let proved = provider
        .sign_in(&browser, &format!("for=proof&next={place}"))
        .await;
    let shown = browser.get(&place).await;
    let untouched = is_signed(&app).await;
    let signed = send(&browser, &path, &shown).await;
    let gone = browser.get(&place).await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED, "{}", asked.text);
    assert!(asked.says("Prove it by the stand-in"));
    assert!(!before && !untouched, "coming back alone signs nothing");
    assert_eq!(provider.asked()["prompt"], "login");
    assert_eq!(provider.asked()["max_age"], "150");
    assert_eq!(proved.header("location"), place);
    assert!(shown.says("Tried the card: refused.") && !shown.says("<b>Really"));
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert!(is_signed(&app).await);
    let person = app.person("nina").await;
    let records = app.store.list_records(&app.practice(), Some(&person)).await;
    let signed = records.unwrap();
    let signed = signed
        .iter()
        .find(|record| record.text.contains("door.attested"));
    let signed = &signed.unwrap().text;
    assert!(signed.contains("Took \\\"the\\\" card & the key") && signed.contains("<b>Really</b>"));
    assert_eq!(
        gone.status,
        StatusCode::NOT_FOUND,
        "it is not offered twice"
    );
}

#[tokio::test]
async fn the_word_of_a_provider_that_asked_nobody_proves_nothing() {
    for (why, auth_time) in [
        ("it does not say when", None),
        ("hours ago", Some(-3_600)),
        ("more than five minutes ago", Some(-300)),
    ] {
        let (app, console, provider) = with_provider().await;
        let now = drawbridge::clock::Clock::now(&app.clock).as_second();
        let browser = console.browser();
        provider.sign_in(&browser, "").await;
        provider.lies(move |claims| match auth_time {
            Some(ago) => claims["auth_time"] = json!(now + ago),
            None => {
                claims.as_object_mut().unwrap().remove("auth_time");
            }
        });

        let back = provider.sign_in(&browser, "for=proof").await;
        let (path, typed) = form(&app).await;
        let asked = press(&browser, &path, &typed).await;

        assert_eq!(back.status, StatusCode::FORBIDDEN, "{why}");
        assert_eq!(asked.status, StatusCode::UNAUTHORIZED, "{why}");
        assert!(!is_signed(&app).await, "{why}");
    }
}

#[tokio::test]
async fn nobody_proves_for_somebody_else() {
    let (app, console, provider) = with_provider().await;
    app.let_in("elm", "Priya", OfficeRole::Owner, "priya@elm.example")
        .await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;

    provider.is_used_by("p-1", "priya@elm.example");
    let back = provider.sign_in(&browser, "for=proof").await;
    let board = browser.get("/").await;

    assert_eq!(back.status, StatusCode::FORBIDDEN);
    assert!(back.says("You are signed in here as Dana Ruiz"));
    assert!(board.says("Dana Ruiz") && !board.says("Priya"));
}

#[tokio::test]
async fn no_provider_vouches_anew_for_whoever_left_and_was_let_in_by_a_link() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    provider.sign_in(&console.browser(), "").await;
    app.disable(&dana).await;
    app.clock.advance(MINUTE);
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let browser = console.browser();
    browser.post("/sign-in", &[("link", &link)]).await;
    app.clock.advance(5 * MINUTE);
    let (path, typed) = form(&app).await;

    let asked = press(&browser, &path, &typed).await;
    let proved = provider.sign_in(&browser, "for=proof").await;
    let still_asked = press(&browser, &path, &typed).await;
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    browser.post("/sign-in", &[("link", &link)]).await;
    let signed = press(&browser, &path, &typed).await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(!asked.says("Prove it by the stand-in"), "not in vain");
    assert!(asked.says("drawbridge admin invite"));
    assert_eq!(proved.status, StatusCode::FORBIDDEN, "{}", proved.text);
    assert!(proved.says("by a one-time link alone"));
    assert_eq!(still_asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    let is_proof = |text: &str| text.contains("\"admin.proved\"");
    assert!(!records.iter().any(|record| is_proof(&record.text)));
}

#[tokio::test]
async fn no_provider_is_connected_to_whoever_left() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    app.disable(&dana).await;
    app.clock.advance(MINUTE);
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let browser = console.browser();
    browser.post("/sign-in", &[("link", &link)]).await;

    let shown = provider.sign_in(&browser, "for=connecting").await;
    let about = shown.field("vouched");
    let fields = [("vouched", about.as_str())];
    let connected = browser.press("/sign-in/connect", &fields).await;

    assert_eq!(connected.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        connected.says("has left the practice"),
        "{}",
        connected.text
    );
    let identities = app.store.list_identities(&app.practice()).await.unwrap();
    assert_eq!(identities, []);
}

#[tokio::test]
async fn whoever_has_no_provider_proves_it_by_a_new_link_and_finds_what_they_typed() {
    let (app, console, _provider) = with_provider().await;
    let browser = app.sign_in(&console, OfficeRole::Operator).await;
    let (path, typed) = form(&app).await;

    app.clock.advance(5 * MINUTE);
    let asked = press(&browser, &path, &typed).await;
    let link = app
        .link("elm", "Dana the operator", OfficeRole::Operator)
        .await;
    let came_back = browser.post("/sign-in", &[("link", &link)]).await;
    let shown = browser.get(came_back.header("location")).await;
    let signed = send(&browser, &path, &shown).await;
    let again = app
        .link("elm", "Dana the operator", OfficeRole::Operator)
        .await;
    let later = browser.post("/sign-in", &[("link", &again)]).await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.says("drawbridge admin invite") && asked.says("Took "));
    assert_eq!(came_back.header("location"), place(&asked));
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert!(is_signed(&app).await);
    assert_eq!(later.header("location"), "/");
}

#[tokio::test]
async fn what_was_typed_before_the_session_ended_waits_for_whoever_typed_it() {
    let (app, console, _provider) = with_provider().await;
    let browser = app.sign_in(&console, OfficeRole::Operator).await;
    let csrf = browser.csrf().await;
    let (path, typed) = form(&app).await;
    let mut fields: Vec<(&str, &str)> = vec![("csrf", &csrf)];
    fields.extend(typed.iter().map(|(name, value)| (*name, value.as_str())));

    app.clock.advance(16 * MINUTE);
    let out = browser
        .post_with_file(&path, &fields, ("card.jpg", b"\xff\xd8\xff\xe0"))
        .await;
    let forged = browser.post(&path, &fields[1..]).await;
    let other = app.sign_in(&console, OfficeRole::Owner).await;
    let not_theirs = other.get(&place(&out)).await;
    let link = app
        .link("elm", "Dana the operator", OfficeRole::Operator)
        .await;
    let came_back = browser.post("/sign-in", &[("link", &link)]).await;
    let shown = browser.get(came_back.header("location")).await;
    let signed = send(&browser, &path, &shown).await;

    assert_eq!(out.status, StatusCode::UNAUTHORIZED);
    assert!(out.says("is kept for you") && out.says("Took "));
    assert!(
        !forged.says("/kept/"),
        "nothing is kept for whoever shows no form of theirs"
    );
    assert_eq!(not_theirs.status, StatusCode::NOT_FOUND);
    assert!(shown.text.contains("type=\"file\"") && shown.says("pick it again"));
    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert!(is_signed(&app).await);
}

/// What somebody typed, wherever it belongs.
const NOTE: &str = "the note that was typed";

fn filled<'a>(csrf: &'a str, generation: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("csrf", csrf),
        ("generation", generation),
        ("by", "Sam Lee"),
        ("done", "2026-11-20T17:01"),
        ("how", "tried the card"),
        ("note", NOTE),
        ("sure", "yes"),
        ("source", "entra"),
        ("days", "30"),
        ("overlap", "7"),
        ("name", "Priya"),
        ("role", "auditor"),
    ]
}

#[tokio::test]
async fn whoever_is_to_prove_it_loses_nothing_while_the_database_is_locked() {
    let (app, console) = a_busy_friday().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let door = app.door("nina", "vpn").await;
    let generation = door.generation.to_string();
    let csrf = browser.csrf().await;
    let elm = app.practice();
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    app.clock.advance(5 * MINUTE);
    let before = app.store.find_ledger_length(&elm).await.unwrap();
    let path = format!("/doors/{}/by-hand", door.id);

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let fields = filled(&csrf, &generation);
    let locked = browser.post(&path, &fields).await;
    other.execute_batch("ROLLBACK").unwrap();
    let again = browser.post(&path, &fields).await;
    let waits = browser.get(&place(&again)).await;

    assert_eq!(locked.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(locked.says(NOTE) && locked.says("Send again"));
    assert_eq!(locked.field("csrf"), csrf);
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(waits.says(NOTE));
    let after = app.store.find_ledger_length(&elm).await.unwrap();
    assert_eq!(after, before, "and none did anything");
}

#[tokio::test]
async fn everything_that_signs_exports_or_lets_in_asks_whether_it_is_still_them() {
    let (app, console, _provider) = with_provider().await;
    app.token("elm", "entra").await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let person = app.person("nina").await;
    let door = app.door("nina", "vpn").await;
    let token = app.store.list_tokens().await.unwrap().remove(0);
    let admin = app
        .store
        .list_admins(&app.practice())
        .await
        .unwrap()
        .remove(0);
    app.clock.advance(5 * MINUTE);
    let before = app.store.find_ledger_length(&app.practice()).await.unwrap();

    let mut asked = Vec::new();
    for route in table().into_iter().filter(|route| route.needs_proof) {
        let path = route
            .path
            .replace("{door}", door.id.as_str())
            .replace("{person}", person.as_str())
            .replace("{token}", token.id.as_str())
            .replace("{admin}", admin.id.as_str());
        let page = browser.press(&path, &[]).await;

        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(page.says("Is it still you?"), "{path}");
        asked.push(route.path);
    }

    let after = app.store.find_ledger_length(&app.practice()).await.unwrap();
    assert_eq!(before, after, "and did nothing");
    for must in [
        "/doors/{door}/by-hand",
        "/people/{person}/evidence",
        "/settings/tokens",
        "/settings/tokens/{token}/replace",
        "/settings/tokens/{token}/revoke",
        "/settings/admins",
        "/settings/admins/{admin}/link",
        "/settings/admins/{admin}/remove",
        "/sign-in/connect",
    ] {
        assert!(asked.contains(&must), "{must}");
    }
}

#[tokio::test]
async fn an_auditor_may_read_for_half_an_hour_and_a_page_says_how_long_is_left() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let auditor = app.sign_in(&console, OfficeRole::Auditor).await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;

    let fresh = owner.get("/settings").await;
    app.clock.advance(10 * MINUTE);
    let live = [("drawbridge-live", "1")];
    let later = owner.send(Method::GET, "/settings", &live, None).await;
    let stayed = owner.press("/stay", &[]).await;
    app.clock.advance(14 * MINUTE);
    let still_in = owner.get("/").await;
    app.clock.advance(5 * MINUTE);
    let reading = auditor.get("/ledger").await;

    assert!(fresh.says("data-idle=\"900\" data-most=\"28800\""));
    assert!(later.says("data-idle=\"300\" data-most=\"28200\""));
    assert_eq!(
        (stayed.status, stayed.text.as_str()),
        (StatusCode::OK, "870 28200")
    );
    assert_eq!(
        still_in.status,
        StatusCode::OK,
        "pressing that one is there counts"
    );
    assert_eq!(reading.status, StatusCode::OK, "29 minutes");
    app.clock.advance(31 * MINUTE);
    assert_eq!(
        auditor.get("/ledger").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn whoever_comes_in_sweeps_what_has_been_over_for_a_day() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let old = app.sign_in(&console, OfficeRole::Owner).await;
    let id = old.cookie().split('_').nth(2).unwrap().to_owned();
    let link = app.link("elm", "Late Lee", OfficeRole::Admin).await;
    let unused = link.split('_').nth(2).unwrap();
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let lee = admins.iter().find(|admin| admin.name == "Late Lee");
    assert!(lee.is_some());

    app.clock.advance(23 * 60 * MINUTE);
    app.sign_in(&console, OfficeRole::Admin).await;
    let kept = app.store.find_session(&id).await.unwrap().is_some();
    app.clock.advance(2 * 60 * MINUTE);
    app.sign_in(&console, OfficeRole::Admin).await;

    assert!(kept);
    assert_eq!(app.store.find_session(&id).await.unwrap(), None);
    assert_eq!(app.store.find_invitation(unused).await.unwrap(), None);
}

#[tokio::test]
async fn one_session_listens_with_a_few_pages_and_no_more() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let other = app.sign_in(&console, OfficeRole::Admin).await;

    let mut open = Vec::new();
    for _ in 0..6 {
        let stream = browser.open("/live").await;
        assert_eq!(stream.status(), StatusCode::OK);
        open.push(stream);
    }
    let too_many = browser.get("/live").await;
    let others = other.open("/live").await;
    drop(open.pop());
    // The place is free once the server notices: it looks twice a second.
    let mut again = browser.open("/live").await.status();
    while again == StatusCode::TOO_MANY_REQUESTS {
        tokio::task::yield_now().await;
        again = browser.open("/live").await.status();
    }

    assert_eq!(too_many.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(others.status(), StatusCode::OK);
    assert_eq!(again, StatusCode::OK);
}

#[tokio::test]
async fn a_form_waits_for_an_hour_and_is_gone_then() {
    let (app, console, _provider) = with_provider().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let (path, typed) = form(&app).await;
    app.clock.advance(6 * MINUTE);

    let asked = press(&browser, &path, &typed).await;
    let place = place(&asked);
    app.clock.advance(59 * MINUTE);
    let again = app.sign_in(&console, OfficeRole::Owner).await;
    let in_time = again.get(&place).await;
    app.clock.advance(2 * MINUTE);
    let too_late = again.get(&place).await;

    assert_eq!(in_time.status, StatusCode::OK, "{}", in_time.text);
    assert_eq!(too_late.status, StatusCode::NOT_FOUND);
}
