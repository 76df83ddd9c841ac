//! What somebody signs with, and the evidence of a time.

use std::time::Duration;

use drawbridge::{
    evidence::{Entry, chain, file::MOST_BYTES, pack},
    policy::office::OfficeRole,
};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
};

const SCAN: &[u8] = b"%PDF-1.7 the form with Priya's signature";

const DAY: Duration = Duration::from_secs(86_400);

/// Nina left, and Dana looks at it.
async fn nina_left() -> (TestApp, Console, Browser) {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    (app, console, dana)
}

async fn record(app: &TestApp, what: &str) -> Value {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .rev()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
        .find(|record| record["what"] == what)
        .unwrap_or(Value::Null)
}

async fn sign_with(app: &TestApp, dana: &Browser, name: &str, bytes: &[u8]) -> Page {
    let door = app.door("nina", "vpn").await;
    let generation = door.generation.to_string();
    let fields = [
        ("generation", generation.as_str()),
        ("by", "Priya of IT"),
        ("done", "2026-11-20T17:01"),
        ("how", "took the card back"),
        ("note", ""),
    ];
    let path = format!("/doors/{}/by-hand", door.id);
    dana.press_with_file(&path, &fields, (name, bytes)).await
}

#[tokio::test]
async fn a_file_that_is_signed_with_is_kept_named_by_the_ledger_and_part_of_the_evidence() {
    let (app, console, dana) = nina_left().await;

    let signed = sign_with(&app, &dana, "C:\\scans\\card 4711.pdf", SCAN).await;
    let attested = record(&app, "door.attested").await;
    let hash = attested["detail"]["attachment"]["sha256"].as_str().unwrap();
    let file = dana.get(&format!("/files/{hash}")).await;
    let person = app.person("nina").await;
    let page = dana.get(&format!("/people/{person}")).await;
    let evidence = dana.press(&format!("/people/{person}/evidence"), &[]).await;
    let other = app.sign_in_at(&console, "oak", OfficeRole::Owner).await;
    let theirs = other.get(&format!("/files/{hash}")).await;

    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert_eq!(hash, chain::to_hex(&chain::sha256(SCAN)));
    assert_eq!(attested["detail"]["attachment"]["name"], "card 4711.pdf");
    assert_eq!(file.text.as_bytes(), SCAN);
    assert_eq!(file.header("content-type"), "application/pdf");
    assert!(
        file.header("content-disposition")
            .starts_with("attachment; filename=\"card-4711.pdf\"")
    );
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert!(page.says(&format!("/files/{hash}")) && page.says("card 4711.pdf"));
    let proof = pack::verify(&evidence.text).unwrap();
    assert_eq!(proof.files, 1);
    let changed = evidence
        .text
        .replace("card 4711.pdf\",\"kind", "card 4712.pdf\",\"kind");
    assert!(pack::verify(&changed).is_err());
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_that_is_no_photo_and_no_pdf_or_too_large_is_not_signed_with() {
    let (app, _console, dana) = nina_left().await;
    let mut large = SCAN.to_vec();
    large.resize(MOST_BYTES + 1, b' ');
    let mut larger = SCAN.to_vec();
    larger.resize(MOST_BYTES + 1024 * 1024, b' ');

    for (name, bytes, why) in [
        (
            "photo.jpg",
            &b"<html><script>alert(1)</script>"[..],
            "no photo",
        ),
        ("photo.svg", b"<svg onload=alert(1)>", "no photo"),
        ("empty.pdf", b"", "empty"),
        ("large.pdf", &large, "larger than 5 MB"),
        ("larger.pdf", &larger, "larger than 5 MB"),
    ] {
        let page = sign_with(&app, &dana, name, bytes).await;

        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(page.says(why), "{name}: {}", page.text);
        assert!(
            page.says("Priya of IT") && page.says("took the card back"),
            "{name}"
        );
    }
    assert_eq!(record(&app, "door.attested").await, Value::Null);
}

#[tokio::test]
async fn a_signature_without_a_file_is_one_all_the_same() {
    let (app, _console, dana) = nina_left().await;

    // As a browser sends it when nobody chose one.
    let signed = sign_with(&app, &dana, "", b"").await;

    assert_eq!(signed.status, StatusCode::SEE_OTHER, "{}", signed.text);
    assert!(
        record(&app, "door.attested").await["detail"]
            .get("attachment")
            .is_none()
    );
}

#[tokio::test]
async fn a_file_is_read_of_nobody_who_may_not_send_it_and_no_text_is_lost() {
    let (app, console, dana) = nina_left().await;
    let door = app.door("nina", "vpn").await;
    let path = format!("/doors/{}/by-hand", door.id);
    let csrf = dana.csrf().await;
    let fields = [("csrf", csrf.as_str()), ("how", "took the card back")];

    app.clock.advance(Duration::from_secs(16 * 60));
    let out = dana.post_with_file(&path, &fields, ("a.pdf", SCAN)).await;
    let back = app.sign_in(&console, OfficeRole::Auditor).await;
    let auditor = back
        .press_with_file(&path, &fields[1..], ("a.pdf", SCAN))
        .await;
    let evil = [
        ("origin", "https://evil.example"),
        ("content-type", "multipart/form-data; boundary=edge"),
    ];
    let elsewhere = back.send(Method::POST, &path, &evil, None).await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let no_file_here = owner
        .press_with_file("/ledger/check", &[], ("a.pdf", SCAN))
        .await;

    assert_eq!(out.status, StatusCode::UNAUTHORIZED);
    assert!(out.says("took the card back"));
    assert_eq!(auditor.status, StatusCode::FORBIDDEN);
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    assert_eq!(no_file_here.status, StatusCode::SEE_OTHER, "passed over");
    assert_eq!(record(&app, "door.attested").await, Value::Null);
}

#[tokio::test]
async fn the_evidence_of_a_time_says_what_is_missing_and_verifies_without_anybody_else() {
    let app = TestApp::start().await;
    app.hire("early", "Nurse").await;
    app.run_due().await;
    app.clock.advance(DAY * 20);
    for name in ["nina", "omar"] {
        app.hire(name, "Nurse").await;
    }
    app.run_due().await;
    let nina = app.user_of("nina").await;
    app.disable(&nina).await;
    app.run_due().await;
    app.sign("nina", "vpn").await.unwrap();
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Auditor).await;
    let days = [("from", "2026-12-01"), ("to", "2026-12-31")];

    let page = dana.get("/evidence?from=2026-12-01&to=2026-12-31").await;
    let before = dana.get("/evidence?from=2026-10-01&to=2026-10-31").await;
    let wrong = dana.get("/evidence?from=2026-12-31&to=2026-12-01").await;
    let file = dana.press("/evidence/period", &days).await;
    let csv = dana.press("/evidence/csv", &days).await;

    assert!(page.says("nina") && page.says("omar") && !page.says("early"));
    assert!(page.says("rests on a signature"), "{}", page.text);
    assert!(page.says("Of 1 departure nobody said when the work ended"));
    assert!(before.says("Nobody joined, changed or left in this time"));
    assert!(wrong.says("comes after the last one"));
    assert_eq!(file.status, StatusCode::OK);
    let proof = pack::verify(&file.text).unwrap();
    let closings = pack::closings(&file.text);
    let of_nina = app.person("nina").await;
    assert!(closings.len() > 3, "{closings:?}");
    for closing in closings {
        assert_eq!(closing.person, of_nina.as_str());
        // The signature came after a reading that proved it.
        assert_eq!(closing.signed_by, None, "{closing:?}");
        assert!(closing.is_in_time(), "{closing:?}");
    }
    let period = proof.period.unwrap();
    assert_eq!((period.cases, proof.person), (3, None));
    assert!(file.says("change.departed") && file.says(app.person("nina").await.as_str()));
    let early = app.person("early").await;
    assert!(!file.says(early.as_str()), "whoever had no case in it");
    assert_eq!(csv.text.lines().count(), 4);
    let taken = record(&app, "evidence.exported").await;
    assert_eq!(taken["who"], "admin:Dana the auditor");
    assert_eq!(taken["detail"]["from"], "2026-12-01T00:00:00.000Z");
    assert_eq!(taken["detail"]["to"], "2027-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_long_chain_is_exported_and_checked_page_by_page() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    for _ in 0..600 {
        app.disable(&nina).await;
        app.set_active(&nina, true).await;
    }
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    let person = app.person("nina").await;

    let file = dana.press(&format!("/people/{person}/evidence"), &[]).await;
    let checked = dana.press("/ledger/check", &[("back", "/evidence")]).await;
    let page = dana.get("/evidence").await;

    let proof = pack::verify(&file.text).unwrap();
    assert!(proof.links > 2_000, "{} links are one page", proof.links);
    assert_eq!(
        file.header("drawbridge-lines"),
        (proof.links + 2).to_string()
    );
    assert_eq!(checked.header("location"), "/evidence?said=checked");
    assert!(page.says("Intact from the first record"));
}

