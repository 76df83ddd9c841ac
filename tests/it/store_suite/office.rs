//! What the console asks of the archive.

use std::time::Duration;

use drawbridge::{
    cases::board,
    clock::{Clock as _, after},
    door::{
        Door,
        aside::{Kind, SetAside},
    },
    ids::{PersonId, UserId},
    intake::aside,
    people::user::User,
    policy::office::OfficeRole,
    store::{
        StoredToken,
        admins::{Admin, Invitation, Session},
        failed::Walked,
        identities::{KeptForm, Vouched},
        inbox::{SeenTo, Sought},
        passkeys::Passkey,
        token_uses::Came,
    },
};
use drawbridge_sdk::FailureClass;
use serde_json::json;

use crate::support::{TestApp, fake, person};

pub async fn a_passkey_signs_once_what_it_was_asked_and_never_counts_back(app: &TestApp) {
    let now = app.clock.now();
    let admin = Admin {
        id: "a1".into(),
        practice: app.practice(),
        name: "Dana Ruiz".to_owned(),
        role: OfficeRole::Owner,
        email: None,
    };
    let passkey = |id: &str, counter| Passkey {
        id: id.to_owned(),
        admin: admin.clone(),
        name: "Laptop".to_owned(),
        public_key: "key".to_owned(),
        counter,
        added: now,
        used: None,
    };
    let mut tx = app.begin().await;
    tx.record_admin(&admin);
    let added = tx.record_passkey(&passkey("k1", 4)).await.unwrap();
    let twice = tx.record_passkey(&passkey("k1", 5)).await.unwrap();
    tx.record_passkey(&passkey("k2", 0)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = app.begin().await;
    let spent = [
        tx.spend_challenge("c1").await.unwrap(),
        tx.spend_challenge("c1").await.unwrap(),
    ];
    let mut counted = Vec::new();
    for (id, counter) in [("k1", 4), ("k1", 5), ("k1", 0), ("k2", 0), ("k3", 1)] {
        counted.push(tx.use_passkey(id, counter).await.unwrap());
    }
    tx.commit().await.unwrap();
    let used = app.store.find_passkey("k1").await.unwrap().unwrap();
    let mut tx = app.begin().await;
    let one = tx.remove_passkeys(&admin.id, Some("k2")).await.unwrap();
    let of_nobody = tx.remove_passkeys(&"a2".into(), None).await.unwrap();
    tx.forget_sign_ins(after(now, Duration::from_secs(1)));
    let forgotten = tx.spend_challenge("c1").await.unwrap();
    tx.remove_admin(&admin.id);
    tx.commit().await.unwrap();

    assert!(added && !twice);
    assert_eq!(spent, [true, false]);
    assert_eq!(counted, [false, true, false, true, false]);
    assert_eq!((used.counter, used.used), (5, Some(now)));
    assert_eq!((one.len(), of_nobody.len()), (1, 0));
    assert!(forgotten, "what is kept grows no longer than a day");
    assert_eq!(app.store.find_passkey("k1").await.unwrap(), None);
    let left = app.store.list_passkeys(&app.practice()).await.unwrap();
    assert!(left.is_empty(), "of whoever was sent away");
}

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

    let board = board::look(&app.store, &practice, now)
        .await
        .unwrap()
        .departures;
    let case = board[0].case_id().unwrap().clone();
    let first = app.store.find_first_close(&practice, &case).await.unwrap();
    let all = Sought::default();
    let failing = app
        .store
        .list_failures(&practice, &all, (0, 10), now)
        .await
        .unwrap();
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
    let board = board::look(&app.store, &practice, app.clock.now()).await;
    assert!(board.unwrap().departures.is_empty());
}

