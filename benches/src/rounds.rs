//! The comparisons. In each round every server is measured once for everything.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    Failure, Plan,
    load::{self, Ask, Make, Until},
    report::{Report, Spread},
    rows::Rows,
    servers::{Server, Systems},
};

/// People that look-ups find among.
const PEOPLE: u64 = 10_000;

/// What the disk allows one writer who commits each row.
pub const COMMITS: &str = "commits of one row";
pub const BARE_SQLITE: &str = "bare SQLite";

/// How many share a commit when sixteen clients create.
const SHARED: u64 = 8;

const CREATES: &str = "durable creates";
const BY_ID: &str = "GET by id, 16 clients";
const BY_NAME: &str = "filter `userName eq`, 16 clients";

/// A server with who is in it.
struct Side {
    server: Server,
    next: Arc<AtomicU64>,
    ids: Arc<Vec<String>>,
}

pub async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let mut sides = Vec::new();
    let servers = [
        Some(Server::drawbridge(plan, Systems::None).await?),
        Some(Server::bare().await?),
        Server::scimmy(plan).await?,
    ];
    for server in servers.into_iter().flatten() {
        eprintln!("{}: {PEOPLE} people", server.name);
        let people = if plan.quick { 200 } else { PEOPLE };
        let next = Arc::new(AtomicU64::new(0));
        let filled = load::run(
            server.address,
            &server.token,
            16,
            Until::Asked(people),
            &next,
            create(),
        )
        .await?;
        sides.push(Side {
            server,
            next: Arc::new(AtomicU64::new(people)),
            ids: Arc::new(filled.ids),
        });
    }
    let mut rows = Rows::of(plan).await?;
    let mut written = [(1, Vec::new()), (SHARED, Vec::new())];
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        report.add(COMMITS, BARE_SQLITE, commits(plan).await?);
        for (a_commit, reached) in &mut written {
            reached.push(rows.write(plan, *a_commit)?);
        }
        // Look-ups first, so that all rounds find among as many.
        for side in &sides {
            let by_id = side.read(plan, by_id(&side.ids)).await?;
            report.add(BY_ID, side.server.name, by_id);
        }
        for side in sides.iter().filter(|side| side.server.name != "bare axum") {
            let people = side.ids.len() as u64;
            let by_name = side.read(plan, by_name(people)).await?;
            report.add(BY_NAME, side.server.name, by_name);
        }
        for clients in [1, 16, 64] {
            for side in &sides {
                let made = load::run(
                    side.server.address,
                    &side.server.token,
                    clients,
                    Until::Passed(Duration::from_secs_f64(plan.seconds)),
                    &side.next,
                    create(),
                )
                .await?;
                let what = format!("{CREATES}, {clients} clients");
                report.add(&what, side.server.name, made.per_second());
            }
        }
    }
    let own = |what: &str| report.median(what, "Drawbridge").unwrap_or(f64::NAN);
    let of_creates = |clients: u32| own(&format!("{CREATES}, {clients} clients"));
    let commits = report.median(COMMITS, BARE_SQLITE).unwrap_or(f64::NAN);
    let said = [
        (
            "filter `userName eq` : GET by id",
            own(BY_NAME) / own(BY_ID),
        ),
        ("creates, 64 clients : 16", of_creates(64) / of_creates(16)),
        (
            "creates, 1 client : bare commits of one row",
            of_creates(1) / commits,
        ),
    ];
    let floors = written.map(|(a_commit, reached)| {
        let (reached, clients) = (Spread::of(&reached), if a_commit == 1 { 1 } else { 16 });
        (
            format!(
                "the rows of a create, a loop without a server, {a_commit} a commit: creates a second"
            ),
            format!(
                "{}; with {clients} at a time Drawbridge reaches {:.0} % of it",
                reached.in_words(),
                100.0 * of_creates(clients) / reached.median
            ),
        )
    });
    for (what, ratio) in said {
        report.say(what, format!("{ratio:.2}"));
    }
    for (what, reached) in floors {
        report.say(&what, reached);
    }
    Ok(())
}

impl Side {
    async fn read(&self, plan: &Plan, make: Make) -> Result<f64, Failure> {
        let sample = load::run(
            self.server.address,
            &self.server.token,
            16,
            Until::Passed(Duration::from_secs_f64(plan.seconds)),
            &Arc::default(),
            make,
        )
        .await?;
        Ok(sample.per_second())
    }
}

/// The userName of a number.
pub fn user_name(number: u64) -> String {
    format!("person{number}@elm.example")
}

/// Creates the person of a number.
pub fn create() -> Make {
    Arc::new(|number| Ask {
        method: "POST",
        path: "/Users".to_owned(),
        body: Some(format!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{name}","externalId":"x{number}","name":{{"givenName":"Nina","familyName":"Weiss"}},"title":"Nurse","active":true,"emails":[{{"value":"{name}","type":"work","primary":true}}]}}"#,
            name = user_name(number)
        )),
    })
}

/// Has the one of a number leave.
pub fn leave(ids: &Arc<Vec<String>>) -> Make {
    let ids = Arc::clone(ids);
    Arc::new(move |number| {
        Ask {
        method: "PATCH",
        path: format!("/Users/{}", ids[number as usize]),
        body: Some(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}"#
                .to_owned(),
        ),
    }
    })
}

/// Reads one of these, in an order that looks like none.
pub fn by_id(ids: &Arc<Vec<String>>) -> Make {
    let ids = Arc::clone(ids);
    Arc::new(move |number| Ask {
        method: "GET",
        path: format!("/Users/{}", ids[scattered(number, ids.len() as u64)]),
        body: None,
    })
}

/// Looks for one of the first people by userName.
pub fn by_name(people: u64) -> Make {
    Arc::new(move |number| Ask {
        method: "GET",
        path: format!(
            "/Users?filter=userName+eq+%22person{}@elm.example%22",
            scattered(number, people)
        ),
        body: None,
    })
}

fn scattered(number: u64, among: u64) -> usize {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as usize % among.max(1) as usize
}

/// How many transactions of one row the disk takes a second.
async fn commits(plan: &Plan) -> Result<f64, Failure> {
    let (mut database, _folder) = row_database().await?;
    let began = Instant::now();
    let mut done = 0.0;
    while began.elapsed().as_secs_f64() < plan.seconds {
        commit(&mut database).await?;
        done += 1.0;
    }
    Ok(done / began.elapsed().as_secs_f64())
}

/// A bare SQLite database with the settings of Drawbridge's, in a folder of its own.
pub async fn row_database() -> Result<(SqliteConnection, TempDir), Failure> {
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("bare.db"))
        .create_if_missing(true)
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "FULL");
    let mut database = SqliteConnection::connect_with(&options).await?;
    database
        .execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        .await?;
    Ok((database, folder))
}

/// Commits one row.
pub async fn commit(database: &mut SqliteConnection) -> Result<(), Failure> {
    database
        .execute("INSERT INTO row (text) VALUES ('nina.weiss@elm.example')")
        .await?;
    Ok(())
}
