//! The example of `docs/vendor-files.md`, against the vendor it describes.

mod support;

use std::collections::BTreeSet;

use drawbridge_sdk::{
    AccountId, CallError, Change, CloseCall, Connector, Effect, FailureClass, Finality, Outcome,
    Sessions, Subject, Way,
};
use support::{
    acme::{Acme, Trouble},
    ask, close, open, person,
};

fn groups(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

async fn closed(connector: &dyn Connector, call: &CloseCall) -> Outcome {
    connector.close(call).await.expect("something was done")
}

async fn not_closed(trouble: Trouble) -> (Acme, CallError) {
    let acme = Acme::start().await;
    acme.add("nina");
    acme.gets_into(trouble);
    let nina = person("nina");
    let outcome = acme
        .connector()
        .close(&close(&nina, Way::Account))
        .await
        .expect("tokens were ended");
    let Effect::Failed(error) = outcome.blocked else {
        panic!("the suspension did not fail")
    };
    (acme, error)
}

#[tokio::test]
async fn a_close_blocks_ends_sessions_and_takes_managed_groups() {
    let acme = Acme::start().await;
    acme.add("nina");
    let connector = acme.connector();
    let mut call = close(&person("nina"), Way::Account);
    call.managed_levels = vec!["nurse".to_owned(), "doctor".to_owned()];

    let outcome = closed(connector.as_ref(), &call).await;
    let seen = connector
        .observe(&ask(&call.subject, Way::Account, None))
        .await
        .expect("read");

    assert!(matches!(
        (&outcome.blocked, &outcome.sessions_ended),
        (Effect::Done, Effect::Done)
    ));
    let user = acme.user("nina");
    assert_eq!((user.suspended, user.sessions, user.tokens), (true, 0, 0));
    assert_eq!(user.groups, groups("own"));
    assert_eq!(seen.accounts[0].sessions, Sessions::None);
    assert!(seen.residual.is_empty());
}

#[tokio::test]
async fn open_sessions_are_counted() {
    let acme = Acme::start().await;
    acme.add("nina");

    let seen = acme
        .connector()
        .observe(&ask(&person("nina"), Way::Account, None))
        .await
        .expect("read");

    assert_eq!(seen.accounts[0].sessions, Sessions::Open(2));
    assert!(!format!("{:?}", seen.receipts).contains("192.0.2.7"));
}

#[tokio::test]
async fn closing_an_account_that_is_blocked_still_ends_sessions() {
    let acme = Acme::start().await;
    acme.add("nina");
    let connector = acme.connector();
    let call = close(&person("nina"), Way::Account);
    closed(connector.as_ref(), &call).await;
    acme.records().users[0].tokens = 3;

    let again = closed(connector.as_ref(), &call).await;

    assert!(
        matches!(again.blocked, Effect::AlreadyInState),
        "a conflict that means: it was so before"
    );
    assert!(matches!(again.sessions_ended, Effect::Done));
    assert_eq!(acme.user("nina").tokens, 0);
}

#[tokio::test]
async fn every_request_of_a_call_has_its_own_idempotency_key_and_keeps_it_on_a_retry() {
    let acme = Acme::start().await;
    acme.add("nina");
    let connector = acme.connector();
    let call = close(&person("nina"), Way::Account);
    let keys = || -> Vec<String> {
        acme.records()
            .requests
            .drain(..)
            .filter_map(|(.., key)| key)
            .collect()
    };

    closed(connector.as_ref(), &call).await;
    let first = keys();
    closed(connector.as_ref(), &call).await;
    let second = keys();

    assert_eq!(first.len(), 2);
    assert_ne!(first[0], first[1]);
    assert_eq!(first, second);
}

#[tokio::test]
async fn an_error_inside_a_200_is_no_success() {
    let (acme, error) = not_closed(Trouble::ErrorInside).await;

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Refused, Finality::Answered)
    );
    assert!(!acme.user("nina").suspended);
    assert_eq!(
        acme.user("nina").tokens,
        0,
        "the other steps are tried all the same"
    );
}

#[tokio::test]
async fn a_yes_about_another_account_is_no_success() {
    let (_, error) = not_closed(Trouble::OtherUser).await;

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::Answered)
    );
}

