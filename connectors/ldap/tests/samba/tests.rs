//! Closing, opening and reading, asked of the domain itself.

use std::time::Duration;

use drawbridge_sdk::{
    AccountId, AccountState, Canary, Change, Effect, FailureClass, Sessions, Subject,
};
use ldap3::Scope;
use serde_json::json;

use super::{BITS, BITS_DISABLED, CANARY, PASSWORD, Samba, delegate, sid_text};
use crate::support::{self, ask, close, open, person};

#[tokio::test]
async fn a_login_that_worked_is_refused_after_the_close() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    let connector = domain.connector();
    assert!(domain.log_in("nina", PASSWORD).await.is_ok());

    let first = connector.close(&close(&nina, &[])).await.expect("closed");
    let second = connector
        .close(&close(&nina, &[]))
        .await
        .expect("closed again");

    assert!(matches!(first.blocked, Effect::Done), "{first:?}");
    assert!(
        matches!(second.blocked, Effect::AlreadyInState),
        "{second:?}"
    );
    assert_eq!(
        (first.change, second.change),
        (Change::Done, Change::AlreadyInState)
    );
    assert_eq!(domain.log_in("nina", PASSWORD).await.err(), Some(49));
    let dn = domain.dn("nina");
    assert_eq!(
        domain.bits(&dn).await,
        BITS_DISABLED,
        "every other bit stays"
    );
    let seen = connector.observe(&ask(&nina, CANARY)).await.expect("read");
    assert_eq!((seen.accounts.len(), seen.canary), (1, Canary::Seen));
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
}

#[tokio::test]
async fn a_disabled_account_is_found_by_its_object_guid_after_its_dn_moved() {
    let mut domain = Samba::start().await;
    let mut nina = domain.add("nina").await;
    let connector = domain.connector();
    let closed = connector.close(&close(&nina, &[])).await.expect("closed");
    nina.account_ids = closed.accounts;

    let (dn, offboarded) = (domain.dn("nina"), domain.folder("Offboarded"));
    let moved = domain
        .admin
        .modifydn(&dn, "CN=Somebody Else", true, Some(&offboarded))
        .await;
    moved.expect("an answer").success().expect("moved");
    let dn = format!("CN=Somebody Else,{offboarded}");
    support::replace(&mut domain.admin, &dn, "sAMAccountName", b"renamed").await;
    support::replace(
        &mut domain.admin,
        &dn,
        "userPrincipalName",
        b"renamed@practice.test",
    )
    .await;
    support::replace(
        &mut domain.admin,
        &dn,
        "userAccountControl",
        BITS.as_bytes(),
    )
    .await;

    let seen = connector.observe(&ask(&nina, CANARY)).await.expect("read");
    assert_eq!(seen.accounts[0].login, "renamed");
    assert_eq!(seen.accounts[0].state, AccountState::Enabled);
    connector
        .close(&close(&nina, &[]))
        .await
        .expect("closed where it is now");
    assert_eq!(domain.bits(&dn).await, BITS_DISABLED);
}

#[tokio::test]
async fn a_closed_account_is_moved_out_and_a_returning_one_back() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    let (staff, offboarded) = (domain.dn("nina"), domain.folder("Offboarded"));
    let connector = domain.connector_with(json!({ "offboarded_ou": offboarded }));

    connector.close(&close(&nina, &[])).await.expect("closed");
    let moved = format!("CN=nina,{offboarded}");
    assert_eq!(domain.bits(&moved).await, BITS_DISABLED);
    let again = connector
        .close(&close(&nina, &[]))
        .await
        .expect("closed again");
    assert_eq!(again.change, Change::AlreadyInState);

    connector
        .open(&open(&nina, &["nurses"], &["nurses"]))
        .await
        .expect("opened");
    assert_eq!(domain.bits(&staff).await, BITS);
    assert!(domain.log_in("nina", PASSWORD).await.is_ok());
    assert_eq!(domain.groups_of(&staff).await, ["nurses"]);
}

#[tokio::test]
async fn levels_are_set_exactly_among_the_managed_groups() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    let (dn, base) = (domain.dn("nina"), domain.system.var("BASE_DN").to_owned());
    let elsewhere = format!("CN=Remote Desktop Users,CN=Builtin,{base}");
    for group in [domain.group("nurses"), elsewhere] {
        support::join(&mut domain.admin, &group, &dn).await;
    }
    let connector = domain.connector();
    let managed = ["nurses", "frontdesk"];

    let moved = connector
        .open(&open(&nina, &["FrontDesk"], &managed))
        .await
        .expect("opened");
    assert_eq!(moved.change, Change::Done);
    assert_eq!(domain.groups_of(&dn).await, ["frontdesk"]);

    connector
        .close(&close(&nina, &managed))
        .await
        .expect("closed");
    let again = connector
        .close(&close(&nina, &managed))
        .await
        .expect("closed again");
    assert_eq!(again.change, Change::AlreadyInState);
    let left = support::groups_of(&mut domain.admin, &base, &dn).await;
    assert_eq!(
        left,
        ["Remote Desktop Users"],
        "what nobody manages is left alone"
    );

    let unknown = connector
        .open(&open(&nina, &["no such group"], &managed))
        .await
        .expect("tried");
    let failure = unknown.failure().expect("no such group");
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(
        failure.message.contains("no group `no such group`"),
        "{failure}"
    );
    assert_eq!(
        domain.bits(&dn).await,
        BITS_DISABLED,
        "not let in without their level"
    );
}

