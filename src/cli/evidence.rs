//! `drawbridge evidence export|verify`

use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::{Timestamp, civil::Date};

use super::{
    CliError, Exit,
    checkpoint::{Held, Sign},
    output,
    progress::Progress,
    setup::{Place, PlaceArgs, caller, find_person},
};
use crate::{
    clock::{Clock, SystemClock},
    evidence::{About, pack},
    failpoint::{self, Point},
    store::export,
};

/// The record of what the bridge did and saw.
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Write one person's records, or those of all cases of a time, as JSON Lines that verify by themselves
    #[command(after_help = "Examples:
  drawbridge evidence export --person nina@elm.example --out nina.jsonl
  drawbridge evidence export --from 2026-07-01 --to 2026-09-30 --out summer.jsonl")]
    Export(Export),
    /// Check a file of records without any database; exit code 5 names the first broken record
    #[command(after_help = "Examples:
  drawbridge evidence verify nina.jsonl
  drawbridge evidence verify nina.jsonl --checkpoint 2026-10-01.txt --key 'the public key you noted'")]
    Verify(Verify),
    /// Sign how far the chain has come, as a few lines to keep where nobody who holds the database can reach them
    #[command(after_help = "Example:
  drawbridge evidence checkpoint --config practice.toml | mail -s checkpoint privacy@elm.example")]
    Checkpoint(Sign),
    /// Check a file of records, and list every door in it that was to be shut: since when, and how it was proved
    #[command(after_help = "Example:
  drawbridge evidence doors nina.jsonl")]
    Doors(Doors),
}

/// `evidence export`
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    place: PlaceArgs,
    /// Whose records: a userName or an id
    #[arg(long, value_name = "NAME", required_unless_present = "from")]
    person: Option<String>,
    /// Of every case that began on this day or later, in the practice's time zone
    #[arg(long, value_name = "DAY", conflicts_with = "person", requires = "to")]
    from: Option<Date>,
    /// The last day of that time
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<Date>,
    /// Where to write; standard output if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `evidence verify`
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    file: Doors,
    /// Hold it against what `evidence checkpoint` printed once; may be given again
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The public key that checkpoints must be signed with, as `doctor` names it
    #[arg(long, value_name = "KEY", requires = "checkpoint")]
    key: Option<String>,
}

/// `evidence doors`, and what `evidence verify` is asked with it
#[derive(Debug, Args)]
pub struct Doors {
    /// The file that `evidence export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take a file of an older version, which does not prove that no record was left out
    #[arg(long)]
    older: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Evidence {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::Export(export) => export.run().await,
            Self::Verify(verify) => verify.run(),
            Self::Checkpoint(sign) => sign.run().await,
            Self::Doors(doors) => doors.list(),
        }
    }
}

impl Export {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let (about, of) = match (&self.person, self.from, self.to) {
            (Some(person), ..) => {
                let found = find_person(&store, &practice.name, person).await?;
                (About::Person(found), person.clone())
            }
            (None, Some(first), Some(last)) => {
                let (from, to) = span(&practice.time_zone, first, last)?;
                (About::Time(from, to), format!("{first} to {last}"))
            }
            // Not let through by the arguments.
            (None, ..) => return Err(CliError::Problem("name a person, or a time".to_owned())),
        };
        let (now, who) = (SystemClock.now(), caller(&practice.name).actor);
        let export = store.export(&practice.name, &about, &who, now).await?;
        // A file that is printed on the terminal shows by itself how far it is.
        let is_wanted = self.out.is_some() || !std::io::stdout().is_terminal();
        let progress = Progress::on_stderr("read", is_wanted);
        match self.out {
            None => print(export, progress).await?,
            Some(path) => {
                let shown = write_whole(&path, export, progress).await?;
                eprintln!("{shown} records of {of} in {}", path.display());
            }
        }
        Ok(Exit::Ok)
    }
}

/// A time from the beginning of one day to the end of another.
fn span(zone: &str, first: Date, last: Date) -> Result<(Timestamp, Timestamp), CliError> {
    if first > last {
        return Err(CliError::Problem(format!(
            "{first} comes after {last}: turn them round"
        )));
    }
    let begin = |day: Date| day.in_tz(zone).map(|begin| begin.timestamp());
    let no_such_day =
        |error: jiff::Error| CliError::Problem(format!("there is no such day: {error}"));
    let from = begin(first).map_err(no_such_day)?;
    let to = last.tomorrow().and_then(begin).map_err(no_such_day)?;
    Ok((from, to))
}

async fn print(mut export: export::Export, mut progress: Progress) -> Result<(), CliError> {
    while let Some(part) = export.next_part().await? {
        tell(&export, &mut progress);
        // Each part ends its last line itself.
        if !part.is_empty() {
            output::line(part.trim_end_matches('\n'));
        }
    }
    Ok(())
}

fn tell(export: &export::Export, progress: &mut Progress) {
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    progress.tell(size(export.read()), size(export.length()));
}