#[tokio::test]
async fn a_yes_for_later_may_still_land() {
    let (_, error) = not_closed(Trouble::Later).await;

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::Unknown)
    );
}

#[tokio::test]
async fn a_broken_answer_may_still_land() {
    let (_, error) = not_closed(Trouble::Broken).await;

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::Unknown)
    );
}

#[tokio::test]
async fn a_page_for_people_is_no_success() {
    let (_, error) = not_closed(Trouble::Page).await;

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::Answered)
    );
}

#[tokio::test]
async fn an_error_names_nobody_and_ends_with_the_way_out() {
    let (_, error) = not_closed(Trouble::ErrorInside).await;

    let sentence = error.to_string();
    assert!(
        !sentence.contains("nina") && !sentence.contains("no_right"),
        "{sentence}"
    );
    assert!(
        sentence.contains(": ") && !sentence.ends_with('.'),
        "{sentence}"
    );
}

#[tokio::test]
async fn sessions_that_could_not_be_ended_are_told_beside_the_block() {
    let acme = Acme::start().await;
    acme.add("nina");
    acme.gets_into(Trouble::TokensRefused);

    let outcome = closed(
        acme.connector().as_ref(),
        &close(&person("nina"), Way::Account),
    )
    .await;

    assert_eq!(outcome.change, Change::Done);
    assert!(matches!(outcome.blocked, Effect::Done));
    assert!(
        matches!(&outcome.sessions_ended, Effect::Failed(error) if error.class == FailureClass::Refused)
    );
    assert!(acme.user("nina").suspended);
}

#[tokio::test]
async fn a_page_for_people_ends_no_session() {
    let acme = Acme::start().await;
    acme.add("nina");
    acme.gets_into(Trouble::TokensPage);

    let outcome = closed(
        acme.connector().as_ref(),
        &close(&person("nina"), Way::Account),
    )
    .await;

    assert!(
        matches!(&outcome.sessions_ended, Effect::Failed(error) if error.class == FailureClass::Contract)
    );
}

#[tokio::test]
async fn a_reading_by_id_that_shows_another_account_closes_nobody() {
    let acme = Acme::start().await;
    let id = acme.add("nina");
    acme.add("omar");
    acme.gets_into(Trouble::ReadsOther);
    let nina = Subject {
        account_ids: vec![AccountId(id)],
        ..person("nina")
    };

    let error = acme
        .connector()
        .close(&close(&nina, Way::Account))
        .await
        .expect_err("another account");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::NotSent)
    );
    assert!(!acme.user("omar").suspended);
}

#[tokio::test]
async fn a_search_that_was_not_heeded_closes_nobody() {
    let acme = Acme::start().await;
    acme.add("omar");
    acme.gets_into(Trouble::Everybody);

    let error = acme
        .connector()
        .close(&close(&person("nina"), Way::Account))
        .await
        .expect_err("not heeded");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::NotSent)
    );
    assert!(!acme.user("omar").suspended);
}

#[tokio::test]
async fn a_search_goes_on_over_cursors_and_never_in_a_circle() {
    let acme = Acme::start().await;
    for login in ["n1", "n2", "n3", "n4", "mia"] {
        acme.add(login);
    }
    let connector = acme.connector();
    // The account's login is another than the person's `userName`: only the search by e-mail finds it.
    let mut person = person("n4");
    person.user_names = vec!["somebody".to_owned()];

    let seen = connector
        .observe(&ask(&person, Way::Account, None))
        .await
        .expect("read");
    acme.gets_into(Trouble::SameCursor);
    let circle = connector
        .observe(&ask(&person, Way::Account, None))
        .await
        .expect_err("a circle");

    assert_eq!(seen.accounts.len(), 1);
    assert_eq!(circle.class, FailureClass::Contract);
}

#[tokio::test]
async fn accounts_are_listed_page_by_page_and_a_strange_cursor_is_refused() {
    let acme = Acme::start().await;
    for login in ["a", "b", "c"] {
        acme.add(login);
    }
    let connector = acme.connector();

    let first = connector.list_accounts(None).await.expect("listed");
    let second = connector
        .list_accounts(first.next.as_ref())
        .await
        .expect("listed");
    let strange = connector
        .list_accounts(Some(&drawbridge_sdk::Cursor("x".to_owned())))
        .await
        .expect_err("strange");

    assert_eq!((first.accounts.len(), second.accounts.len()), (2, 1));
    assert!(second.next.is_none());
    assert_eq!(strange.finality, Finality::NotSent);
}

