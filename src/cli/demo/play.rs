//! What the identity provider sends, as Entra ID sends it.

use std::time::Duration;

use serde_json::{Value, json};

use super::CliError;
use crate::{
    clock::{self, Clock as _, SystemClock},
    ids::PracticeName,
    intake::tokens,
    store::Store,
};

/// Who leaves.
pub(super) const LEAVER: &str = "nina.okafor@elm.example";

/// Somebody who is hired.
pub(super) struct Hire {
    pub(super) user_name: &'static str,
    given: &'static str,
    family: &'static str,
    pub(super) title: &'static str,
}

/// One of each role.
pub(super) const HIRES: [Hire; 5] = [
    Hire {
        user_name: "omar.haddad@elm.example",
        given: "Omar",
        family: "Haddad",
        title: "Physician",
    },
    Hire {
        user_name: LEAVER,
        given: "Nina",
        family: "Okafor",
        title: "Nurse",
    },
    Hire {
        user_name: "fay.lindqvist@elm.example",
        given: "Fay",
        family: "Lindqvist",
        title: "Front desk",
    },
    Hire {
        user_name: "bo.castillo@elm.example",
        given: "Bo",
        family: "Castillo",
        title: "Billing",
    },
    Hire {
        user_name: "dana.ruiz@elm.example",
        given: "Dana",
        family: "Ruiz",
        title: "Office manager",
    },
];

/// A token for the demo's source.
pub(super) async fn token(store: &Store, practice: &PracticeName) -> Result<String, CliError> {
    let now = SystemClock.now();
    let (token, stored) = tokens::new_token(
        practice,
        &"entra".into(),
        clock::after(now, Duration::from_secs(24 * 3_600)),
    )
    .map_err(|error| CliError::Problem(error.to_string()))?;
    let mut tx = store.begin(practice, now).await?;
    tx.record_token(&stored);
    tx.commit().await?;
    Ok(token)
}

/// An identity provider that pushes.
pub(super) struct Provider {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Provider {
    pub(super) fn new(base: &str, token: &str) -> Result<Self, CliError> {
        drawbridge_sdk::http::install_tls_provider();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| CliError::Problem(error.to_string()))?;
        Ok(Self {
            client,
            base: base.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Creates a User.
    pub(super) async fn hire(&self, hire: &Hire) -> Result<(), CliError> {
        let name = json!({
            "formatted": format!("{} {}", hire.given, hire.family),
            "givenName": hire.given,
            "familyName": hire.family,
        });
        let body = json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            ],
            "externalId": hire.user_name.split('@').next(),
            "userName": hire.user_name,
            "active": true,
            "title": hire.title,
            "emails": [{"primary": true, "type": "work", "value": hire.user_name}],
            "meta": {"resourceType": "User"},
            "name": name,
            "roles": [],
        });
        let request = self
            .client
            .post(format!("{}/Users", self.base))
            .body(body.to_string());
        self.send(request).await.map(|_| ())
    }

    /// Disables a User: looks them up, then sends what Entra ID sends by default, a text for a boolean.
    pub(super) async fn disable(&self, user_name: &str) -> Result<(), CliError> {
        let filter = format!("userName eq \"{user_name}\"");
        let found = self
            .send(
                self.client
                    .get(format!("{}/Users", self.base))
                    .query(&[("filter", filter)]),
            )
            .await?;
        let id = found["Resources"][0]["id"].as_str().ok_or_else(|| {
            CliError::Problem(format!("the front door does not find {user_name}"))
        })?;
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
        });
        let request = self
            .client
            .patch(format!("{}/Users/{id}", self.base))
            .body(body.to_string());
        self.send(request).await.map(|_| ())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, CliError> {
        let unreachable = |error: reqwest::Error| CliError::Unreachable(error.to_string());
        let answer = request
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/scim+json; charset=utf-8")
            .send()
            .await
            .map_err(unreachable)?;
        let status = answer.status();
        let body = answer.text().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(CliError::Problem(format!(
                "the front door answered {status}: {body}"
            )));
        }
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }
}