/// Writes a file that is there whole or not at all. Answers how many records it shows. A device or a pipe takes them
/// as they come: a file put in its place would break whatever else uses it.
async fn write_whole(
    path: &Path,
    mut export: export::Export,
    mut progress: Progress,
) -> Result<usize, CliError> {
    let unwritten = |error: std::io::Error| {
        CliError::Problem(format!(
            "`{}` could not be written ({error}): name another file",
            path.display()
        ))
    };
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let there = std::fs::OpenOptions::new().write(true).open(path);
        let mut out = there.map_err(unwritten)?;
        while let Some(part) = export.next_part().await? {
            out.write_all(part.as_bytes()).map_err(unwritten)?;
            tell(&export, &mut progress);
        }
        return Ok(export.shown());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritten)?;
    while let Some(part) = export.next_part().await? {
        file.write_all(part.as_bytes()).map_err(unwritten)?;
        tell(&export, &mut progress);
        failpoint::pass(Point::DuringExport);
    }
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(path).map_err(|error| unwritten(error.error))?;
    Ok(export.shown())
}

impl Doors {
    /// The file, once it has proved itself.
    fn read(&self) -> Result<(String, pack::Proof), CliError> {
        let text = std::fs::read_to_string(&self.file).map_err(|error| {
            CliError::Problem(format!(
                "`{}` could not be read ({error}): name a file that `evidence export` wrote",
                self.file.display()
            ))
        })?;
        let mut progress = Progress::on_stderr("checked", !self.json);
        let proof = pack::verify_telling(&text, |links, of| progress.tell(links, of))
            .map_err(|broken| CliError::Integrity(format!("{}: {broken}", self.file.display())))?;
        // Whoever leaves a record out may call the file an older one.
        if proof.whole_to.is_none() && !self.older {
            return Err(CliError::Integrity(format!(
                "{}: a file of an older version does not prove that no record was left out: take a new one, or look \
                 at what it does prove with `--older`",
                self.file.display()
            )));
        }
        Ok((text, proof))
    }

    fn list(self) -> Result<Exit, CliError> {
        let (text, _) = self.read()?;
        let closings = pack::closings(&text);
        if self.json {
            output::json(&closings);
            return Ok(Exit::Ok);
        }
        let rows = closings.into_iter().map(|closing| {
            let proof = match (&closing.proved, &closing.signed_by) {
                (None, _) => "not proved shut".to_owned(),
                (Some(_), Some(who)) => format!("signed by {who}"),
                (Some(_), None) => "read back".to_owned(),
            };
            let in_time = match (&closing.proved, closing.is_in_time()) {
                (None, _) => "-",
                (Some(_), true) => "yes",
                (Some(_), false) => "no",
            };
            vec![
                closing.person,
                closing.system,
                closing.way,
                closing.asked,
                output::or_dash(closing.first_call),
                output::or_dash(closing.proved),
                proof,
                in_time.to_owned(),
                output::or_dash(closing.found_changed),
            ]
        });
        output::table(
            &[
                "person",
                "system",
                "way",
                "asked",
                "first call",
                "shut",
                "proof",
                "in time",
                "found changed",
            ],
            rows.collect(),
            "no door in it was to be shut",
        );
        Ok(Exit::Ok)
    }
}

impl Verify {
    fn run(self) -> Result<Exit, CliError> {
        let (text, proof) = self.file.read()?;
        let mut held = Vec::new();
        for path in &self.checkpoint {
            held.push(Held::against(
                path,
                self.key.as_deref(),
                (text.as_str(), &proof),
            )?);
        }
        if self.file.json {
            output::json(&serde_json::json!({
                "person_id": proof.person, "period": proof.period, "records": proof.records, "files": proof.files,
                "links": proof.links, "whole_to": proof.whole_to, "head": proof.head,
                "checkpoints": held,
            }));
        } else {
            let about = match &proof.period {
                None => "of this person".to_owned(),
                Some(span) => format!(
                    "about {} cases that began from {} to before {},",
                    span.cases, span.from, span.to
                ),
            };
            println!(
                "intact: {} records {about} among {} links of the chain",
                proof.records, proof.links
            );
            match proof.files {
                0 => {}
                1 => println!("and the 1 file that was signed with"),
                files => println!("and the {files} files that were signed with"),
            }
            match proof.whole_to {
                Some(last) => println!("none is left out, up to record {last} of the chain"),
                None => println!(
                    "this file is of an older version, which does not prove that none is left out: take a new one"
                ),
            }
            println!("head of the chain: {}", proof.head);
            for held in &held {
                println!("{}", held.in_words());
            }
            if held.is_empty() {
                println!(
                    "a chain alone does not show a cut-off end: compare the head with a later export, or name a \
                     checkpoint"
                );
            } else if self.key.is_none() {
                println!(
                    "anybody can sign with a key of their own: compare it with the one you noted, or use `--key`"
                );
            }
        }
        Ok(if held.iter().all(|held| held.covers) {
            Exit::Ok
        } else {
            Exit::ProblemFound
        })
    }
}
