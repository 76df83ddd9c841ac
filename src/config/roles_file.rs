//! The roles file as it is written, to the role matrix.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    ConfigError, Problem,
    section::{File, Section},
    suggest::suggest,
    value::Value,
};
use crate::{
    policy::{Category, Grant, Role, Roles},
    query::fold,
};

impl Roles {
    /// Reads the text of a roles file, whatever systems there are.
    ///
    /// # Errors
    /// With every mistake in it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        match read(Path::new("roles"), text, None) {
            (roles, problems) if problems.is_empty() => Ok(roles),
            (_, problems) => Err(ConfigError { problems }),
        }
    }
}

/// Reads the text of a roles file. With `systems`, every name in it must be one of them or a category.
pub(super) fn read(path: &Path, text: &str, systems: Option<&[&str]>) -> (Roles, Vec<Problem>) {
    let file = File::parse(path, text);
    if !file.is_sound() {
        return (Roles::default(), file.into_problems());
    }
    let mut names = BTreeSet::new();
    let rows = file
        .root(None)
        .read(|root| root.each("role", |section| role(section, &mut names, systems)));
    (Roles::new(rows), file.into_problems())
}

fn role(section: &Section<'_>, taken: &mut BTreeSet<String>, systems: Option<&[&str]>) -> Role {
    let name = section.need_at::<String>("name");
    if !taken.insert(fold(name.get_ref())) {
        let text = format!(
            "there are two roles named `{}`: join them, or rename one",
            name.get_ref()
        );
        section.note(&name.span(), text);
    }
    let name = name.into_inner();
    Role {
        matches: matches(section, &name),
        access: table::<Grant>(section, "access", &name, systems),
        never: table::<Vec<String>>(section, "never", &name, systems),
        name: name.into(),
    }
}

fn matches(section: &Section<'_>, role: &str) -> Vec<String> {
    let Some(matches) = section.need_if_right::<Vec<String>>("matches") else {
        return Vec::new();
    };
    if matches.get_ref().is_empty() {
        let text = format!(
            "role `{role}` would fit nobody: name the groups, titles or roles that mean it in `matches`"
        );
        section.note(&matches.span(), text);
    }
    matches.into_inner()
}

/// A table of a role whose keys name systems or categories.
fn table<T: Value>(
    section: &Section<'_>,
    key: &'static str,
    role: &str,
    systems: Option<&[&str]>,
) -> BTreeMap<String, T> {
    let entries = section.entries(key);
    if let Some(systems) = systems {
        let categories = Category::ALL.map(Category::as_str);
        let known: Vec<&str> = systems.iter().copied().chain(categories).collect();
        for (target, _) in &entries {
            let name = target.get_ref().as_str();
            if !known.contains(&name) {
                let text = format!(
                    "role `{role}` names `{name}`, which is neither a system of the practice nor a category{}",
                    suggest(name, &known)
                );
                section.note(&target.span(), text);
            }
        }
    }
    entries
        .into_iter()
        .map(|(target, value)| (target.into_inner(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NURSE: &str = "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n";

    fn problems(text: &str) -> Vec<String> {
        let (_, problems) = read(Path::new("roles.toml"), text, Some(&["gnuhealth"]));
        problems.iter().map(ToString::to_string).collect()
    }

    fn first(text: &str) -> Role {
        let roles = Roles::parse(text).unwrap();
        roles.iter().next().unwrap().clone()
    }

    #[test]
    fn a_row_says_level_deny_or_not_needed_whatever_the_case() {
        let role = first(&format!(
            "{NURSE}[role.access]\nehr = \"nurse\"\npms = \"Deny\"\nvpn = \"not_needed\"\nhr = \"Not needed\"\n"
        ));

        assert_eq!(role.access["ehr"], Grant::Level("nurse".to_owned()));
        assert_eq!(role.access["pms"], Grant::Deny);
        assert_eq!(role.access["vpn"], Grant::NotNeeded);
        assert_eq!(role.access["hr"], Grant::NotNeeded);
    }

    #[test]
    fn a_refusal_in_other_words_is_never_taken_for_a_level() {
        for word in ["denied", "none", "no", ""] {
            let found = problems(&format!("{NURSE}[role.access]\nehr = \"{word}\"\n"));
            assert!(
                found[0].starts_with("roles.toml:5: ") && found[0].contains("\"deny\""),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_row_names_systems_or_categories_that_exist() {
        let found = problems(&format!(
            "{NURSE}[role.access]\ngnuhealth = \"nurse\"\nehr = \"nurse\"\nehrr = \"nurse\"\n[role.never]\ngnuhelth = [\"physician\"]\n"
        ));

        assert_eq!(
            found,
            [
                "roles.toml:7: role `Nurse` names `ehrr`, which is neither a system of the practice nor a category: did you mean `ehr`?",
                "roles.toml:9: role `Nurse` names `gnuhelth`, which is neither a system of the practice nor a category: did you mean `gnuhealth`?",
            ]
        );
    }

    #[test]
    fn a_role_that_could_fit_nobody_is_refused() {
        assert!(
            problems("[[role]]\nname = \"Nurse\"\n")[0]
                .starts_with("roles.toml:1: `matches` is missing")
        );
        assert!(
            problems("[[role]]\nname = \"Nurse\"\nmatches = []\n")[0]
                .starts_with("roles.toml:3: role `Nurse` would fit nobody")
        );
        assert!(
            problems("[[role]]\nname = \"Nurse\"\nmatches = [\"\"]\n")[0]
                .starts_with("roles.toml:3: `matches` must be")
        );
    }

    #[test]
    fn two_roles_never_share_a_name_and_an_unknown_key_is_named() {
        let found = problems(&format!(
            "{NURSE}{}acess = 1\n",
            NURSE.replace("\"Nurse\"\nm", "\"NURSE\"\nm")
        ));

        assert_eq!(
            found,
            [
                "roles.toml:5: there are two roles named `NURSE`: join them, or rename one",
                "roles.toml:7: there is no key `acess` in [[role]]: did you mean `access`?",
            ]
        );
    }

    #[test]
    fn a_stored_matrix_is_read_without_knowing_the_systems() {
        let text = format!("{NURSE}[role.access]\nformer-ehr = \"nurse\"\n");

        assert_eq!(first(&text).access.len(), 1);
        assert!(
            Roles::parse("[[role]]\nname = 1\nmatches = [\"Nurse\"]\n")
                .unwrap_err()
                .to_string()
                .starts_with("roles:2: ")
        );
    }
}
