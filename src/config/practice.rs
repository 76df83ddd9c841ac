//! One practice: its sources, its systems, its role matrix.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Brake, Practice, Problem, Source, SystemSettings, alerts::alerts, console::oidc,
    events::subscriber, roles_file, section::Section, system::system, value::Value as _,
};
use crate::policy::Roles;

/// What is known beside the file: where it is, which connectors there are, and mistakes in the files
/// it names.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) base_dir: PathBuf,
    pub(super) known_connectors: &'a [&'a str],
    pub(super) problems: RefCell<Vec<Problem>>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(path: &Path, known_connectors: &'a [&'a str]) -> Self {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        Self {
            base_dir: folder.unwrap_or(Path::new(".")).to_owned(),
            known_connectors,
            problems: RefCell::default(),
        }
    }
}

/// Reads a `[[practice]]`; `taken` are the names of those before it, and `can_tell` whether `[events]`
/// and `[console] url` are written.
pub(super) fn practice(
    section: &Section<'_>,
    taken: &mut BTreeSet<String>,
    surroundings: &Surroundings<'_>,
    (can_tell, has_address): (bool, bool),
) -> Practice {
    let name = unique_name(section, "practice", taken);
    let close_within = close_within(section).unwrap_or_else(Duration::stand_in);
    let mut source_names = BTreeSet::new();
    let sources = section.each("source", |section| Source {
        name: unique_name(section, "source", &mut source_names).into(),
        strict: section.need("strict"),
        group_patch_204: section.need("group_patch_204"),
        silent_after: section.need("silent_after"),
    });
    let mut subscriber_names = BTreeSet::new();
    let subscribers = section.each("subscriber", |section| {
        subscriber(section, &mut subscriber_names, can_tell)
    });
    let mut system_names = BTreeSet::new();
    let systems = section.each("system", |section| {
        let name = unique_name(section, "system", &mut system_names);
        system(section, name, close_within, surroundings.known_connectors)
    });
    let (roles, roles_text) = roles(section, &systems, surroundings);
    Practice {
        title: section.find("title").unwrap_or_else(|| name.clone()),
        name: name.into(),
        time_zone: time_zone(section),
        close_within,
        hold_for: section.need("hold_for"),
        role_grace: section.need("role_grace"),
        roles,
        roles_text,
        break_glass: section.need("break_glass"),
        brake: section.within("brake", brake),
        sources,
        subscribers,
        alerts: section.within_if_written("alerts", |section| alerts(section, has_address)),
        systems,
        oidc: section.within_if_written("oidc", oidc),
    }
}

/// A name that is part of keys, links and log lines, and taken by nobody before.
pub(super) fn unique_name(
    section: &Section<'_>,
    what: &str,
    taken: &mut BTreeSet<String>,
) -> String {
    let Some(name) = section.need_if_right::<String>("name") else {
        return String::new();
    };
    let text = name.get_ref();
    let is_plain = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)
    };
    if !text.chars().all(is_plain) {
        let text = format!(
            "`{text}` cannot be the name of a {what}: use small letters, digits, `-` and `_`; what \
             people read is its `title`"
        );
        section.note(&name.span(), text);
    } else if !taken.insert(text.clone()) {
        let text = format!("there are two of the name `{text}`: rename one {what}");
        section.note(&name.span(), text);
    }
    name.into_inner()
}

/// Within what time a leaver's doors must be closed.
pub(super) fn close_within(section: &Section<'_>) -> Option<Duration> {
    let limit = section.find_at::<Duration>("close_within")?;
    if limit.get_ref().is_zero() {
        let text = "`close_within` leaves no time at all: write for example \"60 min\"";
        section.note(&limit.span(), text.to_owned());
    }
    Some(limit.into_inner())
}

fn time_zone(section: &Section<'_>) -> String {
    let zone = section.need_at::<String>("time_zone");
    let name = zone.get_ref();
    if !name.is_empty() && jiff::tz::TimeZone::get(name).is_err() {
        let text = format!(
            "there is no time zone `{name}`: write an IANA name such as \"America/Chicago\""
        );
        section.note(&zone.span(), text);
    }
    zone.into_inner()
}

