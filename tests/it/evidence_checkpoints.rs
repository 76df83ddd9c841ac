//! `drawbridge evidence checkpoint`: what whoever holds the database can no longer make undone.

use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

const SETTINGS: &str = r#"database = "sqlite://bridge.db"
checkpoint_key = { file = "checkpoint.pem" }
[[practice]]
name = "elm"
roles = "roles.toml"
[[practice.source]]
name = "entra"
[[practice.system]]
name = "ehr"
category = "ehr"
connector = "sandbox"
canary = "canary"
"#;

const ROLES: &str =
    "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehr = \"nurse\"\n";

/// How a command ended, and what it said.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A practice whose ledger has some records, and a key for its checkpoints.
struct Practice {
    folder: TempDir,
}

impl Practice {
    fn new() -> Self {
        let practice = Self {
            folder: TempDir::new().unwrap(),
        };
        practice.write("practice.toml", SETTINGS);
        practice.write("roles.toml", ROLES);
        practice.write("checkpoint.pem", &new_key());
        practice
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DRAWBRIDGE_CONFIG", "practice.toml")
            .output()
            .unwrap();
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Has records written: each token is one.
    fn live_on(&self, records: usize) {
        for _ in 0..records {
            let run = self.run(&["token", "create", "--practice", "elm", "--source", "entra"]);
            assert_eq!(run.code, Some(0), "{}", run.err);
        }
    }

    /// Signs how far the chain has come, into a file.
    fn checkpoint(&self, name: &str) {
        let run = self.run(&["evidence", "checkpoint"]);
        assert_eq!(run.code, Some(0), "{}", run.err);
        self.write(name, &run.out);
    }

    fn export(&self, name: &str) {
        let day = ["--from", "2026-01-01", "--to", "2026-01-01"];
        let run = self.run(&[&["evidence", "export", "--out", name], &day[..]].concat());
        assert_eq!(run.code, Some(0), "{}", run.err);
    }

    fn verify(&self, name: &str, arguments: &[&str]) -> Run {
        self.run(&[&["evidence", "verify", name], arguments].concat())
    }

    /// Has the newest records never have been written, as whoever holds the database could.
    fn drop_newest(&self, records: i64) {
        let database = Connection::open(self.folder.path().join("bridge.db")).unwrap();
        let forge = format!(
            "DROP TRIGGER evidence_is_never_deleted;
             DELETE FROM evidence WHERE sequence > (SELECT MAX(sequence) FROM evidence) - {records};
             UPDATE practice SET (ledger_sequence, ledger_hash) =
                 (SELECT sequence, hash FROM evidence ORDER BY sequence DESC LIMIT 1);
             CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON evidence
             BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END;"
        );
        database.execute_batch(&forge).unwrap();
    }
}

fn new_key() -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    key.serialize_pem()
}

/// What `doctor` says of checkpoints.
fn doctor(practice: &Practice) -> Value {
    let run = practice.run(&["doctor", "--json"]);
    let findings: Vec<Value> = serde_json::from_str(&run.out).unwrap();
    let mut findings = findings.into_iter();
    findings
        .find(|finding| finding["what"] == "checkpoints")
        .unwrap()
}

