//! The one table of what can be asked of the office. Tests walk through it.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware,
    routing::{MethodRouter, get, post},
};

use super::{Office, admit, assets, kept, live, pages, passkeys, provider, sign_in, stay};
use crate::policy::office::Action;

/// What somebody must be for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: whoever is not signed in yet asks for it.
    Nothing,
    /// Signed in, in any role.
    Session,
    /// Signed in, in a role that may do this.
    Right(Action),
}

/// One route.
pub struct Route {
    /// GET or POST.
    pub method: Method,
    /// Where, with `{id}` and the like for what changes.
    pub path: &'static str,
    /// What somebody must be.
    pub needs: Needs,
    /// Whether they must have proved who they are within the last minutes.
    pub needs_proof: bool,
    /// Whether its form may bring a file.
    takes_file: bool,
    handler: MethodRouter,
}

impl Route {
    /// The same, with a form that may bring a file.
    const fn with_file(mut self) -> Self {
        self.takes_file = true;
        self
    }

    /// The same for whoever just proved who they are alone.
    const fn with_proof(mut self) -> Self {
        self.needs_proof = true;
        self
    }
}

fn see<H, T>(path: &'static str, needs: Needs, handler: H) -> Route
where
    H: Handler<T, ()>,
    T: 'static,
{
    Route {
        method: Method::GET,
        path,
        needs,
        needs_proof: false,
        takes_file: false,
        handler: get(handler),
    }
}

fn act<H, T>(path: &'static str, needs: Needs, handler: H) -> Route
where
    H: Handler<T, ()>,
    T: 'static,
{
    Route {
        method: Method::POST,
        path,
        needs,
        needs_proof: false,
        takes_file: false,
        handler: post(handler),
    }
}

/// Every route.
pub fn table() -> Vec<Route> {
    use Action as A;
    use Needs::{Nothing, Right, Session};
    vec![
        see("/assets/{file}", Nothing, assets::send),
        see("/sign-in", Nothing, sign_in::explain),
        see("/sign-in/{link}", Nothing, sign_in::ask),
        act("/sign-in", Nothing, sign_in::let_in),
        see("/sign-in/with", Nothing, provider::set_out),
        see("/sign-in/back", Nothing, provider::come_back),
        see("/sign-in/passkey", Nothing, passkeys::ask),
        act("/sign-in/passkey", Nothing, passkeys::let_in),
        act("/sign-in/choose", Nothing, provider::chosen),
        act("/sign-in/connect", Session, provider::connect).with_proof(),
        see("/passkeys", Session, passkeys::show),
        act("/passkeys", Session, passkeys::add).with_proof(),
        act("/passkeys/{passkey}/remove", Session, passkeys::remove).with_proof(),
        see("/kept/{kept}", Session, kept::show),
        act("/stay", Session, stay::stay),
        act("/sign-out", Session, sign_in::let_out),
        act("/theme", Session, pages::theme),
        see("/live", Session, live::stream),
        see("/", Right(A::SeeBoard), pages::board::show),
        see("/cases/{case}", Right(A::SeePeople), pages::case::show),
        act(
            "/cases/{case}/retry",
            Right(A::WorkCases),
            pages::case::retry,
        ),
        act(
            "/cases/{case}/ended",
            Right(A::WorkCases),
            pages::case::say_ended,
        ),
        act(
            "/doors/{door}/retry",
            Right(A::WorkCases),
            pages::door::retry,
        ),
        see(
            "/doors/{door}/by-hand",
            Right(A::WorkCases),
            pages::door::ask,
        ),
        act(
            "/doors/{door}/by-hand",
            Right(A::WorkCases),
            pages::door::sign,
        )
        .with_proof()
        .with_file(),
        see("/doors/{door}", Right(A::SeePeople), pages::aside::show),
        act(
            "/doors/{door}/assign",
            Right(A::WorkCases),
            pages::aside::assign,
        ),
        act(
            "/doors/{door}/snooze",
            Right(A::WorkCases),
            pages::snooze::snooze,
        ),
        act(
            "/doors/{door}/wake",
            Right(A::WorkCases),
            pages::snooze::wake,
        ),
        act(
            "/doors/{door}/aside",
            Right(A::SetAside),
            pages::aside::put_aside,
        ),
        act(
            "/doors/{door}/take-up",
            Right(A::SetAside),
            pages::aside::take_up,
        ),
        see("/files/{file}", Right(A::SeePeople), pages::door::file),
        see("/calls", Right(A::SeePeople), pages::calls::show),
        see("/calls/aside", Right(A::SeePeople), pages::calls::aside),
        act("/calls/csv", Right(A::ExportEvidence), pages::csv::calls),
        act("/cases/csv", Right(A::ExportEvidence), pages::csv::cases),
        act("/people/csv", Right(A::ExportEvidence), pages::csv::people),
        act(
            "/returns/csv",
            Right(A::ExportEvidence),
            pages::csv::returns,
        ),
        act(
            "/systems/csv",
            Right(A::ExportEvidence),
            pages::csv::systems,
        ),
        act("/ledger/csv", Right(A::ExportEvidence), pages::csv::ledger),
        see(
            "/systems/{system}/retry",
            Right(A::WorkCases),
            pages::calls::ask_to_retry,
        ),
        act(
            "/systems/{system}/retry",
            Right(A::WorkCases),
            pages::calls::retry,
        ),
        see("/cards", Right(A::SeePeople), pages::cards::show),
        see("/people", Right(A::SeePeople), pages::people::search),
        see("/people/{person}", Right(A::SeePeople), pages::person::show),
        see(
            "/people/{person}/depart",
            Right(A::Depart),
            pages::person::ask_to_depart,
        ),
        act(
            "/people/{person}/depart",
            Right(A::Depart),
            pages::person::depart,
        ),
        act(
            "/people/{person}/depart-later",
            Right(A::Depart),
            pages::later::schedule,
        ),
        see("/scheduled", Right(A::Depart), pages::later::show),
        act(
            "/scheduled/{schedule}/cancel",
            Right(A::Depart),
            pages::later::cancel,
        ),
        see(
            "/cases/{case}/undo",
            Right(A::DecideReturns),
            pages::undo::ask,
        ),
        act(
            "/cases/{case}/undo",
            Right(A::DecideReturns),
            pages::undo::undo,
        ),
        act(
            "/people/{person}/evidence",
            Right(A::ExportEvidence),
            pages::person::export,
        )
        .with_proof(),
        see("/evidence", Right(A::ExportEvidence), pages::evidence::show),
        act(
            "/evidence/csv",
            Right(A::ExportEvidence),
            pages::csv::evidence,
        ),
        act(
            "/evidence/period",
            Right(A::ExportEvidence),
            pages::evidence::export,
        )
        .with_proof(),
        see("/returns", Right(A::SeePeople), pages::returns::show),
        act(
            "/returns/{person}/approve",
            Right(A::DecideReturns),
            pages::returns::approve,
        ),
        act(
            "/returns/{person}/refuse",
            Right(A::DecideReturns),
            pages::returns::refuse,
        ),
        see("/brake", Right(A::SeePeople), pages::brake::show),
        act(
            "/brake/{person}/release",
            Right(A::ReleaseBrake),
            pages::brake::release,
        ),
        see("/systems", Right(A::SeeSystems), pages::systems::show),
        act(
            "/systems/{system}/test",
            Right(A::TestSystems),
            pages::systems::test,
        ),
        see("/ledger", Right(A::ReadLedger), pages::ledger::show),
        act("/ledger/check", Right(A::ReadLedger), pages::ledger::check),
        see("/alerts", Right(A::SeePeople), pages::alerts::show),
        act(
            "/alerts/{channel}/test",
            Right(A::TestSystems),
            pages::alerts::test,
        ),
        see("/settings", Right(A::SeeSettings), pages::settings::show),
        act(
            "/settings/tokens",
            Right(A::ManageTokens),
            pages::tokens::make,
        )
        .with_proof(),
        act(
            "/settings/tokens/{token}/revoke",
            Right(A::ManageTokens),
            pages::tokens::revoke,
        )
        .with_proof(),
        act(
            "/settings/tokens/{token}/replace",
            Right(A::ManageTokens),
            pages::tokens::replace,
        )
        .with_proof(),
        see(
            "/settings/tokens/{token}/first",
            Right(A::SeeSettings),
            pages::tokens::wait,
        ),
        see("/start", Right(A::SeeSettings), pages::start::show),
        act(
            "/settings/admins",
            Right(A::ManageAdmins),
            pages::settings::invite,
        )
        .with_proof(),
        act(
            "/settings/admins/{admin}/link",
            Right(A::ManageAdmins),
            pages::settings::renew_link,
        )
        .with_proof(),
        act(
            "/settings/admins/{admin}/passkeys",
            Right(A::ManageAdmins),
            passkeys::remove_all,
        )
        .with_proof(),
        act(
            "/settings/admins/{admin}/remove",
            Right(A::ManageAdmins),
            pages::settings::remove_admin,
        )
        .with_proof(),
    ]
}

/// The table as a router.
pub(super) fn all(office: &Arc<Office>) -> Router {
    table().into_iter().fold(Router::new(), |router, route| {
        let guard = admit::Guard {
            office: Arc::clone(office),
            needs: route.needs,
            needs_proof: route.needs_proof,
            takes_file: route.takes_file,
        };
        let handler = route
            .handler
            .layer(middleware::from_fn_with_state(guard, admit::admit));
        router.route(route.path, handler)
    })
}
