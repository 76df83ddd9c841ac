//! Who is told when a leaver's time runs short: once, in time, and whatever fails on the way.

mod in_vain;

use std::{process::Command, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use drawbridge::{
    alerts::{Alarm, InVain, gone},
    app,
    clock::{self, Clock as _},
    evidence::Entry,
    ids::{AlertId, PracticeName},
    intake::returns::Word,
    policy::office::OfficeRole,
    store::{StoreError, alerts::Alert},
};
use jiff::Timestamp;
use reqwest::StatusCode;
use ring::hmac;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    TestApp, fake,
    post::{MailServer, Taker},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A practice whose owner gets mail, whose deputy has a program that takes webhooks, whose manager reads Slack
/// and whose provider reads Teams.
struct Office {
    app: TestApp,
    alarm: Alarm,
    mail: MailServer,
    web: Taker,
    _folder: TempDir,
}

impl Office {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mail = MailServer::start(folder.path()).await;
        let web = Taker::start().await;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let password = write("password", "the password of the mail server");
        let secret = write("secret", "the secret of the webhook");
        let slack = write("slack", &format!("{}/services/T0/B0/XXXX", web.origin));
        let teams = write(
            "teams",
            &format!(
                "{}/workflows/w1/triggers/manual/paths/invoke?api-version=1&sig=a%2Bb",
                web.origin
            ),
        );
        let ca = folder.path().join("mail.pem").display().to_string();
        let (port, origin) = (mail.port, &web.origin);
        let settings = format!(
            r#"
[[practice.alerts.channel]]
name = "mail"
kind = "email"
server = "localhost"
port = {port}
login = "bridge"
password = {{ file = "{password}" }}
from = "Drawbridge <bridge@elm.example>"
ca_file = "{ca}"
[[practice.alerts.channel]]
name = "program"
kind = "webhook"
url = "{origin}/alerts"
secret = {{ file = "{secret}" }}
allow_plain_http = true
[[practice.alerts.channel]]
name = "slack"
kind = "slack"
url = {{ file = "{slack}" }}
allow_plain_http = true
[[practice.alerts.channel]]
name = "teams"
kind = "teams"
url = {{ file = "{teams}" }}
allow_plain_http = true
[practice.alerts.owner]
channels = ["mail", "slack"]
email = ["dana@elm.example", "office@elm.example"]
[practice.alerts.deputy]
channels = ["program"]
[practice.alerts.practice_manager]
channels = ["slack"]
[practice.alerts.msp]
channels = ["teams"]
"#
        );
        let app =
            TestApp::start_with("console.url = \"https://bridge.elm.example\"", &settings).await;
        let alarm = app.alarm();
        Self {
            app,
            alarm,
            mail,
            web,
            _folder: folder,
        }
    }

    /// Nina left, and her EHR refuses to be closed.
    async fn nina_left(&self) {
        let nina = self.app.hire("nina", "Nurse").await;
        self.app.run_due().await;
        self.app
            .system("ehr")
            .fail_next(std::iter::repeat_with(fake::refused).take(50));
        self.app.disable(&nina).await;
        self.app.run_due().await;
        for system in ["billing", "mail", "vpn"] {
            assert!(self.app.is_green("nina", system).await, "{system}");
        }
    }

    /// The alarm of a bridge that was started with these channels alone.
    fn alarm_with(&self, names: &[&str]) -> Alarm {
        let mut settings = self.app.settings.clone();
        let alerts = settings.practices[0].alerts.as_mut().unwrap();
        alerts
            .channels
            .retain(|channel| names.contains(&channel.name.as_str()));
        for reach in &mut alerts.contacts {
            reach.channels = names.iter().map(|name| (*name).into()).collect();
            reach.email = vec!["dana@elm.example".to_owned()];
        }
        let clock = Arc::new(self.app.clock.clone());
        app::alarm(&settings, &self.app.store, clock)
            .unwrap()
            .unwrap()
    }

    /// What the ledger says of alerts by this channel.
    async fn said_of(&self, channel: &str) -> Vec<String> {
        let said = self.said().await;
        let own = said
            .iter()
            .filter(|record| record["detail"]["channel"] == channel);
        own.map(|record| record["what"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The ways that are tried still.
    async fn waits_for(&self) -> Vec<String> {
        let waiting = self.app.store.list_waiting_deliveries().await.unwrap();
        waiting.iter().map(|way| way.channel.to_string()).collect()
    }

    async fn watch(&self, alarm: &Alarm) {
        alarm.look().await.unwrap();
        alarm.look_around().await.unwrap();
        while alarm.send_due().await.unwrap() > 0 {}
    }

    /// Lets time pass and the alarm look. Answers how many letters and posts came.
    async fn after(&self, minutes: u32) -> (usize, usize) {
        self.app.clock.advance(MINUTE * minutes);
        self.watch(&self.alarm).await;
        (self.mail.take().len(), self.web.take().len())
    }

    /// What the ledger says of alerts.
    async fn said(&self) -> Vec<Value> {
        let records = self
            .app
            .store
            .list_records(&self.app.practice(), None)
            .await;
        let records = records.unwrap();
        let all = records
            .iter()
            .map(|record| serde_json::from_str::<Value>(&record.text).unwrap());
        all.filter(|record| record["what"].as_str().unwrap().starts_with("alert."))
            .collect()
    }
}

/// Something that happened, and is past.
fn clock_set(at: Timestamp) -> Entry {
    Entry {
        at,
        who: "bridge".to_owned(),
        what: "clock.set",
        person: None,
        system: None,
        detail: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn one_after_the_other_is_told_as_time_runs_out_and_nobodys_name_is_in_it() {
    let office = Office::start().await;
    office.nina_left().await;

    assert_eq!(office.after(9).await, (0, 0), "nobody yet");
    office.app.clock.advance(MINUTE);
    office.watch(&office.alarm).await;
    let letters = office.mail.take();
    assert_eq!((letters.len(), office.web.take().len()), (1, 0));
    office.app.clock.advance(20 * MINUTE);
    office.watch(&office.alarm).await;
    let program = office.web.take();
    office.app.clock.advance(15 * MINUTE);
    office.watch(&office.alarm).await;
    let slack = office.web.take();
    office.app.clock.advance(15 * MINUTE);
    office.watch(&office.alarm).await;
    let teams = office.web.take();

    let letter = &letters[0];
    assert!(
        letter.was_encrypted
            && letter
                .login
                .ends_with("bridge:the password of the mail server")
    );
    assert_eq!(letter.to.len(), 2, "{letter:?}");
    for says in [
        "Subject: elm: N. may still get in: 1 door, 50 minutes left",
        "1 of 4 doors of N. are not proved shut: ehr.",
        "Do this now: close the account in ehr by hand, and sign for it",
        "Auto-Submitted: auto-generated",
        "https://bridge.elm.example/cases/",
    ] {
        assert!(letter.text.contains(says), "{says}: {}", letter.text);
    }
    let told = program[0].json();
    assert_eq!(told["type"], "alert.case.time");
    assert_eq!(told["data"]["minutes_left"], 30);
    let header = |name: &str| program[0].headers[name].to_str().unwrap().to_owned();
    let signed = format!(
        "{}.{}.{}",
        header("webhook-id"),
        header("webhook-timestamp"),
        program[0].text
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"the secret of the webhook");
    let signature = BASE64_STANDARD
        .decode(&header("webhook-signature")[3..])
        .unwrap();
    hmac::verify(&key, signed.as_bytes(), &signature).expect("the signature is right");
    assert_eq!(slack[0].path, "/services/T0/B0/XXXX");
    assert!(
        slack[0].json()["blocks"][0]["text"]["text"]
            .as_str()
            .unwrap()
            .contains("15 minutes left")
    );
    assert_eq!(
        teams[0].path,
        "/workflows/w1/triggers/manual/paths/invoke?api-version=1&sig=a%2Bb"
    );
    assert_eq!(
        teams[0].json()["attachments"][0]["content"]["type"],
        "AdaptiveCard"
    );
    for text in [
        &letter.text,
        &program[0].text,
        &slack[0].text,
        &teams[0].text,
    ] {
        assert!(!text.contains("nina"), "{text}");
    }
    let said = office.said().await;
    let sent: Vec<_> = said
        .iter()
        .map(|record| record["detail"]["contact"].as_str().unwrap())
        .collect();
    assert_eq!(sent, ["owner", "deputy", "practice_manager", "msp"]);
    assert_eq!(office.after(600).await, (0, 0), "and nobody again");
}

#[tokio::test]
async fn nobody_is_told_of_whoever_is_shut_out_in_time() {
    let office = Office::start().await;
    let nina = office.app.hire("nina", "Nurse").await;
    office.app.run_due().await;
    office.app.disable(&nina).await;
    office.app.run_due().await;

    assert_eq!(office.after(90).await, (0, 0));
}

#[tokio::test]
async fn a_clock_that_is_set_and_a_restart_have_nobody_told_twice() {
    let office = Office::start().await;
    office.nina_left().await;
    let began = office.app.clock.now();

    let first = office.after(10).await;
    office.app.clock.set(began);
    let set_back = office.after(0).await;
    office.app.clock.set(began + jiff::Span::new().hours(30));
    let set_forward = office.after(0).await;
    office.app.clock.set(began + jiff::Span::new().minutes(10));
    let other = office.app.alarm();
    office.watch(&other).await;

    assert_eq!(first, (1, 0));
    assert_eq!(set_back, (0, 0));
    assert_eq!(set_forward, (0, 3), "the others, early, and once");
    assert_eq!((office.mail.take().len(), office.web.take().len()), (0, 0));
}

#[tokio::test]
async fn what_was_due_while_the_bridge_was_down_is_told_once_it_is_up() {
    let office = Office::start().await;
    office.nina_left().await;
    office.app.clock.advance(31 * MINUTE);
    // It died after it had noted whom to tell, and again with a letter in its hand.
    office.alarm.look().await.unwrap();
    let elm = office.app.practice();
    let these = [&elm];
    let taken = office
        .app
        .store
        .claim_deliveries(&these, office.app.clock.now(), MINUTE);
    assert_eq!(taken.await.unwrap().len(), 2);

    let other = office.app.alarm();
    office.watch(&other).await;
    let at_once = (office.mail.take().len(), office.web.take().len());
    let later = office.after(1).await;

    assert_eq!(at_once, (0, 0), "another bridge may be at it");
    assert_eq!(later, (1, 1));
}

#[tokio::test]
async fn a_channel_that_fails_alerts_through_another_and_is_tried_again() {
    let office = Office::start().await;
    office.nina_left().await;
    office.mail.refuses(true);

    office.app.clock.advance(10 * MINUTE);
    office.watch(&office.alarm).await;
    let posts = office.web.take();
    let states = office
        .app
        .store
        .list_channel_states(&office.app.practice())
        .await
        .unwrap();
    office.mail.refuses(false);
    office.app.clock.advance(MINUTE);
    office.watch(&office.alarm).await;
    let letters = office.mail.take();
    let after = office
        .app
        .store
        .list_channel_states(&office.app.practice())
        .await
        .unwrap();

    assert_eq!(posts.len(), 1);
    assert_eq!(
        posts[0].path, "/services/T0/B0/XXXX",
        "the owner's next channel"
    );
    assert!(
        posts[0]
            .text
            .contains("the channel `mail` fails: the mail server refused it (451)"),
        "{}",
        posts[0].text
    );
    let mail = states
        .iter()
        .find(|state| state.name.as_str() == "mail")
        .unwrap();
    assert!(mail.failing.is_some());
    assert_eq!(
        letters.len(),
        1,
        "and it came by mail after all, with the same id"
    );
    let id = posts[0]
        .text
        .split("Alert ")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        letters[0].text.contains(&format!("Alert {id}"))
            && letters[0].text.contains(&format!("Message-ID: <{id}@"))
    );
    assert!(after.iter().all(|state| state.failing.is_none()));
    let said: Vec<String> = office
        .said()
        .await
        .iter()
        .map(|record| {
            format!(
                "{} {}",
                record["what"].as_str().unwrap(),
                record["detail"]["channel"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        said,
        ["alert.failed mail", "alert.sent slack", "alert.sent mail"]
    );
}

#[tokio::test]
async fn when_every_channel_fails_each_is_tried_again_until_it_is_over() {
    let office = Office::start().await;
    office.nina_left().await;
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));

    office.app.clock.advance(10 * MINUTE);
    office.watch(&office.alarm).await;
    let tried = office.said().await.len();
    office.app.system("ehr").state().failures.clear();
    office.app.run_after(20 * MINUTE).await;
    office.mail.refuses(false);
    office.web.answers(None);
    office.watch(&office.alarm).await;

    assert_eq!(tried, 4, "mail, slack, program, teams");
    assert_eq!(
        (office.mail.take().len(), office.web.take().len()),
        (0, 0),
        "the EHR is shut: nothing to tell"
    );
    let last = office.said().await.pop().unwrap();
    assert_eq!(last["what"], "alert.not_needed");
}

#[tokio::test]
async fn what_cannot_wait_is_told_beside_the_clock() {
    let office = Office::start().await;
    let nina = office.app.hire("nina", "Nurse").await;
    office.app.run_due().await;
    office.app.disable(&nina).await;
    office.app.run_due().await;

    // Somebody opens her EHR behind the bridge's back; the sweep finds it.
    office.app.system("ehr").enable_behind_our_back("nina");
    office.app.run_after(6 * MINUTE).await;
    office.watch(&office.alarm).await;
    let found = office.mail.take();
    // She shall get in again.
    office.app.set_active(&nina, true).await;
    office.watch(&office.alarm).await;
    let back = office.web.take();
    // The bridge's own password is refused, for one person and then another.
    office
        .app
        .system("vpn")
        .fail_next(std::iter::repeat_with(fake::credential_refused).take(2));
    for name in ["lee", "max"] {
        let user = office.app.hire(name, "Billing").await;
        office.app.disable(&user).await;
    }
    office.app.run_due().await;
    office.watch(&office.alarm).await;
    let refused = office.mail.take();

    assert!(
        found[0]
            .text
            .contains("A door of N. into ehr was found changed"),
        "{found:?}"
    );
    assert_eq!((found.len(), back.len(), refused.len()), (1, 1, 1));
    assert!(back[0].text.contains("N. left and shall get in again"));
    assert!(
        refused[0]
            .text
            .contains("vpn refuses the bridge's own password"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_practice_that_is_given_channels_later_is_not_told_of_old_times() {
    let office = Office::start().await;
    let mut tx = office.app.begin().await;
    tx.record(clock_set(tx.now()));
    tx.commit().await.unwrap();

    assert_eq!(office.after(25 * 60).await, (0, 0));
}

#[tokio::test]
async fn whoever_is_given_channels_later_is_told_of_all_that_is_so_still() {
    let office = Office::start().await;
    let (app, word) = (
        &office.app,
        Word {
            by: "Dana Ruiz",
            note: "she is on leave",
        },
    );
    let nina = app.hire("nina", "Nurse").await;
    let sam = app.hire("sam", "Nurse").await;
    app.run_due().await;
    for who in [&nina, &sam] {
        app.disable(who).await;
        app.run_due().await;
        app.set_active(who, true).await;
    }
    // Somebody has answered one of the two who shall get in again.
    let sams = app.person("sam").await;
    let refused = app.intake.refuse_return(&app.caller(), &sams, word).await;
    refused.unwrap().unwrap();
    app.system("vpn")
        .fail_next(std::iter::repeat_with(fake::credential_refused).take(50));
    let lee = app.hire("lee", "Billing").await;
    app.disable(&lee).await;
    app.run_due().await;

    app.clock.advance(3 * 24 * 60 * MINUTE);
    office.watch(&office.alarm).await;
    let letters = office.mail.take();
    let posts = office.web.take();

    let says = |text: &str| letters.iter().any(|letter| letter.text.contains(text));
    let posted = |text: &str| posts.iter().any(|post| post.text.contains(text));
    assert!(says("L. may still get in"), "{letters:?}");
    assert!(says("vpn refuses the bridge's own password"), "{letters:?}");
    assert!(posted("N. left and shall get in again"), "{posts:?}");
    assert!(!posted("S. left"), "that is answered: {posts:?}");
}

/// The sweep comes by Nina's EHR; what it finds is put right if it can be.
async fn ehr_is_read_again(app: &TestApp) {
    let due = app.door("nina", "ehr").await.next_try.unwrap();
    app.run_after(clock::between(app.clock.now(), due)).await;
    app.run_after(MINUTE).await;
}

#[tokio::test]
async fn a_flapping_door_is_told_once_for_each_time_it_was_opened_whenever_channels_come() {
    let office = Office::start().await;
    let app = &office.app;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;

    // Three times it was put right while nobody was to be told, and once it could not be.
    for _ in 0..3 {
        app.system("ehr").enable_behind_our_back("nina");
        ehr_is_read_again(app).await;
        assert!(!app.system("ehr").account("nina").unwrap().enabled);
    }
    app.system("ehr").enable_behind_our_back("nina");
    app.system("ehr")
        .fail_next(std::iter::repeat_with(fake::refused).take(50));
    ehr_is_read_again(app).await;
    app.run_after(25 * 60 * MINUTE).await;
    office.watch(&office.alarm).await;
    let later = office.mail.take();
    // With channels each time is told, put right or not, and once.
    app.system("ehr").state().failures.clear();
    ehr_is_read_again(app).await;
    assert!(app.is_green("nina", "ehr").await);
    let mut each = Vec::new();
    for _ in 0..2 {
        app.system("ehr").enable_behind_our_back("nina");
        for _ in 0..2 {
            ehr_is_read_again(app).await;
            office.watch(&office.alarm).await;
            each.push(office.mail.take().len());
        }
    }

    assert_eq!(later.len(), 1, "the one that is open still: {later:?}");
    assert!(later[0].text.contains("ehr was found changed"));
    assert_eq!(each, [1, 0, 1, 0]);
}

#[tokio::test]
async fn what_is_so_still_is_tried_until_a_channel_takes_it() {
    let office = Office::start().await;
    office.nina_left().await;
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));

    let at_first = office.after(10).await;
    let a_day_later = office.after(30 * 60).await;
    office.mail.refuses(false);
    let mended = office.after(13).await;

    assert_eq!((at_first, a_day_later), ((0, 0), (0, 0)));
    assert_eq!(mended, (1, 0), "she may get in still");
}

#[tokio::test]
async fn a_failure_that_repeats_itself_is_recorded_once_a_day_and_another_one_within_the_hour() {
    let office = Office::start().await;
    office.nina_left().await;
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));
    let slack = office.alarm_with(&["slack"]);
    let watch = async |minutes: u32| {
        office.app.clock.advance(MINUTE * minutes);
        office.watch(&slack).await;
    };
    // Only the first step of her case, whose failure is looked at.
    let first = async || {
        let said = office.said().await;
        let own = said.iter().filter(|record| record["detail"]["step"] == 1);
        own.map(|record| record["detail"]["try"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };

    watch(10).await;
    // A day but for ten minutes, tried again and again.
    for _ in 0..(23 * 6 + 5) {
        watch(10).await;
    }
    let within_a_day = first().await;
    watch(20).await;
    let after_a_day = first().await;
    office.web.answers(Some(StatusCode::FORBIDDEN));
    for _ in 0..5 {
        watch(13).await;
    }
    let another = first().await;
    for _ in 0..5 {
        watch(13).await;
    }
    let the_same = first().await;

    assert_eq!(within_a_day, [1]);
    assert_eq!(after_a_day.len(), 2, "{after_a_day:?}");
    assert!(after_a_day[1] > 50, "it was tried all the while");
    assert_eq!(another.len(), 3, "{another:?}");
    assert_eq!(the_same, another);
}

#[tokio::test]
async fn what_is_past_is_not_tried_for_longer_than_a_day() {
    let office = Office::start().await;
    let mut tx = office.app.begin().await;
    tx.record(clock_set(tx.now()));
    tx.commit().await.unwrap();
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));

    // Tried all the while, and once more when the day is over.
    for _ in 0..9 {
        office.after(13).await;
    }
    let waited = office.waits_for().await.len();
    office.after(24 * 60).await;
    let waits = office.waits_for().await;
    office.mail.refuses(false);
    office.web.answers(None);
    let later = office.after(13).await;

    assert_eq!(
        (waited, later),
        (3, (0, 0)),
        "whoever takes no mail has three channels"
    );
    assert!(waits.is_empty(), "{waits:?}");
    let last = office.said().await.pop().unwrap();
    assert_eq!(last["what"], "alert.given_up");
}

#[tokio::test]
async fn what_waits_for_a_channel_that_was_taken_out_ends_where_people_see_it() {
    let office = Office::start().await;
    office.nina_left().await;
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));
    office.after(10).await;

    let without_mail = office.alarm_with(&["slack", "program", "teams"]);
    office.app.clock.advance(MINUTE);
    office.watch(&without_mail).await;
    let ended = office.said_of("mail").await;
    let waits = office.waits_for().await;
    for _ in 0..4 {
        office.app.clock.advance(10 * 60 * MINUTE);
        office.watch(&without_mail).await;
    }
    let elm = office.app.practice();
    let states = office.app.store.list_channel_states(&elm).await.unwrap();
    let console = office.app.console().await;
    let dana = office.app.sign_in(&console, OfficeRole::Admin).await;
    let page = dana.get("/alerts").await;

    assert_eq!(ended, ["alert.failed", "alert.given_up"]);
    assert_eq!(waits.len(), 3, "the others are tried: {waits:?}");
    assert!(!waits.contains(&"mail".to_owned()));
    // The later steps of her case never go that way at all.
    assert_eq!(office.said_of("mail").await, ended);
    assert!(states.iter().all(|state| state.name.as_str() != "mail"));
    assert!(
        page.says("by mail: the settings name no such channel any more"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn the_channel_that_takes_the_place_of_another_takes_what_waits_for_it() {
    let office = Office::start().await;
    office.nina_left().await;
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));
    let (mail, slack) = (office.alarm_with(&["mail"]), office.alarm_with(&["slack"]));

    office.app.clock.advance(10 * MINUTE);
    office.watch(&mail).await;
    office.app.clock.advance(MINUTE);
    office.watch(&slack).await;
    let by_slack = office.waits_for().await;
    // That was no better: mail is back.
    office.mail.refuses(false);
    office.app.clock.advance(MINUTE);
    office.watch(&mail).await;
    let letters = office.mail.take();

    assert_eq!(by_slack, ["slack"]);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].text.contains("the channel `slack` fails"));
    assert!(office.waits_for().await.is_empty());
    assert_eq!(
        office.said_of("mail").await,
        ["alert.failed", "alert.failed", "alert.sent"]
    );
    assert_eq!(
        office.said_of("slack").await,
        ["alert.failed", "alert.failed"]
    );
}

#[tokio::test]
async fn what_waits_where_nobody_is_told_any_more_ends_until_somebody_is_again() {
    let office = Office::start().await;
    let app = &office.app;
    let mut tx = app.begin().await;
    tx.record(clock_set(tx.now()));
    tx.commit().await.unwrap();
    office.nina_left().await;
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));
    office.after(10).await;
    let waited = office.waits_for().await.len();

    gone::end_what_waits(&app.store, None, app.clock.now())
        .await
        .unwrap();
    let waits = office.waits_for().await;
    let failing = app.store.count_failing_channels().await.unwrap();
    let given_up = office.said().await;
    let given_up = given_up
        .iter()
        .filter(|record| record["what"] == "alert.given_up");
    let given_up = given_up.count();
    office.mail.refuses(false);
    office.web.answers(None);
    let told = office.after(2 * 24 * 60).await;

    assert!(waited > 4, "two alerts, each by all channels");
    assert!(waits.is_empty() && failing.is_empty(), "{waits:?}");
    assert_eq!(given_up, waited);
    assert_eq!(
        told,
        (1, 3),
        "each step of her case; that the clock was set is past"
    );
}

