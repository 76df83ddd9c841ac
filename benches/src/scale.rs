//! Several bridges over one PostgreSQL, beside what PostgreSQL does on its own.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Failure, Plan,
    load::{self, Make, Until},
    report::{Report, Spread},
    rounds::{create, leave},
    servers::{Server, Systems},
    vendor::Vendor,
};

/// How many bridges are measured.
const BRIDGES: [usize; 3] = [1, 2, 4];

/// Practices, each with clients of its own and, where people leave, a system of its own.
const PRACTICES: usize = 8;
const CLIENTS: usize = 2;

/// Calls each system takes at a time.
const PLACES: usize = 4;

/// Departures of each practice in a round.
const DEPARTURES: u64 = 150;

/// Until all of a round is written down.
const PATIENCE: Duration = Duration::from_secs(120);

/// What each number of bridges reached, in each round.
#[derive(Default)]
struct Reached([Vec<f64>; BRIDGES.len()]);

pub async fn measure(plan: &Plan, url: &str, report: &mut Report) -> Result<(), Failure> {
    let mut cluster = Cluster::connect(url).await?;
    let (mut creates, mut departures) = (Reached::default(), Reached::default());
    let mut readings = Reached::default();
    let (mut bare, mut kept) = (Vec::new(), None);
    for round in 1..=plan.rounds {
        eprintln!(
            "bridges over one PostgreSQL, round {round} of {}",
            plan.rounds
        );
        let database = cluster.fresh().await?;
        bare.push(commits(plan, &database).await?);
        for (place, bridges) in BRIDGES.into_iter().enumerate() {
            let database = cluster.fresh().await?;
            creates.0[place].push(take_in(plan, &database, bridges).await?);
            let database = cluster.fresh().await?;
            let closed = close(plan, &database, bridges).await?;
            departures.0[place].push(closed.departures);
            readings.0[place].push(closed.readings);
            kept = Some(closed.kept);
        }
    }
    cluster.leave_nothing().await?;
    let bare = Spread::of(&bare);
    let clients = PRACTICES * CLIENTS;
    report.say(
        &format!("commits of one row a second, bare PostgreSQL, {clients} connections"),
        bare.in_words(),
    );
    creates.say(
        report,
        &format!("durable creates a second, {PRACTICES} practices, {clients} clients"),
        &bare,
    );
    departures.say(
        report,
        &format!("departures a second closed, read back and written down, {PRACTICES} practices"),
        &bare,
    );
    readings.say(
        report,
        &format!("doors a second read again and found as they shall be, {PRACTICES} practices"),
        &bare,
    );
    if let Some(kept) = kept {
        report.say(
            "kept of somebody with one door who came, left and was read again",
            kept,
        );
    }
    Ok(())
}

impl Reached {
    fn say(&self, report: &mut Report, what: &str, bare: &Spread) {
        let alone = Spread::of(&self.0[0]);
        for (bridges, reached) in BRIDGES.into_iter().zip(&self.0) {
            let own = Spread::of(reached);
            report.say(
                &format!("{what}, {bridges} bridges over one PostgreSQL"),
                format!(
                    "{}; {:.2} ({:.2} to {:.2}) times one bridge, {:.2} times the bare commits",
                    own.in_words(),
                    own.median / alone.median,
                    own.least / alone.most,
                    own.most / alone.least,
                    own.median / bare.median,
                ),
            );
        }
    }
}

/// A cluster in which databases are made and dropped.
struct Cluster {
    admin: PgConnection,
    server: String,
}

impl Cluster {
    /// From now on it keeps what it was told, whatever it was made for.
    async fn connect(url: &str) -> Result<Self, Failure> {
        let mut admin = PgConnection::connect(url).await?;
        for statement in [
            "ALTER SYSTEM SET fsync = on",
            "ALTER SYSTEM SET synchronous_commit = on",
            "ALTER SYSTEM SET full_page_writes = on",
            "SELECT pg_reload_conf()",
        ] {
            admin.execute(statement).await?;
        }
        let (server, _) = url
            .rsplit_once('/')
            .ok_or("a PostgreSQL URL ends with a database")?;
        Ok(Self {
            admin,
            server: server.to_owned(),
        })
    }

