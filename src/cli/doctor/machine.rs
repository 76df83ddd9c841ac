//! What `doctor` looks at beside the database: its disk, the room kept there, the second ledger, the clock.

use std::{path::Path, time::Duration};

use super::Finding;
use crate::{
    cli::CliError,
    clock::{self, Clock as _, SystemClock},
    config::Settings,
    store::{SecondLedger, Store, StoreError, ballast, sqlite_path},
};

/// With less free room than this somebody should look before it is gone.
const LITTLE: u64 = 256 * MEGABYTE;

const MEGABYTE: u64 = 1024 * 1024;

/// What two clocks may differ by: time servers keep them closer.
const DRIFT: Duration = Duration::from_secs(5);

pub(super) async fn check(settings: &Settings, store: &Store) -> Result<Vec<Finding>, CliError> {
    let mut findings = Vec::new();
    let url = settings.database_url()?;
    if let Some(database) = sqlite_path(&url) {
        findings.extend(check_room(&database));
    }
    if let Some(kept) = ballast::path_of(&url) {
        findings.push(Finding::new("ballast", check_ballast(&kept)));
    }
    if let Some(path) = settings.second_ledger()? {
        findings.push(Finding::new("second ledger", check_second_ledger(&path)));
    }
    findings.push(Finding::new("clock", check_clock(settings, store).await?));
    Ok(findings)
}

fn check_room(database: &Path) -> Option<Finding> {
    let room = ballast::room(database)?;
    let free = format!("{} MB free beside the database", room / MEGABYTE);
    let says = if room < LITTLE {
        Err(format!(
            "{free}: make room, a full disk takes departures only"
        ))
    } else {
        Ok(free)
    };
    Some(Finding::new("disk", says))
}

/// The room that is kept for the day the disk is full.
fn check_ballast(path: &Path) -> Result<String, String> {
    let size = ballast::SIZE / MEGABYTE;
    match path.metadata() {
        Ok(file) if file.len() == ballast::SIZE => {
            Ok(format!("{size} MB kept for the day the disk is full"))
        }
        _ => Err(format!(
            "`{}` is not there: the server was never started, or the disk was full; with {} MB free, the server keeps \
             that room by itself",
            path.display(),
            2 * size
        )),
    }
}

/// Looks without making the file: it must belong to whoever runs the server.
fn check_second_ledger(path: &Path) -> Result<String, String> {
    if !path.exists() {
        return Ok(format!("`{}`, made when the server starts", path.display()));
    }
    let unusable = |problem: String| {
        format!(
            "{problem}: have it belong to whoever runs the server, who must be able to write it"
        )
    };
    let opened = std::fs::File::options().append(true).open(path);
    opened.map_err(|error| unusable(format!("`{}`: {error}", path.display())))?;
    let contents = SecondLedger::at(path.to_owned()).read();
    let contents = contents.map_err(|error| unusable(error.to_string()))?;
    if contents.is_changed {
        return Err(format!(
            "a line of `{}` is not what the bridge wrote: keep a copy as evidence, then restart the server, which puts \
             the file aside",
            path.display()
        ));
    }
    match contents.texts.len() {
        0 => Ok("nothing waits in it".to_owned()),
        waiting => Err(format!(
            "{waiting} records wait for the database: start the server, or see why it cannot write to the database"
        )),
    }
}

/// This machine's clock against the database's, and against what is on record already.
async fn check_clock(
    settings: &Settings,
    store: &Store,
) -> Result<Result<String, String>, StoreError> {
    let of_the_database = store.find_time().await?;
    let now = SystemClock.now();
    let off = clock::between(of_the_database, now).max(clock::between(now, of_the_database));
    if off > DRIFT {
        return Ok(Err(format!(
            "{} s away from the database's: have both machines follow a time server",
            off.as_secs()
        )));
    }
    for practice in &settings.practices {
        let Some(last) = store.find_last_record_time(&practice.name).await? else {
            continue;
        };
        let behind = clock::between(now, last);
        if behind > DRIFT {
            return Ok(Err(format!(
                "{} s behind the last record of {}: it was set back, or was wrong then; have this machine follow a \
                 time server, and restart the server",
                behind.as_secs(),
                practice.name
            )));
        }
    }
    Ok(Ok("agrees with the database and the records".to_owned()))
}
