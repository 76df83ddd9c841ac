//! From what is written to what is used: checked once, then never again.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::Spanned;

use super::{
    Brake, ConfigError, Database, Limits, Practice, Problem, Settings, Source, SystemSettings, Tls,
    place::{line_of, suggest},
    raw,
};
use crate::{
    ids::{PracticeName, SystemName},
    policy::{Category, Roles},
    store::Dialect,
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Settings {
    /// Reads a settings file and everything it names.
    ///
    /// # Errors
    /// With every mistake that could be found, each with file, line and the way out.
    pub fn load(path: &Path, known_connectors: &[&str]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| Problem {
            file: path.to_owned(),
            line: None,
            text: format!("cannot be read ({error}): name the settings file with --config FILE; config/practice.example.toml is one to start from"),
        })?;
        let raw: raw::Settings = toml::from_str(&text).map_err(|error| Problem {
            file: path.to_owned(),
            line: error.span().map(|span| line_of(&text, &span)),
            text: error.message().to_owned(),
        })?;
        Resolver {
            path,
            text: &text,
            known_connectors,
            problems: Vec::new(),
        }
        .resolve(raw)
    }
}

struct Resolver<'a> {
    path: &'a Path,
    text: &'a str,
    known_connectors: &'a [&'a str],
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    fn resolve(mut self, raw: raw::Settings) -> Result<Settings, ConfigError> {
        let base_dir = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let base_dir = base_dir.unwrap_or(Path::new(".")).to_owned();
        let is_https = raw.tls.is_some() || raw.behind_proxy;
        let listen = self.listen(raw.listen.as_ref(), is_https);
        let database = self.database(raw.database, &base_dir);
        let practices = self.practices(raw.practice, &base_dir);
        let settings = Settings {
            listen,
            is_https,
            tls: raw.tls.map(|tls| Tls {
                certificate: base_dir.join(tls.certificate),
                key: base_dir.join(tls.key),
            }),
            limits: Limits {
                requests_per_second: raw.limits.requests_per_second,
                concurrency: raw.limits.concurrency.unwrap_or(256).max(1),
                body_bytes: raw.limits.body_bytes.unwrap_or(1024 * 1024),
            },
            practices,
            database,
            base_dir,
        };
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError {
                problems: self.problems,
            })
        }
    }

    fn note(&mut self, span: &Range<usize>, text: String) {
        self.problems.push(Problem {
            file: self.path.to_owned(),
            line: Some(line_of(self.text, span)),
            text,
        });
    }

    fn listen(
        &mut self,
        written: Option<&Spanned<String>>,
        is_protected: bool,
    ) -> std::net::SocketAddr {
        let default = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
        let Some(written) = written else {
            return default;
        };
        let Ok(address) = written.get_ref().parse::<std::net::SocketAddr>() else {
            self.note(
                &written.span(),
                format!(
                    "`{}` is not an address to listen on: write for example \"127.0.0.1:8080\"",
                    written.get_ref()
                ),
            );
            return default;
        };
        if !address.ip().is_loopback() && !is_protected {
            self.note(
                &written.span(),
                "tokens would cross the network in clear: add [tls] with certificate and key, or `behind_proxy = true` \
                 when a proxy ends TLS, or listen on 127.0.0.1"
                    .to_owned(),
            );
        }
        address
    }

    fn database(&mut self, written: Option<raw::Database>, base_dir: &Path) -> Database {
        let url = match written {
            Some(raw::Database::Secret(reference)) => return Database::Secret(reference),
            Some(raw::Database::Url(url)) => url,
            None => "sqlite://drawbridge.db".to_owned(),
        };
        if Dialect::of_url(&url).is_none() {
            self.problems.push(Problem {
                file: self.path.to_owned(),
                line: None,
                text: "`database` names no database this program knows: write `sqlite://drawbridge.db` or \
                       `postgres://user@host/name`"
                    .to_owned(),
            });
        }
        let has_password = url::Url::parse(&url).is_ok_and(|url| url.password().is_some());
        if has_password {
            self.problems.push(Problem {
                file: self.path.to_owned(),
                line: None,
                text: "`database` holds a password: put the URL into a file or variable and write \
                       `database = { env = \"DATABASE_URL\" }`"
                    .to_owned(),
            });
        }
        Database::Url(match crate::store::sqlite_path(&url) {
            Some(path) if path.is_relative() => {
                format!("sqlite://{}", base_dir.join(path).display())
            }
            _ => url,
        })
    }

    fn practices(&mut self, written: Vec<raw::Practice>, base_dir: &Path) -> Vec<Practice> {
        let mut names = BTreeSet::new();
        let mut practices = Vec::new();
        for practice in written {
            self.check_name("practice", &practice.name, &mut names);
            practices.push(self.practice(practice, base_dir));
        }
        practices
    }

    fn practice(&mut self, written: raw::Practice, base_dir: &Path) -> Practice {
        let name = written.name.get_ref().clone();
        let mut source_names = BTreeSet::new();
        let sources = written
            .source
            .into_iter()
            .map(|source| {
                self.check_name("source", &source.name, &mut source_names);
                Source {
                    name: source.name.into_inner().into(),
                    strict: source.strict,
                    group_patch_204: source.group_patch_204,
                }
            })
            .collect();
        let mut system_names = BTreeSet::new();
        let systems: Vec<SystemSettings> = written
            .system
            .into_iter()
            .map(|system| {
                self.check_name("system", &system.name, &mut system_names);
                self.system(system)
            })
            .collect();
        let (roles, roles_text) = self.roles(written.roles, base_dir, &systems);
        if let Some(zone) = &written.time_zone
            && jiff::tz::TimeZone::get(zone.get_ref()).is_err()
        {
            let text = format!(
                "there is no time zone `{}`: write an IANA name such as \"America/Chicago\"",
                zone.get_ref()
            );
            self.note(&zone.span(), text);
        }
        Practice {
            title: written.title.unwrap_or_else(|| name.clone()),
            name: PracticeName::from(name),
            time_zone: written
                .time_zone
                .map_or_else(|| "UTC".to_owned(), Spanned::into_inner),
            close_within: written.close_within.map_or(HOUR, |written| written.0),
            hold_for: written.hold_for.map_or(30 * DAY, |written| written.0),
            role_grace: written.role_grace.map_or(HOUR / 4, |written| written.0),
            roles,
            roles_text,
            break_glass: written.break_glass,
            brake: Brake {
                people: written.brake.people.unwrap_or(5),
                share: written.brake.share.unwrap_or(0.2),
                off: written.brake.off,
            },
            sources,
            systems,
        }
    }

    fn roles(
        &mut self,
        written: Option<Spanned<PathBuf>>,
        base_dir: &Path,
        systems: &[SystemSettings],
    ) -> (Roles, String) {
        let Some(written) = written else {
            return (Roles::default(), String::new());
        };
        let file = base_dir.join(written.get_ref());
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                let text = format!(
                    "roles file `{}` cannot be read ({error}): write its path relative to this file",
                    file.display()
                );
                self.note(&written.span(), text);
                return (Roles::default(), String::new());
            }
        };
        let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
        let in_file = |line: Option<usize>, text: String| Problem {
            file: file.clone(),
            line,
            text,
        };
        match Roles::parse(&text) {
            Ok(roles) => {
                for problem in roles.check_targets(&names).err().into_iter().flatten() {
                    let line = match &problem {
                        crate::policy::RolesError::UnknownTarget { target, .. } => {
                            line_with_key(&text, target)
                        }
                        _ => None,
                    };
                    self.problems.push(in_file(line, problem.to_string()));
                }
                (roles, text)
            }
            Err(problem) => {
                self.problems.push(in_file(None, problem.to_string()));
                (Roles::default(), text)
            }
        }
    }

    fn system(&mut self, written: raw::System) -> SystemSettings {
        let category = Category::from_name(written.category.get_ref()).unwrap_or_else(|| {
            let known: Vec<&str> = Category::ALL.iter().map(|(_, name)| *name).collect();
            let name = written.category.get_ref();
            self.note(
                &written.category.span(),
                format!("there is no category `{name}`{}", suggest(name, &known)),
            );
            Category::Saas
        });
        let connector = written.connector.get_ref();
        if !self.known_connectors.contains(&connector.as_str()) {
            let text = format!(
                "there is no connector `{connector}`{}",
                suggest(connector, self.known_connectors)
            );
            self.note(&written.connector.span(), text);
        }
        if let Some(limit) = &written.close_within
            && limit.get_ref().0 > HOUR
            && written.holds_ephi
            && written.close_within_exception.is_none()
        {
            self.note(
                &limit.span(),
                "a system that holds ePHI closes within an hour by the practice's policy: shorten it, or record why not \
                 and who signed it with `close_within_exception = \"reason, name\"`"
                    .to_owned(),
            );
        }
        let name = written.name.into_inner();
        SystemSettings {
            title: written.title.unwrap_or_else(|| name.clone()),
            name: SystemName::from(name),
            category,
            connector: written.connector.into_inner(),
            holds_ephi: written.holds_ephi,
            owner: written.owner,
            close_within: written.close_within.map(|limit| limit.into_inner().0),
            close_within_exception: written.close_within_exception,
            settle: written
                .settle
                .map_or(Duration::from_secs(120), |settle| settle.0),
            canary: written.canary,
            concurrency: written.concurrency.unwrap_or(4).max(1),
            forward_to: written.forward_to,
            retired: written.retired,
            levels: written
                .levels
                .into_iter()
                .map(|(level, words)| match words {
                    raw::Words::One(word) => (level, vec![word]),
                    raw::Words::Several(words) => (level, words),
                })
                .collect(),
            settings: serde_json::to_value(written.settings).unwrap_or_default(),
        }
    }

    fn check_name(&mut self, what: &str, name: &Spanned<String>, taken: &mut BTreeSet<String>) {
        let text = name.get_ref();
        let is_plain = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)
        };
        if text.is_empty() || !text.chars().all(is_plain) {
            self.note(
                &name.span(),
                format!("`{text}` cannot be the name of a {what}: use small letters, digits, `-` and `_`; what people read is its `title`"),
            );
        }
        if !taken.insert(text.clone()) {
            self.note(
                &name.span(),
                format!("there are two of the name `{text}`: rename one {what}"),
            );
        }
    }
}

