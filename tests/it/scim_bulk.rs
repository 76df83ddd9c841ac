//! Many operations in one request (RFC 7644 section 3.7).

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
async fn a_reference_is_resolved_whatever_the_order() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    let done = bulk(
        &provider,
        json!([
            {"method": "PATCH", "path": "/Groups/bulkId:ward", "data": {"Operations": [
                {"op": "add", "path": "members", "value": [{"value": "bulkId:omar"}]},
            ]}},
            group("ward", &["bulkId:nina"]),
            post("/Users", "nina", &json!({
                "userName": "nina", ENTERPRISE: {"manager": {"value": "bulkId:omar"}},
            })),
            user("omar"),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["200", "201", "201", "201"]);
    assert_eq!(path(&done[0]), path(&done[1]));
    assert_eq!(
        members(&provider, &done[1]).await,
        [id(&done[2]), id(&done[3])]
    );
    assert_eq!(manager(&provider, &done[2]).await, id(&done[3]));
}

#[tokio::test]
async fn a_reference_in_the_filter_of_a_path_is_resolved() {
    let app = TestApp::start().await;
    let provider = app.provider("by_the_letter").await;

    let done = bulk(
        &provider,
        json!([
            {"method": "PATCH", "path": "/Groups/bulkId:ward", "data": {"Operations": [
                {"op": "remove", "path": "members[value eq \"bulkId:nina\"]"},
            ]}},
            group("ward", &["bulkId:nina", "bulkId:omar"]),
            user("nina"),
            user("omar"),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["200", "201", "201", "201"]);
    assert_eq!(members(&provider, &done[1]).await, [id(&done[3])]);
}

#[tokio::test]
async fn a_filter_that_refers_to_what_is_not_made_is_refused_and_nobody_removed() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let remove = |name: &str| {
        let path = format!("members[value eq \"bulkId:{name}\"]");
        json!({"method": "PATCH", "path": "/Groups/bulkId:ward", "data": {"Operations": [
            {"op": "remove", "path": "members[value eq \"u1\"]"},
            {"op": "remove", "path": path},
        ]}})
    };

    let done = bulk(
        &provider,
        json!([
            group("ward", &["u1"]),
            remove("none"),
            remove("bad"),
            post("/Users", "bad", &json!({"title": "Nurse"})),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["201", "400", "409", "400"]);
    assert_eq!(done[1]["response"]["scimType"], "invalidValue");
    let detail = done[1]["response"]["detail"].as_str().expect("a detail");
    assert!(detail.contains("bulkId"), "{detail}");
    assert_eq!(members(&provider, &done[0]).await, ["u1"]);
}

#[tokio::test]
async fn resources_that_refer_to_each_other_in_a_circle_are_made() {
    let app = TestApp::start().await;
    let provider = app.provider("by_the_letter").await;
    let managed = |name: &str, by: &str| {
        let data = json!({
            "userName": name, ENTERPRISE: {"manager": {"value": format!("bulkId:{by}")}},
        });
        post("/Users", name, &data)
    };

    let done = bulk(
        &provider,
        json!([
            // As in RFC 7644 section 3.7.1.
            group("tour guides", &["bulkId:employees", "u1"]),
            group("employees", &["bulkId:tour guides"]),
            managed("nina", "omar"),
            managed("omar", "pia"),
            managed("pia", "nina"),
            managed("self", "self"),
            group("waits for a circle", &["bulkId:pia"]),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["201"; 7]);
    let mut guides = members(&provider, &done[0]).await;
    guides.sort();
    let mut wanted = [id(&done[1]), "u1"];
    wanted.sort_unstable();
    assert_eq!(guides, wanted);
    assert_eq!(members(&provider, &done[1]).await, [id(&done[0])]);
    for (managed, by) in [(2, 3), (3, 4), (4, 2), (5, 5)] {
        assert_eq!(manager(&provider, &done[managed]).await, id(&done[by]));
    }
    assert_eq!(members(&provider, &done[6]).await, [id(&done[4])]);
    for answer in &done {
        let resource = provider.get(path(answer)).await.body;
        assert_eq!(resource["meta"]["version"], answer["version"]);
    }
}

#[tokio::test]
async fn a_circle_of_which_one_fails_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    hire(&provider, "taken").await;
    let managed = |name: &str, user_name: &str, by: &str| {
        let data = json!({
            "userName": user_name, ENTERPRISE: {"manager": {"value": format!("bulkId:{by}")}},
        });
        post("/Users", name, &data)
    };

    let done = bulk(
        &provider,
        json!([
            managed("a", "nina", "b"),
            managed("b", "taken", "a"),
            group("waits", &["bulkId:a"]),
            user("other"),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["409", "409", "409", "201"]);
    assert_eq!(done[0]["response"]["status"], "409");
    assert!(done[0].get("location").is_none());
    assert_eq!(done[1]["response"]["scimType"], "uniqueness");
    assert_eq!(total(&provider, "/Users").await, 2);
    assert_eq!(total(&provider, "/Groups").await, 0);
    let again = bulk(
        &provider,
        json!([managed("a", "nina", "b"), managed("b", "omar", "a")]),
    )
    .await;
    assert_eq!(statuses(&again), ["201", "201"]);
}

#[tokio::test]
async fn a_circle_that_cannot_be_opened_is_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    // Nested where no attribute is, so that leaving it out is impossible.
    let deep = json!({
        "userName": "nina", "emails": [{"value": "n@elm.example", "manager": "bulkId:a"}],
    });

    let done = bulk(&provider, json!([post("/Users", "a", &deep)])).await;

    assert_eq!(statuses(&done), ["409"]);
    assert_eq!(total(&provider, "/Users").await, 0);
}

#[tokio::test]
async fn a_reference_to_what_is_not_made_fails_that_operation_alone() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    let done = bulk(
        &provider,
        json!([
            group("to nobody", &["bulkId:none"]),
            group("to a failure", &["bulkId:bad"]),
            post("/Users", "bad", &json!({"title": "Nurse"})),
            {"method": "DELETE", "path": "/Users/bulkId:bad"},
            user("good"),
        ]),
    )
    .await;

    assert_eq!(statuses(&done), ["400", "409", "400", "409", "201"]);
    assert_eq!(done[0]["response"]["scimType"], "invalidValue");
    assert!(done[3].get("location").is_none());
    assert_eq!(total(&provider, "/Groups").await, 0);
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
async fn whoever_is_disabled_by_bulk_loses_every_door() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nina = hire(&provider, "nina").await;
    let omar = hire(&provider, "omar").await;
    app.run_due().await;
    app.clock.advance(Duration::from_secs(1));

    let done = bulk(
        &provider,
        json!([disable(&nina), {"method": "DELETE", "path": omar}]),
    )
    .await;

    assert_eq!(statuses(&done), ["200", "204"]);
    for name in ["nina", "omar"] {
        let doors = app.doors_of(name).await;
        assert!(!doors.is_empty());
        assert!(doors.iter().all(|door| door.wanted.is_closed()), "{name}");
    }
    app.run_due().await;
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_disable_that_was_not_done_is_recorded_whatever_the_reason() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let nina = hire(&provider, "nina").await;
    let with = |name: &str, value: Value| {
        let mut operation = disable(&nina);
        operation[name] = value;
        operation
    };
    let refused = async || {
        let changes = changes(&app, "nina").await;
        assert_eq!(changes[0], "change.joined");
        assert!(
            changes[1..]
                .iter()
                .all(|what| what == "change.refused_disable")
        );
        changes.len() - 1
    };

    // Refused as it would be alone, unreadable, and because of what it refers to.
    let unknown = json!({
        "userName": "nina", "active": false, ENTERPRISE: {"manager": "bulkId:none"},
    });
    let done = bulk(
        &provider,
        json!([
            with("version", json!("W/\"9\"")),
            with("version", json!(9)),
            {"method": "PUT", "path": nina, "data": unknown},
            {"method": "DELETE", "path": nina, "version": "W/\"9\""},
        ]),
    )
    .await;
    assert_eq!(statuses(&done), ["412", "400", "400", "412"]);
    assert_eq!(refused().await, 4);

    // In a request that is refused whole.
    let twice = json!([with("bulkId", json!("a")), with("bulkId", json!("a"))]);
    assert_eq!(send(&provider, twice).await.status, 400);
    assert_eq!(refused().await, 6);

    // Not reached.
    let body = json!({
        "failOnErrors": 1,
        "Operations": [post("/Users", "bad", &json!({})), disable(&nina)],
    });
    assert_eq!(
        statuses(&answers(&send_with(&provider, &body).await)),
        ["400"]
    );
    assert_eq!(refused().await, 7);
    assert_eq!(provider.get(&nina).await.body["active"], true);
}

#[tokio::test]
async fn a_refused_disable_of_whom_the_request_made_is_recorded_too() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let mut refused = disable("/Users/bulkId:nina");
    refused["version"] = json!("W/\"9\"");
    let unreadable = json!({"method": "DELETE", "path": "/Users/bulkId:nina", "version": 9});

    let done = bulk(&provider, json!([unreadable, refused, user("nina")])).await;

    assert_eq!(statuses(&done), ["400", "412", "201"]);
    assert_eq!(path(&done[1]), path(&done[2]));
    assert_eq!(
        changes(&app, "nina").await,
        [
            "change.joined",
            "change.refused_disable",
            "change.refused_disable",
        ]
    );
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
