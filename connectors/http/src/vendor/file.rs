//! A vendor file as a whole: parsed once into a type that cannot be wrong.

use std::{collections::BTreeMap, time::Duration};

use drawbridge_sdk::Way;
use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use super::{
    auth::{Auth, check_header},
    error::{Key, VendorFileError},
    failure::{FailureRule, RawFailure},
    record::{RawRecord, RecordShape},
    step::{
        Close, CountSessions, Create, Does, Find, List, ON_ACCOUNT, RawClose, RawCreate, RawFind,
        RawList, RawRead, RawSessions, RawStep, Read, Step, needs,
    },
    template::Placeholder,
};

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVendorFile {
    title: String,
    documentation: String,
    read_on: toml::value::Datetime,
    tested: String,
    #[serde(default = "account")]
    way: Way,
    base_url: Option<String>,
    disabled_means: String,
    session_lifetime: Option<String>,
    residual: Option<String>,
    idempotency_header: Option<String>,
    #[serde(default)]
    find_by_listing: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    auth: Vec<Auth>,
    #[serde(default)]
    failure: Vec<RawFailure>,
    check: RawStep,
    record: RawRecord,
    read: Option<RawRead>,
    #[serde(default)]
    find: Vec<RawFind>,
    list: Option<RawList>,
    create: Option<RawCreate>,
    enable: Option<RawStep>,
    set_levels: Option<RawStep>,
    add_level: Option<RawStep>,
    remove_level: Option<RawStep>,
    #[serde(default)]
    close: Vec<RawClose>,
    sessions: Option<RawSessions>,
}

fn account() -> Way {
    Way::Account
}

/// Everything Drawbridge knows of one vendor's REST interface.
#[derive(Debug, Clone, PartialEq)]
pub struct VendorFile {
    /// The product's name for people.
    pub title: String,
    /// The page that was followed.
    pub documentation: String,
    /// The day it was read.
    pub read_on: String,
    /// What it was tested against.
    pub tested: String,
    /// The way in that it serves.
    pub way: Way,
    /// Where the interface is, for vendors with one address for everybody.
    pub base_url: Option<Url>,
    /// What "disabled" means there.
    pub disabled_means: String,
    /// How long a session can live on, where that is documented.
    pub session_lifetime: Option<Duration>,
    /// What stays possible after a close.
    pub residual: Option<String>,
    /// The header for the idempotency key, for vendors that know one.
    pub idempotency_header: Option<String>,
    /// Whether a search also reads the whole list, because some identifiers cannot be searched for.
    pub find_by_listing: bool,
    /// Headers of every request.
    pub headers: BTreeMap<String, String>,
    /// How requests are signed.
    pub auth: Vec<Auth>,
    /// Answers that mean something else than their status says.
    pub failures: Vec<FailureRule>,
    /// Proves the credential.
    pub check: Step,
    /// How a record is read.
    pub record: RecordShape,
    /// Reads one account by id.
    pub read: Option<Read>,
    /// Searches by identifiers.
    pub find: Vec<Find>,
    /// Lists all accounts.
    pub list: Option<List>,
    /// Creates an account.
    pub create: Option<Create>,
    /// Enables an account.
    pub enable: Option<Step>,
    /// Sets levels.
    pub levels: Option<LevelSteps>,
    /// Closes an account, in this order.
    pub close: Vec<Close>,
    /// Counts open sessions.
    pub sessions: Option<CountSessions>,
}

/// How levels are set.
#[derive(Debug, Clone, PartialEq)]
pub enum LevelSteps {
    /// One request with the whole list.
    Replace(Step),
    /// One request for each level.
    OneByOne {
        /// Gives a level.
        add: Box<Step>,
        /// Takes a level.
        remove: Box<Step>,
    },
}

