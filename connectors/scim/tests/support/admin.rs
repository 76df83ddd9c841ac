//! A real provider seen by its own administrator: directly, not through the connector under test.

use std::{path::Path, sync::Arc};

use drawbridge_conformance::{Canned, Fault, FaultyProxy, RealSystem, SecretFile};
use drawbridge_sdk::{
    BuildContext, Connector, SecretRef, Subject,
    http::{Answer, Auth, Endpoint, EndpointOptions, Method},
};
use serde_json::{Value, json};

use super::{PATIENCE, connector, error_inside_success, host::OwnName};

/// A token that no provider knows.
pub const WRONG_TOKEN: &str = "wrong-token-4e2a9b7c6d1f";

/// A running provider, and what produces the faults of a network before it.
pub struct Real {
    system: &'static RealSystem,
    endpoint: Endpoint,
    pub proxy: FaultyProxy,
    _own_name: Option<OwnName>,
    token: SecretFile,
    wrong_token: SecretFile,
}

impl Real {
    pub async fn before(system: &'static RealSystem) -> Self {
        let port = system.var("PORT").parse().expect("a port");
        let own_name = OwnName::before(([127, 0, 0, 1], port).into()).await;
        let proxy = FaultyProxy::start(own_name.address())
            .answering(Fault::ErrorInsideSuccess, |_| Some(error_inside_success()))
            .answering(Fault::SaysYesDoesNothing, |seen| {
                (seen.method == "PATCH").then(|| Canned::json(204, ""))
            });
        Self {
            _own_name: Some(own_name),
            ..Self::behind(system, proxy)
        }
    }

    pub fn behind(system: &'static RealSystem, proxy: FaultyProxy) -> Self {
        let token = SecretFile::holding(system.var("TOKEN"));
        let reference = SecretRef::File {
            file: token.path().to_owned(),
        };
        let options = EndpointOptions {
            allow_plain_http: true,
            auth: vec![Auth::Bearer(
                reference.bind(Path::new(".")).expect("the token"),
            )],
            ..EndpointOptions::default()
        };
        let context = BuildContext {
            call_timeout: PATIENCE,
            ..BuildContext::named("admin")
        };
        let endpoint = Endpoint::new(system.var("BASE_URL"), options, &context);
        Self {
            system,
            endpoint: endpoint.expect("an endpoint"),
            proxy,
            _own_name: None,
            token,
            wrong_token: SecretFile::holding(WRONG_TOKEN),
        }
    }

    pub fn system(&self) -> &'static RealSystem {
        self.system
    }

    pub fn connector(&self) -> Arc<dyn Connector> {
        self.connector_with(&self.token)
    }

    pub fn connector_with_wrong_token(&self) -> Arc<dyn Connector> {
        self.connector_with(&self.wrong_token)
    }

    fn connector_with(&self, token: &SecretFile) -> Arc<dyn Connector> {
        let base_url = self.system.var("BASE_URL");
        let direct = format!("http://127.0.0.1:{}", self.system.var("PORT"));
        connector(
            &base_url.replace(&direct, &self.proxy.url()),
            token,
            PATIENCE,
        )
    }

    async fn ask(&self, method: Method, path: &str, id: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .endpoint
            .change("administer", method, path)
            .fill("id", id);
        if let Some(body) = body {
            request = request.json_as("application/scim+json", body);
        }
        request.send().await.expect("an answer")
    }

    /// Makes a record and gives its id.
    pub async fn create(&self, list: &str, record: &Value) -> String {
        let answer = self.ask(Method::POST, list, "", Some(record)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let record: Value = answer.json().expect("a record");
        record["id"].as_str().expect("an id").to_owned()
    }

    /// Makes an enabled user.
    pub async fn add_user(&self, name: &str, email: &str, password: &str) -> String {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "name": { "formatted": name, "familyName": name },
            "emails": [{ "value": email }],
            "password": password,
            "active": true,
        });
        self.create("/Users", &user).await
    }

    /// Makes a group with this member.
    pub async fn add_group(&self, name: &str, member: &str) {
        // Canaille wants both.
        let reference = &self.user(member).await["meta"]["location"];
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": [{ "value": member, "$ref": reference }],
        });
        self.create("/Groups", &group).await;
    }

    pub async fn user(&self, id: &str) -> Value {
        self.ask(Method::GET, "/Users/{id}", id, None)
            .await
            .json()
            .expect("a user")
    }

    /// Says and does what the provider's own administrator would, and expects it to work.
    pub async fn patch_user(&self, id: &str, operation: Value) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        let answer = self
            .ask(Method::PATCH, "/Users/{id}", id, Some(&body))
            .await;
        assert!(answer.is_ok(), "{}", answer.text());
    }

    async fn everything(&self, list: &str) -> Vec<Value> {
        let answer = self.ask(Method::GET, list, "", None).await;
        let body: Value = answer.json().expect("a list");
        let records = body["Resources"].as_array().cloned().unwrap_or_default();
        assert_eq!(
            body["totalResults"],
            records.len(),
            "the list has more than one page"
        );
        records
    }

    /// The record of this person, looked for among all.
    pub async fn find(&self, subject: &Subject) -> Option<Value> {
        let name = subject.user_name()?;
        self.everything("/Users")
            .await
            .into_iter()
            .find(|user| user["userName"] == name)
    }

    /// Names of the groups this person is in.
    pub async fn groups_of(&self, subject: &Subject) -> Vec<String> {
        let Some(user) = self.find(subject).await else {
            return Vec::new();
        };
        let has = |group: &Value| {
            let members = group["members"].as_array();
            members.is_some_and(|all| {
                all.iter().any(|member| {
                    member["$ref"] == user["meta"]["location"] || member["value"] == user["id"]
                })
            })
        };
        let groups = self.everything("/Groups").await;
        let names = groups
            .iter()
            .filter(|group| has(group))
            .map(|group| &group["displayName"]);
        names
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }
}
