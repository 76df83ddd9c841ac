//! Departures that somebody of the practice starts: now, later, by the API, and for the wrong person.

use std::{collections::HashSet, sync::Arc, time::Duration};

use drawbridge::{
    clock::Clock as _,
    door::Wanted,
    ids::{CaseId, PersonId, ScheduleId},
    intake::{Caller, Intake, returns::Word, tokens},
    listener,
    policy::office::OfficeRole,
    sources::departures::{self, Departures},
    store::{
        doors::Lease,
        records::Case,
        scheduled::{Outcome, Scheduled},
    },
};
use drawbridge_sdk::Way;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha2_of::sha256_hex;
use tokio::{net::TcpListener, sync::watch};

use crate::support::{TestApp, fake};

/// SHA-256 as an auditor computes it.
mod sha2_of {
    use ring::digest;

    pub fn sha256_hex(text: &str) -> String {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        hash.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

const DANA: Word<'static> = Word {
    by: "Dana Ruiz",
    note: "it was the other Nina",
};

fn dana() -> Caller {
    Caller {
        practice: "elm".into(),
        actor: "admin:Dana Ruiz".to_owned(),
        request_id: "request-2".to_owned(),
    }
}

async fn records(app: &TestApp) -> Vec<Value> {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .map(|record| serde_json::from_str(&record.text).unwrap())
        .collect()
}

async fn record(app: &TestApp, what: &str) -> Value {
    let all = records(app).await;
    all.into_iter()
        .rev()
        .find(|record| record["what"] == what)
        .unwrap_or_default()
}

async fn is_in(app: &TestApp, name: &str) -> bool {
    app.door(name, "ehr").await.wanted != Wanted::Closed
}

#[tokio::test]
async fn a_departure_to_come_is_silent_until_its_time_and_then_closes_everything() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    let at = app.clock.now() + jiff::Span::new().hours(3);

    app.intake
        .depart_later(&dana(), &person, at, "the talk is at 20:00")
        .await
        .unwrap()
        .unwrap();
    app.clock.advance(3 * HOUR - Duration::from_secs(1));
    let early = app.intake.depart_due().await.unwrap();
    app.run_after(Duration::ZERO).await;
    let sealed = record(&app, "note.sealed").await;
    let before = is_in(&app, "nina").await;
    app.clock.advance(Duration::from_secs(1));
    let due = app.intake.depart_due().await.unwrap();
    let again = app.intake.depart_due().await.unwrap();
    app.run_due().await;

    assert_eq!((early, due, again), (0, 1, 0));
    assert!(before && !is_in(&app, "nina").await);
    assert!(app.is_green("nina", "ehr").await);
    let sealed_text = sealed.to_string();
    assert_eq!(
        (sealed["what"].as_str(), sealed["who"].as_str()),
        (Some("note.sealed"), Some("bridge"))
    );
    for secret in [person.as_str(), "nina", "Dana", "talk", "2026-11-20T20"] {
        assert!(!sealed_text.contains(secret), "{secret} in {sealed_text}");
    }
    let opened = record(&app, "departure.due").await;
    let detail = &opened["detail"];
    let mut content = detail.as_object().unwrap().clone();
    content.shift_remove("seal");
    assert_eq!(detail["seal"], sealed["detail"]["seal"]);
    assert_eq!(
        sha256_hex(&Value::from(content).to_string()),
        detail["seal"].as_str().unwrap(),
        "anybody can check the seal"
    );
    let case = app.door("nina", "ehr").await.case.unwrap();
    let kept = app
        .store
        .find_case(&app.practice(), &case)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.ended, Some(at), "its time is T0");
    assert_eq!(
        record(&app, "change.departed").await["who"],
        "admin:Dana Ruiz"
    );
}

