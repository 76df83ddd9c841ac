//! What must go goes, what proves a step stays.

use proptest::prelude::*;
use serde_json::json;

use super::{excerpt, keys};

#[test]
fn values_under_telling_keys_are_dropped_wherever_they_stand() {
    let answer = r#"{"id":7,"profile":{"userPassword":"hunter2","list":[{"access_token":"abc"}]},"Patient":{"name":"Nina"}}"#;

    assert_eq!(
        excerpt(answer, 1_000),
        r#"{"id":7,"profile":{"userPassword":"[redacted]","list":[{"access_token":"[redacted]"}]},"Patient":"[redacted]"}"#
    );
}

#[test]
fn what_proves_a_step_stays() {
    for kept in [
        r#"{"sessions":0,"active":false,"id":"6f9619ff-8b86-d011-b42d-00c04fc964ff"}"#,
        r#"{"passwordExpired":true,"token":null}"#,
        "LDAP result 53: unwilling to perform (0000052D: SvcErr: DSID-031A12D2)",
        "sessions=3 disabled=true",
        "invalid password for this account",
    ] {
        assert_eq!(excerpt(kept, 1_000), kept);
    }
}

#[test]
fn a_pin_is_no_number_of_sessions() {
    assert_eq!(
        excerpt(r#"{"pin":1234,"password":99}"#, 100),
        r#"{"pin":"[redacted]","password":"[redacted]"}"#
    );
}

#[test]
fn what_looks_telling_goes_from_any_text() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    for (text, kept) in [
        (
            "mail to nina.park@elm.example failed",
            "mail to [redacted]@elm.example failed",
        ),
        (
            "sent Bearer abc-def, thanks",
            "sent Bearer [redacted], thanks",
        ),
        ("ssn 123-45-6789.", "ssn [redacted]."),
        (
            "card 4111 1111 1111 1111 declined",
            "card [redacted] declined",
        ),
        (
            "card 4111-1111-1111-1112 declined",
            "card 4111-1111-1111-1112 declined",
        ),
        (
            "key AKIA1234567890abcdefABCDEF1234567890 unknown",
            "key [redacted] unknown",
        ),
        (
            &format!("/callback?state=1&jwt={jwt}&x=1"),
            "/callback?state=1&jwt=[redacted]&x=1",
        ),
        (&format!("got ({jwt})"), "got ([redacted])"),
    ] {
        assert_eq!(excerpt(text, 1_000), kept);
    }
    assert_eq!(
        excerpt(r#"{"n":4111111111111111}"#, 100),
        r#"{"n":"[redacted]"}"#
    );
}

#[test]
fn telling_names_are_found_in_any_notation() {
    for (text, kept) in [
        ("password=hunter2&user=7", "password=[redacted]&user=7"),
        (
            "X-Auth-Token: abc def\nOther: 1",
            "X-Auth-Token: [redacted]\\nOther: 1",
        ),
        ("Set-Cookie: a=b; Path=/\n", "Set-Cookie: [redacted]\\n"),
        (
            r#"{"a":1,"secret":"x\"y","b":2"#,
            r#"{"a":1,"secret":[redacted],"b":2"#,
        ),
        (
            r#"{"patient":{"name":"Nina","deep":[{"x":"}"}]},"b":2"#,
            r#"{"patient":[redacted],"b":2"#,
        ),
        (r#"{"patient":{"name":"Ni"#, r#"{"patient":[redacted]"#),
        (
            r#"body: "{\"password\":\"x y\",\"b\":2}"#,
            r#"body: "{\"password\":[redacted],\"b\":2}"#,
        ),
        (
            "<user><password>hunter2</password><id>7</id></user>",
            "<user><password[redacted]</password><id>7</id></user>",
        ),
        (
            "<h:patient id='1'><n>Nina</n></h:patient><id>7</id>",
            "<h:patient[redacted]</h:patient><id>7</id>",
        ),
        ("<patient name='Nina'/>", "<patient[redacted]"),
        ("date of birth: 1980-01-01", "date of birth: [redacted]"),
        (
            r#"{"password":"one","password":"two"}"#,
            r#"{"password":[redacted],"password":[redacted]}"#,
        ),
        ("[password] => hunter2", "[password] => [redacted]"),
    ] {
        assert_eq!(excerpt(text, 1_000), kept);
    }
}

#[test]
fn nothing_writes_into_a_terminal_or_a_log() {
    assert_eq!(
        excerpt("a\r\n\x1b[31mb\u{202e}c\u{2028}", 100),
        "a\\r\\n\\u{1b}[31mb\\u{202e}c\\u{2028}"
    );
}

#[test]
fn an_excerpt_is_cut_between_characters() {
    assert_eq!(excerpt("ééé", 3), "é");
}

#[test]
fn a_hostile_answer_is_searched_in_one_pass() {
    for part in [
        "password=<",
        "<patient>",
        "\"",
        "{[",
        "1-",
        "</a",
        "token:{",
        "eyJ.",
    ] {
        let text = part.repeat(200_000 / part.len());
        assert!(excerpt(&text, 2_000).len() <= 2_000);
    }
}

/// A telling name as somebody might write it.
fn name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(keys::PARTS.to_vec());
    let style = |part: &str, style: u8| match style {
        0 => part.to_owned(),
        1 => part.to_uppercase(),
        2 => format!("user_{part}"),
        3 => format!("X-{part}-Value"),
        _ => format!("new{}{}", part[..1].to_uppercase(), &part[1..]),
    };
    (part, 0..5_u8).prop_map(move |(part, number)| style(part, number))
}

proptest! {
    #[test]
    fn a_secret_under_a_telling_name_never_comes_through(
        name in name(),
        tail in "[A-Za-z0-9]{4,20}",
        notation in 0..9_usize,
        before in "[a-z ,;\n]{0,20}",
        max in 0..400_usize,
    ) {
        // `q7` keeps the canary apart from everything else, capitals from the names.
        let canary = format!("Q7canary{tail}");
        let text = match notation {
            0 => json!({ "a": before, name: canary }).to_string(),
            1 => json!([{ "deep": { name: { "x": [1, canary] } } }]).to_string(),
            2 => format!("{before} {name}={canary}"),
            3 => format!("{before}\n{name}: {canary}\nnext"),
            4 => format!("{before}<{name}>{canary}</{name}>"),
            5 => format!("{{\"{name}\" : \"{canary}"),
            6 => format!("{{\"{name}\":[{{\"x\":\"{canary}\""),
            7 => json!({ "text": json!({ name: canary }).to_string() }).to_string(),
            _ => format!("{before}&{name} = '{canary}'&"),
        };

        let kept = excerpt(&text, max);

        prop_assert!(!kept.contains("Q7canary"), "{kept}");
        prop_assert!(kept.len() <= max);
    }

    #[test]
    fn whatever_comes_is_capped_and_printable(text in any::<String>(), max in 0..100_usize) {
        let kept = excerpt(&text, max);

        prop_assert!(kept.len() <= max);
        prop_assert!(!kept.chars().any(char::is_control));
    }
}
