//! An identity provider that pushes to the bridge over HTTP.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use drawbridge::{
    clock::{self, Clock as _},
    ids::{PracticeName, SourceName},
    intake::tokens,
    lifecycle, listener, scim,
};
use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use super::TestApp;

/// An identity provider with its token, and the address of the front door.
pub struct Provider {
    pub address: SocketAddr,
    pub token: String,
    /// The listener stops with it.
    _stop: watch::Sender<bool>,
    client: reqwest::Client,
}

/// What the front door answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The id of the resource in the body.
    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }
}

impl TestApp {
    /// The front door on a free port, and an identity provider that has a token for `elm`.
    pub async fn provider(&self, source: &str) -> Provider {
        self.provider_of("elm", source).await
    }

    /// The same for another practice.
    pub async fn provider_of(&self, practice: &str, source: &str) -> Provider {
        let door = scim::FrontDoor::new(
            self.store.clone(),
            self.intake.clone(),
            &self.settings,
            Arc::new(self.clock.clone()),
        );
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let limits = self.settings.limits;
        let router = scim::router(door).merge(lifecycle::router(self.store.clone()));
        tokio::spawn(async move {
            listener::serve(socket, None, &limits, router, stopped).await;
        });
        drawbridge_sdk::http::install_tls_provider();
        let client = reqwest::Client::builder().no_proxy().build();
        Provider {
            address,
            _stop: stop,
            token: self.token(practice, source).await,
            client: client.expect("a client"),
        }
    }

    /// A token that works for a day.
    pub async fn token(&self, practice: &str, source: &str) -> String {
        let now = self.clock.now();
        let expires = clock::after(now, Duration::from_secs(24 * 3_600));
        let practice = PracticeName::from(practice);
        let (token, stored) =
            tokens::new_token(&practice, &SourceName::from(source), expires).expect("a token");
        let mut tx = self
            .store
            .begin(&practice, now)
            .await
            .expect("a transaction");
        tx.record_token(&stored);
        tx.commit().await.expect("a commit");
        token
    }
}

impl Provider {
    /// Sends JSON as the RFC wants it.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers: &[(&str, &str)] = if body.is_some() {
            &[("content-type", "application/scim+json")]
        } else {
            &[]
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send_raw(method, path, headers, body.into_bytes())
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    /// A PATCH with these operations.
    pub async fn patch(&self, path: &str, operations: &Value) -> Answer {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.send("PATCH", path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    /// Whether whoever balances load would send anything here.
    pub async fn is_ready(&self) -> bool {
        let url = format!("http://{}/readyz", self.address);
        let answer = self.client.get(url).send().await.expect("an answer");
        answer.status() == StatusCode::OK
    }

    /// Sends whatever it is told to, with the token unless an Authorization header is given.
    pub async fn send_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(
                HeaderName::try_from(*name).expect("a header"),
                HeaderValue::try_from(*value).expect("a header value"),
            );
        }
        if !all.contains_key("authorization") {
            let bearer = format!("Bearer {}", self.token);
            all.insert(
                "authorization",
                HeaderValue::try_from(bearer).expect("text"),
            );
        }
        let url = format!("http://{}/scim/v2{path}", self.address);
        let answer = self
            .client
            .request(Method::try_from(method).expect("a method"), url)
            .headers(all)
            .body(body)
            .send()
            .await
            .expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }
}
