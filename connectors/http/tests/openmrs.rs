//! The shipped vendor file for OpenMRS, against a stub built from its documentation.

mod support;

use drawbridge_conformance::{Canned, Fault, FaultyProxy};
use drawbridge_sdk::{
    AccountId, AccountState, Canary, Change, Effect, FailureClass, Finality, Sessions, Subject, Way,
};
use support::{
    ask, close, open,
    openmrs::{OpenMrs, PASSWORD, ROLES},
    person,
};

#[tokio::test]
async fn a_leaver_is_retired_read_back_and_never_purged() {
    let openmrs = OpenMrs::start().await;
    openmrs.add("nina");
    let connector = openmrs.connector(PASSWORD);
    let nina = person("nina");

    let outcome = connector
        .close(&close(&nina, Way::Account))
        .await
        .expect("closed");
    let seen = connector
        .observe(&ask(&nina, Way::Account, Some("canary")))
        .await
        .expect("read");

    assert_eq!(outcome.change, Change::Done);
    assert!(matches!(outcome.blocked, Effect::Done));
    assert!(matches!(outcome.sessions_ended, Effect::NotSupported));
    assert!(outcome.residual[0].what.contains("session") && outcome.residual[0].longest.is_none());
    assert_eq!(seen.canary, Canary::Seen);
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    assert_eq!(seen.accounts[0].sessions, Sessions::NotReadable);
    assert_eq!(seen.residual, outcome.residual);
    let user = openmrs.user("nina").expect("the user is still there");
    assert_eq!(
        (user.retired, user.reason.as_deref()),
        (true, Some("closed by Drawbridge"))
    );
    assert!(
        !openmrs
            .records()
            .requests
            .iter()
            .any(|request| request.contains("purge"))
    );
}

#[tokio::test]
async fn retiring_twice_is_already_in_state() {
    let openmrs = OpenMrs::start().await;
    openmrs.add("nina");
    let connector = openmrs.connector(PASSWORD);
    let call = close(&person("nina"), Way::Account);
    connector.close(&call).await.expect("closed");

    let again = connector.close(&call).await.expect("closed again");

    assert_eq!(again.change, Change::AlreadyInState);
    assert!(matches!(again.blocked, Effect::AlreadyInState));
}

#[tokio::test]
async fn a_returner_is_let_in_again_with_the_wanted_roles_only() {
    let openmrs = OpenMrs::start().await;
    let uuid = openmrs.add("nina");
    let connector = openmrs.connector(PASSWORD);
    let nina = Subject {
        account_ids: vec![AccountId(uuid)],
        ..person("nina")
    };
    connector
        .close(&close(&nina, Way::Account))
        .await
        .expect("closed");

    let outcome = connector
        .open(&open(&nina, Way::Account, &[ROLES[1]], &ROLES))
        .await
        .expect("opened");

    assert_eq!(outcome.change, Change::Done);
    assert!(matches!(outcome.blocked, Effect::Done));
    let user = openmrs.user("nina").expect("the user is there");
    assert_eq!(
        (user.retired, user.roles),
        (false, vec![ROLES[1].to_owned()])
    );
}

#[tokio::test]
async fn a_joiner_gets_an_account_once() {
    let openmrs = OpenMrs::start().await;
    let connector = openmrs.connector(PASSWORD);
    let call = open(&person("omar"), Way::Account, &[ROLES[0]], &ROLES);

    let made = connector.open(&call).await.expect("made");
    let again = connector.open(&call).await.expect("made before");

    assert_eq!(made.change, Change::Done);
    assert_eq!(again.change, Change::AlreadyInState);
    assert_eq!(made.accounts, again.accounts);
    assert_eq!(openmrs.user("omar").expect("made").roles, [ROLES[0]]);
}

#[tokio::test]
async fn a_new_accounts_password_and_name_are_in_no_receipt() {
    let openmrs = OpenMrs::start().await;
    let connector = openmrs.connector(PASSWORD);

    let made = connector
        .open(&open(&person("omar"), Way::Account, &[], &[]))
        .await
        .expect("made");

    assert!(!format!("{:?}", made.receipts).contains("Aa1-"));
    assert!(!format!("{:?}", made.receipts).contains("Family"));
}

#[tokio::test]
async fn a_new_account_of_another_name_is_no_success() {
    let openmrs = OpenMrs::start().await;
    let other = r#"{"uuid":"7","username":"somebody","retired":false,"roles":[]}"#;
    let proxy = FaultyProxy::start(openmrs.address).answering(Fault::SomebodyElse, move |seen| {
        (seen.method == "POST").then(|| Canned::json(201, other))
    });
    assert!(proxy.misbehave(Fault::SomebodyElse).await);
    let connector = OpenMrs::connector_at(proxy.address(), PASSWORD);

    let error = connector
        .open(&open(&person("omar"), Way::Account, &[], &[]))
        .await
        .expect_err("somebody else");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::Answered)
    );
}

