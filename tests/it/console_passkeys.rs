//! Who comes in by a passkey, who proves by one that it is still them, and who does not.

use std::time::Duration;

use drawbridge::{
    clock::Clock as _,
    intake::returns::Word,
    policy::office::OfficeRole,
    store::{admins::Admin, passkeys::Passkey},
};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
    passkey::{Device, Fields, ORIGIN},
};

const MINUTE: Duration = Duration::from_secs(60);

const DANA: Word<'static> = Word {
    by: "Dana Ruiz",
    note: "back from leave",
};

/// A form that wants proof.
const A_TOKEN: [(&str, &str); 2] = [("source", "entra"), ("days", "10")];

/// Somebody with an address, signed in by a link.
async fn a_guest(app: &TestApp, console: &Console, role: OfficeRole) -> Browser {
    let (name, email) = (
        format!("Dana the {}", role.as_str()),
        format!("{}@elm.example", role.as_str()),
    );
    app.let_in("elm", &name, role, &email).await;
    app.sign_in(console, role).await
}

/// The admin of this role.
async fn admin(app: &TestApp, role: OfficeRole) -> Admin {
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    admins.into_iter().find(|admin| admin.role == role).unwrap()
}

/// Has an admin be one without an address, as the first owner may be.
async fn without_address(app: &TestApp, role: OfficeRole) {
    let admin = admin(app, role).await;
    let mut tx = app.begin().await;
    tx.record_admin(&Admin {
        email: None,
        ..admin
    });
    tx.commit().await.unwrap();
}

/// Nina, an admin and a nurse, who has added a passkey.
async fn nina_with_passkey() -> (TestApp, Console, Browser, Device) {
    let (app, console, _owner) = a_console().await;
    app.let_in("elm", "Nina Wong", OfficeRole::Admin, "nina@elm.example")
        .await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.clock.advance(MINUTE);
    let nina = come_in(&app, &console).await;
    let mut device = Device::new("device-2");
    let added = add(&nina, &mut device).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
    (app, console, nina, device)
}

/// Nina comes in by a link made now.
async fn come_in(app: &TestApp, console: &Console) -> Browser {
    let link = app.link("elm", "Nina Wong", OfficeRole::Admin).await;
    let browser = console.browser();
    let came_in = browser.post("/sign-in", &[("link", &link)]).await;
    assert_eq!(came_in.status, StatusCode::SEE_OTHER, "{}", came_in.text);
    browser
}

/// Nina leaves the practice.
async fn nina_leaves(app: &TestApp) {
    let person = app.person("nina").await;
    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_due().await;
    app.clock.advance(MINUTE);
}

/// A console at its own name, and an owner who is signed in by a link.
async fn a_console() -> (TestApp, Console, Browser) {
    let mut app = TestApp::start().await;
    app.settings.console.url = Some(ORIGIN.to_owned());
    let console = app.console().await;
    let owner = a_guest(&app, &console, OfficeRole::Owner).await;
    (app, console, owner)
}

