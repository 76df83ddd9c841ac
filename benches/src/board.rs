//! How soon the departures board is there, while many practices share the server.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use reqwest::{Client, header, redirect};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Failure, Plan,
    load::{self, Sample, Until},
    report::{Report, Spread},
    rounds::{create, leave},
    servers::{Server, Systems},
};

/// Practices, and the people of each; everybody has a door into each of so many systems.
const PRACTICES: usize = 200;
const PEOPLE: u64 = 100;
const SYSTEMS: usize = 3;

/// Whoever looks at a board at the same time.
const CLIENTS: usize = 8;

/// Boards on which nobody leaves that are looked at in turn.
const QUIET: usize = 19;

/// Until everybody has got in.
const PATIENCE: Duration = Duration::from_secs(600);

/// Somebody who is signed in.
#[derive(Clone)]
struct Owner {
    client: Client,
    board: String,
    cookie: String,
}

pub async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let practices = if plan.quick { 4 } else { PRACTICES };
    let people = if plan.quick { 10 } else { PEOPLE };
    eprintln!("{practices} practices with {people} people each");
    let names: Vec<String> = (0..practices).map(|number| format!("p{number}")).collect();
    let mut server = Server::practices(plan, &names, Systems::Sandbox(SYSTEMS)).await?;
    let (mut leavers, mut token) = (Vec::new(), String::new());
    for (number, practice) in names.iter().enumerate() {
        let next = Arc::new(AtomicU64::new(0));
        let until = Until::Asked(people);
        let own = server.token_for(practice)?;
        let made = load::run(server.address, &own, 4, until, &next, create()).await?;
        if number == 0 {
            (leavers, token) = (made.ids, own);
        }
    }
    let doors = people as i64 * practices as i64 * SYSTEMS as i64;
    wait_for(&server, "assurance = 'verified'", doors).await?;
    // Nothing is closed from now on: their doors stay open, as with systems that are down.
    server.restart_with("--no-rounds").await?;
    let open = leavers.len() * SYSTEMS;
    let until = Until::Asked(leavers.len() as u64);
    let leave = leave(&Arc::new(leavers));
    load::run(server.address, &token, 4, until, &Arc::default(), leave).await?;
    wait_for(&server, "wanted = 'closed'", open as i64).await?;

    drawbridge_sdk::http::install_tls_provider();
    let mut owners = Vec::new();
    for practice in names.iter().take(QUIET + 1) {
        owners.push(sign_in(&server, practice).await?);
    }
    let (busy, quiet) = owners.split_at(1);
    let what = format!(
        "{practices} practices, {} people, {CLIENTS} clients",
        practices as u64 * people
    );
    say(
        plan,
        report,
        &format!("the board with {open} open doors; {what}"),
        busy,
    )
    .await?;
    say(
        plan,
        report,
        &format!("boards on which nobody leaves; {what}"),
        quiet,
    )
    .await
}

async fn say(
    plan: &Plan,
    report: &mut Report,
    what: &str,
    owners: &[Owner],
) -> Result<(), Failure> {
    let (mut half, mut most, mut per_second) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let sample = look(owners, Duration::from_secs_f64(plan.seconds)).await?;
        half.push(sample.within(0.5) * 1e3);
        most.push(sample.within(0.99) * 1e3);
        per_second.push(sample.per_second());
    }
    let in_words = |values: &[f64]| {
        let spread = Spread::of(values);
        format!(
            "{:.1} ms ({:.1} to {:.1})",
            spread.median, spread.least, spread.most
        )
    };
    report.say(
        what,
        format!(
            "99 of 100 within {}, half within {}; {} a second",
            in_words(&most),
            in_words(&half),
            Spread::of(&per_second).in_words()
        ),
    );
    Ok(())
}

/// Asks for these boards in turn, as fast as they come.
async fn look(owners: &[Owner], time: Duration) -> Result<Sample, Failure> {
    let began = Instant::now();
    let mut looking = JoinSet::new();
    for first in 0..CLIENTS {
        let owners = owners.to_vec();
        looking.spawn(async move {
            let mut waits = Vec::new();
            for number in first.. {
                if began.elapsed() >= time {
                    break;
                }
                let owner = &owners[number % owners.len()];
                let sent = Instant::now();
                let answer = owner
                    .client
                    .get(&owner.board)
                    .header(header::COOKIE, &owner.cookie)
                    .send()
                    .await?;
                let status = answer.status();
                let page = answer.text().await?;
                waits.push(sent.elapsed().as_secs_f64());
                if !status.is_success() || !page.contains("<h1>Departures</h1>") {
                    return Err(format!("the board answered {status}: {page}").into());
                }
            }
            Ok::<_, Failure>(waits)
        });
    }
    let mut all = Sample::default();
    while let Some(done) = looking.join_next().await {
        all.waits.append(&mut done??);
    }
    all.seconds = began.elapsed().as_secs_f64();
    all.answers = all.waits.len() as u64;
    all.waits.sort_by(f64::total_cmp);
    Ok(all)
}

/// Lets an owner of this practice in, by a link as the program makes it.
async fn sign_in(server: &Server, practice: &str) -> Result<Owner, Failure> {
    let origin = format!("http://{}", server.address);
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()?;
    let invited = server.run(&[
        "admin",
        "invite",
        "--practice",
        practice,
        "--name",
        "Dana",
        "--role",
        "owner",
    ])?;
    let link = invited.rsplit('/').next().unwrap_or_default().to_owned();
    let answer = client
        .post(format!("{origin}/sign-in"))
        .header(header::ORIGIN, &origin)
        .form(&[("link", link)])
        .send()
        .await?;
    let set = answer.headers().get(header::SET_COOKIE);
    let cookie = set
        .and_then(|set| set.to_str().ok())
        .and_then(|set| set.split(';').next())
        .ok_or_else(|| format!("nobody was let in: {}", answer.status()))?;
    Ok(Owner {
        cookie: cookie.to_owned(),
        board: format!("{origin}/"),
        client,
    })
}

/// Waits until so many doors are so.
async fn wait_for(server: &Server, so: &str, doors: i64) -> Result<(), Failure> {
    let options = SqliteConnectOptions::new()
        .filename(server.database())
        .read_only(true);
    let mut database = SqliteConnection::connect_with(&options).await?;
    let query = format!("SELECT COUNT(*) FROM door WHERE {so}");
    let began = Instant::now();
    loop {
        let found = sqlx::query(sqlx::AssertSqlSafe(query.clone()))
            .fetch_one(&mut database)
            .await?;
        let found: i64 = found.get(0);
        if found >= doors {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("only {found} of {doors} doors are so: {so}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
