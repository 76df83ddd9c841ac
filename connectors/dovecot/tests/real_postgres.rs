//! The user table in the real PostgreSQL, whatever the type of its columns.

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{AccountState, Effect, FailureClass, Way};
use serde_json::{Value, json};
use sqlx::PgPool;
use support::{Practice, ask, close, connector, nina, open};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

/// The ways such tables are written.
const TABLES: [(&str, &str); 3] = [
    (
        "numbers",
        "CREATE TABLE numbers (email TEXT PRIMARY KEY, password TEXT, enabled INTEGER)",
    ),
    (
        "truths",
        "CREATE TABLE truths (email VARCHAR(255), password TEXT, enabled BOOLEAN NOT NULL)",
    ),
    (
        "flags",
        "CREATE TABLE flags (email CHAR(64), password TEXT, enabled CHAR(1))",
    ),
];

#[tokio::test]
async fn a_login_is_closed_read_back_listed_and_opened_again() {
    let server = RealSystem::start("postgres");
    let rows = PgPool::connect(server.var("POSTGRES_URL"))
        .await
        .expect("the database");
    for (table, create) in TABLES {
        let practice = Practice::start().await;
        let insert = format!("INSERT INTO {table} VALUES ('nina@practice.test', 'pw1', '1')");
        sqlx::raw_sql(create)
            .execute(&rows)
            .await
            .expect("the table");
        sqlx::raw_sql(sqlx::AssertSqlSafe(insert))
            .execute(&rows)
            .await
            .expect("the row");
        let connector = connector(settings(&practice, &server, table), practice.folder.path());

        connector.check().await.expect("all columns");
        let closed = connector
            .close(&close(nina(), Way::Account))
            .await
            .expect("an outcome");
        let seen = connector
            .observe(&ask(nina(), Way::Account))
            .await
            .expect("a reading");
        let opened = connector.open(&open(nina())).await.expect("an outcome");
        let listed = connector.list_accounts(None).await.expect("a page");

        assert!(
            matches!(closed.blocked, Effect::Done),
            "{table}: {closed:?}"
        );
        assert_eq!(
            seen.accounts[0].id.as_str(),
            "nina@practice.test",
            "{table}"
        );
        assert_eq!(seen.accounts[0].state, AccountState::Disabled, "{table}");
        assert!(
            matches!(opened.blocked, Effect::Done),
            "{table}: {opened:?}"
        );
        assert_eq!(listed.accounts.len(), 1, "{table}");
        assert_eq!(listed.accounts[0].state, AccountState::Enabled, "{table}");
    }
}

#[tokio::test]
async fn a_stopped_database_is_tried_again_and_a_refused_login_is_a_credential() {
    let server = RealSystem::start("postgres");
    let practice = Practice::start().await;
    let settings = settings(&practice, &server, "users");
    let connector = connector(settings, practice.folder.path());
    let wrong = server.var("POSTGRES_URL").replace("drawbridge@", "nobody@");
    let address = practice.folder.path().join("database");
    let call = close(nina(), Way::Account);

    let no_table = connector.close(&call).await.expect_err("no table");
    std::fs::write(&address, wrong).expect("the address");
    let refused = connector.close(&call).await.expect_err("no such role");
    server.stop();
    let unreachable = connector.close(&call).await.expect_err("no database");

    assert_eq!(no_table.class, FailureClass::Refused);
    assert_eq!(refused.class, FailureClass::Credential);
    assert_eq!(unreachable.class, FailureClass::Retryable);
    assert!(!format!("{no_table:?} {refused:?} {unreachable:?}").contains("nobody"));
}

fn settings(practice: &Practice, server: &RealSystem, table: &str) -> Value {
    let address = practice.folder.path().join("database");
    std::fs::write(address, server.var("POSTGRES_URL")).expect("the address");
    let mut settings = practice.settings();
    settings["user_database"] = json!({ "file": "database" });
    settings["users_table"] = json!(table);
    settings
}
