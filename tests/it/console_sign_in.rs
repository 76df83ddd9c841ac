//! Who comes in by an identity provider, and who does not.

use std::time::Duration;

use drawbridge::{
    clock::Clock as _, config::Oidc, intake::returns::Word, policy::office::OfficeRole,
    store::sqlite_path,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
    forms,
    oidc::{Signed, StandIn},
};

const DANA: &str = "dana@elm.example";

const BACK: Word<'static> = Word {
    by: "Priya",
    note: "back from leave",
};

/// A console with one provider for all, and Dana, who was let in by her address.
async fn with_provider() -> (TestApp, Console, StandIn) {
    let mut app = TestApp::start().await;
    let provider = StandIn::start(&app).await;
    let console = by(&mut app, &provider, |_| {}).await;
    app.let_in("elm", "Dana Ruiz", OfficeRole::Owner, DANA)
        .await;
    provider.is_used_by("d-1", DANA);
    (app, console, provider)
}

async fn by(app: &mut TestApp, provider: &StandIn, change: impl FnOnce(&mut Oidc)) -> Console {
    let mut oidc = provider.settings(app);
    change(&mut oidc);
    app.settings.console.oidc = Some(oidc);
    app.settings.console.url = Some("http://localhost:9".to_owned());
    app.console().await
}

async fn is_in(browser: &Browser) -> bool {
    browser.get("/").await.status == StatusCode::OK
}

fn is_refused(page: &Page, status: StatusCode) -> bool {
    page.status == status && page.header("location").is_empty()
}

/// How often the ledger says this.
async fn said(app: &TestApp, what: &str) -> usize {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    let says = |text: &str| {
        let record: Value = serde_json::from_str(text).unwrap();
        record["what"] == what
    };
    records.iter().filter(|record| says(&record.text)).count()
}

#[tokio::test]
async fn whoever_was_let_in_comes_in_by_the_provider_and_by_its_name_for_them_from_then_on() {
    let (app, console, provider) = with_provider().await;
    let first = console.browser();
    let page = first.get("/sign-in").await;

    let came_in = provider.sign_in(&first, "").await;
    provider.is_used_by("d-1", "dana.married@elm.example");
    let married = console.browser();
    provider.sign_in(&married, "").await;
    provider.is_used_by("d-2", DANA);
    let namesake = console.browser();
    let other = provider.sign_in(&namesake, "").await;

    assert!(page.says("Sign in by the stand-in") && page.says("drawbridge admin invite"));
    assert_eq!(came_in.status, StatusCode::SEE_OTHER, "{}", came_in.text);
    assert_eq!(came_in.header("location"), "/");
    assert!(is_in(&first).await && is_in(&married).await);
    assert!(
        is_refused(&other, StatusCode::FORBIDDEN),
        "her address was given to somebody else: {}",
        other.text
    );
    assert!(!is_in(&namesake).await);
    assert_eq!(said(&app, "admin.connected").await, 1);
    assert_eq!(said(&app, "admin.signed_in").await, 2);
}

#[tokio::test]
async fn the_browser_is_sent_with_what_nobody_else_can_bring_back() {
    let (_app, console, provider) = with_provider().await;
    let browser = console.browser();

    provider.sign_in_there(&browser, "").await;
    let one = provider.asked();
    provider.sign_in_there(&browser, "").await;
    let two = provider.asked();
    let sealed = browser.on_the_way();

    assert_eq!(one["response_type"], "code");
    assert_eq!(one["code_challenge_method"], "S256");
    assert_eq!(one["redirect_uri"], "http://localhost:9/sign-in/back");
    assert!(one["scope"].split(' ').any(|scope| scope == "openid"));
    for secret in ["state", "nonce", "code_challenge"] {
        assert!(one[secret].len() >= 22, "{secret}");
        assert_ne!(one[secret], two[secret], "{secret}");
    }
    assert!(!sealed["drawbridge-going"].contains(&two["state"]));
}

