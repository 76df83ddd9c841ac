//! Searching Users and Groups. What columns can answer, the database counts, orders and pages; the
//! rest is read in portions and evaluated in memory by the same filter, so that memory does not grow
//! with the number of people.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Store, StoreError,
    bookmarks::Place,
    lower::{GROUPS, Lowered, Table, USERS, lower},
    resources::{group_of, members_of_all, user_of},
    row::Row,
    statement::Statement,
};
use crate::{
    ids::PracticeName,
    people::{Group, GroupRef, User},
    query::{Filter, Sort},
};

/// Which resources to look for, and which part of the answer to give.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `None` asks for all.
    pub filter: Option<Filter>,
    /// `None` is the order of creation, which is stable.
    pub sort: Option<Sort>,
    /// Where the part begins.
    pub start: Start,
    /// How many to give at most.
    pub limit: u64,
    /// How many fit in all, where an earlier part told: they are not counted again.
    pub known_total: Option<u64>,
}

/// Where a part of an answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After so many.
    Offset(u64),
    /// After the resource with this id, in the order of creation.
    After(String),
    /// So that the part ends right before the resource with this id, in the order of creation.
    Before(String),
}

impl Start {
    /// What was read from here, in the order of the list.
    fn forwards<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if matches!(self, Self::Before(_)) {
            items.reverse();
        }
        items
    }
}

impl Default for Start {
    fn default() -> Self {
        Self::Offset(0)
    }
}

/// Part of the answer to a [`Search`].
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// How many fit in all.
    pub total: u64,
    /// Those from the start on, at most `limit`.
    pub items: Vec<T>,
    /// Whether more follow; before this part, where it was looked for backwards.
    pub has_more: bool,
}

/// How many rows are read at a time where a filter is evaluated in memory.
const PORTION: i64 = 500;

/// A resource and how it is read.
trait Kind: Sized {
    const TABLE: &'static Table;

    /// Resources of these rows, with what the filter or the caller needs to know of each.
    async fn read(
        store: &Store,
        practice: &PracticeName,
        rows: &[Row],
    ) -> Result<Vec<Self>, StoreError>;

    fn id(&self) -> &str;
    fn json(&self, memberships: &Memberships) -> Value;
}

/// The groups each User is in, by the User's id.
type Memberships = HashMap<String, Vec<GroupRef>>;

impl Kind for User {
    const TABLE: &'static Table = &USERS;

    async fn read(_: &Store, _: &PracticeName, rows: &[Row]) -> Result<Vec<Self>, StoreError> {
        rows.iter().map(user_of).collect()
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn json(&self, memberships: &Memberships) -> Value {
        self.to_json(memberships.get(self.id.as_str()).map_or(&[], Vec::as_slice))
    }
}

impl Kind for Group {
    const TABLE: &'static Table = &GROUPS;

    async fn read(
        store: &Store,
        practice: &PracticeName,
        rows: &[Row],
    ) -> Result<Vec<Self>, StoreError> {
        let ids: Vec<String> = rows
            .iter()
            .map(|row| row.text("id"))
            .collect::<Result<_, _>>()?;
        let mut members = members_of_all(store, practice, &ids).await?;
        rows.iter()
            .zip(&ids)
            .map(|(row, id)| group_of(row, members.remove(id).unwrap_or_default()))
            .collect()
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn json(&self, _: &Memberships) -> Value {
        self.to_json()
    }
}

impl Store {
    /// Finds the Users that fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_users(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<User>, StoreError> {
        self.search(practice, search).await
    }

    /// Finds the Groups that fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_groups(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<Group>, StoreError> {
        self.search(practice, search).await
    }

