//! THE FRONT DOOR: the SCIM 2.0 protocol.
//!
//! A request goes through these, in this order:
//!
//! - `answer`: gives it an id; on the way out every refusal becomes a SCIM error
//! - `auth`, `token`, `rate`, `failures`: token -> practice and source; `arrival` remembers what came
//! - `routes`: what there is at which address
//! - `request`, [`json`]: body and query, read strictly
//! - [`schema`]: which attributes there are, as data; `/Schemas`, names and values follow from it
//! - [`patch`], [`filter`]: what is to change, who is to be found
//! - `bulk`: many operations in one request, and which of them has to wait for which
//! - `list`, `cursor`: what a list request asks for, and its pages
//! - `projection`, `etag`, `location`: how an answer looks

mod answer;
mod arrival;
pub mod auth;
mod bulk;
mod cursor;
mod disable;
pub mod error;
mod etag;
mod failures;
pub mod filter;
pub mod json;
mod list;
mod location;
pub mod patch;
mod projection;
mod rate;
mod request;
mod routes;
pub mod schema;

use std::{collections::HashMap, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware};
use ring::hmac;
use tokio::sync::OnceCell;

use crate::{
    bearer,
    clock::Clock,
    config::{Settings, Waits},
    ids::{PracticeName, SourceName},
    intake::Intake,
    store::Store,
};
use cursor::Cursors;
use error::ScimError;
use failures::Failures;
use rate::Rate;
use schema::Mode;

/// Where the front door is.
pub const BASE_PATH: &str = "/scim/v2";

/// What every request needs.
#[derive(Debug)]
pub struct FrontDoor {
    store: Store,
    intake: Intake,
    clock: Arc<dyn Clock>,
    rate: Rate,
    failures: Failures,
    /// The practices with their sources. A token of a practice that is not here opens nothing.
    practices: HashMap<PracticeName, HashMap<SourceName, SourceOptions>>,
    body_bytes: usize,
    waits: Waits,
    /// Seals cursors; the same for every bridge on this database, and after a restart.
    cursor_key: OnceCell<hmac::Key>,
    /// Whether clients reach us by https, directly or through a proxy.
    is_https: bool,
}

/// How a source wants to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct SourceOptions {
    /// What to do with attributes that no schema has.
    mode: Mode,
    /// Whether a PATCH of a Group is answered without body.
    group_patch_204: bool,
}

impl FrontDoor {
    /// A front door before this reception.
    pub fn new(store: Store, intake: Intake, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let practices = settings.practices.iter().map(|practice| {
            let sources = practice.sources.iter().map(|source| {
                let mode = if source.strict {
                    Mode::Strict
                } else {
                    Mode::Lenient
                };
                let options = SourceOptions {
                    mode,
                    group_patch_204: source.group_patch_204,
                };
                (source.name.clone(), options)
            });
            (practice.name.clone(), sources.collect())
        });
        Self {
            store,
            intake,
            clock,
            rate: Rate::new(settings.limits.requests_per_second),
            failures: Failures::default(),
            practices: practices.collect(),
            body_bytes: settings.limits.body_bytes,
            waits: settings.limits.waits,
            cursor_key: OnceCell::new(),
            is_https: settings.is_https,
        }
    }
}

impl FrontDoor {
    /// The cursors of a query in this practice, which `query` tells from all others.
    async fn cursors(
        &self,
        practice: &PracticeName,
        query: &[&str],
    ) -> Result<Cursors<'_>, ScimError> {
        let key = self
            .cursor_key
            .get_or_try_init(async || {
                let new = bearer::random_hex()
                    .map_err(|_| ScimError::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
                let secret = self.store.install_value("cursor_key", &new).await?;
                Ok::<_, ScimError>(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
            })
            .await?;
        let query: Vec<&str> = [practice.as_str()]
            .into_iter()
            .chain(query.iter().copied())
            .collect();
        Ok(Cursors::new(key, &query, self.clock.now()))
    }
}

/// The routes of the front door, at [`BASE_PATH`].
pub fn router(door: FrontDoor) -> Router {
    let body_limit = DefaultBodyLimit::max(door.body_bytes);
    let door = Arc::new(door);
    let inside = routes::all(door.waits)
        .layer(body_limit)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&door),
            auth::admit,
        ))
        .layer(middleware::from_fn(answer::dress))
        .with_state(door);
    Router::new().nest(BASE_PATH, inside)
}
