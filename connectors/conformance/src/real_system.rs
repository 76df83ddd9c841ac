//! Real third-party systems, started and stopped by the scripts in `scripts/targets`.
//!
//! ```no_run
//! use drawbridge_conformance::RealSystem;
//!
//! let directory = RealSystem::start("openldap");
//! let url = directory.var("LDAPS_URL");
//! ```

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io, process};

/// A running instance of a real system, with all its state in a temporary folder.
///
/// Dropping it stops the system and deletes the folder. The system also ends when the
/// test process is killed, because the script watches that process.
#[derive(Debug)]
pub struct RealSystem {
    dir: PathBuf,
    env: HashMap<String, String>,
    script: PathBuf,
}

impl RealSystem {
    /// Starts a fresh instance and waits until it is ready to be used.
    ///
    /// `name` is a file name in `scripts/targets`, without `.sh`. The head of that file
    /// says what the instance holds.
    ///
    /// # Panics
    /// If there is no such script, or with the script's output if it fails, for example
    /// because `scripts/targets/<name>.sh install` was never run.
    pub fn start(name: &str) -> RealSystem {
        RealSystem::start_with(name, &[])
    }

    /// Starts a fresh instance with settings for the script, given as environment variables.
    ///
    /// # Panics
    /// As [`RealSystem::start`].
    pub fn start_with(name: &str, settings: &[(&str, &str)]) -> RealSystem {
        let script = targets_dir().join(format!("{name}.sh"));
        assert!(
            script.is_file(),
            "there is no real system `{name}`: {} is missing",
            script.display()
        );
        // From here on the value exists, so that a failed start is tidied up by Drop.
        let mut system = RealSystem {
            dir: fresh_dir(name),
            env: HashMap::new(),
            script,
        };

        system
            .run("start", settings)
            .unwrap_or_else(|output| panic!("{output}"));
        system.env = read_env(&system.dir.join("env"));
        system
    }

    /// What the instance says about itself: an address, a password, the path of a file.
    ///
    /// # Panics
    /// If the script gave no such key; the message names those it gave.
    pub fn var(&self, key: &str) -> &str {
        match self.env.get(key) {
            Some(value) => value,
            None => {
                let mut given: Vec<&str> = self.env.keys().map(String::as_str).collect();
                given.sort_unstable();
                panic!(
                    "{} gives no `{key}`, only: {}",
                    self.script.display(),
                    given.join(", ")
                )
            }
        }
    }

    /// The folder that holds everything of this instance; its logs are in `log`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stops the system and keeps its state. Does nothing if it does not run.
    ///
    /// # Panics
    /// With the script's output if it could not be stopped.
    pub fn stop(&self) {
        self.run("stop", &[])
            .unwrap_or_else(|output| panic!("{output}"));
    }

    /// Starts the stopped system again, with the same addresses and state.
    ///
    /// # Panics
    /// With the script's output if it fails, also if the system still runs.
    pub fn start_again(&self) {
        self.run("start", &[])
            .unwrap_or_else(|output| panic!("{output}"));
    }

    fn run(&self, action: &str, settings: &[(&str, &str)]) -> Result<(), String> {
        let output = Command::new(&self.script)
            .args([OsStr::new(action), self.dir.as_os_str()])
            .env("DRAWBRIDGE_OWNER_PID", process::id().to_string())
            .envs(settings.iter().copied())
            .output()
            .map_err(|error| format!("could not run {}: {error}", self.script.display()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "`{} {action}` failed with {}\n{}{}",
            self.script.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        ))
    }
}

impl Drop for RealSystem {
    fn drop(&mut self) {
        // A test that already panics must not panic again, and loses nothing by a
        // folder left behind. `remove` also deletes files of other users.
        if let Err(output) = self.run("remove", &[]) {
            eprintln!("{output}");
        }
    }
}

/// Finds `scripts/targets` in the folder of the package under test or in one above it.
fn targets_dir() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = package
        .or_else(|| env::current_dir().ok())
        .unwrap_or_default();
    start
        .ancestors()
        .map(|folder| folder.join("scripts/targets"))
        .find(|candidate| candidate.is_dir())
        .unwrap_or_else(|| panic!("no scripts/targets above {}", start.display()))
}

/// Makes an empty folder of its own for one instance.
///
/// Directly under the temporary folder, because some systems put Unix sockets in it and
/// their paths may have no more than 107 bytes.
fn fresh_dir(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("drawbridge-{name}-{}-{number}", process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => return dir,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("could not make {}: {error}", dir.display()),
        }
    }
}

/// Reads the lines `KEY=VALUE` that a script wrote about its instance.
fn read_env(file: &Path) -> HashMap<String, String> {
    let text = fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("could not read {}: {error}", file.display()));
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