#[tokio::test]
async fn levels_of_a_leaver_are_taken_too() {
    let openmrs = OpenMrs::start().await;
    openmrs.add("nina");
    let connector = openmrs.connector(PASSWORD);
    let mut call = close(&person("nina"), Way::Account);
    call.managed_levels = ROLES.iter().map(|&role| role.to_owned()).collect();

    connector.close(&call).await.expect("closed");

    let user = openmrs.user("nina").expect("the user is there");
    assert_eq!((user.retired, user.roles.len()), (true, 0));
}

#[tokio::test]
async fn people_whose_names_begin_alike_are_told_apart_over_several_pages() {
    let openmrs = OpenMrs::start().await;
    for name in ["ninab", "ninac", "ninad", "nina", "ninae"] {
        openmrs.add(name);
    }
    let connector = openmrs.connector(PASSWORD);

    connector
        .close(&close(&person("nina"), Way::Account))
        .await
        .expect("closed");

    let retired: Vec<String> = openmrs
        .records()
        .users
        .iter()
        .filter(|user| user.retired)
        .map(|user| user.username.clone())
        .collect();
    assert_eq!(retired, ["nina"]);
}

#[tokio::test]
async fn an_account_that_only_bears_the_name_is_shown_and_left_alone() {
    let openmrs = OpenMrs::start().await;
    openmrs.add("nina");
    let connector = openmrs.connector(PASSWORD);
    let nina = Subject {
        account_ids: vec![AccountId("gone-uuid".to_owned())],
        ..person("nina")
    };

    let outcome = connector
        .close(&close(&nina, Way::Account))
        .await
        .expect("nothing of hers is there");
    let opened = connector
        .open(&open(&nina, Way::Account, &[], &[]))
        .await
        .expect_err("not hers to open");
    let seen = connector
        .observe(&ask(&nina, Way::Account, None))
        .await
        .expect("read");

    assert_eq!(outcome.change, Change::NoAccount);
    assert_eq!(
        (opened.class, opened.finality),
        (FailureClass::Refused, Finality::NotSent)
    );
    assert_eq!(seen.accounts.len(), 1, "a namesake is a finding");
    assert!(!openmrs.user("nina").expect("the user is there").retired);
}

#[tokio::test]
async fn a_wrong_password_is_a_credential_failure_though_the_session_page_answers_200() {
    let openmrs = OpenMrs::start().await;
    let connector = openmrs.connector("wrong");

    let checked = connector.check().await.expect_err("refused");
    let closed = connector
        .close(&close(&person("canary"), Way::Account))
        .await
        .expect_err("refused");

    assert_eq!(checked.class, FailureClass::Credential);
    assert_eq!(closed.class, FailureClass::Credential);
    assert_eq!(closed.finality, Finality::NotSent);
    assert!(!openmrs.user("canary").expect("the user is there").retired);
}

#[tokio::test]
async fn every_user_is_listed_retired_ones_too() {
    let openmrs = OpenMrs::start().await;
    for name in ["a", "b", "c", "d"] {
        openmrs.add(name);
    }
    let connector = openmrs.connector(PASSWORD);
    connector
        .close(&close(&person("b"), Way::Account))
        .await
        .expect("closed");
    let mut logins = Vec::new();
    let mut next = None;

    loop {
        let page = connector
            .list_accounts(next.as_ref())
            .await
            .expect("listed");
        logins.extend(page.accounts.into_iter().map(|account| account.login));
        next = page.next;
        if next.is_none() {
            break;
        }
    }

    assert_eq!(logins, ["canary", "a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_hostile_name_asks_for_nothing_but_itself() {
    let openmrs = OpenMrs::start().await;
    let connector = openmrs.connector(PASSWORD);
    let mut hostile = person("../../x");
    hostile.emails = vec!["a/b?c#d&purge=true".to_owned(), "x\r\nX-Evil: 1".to_owned()];
    hostile.account_ids = vec![AccountId("7/../../session?purge=true#".to_owned())];

    let seen = connector
        .observe(&ask(&hostile, Way::Account, None))
        .await
        .expect("read");

    assert!(seen.accounts.is_empty());
    let requests = openmrs.records().requests.clone();
    assert!(
        requests
            .iter()
            .all(|request| request.starts_with("GET /openmrs/ws/rest/v1/user")),
        "{requests:?}"
    );
    assert!(
        requests
            .iter()
            .all(|request| !request.contains("purge=true")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn another_way_than_the_files_is_done_by_hand() {
    let openmrs = OpenMrs::start().await;
    let connector = openmrs.connector(PASSWORD);

    let error = connector
        .close(&close(&person("nina"), Way::Badge))
        .await
        .expect_err("no badges here");

    assert_eq!(error.class, FailureClass::NeedsHuman);
    assert!(openmrs.records().requests.is_empty());
}
