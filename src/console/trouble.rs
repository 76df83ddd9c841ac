//! What is answered when a page cannot be shown or a button did nothing: always in words, always with the
//! way out, and never without what was typed.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::civil::{Date, DateTime};

use super::{
    admit::{CSRF, Fields, Visit},
    frame::{self, Frame, page},
    kept, words,
};
use crate::{
    policy::office::Action,
    store::{Dialect, StoreError},
};

/// What a page answers: itself, or what happened instead.
pub(super) type Answer = Result<Response, Happened>;

/// Why a page could not be shown or a button did nothing.
#[derive(Debug, Clone)]
pub(super) enum Happened {
    /// There is no such thing in this practice.
    NotThere,
    /// The archive did not answer, or could not be written.
    NoArchive(String),
    /// A rule says no; the text says why.
    Refused(String),
}

impl From<StoreError> for Happened {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Nul => Self::NotThere,
            error => Self::NoArchive(error.to_string()),
        }
    }
}

impl IntoResponse for Happened {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        // The guard makes a page of it: only there is known who asks, and what they typed.
        response.extensions_mut().insert(self);
        response
    }
}

/// A field that comes back filled.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) label: &'static str,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_long: bool,
    /// What kind of input takes it.
    pub(super) kind: &'static str,
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble {
    frame: Frame,
    heading: String,
    text: String,
    /// Where the button sends the form again; empty for none.
    again: String,
    /// What the form carried to prove where it comes from: it goes back as it came. When the database could
    /// not say who is signed in, nothing else is known of it.
    csrf: String,
    fields: Vec<Field>,
    hidden: Vec<(String, String)>,
    /// Whether a file came with the form: it is to be picked again.
    had_file: bool,
    /// Whether the fields are only shown, for copying.
    is_read_only: bool,
    /// Where to go instead.
    way_out: (String, &'static str),
}

/// What people read beside a field.
pub(super) fn label(name: &str) -> Option<&'static str> {
    Some(match name {
        "by" => "Who did it",
        "done" => "When",
        "ended" => "The work ended",
        "confirmed" => "HR confirmed it",
        "at" => "When",
        "how" => "How it was checked",
        "note" => "Note",
        "reason" => "Reason",
        "signer" => "Who answers for it",
        "until" => "Until the end of",
        "name" => "Name",
        "email" => "E-mail",
        "role" => "Role",
        "days" => "Days",
        "minutes" => "Minutes until it comes back",
        "overlap" => "Days for which the one before works",
        "source" => "Source",
        _ => return None,
    })
}

/// What kind of input a field is. One for times shows nothing of what is no time, so that stays a text.
fn kind(name: &str, value: &str) -> &'static str {
    match name {
        "done" | "ended" | "confirmed" | "at" if value.parse::<DateTime>().is_ok() => {
            "datetime-local"
        }
        "until" if value.parse::<Date>().is_ok() => "date",
        _ => "text",
    }
}

/// What was typed, and what goes along unseen.
pub(super) fn fields_of(form: &Fields) -> (Vec<Field>, Vec<(String, String)>) {
    let (mut fields, mut hidden) = (Vec::new(), Vec::new());
    for (name, value) in form.iter().filter(|(name, _)| *name != CSRF) {
        match label(name) {
            Some(label) => fields.push(Field {
                label,
                name: name.to_owned(),
                value: value.to_owned(),
                is_long: matches!(name, "how" | "note" | "reason"),
                kind: kind(name, value),
            }),
            None => hidden.push((name.to_owned(), value.to_owned())),
        }
    }
    (fields, hidden)
}

/// The way out where there is no nearer one.
fn board() -> (String, &'static str) {
    ("/".to_owned(), "To the departures board")
}

/// Says, after what went wrong, where to find what was typed.
const fn kept(fields: &[Field]) -> &'static str {
    if fields.is_empty() {
        ""
    } else {
        " What you typed was not saved; it is below, for copying."
    }
}

/// Makes a page of what happened.
pub(super) async fn tell(visit: &Visit, happened: &Happened) -> Response {
    match happened {
        Happened::NotThere => {
            let frame = Frame::of(visit, "Not here").await;
            let trouble = Trouble {
                frame,
                heading: "There is nothing here".to_owned(),
                text: "It may have been removed, or the link is not complete.".to_owned(),
                again: String::new(),
                csrf: String::new(),
                fields: Vec::new(),
                hidden: Vec::new(),
                had_file: false,
                is_read_only: true,
                way_out: board(),
            };
            page(StatusCode::NOT_FOUND, &trouble)
        }
        Happened::NoArchive(why) => {
            let stands = stands(visit.office.store.dialect());
            no_archive(visit, why, stands)
        }
        Happened::Refused(why) => {
            let (fields, hidden) = fields_of(&visit.form);
            let trouble = Trouble {
                frame: Frame::of(visit, "Nothing was changed").await,
                heading: "Nothing was changed".to_owned(),
                text: words::for_here(why),
                again: visit.path.clone(),
                csrf: visit.form.get(CSRF).to_owned(),
                fields,
                hidden,
                had_file: visit.file.is_some(),
                is_read_only: false,
                way_out: board(),
            };
            page(StatusCode::UNPROCESSABLE_ENTITY, &trouble)
        }
    }
}

/// What is known of a change that the database did not confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Nothing of it was written.
    AsBefore,
    /// All of it was written, or nothing.
    Unknown,
}

/// What is known when the database failed while a button was at work.
const fn stands(dialect: Dialect) -> Stands {
    match dialect {
        Dialect::Sqlite => Stands::AsBefore,
        // The connection may have been lost after the commit was sent.
        Dialect::Postgres => Stands::Unknown,
    }
}

