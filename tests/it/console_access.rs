//! Who gets into the console, and what they may do there.

use std::time::Duration;

use drawbridge::{
    clock::Clock as _,
    console::{
        admins,
        routes::{Needs, Route, table},
    },
    policy::office::{Action, OfficeRole},
    store::identities::KeptForm,
};
use reqwest::{Method, StatusCode};

use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Nina left, and the badge of hers needs somebody; Fay wants to get in again.
pub async fn a_busy_friday() -> (TestApp, Console) {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    let fay = app.hire("fay", "Billing").await;
    app.run_due().await;
    app.system("ehr")
        .fail_next([crate::support::fake::refused()]);
    app.disable(&nina).await;
    app.run_due().await;
    app.disable(&fay).await;
    app.run_due().await;
    app.set_active(&fay, true).await;
    let console = app.console().await;
    (app, console)
}

/// A form of the first admin's that waits.
const KEPT: &str = "kept-1";

async fn keep_a_form(app: &TestApp) {
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let form = KeptForm {
        id: KEPT.to_owned(),
        practice: app.practice(),
        admin: admins[0].id.clone(),
        path: "/returns/nina/refuse".to_owned(),
        fields: "note=about+nina".to_owned(),
        kept: app.clock.now(),
    };
    app.store.keep_form(&form).await.unwrap();
}

/// An address of the route with what is really there.
pub async fn address(app: &TestApp, route: &Route) -> String {
    let door = app.door("nina", "ehr").await;
    let case = door.case.as_ref().map(ToString::to_string);
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let admin = admins.first().map(|admin| admin.id.to_string());
    let tokens = app.store.list_tokens().await.unwrap();
    let token = tokens.first().map(|token| token.id.to_string());
    route
        .path
        .replace("{case}", &case.unwrap_or_default())
        .replace("{door}", door.id.as_str())
        .replace("{person}", app.person("nina").await.as_str())
        .replace("{system}", "ehr")
        .replace("{token}", &token.unwrap_or_default())
        .replace("{admin}", &admin.unwrap_or_default())
        .replace("{kept}", KEPT)
        .replace("{passkey}", "none")
        .replace("{channel}", "mail")
        .replace("{schedule}", "none")
        .replace("{link}", "dbr_invite_0_0")
        .replace("{file}", "console.css")
}

async fn ask(browser: &Browser, route: &Route, path: &str) -> Page {
    if route.method == Method::POST {
        browser.press(path, &[]).await
    } else {
        browser.get(path).await
    }
}

/// Everything in the ledger, to see that nothing was done.
async fn ledger(app: &TestApp) -> usize {
    let records = app.store.list_records(&app.practice(), None).await;
    records.unwrap().len()
}

fn inside() -> Vec<Route> {
    let mut routes = table();
    // The stream of what happens goes on for a minute: it has its own test.
    routes.retain(|route| route.needs != Needs::Nothing && route.path != "/live");
    routes
}

