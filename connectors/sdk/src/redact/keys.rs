//! Names whose values are never kept.

/// Parts of names, without `_`, `-` and the like.
pub const PARTS: [&str; 30] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "authorization",
    "apikey",
    "accesskey",
    "credential",
    "cookie",
    "session",
    "private",
    "assertion",
    "signature",
    "ssn",
    "socialsecurity",
    "dob",
    "birth",
    "mrn",
    "medicalrecord",
    "patient",
    "address",
    "street",
    "phone",
    "mobile",
    "fax",
    "email",
    "mail",
];

/// Names that are too short to be looked for within others.
const WHOLE: [&str; 5] = ["pin", "otp", "jwt", "tel", "pass"];

/// Says whether the value under this name must go, however the name is written.
pub fn is_secret(name: &str) -> bool {
    let name = plain(name);
    WHOLE.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

/// Says whether a small number under this name is how many sessions there are.
pub fn counts_sessions(name: &str) -> bool {
    plain(name).contains("session")
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