    /// An empty database; the one before is gone.
    async fn fresh(&mut self) -> Result<String, Failure> {
        self.leave_nothing().await?;
        let name = name();
        let make = format!("CREATE DATABASE {name}");
        self.admin.execute(AssertSqlSafe(make)).await?;
        Ok(format!("{}/{name}", self.server))
    }

    async fn leave_nothing(&mut self) -> Result<(), Failure> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", name());
        self.admin.execute(AssertSqlSafe(drop)).await?;
        // What the one before wrote is on the disk before the next is measured.
        self.admin.execute("CHECKPOINT").await?;
        Ok(())
    }
}

fn name() -> String {
    format!("bench_{}", std::process::id())
}

/// How many transactions of one row PostgreSQL commits a second for as many connections as there are
/// clients.
async fn commits(plan: &Plan, database: &str) -> Result<f64, Failure> {
    let mut first = PgConnection::connect(database).await?;
    first
        .execute("CREATE TABLE row (id BIGSERIAL PRIMARY KEY, text TEXT NOT NULL)")
        .await?;
    let mut connections = Vec::new();
    for _ in 0..PRACTICES * CLIENTS {
        connections.push(PgConnection::connect(database).await?);
    }
    let (began, seconds) = (Instant::now(), plan.seconds);
    let mut writing = JoinSet::new();
    for mut connection in connections {
        writing.spawn(async move {
            let mut done = 0.0;
            while began.elapsed().as_secs_f64() < seconds {
                sqlx::query("INSERT INTO row (text) VALUES ($1)")
                    .bind("nina.weiss@elm.example")
                    .execute(&mut connection)
                    .await?;
                done += 1.0;
            }
            Ok::<_, Failure>(done)
        });
    }
    let mut all = 0.0;
    while let Some(done) = writing.join_next().await {
        all += done??;
    }
    Ok(all / began.elapsed().as_secs_f64())
}

/// A practice, and the bridge its identity provider pushes to.
struct Side {
    address: std::net::SocketAddr,
    token: String,
    ids: Arc<Vec<String>>,
}

/// Bridges over this database, and the practices dealt out among them.
async fn start(
    plan: &Plan,
    database: &str,
    bridges: usize,
    systems: Systems,
) -> Result<(Vec<Server>, Vec<Side>), Failure> {
    let practices: Vec<String> = (0..PRACTICES).map(|number| format!("p{number}")).collect();
    let mut servers = Vec::new();
    for _ in 0..bridges {
        servers.push(Server::bridge(plan, database, &practices, systems).await?);
    }
    let mut sides = Vec::new();
    for (number, practice) in practices.iter().enumerate() {
        let server = &servers[number % bridges];
        sides.push(Side {
            address: server.address,
            token: server.token_for(practice)?,
            ids: Arc::default(),
        });
    }
    Ok((servers, sides))
}

/// Asks for all practices at once; answers how many answers a second there were, and whom they named.
async fn ask_all(
    sides: &[Side],
    until: Until,
    make: impl Fn(&Side) -> Make,
) -> Result<(f64, Vec<Vec<String>>), Failure> {
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for (number, side) in sides.iter().enumerate() {
        let (address, token, make) = (side.address, side.token.clone(), make(side));
        asking.spawn(async move {
            let first = Arc::new(AtomicU64::new(0));
            let made = load::run(address, &token, CLIENTS, until, &first, make).await?;
            Ok::<_, Failure>((number, made))
        });
    }
    let (mut answers, mut ids) = (0, vec![Vec::new(); sides.len()]);
    while let Some(done) = asking.join_next().await {
        let (number, made) = done??;
        answers += made.answers;
        ids[number] = made.ids;
    }
    Ok((answers as f64 / began.elapsed().as_secs_f64(), ids))
}

