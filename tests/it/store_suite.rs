//! The storage suite: the same promises on SQLite and PostgreSQL.

mod begun;
mod clocks;
mod ends;
mod office;
mod search;
mod together;

use std::time::Duration;

use drawbridge::{
    clock::{self, Clock as _},
    door::Wanted,
    events::{self, Addressee},
    evidence::{About, Entry, Scope, pack},
    ids::{PersonId, UserId},
    intake::ChangeError,
    people::Change,
    store::{Search, Start, StoreError, claims::Claimable, doors::Lease},
};

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{TestApp, person};
use begun::the_first_steps_are_seen_as_soon_as_they_are_taken;
use clocks::{
    a_card_is_opened_once_and_closed_by_whoever_is_first,
    a_departure_to_come_is_started_by_one_of_several_bridges,
    an_alert_is_noted_once_and_given_to_a_channel_by_one_bridge,
    what_a_departure_closed_is_kept_and_undone_once,
};
use ends::{
    a_case_that_an_earlier_version_left_without_doors_ends_at_the_next_start,
    a_case_whose_doors_went_to_a_newer_one_ends_and_names_it,
    what_an_older_bridge_did_not_count_as_set_aside_is_counted_at_the_next_start,
    what_is_left_of_a_case_is_still_waited_for_before_it_gives_way,
};
use office::{
    a_link_is_used_once_and_a_session_is_found_until_it_ends,
    a_passkey_signs_once_what_it_was_asked_and_never_counts_back,
    a_practice_revokes_its_own_tokens_only,
    a_provider_vouches_for_one_person_and_a_form_waits_for_its_sender,
    an_admin_is_known_by_every_address_they_ever_had_when_they_leave,
    everything_that_failed_is_walked_through_page_by_page,
    somebody_is_found_however_many_came_later,
    the_console_finds_cases_failures_people_and_how_each_system_is_doing,
    the_first_the_latest_and_the_refused_request_with_a_token_are_kept,
    the_latest_forms_of_each_wait_and_no_more,
    what_failed_is_narrowed_and_whoever_sees_to_it_is_named,
    what_is_set_aside_leaves_the_board_and_comes_back,
    whatever_is_put_off_or_taken_back_meanwhile_is_walked_by_once,
};
use search::{
    a_walk_page_by_page_sees_everybody_once_whoever_leaves_meanwhile,
    the_database_finds_what_the_filter_says,
};
use together::{
    a_change_refused_in_the_middle_leaves_no_trace,
    nobody_is_told_it_was_written_when_the_disk_was_full, whoever_goes_away_takes_nobody_with_them,
    whoever_loses_loses_alone,
};

/// Each promise as a test on SQLite, and on a real PostgreSQL where one may be started.
macro_rules! suite {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise(&crate::support::TestApp::start().await).await;
            })+
        }

        #[cfg(feature = "real-systems")]
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                let server = drawbridge_conformance::RealSystem::start("postgres");
                let app = crate::support::TestApp::on(server.var("POSTGRES_URL")).await;
                super::$promise(&app).await;
                app.store.close().await;
            })+
        }
    };
}