impl VendorFile {
    /// Reads a vendor file. `name` is how errors call it.
    ///
    /// # Errors
    /// Names the file, the key and the way out: an unknown key or placeholder, a missing step, a value
    /// that cannot be meant.
    pub fn parse(name: &str, text: &str) -> Result<Self, VendorFileError> {
        let raw: RawVendorFile =
            toml::from_str(text).map_err(|error| VendorFileError::in_file(name, error))?;
        let top = Key::new(name, "");
        for (key, value) in [
            ("title", &raw.title),
            ("documentation", &raw.documentation),
            ("tested", &raw.tested),
            ("disabled_means", &raw.disabled_means),
        ] {
            if value.trim().is_empty() {
                return Err(top.wrong(key, "is empty: people read it, so write a sentence"));
            }
        }
        if raw.read_on.date.is_none() || raw.read_on.time.is_some() {
            return Err(top.wrong("read_on", "must be a plain date, such as 2026-11-23"));
        }
        Auth::check_all(&raw.auth, name)?;
        for (header, value) in &raw.headers {
            check_header(header, value)
                .map_err(|problem| Key::new(name, "headers").wrong("", problem))?;
        }
        if let Some(header) = &raw.idempotency_header {
            check_header(header, "").map_err(|problem| top.wrong("idempotency_header", problem))?;
        }
        let record = RecordShape::parse(&raw.record, &Key::new(name, "record"))?;
        let find = numbered(name, "find", &raw.find, |raw, key| raw.parse(key))?;
        if find.is_empty() && !raw.find_by_listing {
            return Err(top.wrong("find", "is missing: say how an account is found by a person's identifiers, or set `find_by_listing`"));
        }
        if raw.find_by_listing && raw.list.is_none() {
            return Err(top.wrong(
                "find_by_listing",
                "needs `[list]`: say how accounts are listed",
            ));
        }
        let file = Self {
            read_on: raw.read_on.to_string(),
            way: raw.way,
            base_url: raw
                .base_url
                .as_deref()
                .map(|url| base_url(url).map_err(|problem| top.wrong("base_url", problem)))
                .transpose()?,
            session_lifetime: raw
                .session_lifetime
                .as_deref()
                .map(|text| {
                    lifetime(text).map_err(|problem| top.wrong("session_lifetime", problem))
                })
                .transpose()?,
            failures: numbered(name, "failure", &raw.failure, FailureRule::parse)?,
            check: raw.check.parse(&Key::new(name, "check"), &[])?,
            read: raw
                .read
                .as_ref()
                .map(|raw| raw.parse(&Key::new(name, "read")))
                .transpose()?,
            list: raw
                .list
                .as_ref()
                .map(|raw| raw.parse(&Key::new(name, "list")))
                .transpose()?,
            create: raw
                .create
                .as_ref()
                .map(|create| create.parse(&Key::new(name, "create"), &record.id))
                .transpose()?,
            enable: raw
                .enable
                .as_ref()
                .map(|raw| on_account(raw, &Key::new(name, "enable"), &[]))
                .transpose()?,
            levels: level_steps(name, &raw, &record)?,
            close: numbered(name, "close", &raw.close, |raw, key| {
                let close = raw.parse(key)?;
                names_account(&close.step, key)?;
                Ok(close)
            })?,
            sessions: raw
                .sessions
                .as_ref()
                .map(|raw| raw.parse(&Key::new(name, "sessions")))
                .transpose()?,
            title: raw.title,
            documentation: raw.documentation,
            tested: raw.tested,
            disabled_means: raw.disabled_means,
            residual: raw.residual,
            idempotency_header: raw.idempotency_header,
            find_by_listing: raw.find_by_listing,
            headers: raw.headers,
            auth: raw.auth,
            record,
            find,
        };
        file.says_what_stays(&top)?;
        Ok(file)
    }

    /// Whether any step of a close does this.
    pub fn can(&self, wanted: fn(Does) -> bool) -> bool {
        self.close.iter().any(|close| wanted(close.does))
    }

