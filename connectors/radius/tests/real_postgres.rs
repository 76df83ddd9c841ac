//! The same tables in the real PostgreSQL, with the column types of FreeRADIUS's own schema.

use std::{sync::Arc, time::Duration};

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{
    AccountState, Ask, BuildContext, Canary, CloseCall, Connector, Effect, FailureClass, OpenCall,
    Sessions, Subject, Way,
};
use serde_json::json;
use sqlx::PgPool;
use support::{
    gateway::{Gateway, Mood},
    tables::Tables,
};
use tempfile::TempDir;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const SECRET: &str = "gateway-secret";

/// The part of `mods-config/sql/main/postgresql/schema.sql` that sign-in and accounting use.
const SCHEMA: &str = "
    CREATE TABLE radacct (RadAcctId bigserial PRIMARY KEY, AcctSessionId text NOT NULL,
        AcctUniqueId text NOT NULL UNIQUE, UserName text, NASIPAddress inet NOT NULL,
        AcctStopTime timestamp with time zone);
    CREATE TABLE radcheck (id serial PRIMARY KEY, UserName text NOT NULL DEFAULT '',
        Attribute text NOT NULL DEFAULT '', op VARCHAR(2) NOT NULL DEFAULT '==',
        Value text NOT NULL DEFAULT '');
    CREATE TABLE radreply (id serial PRIMARY KEY, UserName text NOT NULL DEFAULT '',
        Attribute text NOT NULL DEFAULT '', op VARCHAR(2) NOT NULL DEFAULT '=',
        Value text NOT NULL DEFAULT '');
    CREATE TABLE radgroupcheck (id serial PRIMARY KEY, GroupName text NOT NULL DEFAULT '',
        Attribute text NOT NULL DEFAULT '', op VARCHAR(2) NOT NULL DEFAULT '==',
        Value text NOT NULL DEFAULT '');
    CREATE TABLE radusergroup (id serial PRIMARY KEY, UserName text NOT NULL DEFAULT '',
        GroupName text NOT NULL DEFAULT '', priority integer NOT NULL DEFAULT 0);
    INSERT INTO radcheck (username, attribute, op, value)
        VALUES ('nina', 'Cleartext-Password', ':=', 'pw1');
    INSERT INTO radusergroup (username, groupname) VALUES ('nina', 'vpn-staff');
    INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress)
        VALUES ('S1', 'U1', 'nina', '127.0.0.1'), ('S2', 'U2', NULL, '127.0.0.1');";

struct Practice {
    server: RealSystem,
    rows: PgPool,
    folder: TempDir,
    gateway: Gateway,
}

impl Practice {
    async fn start() -> Self {
        let server = RealSystem::start("postgres");
        let rows = PgPool::connect(server.var("POSTGRES_URL"))
            .await
            .expect("the database");
        sqlx::raw_sql(SCHEMA)
            .execute(&rows)
            .await
            .expect("the schema");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("secret"), SECRET).expect("the secret");
        std::fs::write(folder.path().join("database"), server.var("POSTGRES_URL")).expect("it");
        // It knows no session: its accounting is not in this database.
        let own_tables = Tables::create(&folder.path().join("gateway.db")).await;
        let gateway = Gateway::start(own_tables, SECRET).await;
        Self {
            server,
            rows,
            folder,
            gateway,
        }
    }

    fn connector(&self) -> Arc<dyn Connector> {
        let settings = json!({
            "database": { "file": "database" },
            "coa_secret": { "file": "secret" },
            "coa_port": self.gateway.address.port(),
        });
        let context = BuildContext {
            base_dir: self.folder.path().to_owned(),
            call_timeout: Duration::from_secs(8),
            ..BuildContext::named("vpn")
        };
        drawbridge_radius::kind()
            .build(settings, &context)
            .expect("usable settings")
    }

    async fn count(&self, filter: &'static str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {filter}"));
        sqlx::query_scalar(statement)
            .fetch_one(&self.rows)
            .await
            .expect("a count")
    }
}

fn close() -> CloseCall {
    CloseCall {
        subject: nina(),
        way: Way::Account,
        managed_levels: vec!["vpn-staff".to_owned()],
        idempotency_key: "k1".to_owned(),
    }
}

fn nina() -> Subject {
    Subject {
        person: "p1".to_owned(),
        user_names: vec!["Nina".to_owned()],
        ..Subject::default()
    }
}

#[tokio::test]
async fn a_user_is_closed_read_back_listed_and_opened_again() {
    let practice = Practice::start().await;
    let connector = practice.connector();
    let ask = Ask {
        subject: nina(),
        way: Way::Account,
        canary: Some("nina".to_owned()),
    };
    practice.gateway.set_mood(Mood::Obedient);

    connector.check().await.expect("all tables");
    let closed = connector.close(&close()).await.expect("an outcome");
    let seen = connector.observe(&ask).await.expect("a reading");
    let listed = connector.list_accounts(None).await.expect("a page");
    let call = OpenCall {
        subject: nina(),
        way: Way::Account,
        levels: vec!["vpn-staff".to_owned()],
        managed_levels: vec!["vpn-staff".to_owned()],
        forward_to: None,
        until: None,
        idempotency_key: "k2".to_owned(),
    };
    let opened = connector.open(&call).await.expect("an outcome");

    assert!(matches!(closed.blocked, Effect::Done), "{closed:?}");
    assert!(matches!(closed.sessions_ended, Effect::Done), "{closed:?}");
    assert_eq!(
        practice.gateway.taken().len(),
        1,
        "the session without a name is nobody's"
    );
    assert_eq!(seen.canary, Canary::Seen);
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    assert_eq!(
        seen.accounts[0].sessions,
        Sessions::Open(1),
        "accounting did not note its end"
    );
    assert_eq!(seen.accounts[0].levels, Vec::<String>::new());
    assert_eq!(listed.accounts.len(), 1);
    assert!(matches!(opened.blocked, Effect::Done), "{opened:?}");
    assert_eq!(
        practice
            .count("radcheck WHERE attribute = 'Auth-Type'")
            .await,
        0
    );
    assert_eq!(
        practice
            .count("radusergroup WHERE groupname = 'vpn-staff'")
            .await,
        1
    );
}

#[tokio::test]
async fn two_closes_at_once_leave_one_row() {
    let practice = Practice::start().await;
    let (connector, call) = (practice.connector(), close());

    let (first, second) = tokio::join!(connector.close(&call), connector.close(&call));

    assert_eq!(
        practice
            .count("radcheck WHERE attribute = 'Auth-Type'")
            .await,
        1
    );
    for outcome in [first, second] {
        // The loser of the race is told to come again.
        if let Effect::Failed(error) = outcome.expect("an outcome").blocked {
            assert_eq!(error.class, FailureClass::Retryable);
        }
    }
}

#[tokio::test]
async fn a_stopped_database_is_tried_again_and_a_refused_login_is_a_credential() {
    let practice = Practice::start().await;
    let wrong = practice
        .server
        .var("POSTGRES_URL")
        .replace("drawbridge@", "nobody@");
    std::fs::write(practice.folder.path().join("database"), wrong).expect("the address");
    let refused = practice
        .connector()
        .close(&close())
        .await
        .expect_err("no such role");
    practice.rows.close().await;
    practice.server.stop();

    let unreachable = practice
        .connector()
        .close(&close())
        .await
        .expect_err("no database");

    assert_eq!(refused.class, FailureClass::Credential);
    assert_eq!(unreachable.class, FailureClass::Retryable);
    assert!(!format!("{refused:?} {unreachable:?}").contains("nobody"));
}
