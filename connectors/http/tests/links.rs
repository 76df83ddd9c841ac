//! Lists whose answers name the address of the next page.

mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Json, Router, extract::Query, routing::get};
use drawbridge_sdk::{Connector, Cursor, FailureClass};
use serde_json::json;
use support::{context, secret, serve};

const VENDOR: &str = r#"
title = "Linked"
documentation = "https://linked.example/docs"
read_on = 2026-11-23
tested = "a stub"
disabled_means = "refused at the door"
find_by_listing = true

[[auth]]
kind = "header"
name = "X-Key"
credential = "key"
prefix = "Key "

[check]
request = "GET /users"

[record]
id = "/id"
login = "/id"
enabled = { at = "/off", present = false }
disabled = { at = "/off", present = true }

[list]
request = "GET /users"
at = "/users"
paging = { by = "link", next = "/next" }
"#;

/// A vendor whose first page names this next one.
async fn vendor(next: impl Fn(std::net::SocketAddr) -> String) -> Arc<dyn Connector> {
    let (tell, told) = tokio::sync::watch::channel(String::new());
    let users = move |Query(query): Query<Vec<(String, String)>>| {
        let next = told.borrow().clone();
        async move {
            match query.is_empty() {
                true => Json(json!({ "users": [{ "id": "a" }], "next": next })),
                false => Json(json!({ "users": [{ "id": "b" }], "next": null })),
            }
        }
    };
    let address = serve(Router::new().route("/api/users", get(users))).await;
    tell.send_replace(next(address));
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("linked-{}.toml", address.port()));
    std::fs::write(&file, VENDOR).expect("it can be written");
    let settings = json!({
        "vendor": file,
        "base_url": format!("http://{address}/api"),
        "allow_plain_http": true,
        "credentials": { "key": secret("k3y") },
    });
    drawbridge_http::kind()
        .build(settings, &context())
        .expect("the settings are right")
}

#[tokio::test]
async fn a_link_below_the_same_address_is_followed() {
    for link in ["http://{}/api/users?page=2", "/api/users?page=2"] {
        let connector = vendor(|address| link.replace("{}", &address.to_string())).await;

        let first = connector.list_accounts(None).await.expect("listed");
        let second = connector
            .list_accounts(first.next.as_ref())
            .await
            .expect("listed");

        assert_eq!(second.accounts[0].id.as_str(), "b");
        assert!(second.next.is_none());
    }
}

#[tokio::test]
async fn a_link_to_another_host_never_gets_the_credential() {
    let was_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&was_asked);
    let elsewhere =
        Router::new().fallback(move || async move { asked.store(true, Ordering::Relaxed) });
    let evil = serve(elsewhere).await;
    let connector = vendor(|_| format!("http://{evil}/api/users?page=2")).await;
    let next = Cursor(format!("http://{evil}/api/users?page=2"));

    let listed = connector
        .list_accounts(Some(&next))
        .await
        .expect_err("elsewhere");
    let found = connector
        .observe(&support::ask(
            &support::person("a"),
            drawbridge_sdk::Way::Account,
            None,
        ))
        .await;

    assert_eq!(listed.class, FailureClass::Contract);
    assert_eq!(found.expect_err("elsewhere").class, FailureClass::Contract);
    assert!(!was_asked.load(Ordering::Relaxed));
}
