//! How the front door answers: what a SCIM client may rely on, whoever it is.

use serde_json::{Value, json};

use crate::support::{TestApp, provider::Provider};

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

async fn hire(provider: &Provider, user_name: &str, title: &str) -> String {
    let user = json!({"userName": user_name, "title": title});
    let answer = provider.post("/Users", &user).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.id()
}

fn names(list: &Value) -> Vec<&str> {
    let resources = list["Resources"].as_array().map_or(&[][..], Vec::as_slice);
    resources
        .iter()
        .map(|resource| resource["userName"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_resource_says_where_it_is_and_which_version_it_is() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    let answer = provider.post("/Users", &json!({"userName": "nina"})).await;

    let location = format!("http://{}/scim/v2/Users/{}", provider.address, answer.id());
    assert_eq!(answer.header("location"), location);
    assert_eq!(answer.header("etag"), "W/\"1\"");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.body["meta"],
        json!({
            "resourceType": "User",
            "created": "2026-11-20T17:02:00.000Z",
            "lastModified": "2026-11-20T17:02:00.000Z",
            "version": "W/\"1\"",
            "location": location,
        })
    );
}

#[tokio::test]
async fn a_version_guards_reading_and_writing() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let path = format!("/Users/{}", hire(&provider, "nina", "Nurse").await);
    let conditional = async |method: &str, header: (&str, &str), body: Value| {
        let headers = [header, ("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        provider.send_raw(method, &path, &headers, body).await
    };
    let user = || json!({"userName": "nina", "title": "Billing"});

    let known = conditional("GET", ("if-none-match", "W/\"1\""), Value::Null).await;
    let stale = conditional("PUT", ("if-match", "W/\"9\""), user()).await;
    let current = conditional("PUT", ("if-match", "W/\"1\""), user()).await;
    let outdated = conditional("DELETE", ("if-match", "W/\"1\""), Value::Null).await;
    let any = conditional("DELETE", ("if-match", "*"), Value::Null).await;

    assert_eq!(
        (known.status.as_u16(), known.header("etag")),
        (304, "W/\"1\"")
    );
    assert_eq!(known.body, "");
    assert_eq!(stale.status, 412);
    assert_eq!(current.status, 200);
    assert_eq!(current.header("etag"), "W/\"2\"");
    assert_eq!(outdated.status, 412);
    assert_eq!(any.status, 204);
}

#[tokio::test]
async fn a_list_is_filtered_sorted_and_paged() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    for (name, title) in [("cleo", "Nurse"), ("Abel", "Nurse"), ("bea", "Billing")] {
        hire(&provider, name, title).await;
    }

    let sorted = provider.get("/Users?sortBy=userName").await.body;
    let reverse = provider
        .get("/Users?sortBy=userName&sortOrder=descending&startIndex=2&count=1")
        .await
        .body;
    let nurses = provider
        .get("/Users?filter=title%20eq%20%22nurse%22&sortBy=userName")
        .await
        .body;
    let none = provider.get("/Users?count=0").await.body;

    assert_eq!(names(&sorted), ["Abel", "bea", "cleo"]);
    assert_eq!(names(&reverse), ["bea"]);
    assert_eq!(reverse["totalResults"], 3);
    assert_eq!(reverse["startIndex"], 2);
    assert_eq!(names(&nurses), ["Abel", "cleo"]);
    assert_eq!(none["totalResults"], 3);
    assert_eq!(none["Resources"], json!([]));
}

#[tokio::test]
async fn filters_reach_what_the_bridge_itself_writes() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let id = hire(&provider, "nina", "Nurse").await;
    hire(&provider, "other", "Nurse").await;
    let group = json!({"displayName": "Ward 3", "members": [{"value": id}]});
    provider.post("/Groups", &group).await;
    let found = async |filter: &str| -> Vec<String> {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let list = provider.get(&format!("/Users?filter={query}")).await;
        names(&list.body).into_iter().map(str::to_owned).collect()
    };

    assert_eq!(found(&format!("id eq \"{id}\"")).await, ["nina"]);
    assert_eq!(found("groups.display eq \"ward 3\"").await, ["nina"]);
    assert_eq!(found("groups pr").await, ["nina"]);
    assert_eq!(found("not (groups pr)").await, ["other"]);
    assert_eq!(
        found("meta.lastModified ge \"2026-11-20T18:02:00+01:00\"")
            .await
            .len(),
        2
    );
    assert!(
        found("meta.lastModified gt \"2026-11-20T17:02:00Z\"")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn answers_show_what_was_asked_for() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let user = json!({"userName": "nina", "name": {"givenName": "Nina", "familyName": "Weiss"}});

    let made = provider
        .post("/Users?attributes=name.givenName", &user)
        .await;
    let path = format!("/Users/{}", made.id());
    let read = provider
        .get(&format!("{path}?excludedAttributes=name,meta,id"))
        .await;

    assert_eq!(made.body["name"], json!({"givenName": "Nina"}));
    assert!(made.body.get("userName").is_none());
    assert_eq!(read.body["id"], made.id());
    assert!(read.body.get("name").is_none());
    assert!(read.body.get("meta").is_none());
}

#[tokio::test]
async fn groups_and_users_point_at_each_other() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let id = hire(&provider, "nina", "Nurse").await;
    let group = json!({"displayName": "Ward 3", "members": [{"value": id, "display": "Nina"}]});

    let group = provider.post("/Groups", &group).await;
    let user = provider.get(&format!("/Users/{id}")).await;

    let base = format!("http://{}/scim/v2", provider.address);
    assert_eq!(
        group.body["members"],
        json!([{
            "value": id,
            "display": "Nina",
            "type": "User",
            "$ref": format!("{base}/Users/{id}"),
        }])
    );
    assert_eq!(
        user.body["groups"],
        json!([{
            "value": group.id(),
            "display": "Ward 3",
            "type": "direct",
            "$ref": format!("{base}/Groups/{}", group.id()),
        }])
    );
}