#[tokio::test]
async fn the_alerts_of_a_practice_without_an_alarm_keep_nobody_elses_waiting() {
    let office = Office::start().await;
    let (app, oak) = (&office.app, PracticeName::from("oak"));
    let now = app.clock.now();
    // More than are taken up in one go, from when that practice had an alarm.
    let mut tx = app.store.begin(&oak, now).await.unwrap();
    for number in 0..60 {
        let alert = Alert {
            practice: oak.clone(),
            id: AlertId::generate(),
            kind: "clock.set".to_owned(),
            about: number.to_string(),
            case: None,
            person: None,
            system: None,
            facts: serde_json::Map::new(),
            raised: now,
            addressed: Some(now),
            over: None,
        };
        assert!(tx.raise(&alert).await.unwrap());
        tx.send_through(&alert.id, &"mail".into(), "owner", None);
    }
    tx.commit().await.unwrap();
    office.nina_left().await;

    app.clock.advance(10 * MINUTE);
    office.alarm.look().await.unwrap();
    let taken_up = office.alarm.send_due().await.unwrap();
    let left = office.alarm.send_due().await.unwrap();

    assert_eq!((taken_up, left), (1, 0));
    assert_eq!(office.mail.take().len(), 1);
}

#[tokio::test]
async fn each_practice_is_told_once_that_the_archive_is_away() {
    let (elms, ashs) = (Taker::start().await, Taker::start().await);
    let folder = tempfile::tempdir().unwrap();
    let channel = |name: &str, origin: &str| {
        let url = folder.path().join(name);
        std::fs::write(&url, format!("{origin}/{name}")).unwrap();
        format!(
            "[[practice.alerts.channel]]\nname = \"chat\"\nkind = \"slack\"\nurl = {{ file = \"{}\" }}\n\
             allow_plain_http = true\n[practice.alerts.msp]\nchannels = [\"chat\"]\n",
            url.display()
        )
    };
    let settings = format!(
        "{}\n[[practice]]\nname = \"ash\"\n{}",
        channel("elm", &elms.origin),
        channel("ash", &ashs.origin)
    );
    let top = "console.url = \"https://bridge.elm.example\"";
    let app = TestApp::start_with(top, &settings).await;
    let alarm = app.alarm();
    let away = StoreError::Unavailable("locked".to_owned());
    let mut in_vain = InVain::default();
    elms.answers(Some(StatusCode::SERVICE_UNAVAILABLE));

    alarm.tell_without_the_archive(&mut in_vain, &away).await;
    app.clock.advance(MINUTE);
    alarm.tell_without_the_archive(&mut in_vain, &away).await;
    let first = (elms.take().len(), ashs.take().len());
    elms.answers(None);
    let mut then = (0, 0);
    for _ in 0..3 {
        alarm.tell_without_the_archive(&mut in_vain, &away).await;
        then.0 += elms.take().len();
        then.1 += ashs.take().len();
    }

    assert_eq!(first, (0, 1), "one channel failed, and the other took it");
    assert_eq!(then, (1, 0), "whoever was not told is, and nobody twice");
}

