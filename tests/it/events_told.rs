//! Subscribers are told that somebody left or came back: brought to them, or fetched by them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use drawbridge::{
    app::{self, Bridge},
    clock::MockClock,
    config::Settings,
    ids::{PersonId, PracticeName, UserId},
    intake::{Caller, ChangeError, returns::Word},
    listener,
};
use reqwest::Client;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, time::timeout};

use crate::support::{FRIDAY, person};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

const ARCHIVE_TOKEN: &str = "the token the archive shows, 32 letters or more";

/// A bridge that pushes to `siem` and lets `archive` fetch.
struct Telling {
    bridge: Bridge,
    clock: MockClock,
    siem: Siem,
    address: String,
    client: Client,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

/// A subscriber that is pushed to.
#[derive(Clone, Default)]
struct Siem(Arc<Mutex<Inbox>>);

#[derive(Default)]
struct Inbox {
    is_down: bool,
    turned_away: usize,
    requests: Vec<(HeaderMap, String)>,
}

impl Siem {
    async fn listen(&self) -> String {
        let taken = async |State(siem): State<Self>, headers: HeaderMap, body: Bytes| {
            let mut inbox = siem.0.lock().unwrap();
            if inbox.is_down {
                inbox.turned_away += 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let body = String::from_utf8_lossy(&body).into_owned();
            inbox.requests.push((headers, body));
            StatusCode::ACCEPTED
        };
        let router = Router::new()
            .route("/events", post(taken))
            .with_state(self.clone());
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, router).await });
        format!("http://{address}/events")
    }

    fn goes_down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    fn turned_away(&self) -> usize {
        self.0.lock().unwrap().turned_away
    }

    fn requests(&self) -> Vec<(HeaderMap, String)> {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }
}

impl Telling {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let siem = Siem::default();
        let push_to = siem.listen().await;
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "events.pem",
            &rcgen::KeyPair::generate().unwrap().serialize_pem(),
        );
        write("siem.token", "what the bridge shows");
        write("archive.token", ARCHIVE_TOKEN);
        write(
            "practice.toml",
            &format!(
                r#"
[events]
issuer = "https://bridge.example"
key = {{ file = "events.pem" }}

[[practice]]
name = "elm"
[[practice.source]]
name = "entra"
[[practice.subscriber]]
name = "siem"
audience = "https://siem.example"
push_to = "{push_to}"
token = {{ file = "siem.token" }}
allow_plain_http = true
[[practice.subscriber]]
name = "archive"
audience = "https://archive.example"
token = {{ file = "archive.token" }}

[[practice]]
name = "oak"
"#
            ),
        );
        let settings = app::load_settings(&folder.path().join("practice.toml")).unwrap();
        let clock = MockClock::at(FRIDAY.parse().unwrap());
        let bridge = Bridge::build(&settings, Arc::new(clock.clone()))
            .await
            .unwrap();
        let (address, stop) = serve(&bridge, &settings).await;
        Self {
            bridge,
            clock,
            siem,
            address,
            client: Client::builder().no_proxy().build().unwrap(),
            _stop: stop,
            _folder: folder,
        }
    }

    fn elm() -> PracticeName {
        "elm".into()
    }

    fn caller() -> Caller {
        Caller {
            practice: Self::elm(),
            actor: "source:entra".to_owned(),
            request_id: "r1".to_owned(),
        }
    }

    async fn hire(&self, name: &str) -> UserId {
        let nurse = person(name, "Nurse", true);
        let user = self
            .bridge
            .intake
            .change_user::<()>(&Self::caller(), None, move |_| Ok(Some(nurse.clone())))
            .await;
        user.unwrap().unwrap().id
    }

    async fn set_active(&self, id: &UserId, active: bool) {
        self.bridge
            .intake
            .change_user::<()>(&Self::caller(), Some(id), move |user| {
                let mut attributes = user.unwrap().attributes.clone();
                attributes.insert("active".to_owned(), json!(active));
                Ok(Some(attributes))
            })
            .await
            .unwrap();
    }

    /// Brings what is due. Answers what the subscriber got.
    async fn push(&self) -> Vec<(HeaderMap, String)> {
        self.bridge.push().unwrap().bring_due().await.unwrap();
        self.siem.requests()
    }

    /// How many tokens wait for a subscriber, and the last failures.
    async fn waiting(&self, subscriber: &str) -> Vec<Option<String>> {
        let waiting = self.bridge.store.list_events(&Self::elm()).await.unwrap();
        waiting
            .into_iter()
            .filter(|waiting| waiting.event.subscriber.as_str() == subscriber)
            .map(|waiting| waiting.failure)
            .collect()
    }

    async fn poll(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let answer = self
            .client
            .post(format!("{}/events/{path}", self.address))
            .bearer_auth(token)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    async fn fetch(&self, body: Value) -> Value {
        let (status, answer) = self.poll("elm/archive", ARCHIVE_TOKEN, &body).await;
        assert_eq!(status, 200);
        answer
    }

    /// The claims of a token, once its signature was checked with the published key.
    async fn claims(&self, token: &str) -> Value {
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let keys = self.client.get(format!("{}/events/keys", self.address));
        let keys: Value = keys.send().await.unwrap().json().await.unwrap();
        let mut point = vec![4];
        point.extend(decode(keys["keys"][0]["x"].as_str().unwrap()));
        point.extend(decode(keys["keys"][0]["y"].as_str().unwrap()));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &decode(signature))
            .expect("the signature is right");
        serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap()
    }

    /// What the evidence says of subscribers: who and what.
    async fn told(&self) -> Vec<(String, String)> {
        let records = self
            .bridge
            .store
            .list_records(&Self::elm(), None)
            .await
            .unwrap();
        records
            .iter()
            .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
            .filter(|record| record["what"].as_str().unwrap().starts_with("event."))
            .map(|record| {
                let text = |key: &str| record[key].as_str().unwrap().to_owned();
                (text("who"), text("what"))
            })
            .collect()
    }
}

