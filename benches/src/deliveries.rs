//! Departures on their way: how soon the vendor hears of one, how many a second are closed, read back
//! and written down, and what becomes of many at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Failure, Plan,
    load::{self, Client, Until},
    report::{Report, Spread},
    rounds::{commit, create, leave, row_database, user_name},
    servers::{Server, Systems},
    vendor::Vendor,
};

/// Departures of each round that follow each other, and that come from 16 clients.
const ALONE: u64 = 200;
const AT_SIXTEEN: u64 = 2_000;

/// Who leaves at once, and into how many systems each has a door.
const AT_ONCE: u64 = 500;
const SYSTEMS: usize = 10;

/// Until all of a round is written down.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let of_a_round = |most: u64| if plan.quick { most / 20 } else { most };
    one_system(plan, report, of_a_round(ALONE), of_a_round(AT_SIXTEEN)).await?;
    many_at_once(plan, report, of_a_round(AT_ONCE)).await
}

/// One HTTP system, which takes sixteen calls at a time.
async fn one_system(
    plan: &Plan,
    report: &mut Report,
    alone: u64,
    at_sixteen: u64,
) -> Result<(), Failure> {
    let mut side = Side::start(plan, 1, 16).await?;
    let (mut commits, mut waits) = (Vec::new(), Vec::new());
    let (mut delivered, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        eprintln!("deliveries, round {round} of {}", plan.rounds);
        commits.push(Spread::of(&commit_waits(alone).await?).median);
        waits.push(Spread::of(&side.one_after_the_other(alone).await?).median);
        delivered.push(side.at_sixteen(at_sixteen).await?);
        bare.push(bare_loop(&side.vendor, at_sixteen).await?);
    }
    let (commit, wait) = (Spread::of(&commits), Spread::of(&waits));
    report.say(
        "PATCH to the vendor having received the disable, one at a time, half of them within",
        format!(
            "{:.0} us ({:.0} to {:.0}); beyond one durable commit of bare SQLite ({:.0} us): {:.0} us",
            wait.median * 1e6,
            wait.least * 1e6,
            wait.most * 1e6,
            commit.median * 1e6,
            (wait.median - commit.median) * 1e6
        ),
    );
    let (delivered, bare) = (Spread::of(&delivered), Spread::of(&bare));
    report.say(
        "departures closed, read back and written down a second, one HTTP system, 16 clients",
        delivered.in_words(),
    );
    report.say(
        "the same calls a second by a bare loop without a database, 16 at a time",
        format!(
            "{}; Drawbridge reaches {:.0} % of it",
            bare.in_words(),
            100.0 * delivered.median / bare.median
        ),
    );
    Ok(())
}

/// Many leave in the same moment.
async fn many_at_once(plan: &Plan, report: &mut Report, people: u64) -> Result<(), Failure> {
    let mut side = Side::start(plan, SYSTEMS, 4).await?;
    let (mut first_tries, mut done) = (Vec::new(), Vec::new());
    let mut memory: f64 = 0.0;
    for round in 1..=plan.rounds {
        eprintln!(
            "{people} departures at once, round {round} of {}",
            plan.rounds
        );
        let began = side.leave(people, people as usize).await?;
        done.push(side.all_written(began).await?);
        let mut waits: Vec<f64> = side
            .vendor
            .disabled()
            .into_iter()
            .map(|at| (at - began).as_secs_f64())
            .collect();
        waits.sort_by(f64::total_cmp);
        let sample = load::Sample {
            waits,
            ..load::Sample::default()
        };
        first_tries.push(sample.within(0.99));
        memory = memory.max(side.server.memory()?);
        side.vendor.forget();
    }
    let (first_tries, done) = (Spread::of(&first_tries), Spread::of(&done));
    report.say(
        &format!("{people} departures at once over {SYSTEMS} systems: 99 of 100 first tries within"),
        format!(
            "{:.2} s ({:.2} to {:.2}); all read back and written down in {:.2} s; {:.0} MB of memory",
            first_tries.median, first_tries.least, first_tries.most, done.median, memory / 1e6
        ),
    );
    Ok(())
}

/// A server with systems of a vendor, and a look into its database.
struct Side {
    server: Server,
    vendor: Vendor,
    systems: usize,
    database: SqliteConnection,
    next: Arc<AtomicU64>,
}

impl Side {
    async fn start(plan: &Plan, systems: usize, at_a_time: usize) -> Result<Self, Failure> {
        let vendor = Vendor::start().await?;
        let called = Systems::Called(vendor.address, systems, at_a_time);
        let server = Server::drawbridge(plan, called).await?;
        let options = SqliteConnectOptions::new()
            .filename(server.database())
            .read_only(true);
        Ok(Self {
            database: SqliteConnection::connect_with(&options).await?,
            server,
            vendor,
            systems,
            next: Arc::default(),
        })
    }

