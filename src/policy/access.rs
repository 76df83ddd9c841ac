//! What a person's roles reach together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Grant, Role, SystemFacts};
use crate::ids::SystemName;

/// What somebody may reach in one system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// These levels, in the matrix's words; never empty.
    Open(Vec<String>),
    /// Nothing, whatever another role says.
    Deny,
}

/// What these roles reach together: levels are united, deny wins, and a level that one role must
/// never have is taken out. A system that no role names is not in the answer, and is never opened.
pub fn access(roles: &[&Role], systems: &[SystemFacts]) -> BTreeMap<SystemName, Access> {
    systems
        .iter()
        .filter(|system| !system.retired)
        .filter_map(|system| Some((system.name.clone(), reach(roles, system)?)))
        .collect()
}

fn reach(roles: &[&Role], system: &SystemFacts) -> Option<Access> {
    let mut levels: Vec<String> = Vec::new();
    for grant in roles.iter().filter_map(|role| role.grant(system)) {
        match grant {
            Grant::Deny => return Some(Access::Deny),
            Grant::Level(level) if !levels.contains(level) => levels.push(level.clone()),
            Grant::Level(_) | Grant::NotNeeded => {}
        }
    }
    levels.retain(|level| {
        !roles
            .iter()
            .any(|role| role.forbidden(system).contains(level))
    });
    (!levels.is_empty()).then_some(Access::Open(levels))
}

/// A level in a system's own words. One without a translation goes as it is.
pub fn translate(level: &str, table: Option<&BTreeMap<String, Vec<String>>>) -> Vec<String> {
    table
        .and_then(|table| table.get(level))
        .cloned()
        .unwrap_or_else(|| vec![level.to_owned()])
}

#[cfg(test)]
pub(super) mod testing {
    use std::time::Duration;

    use drawbridge_sdk::Way;

    use crate::policy::{Category, SystemFacts};

