//! What stands around every page: the practice, the way to the other pages, what concerns all of them.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{admit::Visit, assets, stay, words};
use crate::policy::office::{Action, OfficeRole};

/// A way to another page.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) href: &'static str,
    pub(super) label: &'static str,
    pub(super) icon: &'static str,
    /// How many things wait there.
    pub(super) count: i64,
    pub(super) is_here: bool,
}

/// Something that concerns every page.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) kind: &'static str,
    pub(super) icon: &'static str,
    pub(super) text: String,
    /// Where to do something about it; empty for nowhere.
    pub(super) href: &'static str,
    pub(super) link: &'static str,
}

/// Whoever is signed in.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) csrf: String,
    /// How many seconds they stay signed in if they press nothing, and at most.
    pub(super) left: (u64, u64),
}

/// What stands around a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) practice: String,
    pub(super) who: Option<Who>,
    pub(super) ways: Vec<Way>,
    pub(super) notices: Vec<Notice>,
    /// What a button did, said once.
    pub(super) said: Option<Notice>,
    pub(super) theme: &'static str,
    /// Whether they may look for people.
    pub(super) finds_people: bool,
    /// Where this page is.
    pub(super) path: String,
    /// What it was asked for, but for what a button said: it asks for the same again.
    pub(super) query: String,
    /// Whether the page asks for itself again when something happened.
    pub(super) is_live: bool,
    /// Where it hears of that.
    pub(super) stream: String,
    /// How often it asks without scripts, in seconds.
    pub(super) refresh: u32,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) htmx: &'static str,
    pub(super) icon: &'static str,
}

impl Frame {
    /// The frame of a page for whoever is signed in.
    pub(super) async fn of(visit: &Visit, title: &str) -> Self {
        let mut frame = Self::bare(visit, title);
        if visit.signed_in.is_none() {
            return frame;
        }
        let store = &visit.office.store;
        // Without an answer there are no numbers beside the names; the page itself says what is wrong.
        let waiting = store.count_waiting(&visit.practice().name, visit.now).await;
        let (failing, held) = waiting.unwrap_or_default();
        frame.ways = ways(visit, failing, held);
        frame.notices = notices(visit).await;
        frame.said = words::said(&visit.query).map(|text| {
            let (kind, icon) = words::how_it_went(&visit.query);
            Notice {
                kind,
                icon,
                text,
                href: "",
                link: "",
            }
        });
        frame
    }

    /// The same, live: it asks for itself again when something happened.
    pub(super) async fn live(visit: &Visit, title: &str) -> Self {
        Self {
            is_live: true,
            ..Self::of(visit, title).await
        }
    }

    /// A frame that asks the archive nothing.
    pub(super) fn bare(visit: &Visit, title: &str) -> Self {
        let someone = visit.signed_in.as_ref();
        Self {
            title: title.to_owned(),
            practice: someone.map_or_else(
                || "Drawbridge".to_owned(),
                |someone| someone.practice.title.clone(),
            ),
            who: someone.map(|someone| Who {
                name: someone.session.admin.name.clone(),
                role: someone.session.admin.role.as_str(),
                csrf: someone.csrf.clone(),
                left: stay::left(someone, visit.now),
            }),
            ways: Vec::new(),
            notices: Vec::new(),
            said: None,
            theme: visit.theme.as_str(),
            finds_people: visit.may(Action::SeePeople),
            path: visit.path.clone(),
            query: visit.query.to_query(&["said", "n", "live"]),
            is_live: false,
            stream: "/live".to_owned(),
            refresh: 30,
            style: assets::style(),
            script: assets::script(),
            htmx: assets::htmx(),
            icon: assets::icon(),
        }
    }

    /// The address of this page.
    pub(super) fn here(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// The same, as a value in another address.
    pub(super) fn here_as_value(&self) -> String {
        url::form_urlencoded::byte_serialize(self.here().as_bytes()).collect()
    }

    /// The same, for a page that asks for itself without scripts.
    pub(super) fn here_again(&self) -> String {
        let and = if self.query.is_empty() { "" } else { "&" };
        format!("{}?{}{and}live=1", self.path, self.query)
    }

    /// What a form of whoever is signed in carries.
    pub(super) fn csrf(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.csrf)
    }
}

fn ways(visit: &Visit, failing: i64, held: i64) -> Vec<Way> {
    let all = [
        ("/", "Departures", "door", 0, Action::SeeBoard),
        (
            "/calls",
            "Failed calls",
            "inbox",
            failing,
            Action::SeePeople,
        ),
        ("/returns", "Returns", "return", held, Action::SeePeople),
        ("/people", "People", "people", 0, Action::SeePeople),
        ("/evidence", "Evidence", "down", 0, Action::ExportEvidence),
        ("/systems", "Systems", "pulse", 0, Action::SeeSystems),
        ("/ledger", "Ledger", "book", 0, Action::ReadLedger),
        ("/settings", "Settings", "gear", 0, Action::SeeSettings),
    ];
    all.into_iter()
        .filter(|(.., action)| visit.may(*action))
        .map(|(href, label, icon, count, _)| Way {
            href,
            label,
            icon,
            count,
            is_here: is_within(&visit.path, href),
        })
        .collect()
}

/// Whether a page belongs to the way that leads here.
fn is_within(path: &str, href: &str) -> bool {
    let under = |way: &str| {
        path.strip_prefix(way)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    match href {
        "/" => path == "/" || under("/cases") || path == "/brake",
        "/calls" => path == "/calls" || path == "/cards" || under("/doors"),
        "/settings" => path == href || under(href) || path == "/alerts",
        _ => path == href || under(href),
    }
}

async fn notices(visit: &Visit) -> Vec<Notice> {
    let store = &visit.office.store;
    let mut notices = Vec::new();
    if store.ping().await.is_err() {
        notices.push(Notice {
            kind: "bad",
            icon: "alert",
            text: "The database cannot be written now. Doors stay as they are until it can; nothing that was \
                   accepted is lost."
                .to_owned(),
            href: "",
            link: "",
        });
    }
    if let Ok(Some(since)) = store.find_opens_wait().await {
        notices.push(Notice {
            kind: "warn",
            icon: "alert",
            text: format!(
                "The database was restored at {since}: nothing is opened until somebody compares it with the \
                 identity provider and signs with `drawbridge restored`."
            ),
            href: "",
            link: "",
        });
    }
    if let Ok(Some(notice)) = super::pages::alerts::notice(visit).await {
        notices.push(notice);
    }
    notices
}

/// An address within this console: a page of ours and nobody else's.
pub(super) fn ours(to: &str) -> Option<&str> {
    let (path, query) = to.split_once('?').unwrap_or((to, ""));
    let all_of = |text: &str, signs: &[u8]| {
        let mut bytes = text.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
    };
    let is_ours = path.starts_with('/')
        && !path.starts_with("//")
        && all_of(path, b"/-_")
        && all_of(query, b"-_.=&%+");
    is_ours.then_some(to)
}

/// The first page of a role.
pub(super) const fn home(role: OfficeRole) -> &'static str {
    if role.may(Action::SeeBoard) {
        "/"
    } else {
        "/systems"
    }
}

/// A page as it is sent.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (
            status,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            html,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that is as it shall be.
pub(super) fn ok(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// A page with a form, which comes back filled where something is wrong with it.
pub(super) fn form(problem: &str, template: &impl Template) -> Response {
    if problem.is_empty() {
        ok(template)
    } else {
        page(StatusCode::UNPROCESSABLE_ENTITY, template)
    }
}

/// After a form that changed something: another page, so that going back or loading again sends nothing
/// twice.
pub(super) fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}
