//! What a practice writes to connect its directory.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use drawbridge_sdk::{BuildContext, SecretRef, SettingsError};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::{
    client::Server, connector::LdapDirectory, dn, filter::Attributes, flavor::Flavor,
    search::Directory,
};

/// How long a Kerberos service ticket is good in a domain whose policy nobody changed.
///
/// # Source
/// Group Policy "Maximum lifetime for service ticket": 600 minutes by default. Measured on Samba: a
/// ticket got before the account was disabled opened new SMB connections after it.
const KERBEROS_TICKET_HOURS: u32 = 10;

/// Settings of the `ldap` connector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The server: `ldaps://dc1.practice.lan`, or `ldap://` with `start_tls = true`.
    url: String,
    /// Turns a plain connection into an encrypted one before anything else is sent.
    #[serde(default)]
    start_tls: bool,
    /// Admits an unencrypted connection to a directory on this very machine.
    #[serde(default)]
    allow_plain_ldap: bool,
    /// The authority that signed the directory's certificate, as PEM. The operating system's
    /// authorities are trusted where it is left out.
    ca_file: Option<PathBuf>,
    /// Which directory it is.
    flavor: Flavor,
    /// The service account. Active Directory also takes `name@domain`.
    bind_dn: String,
    /// The service account's password.
    bind_password: SecretRef,
    /// Where the practice's entries are: people are searched everywhere under it.
    base_dn: String,
    /// Where people are created. Nobody is created where it is left out.
    people_ou: Option<String>,
    /// Where groups are searched; `base_dn` where it is left out.
    group_base: Option<String>,
    /// What a level of the practice names a group by.
    #[serde(default)]
    group_named_by: GroupName,
    /// The attribute of a group that lists its members: `member`, `uniqueMember` or `memberUid`.
    member_attribute: Option<String>,
    /// The attribute with the login name: `sAMAccountName`, or `uid` for OpenLDAP.
    login_attribute: Option<String>,
    /// The attribute with the mail address: `mail`.
    mail_attribute: Option<String>,
    /// The attribute with the employee number: `employeeID`, or `employeeNumber` for OpenLDAP.
    employee_number_attribute: Option<String>,
    /// The part after `@` of login names Active Directory gets from us; the domain of `base_dn`
    /// where it is left out.
    upn_suffix: Option<String>,
    /// Where closed accounts are moved, if anywhere.
    offboarded_ou: Option<String>,
    /// Whether closing also sets a random password: true for OpenLDAP, false for Active Directory.
    scramble_password: Option<bool>,
    /// Active Directory: how long a service ticket stays good, by the domain's Kerberos policy.
    kerberos_ticket_hours: Option<u32>,
    /// OpenLDAP: the monitor database, `cn=Monitor`, where the service account may read it. Open
    /// connections are counted there.
    monitor_dn: Option<String>,
}

/// What a level names a group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupName {
    /// Its common name.
    #[default]
    Cn,
    /// Its distinguished name, where two groups share a common name.
    Dn,
}

/// Builds the connector.
pub(crate) fn build(
    settings: Settings,
    context: &BuildContext,
) -> Result<LdapDirectory, SettingsError> {
    let server = server(&settings, context)?;
    let directory = directory(settings)?;
    Ok(LdapDirectory {
        server,
        directory,
        listing: Mutex::default(),
    })
}