/// The line, from 1, on which a key is set.
fn line_with_key(text: &str, key: &str) -> Option<usize> {
    text.lines()
        .position(|line| {
            line.split('=')
                .next()
                .is_some_and(|name| name.trim().trim_matches('"') == key)
                && line.contains('=')
        })
        .map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, roles: &str) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("practice.toml"), text).unwrap();
        std::fs::write(folder.path().join("roles.toml"), roles).unwrap();
        Settings::load(
            &folder.path().join("practice.toml"),
            &["ldap", "scim", "sandbox"],
        )
    }

    fn problem(text: &str) -> (Option<usize>, String) {
        let problem = load(text, "").unwrap_err().problems.remove(0);
        (problem.line, problem.text)
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let (line, text) = problem(
            "listen = \"127.0.0.1:0\"\n[[practice]]\nname = \"elm\"\nclose_withn = \"60 min\"\n",
        );

        assert_eq!(line, Some(4));
        assert!(
            text.contains("close_withn") && text.contains("close_within"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_connector_suggests_the_nearest() {
        let text = "[[practice]]\nname = \"elm\"\n[[practice.system]]\nname = \"ad\"\ncategory = \"directory\"\nconnector = \"ldpa\"\n";

        let (line, text) = problem(text);

        assert_eq!(line, Some(6));
        assert_eq!(text, "there is no connector `ldpa`: did you mean `ldap`?");
    }

    #[test]
    fn a_roles_file_that_names_a_missing_system_is_named_with_its_line() {
        let text = "[[practice]]\nname = \"elm\"\nroles = \"roles.toml\"\n";
        let roles =
            "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehrr = \"nurse\"\n";

        let problem = load(text, roles).unwrap_err().problems.remove(0);

        assert_eq!(problem.line, Some(5));
        assert!(
            problem.file.ends_with("roles.toml") && problem.text.contains("`ehrr`"),
            "{problem}"
        );
    }

    #[test]
    fn tokens_never_cross_the_network_in_clear_by_mistake() {
        assert!(problem("listen = \"0.0.0.0:8080\"\n").1.contains("[tls]"));
        assert!(load("listen = \"0.0.0.0:8080\"\nbehind_proxy = true\n", "").is_ok());
    }

    #[test]
    fn an_ephi_system_closes_within_the_hour_or_says_who_signed() {
        let system = "[[practice]]\nname = \"elm\"\n[[practice.system]]\nname = \"ehr\"\ncategory = \"ehr\"\nconnector = \"scim\"\nholds_ephi = true\nclose_within = \"2 hours\"\n";

        assert!(problem(system).1.contains("close_within_exception"));
        assert!(
            load(
                &format!("{system}close_within_exception = \"batch import, Dana Ruiz\"\n"),
                ""
            )
            .is_ok()
        );
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = "listen = \"nowhere\"\n[[practice]]\nname = \"Elm Street\"\ntime_zone = \"Mars/Base\"\n";

        assert_eq!(load(text, "").unwrap_err().problems.len(), 3);
    }
}
