//! What the front door tells about itself, made once.

use std::sync::LazyLock;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Attribute, GROUP, Kind, Mode, Mutability, ResourceType, Returned, Schema, USER, Uniqueness,
};
use crate::scim::{
    BASE_PATH,
    bulk::MAX_OPERATIONS,
    cursor::LIFETIME_SECONDS,
    list::{DEFAULT_COUNT, MAX_COUNT},
};

/// All discovery documents, ready to send.
pub(in crate::scim) static DISCOVERY: LazyLock<Discovery> = LazyLock::new(Discovery::new);

/// The discovery documents as they are sent.
#[derive(Debug)]
pub(in crate::scim) struct Discovery {
    pub(in crate::scim) resource_types: Collection,
    pub(in crate::scim) schemas: Collection,
}

/// A list of documents, as a whole and one by one.
#[derive(Debug)]
pub(in crate::scim) struct Collection {
    pub(in crate::scim) list: Bytes,
    each: Vec<(&'static str, Bytes)>,
}

impl Discovery {
    fn new() -> Self {
        let kinds = [&USER, &GROUP];
        let schemas = kinds.into_iter().flat_map(ResourceType::schemas);
        Self {
            resource_types: Collection::new(
                kinds
                    .into_iter()
                    .map(|kind| (kind.name, resource_type(kind))),
            ),
            schemas: Collection::new(schemas.map(|schema| (schema.urn, schema_document(schema)))),
        }
    }
}

impl Collection {
    fn new(documents: impl Iterator<Item = (&'static str, Value)>) -> Self {
        let (ids, documents): (Vec<_>, Vec<_>) = documents.unzip();
        let list = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": documents.len(),
            "startIndex": 1,
            "itemsPerPage": documents.len(),
            "Resources": &documents,
        });
        Self {
            list: bytes(&list),
            each: ids.into_iter().zip(documents.iter().map(bytes)).collect(),
        }
    }

    /// The document with this id, whatever its case.
    pub(in crate::scim) fn find(&self, id: &str) -> Option<Bytes> {
        self.each
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(id))
            .map(|(_, document)| document.clone())
    }
}

fn bytes(document: &Value) -> Bytes {
    Bytes::from(document.to_string())
}

/// What the front door can do, when it takes bodies of up to so many bytes.
///
/// Only a strict source is told of `pagination`: a client that knows no more than RFC 7643 may stop
/// pushing at an attribute it does not know, as Canaille 0.3 does, and then its leavers stay.
///
/// # Source
/// RFC 7643 section 5; RFC 9865 section 4 for `pagination`.
pub(in crate::scim) fn service_provider_config(body_bytes: usize, mode: Mode) -> Bytes {
    let mut document = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": MAX_OPERATIONS,
            "maxPayloadSize": body_bytes,
        },
        "filter": {"supported": true, "maxResults": MAX_COUNT},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token made with `drawbridge token create`, in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{BASE_PATH}/ServiceProviderConfig"),
        },
    });
    if mode == Mode::Strict {
        document["pagination"] = json!({
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_COUNT,
            "maxPageSize": MAX_COUNT,
            "cursorTimeout": LIFETIME_SECONDS,
        });
    }
    bytes(&document)
}

/// # Source
/// RFC 7643 section 6.
fn resource_type(kind: &ResourceType) -> Value {
    let extensions: Vec<Value> = kind
        .extensions
        .iter()
        .map(|schema| json!({"schema": schema.urn, "required": false}))
        .collect();
    let mut document = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name,
        "name": kind.name,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "schema": kind.core.urn,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{BASE_PATH}/ResourceTypes/{}", kind.name),
        },
    });
    if !extensions.is_empty() {
        document["schemaExtensions"] = Value::Array(extensions);
    }
    document
}

/// # Source
/// RFC 7643 section 7.
fn schema_document(schema: &Schema) -> Value {
    let attributes: Vec<Value> = schema.attributes.iter().map(attribute_document).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.urn,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes,
        "meta": {
            "resourceType": "Schema",
            "location": format!("{BASE_PATH}/Schemas/{}", schema.urn),
        },
    })
}