fn server(settings: &Settings, context: &BuildContext) -> Result<Server, SettingsError> {
    let unusable = |problem: &str| value("url", problem);
    let url = Url::parse(&settings.url)
        .map_err(|_| unusable("write it as `ldaps://host.of.the.directory`"))?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| unusable("it names no host: write `ldaps://host`"))?;
    let encrypted = match (url.scheme(), settings.start_tls) {
        ("ldaps", false) | ("ldap", true) => true,
        ("ldap", false) => false,
        ("ldaps", true) => {
            return Err(value(
                "start_tls",
                "`ldaps://` is encrypted from the start: remove one of both",
            ));
        }
        _ => return Err(unusable("only `ldaps://` and `ldap://` are known")),
    };
    let may_be_plain = settings.allow_plain_ldap && is_this_machine(host);
    if !encrypted && !may_be_plain {
        return Err(unusable(
            "passwords would travel unencrypted: use `ldaps://` or `start_tls = true`; \
             `allow_plain_ldap = true` is for a directory on 127.0.0.1 or localhost only",
        ));
    }
    if encrypted && ServerName::try_from(host).is_err() {
        return Err(unusable(
            "no certificate can be checked against this host: write its DNS name",
        ));
    }
    Ok(Server {
        tls: encrypted
            .then(|| tls(settings.ca_file.as_ref(), context))
            .transpose()?,
        start_tls: settings.start_tls,
        bind_dn: needed("bind_dn", &settings.bind_dn)?,
        bind_password: settings.bind_password.bind(&context.base_dir)?,
        call_timeout: context.call_timeout,
        certificate_ends: std::sync::Mutex::default(),
        url,
    })
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn tls(
    ca_file: Option<&PathBuf>,
    context: &BuildContext,
) -> Result<Arc<ClientConfig>, SettingsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let unusable = |problem: String| value("ca_file", &problem);
            let certificates = CertificateDer::pem_file_iter(context.base_dir.join(file))
                .map_err(|error| unusable(format!("cannot be read ({error}): name a PEM file")))?;
            for certificate in certificates {
                let added = certificate
                    .ok()
                    .and_then(|certificate| roots.add(certificate).ok());
                added
                    .ok_or_else(|| unusable("holds something that is no certificate".to_owned()))?;
            }
            if roots.is_empty() {
                return Err(unusable(
                    "holds no certificate: name a PEM file with one".to_owned(),
                ));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            value(
                "url",
                &format!("TLS cannot be used here ({error}): report it"),
            )
        })?;
    Ok(Arc::new(
        config.with_root_certificates(roots).with_no_client_auth(),
    ))
}

fn directory(settings: Settings) -> Result<Directory, SettingsError> {
    let flavor = settings.flavor;
    let is_active_directory = flavor == Flavor::ActiveDirectory;
    if is_active_directory && settings.monitor_dn.is_some() {
        return Err(value(
            "monitor_dn",
            "Active Directory has no monitor database: remove it",
        ));
    }
    if !is_active_directory && settings.kerberos_ticket_hours.is_some() {
        return Err(value(
            "kerberos_ticket_hours",
            "only Active Directory gives out tickets: remove it",
        ));
    }
    if !is_active_directory && settings.upn_suffix.is_some() {
        return Err(value(
            "upn_suffix",
            "only Active Directory has such names: remove it",
        ));
    }
    let base_dn = needed("base_dn", &settings.base_dn)?;
    let below_base = |key: &'static str, folder: Option<String>| match folder {
        Some(folder) if !dn::is_under(&folder, &base_dn) => Err(value(
            key,
            "must lie under `base_dn`, or the accounts in it would not be found",
        )),
        folder => Ok(folder),
    };
    let kerberos_hours = settings
        .kerberos_ticket_hours
        .unwrap_or(KERBEROS_TICKET_HOURS);
    Ok(Directory {
        flavor,
        attributes: Attributes {
            login: attribute(
                "login_attribute",
                settings.login_attribute,
                flavor.login_attribute(),
            )?,
            mail: attribute("mail_attribute", settings.mail_attribute, "mail")?,
            employee_number: attribute(
                "employee_number_attribute",
                settings.employee_number_attribute,
                flavor.employee_number_attribute(),
            )?,
        },
        member_attribute: attribute("member_attribute", settings.member_attribute, "member")?,
        group_named_by: settings.group_named_by,
        people_ou: below_base("people_ou", settings.people_ou)?,
        offboarded_ou: below_base("offboarded_ou", settings.offboarded_ou)?,
        group_base: settings.group_base.unwrap_or_else(|| base_dn.clone()),
        upn_suffix: settings.upn_suffix.or_else(|| dn::dns_name(&base_dn)),
        scramble_password: settings.scramble_password.unwrap_or(!is_active_directory),
        kerberos_ticket_lifetime: Duration::from_secs(u64::from(kerberos_hours) * 3600),
        monitor_dn: settings.monitor_dn,
        base_dn,
    })
}

/// An attribute's name. It becomes a part of filters, so it holds nothing but letters.
fn attribute(
    key: &'static str,
    given: Option<String>,
    default: &str,
) -> Result<String, SettingsError> {
    let name = given.unwrap_or_else(|| default.to_owned());
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if is_name {
        Ok(name)
    } else {
        Err(value(key, "is no attribute name: letters, digits and `-`"))
    }
}

