//! Lists: what the query asks for, and the answer.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    FrontDoor,
    cursor::{Cursors, Position},
    error::{ScimError, ScimType},
    filter,
    projection::Projection,
    schema::{Resolved, ResourceType},
};
use crate::{
    ids::PracticeName,
    query::Sort,
    store::{Found, Search, Start},
};

/// How many resources a page has when the client does not say.
pub(super) const DEFAULT_COUNT: u64 = 100;

/// How many resources a page has at most.
pub(super) const MAX_COUNT: u64 = 200;

/// Greatest offset the archive is asked for; the greatest number SQL has.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// What the part of the address behind `?` says. Parameters nobody knows are ignored: Entra ID's
/// feature flags arrive in the tenant's address, `?aadOptscim062020`.
#[derive(Debug, Default)]
pub(super) struct Query {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

/// What a list request asks for.
pub(super) struct Listing<'a> {
    pub(super) search: Search,
    pub(super) projection: Projection,
    paging: Paging<'a>,
}

/// How the client walks through a list.
enum Paging<'a> {
    /// By the number of its first resource, from one.
    Index(u64),
    /// By cursor.
    Cursor(Cursors<'a>),
}

impl Query {
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if let Some(place) = read.place(&name) {
                place.get_or_insert_with(|| value.into_owned());
            }
        }
        read
    }

    /// Reads the body of a POST to `/.search`, which says the same as an address.
    ///
    /// # Errors
    /// `invalidSyntax` when it is no search request.
    ///
    /// # Source
    /// RFC 7644 section 3.4.3.
    pub(super) fn of_request(body: &Value) -> Result<Self, ScimError> {
        const UNREADABLE: ScimError = ScimError::invalid_syntax("the body is no SearchRequest");
        let mut read = Self::default();
        for (name, value) in body.as_object().ok_or(UNREADABLE)? {
            let place = read.place(name);
            let Some(place) = place else { continue };
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Array(names) => names
                    .iter()
                    .map(|name| name.as_str().ok_or(UNREADABLE))
                    .collect::<Result<Vec<_>, _>>()?
                    .join(","),
                Value::Bool(_) | Value::Object(_) => return Err(UNREADABLE),
            };
            place.get_or_insert(text);
        }
        Ok(read)
    }

    /// Where the parameter of this name, in any case, is kept.
    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name.to_ascii_lowercase().as_str() {
            "filter" => &mut self.filter,
            "sortby" => &mut self.sort_by,
            "sortorder" => &mut self.sort_order,
            "startindex" => &mut self.start_index,
            "count" => &mut self.count,
            "cursor" => &mut self.cursor,
            "attributes" => &mut self.attributes,
            "excludedattributes" => &mut self.excluded_attributes,
            _ => return None,
        })
    }

    pub(super) fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    pub(super) fn projection(&self, kind: &'static ResourceType) -> Projection {
        Projection::read(
            kind,
            self.attributes.as_deref(),
            self.excluded_attributes.as_deref(),
        )
    }

    /// Reads what a list request asks for.
    ///
    /// # Errors
    /// `invalidFilter` for a bad filter; `invalidValue` when a number is none, or `sortOrder` is no
    /// order; `invalidCount`, `invalidCursor` or `expiredCursor` when a walk by cursor cannot go on.
    pub(super) async fn listing<'a>(
        &self,
        kind: &'static ResourceType,
        door: &'a FrontDoor,
        practice: &PracticeName,
    ) -> Result<Listing<'a>, ScimError> {
        let Some(cursor) = &self.cursor else {
            return self.listing_by_index(kind);
        };
        let cursors = self.cursors(kind.endpoint, door, practice).await?;
        let mut search = Search {
            limit: self.limit_by_cursor()?,
            ..self.search(kind)?
        };
        // An empty cursor asks for the first page.
        if !cursor.is_empty() {
            let Position { start, total } = cursors.open(cursor)?;
            search.start = start;
            search.known_total = Some(total);
        }
        Ok(Listing {
            search,
            projection: self.projection(kind),
            paging: Paging::Cursor(cursors),
        })
    }

    /// Reads what a list request asks for that walks by index, or takes one page.
    ///
    /// # Errors
    /// As [`Query::listing`].
    pub(super) fn listing_by_index(
        &self,
        kind: &'static ResourceType,
    ) -> Result<Listing<'static>, ScimError> {
        let start_index = whole_number(self.start_index.as_deref())?
            .unwrap_or(1)
            .clamp(1, MAX_OFFSET);
        Ok(Listing {
            search: Search {
                start: Start::Offset(start_index - 1),
                limit: self.limit()?,
                ..self.search(kind)?
            },
            projection: self.projection(kind),
            paging: Paging::Index(start_index),
        })
    }

    /// The cursor of a client that walks by one; it is empty for the first page.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The cursors of this query in that list.
    pub(super) async fn cursors<'a>(
        &self,
        list: &str,
        door: &'a FrontDoor,
        practice: &PracticeName,
    ) -> Result<Cursors<'a>, ScimError> {
        let [filter, sort_by, sort_order] = [&self.filter, &self.sort_by, &self.sort_order]
            .map(|text| text.as_deref().unwrap_or_default());
        door.cursors(practice, &[list, filter, sort_by, sort_order])
            .await
    }

    /// How many resources a page of a walk by cursor has.
    ///
    /// # Errors
    /// `invalidCount` when it is no number.
    pub(super) fn limit_by_cursor(&self) -> Result<u64, ScimError> {
        self.limit().map_err(|_| INVALID_COUNT)
    }

    fn limit(&self) -> Result<u64, ScimError> {
        Ok(whole_number(self.count.as_deref())?
            .unwrap_or(DEFAULT_COUNT)
            .min(MAX_COUNT))
    }

    fn search(&self, kind: &'static ResourceType) -> Result<Search, ScimError> {
        let filter = self
            .filter
            .as_deref()
            .map(|text| filter::parse(text, kind))
            .transpose()?;
        Ok(Search {
            filter,
            sort: self.sort(kind)?,
            ..Search::default()
        })
    }

    fn sort(&self, kind: &'static ResourceType) -> Result<Option<Sort>, ScimError> {
        let descending = match self.sort_order.as_deref() {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => {
                return Err(ScimError::invalid_value(
                    "sortOrder must be ascending or descending",
                ));
            }
        };
        let named = match self.sort_by.as_deref().map(|name| kind.resolve(name)) {
            Some(Resolved::Attribute(named)) => named,
            // Nobody has an attribute that nobody knows, so it orders nothing.
            _ => return Ok(None),
        };
        Ok(Some(Sort {
            path: named.or_value().path(),
            descending,
        }))
    }
}

