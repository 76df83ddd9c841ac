//! What an LDAP result code means for the call.

use drawbridge_sdk::FailureClass;

/// The server did it.
pub(crate) const SUCCESS: u32 = 0;
/// The value to delete is not there: somebody was faster.
pub(crate) const NO_SUCH_ATTRIBUTE: u32 = 16;
/// The directory does not know the attribute.
pub(crate) const UNKNOWN_ATTRIBUTE: u32 = 17;
/// The value to add is there: somebody was faster.
pub(crate) const VALUE_EXISTS: u32 = 20;
/// The entry is not there, or we may not see it.
pub(crate) const NO_SUCH_OBJECT: u32 = 32;
/// Active Directory's word for much, among it a member that was deleted before.
pub(crate) const UNWILLING: u32 = 53;
/// An entry without an attribute it must have, for example a group without any member.
pub(crate) const OBJECT_CLASS_VIOLATION: u32 = 65;
/// The entry, or in Active Directory a group's member, is there.
pub(crate) const ALREADY_EXISTS: u32 = 68;

/// The class of a code that is not a success, and the sentence for people.
///
/// # Source
/// RFC 4511 appendix A.
pub(crate) fn meaning(code: u32) -> (FailureClass, String) {
    use FailureClass::{Contract, Credential, Gone, Refused, Retryable};
    let (class, text) = match code {
        1 | 3 | 11 | 80 => (
            Retryable,
            "the directory failed inside: it is tried again; look into its log",
        ),
        51 | 52 => (
            Retryable,
            "the directory is busy or shutting down: it is tried again",
        ),
        49 => (
            Credential,
            "the directory refused the service account: store its current password, and check that \
             it is neither locked nor expired",
        ),
        7 | 8 | 13 | 48 => (
            Refused,
            "the directory does not take a password over this connection: use `ldaps://`, or \
             `start_tls = true`",
        ),
        10 => (
            Contract,
            "the directory refers to another server, which is not followed: point `url` at the \
             server that holds `base_dn`",
        ),
        4 => (
            Contract,
            "the directory found more than it may show: raise its size limit for the service account",
        ),
        50 => (
            Refused,
            "the service account lacks a right for this: give it the rights on this connector's page",
        ),
        19 => (
            Refused,
            "the directory's rules forbid this value: check its password policy and its rules for \
             attributes",
        ),
        NO_SUCH_OBJECT => (
            Gone,
            "the directory does not find the entry any more: it is read again",
        ),
        OBJECT_CLASS_VIOLATION => (
            Refused,
            "an entry would lose or lack an attribute it must have: check its object class",
        ),
        ALREADY_EXISTS => (
            Refused,
            "the name is taken by another entry: rename one of them, or give that account to this person",
        ),
        16..=18 | 20 | 21 | 33..=36 | UNWILLING | 64 | 66 | 67 | 69 | 71 => (
            Refused,
            "the directory refused the change: check the names and attributes in the settings \
             against it",
        ),
        _ => (
            Contract,
            "the directory's answer makes no sense: check that `url` is an LDAP server",
        ),
    };
    (class, format!("{text} (ldap {code})"))
}

/// What may be kept of a server's own words: Windows error numbers. The rest quotes names.
pub(crate) fn safe_detail(text: &str) -> String {
    let is_number = |word: &&str| word.len() == 8 && word.chars().all(|c| c.is_ascii_hexdigit());
    let mut kept: Vec<_> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(is_number)
        .collect();
    let data = text
        .split("data ")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    kept.extend(data.filter(|code| code.len() < 6 && code.chars().all(|c| c.is_ascii_hexdigit())));
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        for (code, class) in [
            (49, FailureClass::Credential),
            (50, FailureClass::Refused),
            (53, FailureClass::Refused),
            (68, FailureClass::Refused),
            (51, FailureClass::Retryable),
            (80, FailureClass::Retryable),
            (32, FailureClass::Gone),
            (10, FailureClass::Contract),
            (4, FailureClass::Contract),
            (4096, FailureClass::Contract),
        ] {
            assert_eq!(meaning(code).0, class, "{code}");
        }
    }

    #[test]
    fn of_a_servers_words_only_error_numbers_are_kept() {
        let taken = "00002071: samldb: samAccountName 'nnurse' already in use!";
        let refused = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1";

        assert_eq!(safe_detail(taken), "00002071");
        assert_eq!(safe_detail(refused), "80090308 0C0903A9 533");
        assert_eq!(safe_detail("No such Base DN: CN=Gone,CN=Users"), "");
    }
}