#[tokio::test]
async fn a_token_that_is_not_for_this_sign_in_lets_nobody_in() {
    let (app, console, provider) = with_provider().await;
    let now = app.clock.now().as_second();
    type Lie = Box<dyn Fn(&mut Value) + Send + Sync>;
    let says = |name: &'static str, value: Value| -> Lie {
        Box::new(move |claims| claims[name] = value.clone())
    };
    let leaves_out = |name: &'static str| -> Lie {
        Box::new(move |claims| {
            claims.as_object_mut().unwrap().remove(name);
        })
    };
    let lies: Vec<(&str, Lie)> = vec![
        ("another nonce", says("nonce", json!("another"))),
        ("no nonce", leaves_out("nonce")),
        ("for somebody else", says("aud", json!("another"))),
        ("for nobody", says("aud", json!([]))),
        (
            "for several, asked for by nobody knows whom",
            says("aud", json!(["drawbridge", "another"])),
        ),
        ("asked for by somebody else", says("azp", json!("another"))),
        (
            "of another issuer",
            says("iss", json!("https://evil.example")),
        ),
        (
            "of an issuer that looks alike",
            says("iss", json!(format!("{}/", provider.issuer))),
        ),
        ("over", says("exp", json!(now - 61))),
        ("without an end", leaves_out("exp")),
        ("with an end that is no time", says("exp", json!("later"))),
        ("of later", says("iat", json!(now + 61))),
        ("not yet good", says("nbf", json!(now + 61))),
        ("about nobody", says("sub", json!(""))),
        ("without a name", leaves_out("sub")),
    ];
    let signatures = [
        Signed::ByAnotherKey,
        Signed::Not,
        Signed::WithTheClientsSecret,
        Signed::WithThePublicKeyAsSecret,
        Signed::WithSomethingCritical,
    ];

    let mut refused = Vec::new();
    for (why, lie) in lies {
        provider.lies(lie);
        let browser = console.browser();
        refused.push((
            why.to_owned(),
            provider.sign_in(&browser, "").await,
            browser,
        ));
    }
    provider.tells_the_truth();
    for signed in signatures {
        provider.signs(signed);
        let browser = console.browser();
        refused.push((
            format!("{signed:?}"),
            provider.sign_in(&browser, "").await,
            browser,
        ));
    }
    provider.tells_the_truth();
    // So many in a minute are all that one network may have.
    app.clock.advance(Duration::from_secs(4));
    let honest = console.browser();
    provider.sign_in(&honest, "").await;

    for (why, page, browser) in refused {
        let is_no_answer = page.status == StatusCode::BAD_REQUEST;
        assert!(is_no_answer, "{why}: {} {}", page.status, page.text);
        assert!(browser.cookie().is_empty(), "{why}");
        assert!(page.says("Sign in by the stand-in"), "{why}: no way out");
    }
    assert!(is_in(&honest).await, "the same without a lie is taken");
    assert_eq!(said(&app, "admin.signed_in").await, 1);
}

#[tokio::test]
async fn a_token_for_several_that_says_who_asked_for_it_is_taken() {
    let (_app, console, provider) = with_provider().await;
    provider.lies(|claims| {
        claims["aud"] = json!(["another", "drawbridge"]);
        claims["azp"] = json!("drawbridge");
    });
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    provider.signs(Signed::WithEd25519);
    let other = console.browser();
    provider.sign_in(&other, "").await;

    assert!(is_in(&browser).await);
    assert!(is_in(&other).await, "on another curve too");
}

#[tokio::test]
async fn nobody_comes_in_whom_nobody_let_in() {
    let (app, console, provider) = with_provider().await;
    app.let_in("elm", "Lee", OfficeRole::Admin, "lee@elm.example")
        .await;
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let lee = admins.iter().find(|admin| admin.name == "Lee").unwrap();
    let mut tx = app.begin().await;
    tx.remove_admin(&lee.id);
    tx.commit().await.unwrap();

    for (why, person) in [
        (
            "nobody knows the address",
            json!({"sub": "x", "email": "mallory@elm.example", "email_verified": true}),
        ),
        (
            "the address was not verified",
            json!({"sub": "x", "email": DANA, "email_verified": false}),
        ),
        (
            "nobody says whether it was",
            json!({"sub": "x", "email": DANA}),
        ),
        (
            "it looks alike",
            json!({"sub": "x", "email": "\u{212a}ana@elm.example", "email_verified": true}),
        ),
        (
            "a group is no invitation",
            json!({"sub": "x", "groups": ["owners"], "roles": ["owner"]}),
        ),
        (
            "they were sent away",
            json!({"sub": "x", "email": "lee@elm.example", "email_verified": true}),
        ),
    ] {
        provider.is_used_by_claims(person);
        let browser = console.browser();
        let page = provider.sign_in(&browser, "").await;

        assert!(
            is_refused(&page, StatusCode::FORBIDDEN),
            "{why}: {}",
            page.status
        );
        assert!(browser.cookie().is_empty(), "{why}");
        assert!(page.says("An owner of the practice does that"), "{why}");
    }
    assert_eq!(said(&app, "admin.signed_in").await, 0);
}

#[tokio::test]
async fn whoever_is_sent_away_is_out_at_once_and_stays_out() {
    let (app, console, provider) = with_provider().await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let was_in = is_in(&browser).await;
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let mut tx = app.begin().await;
    tx.remove_admin(&admins[0].id);
    tx.commit().await.unwrap();

    let still_in = is_in(&browser).await;
    let again = provider.sign_in(&browser, "").await;
    app.let_in("elm", "Dana Ruiz", OfficeRole::Auditor, DANA)
        .await;
    provider.sign_in(&browser, "").await;

    assert!(was_in && !still_in);
    assert!(is_refused(&again, StatusCode::FORBIDDEN));
    assert!(is_in(&browser).await, "let in anew, she is somebody new");
}

