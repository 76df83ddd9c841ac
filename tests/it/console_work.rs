//! What the buttons of the console do, and that nothing typed is lost.

use std::time::Duration;

use drawbridge::{
    evidence::pack, people::Attributes, policy::office::OfficeRole, store::sqlite_path,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    browser::{Browser, Console},
    fake,
    wire::Wire,
};

/// Nina left, her EHR refuses to be closed, and Dana looks at it.
async fn nina_left() -> (TestApp, Console, Browser) {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next([fake::refused()]);
    app.disable(&nina).await;
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    (app, console, dana)
}

/// The details of the latest record of this kind.
async fn record(app: &TestApp, what: &str) -> Value {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .rev()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
        .find(|record| record["what"] == what)
        .unwrap_or(Value::Null)
}

#[tokio::test]
async fn the_board_says_who_can_still_get_in_where_and_how_long_that_may_last() {
    let (app, console, dana) = nina_left().await;

    let board = dana.get("/").await;
    app.clock.advance(Duration::from_secs(10 * 60));
    let later = dana.get("/").await;
    app.clock.advance(Duration::from_secs(51 * 60));
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    let late = dana.get("/").await;

    assert!(board.says("nina") && board.says(">ehr") && board.says("failed"));
    assert!(board.says("<b>60</b>") && later.says("<b>50</b>"));
    assert!(late.says("past the deadline") && late.says("overdue"));
}

#[tokio::test]
async fn a_board_without_leavers_says_so_and_what_will_happen() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;

    let empty = dana.get("/").await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let done = dana.get("/").await;

    assert!(empty.says("Nobody has left yet"));
    assert!(done.says("Last departure:") && done.says("nina"));
}

#[tokio::test]
async fn what_failed_is_told_in_words_with_the_button_that_tries_again() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;

    let calls = dana.get("/calls").await;
    let tried = dana.press("/systems/ehr/retry", &[]).await;
    app.run_due().await;
    let after = dana.get("/calls").await;

    assert!(calls.says("ehr understood and said no") && calls.says("What to do:"));
    assert!(calls.says(&format!("/doors/{}/by-hand", door.id)));
    assert_eq!(tried.header("location"), "/calls?said=tried&n=1");
    assert_eq!(
        record(&app, "door.retry_asked").await["who"],
        "admin:Dana the admin"
    );
    assert!(after.says("Nothing failed"), "{}", after.text);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn signing_by_hand_writes_who_did_it_when_and_how_it_was_checked() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "vpn").await;
    let path = format!("/doors/{}/by-hand", door.id);

    let form = dana.get(&path).await;
    let fields = [
        ("generation", form.field("generation")),
        ("by", "Priya of IT".to_owned()),
        ("done", "2026-11-20T17:01".to_owned()),
        ("how", "looked into the panel".to_owned()),
        ("note", "card 4711".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let signed = dana.press(&path, &fields).await;

    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    let attested = record(&app, "door.attested").await;
    assert_eq!(attested["who"], "admin:Dana the admin");
    assert_eq!(attested["detail"]["signed_by"], "Priya of IT");
    assert_eq!(attested["detail"]["done"], "2026-11-20T17:01:00.000Z");
    assert_eq!(
        attested["detail"]["note"],
        "looked into the panel; card 4711"
    );
}

#[tokio::test]
async fn a_signature_that_is_not_enough_comes_back_with_all_that_was_typed() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let path = format!("/doors/{}/by-hand", door.id);
    let generation = door.generation.to_string();
    let typed = |done: &'static str, how: &'static str| {
        [
            ("generation", generation.clone()),
            ("by", "Dana Ruiz".to_owned()),
            ("done", done.to_owned()),
            ("how", how.to_owned()),
            ("note", "left at noon".to_owned()),
        ]
    };

    for (fields, why) in [
        (typed("2026-11-20T17:00", ""), "how it was checked"),
        (
            typed("2026-11-21T17:00", "tried her login"),
            "later than now",
        ),
        (typed("tomorrow", "tried her login"), "Write a time as 2026"),
        (
            typed("2026-11-20T17:00", "tried her login"),
            "The system itself says otherwise",
        ),
    ] {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let page = dana.press(&path, &fields).await;

        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        assert!(page.says(why), "{why}: {}", page.text);
        assert!(page.says("left at noon") && page.says("Dana Ruiz"), "{why}");
    }
    assert_eq!(record(&app, "door.attested").await, Value::Null);
}

