//! Closing and opening, asked of slapd itself.

use drawbridge_sdk::{AccountState, Canary, Change, Effect, FailureClass, Sessions, Subject};
use ldap3::Mod;
use serde_json::json;

use super::{LOCKED, OpenLdap, PASSWORD};
use crate::support::{self, ask, close, open, person};

#[tokio::test]
async fn a_login_that_worked_is_refused_after_the_close() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let connector = directory.connector();
    assert!(directory.log_in("nina", PASSWORD).await.is_ok());

    let outcome = connector.close(&close(&nina, &[])).await.expect("closed");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(directory.log_in("nina", PASSWORD).await.err(), Some(49));
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts.len(), 1);
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    assert_eq!(seen.accounts[0].sessions, Sessions::None);
    assert_eq!((seen.canary, seen.residual.len()), (Canary::Seen, 0));
}

#[tokio::test]
async fn the_password_is_scrambled_before_the_lock_and_never_after_it() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let connector = directory.connector();
    let before = directory.value("nina", "userPassword").await;

    let first = connector.close(&close(&nina, &[])).await.expect("closed");
    let scrambled = directory.value("nina", "userPassword").await;
    let second = connector
        .close(&close(&nina, &[]))
        .await
        .expect("closed again");

    // Written over the lock, a password would delete it: the repeat must leave both alone.
    assert_ne!(scrambled, before);
    assert_eq!(directory.value("nina", "userPassword").await, scrambled);
    assert_eq!(
        directory
            .value("nina", "pwdAccountLockedTime")
            .await
            .as_deref(),
        Some(LOCKED)
    );
    assert_eq!(
        (first.change, second.change),
        (Change::Done, Change::AlreadyInState)
    );
    assert!(matches!(second.blocked, Effect::AlreadyInState));
    let steps: Vec<_> = first
        .receipts
        .iter()
        .map(|receipt| receipt.step.as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "sign in",
            "find",
            "scramble password",
            "disable",
            "read back",
            "read groups"
        ]
    );
}

#[tokio::test]
async fn an_administrators_later_password_reset_does_not_reopen_the_door() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let connector = directory.connector();
    connector.close(&close(&nina, &[])).await.expect("closed");

    let dn = directory.dn("nina");
    support::replace(&mut directory.admin, &dn, "userPassword", b"Reset-Pass-1!").await;

    // slapd itself has deleted the lock by now.
    assert_eq!(directory.value("nina", "pwdAccountLockedTime").await, None);
    assert_eq!(
        directory.log_in("nina", "Reset-Pass-1!").await.err(),
        Some(49)
    );
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    let again = connector
        .close(&close(&nina, &[]))
        .await
        .expect("closed again");
    assert_eq!(again.change, Change::Done);
    assert_eq!(
        directory
            .value("nina", "pwdAccountLockedTime")
            .await
            .as_deref(),
        Some(LOCKED)
    );
}

#[tokio::test]
async fn a_policy_that_ignores_locks_does_not_let_them_in() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let policy = format!(
        "cn=no-lockout,ou=policies,{}",
        directory.system.var("BASE_DN")
    );
    let attributes: &[(&str, &[&[u8]])] = &[
        ("objectClass", &[b"pwdPolicy", b"person"]),
        ("cn", &[b"no-lockout"]),
        ("sn", &[b"no-lockout"]),
        ("pwdAttribute", &[b"userPassword"]),
        ("pwdLockout", &[b"FALSE"]),
    ];
    support::add(&mut directory.admin, &policy, attributes).await;
    let dn = directory.dn("nina");
    support::replace(
        &mut directory.admin,
        &dn,
        "pwdPolicySubentry",
        policy.as_bytes(),
    )
    .await;
    support::replace(
        &mut directory.admin,
        &dn,
        "pwdAccountLockedTime",
        LOCKED.as_bytes(),
    )
    .await;
    assert!(
        directory.log_in("nina", PASSWORD).await.is_ok(),
        "the lock alone is ignored here"
    );
    let connector = directory.connector_with(json!({ "scramble_password": false }));

    let outcome = connector.close(&close(&nina, &[])).await.expect("closed");

    assert_eq!(outcome.change, Change::Done);
    assert_eq!(directory.log_in("nina", PASSWORD).await.err(), Some(49));
}

#[tokio::test]
async fn a_returning_person_signs_in_again() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let connector = directory.connector_with(json!({ "scramble_password": false }));
    connector.close(&close(&nina, &[])).await.expect("closed");
    assert!(directory.log_in("nina", PASSWORD).await.is_err());

    let outcome = connector
        .open(&open(&nina, &["nurses"], &["nurses"]))
        .await
        .expect("opened");
    let again = connector
        .open(&open(&nina, &["nurses"], &["nurses"]))
        .await
        .expect("opened again");

    assert_eq!(
        (outcome.change, again.change),
        (Change::Done, Change::AlreadyInState)
    );
    assert!(directory.log_in("nina", PASSWORD).await.is_ok());
    assert_eq!(directory.groups_of("nina").await, ["nurses"]);
}