fn needed(key: &'static str, text: &str) -> Result<String, SettingsError> {
    if text.trim().is_empty() {
        Err(value(key, "is empty: write it"))
    } else {
        Ok(text.to_owned())
    }
}

fn value(key: &'static str, problem: &str) -> SettingsError {
    SettingsError::Value {
        key,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Settings that work, with these keys changed.
    fn built(changes: Value) -> Result<LdapDirectory, SettingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("password"), "pw\n").expect("written");
        let mut settings = json!({
            "url": "ldaps://dc1.practice.lan",
            "flavor": "active_directory",
            "bind_dn": "drawbridge@practice.lan",
            "bind_password": { "file": "password" },
            "base_dn": "DC=practice,DC=lan",
        });
        for (key, value) in changes.as_object().expect("an object") {
            settings[key] = value.clone();
        }
        let context = BuildContext {
            base_dir: folder.path().to_owned(),
            ..BuildContext::named("directory")
        };
        build(
            serde_json::from_value(settings).expect("the right shape"),
            &context,
        )
    }

    fn problem(changes: Value) -> String {
        built(changes).map(drop).expect_err("refused").to_string()
    }

    #[test]
    fn few_settings_are_enough() {
        let directory = built(json!({})).expect("usable").directory;

        assert_eq!(directory.attributes.login, "sAMAccountName");
        assert_eq!(directory.upn_suffix.as_deref(), Some("practice.lan"));
        assert_eq!(
            directory.kerberos_ticket_lifetime,
            Duration::from_secs(36_000)
        );
        assert!(!directory.scramble_password);
    }

    #[test]
    fn openldap_scrambles_passwords_unless_told_otherwise() {
        let openldap = json!({ "flavor": "openldap" });
        let left_alone = json!({ "flavor": "openldap", "scramble_password": false });

        assert!(built(openldap).expect("usable").directory.scramble_password);
        assert!(
            !built(left_alone)
                .expect("usable")
                .directory
                .scramble_password
        );
    }

    #[test]
    fn a_password_never_travels_unencrypted_to_another_machine() {
        for url in [
            "ldap://dc1.practice.lan",
            "ldap://10.0.0.1",
            "ldap://localhost.evil.test",
        ] {
            assert!(
                problem(json!({ "url": url })).contains("unencrypted"),
                "{url}"
            );
            let allowed = json!({ "url": url, "allow_plain_ldap": true });
            assert!(problem(allowed).contains("unencrypted"), "{url}");
        }
        assert!(built(json!({ "url": "ldap://dc1.practice.lan", "start_tls": true })).is_ok());
        assert!(built(json!({ "url": "ldap://127.0.0.1:389", "allow_plain_ldap": true })).is_ok());
        assert!(problem(json!({ "url": "ldap://127.0.0.1:389" })).contains("allow_plain_ldap"));
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in [
            "https://dc1.practice.lan",
            "ldapi://%2frun%2fldapi",
            "dc1.practice.lan",
            "ldaps://",
        ] {
            assert!(problem(json!({ "url": url })).contains("url"), "{url}");
        }
    }

    #[test]
    fn a_closed_account_is_never_moved_out_of_sight() {
        let elsewhere = json!({ "offboarded_ou": "OU=Gone,DC=elsewhere,DC=lan" });

        assert!(problem(elsewhere).contains("offboarded_ou"));
    }

    #[test]
    fn an_attribute_name_cannot_smuggle_a_filter() {
        assert!(problem(json!({ "login_attribute": "uid=*)(cn" })).contains("login_attribute"));
    }

    #[test]
    fn what_the_other_flavor_knows_is_refused() {
        assert!(problem(json!({ "monitor_dn": "cn=Monitor" })).contains("monitor_dn"));
        let tickets = json!({ "flavor": "openldap", "kerberos_ticket_hours": 8 });
        assert!(problem(tickets).contains("kerberos_ticket_hours"));
    }

    #[test]
    fn an_authority_that_is_none_is_found_at_start() {
        assert!(problem(json!({ "ca_file": "password" })).contains("ca_file"));
        assert!(problem(json!({ "ca_file": "missing.pem" })).contains("ca_file"));
    }
}
