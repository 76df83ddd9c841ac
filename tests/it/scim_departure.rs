//! Somebody leaves, told over SCIM: what the doors and the ledger then say.

use std::{fs, time::Duration};

use drawbridge::{door::Wanted, intake::returns::Word, store::sqlite_path};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, provider::Provider, wire::Wire};

fn nurse() -> Value {
    json!({
        "userName": "nina",
        "externalId": "ext-nina",
        "title": "Nurse",
        "emails": [{"value": "nina@elm.example", "type": "work", "primary": true}],
    })
}

async fn hired(app: &TestApp) -> (Provider, String) {
    let provider = app.provider("entra").await;
    let answer = provider.post("/Users", &nurse()).await;
    assert_eq!(answer.status, 201);
    app.run_due().await;
    let path = format!("/Users/{}", answer.id());
    (provider, path)
}

async fn changes(app: &TestApp) -> Vec<String> {
    let history = app.history("nina").await;
    history
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|what| what.starts_with("change."))
        .map(str::to_owned)
        .collect()
}

/// Whether a text stands anywhere in the database file or its log of writes.
fn database_has(app: &TestApp, text: &str) -> bool {
    let url = app.settings.database_url().expect("a URL");
    let file = sqlite_path(&url).expect("a file");
    let log = file.with_extension("db-wal");
    [file, log]
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .any(|bytes| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        })
}

#[tokio::test]
async fn a_disable_is_answered_before_any_system_is_called_and_closes_every_door() {
    let app = TestApp::start().await;
    let (provider, path) = hired(&app).await;
    assert!(!app.doors_of("nina").await.is_empty());
    app.clock.advance(Duration::from_secs(1));

    let answer = provider
        .patch(
            &path,
            &json!([{"op": "Replace", "path": "active", "value": "False"}]),
        )
        .await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["active"], false);
    let doors = app.doors_of("nina").await;
    assert!(doors.iter().all(|door| door.wanted.is_closed()));
    assert!(!app.is_green("nina", "ehr").await);
    app.run_due().await;
    let doors = app.doors_of("nina").await;
    assert!(doors.iter().all(|door| door.tries > 0), "{doors:?}");
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn deleting_is_a_departure_too() {
    let app = TestApp::start().await;
    let (provider, path) = hired(&app).await;

    let answer = provider.delete(&path).await;

    assert_eq!(answer.status, 204);
    assert_eq!(changes(&app).await, ["change.joined", "change.departed"]);
    assert_eq!(provider.delete(&path).await.status, 404);
}

#[tokio::test]
async fn whoever_loses_active_has_left_until_it_is_set_again() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let id = app.hire("nina", "Nurse").await;
    let path = format!("/Users/{}", id.as_str());
    let wanted = async || {
        let doors = app.doors_of("nina").await;
        assert!(!doors.is_empty());
        doors
            .iter()
            .filter(|door| door.wanted != Wanted::Closed)
            .count()
    };
    assert!(wanted().await > 0);

    let answer = provider
        .patch(&path, &json!([{"op": "remove", "path": "active"}]))
        .await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(wanted().await, 0);
    assert!(answer.body.get("active").is_none());
    let shown = provider.get(&path).await.body;
    assert!(shown.get("active").is_none());
    for (filter, count) in [
        ("active+pr", 0),
        ("active+eq+false", 0),
        ("active+eq+true", 0),
        ("active+ne+true", 1),
        ("not+(active+eq+true)", 1),
        ("not+(active+eq+false)", 1),
    ] {
        let found = provider.get(&format!("/Users?filter={filter}")).await.body;
        assert_eq!(found["totalResults"], count, "{filter}");
    }

    let back = provider
        .patch(
            &path,
            &json!([{"op": "add", "path": "active", "value": true}]),
        )
        .await;
    assert_eq!(back.body["active"], true);
    assert_eq!(wanted().await, 0, "the departure holds");
    let word = Word {
        by: "Dana Ruiz",
        note: "a mistake",
    };
    let nina = app.person("nina").await;
    let approved = app.intake.approve_return(&app.caller(), &nina, word).await;
    assert!(approved.unwrap().is_ok());
    assert!(wanted().await > 0);
}

#[tokio::test]
async fn a_disable_in_a_patch_with_a_bad_operation_is_refused_whole_and_recorded() {
    let app = TestApp::start().await;
    let (provider, path) = hired(&app).await;

    let answer = provider
        .patch(
            &path,
            &json!([
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "Replace", "path": "id", "value": "x"},
            ]),
        )
        .await;

    assert_eq!(answer.status, 400);
    assert_eq!(provider.get(&path).await.body["active"], true);
    assert_eq!(
        changes(&app).await,
        ["change.joined", "change.refused_disable"]
    );
}

