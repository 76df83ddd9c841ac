//! The inbox of failed calls: narrowing it, and what can be decided about a door.

use std::time::Duration;

use drawbridge::{ids::CaseId, policy::office::OfficeRole};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
    fake,
};

const DAY: Duration = Duration::from_secs(86_400);

/// Nina left, her EHR refuses to be closed, and Dana looks at it.
async fn nina_left() -> (TestApp, Console, Browser) {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next([fake::refused()]);
    app.disable(&nina).await;
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    (app, console, dana)
}

/// So many nurses, of whom none gets into the EHR.
async fn nobody_gets_in(count: usize) -> (TestApp, Console, Browser) {
    let app = TestApp::start().await;
    app.system("ehr")
        .fail_next((0..count).map(|_| fake::refused()));
    for number in 0..count {
        app.hire(&format!("nurse{number:03}"), "Nurse").await;
    }
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    (app, console, dana)
}

/// The latest record of this kind.
async fn record(app: &TestApp, what: &str) -> Value {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .rev()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
        .find(|record| record["what"] == what)
        .unwrap_or(Value::Null)
}

async fn accept(dana: &Browser, door: &str, generation: i64, until: &str) -> Page {
    let generation = generation.to_string();
    let fields = [
        ("kind", "risk_accepted"),
        ("generation", generation.as_str()),
        ("signer", "Dr. Weiss"),
        ("until", until),
        ("reason", "the vendor mends it on Monday"),
    ];
    dana.press(&format!("/doors/{door}/aside"), &fields).await
}

#[tokio::test]
async fn an_accepted_risk_leaves_the_board_is_never_green_and_comes_back_by_itself() {
    let (app, console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let case = door.case.clone().unwrap();

    let done = accept(&dana, door.id.as_str(), door.generation, "2026-11-27").await;
    let (board, calls) = (dana.get("/").await, dana.get("/calls").await);
    let aside = dana.get("/calls/aside").await;
    let case_page = dana.get(&format!("/cases/{case}")).await;
    app.clock.advance(DAY * 8);
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    let (later, calls_later) = (dana.get("/").await, dana.get("/calls").await);

    assert_eq!(
        done.header("location"),
        format!("/cases/{case}?said=set-aside")
    );
    let signed = record(&app, "door.set_aside").await;
    assert_eq!(signed["who"], "admin:Dana the owner");
    assert_eq!(signed["system"], "ehr");
    assert_eq!(signed["detail"]["signed_by"], "Dr. Weiss");
    assert_eq!(
        signed["detail"]["reason_text"],
        "the vendor mends it on Monday"
    );
    assert_eq!(signed["detail"]["until"], "2026-11-28T00:00:00.000Z");
    assert!(!app.is_green("nina", "ehr").await);
    let open = app.store.list_open_cases(&app.practice()).await.unwrap();
    assert_eq!(
        open.len(),
        1,
        "the risk comes back, and its case is still there"
    );
    assert!(board.says("1 door is not shut") && !board.says("can still get in"));
    assert!(calls.says("Nothing failed") && calls.says("1 set aside"));
    assert!(aside.says("Dr. Weiss answers for it until Nov 28 2026"));
    assert!(case_page.says("risk accepted") && !case_page.says("This case is closed"));
    assert!(later.says("nina") && later.says("overdue"));
    assert!(calls_later.says("ehr understood and said no"));
}

#[tokio::test]
async fn a_risk_without_reason_signer_or_end_is_not_accepted_and_what_was_typed_comes_back() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let path = format!("/doors/{}/aside", door.id);
    let generation = door.generation.to_string();
    let newer = (door.generation + 1).to_string();
    let fields = |generation, signer, until, reason| {
        [
            ("kind", "risk_accepted"),
            ("generation", generation),
            ("signer", signer),
            ("until", until),
            ("reason", reason),
        ]
    };

    for (fields, why) in [
        (
            fields(&generation, "Dr. Weiss", "2026-11-27", "why"),
            "Write why",
        ),
        (
            fields(&generation, "", "2026-11-27", "mended on Monday"),
            "who answers for it",
        ),
        (
            fields(&generation, "Dr. Weiss", "", "mended on Monday"),
            "last day",
        ),
        (
            fields(&generation, "Dr. Weiss", "2026-11-19", "mended on Monday"),
            "a time to come",
        ),
        (
            fields(&generation, "Dr. Weiss", "2027-11-19", "mended on Monday"),
            "90 days at most",
        ),
        (
            fields(&newer, "Dr. Weiss", "2026-11-27", "mended on Monday"),
            "newer wish",
        ),
    ] {
        let page = dana.press(&path, &fields).await;

        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        assert!(page.says(why), "{why}: {}", page.text);
        assert!(page.says(fields[4].1) && page.says(fields[2].1), "{why}");
    }
    assert_eq!(record(&app, "door.set_aside").await, Value::Null);
}

