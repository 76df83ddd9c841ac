//! What `drawbridge doctor` finds on the machine of a bridge.

use std::process::Command;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rusqlite::Connection;
use serde_json::Value;

use crate::crash::practice::Practice;

/// Runs it, and answers its exit code and findings.
fn doctor(practice: &Practice) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .args(["doctor", "--config", "practice-0.toml", "--json"])
        .current_dir(practice.folder.path())
        .output()
        .unwrap();
    let findings = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code(), findings)
}

/// What it says of one thing, if that is a problem.
fn problem<'a>(findings: &'a [Value], what: &str) -> Option<&'a str> {
    let mut findings = findings.iter();
    let own = findings.find(|finding| finding["what"] == what);
    let own = own.unwrap_or_else(|| panic!("nothing is said of {what}"));
    (own["ok"] == false).then(|| own["says"].as_str().unwrap())
}

const MACHINE: [&str; 6] = [
    "database",
    "disk",
    "ballast",
    "second ledger",
    "clock",
    "token of entra of elm",
];

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_nothing_beside_a_bridge_that_is_well() {
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    practice.hire("nina").await.unwrap();

    let (code, findings) = doctor(&practice);

    for what in MACHINE {
        assert_eq!(problem(&findings, what), None, "{what}");
    }
    assert_eq!(code, Some(0), "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_what_is_wrong_on_the_machine_and_the_way_out() {
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    practice.hire("nina").await.unwrap();
    practice.bridges[0].kill();
    let folder = practice.folder.path().to_owned();
    std::fs::remove_file(folder.join("bridge.db.ballast")).unwrap();
    std::fs::write(folder.join("bridge.db.second"), "{\"hash\":\"?\"}\n").unwrap();
    let database = Connection::open(folder.join("bridge.db")).unwrap();
    let in_a_year = "INSERT INTO evidence (practice, sequence, text, hash)
        SELECT practice, sequence + 1, '{\"when\":\"2999-01-01T00:00:00.000Z\"}', hash FROM evidence
        ORDER BY sequence DESC LIMIT 1";
    database.execute_batch(in_a_year).unwrap();
    database
        .execute_batch("UPDATE token SET expires = '2020-01-01T00:00:00.000Z'")
        .unwrap();
    let mut params = CertificateParams::new(["bridge.elm.example".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2020, 3, 9);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    let file = folder.join("practice-0.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let tls = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n[[practice]]\nname";
    std::fs::write(&file, settings.replacen("[[practice]]\nname", tls, 1)).unwrap();

    let (code, findings) = doctor(&practice);

    assert_eq!(code, Some(1));
    for (what, way_out) in [
        ("ballast", "MB free"),
        ("second ledger", "keep a copy as evidence"),
        ("clock", "follow a time server"),
        ("token of entra of elm", "drawbridge token create"),
        ("certificate of the listener", "renew the certificate"),
        ("chain of elm", "restore a backup"),
    ] {
        let says = problem(&findings, what).unwrap_or_else(|| panic!("{what} is no problem"));
        assert!(says.contains(way_out), "{what}: {says}");
    }
}