#[tokio::test]
async fn a_disable_is_recorded_whatever_it_was_refused_for() {
    let app = TestApp::start().await;
    let (provider, path) = hired(&app).await;
    let put = json!({"userName": "nina", "active": false}).to_string();
    let raw = async |method: &str, header: (&str, &str), body: &str| {
        let mut headers = vec![header];
        if header.0 != "content-type" {
            headers.push(("content-type", "application/json"));
        }
        let body = body.as_bytes().to_vec();
        provider
            .send_raw(method, &path, &headers, body)
            .await
            .status
    };

    let twice = r#"{"userName": "nina", "active": true, "active": false}"#;
    assert_eq!(raw("PUT", ("content-type", "text/plain"), &put).await, 415);
    assert_eq!(raw("PUT", ("if-match", "W/\"9\""), &put).await, 412);
    assert_eq!(raw("PUT", ("accept", "*/*"), twice).await, 400);
    assert_eq!(raw("DELETE", ("if-match", "W/\"9\""), "").await, 412);

    let refused = ["change.refused_disable"; 4];
    assert_eq!(changes(&app).await[1..], refused);
}

#[tokio::test]
async fn a_body_that_was_never_read_could_have_been_a_disable_and_is_recorded() {
    let mut app = TestApp::start().await;
    app.settings.limits.waits.body = Duration::from_millis(300);
    let (provider, path) = hired(&app).await;
    let json_type = [("content-type", "application/scim+json")];
    let too_large = || "a".repeat(3_000_000).into_bytes();
    let bearer = format!("Authorization: Bearer {}", provider.token);

    for method in ["PUT", "PATCH"] {
        let answer = provider
            .send_raw(method, &path, &json_type, too_large())
            .await;
        assert_eq!(answer.status, 413);
        let mut wire = Wire::open(provider.address).await;
        let head = format!("{method} /scim/v2{path} HTTP/1.1\r\nHost: a\r\n{bearer}\r\n");
        wire.send(format!("{head}Content-Length: 9\r\n\r\n{{"))
            .await;
        assert_eq!(wire.answer().await.status, 408);
    }
    let nobody = provider
        .send_raw("PATCH", "/Users/nobody", &json_type, too_large())
        .await;
    assert_eq!(nobody.status, 413);

    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    let reasons: Vec<String> = records
        .iter()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
        .filter(|record| record["what"] == "change.refused_disable")
        .map(|record| record["detail"]["reason"].to_string())
        .collect();
    let in_order = ["too large", "in time", "too large", "in time"];
    assert_eq!(reasons.len(), in_order.len(), "{reasons:?}");
    for (reason, part) in reasons.iter().zip(in_order) {
        assert!(reason.contains(part), "{reasons:?}");
    }
    assert_eq!(provider.get(&path).await.body["active"], true);
}

#[tokio::test]
async fn a_refused_change_that_is_no_disable_is_not_recorded_as_one() {
    let app = TestApp::start().await;
    let (provider, path) = hired(&app).await;

    let answer = provider
        .patch(
            &path,
            &json!([{"op": "Replace", "path": "id", "value": "x"}]),
        )
        .await;

    assert_eq!(answer.status, 400);
    assert_eq!(changes(&app).await, ["change.joined"]);
}

#[tokio::test]
async fn nothing_that_is_no_boolean_ever_disables_or_enables() {
    let app = TestApp::start().await;
    let (provider, path) = hired(&app).await;

    for value in [json!(0), json!(null), json!([]), json!("off"), json!({})] {
        let answer = provider
            .patch(
                &path,
                &json!([{"op": "Replace", "path": "active", "value": value}]),
            )
            .await;
        assert_eq!(answer.status, 400, "{value}");
        assert_eq!(answer.body["scimType"], "invalidValue");
    }

    assert_eq!(changes(&app).await, ["change.joined"]);
}

#[tokio::test]
async fn no_password_is_ever_stored() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let secret = "$pbkdf2-sha512$25000$cS5lTMnZu3dOae0dY2wtxQ";
    let mut user = nurse();
    user["password"] = json!(secret);

    let made = provider.post("/Users", &user).await;
    let path = format!("/Users/{}", made.id());
    user["title"] = json!("Billing");
    let put = provider.put(&path, &user).await;
    let patched = provider
        .patch(
            &path,
            &json!([
                {"op": "replace", "path": "password", "value": secret},
                {"op": "add", "value": {"Password": secret, "nickName": "Nini"}},
            ]),
        )
        .await;

    for answer in [&made, &put, &patched] {
        assert!(answer.status.is_success());
        assert!(!answer.body.to_string().contains(secret));
    }
    assert!(!database_has(&app, secret));
    assert!(database_has(&app, "Nini"));
}
