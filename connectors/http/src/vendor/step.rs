//! The steps of a vendor file: what is sent, and how success looks.

use serde::Deserialize;

use super::{
    condition::{Condition, RawCondition},
    error::{Key, VendorFileError},
    paging::{Paging, RawPaging},
    pointer::Pointer,
    request::{RequestTemplate, Written},
    template::Placeholder,
};

/// Statuses that mean yes where the file names none.
const SUCCESS: [u16; 3] = [200, 201, 204];

/// Statuses that mean "there is no such account" where the file names none.
const ABSENT: [u16; 2] = [404, 410];

/// What every step has, as it is written; each table adds keys of its own.
macro_rules! written_step {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            request: String,
            json: Option<toml::Value>,
            form: Option<toml::Table>,
            success: Option<Vec<u16>>,
            #[serde(default)]
            expect: Vec<RawCondition>,
            $($(#[$field_doc])* $field: $type,)*
        }

        impl $name {
            fn step(&self, key: &Key<'_>, allowed: &[Placeholder]) -> Result<Step, VendorFileError> {
                let written = Written { request: &self.request, json: self.json.as_ref(), form: self.form.as_ref() };
                Step::parse(written, self.success.as_deref(), &self.expect, allowed, key)
            }
        }
    };
}

written_step!(
    /// A step with nothing of its own: `[check]`, `[enable]`, `[set_levels]` and so on.
    RawStep {}
);
written_step!(
    /// `[read]` as it is written.
    RawRead {
        #[serde(default)]
        at: String,
        absent: Option<Vec<u16>>,
    }
);
written_step!(
    /// `[[find]]` as it is written.
    RawFind {
        by: Option<Vec<IdentifierKind>>,
        #[serde(default)]
        at: String,
        absent: Option<Vec<u16>>,
        #[serde(default = "yes")]
        exact: bool,
        paging: Option<RawPaging>,
    }
);
written_step!(
    /// `[list]` as it is written.
    RawList {
        at: String,
        paging: Option<RawPaging>,
    }
);
written_step!(
    /// `[create]` as it is written.
    RawCreate {
        id: Option<String>,
    }
);
written_step!(
    /// `[[close]]` as it is written.
    RawClose {
        #[serde(default)]
        does: Does,
        #[serde(default)]
        always: bool,
    }
);
written_step!(
    /// `[sessions]` as it is written.
    RawSessions {
        open: String,
    }
);

fn yes() -> bool {
    true
}

/// One request and how its success looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is sent.
    pub request: RequestTemplate,
    /// Statuses that mean yes.
    pub success: Vec<u16>,
    /// What must hold in the answer besides, or it was no success.
    pub expect: Vec<Condition>,
}

impl Step {
    fn parse(
        written: Written<'_>,
        success: Option<&[u16]>,
        expect: &[RawCondition],
        allowed: &[Placeholder],
        key: &Key<'_>,
    ) -> Result<Self, VendorFileError> {
        let request = RequestTemplate::parse(written, allowed)
            .map_err(|problem| key.wrong("request", problem))?;
        let success = success.unwrap_or(&SUCCESS).to_vec();
        if success.is_empty() {
            return Err(key.wrong("success", "names no status: take the key out, or name one"));
        }
        if let Some(status) = success
            .iter()
            .find(|status| !matches!(status, 200 | 201 | 203..=299))
        {
            let why = match status {
                202 => {
                    "202 says \"later\", and later is never a success: name the status of a finished call"
                }
                _ => {
                    "only statuses from 200 to 299 can be a success: use `[[failure]]` with `class = \"already\"` for others"
                }
            };
            return Err(key.wrong("success", why));
        }
        Ok(Self {
            request,
            success,
            expect: key.each("expect", expect, Condition::parse)?,
        })
    }
}

impl Step {
    /// Whether success is recognised by text. Every other success must be JSON or empty: a page for people
    /// with status 200 is a login page or a proxy, not a yes.
    pub fn expects_text(&self) -> bool {
        self.expect
            .iter()
            .any(|condition| matches!(condition, Condition::Contains(_)))
    }
}

impl RawStep {
    /// A step that may use these placeholders.
    ///
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>, allowed: &[Placeholder]) -> Result<Step, VendorFileError> {
        self.step(key, allowed)
    }
}

/// Reads one account by the system's id.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The request.
    pub step: Step,
    /// Where the record is.
    pub at: Pointer,
    /// Statuses that mean there is no such account.
    pub absent: Vec<u16>,
}

impl RawRead {
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>) -> Result<Read, VendorFileError> {
        let step = self.step(key, &[Placeholder::AccountId])?;
        needs(&step, Placeholder::AccountId, key)?;
        Ok(Read {
            step,
            at: Pointer::parse_to_one(&self.at).map_err(|problem| key.wrong("at", problem))?,
            absent: absent(self.absent.as_deref(), key)?,
        })
    }
}

/// A kind of identifier a person bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// SCIM `userName`.
    UserName,
    /// An e-mail address.
    Email,
    /// SCIM `externalId`.
    ExternalId,
    /// SCIM `employeeNumber`.
    EmployeeNumber,
}

impl IdentifierKind {
    const ALL: [Self; 4] = [
        Self::UserName,
        Self::Email,
        Self::ExternalId,
        Self::EmployeeNumber,
    ];
}