fn brake(section: &Section<'_>) -> Brake {
    let share = section.need_at::<f64>("share");
    if !(0.0..=1.0).contains(share.get_ref()) {
        let text = "`share` must be between 0 and 1: write 0.2 for 20 %";
        section.note(&share.span(), text.to_owned());
    }
    Brake {
        people: section.need("people"),
        share: share.into_inner(),
        off: section.need("off"),
    }
}

/// The role matrix the practice names, and the text of its file.
fn roles(
    section: &Section<'_>,
    systems: &[SystemSettings],
    surroundings: &Surroundings<'_>,
) -> (Roles, String) {
    let Some(written) = section.find_at::<PathBuf>("roles") else {
        return (Roles::default(), String::new());
    };
    let path = surroundings.base_dir.join(written.get_ref());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let text = format!(
                "roles file `{}` cannot be read ({error}): write its path relative to this file",
                path.display()
            );
            section.note(&written.span(), text);
            return (Roles::default(), String::new());
        }
    };
    let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    let (roles, problems) = roles_file::read(&path, &text, Some(&names));
    surroundings.problems.borrow_mut().extend(problems);
    (roles, text)
}

#[cfg(test)]
mod tests {
    use super::super::load::testing::{all_problems, load, problems};

    #[test]
    fn a_practice_without_systems_or_roles_can_be_used() {
        let settings = load("[[practice]]\nname = \"elm\"\n", "").unwrap();

        assert!(settings.practices[0].systems.is_empty() && settings.practices[0].roles.is_empty());
    }

    #[test]
    fn two_practices_sources_or_systems_never_share_a_name() {
        let practice = "[[practice]]\nname = \"elm\"\n";
        let source = "[[practice.source]]\nname = \"entra\"\n";
        let system =
            "[[practice.system]]\nname = \"ehr\"\ncategory = \"ehr\"\nconnector = \"scim\"\n";

        for (text, line) in [
            (format!("{practice}{practice}"), 4),
            (format!("{practice}{source}{source}"), 6),
            (format!("{practice}{system}{system}"), 8),
        ] {
            let found = problems(&text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, line);
            assert!(
                found[0].1.starts_with("there are two of the name"),
                "{found:?}"
            );
        }
        let other = practice.replace("elm", "oak");
        assert!(
            load(&format!("{practice}{system}{other}{system}"), "").is_ok(),
            "two practices may each have an `ehr`"
        );
    }

    #[test]
    fn a_close_within_of_nothing_is_refused() {
        let found = problems("[[practice]]\nname = \"elm\"\nclose_within = \"0 min\"\n");

        assert!(
            found[0].0 == 3 && found[0].1.contains("no time"),
            "{found:?}"
        );
    }

    #[test]
    fn a_share_lies_between_nothing_and_everybody() {
        let share = |share: &str| {
            format!("[[practice]]\nname = \"elm\"\n[practice.brake]\nshare = {share}\n")
        };

        for wrong in ["-0.1", "1.1", "20"] {
            assert_eq!(problems(&share(wrong))[0].0, 4, "{wrong}");
        }
        for right in ["0", "0.2", "1"] {
            assert!(load(&share(right), "").is_ok(), "{right}");
        }
    }

    #[test]
    fn a_roles_file_that_is_not_there_is_named() {
        let found = problems("[[practice]]\nname = \"elm\"\nroles = \"rolls.toml\"\n");

        assert!(
            found[0].0 == 3 && found[0].1.contains("rolls.toml"),
            "{found:?}"
        );
    }

    #[test]
    fn mistakes_in_the_roles_file_are_told_together_with_those_in_the_settings() {
        let settings = "[[practice]]\nname = \"elm\"\ntitel = \"Elm\"\nroles = \"roles.toml\"\n";
        let roles =
            "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehrr = \"nurse\"\n";

        let found: Vec<_> = all_problems(settings, roles)
            .into_iter()
            .map(|(file, line, _)| (file, line))
            .collect();

        assert_eq!(
            found,
            [
                ("practice.toml".to_owned(), 3),
                ("roles.toml".to_owned(), 5)
            ]
        );
    }
}