pub async fn what_failed_is_narrowed_and_whoever_sees_to_it_is_named(app: &TestApp) {
    let practice = app.practice();
    let caller = app.caller();
    app.system("ehr").fail_next([fake::refused()]);
    app.system("mail").fail_next([fake::refused()]);
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let omar = app.hire("omar", "Billing").await;
    app.run_due().await;
    app.system("billing")
        .fail_next([fake::credential_refused()]);
    app.disable(&omar).await;
    app.run_due().await;
    let dana = Admin {
        id: "a1".into(),
        practice: practice.clone(),
        name: "Dana Ruiz".to_owned(),
        role: OfficeRole::Owner,
        email: None,
    };
    let mut tx = app.begin().await;
    tx.record_admin(&dana);
    tx.commit().await.unwrap();
    let (ehr, billing) = (
        app.door("nina", "ehr").await,
        app.door("omar", "billing").await,
    );
    let now = app.clock.now();
    aside::assign(&app.store, &caller, &ehr.id, Some(&dana), now)
        .await
        .unwrap();
    let person = app.person("nina").await;
    let found = async |sought: Sought, page| {
        let doors = app.store.list_failures(&practice, &sought, page, now).await;
        let ids: Vec<_> = doors.unwrap().into_iter().map(|door| door.id).collect();
        ids
    };
    let all = Sought::default;

    let everything = found(all(), (0, 10)).await;
    let second = found(all(), (1, 1)).await;
    let closes = found(
        Sought {
            closes_only: true,
            ..all()
        },
        (0, 10),
    )
    .await;
    let refused = Sought {
        class: Some(FailureClass::Refused),
        ..all()
    };
    let refused = found(refused, (0, 10)).await;
    let into_ehr = found(
        Sought {
            system: Some("ehr".into()),
            ..all()
        },
        (0, 10),
    )
    .await;
    let near = |people, systems| Sought {
        near: Some((people, systems)),
        ..all()
    };
    let of_nina = found(near(vec![person], Vec::new()), (0, 10)).await;
    let near_billing = found(near(Vec::new(), vec!["billing".into()]), (0, 10)).await;
    let of_nobody = found(near(Vec::new(), Vec::new()), (0, 10)).await;
    let seen_to = |seen_to| Sought { seen_to, ..all() };
    let by_dana = found(seen_to(SeenTo::By(dana.id.clone())), (0, 10)).await;
    let by_nobody = found(seen_to(SeenTo::ByNobody), (0, 10)).await;
    let causes = app
        .store
        .count_failures(&practice, &all(), now)
        .await
        .unwrap();
    let names = app
        .store
        .find_assignees(&practice, &[&ehr, &billing])
        .await
        .unwrap();

    assert_eq!(everything.len(), 3);
    assert_eq!(everything[0], billing.id, "what shall be shut comes first");
    assert_eq!(second, everything[1..2]);
    assert_eq!(closes, std::slice::from_ref(&billing.id));
    assert_eq!(refused.len(), 2);
    assert_eq!(into_ehr, std::slice::from_ref(&ehr.id));
    assert_eq!(
        (of_nina.len(), near_billing.len(), of_nobody.len()),
        (2, 1, 0)
    );
    assert_eq!(by_dana, std::slice::from_ref(&ehr.id));
    assert_eq!(by_nobody.len(), 2);
    assert_eq!(causes.len(), 3);
    assert!(
        causes
            .iter()
            .all(|cause| (cause.doors, cause.called) == (1, 1))
    );
    assert_eq!(names.get(&ehr.id).map(String::as_str), Some("Dana Ruiz"));
    assert_eq!(names.len(), 1);
}

/// Two calls for Nina and two for Omar, who has left, failed; Dana looks at one of those later.
async fn four_failed(app: &TestApp) -> (Admin, Door) {
    for system in ["ehr", "mail"] {
        app.system(system).fail_next([fake::refused()]);
    }
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let omar = app.hire("omar", "Billing").await;
    app.run_due().await;
    for system in ["billing", "ehr"] {
        app.system(system).fail_next([fake::refused()]);
    }
    app.disable(&omar).await;
    app.run_due().await;
    let dana = Admin {
        id: "a1".into(),
        practice: app.practice(),
        name: "Dana Ruiz".to_owned(),
        role: OfficeRole::Owner,
        email: None,
    };
    let later = app.door("omar", "billing").await;
    let in_an_hour = after(app.clock.now(), Duration::from_secs(3_600));
    let mut tx = app.begin().await;
    tx.record_admin(&dana);
    tx.record_snooze(&later, &dana.id, in_an_hour);
    tx.commit().await.unwrap();
    (dana, later)
}