/// Searches accounts by one identifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Find {
    /// The kinds of identifier this search is made with, one request for each the person ever bore.
    pub by: Vec<IdentifierKind>,
    /// The request.
    pub step: Step,
    /// Where the records are: a list, or one record.
    pub at: Pointer,
    /// Statuses that mean there is none.
    pub absent: Vec<u16>,
    /// The search answers with accounts that bear the identifier and no others. Then another one in
    /// the answer means that the search was not heeded.
    pub exact: bool,
    /// How the answer goes on.
    pub paging: Paging,
}

impl RawFind {
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>) -> Result<Find, VendorFileError> {
        let step = self.step(
            key,
            &[
                Placeholder::Identifier,
                Placeholder::Offset,
                Placeholder::Page,
                Placeholder::Cursor,
            ],
        )?;
        needs(&step, Placeholder::Identifier, key)?;
        let by = self
            .by
            .clone()
            .unwrap_or_else(|| IdentifierKind::ALL.to_vec());
        if by.is_empty() {
            return Err(key.wrong(
                "by",
                "names nothing to search by: take the key out to search by everything",
            ));
        }
        Ok(Find {
            by,
            at: Pointer::parse_to_one(&self.at).map_err(|problem| key.wrong("at", problem))?,
            absent: absent(self.absent.as_deref(), key)?,
            exact: self.exact,
            paging: Paging::parse(self.paging.as_ref(), &step.request, key)?,
            step,
        })
    }
}

/// Lists all accounts.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// The request.
    pub step: Step,
    /// Where the list of records is.
    pub at: Pointer,
    /// How it goes on.
    pub paging: Paging,
}

impl RawList {
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>) -> Result<List, VendorFileError> {
        let step = self.step(
            key,
            &[Placeholder::Offset, Placeholder::Page, Placeholder::Cursor],
        )?;
        Ok(List {
            at: Pointer::parse_to_one(&self.at).map_err(|problem| key.wrong("at", problem))?,
            paging: Paging::parse(self.paging.as_ref(), &step.request, key)?,
            step,
        })
    }
}

/// Creates an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// The request.
    pub step: Step,
    /// Where the new account's id is in the answer.
    pub id: Pointer,
}

impl RawCreate {
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>, record_id: &Pointer) -> Result<Create, VendorFileError> {
        let step = self.step(
            key,
            &[
                Placeholder::UserName,
                Placeholder::Email,
                Placeholder::ExternalId,
                Placeholder::EmployeeNumber,
                Placeholder::DisplayName,
                Placeholder::GivenName,
                Placeholder::FamilyName,
                Placeholder::Levels,
                Placeholder::RandomPassword,
                Placeholder::IdempotencyKey,
            ],
        )?;
        let id = match &self.id {
            Some(id) => Pointer::parse_to_one(id).map_err(|problem| key.wrong("id", problem))?,
            None => record_id.clone(),
        };
        Ok(Create { step, id })
    }
}

/// What a step of a close does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It refuses new logins.
    #[default]
    Block,
    /// It ends open sessions.
    EndSessions,
    /// It does both: the vendor documents that blocking cuts what is open.
    Both,
}

impl Does {
    /// Whether new logins are refused by it.
    pub fn blocks(self) -> bool {
        matches!(self, Self::Block | Self::Both)
    }

    /// Whether open sessions are ended by it.
    pub fn ends_sessions(self) -> bool {
        matches!(self, Self::EndSessions | Self::Both)
    }
}

/// One step of a close.
#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    /// The request.
    pub step: Step,
    /// What it does.
    pub does: Does,
    /// It is sent also when the account reads as disabled, because the reading does not show it.
    pub always: bool,
}

impl RawClose {
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>) -> Result<Close, VendorFileError> {
        let step = self.step(key, &ON_ACCOUNT)?;
        if step.request.line.to_ascii_lowercase().contains("purge") {
            return Err(key.wrong(
                "request",
                "asks to purge: an account is never deleted, take it out",
            ));
        }
        Ok(Close {
            step,
            does: self.does,
            always: self.always,
        })
    }
}

/// Reads how many sessions an account has open.
#[derive(Debug, Clone, PartialEq)]
pub struct CountSessions {
    /// The request.
    pub step: Step,
    /// Where the sessions are (`/sessions/*`: each counts one), or their number.
    pub open: Pointer,
}

impl RawSessions {
    /// # Errors
    /// Names the key that cannot be read.
    pub fn parse(&self, key: &Key<'_>) -> Result<CountSessions, VendorFileError> {
        Ok(CountSessions {
            step: self.step(key, &[Placeholder::AccountId, Placeholder::Login])?,
            open: Pointer::parse(&self.open).map_err(|problem| key.wrong("open", problem))?,
        })
    }
}

fn absent(written: Option<&[u16]>, key: &Key<'_>) -> Result<Vec<u16>, VendorFileError> {
    let statuses = written.unwrap_or(&ABSENT);
    if !statuses.iter().all(|status| (400..500).contains(status)) {
        return Err(key.wrong(
            "absent",
            "only statuses from 400 to 499 say for certain that there is none: take the others out",
        ));
    }
    Ok(statuses.to_vec())
}

/// What a step on a known account may use.
pub const ON_ACCOUNT: [Placeholder; 3] = [
    Placeholder::AccountId,
    Placeholder::Login,
    Placeholder::IdempotencyKey,
];

/// # Errors
/// When the request lacks the placeholder without which it could not mean this account or level.
pub fn needs(step: &Step, placeholder: Placeholder, key: &Key<'_>) -> Result<(), VendorFileError> {
    if step.request.has(placeholder) {
        return Ok(());
    }
    Err(key.wrong(
        "request",
        format!("`{placeholder}` is missing: this step cannot mean one without it"),
    ))
}
