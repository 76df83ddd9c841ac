//! What must hold when somebody sends what no identity provider would.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    TestApp,
    provider::{Answer, Provider},
};

async fn with_authorization(provider: &Provider, values: &[&str]) -> Answer {
    let headers: Vec<(&str, &str)> = values
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    provider
        .send_raw("GET", "/Users", &headers, Vec::new())
        .await
}

async fn post_text(provider: &Provider, body: &[u8]) -> Answer {
    let headers = [("content-type", "application/scim+json")];
    provider
        .send_raw("POST", "/Users", &headers, body.to_vec())
        .await
}

/// Sends bytes as they are and reads the answer to its end.
async fn talk(provider: &Provider, request: &str) -> String {
    let mut stream = TcpStream::connect(provider.address)
        .await
        .expect("a connection");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn somebody_with_ten_thousand_addresses_is_a_user_like_others() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let emails: Vec<Value> = (0..10_000)
        .map(|number| json!({"value": format!("n{number}@elm.example")}))
        .collect();

    let created = provider
        .post("/Users", &json!({"userName": "many", "emails": emails}))
        .await;

    assert_eq!(created.status.as_u16(), 201);
    let last = provider
        .get("/Users?filter=emails.value+eq+%22N9999@elm.example%22")
        .await;
    assert_eq!(last.body["totalResults"], 1);
    app.disable(&created.id().as_str().into()).await;
    let doors = app.doors_of("n9999@elm.example").await;
    assert!(!doors.is_empty() && doors.iter().all(|door| door.wanted.is_closed()));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let good = provider.token.clone();
    let (id, _) = good
        .trim_start_matches("dbr_scim_")
        .split_once('_')
        .expect("a token");
    let other = app.token("elm", "entra").await;
    let revoked = app.token("elm", "entra").await;
    let no_source = app.token("elm", "a_source_we_left").await;
    let revoked_id = revoked["dbr_scim_".len()..]
        .split('_')
        .next()
        .expect("an id");
    let mut tx = app.begin().await;
    tx.revoke_token(&revoked_id.into());
    tx.commit().await.expect("a commit");
    let wrong_secret = format!("dbr_scim_{id}_{}", "0".repeat(64));

    let bad = [
        "Bearer".to_owned(),
        "Bearer x".to_owned(),
        format!("Basic {good}"),
        good.clone(),
        format!("Bearer {wrong_secret}"),
        format!("Bearer {revoked}"),
        format!("Bearer {no_source}"),
        format!("Bearer {good}x"),
        format!("Bearer dbr_scim_none_{}", "a".repeat(64)),
    ];
    let mut shapes = Vec::new();
    for value in &bad {
        let answer = with_authorization(&provider, &[value]).await;
        assert_eq!(answer.status, 401, "{value}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert_eq!(answer.header("content-type"), "application/scim+json");
        let request_id = answer.header("x-request-id").to_owned();
        shapes.push(answer.body.to_string().replace(&request_id, ""));
    }
    shapes.dedup();

    assert_eq!(shapes.len(), 1, "{shapes:?}");
    let works = with_authorization(&provider, &[&format!("Bearer {other}")]).await;
    assert_eq!(works.status, 200);
}

#[tokio::test]
async fn who_guesses_is_slowed_down_and_locks_nobody_out() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let (most, last) = provider.token.split_at(provider.token.len() - 1);
    let wrong = format!("{most}{}", if last == "0" { "1" } else { "0" });
    let guess = format!("Bearer {wrong}");

    for _ in 0..20 {
        let answer = with_authorization(&provider, &[&guess]).await;
        assert_eq!(answer.status, 401);
    }
    for value in [guess.as_str(), "Bearer x", ""] {
        let answer = with_authorization(&provider, &[value]).await;
        assert_eq!(answer.status, 429, "{value}");
        assert_eq!(answer.header("retry-after"), "3");
        assert_eq!(answer.header("content-type"), "application/scim+json");
        assert_eq!(answer.body["status"], "429");
    }
    assert_eq!(provider.get("/Users").await.status, 200);

    app.clock.advance(Duration::from_secs(60));
    let later = with_authorization(&provider, &[&guess]).await;
    assert_eq!(later.status, 401);
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    app.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    let before = provider.get("/Users").await;
    app.clock.advance(Duration::from_secs(1));
    let after = provider.get("/Users").await;

    assert_eq!(before.status, 200);
    assert_eq!(after.status, 401);
}

