//! `drawbridge demo`: a hire and a departure in a make-believe practice.
//!
//! - [`play`]: what the identity provider sends
//! - [`show`]: the table that moves
//! - [`judge`]: whether every door ended as it must

mod judge;
mod play;
mod show;

use std::{path::Path, sync::Arc, time::Duration};

use clap::Args;
use tokio::{net::TcpListener, sync::watch, time::Instant};

use super::{CliError, Exit, setup::caller};
use crate::{
    app::{self, Bridge},
    clock::{Clock as _, SystemClock},
    config::Settings,
    console::admins,
    door::Door,
    evidence::{About, pack},
    ids::{PersonId, PracticeName},
    intake::human,
    listener,
    policy::office::OfficeRole,
};

const SETTINGS: &str = include_str!("../../../config/demo.toml");
const ROLES: &str = include_str!("../../../config/demo.roles.toml");

/// The longest the demo waits for the doors: a system that fails twice is tried again after 5 and 15 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// See a hire and a departure in a make-believe practice; nothing to set up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  drawbridge demo          play it, then keep the server running to look around
  drawbridge demo --once   play it and end; exit code 0 only if every door ended as it must")]
pub struct Demo {
    /// End after the departure instead of keeping the server running
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let folder = tempfile::tempdir().map_err(problem("cannot make a folder for the demo"))?;
        let settings = write_settings(folder.path())?;
        let bridge = Bridge::build(&settings, Arc::new(SystemClock)).await?;
        let (stop, stopped) = watch::channel(false);
        let rounds = {
            let (bridge, stopped) = (bridge.clone(), stopped.clone());
            tokio::spawn(async move { bridge.run(stopped).await })
        };
        let address = listen(&settings, &bridge, stopped).await?;
        let practice = settings.practices[0].name.clone();
        let token = play::token(&bridge.store, &practice).await?;
        let provider = play::Provider::new(&format!("http://{address}/scim/v2"), &token)?;

        let ended_well = departure(&bridge, &practice, &provider).await?;
        evidence(&bridge, &practice, folder.path()).await?;
        if !self.once {
            let link = invite(&bridge, &practice).await?;
            linger(folder.path(), &address.to_string(), &link).await;
        }
        let _ = stop.send(true);
        let _ = rounds.await;
        bridge.store.close().await;
        Ok(if ended_well {
            Exit::Ok
        } else {
            Exit::ProblemFound
        })
    }
}

fn problem(what: &'static str) -> impl FnOnce(std::io::Error) -> CliError {
    move |error| CliError::Problem(format!("{what}: {error}"))
}

fn write_settings(folder: &Path) -> Result<Settings, CliError> {
    let file = folder.join("demo.toml");
    std::fs::write(&file, SETTINGS).map_err(problem("cannot write the demo's settings"))?;
    std::fs::write(folder.join("demo.roles.toml"), ROLES)
        .map_err(problem("cannot write the demo's roles"))?;
    app::load_settings(&file).map_err(|error| CliError::Configuration(error.to_string()))
}

async fn listen(
    settings: &Settings,
    bridge: &Bridge,
    stop: watch::Receiver<bool>,
) -> Result<std::net::SocketAddr, CliError> {
    let socket = TcpListener::bind(settings.listen)
        .await
        .map_err(problem("cannot listen on loopback"))?;
    let address = socket
        .local_addr()
        .map_err(problem("cannot listen on loopback"))?;
    let (router, limits) = (bridge.router(settings), settings.limits);
    tokio::spawn(async move { listener::serve(socket, None, &limits, router, stop).await });
    Ok(address)
}