#[tokio::test]
async fn while_the_archive_is_away_somebody_is_told_once_all_the_same() {
    let office = Office::start().await;
    let (mut in_vain, away) = (
        InVain::default(),
        StoreError::Unavailable("locked".to_owned()),
    );

    office
        .alarm
        .tell_without_the_archive(&mut in_vain, &away)
        .await;
    let at_once = office.web.take().len();
    office.app.clock.advance(MINUTE);
    for _ in 0..3 {
        office
            .alarm
            .tell_without_the_archive(&mut in_vain, &away)
            .await;
    }

    assert_eq!(at_once, 0, "it may be back in a moment");
    let told = office.web.take();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].text.contains("the database does not answer")
            && told[0].path.starts_with("/workflows")
    );
}

#[tokio::test]
async fn the_console_shows_a_failing_channel_red_and_tests_it() {
    let office = Office::start().await;
    office.nina_left().await;
    let console = office.app.console().await;
    let dana = office.app.sign_in(&console, OfficeRole::Admin).await;

    let before = dana.get("/alerts").await;
    office.mail.refuses(true);
    let failed = dana.press("/alerts/mail/test", &[]).await;
    let red = dana.get("/alerts").await;
    let elsewhere = dana.get("/").await;
    office.mail.refuses(false);
    let worked = dana.press("/alerts/mail/test", &[]).await;
    let green = dana.get("/alerts").await;
    let nothing = dana.press("/alerts/pager/test", &[]).await;
    office.after(10).await;
    let told = dana.get("/alerts").await;

    assert!(before.says("never used") && before.says("the owner after 10 min"));
    assert_eq!(failed.header("location"), "/alerts?said=not_told");
    assert!(red.says("takes nothing") && red.says("451"));
    assert!(elsewhere.says("Alerts cannot be sent by mail"));
    assert_eq!(worked.header("location"), "/alerts?said=told");
    assert!(green.says("works") && !green.says("takes nothing"));
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert!(told.says("10 minutes, and somebody may still get in") && told.says("owner, by mail"));
    let record = office.said().await;
    assert_eq!(record[0]["who"], "admin:Dana the admin");
}

