//! Bad input gets a message that names the place and the way out, the right exit code, and writes nothing.

use std::{path::Path, process::Command};

use serde_json::json;
use tempfile::TempDir;

use crate::support::TestApp;

const SETTINGS: &str = r#"database = "sqlite://bridge.db"
[[practice]]
name = "elm"
roles = "roles.toml"
[[practice.source]]
name = "entra"
[[practice.system]]
name = "ehr"
category = "ehr"
connector = "scim"
[practice.system.settings]
base_url = "https://ehr.example/scim/v2"
token = { env = "EHR_TOKEN_OF_THIS_TEST" }
"#;

const ROLES: &str =
    "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehr = \"nurse\"\n";

struct Run {
    code: Option<i32>,
    says: String,
    folder: TempDir,
}

/// Runs `drawbridge serve` over these files; the token's variable is set.
fn serve(settings: &str, roles: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("practice.toml"), settings).unwrap();
    std::fs::write(folder.path().join("roles.toml"), roles).unwrap();
    let output = drawbridge(folder.path(), &["serve", "--config", "practice.toml"]);
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    Run {
        code: output.status.code(),
        says,
        folder,
    }
}

fn drawbridge(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_drawbridge"))
        .args(arguments)
        .current_dir(folder)
        .env("EHR_TOKEN_OF_THIS_TEST", "secret-token")
        .env_remove("DRAWBRIDGE_CONFIG")
        .output()
        .unwrap()
}

impl Run {
    fn must_say(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(3), "{}", self.says);
        for part in parts {
            assert!(self.says.contains(part), "`{part}` in: {}", self.says);
        }
        assert!(
            !self.folder.path().join("bridge.db").exists(),
            "nothing is written"
        );
    }
}

#[test]
fn an_unknown_key_is_named_with_file_line_and_the_known_keys() {
    let run = serve(&SETTINGS.replace("category =", "categori ="), ROLES);

    run.must_say(&["practice.toml:9", "categori", "category"]);
}

#[test]
fn a_secret_reference_that_leads_nowhere_is_named() {
    let run = serve(
        &SETTINGS.replace("EHR_TOKEN_OF_THIS_TEST", "EHR_TOKEN_NOBODY_SET"),
        ROLES,
    );

    run.must_say(&["system `ehr`", "EHR_TOKEN_NOBODY_SET", "export it"]);
}

#[test]
fn an_unknown_connector_is_named_with_the_nearest() {
    let run = serve(&SETTINGS.replace("\"scim\"", "\"skim\""), ROLES);

    run.must_say(&["practice.toml:10", "`skim`", "did you mean `scim`?"]);
}

#[test]
fn an_unknown_key_of_a_connector_is_named_with_its_system() {
    let run = serve(&SETTINGS.replace("base_url", "base_uri"), ROLES);

    run.must_say(&["system `ehr`", "base_uri", "base_url"]);
}

#[test]
fn a_roles_file_naming_a_system_that_does_not_exist_is_named_with_its_line() {
    let run = serve(SETTINGS, &ROLES.replace("ehr =", "erh ="));

    run.must_say(&["roles.toml:5", "`erh`", "role `Nurse`"]);
}

#[test]
fn a_missing_settings_file_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();

    let output = drawbridge(folder.path(), &["check-config", "--config", "nowhere.toml"]);

    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        says.contains("nowhere.toml") && says.contains("--config FILE"),
        "{says}"
    );
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();

    assert_eq!(
        drawbridge(folder.path(), &["doors", "list", "--opne"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_token_for_an_unknown_source_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("practice.toml"), SETTINGS).unwrap();
    std::fs::write(folder.path().join("roles.toml"), ROLES).unwrap();

    let output = drawbridge(
        folder.path(),
        &[
            "token",
            "create",
            "--config",
            "practice.toml",
            "--practice",
            "elm",
            "--source",
            "okta",
        ],
    );

    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        says.contains("`okta`") && says.contains("entra") && output.stdout.is_empty(),
        "{says}"
    );
}

#[tokio::test]
async fn broken_json_and_a_wrong_token_change_nothing() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let before = app
        .store
        .list_records(&app.practice(), None)
        .await
        .unwrap()
        .len();

    let json_type = [("content-type", "application/scim+json")];
    let broken = provider
        .send_raw(
            "POST",
            "/Users",
            &json_type,
            b"{\"userName\": \"nina\"".to_vec(),
        )
        .await;
    let wrong_token = format!("Bearer {}x", provider.token);
    let headers = [
        ("content-type", "application/scim+json"),
        ("authorization", wrong_token.as_str()),
    ];
    let wrong = provider
        .send_raw(
            "POST",
            "/Users",
            &headers,
            json!({"userName": "nina"}).to_string().into_bytes(),
        )
        .await;

    assert_eq!(broken.status, 400);
    assert_eq!(broken.body["scimType"], "invalidSyntax");
    assert_eq!(wrong.status, 401);
    assert!(
        app.store
            .list_people(&app.practice())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        app.store
            .list_records(&app.practice(), None)
            .await
            .unwrap()
            .len(),
        before
    );
}