#[tokio::test]
async fn a_group_may_be_named_by_its_dn() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    let connector = domain.connector_with(json!({ "group_named_by": "dn" }));
    let (dn, nurses) = (domain.dn("nina"), domain.group("nurses"));

    let opened = connector
        .open(&open(&nina, &[&nurses], &[&nurses]))
        .await
        .expect("opened");

    assert!(opened.failure().is_none(), "{opened:?}");
    assert_eq!(domain.groups_of(&dn).await, ["nurses"]);
    let seen = connector.observe(&ask(&nina, CANARY)).await.expect("read");
    assert_eq!(seen.accounts[0].levels, [nurses]);
}

#[tokio::test]
async fn an_open_connection_survives_the_close_and_is_named_as_residual() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    let connector = domain.connector_with(json!({ "kerberos_ticket_hours": 8 }));
    let mut open_connection = domain.log_in("nina", PASSWORD).await.expect("signed in");

    let outcome = connector.close(&close(&nina, &[])).await.expect("closed");

    let base = domain.system.var("BASE_DN").to_owned();
    let still = open_connection
        .search(&base, Scope::Base, "(objectClass=*)", ["dc"])
        .await;
    assert_eq!(
        still.expect("an answer").0.len(),
        1,
        "the domain lets it go on"
    );
    let seen = connector.observe(&ask(&nina, CANARY)).await.expect("read");
    assert_eq!(seen.accounts[0].sessions, Sessions::NotReadable);
    for residual in [outcome.residual, seen.residual] {
        let ends: Vec<_> = residual.iter().map(|residual| residual.longest).collect();
        assert_eq!(ends, [Some(Duration::from_secs(8 * 3600)), None, None]);
        assert!(residual[2].what.contains("LDAP connections"));
    }
}

#[tokio::test]
async fn a_password_is_scrambled_only_after_the_account_was_disabled() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    let connector = domain.connector_with(json!({ "scramble_password": true }));

    let outcome = connector.close(&close(&nina, &[])).await.expect("closed");

    let steps: Vec<_> = outcome
        .receipts
        .iter()
        .map(|receipt| receipt.step.as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "sign in",
            "find",
            "disable",
            "read back",
            "scramble password"
        ]
    );
    let dn = domain.dn("nina");
    assert_eq!(domain.bits(&dn).await, BITS_DISABLED);
    support::replace(
        &mut domain.admin,
        &dn,
        "userAccountControl",
        BITS.as_bytes(),
    )
    .await;
    assert_eq!(
        domain.log_in("nina", PASSWORD).await.err(),
        Some(49),
        "the old password is gone"
    );
}

#[tokio::test]
async fn a_new_account_is_created_enabled_and_found_by_every_name() {
    let mut domain = Samba::start().await;
    let connector = domain.connector();
    let mut nina = person("christopher.montgomery@practice.test");
    nina.emails = vec!["chris@practice.test".to_owned()];
    nina.employee_numbers = vec!["E1001".to_owned()];

    let outcome = connector
        .open(&open(&nina, &["nurses"], &["nurses"]))
        .await
        .expect("created");

    assert!(outcome.failure().is_none(), "{outcome:?}");
    let dn = domain.dn("christopher.montgome");
    assert_eq!(domain.bits(&dn).await, "512");
    assert_eq!(domain.groups_of(&dn).await, ["nurses"]);
    for subject in [
        Subject {
            user_names: nina.user_names.clone(),
            ..Subject::default()
        },
        Subject {
            emails: nina.emails.clone(),
            ..Subject::default()
        },
        Subject {
            employee_numbers: nina.employee_numbers.clone(),
            ..Subject::default()
        },
        Subject {
            account_ids: outcome.accounts.clone(),
            ..Subject::default()
        },
    ] {
        let seen = connector
            .observe(&ask(&subject, CANARY))
            .await
            .expect("read");
        let ids: Vec<&AccountId> = seen.accounts.iter().map(|account| &account.id).collect();
        assert_eq!(ids, [&outcome.accounts[0]]);
        assert_eq!(seen.accounts[0].state, AccountState::Enabled);
    }
    let again = connector
        .open(&open(&nina, &["nurses"], &["nurses"]))
        .await
        .expect("opened again");
    assert_eq!(again.change, Change::AlreadyInState);
    let receipts = format!("{:?}", outcome.receipts);
    assert!(
        !receipts.contains("chris") && !receipts.contains("practice"),
        "{receipts}"
    );
}

