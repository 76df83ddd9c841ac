//! The role matrix: which role reaches what, at which level, and which roles fit a person.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{SystemFacts, translate};
use crate::{
    ids::RoleName,
    people::{Attributes, user},
    query::fold,
};

/// A role matrix, in file order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

/// One row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// What the practice calls it.
    pub name: RoleName,
    /// Values of group, roles, title or userType that mean this role, whatever the case.
    pub matches: Vec<String>,
    /// What it reaches, by system name, else by category. What is not named is never opened.
    pub access: BTreeMap<String, Grant>,
    /// Levels it must never have, by system name, else by category, even where another role of the
    /// same person would give them.
    pub never: BTreeMap<String, Vec<String>>,
}

/// What a row says about a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Opened at this level, in the matrix's words.
    Level(String),
    /// Closed, whatever another role says.
    Deny,
    /// Thought of, and not needed: the same as not named, said on purpose.
    NotNeeded,
}

impl Roles {
    /// A matrix of these rows.
    pub const fn new(rows: Vec<Role>) -> Self {
        Self(rows)
    }

    /// The roles that fit, in file order. None of them means: needs a role, never guessed.
    pub fn of(&self, facts: &Facts) -> Vec<&Role> {
        self.0.iter().filter(|role| role.fits(facts)).collect()
    }

    /// Every word of a system that the practice manages there: those the matrix names, and those it
    /// has a translation for. An account keeps no other of them than its levels say.
    pub fn managed_levels(
        &self,
        system: &SystemFacts,
        translation: &BTreeMap<String, Vec<String>>,
    ) -> Vec<String> {
        let named = self.0.iter().flat_map(|role| role.levels_named(system));
        let words = named
            .flat_map(|level| translate(level, Some(translation)))
            .chain(translation.values().flatten().cloned());
        let mut managed: Vec<String> = Vec::new();
        for word in words {
            if !managed.contains(&word) {
                managed.push(word);
            }
        }
        managed
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
    /// What the row says about a system.
    pub fn grant(&self, system: &SystemFacts) -> Option<&Grant> {
        entry(&self.access, system)
    }

    /// Levels of a system that the row forbids.
    pub fn forbidden(&self, system: &SystemFacts) -> &[String] {
        entry(&self.never, system).map_or(&[], Vec::as_slice)
    }

    fn fits(&self, facts: &Facts) -> bool {
        self.matches
            .iter()
            .any(|value| facts.0.contains(&fold(value)))
    }

    fn levels_named(&self, system: &SystemFacts) -> impl Iterator<Item = &str> {
        let granted = match self.grant(system) {
            Some(Grant::Level(level)) => Some(level.as_str()),
            _ => None,
        };
        let forbidden = self.forbidden(system).iter().map(String::as_str);
        granted.into_iter().chain(forbidden)
    }
}

/// The entry for a system: its own name comes before its category.
fn entry<'a, T>(table: &'a BTreeMap<String, T>, system: &SystemFacts) -> Option<&'a T> {
    table
        .get(system.name.as_str())
        .or_else(|| table.get(system.category.as_str()))
}

/// What a person's roles are matched by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(BTreeSet<String>);

impl Facts {
    /// The facts in a User's attributes and the names of their groups.
    pub fn of(attributes: &Attributes, groups: &[String]) -> Self {
        let single = ["title", "userType"]
            .into_iter()
            .filter_map(|name| user::text(attributes, name));
        let displays = attributes
            .get("roles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|role| role.get("display").and_then(Value::as_str));
        let facts = groups
            .iter()
            .map(String::as_str)
            .chain(single)
            .chain(user::values(attributes, "roles"))
            .chain(displays);
        Self(facts.map(str::trim).map(fold).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{Category, access::testing::system};

    fn role(name: &str, matches: &[&str]) -> Role {
        Role {
            name: name.into(),
            matches: matches.iter().map(|text| (*text).to_owned()).collect(),
            access: BTreeMap::new(),
            never: BTreeMap::new(),
        }
    }

    fn facts(attributes: Value, groups: &[&str]) -> Facts {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        Facts::of(attributes.as_object().expect("an object"), &groups)
    }

    #[test]
    fn a_role_is_found_by_group_roles_title_or_user_type_whatever_the_case() {
        let roles = Roles::new(vec![
            role("Desk", &["Desk"]),
            role("Nurse", &["Nurse", "MA"]),
        ]);

        for person in [
            facts(json!({"title": "NURSE "}), &[]),
            facts(json!({"userType": "nurse"}), &[]),
            facts(json!({"roles": [{"value": "Nurse"}]}), &[]),
            facts(json!({"roles": ["ma"]}), &[]),
            facts(
                json!({"roles": [{"value": "r-17", "display": "Nurse"}]}),
                &[],
            ),
            facts(json!({}), &["Everybody", "nurse"]),
        ] {
            let fitting = roles.of(&person);
            assert_eq!(fitting.len(), 1, "{person:?}");
            assert_eq!(fitting[0].name.as_str(), "Nurse");
        }
    }

    #[test]
    fn a_role_is_never_guessed() {
        let roles = Roles::new(vec![role("Nurse", &["Nurse"])]);

        for title in ["Nurses", "Head nurse", "", "Gardener"] {
            let person = facts(json!({"title": title, "userType": null}), &[]);
            assert!(roles.of(&person).is_empty(), "{title}");
        }
    }

    #[test]
    fn roles_come_in_file_order_whatever_matched_first() {
        let roles = Roles::new(vec![role("Nurse", &["Nurse"]), role("Desk", &["Desk"])]);

        let fitting = roles.of(&facts(json!({"title": "Nurse"}), &["Desk"]));

        let names: Vec<&str> = fitting.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["Nurse", "Desk"]);
    }

    #[test]
    fn every_word_the_matrix_or_the_translation_knows_is_managed() {
        let mut nurse = role("Nurse", &["Nurse"]);
        nurse
            .access
            .insert("ehr".to_owned(), Grant::Level("nurse".to_owned()));
        nurse
            .never
            .insert("ehr".to_owned(), vec!["prescriber".to_owned()]);
        let mut desk = role("Desk", &["Desk"]);
        desk.access.insert("ehr".to_owned(), Grant::Deny);
        let words = BTreeMap::from([
            (
                "nurse".to_owned(),
                vec!["Health Nurse".to_owned(), "Charting".to_owned()],
            ),
            (
                "former".to_owned(),
                vec!["Charting".to_owned(), "Old".to_owned()],
            ),
        ]);

        let managed =
            Roles::new(vec![nurse, desk]).managed_levels(&system("ehr", Category::Ehr), &words);

        assert_eq!(managed, ["Health Nurse", "Charting", "prescriber", "Old"]);
    }
}