#[tokio::test]
async fn every_route_lets_each_role_do_what_the_table_says_and_nothing_else() {
    for role in OfficeRole::ALL {
        let (app, console) = a_busy_friday().await;
        app.token("elm", "entra").await;
        for route in inside() {
            // Anew for each: signing out is one of them.
            let browser = app.sign_in(&console, role).await;
            let path = address(&app, &route).await;
            let before = ledger(&app).await;

            let page = ask(&browser, &route, &path).await;

            let may = match route.needs {
                Needs::Right(action) => role.may(action),
                Needs::Nothing | Needs::Session => true,
            };
            let is_refused = page.status == StatusCode::FORBIDDEN;
            let what = format!("{role:?} {} {path}: {}", route.method, page.status);
            assert_eq!(is_refused, !may, "{what}");
            assert!(!page.status.is_server_error(), "{what}");
            if is_refused {
                assert_eq!(ledger(&app).await, before, "{what}: and did something");
                assert!(!page.says("nina"), "{what}: and names somebody");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_shown_or_done_for_whoever_is_not_signed_in() {
    let (app, console) = a_busy_friday().await;
    app.sign_in(&console, OfficeRole::Owner).await;
    app.token("elm", "entra").await;
    keep_a_form(&app).await;
    let before = ledger(&app).await;

    for route in inside() {
        for cookie in [
            "",
            "drawbridge=dbr_session_0_0",
            "drawbridge=dbr_session_01a20745-0000-7000-8000-000000000000_0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            let stranger = console.browser();
            stranger.set_cookie(cookie);
            let path = address(&app, &route).await;

            let page = ask(&stranger, &route, &path).await;

            let what = format!("{} {path}", route.method);
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{what}");
            assert!(!page.says("nina"), "{what}");
        }
    }
    assert_eq!(ledger(&app).await, before);
}

#[tokio::test]
async fn nobody_of_one_practice_ever_sees_or_moves_anothers_on_any_route_in_any_role() {
    let (app, console) = a_busy_friday().await;
    app.sign_in(&console, OfficeRole::Owner).await;
    app.token("elm", "entra").await;
    keep_a_form(&app).await;
    let before = ledger(&app).await;
    let theirs = [
        "nina".to_owned(),
        "fay".to_owned(),
        app.door("nina", "ehr").await.id.to_string(),
        app.store.list_tokens().await.unwrap()[0].id.to_string(),
    ];

    for role in OfficeRole::ALL {
        for route in inside() {
            let other = app.sign_in_at(&console, "oak", role).await;
            let path = address(&app, &route).await;

            let page = ask(&other, &route, &path).await;

            let what = format!("{role:?} {} {path}: {}", route.method, page.status);
            if route.path.contains('{') {
                let is_not_there = page.status == StatusCode::NOT_FOUND
                    || page.status == StatusCode::UNPROCESSABLE_ENTITY
                    || page.status == StatusCode::FORBIDDEN;
                assert!(is_not_there, "{what}");
            }
            // The address that was asked for stands on its page.
            let shown = page.text.replace(&path, "");
            for theirs in &theirs {
                assert!(!shown.contains(theirs), "{what} shows {theirs}");
            }
        }
    }
    assert_eq!(
        ledger(&app).await,
        before,
        "nothing was written in the other practice"
    );
}

#[tokio::test]
async fn a_form_without_the_sessions_token_or_from_another_site_changes_nothing() {
    let (app, console) = a_busy_friday().await;
    app.token("elm", "entra").await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let other = app.sign_in(&console, OfficeRole::Admin).await;
    let csrf = browser.csrf().await;
    let others = other.csrf().await;
    let before = ledger(&app).await;

    for route in inside() {
        if route.method != Method::POST {
            continue;
        }
        let path = address(&app, &route).await;
        let evil = [("origin", "https://evil.example")];
        let ours = browser.origin.clone();
        let ours = [("origin", ours.as_str())];
        let none: [(&str, &str); 0] = [];
        for (headers, csrf, why) in [
            (&ours[..], "", "no token"),
            (&ours[..], others.as_str(), "another session's token"),
            (&evil[..], csrf.as_str(), "another site"),
            (
                &[("origin", "null")][..],
                csrf.as_str(),
                "a page of nowhere",
            ),
            (&none[..], csrf.as_str(), "nobody says from where"),
        ] {
            let fields = [("csrf", csrf), ("note", "because"), ("sure", "yes")];
            let page = browser
                .send(Method::POST, &path, headers, Some(&fields))
                .await;

            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {why}");
        }
    }
    assert_eq!(ledger(&app).await, before);
    assert_eq!(
        browser.get("/").await.status,
        StatusCode::OK,
        "and nobody was signed out by it"
    );
}

#[tokio::test]
async fn a_link_lets_one_person_in_once_within_fifteen_minutes() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let link = app.link("elm", "Dana Ruiz", OfficeRole::Owner).await;
    let late = app.link("elm", "Late Lee", OfficeRole::Owner).await;
    let dana = console.browser();

    // Mail programs look at links before people do.
    let looked = dana.get(&format!("/sign-in/{link}")).await;
    let looked_again = dana.get(&format!("/sign-in/{link}")).await;
    let first = dana.post("/sign-in", &[("link", &link)]).await;
    let board = dana.get("/").await;
    let second = console.browser().post("/sign-in", &[("link", &link)]).await;
    app.clock.advance(15 * MINUTE);
    let too_late = console.browser().post("/sign-in", &[("link", &late)]).await;
    let forged = format!("{}0", &late[..late.len() - 1]);
    let not_ours = console
        .browser()
        .post("/sign-in", &[("link", &forged)])
        .await;

    assert!(looked.says("Dana Ruiz") && looked_again.says("Dana Ruiz"));
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    assert!(
        first
            .header("set-cookie")
            .contains("HttpOnly; SameSite=Lax")
    );
    assert_eq!(board.status, StatusCode::OK);
    for refused in [second, too_late, not_ours] {
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.header("set-cookie").is_empty());
    }
}

#[tokio::test]
async fn a_session_ends_after_fifteen_idle_minutes_and_after_eight_hours() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let idle = app.sign_in(&console, OfficeRole::Owner).await;
    let busy = app.sign_in(&console, OfficeRole::Admin).await;

    app.clock.advance(14 * MINUTE);
    let still_in = idle.get("/").await;
    app.clock.advance(15 * MINUTE);
    let out = idle.get("/").await;
    let mut hours = Vec::new();
    let back = app.sign_in(&console, OfficeRole::Owner).await;
    for _ in 0..48 {
        app.clock.advance(10 * MINUTE);
        hours.push(back.get("/").await.status);
    }

    assert_eq!(still_in.status, StatusCode::OK);
    assert_eq!(out.status, StatusCode::UNAUTHORIZED);
    assert_eq!(busy.get("/").await.status, StatusCode::UNAUTHORIZED);
    assert!(hours[..47].iter().all(|status| *status == StatusCode::OK));
    assert_eq!(hours[47], StatusCode::UNAUTHORIZED, "eight hours are over");
}

#[tokio::test]
async fn a_page_that_asks_for_itself_keeps_nobody_signed_in() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;

    let mut last = StatusCode::OK;
    for _ in 0..16 {
        app.clock.advance(MINUTE);
        let live = [("drawbridge-live", "1")];
        last = browser.send(Method::GET, "/", &live, None).await.status;
    }

    assert_eq!(last, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wall_screen_stays_on_until_the_end_of_the_day() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let wall = app.sign_in(&console, OfficeRole::Board).await;
    let live = [("drawbridge-live", "1")];

    app.clock.advance(7 * 60 * MINUTE);
    let after_seven_hours = wall.send(Method::GET, "/", &live, None).await.status;
    app.clock.advance(60 * MINUTE);
    let after_eight = wall.send(Method::GET, "/", &live, None).await.status;

    assert_eq!(after_seven_hours, StatusCode::OK);
    assert_eq!(after_eight, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_out_and_being_sent_away_end_a_session_at_once() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let auditor = app.sign_in(&console, OfficeRole::Auditor).await;
    let held = owner.cookie();
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let theirs = admins
        .iter()
        .find(|admin| admin.role == OfficeRole::Auditor)
        .unwrap();

    let removed = owner
        .press(&format!("/settings/admins/{}/remove", theirs.id), &[])
        .await;
    let sent_away = auditor.get("/").await;
    owner.press("/sign-out", &[]).await;
    owner.set_cookie(&held);
    let signed_out = owner.get("/").await;

    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert_eq!(sent_away.status, StatusCode::UNAUTHORIZED);
    assert_eq!(signed_out.status, StatusCode::UNAUTHORIZED);
}

/// The secret part of a link that a page shows.
fn link_in(page: &Page) -> String {
    let link = page.text.split("/sign-in/").nth(1);
    link.and_then(|link| link.split('<').next())
        .unwrap_or_default()
        .to_owned()
}

async fn role_of(app: &TestApp, name: &str) -> Option<OfficeRole> {
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let found = admins.iter().find(|admin| admin.is_called(name));
    found.map(|admin| admin.role)
}

#[tokio::test]
async fn inviting_a_name_that_is_here_changes_nobody_until_it_is_said_who_is_meant() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    app.link("elm", "Zoë Strauß", OfficeRole::Owner).await;
    let path = "/settings/admins";
    let typed = [("name", "zoË strauss"), ("role", "auditor")];

    let asked = owner.press(path, &typed).await;
    let before = role_of(&app, "Zoë Strauß").await;
    let sure = [typed[0], typed[1], ("change", "yes")];
    let changed = owner.press(path, &sure).await;
    let own = [
        ("name", "DANA the owner"),
        ("role", "admin"),
        ("change", "yes"),
    ];
    let own = owner.press(path, &own).await;

    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        asked.says("is auditor from now on, no longer owner"),
        "{}",
        asked.text
    );
    assert!(asked.says("name=\"change\"") && asked.says("zoË strauss"));
    assert!(link_in(&asked).is_empty());
    assert_eq!(before, Some(OfficeRole::Owner));
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert!(changed.says("A link for Zoë Strauß"));
    assert_eq!(
        role_of(&app, "zoË STRAUSS").await,
        Some(OfficeRole::Auditor)
    );
    assert_eq!(own.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        role_of(&app, "Dana the owner").await,
        Some(OfficeRole::Owner)
    );
}

