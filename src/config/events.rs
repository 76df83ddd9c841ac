//! How departures are told, and to whom.

use std::collections::BTreeSet;

use drawbridge_sdk::SecretRef;
use toml::Spanned;

use super::{Delivery, Events, Subscriber, practice::unique_name, section::Section};

/// Reads `[events]`.
pub(super) fn events(section: &Section<'_>) -> Events {
    Events {
        issuer: section.need("issuer"),
        key: section.need("key"),
    }
}

/// Reads a `[[practice.subscriber]]`; `taken` are the names of those before it.
pub(super) fn subscriber(
    section: &Section<'_>,
    taken: &mut BTreeSet<String>,
    is_configured: bool,
) -> Subscriber {
    if !is_configured {
        section.note_here(
            "nobody can be told without [events]: add it with `issuer` and `key`".to_owned(),
        );
    }
    let push_only = [
        (
            "allow_plain_http",
            section
                .find_at::<bool>("allow_plain_http")
                .map(|key| key.span()),
        ),
        (
            "allow_networks",
            section
                .find_at::<Vec<String>>("allow_networks")
                .map(|key| key.span()),
        ),
        (
            "ca_file",
            section
                .find_at::<std::path::PathBuf>("ca_file")
                .map(|key| key.span()),
        ),
    ];
    let delivery = match section.find::<String>("push_to") {
        Some(url) => Delivery::Push {
            url,
            token: section.find("token"),
            allow_plain_http: section.find("allow_plain_http").unwrap_or_default(),
            allow_networks: section.find("allow_networks").unwrap_or_default(),
            ca_file: section.find("ca_file"),
        },
        None => {
            for (key, at) in push_only {
                if let Some(at) = at {
                    let text = format!(
                        "`{key}` is for `push_to`, which is missing: this subscriber fetches"
                    );
                    section.note(&at, text);
                }
            }
            Delivery::Poll {
                token: section
                    .need_if_right::<SecretRef>("token")
                    .map_or_else(super::value::Value::stand_in, Spanned::into_inner),
            }
        }
    };
    Subscriber {
        name: unique_name(section, "subscriber", taken).into(),
        audience: section.need("audience"),
        delivery,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Delivery,
        load::testing::{load, problems},
    };

    const EVENTS: &str =
        "[events]\nissuer = \"https://bridge.example\"\nkey = { file = \"events.pem\" }\n";
    const SIEM: &str = "[[practice]]\nname = \"elm\"\n[[practice.subscriber]]\nname = \"siem\"\naudience = \"siem\"\n";

    #[test]
    fn a_subscriber_is_pushed_to_or_fetches() {
        let pushed = format!("{EVENTS}{SIEM}push_to = \"https://siem.example\"\n");
        let fetching = format!("{EVENTS}{SIEM}token = {{ env = \"SIEM\" }}\n");

        let delivery = |text: &str| {
            let mut practice = load(text, "").unwrap().practices.remove(0);
            practice.subscribers.remove(0).delivery
        };

        assert!(matches!(
            delivery(&pushed),
            Delivery::Push { token: None, .. }
        ));
        assert!(matches!(delivery(&fetching), Delivery::Poll { .. }));
    }

    #[test]
    fn what_a_subscriber_lacks_is_named() {
        for (text, says) in [
            (
                format!("{SIEM}push_to = \"https://siem.example\"\n"),
                "without [events]",
            ),
            (format!("{EVENTS}{SIEM}"), "`token` is missing"),
            (
                format!("{EVENTS}{SIEM}token = {{ env = \"T\" }}\nca_file = \"ca.pem\"\n"),
                "`ca_file` is for `push_to`",
            ),
            (
                format!("{EVENTS}{SIEM}token = \"open sesame\"\n"),
                "`token` must be",
            ),
        ] {
            let found = problems(&text);
            assert!(found[0].1.contains(says), "{found:?}");
        }
        assert!(
            !problems(&format!("{EVENTS}{SIEM}token = \"open sesame\"\n"))[0]
                .1
                .contains("sesame")
        );
    }
}