#[tokio::test]
async fn what_is_longer_than_its_field_is_not_signed_and_comes_back() {
    let (app, _console, dana) = nina_left().await;
    let person = app.person("nina").await;
    app.run_after(Duration::from_secs(60)).await;
    let user = app.user_of("nina").await;
    app.set_active(&user, true).await;
    let door = app.door("nina", "vpn").await;
    let sign = format!("/doors/{}/by-hand", door.id);
    let refuse = format!("/returns/{person}/refuse");
    let long = |letters: usize| "é".repeat(letters);
    let generation = door.generation.to_string();

    for (path, by, how, note) in [
        (&sign, long(101), long(10), long(10)),
        (&sign, long(10), long(2_001), long(10)),
        (&sign, long(10), long(10), long(2_001)),
        (&refuse, String::new(), String::new(), long(1_001)),
    ] {
        let fields = [
            ("generation", generation.as_str()),
            ("by", by.as_str()),
            ("done", "2026-11-20T17:00"),
            ("how", how.as_str()),
            ("note", note.as_str()),
        ];
        let page = dana.press(path, &fields).await;

        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(page.says(&by) && page.says(&how) && page.says(&note));
    }
    let lines = format!("{}\r\n{}", long(999), long(1_000));
    let fields = [
        ("generation", generation.as_str()),
        ("by", "Priya of IT"),
        ("done", "2026-11-20T17:00"),
        ("how", lines.as_str()),
    ];
    let exact = dana.press(&sign, &fields).await;

    assert_eq!(record(&app, "return.refused").await, Value::Null);
    assert_eq!(exact.status, StatusCode::SEE_OTHER, "{}", exact.text);
}

#[tokio::test]
async fn a_departure_by_name_names_its_effect_and_closes_everything_at_once() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    let person = app.person("nina").await;
    let path = format!("/people/{person}/depart");

    app.clock.advance(Duration::from_secs(1));
    let found = dana.get("/people?q=NIN").await;
    let asked = dana.get(&path).await;
    let unsure = dana.press(&path, &[]).await;
    let still_open = app.is_green("nina", "ehr").await;
    let sure = dana.press(&path, &[("sure", "yes")]).await;
    app.run_due().await;

    assert!(found.says(&path));
    assert!(asked.says("disable it there too") && asked.says("ehr"));
    assert_eq!(unsure.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(still_open);
    assert_eq!(sure.status, StatusCode::SEE_OTHER);
    let account = app.system("ehr").account("nina").unwrap();
    assert!(!account.enabled && app.is_green("nina", "ehr").await);
    assert_eq!(
        record(&app, "change.departed").await["who"],
        "admin:Dana the admin"
    );
    let case = dana.get(sure.header("location")).await;
    assert!(case.says("being closed now") && case.says("This case is closed"));
}

#[tokio::test]
async fn a_return_waits_for_a_word_and_a_reason() {
    let (app, _console, dana) = nina_left().await;
    let person = app.person("nina").await;
    app.run_after(Duration::from_secs(60)).await;
    let users = app.user_of("nina").await;
    app.set_active(&users, true).await;

    let returns = dana.get("/returns").await;
    let path = format!("/returns/{person}/approve");
    let without = dana.press(&path, &[("note", "")]).await;
    let held = app.door("nina", "ehr").await.wanted.is_closed();
    let approved = dana.press(&path, &[("note", "back from leave")]).await;
    app.run_due().await;

    assert!(returns.says("nina") && returns.says("entra (identity provider)"));
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(held);
    assert_eq!(approved.header("location"), "/returns?said=approved");
    let record = record(&app, "return.approved").await;
    assert_eq!(record["detail"]["approved_by"], "Dana the admin");
    assert_eq!(record["detail"]["note"], "back from leave");
    assert!(!app.door("nina", "ehr").await.wanted.is_closed());
}

