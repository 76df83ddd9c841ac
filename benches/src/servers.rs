//! Who is asked: each is a process of its own, and kept over all rounds.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{Failure, Plan, load::Client, vendor};

const TOKEN: &str = "bench-token";

const DATABASE: &str = "bench.db";

/// The systems everybody of a practice has a door into.
#[derive(Debug, Clone, Copy)]
pub enum Systems {
    None,
    /// So many, and the rounds are held back: what is measured is taking changes in.
    HeldBack(usize),
    /// So many that are make-believe, and called.
    Sandbox(usize),
    /// Systems of the vendor there: how many, and how many calls each takes at a time.
    Called(SocketAddr, usize, usize),
}

impl Systems {
    const fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::HeldBack(count) | Self::Sandbox(count) | Self::Called(_, count, _) => count,
        }
    }

    fn settings(self, number: usize) -> String {
        let settings = format!(
            "[[practice.system]]\nname = \"s{number}\"\ntitle = \"System {number}\"\ncategory = \"saas\"\n"
        );
        match self {
            Self::Called(vendor, _, at_a_time) => format!(
                "{settings}connector = \"http\"\nconcurrency = {at_a_time}\n[practice.system.settings]\n\
                 vendor = \"vendor.toml\"\nbase_url = \"http://{vendor}/s{number}\"\nallow_plain_http = true\n\
                 [practice.system.settings.credentials]\ntoken = {{ env = \"{VENDOR_TOKEN}\" }}\n"
            ),
            _ => format!("{settings}connector = \"sandbox\"\n"),
        }
    }
}

/// Names the secret every system of the vendor is called with.
const VENDOR_TOKEN: &str = "BENCH_VENDOR_TOKEN";

/// What a server has to say goes into this file of its folder.
const LOG: &str = "log";

/// A server that runs until it is dropped.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    pub token: String,
    command: Vec<String>,
    process: Child,
    folder: TempDir,
}

impl Server {
    /// A bare axum server, in this very program.
    pub async fn bare() -> Result<Self, Failure> {
        let address = free_address()?;
        let program = std::env::current_exe()?.to_string_lossy().into_owned();
        let command = vec![program, "bare".to_owned(), address.port().to_string()];
        Self::start(
            "bare axum",
            address,
            TOKEN.to_owned(),
            command,
            tempfile::tempdir()?,
        )
        .await
    }

    /// SCIMMY with its routers; `None` when its packages are not installed.
    pub async fn scimmy(plan: &Plan) -> Result<Option<Self>, Failure> {
        let script = plan.scimmy.join("server.mjs");
        if !plan.scimmy.join("node_modules").exists() {
            eprintln!(
                "SCIMMY is left out: run `npm install` in {}",
                plan.scimmy.display()
            );
            return Ok(None);
        }
        let (address, folder) = (free_address()?, tempfile::tempdir()?);
        let command = vec![
            "node".to_owned(),
            std::fs::canonicalize(script)?
                .to_string_lossy()
                .into_owned(),
            address.port().to_string(),
            "scimmy.db".to_owned(),
            TOKEN.to_owned(),
        ];
        let server = Self::start("SCIMMY", address, TOKEN.to_owned(), command, folder).await?;
        Ok(Some(server))
    }

    /// Drawbridge on SQLite, as it is delivered.
    pub async fn drawbridge(plan: &Plan, systems: Systems) -> Result<Self, Failure> {
        let (address, folder) = (free_address()?, tempfile::tempdir()?);
        let program = write_settings(
            plan,
            &folder,
            &settings_of(
                address,
                &format!("sqlite://{DATABASE}"),
                &["elm".to_owned()],
                systems,
            ),
            systems,
        )?;
        let token = make_token(&program, &folder, "elm")?;
        let mut command = vec![program, "serve".to_owned()];
        command.extend(["--config", "practice.toml"].map(str::to_owned));
        if let Systems::HeldBack(_) = systems {
            command.push("--no-rounds".to_owned());
        }
        Self::start("Drawbridge", address, token, command, folder).await
    }

    /// A Drawbridge beside others over one database, for these practices.
    pub async fn bridge(
        plan: &Plan,
        database: &str,
        practices: &[String],
        systems: Systems,
    ) -> Result<Self, Failure> {
        let (address, folder) = (free_address()?, tempfile::tempdir()?);
        let settings = settings_of(address, database, practices, systems);
        let program = write_settings(plan, &folder, &settings, systems)?;
        let token = make_token(&program, &folder, &practices[0])?;
        let mut command = vec![program, "serve".to_owned()];
        command.extend(["--config", "practice.toml"].map(str::to_owned));
        Self::start("Drawbridge", address, token, command, folder).await
    }

    /// Drawbridge on SQLite for these practices.
    pub async fn practices(
        plan: &Plan,
        practices: &[String],
        systems: Systems,
    ) -> Result<Self, Failure> {
        Self::bridge(plan, &format!("sqlite://{DATABASE}"), practices, systems).await
    }

    /// Starts it again with one more argument.
    pub async fn restart_with(&mut self, argument: &str) -> Result<(), Failure> {
        self.command.push(argument.to_owned());
        self.kill_and_start().await
    }