#[tokio::test]
async fn an_undone_departure_says_nothing_of_how_long_one_takes() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_after(Duration::from_secs(60)).await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    let case = app.door("nina", "ehr").await.case.unwrap();

    let before = dana.get("/evidence").await;
    let undone = dana
        .press(
            &format!("/cases/{case}/undo"),
            &[("note", "it was the other Nina")],
        )
        .await;
    let after = dana.get("/evidence").await;
    let page = dana.get(&format!("/cases/{case}")).await;

    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.text);
    assert!(before.says("Half took at most") && !before.says("Undone"));
    assert!(!after.says("Half took at most") && after.says("<dt>Undone</dt><dd>1</dd>"));
    assert!(page.says("it was undone"), "{}", page.text);
}

#[tokio::test]
async fn however_much_happened_to_the_bridge_itself_the_page_shows_the_latest_of_it() {
    let (app, _console, dana) = nina_left().await;
    let mut tx = app.begin().await;
    for number in 0..700 {
        // Much else is about nobody, and nobody asks about it.
        for what in ["clock.set", "evidence.checked"] {
            let detail = serde_json::Map::from_iter([("number".to_owned(), Value::from(number))]);
            tx.record(Entry {
                at: tx.now(),
                who: "bridge".to_owned(),
                what,
                person: None,
                system: None,
                detail,
            });
        }
    }
    tx.commit().await.unwrap();
    let length = app.store.find_ledger_length(&app.practice()).await.unwrap();

    let page = dana.get("/evidence").await;

    assert!(
        page.says("the latest 200 of 700 are shown"),
        "{}",
        page.text
    );
    assert_eq!(page.text.matches("· #").count(), 200);
    assert!(
        page.says(&format!("#{}<", length - 1)),
        "the latest is shown"
    );
    assert!(!page.says(&format!("#{}<", length - 1 - 2 * 200)));
}