#[tokio::test]
async fn an_account_is_found_by_its_id_after_its_dn_moved() {
    let mut directory = OpenLdap::start().await;
    let mut nina = directory.add("nina").await;
    let connector = directory.connector();
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    nina.account_ids = vec![seen.accounts[0].id.clone()];

    let (dn, elsewhere) = (
        directory.dn("nina"),
        directory.system.var("OFFBOARDED_DN").to_owned(),
    );
    let moved = directory
        .admin
        .modifydn(&dn, "uid=renamed", true, Some(&elsewhere))
        .await;
    moved.expect("an answer").success().expect("moved");
    let dn = format!("uid=renamed,{elsewhere}");
    support::replace(&mut directory.admin, &dn, "mail", b"renamed@practice.test").await;
    let outcome = connector.close(&close(&nina, &[])).await.expect("closed");

    assert_eq!(outcome.change, Change::Done);
    let lock = support::values(&mut directory.admin, &dn, "pwdAccountLockedTime").await;
    assert_eq!(lock, [LOCKED]);
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts[0].id, nina.account_ids[0]);
    assert_eq!(seen.accounts[0].login, "renamed");
}

#[tokio::test]
async fn managed_groups_are_left_and_others_kept() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let dn = directory.dn("nina");
    for group in ["nurses", "frontdesk"] {
        let group = directory.group(group);
        support::join(&mut directory.admin, &group, &dn).await;
    }
    let connector = directory.connector();

    connector
        .close(&close(&nina, &["NURSES"]))
        .await
        .expect("closed");

    assert_eq!(directory.groups_of("nina").await, ["frontdesk"]);
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts[0].levels, ["frontdesk"]);
}

#[tokio::test]
async fn the_last_member_of_a_group_is_named_as_what_is_left_to_do() {
    let mut directory = OpenLdap::start().await;
    let nina = directory.add("nina").await;
    let (dn, group) = (directory.dn("nina"), directory.group("nurses"));
    let seed = directory.system.var("BIND_DN").to_owned();
    support::join(&mut directory.admin, &group, &dn).await;
    let leave = Mod::Delete(b"member".to_vec(), [seed.clone().into_bytes()].into());
    support::change(&mut directory.admin, &group, leave).await;
    let connector = directory.connector();

    let outcome = connector
        .close(&close(&nina, &["nurses"]))
        .await
        .expect("closed");

    let failure = outcome.failure().expect("the group is left to do");
    assert_eq!(failure.class, FailureClass::Refused);
    let told = "sign-in is refused by now, but not all is done: \
                the account is the last member of the group `nurses`";
    assert!(failure.message.starts_with(told), "{failure}");
    assert_eq!(
        directory.log_in("nina", PASSWORD).await.err(),
        Some(49),
        "closed all the same"
    );

    support::join(&mut directory.admin, &group, &seed).await;
    let again = connector
        .close(&close(&nina, &["nurses"]))
        .await
        .expect("closed");
    assert!(again.failure().is_none(), "{again:?}");
    assert_eq!(directory.groups_of("nina").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_created_account_has_its_levels_and_no_password() {
    let mut directory = OpenLdap::start().await;
    let connector = directory.connector();
    let mut nina = person("nina");
    nina.user_names = vec!["O'Neil, Nina+1 \\ \"x\"".to_owned()];
    nina.employee_numbers = vec!["E1001".to_owned()];

    let outcome = connector
        .open(&open(&nina, &["nurses"], &["nurses", "frontdesk"]))
        .await;
    let outcome = outcome.expect("created");

    assert_eq!((outcome.change, outcome.accounts.len()), (Change::Done, 1));
    let seen = connector
        .observe(&ask(&nina, "canary"))
        .await
        .expect("read");
    assert_eq!(seen.accounts[0].id, outcome.accounts[0]);
    assert_eq!(seen.accounts[0].login, nina.user_names[0]);
    assert_eq!(seen.accounts[0].state, AccountState::Enabled);
    assert_eq!(seen.accounts[0].levels, ["nurses"]);
    let mut by_number = Subject {
        employee_numbers: vec!["E1001".to_owned()],
        ..Subject::default()
    };
    assert_eq!(
        connector
            .observe(&ask(&by_number, "canary"))
            .await
            .expect("read")
            .accounts
            .len(),
        1
    );
    by_number.employee_numbers = vec!["E1002".to_owned()];
    assert_eq!(
        connector
            .observe(&ask(&by_number, "canary"))
            .await
            .expect("read")
            .accounts
            .len(),
        0
    );
    let everything = ldap3::ldap_escape(nina.user_names[0].as_str()).into_owned();
    let base = directory.system.var("PEOPLE_DN").to_owned();
    let filter = format!("(uid={everything})");
    let found = directory
        .admin
        .search(&base, ldap3::Scope::Subtree, &filter, ["userPassword"])
        .await;
    let entry = ldap3::SearchEntry::construct(found.expect("an answer").0.remove(0));
    assert!(
        entry.attrs.is_empty() && entry.bin_attrs.is_empty(),
        "no password at all"
    );
}
