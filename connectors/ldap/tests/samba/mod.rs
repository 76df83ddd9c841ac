//! The real Samba domain controller.

mod suite;
mod tests;

use std::sync::Arc;

use drawbridge_conformance::RealSystem;
use drawbridge_sdk::{Connector, Subject};
use ldap3::Ldap;
use serde_json::{Value, json};

use crate::support::{self, person};

const PASSWORD: &str = "Start-Pass-123!";
/// An account the domain is born with.
const CANARY: &str = "Administrator";
/// An ordinary account whose password never expires.
const BITS: &str = "66048";
/// The same, disabled.
const BITS_DISABLED: &str = "66050";

/// A running domain with two groups, and its administrator's own connection.
struct Samba {
    system: RealSystem,
    admin: Ldap,
}

impl Samba {
    async fn start() -> Self {
        let system = RealSystem::start("samba");
        let admin = support::bind(
            system.var("LDAPS_URL"),
            system.var("BIND_DN"),
            system.var("BIND_PASSWORD"),
        );
        let mut admin = admin.await.expect("the administrator signs in");
        let base = system.var("BASE_DN");
        for folder in ["Staff", "Offboarded", "Groups"] {
            let dn = format!("OU={folder},{base}");
            support::add(
                &mut admin,
                &dn,
                &[("objectClass", &[b"organizationalUnit"])],
            )
            .await;
        }
        for group in ["nurses", "frontdesk"] {
            let dn = format!("CN={group},OU=Groups,{base}");
            let attributes: &[(&str, &[&[u8]])] = &[
                ("objectClass", &[b"group"]),
                ("sAMAccountName", &[group.as_bytes()]),
            ];
            support::add(&mut admin, &dn, attributes).await;
        }
        Self { system, admin }
    }

    fn folder(&self, name: &str) -> String {
        format!("OU={name},{}", self.system.var("BASE_DN"))
    }

    fn connector_with(&self, changes: Value) -> Arc<dyn Connector> {
        let settings = json!({
            "url": self.system.var("LDAPS_URL"),
            "ca_file": self.system.var("CA_FILE"),
            "flavor": "active_directory",
            "bind_dn": self.system.var("BIND_DN"),
            "base_dn": self.system.var("BASE_DN"),
            "people_ou": self.folder("Staff"),
            "group_base": self.folder("Groups"),
        });
        support::connector(&self.system, settings, changes)
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector_with(json!({}))
    }

    fn dn(&self, name: &str) -> String {
        format!("CN={name},{}", self.folder("Staff"))
    }

    fn group(&self, name: &str) -> String {
        format!("CN={name},{}", self.folder("Groups"))
    }

    fn principal(&self, name: &str) -> String {
        format!("{name}@{}", self.system.var("UPN_SUFFIX"))
    }

    async fn add(&mut self, name: &str) -> Subject {
        let (dn, principal) = (self.dn(name), self.principal(name));
        let attributes: &[(&str, &[&[u8]])] = &[
            ("objectClass", &[b"user"]),
            ("sAMAccountName", &[name.as_bytes()]),
            ("userPrincipalName", &[principal.as_bytes()]),
            ("unicodePwd", &[&utf_16(PASSWORD)]),
            ("userAccountControl", &[BITS.as_bytes()]),
        ];
        support::add(&mut self.admin, &dn, attributes).await;
        person(name)
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<Ldap, u32> {
        support::bind(
            self.system.var("LDAPS_URL"),
            &self.principal(name),
            password,
        )
        .await
    }

    async fn bits(&mut self, dn: &str) -> String {
        support::values(&mut self.admin, dn, "userAccountControl")
            .await
            .remove(0)
    }

    async fn groups_of(&mut self, dn: &str) -> Vec<String> {
        let base = self.folder("Groups");
        support::groups_of(&mut self.admin, &base, dn).await
    }
}

fn utf_16(password: &str) -> Vec<u8> {
    format!("\"{password}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect()
}

/// The rights on this connector's page, and nothing else: the classes user and group, the attributes
/// userAccountControl and member, and the right to reset passwords.
///
/// # Source
/// The GUIDs are the schema's own (MS-ADSC, MS-ADA, MS-ADTS 5.1.3.2.1).
fn delegate(domain: &Samba, sid: &str) {
    const USER: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";
    const GROUP: &str = "bf967a9c-0de6-11d0-a285-00aa003049e2";
    const BITS: &str = "bf967a68-0de6-11d0-a285-00aa003049e2";
    const MEMBER: &str = "bf9679c0-0de6-11d0-a285-00aa003049e2";
    const RESET_PASSWORD: &str = "00299570-246d-11d0-a768-00aa006e0529";
    let people = format!(
        "(OA;CIIO;RPWP;{BITS};{USER};{sid})(OA;CIIO;CR;{RESET_PASSWORD};{USER};{sid})\
         (OA;CI;CC;{USER};;{sid})"
    );
    let groups = format!("(OA;CIIO;RPWP;{MEMBER};{GROUP};{sid})");
    for (folder, rights) in [("Staff", people), ("Groups", groups)] {
        let given = std::process::Command::new("samba-tool")
            .args(["dsacl", "set", "-H", domain.system.var("LDAP_URL")])
            .args([
                "-U",
                &format!("{CANARY}%{}", domain.system.var("BIND_PASSWORD")),
            ])
            .args([
                "--option=tls verify peer=no_check",
                "--objectdn",
                &domain.folder(folder),
            ])
            .arg(format!("--sddl={rights}"))
            .arg(format!(
                "--configfile={}",
                domain.system.dir().join("smb.conf").display()
            ))
            .output()
            .expect("samba-tool is installed with Samba");
        assert!(
            given.status.success(),
            "{}",
            String::from_utf8_lossy(&given.stderr)
        );
    }
}

/// A security identifier as text.
fn sid_text(sid: &[u8]) -> String {
    let parts = sid[8..].chunks_exact(4);
    let parts = parts.map(|part| u32::from_le_bytes(part.try_into().expect("four")).to_string());
    format!("S-1-{}-{}", sid[7], parts.collect::<Vec<_>>().join("-"))
}
