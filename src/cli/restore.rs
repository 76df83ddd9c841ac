//! `drawbridge restore`, `drawbridge restored`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    CliError, Exit,
    doctor::check_chain,
    setup::{ConfigArg, caller, open_store},
};
use crate::{
    app,
    clock::{self, Clock as _, SystemClock},
    store::{ServerLock, Store, sqlite_path},
};

/// Put a copy that `backup` made in the database's place, or only check that one could.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  drawbridge restore /backup/drawbridge-2026-11-20.db --verify
  drawbridge restore /backup/drawbridge-2026-11-20.db --config practice.toml

The server must be stopped. What was there is kept beside it. The next start reads every system again
before anything is green, and opens nothing until somebody signs with `drawbridge restored`.")]
pub struct Restore {
    #[command(flatten)]
    config: ConfigArg,
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check the copy and change nothing: it opens, it is whole, and every chain is intact
    #[arg(long)]
    verify: bool,
}

/// Sign that the identity providers were looked at after a restore: what they say is opened again.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge restored --by \"Dana Ruiz\" --note \"compared the active users with Entra\"

A restored database knows nothing of who left since the copy was made. Have the identity provider push
everybody again (Entra: restart provisioning), or compare the lists, before signing.")]
pub struct Restored {
    #[command(flatten)]
    config: ConfigArg,
    /// Who signs
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What was looked at
    #[arg(long, value_name = "TEXT")]
    note: String,
}

impl Restore {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        verify(&self.file).await?;
        if self.verify {
            return Ok(Exit::Ok);
        }
        let settings = self.config.load()?;
        let url = settings.database_url()?;
        let Some(database) = sqlite_path(&url) else {
            return Err(CliError::Problem(
                "the database is PostgreSQL: restore it with its own tools; the next start notices"
                    .to_owned(),
            ));
        };
        let _lock = ServerLock::take(&url)?;
        let kept = put_in_place(&self.file, &database).map_err(|error| {
            CliError::Problem(format!(
                "`{}` could not be put in place ({error}): nothing of what was there is lost",
                self.file.display()
            ))
        })?;
        println!("restored; what was there is kept as {}", kept.display());
        println!(
            "the next start reads every system again, and opens nothing until `drawbridge restored` is signed"
        );
        Ok(Exit::Ok)
    }
}

/// Checks a copy of the copy, so that nothing is written into it.
async fn verify(file: &Path) -> Result<(), CliError> {
    let problem = |error: std::io::Error| {
        CliError::Problem(format!(
            "`{}` could not be read ({error}): name a file that `backup` wrote",
            file.display()
        ))
    };
    let folder = tempfile::tempdir().map_err(problem)?;
    let copy = folder.path().join("copy.db");
    std::fs::copy(file, &copy).map_err(problem)?;
    let broken = |text: String| CliError::Integrity(format!("{}: {text}", file.display()));
    let store = Store::open(&format!("sqlite://{}", copy.display()))
        .await
        .map_err(|error| broken(error.to_string()))?;
    let found = store.check_integrity().await?;
    if let Some(first) = found.first() {
        return Err(broken(format!("{first}: take an older copy")));
    }
    for practice in store.list_practices().await? {
        let says = check_chain(&store, &practice).await?.map_err(broken)?;
        println!("chain of {practice}: {says}");
    }
    store.close().await;
    println!("{} can be restored", file.display());
    Ok(())
}

/// Moves the database with its log aside, and the copy into its place. Answers where the old one is.
fn put_in_place(copy: &Path, database: &Path) -> std::io::Result<PathBuf> {
    let stamp = clock::to_text(SystemClock.now()).replace(':', "");
    let beside = |end: &str| {
        let mut name = database.to_owned().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    let new = beside(".new");
    std::fs::copy(copy, &new)?;
    std::fs::File::open(&new)?.sync_all()?;
    let kept = beside(&format!(".before-{stamp}"));
    for end in ["-wal", "-shm", ""] {
        let old = beside(end);
        if old.exists() {
            let mut name = kept.clone().into_os_string();
            name.push(end);
            std::fs::rename(old, name)?;
        }
    }
    std::fs::rename(new, database)?;
    Ok(kept)
}

impl Restored {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let store = open_store(&settings).await?;
        let Some(since) = store.find_opens_wait().await? else {
            return Err(CliError::Problem(
                "nothing waits for this: opens go on as they should".to_owned(),
            ));
        };
        let wake = std::sync::Arc::default();
        let intake = app::intake(&settings, &store, std::sync::Arc::new(SystemClock), wake).await?;
        let callers: Vec<_> = settings
            .practices
            .iter()
            .map(|practice| caller(&practice.name))
            .collect();
        intake
            .let_opens_go_on(&callers, &self.by, &self.note)
            .await?;
        println!("signed: what waited since {since} is opened now");
        Ok(Exit::Ok)
    }
}
