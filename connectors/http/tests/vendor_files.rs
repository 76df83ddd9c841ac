//! Reading vendor files: what is right is kept, and what is wrong says which file, which key, which way out.

use drawbridge_http::vendor::{VendorFile, auth::Auth, shipped};
use drawbridge_sdk::Way;

/// A file with the least a file can have.
const LEAST: &str = r#"
title = "Acme"
documentation = "https://acme.example/docs"
read_on = 2026-11-23
tested = "nothing"
disabled_means = "refused at the door"
residual = "an open session goes on"

[[auth]]
kind = "bearer"

[check]
request = "GET /me"

[record]
id = "/id"
login = "/login"
enabled = { at = "/active", is = true }
disabled = { at = "/active", is = false }

[[find]]
request = "GET /users?login={identifier}"
at = "/users"

[[close]]
request = "POST /users/{account_id}/disable"
"#;

fn error(text: &str) -> String {
    VendorFile::parse("acme.toml", text)
        .expect_err("the file is wrong")
        .to_string()
}

/// The least file with one line written otherwise.
fn with(line: &str, instead: &str) -> String {
    assert!(LEAST.contains(line), "the file has no line {line}");
    LEAST.replace(line, instead)
}

/// The least file with more at its end.
fn and(more: &str) -> String {
    format!("{LEAST}\n{more}\n")
}

#[test]
fn the_least_file_is_enough() {
    let file = VendorFile::parse("acme.toml", LEAST).expect("the file is right");

    assert_eq!(file.way, Way::Account);
    assert_eq!(file.auth, [Auth::Bearer]);
    assert_eq!(
        file.find[0].by.len(),
        4,
        "without `by` a search is made with everything"
    );
    assert!(file.find[0].exact);
    assert_eq!(file.close[0].step.success, [200, 201, 204]);
}

#[test]
fn every_shipped_file_can_be_read_and_says_that_it_was_not_tested_against_the_vendor() {
    for name in shipped::names() {
        let text = shipped::text_of(name).expect("it is shipped");

        let file = VendorFile::parse(name, text).expect("a shipped file is right");

        assert!(
            file.tested.contains("not tested against the vendor"),
            "{name}"
        );
        assert!(file.documentation.starts_with("https://"), "{name}");
    }
}

#[test]
fn every_file_in_the_folder_is_shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/vendors");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    found.sort();

    let mut shipped: Vec<String> = shipped::names()
        .iter()
        .map(|name| format!("{name}.toml"))
        .collect();
    shipped.sort();

    assert_eq!(found, shipped);
}

#[test]
fn the_example_in_the_documentation_can_be_read() {
    let page = include_str!("../../../docs/vendor-files.md");
    let example = page
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());

    let file = VendorFile::parse("acme.toml", example.expect("the page has an example"));

    assert_eq!(file.expect("the example is right").title, "Acme PM");
}

#[test]
fn an_unknown_key_names_its_line() {
    let error = error(&with("disabled_means", "disable_means"));

    assert!(
        error.starts_with("acme.toml: TOML parse error at line 6"),
        "{error}"
    );
    assert!(error.contains("unknown field `disable_means`"), "{error}");
}

#[test]
fn a_missing_step_is_named() {
    assert!(error(&with("[check]\nrequest = \"GET /me\"", "")).contains("missing field `check`"));
    assert!(
        error(&with(
            "[[find]]\nrequest = \"GET /users?login={identifier}\"\nat = \"/users\"",
            ""
        ))
        .starts_with("acme.toml: `find`: is missing")
    );
    assert!(
        error(&with("[[auth]]\nkind = \"bearer\"", ""))
            .starts_with("acme.toml: `auth`: is missing")
    );
}

