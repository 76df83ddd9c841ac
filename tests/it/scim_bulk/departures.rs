//! Departures among many operations: none is lost.

use super::*;

#[tokio::test]
async fn whoever_is_disabled_by_bulk_loses_every_door() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nina = hire(&provider, "nina").await;
    let omar = hire(&provider, "omar").await;
    app.run_due().await;
    app.clock.advance(Duration::from_secs(1));

    let done = bulk(
        &provider,
        json!([disable(&nina), {"method": "DELETE", "path": omar}]),
    )
    .await;

    assert_eq!(statuses(&done), ["200", "204"]);
    for name in ["nina", "omar"] {
        let doors = app.doors_of(name).await;
        assert!(!doors.is_empty());
        assert!(doors.iter().all(|door| door.wanted.is_closed()), "{name}");
    }
    app.run_due().await;
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_disable_that_was_not_done_is_recorded_whatever_the_reason() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nina = hire(&provider, "nina").await;
    let with = |name: &str, value: Value| {
        let mut operation = disable(&nina);
        operation[name] = value;
        operation
    };
    let refused = async || {
        let changes = changes(&app, "nina").await;
        assert_eq!(changes[0], "change.joined");
        assert!(
            changes[1..]
                .iter()
                .all(|what| what == "change.refused_disable")
        );
        changes.len() - 1
    };

    // Refused as it would be alone, unreadable, and because of what it refers to.
    let unknown = json!({
        "userName": "nina", "active": false, ENTERPRISE: {"manager": "bulkId:none"},
    });
    let done = bulk(
        &provider,
        json!([
            with("version", json!("W/\"9\"")),
            with("version", json!(9)),
            {"method": "PUT", "path": nina, "data": unknown},
            {"method": "DELETE", "path": nina, "version": "W/\"9\""},
        ]),
    )
    .await;
    assert_eq!(statuses(&done), ["412", "400", "400", "412"]);
    assert_eq!(refused().await, 4);

    // In a request that is refused whole.
    let twice = json!([with("bulkId", json!("a")), with("bulkId", json!("a"))]);
    assert_eq!(send(&provider, twice).await.status, 400);
    assert_eq!(refused().await, 6);

    // Not reached.
    let body = json!({
        "failOnErrors": 1,
        "Operations": [post("/Users", "bad", &json!({})), disable(&nina)],
    });
    assert_eq!(
        statuses(&answers(&send_with(&provider, &body).await)),
        ["400"]
    );
    assert_eq!(refused().await, 7);
    assert_eq!(provider.get(&nina).await.body["active"], true);
}

#[tokio::test]
async fn a_refused_disable_of_whom_the_request_made_is_recorded_too() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let mut refused = disable("/Users/bulkId:nina");
    refused["version"] = json!("W/\"9\"");
    let unreadable = json!({"method": "DELETE", "path": "/Users/bulkId:nina", "version": 9});

    let done = bulk(&provider, json!([unreadable, refused, user("nina")])).await;

    assert_eq!(statuses(&done), ["400", "412", "201"]);
    assert_eq!(path(&done[1]), path(&done[2]));
    assert_eq!(
        changes(&app, "nina").await,
        [
            "change.joined",
            "change.refused_disable",
            "change.refused_disable",
        ]
    );
}