    async fn search<T: Kind>(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<T>, StoreError> {
        let asked = Asked { practice, search };
        let lowered = lower(search.filter.as_ref(), T::TABLE, self.dialect, 2);
        let order = T::TABLE.order(search.sort.as_ref(), self.dialect);
        match (lowered.is_exact, order) {
            (true, Some(order)) if search.filter.is_none() && search.sort.is_none() => {
                self.page_of_all(&asked, &order).await
            }
            (true, Some(order)) => asked.page(self, &lowered, &order).await,
            _ => asked.evaluate(self, &lowered).await,
        }
    }

    /// A page of the whole list, which may be a million long: neither counted nor skipped through.
    async fn page_of_all<T: Kind>(
        &self,
        asked: &Asked<'_>,
        order: &str,
    ) -> Result<Found<T>, StoreError> {
        let (total, removals) = counts(self, asked.practice, T::TABLE).await?;
        let place = |offset| Place {
            practice: asked.practice.clone(),
            table: T::TABLE.name,
            offset,
        };
        let start = match &asked.search.start {
            Start::Offset(offset) => self
                .bookmarks
                .find(&place(*offset), removals)
                .map_or_else(|| asked.search.start.clone(), Start::After),
            at_id => at_id.clone(),
        };
        let lowered = Lowered {
            is_exact: true,
            ..Lowered::default()
        };
        let (items, has_more) = asked
            .rows::<T>(self, &lowered, order, &start, asked.search.limit)
            .await?;
        let items = asked.search.start.forwards(items);
        if let (Start::Offset(offset), Some(last), true) =
            (&asked.search.start, items.last(), has_more)
        {
            self.bookmarks
                .keep(place(offset + items.len() as u64), last.id(), removals);
        }
        Ok(Found {
            total,
            items,
            has_more,
        })
    }
}

/// One search in one practice.
struct Asked<'a> {
    practice: &'a PracticeName,
    search: &'a Search,
}

impl Asked<'_> {
    /// A page that the database filters and orders.
    async fn page<T: Kind>(
        &self,
        store: &Store,
        lowered: &Lowered,
        order: &str,
    ) -> Result<Found<T>, StoreError> {
        let search = self.search;
        let (items, has_more) = self
            .rows::<T>(store, lowered, order, &search.start, search.limit)
            .await?;
        let items = search.start.forwards(items);
        let total = match (search.known_total, &search.start) {
            (Some(total), _) => total,
            // The whole answer is on this page: there is nothing to count.
            (None, Start::Offset(0)) if !has_more => items.len() as u64,
            _ => self.count::<T>(store, lowered).await?,
        };
        Ok(Found {
            total,
            items,
            has_more,
        })
    }

    async fn count<T: Kind>(&self, store: &Store, lowered: &Lowered) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) AS total FROM {} WHERE practice = $1 AND deleted IS NULL{}",
            T::TABLE.name,
            lowered.sql
        );
        let mut statement = Statement::new(sql).bind(self.practice.as_str());
        for bind in &lowered.binds {
            statement = statement.bind(bind.as_str());
        }
        let row = store.row(statement).await?;
        let total = row.map_or(Ok(0), |row| row.number("total"))?;
        Ok(u64::try_from(total).unwrap_or(0))
    }

    /// Up to `limit` resources from a place on, as they are read, and whether more follow.
    async fn rows<T: Kind>(
        &self,
        store: &Store,
        lowered: &Lowered,
        order: &str,
        start: &Start,
        limit: u64,
    ) -> Result<(Vec<T>, bool), StoreError> {
        let next = lowered.binds.len() + 2;
        let (place, direction, offset) = match start {
            Start::Offset(0) => (String::new(), "", String::new()),
            Start::Offset(offset) => (String::new(), "", format!(" OFFSET {offset}")),
            Start::After(_) => (format!(" AND id > ${next}"), "", String::new()),
            Start::Before(_) => (format!(" AND id < ${next}"), " DESC", String::new()),
        };
        // The text comes from our constants and numbers alone; what the caller sent is bound.
        let sql = format!(
            "{} WHERE practice = $1 AND deleted IS NULL{}{place} ORDER BY {order}{direction} LIMIT {}{offset}",
            T::TABLE.select,
            lowered.sql,
            limit.saturating_add(1).min(i64::MAX as u64),
        );
        let mut statement = Statement::new(sql).bind(self.practice.as_str());
        for bind in &lowered.binds {
            statement = statement.bind(bind.as_str());
        }
        if let Start::After(id) | Start::Before(id) = start {
            statement = statement.bind(id.as_str());
        }
        let mut rows = store.rows(statement).await?;
        let has_more = rows.len() as u64 > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok((T::read(store, self.practice, &rows).await?, has_more))
    }

    /// Evaluates the filter in memory, portion by portion in the order of creation.
    async fn evaluate<T: Kind>(
        &self,
        store: &Store,
        lowered: &Lowered,
    ) -> Result<Found<T>, StoreError> {
        let search = self.search;
        let memberships = if mentions(search.filter.as_ref(), search.sort.as_ref(), "groups") {
            memberships(store, self.practice).await?
        } else {
            Memberships::new()
        };
        let mut page = Page::of(search);
        let mut start = match &search.start {
            Start::Offset(_) => Start::Offset(0),
            at_id => at_id.clone(),
        };
        loop {
            let (portion, has_more) = self
                .rows::<T>(store, lowered, "id", &start, PORTION as u64)
                .await?;
            let last = portion.last().map(|resource| resource.id().to_owned());
            for resource in portion {
                let json = resource.json(&memberships);
                if search
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.matches(&json))
                {
                    page.add(json, resource);
                }
            }
            match last {
                Some(last) if has_more && !page.is_done() => {
                    start = match start {
                        Start::Before(_) => Start::Before(last),
                        _ => Start::After(last),
                    };
                }
                _ => return Ok(page.finish()),
            }
            // Nothing here waits for anything, and others are to be served meanwhile.
            tokio::task::yield_now().await;
        }
    }
}