#[test]
fn each_wrong_value_names_its_key_and_the_way_out() {
    for (text, starts, says) in [
        (with("\"Acme\"", "\" \""), "`title`", "write a sentence"),
        (
            with("2026-11-23", "2026-11-23T10:00:00Z"),
            "`read_on`",
            "plain date",
        ),
        (
            with("{identifier}", "{user}"),
            "`find[0].request`",
            "is no placeholder: here one can use {identifier}",
        ),
        (
            with("{identifier}", "{account_id}"),
            "`find[0].request`",
            "cannot be used here",
        ),
        (
            with("{identifier}", "all"),
            "`find[0].request`",
            "`{identifier}` is missing",
        ),
        (
            with("{account_id}", "all"),
            "`close[0].request`",
            "`{account_id}` is missing",
        ),
        (
            with("{account_id}", "{account_id}?purge=true"),
            "`close[0].request`",
            "never deleted",
        ),
        (
            with("\"/id\"", "\"id\""),
            "`record.id`",
            "does not start with `/`",
        ),
        (with("\"/id\"", "\"/*/id\""), "`record.id`", "without `*`"),
        (
            with("\"/login\"", "[\"/login\", \"x\"]"),
            "`record.login[1]`",
            "does not start with `/`",
        ),
        (
            with("{ at = \"/active\", is = true }", "{ contains = \"x\" }"),
            "`record.enabled`",
            "read from a value",
        ),
        (
            with("{ at = \"/active\", is = true }", "{ at = \"/active\" }"),
            "`record.enabled`",
            "write one of",
        ),
        (
            with("residual = \"an open session goes on\"", ""),
            "`residual`",
            "say what stays open",
        ),
        (
            with("residual", "session_lifetime"),
            "`session_lifetime`",
            "\"30m\"",
        ),
        (
            with("residual", "base_url"),
            "`base_url`",
            "https://host/path",
        ),
        (
            with(
                "\"an open session goes on\"",
                "\"x\"\nbase_url = \"https://a/?b\"",
            ),
            "`base_url`",
            "take out",
        ),
        (
            with(
                "\"an open session goes on\"",
                "\"x\"\nbase_url = \"ftp://a/\"",
            ),
            "`base_url`",
            "no web address",
        ),
        (
            with(
                "\"an open session goes on\"",
                "\"x\"\nidempotency_header = \"a b\"",
            ),
            "`idempotency_header`",
            "no header name",
        ),
        (
            with(
                "\"an open session goes on\"",
                "\"x\"\nfind_by_listing = true",
            ),
            "`find_by_listing`",
            "needs `[list]`",
        ),
        (
            with(
                "kind = \"bearer\"",
                "kind = \"header\"\nname = \"a:b\"\ncredential = \"k\"",
            ),
            "`auth.name`",
            "no header name",
        ),
        (and("[[auth]]\nkind = \"basic\""), "`auth`", "twice"),
        (
            and("[headers]\nAccept = \"a\\nb\""),
            "`headers`",
            "plain ASCII",
        ),
        (
            and("[enable]\nrequest = \"POST /x/{account_id}\"\nsuccess = [202]"),
            "`enable.success`",
            "later is never a success",
        ),
        (
            and("[enable]\nrequest = \"POST /x/{account_id}\"\nsuccess = [404]"),
            "`enable.success`",
            "class = \"already\"",
        ),
        (
            and("[enable]\nrequest = \"POST /x/{account_id}\"\nsuccess = []"),
            "`enable.success`",
            "names no status",
        ),
        (
            and("[enable]\nrequest = \"POST /x\""),
            "`enable.request`",
            "`{account_id}` is missing",
        ),
        (
            and("[set_levels]\nrequest = \"PUT /x/{account_id}\"\njson = \"{levels}\""),
            "`record.levels`",
            "must be readable",
        ),
        (
            and("[set_levels]\nrequest = \"PUT /x/{account_id}\""),
            "`set_levels.request`",
            "`{levels}` is missing",
        ),
        (
            and("[add_level]\nrequest = \"PUT /x/{account_id}/{level}\""),
            "`remove_level`",
            "is missing",
        ),
        (
            and("[remove_level]\nrequest = \"PUT /x/{account_id}/{level}\""),
            "`add_level`",
            "is missing",
        ),
        (
            and("[list]\nrequest = \"GET /u?o={offset}\"\nat = \"/u\""),
            "`list.paging`",
            "by = \"offset\"",
        ),
        (
            with("at = \"/users\"", "at = \"/users\"\nabsent = [404, 500]"),
            "`find[0].absent`",
            "only statuses from 400 to 499",
        ),
        (
            and("[[failure]]\nclass = \"gone\""),
            "`failure[0]`",
            "matches every answer",
        ),
        (
            and("[[failure]]\nstatus = [400]\nwhen = [{ at = \"x\", is = 1 }]\nclass = \"gone\""),
            "`failure[0].when[0]`",
            "start with `/`",
        ),
        (
            with(
                "\"POST /users/{account_id}/disable\"",
                "\"POST /users/{account_id}/x\"\ndoes = \"end_sessions\"",
            ),
            "`close`",
            "no step blocks",
        ),
    ] {
        let error = error(&text);

        assert!(
            error.starts_with(&format!("acme.toml: {starts}: ")),
            "{error}"
        );
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_file_without_close_is_a_file_for_reading() {
    let text = with(
        "[[close]]\nrequest = \"POST /users/{account_id}/disable\"",
        "",
    );

    assert!(VendorFile::parse("acme.toml", &text.replace("residual", "#")).is_ok());
}
