//! The walls of the house: which room may lean on which.

use std::{fs, path::Path};

/// A room under `src/`, and what its files must never name.
const WALLS: &[(&str, &[&str])] = &[
    ("people", PURE),
    ("query", PURE),
    ("policy", PURE),
    ("door", PURE),
    ("evidence", PURE),
    ("passkey", PURE),
    (
        "scim",
        &[
            "crate::policy",
            "crate::rounds",
            "crate::console",
            "sqlx",
            "drawbridge_scim",
            "drawbridge_ldap",
        ],
    ),
    (
        "intake",
        &[
            "crate::scim",
            "crate::sources",
            "crate::rounds",
            "crate::console",
            "axum",
            "sqlx",
        ],
    ),
    (
        "sources",
        &[
            "crate::policy",
            "crate::rounds",
            "crate::console",
            "crate::scim",
            "sqlx",
        ],
    ),
    (
        "events",
        &["crate::scim", "crate::intake", "crate::policy", "sqlx"],
    ),
    (
        "oidc",
        &[
            "axum",
            "sqlx",
            "reqwest",
            "crate::scim",
            "crate::intake",
            "crate::rounds",
            "crate::console",
            "crate::store",
            "crate::policy",
        ],
    ),
    (
        "alerts",
        &[
            "crate::scim",
            "crate::console",
            "crate::intake",
            "axum",
            "sqlx",
        ],
    ),
    (
        "store",
        &[
            "axum",
            "reqwest",
            "crate::scim",
            "crate::rounds",
            "crate::intake",
            "drawbridge_ldap",
            "drawbridge_scim",
        ],
    ),
    (
        "rounds",
        &[
            "crate::scim",
            "crate::intake",
            "crate::console",
            "axum",
            "sqlx",
        ],
    ),
    (
        "cases",
        &[
            "crate::scim",
            "crate::console",
            "crate::intake",
            "axum",
            "sqlx",
        ],
    ),
    // Of the rounds it knows the lookout alone.
    (
        "console",
        &[
            "scim",
            "sqlx",
            "reqwest",
            "rounds::dispatch",
            "rounds::systems",
            "rounds::Rounds",
            "rounds::System",
            "rounds::Systems",
            "connectors",
            "cli",
            "app",
            "drawbridge_ldap",
            "drawbridge_scim",
        ],
    ),
];

const PURE: &[&str] = &[
    "axum",
    "sqlx",
    "reqwest",
    "tokio",
    "crate::store",
    "crate::intake",
    "crate::rounds",
    "crate::scim",
];

#[test]
fn no_room_leans_on_what_it_must_not_know() {
    let mut breaches = Vec::new();
    for (room, forbidden) in WALLS {
        for (file, text) in
            rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room))
        {
            for (number, line) in text.lines().enumerate() {
                for name in *forbidden {
                    if leans_on(line, name) {
                        breaches.push(format!(
                            "{file}:{}: `{room}` must not know `{name}`: {}",
                            number + 1,
                            line.trim()
                        ));
                    }
                }
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn connectors_know_the_sdk_and_never_the_server_or_each_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors");
    for entry in fs::read_dir(folder).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let dependencies = text.split("[dev-dependencies]").next().unwrap();
        for line in dependencies
            .lines()
            .filter(|line| line.starts_with("drawbridge"))
        {
            let name = line.split(['.', ' ', '=']).next().unwrap();
            assert_eq!(
                name,
                "drawbridge-sdk",
                "{} leans on {name}",
                manifest.display()
            );
        }
    }
}

/// Whether a line of code, not of comment, names it as a path.
fn leans_on(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let starts = !before
            .is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '"');
        let ends = after.starts_with("::")
            || after.starts_with(';')
            || after.starts_with(' ')
            || after.starts_with(',')
            || after.starts_with('}')
            || after.starts_with('{');
        starts && ends
    })
}

fn rust_files(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    files
}