#[tokio::test]
async fn a_new_link_keeps_the_role_and_takes_the_place_of_the_one_before() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let first = app.link("elm", "Priya", OfficeRole::Operator).await;
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let priya = admins.iter().find(|admin| admin.name == "Priya").unwrap();

    let path = format!("/settings/admins/{}/link", priya.id);
    let page = owner.press(&path, &[]).await;
    let second = link_in(&page);
    let early = console
        .browser()
        .post("/sign-in", &[("link", &first)])
        .await;
    let late = console
        .browser()
        .post("/sign-in", &[("link", &second)])
        .await;

    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(early.status, StatusCode::FORBIDDEN);
    assert_eq!(late.status, StatusCode::SEE_OTHER);
    assert_eq!(role_of(&app, "Priya").await, Some(OfficeRole::Operator));
}

#[tokio::test]
async fn two_owners_who_send_each_other_away_leave_one() {
    let app = TestApp::start().await;
    app.link("elm", "Dana", OfficeRole::Owner).await;
    app.link("elm", "Priya", OfficeRole::Owner).await;
    let now = app.clock.now();
    // Both pages were read before either button was pressed.
    let admins = app.store.list_admins(&app.practice()).await.unwrap();
    let send_away = |admin| {
        let (store, caller) = (app.store.clone(), app.caller());
        async move { admins::remove_but_the_last_owner(&store, &caller, admin, now).await }
    };

    let first = send_away(&admins[1]).await.unwrap();
    let second = send_away(&admins[0]).await.unwrap();

    assert!(first.is_ok());
    assert!(second.unwrap_err().contains("the last owner"));
    assert_eq!(role_of(&app, "Dana").await, Some(OfficeRole::Owner));
}