#[test]
fn a_checkpoint_covers_what_was_there_then_and_whose_key_it_is_can_be_asked() {
    let practice = Practice::new();
    practice.live_on(3);
    practice.checkpoint("kept.txt");
    practice.live_on(2);
    practice.export("elm.jsonl");
    let says = doctor(&practice)["says"].to_string();
    let kept = std::fs::read_to_string(practice.folder.path().join("kept.txt")).unwrap();
    let key = kept.lines().find_map(|line| line.strip_prefix("key: "));
    let key = key.unwrap().to_owned();
    practice.write("changed.txt", &kept.replace("records: 3", "records: 2"));

    let asked = ["--checkpoint", "kept.txt", "--key", &key];
    let covered = practice.verify("elm.jsonl", &asked);
    let as_json = practice.verify("elm.jsonl", &["--checkpoint", "kept.txt", "--json"]);
    let stranger = ["--checkpoint", "kept.txt", "--key", "AAAA"];
    let stranger = practice.verify("elm.jsonl", &stranger);
    let changed = practice.verify("elm.jsonl", &["--checkpoint", "changed.txt"]);

    assert!(kept.starts_with("drawbridge-checkpoint-1\npractice: elm\nrecords: 3\n"));
    assert!(says.contains(&key), "{says}");
    assert_eq!(covered.code, Some(0), "{}", covered.err);
    assert!(
        covered
            .out
            .contains("records 1 to 3 are those that the key")
    );
    assert!(!covered.out.contains("a chain alone"), "{}", covered.out);
    let json: Value = serde_json::from_str(&as_json.out).unwrap();
    assert_eq!(json["checkpoints"][0]["covers"], true);
    assert_eq!(json["checkpoints"][0]["records"], 3);
    assert_eq!(stranger.code, Some(5));
    assert!(stranger.err.contains("another key"), "{}", stranger.err);
    assert_eq!(changed.code, Some(5));
    assert!(changed.err.contains("was changed"), "{}", changed.err);
}

#[test]
fn a_checkpoint_shows_that_the_end_was_cut_off_or_written_anew() {
    for (dropped, says) in [
        (4, "its end was cut off"),
        (1, "the chain was written anew"),
    ] {
        let practice = Practice::new();
        practice.live_on(6);
        practice.checkpoint("kept.txt");
        practice.drop_newest(dropped);
        practice.export("elm.jsonl");

        let alone = practice.verify("elm.jsonl", &[]);
        let held = practice.verify("elm.jsonl", &["--checkpoint", "kept.txt"]);

        assert_eq!(alone.code, Some(0), "the chain alone shows nothing");
        assert_eq!(held.code, Some(5), "{}", held.out);
        assert!(held.err.contains(says), "{}", held.err);
        assert_eq!(held.out, "");
    }
}

#[test]
fn a_checkpoint_of_later_covers_nothing_and_says_so() {
    let practice = Practice::new();
    practice.live_on(1);
    practice.export("elm.jsonl");
    practice.live_on(1);
    practice.checkpoint("later.txt");

    let held = practice.verify("elm.jsonl", &["--checkpoint", "later.txt"]);

    assert_eq!(held.code, Some(1), "{}", held.err);
    assert!(held.out.contains("was made after this file"));
}

#[test]
fn nothing_is_signed_without_records_without_a_key_or_over_a_broken_chain() {
    let practice = Practice::new();
    let sign = || practice.run(&["evidence", "checkpoint"]);

    let empty = sign();
    practice.live_on(2);
    practice.write("checkpoint.pem", "no key at all");
    let (unusable, problem) = (sign(), doctor(&practice));
    let without = SETTINGS.replace("checkpoint_key = { file = \"checkpoint.pem\" }\n", "");
    practice.write("practice.toml", &without);
    let (missing, warning) = (sign(), doctor(&practice));
    practice.write("practice.toml", SETTINGS);
    practice.write("checkpoint.pem", &new_key());
    let database = Connection::open(practice.folder.path().join("bridge.db")).unwrap();
    database
        .execute_batch(
            "DROP TRIGGER evidence_is_never_changed;
             UPDATE evidence SET text = replace(text, 'entra', 'okta!') WHERE sequence = 1",
        )
        .unwrap();
    let broken = sign();

    assert_eq!(empty.code, Some(1), "{}", empty.err);
    for run in [&unusable, &missing] {
        assert_eq!(run.code, Some(3), "{}", run.err);
        assert!(run.err.contains("openssl genpkey"), "{}", run.err);
    }
    assert_eq!(problem["level"], "problem");
    assert_eq!(warning["level"], "warning");
    assert_eq!(warning["ok"], true);
    assert_eq!(broken.code, Some(5), "{}", broken.err);
    for run in [empty, unusable, missing, broken] {
        assert_eq!(run.out, "", "nothing is signed");
    }
}
