//! From what is written to what is used: checked once, then never again.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::{
    ConfigError, Database, Limits, Practice, Problem, Settings, Tls, Waits,
    console::console,
    events::events,
    practice::{Surroundings, practice},
    section::{File, Section},
    value::Value as _,
};
use crate::store::{Dialect, sqlite_path};

/// What holds where a settings file is silent.
const DEFAULTS: &str = include_str!("../../config/default.toml");

impl Settings {
    /// Reads a settings file and everything it names.
    ///
    /// # Errors
    /// With every mistake that could be found, each with file, line and the way out.
    pub fn load(path: &Path, known_connectors: &[&str]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            problems: vec![Problem {
                file: path.to_owned(),
                line: None,
                text: format!(
                    "cannot be read ({error}): name the settings file with --config FILE; \
                     config/practice.example.toml is one to start from"
                ),
            }],
        })?;
        let defaults = File::parse(Path::new("config/default.toml"), DEFAULTS);
        let file = File::parse(path, &text);
        if !file.is_sound() {
            return Err(ConfigError {
                problems: file.into_problems(),
            });
        }
        let surroundings = Surroundings::new(path, known_connectors);
        let loaded = file
            .root(Some(&defaults))
            .read(|root| settings(root, &surroundings));
        let mut problems = file.into_problems();
        problems.extend(surroundings.problems.into_inner());
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(ConfigError { problems })
        }
    }
}

fn settings(root: &Section<'_>, surroundings: &Surroundings<'_>) -> Settings {
    let base_dir = &surroundings.base_dir;
    let tls = root.within_if_written("tls", |tls| Tls {
        certificate: readable_file(tls, "certificate", base_dir),
        key: readable_file(tls, "key", base_dir),
    });
    let is_https = root.need::<bool>("behind_proxy") || tls.is_some();
    let mut names = BTreeSet::new();
    let events = root.within_if_written("events", events);
    let console = root.within("console", console);
    let practices = root.each("practice", |section| {
        let can = (events.is_some(), console.url.is_some());
        practice(section, &mut names, surroundings, can)
    });
    let by_provider = |practice: &Practice| practice.oidc.is_some();
    if console.url.is_none() && (console.oidc.is_some() || practices.iter().any(by_provider)) {
        root.note_here(
            "an identity provider has to know where to send people back to: write [console] `url`, \
             the address people reach the console at"
                .to_owned(),
        );
    }
    Settings {
        console,
        listen: listen(root, is_https),
        database: database(root, base_dir),
        second_ledger: second_ledger(root, base_dir),
        tls,
        is_https,
        metrics_listen: root.find("metrics_listen"),
        limits: root.within("limits", limits),
        practices,
        checkpoint_key: root.find("checkpoint_key"),
        events,
        base_dir: base_dir.clone(),
    }
}

fn listen(root: &Section<'_>, is_https: bool) -> SocketAddr {
    let address = root.need_at::<SocketAddr>("listen");
    if !address.get_ref().ip().is_loopback() && !is_https {
        root.note(
            &address.span(),
            "tokens would cross the network in clear: add [tls] with certificate and key, or \
             `behind_proxy = true` when a proxy ends TLS, or listen on 127.0.0.1"
                .to_owned(),
        );
    }
    address.into_inner()
}

fn limits(limits: &Section<'_>) -> Limits {
    let rate = limits.find_at::<f64>("requests_per_second");
    if let Some(rate) = &rate
        && *rate.get_ref() <= 0.0
    {
        let text = "`requests_per_second` must be more than 0: leave it out for no limit";
        limits.note(&rate.span(), text.to_owned());
    }
    Limits {
        requests_per_second: rate.map(Spanned::into_inner),
        concurrency: limits.need("concurrency"),
        body_bytes: limits.need("body_bytes"),
        connections: limits.need("connections"),
        waits: Waits::default(),
    }
}

fn database(root: &Section<'_>, base_dir: &Path) -> Database {
    let Some(written) = root.need_if_right::<Database>("database") else {
        return Database::stand_in();
    };
    let Database::Url(url) = written.get_ref() else {
        return written.into_inner();
    };
    let wrong = |text: &str| root.note(&written.span(), text.to_owned());
    if Dialect::of_url(url).is_none() {
        wrong(
            "`database` names no database this program knows: write \"sqlite://drawbridge.db\" or \
             \"postgres://user@host/name\"",
        );
    }
    if url::Url::parse(url).is_ok_and(|url| url.password().is_some()) {
        wrong(
            "`database` holds a password: put the URL into a file or variable and write \
             `database = { env = \"DATABASE_URL\" }`",
        );
    }
    match sqlite_path(url) {
        Some(path) if path.is_relative() => {
            Database::Url(format!("sqlite://{}", base_dir.join(path).display()))
        }
        _ => written.into_inner(),
    }
}

