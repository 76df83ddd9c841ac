//! Measures Drawbridge beside its peers on this machine, and writes what it saw.
//!
//! - `load`: clients that ask as fast as they are answered
//! - `servers`: who is asked: Drawbridge, a bare axum server, SCIMMY
//! - `rounds`: the comparisons, alternating between the servers
//! - `rows`: the rows of a create, written by a loop without a server
//! - `deliveries`: how soon and how often a departure reaches a vendor, beside a loop without a record
//! - `vendor`: the vendor that is called
//! - `scale`: several bridges over one PostgreSQL
//! - `board`: the departures board, while many practices share the server
//! - `alone`: what only Drawbridge is asked for: long lists, departures, kill -9
//! - `report`: medians, ratios and their spread

mod alone;
mod board;
mod deliveries;
mod load;
mod report;
mod rounds;
mod rows;
mod scale;
mod servers;
mod vendor;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use report::Report;

/// What a measurement may fail with; the text is for the person who started it.
type Failure = Box<dyn Error + Send + Sync>;

/// Measure Drawbridge beside its peers.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  scripts/bench.sh                      builds everything, measures, writes docs/benchmarks.md
  scripts/bench.sh --quick              one short round of each: shows that it works, measures nothing
  scripts/bench.sh --people 100000      a shorter long list
  scripts/bench.sh --only deliveries    one part, shown and not written
  scripts/bench.sh --postgres postgres://drawbridge@127.0.0.1/drawbridge
                                        several bridges over that PostgreSQL too

Run it on a quiet machine: nothing else may use the disk or the processor.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure, and write the report.
    Run(Plan),
    /// Answer every request at once with the same User: what HTTP alone costs.
    Bare {
        /// The port to listen on.
        port: u16,
    },
}

/// What is measured, and how long.
#[derive(Debug, Clone, clap::Args)]
struct Plan {
    /// The release build of drawbridge.
    #[arg(long, default_value = "target/release/drawbridge")]
    drawbridge: PathBuf,
    /// The folder of SCIMMY's server with its packages installed; left out if it has none.
    #[arg(long, default_value = "benches/peers/scimmy")]
    scimmy: PathBuf,
    /// Rounds; each server is measured once in each.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// People in the long list.
    #[arg(long, default_value_t = 1_000_000)]
    people: usize,
    /// How often the server is killed while it writes.
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// One short round of everything.
    #[arg(long)]
    quick: bool,
    /// Only this part, and nothing is written.
    #[arg(long)]
    only: Option<Part>,
    /// A PostgreSQL that databases may be made in; without one, several bridges are not measured. Its
    /// cluster is told to keep what is written.
    #[arg(long)]
    postgres: Option<String>,
    /// Where the report goes.
    #[arg(long, default_value = "docs/benchmarks.md")]
    report: PathBuf,
}

/// A part of what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The comparisons with other servers.
    Peers,
    /// Departures on their way to a vendor.
    Deliveries,
    /// Several bridges over one PostgreSQL: needs --postgres.
    Scale,
    /// The departures board of one of many practices.
    Board,
    /// Departures taken in, long lists, memory and kill -9.
    Alone,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(plan) => run(plan).await,
        Command::Bare { port } => servers::bare(port).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Begins what people write about the figures.
const NOTES: &str = "\n## What stands between";

async fn run(mut plan: Plan) -> Result<(), Failure> {
    if plan.quick {
        plan.rounds = 1;
        plan.seconds = 0.3;
        plan.people = plan.people.min(2_000);
        plan.kills = plan.kills.min(2);
    }
    if !plan.drawbridge.exists() {
        return Err(format!(
            "there is no `{}`: build it with `cargo build --release`, or run scripts/bench.sh",
            plan.drawbridge.display()
        )
        .into());
    }
    let mut report = Report::default();
    if plan.only.is_none_or(|only| only == Part::Peers) {
        rounds::measure(&plan, &mut report).await?;
    }
    if plan.only.is_none_or(|only| only == Part::Deliveries) {
        deliveries::measure(&plan, &mut report).await?;
    }
    if let Some(url) = plan.postgres.clone()
        && plan.only.is_none_or(|only| only == Part::Scale)
    {
        scale::measure(&plan, &url, &mut report).await?;
    }
    if plan.only.is_none_or(|only| only == Part::Board) {
        board::measure(&plan, &mut report).await?;
    }
    if plan.only.is_none_or(|only| only == Part::Alone) {
        alone::measure(&plan, &mut report).await?;
    }
    let mut text = report.write(&plan);
    // What people wrote below the figures stays.
    let before = std::fs::read_to_string(&plan.report).unwrap_or_default();
    if let Some(at) = before.find(NOTES) {
        text.push_str(&before[at..]);
    }
    println!("{text}");
    if !plan.quick && plan.only.is_none() {
        std::fs::write(&plan.report, &text)?;
        eprintln!("written to {}", plan.report.display());
    }
    Ok(())
}
