//! Reading, listing, and reaching slapd at all.

use drawbridge_sdk::{Canary, Change, FailureClass, Sessions, Subject};
use serde_json::{Value, json};

use super::{OpenLdap, PASSWORD};
use crate::support::{ask, close, open};

#[tokio::test]
async fn an_account_of_another_id_is_reported_and_not_touched() {
    let mut directory = OpenLdap::start().await;
    let mut nina = directory.add("nina").await;
    let connector = directory.connector();
    nina.account_ids = vec![drawbridge_sdk::AccountId(
        "11111111-1111-4111-8111-111111111111".to_owned(),
    )];

    let closed = connector.close(&close(&nina, &[])).await.expect("closed");
    let opened = connector
        .open(&open(&nina, &[], &[]))
        .await
        .expect_err("not theirs");

    assert_eq!(closed.change, Change::NoAccount);
    assert_eq!(opened.class, FailureClass::Refused);
    assert!(directory.log_in("nina", PASSWORD).await.is_ok());
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts.len(), 1, "nothing stays hidden");
}

#[tokio::test]
async fn an_open_connection_survives_the_close_and_is_counted_until_it_ends() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let offboarded = directory.system.var("OFFBOARDED_DN").to_owned();
    let connector = directory
        .connector_with(json!({ "monitor_dn": "cn=Monitor", "offboarded_ou": offboarded }));
    let mut open_connection = directory.log_in("nina", PASSWORD).await.expect("signed in");

    connector.close(&close(&nina, &[])).await.expect("closed");

    let base = directory.system.var("BASE_DN").to_owned();
    let still = open_connection
        .search(&base, ldap3::Scope::Subtree, "(uid=canary)", ["uid"])
        .await;
    assert_eq!(still.expect("an answer").0.len(), 1, "slapd lets it go on");
    // Also moved, the account is still known by the connection's old name.
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts[0].sessions, Sessions::Open(1));

    open_connection.unbind().await.expect("ended");
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts[0].sessions, Sessions::None);
}

#[tokio::test]
async fn without_the_monitor_an_open_connection_is_named_and_has_no_end() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let blind = directory.connector_with(json!({}));
    // Under a monitor that is not there, nothing is known either.
    let mistaken = directory.connector_with(json!({ "monitor_dn": "cn=Elsewhere" }));

    let outcome = blind.close(&close(&nina, &[])).await.expect("closed");

    assert_eq!(outcome.residual.len(), 1);
    assert_eq!(outcome.residual[0].longest, None);
    assert!(!blind.capabilities().read_sessions);
    for connector in [blind, mistaken.clone()] {
        let seen = connector
            .observe(&ask(&nina, "canary"))
            .await
            .expect("read");
        assert_eq!(seen.accounts[0].sessions, Sessions::NotReadable);
        assert_eq!(seen.residual.len(), 1);
    }
    assert_eq!(
        mistaken.check().await.expect_err("found at once").class,
        FailureClass::Refused
    );
}

#[tokio::test]
async fn a_hostile_name_finds_nobody() {
    let mut directory = OpenLdap::start().await;
    directory.add("nina").await;
    let connector = directory.connector();

    for hostile in [
        "*",
        "nina)(uid=*",
        "*)(uid=*))(|(uid=*",
        "nin*",
        "\\",
        "a\0b",
    ] {
        let subject = Subject {
            user_names: vec![hostile.to_owned()],
            ..Subject::default()
        };
        let seen = connector
            .observe(&ask(&subject, "canary"))
            .await
            .expect("read");
        assert_eq!(
            (seen.accounts.len(), seen.canary),
            (0, Canary::Seen),
            "{hostile}"
        );
        let closed = connector
            .close(&close(&subject, &[]))
            .await
            .expect("nobody");
        assert_eq!(closed.change, Change::NoAccount, "{hostile}");
    }
    assert!(directory.log_in("nina", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_listing_goes_on_page_by_page_and_says_when_it_is_over() {
    let mut directory = OpenLdap::start().await;
    for number in 0..230 {
        directory.add(&format!("person{number}")).await;
    }
    let connector = directory.connector();

    let mut logins = std::collections::BTreeSet::new();
    let mut pages = 0;
    let mut next = None;
    loop {
        let page = connector
            .list_accounts(next.as_ref())
            .await
            .expect("a page");
        pages += 1;
        logins.extend(page.accounts.into_iter().map(|account| account.login));
        match page.next {
            Some(cursor) => next = Some(cursor),
            None => break,
        }
    }

    assert_eq!((logins.len(), pages), (231, 3), "230 people and the canary");
    let over = connector
        .list_accounts(next.as_ref())
        .await
        .expect_err("that page was read");
    assert_eq!(over.class, FailureClass::Retryable);
}

#[tokio::test]
async fn a_wrong_folder_is_an_error_and_never_absence() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let connector = directory.connector_with(json!({
        "base_dn": "dc=elsewhere,dc=test",
        "people_ou": Value::Null,
        "group_base": Value::Null,
    }));

    let read = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect_err("no such folder");
    let closed = connector
        .close(&close(&nina, &[]))
        .await
        .expect_err("no such folder");

    assert_eq!(
        (read.class, closed.class),
        (FailureClass::Refused, FailureClass::Refused)
    );
}

#[tokio::test]
async fn only_a_trusted_certificate_gets_the_password() {
    let directory = OpenLdap::start().await;
    let start_tls = json!({ "url": directory.system.var("LDAP_URL"), "start_tls": true });
    let other_authorities = json!({ "ca_file": Value::Null });

    let upgraded = directory.connector_with(start_tls).check().await;
    let distrusted = directory.connector_with(other_authorities).check().await;

    assert_eq!(upgraded.expect("reached").product, "OpenLDAP");
    let error = distrusted.expect_err("not signed by those");
    assert!(error.message.contains("unknown authority"), "{error}");
}

#[tokio::test]
async fn a_refused_service_account_is_a_credential_failure() {
    let directory = OpenLdap::start().await;
    let connector = directory.connector();
    std::fs::write(directory.system.dir().join("service-password"), "wrong").expect("written");

    let error = connector.check().await.expect_err("refused");

    assert_eq!(error.class, FailureClass::Credential);
    assert!(!format!("{error:?}").contains("wrong"));
    // A password that was put right is read at the next call.
    let password = directory.system.var("BIND_PASSWORD");
    std::fs::write(directory.system.dir().join("service-password"), password).expect("written");
    assert!(connector.check().await.is_ok());
}

#[tokio::test]
async fn a_directory_that_is_down_is_tried_again() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let connector = directory.connector();
    directory.system.stop();

    let error = connector.close(&close(&nina, &[])).await.expect_err("down");

    assert_eq!(error.class, FailureClass::Retryable);
    assert_eq!(error.finality, drawbridge_sdk::Finality::NotSent);
}