/// What the browser shall ask its device.
async fn asked(browser: &Browser, what_for: &str) -> Value {
    let page = browser.get(&format!("/sign-in/passkey?{what_for}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    serde_json::from_str(&page.text).unwrap()
}

fn borrowed(fields: &Fields) -> Vec<(&str, &str)> {
    let each = fields.iter();
    each.map(|(name, value)| (*name, value.as_str())).collect()
}

async fn add(browser: &Browser, device: &mut Device) -> Page {
    let question = asked(browser, "for=adding").await;
    let mut fields = device.make(&question);
    fields.push(("name", "Front desk laptop".to_owned()));
    browser.press("/passkeys", &borrowed(&fields)).await
}

/// An owner with a passkey on this device.
async fn with_passkey() -> (TestApp, Console, Browser, Device) {
    let (app, console, owner) = a_console().await;
    let mut device = Device::new("device-1");
    let added = add(&owner, &mut device).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
    (app, console, owner, device)
}

async fn show(browser: &Browser, device: &mut Device, what_for: &str) -> Page {
    let question = asked(browser, what_for).await;
    let fields = device.sign(&question);
    let path = format!("/sign-in/passkey?{what_for}");
    browser.post(&path, &borrowed(&fields)).await
}

async fn is_in(browser: &Browser) -> bool {
    browser.get("/").await.status == StatusCode::OK
}

fn is_refused(page: &Page) -> bool {
    page.status == StatusCode::FORBIDDEN && page.header("location").is_empty()
}

/// What the ledger says of this, in order.
async fn said(app: &TestApp, what: &str) -> Vec<Value> {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    let records = records.iter();
    let mut said: Vec<Value> = records
        .map(|record| serde_json::from_str(&record.text).unwrap())
        .collect();
    said.retain(|record| record["what"] == what);
    said
}

#[tokio::test]
async fn whoever_added_a_passkey_comes_in_by_it_and_is_taken_at_their_word() {
    let (app, console, owner, mut device) = with_passkey().await;
    let listed = owner.get("/passkeys").await;
    let settings = owner.get("/settings").await;
    let stranger = console.browser();

    let offered = stranger.get("/sign-in").await;
    let came_in = show(&stranger, &mut device, "next=/ledger").await;
    let token = [("source", "entra"), ("days", "10")];
    let made = stranger.press("/settings/tokens", &token).await;

    assert!(listed.says("Front desk laptop") && listed.says("never used"));
    assert!(settings.says("1 passkey<"));
    assert!(offered.says("Sign in by passkey") && offered.says("<noscript>"));
    assert!(offered.says("drawbridge admin invite"), "the other way in");
    assert_eq!(came_in.status, StatusCode::SEE_OTHER, "{}", came_in.text);
    assert_eq!(came_in.header("location"), "/ledger");
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert!(stranger.get("/passkeys").await.says("last used"));
    assert_eq!(said(&app, "admin.passkey_added").await.len(), 1);
    let signed_in = said(&app, "admin.signed_in").await;
    assert_eq!(signed_in.last().unwrap()["detail"]["by"], "passkey");
}

#[tokio::test]
async fn the_device_is_asked_to_check_who_holds_it_and_never_for_a_second_passkey() {
    let (_app, console, owner, _device) = with_passkey().await;

    let making = asked(&owner, "for=adding").await;
    let signing = asked(&console.browser(), "").await;
    let again = asked(&console.browser(), "").await;
    let proving = asked(&owner, "for=proof").await;

    let making = &making["publicKey"];
    assert_eq!(making["rp"]["id"], "bridge.elm.example");
    assert_eq!(making["attestation"], "none");
    let chosen = &making["authenticatorSelection"];
    assert_eq!(chosen["userVerification"], "required");
    assert_eq!(chosen["residentKey"], "required");
    assert_eq!(making["excludeCredentials"][0]["id"], "ZGV2aWNlLTE");
    assert_eq!(
        proving["publicKey"]["allowCredentials"][0]["id"],
        "ZGV2aWNlLTE"
    );
    let nobody: [Value; 0] = [];
    assert_eq!(
        signing["publicKey"]["allowCredentials"],
        Value::from(nobody.to_vec()),
        "strangers learn nobody's"
    );
    let challenge = |question: &Value| {
        question["publicKey"]["challenge"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(challenge(&signing), challenge(&again));
    assert_eq!(challenge(&signing).len(), 64, "48 bytes");
}

#[tokio::test]
async fn a_passkey_proves_that_it_is_still_them() {
    let (app, _console, owner, mut device) = with_passkey().await;
    app.clock.advance(6 * MINUTE);
    let token = [("source", "entra"), ("days", "10")];

    let asked = owner.press("/settings/tokens", &token).await;
    let place = asked.text.split("/kept/").nth(1).unwrap();
    let place = format!("/kept/{}", &place[..36]);
    let proved = show(&owner, &mut device, &format!("for=proof&next={place}")).await;
    let made = owner.press("/settings/tokens", &token).await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.says("Prove it by passkey"));
    assert_eq!(proved.status, StatusCode::SEE_OTHER, "{}", proved.text);
    assert_eq!(proved.header("location"), place);
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!(said(&app, "admin.proved").await.len(), 1);
}

#[tokio::test]
async fn nobody_proves_by_a_passkey_of_somebody_else() {
    let (app, console, _owner, mut device) = with_passkey().await;
    let admin = a_guest(&app, &console, OfficeRole::Admin).await;
    let mut own = Device::new("device-2");
    add(&admin, &mut own).await;
    app.clock.advance(6 * MINUTE);

    let others = show(&admin, &mut device, "for=proof&next=/settings").await;
    let token = [("source", "entra"), ("days", "10")];
    let still_asked = admin.press("/settings/tokens", &token).await;
    let own = show(&admin, &mut own, "for=proof&next=/settings").await;

    assert!(is_refused(&others), "{}", others.text);
    assert_eq!(still_asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(own.header("location"), "/settings");
}

#[tokio::test]
async fn what_was_brought_once_is_not_taken_again() {
    let (_app, console, _owner, mut device) = with_passkey().await;
    device.counter = 0;
    let browser = console.browser();
    let question = asked(&browser, "").await;
    let kept = browser.on_the_way();
    let fields = device.sign(&question);
    let thief = console.browser();
    thief.set_on_the_way(kept);

    // The device counts, so what does not count may be a copy.
    let uncounted = browser.post("/sign-in/passkey", &borrowed(&fields)).await;
    device.counter = 7;
    let question = asked(&browser, "").await;
    let kept = browser.on_the_way();
    let fields = device.sign(&question);
    let first = browser.post("/sign-in/passkey", &borrowed(&fields)).await;
    thief.set_on_the_way(kept);
    let second = thief.post("/sign-in/passkey", &borrowed(&fields)).await;
    let elsewhere = console.browser();
    let without = elsewhere.post("/sign-in/passkey", &borrowed(&fields)).await;

    assert!(is_refused(&uncounted));
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
    assert!(is_refused(&second) && is_refused(&without));
    assert!(!is_in(&thief).await && !is_in(&elsewhere).await);
}

#[tokio::test]
async fn a_device_that_does_not_count_is_taken_once_for_each_question() {
    let (_app, console, owner) = a_console().await;
    let mut device = Device::new("device-1");
    device.counter = 0;
    add(&owner, &mut device).await;
    let (browser, thief) = (console.browser(), console.browser());

    let question = asked(&browser, "").await;
    thief.set_on_the_way(browser.on_the_way());
    let fields = device.sign(&question);
    let first = browser.post("/sign-in/passkey", &borrowed(&fields)).await;
    let again = thief.post("/sign-in/passkey", &borrowed(&fields)).await;
    let next = show(&thief, &mut device, "").await;

    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
    assert!(is_refused(&again), "{}", again.text);
    assert_eq!(next.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_counter_that_went_back_lets_nobody_in_and_is_on_record() {
    let (app, console, _owner, mut device) = with_passkey().await;
    device.counter = 40;
    show(&console.browser(), &mut device, "").await;
    device.counter = 39;
    let thief = console.browser();

    let same = show(&thief, &mut device, "").await;
    device.counter = 12;
    let back = show(&thief, &mut device, "").await;
    device.counter = 41;
    let further = show(&console.browser(), &mut device, "").await;

    assert!(is_refused(&same) && is_refused(&back));
    assert!(back.says("there may be a copy of it"));
    assert!(!is_in(&thief).await);
    assert_eq!(further.status, StatusCode::SEE_OTHER);
    let refused = said(&app, "admin.passkey_refused").await;
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0]["detail"]["passkey"], "Front desk laptop");
}

#[tokio::test]
async fn a_signature_for_anything_else_lets_nobody_in() {
    let (app, console, _owner, mut device) = with_passkey().await;
    type Lie = fn(&mut Device);
    let lies: [(&str, Lie); 8] = [
        ("another site", |device| {
            device.origin = "https://bridge.elm.example.evil.example".to_owned();
        }),
        ("the same name by another port", |device| {
            device.origin = format!("{ORIGIN}:8443");
        }),
        ("in a page of another", |device| device.is_framed = true),
        ("a device that means another site", |device| {
            device.site = Some("evil.example".to_owned());
        }),
        ("another question", |device| {
            device.challenge = Some("a".repeat(64));
        }),
        ("no question", |device| {
            device.challenge = Some(String::new())
        }),
        ("a passkey that was made, not shown", |device| {
            device.kind = "webauthn.create";
        }),
        ("nobody knows who pressed", |device| device.checks = false),
    ];
    let before = said(&app, "admin.signed_in").await.len();

    for (why, lie) in lies {
        device.is_honest_again();
        lie(&mut device);
        let browser = console.browser();

        let page = show(&browser, &mut device, "").await;

        assert!(is_refused(&page), "{why}: {}", page.text);
        assert!(!is_in(&browser).await, "{why}");
    }
    assert_eq!(said(&app, "admin.signed_in").await.len(), before);
}

#[tokio::test]
async fn a_signature_by_another_key_or_that_was_changed_lets_nobody_in() {
    let (_app, console, _owner, mut device) = with_passkey().await;
    let browser = console.browser();
    // It says that it is the one that is known.
    let mut another = Device::new("device-1");
    let by_another = show(&browser, &mut another, "").await;
    for (name, value) in [
        ("signature", "AAAA"),
        ("signature", ""),
        ("signature", "not base64!"),
        ("device_data", "AAAA"),
        ("client_data", "e30"),
        ("client_data", ""),
        ("id", "bm9ib2R5"),
        ("id", ""),
        ("holder", "bm9ib2R5"),
    ] {
        let question = asked(&browser, "").await;
        let mut fields = device.sign(&question);
        for field in &mut fields {
            if field.0 == name {
                value.clone_into(&mut field.1);
            }
        }

        let page = browser.post("/sign-in/passkey", &borrowed(&fields)).await;

        assert!(is_refused(&page), "{name} {value}: {}", page.text);
    }

    assert!(is_refused(&by_another));
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_question_is_good_for_ten_minutes_and_for_what_it_was_asked() {
    let (app, console, owner, mut device) = with_passkey().await;
    let browser = console.browser();

    let question = asked(&browser, "").await;
    let fields = device.sign(&question);
    app.clock.advance(10 * MINUTE);
    let late = browser.post("/sign-in/passkey", &borrowed(&fields)).await;
    show(&owner, &mut device, "for=proof").await;
    let mut for_signing = asked(&owner, "for=proof").await;
    for_signing["publicKey"]["rp"]["id"] = "bridge.elm.example".into();
    for_signing["publicKey"]["user"]["id"] = "x".into();
    let fields = Device::new("device-2").make(&for_signing);
    let not_added = owner.press("/passkeys", &borrowed(&fields)).await;

    assert!(is_refused(&late), "{}", late.text);
    assert_eq!(
        not_added.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        not_added.text
    );
}

#[tokio::test]
async fn a_passkey_made_elsewhere_or_twice_is_not_added() {
    let (app, console, owner, _device) = with_passkey().await;
    let admin = a_guest(&app, &console, OfficeRole::Admin).await;
    type Lie = fn(&mut Device);
    let lies: [Lie; 4] = [
        |device| device.origin = "https://evil.example".to_owned(),
        |device| device.site = Some("evil.example".to_owned()),
        |device| device.challenge = Some("a".repeat(64)),
        |device| device.checks = false,
    ];

    let mut refused = Vec::new();
    for lie in lies {
        let mut device = Device::new("device-2");
        lie(&mut device);
        refused.push(add(&owner, &mut device).await.status);
    }
    // The id of the owner's, under another name.
    refused.push(add(&admin, &mut Device::new("device-1")).await.status);

    assert!(
        refused
            .iter()
            .all(|status| *status == StatusCode::UNPROCESSABLE_ENTITY),
        "{refused:?}"
    );
    let kept = app.store.list_passkeys(&app.practice()).await.unwrap();
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn a_removed_passkey_and_one_of_somebody_who_was_sent_away_let_nobody_in() {
    let (app, console, owner, mut device) = with_passkey().await;
    let admin = a_guest(&app, &console, OfficeRole::Admin).await;
    let (mut lost, mut kept) = (Device::new("device-2"), Device::new("device-3"));
    add(&admin, &mut lost).await;
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let theirs = admins.iter().find(|known| known.role == OfficeRole::Admin);
    let theirs = &theirs.unwrap().id;

    let path = format!("/settings/admins/{theirs}/passkeys");
    let removed = owner.press(&path, &[]).await;
    let by_lost = show(&console.browser(), &mut lost, "").await;
    let admin = a_guest(&app, &console, OfficeRole::Admin).await;
    add(&admin, &mut kept).await;
    let id = "ZGV2aWNlLTE";
    let not_theirs = admin.press(&format!("/passkeys/{id}/remove"), &[]).await;
    owner
        .press(&format!("/settings/admins/{theirs}/remove"), &[])
        .await;
    let by_sent_away = show(&console.browser(), &mut kept, "").await;
    let own = owner.press(&format!("/passkeys/{id}/remove"), &[]).await;
    let by_removed = show(&console.browser(), &mut device, "").await;

    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert_eq!(not_theirs.status, StatusCode::NOT_FOUND);
    assert_eq!(own.status, StatusCode::SEE_OTHER);
    for page in [by_lost, by_sent_away, by_removed] {
        assert!(is_refused(&page), "{}", page.text);
    }
    assert_eq!(said(&app, "admin.passkey_removed").await.len(), 2);
}

#[tokio::test]
async fn whoever_left_the_practice_does_not_come_in_by_a_passkey_from_before() {
    let (app, console, owner, _device) = with_passkey().await;
    drop(owner);
    app.let_in("elm", "Nina Wong", OfficeRole::Admin, "nina@elm.example")
        .await;
    let nina = app.hire("nina@elm.example", "Nurse").await;
    let link = app.link("elm", "Nina Wong", OfficeRole::Admin).await;
    let browser = console.browser();
    browser.post("/sign-in", &[("link", &link)]).await;
    let mut device = Device::new("device-2");
    add(&browser, &mut device).await;
    app.disable(&nina).await;

    let page = show(&console.browser(), &mut device, "").await;

    assert!(!is_in(&browser).await, "and the session is over");
    assert!(is_refused(&page), "{}", page.text);
}

#[tokio::test]
async fn whoever_left_by_an_address_of_before_does_not_come_in_by_a_passkey() {
    let (app, console, browser, mut device) = nina_with_passkey().await;
    let married = "nina.married@elm.example";
    app.let_in("elm", "Nina Wong", OfficeRole::Admin, married)
        .await;
    let while_here = show(&console.browser(), &mut device, "").await;
    app.clock.advance(MINUTE);

    nina_leaves(&app).await;
    let gone = show(&console.browser(), &mut device, "").await;
    let goes_on = is_in(&browser).await;
    let person = app.person("nina").await;
    let caller = app.caller();
    let approved = app.intake.approve_return(&caller, &person, DANA).await;
    approved.unwrap().unwrap();
    let back = show(&console.browser(), &mut device, "").await;

    assert_eq!(while_here.status, StatusCode::SEE_OTHER);
    assert!(is_refused(&gone) && !goes_on, "{}", gone.text);
    assert!(is_refused(&back), "{}", back.text);
    assert_eq!(said(&app, "admin.passkey_removed").await.len(), 1);
}

#[tokio::test]
async fn where_browsers_keep_no_passkeys_none_is_offered_and_the_page_says_why() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;

    let offered = console.browser().get("/sign-in").await;
    let page = owner.get("/passkeys").await;
    let asked = owner.get("/sign-in/passkey?for=adding").await;

    assert!(!offered.says("Sign in by passkey"));
    assert!(page.says("[console] url"), "{}", page.text);
    assert_eq!(asked.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_an_address_there_is_no_passkey_and_the_page_says_the_way_out() {
    let (app, _console, owner) = a_console().await;
    let question = asked(&owner, "for=adding").await;
    without_address(&app, OfficeRole::Owner).await;

    let page = owner.get("/passkeys").await;
    let not_asked = owner.get("/sign-in/passkey?for=adding").await;
    let fields = Device::new("device-1").make(&question);
    let not_added = owner.press("/passkeys", &borrowed(&fields)).await;
    let settings = owner.get("/settings").await;
    let guest = [
        ("name", "Dana the owner"),
        ("email", "owner@elm.example"),
        ("role", "owner"),
        ("change", "yes"),
    ];
    let written = owner.press("/settings/admins", &guest).await;
    let added = add(&owner, &mut Device::new("device-2")).await;

    assert!(page.says("needs your e-mail address") && page.says("Make a link"));
    assert!(!page.says("data-passkey"), "{}", page.text);
    for refused in [not_asked, not_added] {
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.says("needs your e-mail address"));
    }
    assert!(settings.says("as the identity provider has it"));
    assert_eq!(written.status, StatusCode::OK, "{}", written.text);
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
    let kept = app.store.list_passkeys(&app.practice()).await.unwrap();
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn a_passkey_of_whoever_has_no_address_lets_nobody_in_and_proves_nothing() {
    let (app, console, owner, mut device) = with_passkey().await;
    without_address(&app, OfficeRole::Owner).await;
    app.clock.advance(6 * MINUTE);
    let browser = console.browser();

    let came_in = show(&browser, &mut device, "").await;
    let asked = owner.press("/settings/tokens", &A_TOKEN).await;
    let proved = show(&owner, &mut device, "for=proof&next=/settings").await;
    let still_asked = owner.press("/settings/tokens", &A_TOKEN).await;

    assert!(is_refused(&came_in), "{}", came_in.text);
    assert!(!is_in(&browser).await);
    assert!(!asked.says("Prove it by passkey"), "not in vain");
    assert!(is_refused(&proved), "{}", proved.text);
    assert_eq!(still_asked.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_sent_again_accuses_nobody_and_a_copy_is_on_record_once() {
    let (app, console, _owner, mut device) = with_passkey().await;
    let (browser, again) = (console.browser(), console.browser());
    let question = asked(&browser, "").await;
    again.set_on_the_way(browser.on_the_way());
    let fields = device.sign(&question);

    let first = browser.post("/sign-in/passkey", &borrowed(&fields)).await;
    let resent = again.post("/sign-in/passkey", &borrowed(&fields)).await;
    let accused = said(&app, "admin.passkey_refused").await.len();
    device.counter = 1;
    let question = asked(&again, "").await;
    let kept = again.on_the_way();
    let fields = device.sign(&question);
    let copied = again.post("/sign-in/passkey", &borrowed(&fields)).await;
    again.set_on_the_way(kept);
    let copied_again = again.post("/sign-in/passkey", &borrowed(&fields)).await;

    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
    assert!(is_refused(&resent) && resent.says("This was sent once already"));
    assert_eq!(accused, 0);
    assert!(copied.says("there may be a copy of it"));
    assert!(is_refused(&copied_again) && copied_again.says("This was sent once already"));
    assert_eq!(said(&app, "admin.passkey_refused").await.len(), 1);
}

#[tokio::test]
async fn whoever_left_writes_nothing_into_the_ledger_by_a_passkey_that_counts_back() {
    let (app, console, _nina, mut device) = nina_with_passkey().await;
    device.counter = 40;
    show(&console.browser(), &mut device, "").await;
    nina_leaves(&app).await;
    device.counter = 12;

    let page = show(&console.browser(), &mut device, "").await;

    assert!(is_refused(&page), "{}", page.text);
    assert_eq!(said(&app, "admin.passkey_refused").await.len(), 0);
}

#[tokio::test]
async fn a_passkey_from_before_a_departure_proves_nothing_to_whoever_was_let_in_since() {
    let (app, console, _before, mut device) = nina_with_passkey().await;
    nina_leaves(&app).await;
    let nina = come_in(&app, &console).await;
    app.clock.advance(6 * MINUTE);

    let asked = nina.press("/settings/tokens", &A_TOKEN).await;
    let proved = show(&nina, &mut device, "for=proof&next=/settings").await;
    let still_asked = nina.press("/settings/tokens", &A_TOKEN).await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(!asked.says("Prove it by passkey"), "not in vain");
    assert!(is_refused(&proved), "{}", proved.text);
    assert_eq!(still_asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(said(&app, "admin.proved").await.len(), 0);
}

#[tokio::test]
async fn removing_a_passkey_signs_out_everywhere_but_here() {
    let (app, console, owner, mut device) = with_passkey().await;
    let admin_browser = a_guest(&app, &console, OfficeRole::Admin).await;
    let mut lost = Device::new("device-2");
    add(&admin_browser, &mut lost).await;
    let (finder, elsewhere) = (console.browser(), console.browser());
    show(&finder, &mut lost, "").await;
    show(&elsewhere, &mut device, "").await;
    let were_in = [
        is_in(&finder).await,
        is_in(&admin_browser).await,
        is_in(&elsewhere).await,
    ];

    let theirs = admin(&app, OfficeRole::Admin).await.id;
    let path = format!("/settings/admins/{theirs}/passkeys");
    let removed = owner.press(&path, &[]).await;
    let says = owner.get(removed.header("location")).await;
    let others = is_in(&elsewhere).await;
    let own = owner.press("/passkeys/ZGV2aWNlLTE/remove", &[]).await;
    let own_says = owner.get(own.header("location")).await;

    assert_eq!(were_in, [true; 3]);
    assert!(says.says("they were signed out"), "{}", says.text);
    assert!(!is_in(&finder).await && !is_in(&admin_browser).await);
    assert!(others, "whoever else is signed in stays");
    assert!(own_says.says("signed out everywhere but here"));
    assert!(!is_in(&elsewhere).await);
    assert!(is_in(&owner).await);
}

#[tokio::test]
async fn proving_in_between_takes_nothing_from_what_was_begun() {
    let (app, _console, owner, mut device) = with_passkey().await;
    let question = asked(&owner, "for=adding").await;
    let fields = Device::new("device-2").make(&question);
    app.clock.advance(6 * MINUTE);

    let unproved = owner.press("/passkeys", &borrowed(&fields)).await;
    let in_vain = owner.get("/sign-in/passkey?for=adding").await;
    let page = owner.get("/passkeys").await;
    show(&owner, &mut device, "for=proof&next=/passkeys").await;
    let added = owner.press("/passkeys", &borrowed(&fields)).await;
    let proved_page = owner.get("/passkeys").await;

    assert_eq!(unproved.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        in_vain.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "no device makes what is not taken"
    );
    assert!(page.says("Prove that it is still you") && !page.says("data-passkey"));
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
    assert!(proved_page.says("data-passkey"));
}

#[tokio::test]
async fn whoever_comes_to_prove_it_first_is_led_back_to_the_page() {
    let (app, _console, owner, mut device) = with_passkey().await;
    app.clock.advance(6 * MINUTE);

    let asked = owner.press("/passkeys", &[]).await;
    show(&owner, &mut device, "for=proof&next=/passkeys").await;
    let led = owner.press("/passkeys", &[]).await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.says("action=\"/sign-in/passkey?for=proof"));
    assert_eq!(led.header("location"), "/passkeys");
}

#[tokio::test]
async fn a_passkey_from_before_a_departure_stays_dead_after_an_approved_return() {
    let (app, console, _nina, mut device) = nina_with_passkey().await;
    nina_leaves(&app).await;
    let person = app.person("nina").await;

    let caller = app.caller();
    let approved = app.intake.approve_return(&caller, &person, DANA).await;
    approved.unwrap().unwrap();
    app.run_due().await;
    let old = show(&console.browser(), &mut device, "").await;
    let nina = come_in(&app, &console).await;
    let mut new = Device::new("device-3");
    add(&nina, &mut new).await;
    let by_new = show(&console.browser(), &mut new, "").await;

    assert!(is_refused(&old), "{}", old.text);
    assert_eq!(by_new.status, StatusCode::SEE_OTHER, "{}", by_new.text);
    let removed = said(&app, "admin.passkey_removed").await;
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0]["detail"]["name"], "Nina Wong");
    assert_eq!(removed[0]["detail"]["passkey"], "Front desk laptop");
}

#[tokio::test]
async fn a_passkey_from_before_stays_dead_also_when_the_hold_is_over_by_itself() {
    let (app, console, _nina, mut device) = nina_with_passkey().await;
    let person = app.person("nina").await;
    let user = app.begin().await.find_known(&person).await.unwrap().user;
    let user = user.unwrap().id;
    app.disable(&user).await;
    app.run_due().await;
    app.clock.advance(60 * 24 * 60 * MINUTE);
    app.run_due().await;

    app.set_active(&user, true).await;
    app.run_due().await;
    let old = show(&console.browser(), &mut device, "").await;

    let mut tx = app.begin().await;
    let known = tx.find_known(&person).await.unwrap();
    drop(tx);
    assert_eq!(known.person.departed_at, None, "she is back");
    assert!(is_refused(&old), "{}", old.text);
    assert_eq!(said(&app, "admin.passkey_removed").await.len(), 1);
}

#[tokio::test]
async fn an_undo_of_a_wrong_person_gives_them_their_passkey_back() {
    let (app, console, _nina, mut device) = nina_with_passkey().await;
    nina_leaves(&app).await;
    let person = app.person("nina").await;

    let meanwhile = show(&console.browser(), &mut device, "").await;
    let caller = app.caller();
    let undone = app.intake.undo_departure(&caller, &person, DANA).await;
    undone.unwrap().unwrap();
    app.run_due().await;
    let page = show(&console.browser(), &mut device, "").await;

    assert!(is_refused(&meanwhile), "{}", meanwhile.text);
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
}

#[tokio::test]
async fn nobody_has_more_than_twenty_passkeys_also_not_by_two_devices_at_once() {
    let (app, console, owner, _device) = with_passkey().await;
    let elsewhere = a_guest(&app, &console, OfficeRole::Owner).await;
    let holder = admin(&app, OfficeRole::Owner).await;
    let mut tx = app.begin().await;
    for number in 2..20 {
        let passkey = Passkey {
            id: format!("k{number}"),
            admin: holder.clone(),
            name: "Laptop".to_owned(),
            public_key: "key".to_owned(),
            counter: 0,
            added: app.clock.now(),
            used: None,
        };
        assert!(tx.record_passkey(&passkey).await.unwrap());
    }
    tx.commit().await.unwrap();

    let (mut one, mut two) = (Device::new("device-20"), Device::new("device-21"));
    let both = tokio::join!(add(&owner, &mut one), add(&elsewhere, &mut two));

    let mut answers = [both.0.status, both.1.status];
    answers.sort();
    assert_eq!(
        answers,
        [StatusCode::SEE_OTHER, StatusCode::UNPROCESSABLE_ENTITY]
    );
    let kept = app.store.list_passkeys_of(&holder).await.unwrap();
    assert_eq!(kept.len(), 20);
    assert!(owner.get("/passkeys").await.says("no room for more"));
}
