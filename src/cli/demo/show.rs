//! The table that moves.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::CliError;
use crate::{
    app::Bridge,
    clock::{self, Clock as _, SystemClock},
    door::{Assurance, Door, Seen},
    ids::{DoorId, PersonId, PracticeName},
};

/// How often the table is looked at again.
const FRAME: Duration = Duration::from_millis(100);

/// The doors with their state, one line each.
pub(super) fn table(doors: &[Door], since: Duration, now: Timestamp) -> String {
    let mut text = String::new();
    for door in doors {
        let seconds = door
            .seen_at
            .filter(|seen| *seen >= door.wanted_at && door.is_green(now))
            .map_or_else(
                || since.as_secs_f64(),
                |seen| clock::between(door.wanted_at, seen).as_secs_f64(),
            );
        let _ = writeln!(
            text,
            "  {:<10} {:<8} {:>6.1} s  {:<12} {}",
            door.system.as_str(),
            door.way.as_str(),
            seconds,
            door.assurance.as_str(),
            words(door, now)
        );
    }
    text
}

/// What a door's state means, in words.
fn words(door: &Door, now: Timestamp) -> String {
    if door.is_green(now) {
        return match (door.assurance, door.wanted.is_closed(), door.seen) {
            (Assurance::Attested, ..) => "✓ closed by hand, signed".to_owned(),
            (_, true, Seen::Absent) => "✓ no account, absence proved".to_owned(),
            (_, true, _) => "✓ closed, read back".to_owned(),
            (_, false, _) => "✓ open, read back".to_owned(),
        };
    }
    match &door.failure {
        Some(failure) if failure.class == drawbridge_sdk::FailureClass::NeedsHuman => {
            "✋ needs a person; stays open until signed".to_owned()
        }
        Some(failure) if door.seen == Seen::Open => {
            format!("✕ said yes, did nothing: {}", failure.text)
        }
        Some(failure) => format!("◔ {} (try {})", failure.text, door.tries),
        None => "◔ trying".to_owned(),
    }
}

/// Shows the doors until they are done or patience ends; answers them and how long it took.
pub(super) async fn live(
    bridge: &Bridge,
    practice: &PracticeName,
    person: &PersonId,
    patience: Duration,
    done: fn(&[Door], Timestamp) -> bool,
) -> Result<(Vec<Door>, Duration), CliError> {
    let start = Instant::now();
    let redraws = std::io::stdout().is_terminal();
    let mut drawn = 0;
    let mut last: HashMap<DoorId, String> = HashMap::new();
    loop {
        let now = SystemClock.now();
        let doors = bridge.store.find_doors_of(practice, person).await?;
        let ended = done(&doors, now) || start.elapsed() > patience;
        if redraws {
            if drawn > 0 {
                print!("\x1b[{drawn}A");
            }
            for line in table(&doors, start.elapsed(), now).lines() {
                println!("\x1b[2K{line}");
            }
            let _ = std::io::stdout().flush();
            drawn = doors.len();
        } else {
            for door in &doors {
                let state = words(door, now);
                if last.insert(door.id.clone(), state.clone()).as_ref() != Some(&state) {
                    print!(
                        "{}",
                        table(std::slice::from_ref(door), start.elapsed(), now)
                    );
                }
            }
        }
        if ended {
            return Ok((doors, start.elapsed()));
        }
        tokio::time::sleep(FRAME).await;
    }
}
