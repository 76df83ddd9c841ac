//! What is shipped in `config/` and said in `docs/` holds together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use drawbridge_sdk::{BuildContext, SettingsError, Way};
use serde_json::json;

use super::{Settings, SystemSettings, load::testing::problems};
use crate::{
    connectors,
    policy::{Access, Category, Facts, Roles, SystemFacts, access},
};

const ROLES: &str = include_str!("../../config/roles.toml");
const CONFIGURATION: &str = include_str!("../../docs/configuration.md");

/// One system of each category, called as its category.
fn systems() -> Vec<SystemFacts> {
    let system = |category: Category| SystemFacts {
        name: category.as_str().into(),
        category,
        ways: vec![Way::Account],
        holds_ephi: true,
        close_within: Duration::from_secs(3_600),
        forward_to: None,
        retired: false,
    };
    Category::ALL.into_iter().map(system).collect()
}

/// What somebody in these groups reaches with the shipped roles, as `system: level` each.
fn reach(groups: &[&str]) -> BTreeSet<String> {
    let roles = Roles::parse(ROLES).expect("the shipped roles can be read");
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    let fitting = roles.of(&Facts::of(&serde_json::Map::new(), &groups));
    assert!(!fitting.is_empty(), "no role fits {groups:?}");
    access(&fitting, &systems())
        .into_iter()
        .map(|(system, access)| match access {
            Access::Open(levels) => format!("{system}: {}", levels.join(" + ")),
            Access::Deny => format!("{system}: deny"),
        })
        .collect()
}

fn reaches_exactly(group: &str, expected: &[&str]) {
    // Ours, beside the published tables: nobody signs in to anything without it.
    let directory = "directory: staff".to_owned();
    let expected: BTreeSet<String> = expected
        .iter()
        .map(|row| (*row).to_owned())
        .chain([directory])
        .collect();
    assert_eq!(reach(&[group]), expected, "{group}");
}

#[test]
fn a_physician_reaches_the_whole_ehr_email_schedule_telehealth_and_sees_billing() {
    for group in ["Physician", "APRN", "PA", "nurse practitioner"] {
        reaches_exactly(
            group,
            &[
                "ehr: physician",
                "email: mailbox",
                "pms: schedule",
                "billing: view",
                "telehealth: provider",
            ],
        );
    }
}

#[test]
fn a_nurse_or_medical_assistant_reaches_ehr_email_schedule_and_portal_messages() {
    for group in ["Nurse", "MA", "medical assistant"] {
        reaches_exactly(
            group,
            &[
                "ehr: nurse",
                "email: mailbox",
                "pms: schedule",
                "patient_portal: messaging",
            ],
        );
    }
}

#[test]
fn the_front_desk_reaches_practice_management_email_phone_and_demographics_only() {
    for group in ["Front desk", "RECEPTIONIST"] {
        reaches_exactly(
            group,
            &[
                "pms: front-desk",
                "email: mailbox",
                "ehr: demographics",
                "phone: extension",
            ],
        );
    }
}

#[test]
fn the_front_desk_has_a_variant_with_phone_notes_and_one_without_practice_management() {
    reaches_exactly(
        "Front desk phone notes",
        &[
            "pms: front-desk",
            "email: mailbox",
            "ehr: phone-notes",
            "phone: extension",
        ],
    );
    reaches_exactly(
        "Front desk no PMS",
        &["email: mailbox", "ehr: demographics", "phone: extension"],
    );
}

#[test]
fn billing_reaches_billing_accounts_codes_and_the_clearinghouse_and_no_email() {
    reaches_exactly(
        "Billing",
        &[
            "billing: full",
            "pms: accounts",
            "ehr: codes",
            "clearinghouse: portal",
        ],
    );
}

#[test]
fn an_office_manager_reaches_practice_management_email_reports_vendors_and_hr_and_no_ehr() {
    reaches_exactly(
        "Office manager",
        &[
            "pms: full",
            "email: mailbox",
            "reporting: dashboards",
            "vendor_portal: user",
            "hr: user",
        ],
    );
}

#[test]
fn the_front_desk_never_sees_clinical_notes_prescribes_or_orders_whatever_else_they_are() {
    for desk in ["Front desk", "Front desk phone notes", "Front desk no PMS"] {
        for other in ["Physician", "APRN", "PA", "Nurse", "Billing"] {
            let both = reach(&[desk, other]);
            let ehr = both
                .iter()
                .find(|row| row.starts_with("ehr: "))
                .expect("an EHR level");
            assert!(
                matches!(ehr.as_str(), "ehr: demographics" | "ehr: phone-notes"),
                "{desk} and {other}: {ehr}"
            );
        }
    }
}