#[tokio::test]
async fn whoever_the_brake_holds_is_named_and_can_be_let_go_one_by_one() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for number in 0..8 {
        users.push(app.hire(&format!("nurse{number}"), "Nurse").await);
    }
    app.run_due().await;
    for user in &users {
        app.disable(user).await;
    }
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Operator).await;

    let board = dana.get("/").await;
    let brake = dana.get("/brake").await;
    let person = app.person("nurse7").await;
    let other = app.person("nurse6").await;
    let released = dana.press(&format!("/brake/{person}/release"), &[]).await;
    app.run_due().await;
    let after = dana.get("/brake").await;

    assert!(board.says("Many people lose their doors at once"));
    assert!(brake.says("nurse7") && brake.says("nurse6"));
    assert_eq!(released.status, StatusCode::SEE_OTHER);
    assert!(app.is_green("nurse7", "ehr").await && !app.is_green("nurse6", "ehr").await);
    assert!(!after.says(person.as_str()) && after.says(other.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_locked_no_button_loses_what_was_typed() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let person = app.person("nina").await;
    let csrf = dana.csrf().await;
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    let before = app.store.list_records(&app.practice(), None).await.unwrap();
    let by_hand = format!("/doors/{}/by-hand", door.id);
    let depart = format!("/people/{person}/depart");
    let generation = door.generation.to_string();

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let signature = [
        ("csrf", csrf.as_str()),
        ("generation", generation.as_str()),
        ("by", "Priya of IT"),
        ("done", "2026-11-20T17:01"),
        ("how", "tried \"her\" login <twice>"),
    ];
    let signed = dana.post(&by_hand, &signature).await;
    let departed = dana
        .post(&depart, &[("csrf", csrf.as_str()), ("sure", "yes")])
        .await;
    let board = dana.get("/").await;
    other.execute_batch("ROLLBACK").unwrap();

    assert_eq!(signed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(signed.says("Nothing was changed yet") && signed.says("Priya of IT"));
    assert!(
        signed.says("tried &#34;her&#34; login &#60;twice&#62;"),
        "{}",
        signed.text
    );
    assert_eq!(signed.field("generation"), generation);
    assert_eq!(departed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(departed.field("sure"), "yes");
    assert!(board.says("The database cannot be written now") && board.says("nina"));
    let after = app.store.list_records(&app.practice(), None).await.unwrap();
    assert_eq!(before.len(), after.len());
    let again = dana
        .post(&depart, &[("csrf", csrf.as_str()), ("sure", "yes")])
        .await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_was_sent_while_nobody_could_be_known_is_sent_again_with_one_press() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "vpn").await;
    let path = format!("/doors/{}/by-hand", door.id);
    let csrf = dana.csrf().await;
    let generation = door.generation.to_string();
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    let fields = [
        ("csrf", csrf.as_str()),
        ("generation", generation.as_str()),
        ("by", "Priya of IT"),
        ("done", "2026-11-20T17:01"),
        ("how", "looked into the panel"),
    ];

    let sessions_go = "ALTER TABLE admin_session RENAME TO away";
    other.execute_batch(sessions_go).unwrap();
    let failed = dana.post(&path, &fields).await;
    let sessions_come = "ALTER TABLE away RENAME TO admin_session";
    other.execute_batch(sessions_come).unwrap();
    let kept = failed.field("csrf");
    let again = [
        ("csrf", kept.as_str()),
        fields[1],
        fields[2],
        fields[3],
        fields[4],
    ];
    let again = dana.post(&path, &again).await;

    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(failed.says("Nothing was changed yet") && failed.says("Send again"));
    assert!(failed.says("Priya of IT") && failed.says("looked into the panel"));
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.text);
}

#[tokio::test]
async fn what_was_typed_before_signing_in_again_is_shown_for_copying_but_not_to_other_sites() {
    let (app, console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let path = format!("/doors/{}/by-hand", door.id);
    let before = dana.csrf().await;
    let fields = [("csrf", before.as_str()), ("how", "tried the side door")];

    let now = app.sign_in(&console, OfficeRole::Admin).await;
    let ours = now.post(&path, &fields).await;
    let evil = [("origin", "https://evil.example")];
    let theirs = now.send(Method::POST, &path, &evil, Some(&fields)).await;

    assert_eq!(ours.status, StatusCode::FORBIDDEN);
    assert!(ours.says("tried the side door") && ours.says("was not saved"));
    assert!(!ours.says("Send again"));
    assert_eq!(theirs.status, StatusCode::FORBIDDEN);
    assert!(!theirs.says("tried the side door"));
}

#[tokio::test]
async fn what_was_typed_when_a_session_ended_is_shown_and_waits() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let csrf = dana.csrf().await;

    app.clock.advance(Duration::from_secs(16 * 60));
    let fields = [("csrf", csrf.as_str()), ("how", "tried the side door")];
    let page = dana
        .post(&format!("/doors/{}/by-hand", door.id), &fields)
        .await;

    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.says("tried the side door") && page.says("is kept for you"));
}