async fn intake_person(telling: &Telling, user: &UserId) -> PersonId {
    let user = telling.bridge.store.find_user(&Telling::elm(), user).await;
    user.unwrap().unwrap().person
}

async fn serve(bridge: &Bridge, settings: &Settings) -> (String, watch::Sender<bool>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let (router, limits) = (bridge.router(settings), settings.limits);
    tokio::spawn(async move { listener::serve(socket, None, &limits, router, stopped).await });
    (format!("http://{address}"), stop)
}

#[tokio::test]
async fn a_departure_is_brought_signed_and_the_evidence_says_it_was_taken() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;
    telling.set_active(&nina, false).await;

    let got = telling.push().await;

    let (headers, token) = &got[0];
    let claims = telling.claims(token).await;
    assert_eq!(got.len(), 1);
    assert_eq!(headers["content-type"], "application/secevent+jwt");
    assert_eq!(headers["authorization"], "Bearer what the bridge shows");
    assert_eq!(claims["aud"], "https://siem.example");
    assert_eq!(claims["sub_id"]["uri"], format!("/Users/{nina}"));
    assert_eq!(
        claims["events"],
        json!({"urn:ietf:params:scim:event:prov:deactivate": {}})
    );
    assert!(telling.waiting("siem").await.is_empty());
    assert_eq!(
        telling.told().await,
        [(
            "subscriber:siem".to_owned(),
            "event.acknowledged".to_owned()
        )]
    );
}

#[tokio::test]
async fn what_could_not_be_brought_is_tried_again_and_never_forgotten() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;
    telling.siem.goes_down(true);
    telling.set_active(&nina, false).await;

    telling.push().await;
    let failures = telling.waiting("siem").await;
    telling.siem.goes_down(false);
    let too_soon = telling.push().await;
    telling.clock.advance(Duration::from_secs(60));
    let in_time = telling.push().await;

    assert!(
        failures[0].as_ref().unwrap().contains("503"),
        "{failures:?}"
    );
    assert_eq!((too_soon.len(), in_time.len()), (0, 1));
    assert!(telling.waiting("siem").await.is_empty());
}

#[tokio::test]
async fn a_subscriber_that_is_down_is_asked_once_for_all_that_waits() {
    let telling = Telling::start().await;
    let (nina, nora) = (telling.hire("nina").await, telling.hire("nora").await);
    telling.siem.goes_down(true);
    telling.set_active(&nina, false).await;
    telling.set_active(&nora, false).await;

    telling.push().await;
    let failures = telling.waiting("siem").await;
    telling.siem.goes_down(false);
    telling.clock.advance(Duration::from_secs(60));
    let got = telling.push().await;

    assert_eq!(telling.siem.turned_away(), 1);
    assert!(failures.iter().all(Option::is_some), "{failures:?}");
    assert_eq!(got.len(), 2);
}

#[tokio::test]
async fn a_running_bridge_brings_it_by_itself() {
    let telling = Telling::start().await;
    let (stop, stopped) = watch::channel(false);
    let bridge = telling.bridge.clone();
    let running = tokio::spawn(async move { bridge.run(stopped).await });
    let nina = telling.hire("nina").await;

    telling.set_active(&nina, false).await;

    let is_told = async {
        while telling.told().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, is_told).await.expect("it is told");
    assert_eq!(telling.siem.requests().len(), 1);
    stop.send_replace(true);
    running.await.unwrap();
}