#[tokio::test]
async fn a_token_counts_in_the_header_alone_and_once() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let bearer = format!("Bearer {}", provider.token);
    let path = format!("/Users?access_token={}", provider.token);

    let twice = with_authorization(&provider, &[&bearer, &bearer]).await;
    let in_query = provider
        .send_raw("GET", &path, &[("authorization", "")], Vec::new())
        .await;

    assert_eq!(twice.status, 400);
    assert_eq!(in_query.status, 401);
}

#[tokio::test]
async fn strangers_learn_nothing_not_even_what_exists() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for path in ["/Users", "/Nothing", "/ServiceProviderConfig", "/Bulk", ""] {
        let answer = provider
            .send_raw("GET", path, &[("authorization", "")], Vec::new())
            .await;
        assert_eq!(answer.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_practice_never_sees_another_ones_people() {
    let app = TestApp::start().await;
    let elm = app.provider("entra").await;
    let oak = app.provider_of("oak", "entra").await;
    let nina = json!({"userName": "nina", "externalId": "1"});
    let path = format!("/Users/{}", elm.post("/Users", &nina).await.id());
    let group = elm.post("/Groups", &json!({"displayName": "Ward"})).await;
    let group_path = format!("/Groups/{}", group.id());
    let disable = json!([{"op": "replace", "path": "active", "value": false}]);

    assert_eq!(oak.get(&path).await.status, 404);
    assert_eq!(oak.put(&path, &nina).await.status, 404);
    assert_eq!(oak.patch(&path, &disable).await.status, 404);
    assert_eq!(oak.delete(&path).await.status, 404);
    assert_eq!(oak.get(&group_path).await.status, 404);
    assert_eq!(oak.delete(&group_path).await.status, 404);
    assert_eq!(oak.get("/Users").await.body["totalResults"], 0);
    assert_eq!(oak.post("/Users", &nina).await.status, 201);
    assert_eq!(elm.get(&path).await.body["active"], true);
}

#[tokio::test]
async fn bodies_that_can_be_read_two_ways_are_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(128), "}".repeat(128));
    let nul = r#"{"userName": "a\u0000b"}"#;

    for (body, scim_type) in [
        (
            &b"{\"userName\": \"a\", \"userName\": \"b\"}"[..],
            "invalidSyntax",
        ),
        (
            b"{\"userName\": \"a\", \"USERNAME\": \"b\"}",
            "invalidSyntax",
        ),
        (b"{\"userName\": \"a\"} trailing", "invalidSyntax"),
        (b"{\"userName\": \"\\ud800\"}", "invalidSyntax"),
        (b"{\"userName\": \"\\udc00\\ud800\"}", "invalidSyntax"),
        (b"{\"\\ud800\": 1}", "invalidSyntax"),
        (b"{\"userName\": \"a\"}\0", "invalidSyntax"),
        (b"{\"userName\": \"a\"}{}", "invalidSyntax"),
        (b"{\"userName\": -Infinity}", "invalidSyntax"),
        (b"{\"userName\": 'a'}", "invalidSyntax"),
        (b"{\"userName\": \"a\",}", "invalidSyntax"),
        (b"\xFF\xFE{\0}\0", "invalidSyntax"),
        (b"{\"userName\": \"\xED\xA0\x80\"}", "invalidSyntax"),
        (b"{\"userName\": \"\xFF\"}", "invalidSyntax"),
        (b"{\"userName\": NaN}", "invalidSyntax"),
        (b"{\"userName\": 1e400}", "invalidSyntax"),
        (b"", "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (nested.as_bytes(), "invalidSyntax"),
        (objects.as_bytes(), "invalidSyntax"),
        (nul.as_bytes(), "invalidValue"),
    ] {
        let answer = post_text(&provider, body).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.body["scimType"], scim_type, "{}", answer.body);
    }
    let with_mark = post_text(&provider, b"\xEF\xBB\xBF{\"userName\": \"a\"}").await;
    assert_eq!(with_mark.status, 201);
}