#[tokio::test]
async fn a_persons_records_are_a_file_that_verifies_and_says_who_took_it() {
    let (app, _console, dana) = nina_left().await;
    let person = app.person("nina").await;

    let file = dana.press(&format!("/people/{person}/evidence"), &[]).await;

    assert_eq!(file.status, StatusCode::OK);
    assert!(file.header("content-disposition").starts_with("attachment"));
    let proof = pack::verify(&file.text).unwrap();
    assert_eq!(proof.person.as_deref(), Some(person.as_str()));
    assert!(proof.records > 5);
    assert!(file.says("evidence.exported") && file.says("admin:Dana the admin"));
}

#[tokio::test]
async fn a_changed_record_is_named_by_the_check_of_the_chain() {
    let (app, _console, dana) = nina_left().await;

    dana.press("/ledger/check", &[]).await;
    let intact = dana.get("/ledger").await;
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    other
        .execute_batch(
            "DROP TRIGGER evidence_is_never_changed; UPDATE evidence SET text = '{}' WHERE sequence = 3",
        )
        .unwrap();
    dana.press("/ledger/check", &[]).await;
    let broken = dana.get("/ledger").await;

    assert!(intact.says("Intact from the first record to number"));
    assert!(broken.says("Record 3 was changed"), "{}", broken.text);
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_stops_when_it_is_revoked() {
    let (app, _console, dana) = nina_left().await;
    let mut provider = app.provider("entra").await;

    let made = dana
        .press("/settings/tokens", &[("source", "entra"), ("days", "30")])
        .await;
    let token = made
        .text
        .split("dbr_scim_")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .map(|rest| format!("dbr_scim_{rest}"))
        .unwrap();
    provider.token.clone_from(&token);
    let works = provider.get("/Users?count=1").await.status;
    let settings = dana.get("/settings").await;
    let id = token
        .trim_start_matches("dbr_scim_")
        .split('_')
        .next()
        .unwrap()
        .to_owned();
    let revoked = dana
        .press(&format!("/settings/tokens/{id}/revoke"), &[])
        .await;
    let over = provider.get("/Users?count=1").await.status;

    assert_eq!(works, StatusCode::OK);
    assert!(settings.says(&id) && !settings.says(&token));
    assert_eq!(revoked.status, StatusCode::SEE_OTHER);
    assert_eq!(over, StatusCode::UNAUTHORIZED);
    assert_eq!(
        record(&app, "token.revoked").await["who"],
        "admin:Dana the admin"
    );
}

#[tokio::test]
async fn a_system_is_tested_on_the_spot_and_says_what_it_can_do() {
    let (app, _console, dana) = nina_left().await;

    let before = dana.get("/systems").await;
    let tested = dana.press("/systems/ehr/test", &[]).await;
    let after = dana.get("/systems").await;

    assert!(before.says("canary canary") && before.says("read back after each change"));
    assert_eq!(tested.header("location"), "/systems?said=tested");
    assert!(after.says("Reached: "), "{}", after.text);
    assert_eq!(record(&app, "system.tested").await["system"], "ehr");
}

#[tokio::test]
async fn a_ledger_that_lost_its_end_is_not_called_intact() {
    let (app, _console, dana) = nina_left().await;
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();

    other
        .execute_batch(
            "DROP TRIGGER evidence_is_never_deleted; DELETE FROM evidence WHERE sequence > 3",
        )
        .unwrap();
    dana.press("/ledger/check", &[]).await;
    let cut = dana.get("/ledger").await;

    assert!(cut.says("Record 4 was changed after it was written, or is missing"));
}

async fn stream(dana: &Browser) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let stream = client
        .get(format!("{}/live", dana.origin))
        .header("cookie", dana.cookie());
    stream.send().await.unwrap()
}