#[tokio::test]
async fn what_does_not_apply_needs_a_reason_and_never_outranks_a_reading() {
    let (app, _console, dana) = nina_left().await;
    app.clock.advance(Duration::from_secs(60));
    // The EHR was read and is open; the VPN was read, and nobody has an account there.
    let (ehr, vpn) = (app.door("nina", "ehr").await, app.door("nina", "vpn").await);
    let says = async |door: &str, generation: i64| {
        let generation = generation.to_string();
        let fields = [
            ("kind", "not_applicable"),
            ("generation", generation.as_str()),
            ("signer", "Dana Ruiz"),
            ("reason", "works from home, never had one"),
        ];
        dana.press(&format!("/doors/{door}/aside"), &fields).await
    };

    let refused = says(ehr.id.as_str(), ehr.generation).await;
    let green = says(vpn.id.as_str(), vpn.generation).await;

    assert!(
        refused.says("nobody&#39;s word outranks that"),
        "{}",
        refused.text
    );
    assert!(green.says("nothing to set aside"), "{}", green.text);
    assert_eq!(record(&app, "door.set_aside").await, Value::Null);
}

#[tokio::test]
async fn what_was_set_aside_is_taken_up_again_with_its_clock() {
    let (app, _console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    accept(&dana, door.id.as_str(), door.generation, "2026-11-27").await;

    let taken = dana
        .press(&format!("/doors/{}/take-up", door.id), &[])
        .await;
    let again = dana
        .press(&format!("/doors/{}/take-up", door.id), &[])
        .await;
    let board = dana.get("/").await;

    assert_eq!(
        (taken.status, again.status),
        (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER)
    );
    assert!(board.says("nina") && board.says("<b>60</b>"));
    assert_eq!(
        record(&app, "door.taken_up").await["who"],
        "admin:Dana the owner"
    );
    let records = app.history("nina").await;
    let times = records
        .iter()
        .filter(|what| what.starts_with("door.taken_up"));
    assert_eq!(
        times.count(),
        1,
        "the second time there was nothing to take up"
    );
}

#[tokio::test]
async fn only_whoever_may_answer_for_it_is_asked_to() {
    let (app, console, _dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let operator = app.sign_in(&console, OfficeRole::Operator).await;

    let page = operator.get(&format!("/doors/{}", door.id)).await;
    let tried = accept(&operator, door.id.as_str(), door.generation, "2026-11-27").await;

    assert!(page.says("Who sees to it") && !page.says("Accept the risk"));
    assert_eq!(tried.status, StatusCode::FORBIDDEN);
    assert_eq!(record(&app, "door.set_aside").await, Value::Null);
}

#[tokio::test]
async fn whoever_is_asked_to_see_to_a_door_is_named_there_and_finds_it() {
    let (app, console, dana) = nina_left().await;
    let door = app.door("nina", "ehr").await;
    let path = format!("/doors/{}/assign", door.id);
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let auditor = app.sign_in(&console, OfficeRole::Auditor).await;
    let all = app.store.list_admins(&app.practice()).await.unwrap();
    let reads_only = all
        .iter()
        .find(|admin| admin.role == OfficeRole::Auditor)
        .unwrap();

    let nobody = dana.get("/calls?seen=nobody").await;
    let assigned = dana
        .press(&path, &[("assignee", admins[0].id.as_str())])
        .await;
    let cannot = dana
        .press(&path, &[("assignee", reads_only.id.as_str())])
        .await;
    let unknown = dana.press(&path, &[("assignee", "somebody-else")]).await;
    let mine = dana.get("/calls?seen=me").await;
    let left = dana.get("/calls?seen=nobody").await;
    let theirs = auditor.get("/calls?seen=me").await;
    dana.press(&path, &[("assignee", "")]).await;
    let taken_away = dana.get("/calls?seen=me").await;

    assert!(nobody.says("nina"));
    assert_eq!(
        assigned.header("location"),
        format!("/doors/{}?said=assigned", door.id)
    );
    for refused in [cannot, unknown] {
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert!(mine.says("nina") && mine.says("Dana the owner sees to it"));
    for empty in [left, theirs, taken_away] {
        assert!(!empty.says("nina") && empty.says("No failed call is like that"));
    }
}

#[tokio::test]
async fn many_failures_of_one_cause_are_one_box_and_pages_behind_it() {
    let (_app, _console, dana) = nobody_gets_in(57).await;

    let first = dana.get("/calls").await;
    let page = dana.get("/calls?system=ehr&cause=refused").await;
    let rest = dana.get("/calls?system=ehr&cause=refused&from=50").await;

    let rows = |page: &Page| page.text.matches("<article").count();
    assert_eq!((rows(&first), rows(&page), rows(&rest)), (10, 50, 7));
    assert!(first.says("×57") && first.says("1 to 10 of 57"));
    assert!(
        first.says("/calls?system=ehr&#38;cause=refused&#38;from=0"),
        "{}",
        first.text
    );
    assert!(page.says("1 to 50 of 57") && rest.says("51 to 57 of 57"));
}

#[tokio::test]
async fn the_inbox_is_narrowed_by_person_system_cause_and_who_left() {
    let (app, _console, dana) = nina_left().await;
    app.system("mail").fail_next([fake::credential_refused()]);
    app.hire("omar", "Nurse").await;
    app.run_due().await;

    let both = ["nina", "omar"];
    for (query, shown) in [
        ("", &both[..]),
        ("?q=NIN", &both[..1]),
        ("?q=omar", &both[1..]),
        ("?q=mail", &both[1..]),
        ("?q=nobody", &[]),
        ("?system=ehr", &both[..1]),
        ("?cause=credential", &both[1..]),
        ("?closes=1", &both[..1]),
        ("?closes=1&cause=credential", &[]),
    ] {
        let page = dana.get(&format!("/calls{query}")).await;

        for name in both {
            let row = format!(">{name}</a>");
            assert_eq!(page.says(&row), shown.contains(&name), "{query}: {name}");
        }
        // A page that asks for itself asks for the same.
        let again = format!("hx-get=\"/calls{}\"", query.replace('&', "&#38;"));
        assert!(page.says(&again), "{query}: {}", page.text);
    }
}

#[tokio::test]
async fn trying_all_of_a_system_again_says_how_many_before_and_after() {
    let (app, _console, dana) = nobody_gets_in(3).await;

    let calls = dana.get("/calls?system=ehr").await;
    let asked = dana
        .get("/systems/ehr/retry?back=%2Fcalls%3Fsystem%3Dehr")
        .await;
    let tried = dana
        .press("/systems/ehr/retry", &[("back", "/calls?system=ehr")])
        .await;
    let elsewhere = dana
        .press("/systems/ehr/retry", &[("back", "//evil.example")])
        .await;
    app.run_due().await;
    let after = dana.get("/calls?system=ehr&said=tried&n=3").await;

    assert!(calls.says("/systems/ehr/retry?back=%2Fcalls%3Fsystem%3Dehr"));
    assert!(asked.says("Try all 3 again now") && asked.says("3: ehr understood and said no"));
    assert!(asked.says("name=\"back\" value=\"/calls?system=ehr\""));
    assert_eq!(tried.header("location"), "/calls?system=ehr&said=tried&n=3");
    assert_eq!(elsewhere.header("location"), "/calls?said=tried&n=3");
    assert!(after.says("3 doors are tried again now") && after.says("No failed call is like that"));
}

#[tokio::test]
async fn each_table_is_taken_away_as_it_is_narrowed_and_no_cell_is_a_formula() {
    let (app, console, dana) = nina_left().await;
    app.system("mail").fail_next([fake::credential_refused()]);
    let omar = app.hire("omar", "Nurse").await;
    app.edit(&omar, |attributes| {
        attributes.insert(
            "displayName".to_owned(),
            json!("=HYPERLINK(\"http://evil\")"),
        );
    })
    .await;
    app.run_due().await;

    let calls = dana.press("/calls/csv", &[("closes", "1")]).await;
    let all = dana.press("/calls/csv", &[]).await;
    let people = dana.press("/people/csv", &[("q", "omar")]).await;
    let ledger = dana.press("/ledger/csv", &[]).await;
    for path in [
        "/cases/csv",
        "/returns/csv",
        "/systems/csv",
        "/evidence/csv",
    ] {
        let file = dana.press(path, &[]).await;
        assert_eq!(file.status, StatusCode::OK, "{path}: {}", file.text);
        assert!(file.header("content-disposition").starts_with("attachment"));
        assert!(file.header("content-type").starts_with("text/csv"));
    }
    let board = app.sign_in(&console, OfficeRole::Board).await;
    let refused = board.press("/calls/csv", &[]).await;

    let lines = |file: &Page| file.text.lines().count();
    assert_eq!((lines(&calls), lines(&all), lines(&people)), (2, 3, 2));
    assert!(calls.says("nina,") && !calls.says("omar"));
    assert!(
        all.says("\"'=HYPERLINK(\"\"http://evil\"\")\""),
        "{}",
        all.text
    );
    let length = app.store.find_ledger_length(&app.practice()).await.unwrap();
    assert!(lines(&ledger) as i64 > length - 10 && ledger.says("change.departed"));
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let taken = record(&app, "table.exported").await;
    assert_eq!(taken["who"], "admin:Dana the owner");
    assert_eq!(taken["detail"]["table"], "cases");
}

/// Nina left, and nobody knows of her mail: it cannot be called or read.
async fn nothing_is_known_of_her_mail() -> (TestApp, Console, Browser, CaseId) {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("mail")
        .fail_next(std::iter::repeat_with(fake::unreachable).take(50));
    app.disable(&nina).await;
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    let case = app.door("nina", "mail").await.case.unwrap();
    (app, console, dana, case)
}

async fn she_never_had_one(app: &TestApp, dana: &Browser) {
    let door = app.door("nina", "mail").await;
    let generation = door.generation.to_string();
    let fields = [
        ("kind", "not_applicable"),
        ("generation", generation.as_str()),
        ("signer", "Dana Ruiz"),
        ("reason", "works without, never had one"),
    ];
    let said = dana
        .press(&format!("/doors/{}/aside", door.id), &fields)
        .await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text);
}

async fn is_closed(app: &TestApp, case: &CaseId) -> bool {
    let kept = app.store.find_case(&app.practice(), case).await.unwrap();
    kept.unwrap().closed.is_some()
}

#[tokio::test]
async fn a_case_that_was_over_by_somebodys_word_is_opened_again_when_the_system_shows_the_door() {
    let (app, _console, dana, case) = nothing_is_known_of_her_mail().await;

    she_never_had_one(&app, &dana).await;
    let by_word = is_closed(&app, &case).await;
    // It can be read again, and there she is; what it says of closes is not so.
    {
        let mut mail = app.system("mail").state();
        mail.failures.clear();
        mail.lies = true;
    }
    for _ in 0..3 {
        app.run_after(Duration::from_secs(60)).await;
    }
    let opened = record(&app, "case.opened_again").await;
    let open = app.store.list_open_cases(&app.practice()).await.unwrap();
    app.system("mail").state().lies = false;
    for _ in 0..10 {
        app.run_after(Duration::from_secs(60)).await;
    }

    assert!(by_word);
    assert_eq!(opened["detail"]["case"].as_str(), Some(case.as_str()));
    assert!(open.iter().any(|kept| kept.case.id == case));
    assert!(app.is_green("nina", "mail").await);
    assert!(
        is_closed(&app, &case).await,
        "and it is over once it is shut"
    );
    let kept = app.store.find_case(&app.practice(), &case).await.unwrap();
    assert!(kept.unwrap().proved().is_some());
}

#[tokio::test]
async fn a_door_that_is_taken_up_again_opens_its_case_again() {
    let (app, _console, dana, case) = nothing_is_known_of_her_mail().await;

    she_never_had_one(&app, &dana).await;
    let by_word = is_closed(&app, &case).await;
    let door = app.door("nina", "mail").await;
    dana.press(&format!("/doors/{}/take-up", door.id), &[])
        .await;

    assert!(by_word && !is_closed(&app, &case).await);
    let opened = record(&app, "case.opened_again").await;
    assert_eq!(opened["who"], "admin:Dana the owner");
}

#[tokio::test]
async fn the_page_of_a_case_says_when_a_door_was_proved_and_not_when_somebody_gave_their_word() {
    let (app, _console, dana, case) = nothing_is_known_of_her_mail().await;
    let path = format!("/cases/{case}");
    let last = async || {
        let page = dana.get(&path).await;
        let step = page.text.split("Last door proved").nth(1);
        let step = step.and_then(|step| step.split("</li>").next());
        step.unwrap().to_owned()
    };

    let before = last().await;
    app.clock.advance(Duration::from_secs(600));
    she_never_had_one(&app, &dana).await;
    let after = last().await;

    assert!(before.contains("not yet"), "{before}");
    assert!(is_closed(&app, &case).await);
    assert!(
        after.contains("17:02") && !after.contains("17:12"),
        "{after}"
    );
}
