//! What only Drawbridge is asked for: departures, long lists, memory, and dying while it writes.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    Failure, Plan,
    load::{self, Ask, Client, Until},
    report::{Report, Spread},
    rounds::{BARE_SQLITE, COMMITS, by_name, create, leave},
    servers::{Server, Systems},
};

/// Departures of each round.
const DEPARTURES: u64 = 4_000;

/// Systems that somebody who departs while the rounds are held back has a door into.
const SYSTEMS: usize = 8;

/// Pages at each end of a long list that are looked at.
const PAGES: usize = 100;

pub async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    departures(plan, report).await?;
    long_list(plan, report).await?;
    kills(plan, report).await
}

async fn fill(server: &Server, next: &Arc<AtomicU64>, people: u64) -> Result<Vec<String>, Failure> {
    let until = Until::Asked(people);
    let made = load::run(server.address, &server.token, 64, until, next, create()).await?;
    Ok(made.ids)
}

/// A PATCH that disables somebody with a door into each of eight systems, answered once it is durable.
async fn departures(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let server = Server::drawbridge(plan, Systems::HeldBack(SYSTEMS)).await?;
    let next = Arc::default();
    let most = if plan.quick { 50 } else { DEPARTURES };
    let mut reached = Vec::new();
    for _ in 0..plan.rounds {
        let ids = Arc::new(fill(&server, &next, most).await?);
        let leave = leave(&ids);
        let first = Arc::default();
        let until = Until::Asked(most);
        let sample = load::run(server.address, &server.token, 16, until, &first, leave).await?;
        reached.push(sample.per_second());
    }
    let spread = Spread::of(&reached);
    let commits = report.median(COMMITS, BARE_SQLITE).unwrap_or(f64::NAN);
    report.say(
        &format!("departures a second with {SYSTEMS} doors each, 16 clients, rounds held back"),
        format!(
            "{:.0} ({:.0} to {:.0}); {:.1} times the bare commits of one row",
            spread.median,
            spread.least,
            spread.most,
            spread.median / commits
        ),
    );
    Ok(())
}

/// Finding one and walking through all, in a short list and in a long one.
async fn long_list(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let server = Server::drawbridge(plan, Systems::None).await?;
    let next = Arc::default();
    let mut waits = Vec::new();
    let mut filled = 0;
    let memory_at = 100_000.min(plan.people);
    let mut sizes = vec![1_000.min(plan.people), memory_at, plan.people];
    sizes.dedup();
    for people in sizes {
        eprintln!("{people} people");
        fill(&server, &next, (people - filled) as u64).await?;
        filled = people;
        report.say(
            &format!("memory with {people} people"),
            format!("{:.0} MB", server.memory()? / 1e6),
        );
        let mut p99 = Vec::new();
        for _ in 0..plan.rounds {
            let sample = load::run(
                server.address,
                &server.token,
                1,
                Until::Passed(Duration::from_secs_f64(plan.seconds)),
                &Arc::default(),
                by_name(people as u64),
            )
            .await?;
            p99.push(sample.within(0.99) * 1e6);
        }
        let spread = Spread::of(&p99);
        report.say(
            &format!("`userName eq` with {people} people, one client, 99 of 100 within"),
            format!(
                "{:.0} us ({:.0} to {:.0})",
                spread.median, spread.least, spread.most
            ),
        );
        waits.push(spread.median);
    }
    if let (Some(short), Some(long)) = (waits.first(), waits.last()) {
        let ratio = format!("{:.2}", long / short);
        report.say("the same, longest list : shortest", ratio);
    }
    for (how, is_by_cursor) in [("by cursor", true), ("by ascending startIndex", false)] {
        let pages = walk(&server, is_by_cursor).await?;
        let middle = |pages: &[f64]| Spread::of(pages).median * 1e6;
        let ends = PAGES.min(pages.len());
        let (first, last) = (middle(&pages[..ends]), middle(&pages[pages.len() - ends..]));
        report.say(
            &format!("{} pages of 100 {how}, last : first", pages.len()),
            format!("{:.2} ({last:.0} us : {first:.0} us)", last / first),
        );
    }
    report.say(
        "memory after the walks",
        format!("{:.0} MB", server.memory()? / 1e6),
    );
    Ok(())
}

/// Walks through the whole list; answers how long each page took.
async fn walk(server: &Server, is_by_cursor: bool) -> Result<Vec<f64>, Failure> {
    let mut client = Client::connect(server.address, &server.token).await?;
    let mut place = if is_by_cursor {
        "cursor=".to_owned()
    } else {
        "startIndex=1".to_owned()
    };
    let mut pages = Vec::new();
    let mut seen = 0;
    loop {
        let ask = Ask {
            method: "GET",
            path: format!("/Users?count=100&{place}"),
            body: None,
        };
        let asked = Instant::now();
        let answer = client.ask(&ask).await?;
        pages.push(asked.elapsed().as_secs_f64());
        let page: Value = serde_json::from_slice(&answer.body)?;
        seen += page["Resources"].as_array().map_or(0, Vec::len) as u64;
        let total = page["totalResults"]
            .as_u64()
            .ok_or("a page without total")?;
        if seen >= total {
            return Ok(pages);
        }
        place = match page["nextCursor"].as_str() {
            Some(next) if is_by_cursor => format!("cursor={next}"),
            None if is_by_cursor => return Err("a walk ended too early".into()),
            _ => format!("startIndex={}", seen + 1),
        };
    }
}

/// Kills the server right after two hundred creates were answered, while others are under way.
async fn kills(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let mut server = Server::drawbridge(plan, Systems::None).await?;
    let next = Arc::default();
    let mut told = 0;
    for number in 1..=plan.kills {
        eprintln!("kill {number} of {}", plan.kills);
        let until = Until::Asked(200);
        let made = load::run(server.address, &server.token, 16, until, &next, create()).await?;
        let (address, token, behind) = (server.address, server.token.clone(), Arc::clone(&next));
        // Under way when it dies; whether these are there is not known.
        let others = tokio::spawn(async move {
            let until = Until::Passed(Duration::from_secs(60));
            load::run(address, &token, 16, until, &behind, create()).await
        });
        tokio::task::yield_now().await;
        server.kill_and_start().await?;
        others.abort();
        told += made.ids.len();
        let mut client = Client::connect(server.address, &server.token).await?;
        for id in &made.ids {
            let ask = Ask {
                method: "GET",
                path: format!("/Users/{id}"),
                body: None,
            };
            let answer = client.ask(&ask).await?;
            if answer.status != 200 {
                return Err(format!("{id} was acknowledged and is gone after kill -9").into());
            }
        }
    }
    report.say(
        &format!(
            "kill -9 after 200 acknowledged creates, {} times",
            plan.kills
        ),
        format!("{told} of {told} present after the restart"),
    );
    Ok(())
}