#[tokio::test]
async fn a_departure_whose_time_came_while_no_bridge_ran_starts_at_once_and_only_once() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    let at = app.clock.now() + jiff::Span::new().hours(1);
    app.intake
        .depart_later(&dana(), &person, at, "")
        .await
        .unwrap()
        .unwrap();
    app.clock.advance(9 * HOUR);

    // Two bridges come up and look at the same moment.
    let other: Intake = app.intake.clone();
    let (one, two) = tokio::join!(app.intake.depart_due(), other.depart_due());

    assert_eq!(one.unwrap() + two.unwrap(), 1);
    let departed: Vec<_> = records(&app)
        .await
        .into_iter()
        .filter(|record| record["what"] == "change.departed")
        .collect();
    assert_eq!(departed.len(), 1);
    assert_eq!(app.door("nina", "ehr").await.wanted, Wanted::Closed);
}

#[tokio::test]
async fn a_departure_to_come_is_taken_back_by_whoever_may_and_named_to_nobody() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    let now = app.clock.now();
    let at = now + jiff::Span::new().hours(1);

    let past = app
        .intake
        .depart_later(&dana(), &person, now, "")
        .await
        .unwrap();
    let far = app
        .intake
        .depart_later(&dana(), &person, now + jiff::Span::new().hours(9_000), "")
        .await
        .unwrap();
    let id = app
        .intake
        .depart_later(&dana(), &person, at, "")
        .await
        .unwrap()
        .unwrap();
    let twice = app
        .intake
        .depart_later(&dana(), &person, at, "")
        .await
        .unwrap();
    let scheduled = app
        .store
        .find_scheduled(&app.practice(), &id)
        .await
        .unwrap()
        .unwrap();
    let cancelled = app
        .intake
        .cancel_departure(&dana(), &scheduled)
        .await
        .unwrap();
    let cancelled_twice = app
        .intake
        .cancel_departure(&dana(), &scheduled)
        .await
        .unwrap();
    app.clock.advance(2 * HOUR);

    assert!(past.unwrap_err().contains("start the departure now"));
    assert!(far.unwrap_err().contains("more than a year"));
    assert!(twice.unwrap_err().contains("cancel that one first"));
    assert_eq!((cancelled, cancelled_twice), (true, false));
    assert_eq!(app.intake.depart_due().await.unwrap(), 0);
    assert!(is_in(&app, "nina").await);
    let kept = app
        .store
        .find_scheduled(&app.practice(), &id)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(kept.decided, Some((_, Outcome::Cancelled, ref by)) if by == "admin:Dana Ruiz")
    );
    let withdrawn = record(&app, "note.withdrawn").await;
    assert!(withdrawn["person"].is_null() && withdrawn["who"] == "bridge");
}

/// Five hundred departures that are due, of a practice that the settings name no more, and as many people there
/// who must be planned for.
async fn a_practice_that_is_gone(app: &TestApp) {
    let (gone, now) = ("gone".into(), app.clock.now());
    app.store.ensure_practice(&gone).await.unwrap();
    let mut tx = app.store.begin(&gone, now).await.unwrap();
    for number in 0..500 {
        let person = PersonId::generate();
        tx.record_person(&person);
        let scheduled = Scheduled {
            practice: gone.clone(),
            id: ScheduleId::generate(),
            person,
            at: now,
            asked: now,
            asked_by: format!("api:{number}"),
            note: String::new(),
            salt: String::new(),
            decided: None,
        };
        assert!(tx.schedule(&scheduled).await.unwrap());
    }
    tx.replan_now(None);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn departures_that_cannot_be_started_keep_none_behind_them_waiting() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    a_practice_that_is_gone(&app).await;
    let person = app.person("nina").await;
    let at = app.clock.now() + jiff::Span::new().hours(1);
    let later = app.intake.depart_later(&dana(), &person, at, "").await;
    later.unwrap().unwrap();

    app.clock.advance(HOUR);
    let started = app.intake.depart_due().await.unwrap();

    assert_eq!(started, 1);
    assert!(!is_in(&app, "nina").await);
}

#[tokio::test]
async fn people_who_cannot_be_planned_for_keep_nobody_behind_them_waiting() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    a_practice_that_is_gone(&app).await;

    app.edit(&nina, |user| {
        user.insert("title".to_owned(), "Gardener".into());
    })
    .await;
    let at_first = is_in(&app, "nina").await;
    app.clock.advance(HOUR);
    app.intake.replan_due().await.unwrap();

    assert!(at_first, "a role that is lost is waited for");
    assert!(!is_in(&app, "nina").await);
}