const INVALID_COUNT: ScimError =
    ScimError::invalid_cursor(ScimType::InvalidCount, "count must be a whole number");

impl Listing<'_> {
    /// The number of the first resource asked for, from one; one for a walk by cursor.
    pub(super) fn start_index(&self) -> u64 {
        match self.paging {
            Paging::Index(start_index) => start_index,
            Paging::Cursor(_) => 1,
        }
    }

    /// The answer, with the resources as they are to be shown.
    pub(super) fn answer<T>(
        &self,
        found: &Found<T>,
        id: impl Fn(&T) -> &str,
        resources: Vec<Value>,
    ) -> Value {
        let mut answer = list_response(found.total, resources);
        match &self.paging {
            Paging::Index(start_index) => answer["startIndex"] = (*start_index).into(),
            Paging::Cursor(cursors) => {
                let at = |start: Option<Start>| {
                    start.map(|start| Position {
                        start,
                        total: found.total,
                    })
                };
                let ends = found
                    .items
                    .first()
                    .map(&id)
                    .zip(found.items.last().map(&id));
                if let Some((first, last)) = ends {
                    if let Some(next) = at(self.next(found, last)) {
                        answer["nextCursor"] = cursors.seal(&next).into();
                    }
                    if let Some(previous) = at(self.previous(found, first)) {
                        answer["previousCursor"] = cursors.seal(&previous).into();
                    }
                }
            }
        }
        answer
    }

    /// Where the next page begins, if there is one. The order of creation goes on after an id,
    /// wherever the resource is by then; every other order after a number.
    fn next<T>(&self, found: &Found<T>, last_id: &str) -> Option<Start> {
        match (&self.search.sort, &self.search.start) {
            // Who walks back came from there.
            (_, Start::Before(_)) => Some(Start::After(last_id.to_owned())),
            _ if !found.has_more => None,
            (None, _) | (_, Start::After(_)) => Some(Start::After(last_id.to_owned())),
            (Some(_), Start::Offset(offset)) => {
                Some(Start::Offset(offset + found.items.len() as u64))
            }
        }
    }

    /// Where the page before begins, if there is one.
    fn previous<T>(&self, found: &Found<T>, first_id: &str) -> Option<Start> {
        match &self.search.start {
            Start::Offset(0) => None,
            Start::Offset(offset) => Some(Start::Offset(offset.saturating_sub(self.search.limit))),
            Start::Before(_) if !found.has_more => None,
            Start::After(_) | Start::Before(_) => Some(Start::Before(first_id.to_owned())),
        }
    }
}