#[tokio::test]
async fn whoever_leaves_the_practice_is_out_of_the_console_at_once_until_a_link_lets_them_in() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let was_in = is_in(&browser).await;
    let older = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    app.clock.advance(Duration::from_secs(1));

    app.disable(&dana).await;
    let still_in = is_in(&browser).await;
    app.clock.advance(Duration::from_secs(1));
    let again = console.browser();
    provider.sign_in(&again, "").await;
    let by_provider = is_in(&again).await;
    browser.post("/sign-in", &[("link", &older)]).await;
    let by_an_older_link = is_in(&browser).await;
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    browser.post("/sign-in", &[("link", &link)]).await;

    assert!(was_in && !still_in);
    assert!(!by_provider, "the provider may not know yet that she left");
    assert!(!by_an_older_link, "nor does a link that was made before");
    assert!(is_in(&browser).await, "whoever runs the server says so");
}

#[tokio::test]
async fn a_session_and_a_link_from_before_a_departure_stay_over_after_a_quick_return() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let was_in = is_in(&browser).await;
    let older = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    app.disable(&dana).await;
    app.clock.advance(Duration::from_secs(1));
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let let_in = console.browser();
    let_in.post("/sign-in", &[("link", &link)]).await;

    app.set_active(&dana, true).await;
    let person = app.person("dana").await;
    let caller = app.caller();
    let approved = app.intake.approve_return(&caller, &person, BACK).await;
    approved.unwrap().unwrap();
    let goes_on = is_in(&browser).await;
    browser.post("/sign-in", &[("link", &older)]).await;
    let by_an_older_link = is_in(&browser).await;
    provider.sign_in(&browser, "").await;

    assert!(was_in && !goes_on, "well within the idle time");
    assert!(!by_an_older_link);
    assert!(is_in(&let_in).await, "who was let in since goes on");
    assert!(is_in(&browser).await, "and she signs in as anybody");
}

#[tokio::test]
async fn a_session_from_before_a_departure_stays_over_also_when_the_departure_is_undone() {
    let (app, console, provider) = with_provider().await;
    app.hire("dana", "Nurse").await;
    app.run_due().await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let person = app.person("dana").await;
    let caller = app.caller();
    app.intake.depart(&caller, &person).await.unwrap();
    app.run_due().await;
    app.clock.advance(Duration::from_secs(1));

    app.intake
        .preview_undo(&caller, &person)
        .await
        .unwrap()
        .unwrap();
    let undone = app.intake.undo_departure(&caller, &person, BACK).await;
    undone.unwrap().unwrap();
    let goes_on = is_in(&browser).await;
    provider.sign_in(&browser, "").await;

    assert!(!goes_on);
    assert!(is_in(&browser).await);
}

