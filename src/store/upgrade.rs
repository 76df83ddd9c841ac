//! Bringing a database up to date that an earlier version filled.

use sqlx::{
    AnyConnection, Connection as _,
    migrate::{Migration, Migrator},
};

use super::{Dialect, Search, Store, admins::Admin};
use crate::query::{AttributePath, Comparison, Filter, Literal};

/// A practice with one person, in tables as they were at first.
const FILLED: &str = r#"
INSERT INTO practice (name, ledger_sequence, ledger_hash) VALUES ('elm', 1,
    '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b');
INSERT INTO person (practice, id, created, needs_role, replan_at)
    VALUES ('elm', 'p1', '2026-01-05T08:00:00.000Z', 1, '2026-01-06T08:00:00.000Z');
INSERT INTO person (practice, id, created, needs_role, departed_at)
    VALUES ('elm', 'p2', '2026-01-05T08:00:00.000Z', 0, '2026-01-06T08:00:00.000Z');
INSERT INTO identifier (practice, person, kind, folded, value, last_borne)
    VALUES ('elm', 'p1', 'user_name', 'nina', 'Nina', '2026-01-05T08:00:00.000Z');
INSERT INTO scim_user (practice, id, person, source, user_name, external_id, display_name, active, attributes,
    version, created, modified)
    VALUES ('elm', 'u1', 'p1', 'entra', 'nina', 'x1', NULL, 1,
        '{"userName":"Nina","active":true,"emails":[{"value":"Nina@elm.example"}]}', 1,
        '2026-01-05T08:00:00.000Z', '2026-01-05T08:00:00.000Z');
INSERT INTO scim_user_email (practice, user_id, email) VALUES ('elm', 'u1', 'nina@elm.example');
INSERT INTO scim_group (practice, id, display_name, attributes, version, created, modified)
    VALUES ('elm', 'g1', 'nurses', '{"displayName":"Nurses"}', 1, '2026-01-05T08:00:00.000Z',
        '2026-01-05T08:00:00.000Z');
INSERT INTO scim_group_member (practice, group_id, value, position) VALUES ('elm', 'g1', 'u1', 0);
INSERT INTO door (practice, id, person, system, way, wanted, opening, generation, reason, wanted_at, seen, assurance,
    sessions_ended, residual, fence, round, tries, due, sweep)
    VALUES ('elm', 'd1', 'p1', 'mail', 'account', 'closed', NULL, 1, 'left', '2026-01-05T08:00:00.000Z', 'closed',
        'verified', 0, '[]', 0, 0, 0, 'act', 0);
INSERT INTO evidence (practice, sequence, person, text, hash) VALUES ('elm', 1, 'p1', '{}',
    '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b');
"#;

