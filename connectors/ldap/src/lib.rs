//! Directories over LDAP: Active Directory, and OpenLDAP with its password policy overlay.
//!
//! In reading order:
//!
//! - `settings`: what a practice writes
//! - `flavor`: where the two products differ: attribute names, and what "disabled" is
//! - `dn`, `filter`, `entry`, `password`: pure rules about names, searches, records and passwords
//! - `result_code`: what an LDAP result code means for the call
//! - `client`, `session`: one connection for one call
//! - `search`, `groups`, `connections`: whom we find, their groups, their open connections
//! - `close`, `open`: what is changed, and in which order
//! - `connector`: the trait

mod client;
mod close;
mod connections;
mod connector;
mod dn;
mod entry;
mod filter;
mod flavor;
mod groups;
mod open;
mod password;
mod result_code;
mod search;
mod session;
mod settings;

pub use connector::LdapDirectory;
use drawbridge_sdk::Kind;
pub use settings::Settings;

/// The kind, for the server's list.
pub fn kind() -> Kind {
    Kind::new(
        "ldap",
        "Active Directory and OpenLDAP, over LDAP",
        settings::build,
    )
}
