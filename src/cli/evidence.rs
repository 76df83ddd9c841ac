//! `drawbridge evidence export|verify`

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::{
    CliError, Exit, output,
    setup::{ConfigArg, PracticeArg, find_person, open_store},
};
use crate::{
    clock::{self, Clock, SystemClock},
    evidence::pack,
    failpoint::{self, Point},
};

/// The record of what the bridge did and saw.
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Write one person's records as JSON Lines that verify by themselves
    #[command(after_help = "Example:
  drawbridge evidence export --person nina@elm.example --out nina.jsonl")]
    Export(Export),
    /// Check a file of records without any database; exit code 5 names the first broken record
    #[command(after_help = "Example:
  drawbridge evidence verify nina.jsonl")]
    Verify(Verify),
}

/// `evidence export`
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    practice: PracticeArg,
    /// Whose records: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Where to write; standard output if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `evidence verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The file that `evidence export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Evidence {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::Export(export) => export.run().await,
            Self::Verify(verify) => verify.run(),
        }
    }
}

impl Export {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let practice = self.practice.choose(&settings)?;
        let store = open_store(&settings).await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let records = store.list_records(&practice.name, Some(&person)).await?;
        let header = pack::header(
            practice.name.as_str(),
            person.as_str(),
            &clock::to_text(SystemClock.now()),
        );
        let text = pack::write(&header, &records);
        match self.out {
            // The text ends its last line itself.
            None => output::line(text.trim_end()),
            Some(path) => {
                write_whole(&path, &text).map_err(|error| {
                    CliError::Problem(format!(
                        "`{}` could not be written ({error}): name another file",
                        path.display()
                    ))
                })?;
                let own = records.iter().filter(|record| record.is_theirs).count();
                eprintln!("{own} records of {} in {}", self.person, path.display());
            }
        }
        Ok(Exit::Ok)
    }
}

/// Writes a file that is there whole or not at all.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let (half, rest) = text.as_bytes().split_at(text.len() / 2);
    file.write_all(half)?;
    failpoint::pass(Point::DuringExport);
    file.write_all(rest)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

impl Verify {
    fn run(self) -> Result<Exit, CliError> {
        let text = std::fs::read_to_string(&self.file).map_err(|error| {
            CliError::Problem(format!(
                "`{}` could not be read ({error}): name a file that `evidence export` wrote",
                self.file.display()
            ))
        })?;
        let proof = pack::verify(&text)
            .map_err(|broken| CliError::Integrity(format!("{}: {broken}", self.file.display())))?;
        if self.json {
            output::json(&serde_json::json!({
                "person_id": proof.person, "records": proof.records, "links": proof.links, "head": proof.head,
            }));
        } else {
            println!(
                "intact: {} records of this person among {} links of the chain",
                proof.records, proof.links
            );
            println!("head of the chain: {}", proof.head);
            println!(
                "a chain alone does not show a cut-off end: compare the head with a later export"
            );
        }
        Ok(Exit::Ok)
    }
}
