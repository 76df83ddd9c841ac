//! The console: where people reach it, and the identity provider they sign in with.

use std::time::Duration;

use drawbridge_sdk::http::ClientAuth;
use url::{Host, Url};

use super::{Console, Oidc, section::Section};

/// The longest somebody's word may be taken without asking whether it is still them.
const LONGEST_FRESH: Duration = Duration::from_secs(3_600);

/// Reads `[console]`.
pub(super) fn console(section: &Section<'_>) -> Console {
    let fresh_for = section.need_at::<Duration>("fresh_for");
    if fresh_for.get_ref().is_zero() || *fresh_for.get_ref() > LONGEST_FRESH {
        let text = "`fresh_for` must be more than nothing and at most an hour: write for example \"5 min\"";
        section.note(&fresh_for.span(), text.to_owned());
    }
    Console {
        url: url(section),
        fresh_for: fresh_for.into_inner(),
        oidc: section.within_if_written("oidc", oidc),
    }
}

/// The address without a final `/`: people are sent back to it, so it is never taken from a request.
fn url(section: &Section<'_>) -> Option<String> {
    let written = section.find_at::<String>("url")?;
    let wrong = |text: &str| section.note(&written.span(), format!("`url` {text}"));
    let text = written.get_ref().trim_end_matches('/');
    match Url::parse(text) {
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            wrong(
                "is the address alone, without a path: write for example \"https://bridge.elm.example\"",
            );
        }
        Ok(url) if url.scheme() == "https" || is_this_machine(&url) => {}
        Ok(url) if url.scheme() == "http" => {
            wrong("uses http, where anybody on the way reads who signs in: write https");
        }
        _ => wrong("is no web address: write for example \"https://bridge.elm.example\""),
    }
    Some(text.to_owned())
}

fn is_this_machine(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// Reads `[console.oidc]` or `[practice.oidc]`.
pub(super) fn oidc(section: &Section<'_>) -> Oidc {
    let client_auth = section.find_at::<String>("client_auth");
    let client_auth = match client_auth.as_ref().map(|how| how.get_ref().as_str()) {
        None | Some("header") => ClientAuth::Header,
        Some("body") => ClientAuth::Body,
        Some(other) => {
            let text = format!("`client_auth` must be \"header\" or \"body\", not `{other}`");
            if let Some(written) = &client_auth {
                section.note(&written.span(), text);
            }
            ClientAuth::Header
        }
    };
    Oidc {
        title: section
            .find("title")
            .unwrap_or_else(|| "your identity provider".to_owned()),
        issuer: section.need("issuer"),
        client_id: section.need("client_id"),
        client_secret: section.find("client_secret"),
        client_auth,
        scopes: section.find("scopes").unwrap_or_else(|| {
            ["profile", "email"]
                .into_iter()
                .map(str::to_owned)
                .collect()
        }),
        trust_email: section.find("trust_email").unwrap_or_default(),
        allow_plain_http: section.find("allow_plain_http").unwrap_or_default(),
        allow_networks: section.find("allow_networks").unwrap_or_default(),
        ca_file: section.find("ca_file"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::testing::{load, problems};

    const PROVIDER: &str =
        "[console.oidc]\nissuer = \"https://idp.example\"\nclient_id = \"drawbridge\"\n";

    #[test]
    fn signing_in_by_a_provider_needs_the_address_of_the_console() {
        let found = problems(PROVIDER);
        let with_address = format!("[console]\nurl = \"https://bridge.elm.example/\"\n{PROVIDER}");

        let settings = load(&with_address, "").unwrap();

        assert!(found[0].1.contains("[console] `url`"), "{found:?}");
        assert_eq!(
            settings.console.url.as_deref(),
            Some("https://bridge.elm.example")
        );
        let oidc = settings.console.oidc.unwrap();
        assert_eq!(oidc.scopes, ["profile", "email"]);
        assert!(!oidc.trust_email && oidc.client_secret.is_none());
    }

    #[test]
    fn an_address_of_the_console_is_https_unless_on_this_machine() {
        for wrong in [
            "http://bridge.elm.example",
            "https://bridge.elm.example/console",
            "bridge.elm.example",
            "ftp://bridge.elm.example",
            "http://localhost.elm.example",
        ] {
            let found = problems(&format!("[console]\nurl = \"{wrong}\"\n"));
            assert_eq!((found.len(), found[0].0), (1, 2), "{wrong}: {found:?}");
        }
        for right in [
            "https://bridge.elm.example",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://[::1]:8080",
        ] {
            assert!(
                load(&format!("[console]\nurl = \"{right}\"\n"), "").is_ok(),
                "{right}"
            );
        }
    }

    #[test]
    fn a_practice_may_have_a_provider_of_its_own() {
        let text = "[console]\nurl = \"https://bridge.example\"\n[[practice]]\nname = \"elm\"\n[practice.oidc]\n\
                    issuer = \"https://elm.example\"\nclient_id = \"d\"\nclient_secret = { env = \"S\" }\n";

        let practice = load(text, "").unwrap().practices.remove(0);

        assert_eq!(practice.oidc.unwrap().issuer, "https://elm.example");
    }

    #[test]
    fn a_secret_of_the_client_is_never_written_nor_repeated() {
        let text = format!("{PROVIDER}client_secret = \"hunter2\"\n");

        let found = problems(&text);

        assert!(
            found
                .iter()
                .any(|(_, text)| text.contains("`client_secret` must be"))
                && !found.iter().any(|(_, text)| text.contains("hunter2")),
            "{found:?}"
        );
    }

    #[test]
    fn somebodys_word_is_taken_for_an_hour_at_most() {
        for wrong in ["0 min", "2 h"] {
            let found = problems(&format!("[console]\nfresh_for = \"{wrong}\"\n"));
            assert_eq!((found.len(), found[0].0), (1, 2), "{wrong}: {found:?}");
        }
    }
}
