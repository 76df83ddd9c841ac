//! Many operations in one request (RFC 7644 section 3.7).

mod departures;
mod references;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    TestApp,
    provider::{Answer, Provider},
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn send(provider: &Provider, operations: Value) -> Answer {
    send_with(provider, &json!({"Operations": operations})).await
}

async fn send_with(provider: &Provider, more: &Value) -> Answer {
    let mut body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]});
    for (name, value) in more.as_object().expect("an object") {
        body[name.as_str()] = value.clone();
    }
    provider.post("/Bulk", &body).await
}

/// The answers to all operations; the request as a whole has to be accepted.
async fn bulk(provider: &Provider, operations: Value) -> Vec<Value> {
    answers(&send(provider, operations).await)
}

fn answers(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"])
    );
    let operations = answer.body["Operations"].as_array();
    operations.expect("operations").clone()
}

fn statuses(answers: &[Value]) -> Vec<&str> {
    answers
        .iter()
        .map(|answer| answer["status"].as_str().expect("a status"))
        .collect()
}

/// The path of the resource that an answer is about.
fn path(answer: &Value) -> &str {
    let location = answer["location"].as_str().expect("a location");
    location.split_once("/scim/v2").expect("an address").1
}

fn id(answer: &Value) -> &str {
    path(answer).rsplit('/').next().expect("an id")
}

fn post(endpoint: &str, bulk_id: &str, data: &Value) -> Value {
    json!({"method": "POST", "path": endpoint, "bulkId": bulk_id, "data": data})
}

fn user(bulk_id: &str) -> Value {
    post("/Users", bulk_id, &json!({"userName": bulk_id}))
}

fn group(bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let data = json!({"displayName": bulk_id, "members": members});
    post("/Groups", bulk_id, &data)
}

fn disable(path: &str) -> Value {
    json!({"method": "PATCH", "path": path, "data": {"Operations": [
        {"op": "replace", "path": "active", "value": false},
    ]}})
}

async fn members(provider: &Provider, answer: &Value) -> Vec<String> {
    let group = provider.get(path(answer)).await.body;
    let members = group["members"].as_array().map_or(&[][..], Vec::as_slice);
    members
        .iter()
        .map(|member| member["value"].as_str().expect("a value").to_owned())
        .collect()
}

async fn manager(provider: &Provider, answer: &Value) -> Value {
    let user = provider.get(path(answer)).await.body;
    user[ENTERPRISE]["manager"]["value"].clone()
}

async fn total(provider: &Provider, endpoint: &str) -> Value {
    provider.get(endpoint).await.body["totalResults"].clone()
}

/// What was recorded of changes of this person.
async fn changes(app: &TestApp, user_name: &str) -> Vec<String> {
    let history = app.history(user_name).await;
    history
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|what| what.starts_with("change."))
        .map(str::to_owned)
        .collect()
}

async fn hire(provider: &Provider, user_name: &str) -> String {
    let user = json!({"userName": user_name, "title": "Nurse"});
    let answer = provider.post("/Users", &user).await;
    assert_eq!(answer.status, 201);
    format!("/Users/{}", answer.id())
}

#[tokio::test]
async fn every_method_is_done_and_answered_as_the_rfc_shows() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let mut paths = Vec::new();
    for name in ["put", "patch", "delete"] {
        paths.push(hire(&provider, name).await);
    }

    let done = bulk(
        &provider,
        json!([
            post("/Users", "qwerty", &json!({"userName": "alice", "password": "secret"})),
            {
                "method": "PUT", "path": paths[0], "version": "W/\"1\"",
                "data": {"userName": "bob", "title": "Billing"},
            },
            {"method": "PATCH", "path": paths[1], "version": "W/\"1\"", "data": {"Operations": [
                {"op": "remove", "path": "title"},
                {"op": "add", "path": "nickName", "value": "Dave"},
            ]}},
            {"method": "DELETE", "path": paths[2], "version": "W/\"1\""},
        ]),
    )
    .await;

    let base = format!("http://{}/scim/v2", provider.address);
    let made = done[0]["location"].clone();
    assert_eq!(
        done,
        [
            json!({
                "location": made, "method": "POST", "bulkId": "qwerty", "version": "W/\"1\"",
                "status": "201",
            }),
            json!({
                "location": format!("{base}{}", paths[0]), "method": "PUT", "version": "W/\"2\"",
                "status": "200",
            }),
            json!({
                "location": format!("{base}{}", paths[1]), "method": "PATCH",
                "version": "W/\"2\"", "status": "200",
            }),
            json!({
                "location": format!("{base}{}", paths[2]), "method": "DELETE", "status": "204",
            }),
        ]
    );
    let alice = provider.get(path(&done[0])).await.body;
    assert_eq!(alice["userName"], "alice");
    assert_eq!(alice["meta"]["version"], done[0]["version"]);
    assert!(!alice["id"].as_str().unwrap().contains("bulkId"));
    assert_eq!(provider.get(&paths[0]).await.body["title"], "Billing");
    let patched = provider.get(&paths[1]).await.body;
    assert_eq!(patched["nickName"], "Dave");
    assert!(patched.get("title").is_none());
    assert_eq!(provider.get(&paths[2]).await.status, 404);
}