#[tokio::test]
async fn nobody_comes_back_by_a_value_that_is_almost_true() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let gone = json!({"userName": "nina", "externalId": "1", "active": false});
    let path = format!("/Users/{}", provider.post("/Users", &gone).await.id());

    for value in [
        json!(1),
        json!(1.0),
        json!(-1),
        json!("1"),
        json!("yes"),
        json!("on"),
        json!("y"),
        json!("t"),
        json!("enabled"),
        json!("True;"),
        json!("\u{ff54}\u{ff52}\u{ff55}\u{ff45}"),
        json!("tru\u{435}"),
        json!("true\u{200b}"),
        json!(""),
        json!(null),
        json!([]),
        json!([true]),
        json!({}),
        json!({"value": true}),
    ] {
        let mut whole = gone.clone();
        whole["active"] = value.clone();
        let mut new = whole.clone();
        new["userName"] = json!("somebody else");
        for answer in [
            provider
                .patch(
                    &path,
                    &json!([{"op": "replace", "path": "active", "value": value}]),
                )
                .await,
            provider
                .patch(&path, &json!([{"op": "add", "value": {"active": value}}]))
                .await,
            provider.put(&path, &whole).await,
            provider.post("/Users", &new).await,
        ] {
            assert_eq!(answer.status, 400, "{value}");
            assert_eq!(answer.body["scimType"], "invalidValue", "{value}");
        }
        assert_eq!(provider.get(&path).await.body["active"], false, "{value}");
    }
    let silent = json!({"userName": "nina", "externalId": "1"});
    let removed = json!([{"op": "remove", "path": "active"}]);
    assert_eq!(provider.put(&path, &silent).await.body["active"], false);
    let active = "/Users?filter=active+eq+true";
    assert_eq!(provider.patch(&path, &removed).await.status, 200);
    assert_eq!(provider.get(active).await.body["totalResults"], 0);
    assert_eq!(provider.put(&path, &silent).await.status, 200);
    assert_eq!(provider.get(active).await.body["totalResults"], 0);
    assert_eq!(provider.get("/Users").await.body["totalResults"], 1);
}

#[tokio::test]
async fn nothing_that_was_sent_comes_back_in_an_error() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let canary = "zanzibar";

    for answer in [
        post_text(&provider, format!("{{\"{canary}").as_bytes()).await,
        post_text(
            &provider,
            format!("{{\"active\": \"{canary}\"}}").as_bytes(),
        )
        .await,
        provider.get(&format!("/Users?filter={canary}")).await,
        provider.get(&format!("/Users?count={canary}")).await,
        provider.get(&format!("/Users/{canary}")).await,
        provider.get(&format!("/{canary}")).await,
        provider.get("/Users/%FF").await,
    ] {
        assert!(answer.status.is_client_error());
        assert!(!answer.body.to_string().contains(canary), "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/scim+json");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let user = |size: usize| {
        json!({"userName": "a", "nickName": "n".repeat(size)})
            .to_string()
            .into_bytes()
    };

    let fits = post_text(&provider, &user(1_000_000)).await;
    let too_large = post_text(&provider, &user(3_000_000)).await;

    assert_eq!(fits.status, 201);
    assert_eq!(too_large.status, 413);
    assert_eq!(too_large.body["status"], "413");
}

#[tokio::test]
async fn names_are_data_whatever_they_look_like() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for name in [
        "../../etc/passwd",
        "{{secret}}",
        "=cmd()",
        "<script>alert(1)</script>",
        "a\r\nSet-Cookie: x",
        "' OR 1=1--",
        "%_\\\"",
        "\u{202e}nimda",
        "zero\u{200b}width",
    ] {
        let made = provider.post("/Users", &json!({"userName": name})).await;
        assert_eq!(made.status, 201, "{name}");
        let quoted = Value::from(name).to_string();
        let filter = format!("userName eq {quoted}");
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let found = provider.get(&format!("/Users?filter={query}")).await;
        assert_eq!(found.body["totalResults"], 1, "{name}");
        assert_eq!(found.body["Resources"][0]["userName"], name);
    }
    let long = json!({"userName": "a".repeat(10_000)});
    assert_eq!(provider.post("/Users", &long).await.status, 400);
}