pub async fn everything_that_failed_is_walked_through_page_by_page(app: &TestApp) {
    let (_, later) = four_failed(app).await;
    let (practice, now) = (app.practice(), app.clock.now());
    let walk = async |sought: &Sought, most| {
        let (mut walked, mut found) = (Walked::default(), Vec::new());
        loop {
            let doors = app
                .store
                .walk_failures(&practice, sought, &mut walked, most, now)
                .await
                .unwrap();
            if doors.is_empty() {
                return found;
            }
            assert!(doors.len() <= usize::try_from(most).unwrap());
            found.extend(doors);
        }
    };
    let all = Sought::default();
    let awake = Sought {
        awake_only: true,
        ..Sought::default()
    };
    let of_nina = Sought {
        near: Some((vec![app.person("nina").await], Vec::new())),
        ..Sought::default()
    };

    let one_by_one = walk(&all, 1).await;
    let at_once = walk(&all, 500).await;
    let as_shown = app
        .store
        .list_failures(&practice, &all, (0, 500), now)
        .await
        .unwrap();
    let awake = walk(&awake, 1).await;
    let of_nina = walk(&of_nina, 1).await;

    assert_eq!(as_shown.len(), 4);
    assert_eq!(as_shown[3].id, later.id, "what is looked at later is last");
    assert_eq!(one_by_one, as_shown);
    assert_eq!(at_once, as_shown);
    assert_eq!(awake, as_shown[..3]);
    assert_eq!(of_nina, as_shown[1..3], "opens come after closes");
}

pub async fn whatever_is_put_off_or_taken_back_meanwhile_is_walked_by_once(app: &TestApp) {
    let (dana, later) = four_failed(app).await;
    let (practice, now) = (app.practice(), app.clock.now());
    let (all, in_an_hour) = (Sought::default(), after(now, Duration::from_secs(3_600)));
    let as_shown = app
        .store
        .list_failures(&practice, &all, (0, 500), now)
        .await
        .unwrap();

    let (mut walked, mut found) = (Walked::default(), Vec::new());
    loop {
        let page = app
            .store
            .walk_failures(&practice, &all, &mut walked, 1, now)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
        // It has come to what shall be open: one that shall be shut is put off, and the other comes back.
        if found.len() == 2 {
            let mut tx = app.begin().await;
            tx.record_snooze(&found[0], &dana.id, in_an_hour);
            assert!(tx.drop_snooze(&later).await.unwrap());
            tx.commit().await.unwrap();
        }
    }

    assert!(found[0].wanted.is_closed() && !found[1].wanted.is_closed());
    assert_eq!(found, as_shown);
}

