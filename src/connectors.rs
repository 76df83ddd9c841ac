//! The one list of connector kinds.

use drawbridge_sdk::Kind;

/// Every kind a settings file can name, in alphabetical order.
pub fn kinds() -> Vec<Kind> {
    vec![
        drawbridge_dovecot::kind(),
        drawbridge_http::kind(),
        drawbridge_ldap::kind(),
        drawbridge_manual::kind(),
        drawbridge_radius::kind(),
        drawbridge_sandbox::kind(),
        drawbridge_scim::kind(),
        drawbridge_tryton::kind(),
    ]
}

/// The kind with this name.
pub fn find(name: &str) -> Option<Kind> {
    kinds().into_iter().find(|kind| kind.name == name)
}
