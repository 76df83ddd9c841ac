//! Lists: what the query asks for, and the answer.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    error::ScimError,
    filter,
    projection::Projection,
    schema::{Resolved, ResourceType},
};
use crate::{
    query::Sort,
    store::{Found, Search, Start},
};

/// How many resources a page has when the client does not say.
const DEFAULT_COUNT: u64 = 100;

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
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

/// What a list request asks for.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) search: Search,
    pub(super) projection: Projection,
    start_index: u64,
}

impl Query {
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let place = match name.to_ascii_lowercase().as_str() {
                "filter" => &mut read.filter,
                "sortby" => &mut read.sort_by,
                "sortorder" => &mut read.sort_order,
                "startindex" => &mut read.start_index,
                "count" => &mut read.count,
                "attributes" => &mut read.attributes,
                "excludedattributes" => &mut read.excluded_attributes,
                _ => continue,
            };
            place.get_or_insert_with(|| value.into_owned());
        }
        read
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
    /// order.
    pub(super) fn listing(&self, kind: &'static ResourceType) -> Result<Listing, ScimError> {
        let filter = self
            .filter
            .as_deref()
            .map(|text| filter::parse(text, kind))
            .transpose()?;
        let start_index = whole_number(self.start_index.as_deref())?
            .unwrap_or(1)
            .clamp(1, MAX_OFFSET);
        let limit = whole_number(self.count.as_deref())?
            .unwrap_or(DEFAULT_COUNT)
            .min(MAX_COUNT);
        Ok(Listing {
            search: Search {
                filter,
                sort: self.sort(kind)?,
                start: Start::Offset(start_index - 1),
                limit,
                known_total: None,
            },
            projection: self.projection(kind),
            start_index,
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

impl Listing {
    /// The answer, with the resources as they are to be shown.
    pub(super) fn answer<T>(&self, found: &Found<T>, resources: Vec<Value>) -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": found.total,
            "startIndex": self.start_index,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        })
    }
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

    fn listing(query: &str) -> Result<Listing, ScimError> {
        Query::read(Some(query)).listing(&USER)
    }

    fn page(query: &str) -> (u64, u64, u64) {
        let listing = listing(query).unwrap();
        (
            listing.start_index,
            match listing.search.start {
                Start::Offset(offset) => offset,
                Start::After(_) => panic!("a page by index"),
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
    fn a_bad_order_is_refused_and_an_unknown_attribute_orders_nothing() {
        assert!(listing("sortBy=userName&sortOrder=up").is_err());
        assert!(listing("sortBy=shoeSize").unwrap().search.sort.is_none());
    }
}