/// Hires five people, lets one go, and shows her doors until they are as they must be.
async fn departure(
    bridge: &Bridge,
    practice: &PracticeName,
    provider: &play::Provider,
) -> Result<bool, CliError> {
    println!(
        "Elm Street Family Medicine: eight systems, five people. Nothing here is real but the bridge.\n"
    );
    println!("Monday. The identity provider hires five people, as Entra ID sends it:");
    for hire in &play::HIRES {
        provider.hire(hire).await?;
        println!("  POST /Users  {:<28} {}", hire.user_name, hire.title);
    }
    let nina = person(bridge, practice, play::LEAVER).await?;
    let opened = wait_for(bridge, practice, &nina, judge::all_opened).await?;
    println!("\nNina's way in, read back from each system:");
    print!("{}", show::table(&opened.0, opened.1, SystemClock.now()));

    println!("\nFriday, 17:02. Nina leaves. The identity provider sends: PATCH active = \"False\"");
    let sent = Instant::now();
    provider.disable(play::LEAVER).await?;
    println!(
        "  answered 200 after {} ms; the systems are closed after the answer, not before it\n",
        sent.elapsed().as_millis()
    );
    let (doors, took) = show::live(bridge, practice, &nina, PATIENCE, judge::all_settled).await?;
    let mut ended_well = judge::print(&doors, took);

    println!("\nDana takes the card back and tries it at the side door:");
    println!(
        "  drawbridge attest --person {} --system badge --way badge --by \"Dana Ruiz\" --note ...",
        play::LEAVER
    );
    let signed = human::Attestation {
        by: "Dana Ruiz",
        note: "card 4711 deactivated, taken back, refused at the side door",
        generation: doors
            .iter()
            .find(|door| door.system.as_str() == "badge")
            .map_or(0, |door| door.generation),
        done: None,
        file: None,
    };
    let badge = ("badge".into(), drawbridge_sdk::Way::Badge);
    let at = SystemClock.now();
    human::attest(
        &bridge.store,
        &caller(practice),
        &nina,
        (&badge.0, badge.1),
        &signed,
        at,
    )
    .await?
    .map_err(CliError::Problem)?;
    let doors = bridge.store.find_doors_of(practice, &nina).await?;
    ended_well &= judge::attested(&doors);
    print!("{}", show::table(&doors, took, SystemClock.now()));
    Ok(ended_well)
}

async fn person(
    bridge: &Bridge,
    practice: &PracticeName,
    name: &str,
) -> Result<PersonId, CliError> {
    super::setup::find_person(&bridge.store, practice, name).await
}

async fn wait_for(
    bridge: &Bridge,
    practice: &PracticeName,
    person: &PersonId,
    done: fn(&[Door], jiff::Timestamp) -> bool,
) -> Result<(Vec<Door>, Duration), CliError> {
    let start = Instant::now();
    loop {
        let doors = bridge.store.find_doors_of(practice, person).await?;
        if done(&doors, SystemClock.now()) || start.elapsed() > PATIENCE {
            return Ok((doors, start.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn evidence(bridge: &Bridge, practice: &PracticeName, folder: &Path) -> Result<(), CliError> {
    let nina = person(bridge, practice, play::LEAVER).await?;
    let now = SystemClock.now();
    let (about, who) = (About::Person(nina), caller(practice).actor);
    let export = bridge.store.export(practice, &about, &who, now).await?;
    let text = export.whole().await?;
    let proof = pack::verify(&text).map_err(|broken| CliError::Integrity(broken.to_string()))?;
    let file = folder.join("nina.jsonl");
    std::fs::write(&file, text).map_err(problem("cannot write the evidence"))?;
    println!(
        "\nThe record of what this bridge did and saw: {} records, chained, checked: intact.",
        proof.records
    );
    Ok(())
}

/// A link that signs Dana in to the console.
async fn invite(bridge: &Bridge, practice: &PracticeName) -> Result<String, CliError> {
    let dana = ("Dana Ruiz", OfficeRole::Owner);
    let at = SystemClock.now();
    let invited = admins::invite(&bridge.store, &caller(practice), dana, at).await?;
    invited.map_err(CliError::Problem)
}

async fn linger(folder: &Path, address: &str, link: &str) {
    println!("\nStill running; Ctrl-C ends it. The console, for 15 minutes and one sign-in:");
    println!("  http://{address}/sign-in/{link}");
    println!("Or look around in another terminal:");
    println!(
        "  drawbridge doors list --config {} --person {}",
        folder.join("demo.toml").display(),
        play::LEAVER
    );
    println!(
        "  drawbridge evidence verify {}",
        folder.join("nina.jsonl").display()
    );
    println!("  SCIM: http://{address}/scim/v2");
    let _ = tokio::signal::ctrl_c().await;
}
