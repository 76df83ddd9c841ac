//! The role matrix: which role reaches what, at which level.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SystemFacts;
use crate::{
    ids::{RoleName, SystemName},
    people::{Attributes, user},
    query::fold,
};

/// The word in a matrix that closes a door even when another role would open it.
const DENY: &str = "deny";

/// The word that says a system was thought of and is not needed.
const NOT_NEEDED: &str = "not needed";

/// A role matrix, in file order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

/// One row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What the practice calls it.
    pub name: RoleName,
    /// Values of group, roles, title or userType that mean this role, whatever the case.
    pub matches: Vec<String>,
    /// System name, else category, to level, `deny` or `not needed`.
    #[serde(default)]
    pub access: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    role: Vec<Role>,
}

/// A roles file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolesError {
    /// It is not the TOML it should be; the text names line and key.
    #[error("{0}")]
    Shape(String),
    /// A role would fit nobody.
    #[error("role `{0}` has no `matches`: name the groups, titles or roles that mean it")]
    NoMatches(RoleName),
    /// Two rows have one name.
    #[error("there are two roles named `{0}`: join them, or rename one")]
    Twice(RoleName),
    /// A row names what the practice does not have.
    #[error(
        "role `{role}` names `{target}`, which is neither a system of the practice nor a category{suggestion}"
    )]
    UnknownTarget {
        /// The role.
        role: RoleName,
        /// What it names.
        target: String,
        /// `: did you mean ...`, or what to do.
        suggestion: String,
    },
}

/// What a person's roles are matched by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(BTreeSet<String>);

impl Facts {
    /// The facts in a User's attributes and the names of their groups.
    pub fn of(attributes: &Attributes, groups: &[String]) -> Self {
        let mut facts: BTreeSet<String> = groups.iter().map(|group| fold(group)).collect();
        facts.extend(
            ["title", "userType"]
                .into_iter()
                .filter_map(|name| user::text(attributes, name))
                .map(fold),
        );
        facts.extend(user::values(attributes, "roles").into_iter().map(fold));
        let displays = attributes
            .get("roles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        facts.extend(
            displays
                .filter_map(|role| role.get("display").and_then(Value::as_str))
                .map(fold),
        );
        Self(facts)
    }
}

impl Roles {
    /// Reads a roles file.
    ///
    /// # Errors
    /// When it is not TOML of the right shape, or a row cannot be meant as it stands.
    pub fn parse(text: &str) -> Result<Self, RolesError> {
        let file: File =
            toml::from_str(text).map_err(|error| RolesError::Shape(error.to_string()))?;
        let mut names = BTreeSet::new();
        for role in &file.role {
            if role.matches.iter().all(|value| value.trim().is_empty()) {
                return Err(RolesError::NoMatches(role.name.clone()));
            }
            if !names.insert(role.name.clone()) {
                return Err(RolesError::Twice(role.name.clone()));
            }
        }
        Ok(Self(file.role))
    }

    /// Makes sure every row names systems or categories that exist.
    ///
    /// # Errors
    /// With every name that does not.
    pub fn check_targets(&self, systems: &[&str]) -> Result<(), Vec<RolesError>> {
        let categories: Vec<&str> = super::Category::ALL.iter().map(|(_, name)| *name).collect();
        let known = |target: &str| systems.contains(&target) || categories.contains(&target);
        let problems: Vec<RolesError> = self
            .0
            .iter()
            .flat_map(|role| role.access.keys().map(move |target| (role, target)))
            .filter(|(_, target)| !known(target))
            .map(|(role, target)| RolesError::UnknownTarget {
                role: role.name.clone(),
                target: target.clone(),
                suggestion: format!(": the practice has {}", systems.join(", ")),
            })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// The roles that fit, in file order. None of them means: needs a role, never guessed.
    pub fn of(&self, facts: &Facts) -> Vec<&Role> {
        self.0
            .iter()
            .filter(|role| {
                role.matches
                    .iter()
                    .any(|value| facts.0.contains(&fold(value)))
            })
            .collect()
    }

    /// Every word of a system that some role can give there.
    pub fn managed_levels(
        &self,
        system: &SystemFacts,
        translation: &BTreeMap<String, Vec<String>>,
    ) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for level in self
            .0
            .iter()
            .filter_map(|role| role.level(system))
            .filter(|level| is_level(level))
        {
            for word in translate(level, Some(translation)) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        words
    }

    /// The rows, in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.0.iter()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Role {
    /// What the row says about a system: its own name comes before its category.
    fn level(&self, system: &SystemFacts) -> Option<&str> {
        self.access
            .get(system.name.as_str())
            .or_else(|| self.access.get(system.category.as_str()))
            .map(String::as_str)
    }
}

fn is_level(word: &str) -> bool {
    word != DENY && word != NOT_NEEDED
}

/// What somebody may reach in one system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// These levels, in the matrix's words.
    Open(Vec<String>),
    /// Nothing, whatever another role says.
    Deny,
}

