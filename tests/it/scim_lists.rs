//! Lists as clients walk through them: by index, by cursor, and with a search in the body.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, provider::Provider};

async fn hired(app: &TestApp, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let id = app.hire(&format!("nurse{number}"), "Nurse").await;
        ids.push(id.as_str().to_owned());
    }
    ids
}

fn ids(list: &Value) -> Vec<String> {
    list["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Walks from the first page to the last; answers the ids and how many pages there were.
async fn walk(provider: &Provider, path: &str) -> (Vec<String>, usize) {
    let mut walked = Vec::new();
    let mut cursor = String::new();
    let mut pages = 0;
    loop {
        let answer = provider.get(&format!("{path}&cursor={cursor}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        assert!(answer.body.get("startIndex").is_none());
        walked.extend(ids(&answer.body));
        pages += 1;
        match answer.body.get("nextCursor") {
            Some(next) => cursor = next.as_str().unwrap().to_owned(),
            None => return (walked, pages),
        }
    }
}

#[tokio::test]
async fn a_walk_by_cursor_sees_everybody_once() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let hired = hired(&app, 7).await;

    let (walked, pages) = walk(&provider, "/Users?count=3").await;
    assert_eq!((walked, pages), (hired.clone(), 3));

    let (walked, pages) = walk(&provider, "/Users?count=3&filter=title+co+%22nurse%22").await;
    assert_eq!((walked, pages), (hired.clone(), 3), "evaluated in memory");

    let (mut walked, pages) = walk(
        &provider,
        "/Users?count=3&sortBy=userName&sortOrder=descending",
    )
    .await;
    walked.reverse();
    assert_eq!((walked, pages), (hired, 3));
}

#[tokio::test]
async fn a_cursor_goes_on_where_it_was_whoever_left_meanwhile() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let hired = hired(&app, 6).await;
    let first = provider.get("/Users?count=3&cursor=").await.body;

    for id in &hired[0..3] {
        app.delete(&id.as_str().into()).await;
    }

    let next = first["nextCursor"].as_str().unwrap();
    let second = provider.get(&format!("/Users?count=3&cursor={next}")).await;
    assert_eq!(ids(&second.body), hired[3..6]);
}

#[tokio::test]
async fn a_cursor_opens_nothing_but_its_own_query() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let other = app.provider_of("oak", "entra").await;
    hired(&app, 3).await;
    let first = provider.get("/Users?count=1&cursor=").await.body;
    let cursor = first["nextCursor"].as_str().unwrap();

    for (asked, path) in [
        (
            &provider,
            format!("/Users?filter=active+eq+true&cursor={cursor}"),
        ),
        (&provider, format!("/Users?sortBy=userName&cursor={cursor}")),
        (&provider, format!("/Groups?cursor={cursor}")),
        (&other, format!("/Users?cursor={cursor}")),
        (&provider, format!("/Users?cursor=x{cursor}")),
    ] {
        let answer = asked.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.body["scimType"], "invalidCursor", "{path}");
    }
    let answer = provider.get("/Users?count=x&cursor=").await;
    assert_eq!(answer.body["scimType"], "invalidCount");
}

#[tokio::test]
async fn a_cursor_ends_after_an_hour() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    hired(&app, 2).await;
    let first = provider.get("/Users?count=1&cursor=").await.body;
    let path = format!("/Users?cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(provider.get(&path).await.status, StatusCode::OK);

    app.clock.advance(Duration::from_secs(3_600));

    let answer = provider.get(&path).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body["scimType"], "expiredCursor");
}

#[tokio::test]
async fn a_search_in_the_body_answers_as_one_in_the_address() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    hired(&app, 4).await;
    let request = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "userName sw \"nurse\"",
        "attributes": ["userName"],
        "sortBy": "userName",
        "sortOrder": "descending",
        "startIndex": 2,
        "count": 2,
    });

    let posted = provider.post("/Users/.search", &request).await;

    let got = provider
        .get("/Users?filter=userName+sw+%22nurse%22&attributes=userName&sortBy=userName&sortOrder=descending&startIndex=2&count=2")
        .await;
    assert_eq!(posted.status, StatusCode::OK);
    assert_eq!(posted.body, got.body);
    assert_eq!(posted.body["Resources"][0]["userName"], "nurse2");
    let wrong = provider.get("/Users/.search").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.header("allow"), "POST");
}

