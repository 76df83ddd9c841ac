//! No button loses what was typed: every one of them, pressed after the session ended and while the database is
//! locked. The buttons are found in the table of routes, and what their forms send in the templates of the pages.

use std::time::Duration;

use drawbridge::{
    console::routes::{Needs, Route, table},
    policy::office::OfficeRole,
    store::sqlite_path,
};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use crate::{
    console_access::{a_busy_friday, address},
    support::{
        TestApp,
        browser::{Browser, Console, Page},
        forms::{self, Form, Kind},
    },
};

/// No page has a form for it: the script presses it for whoever is typing.
const PRESSED_BY_THE_SCRIPT: &str = "/stay";

/// What begins at an identity provider or is signed by a device: `console_sign_in.rs` and
/// `console_passkeys.rs` go there.
const BEGUN_ELSEWHERE: [&str; 4] = [
    "/sign-in/choose",
    "/sign-in/connect",
    "/sign-in/passkey",
    "/passkeys",
];

/// What does its work without the database, and has nothing to lose.
const WRITES_NOTHING: [&str; 3] = ["/stay", "/theme", "/alerts/{channel}/test"];

const A_WHILE: Duration = Duration::from_secs(16 * 60);

/// A button, with what is sent when it is pressed.
#[derive(Debug)]
struct Button {
    route: &'static str,
    path: String,
    fields: Vec<(String, String)>,
    /// What somebody typed or chose, and must not have to type again.
    typed: Vec<String>,
    needs_session: bool,
}

impl Button {
    fn sent<'a>(&'a self, csrf: &'a str) -> Vec<(&'a str, &'a str)> {
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
        [("csrf", csrf)].into_iter().chain(fields).collect()
    }

    async fn press(&self, browser: &Browser, csrf: &str) -> Page {
        browser.post(&self.path, &self.sent(csrf)).await
    }

    /// The form of a page that would send the same again.
    fn again(&self, page: &Page) -> Form {
        let found = forms::read(&page.text)
            .into_iter()
            .find(|form| form.action == self.path);
        let form = found.unwrap_or_else(|| panic!("{}: no form in {}", self.path, page.text));
        let filled = form.filled();
        for field in &self.fields {
            assert!(filled.contains(field), "{}: lost {field:?}", self.path);
        }
        form
    }
}

/// What somebody types into a field of this name, or chooses there. Whoever adds a field says it here.
fn what_is_typed(name: &str) -> &'static str {
    match name {
        "by" | "signer" => "Sam <Lee> & \"Co\"",
        "how" | "note" | "reason" => "took \"the\" card\nat the <side> door & left",
        "done" => "2026-11-20T17:01",
        "ended" => "2026-11-20T16:30",
        "confirmed" => "2026-11-20T16:45",
        "at" => "2026-11-21T17:00",
        "until" => "2026-11-25",
        "days" => "30",
        "minutes" => "60",
        "overlap" => "7",
        "source" => "entra",
        "name" => "Zoë O'Neill",
        "email" => "zoe@elm.example",
        "role" => "auditor",
        other => panic!("what is typed into `{other}`?"),
    }
}

/// The parts of an address that are always the same.
fn shape(address: &str) -> Vec<&str> {
    let path = address.split('?').next().unwrap_or_default();
    let parts = path.trim_start_matches('/').split('/');
    parts
        .map(|part| if part.starts_with('{') { "{}" } else { part })
        .collect()
}