suite!(
    a_passkey_signs_once_what_it_was_asked_and_never_counts_back,
    an_alert_is_noted_once_and_given_to_a_channel_by_one_bridge,
    a_departure_to_come_is_started_by_one_of_several_bridges,
    a_card_is_opened_once_and_closed_by_whoever_is_first,
    what_a_departure_closed_is_kept_and_undone_once,
    a_case_whose_doors_went_to_a_newer_one_ends_and_names_it,
    what_is_left_of_a_case_is_still_waited_for_before_it_gives_way,
    a_case_that_an_earlier_version_left_without_doors_ends_at_the_next_start,
    what_an_older_bridge_did_not_count_as_set_aside_is_counted_at_the_next_start,
    a_link_is_used_once_and_a_session_is_found_until_it_ends,
    a_practice_revokes_its_own_tokens_only,
    the_first_steps_are_seen_as_soon_as_they_are_taken,
    a_provider_vouches_for_one_person_and_a_form_waits_for_its_sender,
    an_admin_is_known_by_every_address_they_ever_had_when_they_leave,
    the_first_the_latest_and_the_refused_request_with_a_token_are_kept,
    somebody_is_found_however_many_came_later,
    everything_that_failed_is_walked_through_page_by_page,
    whatever_is_put_off_or_taken_back_meanwhile_is_walked_by_once,
    the_console_finds_cases_failures_people_and_how_each_system_is_doing,
    what_failed_is_narrowed_and_whoever_sees_to_it_is_named,
    what_is_set_aside_leaves_the_board_and_comes_back,
    a_user_comes_back_as_it_was_written,
    an_id_with_a_nul_is_nothing_and_no_trouble,
    the_latest_forms_of_each_wait_and_no_more,
    a_user_name_is_taken_whatever_its_case,
    an_external_id_is_taken_exactly,
    what_was_not_committed_was_never_written,
    evidence_is_append_only,
    an_export_of_one_person_verifies_and_hides_the_others,
    evidence_taken_while_cases_open_verifies_as_of_when_it_was_counted,
    a_time_is_counted_as_its_records_are_shown,
    pages_follow_the_order_of_creation,
    the_database_finds_what_the_filter_says,
    a_walk_page_by_page_sees_everybody_once_whoever_leaves_meanwhile,
    simultaneous_changes_follow_each_other,
    whoever_loses_loses_alone,
    whoever_goes_away_takes_nobody_with_them,
    a_change_refused_in_the_middle_leaves_no_trace,
    nobody_is_told_it_was_written_when_the_disk_was_full,
    a_claim_is_held_by_one_worker,
    a_claim_looks_no_further_back_than_it_is_told,
    an_event_is_taken_up_by_one_bridge_and_told_until_it_is_taken_out,
    a_claim_never_slips_between_a_wish_and_what_it_was_made_from,
    the_same_database_is_not_a_restored_one,
    a_whole_departure_is_carried_through,
);

async fn the_same_database_is_not_a_restored_one(app: &TestApp) {
    let at_first = app.store.find_restore().await.unwrap();
    app.hire("nina", "Nurse").await;
    app.store.note_progress().await.unwrap();
    app.hire("sam", "Nurse").await;

    assert_eq!(at_first, None);
    assert_eq!(app.store.find_restore().await.unwrap(), None);
}

async fn a_user_comes_back_as_it_was_written(app: &TestApp) {
    let id = app.hire("Nina", "Nurse").await;

    let user = app
        .store
        .find_user(&app.practice(), &id)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(user.attributes, person("Nina", "Nurse", true));
    assert_eq!((user.version, user.created), (1, app.clock.now()));
}

async fn an_id_with_a_nul_is_nothing_and_no_trouble(app: &TestApp) {
    let provider = app.provider("entra").await;
    let nul = UserId::from("ni\0na");

    let found = app.store.find_user(&app.practice(), &nul).await;
    let mut answers = Vec::new();
    for path in ["/Users/%00", "/Groups/a%00b"] {
        answers.push(provider.get(path).await.status);
        answers.push(provider.delete(path).await.status);
    }
    let disable = json!([{"op": "replace", "path": "active", "value": false}]);
    answers.push(provider.patch("/Users/%00", &disable).await.status);

    assert!(matches!(found, Err(StoreError::Nul)), "{found:?}");
    assert_eq!(answers, [StatusCode::NOT_FOUND; 5]);
    assert!(!app.store.is_in_trouble());
}

async fn a_user_name_is_taken_whatever_its_case(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    let mut twin = person("NINA", "Nurse", true);
    twin.remove("externalId");

    let error = app
        .intake
        .change_user::<()>(&app.caller(), None, move |_| Ok(Some(twin.clone())))
        .await
        .unwrap_err();

    assert!(
        matches!(
            error,
            ChangeError::Taken {
                attribute: "userName"
            }
        ),
        "{error:?}"
    );
}

