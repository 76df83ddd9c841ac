//! What the console asks of the archive.

use std::time::Duration;

use drawbridge::{
    cases::board,
    clock::{Clock as _, after},
    ids::{PersonId, UserId},
    people::user::User,
    policy::office::OfficeRole,
    store::{
        StoredToken,
        admins::{Admin, Invitation, Session},
    },
};
use serde_json::json;

use crate::support::{TestApp, fake, person};

pub async fn a_link_is_used_once_and_a_session_is_found_until_it_ends(app: &TestApp) {
    let now = app.clock.now();
    let admin = Admin {
        id: "a1".into(),
        practice: app.practice(),
        name: "Dana Ruiz".to_owned(),
        role: OfficeRole::Owner,
        email: Some("dana@elm.example".to_owned()),
    };
    let mut tx = app.begin().await;
    tx.record_admin(&admin);
    tx.record_invitation(&Invitation {
        id: "i1".to_owned(),
        hash: "00".to_owned(),
        admin: admin.clone(),
        expires: after(now, Duration::from_secs(60)),
        is_used: false,
    });
    tx.record_session(&Session {
        id: "s1".to_owned(),
        hash: "11".to_owned(),
        admin: admin.clone(),
        began: now,
        last_active: now,
        proved: Some(now),
    });
    tx.commit().await.unwrap();

    let mut tx = app.begin().await;
    let first = tx.use_invitation("i1").await.unwrap();
    let second = tx.use_invitation("i1").await.unwrap();
    let by_name = tx.find_admin("DANA ruiz").await.unwrap();
    tx.commit().await.unwrap();
    let later = after(now, Duration::from_secs(30));
    app.store.note_active("s1", later).await.unwrap();
    let session = app.store.find_session("s1").await.unwrap().unwrap();
    let used = app.store.find_invitation("i1").await.unwrap().unwrap();
    let mut tx = app.begin().await;
    tx.remove_admin(&admin.id);
    tx.commit().await.unwrap();

    assert!(first && !second && used.is_used);
    assert_eq!(by_name, Some(admin));
    assert_eq!((session.began, session.last_active), (now, later));
    assert_eq!(app.store.find_session("s1").await.unwrap(), None);
    assert_eq!(app.store.find_invitation("i1").await.unwrap(), None);
    assert!(
        app.store
            .list_admins(&app.practice())
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn the_console_finds_cases_failures_people_and_how_each_system_is_doing(app: &TestApp) {
    let practice = app.practice();
    let nina = app.hire("nina", "Nurse").await;
    app.edit(&nina, |attributes| {
        attributes.insert("displayName".to_owned(), json!("Nina Okafor"));
    })
    .await;
    app.run_due().await;
    app.system("ehr").fail_next([fake::refused()]);
    app.disable(&nina).await;
    app.run_due().await;
    let now = app.clock.now();
    let person = app.person("nina").await;
    let door = app.door("nina", "ehr").await;

    let board = board::departures(&app.store, &practice, now).await.unwrap();
    let case = board[0].case_id().unwrap().clone();
    let first = app.store.find_first_close(&practice, &case).await.unwrap();
    let failing = app.store.list_failing_doors(&practice).await.unwrap();
    let waiting = app.store.count_waiting(&practice, now).await.unwrap();
    let systems = app.store.list_system_doors(&practice, now).await.unwrap();
    let faces = app.store.search_people(&practice, "OKAF", 5).await.unwrap();
    let keys = app.store.search_people(&practice, "displayname", 5).await;
    let records = app
        .store
        .list_latest_records(&practice, Some(&person), i64::MAX, 2)
        .await
        .unwrap();
    let before = app
        .store
        .list_latest_records(&practice, None, records[1].0, 1)
        .await
        .unwrap();
    app.run_after(Duration::from_secs(60)).await;
    let over = app
        .store
        .find_case(&practice, &case)
        .await
        .unwrap()
        .unwrap();
    let last = app.store.find_last_departure(&practice).await.unwrap();

    assert_eq!((board.len(), board[0].left(now)), (1, 1));
    assert!(first.is_some());
    assert_eq!(failing, vec![door.clone()]);
    assert_eq!(
        app.store
            .find_door(&practice, &door.id)
            .await
            .unwrap()
            .map(|found| found.id),
        Some(door.id.clone())
    );
    assert_eq!(
        app.store.find_door(&"oak".into(), &door.id).await.unwrap(),
        None
    );
    assert_eq!(waiting, (1, 0));
    let ehr = systems
        .iter()
        .find(|its| its.system.as_str() == "ehr")
        .unwrap();
    assert_eq!((ehr.unclosed, ehr.failing), (1, 1));
    assert_eq!(ehr.oldest, Some(door.wanted_at));
    assert_eq!(faces[0].name, "Nina Okafor");
    assert!(keys.unwrap().is_empty());
    assert!(records[0].0 > records[1].0 && records[1].0 > before[0].0);
    assert_eq!(over.closed, Some(app.clock.now()));
    assert_eq!(last.unwrap().case.id, case);
    let board = board::departures(&app.store, &practice, app.clock.now()).await;
    assert!(board.unwrap().is_empty());
}

pub async fn a_practice_revokes_its_own_tokens_only(app: &TestApp) {
    let token = StoredToken {
        id: "t1".into(),
        hash: "00".to_owned(),
        practice: app.practice(),
        source: "entra".into(),
        expires: after(app.clock.now(), Duration::from_secs(60)),
        revoked: false,
    };
    let mut tx = app.begin().await;
    tx.record_token(&token);
    tx.commit().await.unwrap();

    let mut others = app
        .store
        .begin(&"oak".into(), app.clock.now())
        .await
        .unwrap();
    others.revoke_token(&token.id);
    others.commit().await.unwrap();
    let works = app.store.find_token(&token.id).await.unwrap();
    let mut tx = app.begin().await;
    tx.revoke_token(&token.id);
    tx.commit().await.unwrap();
    let over = app.store.find_token(&token.id).await.unwrap();

    assert_eq!(works, Some(token));
    assert!(over.unwrap().revoked);
}

/// Hired at once, and after everybody who is here: no door of theirs is planned.
async fn hire_crowd(app: &TestApp, count: usize) {
    let now = app.clock.now();
    let mut tx = app.begin().await;
    for number in 0..count {
        let user = User {
            id: UserId::generate(),
            person: PersonId::generate(),
            attributes: person(&format!("n{number}"), "Nurse", true),
            version: 1,
            created: now,
            modified: now,
            may_be_in_groups: false,
        };
        tx.record_person(&user.person);
        tx.record_identifiers(&user.person, &user.attributes);
        tx.record_user(&"entra".into(), &user, None);
    }
    tx.commit().await.unwrap();
}

pub async fn somebody_is_found_however_many_came_later(app: &TestApp) {
    let id = app.hire("nurse.jm", "Social worker").await;
    app.edit(&id, |attributes| {
        attributes.insert("displayName".to_owned(), json!("Jürgen Müller-Strauß"));
    })
    .await;
    hire_crowd(app, 2_100).await;

    // Every User says `work` somewhere: it is the kind of an address.
    for query in ["MÜLLER", "strauss", "work", "jm@elm"] {
        let found = app.store.search_people(&app.practice(), query, 51).await;
        let names: Vec<String> = found.unwrap().into_iter().map(|face| face.name).collect();
        assert_eq!(names, ["Jürgen Müller-Strauß"], "{query}");
    }
    let nurses = app.store.search_people(&app.practice(), "nurse", 51).await;
    let nurses = nurses.unwrap();
    let everybody = app.store.search_people(&app.practice(), "", 51).await;

    assert_eq!(nurses.len(), 51);
    assert_eq!(nurses[0].user_name, "nurse.jm", "an address before a job");
    assert_eq!(everybody.unwrap().len(), 51);
}