async fn fill(app: &TestApp, dana: &Browser, route: &Route, form: &Form, link: &str) -> Button {
    let generation = app.door("nina", "ehr").await.generation.to_string();
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let mut button = Button {
        route: route.path,
        path: address(app, route).await,
        fields: Vec::new(),
        typed: Vec::new(),
        needs_session: route.needs != Needs::Nothing,
    };
    if route.path.starts_with("/returns/") {
        let fay = app.person("fay").await;
        button.path = route.path.replace("{person}", fay.as_str());
    }
    if route.path.ends_with("{admin}/remove") {
        // Nobody sends the last owner away.
        let zoe = admins.iter().find(|admin| admin.name.starts_with("Zoë"));
        button.path = route.path.replace("{admin}", zoe.unwrap().id.as_str());
    }
    if route.path.starts_with("/scheduled/") {
        let page = dana.get("/scheduled").await;
        let forms = forms::read(&page.text).into_iter();
        let mut paths = forms.map(|form| form.action);
        let cancel = paths.find(|path| path.ends_with("/cancel"));
        button.path = cancel.expect("somebody leaves later");
    }
    for field in form.fields.iter().filter(|field| field.name != "csrf") {
        let value = match (field.kind, field.name.as_str()) {
            // Does not come back: it is picked again.
            (Kind::File, _) => continue,
            (Kind::Hidden, "generation") => generation.clone(),
            (Kind::Hidden, "link") => link.to_owned(),
            (Kind::Hidden, "from" | "to") => "2026-11-20".to_owned(),
            (Kind::Hidden | Kind::Pressed, _) if !field.value.contains("{{") => field.value.clone(),
            (Kind::Hidden | Kind::Pressed, name) => format!("as the page has {name}"),
            (Kind::Chosen, "assignee") => admins[0].id.to_string(),
            (Kind::Typed | Kind::Chosen, name) => what_is_typed(name).to_owned(),
        };
        if matches!(field.kind, Kind::Typed | Kind::Chosen) {
            button.typed.push(value.clone());
        }
        button.fields.push((field.name.clone(), value));
    }
    button
}

/// Every button of every page.
async fn buttons(app: &TestApp, dana: &Browser) -> Vec<Button> {
    let mut forms = forms::of_all_templates();
    let link = app.link("elm", "Zoë O'Neill", OfficeRole::Auditor).await;
    let mut buttons = Vec::new();
    for route in table() {
        if route.method != Method::POST {
            continue;
        }
        let is_its = |form: &mut Form| {
            let action = form.action.replace("{{ ", "{").replace(" }}", "}");
            shape(&action) == shape(route.path)
        };
        let mut its: Vec<Form> = forms.extract_if(.., is_its).collect();
        if route.path == PRESSED_BY_THE_SCRIPT {
            its.push(Form {
                action: route.path.to_owned(),
                fields: Vec::new(),
            });
        }
        assert!(!its.is_empty(), "no page has a form for {}", route.path);
        for form in &its {
            buttons.push(fill(app, dana, &route, form, &link).await);
        }
    }
    let lead_nowhere: Vec<&str> = forms.iter().map(|form| form.action.as_str()).collect();
    assert!(lead_nowhere.is_empty(), "{lead_nowhere:?}");
    buttons.retain(|button| !BEGUN_ELSEWHERE.contains(&button.route));
    buttons
}

/// A Friday on which every button has something to do, and whoever presses them.
async fn a_friday() -> (TestApp, Console, Browser, String) {
    let (app, console) = a_busy_friday().await;
    app.token("elm", "entra").await;
    app.hire("omar", "Nurse").await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    let later = format!("/people/{}/depart-later", app.person("omar").await);
    let scheduled = dana.press(&later, &[("at", "2026-11-27T17:00")]).await;
    assert_eq!(
        scheduled.status,
        StatusCode::SEE_OTHER,
        "{}",
        scheduled.text
    );
    let csrf = dana.csrf().await;
    (app, console, dana, csrf)
}

