//! What each identity provider sends, replayed: one file under `idp/` per thing that happens.
//!
//! A file says what happens (`about`), as which source (`source`, `entra` if not said), and the
//! requests in order. Of each answer it gives the status and the facts that matter, by JSON pointer;
//! `null` is "not there". `remember` keeps a part of an answer under a name, which stands in braces
//! wherever it is used later. `changes` is what the ledger then says happened to each person.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::support::{
    TestApp,
    provider::{Answer, Provider},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    about: String,
    #[serde(default = "usual_source")]
    source: String,
    steps: Vec<Step>,
    #[serde(default)]
    changes: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    status: u16,
    #[serde(default)]
    expect: BTreeMap<String, Value>,
    #[serde(default)]
    remember: BTreeMap<String, String>,
}

fn usual_source() -> String {
    "entra".to_owned()
}

/// The parts of answers that were remembered, by name.
type Memory = BTreeMap<String, String>;

macro_rules! replay {
    ($($name:ident: $folder:literal),+ $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            replay_folder($folder).await;
        }
    )+

        #[test]
        fn every_folder_of_recordings_is_replayed() {
            let mut folders: Vec<String> = fs::read_dir(recordings())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            folders.sort();

            assert_eq!(folders, [$($folder),+]);
        }
    };
}

replay! {
    authentik_is_understood: "authentik",
    canaille_is_understood: "canaille",
    entra_is_understood: "entra",
    google_is_understood: "google",
    jumpcloud_is_understood: "jumpcloud",
    okta_is_understood: "okta",
    pingfederate_is_understood: "pingfederate",
    rauthy_is_understood: "rauthy",
}

fn recordings() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/idp"))
}

async fn replay_folder(folder: &str) {
    let mut files: Vec<_> = fs::read_dir(recordings().join(folder))
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let mut wrong = Vec::new();
    for file in files {
        let recording: Recording = serde_json::from_str(&fs::read_to_string(&file).expect("text"))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = format!("{folder}/{}", file.file_name().expect("a name").display());
        wrong.extend(
            replay(&recording)
                .await
                .into_iter()
                .map(|problem| format!("{name} ({}): {problem}", recording.about)),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

async fn replay(recording: &Recording) -> Vec<String> {
    let app = TestApp::start().await;
    let provider = app.provider(&recording.source).await;
    let mut memory = Memory::new();
    let mut wrong = Vec::new();
    for (number, step) in recording.steps.iter().enumerate() {
        let answer = send(&provider, step, &memory).await;
        wrong.extend(
            problems(step, &answer, &memory)
                .into_iter()
                .map(|problem| format!("step {}: {problem}", number + 1)),
        );
        for (name, pointer) in &step.remember {
            match answer.body.pointer(pointer).and_then(Value::as_str) {
                Some(text) => {
                    memory.insert(name.clone(), text.to_owned());
                }
                None => wrong.push(format!("step {}: no {pointer} to remember", number + 1)),
            }
        }
        // Nothing that follows would mean anything.
        if !wrong.is_empty() {
            return wrong;
        }
    }
    for (user_name, expected) in &recording.changes {
        let history = app.history(user_name).await;
        let changes: Vec<&str> = history
            .iter()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|what| what.starts_with("change."))
            .collect();
        if changes != *expected {
            wrong.push(format!("{user_name}: {changes:?} instead of {expected:?}"));
        }
    }
    wrong
}

async fn send(provider: &Provider, step: &Step, memory: &Memory) -> Answer {
    let mut headers: Vec<(&str, &str)> = step
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let announces = |name: &str| name.eq_ignore_ascii_case("content-type");
    if step.body.is_some() && !headers.iter().any(|(name, _)| announces(name)) {
        headers.push(("content-type", "application/scim+json; charset=utf-8"));
    }
    let body = step
        .body
        .as_ref()
        .map(|body| recalled(&body.to_string(), memory));
    let path = recalled(&step.path, memory);
    provider
        .send_raw(
            &step.method,
            &escaped(&path),
            &headers,
            body.unwrap_or_default().into_bytes(),
        )
        .await
}

fn problems(step: &Step, answer: &Answer, memory: &Memory) -> Vec<String> {
    let what = format!("{} {}", step.method, step.path);
    let mut problems = Vec::new();
    if answer.status != step.status {
        problems.push(format!(
            "{what} answered {} instead of {}: {}",
            answer.status, step.status, answer.body
        ));
    }
    let has_body = answer.body != Value::String(String::new());
    if has_body && answer.header("content-type") != "application/scim+json" {
        problems.push(format!("{what} answered {:?}", answer.headers));
    }
    for (pointer, expected) in &step.expect {
        let expected: Value =
            serde_json::from_str(&recalled(&expected.to_string(), memory)).expect("JSON");
        let found = answer.body.pointer(pointer).unwrap_or(&Value::Null);
        if *found != expected {
            problems.push(format!(
                "{what}: {pointer} is {found} instead of {expected}"
            ));
        }
    }
    problems
}

/// Puts what was remembered where its name stands in braces.
fn recalled(text: &str, memory: &Memory) -> String {
    memory.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// The recordings are written for people; on the wire a query has no spaces, quotes or brackets.
fn escaped(path: &str) -> String {
    path.replace(' ', "%20")
        .replace('"', "%22")
        .replace('[', "%5B")
        .replace(']', "%5D")
}