#[tokio::test]
async fn a_session_from_before_a_departure_stays_over_when_the_hold_is_over_by_itself() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    app.run_due().await;
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let id = browser.cookie().split('_').nth(2).unwrap().to_owned();
    app.disable(&dana).await;
    app.run_due().await;
    app.clock.advance(Duration::from_secs(60 * 24 * 3_600));
    app.run_due().await;

    app.set_active(&dana, true).await;

    let person = app.person("dana").await;
    let known = app.begin().await.find_known(&person).await.unwrap();
    assert_eq!(known.person.departed_at, None, "she is back");
    assert_eq!(app.store.find_session(&id).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_was_let_in_after_a_departure_is_out_when_they_depart_again() {
    let (app, console, _provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    app.disable(&dana).await;
    app.clock.advance(Duration::from_secs(1));
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let browser = console.browser();
    browser.post("/sign-in", &[("link", &link)]).await;
    let was_in = is_in(&browser).await;

    // Enabled again the return waits for somebody's word, and then it is taken back.
    app.set_active(&dana, true).await;
    let while_it_waits = is_in(&browser).await;
    app.disable(&dana).await;

    assert!(was_in && while_it_waits);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_sign_in_that_is_refused_ends_no_session() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    let older = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let priya = app.sign_in(&console, OfficeRole::Admin).await;
    app.clock.advance(Duration::from_secs(1));
    app.disable(&dana).await;

    let by_link = priya.post("/sign-in", &[("link", &older)]).await;
    let by_provider = provider.sign_in(&priya, "").await;

    assert!(is_refused(&by_link, StatusCode::FORBIDDEN));
    assert!(is_refused(&by_provider, StatusCode::FORBIDDEN));
    assert!(priya.get("/").await.says("Dana the admin"));
    assert_eq!(said(&app, "admin.signed_out").await, 0);
}

#[tokio::test]
async fn a_sign_in_that_succeeds_ends_the_session_of_before_in_whatever_practice() {
    let (app, console, provider) = with_provider().await;
    app.let_in("oak", "Omar", OfficeRole::Owner, "omar@oak.example")
        .await;
    let browser = app.sign_in(&console, OfficeRole::Admin).await;
    let of_priya = console.browser();
    of_priya.set_cookie(&browser.cookie());
    let both_were_in = is_in(&browser).await && is_in(&of_priya).await;

    provider.sign_in(&browser, "").await;
    let of_dana = console.browser();
    of_dana.set_cookie(&browser.cookie());
    let dana_is_in = is_in(&of_dana).await;
    provider.is_used_by("o-1", "omar@oak.example");
    provider.sign_in(&browser, "").await;

    assert!(both_were_in && dana_is_in);
    assert!(!is_in(&of_priya).await && !is_in(&of_dana).await);
    assert!(browser.get("/").await.says("Omar"));
    assert_eq!(said(&app, "admin.signed_out").await, 2);
}

#[tokio::test]
async fn whoever_has_another_address_at_the_provider_stays_who_they_are_and_it_is_on_record() {
    let (app, console, provider) = with_provider().await;
    let married = "dana.married@elm.example";
    provider.sign_in(&console.browser(), "").await;

    provider.is_used_by_claims(json!({"sub": "d-1", "email": married, "email_verified": false}));
    provider.sign_in(&console.browser(), "").await;
    let unverified = said(&app, "admin.address_changed").await;
    provider.is_used_by("d-1", married);
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    provider.sign_in(&console.browser(), "").await;
    let told = browser.get("/settings").await;
    let ledger = browser.get("/ledger").await;
    app.let_in("elm", "Dana Ruiz", OfficeRole::Owner, married)
        .await;
    let looked_at = browser.get("/settings").await;

    assert_eq!(unverified, 0, "what was not verified says nothing");
    assert_eq!(said(&app, "admin.address_changed").await, 1, "once");
    assert!(told.says("The identity provider has dana.married@elm.example of them"));
    assert!(
        ledger.says("another address of Dana Ruiz"),
        "{}",
        ledger.text
    );
    assert!(!looked_at.says("The identity provider has"));
    assert_eq!(said(&app, "admin.connected").await, 1, "by the same name");
}

#[tokio::test]
async fn whoever_leaves_by_the_address_they_have_at_the_provider_is_out_as_well() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana.married", "Nurse").await;
    provider.sign_in(&console.browser(), "").await;
    provider.is_used_by("d-1", "dana.married@elm.example");
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let was_in = is_in(&browser).await;
    app.clock.advance(Duration::from_secs(1));

    app.disable(&dana).await;
    let goes_on = is_in(&browser).await;
    let again = provider.sign_in(&console.browser(), "").await;
    app.set_active(&dana, true).await;
    let person = app.person("dana.married").await;
    let caller = app.caller();
    let approved = app.intake.approve_return(&caller, &person, BACK).await;
    approved.unwrap().unwrap();

    assert!(was_in && !goes_on);
    assert!(is_refused(&again, StatusCode::FORBIDDEN));
    assert!(!is_in(&browser).await, "also after she is back");
}

#[tokio::test]
async fn whoever_leaves_by_an_address_of_before_is_out_as_well() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana", "Nurse").await;
    let married = "dana.married@elm.example";
    provider.sign_in(&console.browser(), "").await;
    provider.is_used_by("d-1", married);
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    // As Settings advises. Nowhere here is she called by her old name any more.
    app.let_in("elm", "Dana Ruiz", OfficeRole::Owner, married)
        .await;
    let was_in = is_in(&browser).await;
    app.clock.advance(Duration::from_secs(1));

    app.disable(&dana).await;
    let goes_on = is_in(&browser).await;
    let again = provider.sign_in(&console.browser(), "").await;
    app.set_active(&dana, true).await;
    let person = app.person("dana").await;
    let caller = app.caller();
    let approved = app.intake.approve_return(&caller, &person, BACK).await;
    approved.unwrap().unwrap();

    assert!(was_in && !goes_on);
    assert!(is_refused(&again, StatusCode::FORBIDDEN));
    assert!(!is_in(&browser).await, "also after she is back");
}

#[tokio::test]
async fn whoever_left_by_an_address_that_the_provider_says_for_the_first_time_is_refused() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("dana.married", "Nurse").await;
    let elsewhere = console.browser();
    provider.sign_in(&elsewhere, "").await;
    app.clock.advance(Duration::from_secs(1));
    app.disable(&dana).await;
    app.clock.advance(Duration::from_secs(1));
    let was_in = is_in(&elsewhere).await;

    provider.is_used_by("d-1", "dana.married@elm.example");
    let browser = console.browser();
    let page = provider.sign_in(&browser, "").await;

    assert!(is_refused(&page, StatusCode::FORBIDDEN), "{}", page.text);
    assert!(!is_in(&browser).await);
    assert!(
        was_in && !is_in(&elsewhere).await,
        "what was learned ends the other session too"
    );
    assert_eq!(said(&app, "admin.address_changed").await, 1);
}