fn no_archive(visit: &Visit, why: &str, stands: Stands) -> Response {
    tracing::error!(why, "a page of the console could not reach the database");
    let is_form = visit.form.iter().next().is_some();
    let (fields, hidden) = fields_of(&visit.form);
    let (title, heading, text) = match (is_form, stands) {
        (false, _) => (
            "Not now",
            "The page cannot be shown now",
            "The database did not answer. The bridge goes on trying; open the page again in a moment.",
        ),
        (true, Stands::AsBefore) => (
            "Nothing was changed",
            "Nothing was changed yet",
            "The database did not take it: it is locked, full or out of reach. Nothing was changed, and what you \
             typed is kept below. Closing of doors goes on as soon as it can be written again.",
        ),
        (true, Stands::Unknown) => (
            "Not confirmed",
            "The database did not confirm it",
            "It is locked, full or out of reach. It is not known whether anything was changed: look before you \
             send it again. What you typed is kept below. Closing of doors goes on as soon as it can be written \
             again.",
        ),
    };
    let trouble = Trouble {
        frame: Frame::bare(visit, title),
        heading: heading.to_owned(),
        text: text.to_owned(),
        again: if is_form {
            visit.path.clone()
        } else {
            String::new()
        },
        csrf: visit.form.get(CSRF).to_owned(),
        fields,
        hidden,
        had_file: visit.file.is_some(),
        is_read_only: false,
        way_out: board(),
    };
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, &trouble);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, header::HeaderValue::from_static("10"));
    response
}

/// The archive could not even say who is signed in, so nothing was asked of it.
pub(super) fn unavailable(visit: &Visit, error: &StoreError) -> Response {
    no_archive(visit, &error.to_string(), Stands::AsBefore)
}

/// Somebody is not signed in, or not any more. What they typed is kept for them if the time alone signed them out,
/// and shown for copying.
pub(super) async fn not_signed_in(visit: &Visit) -> Response {
    let (fields, _) = fields_of(&visit.form);
    let place = match &visit.was_signed_in {
        Some(someone) => kept::keep_for(visit, someone).await,
        None => None,
    };
    let kept = match &place {
        Some(_) => {
            " What you sent is kept for you: sign in within the hour, and it is shown again, to be sent by a press."
        }
        None => kept(&fields),
    };
    // Whoever only looked is led back to where they were.
    let next = match (&place, visit.form.is_empty()) {
        (Some(place), _) => place.as_str(),
        (None, true) => frame::ours(&visit.path).unwrap_or_default(),
        (None, false) => "",
    };
    let trouble = Trouble {
        frame: Frame::bare(visit, "Sign in"),
        heading: "You are not signed in".to_owned(),
        text: format!(
            "A session ends after 15 minutes without a click (30 for an auditor), after 8 hours, and when you sign out.{kept}"
        ),
        again: String::new(),
        csrf: String::new(),
        fields,
        hidden: Vec::new(),
        had_file: false,
        is_read_only: true,
        way_out: (format!("/sign-in?next={next}"), "How to sign in"),
    };
    page(StatusCode::UNAUTHORIZED, &trouble)
}

/// Their role does not allow it.
pub(super) async fn may_not(visit: &Visit, action: Action) -> Response {
    let admin = &visit.signed_in().session.admin;
    tracing::warn!(
        practice.name = %admin.practice, admin.id = %admin.id, role = admin.role.as_str(), action = ?action,
        path = visit.path, "somebody in the console asked for what their role does not allow"
    );
    let trouble = Trouble {
        frame: Frame::of(visit, "Not for your role").await,
        heading: "Your role does not include this".to_owned(),
        text: format!(
            "You are signed in as {}: {}. An owner of the practice can give you another role.",
            admin.role.as_str(),
            admin.role.in_words()
        ),
        again: String::new(),
        csrf: String::new(),
        fields: Vec::new(),
        hidden: Vec::new(),
        had_file: false,
        is_read_only: true,
        way_out: (frame::home(admin.role).to_owned(), "To your first page"),
    };
    page(StatusCode::FORBIDDEN, &trouble)
}

/// A form that no page of ours sent. Says nothing that a page elsewhere could use: what such a
/// page sent was not even read. What was typed here, before somebody signed in again, is shown for copying.
pub(super) fn refuse(visit: &Visit, why: &'static str) -> Response {
    tracing::warn!(path = visit.path, why, "refused a form");
    let (fields, _) = fields_of(&visit.form);
    let kept = kept(&fields);
    let trouble = Trouble {
        frame: Frame::bare(visit, "Nothing was changed"),
        heading: "Nothing was changed".to_owned(),
        text: format!(
            "The form did not come from a page of this console that you have open now. Open the page again \
             and press the button there.{kept}"
        ),
        again: String::new(),
        csrf: String::new(),
        fields,
        hidden: Vec::new(),
        had_file: false,
        is_read_only: true,
        way_out: board(),
    };
    page(StatusCode::FORBIDDEN, &trouble)
}

/// A request that is no form of ours at all.
pub(super) fn bare(visit: &Visit, status: StatusCode) -> Response {
    tracing::warn!(path = visit.path, %status, "refused what is no form");
    status.into_response()
}

/// What a rule says, as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_a_commit_whose_answer_was_lost() {
        assert_eq!(stands(Dialect::Postgres), Stands::Unknown);
        assert_eq!(stands(Dialect::Sqlite), Stands::AsBefore);
    }
}
