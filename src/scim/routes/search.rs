//! `/.search` at the root: Users and Groups in one answer.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use serde_json::Value;

use super::{groups, users};
use crate::{
    ids::PracticeName,
    people::{Group, User},
    query::Sort,
    scim::{
        FrontDoor, answer,
        cursor::{INVALID, Position},
        error::ScimError,
        list::{Listing, Query, list_response},
        request::{Ask, Payload},
        schema::{GROUP, USER},
    },
    store::{Found, Search, Start, StoreError},
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
    let lists = Lists {
        door: &door,
        ask: &ask,
        users: query.listing_by_index(&USER)?,
        groups: query.listing_by_index(&GROUP)?,
    };
    let list = match query.cursor() {
        Some(cursor) => lists.by_cursor(&query, cursor).await?,
        None => lists.by_index().await?,
    };
    Ok(answer::json(StatusCode::OK, &list))
}

/// Both lists, as one query asks for them.
struct Lists<'a> {
    door: &'a FrontDoor,
    ask: &'a Ask,
    users: Listing<'a>,
    groups: Listing<'a>,
}

impl Lists<'_> {
    fn practice(&self) -> &PracticeName {
        &self.ask.visit.caller.practice
    }

    fn sort(&self) -> Option<Sort> {
        let of_users = self.users.search.sort.clone();
        of_users.or_else(|| self.groups.search.sort.clone())
    }

    async fn by_index(&self) -> Result<Value, ScimError> {
        let start_index = self.users.start_index();
        let limit = self.users.search.limit;
        let (total, resources) = self.part(start_index - 1, limit).await?;
        let mut list = list_response(total, resources);
        list["startIndex"] = start_index.into();
        Ok(list)
    }

    /// A walk goes through all Users, then through all Groups: after an id in either, so that whoever
    /// is removed meanwhile moves nobody out of sight. In an order both are one list, by number.
    async fn by_cursor(&self, query: &Query, cursor: &str) -> Result<Value, ScimError> {
        let limit = query.limit_by_cursor()?;
        if self.sort().is_some() {
            return self.in_order_by_cursor(query, cursor, limit).await;
        }
        let of_users = query
            .cursors("/.search/Users", self.door, self.practice())
            .await?;
        let of_groups = query
            .cursors("/.search/Groups", self.door, self.practice())
            .await?;
        let (position, is_at_groups) = match (cursor, of_users.open(cursor)) {
            ("", _) => (None, false),
            (_, Err(error)) if error == INVALID => (Some(of_groups.open(cursor)?), true),
            (_, position) => (Some(position?), false),
        };
        let known_total = position.as_ref().map(|position| position.total);
        let start = position.map_or_else(Start::default, |position| position.start);
        let search = |listing: &Listing<'_>, start, limit| Search {
            start,
            limit,
            known_total,
            ..listing.search.clone()
        };
        if is_at_groups {
            let groups = self
                .find_groups(&search(&self.groups, start, limit))
                .await?;
            let mut list = list_response(groups.total, self.show_groups(&groups));
            let last = groups.items.last().filter(|_| groups.has_more);
            if let Some(last) = last {
                list["nextCursor"] = of_groups
                    .seal(&after(last.id.as_str(), groups.total))
                    .into();
            }
            return Ok(list);
        }
        let users = self.find_users(&search(&self.users, start, limit)).await?;
        let total = match known_total {
            Some(total) => total,
            None => {
                let none = search(&self.groups, Start::default(), 0);
                users.total + self.find_groups(&none).await?.total
            }
        };
        let mut list = list_response(total, self.show_users(&users).await?);
        let next = match users.items.last() {
            Some(last) if users.has_more => Some(of_users.seal(&after(last.id.as_str(), total))),
            // The Groups follow, if only to say that there are none.
            _ if limit > 0 => Some(of_groups.seal(&Position {
                start: Start::default(),
                total,
            })),
            _ => None,
        };
        if let Some(next) = next {
            list["nextCursor"] = next.into();
        }
        Ok(list)
    }

    async fn in_order_by_cursor(
        &self,
        query: &Query,
        cursor: &str,
        limit: u64,
    ) -> Result<Value, ScimError> {
        let cursors = query
            .cursors("/.search", self.door, self.practice())
            .await?;
        let skip = match cursor {
            "" => 0,
            cursor => match cursors.open(cursor)?.start {
                Start::Offset(skip) => skip,
                Start::After(_) | Start::Before(_) => return Err(INVALID),
            },
        };
        let (total, resources) = self.part(skip, limit).await?;
        let seen = skip + resources.len() as u64;
        let goes_on = seen < total && !resources.is_empty();
        let mut list = list_response(total, resources);
        if goes_on {
            let start = Start::Offset(seen);
            list["nextCursor"] = cursors.seal(&Position { start, total }).into();
        }
        Ok(list)
    }

    /// How many fit in both lists, and a part of them, by number.
    async fn part(&self, skip: u64, limit: u64) -> Result<(u64, Vec<Value>), ScimError> {
        let wanted = Part {
            skip,
            limit,
            sort: self.sort(),
        };
        let users = self
            .find_users(&wanted.of(&self.users.search, 0, limit))
            .await?;
        let left = limit.saturating_sub(users.items.len() as u64);
        let groups = self
            .find_groups(&wanted.of(&self.groups.search, users.total, left))
            .await?;
        let (shown_users, shown_groups) =
            (self.show_users(&users).await?, self.show_groups(&groups));
        let resources = wanted.of_both(
            (&users, |user| user.to_json(&[]), shown_users),
            (&groups, |group| group.to_json(), shown_groups),
        );
        Ok((users.total + groups.total, resources))
    }

    async fn find_users(&self, search: &Search) -> Result<Found<User>, StoreError> {
        self.door.store.search_users(self.practice(), search).await
    }

    async fn find_groups(&self, search: &Search) -> Result<Found<Group>, StoreError> {
        self.door.store.search_groups(self.practice(), search).await
    }

    async fn show_users(&self, found: &Found<User>) -> Result<Vec<Value>, StoreError> {
        users::shown(self.door, self.ask, &found.items, &self.users.projection).await
    }

    fn show_groups(&self, found: &Found<Group>) -> Vec<Value> {
        let groups = found.items.iter();
        groups
            .map(|group| groups::show(self.ask, group, &self.groups.projection))
            .collect()
    }
}

fn after(id: &str, total: u64) -> Position {
    Position {
        start: Start::After(id.to_owned()),
        total,
    }
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