#[tokio::test]
async fn no_provider_is_connected_to_whoever_left_by_the_address_it_has_of_them() {
    let (app, console, provider) = with_provider().await;
    let priya = app.hire("priya", "Nurse").await;
    let browser = app.sign_in(&console, OfficeRole::Admin).await;
    app.clock.advance(Duration::from_secs(1));
    app.disable(&priya).await;

    provider.is_used_by("p-1", "priya@elm.example");
    let asked = provider.sign_in(&browser, "for=connecting").await;
    let page = connect(&browser, &asked).await;
    let known = app.store.list_identities(&app.practice()).await.unwrap();

    let is_refused = is_refused(&page, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(is_refused, "{}", page.text);
    assert!(page.says("has left the practice"), "{}", page.text);
    assert!(known.is_empty(), "of a refusal nothing is kept");
    assert_eq!(said(&app, "admin.connected").await, 0);
}

#[tokio::test]
async fn whoever_leaves_is_known_by_their_address_in_whatever_letters_the_provider_writes_it() {
    let (app, console, provider) = with_provider().await;
    let dana = app.hire("Jürgen", "Nurse").await;
    provider.sign_in(&console.browser(), "").await;
    provider.is_used_by("d-1", "JÜRGEN@elm.example");
    let browser = console.browser();
    provider.sign_in(&browser, "").await;
    let was_in = is_in(&browser).await;
    app.clock.advance(Duration::from_secs(1));

    app.disable(&dana).await;

    assert!(was_in && !is_in(&browser).await);
}

#[tokio::test]
async fn nobody_comes_in_by_an_address_that_only_looks_like_one_that_was_let_in() {
    let (app, console, provider) = with_provider().await;
    app.let_in("elm", "Sam", OfficeRole::Admin, "sam@strasse.example")
        .await;

    // Somebody else's domain. To compare people, both are folded to the same letters.
    provider.is_used_by("s-1", "sam@straße.example");
    let browser = console.browser();
    let page = provider.sign_in(&browser, "").await;

    assert!(is_refused(&page, StatusCode::FORBIDDEN), "{}", page.text);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn whoever_connected_without_an_address_here_needs_one_and_is_accused_of_nothing() {
    let (app, console, provider) = with_provider().await;
    let priya = app.sign_in(&console, OfficeRole::Admin).await;
    let before = priya.get("/settings").await;
    provider.is_used_by("p-1", "priya@elm.example");
    let asked = provider.sign_in(&priya, "for=connecting").await;
    connect(&priya, &asked).await;

    let connected = priya.get("/settings").await;
    app.let_in(
        "elm",
        "Dana the admin",
        OfficeRole::Admin,
        "priya@elm.example",
    )
    .await;
    let written = priya.get("/settings").await;

    assert!(connected.says("No address here"), "{}", connected.text);
    assert!(!connected.says("The identity provider has"));
    assert!(!before.says("No address here") && !written.says("No address here"));
    assert!(written.says("priya@elm.example"), "{}", written.text);
}

#[tokio::test]
async fn an_address_counts_unverified_only_where_the_settings_trust_the_provider() {
    let mut app = TestApp::start().await;
    let provider = StandIn::start(&app).await;
    let console = by(&mut app, &provider, |oidc| oidc.trust_email = true).await;
    app.let_in("elm", "Dana Ruiz", OfficeRole::Owner, "Dana@Elm.example")
        .await;
    let unsaid = console.browser();
    let denied = console.browser();

    provider.is_used_by_claims(json!({"sub": "d", "email": DANA, "email_verified": false}));
    provider.sign_in(&denied, "").await;
    provider.is_used_by_claims(json!({"sub": "d", "email": DANA}));
    provider.sign_in(&unsaid, "").await;

    assert!(
        !is_in(&denied).await,
        "what is said to be unverified never counts"
    );
    assert!(is_in(&unsaid).await);
}

#[tokio::test]
async fn what_comes_back_must_belong_to_the_browser_that_set_out() {
    let (app, console, provider) = with_provider().await;
    let victim = console.browser();
    let back = provider.sign_in_there(&victim, "").await;
    let kept = victim.on_the_way();
    let mut mixed = back.clone();
    mixed.push_str("&iss=https%3A%2F%2Fevil.example");

    let elsewhere = console.browser().get(&back).await;
    let other = console.browser();
    provider.sign_in_there(&other, "").await;
    let swapped = other.get(&back).await;
    let of_another_issuer = victim.get(&mixed).await;
    victim.set_on_the_way(kept.clone());
    let codes_before = provider.exchanged();
    let well = victim.get(&back).await;
    let again = victim.get(&back).await;
    victim.set_on_the_way(kept.clone());
    let replayed = victim.get(&back).await;
    let late = console.browser();
    let too_late = provider.sign_in_there(&late, "").await;
    app.clock.advance(Duration::from_secs(600));
    let too_late = late.get(&too_late).await;

    assert_eq!(well.status, StatusCode::SEE_OTHER);
    for (why, page) in [
        ("a browser that did not set out", elsewhere),
        ("a browser that set out otherwise", swapped),
        ("an answer of another issuer", of_another_issuer),
        ("the same once more", again),
        ("a code that was used", replayed),
        ("after ten minutes", too_late),
    ] {
        assert!(
            is_refused(&page, StatusCode::BAD_REQUEST),
            "{why}: {}",
            page.status
        );
        assert!(
            !page.header("set-cookie").contains("drawbridge=dbr"),
            "{why}"
        );
    }
    assert_eq!(codes_before, 0, "no code was spent for them");
    assert_eq!(said(&app, "admin.signed_in").await, 1);
}

#[tokio::test]
async fn nobody_is_led_to_another_site_by_signing_in() {
    let (_app, console, provider) = with_provider().await;

    for (next, leads_to) in [
        ("/systems", "/systems"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/%09/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let browser = console.browser();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", next)
            .finish();
        let page = provider.sign_in(&browser, &query).await;

        assert_eq!(page.header("location"), leads_to, "{next}");
    }
}

#[tokio::test]
async fn whoever_said_no_at_the_provider_is_told_so() {
    let (_app, console, provider) = with_provider().await;
    let browser = console.browser();
    provider.sign_in_there(&browser, "").await;
    let state = provider.asked()["state"].clone();

    let path = format!("/sign-in/back?error=access_denied&error_description=%3Cb%3E&state={state}");
    let page = browser.get(&path).await;

    assert!(is_refused(&page, StatusCode::FORBIDDEN));
    assert!(page.says("you said no") && !page.says("<b></"));
}

#[tokio::test]
async fn a_practices_own_provider_vouches_for_its_own_people_alone() {
    let mut app = TestApp::start().await;
    let provider = StandIn::start(&app).await;
    app.settings.console.url = Some("http://localhost:9".to_owned());
    app.settings.practices[1].oidc = Some(provider.settings(&app));
    let console = app.console().await;
    app.let_in("elm", "Dana Ruiz", OfficeRole::Owner, DANA)
        .await;
    app.let_in("oak", "Omar", OfficeRole::Owner, "omar@oak.example")
        .await;
    let page = console.browser().get("/sign-in").await;
    let at_oak = console.browser().get("/sign-in?practice=oak").await;
    let (dana, omar) = (console.browser(), console.browser());

    provider.is_used_by("d", DANA);
    let refused = provider.sign_in(&dana, "practice=oak").await;
    provider.is_used_by("o", "omar@oak.example");
    let well = provider.sign_in(&omar, "practice=oak").await;

    assert!(
        !page.says("the stand-in"),
        "nobody learns of another practice"
    );
    assert!(at_oak.says("Sign in by the stand-in"));
    assert!(is_refused(&refused, StatusCode::FORBIDDEN));
    assert_eq!(well.status, StatusCode::SEE_OTHER);
    assert!(omar.get("/").await.says("oak"));
}

#[tokio::test]
async fn whoever_works_for_several_practices_says_which() {
    let (app, console, provider) = with_provider().await;
    app.let_in("oak", "Dana R.", OfficeRole::Operator, DANA)
        .await;
    let admins = app.store.list_admins(&"oak".into()).await.unwrap();
    let at_oak = admins[0].id.as_str();
    let browser = console.browser();

    let asked = provider.sign_in(&browser, "").await;
    let before = browser.cookie();
    let elsewhere = console
        .browser()
        .post("/sign-in/choose", &[("admin", at_oak)])
        .await;
    let about = asked.field("vouched");
    let typed = [("vouched", about.as_str()), ("admin", "a")];
    let nobody = browser.post("/sign-in/choose", &typed).await;
    let asked_again = provider.sign_in(&browser, "").await;
    let about_before = [typed[0], ("admin", at_oak)];
    let before_last = browser.post("/sign-in/choose", &about_before).await;
    let about = asked_again.field("vouched");
    let typed = [("vouched", about.as_str()), ("admin", at_oak)];
    let chosen = browser.post("/sign-in/choose", &typed).await;

    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.says("Which practice?") && asked.says("as operator"));
    assert!(before.is_empty());
    assert!(is_refused(&elsewhere, StatusCode::BAD_REQUEST));
    assert!(is_refused(&nobody, StatusCode::FORBIDDEN));
    assert!(is_refused(&before_last, StatusCode::BAD_REQUEST));
    assert_eq!(chosen.status, StatusCode::SEE_OTHER, "{}", chosen.text);
    assert!(browser.get("/").await.says("oak"));
}

#[tokio::test]
async fn while_the_provider_is_down_a_link_still_lets_in() {
    let mut app = TestApp::start().await;
    let provider = StandIn::start(&app).await;
    let console = by(&mut app, &provider, |oidc| {
        oidc.issuer = "http://127.0.0.1:1".to_owned();
    })
    .await;
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let browser = console.browser();

    let down = browser.get("/sign-in/with").await;
    let by_link = browser.post("/sign-in", &[("link", &link)]).await;

    assert!(is_refused(&down, StatusCode::SERVICE_UNAVAILABLE));
    assert!(down.says("one-time link") && down.says("drawbridge admin invite"));
    assert_eq!(by_link.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_provider_that_changed_its_key_is_asked_for_the_new_one() {
    let (_app, console, provider) = with_provider().await;
    let (before, after) = (console.browser(), console.browser());

    provider.sign_in(&before, "").await;
    provider.changes_its_key();
    provider.sign_in(&after, "").await;

    assert!(is_in(&before).await && is_in(&after).await);
}

#[tokio::test]
async fn a_provider_sends_neither_the_bridge_nor_anybody_where_they_must_not_go() {
    for (what, address) in [
        ("jwks_uri", "http://169.254.169.254/keys"),
        ("jwks_uri", "https://10.0.0.1/keys"),
        ("token_endpoint", "http://evil.example/token"),
        ("token_endpoint", "file:///etc/passwd"),
        ("authorization_endpoint", "http://evil.example/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("issuer", "https://evil.example"),
    ] {
        let (_app, console, provider) = with_provider().await;
        let mut own = json!({
            "issuer": provider.issuer,
            "authorization_endpoint": format!("{}/authorize", provider.issuer),
            "token_endpoint": format!("{}/token", provider.issuer),
            "jwks_uri": format!("{}/keys", provider.issuer),
        });
        own[what] = json!(address);
        provider.says_of_itself(own);

        let page = console.browser().get("/sign-in/with").await;

        let is_down = is_refused(&page, StatusCode::SERVICE_UNAVAILABLE);
        assert!(is_down, "{what} {address}: {}", page.status);
        assert!(!page.says("evil") && !page.says("169.254"), "{what}");
    }
}

/// Presses the button of a page that shows whom the provider vouched for.
async fn connect(browser: &Browser, page: &Page) -> Page {
    let about = page.field("vouched");
    let fields = [("vouched", about.as_str())];
    browser.press("/sign-in/connect", &fields).await
}

#[tokio::test]
async fn a_page_connects_nobody_but_whom_it_shows() {
    let (app, console, provider) = with_provider().await;
    app.let_in("elm", "Twice", OfficeRole::Admin, "twice@elm.example")
        .await;
    app.let_in("oak", "Twice", OfficeRole::Admin, "twice@elm.example")
        .await;
    let priya = app.sign_in(&console, OfficeRole::Admin).await;

    provider.is_used_by_claims(json!({"sub": "p-1"}));
    let first = provider.sign_in(&priya, "for=connecting").await;
    // In another window of the same browser somebody else signs in at the provider.
    provider.is_used_by_claims(json!({"sub": "stranger"}));
    let second = provider.sign_in(&priya, "for=connecting").await;
    let of_the_first = connect(&priya, &first).await;
    let without = priya.press("/sign-in/connect", &[]).await;
    provider.is_used_by("t-1", "twice@elm.example");
    let choosing = provider.sign_in(&priya, "").await;
    let for_choosing = connect(&priya, &choosing).await;
    let connected = said(&app, "admin.connected").await;
    provider.is_used_by_claims(json!({"sub": "p-1"}));
    let third = provider.sign_in(&priya, "for=connecting").await;
    let of_the_third = connect(&priya, &third).await;

    assert!(first.says("p-1") && second.says("stranger"));
    assert!(choosing.says("Which practice?"), "{}", choosing.text);
    for refused in [of_the_first, without, for_choosing] {
        assert!(is_refused(&refused, StatusCode::BAD_REQUEST));
        assert!(refused.says("another sign-in"), "{}", refused.text);
    }
    assert_eq!(connected, 0);
    assert_eq!(of_the_third.header("location"), "/?said=connected");
    assert_eq!(said(&app, "admin.connected").await, 1);
}

#[tokio::test]
async fn codes_that_somebody_makes_up_are_exchanged_twenty_times_a_minute_and_stop_nobody() {
    let (app, console, provider) = with_provider().await;
    for _ in 0..30 {
        provider.sign_in(&console.browser(), "").await;
    }
    let before = provider.exchanged();

    let mut answers = Vec::new();
    for number in 0..40 {
        let guesser = console.browser();
        provider.sign_in_there(&guesser, "").await;
        let state = provider.asked()["state"].clone();
        let path = format!("/sign-in/back?code=made-up-{number}&state={state}");
        answers.push(guesser.get(&path).await);
    }
    let asked = provider.exchanged() - before;
    app.clock.advance(Duration::from_secs(4));
    let dana = console.browser();
    provider.sign_in(&dana, "").await;

    assert_eq!(before, 30, "whoever is vouched for counts for nothing");
    assert_eq!(asked, 20);
    let last = answers.last().unwrap();
    assert!(is_refused(last, StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(last.header("retry-after"), "4");
    assert!(last.says("one-time link"));
    assert!(is_in(&dana).await);
}

/// The same behind a proxy that speaks https to browsers: all of them come from one address.
async fn behind_a_proxy() -> (TestApp, Console, StandIn) {
    let (mut app, _console, provider) = with_provider().await;
    app.settings.is_https = true;
    let console = app.console().await;
    (app, console, provider)
}

/// Somebody makes up a code.
async fn guess(console: &Console, provider: &StandIn, number: usize) -> Page {
    let guesser = console.browser();
    provider.sign_in_there(&guesser, "").await;
    let state = provider.asked()["state"].clone();
    let path = format!("/sign-in/back?code=made-up-{number}&state={state}");
    let from = format!("203.0.113.{number}");
    let headers = [("x-forwarded-for", from.as_str())];
    guesser.send(Method::GET, &path, &headers, None).await
}

#[tokio::test]
async fn behind_a_proxy_no_guesser_keeps_anybody_out() {
    let (_app, console, provider) = behind_a_proxy().await;

    let mut answers = Vec::new();
    for number in 0..40 {
        answers.push(guess(&console, &provider, number).await.status);
    }
    let dana = console.browser();
    let came_in = provider.sign_in(&dana, "").await;

    assert_eq!(answers, [StatusCode::BAD_REQUEST; 40]);
    assert_eq!(provider.exchanged(), 41, "each was asked about");
    assert_eq!(came_in.status, StatusCode::SEE_OTHER, "{}", came_in.text);
    assert!(dana.cookie().starts_with("__Host-drawbridge="));
    assert!(is_in(&dana).await);
}

#[tokio::test]
async fn no_header_makes_somebody_else_of_a_guesser() {
    let (_app, console, provider) = with_provider().await;

    let mut answers = Vec::new();
    for number in 0..21 {
        answers.push(guess(&console, &provider, number).await.status);
    }

    assert_eq!(answers[..20], [StatusCode::BAD_REQUEST; 20]);
    assert_eq!(answers[20], StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(provider.exchanged(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_by_eight_at_a_time_and_whoever_comes_then_waits() {
    const COMING: usize = 24;
    let (_app, console, provider) = behind_a_proxy().await;
    let mut on_the_way = Vec::new();
    for _ in 0..COMING {
        let browser = console.browser();
        let back = provider.sign_in_there(&browser, "").await;
        on_the_way.push((browser, back));
    }
    provider.holds_answers();

    let coming: Vec<_> = on_the_way
        .into_iter()
        .map(|(browser, back)| tokio::spawn(async move { browser.get(&back).await.status }))
        .collect();
    for gone in 0..COMING {
        // None is gone that was not let go, so as many as may be at once come together.
        while provider.exchanging().0 < (COMING - gone).min(8) {
            tokio::task::yield_now().await;
        }
        if gone == 0 {
            let page = console.browser().get("/sign-in").await;
            assert_eq!(page.status, StatusCode::OK, "who does not ask it waits not");
        }
        provider.lets_one_go();
    }
    let mut came_in = Vec::new();
    for browser in coming {
        came_in.push(browser.await.unwrap());
    }

    assert_eq!(came_in, [StatusCode::SEE_OTHER; COMING]);
    assert_eq!(provider.exchanging(), (0, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_locked_nobody_on_the_way_in_begins_again() {
    let (app, console, provider) = with_provider().await;
    app.let_in("oak", "Dana R.", OfficeRole::Operator, DANA)
        .await;
    let admins = app.store.list_admins(&"oak".into()).await.unwrap();
    let priya = app.sign_in(&console, OfficeRole::Admin).await;
    let dana = console.browser();
    let choosing = provider.sign_in(&dana, "").await;
    provider.is_used_by_claims(json!({"sub": "p-1"}));
    let connecting = provider.sign_in(&priya, "for=connecting").await;
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    let about = choosing.field("vouched");
    let typed = [
        ("vouched", about.as_str()),
        ("admin", admins[0].id.as_str()),
    ];

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let chosen = dana.post("/sign-in/choose", &typed).await;
    let connected = connect(&priya, &connecting).await;
    other.execute_batch("ROLLBACK").unwrap();

    for (browser, path, page) in [
        (&dana, "/sign-in/choose", chosen),
        (&priya, "/sign-in/connect", connected),
    ] {
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let form = forms::read(&page.text);
        let form = form.iter().find(|form| form.action == path).unwrap();
        let fields = form.fields.iter();
        let fields: Vec<(&str, &str)> = fields
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .collect();
        let again = browser.post(path, &fields).await;
        assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.text);
    }
}

#[tokio::test]
async fn whoever_has_no_address_here_connects_their_provider_by_hand() {
    let (app, console, provider) = with_provider().await;
    let priya = app.sign_in(&console, OfficeRole::Admin).await;
    provider.is_used_by_claims(json!({"sub": "p-1"}));

    let asked = provider.sign_in(&priya, "for=connecting").await;
    let not_theirs = console.browser().post("/sign-in/connect", &[]).await;
    let connected = connect(&priya, &asked).await;
    let elsewhere = console.browser();
    provider.sign_in(&elsewhere, "").await;
    let other = app.sign_in(&console, OfficeRole::Auditor).await;
    let asked_too = provider.sign_in(&other, "for=connecting").await;
    let taken = connect(&other, &asked_too).await;

    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert!(asked.says("p-1") && asked.says("Dana the admin"));
    assert_eq!(not_theirs.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        connected.header("location"),
        "/?said=connected",
        "{}",
        connected.text
    );
    assert!(elsewhere.get("/").await.says("Dana the admin"));
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(provider.asked()["prompt"], "login");
}

#[tokio::test]
async fn two_people_never_share_an_address() {
    let (app, console, _provider) = with_provider().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;

    let typed = [
        ("name", "Priya"),
        ("role", "admin"),
        ("email", "DANA@elm.example"),
    ];
    let taken = owner.press("/settings/admins", &typed).await;
    let typed = [("name", "Priya"), ("role", "admin"), ("email", "priya")];
    let no_address = owner.press("/settings/admins", &typed).await;
    let typed = [
        ("name", "Priya"),
        ("role", "admin"),
        ("email", "Priya@elm.example"),
    ];
    let well = owner.press("/settings/admins", &typed).await;

    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(taken.says("Dana Ruiz is here with this e-mail address already"));
    assert_eq!(no_address.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(well.status, StatusCode::OK, "{}", well.text);
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let priya = admins.iter().find(|admin| admin.name == "Priya").unwrap();
    assert_eq!(priya.email.as_deref(), Some("priya@elm.example"));
}
