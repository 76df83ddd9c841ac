//! Reads the body of a Bulk request.

use std::collections::HashMap;

use axum::http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    MAX_OPERATIONS,
    references::{references, split},
};
use crate::scim::{
    disable,
    error::ScimError,
    patch::field,
    schema::{GROUP, ResourceType, USER},
};

const NO_OPERATIONS: ScimError = ScimError::invalid_syntax("the body has no Operations");

/// What a Bulk request wants.
#[derive(Debug)]
pub(in crate::scim) struct Request {
    fail_on_errors: Option<u64>,
    pub(in crate::scim) operations: Vec<Operation>,
    /// Which operation makes the resource of this name.
    makers: HashMap<String, usize>,
}

/// One operation, as far as it can be read.
#[derive(Debug)]
pub(in crate::scim) struct Operation {
    pub(in crate::scim) method: Option<Method>,
    pub(in crate::scim) bulk_id: Option<String>,
    /// What to do, or why it cannot be done.
    pub(in crate::scim) target: Result<Target, ScimError>,
    /// As it was sent, so that a refusal can be looked into.
    pub(in crate::scim) sent: Value,
}

/// What an operation does to which resource.
#[derive(Debug, Clone)]
pub(in crate::scim) struct Target {
    pub(in crate::scim) method: Method,
    pub(in crate::scim) kind: &'static ResourceType,
    /// The id in the path; a resource that is made here has none.
    pub(in crate::scim) id: Option<String>,
    pub(in crate::scim) version: Option<String>,
    pub(in crate::scim) data: Option<Value>,
    /// The names of resources to be made that this one speaks of.
    pub(in crate::scim) needs: Vec<String>,
}

/// The methods that an operation can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scim) enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn read(text: &str) -> Option<Self> {
        [Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| text.eq_ignore_ascii_case(method.as_str()))
    }

    /// As HTTP spells it.
    pub(in crate::scim) fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl Request {
    /// Reads the body. An operation that cannot be done is no reason to refuse the others.
    ///
    /// # Errors
    /// `invalidSyntax` when it is no Bulk request, `invalidValue` when two operations have the same
    /// `bulkId`, 413 when there are too many.
    ///
    /// # Source
    /// RFC 7644 sections 3.7 and 3.7.4.
    pub(in crate::scim) fn read(body: &Value) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::invalid_syntax("the body must be an object"));
        };
        let Some(Value::Array(sent)) = field(body, "Operations")? else {
            return Err(NO_OPERATIONS);
        };
        if sent.is_empty() {
            return Err(NO_OPERATIONS);
        }
        if sent.len() > MAX_OPERATIONS {
            return Err(ScimError::plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body has more than 1000 operations: send fewer at a time",
            ));
        }
        let fail_on_errors = match field(body, "failOnErrors")? {
            None | Some(Value::Null) => None,
            Some(number) => Some(number.as_u64().ok_or(ScimError::invalid_value(
                "`failOnErrors` must be a whole number",
            ))?),
        };
        let mut operations = sent
            .iter()
            .map(Operation::read)
            .collect::<Result<Vec<_>, _>>()?;
        let makers = makers(&operations)?;
        for operation in &mut operations {
            let is_unknown = operation
                .target
                .as_ref()
                .is_ok_and(|target| target.needs.iter().any(|name| !makers.contains_key(name)));
            if is_unknown {
                operation.target = Err(ScimError::invalid_value(
                    "the operation refers to a bulkId that no POST of the request has",
                ));
            }
        }
        Ok(Self {
            fail_on_errors,
            operations,
            makers,
        })
    }

    /// Whether so many errors end the request.
    pub(in crate::scim) fn ends_after(&self, errors: u64) -> bool {
        self.fail_on_errors
            .is_some_and(|limit| errors >= limit.max(1))
    }

    /// Which other operations each has to wait for, by their places.
    pub(in crate::scim) fn waits_for(&self) -> Vec<Vec<usize>> {
        self.operations
            .iter()
            .map(|operation| {
                let needs = operation.target.as_ref().map(|target| &target.needs);
                needs
                    .into_iter()
                    .flatten()
                    .filter_map(|name| self.makers.get(name).copied())
                    .collect()
            })
            .collect()
    }
}

/// Only a POST makes something that others can refer to, but no name may stand twice.
fn makers(operations: &[Operation]) -> Result<HashMap<String, usize>, ScimError> {
    let mut places = HashMap::new();
    for (place, operation) in operations.iter().enumerate() {
        if let Some(name) = &operation.bulk_id
            && places.insert(name.clone(), place).is_some()
        {
            return Err(ScimError::invalid_value(
                "two operations have the same bulkId",
            ));
        }
    }
    places.retain(|_, place| operations[*place].method == Some(Method::Post));
    Ok(places)
}