fn lock(app: &TestApp) -> rusqlite::Connection {
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

async fn ledger(app: &TestApp) -> i64 {
    let length = app.store.find_ledger_length(&app.practice()).await;
    length.unwrap()
}

/// Where the page says that the form waits.
fn place(page: &Page) -> Option<String> {
    let id = page.text.split("/kept/").nth(1)?;
    let id = id.split(['"', '&']).next()?;
    Some(format!("/kept/{id}"))
}

#[tokio::test]
async fn no_button_loses_what_was_typed_before_the_session_ended() {
    let (app, _console, dana, csrf) = a_friday().await;
    let mut buttons = buttons(&app, &dana).await;
    buttons.retain(|button| button.needs_session);
    let before = ledger(&app).await;

    app.clock.advance(A_WHILE);
    let mut places = Vec::new();
    for button in &buttons {
        // The latest is the one that whoever signs in again is led to.
        app.clock.advance(Duration::from_millis(1));
        let page = button.press(&dana, &csrf).await;

        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}", button.path);
        assert!(page.says("/sign-in?next="), "{}", button.path);
        let place = place(&page);
        let is_kept = place.is_some();
        assert_eq!(is_kept, !button.typed.is_empty(), "{}", button.path);
        places.push(place);
    }
    let after = ledger(&app).await;
    let link = app.link("elm", "Dana the owner", OfficeRole::Owner).await;
    let came_back = dana.post("/sign-in", &[("link", &link)]).await;

    assert_eq!(before, after, "and none did anything");
    let latest = places.iter().flatten().next_back();
    assert_eq!(
        Some(came_back.header("location")),
        latest.map(String::as_str)
    );
    for (button, place) in buttons.iter().zip(&places) {
        if let Some(place) = place {
            let waits = dana.get(place).await;
            assert_eq!(waits.status, StatusCode::OK, "{}", button.path);
            button.again(&waits);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_button_loses_anything_while_the_database_is_locked() {
    let (app, _console, dana, csrf) = a_friday().await;
    let buttons = buttons(&app, &dana).await;
    let before = ledger(&app).await;

    let other = lock(&app);
    let pressed = buttons.iter().map(|button| button.press(&dana, &csrf));
    let pages = join_all(pressed).await;
    other.execute_batch("ROLLBACK").unwrap();
    let after = ledger(&app).await;

    assert_eq!(before, after, "and none did anything");
    let (mut typed, mut lost) = (Vec::new(), Vec::new());
    for (button, page) in buttons.iter().zip(&pages) {
        if WRITES_NOTHING.contains(&button.route) {
            let is_well = button.typed.is_empty() && !page.status.is_server_error();
            assert!(is_well, "{}: {}", button.path, page.status);
            continue;
        }
        let is_told = page.status == StatusCode::SERVICE_UNAVAILABLE
            && page.says("Nothing was changed yet")
            && page.says("Send again");
        if !is_told {
            lost.push((button.route, page.status));
            continue;
        }
        let again = button.again(page);
        if !button.typed.is_empty() {
            typed.push((button, again));
        }
    }
    assert!(lost.is_empty(), "{lost:?}");
    assert!(typed.len() > 8, "{}", typed.len());
    for (button, again) in typed {
        // The very form of the page is taken: none of them is refused for where it comes from.
        let fields: Vec<(&str, &str)> = again
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .collect();
        let page = dana.post(&button.path, &fields).await;
        assert!(!page.status.is_server_error(), "{}", button.path);
        assert_ne!(page.status, StatusCode::FORBIDDEN, "{}", button.path);
        assert_ne!(page.status, StatusCode::UNAUTHORIZED, "{}", button.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_shown_even_where_the_session_ended_and_nothing_can_be_kept() {
    let (app, _console, dana, csrf) = a_friday().await;
    let mut buttons = buttons(&app, &dana).await;
    buttons.retain(|button| button.needs_session && !button.typed.is_empty());

    app.clock.advance(A_WHILE);
    let other = lock(&app);
    let pressed = buttons.iter().map(|button| button.press(&dana, &csrf));
    let pages = join_all(pressed).await;
    other.execute_batch("ROLLBACK").unwrap();

    for (button, page) in buttons.iter().zip(&pages) {
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}", button.path);
        assert_eq!(place(page), None, "{}", button.path);
        let shown = forms::plain(&page.text);
        let in_words = ["by", "signer", "how", "note", "reason", "name", "email"];
        for (name, typed) in &button.fields {
            let must = in_words.contains(&name.as_str());
            assert!(
                !must || shown.contains(typed),
                "{}: lost {name}",
                button.path
            );
        }
    }
}
