//! Versions of resources: ETag, If-Match, If-None-Match.

use axum::http::{HeaderMap, StatusCode, header};

use super::error::ScimError;

/// The weak ETag of a version, as it stands in `meta.version` too.
pub(super) fn of(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// What a client knows of the resource it writes or reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Conditions {
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let list = |name| {
            let values: Vec<&str> = headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap_or_default())
                .collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        Self {
            if_match: list(header::IF_MATCH),
            if_none_match: list(header::IF_NONE_MATCH),
        }
    }

    /// What a client knows that says it without headers.
    pub(super) fn if_match(tag: Option<&str>) -> Self {
        Self {
            if_match: tag.map(str::to_owned),
            if_none_match: None,
        }
    }

    /// Whether a write may go on.
    ///
    /// # Errors
    /// 412 when the client knows another version.
    ///
    /// # Source
    /// RFC 7644 section 3.14. Our tags are weak, so they are compared weakly.
    pub(super) fn check(&self, version: i64) -> Result<(), ScimError> {
        let is_stale = self
            .if_match
            .as_ref()
            .is_some_and(|list| !names(list, version));
        let is_unwanted = self.is_known(version);
        if is_stale || is_unwanted {
            return Err(ScimError::plain(
                StatusCode::PRECONDITION_FAILED,
                "the resource was changed meanwhile: read it again",
            ));
        }
        Ok(())
    }

    /// Whether the client that reads has this version already.
    pub(super) fn is_known(&self, version: i64) -> bool {
        self.if_none_match
            .as_ref()
            .is_some_and(|list| names(list, version))
    }
}

/// Whether a list of tags has this version, or is `*`.
fn names(list: &str, version: i64) -> bool {
    let opaque = format!("\"{version}\"");
    list.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == opaque)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(name: header::HeaderName, value: &str) -> Conditions {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Conditions::read(&headers)
    }

    #[test]
    fn a_write_goes_on_when_the_version_is_named() {
        for value in [r#"W/"3""#, r#""3""#, "*", r#"W/"1", W/"3""#] {
            assert!(
                conditions(header::IF_MATCH, value).check(3).is_ok(),
                "{value}"
            );
        }
        assert!(Conditions::default().check(3).is_ok());
    }

    #[test]
    fn a_write_on_another_version_is_refused() {
        for value in [r#"W/"2""#, r#"W/"33""#, "3", ""] {
            let refusal = conditions(header::IF_MATCH, value).check(3).unwrap_err();
            assert_eq!(refusal.status, StatusCode::PRECONDITION_FAILED, "{value}");
        }
    }

    #[test]
    fn a_read_of_a_known_version_needs_no_answer() {
        assert!(conditions(header::IF_NONE_MATCH, r#"W/"3""#).is_known(3));
        assert!(!conditions(header::IF_NONE_MATCH, r#"W/"2""#).is_known(3));
        assert!(!Conditions::default().is_known(3));
    }
}