impl Operation {
    fn read(sent: &Value) -> Result<Self, ScimError> {
        let Value::Object(members) = sent else {
            return Err(ScimError::invalid_syntax("an operation must be an object"));
        };
        let method = field(members, "method")?
            .and_then(Value::as_str)
            .and_then(Method::read);
        let bulk_id = text(members, "bulkId");
        Ok(Self {
            method,
            bulk_id: bulk_id.clone().unwrap_or_default(),
            target: bulk_id.and_then(|bulk_id| Target::read(members, method, bulk_id.as_deref())),
            sent: sent.clone(),
        })
    }
}

impl Target {
    fn read(
        members: &Map<String, Value>,
        method: Option<Method>,
        bulk_id: Option<&str>,
    ) -> Result<Self, ScimError> {
        let method = method.ok_or(ScimError::invalid_syntax(
            "the method of an operation must be POST, PUT, PATCH or DELETE",
        ))?;
        let path =
            text(members, "path")?.ok_or(ScimError::invalid_syntax("an operation has no path"))?;
        let (kind, id) =
            resource(&path).ok_or_else(|| ScimError::of_status(StatusCode::NOT_FOUND))?;
        if (method == Method::Post) != id.is_none() {
            return Err(ScimError::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "the path of the operation does not take its method",
            ));
        }
        if method == Method::Post && bulk_id.is_none_or(str::is_empty) {
            return Err(ScimError::invalid_value("a POST must have a bulkId"));
        }
        let data = match field(members, "data")? {
            Some(data) if method != Method::Delete => Some(data.clone()),
            _ => None,
        };
        let in_path = id.as_deref().and_then(named);
        let needs = in_path
            .map(str::to_owned)
            .into_iter()
            .chain(data.iter().flat_map(references))
            .collect();
        Ok(Self {
            method,
            kind,
            // What is not there yet has no version to be guarded.
            version: text(members, "version")?.filter(|_| method != Method::Post),
            needs,
            id,
            data,
        })
    }
}

/// The operations of a body that may be unreadable otherwise.
pub(in crate::scim) fn raw_operations(body: &[u8]) -> Vec<Value> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Vec::new();
    };
    body.into_iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Operations"))
        .filter_map(|(_, value)| match value {
            Value::Array(operations) => Some(operations),
            _ => None,
        })
        .flatten()
        .collect()
}

/// The id in the path of an operation that would disable a User. Like [`disable::is_asked_for`], it
/// is only asked after a refusal and reads generously.
pub(in crate::scim) fn disabled_by(sent: &Value) -> Option<String> {
    let find = |wanted: &str| {
        let members = sent.as_object()?.iter();
        members
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
            .next()
    };
    let (kind, id) = resource(find("path")?.as_str()?)?;
    let disables = match Method::read(find("method")?.as_str()?)? {
        Method::Post => false,
        Method::Put | Method::Patch => find("data").is_some_and(disable::is_asked_for_in),
        Method::Delete => true,
    };
    id.filter(|_| disables && kind.name == USER.name)
}

/// The name of the resource to be made that stands in the place of an id.
pub(in crate::scim) fn named(id: &str) -> Option<&str> {
    split(id).map(|(_, name)| name)
}

/// What a path leads to.
fn resource(path: &str) -> Option<(&'static ResourceType, Option<String>)> {
    [&USER, &GROUP].into_iter().find_map(|kind| {
        let rest = path.strip_prefix(kind.endpoint)?;
        if rest.is_empty() {
            return Some((kind, None));
        }
        let id = rest.strip_prefix('/')?;
        if id.is_empty() || id.contains('/') {
            return None;
        }
        let id = percent_decode_str(id).decode_utf8().ok()?;
        Some((kind, Some(id.into_owned())))
    })
}

fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, ScimError> {
    match field(members, name)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ScimError::invalid_syntax(
            "the bulkId, path and version of an operation must be text",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::error::ScimType;

    fn read(operations: Value) -> Result<Request, ScimError> {
        Request::read(&json!({"Operations": operations}))
    }

    fn refusal(operation: Value) -> ScimError {
        let request = read(json!([operation])).unwrap();
        request.operations[0].target.clone().unwrap_err()
    }

    #[test]
    fn an_operation_says_what_it_does_to_which_resource() {
        let request = read(json!([{
            "METHOD": "patch",
            "path": "/Groups/a%20b",
            "version": "W/\"3\"",
            "data": {"Operations": [{"op": "add", "path": "members", "value": []}]},
        }]))
        .unwrap();

        let target = request.operations[0].target.as_ref().unwrap();
        assert_eq!(target.method, Method::Patch);
        assert_eq!(target.kind.name, "Group");
        assert_eq!(target.id.as_deref(), Some("a b"));
        assert_eq!(target.version.as_deref(), Some("W/\"3\""));
        assert!(target.needs.is_empty());
    }

    #[test]
    fn a_bad_operation_is_refused_alone() {
        for (status, scim_type, operation) in [
            (404, None, json!({"method": "DELETE", "path": "/Devices/1"})),
            (404, None, json!({"method": "DELETE", "path": "/Users/1/2"})),
            (404, None, json!({"method": "DELETE", "path": "/Users/"})),
            (
                404,
                None,
                json!({"method": "POST", "bulkId": "a", "path": "/Usersx"}),
            ),
            (405, None, json!({"method": "DELETE", "path": "/Users"})),
            (
                405,
                None,
                json!({"method": "POST", "bulkId": "a", "path": "/Users/1"}),
            ),
            (
                400,
                Some(ScimType::InvalidValue),
                json!({"method": "POST", "path": "/Users"}),
            ),
            (
                400,
                Some(ScimType::InvalidSyntax),
                json!({"method": "GET", "path": "/Users/1"}),
            ),
            (
                400,
                Some(ScimType::InvalidSyntax),
                json!({"path": "/Users/1"}),
            ),
            (400, Some(ScimType::InvalidSyntax), json!({"method": "PUT"})),
            (
                400,
                Some(ScimType::InvalidSyntax),
                json!({"method": "DELETE", "path": "/Users/1", "version": 3}),
            ),
            (
                400,
                Some(ScimType::InvalidValue),
                json!({"method": "PUT", "path": "/Users/bulkId:none", "data": {}}),
            ),
        ] {
            let refusal = refusal(operation.clone());
            assert_eq!(refusal.status, status, "{operation}");
            assert_eq!(refusal.scim_type, scim_type, "{operation}");
        }
    }

    #[test]
    fn a_body_that_is_no_bulk_request_is_refused_whole() {
        let two = json!({"method": "DELETE", "path": "/Users/1", "bulkId": "a"});
        for body in [
            json!([]),
            json!({}),
            json!({"Operations": []}),
            json!({"Operations": ["x"]}),
            json!({"Operations": [two, two]}),
            json!({"Operations": [two], "failOnErrors": -1}),
            json!({"Operations": [two], "failOnErrors": "1"}),
            json!({"Operations": [two], "operations": [two]}),
        ] {
            assert_eq!(Request::read(&body).unwrap_err().status, 400, "{body}");
        }
    }

    #[test]
    fn one_operation_more_than_announced_is_too_many() {
        let operations = |count| vec![json!({"method": "DELETE", "path": "/Users/1"}); count];

        assert!(read(json!(operations(MAX_OPERATIONS))).is_ok());
        let refusal = read(json!(operations(MAX_OPERATIONS + 1))).unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn who_refers_to_a_post_waits_for_it() {
        let request = read(json!([
            {"method": "PUT", "path": "/Users/bulkId:nina", "bulkId": "put", "data": {}},
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "ward",
                "data": {"members": [{"value": "bulkId:nina"}, {"value": "bulkId:put"}]},
            },
            {"method": "POST", "path": "/Users", "bulkId": "nina", "data": {}},
            {
                "method": "PATCH",
                "path": "/Groups/1",
                "data": {"Operations": [
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:nina"}]},
                ]},
            },
        ]))
        .unwrap();

        assert!(request.operations[1].target.is_err(), "a PUT makes nothing");
        assert_eq!(request.waits_for(), [vec![2], vec![], vec![], vec![2]]);
    }

    #[test]
    fn a_disable_is_seen_in_an_operation_that_cannot_be_read() {
        let id = |operation: Value| disabled_by(&operation);
        let disable = || json!({"active": "False"});

        for operation in [
            json!({"method": "PUT", "path": "/Users/1", "version": 3, "data": disable()}),
            json!({"Method": "patch", "Path": "/Users/1", "Data": {"Operations": [
                {"op": "bad"}, {"op": "replace", "value": disable()},
            ]}}),
            json!({"method": "DELETE", "path": "/Users/1"}),
        ] {
            assert_eq!(id(operation.clone()).as_deref(), Some("1"), "{operation}");
        }
        for operation in [
            json!({"method": "POST", "path": "/Users", "data": disable()}),
            json!({"method": "PUT", "path": "/Groups/1", "data": disable()}),
            json!({"method": "DELETE", "path": "/Groups/1"}),
            json!({"method": "PUT", "path": "/Users/1", "data": {"active": true}}),
            json!("x"),
        ] {
            assert_eq!(id(operation.clone()), None, "{operation}");
        }
    }

    #[test]
    fn operations_are_found_in_a_body_that_is_refused() {
        let body = br#"{"Operations": [{"path": "a", "path": "b"}], "x": 1}"#;

        assert_eq!(raw_operations(body), [json!({"path": "b"})]);
        assert!(raw_operations(b"nonsense").is_empty());
    }
}