#[tokio::test]
async fn a_failed_operation_is_answered_with_its_error_and_no_more() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nina = hire(&provider, "nina").await;

    let answer = send(
        &provider,
        json!([
            post("/Users", "taken", &json!({"userName": "nina", "title": "hidden"})),
            {"method": "PUT", "path": nina, "version": "W/\"9\"", "data": {"userName": "nina"}},
            {"method": "DELETE", "path": "/Users/hidden"},
            {"method": "DELETE", "path": "/Devices/hidden"},
            {"method": "POST", "path": "/Users", "data": {"userName": "hidden"}},
            {"method": "PATCH", "path": nina},
            {"method": "HIDE", "path": nina},
        ]),
    )
    .await;

    let done = answers(&answer);
    assert_eq!(
        statuses(&done),
        ["409", "412", "404", "404", "400", "400", "400"]
    );
    for failed in &done {
        assert_eq!(failed["response"]["status"], failed["status"]);
        let detail = failed["response"]["detail"].as_str().expect("a detail");
        assert!(detail.contains(answer.header("x-request-id")), "{detail}");
        assert!(
            !failed["response"].to_string().contains("hidden"),
            "{failed}"
        );
    }
    assert_eq!(path(&done[1]), nina);
    for without in [0, 3, 4, 6] {
        assert!(done[without].get("location").is_none(), "{without}");
    }
    assert_eq!(done[4]["response"]["scimType"], "invalidValue");
    assert_eq!(provider.get(&nina).await.body["meta"]["version"], "W/\"1\"");
}

#[tokio::test]
async fn an_operation_is_done_whole_or_not_at_all_and_the_others_stay_done() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nina = hire(&provider, "nina").await;

    let done = bulk(
        &provider,
        json!([
            user("omar"),
            {"method": "PATCH", "path": nina, "data": {"Operations": [
                {"op": "replace", "path": "title", "value": "Billing"},
                {"op": "replace", "path": "id", "value": "x"},
            ]}},
            user("pia"),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["201", "400", "201"]);
    assert_eq!(provider.get(&nina).await.body["title"], "Nurse");
    assert_eq!(total(&provider, "/Users").await, 3);
}

#[tokio::test]
async fn operations_on_one_resource_are_done_in_the_order_they_were_sent() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let ward = provider
        .post("/Groups", &json!({"displayName": "Ward"}))
        .await;
    let change = |operation: Value| {
        json!({
            "method": "PATCH", "path": format!("/Groups/{}", ward.id()),
            "data": {"Operations": [operation]},
        })
    };

    let done = bulk(
        &provider,
        json!([
            change(json!({"op": "add", "path": "members", "value": [{"value": "bulkId:nina"}]})),
            change(json!({"op": "remove", "path": "members"})),
            user("nina"),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["200", "200", "201"]);
    assert!(members(&provider, &done[0]).await.is_empty());
}

#[tokio::test]
async fn so_many_errors_end_the_request_and_no_more() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let bad = |name: &str| post("/Users", name, &json!({}));
    let operations = |suffix: &str| {
        json!([
            bad("a"),
            user(&format!("first{suffix}")),
            bad("b"),
            user(&format!("second{suffix}")),
        ])
    };
    let send = async |limit: u64, suffix: &str| {
        let body = json!({"failOnErrors": limit, "Operations": operations(suffix)});
        answers(&send_with(&provider, &body).await)
    };

    assert_eq!(statuses(&send(1, "1").await), ["400"]);
    assert_eq!(total(&provider, "/Users").await, 0);
    assert_eq!(statuses(&send(2, "2").await), ["400", "201", "400"]);
    assert_eq!(total(&provider, "/Users").await, 1);
    assert_eq!(statuses(&send(3, "3").await), ["400", "201", "400", "201"]);
}

#[tokio::test]
async fn what_is_no_bulk_request_or_too_much_is_refused_whole() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let many = |count: usize| -> Value { (0..count).map(|at| user(&format!("u{at}"))).collect() };
    let long = post("/Users", "a", &json!({"userName": "x".repeat(1024 * 1024)}));

    for (status, operations) in [
        (400, json!([])),
        (400, json!("x")),
        (400, json!([user("twice"), user("twice")])),
        (413, many(1001)),
        (413, json!([long])),
    ] {
        let answer = send(&provider, operations).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.body["status"], status.to_string());
    }
    assert_eq!(provider.get("/Bulk").await.status, 405);
    assert_eq!(total(&provider, "/Users").await, 0);

    let done = bulk(&provider, many(1000)).await;
    assert_eq!(statuses(&done), ["201"; 1000]);
}

#[tokio::test]
async fn the_limits_are_announced_as_they_are_set() {
    let mut app = TestApp::start().await;
    app.settings.limits.body_bytes = 4096;
    let provider = app.provider("entra").await;

    let config = provider.get("/ServiceProviderConfig").await.body;
    let long = user(&"x".repeat(4096));

    assert_eq!(
        config["bulk"],
        json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 4096})
    );
    assert_eq!(send(&provider, json!([long])).await.status, 413);
}

#[tokio::test]
async fn a_practice_reaches_nobody_elses_people_by_bulk() {
    let app = TestApp::start().await;
    let nina = hire(&app.provider("entra").await, "nina").await;
    let oak = app.provider_of("oak", "entra").await;

    let done = bulk(
        &oak,
        json!([disable(&nina), {"method": "DELETE", "path": nina}]),
    )
    .await;

    assert_eq!(statuses(&done), ["404", "404"]);
    assert_eq!(changes(&app, "nina").await, ["change.joined"]);
}
