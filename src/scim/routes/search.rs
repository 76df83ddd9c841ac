//! `/.search` at the root: Users and Groups in one answer.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use serde_json::Value;

use super::{groups, users};
use crate::{
    query::Sort,
    scim::{
        FrontDoor, answer,
        error::{ScimError, ScimType},
        list::{Query, list_response},
        request::{Ask, Payload},
        schema::{GROUP, USER},
    },
    store::{Found, Search, Start},
};

pub(super) fn routes() -> Router<Arc<FrontDoor>> {
    Router::new().route("/.search", post(search))
}

/// Users come before Groups, unless an order is asked for.
///
/// # Source
/// RFC 7644 section 3.4.3.
async fn search(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    payload: Payload,
) -> Result<Response, ScimError> {
    let query = Query::of_request(&payload.json()?)?;
    if query.has_cursor() {
        return Err(ScimError::invalid_cursor(
            ScimType::InvalidCursor,
            "cursors lead through one resource type: search there, or use startIndex",
        ));
    }
    let of_users = query.listing_by_index(&USER)?;
    let of_groups = query.listing_by_index(&GROUP)?;
    let start_index = of_users.start_index();
    let practice = &ask.visit.caller.practice;
    let wanted = Part {
        skip: start_index - 1,
        limit: of_users.search.limit,
        sort: of_users
            .search
            .sort
            .clone()
            .or(of_groups.search.sort.clone()),
    };

    let users = door
        .store
        .search_users(practice, &wanted.of(&of_users.search, 0, wanted.limit))
        .await?;
    let left = wanted.limit.saturating_sub(users.items.len() as u64);
    let groups = door
        .store
        .search_groups(practice, &wanted.of(&of_groups.search, users.total, left))
        .await?;

    let shown_users = users::shown(&door, &ask, &users.items, &of_users.projection).await?;
    let shown_groups = groups
        .items
        .iter()
        .map(|group| groups::show(&ask, group, &of_groups.projection))
        .collect();
    let resources = wanted.of_both(
        (&users, |user| user.to_json(&[]), shown_users),
        (&groups, |group| group.to_json(), shown_groups),
    );
    let mut list = list_response(users.total + groups.total, resources);
    list["startIndex"] = start_index.into();
    Ok(answer::json(StatusCode::OK, &list))
}

/// Which part of both lists together is wanted.
struct Part {
    skip: u64,
    limit: u64,
    sort: Option<Sort>,
}

impl Part {
    /// What to look for in one of the lists, before which `before` resources are. In an order, each
    /// could have the whole part.
    fn of(&self, search: &Search, before: u64, limit: u64) -> Search {
        let (offset, limit) = match self.sort {
            Some(_) => (0, self.skip.saturating_add(self.limit)),
            None => (self.skip.saturating_sub(before), limit),
        };
        Search {
            start: Start::Offset(offset),
            limit,
            ..search.clone()
        }
    }

    /// The part of both lists, each as found, as compared and as shown.
    fn of_both<T, U>(
        &self,
        (users, user_json, shown_users): (&Found<T>, impl Fn(&T) -> Value, Vec<Value>),
        (groups, group_json, shown_groups): (&Found<U>, impl Fn(&U) -> Value, Vec<Value>),
    ) -> Vec<Value> {
        let Some(sort) = &self.sort else {
            return shown_users.into_iter().chain(shown_groups).collect();
        };
        let compared = users
            .items
            .iter()
            .map(user_json)
            .chain(groups.items.iter().map(group_json));
        let shown = shown_users.into_iter().chain(shown_groups);
        let mut both: Vec<(Value, Value)> = compared.zip(shown).collect();
        both.sort_by(|(one, _), (other, _)| sort.compare(one, other));
        both.into_iter()
            .map(|(_, shown)| shown)
            .skip(usize::try_from(self.skip).unwrap_or(usize::MAX))
            .take(usize::try_from(self.limit).unwrap_or(usize::MAX))
            .collect()
    }
}