/// A list of resources, without saying where it begins.
///
/// # Source
/// RFC 7644 section 3.4.2.
pub(super) fn list_response(total: u64, resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// A number as clients write it. Those below zero are zero, as the RFC asks; those beyond any number
/// are the greatest.
fn whole_number(text: Option<&str>) -> Result<Option<u64>, ScimError> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(
            "startIndex and count must be whole numbers",
        ));
    }
    Ok(Some(match digits.parse() {
        _ if is_negative => 0,
        Ok(number) => number,
        Err(_) => u64::MAX,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::USER;

    fn listing(query: &str) -> Result<Listing<'static>, ScimError> {
        Query::read(Some(query)).listing_by_index(&USER)
    }

    fn page(query: &str) -> (u64, u64, u64) {
        let listing = listing(query).unwrap();
        (
            listing.start_index(),
            match listing.search.start {
                Start::Offset(offset) => offset,
                Start::After(_) | Start::Before(_) => panic!("a page by index"),
            },
            listing.search.limit,
        )
    }

    #[test]
    fn pages_are_clamped() {
        assert_eq!(page(""), (1, 0, 100));
        assert_eq!(page("startIndex=11&count=10"), (11, 10, 10));
        assert_eq!(page("startIndex=0"), (1, 0, 100));
        assert_eq!(page("startIndex=-1&count=-5"), (1, 0, 0));
        assert_eq!(page("count=0"), (1, 0, 0));
        assert_eq!(page("count=1000000000"), (1, 0, 200));
        assert_eq!(
            page("startIndex=99999999999999999999999"),
            (MAX_OFFSET, MAX_OFFSET - 1, 100)
        );
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for query in [
            "count=abc",
            "startIndex=1.5",
            "count=",
            "count=9e18",
            "count=-",
        ] {
            assert!(listing(query).is_err(), "{query}");
        }
    }

    #[test]
    fn parameters_are_read_whatever_their_case_and_unknown_ones_ignored() {
        let listing = listing(
            "aadOptscim062020&filter=userName+eq+%22a%2Bb%22&SortBy=emails&sortOrder=Descending",
        )
        .unwrap();

        assert_eq!(
            listing.search.filter,
            Some(filter::parse("userName eq \"a+b\"", &USER).unwrap())
        );
        let sort = listing.search.sort.unwrap();
        assert!(sort.descending);
        assert_eq!(sort.path.sub.as_deref(), Some("value"));
    }

    #[test]
    fn a_search_request_says_the_same_as_an_address() {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "attributes": ["userName", "emails"],
            "filter": "userName sw \"n\"",
            "StartIndex": 11,
            "count": "10",
            "sortBy": null,
        });

        let listing = Query::of_request(&body)
            .unwrap()
            .listing_by_index(&USER)
            .unwrap();

        assert_eq!(listing.search.start, Start::Offset(10));
        assert_eq!(listing.search.limit, 10);
        assert!(listing.search.filter.is_some());
        assert_eq!(
            listing.projection,
            Projection::read(&USER, Some("userName,emails"), None)
        );
        for body in [json!([]), json!({"attributes": [1]}), json!({"count": {}})] {
            assert!(Query::of_request(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_bad_order_is_refused_and_an_unknown_attribute_orders_nothing() {
        assert!(listing("sortBy=userName&sortOrder=up").is_err());
        assert!(listing("sortBy=shoeSize").unwrap().search.sort.is_none());
    }
}
