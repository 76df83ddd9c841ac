//! A real identity provider signs people in to the console of the real program, and pushes to it.
//!
//! A browser without scripts goes the whole way: the console, Canaille's own pages, and back.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use drawbridge_conformance::RealSystem;
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use url::Url;

use crate::canaille_locks_a_user::practice::{drawbridge, free_port, wait_for};

const PASSWORD: &str = "Idp-Passw0rd-1";
const CLIENT_SECRET: &str = "console-Secret-1";

/// A practice with Canaille as its identity provider, and the program beside it.
struct House {
    canaille: RealSystem,
    folder: TempDir,
    console: String,
    /// The id of the token that Canaille pushes with.
    token: String,
    server: Child,
}

impl House {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file can be written");
        };
        let begins = format!("listen = \"127.0.0.1:{port}\"\ndatabase = \"sqlite://bridge.db\"\n");
        let practice = "[[practice]]\nname = \"elm\"\ntitle = \"Elm Street\"\n[[practice.source]]\nname = \"canaille\"\n";
        write("practice.toml", &format!("{begins}{practice}"));
        write("client-secret", CLIENT_SECRET);
        let make_token = [
            "token",
            "create",
            "--practice",
            "elm",
            "--source",
            "canaille",
        ];
        let token = drawbridge(folder.path(), &make_token);
        let console = format!("http://127.0.0.1:{port}");
        let push_url = format!("{console}/scim/v2");
        let canaille = RealSystem::start_with(
            "canaille",
            &[("PUSH_URL", &push_url), ("PUSH_TOKEN", token.trim())],
        );
        write(
            "practice.toml",
            &format!(
                "{begins}[console]\nurl = \"{console}\"\nfresh_for = \"5 s\"\n[console.oidc]\ntitle = \"Canaille\"\nissuer = \"{}\"\n\
                 client_id = \"console\"\nclient_secret = {{ file = \"client-secret\" }}\ntrust_email = true\n\
                 allow_plain_http = true\n{practice}",
                canaille.var("URL")
            ),
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
        let house = Self {
            canaille,
            folder,
            console,
            token: token.split('_').nth(2).expect("an id").to_owned(),
            server,
        };
        house.register_the_console();
        house
    }

    fn canaille(&self, arguments: &[&str]) {
        let output = Command::new(self.canaille.var("CANAILLE_BIN"))
            .args(arguments)
            .env("CANAILLE_CONFIG", self.canaille.var("CANAILLE_CONFIG"))
            .output()
            .expect("canaille runs");
        assert!(
            output.status.success(),
            "canaille {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn register_the_console(&self) {
        let back = format!("{}/sign-in/back", self.console);
        self.canaille(&[
            "create",
            "client",
            "--client-name",
            "Drawbridge",
            "--client-id",
            "console",
            "--client-secret",
            CLIENT_SECRET,
            "--client-uri",
            &self.console,
            "--redirect-uris",
            &back,
            "--grant-types",
            "authorization_code",
            "--response-types",
            "code",
            "--token-endpoint-auth-method",
            "client_secret_basic",
            "--scope",
            "openid",
            "--scope",
            "profile",
            "--scope",
            "email",
        ]);
        // Who it is for can be said of a client that is there already only.
        self.canaille(&["set", "client", "console", "--audience", "console"]);
    }

    fn hire(&self, name: &str) {
        let email = format!("{name}@example.org");
        self.canaille(&[
            "create",
            "user",
            "--user-name",
            name,
            "--password",
            PASSWORD,
            "--given-name",
            name,
            "--family-name",
            "Ruiz",
            "--formatted-name",
            name,
            "--emails",
            &email,
        ]);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A browser without scripts, which follows redirects and keeps cookies for each host.
struct Visitor {
    client: reqwest::Client,
    cookies: Mutex<BTreeMap<(u16, String), String>>,
}

/// Where a visitor ended up.
struct Arrived {
    at: Url,
    status: StatusCode,
    text: String,
}

impl Arrived {
    /// The value of a hidden field.
    fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let from = self.text.find(&start).map(|at| at + start.len());
        from.and_then(|from| self.text[from..].split('"').next())
            .unwrap_or_default()
            .to_owned()
    }
}

impl Visitor {
    fn new() -> Self {
        drawbridge_sdk::http::install_tls_provider();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            client: client.expect("a client"),
            cookies: Mutex::default(),
        }
    }

    async fn go(&self, url: &str) -> Arrived {
        self.send(url, None).await
    }

    async fn send(&self, url: &str, form: Option<&[(&str, &str)]>) -> Arrived {
        let mut at = Url::parse(url).expect("an address");
        let mut form = form;
        for _ in 0..12 {
            let port = at.port().expect("a port");
            let method = if form.is_some() {
                Method::POST
            } else {
                Method::GET
            };
            let mut request = self.client.request(method, at.clone());
            let cookies: Vec<String> = {
                let kept = self.cookies.lock().expect("cookies");
                let of_host = kept.iter().filter(|((host, _), _)| *host == port);
                of_host
                    .map(|((_, name), value)| format!("{name}={value}"))
                    .collect()
            };
            if !cookies.is_empty() {
                request = request.header("cookie", cookies.join("; "));
            }
            if let Some(fields) = form.take() {
                let origin = at.origin().ascii_serialization();
                request = request.header("origin", origin).form(fields);
            }
            let answer = request.send().await.expect("an answer");
            for set in answer.headers().get_all("set-cookie") {
                let pair = set.to_str().unwrap_or_default().split(';').next();
                if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                    let mut kept = self.cookies.lock().expect("cookies");
                    kept.insert((port, name.to_owned()), value.to_owned());
                }
            }
            let location = answer.headers().get("location");
            if let Some(location) = location.and_then(|location| location.to_str().ok()) {
                at = at.join(location).expect("an address");
                continue;
            }
            return Arrived {
                at,
                status: answer.status(),
                text: answer.text().await.expect("a body"),
            };
        }
        panic!("led around in circles, last to {at}");
    }

    /// Fills in Canaille's forms: the name, if it asks for it, and the password.
    async fn sign_in_there(&self, page: Arrived, name: &str) -> Arrived {
        let mut page = page;
        if page.at.path() == "/login" {
            let token = page.field("csrf_token");
            let fields = [("csrf_token", token.as_str()), ("login", name)];
            page = self.send(page.at.as_str(), Some(&fields)).await;
        }
        assert_eq!(page.at.path(), "/auth/password", "{}", page.text);
        let token = page.field("csrf_token");
        let fields = [("csrf_token", token.as_str()), ("password", PASSWORD)];
        self.send(page.at.as_str(), Some(&fields)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn canaille_signs_in_whoever_was_invited_and_nobody_else() {
    let house = House::start();
    house.hire("dana");
    house.hire("mallory");
    let invite = [
        "admin",
        "invite",
        "--name",
        "Dana Ruiz",
        "--role",
        "owner",
        "--email",
        "dana@example.org",
    ];
    drawbridge(house.folder.path(), &invite);
    let (dana, mallory) = (Visitor::new(), Visitor::new());

    let door = dana.go(&format!("{}/sign-in", house.console)).await;
    let there = dana
        .go(&format!("{}/sign-in/with?next=/people", house.console))
        .await;
    let is_there = house
        .canaille
        .var("URL")
        .contains(&there.at.authority().to_owned());
    let inside = dana.sign_in_there(there, "dana").await;
    let there = mallory.go(&format!("{}/sign-in/with", house.console)).await;
    let outside = mallory.sign_in_there(there, "mallory").await;

    assert!(door.text.contains("Sign in by Canaille"));
    assert!(is_there);
    assert_eq!(
        inside.status,
        StatusCode::OK,
        "{}\n{}",
        inside.text,
        house.log()
    );
    assert_eq!(inside.at.as_str(), format!("{}/people", house.console));
    assert!(inside.text.contains("Dana Ruiz") && inside.text.contains("mallory"));
    assert_eq!(outside.status, StatusCode::FORBIDDEN, "{}", house.log());
    assert_eq!(outside.at.path(), "/sign-in/back");
    let board = mallory.go(&house.console).await;
    assert_eq!(board.status, StatusCode::UNAUTHORIZED);
    for secret in [
        PASSWORD,
        CLIENT_SECRET,
        "dana@example.org",
        "mallory@example.org",
    ] {
        assert!(!house.log().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn canaille_asks_anew_before_evidence_is_taken_away() {
    let house = House::start();
    house.hire("dana");
    let invite = [
        "admin",
        "invite",
        "--name",
        "Dana Ruiz",
        "--role",
        "owner",
        "--email",
        "dana@example.org",
    ];
    drawbridge(house.folder.path(), &invite);
    let dana = Visitor::new();
    let there = dana
        .go(&format!("{}/sign-in/with?next=/people", house.console))
        .await;
    let people = dana.sign_in_there(there, "dana").await;
    let person = people.text.split("href=\"/people/").nth(1);
    let person = person.and_then(|text| text.split('"').next());
    let export = format!(
        "{}/people/{}/evidence",
        house.console,
        person.expect("a person")
    );
    let csrf = people.field("csrf");

    // Five seconds after she signed in her word is not taken any more.
    let mut asked = dana.send(&export, Some(&[("csrf", &csrf)])).await;
    while asked.status == StatusCode::OK {
        std::thread::park_timeout(Duration::from_millis(250));
        asked = dana.send(&export, Some(&[("csrf", &csrf)])).await;
    }
    let kept = asked.text.split("/kept/").nth(1);
    let kept = kept
        .and_then(|kept| kept.split('"').next())
        .expect("a place");
    let way = format!("{}/sign-in/with?for=proof&next=/kept/{kept}", house.console);
    let there = dana.go(&way).await;
    let is_asked_for_the_password = there.at.path() == "/auth/password";
    let back = dana.sign_in_there(there, "dana").await;
    let csrf = back.field("csrf");
    let file = dana
        .send(&export, Some(&[("csrf", &csrf), ("kept", kept)]))
        .await;

    assert_eq!(asked.status, StatusCode::UNAUTHORIZED, "{}", house.log());
    assert!(asked.text.contains("Prove it by Canaille"));
    assert!(is_asked_for_the_password);
    assert_eq!(back.at.path(), format!("/kept/{kept}"), "{}", house.log());
    assert_eq!(file.status, StatusCode::OK, "{}", file.text);
    assert!(file.text.contains("evidence.exported"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_push_of_canaille_arrives_on_the_page_that_waits_for_it() {
    let house = House::start();
    let invite = ["admin", "invite", "--name", "Dana Ruiz", "--role", "owner"];
    let link = drawbridge(house.folder.path(), &invite);
    let dana = Visitor::new();
    let door = dana.go(link.trim()).await;
    let link = door.field("link");
    let sign_in = format!("{}/sign-in", house.console);
    let board = dana.send(&sign_in, Some(&[("link", &link)])).await;
    let page = format!("{}/settings/tokens/{}/first", house.console, house.token);

    let waiting = dana.go(&page).await;
    house.hire("nina");
    let mut came = dana.go(&page).await;
    while !came.text.contains("The first request came") {
        std::thread::park_timeout(Duration::from_millis(50));
        came = dana.go(&page).await;
    }
    let steps = dana.go(&format!("{}/start", house.console)).await;

    assert_eq!(board.status, StatusCode::OK);
    assert!(
        board.text.contains("First steps</a>: 2 of 7 done"),
        "{}",
        board.text
    );
    assert!(
        waiting.text.contains("Waiting for the first request"),
        "{}",
        waiting.text
    );
    assert!(came.text.contains("canaille reaches this bridge"));
    assert!(came.text.contains("answered 200"), "{}", came.text);
    assert!(came.text.contains("from 127.0.0.1"));
    assert!(steps.text.contains("1 person so far"), "{}", steps.text);
}