#[tokio::test]
async fn the_root_is_searched_across_users_and_groups() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    hired(&app, 3).await;
    for name in ["Ward 1", "Ward 2"] {
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
        });
        assert_eq!(
            provider.post("/Groups", &group).await.status,
            StatusCode::CREATED
        );
    }
    let kinds = |list: &Value| -> Vec<String> {
        list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| {
                resource["meta"]["resourceType"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };

    let all = provider.post("/.search", &json!({})).await.body;
    assert_eq!(all["totalResults"], 5);
    assert_eq!(kinds(&all), ["User", "User", "User", "Group", "Group"]);

    let part = provider
        .post("/.search", &json!({"startIndex": 3, "count": 2}))
        .await
        .body;
    assert_eq!(part["totalResults"], 5);
    assert_eq!(kinds(&part), ["User", "Group"]);

    let ordered = provider
        .post(
            "/.search",
            &json!({"sortBy": "meta.created", "sortOrder": "descending", "count": 1}),
        )
        .await
        .body;
    assert_eq!(ordered["itemsPerPage"], 1);

    let groups = provider
        .post("/.search", &json!({"filter": "displayName sw \"ward\""}))
        .await
        .body;
    assert_eq!(kinds(&groups), ["Group", "Group"]);
}

#[tokio::test]
async fn a_walk_back_shows_the_same_pages_and_ends_at_the_first() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    hired(&app, 7).await;
    for query in [
        "count=3",
        "count=3&filter=title+co+%22nurse%22",
        "count=3&filter=active+eq+true",
        "count=3&sortBy=userName",
    ] {
        let page = async |cursor: &Value| {
            let cursor = cursor.as_str().unwrap();
            let answer = provider
                .get(&format!("/Users?{query}&cursor={cursor}"))
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{query}");
            answer.body
        };
        let first = page(&json!("")).await;
        let second = page(&first["nextCursor"]).await;
        let third = page(&second["nextCursor"]).await;
        assert!(third.get("nextCursor").is_none(), "{query}");

        let back_at_second = page(&third["previousCursor"]).await;
        let back_at_first = page(&back_at_second["previousCursor"]).await;

        assert_eq!(ids(&back_at_second), ids(&second), "{query}");
        assert_eq!(ids(&back_at_first), ids(&first), "{query}");
        assert!(first.get("previousCursor").is_none(), "{query}");
        assert!(back_at_first.get("previousCursor").is_none(), "{query}");
        let forth = page(&back_at_first["nextCursor"]).await;
        assert_eq!(ids(&forth), ids(&second), "{query}");
    }
}

#[tokio::test]
async fn a_walk_by_cursor_at_the_root_sees_users_then_groups_whoever_leaves_meanwhile() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let mut all = hired(&app, 5).await;
    for name in ["Ward 1", "Ward 2", "Ward 3"] {
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
        });
        all.push(provider.post("/Groups", &group).await.id());
    }
    for (sort_by, leaves) in [(None, true), (Some("meta.created"), false)] {
        let mut walked = Vec::new();
        let mut cursor = json!("");
        loop {
            let request = json!({"count": 2, "cursor": cursor, "sortBy": sort_by});
            let page = provider.post("/.search", &request).await;
            assert_eq!(page.status, StatusCode::OK, "{:?}", page.body);
            walked.extend(ids(&page.body));
            if leaves && walked.len() == 2 {
                assert_eq!(page.body["totalResults"], 8);
                app.delete(&all[0].as_str().into()).await;
            }
            match page.body.get("nextCursor") {
                Some(next) => cursor = next.clone(),
                None => break,
            }
        }
        assert_eq!(walked, all);
        if leaves {
            all.remove(0);
        }
    }

    let lost = provider
        .post("/.search", &json!({"cursor": "made-up"}))
        .await;
    assert_eq!(lost.body["scimType"], "invalidCursor");
}