/// Two admins as they were before every address was kept, one known by an invitation and one by a provider, and the people
/// they are, who have left.
const LEAVERS: &str = r#"
INSERT INTO practice (name, ledger_sequence, ledger_hash) VALUES ('elm', 0,
    '0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO person (practice, id, created, needs_role, departed_at, held_since) VALUES
    ('elm', 'p1', '2026-01-05T08:00:00.000Z', 0, '2026-01-06T08:00:00.000Z', '2026-01-06T08:00:00.000Z'),
    ('elm', 'p2', '2026-01-05T08:00:00.000Z', 0, '2026-01-06T08:00:00.000Z', '2026-01-06T08:00:00.000Z');
INSERT INTO identifier (practice, person, kind, folded, value, last_borne) VALUES
    ('elm', 'p1', 'email', 'dana@elm.example', 'dana@elm.example', '2026-01-05T08:00:00.000Z'),
    ('elm', 'p2', 'user_name', 'lee@elm.example', 'Lee@elm.example', '2026-01-05T08:00:00.000Z');
INSERT INTO admin (practice, id, name, folded, role, created, email) VALUES
    ('elm', 'a1', 'Dana', 'dana', 'owner', '2026-01-05T08:00:00.000Z', 'dana@elm.example'),
    ('elm', 'a2', 'Lee', 'lee', 'admin', '2026-01-05T08:00:00.000Z', NULL),
    ('elm', 'a3', 'Sam', 'sam', 'admin', '2026-01-05T08:00:00.000Z', 'sam@elm.example');
INSERT INTO admin_identity (practice, issuer, subject, admin, since, email) VALUES
    ('elm', 'https://idp', 'l-1', 'a2', '2026-01-05T08:00:00.000Z', 'lee@elm.example');
"#;

/// What was told, in tables as they were before a failure was recorded once a day.
const TOLD: &str = r#"
INSERT INTO alert (practice, id, kind, about, person, system, facts, raised, addressed)
    VALUES ('elm', 'a1', 'door.found_changed', 'door.found_changed/a1', 'p1', 'mail', '{}',
        '2026-01-05T08:00:00.000Z', '2026-01-05T08:00:05.000Z');
INSERT INTO alert_delivery (practice, alert, channel, contact, because, tries, next_try, sent, failure)
    VALUES ('elm', 'a1', 'mail', 'owner', NULL, 3, '2026-01-05T08:10:00.000Z', NULL, 'it did not answer');
INSERT INTO alert_delivery (practice, alert, channel, contact, because, tries, next_try, sent, failure)
    VALUES ('elm', 'a1', 'slack', 'owner', 'the channel `mail` fails', 0, NULL, '2026-01-05T08:00:10.000Z', NULL);
"#;

/// Every version that was released.
const RELEASED: [usize; 1] = [5];

/// Makes a database of so many migrations and fills it, one after the other.
async fn fill(url: &str, dialect: Dialect, filled: &[(usize, &'static str)]) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    if dialect == Dialect::Sqlite {
        // As a store does while it migrates: tables are put in the place of others.
        sqlx::query("PRAGMA foreign_keys = OFF")
            .execute(&mut connection)
            .await
            .unwrap();
    }
    for (version, rows) in filled {
        let mut migrations = dialect.migrations();
        migrations.truncate(*version);
        Migrator::with_migrations(migrations)
            .run(&mut connection)
            .await
            .unwrap();
        for statement in rows.split(";\n").filter(|text| !text.trim().is_empty()) {
            sqlx::query(statement)
                .execute(&mut connection)
                .await
                .unwrap();
        }
    }
    connection.close().await.unwrap();
}

/// How many migrations there were before this one.
fn before(dialect: Dialect, description: &str) -> usize {
    let migrations = dialect.migrations();
    let is_it = |migration: &Migration| migration.description == description;
    migrations.iter().position(is_it).unwrap()
}

/// A practice as an earlier version left it.
async fn fill_all(url: &str, dialect: Dialect, version: usize) {
    let told = (before(dialect, "alert news"), TOLD);
    fill(url, dialect, &[(version, FILLED), told]).await;
}

/// Admins as they were before every address was kept.
async fn fill_leavers(url: &str, dialect: Dialect) {
    let version = before(dialect, "admin addresses");
    fill(url, dialect, &[(version, LEAVERS)]).await;
}

async fn everything_is_still_there(url: &str) {
    let store = Store::open(url).await.unwrap();
    let practice = "elm".into();
    let by_email = Search {
        filter: Some(Filter::Compare(
            AttributePath {
                schema: None,
                name: "emails".to_owned(),
                sub: Some("value".to_owned()),
                case_exact: false,
            },
            Comparison::Equal,
            Literal::Text("NINA@elm.example".to_owned()),
        )),
        limit: 10,
        ..Search::default()
    };

    let user = store
        .find_user(&practice, &"u1".into())
        .await
        .unwrap()
        .unwrap();
    let found = store.search_users(&practice, &by_email).await.unwrap();
    let groups = store
        .groups_of(&practice, std::slice::from_ref(&user))
        .await
        .unwrap();
    let due = store
        .find_people_to_replan(user.created, None, 500)
        .await
        .unwrap();
    let due_next_day = store
        .find_people_to_replan(user.created + jiff::Span::new().hours(24), None, 500)
        .await
        .unwrap();

    assert_eq!(user.user_name(), "Nina");
    assert_eq!(found.items, std::slice::from_ref(&user));
    assert_eq!(groups[&user.id].len(), 1);
    assert_eq!((due.len(), due_next_day.len()), (0, 1));
    assert_eq!(
        store.name_of(&practice, &user.person).await.unwrap(),
        "Nina"
    );
    assert_eq!(store.list_records(&practice, None).await.unwrap().len(), 1);

    let alert = store.find_alert(&practice, &"a1".into()).await.unwrap();
    let ways = store
        .list_deliveries(&practice, &"a1".into())
        .await
        .unwrap();
    let waiting = store.list_waiting_deliveries().await.unwrap();
    assert_eq!(alert.unwrap().changed_door(), None, "it named no door then");
    assert!(ways.len() == 2 && ways[1].sent.is_some(), "{ways:?}");
    assert_eq!(waiting, ways[..1]);
    assert_eq!(waiting[0].failure.as_deref(), Some("it did not answer"));
    assert_eq!((waiting[0].tries, waiting[0].failure_recorded), (3, None));

    let mut tx = store.begin(&practice, user.modified).await.unwrap();
    assert_eq!(tx.find_doors_of(&user.person).await.unwrap().len(), 1);
    let leaver = tx.find_known(&"p2".into()).await.unwrap().person;
    assert!(leaver.held_since.is_some(), "who has left stays out");
    assert_eq!(leaver.held_since, leaver.departed_at);
    let wave = tx.count_loss().await.unwrap();
    assert_eq!((wave.lately, wave.active), (1, 1), "the active are counted");
    tx.record_user_deleted(&user);
    tx.record_identifiers(&"nobody".into(), &user.attributes);
    assert!(
        tx.commit().await.is_err(),
        "an identifier of nobody is kept"
    );
    store.close().await;
}

#[tokio::test]
async fn an_older_sqlite_file_keeps_everything() {
    for version in RELEASED {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        std::fs::write(&path, "").unwrap();
        let url = format!("sqlite://{}", path.display());
        fill_all(&url, Dialect::Sqlite, version).await;
        everything_is_still_there(&url).await;
    }
}

#[cfg(feature = "real-systems")]
#[tokio::test]
async fn an_older_postgres_database_keeps_everything() {
    for version in RELEASED {
        let server = drawbridge_conformance::RealSystem::start("postgres");
        let url = server.var("POSTGRES_URL");
        fill_all(url, Dialect::Postgres, version).await;
        everything_is_still_there(url).await;
    }
}

async fn addresses_of_before_are_kept_when_others_take_their_place(url: &str) {
    let store = Store::open(url).await.unwrap();
    let practice = "elm".into();

    let admins = store.list_admins(&practice).await.unwrap();
    let now = "2026-01-07T08:00:00Z".parse().unwrap();
    let mut tx = store.begin(&practice, now).await.unwrap();
    for admin in &admins {
        let email = Some(format!("{}.married@elm.example", admin.id));
        tx.record_admin(&Admin {
            email,
            ..admin.clone()
        });
        tx.note_address(&admin.id, "https://idp", "another@elm.example");
    }
    tx.commit().await.unwrap();
    let mut left = Vec::new();
    for admin in &admins {
        left.push((
            admin.name.as_str(),
            store.has_admin_left(admin).await.unwrap(),
        ));
    }

    assert_eq!(left, [("Dana", true), ("Lee", true), ("Sam", false)]);
    store.close().await;
}

#[tokio::test]
async fn a_departure_is_known_by_an_address_from_before_an_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    std::fs::write(&path, "").unwrap();
    let url = format!("sqlite://{}", path.display());
    fill_leavers(&url, Dialect::Sqlite).await;

    addresses_of_before_are_kept_when_others_take_their_place(&url).await;
}

#[cfg(feature = "real-systems")]
#[tokio::test]
async fn a_departure_is_known_by_an_address_from_before_an_upgrade_of_postgres() {
    let server = drawbridge_conformance::RealSystem::start("postgres");
    let url = server.var("POSTGRES_URL");
    fill_leavers(url, Dialect::Postgres).await;

    addresses_of_before_are_kept_when_others_take_their_place(url).await;
}
