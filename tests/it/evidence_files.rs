//! `drawbridge evidence verify` over files that somebody had in their hands.

use std::process::Command;

use drawbridge::{
    clock::{self, Clock as _},
    evidence::{About, chain},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::TestApp;

/// How a command ended, and what it said.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `drawbridge evidence` over this file, where there is neither a database nor settings.
fn evidence(arguments: &[&str], pack: &str) -> Run {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("nina.jsonl"), pack).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .arg("evidence")
        .args(arguments)
        .arg("nina.jsonl")
        .current_dir(folder.path())
        .env_remove("DRAWBRIDGE_CONFIG")
        .output()
        .unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Nina's own file, and that of the day on which she came and left.
async fn packs() -> [String; 2] {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let (practice, now) = (app.practice(), app.clock.now());
    let day = std::time::Duration::from_secs(86_400);
    let of_nina = About::Person(app.person("nina").await);
    let of_the_day = About::Time(clock::before(now, day), clock::after(now, day));
    let mut packs = Vec::new();
    for about in [of_nina, of_the_day] {
        let export = app.store.export(&practice, &about, "cli:dana", now).await;
        packs.push(export.unwrap().whole().await.unwrap());
    }
    packs.try_into().unwrap()
}

/// The file with another first line, and with its seal put right, as whoever changes it would do.
fn with_first_line(pack: &str, change: impl FnOnce(&mut Value)) -> String {
    let (first, rest) = pack.split_once('\n').unwrap();
    let mut header: Value = serde_json::from_str(first).unwrap();
    change(&mut header);
    sealed_again(&format!("{header}\n{rest}"))
}

fn sealed_again(pack: &str) -> String {
    let cut = pack.trim_end().rfind('\n').unwrap() + 1;
    let body = &pack[..cut];
    let seal = chain::to_hex(&chain::sha256(body.as_bytes()));
    format!("{body}{{\"sealed\":\"{seal}\"}}\n")
}

/// As a version would have written it in which nothing says how many records must be shown.
fn of_the_second_version(pack: &str) -> String {
    with_first_line(pack, |header| {
        header["format"] = "drawbridge-evidence-2".into();
        header.as_object_mut().unwrap().remove("pack");
    })
}

/// The file without the text of its last but one record, whose hash stays.
fn with_a_record_hidden(pack: &str) -> String {
    let mut lines: Vec<String> = pack.lines().map(str::to_owned).collect();
    // Behind it are the note of the file and the seal.
    let end = lines.len() - 2;
    let hidden = lines[..end].iter_mut().rev().find_map(|line| {
        let mut link: Value = serde_json::from_str(line).unwrap();
        let text = link.as_object_mut().unwrap().remove("text")?;
        link["text_hash"] = chain::to_hex(&chain::text_hash(text.as_str().unwrap())).into();
        *line = link.to_string();
        Some(())
    });
    hidden.unwrap();
    sealed_again(&format!("{}\n", lines.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_older_version_is_taken_only_by_whoever_says_so_and_proves_less() {
    for pack in packs().await {
        let older = of_the_second_version(&pack);
        // What is left out of it is what such a file cannot show.
        let without = with_a_record_hidden(&older);

        let honest = evidence(&["verify"], &pack);
        let refused = evidence(&["verify"], &older);
        let listed = evidence(&["doors"], &older);
        let left_out = evidence(&["verify"], &without);
        let taken = evidence(&["verify", "--older"], &older);
        let as_json = evidence(&["verify", "--older", "--json"], &older);
        let of_now = evidence(&["verify", "--older"], &with_a_record_hidden(&pack));

        assert_eq!(honest.code, Some(0), "{}", honest.err);
        assert!(honest.out.contains("none is left out, up to record"));
        for run in [&refused, &listed, &left_out] {
            assert_eq!(run.code, Some(5), "{}", run.err);
            assert!(run.err.contains("older version") && run.err.contains("--older"));
            assert_eq!(run.out, "", "nothing is said of what is not proved");
        }
        assert_eq!(taken.code, Some(0), "{}", taken.err);
        assert!(taken.out.contains("does not prove that none is left out"));
        assert_eq!(as_json.code, Some(0), "{}", as_json.err);
        let proof: Value = serde_json::from_str(&as_json.out).unwrap();
        assert_eq!(proof["whole_to"], Value::Null);
        assert_eq!(of_now.code, Some(5), "it is no older one: {}", of_now.out);
        assert!(of_now.err.contains("some were left out"), "{}", of_now.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_record_is_broken_in_a_file_of_whatever_version() {
    let [of_nina, _] = packs().await;
    let changed = of_nina.replacen("case.opened", "case.closed", 1);
    let changed = sealed_again(&changed);

    for (arguments, pack) in [
        (&["verify"][..], changed.clone()),
        (&["verify", "--older"], of_the_second_version(&changed)),
    ] {
        let run = evidence(arguments, &pack);

        assert_eq!(run.code, Some(5), "{}", run.out);
        assert!(run.err.contains("was changed"), "{}", run.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_given_another_date_or_another_time_is_refused() {
    let [of_nina, of_the_day] = packs().await;
    let last_year = Value::from("2025-11-20T17:02:00.000Z");
    let re_dated = |pack: &str| {
        with_first_line(pack, |header| {
            assert_ne!(header["exported"], last_year);
            header["exported"] = last_year.clone();
        })
    };
    let wider = with_first_line(&of_the_day, |header| {
        header["period"]["from"] = last_year.clone();
    });

    for pack in [re_dated(&of_nina), re_dated(&of_the_day), wider] {
        for arguments in [
            &["verify"][..],
            &["verify", "--older"],
            &["verify", "--json"],
            &["doors", "--older"],
        ] {
            let run = evidence(arguments, &pack);

            assert_eq!(run.code, Some(5), "{arguments:?}: {}", run.out);
            assert!(run.err.contains("the last record does not count"));
            assert_eq!(run.out, "", "{arguments:?}");
        }
    }
}