    /// Takes people in, and waits until each has their accounts.
    async fn hire(&mut self, people: u64, clients: usize) -> Result<Arc<Vec<String>>, Failure> {
        let until = Until::Asked(people);
        let (address, token) = (self.server.address, self.server.token.as_str());
        let made = load::run(address, token, clients, until, &self.next, create()).await?;
        self.wait_for("open", people as i64 * self.systems as i64)
            .await?;
        Ok(Arc::new(made.ids))
    }

    /// How long it takes from asking until the vendor has received the disable.
    async fn one_after_the_other(&mut self, people: u64) -> Result<Vec<f64>, Failure> {
        let first = self.next.load(Ordering::Relaxed);
        // One client, so that the ids are in the order of the names.
        let ids = self.hire(people, 1).await?;
        let leave = leave(&ids);
        let mut client = Client::connect(self.server.address, &self.server.token).await?;
        let mut waits = Vec::new();
        for number in 0..people {
            let login = user_name(first + number);
            let asked = Instant::now();
            client.ask(&leave(number)).await?;
            let heard = self.vendor.hears("s0", &login);
            let heard = tokio::time::timeout(PATIENCE, heard).await?;
            waits.push((heard - asked).as_secs_f64());
            // The reading back of this one is not the next one's business.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.all_written(Instant::now()).await?;
        self.vendor.forget();
        Ok(waits)
    }

    /// How many a second.
    async fn at_sixteen(&mut self, people: u64) -> Result<f64, Failure> {
        let began = self.leave(people, 16).await?;
        let seconds = self.all_written(began).await?;
        self.vendor.forget();
        Ok(people as f64 / seconds)
    }

    /// Has so many people leave, and answers when the first was asked for.
    async fn leave(&mut self, people: u64, clients: usize) -> Result<Instant, Failure> {
        let ids = self.hire(people, 64).await?;
        let began = Instant::now();
        let until = Until::Asked(people);
        let (address, token) = (self.server.address, self.server.token.as_str());
        load::run(address, token, clients, until, &Arc::default(), leave(&ids)).await?;
        Ok(began)
    }

    /// Waits until every departure is closed, read back and written down; answers how long it took.
    async fn all_written(&mut self, began: Instant) -> Result<f64, Failure> {
        let all = self.next.load(Ordering::Relaxed) as i64 * self.systems as i64;
        self.wait_for("closed", all).await?;
        Ok(began.elapsed().as_secs_f64())
    }

    async fn wait_for(&mut self, wanted: &str, doors: i64) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let row = sqlx::query(
                "SELECT COUNT(*) FROM door WHERE wanted = $1 AND assurance = 'verified'",
            )
            .bind(wanted)
            .fetch_one(&mut self.database)
            .await?;
            let found: i64 = row.try_get(0)?;
            if found >= doors {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(
                    format!("only {found} of {doors} doors are {wanted} and read back").into(),
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How long each durable commit of one row takes.
async fn commit_waits(times: u64) -> Result<Vec<f64>, Failure> {
    let (mut database, _folder) = row_database().await?;
    let mut waits = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        commit(&mut database).await?;
        waits.push(began.elapsed().as_secs_f64());
    }
    Ok(waits)
}

/// Closes and reads back so many accounts with the requests Drawbridge makes for each, and keeps
/// nothing; answers how many a second.
async fn bare_loop(vendor: &Vendor, people: u64) -> Result<f64, Failure> {
    let logins: Arc<Vec<String>> = Arc::new((0..people).map(user_name).collect());
    for login in logins.iter() {
        vendor.hire("bare", login);
    }
    drawbridge_sdk::http::install_tls_provider();
    let client = reqwest::Client::builder().build()?;
    let base = format!("http://{}/bare/users", vendor.address);
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (client, base, next, logins) = (
            client.clone(),
            base.clone(),
            Arc::clone(&next),
            Arc::clone(&logins),
        );
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed) as usize;
                let Some(login) = logins.get(number) else {
                    return Ok::<_, reqwest::Error>(());
                };
                let one = format!("{base}/{login}");
                for request in [
                    client.get(&one),
                    client.post(format!("{one}/suspend")),
                    client.get(&one),
                    client.get(format!("{base}?login={login}")),
                ] {
                    let answer = request.bearer_auth("bench-token").send().await?;
                    answer.error_for_status()?.bytes().await?;
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let per_second = people as f64 / began.elapsed().as_secs_f64();
    vendor.forget();
    Ok(per_second)
}