/// How many people a second are taken in, by bridges that call no system.
async fn take_in(plan: &Plan, database: &str, bridges: usize) -> Result<f64, Failure> {
    let (_servers, sides) = start(plan, database, bridges, Systems::None).await?;
    let time = Until::Passed(Duration::from_secs_f64(plan.seconds));
    let (per_second, _) = ask_all(&sides, time, |_| create()).await?;
    Ok(per_second)
}

/// What was found out about those who left.
struct Closed {
    /// Carried through a second, from the first request to the last verdict.
    departures: f64,
    /// Doors a second that were read again afterwards, all due at once.
    readings: f64,
    /// What the database keeps of one of them, in words.
    kept: String,
}

async fn close(plan: &Plan, database: &str, bridges: usize) -> Result<Closed, Failure> {
    let most = if plan.quick { 10 } else { DEPARTURES };
    let vendor = Vendor::start().await?;
    let systems = Systems::Called(vendor.address, 1, PLACES);
    let (_servers, mut sides) = start(plan, database, bridges, systems).await?;
    let (_, ids) = ask_all(&sides, Until::Asked(most), |_| create()).await?;
    for (side, ids) in sides.iter_mut().zip(ids) {
        side.ids = Arc::new(ids);
    }
    let mut database = PgConnection::connect(database).await?;
    let all = most as i64 * PRACTICES as i64;
    wait_for(&mut database, OPEN, all).await?;
    let began = Instant::now();
    ask_all(&sides, Until::Asked(most), |side| leave(&side.ids)).await?;
    wait_for(&mut database, CLOSED, all).await?;
    let departures = all as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    database
        .execute("UPDATE door SET next_try = '2000-01-01T00:00:00.000Z'")
        .await?;
    wait_for(&mut database, READ, all).await?;
    Ok(Closed {
        departures,
        readings: all as f64 / began.elapsed().as_secs_f64(),
        kept: kept(&mut database, all).await?,
    })
}

/// Doors that are open and read back, closed and read back, and read since all were due at once.
const OPEN: &str = "SELECT COUNT(*) FROM door WHERE wanted = 'open' AND assurance = 'verified'";
const CLOSED: &str = "SELECT COUNT(*) FROM door WHERE wanted = 'closed' AND assurance = 'verified'";
const READ: &str = "SELECT COUNT(*) FROM door WHERE next_try > '2001'";

async fn kept(database: &mut PgConnection, people: i64) -> Result<String, Failure> {
    let row = sqlx::query(
        "SELECT COUNT(*), SUM(octet_length(text)), pg_total_relation_size('evidence'),
             SUM(octet_length(text)) FILTER (WHERE text LIKE '%\"door.verified\"%'),
             COUNT(*) FILTER (WHERE text LIKE '%\"door.verified\"%'),
             (SELECT SUM(pg_total_relation_size(oid))::bigint FROM pg_class
              WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)
         FROM evidence",
    )
    .fetch_one(&mut *database)
    .await?;
    let number = |place: usize| row.try_get::<i64, _>(place);
    let (records, text, table) = (number(0)?, number(1)?, number(2)?);
    let (readings, all) = (number(3)? / number(4)?.max(1), number(5)?);
    Ok(format!(
        "{} records of {} bytes each, {} with table and indexes; a reading {readings} bytes; all tables {} kB",
        records / people,
        text / records,
        table / records,
        all / people / 1_000,
    ))
}

/// Waits until a query counts so many doors.
async fn wait_for(
    database: &mut PgConnection,
    count: &'static str,
    doors: i64,
) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let row = sqlx::query(count).fetch_one(&mut *database).await?;
        let found: i64 = row.try_get(0)?;
        if found >= doors {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("only {found} of {doors}: {count}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