async fn an_external_id_is_taken_exactly(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    let mut other = person("nora", "Nurse", true);
    other.insert("externalId".to_owned(), "EXT-nina".into());
    let mut same = other.clone();
    same.insert("externalId".to_owned(), "ext-nina".into());

    let error = app
        .intake
        .change_user::<()>(&app.caller(), None, move |_| Ok(Some(same.clone())))
        .await
        .unwrap_err();
    let accepted = app
        .intake
        .change_user::<()>(&app.caller(), None, move |_| Ok(Some(other.clone())))
        .await;

    assert!(
        matches!(
            error,
            ChangeError::Taken {
                attribute: "externalId"
            }
        ),
        "{error:?}"
    );
    assert!(accepted.is_ok());
}

async fn what_was_not_committed_was_never_written(app: &TestApp) {
    let before = app
        .store
        .list_records(&app.practice(), None)
        .await
        .unwrap()
        .len();
    let somebody = PersonId::generate();

    let mut tx = app.begin().await;
    tx.record_person(&somebody);
    tx.record(entry(&somebody, app));
    drop(tx);

    assert!(
        app.store
            .list_people(&app.practice())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        app.store
            .list_records(&app.practice(), None)
            .await
            .unwrap()
            .len(),
        before
    );
}

async fn evidence_is_append_only(app: &TestApp) {
    app.hire("nina", "Nurse").await;

    for statement in [
        "UPDATE evidence SET text = 'nothing happened'",
        "DELETE FROM evidence",
    ] {
        let mut tx = app.begin().await;
        let error = tx.execute_for_tests(statement).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unavailable(text) if text.contains("append-only")),
            "{error}"
        );
    }
}

async fn an_export_of_one_person_verifies_and_hides_the_others(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    app.hire("omar", "Billing").await;
    app.run_due().await;
    let nina = app.person("nina").await;

    let practice = app.practice();
    let (about, now) = (About::Person(nina), app.clock.now());
    let export = app.store.export(&practice, &about, "cli:dana", now).await;
    let text = export.unwrap().whole().await.unwrap();
    let proof = pack::verify(&text).unwrap();
    let records = app.store.list_records(&practice, None).await.unwrap();
    let checked = app.store.check_chain(&practice).await.unwrap();

    assert_eq!(proof.links, records.len());
    assert_eq!(checked, Ok(i64::try_from(records.len()).unwrap()));
    assert!(proof.records < proof.links);
    assert!(text.contains("nina") && !text.contains("omar"));
    assert!(text.contains("evidence.exported") && text.contains("cli:dana"));
}

async fn evidence_taken_while_cases_open_verifies_as_of_when_it_was_counted(app: &TestApp) {
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let (practice, now) = (app.practice(), app.clock.now());
    let day = Duration::from_secs(86_400);
    let of_the_day = About::Time(clock::before(now, day), clock::after(now, day));
    let of_nina = About::Person(app.person("nina").await);

    for (about, cases) in [(of_the_day, Some(2)), (of_nina, None)] {
        let counted = app.store.count_evidence(&practice, &about).await.unwrap();
        let to = counted.to;
        // Meanwhile somebody comes, and Nina comes back: both open a case.
        app.hire(&format!("omar{}", cases.is_some()), "Billing")
            .await;
        app.set_active(&nina, cases.is_some()).await;
        let export = app
            .store
            .export_counted(&practice, counted, "cli:dana", now);
        let text = export.await.unwrap().whole().await.unwrap();
        let proof = pack::verify(&text).unwrap();

        assert_eq!(proof.whole_to, Some(to));
        assert_eq!(proof.period.map(|span| span.cases), cases);
        assert!(usize::try_from(to).unwrap() + 1 < proof.links, "{about:?}");
    }
}