/// What these roles reach together: levels are united, deny wins. A system that no role names is not
/// in the answer, and is never opened.
pub fn access(roles: &[&Role], systems: &[SystemFacts]) -> BTreeMap<SystemName, Access> {
    let mut reach = BTreeMap::new();
    for system in systems.iter().filter(|system| !system.retired) {
        let words: Vec<&str> = roles.iter().filter_map(|role| role.level(system)).collect();
        if words.contains(&DENY) {
            reach.insert(system.name.clone(), Access::Deny);
            continue;
        }
        let mut levels: Vec<String> = Vec::new();
        for word in words.into_iter().filter(|word| is_level(word)) {
            if !levels.iter().any(|level| level == word) {
                levels.push(word.to_owned());
            }
        }
        if !levels.is_empty() {
            reach.insert(system.name.clone(), Access::Open(levels));
        }
    }
    reach
}

/// A level in a system's own words. One without a translation goes as it is.
pub fn translate(level: &str, table: Option<&BTreeMap<String, Vec<String>>>) -> Vec<String> {
    table
        .and_then(|table| table.get(level))
        .cloned()
        .unwrap_or_else(|| vec![level.to_owned()])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drawbridge_sdk::Way;
    use serde_json::json;

    use super::*;
    use crate::policy::Category;

    const MATRIX: &str = r#"
        [[role]]
        name = "Front desk"
        matches = ["Front desk", "Receptionist"]
        [role.access]
        pms = "front-desk"
        email = "mailbox"
        ehr = "deny"

        [[role]]
        name = "Nurse"
        matches = ["Nurse"]
        [role.access]
        ehr = "nurse"
        pms = "schedule"
        vpn = "not needed"
    "#;

    fn system(name: &str, category: Category) -> SystemFacts {
        SystemFacts {
            name: name.into(),
            category,
            ways: vec![Way::Account],
            holds_ephi: true,
            close_within: Duration::from_secs(3_600),
            forward_to: None,
            retired: false,
        }
    }

    fn facts(value: Value, groups: &[&str]) -> Facts {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        Facts::of(value.as_object().unwrap(), &groups)
    }

    #[test]
    fn a_role_is_found_by_group_roles_title_or_user_type_whatever_the_case() {
        let roles = Roles::parse(MATRIX).unwrap();

        for person in [
            facts(json!({"title": "NURSE"}), &[]),
            facts(json!({"userType": "nurse"}), &[]),
            facts(json!({"roles": [{"value": "Nurse"}]}), &[]),
            facts(json!({"roles": [{"display": "Nurse"}]}), &[]),
            facts(json!({}), &["Nurse"]),
        ] {
            assert_eq!(roles.of(&person)[0].name.as_str(), "Nurse");
        }
        assert!(
            roles
                .of(&facts(json!({"title": "Gardener"}), &[]))
                .is_empty()
        );
    }

    #[test]
    fn deny_wins_over_another_roles_level_and_levels_are_united() {
        let roles = Roles::parse(MATRIX).unwrap();
        let systems = [
            system("gnuhealth", Category::Ehr),
            system("pms", Category::Pms),
            system("vpn", Category::Vpn),
        ];

        let both = roles.of(&facts(json!({"title": "Nurse"}), &["Receptionist"]));
        let reach = access(&both, &systems);

        assert_eq!(reach[&"gnuhealth".into()], Access::Deny);
        assert_eq!(
            reach[&"pms".into()],
            Access::Open(vec!["front-desk".into(), "schedule".into()])
        );
        assert!(
            !reach.contains_key(&"vpn".into()),
            "not needed opens nothing"
        );
    }

    #[test]
    fn a_row_that_names_an_unknown_system_is_refused_by_name() {
        let problems = Roles::parse(MATRIX).unwrap().check_targets(&["pms"]);
        assert!(problems.is_ok(), "categories are known: {problems:?}");

        let wrong = Roles::parse(
            "[[role]]\nname = \"X\"\nmatches = [\"X\"]\n[role.access]\nehrr = \"nurse\"",
        )
        .unwrap();
        let problems = wrong.check_targets(&["pms"]).unwrap_err();
        assert!(
            problems[0].to_string().contains("`ehrr`"),
            "{}",
            problems[0]
        );
    }
}