    /// A system with accounts and nothing special.
    pub(in crate::policy) fn system(name: &str, category: Category) -> SystemFacts {
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{testing::system, *};
    use crate::policy::Category;

    fn level(text: &str) -> Grant {
        Grant::Level(text.to_owned())
    }

    fn role(access: &[(&str, Grant)]) -> Role {
        Role {
            name: "Any".into(),
            matches: vec!["Any".to_owned()],
            access: access
                .iter()
                .map(|(target, grant)| ((*target).to_owned(), grant.clone()))
                .collect(),
            never: BTreeMap::new(),
        }
    }

    fn open(levels: &[&str]) -> Access {
        Access::Open(levels.iter().map(|level| (*level).to_owned()).collect())
    }

    #[test]
    fn levels_of_several_roles_are_united_in_file_order() {
        let (desk, nurse) = (
            role(&[("pms", level("front-desk"))]),
            role(&[("pms", level("schedule")), ("ehr", level("nurse"))]),
        );
        let systems = [system("pms", Category::Pms), system("ehr", Category::Ehr)];

        let reach = access(&[&desk, &nurse], &systems);

        assert_eq!(reach[&"pms".into()], open(&["front-desk", "schedule"]));
        assert_eq!(reach[&"ehr".into()], open(&["nurse"]));
    }

    #[test]
    fn deny_wins_over_another_roles_level() {
        let (nurse, student) = (
            role(&[("ehr", level("nurse"))]),
            role(&[("ehr", Grant::Deny)]),
        );

        let reach = access(&[&nurse, &student], &[system("ehr", Category::Ehr)]);

        assert_eq!(reach[&"ehr".into()], Access::Deny);
    }

    #[test]
    fn a_systems_own_name_comes_before_its_category() {
        let biller = role(&[("ehr", level("codes")), ("old-ehr", Grant::NotNeeded)]);
        let systems = [
            system("ehr-1", Category::Ehr),
            system("old-ehr", Category::Ehr),
        ];

        let reach = access(&[&biller], &systems);

        assert_eq!(reach[&"ehr-1".into()], open(&["codes"]));
        assert!(!reach.contains_key(&"old-ehr".into()));
    }

    #[test]
    fn what_is_not_named_not_needed_or_retired_is_not_reached() {
        let desk = role(&[("vpn", Grant::NotNeeded), ("pms", level("front-desk"))]);
        let mut former = system("pms-1", Category::Pms);
        former.retired = true;
        let systems = [
            system("ehr", Category::Ehr),
            system("vpn", Category::Vpn),
            former,
        ];

        assert!(access(&[&desk], &systems).is_empty());
    }

    #[test]
    fn a_level_one_role_must_never_have_is_not_given_by_another() {
        let mut desk = role(&[("ehr", level("demographics-only"))]);
        desk.never.insert(
            "ehr".to_owned(),
            vec!["nurse".to_owned(), "physician".to_owned()],
        );
        let nurse = role(&[("ehr", level("nurse"))]);

        let reach = access(&[&nurse, &desk], &[system("gnuhealth", Category::Ehr)]);

        assert_eq!(reach[&"gnuhealth".into()], open(&["demographics-only"]));
    }

    #[test]
    fn a_level_without_a_translation_goes_as_it_is() {
        let words = BTreeMap::from([("nurse".to_owned(), vec!["Health Nurse".to_owned()])]);

        assert_eq!(translate("nurse", Some(&words)), ["Health Nurse"]);
        assert_eq!(translate("codes", Some(&words)), ["codes"]);
        assert_eq!(translate("codes", None), ["codes"]);
    }

    fn any_grant() -> impl Strategy<Value = Grant> {
        prop_oneof![
            "[abc]".prop_map(Grant::Level),
            Just(Grant::Deny),
            Just(Grant::NotNeeded)
        ]
    }

    /// A role that names some of two systems and their category.
    fn any_role() -> impl Strategy<Value = Role> {
        let target = prop_oneof![Just("ehr"), Just("first"), Just("second")];
        let never = proptest::collection::vec("[abc]", 0..2);
        (
            proptest::collection::vec((target, any_grant()), 0..3),
            never,
        )
            .prop_map(|(entries, never)| Role {
                never: BTreeMap::from([("ehr".to_owned(), never)]),
                ..role(&entries)
            })
    }

    /// What is reached, without the order of levels.
    fn as_sets(
        reach: BTreeMap<SystemName, Access>,
    ) -> BTreeMap<SystemName, Option<BTreeSet<String>>> {
        let set = |access| match access {
            Access::Deny => None,
            Access::Open(levels) => Some(levels.into_iter().collect()),
        };
        reach
            .into_iter()
            .map(|(system, access)| (system, set(access)))
            .collect()
    }

    proptest! {
        #[test]
        fn deny_always_wins(roles in proptest::collection::vec(any_role(), 0..5)) {
            let systems = [system("first", Category::Ehr), system("second", Category::Ehr)];
            let roles: Vec<&Role> = roles.iter().collect();

            let reach = access(&roles, &systems);

            for system in &systems {
                let is_denied = roles.iter().any(|role| role.grant(system) == Some(&Grant::Deny));
                prop_assert_eq!(reach.get(&system.name) == Some(&Access::Deny), is_denied);
            }
        }

        #[test]
        fn the_order_of_roles_never_changes_what_they_reach(
            roles in proptest::collection::vec(any_role(), 0..5),
        ) {
            let systems = [system("first", Category::Ehr), system("second", Category::Ehr)];
            let forwards: Vec<&Role> = roles.iter().collect();
            let backwards: Vec<&Role> = roles.iter().rev().collect();

            prop_assert_eq!(
                as_sets(access(&forwards, &systems)),
                as_sets(access(&backwards, &systems))
            );
        }

        #[test]
        fn a_forbidden_level_is_never_given(roles in proptest::collection::vec(any_role(), 0..5)) {
            let first = system("first", Category::Ehr);
            let roles: Vec<&Role> = roles.iter().collect();

            if let Some(Access::Open(levels)) = access(&roles, std::slice::from_ref(&first)).get(&first.name) {
                prop_assert!(!levels.is_empty());
                for role in roles {
                    prop_assert!(levels.iter().all(|level| !role.forbidden(&first).contains(level)));
                }
            }
        }
    }
}