#[tokio::test]
async fn whoever_may_not_see_a_departure_to_come_does_not_learn_of_it_by_asking() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.hire("fay", "Nurse").await;
    app.run_due().await;
    let (nina, fay) = (app.person("nina").await, app.person("fay").await);
    let api = Api::start(&app).await;
    let console = app.console().await;
    let operator = app.sign_in(&console, OfficeRole::Operator).await;
    let at = app.clock.now() + jiff::Span::new().hours(3);
    let first = app.intake.depart_later(&dana(), &nina, at, "hush").await;
    first.unwrap().unwrap();

    let mut told = Vec::new();
    for person in [&nina, &fay] {
        let asked = operator
            .press(
                &format!("/people/{person}/depart-later"),
                &[("at", "2026-11-20T21:00")],
            )
            .await;
        let (status, answer) = api
            .post(json!({"person": person, "at": "2026-11-20T22:00:00Z"}))
            .await;
        told.push((
            asked.status,
            asked.header("location").to_owned(),
            status,
            answer["state"].clone(),
        ));
    }
    let own = operator.get("/scheduled").await;
    app.clock.advance(6 * HOUR);
    let started = app.intake.depart_due().await.unwrap();
    let day = (
        app.clock.now() - jiff::Span::new().hours(24),
        app.clock.now() + jiff::Span::new().hours(1),
    );
    let cases = app.store.list_cases_between(&app.practice(), day).await;

    assert_eq!(told[0], told[1], "with one that waits, and without any");
    assert_eq!(told[0].2, StatusCode::ACCEPTED);
    assert!(own.says("21:00") && !own.says("20:02") && !own.says("hush"));
    assert_eq!(started, 5, "each has their own");
    let cases = cases.unwrap();
    let left: Vec<_> = cases
        .iter()
        .filter(|kept| kept.case.kind == "leaver")
        .collect();
    assert_eq!(left.len(), 2, "and everybody leaves once");
    let ninas = left.iter().find(|kept| kept.case.person == nina).unwrap();
    assert_eq!(ninas.ended, Some(at), "when the first of them said");
}

