//! Public SCIM suites against the real program.
//!
//! Each count is asserted, so that a suite that runs nothing fails, and what a suite skips or refuses
//! is known by name.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use drawbridge_conformance::RealSystem;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::time::Instant;

/// Resource types of a draft that the bridge does not have.
const AGENTS: [&str; 3] = [
    "Agent CRUD Lifecycle",
    "Agent Rapid Lifecycle",
    "AgenticApplication CRUD Lifecycle",
];

#[derive(Debug, Deserialize)]
struct Summary {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

#[test]
fn scim2_tester_finds_nothing() {
    let summary = run("tester.py", &[], "");

    assert_eq!(summary.passed, 135, "{summary:#?}");
    assert!(summary.failed.is_empty(), "{summary:#?}");
    assert!(summary.skipped.is_empty(), "{summary:#?}");
}

#[test]
fn scim_sanity_finds_nothing_in_either_mode() {
    for mode in ["strict", "compat"] {
        let summary = run("sanity.py", &[mode], "");

        assert_eq!(summary.passed, 28, "{mode}: {summary:#?}");
        assert!(summary.failed.is_empty(), "{mode}: {summary:#?}");
        assert_eq!(summary.skipped, AGENTS, "{mode}: {summary:#?}");
    }
}

/// A strict source, since cursors are announced to no other.
#[test]
fn the_storage_contract_of_scim2_server_holds_over_http() {
    let summary = run("contract.py", &[], "strict = true\n");

    assert!(summary.failed.is_empty(), "{summary:#?}");
    assert_eq!(summary.passed, 107, "{summary:#?}");
    // A time is no text to look into: the models of the suite refuse to ask.
    assert_eq!(
        summary.skipped,
        ["test_search_filters_as_the_filter_evaluator[meta.created co \"20\"]"],
        "{summary:#?}"
    );
}

/// Runs one suite against a bridge of its own, whose source has these settings.
fn run(suite: &str, arguments: &[&str], source: &str) -> Summary {
    let suites = RealSystem::start("scim-suites");
    let bridge = Bridge::start(source);
    let output = Command::new(suites.var("PYTHON"))
        .arg(Path::new(suites.var("SUITES")).join(suite))
        .args(arguments)
        .env("BASE_URL", &bridge.base_url)
        .env("TOKEN", &bridge.token)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the suite starts");
    let shown = String::from_utf8_lossy(&output.stdout);
    let last = shown.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| {
        panic!(
            "{suite} gave no summary ({error}):\n{shown}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// The real program with one practice and one source.
struct Bridge {
    base_url: String,
    token: String,
    server: Child,
    _folder: TempDir,
}

impl Bridge {
    fn start(source: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let settings = format!(
            "listen = \"127.0.0.1:{port}\"\n\
             database = \"sqlite://bridge.db\"\n\
             [[practice]]\nname = \"elm\"\nroles = \"roles.toml\"\n\
             [[practice.source]]\nname = \"suite\"\n{source}"
        );
        std::fs::write(folder.path().join("practice.toml"), settings)
            .expect("settings can be written");
        std::fs::write(
            folder.path().join("roles.toml"),
            "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\n",
        )
        .expect("roles can be written");
        let made = drawbridge(folder.path())
            .args(["token", "create", "--practice", "elm", "--source", "suite"])
            .args(["--config", "practice.toml"])
            .output()
            .expect("the program runs");
        assert!(made.status.success(), "{made:?}");
        let server = drawbridge(folder.path())
            .args(["serve", "--config", "practice.toml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let bridge = Self {
            base_url: format!("http://127.0.0.1:{port}/scim/v2"),
            token: String::from_utf8_lossy(&made.stdout).trim().to_owned(),
            server,
            _folder: folder,
        };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the server listens"
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
        bridge
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn drawbridge(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drawbridge"));
    command.current_dir(folder);
    command
}