#[tokio::test]
async fn a_taken_login_name_is_refused_and_nobody_elses_account_is_opened() {
    let mut domain = Samba::start().await;
    domain.add("nina").await;
    let connector = domain.connector();
    // Another person, whose short name would be the same.
    let other = Subject {
        emails: Vec::new(),
        ..person("nina@elsewhere.test")
    };

    let error = connector
        .open(&open(&other, &[], &[]))
        .await
        .expect_err("taken");

    assert_eq!(error.class, FailureClass::Refused);
    assert!(error.message.contains("taken"), "{error}");
}

#[tokio::test]
async fn a_hostile_name_finds_nobody() {
    let mut domain = Samba::start().await;
    domain.add("nina").await;
    let connector = domain.connector();

    for hostile in [
        "*",
        "nina)(cn=*",
        "*)(sAMAccountName=*",
        "nin*",
        "\\",
        "a\0b",
    ] {
        let subject = Subject {
            user_names: vec![hostile.to_owned()],
            ..Subject::default()
        };
        let seen = connector
            .observe(&ask(&subject, CANARY))
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
    assert!(domain.log_in("nina", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_listing_goes_on_page_by_page() {
    let mut domain = Samba::start().await;
    let mut expected = std::collections::BTreeSet::new();
    for number in 0..120 {
        let name = format!("person{number}");
        domain.add(&name).await;
        expected.insert(name);
    }
    let connector = domain.connector();

    let first = connector.list_accounts(None).await.expect("a page");
    let second = connector
        .list_accounts(first.next.as_ref())
        .await
        .expect("a page");

    assert_eq!((first.accounts.len(), second.next.is_none()), (100, true));
    let listed: std::collections::BTreeSet<_> = first
        .accounts
        .into_iter()
        .chain(second.accounts)
        .map(|account| account.login)
        .collect();
    assert!(expected.is_subset(&listed));
    assert!(listed.contains(CANARY));
}

#[tokio::test]
async fn the_domain_is_reached_only_over_an_encrypted_connection() {
    let domain = Samba::start().await;
    let url = domain.system.var("LDAP_URL");
    let plain = domain.connector_with(json!({ "url": url, "allow_plain_ldap": true }));
    let upgraded = domain.connector_with(json!({ "url": url, "start_tls": true }));

    let error = plain.check().await.expect_err("the domain refuses it");

    assert_eq!(error.class, FailureClass::Refused);
    assert!(error.message.contains("ldaps://"), "{error}");
    let product = upgraded.check().await.expect("reached").product;
    assert!(
        product.starts_with("Active Directory by Samba"),
        "{product}"
    );
}

#[tokio::test]
async fn a_service_account_with_the_few_rights_of_the_page_is_enough() {
    let mut domain = Samba::start().await;
    let nina = domain.add("nina").await;
    domain.add("bridge").await;
    let dn = domain.dn("bridge");
    let bridge = support::read(&mut domain.admin, &dn, &["objectSid"])
        .await
        .expect("there");
    let connector = domain.connector_with(json!({
        "bind_dn": domain.principal("bridge"),
        "scramble_password": true,
    }));
    std::fs::write(domain.system.dir().join("service-password"), PASSWORD).expect("written");

    let without = connector.close(&close(&nina, &[])).await.expect("tried");
    assert_eq!(
        without.failure().expect("no right yet").class,
        FailureClass::Refused
    );
    delegate(&domain, &sid_text(&bridge.bin_attrs["objectSid"][0]));

    assert!(connector.check().await.is_ok());
    let opened = connector
        .open(&open(&nina, &["nurses"], &["nurses"]))
        .await
        .expect("opened");
    assert!(opened.failure().is_none(), "{opened:?}");
    let closed = connector
        .close(&close(&nina, &["nurses"]))
        .await
        .expect("closed");
    assert!(closed.failure().is_none(), "{closed:?}");
    let created = connector
        .open(&open(&person("otto"), &["nurses"], &["nurses"]))
        .await;
    assert!(created.expect("created").failure().is_none());
    let (nina, otto) = (domain.dn("nina"), domain.dn("otto"));
    assert_eq!(domain.bits(&nina).await, BITS_DISABLED);
    assert_eq!(domain.bits(&otto).await, "512");
    assert_eq!(domain.groups_of(&otto).await, ["nurses"]);
}