#[test]
fn the_command_line_tests_a_channel_and_the_doctor_names_one_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let text = "console.url = \"https://bridge.elm.example\"\n[[practice]]\nname = \"elm\"\n[[practice.alerts.channel]]\n\
        name = \"chat\"\nkind = \"slack\"\nurl = \"http://127.0.0.1:9/x\"\nallow_plain_http = true\n\
        [practice.alerts.owner]\nchannels = [\"chat\"]\n";
    std::fs::write(folder.path().join("drawbridge.toml"), text).unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_drawbridge"))
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };

    let tested = run(&["alerts", "test"]);
    let doctor = run(&["doctor"]);
    let listed = run(&["alerts", "list"]);

    assert_eq!(tested.0, Some(1), "{tested:?}");
    assert!(tested.1.contains("PROBLEM") && tested.1.contains("chat"));
    assert!(doctor.1.contains("takes nothing since"), "{doctor:?}");
    assert!(listed.1.contains("nobody had to be told"), "{listed:?}");
}

#[tokio::test]
async fn two_bridges_tell_each_once() {
    let office = Office::start().await;
    office.nina_left().await;
    let other = office.app.alarm();
    office.app.clock.advance(60 * MINUTE);

    tokio::join!(office.watch(&office.alarm), office.watch(&other));

    assert_eq!((office.mail.take().len(), office.web.take().len()), (1, 3));
}

#[test]
fn channels_are_found_to_be_unusable_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = "console.url = \"https://bridge.elm.example\"\n[[practice]]\nname = \"elm\"\n[[practice.alerts.channel]]\n\
        name = \"chat\"\nkind = \"slack\"\nurl = { file = \"nowhere\" }\n\
        [practice.alerts.owner]\nchannels = [\"chat\"]\n";
    let file = folder.path().join("practice.toml");
    std::fs::write(&file, text).unwrap();
    let settings = app::load_settings(&file).unwrap();

    let problem = app::watched(&settings).unwrap_err();

    assert!(
        problem.contains("alert channel `chat`") && problem.contains("nowhere"),
        "{problem}"
    );
}
