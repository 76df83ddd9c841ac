//! One system of a practice.

use std::{collections::BTreeMap, time::Duration};

use toml::Spanned;

use super::{SystemSettings, practice::close_within, section::Section, suggest::suggest};

/// The longest time a system that holds ePHI may stay open to a leaver, unless somebody signed for
/// more. It is the practice's policy, not the law's.
const HOUR: Duration = Duration::from_secs(3_600);

/// Reads a `[[practice.system]]`.
pub(super) fn system(
    section: &Section<'_>,
    name: String,
    practice_closes_within: Duration,
    known_connectors: &[&str],
) -> SystemSettings {
    let system = SystemSettings {
        title: section.find("title").unwrap_or_else(|| name.clone()),
        name: name.into(),
        category: section.need("category"),
        connector: connector(section, known_connectors),
        holds_ephi: section.need("holds_ephi"),
        owner: section.find("owner"),
        close_within: close_within(section),
        close_within_exception: section.find("close_within_exception"),
        settle: section.need("settle"),
        canary: section.find("canary"),
        credential_ends: section.find("credential_ends"),
        concurrency: section.need("concurrency"),
        forward_to: forward_to(section),
        retired: section.need("retired"),
        levels: section
            .entries("levels")
            .into_iter()
            .map(|(level, words)| (level.into_inner(), words))
            .collect::<BTreeMap<String, Vec<String>>>(),
        settings: section
            .entries::<serde_json::Value>("settings")
            .into_iter()
            .map(|(key, value)| (key.into_inner(), value))
            .collect(),
        place: section.place(),
    };
    let limit = system.close_within.unwrap_or(practice_closes_within);
    if system.holds_ephi && limit > HOUR && system.close_within_exception.is_none() {
        let text = format!(
            "`{}` holds ePHI and would stay open to a leaver for more than an hour: shorten \
             `close_within`, or record why not and who signed it with \
             `close_within_exception = \"reason, name\"` in this system",
            system.name
        );
        section.note_here(text);
    }
    system
}

fn connector(section: &Section<'_>, known: &[&str]) -> String {
    let Some(connector) = section.need_if_right::<String>("connector") else {
        return String::new();
    };
    let name = connector.get_ref();
    if !known.contains(&name.as_str()) {
        let text = format!("there is no connector `{name}`{}", suggest(name, known));
        section.note(&connector.span(), text);
    }
    connector.into_inner()
}

fn forward_to(section: &Section<'_>) -> Option<String> {
    let address = section.find_at::<String>("forward_to")?;
    let text = address.get_ref();
    let has_two_parts = text
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    if !has_two_parts || text.contains(char::is_whitespace) {
        let text = "`forward_to` must be one e-mail address of the practice";
        section.note(&address.span(), text.to_owned());
    }
    Some(Spanned::into_inner(address))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::load::testing::{load, problems};

    const EHR: &str =
        "[[practice.system]]\nname = \"ehr\"\ncategory = \"ehr\"\nconnector = \"scim\"\n";

    fn ehr(practice: &str, system: &str) -> String {
        format!("[[practice]]\nname = \"elm\"\n{practice}{EHR}{system}")
    }

    #[test]
    fn an_ephi_system_closes_within_the_hour_or_says_who_signed() {
        let by_system = ehr("", "holds_ephi = true\nclose_within = \"61 min\"\n");
        let by_practice = ehr("close_within = \"2 hours\"\n", "holds_ephi = true\n");

        for text in [&by_system, &by_practice] {
            let found = problems(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].1.contains("close_within_exception"), "{found:?}");
            let signed = format!("{text}close_within_exception = \"nightly batch, Dana Ruiz\"\n");
            assert!(load(&signed, "").is_ok());
        }
        assert!(
            load(&ehr("", "close_within = \"1 day\"\n"), "").is_ok(),
            "no ePHI there"
        );
        let sooner = ehr(
            "close_within = \"2 hours\"\n",
            "holds_ephi = true\nclose_within = \"1 h\"\n",
        );
        assert!(load(&sooner, "").is_ok(), "the system's own limit counts");
    }

    #[test]
    fn a_level_is_translated_to_one_word_or_several() {
        let text = ehr(
            "",
            "[practice.system.levels]\nnurse = \"Health Nurse\"\nphysician = [\"Doctor\", \"Prescriber\"]\n",
        );

        let levels = load(&text, "").unwrap().practices[0].systems[0]
            .levels
            .clone();

        assert_eq!(levels["nurse"], ["Health Nurse"]);
        assert_eq!(levels["physician"], ["Doctor", "Prescriber"]);
    }

    #[test]
    fn a_connectors_own_settings_are_handed_on_as_they_are() {
        let text = ehr(
            "",
            "[practice.system.settings]\nbase_url = \"https://ehr.example\"\nport = 0x10\nratio = 1.5\n\
             on = true\nsince = 2026-11-20\ntoken = { env = \"TOKEN\" }\nnets = [\"10.0.0.0/8\"]\n",
        );

        let settings = load(&text, "").unwrap().practices[0].systems[0]
            .settings
            .clone();

        assert_eq!(
            settings,
            json!({"base_url": "https://ehr.example", "port": 16, "ratio": 1.5, "on": true,
                   "since": "2026-11-20", "token": {"env": "TOKEN"}, "nets": ["10.0.0.0/8"]})
        );
    }

    #[test]
    fn the_day_a_credential_ends_is_a_date_of_the_calendar() {
        for written in ["2027-05-01", "\"2027-05-01\""] {
            let text = ehr("", &format!("credential_ends = {written}\n"));
            let day = load(&text, "").unwrap().practices[0].systems[0].credential_ends;
            assert_eq!(
                day.map(|day| day.to_string()).as_deref(),
                Some("2027-05-01")
            );
        }
        for wrong in ["\"in May\"", "2027-05-01T10:00:00", "20270501"] {
            let found = problems(&ehr("", &format!("credential_ends = {wrong}\n")));
            assert!(
                found[0].1.contains("`credential_ends` must be a day"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_system_knows_where_it_stands_in_the_file() {
        let system = load(&ehr("", ""), "").unwrap().practices[0]
            .systems
            .remove(0);

        assert_eq!(system.place.line, 3);
        assert!(system.place.to_string().ends_with("practice.toml:3"));
    }

    #[test]
    fn mail_is_forwarded_to_an_address() {
        for address in ["office", "office@", "a b@elm.example"] {
            let found = problems(&ehr("", &format!("forward_to = \"{address}\"\n")));
            assert!(found[0].1.contains("e-mail"), "{found:?}");
        }
        assert!(load(&ehr("", "forward_to = \"office@elm.example\"\n"), "").is_ok());
    }
}
