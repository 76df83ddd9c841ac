//! A real directory seen through a connection of the tests' own, never through the connector.

use std::{collections::HashSet, sync::Arc, time::Duration};

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{Ask, BuildContext, CloseCall, Connector, OpenCall, Subject, Way};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};
use serde_json::Value;

/// Longer than any honest answer of a machine that is busy with other tests, and short enough to
/// wait for a silent one.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Connects and binds. The error is the result code of the bind.
pub async fn bind(url: &str, dn: &str, password: &str) -> Result<Ldap, u32> {
    let settings = LdapConnSettings::new().set_no_tls_verify(true);
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, url)
        .await
        .expect("the directory runs");
    tokio::spawn(async move { drop(connection.drive().await) });
    match ldap.simple_bind(dn, password).await.expect("an answer").rc {
        0 => Ok(ldap),
        code => Err(code),
    }
}

/// Adds an entry.
pub async fn add(ldap: &mut Ldap, dn: &str, attributes: &[(&str, &[&[u8]])]) {
    let attributes = attributes
        .iter()
        .map(|(name, values)| {
            let values: HashSet<Vec<u8>> = values.iter().map(|value| value.to_vec()).collect();
            (name.as_bytes().to_vec(), values)
        })
        .collect();
    ldap.add(dn, attributes)
        .await
        .expect("an answer")
        .success()
        .expect("added");
}

/// Replaces an attribute.
pub async fn replace(ldap: &mut Ldap, dn: &str, attribute: &str, value: &[u8]) {
    change(
        ldap,
        dn,
        Mod::Replace(attribute.as_bytes().to_vec(), [value.to_vec()].into()),
    )
    .await;
}

/// Puts a member into a group.
pub async fn join(ldap: &mut Ldap, group: &str, member: &str) {
    change(
        ldap,
        group,
        Mod::Add(b"member".to_vec(), [member.as_bytes().to_vec()].into()),
    )
    .await;
}

/// Makes one change.
pub async fn change(ldap: &mut Ldap, dn: &str, change: Mod<Vec<u8>>) {
    ldap.modify(dn, vec![change])
        .await
        .expect("an answer")
        .success()
        .expect("changed");
}

/// Reads one entry with these attributes.
pub async fn read(ldap: &mut Ldap, dn: &str, attributes: &[&str]) -> Option<SearchEntry> {
    let found = ldap
        .search(dn, Scope::Base, "(objectClass=*)", attributes)
        .await
        .expect("an answer");
    found.0.into_iter().map(SearchEntry::construct).next()
}

/// The values of one attribute.
pub async fn values(ldap: &mut Ldap, dn: &str, attribute: &str) -> Vec<String> {
    let entry = read(ldap, dn, &[attribute]).await;
    entry
        .and_then(|mut entry| entry.attrs.remove(attribute))
        .unwrap_or_default()
}

/// The common names of the groups under `base` that list this member.
pub async fn groups_of(ldap: &mut Ldap, base: &str, member: &str) -> Vec<String> {
    let filter = format!("(member={})", ldap3::ldap_escape(member));
    let found = ldap
        .search(base, Scope::Subtree, &filter, ["cn"])
        .await
        .expect("an answer")
        .0;
    let mut names: Vec<_> = found
        .into_iter()
        .filter(|entry| !entry.is_ref())
        .filter_map(|entry| SearchEntry::construct(entry).attrs.remove("cn")?.pop())
        .collect();
    names.sort();
    names
}

/// The connector with the settings that fit the system, and these changes.
pub fn connector(system: &RealSystem, mut settings: Value, changes: Value) -> Arc<dyn Connector> {
    let password = system.dir().join("service-password");
    std::fs::write(&password, system.var("BIND_PASSWORD")).expect("written");
    settings["bind_password"] = serde_json::json!({ "file": password });
    for (key, value) in changes.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    let context = BuildContext {
        call_timeout: CALL_TIMEOUT,
        ..BuildContext::named("directory")
    };
    drawbridge_ldap::kind()
        .build(settings, &context)
        .expect("usable settings")
}

/// A person of this name as the server knows them before any account was seen.
pub fn person(name: &str) -> Subject {
    Subject {
        person: "p-1".to_owned(),
        user_names: vec![name.to_owned()],
        emails: vec![format!("{name}@practice.test")],
        display_name: Some(format!("{name} of the Practice")),
        given_name: Some(name.to_owned()),
        family_name: Some("Practice".to_owned()),
        ..Subject::default()
    }
}

/// A reading of this person, with a canary beside it.
pub fn ask(subject: &Subject, canary: &str) -> Ask {
    Ask {
        subject: subject.clone(),
        way: Way::Account,
        canary: Some(canary.to_owned()),
    }
}

/// A close that takes these levels away.
pub fn close(subject: &Subject, managed_levels: &[&str]) -> CloseCall {
    CloseCall {
        subject: subject.clone(),
        way: Way::Account,
        managed_levels: managed_levels
            .iter()
            .map(|level| (*level).to_owned())
            .collect(),
        idempotency_key: "k-1".to_owned(),
    }
}

/// An open with these levels, of these managed ones.
pub fn open(subject: &Subject, levels: &[&str], managed_levels: &[&str]) -> OpenCall {
    let owned = |levels: &[&str]| levels.iter().map(|level| (*level).to_owned()).collect();
    OpenCall {
        subject: subject.clone(),
        way: Way::Account,
        levels: owned(levels),
        managed_levels: owned(managed_levels),
        forward_to: None,
        until: None,
        idempotency_key: "k-1".to_owned(),
    }
}

/// A file with a password that no service account has, as a change of settings.
pub fn wrong_password(system: &RealSystem) -> Value {
    let file = system.dir().join("wrong-password");
    std::fs::write(&file, WRONG_PASSWORD).expect("written");
    serde_json::json!({ "file": file })
}

/// A password that no service account has.
pub const WRONG_PASSWORD: &str = "Wr0ng-Password-7";
