//! What an operation makes, named by another (RFC 7644 section 3.7.2).

use super::*;

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