fn second_ledger(root: &Section<'_>, base_dir: &Path) -> Option<PathBuf> {
    let written = root.find_at::<PathBuf>("second_ledger")?;
    if let Some(Database::Url(url)) = root.find::<Database>("database")
        && Dialect::of_url(&url) == Some(Dialect::Postgres)
    {
        let text = "`second_ledger` belongs to a SQLite database: take it out, PostgreSQL works without one";
        root.note(&written.span(), text.to_owned());
    }
    Some(base_dir.join(written.into_inner()))
}

/// The path of a file that can be read now: better refused at the start than at the first handshake.
fn readable_file(section: &Section<'_>, key: &'static str, base_dir: &Path) -> PathBuf {
    let Some(written) = section.need_if_right::<PathBuf>(key) else {
        return PathBuf::stand_in();
    };
    let path = base_dir.join(written.get_ref());
    if let Err(error) = std::fs::File::open(&path) {
        let text = format!(
            "`{key}` names `{}`, which cannot be read ({error}): paths are relative to this file",
            path.display()
        );
        section.note(&written.span(), text);
    }
    path
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Loads these settings, with this roles file beside them.
    pub(in crate::config) fn load(text: &str, roles: &str) -> Result<Settings, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("practice.toml"), text).expect("written");
        std::fs::write(folder.path().join("roles.toml"), roles).expect("written");
        std::fs::write(folder.path().join("cert.pem"), "").expect("written");
        Settings::load(
            &folder.path().join("practice.toml"),
            &["ldap", "scim", "sandbox"],
        )
    }

    /// File name, line and text of every mistake in these settings.
    pub(in crate::config) fn problems(text: &str) -> Vec<(usize, String)> {
        all_problems(text, "")
            .into_iter()
            .map(|(_, line, text)| (line, text))
            .collect()
    }

    pub(in crate::config) fn all_problems(text: &str, roles: &str) -> Vec<(String, usize, String)> {
        let error = load(text, roles).expect_err("there are mistakes");
        let row = |problem: Problem| {
            let file = problem.file.file_name().expect("a name");
            (
                file.to_string_lossy().into_owned(),
                problem.line.expect("a line"),
                problem.text,
            )
        };
        error.problems.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{testing::*, *};

    #[test]
    fn an_empty_file_means_the_defaults() {
        let settings = load("", "").unwrap();

        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.limits.requests_per_second, None);
        assert_eq!(settings.limits.body_bytes, 1024 * 1024);
        assert_eq!(settings.limits.connections, 1024);
        assert_eq!(settings.metrics_listen, None);
        assert!(settings.practices.is_empty());
        let Database::Url(url) = settings.database else {
            panic!("a plain URL");
        };
        assert!(url.ends_with("/drawbridge.db"), "beside the file: {url}");
    }

    #[test]
    fn the_second_ledger_is_beside_a_sqlite_database_unless_named() {
        let path = |text: &str| load(text, "").unwrap().second_ledger().unwrap();

        let beside = path("").unwrap();
        let named = path("second_ledger = \"/mnt/other/second\"\n").unwrap();
        let of_postgres = path("database = \"postgres://user@host/name\"\n");
        let wrong =
            "database = \"postgres://user@host/name\"\nsecond_ledger = \"/mnt/other/second\"\n";
        let problems = problems(wrong);

        assert!(beside.ends_with("drawbridge.db.second"), "{beside:?}");
        assert_eq!(named, Path::new("/mnt/other/second"));
        assert_eq!(of_postgres, None);
        assert_eq!((problems.len(), problems[0].0), (1, 2), "{problems:?}");
    }

    #[test]
    fn every_default_of_a_practice_and_its_parts_is_in_the_default_file() {
        let text = "[[practice]]\nname = \"elm\"\n[[practice.source]]\nname = \"entra\"\n[[practice.system]]\n\
                    name = \"ehr\"\ncategory = \"ehr\"\nconnector = \"scim\"\n";

        let practice = load(text, "").unwrap().practices.remove(0);

        assert_eq!(practice.title, "elm");
        assert_eq!(practice.close_within, Duration::from_secs(3_600));
        assert_eq!(practice.hold_for, Duration::from_secs(30 * 86_400));
        assert_eq!(practice.role_grace, Duration::from_secs(900));
        assert_eq!((practice.brake.people, practice.brake.share), (5, 0.2));
        assert!(!practice.brake.off && !practice.sources[0].strict);
        let system = &practice.systems[0];
        assert_eq!(
            (system.settle, system.concurrency),
            (Duration::from_secs(120), 4)
        );
        assert!(!system.holds_ephi && !system.retired && system.close_within.is_none());
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_line_and_the_way_out() {
        let text = r#"listen = "nowhere"
databse = "sqlite://x.db"

[limits]
concurrency = "many"

[[practice]]
name = "Elm Street"
time_zone = "Mars/Base"
close_withn = "60 min"
hold_for = 30

[practice.brake]
share = 20

[[practice.system]]
name = "ad"
category = "directry"
connector = "ldpa"
"#;

        let problems: Vec<String> = problems(text)
            .into_iter()
            .map(|(line, text)| format!("{line}: {text}"))
            .collect();

        assert_eq!(
            problems,
            [
                "1: `listen` must be an address and a port such as \"127.0.0.1:8080\", not `nowhere`",
                "2: there is no key `databse` in the file before its first section: did you mean `database`?",
                "5: `concurrency` must be a whole number from 1, not `many`",
                "8: `Elm Street` cannot be the name of a practice: use small letters, digits, `-` and `_`; \
                 what people read is its `title`",
                "9: there is no time zone `Mars/Base`: write an IANA name such as \"America/Chicago\"",
                "10: there is no key `close_withn` in [[practice]]: did you mean `close_within`?",
                "11: `hold_for` must be a duration such as \"60 min\", \"30 days\" or \"120 s\", not a number",
                "14: `share` must be between 0 and 1: write 0.2 for 20 %",
                "18: `category` names no category that is known (`directry`): did you mean `directory`?",
                "19: there is no connector `ldpa`: did you mean `ldap`?",
            ]
        );
    }

    #[test]
    fn a_limit_that_lets_nobody_in_is_refused() {
        for wrong in [
            "concurrency = 0",
            "body_bytes = 0",
            "connections = 0",
            "requests_per_second = 0",
            "requests_per_second = -1.5",
        ] {
            let found = problems(&format!("[limits]\n{wrong}\n"));
            assert_eq!((found.len(), found[0].0), (1, 2), "{wrong}: {found:?}");
        }
        let least = "[limits]\nconcurrency = 1\nrequests_per_second = 0.5\n";
        assert_eq!(
            load(least, "").unwrap().limits.requests_per_second,
            Some(0.5)
        );
    }

    #[test]
    fn text_that_is_no_toml_is_named_with_its_line() {
        let problems = problems("listen = \"127.0.0.1:0\"\n[[practice]\nname = \"elm\"\n");

        assert_eq!(problems[0].0, 2, "{problems:?}");
    }

    #[test]
    fn a_section_written_as_the_wrong_kind_says_how_to_write_it() {
        assert_eq!(
            problems("[practice]\nname = \"elm\"\n")[0].1,
            "`practice` is a list of sections: begin each with [[practice]]"
        );
        assert_eq!(
            problems("limits = 5\n")[0].1,
            "`limits` is a section of its own, not a number"
        );
    }

    #[test]
    fn a_missing_key_names_its_section() {
        let text = "[[practice]]\nname = \"elm\"\n\n[[practice.system]]\nname = \"ehr\"\ncategory = \"ehr\"\n";

        assert_eq!(
            problems(text),
            [(
                4,
                "`connector` is missing in [[practice.system]]: it must be text in quotes that is not empty"
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_settings_file_that_is_not_there_says_where_to_start() {
        let error = Settings::load(Path::new("/nowhere/practice.toml"), &[]).unwrap_err();

        assert!(
            error
                .to_string()
                .starts_with("/nowhere/practice.toml: cannot be read")
        );
        assert!(error.to_string().contains("--config"));
    }

    #[test]
    fn tokens_never_cross_the_network_in_clear_by_mistake() {
        assert!(
            problems("listen = \"0.0.0.0:8080\"\n")[0]
                .1
                .contains("[tls]")
        );
        for protected in [
            "listen = \"0.0.0.0:8080\"\nbehind_proxy = true\n",
            "listen = \"[::]:443\"\n[tls]\ncertificate = \"cert.pem\"\nkey = \"cert.pem\"\n",
            "listen = \"[::1]:8080\"\n",
        ] {
            assert!(load(protected, "").is_ok(), "{protected}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_found_before_the_start() {
        let found = problems("[tls]\ncertificate = \"cert.pem\"\nkey = \"missing.pem\"\n");

        assert_eq!(found.len(), 1);
        assert!(
            found[0].0 == 3 && found[0].1.contains("missing.pem"),
            "{found:?}"
        );
    }

    #[test]
    fn a_password_is_never_written_in_the_settings_nor_repeated() {
        for text in [
            "database = \"postgres://bridge:hunter2@db/bridge\"\n",
            "database = { password = \"hunter2\" }\n",
        ] {
            let (line, text) = problems(text).remove(0);
            assert_eq!(line, 1);
            assert!(
                text.contains("env = ") && !text.contains("hunter2"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_database_may_be_a_secret() {
        let settings = load("database = { file = \"cert.pem\" }\n", "").unwrap();

        assert!(matches!(settings.database, Database::Secret(_)));
    }
}