#[tokio::test]
async fn a_joiner_is_made_with_groups_and_an_id_that_is_kept() {
    let acme = Acme::start().await;
    let connector = acme.connector();

    let made = connector
        .open(&open(
            &person("omar"),
            Way::Account,
            &["doctor"],
            &["doctor", "nurse"],
        ))
        .await
        .expect("made");

    assert_eq!(made.accounts, [AccountId("u0".to_owned())]);
    assert_eq!(acme.user("omar").groups, groups("doctor"));
}

#[tokio::test]
async fn a_joiner_who_lacks_a_name_is_not_sent() {
    let acme = Acme::start().await;
    let nameless = Subject {
        given_name: None,
        ..person("omar")
    };

    let error = acme
        .connector()
        .open(&open(&nameless, Way::Account, &[], &[]))
        .await
        .expect_err("no name");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Refused, Finality::NotSent)
    );
    assert!(
        error.to_string().contains("{given_name} is empty"),
        "{error}"
    );
    assert!(acme.records().users.is_empty());
}

#[tokio::test]
async fn a_level_that_cannot_be_taken_keeps_new_ones_from_being_given() {
    let acme = Acme::start().await;
    acme.add("nina");
    acme.records().users[0].suspended = true;
    acme.gets_into(Trouble::RemovalRefused);

    let outcome = acme
        .connector()
        .open(&open(
            &person("nina"),
            Way::Account,
            &["doctor"],
            &["doctor", "nurse"],
        ))
        .await
        .expect("enabled");

    assert_eq!(outcome.accounts, [AccountId("u0".to_owned())]);
    assert_eq!(outcome.change, Change::Done);
    assert!(
        matches!(&outcome.blocked, Effect::Failed(error) if error.class == FailureClass::Refused)
    );
    let user = acme.user("nina");
    assert!(!user.suspended, "what was done is told beside what failed");
    assert_eq!(user.groups, groups("nurse own"));
}

#[tokio::test]
async fn a_mover_swaps_managed_groups_only() {
    let acme = Acme::start().await;
    acme.add("nina");

    let outcome = acme
        .connector()
        .open(&open(
            &person("nina"),
            Way::Account,
            &["doctor"],
            &["doctor", "nurse"],
        ))
        .await
        .expect("moved");

    assert_eq!(outcome.change, Change::Done);
    assert_eq!(acme.user("nina").groups, groups("doctor own"));
}

#[tokio::test]
async fn two_accounts_of_one_person_are_both_closed_and_neither_opened() {
    let acme = Acme::start().await;
    acme.add("nina");
    acme.add("nina2");
    let connector = acme.connector();
    let mut nina = person("nina");
    nina.user_names.push("nina2".to_owned());

    let opened = connector
        .open(&open(&nina, Way::Account, &[], &[]))
        .await
        .expect_err("which one");
    let outcome = closed(connector.as_ref(), &close(&nina, Way::Account)).await;

    assert_eq!(
        (opened.class, opened.finality),
        (FailureClass::Refused, Finality::NotSent)
    );
    assert_eq!(outcome.accounts.len(), 2);
    assert!(acme.user("nina").suspended && acme.user("nina2").suspended);
}

#[tokio::test]
async fn a_record_that_hides_the_suspension_is_blocked_again_and_never_believed() {
    let acme = Acme::start().await;
    acme.add("nina");
    let connector = acme.connector();
    let call = close(&person("nina"), Way::Account);
    closed(connector.as_ref(), &call).await;
    acme.gets_into(Trouble::HidesSuspension);

    let seen = connector
        .observe(&ask(&call.subject, Way::Account, None))
        .await
        .expect("read");
    let again = closed(connector.as_ref(), &call).await;

    assert_eq!(
        seen.accounts[0].state,
        drawbridge_sdk::AccountState::Enabled
    );
    assert!(matches!(again.blocked, Effect::AlreadyInState));
}
