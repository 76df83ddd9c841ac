//! The real program as a process that is killed and started again.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use drawbridge::failpoint::Point;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// Longest anything here may take before the test says that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How it is to die.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    pub point: Point,
    pub passings: u32,
}

/// One bridge over the folder's settings.
pub struct Bridge {
    folder: PathBuf,
    settings: String,
    pub address: SocketAddr,
    /// The folder where it has a file system of its own, if it has one.
    small_disk: Option<PathBuf>,
    child: Option<Child>,
}

/// Mounts a small file system where only this process sees it, puts the database there, and goes on as the
/// bridge. No right of root is needed.
#[cfg(feature = "real-systems")]
const ON_A_SMALL_DISK: &str =
    r#"mount -t tmpfs -o size=64m tmpfs "$0" && cp "$0"/../bridge.db* "$0"/ && exec "$@""#;

impl Bridge {
    pub fn new(folder: &Path, settings: &str, address: SocketAddr) -> Self {
        Self {
            folder: folder.to_owned(),
            settings: settings.to_owned(),
            address,
            small_disk: None,
            child: None,
        }
    }

    /// Has it sit on a disk of 64 MB in this folder from its next start on, or on the machine's own.
    #[cfg(feature = "real-systems")]
    pub fn sits_on_a_small_disk(&mut self, at: Option<&Path>) {
        self.small_disk = at.map(Path::to_owned);
    }

    /// Where others find what it sees at a path, while it runs.
    #[cfg(feature = "real-systems")]
    pub fn seen_from_outside(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.pid().unwrap());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    fn program(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_drawbridge");
        match &self.small_disk {
            #[cfg(feature = "real-systems")]
            Some(disk) => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
                command.arg(ON_A_SMALL_DISK).arg(disk).arg(program);
                command
            }
            _ => Command::new(program),
        }
    }

    /// Starts it, and waits until it listens or is dead already.
    pub fn start(&mut self, death: Option<Death>) {
        self.launch(death);
        self.wait_until_it_listens();
    }

    pub fn launch(&mut self, death: Option<Death>) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("bridge.log"))
            .unwrap();
        let mut command = self.program();
        command
            .args(["serve", "--config", &self.settings])
            .current_dir(&self.folder)
            .env("DRAWBRIDGE_LEASE_SECONDS", "3")
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(Death { point, passings }) = death {
            let asked = format!("{}:{passings}", point.as_str());
            command.env("DRAWBRIDGE_FAILPOINT", asked);
        }
        self.child = Some(command.spawn().unwrap());
    }

    pub fn wait_until_it_listens(&mut self) {
        let began = Instant::now();
        while !self.is_dead() && TcpStream::connect(self.address).is_err() {
            assert!(began.elapsed() < PATIENCE, "the bridge does not listen");
            std::thread::yield_now();
        }
    }

    /// Whether its process has ended.
    pub fn is_dead(&mut self) -> bool {
        match &mut self.child {
            None => true,
            Some(child) => {
                let ended = child.try_wait().unwrap();
                if let Some(status) = ended {
                    use std::os::unix::process::ExitStatusExt as _;
                    assert_eq!(
                        status.signal(),
                        Some(9),
                        "it ends by SIGKILL only: {}",
                        last_words(&self.folder)
                    );
                    self.child = None;
                }
                ended.is_some()
            }
        }
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks it to stop, and answers how it ended.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw)?;
        kill_process(pid, Signal::TERM).unwrap();
        child.wait().unwrap().code()
    }

    /// Holds it up, wherever it is.
    #[cfg(feature = "real-systems")]
    pub fn hold_up(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after it was held up.
    #[cfg(feature = "real-systems")]
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    #[cfg(feature = "real-systems")]
    fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|id| i32::try_from(id).ok());
        kill_process(pid.and_then(Pid::from_raw).unwrap(), signal).unwrap();
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The end of the log.
pub fn last_words(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("bridge.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// Runs a subcommand to its end, and answers what it printed.
pub fn command(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a subcommand that is to die at this point. Answers whether it did.
pub fn kill_command(folder: &Path, arguments: &[&str], point: Point) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .args(arguments)
        .current_dir(folder)
        .env("DRAWBRIDGE_FAILPOINT", point.as_str())
        .output()
        .unwrap();
    output.status.signal() == Some(9)
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
}
