//! `drawbridge evidence checkpoint`, and checkpoints that a file of evidence is held against

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs},
};
use crate::{
    clock::{self, Clock as _, SystemClock},
    config::Settings,
    evidence::{
        checkpoint::{Checkpoint, Covers, Signed, Signer},
        pack::Proof,
    },
};

/// What to do where no key is named.
pub(super) const NO_KEY: &str = "no `checkpoint_key` is set, so nothing can show that the end of a chain was cut off: make one with \
     `openssl genpkey -algorithm ed25519 -out checkpoint.pem` and write \
     `checkpoint_key = { file = \"checkpoint.pem\" }`";

/// `evidence checkpoint`
#[derive(Debug, Args)]
pub struct Sign {
    #[command(flatten)]
    place: PlaceArgs,
}

/// The key of these settings; `None` if they name none.
///
/// # Errors
/// With the sentence to show, if it cannot be used.
pub(super) fn signer(settings: &Settings) -> Result<Option<Signer>, String> {
    let Some(key) = &settings.checkpoint_key else {
        return Ok(None);
    };
    let unusable = |error: String| format!("`checkpoint_key`: {error}");
    let secret = key.bind(&settings.base_dir).and_then(|key| key.read());
    let pem = secret.map_err(|error| unusable(error.to_string()))?;
    let signer = Signer::new(pem.expose_secret());
    signer
        .map(Some)
        .map_err(|error| unusable(error.to_string()))
}

impl Sign {
    /// Signs only what is intact: whoever keeps the checkpoint relies on it.
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice,
            store,
            settings,
        } = self.place.open().await?;
        let signer = signer(&settings)
            .map_err(CliError::Configuration)?
            .ok_or_else(|| CliError::Configuration(NO_KEY.to_owned()))?;
        let head = store.find_ledger_head(&practice.name).await?;
        // Afterwards: no file that was made before it has a later time.
        let at = SystemClock.now();
        if head.0 == 0 {
            return Err(CliError::Problem(format!(
                "the chain of `{}` has no record yet: there is nothing to sign",
                practice.name
            )));
        }
        let walked = store.check_chain_to(&practice.name, head.clone()).await?;
        walked.map_err(|sequence| {
            CliError::Integrity(format!(
                "record {sequence} was changed or is missing, and nothing was signed: see `drawbridge doctor`"
            ))
        })?;
        let checkpoint = Checkpoint {
            practice: practice.name.to_string(),
            records: head.0,
            head: head.1,
            at: clock::to_text(at),
        };
        // Each part ends its last line itself.
        output::line(signer.sign(&checkpoint).trim_end());
        Ok(Exit::Ok)
    }
}

/// What a checkpoint says of a file.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    checkpoint: PathBuf,
    at: String,
    records: i64,
    key: String,
    pub(super) covers: bool,
}

impl Held {
    /// Reads the checkpoint of this file and holds it against a file of evidence; `key` is the public one it must be
    /// signed with.
    ///
    /// # Errors
    /// When it is none, or contradicts the file.
    pub(super) fn against(
        path: &Path,
        key: Option<&str>,
        (pack, proof): (&str, &Proof),
    ) -> Result<Self, CliError> {
        let broken = |problem: &dyn std::fmt::Display| {
            CliError::Integrity(format!("checkpoint {}: {problem}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::Problem(format!(
                "`{}` could not be read ({error}): name what `evidence checkpoint` printed",
                path.display()
            ))
        })?;
        let Signed {
            checkpoint,
            key: its_key,
        } = Signed::read(&text).map_err(|error| broken(&error))?;
        if key.is_some_and(|key| key.trim() != its_key) {
            return Err(broken(&format!(
                "it is signed with another key, {its_key}: whoever has that one made it"
            )));
        }
        let covers = checkpoint.hold_against(pack, proof);
        Ok(Self {
            checkpoint: path.to_owned(),
            covers: covers.map_err(|error| broken(&error))? == Covers::UpToIt,
            at: checkpoint.at,
            records: checkpoint.records,
            key: its_key,
        })
    }

    /// For people.
    pub(super) fn in_words(&self) -> String {
        let Self {
            at, records, key, ..
        } = self;
        if self.covers {
            format!(
                "records 1 to {records} are those that the key {key} signed, as of {at} by its own word: that it is so old \
                 only shows who has kept the checkpoint since"
            )
        } else {
            format!("the checkpoint of {at} was made after this file and says nothing of it")
        }
    }
}