#[tokio::test]
async fn in_the_console_only_owners_and_whoever_asked_see_a_departure_to_come() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    let console = app.console().await;
    let admin = app.sign_in(&console, OfficeRole::Admin).await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let operator = app.sign_in(&console, OfficeRole::Operator).await;
    let auditor = app.sign_in(&console, OfficeRole::Auditor).await;
    let leave = format!("/people/{person}/depart");

    let asked = admin
        .press(
            &format!("{leave}-later"),
            &[("at", "2026-11-20T20:00"), ("note", "hush")],
        )
        .await;
    let lists = [
        admin.get("/scheduled").await,
        owner.get("/scheduled").await,
        operator.get("/scheduled").await,
    ];
    let id = lists[1]
        .text
        .split("/scheduled/")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let foreign = operator
        .press(&format!("/scheduled/{id}/cancel"), &[])
        .await;
    let pages = [
        auditor.get("/ledger").await,
        auditor.get(&format!("/people/{person}")).await,
        operator.get("/").await,
        operator.get(&leave).await,
    ];
    let own = admin.get(&leave).await;
    let gone = owner.press(&format!("/scheduled/{id}/cancel"), &[]).await;
    let past = admin
        .press(&format!("{leave}-later"), &[("at", "2026-11-20T09:00")])
        .await;

    assert_eq!(
        asked.header("location"),
        "/scheduled?said=scheduled",
        "{}",
        asked.text
    );
    assert!(lists[0].says("nina") && lists[1].says("nina") && lists[1].says("hush"));
    assert!(!lists[2].says("nina") && lists[2].says("None is scheduled"));
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    for page in &pages {
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.says("20:00") && !page.says("hush"), "{}", page.text);
    }
    assert!(pages[0].says("A note was sealed"));
    assert!(own.says("leaves <time"));
    assert_eq!(gone.header("location"), "/scheduled?said=cancelled");
    assert_eq!(past.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// The API on a free port, and a token for it.
struct Api {
    origin: String,
    token: String,
    client: Client,
    _stop: watch::Sender<bool>,
}

impl Api {
    async fn start(app: &TestApp) -> Self {
        drawbridge_sdk::http::install_tls_provider();
        let router = departures::router(Departures {
            store: app.store.clone(),
            intake: app.intake.clone(),
            clock: Arc::new(app.clock.clone()),
            practices: HashSet::from(["elm".into(), "oak".into()]),
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", socket.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let limits = app.settings.limits;
        tokio::spawn(async move { listener::serve(socket, None, &limits, router, stopped).await });
        Self {
            origin,
            token: token(app, "elm", "hr").await,
            client: Client::builder().no_proxy().build().unwrap(),
            _stop: stop,
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &str,
    ) -> (StatusCode, Value) {
        let request = self
            .client
            .request(method, format!("{}/api/v1/departures{path}", self.origin))
            .bearer_auth(token)
            .body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    async fn post(&self, body: Value) -> (StatusCode, Value) {
        self.ask(Method::POST, "", &self.token, &body.to_string())
            .await
    }
}

async fn token(app: &TestApp, practice: &str, name: &str) -> String {
    let expires = app.clock.now() + jiff::Span::new().hours(24 * 30);
    let (text, stored) = tokens::new_api_token(&practice.into(), name, expires).unwrap();
    let caller = Caller {
        practice: practice.into(),
        actor: "cli:test".to_owned(),
        request_id: String::new(),
    };
    tokens::record(&app.store, &caller, &stored, app.clock.now())
        .await
        .unwrap();
    text
}

#[tokio::test]
async fn the_api_starts_a_departure_now_and_says_how_it_goes() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let api = Api::start(&app).await;
    app.clock.advance(Duration::from_secs(1));

    let (status, started) = api
        .post(json!({"person": "nina", "ended": "2026-11-20T10:00:00-06:00"}))
        .await;
    app.run_due().await;
    let id = started["id"].as_str().unwrap();
    let (_, look) = api
        .ask(Method::GET, &format!("/{id}"), &api.token, "")
        .await;

    assert_eq!(
        (status, &started["state"]),
        (StatusCode::ACCEPTED, &json!("started"))
    );
    assert_eq!(look["state"], "closed");
    assert_eq!(look["doors"], look["proved"]);
    assert_eq!(record(&app, "change.departed").await["who"], "api:hr");
    let kept = app
        .store
        .find_case(&app.practice(), &id.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.ended, Some("2026-11-20T16:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn the_api_calls_no_departure_closed_that_somebody_took_back() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let api = Api::start(&app).await;
    let (_, started) = api.post(json!({"person": "nina"})).await;
    app.run_due().await;
    let person = app.person("nina").await;

    let undone = app.intake.undo_departure(&dana(), &person, DANA).await;
    app.run_due().await;
    let id = started["id"].as_str().unwrap();
    let (_, look) = api
        .ask(Method::GET, &format!("/{id}"), &api.token, "")
        .await;

    assert!(undone.unwrap().is_ok());
    assert_eq!(look["state"], "undone", "{look}");
}

#[tokio::test]
async fn the_api_keeps_the_note_of_a_departure_now_and_answers_that_very_departure() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let api = Api::start(&app).await;
    app.clock.advance(Duration::from_secs(1));

    let (_, first) = api
        .post(json!({"person": "nina", "note": "handed in her badge"}))
        .await;
    let said = record(&app, "change.departed").await;
    // Since then a later change took one of her doors over.
    let mut door = app.door("nina", "billing").await;
    let mut tx = app.begin().await;
    let later = Case {
        id: CaseId::generate(),
        person: door.person.clone(),
        kind: "mover",
        learned: app.clock.now(),
        deadline: app.clock.now(),
    };
    tx.record_case(&later);
    door.case = Some(later.id.clone());
    tx.record_door(&door, Lease::Release);
    tx.commit().await.unwrap();
    let (status, again) = api.post(json!({"person": "nina"})).await;

    assert_eq!(said["detail"]["note"], "handed in her badge");
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!((&again["id"], &again["doors"]), (&first["id"], &json!(0)));
    assert_ne!(again["id"], json!(later.id));
}

#[tokio::test]
async fn nobody_is_told_that_an_account_for_emergencies_leaves() {
    let app = TestApp::start().await;
    app.hire("EMERGENCY", "Nurse").await;
    app.run_due().await;
    let api = Api::start(&app).await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Admin).await;
    let person = app.person("emergency").await;

    let (now, why) = api.post(json!({"person": "emergency"})).await;
    let (later, _) = api
        .post(json!({"person": "emergency", "at": "2026-11-20T20:00:00Z"}))
        .await;
    let pressed = dana
        .press(&format!("/people/{person}/depart"), &[("sure", "yes")])
        .await;

    assert_eq!(
        (now, later, pressed.status),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            StatusCode::UNPROCESSABLE_ENTITY,
            StatusCode::UNPROCESSABLE_ENTITY
        )
    );
    for text in [&why.to_string(), &pressed.text] {
        assert!(text.contains("nothing is closed for it"), "{text}");
    }
    assert_eq!(record(&app, "change.departed").await, Value::Null);
    assert_eq!(record(&app, "note.sealed").await, Value::Null);
    let left_alone = record(&app, "break_glass.left_alone").await;
    assert_eq!(left_alone["who"], "admin:Dana the admin");
}

#[tokio::test]
async fn an_address_with_a_nul_is_nothing_and_no_trouble_of_the_database() {
    let app = TestApp::start().await;
    let api = Api::start(&app).await;

    let (looked, _) = api.ask(Method::GET, "/%00", &api.token, "").await;
    let (cancelled, _) = api.ask(Method::DELETE, "/a%00b", &api.token, "").await;
    let (started, _) = api.post(json!({"person": "ni\u{0}na"})).await;

    assert_eq!(
        (looked, cancelled, started),
        (
            StatusCode::NOT_FOUND,
            StatusCode::NOT_FOUND,
            StatusCode::BAD_REQUEST
        )
    );
}

#[tokio::test]
async fn the_api_schedules_a_departure_that_only_the_same_token_sees_and_cancels() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let api = Api::start(&app).await;
    let other = token(&app, "elm", "tickets").await;
    let later = json!({"person": "nina", "at": "2026-11-20T14:00:00-06:00", "note": "last day"});

    let (status, scheduled) = api.post(later.clone()).await;
    let (twice, _) = api.post(later).await;
    let path = format!("/{}", scheduled["id"].as_str().unwrap());
    let (_, seen) = api.ask(Method::GET, &path, &api.token, "").await;
    let (hidden, _) = api.ask(Method::GET, &path, &other, "").await;
    let (kept, _) = api.ask(Method::DELETE, &path, &other, "").await;
    let (cancelled, _) = api.ask(Method::DELETE, &path, &api.token, "").await;
    let (again, _) = api.ask(Method::DELETE, &path, &api.token, "").await;

    assert_eq!(
        (status, twice),
        (StatusCode::ACCEPTED, StatusCode::CONFLICT)
    );
    assert_eq!(
        (&seen["state"], &seen["at"]),
        (&json!("scheduled"), &json!("2026-11-20T20:00:00.000Z"))
    );
    assert_eq!(
        (hidden, kept),
        (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
    );
    assert_eq!((cancelled, again), (StatusCode::OK, StatusCode::CONFLICT));
}

#[tokio::test]
async fn the_api_lets_in_its_own_tokens_alone_and_takes_no_unclear_request() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let api = Api::start(&app).await;
    let scim = app.token("elm", "entra").await;
    let oak = token(&app, "oak", "hr").await;
    let revoked = token(&app, "elm", "old").await;
    let id = app.store.list_tokens().await.unwrap()[0].id.clone();
    tokens::revoke(&app.store, &app.caller(), &id, app.clock.now())
        .await
        .unwrap();
    let nina = json!({"person": "nina"}).to_string();

    for wrong in ["", "dbr_api_0_0", scim.as_str(), revoked.as_str()] {
        let (status, _) = api.ask(Method::POST, "", wrong, &nina).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let (elsewhere, _) = api.ask(Method::POST, "", &oak, &nina).await;
    assert_eq!(
        elsewhere,
        StatusCode::NOT_FOUND,
        "another practice's Nina is nobody"
    );
    for (body, status) in [
        ("{", StatusCode::BAD_REQUEST),
        (
            r#"{"person": "nina", "person": "fay"}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            r#"{"person": "nina", "when": "now"}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            r#"{"person": "nina", "at": "tomorrow"}"#,
            StatusCode::BAD_REQUEST,
        ),
        (r#"{"person": "nobody"}"#, StatusCode::NOT_FOUND),
        (
            r#"{"person": "nina", "ended": "2026-11-21T00:00:00Z"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            r#"{"person": "nina", "at": "2026-11-20T09:00:00Z"}"#,
            StatusCode::CONFLICT,
        ),
    ] {
        let (answered, _) = api.ask(Method::POST, "", &api.token, body).await;
        assert_eq!(answered, status, "{body}");
    }
    app.clock.advance(31 * 24 * HOUR);
    let (expired, _) = api.post(json!({"person": "nina"})).await;

    assert_eq!(expired, StatusCode::UNAUTHORIZED);
    assert!(is_in(&app, "nina").await);
}

#[tokio::test]
async fn an_undo_opens_again_exactly_what_the_departure_closed() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    app.intake.depart(&dana(), &person).await.unwrap();
    app.run_due().await;
    let shut = app.system("ehr").account("nina").unwrap();

    let preview = app
        .intake
        .preview_undo(&dana(), &person)
        .await
        .unwrap()
        .unwrap();
    let still_shut = !is_in(&app, "nina").await;
    let undone = app
        .intake
        .undo_departure(&dana(), &person, DANA)
        .await
        .unwrap()
        .unwrap();
    app.run_after(Duration::from_secs(300)).await;
    let twice = app
        .intake
        .undo_departure(&dana(), &person, DANA)
        .await
        .unwrap();

    assert!(!shut.enabled && still_shut);
    assert_eq!(preview, undone);
    let restored: Vec<(&str, Way)> = undone
        .restored
        .iter()
        .map(|one| (one.was.system.as_str(), one.was.way))
        .collect();
    assert_eq!(restored, [("ehr", Way::Account), ("mail", Way::Account)]);
    assert!(undone.left.is_empty(), "{undone:?}");
    assert!(
        undone
            .lost
            .contains(&"sessions that were ended: they sign in again")
    );
    let account = app.system("ehr").account("nina").unwrap();
    assert!(account.enabled && account.levels == ["nurse"]);
    for never_open in ["billing", "vpn"] {
        assert_eq!(
            app.door("nina", never_open).await.wanted,
            Wanted::Closed,
            "{never_open}"
        );
    }
    let record = record(&app, "departure.undone").await;
    assert_eq!(record["detail"]["note"], "it was the other Nina");
    assert!(twice.unwrap_err().contains("has not left"));
    let case = app
        .store
        .find_case(&app.practice(), &undone.case)
        .await
        .unwrap()
        .unwrap();
    assert!(case.closed.is_some(), "nothing of it is waited for");
}

#[tokio::test]
async fn an_undone_departure_stays_open_until_a_door_that_nothing_opens_is_proved_shut() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    app.system("vpn")
        .fail_next(std::iter::repeat_with(fake::unreachable).take(50));
    app.intake.depart(&dana(), &person).await.unwrap();
    app.run_due().await;
    let console = app.console().await;
    let admin = app.sign_in(&console, OfficeRole::Admin).await;
    let find = async |case: &CaseId| {
        let found = app.store.find_case(&app.practice(), case).await.unwrap();
        found.unwrap()
    };

    let undone = app.intake.undo_departure(&dana(), &person, DANA).await;
    let case = undone.unwrap().unwrap().case;
    let undone = find(&case).await;
    let page = admin.get(&format!("/cases/{case}")).await;
    let watched = app.store.list_open_cases(&app.practice()).await.unwrap();
    app.system("vpn").state().failures.clear();
    for _ in 0..3 {
        app.run_after(Duration::from_secs(60)).await;
    }
    let proved = app.is_green("nina", "vpn").await;
    let after = find(&case).await;

    assert!(undone.is_undone && undone.closed.is_none(), "{undone:?}");
    assert!(watched.iter().any(|kept| kept.case.id == case));
    assert!(
        page.says("the case is open until they are"),
        "{}",
        page.text
    );
    assert!(proved && after.closed.is_some() && after.is_undone);
    assert_eq!(after.proved(), None, "that was no departure");
}

#[tokio::test]
async fn an_undo_opens_nothing_that_the_roles_no_longer_give_and_names_it() {
    let app = TestApp::start().await;
    let user = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    app.intake.depart(&dana(), &person).await.unwrap();
    app.run_due().await;
    // Meanwhile she is in billing: no mailbox, another level in the EHR, and a door she never had.
    app.edit(&user, |user| {
        user.insert("title".to_owned(), "Billing".into());
    })
    .await;

    let refused = app
        .intake
        .undo_departure(&dana(), &person, DANA)
        .await
        .unwrap()
        .unwrap_err();
    app.edit(&user, |user| {
        user.insert("title".to_owned(), "Nurse".into());
    })
    .await;
    let undone = app
        .intake
        .undo_departure(&dana(), &person, DANA)
        .await
        .unwrap();

    for says in [
        "ehr account: it was open with nurse",
        "mail account: no role of theirs",
        "billing account: it was not open before",
    ] {
        assert!(refused.contains(says), "{says}: {refused}");
    }
    assert_eq!(undone.unwrap().restored.len(), 2);
}

#[tokio::test]
async fn an_undo_is_refused_where_it_cannot_hold() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    let fay = app.hire("fay", "Nurse").await;
    app.run_due().await;
    let (nina_is, fay_is) = (app.person("nina").await, app.person("fay").await);
    let undo = async |person| {
        app.intake
            .undo_departure(&dana(), person, DANA)
            .await
            .unwrap()
    };

    let here = undo(&nina_is).await.unwrap_err();
    app.disable(&nina).await;
    app.run_due().await;
    let disabled = undo(&nina_is).await.unwrap_err();
    app.set_active(&nina, true).await;
    app.run_due().await;
    let held = app
        .store
        .list_held_returns(&app.practice())
        .await
        .unwrap()
        .len();
    let back = undo(&nina_is).await.unwrap();
    let answered = app
        .store
        .list_held_returns(&app.practice())
        .await
        .unwrap()
        .len();
    app.disable(&fay).await;
    app.delete(&fay).await;
    let gone = undo(&fay_is).await.unwrap_err();

    assert!(here.contains("has not left"));
    assert!(disabled.contains("enable them there first"));
    assert_eq!(
        (held, answered),
        (1, 0),
        "whoever asked that she gets in has the answer"
    );
    assert_eq!(back.restored.len(), 2);
    assert!(gone.contains("enable them there first"));
}

#[tokio::test]
async fn the_console_names_what_an_undo_does_before_it_does_it() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    app.intake.depart(&dana(), &person).await.unwrap();
    app.run_due().await;
    let case = app.door("nina", "ehr").await.case.unwrap();
    let console = app.console().await;
    let admin = app.sign_in(&console, OfficeRole::Admin).await;
    let path = format!("/cases/{case}/undo");

    let page = admin.get(&format!("/cases/{case}")).await;
    let asked = admin.get(&path).await;
    let no_reason = admin.press(&path, &[]).await;
    let still_shut = !is_in(&app, "nina").await;
    let undone = admin
        .press(&path, &[("note", "pressed for the wrong Nina")])
        .await;
    app.run_due().await;
    let after = admin.get(&format!("/cases/{case}")).await;
    let twice = admin.get(&path).await;

    assert!(page.says("Undo this departure"));
    assert!(
        asked.says("<li>ehr</li>") && asked.says("sessions that were ended"),
        "{}",
        asked.text
    );
    assert_eq!(no_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(still_shut);
    assert_eq!(
        undone.header("location"),
        format!("/people/{person}?said=undone&n=2"),
        "{}",
        undone.text
    );
    assert!(is_in(&app, "nina").await);
    assert!(after.says("This departure was undone") && !after.says("Undo this departure"));
    assert!(twice.says("It cannot be undone"));
    assert_eq!(
        record(&app, "departure.undone").await["who"],
        "admin:Dana the admin"
    );
}