async fn a_time_is_counted_as_its_records_are_shown(app: &TestApp) {
    let practice = app.practice();
    let day = Duration::from_secs(86_400);
    let nobodys = async || {
        let mut tx = app.begin().await;
        tx.record(Entry {
            at: tx.now(),
            who: "bridge".to_owned(),
            what: "clock.set",
            person: None,
            system: None,
            detail: serde_json::Map::new(),
        });
        tx.commit().await.unwrap();
    };
    app.hire("early", "Nurse").await;
    nobodys().await;
    app.run_after(day * 20).await;
    let from = app.clock.now();
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    nobodys().await;
    app.disable(&nina).await;
    app.run_due().await;
    // Of the time still, but nobody had a case in what comes after it.
    let to = clock::after(from, day);
    app.run_after(day * 20).await;
    app.hire("late", "Nurse").await;
    app.run_due().await;
    nobodys().await;

    let about = About::Time(from, to);
    let counted = app.store.count_evidence(&practice, &about).await.unwrap();
    let records = app
        .store
        .list_records_after(&practice, &counted.scope, 0, u32::MAX)
        .await
        .unwrap();
    let empty = About::Time(
        clock::before(from, day * 400),
        clock::before(from, day * 300),
    );
    let nothing = app.store.count_evidence(&practice, &empty).await.unwrap();

    let shown: Vec<&str> = records
        .iter()
        .filter(|record| record.is_theirs)
        .map(|record| record.text.as_str())
        .collect();
    let Scope::Period(period) = &counted.scope else {
        panic!("{counted:?}");
    };
    assert_eq!(counted.shows, shown.len());
    assert_eq!(period.cases, 2, "she came, and she left");
    let people: Vec<&PersonId> = period.people.iter().collect();
    assert_eq!(people, [&app.person("nina").await]);
    let of_nobody = shown.iter().filter(|text| text.contains("clock.set"));
    assert_eq!(of_nobody.count(), 1);
    assert!(shown.len() < records.len() - 4, "the others' are not shown");
    assert_eq!(nothing.shows, 0);
}

async fn pages_follow_the_order_of_creation(app: &TestApp) {
    let mut ids: Vec<UserId> = Vec::new();
    for name in ["e", "d", "c", "b", "a"] {
        ids.push(app.hire(name, "Nurse").await);
    }

    let search = Search {
        start: Start::Offset(1),
        limit: 3,
        ..Search::default()
    };
    let found = app
        .store
        .search_users(&app.practice(), &search)
        .await
        .unwrap();

    assert_eq!(found.total, 5);
    assert_eq!(
        found
            .items
            .into_iter()
            .map(|user| user.id)
            .collect::<Vec<_>>(),
        ids[1..4]
    );
}

async fn simultaneous_changes_follow_each_other(app: &TestApp) {
    let id = app.hire("nina", "Nurse").await;

    let changes = (0..8).map(|number| {
        let (id, caller) = (id.clone(), app.caller());
        async move {
            let changed = app
                .intake
                .change_user::<()>(&caller, Some(&id), move |before| {
                    let mut attributes = before.unwrap().attributes.clone();
                    attributes.insert(format!("nickName{number}"), "x".into());
                    Ok(Some(attributes))
                });
            changed.await.unwrap();
        }
    });
    futures_util::future::join_all(changes).await;

    let user = app
        .store
        .find_user(&app.practice(), &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.version, 9, "each saw what the one before it wrote");
    assert!((0..8).all(|number| user.attributes.contains_key(&format!("nickName{number}"))));
}

async fn a_claim_is_held_by_one_worker(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    let (practice, ehr, now) = (app.practice(), "ehr".into(), app.clock.now());

    let claims = (0..4).map(|worker| {
        let (store, practice, ehr) = (app.store.clone(), &practice, &ehr);
        async move {
            let mut tx = store.begin(practice, now).await.unwrap();
            let owner = format!("worker-{worker}");
            let doors = tx
                .claim_doors(&owner, ehr, 4, (Claimable::All, Timestamp::MIN))
                .await
                .unwrap();
            tx.commit().await.unwrap();
            doors
        }
    });
    let claimed: usize = futures_util::future::join_all(claims)
        .await
        .into_iter()
        .map(|doors| doors.len())
        .sum();

    assert_eq!(claimed, 1);
}

