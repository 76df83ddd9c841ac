//! What a provider says it can do.
//!
//! # Source
//! RFC 7643 section 5 (`ServiceProviderConfig`), RFC 7644 section 4.

use serde_json::Value;

/// The parts of `ServiceProviderConfig` that matter here. `None` where the provider does not say:
/// then it is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Whether a search may have a filter.
    pub filter: Option<bool>,
    /// Whether a record can be changed in part.
    pub patch: Option<bool>,
    /// Whether a change may demand the version it was computed from. `None` counts as no.
    pub etag: Option<bool>,
    /// The most records it shows on one page, where it says so.
    pub most_on_page: Option<usize>,
}

/// Records asked for on one page of a long list.
const PAGE: usize = 100;

impl Features {
    /// What this configuration says.
    pub fn of(config: &Value) -> Self {
        let supported = |feature: &str| config[feature]["supported"].as_bool();
        let most = config["filter"]["maxResults"].as_u64();
        Self {
            filter: supported("filter"),
            patch: supported("patch"),
            etag: supported("etag"),
            most_on_page: most
                .and_then(|most| usize::try_from(most).ok())
                .filter(|most| *most > 0),
        }
    }

    /// How many records to ask for on one page. `None` leaves it to the provider: Canaille 0.3.6,
    /// which names no number, answers 500 to any.
    pub fn page_size(&self) -> Option<usize> {
        self.most_on_page.map(|most| most.min(PAGE))
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let word = |feature| match feature {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not said",
        };
        let (filter, patch, etag) = (word(self.filter), word(self.patch), word(self.etag));
        format!("SCIM 2.0 (filter: {filter}, patch: {patch}, etag: {etag})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_provider_does_not_say_is_not_taken_for_a_no() {
        let features = Features::of(&json!({
            "patch": { "supported": false }, "filter": { "supported": true, "maxResults": 200 },
        }));

        assert_eq!((features.filter, features.patch), (Some(true), Some(false)));
        assert_eq!(features.etag, None);
        assert_eq!(
            features.summary(),
            "SCIM 2.0 (filter: yes, patch: no, etag: not said)"
        );
    }

    #[test]
    fn a_page_size_is_asked_for_only_where_the_provider_names_one() {
        let size = |most: Value| {
            let config = json!({ "filter": { "supported": false, "maxResults": most } });
            Features::of(&config).page_size()
        };

        assert_eq!(size(json!(20)), Some(20));
        assert_eq!(size(json!(1000)), Some(100));
        assert_eq!((size(json!(0)), size(Value::Null)), (None, None));
    }
}