#[tokio::test]
async fn one_name_in_two_spellings_is_one_name() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let first = provider
        .post("/Users", &json!({"userName": "Zo\u{eb}"}))
        .await;
    assert_eq!(first.status, 201);

    for spelling in ["zo\u{eb}", "ZO\u{cb}", "Zoe\u{308}"] {
        let again = provider
            .post("/Users", &json!({"userName": spelling}))
            .await;
        assert_eq!(again.status, 409, "{spelling}");
        assert_eq!(again.body["scimType"], "uniqueness");
    }
}

#[tokio::test]
async fn hostile_filters_are_refused_at_once() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for filter in [
        "(".repeat(3_000),
        "title%20pr%20or%20".repeat(200),
        "userName%20eq%20%22".to_owned(),
        "'%20OR%201=1--".to_owned(),
        "userName%20eq%20%22%00%22".to_owned(),
        "u%D1%95erName%20eq%20%22a%22".to_owned(),
    ] {
        let answer = provider.get(&format!("/Users?filter={filter}")).await;
        assert_eq!(answer.status, 400, "{filter}");
        assert_eq!(answer.body["scimType"], "invalidFilter");
    }
}

#[tokio::test]
async fn numbers_beyond_reason_are_clamped() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    provider.post("/Users", &json!({"userName": "a"})).await;

    for (query, items) in [
        ("startIndex=-1&count=1000000000", 1),
        ("startIndex=0", 1),
        ("startIndex=9000000000000000000", 0),
        ("startIndex=99999999999999999999999", 0),
        ("count=-5", 0),
    ] {
        let answer = provider.get(&format!("/Users?{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(answer.body["itemsPerPage"], items, "{query}");
    }
}

#[tokio::test]
async fn a_request_has_exactly_one_host() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let head = format!(
        "GET /scim/v2/Users HTTP/1.1\r\nAuthorization: Bearer {}\r\nConnection: close\r\n",
        provider.token
    );

    let none = talk(&provider, &format!("{head}\r\n")).await;
    let two = talk(&provider, &format!("{head}Host: a\r\nHost: b\r\n\r\n")).await;
    let odd = talk(&provider, &format!("{head}Host: a/b\r\n\r\n")).await;
    let one = talk(&provider, &format!("{head}Host: a\r\n\r\n")).await;

    assert!(none.starts_with("HTTP/1.1 400"), "{none}");
    assert!(two.starts_with("HTTP/1.1 400"), "{two}");
    assert!(odd.starts_with("HTTP/1.1 400"), "{odd}");
    assert!(one.starts_with("HTTP/1.1 200"), "{one}");
}

#[tokio::test]
async fn a_header_cannot_be_made_of_what_is_stored() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let members = json!([{"value": "x\r\nSet-Cookie: y"}]);

    let answer = provider
        .post(
            "/Groups",
            &json!({"displayName": "Ward\r\nX: y", "members": &members}),
        )
        .await;

    assert_eq!(answer.status, 201);
    assert!(answer.headers.get("set-cookie").is_none());
    assert_eq!(answer.body["members"][0]["value"], members[0]["value"]);
    assert!(
        answer.body["members"][0]["$ref"]
            .as_str()
            .is_some_and(|reference| reference.ends_with("/Users/x%0D%0ASet-Cookie%3A%20y"))
    );
}

#[tokio::test]
async fn a_flood_of_one_token_is_told_how_long_to_wait() {
    let mut app = TestApp::start().await;
    app.settings.limits.requests_per_second = Some(2.0);
    let provider = app.provider("entra").await;

    let first = provider.get("/Users").await;
    let second = provider.get("/Users").await;
    let third = provider.get("/Users").await;
    app.clock.advance(Duration::from_secs(1));
    let later = provider.get("/Users").await;

    assert_eq!(first.status, 200);
    assert_eq!(second.status, 200);
    assert_eq!(third.status, 429);
    assert_eq!(third.header("retry-after"), "1");
    assert_eq!(later.status, 200);
}