async fn a_claim_looks_no_further_back_than_it_is_told(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    let (ehr, since) = ("ehr".into(), app.clock.now());
    let later = clock::after(since, Duration::from_millis(1));
    app.clock.advance(Duration::from_secs(60));

    let mut tx = app.begin().await;
    let passed_over = tx.claim_doors("worker", &ehr, 4, (Claimable::All, later));
    let passed_over = passed_over.await.unwrap();
    let found = tx.claim_doors("worker", &ehr, 4, (Claimable::All, since));
    let found = found.await.unwrap();

    assert_eq!((passed_over.len(), found.len()), (0, 1));
}

async fn a_claim_never_slips_between_a_wish_and_what_it_was_made_from(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    let person = app.person("nina").await;
    let mut tx = app.begin().await;
    let mut doors = tx.find_doors_of(&person).await.unwrap();
    let claim = {
        let (store, practice, now) = (app.store.clone(), app.practice(), app.clock.now());
        tokio::spawn(async move {
            let mut tx = store.begin(&practice, now).await?;
            let doors = tx
                .claim_doors("worker", &"ehr".into(), 4, (Claimable::All, Timestamp::MIN))
                .await?;
            tx.commit().await?;
            Ok::<_, StoreError>(doors)
        })
    };

    for door in &mut doors {
        door.wish(
            Wanted::Closed,
            "departure".to_owned(),
            None,
            app.clock.now(),
        );
        tx.record_door(door, Lease::Release);
    }
    tx.commit().await.unwrap();

    let claimed = claim.await.unwrap().unwrap();
    assert!(
        claimed.iter().all(|door| door.wanted.is_closed()),
        "the open that is void was claimed: {claimed:?}"
    );
    let closing = app.claim("ehr").await.len() + claimed.len();
    assert_eq!(closing, 1, "the close is claimed once");
}

async fn a_whole_departure_is_carried_through(app: &TestApp) {
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;

    app.disable(&nina).await;
    app.run_due().await;

    for system in ["ehr", "mail", "billing", "vpn"] {
        assert!(app.is_green("nina", system).await, "{system}");
    }
}

fn entry(person: &PersonId, app: &TestApp) -> Entry {
    Entry {
        at: app.clock.now(),
        who: "test".to_owned(),
        what: "test.noted",
        person: Some(person.clone()),
        system: None,
        detail: serde_json::Map::new(),
    }
}

async fn an_event_is_taken_up_by_one_bridge_and_told_until_it_is_taken_out(app: &TestApp) {
    let id = app.hire("nina", "Nurse").await;
    let nina = app.store.find_user(&app.practice(), &id).await.unwrap();
    let nina = nina.unwrap();
    let addressee = Addressee {
        subscriber: "siem".into(),
        audience: "siem".to_owned(),
        issuer: "bridge".to_owned(),
        is_pushed_to: true,
    };
    let now = app.clock.now();
    let event = events::event(&addressee, Change::Departed, &nina, ("r1", now)).unwrap();
    let lease = Duration::from_secs(60);
    let mut tx = app.begin().await;
    tx.record_event(&nina.person, &event, Some(now));
    tx.commit().await.unwrap();

    let claimed = app.store.claim_events(now, lease).await.unwrap();
    let meanwhile = app.store.claim_events(now, lease).await.unwrap();
    let later = clock::after(now, lease);
    app.store
        .postpone_event(&claimed[0], later, "busy")
        .await
        .unwrap();
    let again = app.store.claim_events(later, lease).await.unwrap();
    let mut tx = app.begin().await;
    let taken = tx.take_event(&event.subscriber, &event.id).await.unwrap();
    let twice = tx.take_event(&event.subscriber, &event.id).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(claimed[0].event, event);
    assert!(meanwhile.is_empty());
    assert_eq!(
        (again[0].tries, again[0].failure.as_deref()),
        (1, Some("busy"))
    );
    assert_eq!((taken, twice), (Some(nina.person), None));
    assert!(
        app.store
            .list_events(&app.practice())
            .await
            .unwrap()
            .is_empty()
    );
}