fn attribute_document(attribute: &Attribute) -> Value {
    let mut document = Map::new();
    let mut say = |name: &str, value: Value| document.insert(name.to_owned(), value);
    say("name", attribute.name.into());
    say("type", type_name(attribute.kind).into());
    say("multiValued", attribute.multi_valued.into());
    say("description", attribute.description.into());
    say("required", attribute.required.into());
    say("mutability", mutability_name(attribute.mutability).into());
    say("returned", returned_name(attribute.returned).into());
    // Only text is compared by case, and only single values are unique.
    if !matches!(attribute.kind, Kind::Complex | Kind::Boolean) {
        say("caseExact", attribute.case_exact.into());
        say("uniqueness", uniqueness_name(attribute.uniqueness).into());
    }
    if !attribute.canonical_values.is_empty() {
        say("canonicalValues", json!(attribute.canonical_values));
    }
    if !attribute.reference_types.is_empty() {
        say("referenceTypes", json!(attribute.reference_types));
    }
    if attribute.kind == Kind::Complex {
        let parts = attribute.sub_attributes.iter().map(attribute_document);
        say("subAttributes", parts.collect());
    }
    Value::Object(document)
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::Boolean => "boolean",
        Kind::DateTime => "dateTime",
        Kind::Binary => "binary",
        Kind::Reference => "reference",
        Kind::Complex => "complex",
    }
}

fn mutability_name(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

fn returned_name(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Never => "never",
        Returned::Default => "default",
    }
}

fn uniqueness_name(uniqueness: Uniqueness) -> &'static str {
    match uniqueness {
        Uniqueness::None => "none",
        Uniqueness::Server => "server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &Bytes) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn each(value: &Value, look: &mut impl FnMut(&str, &Value)) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    look(name, value);
                    each(value, look);
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| each(element, look)),
            _ => {}
        }
    }

    #[test]
    fn only_a_strict_source_is_told_what_came_after_rfc_7643() {
        let told = |mode| read(&service_provider_config(1024, mode));

        assert_eq!(told(Mode::Strict)["pagination"]["cursor"], true);
        let lenient = told(Mode::Lenient);
        let names: Vec<_> = lenient.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            [
                "schemas",
                "patch",
                "bulk",
                "filter",
                "changePassword",
                "sort",
                "etag",
                "authenticationSchemes",
                "meta"
            ]
        );
    }

    #[test]
    fn the_documents_have_no_null_and_names_in_camel_case() {
        let all = [
            &service_provider_config(1024, Mode::Strict),
            &DISCOVERY.resource_types.list,
            &DISCOVERY.schemas.list,
        ];
        for document in all {
            each(&read(document), &mut |name, value| {
                assert!(!value.is_null(), "{name}");
                let is_list_name = name == "Resources";
                assert!(
                    is_list_name || name.starts_with(|first: char| first.is_ascii_lowercase()),
                    "{name}"
                );
            });
        }
    }

    #[test]
    fn every_attribute_says_what_the_rfc_wants_of_it() {
        let schemas = read(&DISCOVERY.schemas.list);
        let resources = schemas["Resources"].as_array().unwrap();
        assert_eq!(resources.len(), 3);

        for schema in resources {
            each(schema, &mut |name, value| {
                if name != "attributes" && name != "subAttributes" {
                    return;
                }
                for attribute in value.as_array().unwrap() {
                    for wanted in [
                        "name",
                        "type",
                        "multiValued",
                        "description",
                        "required",
                        "mutability",
                        "returned",
                    ] {
                        assert!(attribute.get(wanted).is_some(), "{wanted} in {attribute}");
                    }
                    let is_reference = attribute["type"] == "reference";
                    assert_eq!(is_reference, attribute.get("referenceTypes").is_some());
                }
            });
        }
    }

    #[test]
    fn documents_are_found_by_their_id() {
        let urn = "URN:ietf:params:scim:schemas:core:2.0:user";

        let user = read(&DISCOVERY.schemas.find(urn).unwrap());

        assert_eq!(user["id"], USER.core.urn);
        assert_eq!(
            read(&DISCOVERY.resource_types.find("User").unwrap())["schemaExtensions"][0]["required"],
            false
        );
        assert!(DISCOVERY.schemas.find("urn:x").is_none());
    }
}