pub async fn what_is_set_aside_leaves_the_board_and_comes_back(app: &TestApp) {
    let practice = app.practice();
    let omar = app.hire("omar", "Billing").await;
    app.run_due().await;
    app.system("billing").fail_next([fake::refused()]);
    app.disable(&omar).await;
    app.run_due().await;
    let (door, now) = (app.door("omar", "billing").await, app.clock.now());
    let signed = SetAside {
        kind: Kind::RiskAccepted,
        reason: "the vendor mends it on Monday".to_owned(),
        signed_by: "Dr. Weiss".to_owned(),
        signed: now,
        until: Some(after(now, Duration::from_secs(86_400))),
    };
    let count = async |at| {
        let board = board::look(&app.store, &practice, at).await.unwrap();
        let failing = app.store.count_waiting(&practice, at).await.unwrap().0;
        let aside = app.store.list_doors_set_aside(&practice, at).await.unwrap();
        let unclosed = app.store.count_unclosed_doors(at).await.unwrap();
        (
            board.departures.len(),
            failing,
            aside.len(),
            unclosed[0].overdue,
        )
    };
    let wish = (door.generation, signed.clone());

    let before = count(now).await;
    let done = aside::put_aside(&app.store, &app.caller(), &door.id, wish).await;
    let meanwhile = count(after(now, Duration::from_secs(60))).await;
    let ended = count(after(now, Duration::from_secs(86_400))).await;
    let kept = app.door("omar", "billing").await;
    let case = app.store.find_case(&practice, &door.case.unwrap()).await;

    assert_eq!(done.unwrap(), Ok(()));
    assert_eq!(before, (1, 1, 0, 0));
    assert_eq!(meanwhile, (0, 0, 1, 0));
    assert_eq!(ended, (1, 1, 0, 1));
    assert_eq!(kept.set_aside, Some(signed));
    assert!(
        case.unwrap().unwrap().closed.is_none(),
        "somebody will have to see to it"
    );
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

pub async fn a_provider_vouches_for_one_person_and_a_form_waits_for_its_sender(app: &TestApp) {
    let now = app.clock.now();
    let somebody = |id: &str, email: &str| Admin {
        id: id.into(),
        practice: app.practice(),
        name: format!("Somebody {id}"),
        role: OfficeRole::Admin,
        email: Some(email.to_owned()),
    };
    let (dana, lee) = (
        somebody("a1", "dana@elm.example"),
        somebody("a2", "lee@elm.example"),
    );
    let mut tx = app.begin().await;
    tx.record_admin(&dana);
    tx.record_admin(&lee);
    tx.commit().await.unwrap();
    let form = KeptForm {
        id: "k1".to_owned(),
        practice: app.practice(),
        admin: dana.id.clone(),
        path: "/doors/d1/by-hand".to_owned(),
        fields: "note=%3Cb%3E".to_owned(),
        kept: now,
    };

    let by_email = app
        .store
        .find_admins_by_email("https://idp", "dana@elm.example")
        .await;
    let mut tx = app.begin().await;
    let unknown = tx.find_identity_at(&dana.id, "https://idp").await.unwrap();
    let named = |subject: &str| Vouched {
        admin: dana.id.clone(),
        issuer: "https://idp".to_owned(),
        subject: subject.to_owned(),
        email: Some("dana@elm.example".to_owned()),
    };
    tx.record_identity(&named("d-1"));
    tx.record_identity(&named("d-2"));
    tx.note_address(&dana.id, "https://idp", "dana.married@elm.example");
    let noted = tx.find_identity_at(&dana.id, "https://idp").await.unwrap();
    let holder = tx.find_admin_by_email("lee@elm.example").await.unwrap();
    let vouched = tx
        .find_admin_vouched_for("https://idp", "d-2")
        .await
        .unwrap();
    let before = tx
        .find_admin_vouched_for("https://idp", "d-1")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let known = app
        .store
        .find_admins_by_identity("https://idp", "d-2")
        .await;
    let not_again = app
        .store
        .find_admins_by_email("https://idp", "dana@elm.example")
        .await;
    let elsewhere = app
        .store
        .find_admins_by_identity("https://other", "d-2")
        .await;
    app.store.keep_form(&form).await.unwrap();
    let early = after(now, Duration::from_secs(1));
    let found = app
        .store
        .find_kept_form(&dana, "k1", before_it(now))
        .await
        .unwrap();
    let over = app.store.find_kept_form(&dana, "k1", early).await.unwrap();
    let others = app
        .store
        .find_kept_form(&lee, "k1", before_it(now))
        .await
        .unwrap();
    let too_old = app.store.find_latest_kept_form(&dana, early).await.unwrap();
    app.store.drop_kept_form(&lee, "k1").await.unwrap();
    let latest = app
        .store
        .find_latest_kept_form(&dana, before_it(now))
        .await
        .unwrap();
    let mut tx = app.begin().await;
    tx.forget_sign_ins(early);
    tx.commit().await.unwrap();

    assert_eq!(by_email.unwrap(), std::slice::from_ref(&dana));
    assert_eq!(
        (unknown, vouched, before),
        (None, Some(dana.id.clone()), None)
    );
    let noted = noted.map(|known| (known.subject, known.email));
    let married = Some("dana.married@elm.example".to_owned());
    assert_eq!(noted, Some(("d-2".to_owned(), married)));
    assert_eq!(holder.map(|admin| admin.id), Some(lee.id.clone()));
    assert_eq!(known.unwrap(), std::slice::from_ref(&dana));
    assert!(not_again.unwrap().is_empty() && elsewhere.unwrap().is_empty());
    assert_eq!(found.as_ref(), Some(&form));
    assert_eq!((others, over, too_old), (None, None, None));
    assert_eq!(latest, Some(form), "nobody drops somebody else's");
    assert_eq!(
        app.store
            .find_kept_form(&dana, "k1", before_it(now))
            .await
            .unwrap(),
        None,
        "swept"
    );
}

pub async fn an_admin_is_known_by_every_address_they_ever_had_when_they_leave(app: &TestApp) {
    let dana = Admin {
        id: "a1".into(),
        practice: app.practice(),
        name: "Dana Ruiz".to_owned(),
        role: OfficeRole::Owner,
        email: Some("first@elm.example".to_owned()),
    };
    let at_the_provider = Vouched {
        admin: dana.id.clone(),
        issuer: "https://idp".to_owned(),
        subject: "d-1".to_owned(),
        email: Some("second@elm.example".to_owned()),
    };
    let mut tx = app.begin().await;
    tx.record_admin(&dana);
    tx.record_identity(&at_the_provider);
    // As a provider may write it: folded no further than its plain letters.
    tx.note_address(&dana.id, "https://idp", "thÍrd@elm.example");
    tx.record_admin(&Admin {
        email: Some("fourth@elm.example".to_owned()),
        ..dana.clone()
    });
    // An older bridge over the same database knows these columns alone.
    for older in [
        "UPDATE admin SET email = 'fifth@elm.example' WHERE id = 'a1'",
        "UPDATE admin_identity SET email = 'sixth@elm.example' WHERE admin = 'a1'",
    ] {
        tx.execute_for_tests(older).await.unwrap();
    }
    tx.commit().await.unwrap();

    let stranger = app.hire("seventh", "Nurse").await;
    app.disable(&stranger).await;
    let of_a_stranger = app.store.has_admin_left(&dana).await.unwrap();
    let names = ["first", "second", "third", "fourth", "fifth", "sixth"];
    for name in names.map(|name| name.replace("third", "Thírd")) {
        let user = app.hire(&name, "Nurse").await;
        let before = app.begin().await.find_when_admin_left(&dana).await;
        app.disable(&user).await;
        let left = app.begin().await.find_when_admin_left(&dana).await;
        assert!(left.unwrap() > before.unwrap(), "{name}");
    }
    app.clock.advance(Duration::from_secs(1));
    let let_in = Session {
        id: "s1".to_owned(),
        hash: "11".to_owned(),
        admin: dana,
        began: app.clock.now(),
        last_active: app.clock.now(),
        proved: None,
    };
    let mut tx = app.begin().await;
    tx.record_session(&let_in);
    tx.commit().await.unwrap();
    let mut found = vec![app.store.find_session("s1").await.unwrap().is_some()];
    for name in ["seventh", "second"] {
        let (person, now) = (app.person(name).await, app.clock.now());
        let mut tx = app.begin().await;
        tx.end_sign_ins_from_before(&person, now, now);
        tx.commit().await.unwrap();
        found.push(app.store.find_session("s1").await.unwrap().is_some());
    }

    assert!(!of_a_stranger);
    assert_eq!(found, [true, true, false], "ended by an address of before");
}

fn before_it(time: jiff::Timestamp) -> jiff::Timestamp {
    drawbridge::clock::before(time, Duration::from_secs(1))
}

pub async fn the_first_the_latest_and_the_refused_request_with_a_token_are_kept(app: &TestApp) {
    let token = StoredToken {
        id: "t1".into(),
        hash: "00".to_owned(),
        practice: app.practice(),
        source: "entra".into(),
        expires: after(app.clock.now(), Duration::from_secs(600)),
        revoked: false,
    };
    let mut tx = app.begin().await;
    tx.record_token(&token);
    tx.commit().await.unwrap();
    let came = |what: &str, second, why: &str| Came {
        at: after(app.clock.now(), Duration::from_secs(second)),
        from: "192.0.2.1 (Okta)".to_owned(),
        what: what.to_owned(),
        status: if why.is_empty() { 200 } else { 400 },
        why: why.to_owned(),
    };
    let (refused, first, last) = (
        came("PUT /Users/{id}", 0, "no"),
        came("GET /Users", 1, ""),
        came("POST /Users", 2, ""),
    );

    for came in [&refused, &first, &last] {
        app.store.note_came(&token.id, came).await.unwrap();
    }
    let uses = app.store.list_token_uses(&app.practice()).await.unwrap();
    let others = app.store.list_token_uses(&"oak".into()).await.unwrap();
    let mut tx = app.begin().await;
    tx.end_token(&token.id, after(app.clock.now(), Duration::from_secs(60)));
    tx.end_token(&token.id, after(app.clock.now(), Duration::from_secs(90)));
    tx.commit().await.unwrap();
    let ends = app
        .store
        .find_token(&token.id)
        .await
        .unwrap()
        .unwrap()
        .expires;
    let begun = app.store.find_begun(&app.practice()).await.unwrap();

    assert_eq!(uses.len(), 1);
    assert_eq!(uses[0].first.as_ref(), Some(&first));
    assert_eq!(uses[0].last.as_ref(), Some(&last));
    assert_eq!(uses[0].refused.as_ref(), Some(&refused));
    assert!(others.is_empty());
    assert_eq!(
        ends,
        after(app.clock.now(), Duration::from_secs(60)),
        "never later"
    );
    assert_eq!(
        (begun.people, begun.has_departure, begun.has_exported),
        (0, false, false)
    );
}

pub async fn the_latest_forms_of_each_wait_and_no_more(app: &TestApp) {
    let now = app.clock.now();
    let somebody = |id: &str| Admin {
        practice: app.practice(),
        id: id.into(),
        name: id.to_owned(),
        role: OfficeRole::Admin,
        email: None,
    };
    let (dana, lee) = (somebody("a1"), somebody("a2"));
    let form = |admin: &Admin, number: u64| KeptForm {
        id: format!("{}-{number}", admin.id),
        practice: app.practice(),
        admin: admin.id.clone(),
        path: "/doors/d1/by-hand".to_owned(),
        fields: "note=x".to_owned(),
        kept: after(now, Duration::from_secs(number)),
    };
    let mut tx = app.begin().await;
    tx.record_admin(&dana);
    tx.record_admin(&lee);
    tx.commit().await.unwrap();

    app.store.keep_form(&form(&lee, 0)).await.unwrap();
    for number in 0..70 {
        app.store.keep_form(&form(&dana, number)).await.unwrap();
    }
    let mut waiting = Vec::new();
    for number in 0..70 {
        let id = format!("a1-{number}");
        let since = before_it(now);
        if app
            .store
            .find_kept_form(&dana, &id, since)
            .await
            .unwrap()
            .is_some()
        {
            waiting.push(number);
        }
    }
    let others = app
        .store
        .find_kept_form(&lee, "a2-0", before_it(now))
        .await
        .unwrap();

    assert_eq!(waiting, (6..70).collect::<Vec<u64>>());
    assert!(others.is_some(), "nobody's forms push out somebody else's");
}
