//! What is left when the process is killed, at each of its named points and while a system is in the
//! middle of answering it: nothing lost, nothing done twice, nothing called shut that is open.
//!
//! A share of the kills runs with every test; `scripts/crash.sh` runs a thousand and more.

pub mod bridge;
pub mod checker;
#[cfg(all(target_os = "linux", feature = "real-systems"))]
mod disk;
mod outage;
#[cfg(feature = "real-systems")]
mod postgres;
pub mod practice;
mod restore;
mod second;
pub mod vendor;

use std::{collections::BTreeMap, time::Duration};

use drawbridge::failpoint::Point;
use tokio::{sync::Mutex, time::Instant};

use self::{
    bridge::{Death, PATIENCE},
    practice::Practice,
    vendor::Trap,
};

/// How many kills, where nobody says otherwise: each way of dying several times.
const SHARE: usize = 160;

/// Of so many kills, one is of two bridges over one PostgreSQL.
#[cfg(feature = "real-systems")]
const OF_TWO_BRIDGES: usize = 3;

/// Tests that keep a whole machine busy take turns, so that what they wait for comes in time.
pub static TURN: Mutex<()> = Mutex::const_new(());

/// How the next bridge dies.
#[derive(Debug, Clone, Copy)]
pub enum Next {
    At(Death),
    Trapped(Trap),
}

/// Every way to die, one after the other, later and later in the life of the process.
fn deaths() -> impl Iterator<Item = Next> {
    (1..=3).cycle().flat_map(|passings| {
        let at_points = Point::OF_A_CHANGE
            .into_iter()
            .map(move |point| Next::At(Death { point, passings }));
        at_points.chain(Trap::ALL.into_iter().map(Next::Trapped))
    })
}

fn kills_asked_for() -> usize {
    let asked = std::env::var("DRAWBRIDGE_KILLS").ok();
    asked.map_or(SHARE, |asked| asked.parse().unwrap())
}