#[test]
fn a_biller_never_prescribes_whatever_else_they_are() {
    for other in ["Physician", "APRN", "PA"] {
        assert!(reach(&["Billing", other]).contains("ehr: codes"), "{other}");
    }
}

#[test]
fn each_group_or_title_means_one_shipped_role() {
    let roles = Roles::parse(ROLES).unwrap();
    let all: Vec<String> = roles.iter().flat_map(|role| role.matches.clone()).collect();
    let distinct: BTreeSet<String> = all.iter().map(|value| value.to_lowercase()).collect();

    assert_eq!(all.len(), distinct.len());
    assert_eq!(roles.len(), 9);
}

fn example() -> Settings {
    let kinds = connectors::kinds();
    let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/practice.example.toml");
    Settings::load(&path, &known).expect("the example can be used")
}

#[test]
fn the_example_has_settings_its_connectors_understand() {
    let settings = example();

    for system in &settings.practices[0].systems {
        let kind = connectors::find(&system.connector).expect("a connector");
        let context = BuildContext {
            base_dir: settings.base_dir.clone(),
            ..BuildContext::named(system.name.as_str())
        };
        // Its secrets lie nowhere here: to get as far as them is to have understood the rest.
        match kind.build(system.settings.clone(), &context) {
            Ok(_) | Err(SettingsError::Secret(_)) => {}
            Err(error) => panic!("{}: `{}`: {error}", system.place, system.name),
        }
    }
}

#[test]
fn the_example_translates_only_levels_that_some_shipped_role_gives() {
    // No shipped role reaches the VPN; the roles file says what to write for those that need it.
    let to_be_added = "remote";
    let practice = example().practices.remove(0);
    let facts = |system: &SystemSettings| SystemFacts {
        name: system.name.clone(),
        category: system.category,
        ..systems().remove(0)
    };

    for system in &practice.systems {
        let named = practice
            .roles
            .managed_levels(&facts(system), &BTreeMap::new());
        for level in system.levels.keys() {
            assert!(
                named.contains(level) || level == to_be_added,
                "{}: {level}",
                system.name
            );
        }
    }
}

/// Every key each section knows, as a mistake in it lists them.
fn known_keys() -> BTreeSet<String> {
    let unknown = "this-is-no-key-at-all = 1";
    let system = format!("[[practice.system]]\n{unknown}\n");
    let channel = |kind| format!("[[practice.alerts.channel]]\nkind = \"{kind}\"\n{unknown}\n");
    let alerts = format!(
        "[practice.alerts]\n{unknown}\n[practice.alerts.owner]\n{unknown}\n[[practice.alerts.step]]\n{unknown}\n{}{}",
        channel("email"),
        channel("webhook")
    );
    let text = format!(
        "{unknown}\n[tls]\n{unknown}\n[limits]\n{unknown}\n[[practice]]\n{unknown}\n\
         [practice.brake]\n{unknown}\n[[practice.source]]\n{unknown}\n{system}\
         [[practice.subscriber]]\n{unknown}\n{alerts}[events]\n{unknown}\n\
         [console]\n{unknown}\n[console.oidc]\n{unknown}\n"
    );
    problems(&text)
        .into_iter()
        .filter_map(|(_, text)| Some(text.split_once(": write one of ")?.1.to_owned()))
        .flat_map(|keys| keys.split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn every_key_and_category_is_explained() {
    let keys = known_keys();

    assert!(
        keys.contains("listen") && keys.contains("group_patch_204") && keys.len() > 30,
        "{keys:?}"
    );
    let sections = [
        "tls",
        "limits",
        "events",
        "console",
        "oidc",
        "practice",
        "brake",
        "source",
        "subscriber",
        "system",
        "levels",
        "settings",
        "alerts",
        "owner",
        "deputy",
        "practice_manager",
        "msp",
        "step",
        "channel",
    ];
    for key in keys {
        let is_explained = CONFIGURATION.contains(&format!("| `{key}` |"))
            || (sections.contains(&key.as_str()) && CONFIGURATION.contains(&format!("{key}]")));
        assert!(is_explained, "`{key}` is not in docs/configuration.md");
    }
    for category in Category::ALL {
        assert!(
            CONFIGURATION.contains(&format!("`{category}`")),
            "`{category}` is not named"
        );
        assert_eq!(
            json!(category),
            category.as_str(),
            "stored as it is written"
        );
    }
}