#[tokio::test]
async fn whoever_signs_in_again_leaves_no_session_behind() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let before = browser.cookie();

    let link = app.link("elm", "Dana the owner", OfficeRole::Owner).await;
    browser.post("/sign-in", &[("link", &link)]).await;
    let after = browser.cookie();
    let old = console.browser();
    old.set_cookie(&before);

    assert_ne!(before, after);
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    assert_eq!(old.get("/").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nothing_but_its_own_files_runs_in_a_page_and_no_page_is_kept() {
    let (app, console) = a_busy_friday().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;

    let page = browser.get("/").await;
    let style = page.text.split("/assets/").nth(1).unwrap();
    let style = format!("/assets/{}", style.split('"').next().unwrap());
    let file = console.browser().get(&style).await;
    let guessed = console.browser().get("/assets/console.css").await;

    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!page.says("style=\"") && !page.says("onclick=") && !page.says("<style"));
    assert_eq!(file.status, StatusCode::OK);
    assert!(file.header("cache-control").contains("immutable"));
    assert_eq!(guessed.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_people_are_called_is_text_wherever_it_stands() {
    let app = TestApp::start().await;
    let name = "<script>alert(1)</script>\"'";
    let evil = app.hire(name, "Nurse").await;
    app.run_due().await;
    app.system("ehr")
        .fail_next([crate::support::fake::refused()]);
    app.disable(&evil).await;
    app.run_due().await;
    let console = app.console().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let person = app.person(name).await;

    for path in [
        "/",
        "/calls",
        "/people",
        "/ledger",
        &format!("/people/{person}"),
    ] {
        let page = browser.get(path).await;

        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.says("alert(1)"), "{path}");
        assert!(!page.says("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn a_wall_screen_shows_initials_only() {
    let (app, console) = a_busy_friday().await;
    let wall = app.sign_in(&console, OfficeRole::Board).await;

    let board = wall.get("/").await;

    assert_eq!(board.status, StatusCode::OK);
    assert!(board.says("N.") && !board.says("nina") && !board.says("/people"));
    assert!(!OfficeRole::Board.may(Action::SeePeople));
}

#[tokio::test]
async fn over_https_a_browser_is_told_to_come_by_https_alone() {
    let mut app = TestApp::start().await;
    let plain = app.console().await.browser().get("/sign-in").await;
    app.settings.is_https = true;
    let console = app.console().await;

    let page = console.browser().get("/sign-in").await;
    let refused = console.browser().get("/").await;

    assert_eq!(plain.header("strict-transport-security"), "");
    for page in [page, refused] {
        let told = page.header("strict-transport-security");
        assert_eq!(told, "max-age=31536000");
    }
}

#[tokio::test]
async fn a_nul_is_refused_before_any_database_sees_it() {
    let (app, console) = a_busy_friday().await;
    let browser = app.sign_in(&console, OfficeRole::Owner).await;
    let fay = app.person("fay").await;

    for path in ["/people?q=%00", "/people/%00", "/people?%00=q"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let note = [("note", "because\0")];
    let page = browser
        .press(&format!("/returns/{fay}/refuse"), &note)
        .await;

    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}