    /// A system whose sessions can be neither ended nor bounded must name what stays open, or its closed
    /// doors would look better than they are.
    fn says_what_stays(&self, top: &Key<'_>) -> Result<(), VendorFileError> {
        let is_known = self.can(Does::ends_sessions)
            || self.session_lifetime.is_some()
            || self.residual.is_some();
        if self.can(Does::blocks) && !is_known {
            return Err(top.wrong(
                "residual",
                "is missing: no step ends sessions and no `session_lifetime` is given, so say what stays open after a close",
            ));
        }
        if !self.close.is_empty() && !self.can(Does::blocks) {
            return Err(top.wrong("close", "no step blocks new logins: say `does = \"block\"` or `\"both\"` at the one that does"));
        }
        Ok(())
    }
}

fn level_steps(
    name: &str,
    raw: &RawVendorFile,
    record: &RecordShape,
) -> Result<Option<LevelSteps>, VendorFileError> {
    let top = Key::new(name, "");
    let one_level = |raw: &RawStep, table: &str| {
        let key = Key::new(name, table);
        let step = on_account(raw, &key, &[Placeholder::Level])?;
        needs(&step, Placeholder::Level, &key)?;
        Ok::<_, VendorFileError>(step)
    };
    let steps = match (&raw.set_levels, &raw.add_level, &raw.remove_level) {
        (None, None, None) => return Ok(None),
        (Some(set), None, None) => {
            let key = Key::new(name, "set_levels");
            let step = on_account(set, &key, &[Placeholder::Levels])?;
            needs(&step, Placeholder::Levels, &key)?;
            LevelSteps::Replace(step)
        }
        (None, Some(add), Some(remove)) => LevelSteps::OneByOne {
            add: Box::new(one_level(add, "add_level")?),
            remove: Box::new(one_level(remove, "remove_level")?),
        },
        (Some(_), ..) => {
            return Err(top.wrong(
                "set_levels",
                "excludes `add_level` and `remove_level`: keep one way",
            ));
        }
        (None, Some(_), None) => {
            return Err(top.wrong(
                "remove_level",
                "is missing: a level that is given must be takeable",
            ));
        }
        (None, None, Some(_)) => {
            return Err(top.wrong(
                "add_level",
                "is missing: a level that is taken must be givable",
            ));
        }
    };
    if !record.has_levels() {
        return Err(Key::new(name, "record")
            .wrong("levels", "is missing: levels that are set must be readable"));
    }
    Ok(Some(steps))
}

fn on_account(
    raw: &RawStep,
    key: &Key<'_>,
    besides: &[Placeholder],
) -> Result<Step, VendorFileError> {
    let allowed: Vec<Placeholder> = ON_ACCOUNT.iter().chain(besides).copied().collect();
    let step = raw.parse(key, &allowed)?;
    names_account(&step, key)?;
    Ok(step)
}

fn names_account(step: &Step, key: &Key<'_>) -> Result<(), VendorFileError> {
    if step.request.has(Placeholder::Login) {
        return Ok(());
    }
    needs(step, Placeholder::AccountId, key)
}

fn numbered<R, T>(
    file: &str,
    table: &str,
    raw: &[R],
    parse: impl Fn(&R, &Key<'_>) -> Result<T, VendorFileError>,
) -> Result<Vec<T>, VendorFileError> {
    raw.iter()
        .enumerate()
        .map(|(index, raw)| parse(raw, &Key::new(file, &format!("{table}[{index}]"))))
        .collect()
}

/// Reads a base address.
///
/// # Errors
/// When it is no http(s) address, or has a query, a fragment or a password in it.
pub fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("`{text}` is no address ({error}): write it as https://host/path")
    })?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(format!(
            "`{text}` is no web address: write it as https://host/path"
        ));
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(
            "must be scheme, host and path alone: take out what follows `?`, `#` or precedes `@`"
                .to_owned(),
        );
    }
    Ok(url)
}

fn lifetime(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| {
            format!("`{text}` is no length of time: write for example \"30m\" or \"8h\"")
        })
}
