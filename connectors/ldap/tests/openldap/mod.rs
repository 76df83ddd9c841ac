//! The real slapd.

mod closing;
mod reading;
mod suite;

use std::sync::Arc;

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{Connector, Subject};
use ldap3::Ldap;
use serde_json::{Value, json};

use crate::support::{self, person};

const PASSWORD: &str = "Start-Pass-123!";
const LOCKED: &str = "000001010000Z";

/// A running slapd with a canary, and its administrator's own connection.
struct OpenLdap {
    system: RealSystem,
    admin: Ldap,
}

impl OpenLdap {
    async fn start() -> Self {
        let system = RealSystem::start("openldap");
        let admin = support::bind(
            system.var("LDAPS_URL"),
            system.var("BIND_DN"),
            system.var("BIND_PASSWORD"),
        );
        let admin = admin.await.expect("the administrator signs in");
        let mut directory = Self { system, admin };
        directory.add("canary").await;
        directory
    }

    fn connector_with(&self, changes: Value) -> Arc<dyn Connector> {
        let settings = json!({
            "url": self.system.var("LDAPS_URL"),
            "ca_file": self.system.var("CA_FILE"),
            "flavor": "openldap",
            "bind_dn": self.system.var("BIND_DN"),
            "base_dn": self.system.var("BASE_DN"),
            "people_ou": self.system.var("PEOPLE_DN"),
            "group_base": self.system.var("GROUPS_DN"),
        });
        support::connector(&self.system, settings, changes)
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector_with(json!({ "monitor_dn": "cn=Monitor" }))
    }

    fn dn(&self, name: &str) -> String {
        format!("uid={name},{}", self.system.var("PEOPLE_DN"))
    }

    fn group(&self, name: &str) -> String {
        format!("cn={name},{}", self.system.var("GROUPS_DN"))
    }

    async fn add(&mut self, name: &str) -> Subject {
        let mail = format!("{name}@practice.test");
        let attributes: &[(&str, &[&[u8]])] = &[
            ("objectClass", &[b"inetOrgPerson"]),
            ("uid", &[name.as_bytes()]),
            ("cn", &[name.as_bytes()]),
            ("sn", &[b"Practice"]),
            ("mail", &[mail.as_bytes()]),
            ("userPassword", &[PASSWORD.as_bytes()]),
        ];
        let dn = self.dn(name);
        support::add(&mut self.admin, &dn, attributes).await;
        person(name)
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<Ldap, u32> {
        support::bind(self.system.var("LDAPS_URL"), &self.dn(name), password).await
    }

    async fn value(&mut self, name: &str, attribute: &str) -> Option<String> {
        let dn = self.dn(name);
        support::values(&mut self.admin, &dn, attribute).await.pop()
    }

    async fn groups_of(&mut self, name: &str) -> Vec<String> {
        let (base, dn) = (self.system.var("GROUPS_DN").to_owned(), self.dn(name));
        support::groups_of(&mut self.admin, &base, &dn).await
    }
}
