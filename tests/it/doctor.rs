//! What `drawbridge doctor` finds on the machine of a bridge.

use std::process::Command;

use drawbridge::clock::{Clock as _, SystemClock};
use drawbridge_conformance::{TlsFront, TlsManner};
use jiff::{SignedDuration, tz::TimeZone};
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

/// A certificate whose last full day is so many days from now.
fn ending_in(days: i64) -> TlsManner {
    let end = SystemClock.now() + SignedDuration::from_hours(24 * (days + 1));
    let end = end.to_zoned(TimeZone::UTC).date();
    let part = |part: i8| u8::try_from(part).unwrap();
    TlsManner::Ending(end.year().into(), part(end.month()), part(end.day()))
}

/// What `doctor` says where the system speaks TLS in this manner: its exit code, and its findings.
fn doctor_of_a_system(manner: TlsManner) -> (Option<i32>, Vec<Value>) {
    let practice = Practice::new(1, 1, None);
    let front = TlsFront::start(practice.vendors[0].address(), manner);
    let file = practice.folder.path().join("practice-0.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let plain = format!("http://{}/", practice.vendors[0].address());
    let place = front.place();
    let settings = settings
        .replace(&plain, &format!("https://{}/", place.host))
        .replace(
            "allow_plain_http = true",
            &format!(
                "allow_plain_http = true\nca_file = \"{}\"",
                place.ca_file.display()
            ),
        );
    std::fs::write(&file, settings).unwrap();
    doctor(&practice)
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_how_long_the_certificate_of_a_system_is_good() {
    for (days, level, says) in [
        (90, "ok", "90 days left"),
        (20, "warning", "expires in 20 days"),
        (5, "problem", "expires in 5 days"),
    ] {
        let (_, findings) = doctor_of_a_system(ending_in(days));

        let mut own = findings.iter();
        let own = own.find(|finding| finding["what"] == "certificate of saas0 of elm");
        let own = own.unwrap_or_else(|| panic!("{findings:#?}"));
        assert_eq!(own["level"], level, "{own}");
        assert_eq!(own["ok"], level != "problem");
        assert!(own["says"].as_str().unwrap().contains(says), "{own}");
        assert_eq!(problem(&findings, "system saas0 of elm"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_that_the_certificate_of_a_system_has_expired() {
    let (code, findings) = doctor_of_a_system(TlsManner::Expired);

    let says = problem(&findings, "system saas0 of elm").unwrap();
    assert!(says.contains("certificate has expired"), "{says}");
    assert_eq!(code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_when_what_the_bridge_signs_in_with_at_a_system_ends() {
    let practice = Practice::new(1, 1, None);
    let file = practice.folder.path().join("practice-0.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    for (days, level, says) in [
        (90, "ok", "days left"),
        (20, "warning", "`credential_ends`"),
        (5, "problem", "make a new one there"),
        (-2, "problem", "expired at"),
    ] {
        let day = SystemClock.now() + SignedDuration::from_hours(24 * days);
        let day = day.to_zoned(TimeZone::UTC).date();
        let written = format!("settle = \"1s\"\ncredential_ends = {day}");
        std::fs::write(&file, settings.replace("settle = \"1s\"", &written)).unwrap();

        let (_, findings) = doctor(&practice);

        let mut own = findings.iter();
        let own = own.find(|finding| finding["what"] == "credential for saas0 of elm");
        let own = own.unwrap_or_else(|| panic!("{findings:#?}"));
        assert_eq!(own["level"], level, "{own}");
        assert!(own["says"].as_str().unwrap().contains(says), "{own}");
    }
}