    /// What a command of a Drawbridge prints, beside the server.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        let program = self.command.first().ok_or("no command")?;
        run(program, &self.folder, arguments)
    }

    /// A token for a practice of a Drawbridge.
    pub fn token_for(&self, practice: &str) -> Result<String, Failure> {
        let program = self.command.first().ok_or("no command")?;
        make_token(program, &self.folder, practice)
    }

    /// The database of a Drawbridge.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    async fn start(
        name: &'static str,
        address: SocketAddr,
        token: String,
        command: Vec<String>,
        folder: TempDir,
    ) -> Result<Self, Failure> {
        let process = spawn(&command, folder.path())?;
        let server = Self {
            name,
            address,
            token,
            command,
            process,
            folder,
        };
        server.wait().await?;
        Ok(server)
    }

    async fn wait(&self) -> Result<(), Failure> {
        let began = Instant::now();
        while Client::connect(self.address, &self.token).await.is_err() {
            if began.elapsed() > Duration::from_secs(60) {
                let log = std::fs::read_to_string(self.folder.path().join(LOG))?;
                return Err(format!("{} does not answer. It said: {log}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends it as a power cut would, and starts it again.
    pub async fn kill_and_start(&mut self) -> Result<(), Failure> {
        self.process.kill()?;
        self.process.wait()?;
        self.process = spawn(&self.command, self.folder.path())?;
        self.wait().await
    }

    /// Bytes of memory it has.
    pub fn memory(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().split(' ').next())
            .ok_or("no VmRSS")?;
        Ok(kilobytes.parse::<f64>()? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Settings with these practices, each with all the systems.
fn settings_of(
    address: SocketAddr,
    database: &str,
    practices: &[String],
    systems: Systems,
) -> String {
    let mut settings = format!(
        "listen = \"{address}\"\ndatabase = \"{database}\"\n[limits]\nconcurrency = 1024\n"
    );
    for practice in practices {
        settings.push_str(&format!(
            "[[practice]]\nname = \"{practice}\"\nroles = \"roles.toml\"\n[practice.brake]\noff = true\n\
             [[practice.source]]\nname = \"bench\"\n"
        ));
        for number in 0..systems.count() {
            settings.push_str(&systems.settings(number));
        }
    }
    settings
}

/// Writes what a Drawbridge needs into its folder; answers the program.
fn write_settings(
    plan: &Plan,
    folder: &TempDir,
    settings: &str,
    systems: Systems,
) -> Result<String, Failure> {
    let mut roles = "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\n".to_owned();
    for number in 0..systems.count() {
        roles.push_str(&format!("s{number} = \"staff\"\n"));
    }
    std::fs::write(folder.path().join("practice.toml"), settings)?;
    std::fs::write(folder.path().join("roles.toml"), roles)?;
    std::fs::write(folder.path().join("vendor.toml"), vendor::FILE)?;
    let program = std::fs::canonicalize(&plan.drawbridge)?;
    Ok(program.to_string_lossy().into_owned())
}

fn make_token(program: &str, folder: &TempDir, practice: &str) -> Result<String, Failure> {
    let arguments = [
        "token",
        "create",
        "--practice",
        practice,
        "--source",
        "bench",
    ];
    run(program, folder, &arguments)
}

fn run(program: &str, folder: &TempDir, arguments: &[&str]) -> Result<String, Failure> {
    let made = Command::new(program)
        .args(arguments)
        .args(["--config", "practice.toml"])
        .env(VENDOR_TOKEN, TOKEN)
        .current_dir(folder.path())
        .output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&made.stdout).trim().to_owned())
}

fn spawn(command: &[String], folder: &Path) -> Result<Child, Failure> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    Command::new(program)
        .args(arguments)
        .env(VENDOR_TOKEN, TOKEN)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join(LOG))?)
        .spawn()
        .map_err(|error| format!("cannot start `{program}`: {error}").into())
}

fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Answers a User to every request.
pub async fn bare(port: u16) -> Result<(), Failure> {
    const USER: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"0197a000-0000-7000-8000-000000000000","userName":"nina.weiss@elm.example","name":{"givenName":"Nina","familyName":"Weiss"},"title":"Nurse","active":true,"emails":[{"value":"nina.weiss@elm.example","type":"work","primary":true}],"meta":{"resourceType":"User","created":"2026-11-20T17:00:00.000Z","lastModified":"2026-11-20T17:00:00.000Z","version":"W/\"1\"","location":"/scim/v2/Users/0197a000-0000-7000-8000-000000000000"}}"#;
    let answer = |status: StatusCode| {
        (
            status,
            [(header::CONTENT_TYPE, "application/scim+json")],
            USER,
        )
            .into_response()
    };
    let users = get(move || async move { answer(StatusCode::OK) })
        .post(move |_: String| async move { answer(StatusCode::CREATED) });
    let router = Router::new()
        .route("/scim/v2/Users", users.clone())
        .route("/scim/v2/Users/{id}", users);
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(socket, router).await?;
    Ok(())
}
