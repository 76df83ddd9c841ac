//! Where things are: the address the request came to, and the addresses made of it.

use std::slice;

use axum::http::{StatusCode, header, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{
    BASE_PATH,
    error::ScimError,
    schema::{GROUP, ResourceType, USER},
};
use crate::people::ENTERPRISE_USER;

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

    /// Adds what only the front door knows: `meta.location`, and a `$ref` wherever a resource points
    /// at another.
    pub(super) fn complete(&self, kind: &ResourceType, resource: &mut Value) {
        if let Some(id) = resource.get("id").and_then(Value::as_str) {
            let location = self.of(kind, id);
            if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
                meta.insert("location".to_owned(), location.into());
            }
        }
        for group in elements(resource.get_mut("groups")) {
            self.add_reference(&GROUP, group);
        }
        for member in elements(resource.get_mut("members")) {
            self.add_reference(&USER, member);
            member.insert("type".to_owned(), USER.name.into());
        }
        let manager = resource
            .get_mut(ENTERPRISE_USER)
            .and_then(|extension| extension.get_mut("manager"));
        for manager in elements(manager) {
            self.add_reference(&USER, manager);
        }
    }

    fn add_reference(&self, kind: &ResourceType, element: &mut Map<String, Value>) {
        if let Some(id) = element.get("value").and_then(Value::as_str) {
            let reference = self.of(kind, id);
            element.insert("$ref".to_owned(), reference.into());
        }
    }
}

/// The objects of a list, or the only one.
fn elements(place: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let elements = match place {
        Some(Value::Array(elements)) => elements.as_mut_slice(),
        Some(one) => slice::from_mut(one),
        None => &mut [],
    };
    elements.iter_mut().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;

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
    fn what_points_at_another_resource_says_where_it_is() {
        let base = base(&["x"]).unwrap();
        let mut user = json!({
            "id": "u1",
            "groups": [{"value": "g1"}],
            ENTERPRISE_USER: {"manager": {"value": "m1"}},
            "meta": {"resourceType": "User"},
        });

        base.complete(&USER, &mut user);

        assert_eq!(user["meta"]["location"], "https://x/scim/v2/Users/u1");
        assert_eq!(user["groups"][0]["$ref"], "https://x/scim/v2/Groups/g1");
        assert_eq!(
            user[ENTERPRISE_USER]["manager"]["$ref"],
            "https://x/scim/v2/Users/m1"
        );
    }
}