#[tokio::test]
async fn every_refusal_is_a_scim_error_with_its_requests_id() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let text = [("content-type", "text/plain")];

    let answers = [
        (404, None, provider.get("/Nothing").await),
        (404, None, provider.get("").await),
        (404, None, provider.get("/Users/nobody").await),
        (405, None, provider.put("/Users", &json!({})).await),
        (
            415,
            None,
            provider
                .send_raw("POST", "/Users", &text, b"{}".to_vec())
                .await,
        ),
        (
            415,
            None,
            provider.send_raw("POST", "/Users", &[], Vec::new()).await,
        ),
        (
            400,
            Some("invalidFilter"),
            provider.get("/Users?filter=userName").await,
        ),
        (
            400,
            Some("invalidValue"),
            provider.get("/Users?count=abc").await,
        ),
        (
            400,
            Some("invalidValue"),
            provider.post("/Users", &json!({})).await,
        ),
        (
            400,
            Some("invalidSyntax"),
            provider.post("/Bulk", &json!({})).await,
        ),
        (501, None, provider.get("/Me").await),
        (
            400,
            Some("invalidSyntax"),
            provider.post("/.search", &json!([])).await,
        ),
        (
            400,
            Some("invalidCursor"),
            provider
                .post("/Users/.search", &json!({"cursor": "x"}))
                .await,
        ),
    ];

    for (status, scim_type, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/scim+json");
        assert_eq!(answer.body["schemas"], json!([ERROR]));
        assert_eq!(answer.body["status"], status.to_string());
        assert_eq!(
            answer.body.get("scimType").and_then(Value::as_str),
            scim_type
        );
        let request_id = answer.header("x-request-id");
        assert_eq!(request_id.len(), 36);
        assert!(
            answer.body["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(request_id))
        );
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_says_which_are() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    let answer = provider.delete("/Users").await;

    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").contains("POST"));
    assert!(answer.header("allow").contains("GET"));
}

#[tokio::test]
async fn unknown_attributes_are_ignored_or_refused_as_the_source_wants() {
    let app = TestApp::start().await;
    let lenient = app.provider("entra").await;
    let strict = app.provider("by_the_letter").await;
    let user = |name: &str| json!({"userName": name, "shoeSize": "42"});

    let ignored = lenient.post("/Users", &user("nina")).await;
    let refused = strict.post("/Users", &user("omar")).await;

    assert_eq!(ignored.status, 201);
    assert!(ignored.body.get("shoeSize").is_none());
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["scimType"], "invalidSyntax");
}

#[tokio::test]
async fn an_explicit_path_to_the_id_is_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let path = format!("/Users/{}", hire(&provider, "nina", "Nurse").await);

    let answer = provider
        .patch(
            &path,
            &json!([{"op": "replace", "path": "id", "value": "x"}]),
        )
        .await;

    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["scimType"], "mutability");
}

#[tokio::test]
async fn discovery_can_be_read_by_anybody_with_a_token() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";

    let schema = provider.get(&format!("/Schemas/{user}")).await;
    let kind = provider.get("/ResourceTypes/Group").await;

    assert_eq!(schema.status, 200);
    assert_eq!(schema.body["id"], user);
    assert_eq!(kind.body["endpoint"], "/Groups");
    assert_eq!(provider.get("/ResourceTypes/Device").await.status, 404);
}