#[tokio::test]
async fn a_subscriber_fetches_the_oldest_first_and_gets_no_more_once_it_acknowledged() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;
    telling.set_active(&nina, false).await;
    telling.set_active(&nina, true).await;
    let word = Word {
        by: "Dana Ruiz",
        note: "back from leave",
    };
    let intake = &telling.bridge.intake;
    let person = intake_person(&telling, &nina).await;
    assert_eq!(
        telling.waiting("archive").await.len(),
        1,
        "a return that waits is not told"
    );
    intake
        .approve_return(&Telling::caller(), &person, word)
        .await
        .unwrap()
        .unwrap();

    let first = telling
        .fetch(json!({"maxEvents": 1, "returnImmediately": true}))
        .await;
    let again = telling
        .fetch(json!({"maxEvents": 1, "returnImmediately": true}))
        .await;
    let (id, token) = first["sets"].as_object().unwrap().iter().next().unwrap();
    let ack = json!({"ack": [id, "of nobody"], "maxEvents": 5, "returnImmediately": true});
    let second = telling.fetch(ack).await;

    assert!(
        telling.claims(token.as_str().unwrap()).await["events"]
            .as_object()
            .unwrap()
            .contains_key("urn:ietf:params:scim:event:prov:deactivate")
    );
    assert_eq!(first["moreAvailable"], true);
    assert!(
        again["sets"].get(id).is_some(),
        "what was not acknowledged is told again"
    );
    assert_eq!(second["moreAvailable"], false);
    let (_, token) = second["sets"].as_object().unwrap().iter().next().unwrap();
    assert!(
        telling.claims(token.as_str().unwrap()).await["events"]
            .as_object()
            .unwrap()
            .contains_key("urn:ietf:params:scim:event:prov:activate")
    );
    assert_eq!(telling.waiting("archive").await.len(), 1);
    assert_eq!(telling.told().await.len(), 1);
}

#[tokio::test]
async fn whoever_waits_for_something_is_told_when_it_happens() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;

    let (answer, ()) = tokio::join!(telling.fetch(json!({})), telling.set_active(&nina, false));

    assert_eq!(answer["sets"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_no_more_and_recorded() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;
    telling.set_active(&nina, false).await;
    let first = telling.fetch(json!({"returnImmediately": true})).await;
    let (id, _) = first["sets"].as_object().unwrap().iter().next().unwrap();

    let refusal = json!({id: {"err": "invalid_audience", "description": "not for us"}});
    let answer = telling
        .fetch(json!({"setErrs": refusal, "returnImmediately": true}))
        .await;

    assert_eq!(answer["sets"], json!({}));
    assert_eq!(
        telling.told().await,
        [("subscriber:archive".to_owned(), "event.refused".to_owned())]
    );
}

#[tokio::test]
async fn nobody_fetches_without_the_right_token() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;
    telling.set_active(&nina, false).await;
    let body = json!({"returnImmediately": true});

    for (path, token) in [
        ("elm/archive", "wrong"),
        ("elm/archive", ""),
        ("elm/siem", "what the bridge shows"),
        ("oak/archive", ARCHIVE_TOKEN),
        ("elm/nobody", ARCHIVE_TOKEN),
    ] {
        let (status, answer) = telling.poll(path, token, &body).await;
        assert_eq!(
            (status, answer),
            (401, Value::Null),
            "{path} with `{token}`"
        );
    }
    let (status, _) = telling
        .poll("elm/archive", ARCHIVE_TOKEN, &json!("no request"))
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_change_that_was_refused_is_not_told() {
    let telling = Telling::start().await;
    telling.hire("nora").await;
    let nina = telling.hire("nina").await;

    let refused = telling
        .bridge
        .intake
        .change_user::<()>(&Telling::caller(), Some(&nina), |_| {
            Ok(Some(person("nora", "Nurse", false)))
        })
        .await;

    assert!(matches!(refused, Err(ChangeError::Taken { .. })));
    assert!(telling.waiting("siem").await.is_empty());
}

#[tokio::test]
async fn a_deletion_and_a_departure_by_name_are_told() {
    let telling = Telling::start().await;
    let nina = telling.hire("nina").await;
    let nora = telling.hire("nora").await;
    let nora = telling
        .bridge
        .store
        .find_user(&Telling::elm(), &nora)
        .await
        .unwrap()
        .unwrap();

    telling
        .bridge
        .intake
        .change_user::<()>(&Telling::caller(), Some(&nina), |_| Ok(None))
        .await
        .unwrap();
    telling
        .bridge
        .intake
        .depart(&Telling::caller(), &nora.person)
        .await
        .unwrap();

    let mut subjects = Vec::new();
    for (_, token) in telling.push().await {
        subjects.push(telling.claims(&token).await["sub_id"]["uri"].clone());
    }
    assert_eq!(
        subjects,
        [format!("/Users/{nina}"), format!("/Users/{}", nora.id)]
    );
}

#[tokio::test]
async fn without_events_in_the_settings_nobody_is_told_and_nothing_is_there_to_ask() {
    let app = crate::support::TestApp::start().await;
    let id = app.hire("nina", "Nurse").await;
    app.disable(&id).await;
    let bridge = Bridge::build(&app.settings, Arc::new(app.clock.clone()))
        .await
        .unwrap();
    let (address, _stop) = serve(&bridge, &app.settings).await;

    let client = Client::builder().no_proxy().build().unwrap();
    let keys = client
        .get(format!("{address}/events/keys"))
        .send()
        .await
        .unwrap();

    assert_eq!(keys.status(), 404);
    assert!(bridge.push().is_none());
    assert!(
        app.store
            .list_events(&app.practice())
            .await
            .unwrap()
            .is_empty()
    );
}
