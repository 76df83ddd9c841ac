//! Where things are: the address the request came to, and the addresses made of it.

use axum::http::{StatusCode, header, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    BASE_PATH,
    error::ScimError,
    schema::{GROUP, ResourceType},
};

/// What stays readable in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The address of the front door as this client writes it, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BaseUrl(String);

impl BaseUrl {
    /// Reads it from the Host of the request.
    ///
    /// # Errors
    /// 400 unless there is exactly one, and it can be part of an address.
    pub(super) fn read(parts: &Parts, is_https: bool) -> Result<Self, ScimError> {
        let mut hosts = parts
            .headers
            .get_all(header::HOST)
            .iter()
            .map(|value| value.to_str().unwrap_or_default());
        let host = match (hosts.next(), hosts.next(), parts.uri.authority()) {
            (Some(host), None, _) => host,
            (None, None, Some(authority)) => authority.as_str(),
            _ => "",
        };
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if !is_host {
            return Err(ScimError::plain(
                StatusCode::BAD_REQUEST,
                "the request must have one Host header",
            ));
        }
        let scheme = if is_https { "https" } else { "http" };
        Ok(Self(format!("{scheme}://{host}{BASE_PATH}")))
    }

    /// Where a resource is.
    pub(super) fn of(&self, kind: &ResourceType, id: &str) -> String {
        format!(
            "{}{}/{}",
            self.0,
            kind.endpoint,
            utf8_percent_encode(id, SEGMENT)
        )
    }

    /// Adds what only the front door knows: `meta.location`, and where the groups of a User are.
    pub(super) fn complete(&self, kind: &ResourceType, resource: &mut Value) {
        if let Some(id) = resource.get("id").and_then(Value::as_str) {
            let location = self.of(kind, id);
            if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
                meta.insert("location".to_owned(), location.into());
            }
        }
        let groups = resource.get_mut("groups").and_then(Value::as_array_mut);
        for group in groups
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            if let Some(id) = group.get("value").and_then(Value::as_str) {
                let reference = self.of(&GROUP, id);
                group.insert("$ref".to_owned(), reference.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;
    use crate::scim::schema::USER;

    fn base(hosts: &[&str]) -> Result<BaseUrl, ScimError> {
        let mut request = Request::builder().uri("/scim/v2/Users");
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        BaseUrl::read(&request.body(()).unwrap().into_parts().0, true)
    }

    #[test]
    fn the_address_is_the_one_the_client_wrote() {
        let base = base(&["bridge.example:8443"]).unwrap();

        assert_eq!(
            base.of(&USER, "a/../b"),
            "https://bridge.example:8443/scim/v2/Users/a%2F..%2Fb"
        );
    }

    #[test]
    fn a_request_has_exactly_one_host() {
        for hosts in [&[][..], &["a", "b"], &["a/b"], &[""], &["a\"b"], &["u@a"]] {
            assert!(base(hosts).is_err(), "{hosts:?}");
        }
    }

    #[test]
    fn a_user_says_where_it_is_and_where_its_groups_are() {
        let base = base(&["x"]).unwrap();
        let mut user = json!({
            "id": "u1",
            "groups": [{"value": "g1"}],
            "meta": {"resourceType": "User"},
        });

        base.complete(&USER, &mut user);

        assert_eq!(user["meta"]["location"], "https://x/scim/v2/Users/u1");
        assert_eq!(user["groups"][0]["$ref"], "https://x/scim/v2/Groups/g1");
    }
}
