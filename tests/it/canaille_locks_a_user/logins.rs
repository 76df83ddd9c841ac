//! Logging in with each system's own clients.

use std::process::{Command, Stdio};

use drawbridge_conformance::RealSystem;
use serde_json::{Value, json};

/// Her password everywhere.
pub const PASSWORD: &str = "Nina-Passw0rd-1";

/// A simple bind as the person.
pub fn ldap(samba: &RealSystem, login: &str) -> bool {
    let user = format!("{login}@{}", samba.var("UPN_SUFFIX"));
    run(
        "ldapsearch",
        &[
            "-x",
            "-H",
            samba.var("LDAPS_URL"),
            "-D",
            &user,
            "-w",
            PASSWORD,
            "-s",
            "base",
            "-b",
            "",
            "dn",
        ],
        &[("LDAPTLS_CACERT", samba.var("CA_FILE"))],
        "",
    )
    .0
}

/// An IMAP login.
pub fn imap(dovecot: &RealSystem, address: &str) -> bool {
    let url = format!("imap://{}/", dovecot.var("IMAP_ADDRESS"));
    run(
        "curl",
        &[
            "--silent",
            "--max-time",
            "20",
            "--user",
            &format!("{address}:{PASSWORD}"),
            &url,
        ],
        &[],
        "",
    )
    .0
}

/// A RADIUS Access-Request.
pub fn radius(freeradius: &RealSystem, login: &str) -> bool {
    let request =
        format!("User-Name={login}\nUser-Password={PASSWORD}\nMessage-Authenticator=0x00\n");
    let server = freeradius.var("AUTH_ADDRESS");
    let (_, output) = run(
        "radclient",
        &[
            "-x",
            "-t",
            "5",
            "-r",
            "1",
            server,
            "auth",
            freeradius.var("SECRET"),
        ],
        &[],
        &request,
    );
    output.contains("Received Access-Accept")
}

/// A JSON-RPC login.
pub async fn tryton(server: &RealSystem, login: &str, password: &str) -> Option<(i64, String)> {
    let body = json!({"id": 1, "method": "common.db.login", "params": [login, {"password": password}, "en"]});
    let (status, answer) = post(&tryton_url(server), None, &body).await;
    let result = answer.get("result").filter(|_| status == 200)?;
    Some((
        result.get(0)?.as_i64()?,
        result.get(1)?.as_str()?.to_owned(),
    ))
}

/// A JSON-RPC call in the administrator's session.
pub async fn tryton_call(server: &RealSystem, method: &str, params: Value) -> Value {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let admin = server.var("ADMIN_LOGIN");
    let (id, session) = tryton(server, admin, server.var("ADMIN_PASSWORD"))
        .await
        .expect("the administrator logs in");
    let session = format!(
        "Session {}",
        STANDARD.encode(format!("{admin}:{id}:{session}"))
    );
    let body = json!({"id": 2, "method": method, "params": params});
    let (status, answer) = post(&tryton_url(server), Some(&session), &body).await;
    assert!(
        status == 200 && answer.get("error").is_none(),
        "{method}: {status} {answer}"
    );
    answer["result"].clone()
}

fn tryton_url(server: &RealSystem) -> String {
    format!("{}/{}/", server.var("URL"), server.var("DATABASE"))
}

/// POSTs JSON; answers status and body.
pub async fn post(url: &str, authorization: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = client()
        .post(url)
        .header("Content-Type", "application/json")
        .body(body.to_string());
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let answer = request.send().await.expect("the system answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// GETs JSON with a bearer token.
pub async fn get(url: &str, token: &str) -> Value {
    let answer = client()
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .expect("the system answers");
    serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
}

fn client() -> reqwest::Client {
    drawbridge_sdk::http::install_tls_provider();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

/// Runs a program; answers whether it succeeded, and what it printed.
pub fn run(
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
) -> (bool, String) {
    use std::io::Write as _;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes())
        .expect("input is read");
    let output = child.wait_with_output().expect("it ends");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}
