//! A practice of real systems around the real program.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use drawbridge_conformance::RealSystem;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::logins::{self, PASSWORD};

/// Who is hired and leaves.
pub const LEAVER: &str = "nina";

const MAILBOX: &str = "nina@example.org";

/// Who gets her mail for thirty days.
const SUPERVISOR: &str = "sam@example.org";

const ROLES: &str = r#"
[[role]]
name = "Nurse"
matches = ["Nurse"]
[role.access]
directory = "nurses"
ehr = "Health Nurse"
mail = "mailbox"
vpn = "staff"
saas = "nurses"
"#;

/// Five real systems, an identity provider, and the bridge between them.
pub struct Practice {
    samba: RealSystem,
    dovecot: RealSystem,
    freeradius: RealSystem,
    gnuhealth: RealSystem,
    saas: RealSystem,
    canaille: RealSystem,
    folder: TempDir,
    server: Child,
}

impl Practice {
    /// Starts everything; she has an account everywhere already, with a password.
    pub async fn start() -> Self {
        let samba = RealSystem::start("samba");
        let dovecot = RealSystem::start("dovecot");
        let freeradius = RealSystem::start("freeradius");
        let gnuhealth = RealSystem::start("gnuhealth");
        let saas = RealSystem::start("scim2-server");
        give_accounts(&samba, &dovecot, &freeradius, &gnuhealth, &saas).await;

        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let settings = settings(port, &samba, &dovecot, &freeradius, &gnuhealth, &saas);
        std::fs::write(folder.path().join("practice.toml"), settings)
            .expect("settings can be written");
        std::fs::write(folder.path().join("roles.toml"), ROLES).expect("roles can be written");
        for (name, secret) in [
            ("directory", samba.var("BIND_PASSWORD")),
            ("doveadm", dovecot.var("DOVEADM_API_KEY")),
            ("coa", freeradius.var("SECRET")),
            ("ehr", gnuhealth.var("ADMIN_PASSWORD")),
            ("saas", saas.var("TOKEN")),
        ] {
            std::fs::write(folder.path().join(name), secret).expect("secrets can be written");
        }
        let token = drawbridge(
            folder.path(),
            &[
                "token",
                "create",
                "--practice",
                "elm",
                "--source",
                "canaille",
            ],
        );
        let log = std::fs::File::create(folder.path().join("server.log")).expect("a log");
        let server = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
            .args(["serve", "--config", "practice.toml"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        wait_for("the server listens", Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let push_url = format!("http://127.0.0.1:{port}/scim/v2");
        let canaille = RealSystem::start_with(
            "canaille",
            &[("PUSH_URL", &push_url), ("PUSH_TOKEN", token.trim())],
        );
        Self {
            samba,
            dovecot,
            freeradius,
            gnuhealth,
            saas,
            canaille,
            folder,
            server,
        }
    }

    /// The identity provider creates her.
    pub fn hire(&self, name: &str) {
        self.canaille(&[
            "create",
            "user",
            "--user-name",
            name,
            "--password",
            "Idp-Passw0rd-1",
            "--given-name",
            "Nina",
            "--family-name",
            "Okafor",
            "--formatted-name",
            "Nina Okafor",
            "--emails",
            MAILBOX,
            "--title",
            "Nurse",
        ]);
    }

    /// The identity provider locks her.
    pub fn lock(&self, name: &str) {
        self.canaille(&[
            "set",
            "user",
            name,
            "--lock-date",
            "2026-01-01T00:00:00+00:00",
        ]);
    }

    fn canaille(&self, arguments: &[&str]) {
        let environment = [("CANAILLE_CONFIG", self.canaille.var("CANAILLE_CONFIG"))];
        let (done, output) = logins::run(
            self.canaille.var("CANAILLE_BIN"),
            arguments,
            &environment,
            "",
        );
        assert!(done, "canaille {arguments:?}: {output}");
    }

    /// Stops a system's process.
    pub fn unplug(&self, system: &str) {
        self.system(system).stop();
    }

    /// Starts it again, with the same state at the same address.
    pub fn plug_in(&self, system: &str) {
        self.system(system).start_again();
    }

    fn system(&self, name: &str) -> &RealSystem {
        match name {
            "directory" => &self.samba,
            "mail" => &self.dovecot,
            "vpn" => &self.freeradius,
            "ehr" => &self.gnuhealth,
            _ => &self.saas,
        }
    }

    /// Whether she can log in, asked of the system itself.
    pub async fn can_log_in(&self, system: &str) -> bool {
        match system {
            "directory" => logins::ldap(&self.samba, LEAVER),
            "mail" => logins::imap(&self.dovecot, MAILBOX),
            "vpn" => logins::radius(&self.freeradius, LEAVER),
            _ => logins::tryton(&self.gnuhealth, LEAVER, PASSWORD)
                .await
                .is_some(),
        }
    }

    /// What scim2-server's own record says; it has no login.
    pub async fn record_is_active(&self) -> bool {
        let users = logins::get(
            &format!("{}/Users", self.saas.var("BASE_URL")),
            self.saas.var("TOKEN"),
        )
        .await;
        let users = users["Resources"].as_array().expect("a list");
        users
            .iter()
            .find(|user| user["userName"] == LEAVER)
            .expect("her record")["active"]
            == true
    }

    /// Waits until her doors are so, and answers them.
    pub fn wait_until(
        &self,
        limit: Duration,
        what: &str,
        done: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let doors = self.doors();
            if done(&doors) {
                return doors;
            }
            if start.elapsed() > limit {
                let log = std::fs::read_to_string(self.folder.path().join("server.log"))
                    .unwrap_or_default();
                panic!("not within {limit:?}: {what}\n{doors:#?}\n{log}");
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    fn doors(&self) -> Vec<Value> {
        let arguments = ["doors", "list", "--person", LEAVER, "--json"];
        let (done, output) = try_drawbridge(self.folder.path(), &arguments);
        if done {
            serde_json::from_str(&output).expect("an array of doors")
        } else {
            Vec::new()
        }
    }

    /// Her evidence, as `evidence export` writes it.
    pub fn export(&self, name: &str) -> String {
        drawbridge(
            self.folder.path(),
            &["evidence", "export", "--person", name],
        )
    }

    /// Whether `evidence verify` accepts this text; else what it says.
    pub fn verifies(&self, text: &str) -> Result<(), String> {
        let file = self.folder.path().join("evidence.jsonl");
        std::fs::write(&file, text).expect("a file");
        let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
            .args([Path::new("evidence"), Path::new("verify"), &file])
            .output()
            .expect("the program runs");
        match output.status.code() {
            Some(0) => Ok(()),
            Some(5) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            code => panic!("exit code {code:?}"),
        }
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Runs the program in a folder with settings, and answers what it prints.
pub fn drawbridge(folder: &Path, arguments: &[&str]) -> String {
    let (done, output) = try_drawbridge(folder, arguments);
    assert!(done, "drawbridge {arguments:?}: {output}");
    output
}

fn try_drawbridge(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .args(arguments)
        .args(["--config", "practice.toml"])
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let shown = if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    };
    (
        output.status.success(),
        String::from_utf8_lossy(shown).into_owned(),
    )
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// Waits until there is an answer.
pub fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ready() {
            return answer;
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Makes her account on each system, as the practice did before the bridge came.
async fn give_accounts(
    samba: &RealSystem,
    dovecot: &RealSystem,
    freeradius: &RealSystem,
    gnuhealth: &RealSystem,
    saas: &RealSystem,
) {
    let password: Vec<u8> = format!("\"{PASSWORD}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let people = samba.var("PEOPLE_DN");
    let entries = format!(
        "dn: CN=nurses,{people}\nobjectClass: group\nsAMAccountName: nurses\n\n\
         dn: CN=Nina Okafor,{people}\nobjectClass: user\nsAMAccountName: {LEAVER}\n\
         userPrincipalName: {LEAVER}@{suffix}\nmail: {MAILBOX}\nunicodePwd:: {password}\nuserAccountControl: 512\n",
        suffix = samba.var("UPN_SUFFIX"),
        password = STANDARD.encode(password),
    );
    let arguments = [
        "-x",
        "-H",
        samba.var("LDAPS_URL"),
        "-D",
        samba.var("BIND_DN"),
        "-w",
        samba.var("BIND_PASSWORD"),
    ];
    let (done, output) = logins::run(
        "ldapadd",
        &arguments,
        &[("LDAPTLS_CACERT", samba.var("CA_FILE"))],
        &entries,
    );
    assert!(done, "{output}");

    sqlite(
        dovecot.var("USERS_DB"),
        &format!(
            "INSERT INTO users (email, password, enabled) VALUES ('{MAILBOX}', '{PASSWORD}', 1), ('canary@example.org', 'x', 1)"
        ),
    );
    sqlite(
        freeradius.var("RADIUS_DB"),
        &format!(
            "INSERT INTO radcheck (username, attribute, op, value) VALUES \
             ('{LEAVER}', 'Cleartext-Password', ':=', '{PASSWORD}'), ('canary', 'Cleartext-Password', ':=', 'x')"
        ),
    );
    logins::tryton_call(
        gnuhealth,
        "model.res.user.create",
        json!([[{"name": "Nina Okafor", "login": LEAVER, "password": PASSWORD, "email": MAILBOX}], {}]),
    )
    .await;
    let bearer = format!("Bearer {}", saas.var("TOKEN"));
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "nurses"});
    let groups = format!("{}/Groups", saas.var("BASE_URL"));
    let (status, answer) = logins::post(&groups, Some(&bearer), &group).await;
    assert_eq!(status, 201, "{answer}");
    let users = format!("{}/Users", saas.var("BASE_URL"));
    for (name, mail) in [(LEAVER, MAILBOX), ("canary", "canary@example.org")] {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "active": true,
            "emails": [{"value": mail}],
        });
        let (status, answer) = logins::post(&users, Some(&bearer), &user).await;
        assert_eq!(status, 201, "{answer}");
    }
}

fn sqlite(file: &str, statement: &str) {
    let (done, output) = logins::run(
        "sqlite3",
        &["-cmd", ".timeout 5000", file, statement],
        &[],
        "",
    );
    assert!(done, "{output}");
}

fn settings(
    port: u16,
    samba: &RealSystem,
    dovecot: &RealSystem,
    freeradius: &RealSystem,
    gnuhealth: &RealSystem,
    saas: &RealSystem,
) -> String {
    let nas: PathBuf = freeradius.var("COA_ADDRESS").into();
    format!(
        r#"
listen = "127.0.0.1:{port}"
database = "sqlite://bridge.db"

[[practice]]
name = "elm"
roles = "roles.toml"

[[practice.source]]
name = "canaille"

[[practice.system]]
name = "directory"
category = "directory"
connector = "ldap"
canary = "Administrator"
[practice.system.settings]
url = "{ldaps}"
flavor = "active_directory"
ca_file = "{ca}"
bind_dn = "{bind_dn}"
bind_password = {{ file = "directory" }}
base_dn = "{base}"
people_ou = "{people}"
group_base = "{people}"
upn_suffix = "{suffix}"

[[practice.system]]
name = "mail"
category = "email"
connector = "dovecot"
canary = "canary@example.org"
forward_to = "{SUPERVISOR}"
[practice.system.settings]
doveadm_url = "{doveadm}"
api_key = {{ file = "doveadm" }}
allow_plain_http = true
user_database = "sqlite://{users}"

[[practice.system]]
name = "vpn"
category = "vpn"
connector = "radius"
canary = "canary"
[practice.system.settings]
database = "sqlite://{radius}"
coa_secret = {{ file = "coa" }}
[practice.system.settings.gateways."127.0.0.1"]
coa_address = "{nas}"

[[practice.system]]
name = "ehr"
category = "ehr"
connector = "tryton"
holds_ephi = true
canary = "{admin}"
[practice.system.settings]
base_url = "{ehr}"
database = "{ehr_database}"
login = "{admin}"
password = {{ file = "ehr" }}
allow_plain_http = true

[[practice.system]]
name = "saas"
category = "saas"
connector = "scim"
canary = "canary"
[practice.system.settings]
base_url = "{scim}"
token = {{ file = "saas" }}
allow_plain_http = true
"#,
        ldaps = samba.var("LDAPS_URL"),
        ca = samba.var("CA_FILE"),
        bind_dn = samba.var("BIND_DN"),
        base = samba.var("BASE_DN"),
        people = samba.var("PEOPLE_DN"),
        suffix = samba.var("UPN_SUFFIX"),
        doveadm = dovecot.var("DOVEADM_URL"),
        users = dovecot.var("USERS_DB"),
        radius = freeradius.var("RADIUS_DB"),
        nas = nas.display(),
        ehr = gnuhealth.var("URL"),
        ehr_database = gnuhealth.var("DATABASE"),
        admin = gnuhealth.var("ADMIN_LOGIN"),
        scim = saas.var("BASE_URL"),
    )
}