/// Hires and disables people until the bridges were killed so often.
async fn kill_again_and_again(practice: &mut Practice, kills: usize) {
    let mut deaths = deaths();
    let mut next = deaths.next().unwrap();
    arm(practice, next);
    let mut person = 0;
    while practice.kills.len() < kills {
        let login = format!("nurse{person}");
        person += 1;
        let waits_for_the_account = person % 2 == 0;
        let began = Instant::now();
        let mut id: Option<String> = None;
        let mut is_disabled = false;
        // The identity provider tries again until it is answered; then the door is left to the bridge.
        loop {
            assert!(
                began.elapsed() < PATIENCE,
                "{login} is not out, with {next:?}"
            );
            if let Some(id) = &id {
                let has_account = practice.vendors[0].is_active(&login).is_some();
                if !is_disabled && (has_account || !waits_for_the_account) {
                    is_disabled = practice.disable(&login, id).await;
                }
            } else {
                id = practice.hire(&login).await;
            }
            if has_died(practice) {
                practice.take_note_of_a_kill(next.name());
                next = deaths.next().unwrap();
                arm(practice, next);
            }
            let is_out = practice.vendors[0].is_active(&login) != Some(true);
            if is_disabled && is_out {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    practice.vendors[0].take_trap_away();
    for bridge in &mut practice.bridges {
        bridge.kill();
    }
    practice.start(None);
}

impl Next {
    fn name(self) -> String {
        match self {
            Self::At(death) => death.point.as_str().to_owned(),
            Self::Trapped(trap) => format!("{trap:?}"),
        }
    }
}

/// Whether a bridge has died. All are asked.
fn has_died(practice: &mut Practice) -> bool {
    let bridges = practice.bridges.iter_mut();
    let dead: Vec<bool> = bridges.map(bridge::Bridge::is_dead).collect();
    dead.contains(&true)
}

/// Starts the dead again, to die in this way. Of two bridges the other one lives on meanwhile.
fn arm(practice: &mut Practice, next: Next) {
    match next {
        Next::At(death) => practice.start(Some(death)),
        Next::Trapped(trap) => {
            practice.start(None);
            let victim = practice.bridges[0].pid().unwrap();
            practice.vendors[0].set_trap(trap, victim);
        }
    }
}

/// How long after a kill the systems heard of each person who waited then, at most.
fn longest_silence(practice: &Practice) -> Duration {
    let journal = practice.vendors[0].journal();
    let silences = practice.kills.iter().flat_map(|kill| {
        kill.waiting.iter().filter_map(|login| {
            let heard = journal
                .iter()
                .find(|note| note.login == *login && note.when > kill.when)?;
            Some(heard.when - kill.when)
        })
    });
    silences.max().unwrap_or_default()
}

/// What must hold after so many kills.
async fn check(practice: &Practice) {
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;
    checker::check(practice).await;
    let mut ways: BTreeMap<&str, usize> = BTreeMap::new();
    for kill in &practice.kills {
        *ways.entry(&kill.how).or_default() += 1;
    }
    println!(
        "{} kills, {} people left; whoever waited for longest was seen to {:?} after the kill; {ways:?}",
        practice.kills.len(),
        practice.acknowledged.len(),
        longest_silence(practice)
    );
    assert_eq!(
        ways.len(),
        Point::OF_A_CHANGE.len() + Trap::ALL.len(),
        "every way of dying was tried"
    );
    assert!(longest_silence(practice) < Duration::from_secs(35), "I7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_killed_anywhere_loses_nothing_and_claims_nothing_too_early() {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, None);

    kill_again_and_again(&mut practice, kills_asked_for()).await;

    check(&practice).await;
}

#[cfg(feature = "real-systems")]
#[tokio::test(flavor = "multi_thread")]
async fn two_bridges_over_one_postgresql_lose_nothing_whichever_is_killed() {
    let server = drawbridge_conformance::RealSystem::start("postgres");
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 2, Some(server.var("POSTGRES_URL")));

    kill_again_and_again(&mut practice, kills_asked_for() / OF_TWO_BRIDGES).await;

    check(&practice).await;
}

#[cfg(feature = "real-systems")]
#[tokio::test(flavor = "multi_thread")]
async fn r3_a_bridge_that_was_held_up_past_its_lease_does_no_harm_when_it_goes_on() {
    let server = drawbridge_conformance::RealSystem::start("postgres");
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 2, Some(server.var("POSTGRES_URL")));
    practice.bridges[0].start(None);
    let id = practice.hire("nina").await.unwrap();
    let until = async |what: &str, practice: &Practice, is_so: &dyn Fn(&Practice) -> bool| {
        let began = Instant::now();
        while !is_so(practice) {
            assert!(began.elapsed() < PATIENCE, "{what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    until("she has an account", &practice, &|practice| {
        practice.vendors[0].is_active("nina") == Some(true)
    })
    .await;

    // The close takes effect, and whoever sent it hears of it only much later.
    let victim = practice.bridges[0].pid().unwrap();
    practice.vendors[0].set_pause(Trap::BeforeAnswer, victim);
    let is_acknowledged = practice.disable("nina", &id).await;
    until("it is held up", &practice, &|practice| {
        practice.vendors[0].has_sprung()
    })
    .await;
    practice.bridges[1].start(None);
    if !is_acknowledged {
        assert!(practice.disable("nina", &id).await);
    }
    let took = practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;
    let calls = practice.vendors[0].journal().len();
    practice.bridges[0].go_on();
    let sam = practice.hire("sam").await.unwrap();
    assert!(practice.disable("sam", &sam).await);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;

    checker::check(&practice).await;
    println!("the other bridge proved it shut {took:?} after its start, and {calls} calls in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_killed_leaves_no_half_a_file() {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    practice.hire("nina").await.unwrap();
    let folder = practice.folder.path();
    let export = [
        "evidence",
        "export",
        "--config",
        "practice-0.toml",
        "--person",
        "nina",
        "--out",
        "nina.jsonl",
    ];

    let killed = bridge::kill_command(folder, &export, Point::DuringExport);
    let is_there = folder.join("nina.jsonl").exists();
    bridge::command(folder, &export);

    assert!(killed && !is_there);
    bridge::command(folder, &["evidence", "verify", "nina.jsonl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_into_a_pipe_goes_through_it_and_leaves_it_there() {
    use std::{io::Read as _, os::unix::fs::FileTypeExt as _, process::Command};

    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    practice.hire("nina").await.unwrap();
    let folder = practice.folder.path();
    let path = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    // Open at both ends, it keeps what is written until it is read.
    let mut pipe = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();

    let export = ["evidence", "export", "--config", "practice-0.toml"];
    let of_nina = ["--person", "nina", "--out", "pipe"];
    bridge::command(folder, &[export, of_nina].concat());
    let is_there = std::fs::metadata(&path).unwrap().file_type().is_fifo();
    assert!(made.success() && is_there, "a file was put in its place");
    let mut came = vec![0; 1 << 20];
    let length = pipe.read(&mut came).unwrap();
    std::fs::write(folder.join("nina.jsonl"), &came[..length]).unwrap();

    bridge::command(folder, &["evidence", "verify", "nina.jsonl"]);
}