/// Gathers one page of what fits, and counts the rest.
struct Page<'a, T> {
    search: &'a Search,
    /// How many to leave out at the front.
    skip: usize,
    /// How many to keep.
    limit: usize,
    kept: Vec<(Value, T)>,
    seen: u64,
}

impl<'a, T> Page<'a, T> {
    fn of(search: &'a Search) -> Self {
        let skip = match &search.start {
            Start::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Start::After(_) | Start::Before(_) => 0,
        };
        Self {
            search,
            skip,
            limit: usize::try_from(search.limit).unwrap_or(usize::MAX),
            kept: Vec::new(),
            seen: 0,
        }
    }

    fn add(&mut self, json: Value, resource: T) {
        self.seen += 1;
        let needed = self.skip.saturating_add(self.limit);
        if let Some(sort) = &self.search.sort {
            self.kept.push((json, resource));
            if self.kept.len() > needed.saturating_mul(2).saturating_add(PORTION as usize) {
                self.kept.sort_by(|(a, _), (b, _)| sort.compare(a, b));
                self.kept.truncate(needed);
            }
        } else if self.seen > self.skip as u64 && self.kept.len() < self.limit {
            self.kept.push((Value::Null, resource));
        }
    }

    /// Whether nothing more can change the answer: the page is full, it is known how many fit, and
    /// one more was seen.
    fn is_done(&self) -> bool {
        self.search.sort.is_none()
            && self.search.known_total.is_some()
            && self.seen > self.skip.saturating_add(self.limit) as u64
    }

    fn finish(mut self) -> Found<T> {
        if let Some(sort) = &self.search.sort {
            self.kept.sort_by(|(a, _), (b, _)| sort.compare(a, b));
            self.kept.drain(..self.skip.min(self.kept.len()));
            self.kept.truncate(self.limit);
        }
        Found {
            total: self.search.known_total.unwrap_or(self.seen),
            has_more: self.seen > (self.skip + self.kept.len()) as u64,
            items: self.search.start.forwards(
                self.kept
                    .into_iter()
                    .map(|(_, resource)| resource)
                    .collect(),
            ),
        }
    }
}

fn mentions(filter: Option<&Filter>, sort: Option<&Sort>, attribute: &str) -> bool {
    fn in_filter(filter: &Filter, attribute: &str) -> bool {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter().any(|part| in_filter(part, attribute))
            }
            Filter::Not(part) => in_filter(part, attribute),
            Filter::Present(path) | Filter::Compare(path, ..) | Filter::Element(path, _) => {
                path.name == attribute
            }
        }
    }
    filter.is_some_and(|filter| in_filter(filter, attribute))
        || sort.is_some_and(|sort| sort.path.name == attribute)
}

/// How many there are, and how many were ever removed.
async fn counts(
    store: &Store,
    practice: &PracticeName,
    table: &Table,
) -> Result<(u64, i64), StoreError> {
    let statement = Statement::new(
        "SELECT user_count, user_removals, group_count, group_removals FROM practice WHERE name = $1",
    )
    .bind(practice.as_str());
    let Some(row) = store.row(statement).await? else {
        return Ok((0, 0));
    };
    let (count, removals) = if table.name == USERS.name {
        ("user_count", "user_removals")
    } else {
        ("group_count", "group_removals")
    };
    Ok((
        u64::try_from(row.number(count)?).unwrap_or(0),
        row.number(removals)?,
    ))
}

async fn memberships(store: &Store, practice: &PracticeName) -> Result<Memberships, StoreError> {
    let statement = Statement::new(
        "SELECT m.value AS value, g.id AS id, g.display_name AS display FROM scim_group_member m
         JOIN scim_group g ON g.practice = m.practice AND g.id = m.group_id
         WHERE m.practice = $1 AND g.deleted IS NULL",
    )
    .bind(practice.as_str());
    let mut groups = Memberships::new();
    for row in &store.rows(statement).await? {
        let group = GroupRef {
            id: row.text("id")?.into(),
            display: row.text("display")?,
        };
        groups.entry(row.text("value")?).or_default().push(group);
    }
    Ok(groups)
}