#[tokio::test]
async fn an_open_page_does_not_keep_the_bridge_from_stopping() {
    let (_app, console, dana) = nina_left().await;
    let mut stream = stream(&dana).await;
    stream.chunk().await.unwrap().unwrap();

    console.stop();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;

    assert_eq!(end.expect("it ends").unwrap(), None);
}

#[tokio::test]
async fn an_open_page_hears_of_a_change_whoever_made_it() {
    let (_app, _console, dana) = nina_left().await;
    let mut stream = stream(&dana).await;
    let stands = stream.chunk().await.unwrap().unwrap();

    dana.press("/systems/ehr/retry", &[]).await;
    let moved = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
    let moved = moved.expect("it hears of it").unwrap().unwrap();

    assert!(String::from_utf8_lossy(&stands).contains("event: stands"));
    assert!(String::from_utf8_lossy(&moved).contains("event: moved"));
}

#[tokio::test]
async fn people_are_found_by_any_part_of_what_they_are_called() {
    let app = TestApp::start().await;
    let id = app.hire("e.marchand", "Nurse").await;
    app.edit(&id, |attributes: &mut Attributes| {
        attributes.insert("displayName".to_owned(), json!("Élodie Marchand"));
    })
    .await;
    app.hire("sam", "Billing").await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;

    for (query, finds) in [
        ("MARCH", true),
        ("%C3%A9lodie", true),
        ("nurse", true),
        ("marchand%40elm", true),
        ("userName", false),
        ("%25", false),
    ] {
        let page = dana.get(&format!("/people?q={query}")).await;
        assert_eq!(page.says("Élodie Marchand"), finds, "{query}");
    }
}

#[tokio::test]
async fn a_form_is_not_read_beyond_what_anybody_may_type() {
    let (_app, console, dana) = nina_left().await;
    let address = console.origin.strip_prefix("http://").unwrap();
    let mut wire = Wire::open(address.parse().unwrap()).await;
    let (origin, cookie) = (&console.origin, dana.cookie());

    wire.send(format!(
        "POST /doors/d1/by-hand HTTP/1.1\r\nhost: {address}\r\norigin: {origin}\r\ncookie: {cookie}\r\n\
         content-type: multipart/form-data; boundary=edge\r\ncontent-length: 4000000\r\n\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"
    ))
    .await;
    wire.send("x".repeat(100 * 1024)).await;
    // The rest of it never comes: whoever waits for it waits for as long as a photo may take.
    let answer = wire.answer().await;

    assert_eq!(answer.status, 413, "{}", answer.body);
}
