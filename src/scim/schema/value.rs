//! Reads a value that a client sent as the value of an attribute.

use std::slice;

use serde_json::{Map, Value};

use super::{Attribute, Kind, Mode};
use crate::scim::error::ScimError;

impl Attribute {
    /// Reads all that this attribute holds. `None` is "unassigned": `null`, `[]`, an empty object, the
    /// empty text for an identifier.
    ///
    /// Clients write a list of one as its element, and the other way round; Entra ID and Okta send a
    /// manager as an object, as a list of one object and as bare text. All mean the same.
    ///
    /// # Errors
    /// `invalidValue` when it is nothing this attribute takes; `invalidSyntax` when a part is named
    /// twice, or unknown and the source is strict.
    pub fn read(&self, value: &Value, mode: Mode) -> Result<Option<Value>, ScimError> {
        if !self.multi_valued {
            return self.read_one(value, mode);
        }
        let elements = match value {
            Value::Array(elements) => elements.as_slice(),
            one => slice::from_ref(one),
        };
        let read: Vec<Value> = elements
            .iter()
            .filter_map(|element| self.read_one(element, mode).transpose())
            .collect::<Result<_, _>>()?;
        Ok((!read.is_empty()).then_some(Value::Array(read)))
    }

    /// Reads the only value, or one element of a list.
    ///
    /// # Errors
    /// As [`Attribute::read`].
    pub fn read_one(&self, value: &Value, mode: Mode) -> Result<Option<Value>, ScimError> {
        if value.is_null() && self.always_set {
            return Err(ScimError::invalid_value("`active` must be true or false"));
        }
        match self.kind {
            _ if value.is_null() => Ok(None),
            Kind::Boolean => read_boolean(value).map(Some),
            Kind::Complex => self.read_complex(value, mode),
            Kind::String | Kind::Binary | Kind::Reference | Kind::DateTime => {
                let text = self.read_text(value, mode)?;
                // An identifier that is the empty text names nobody, and is looked for as if it were
                // not there.
                let says_nothing = self.max_chars.is_some() && text == "";
                Ok((!says_nothing).then_some(text))
            }
        }
    }

    fn read_text(&self, value: &Value, mode: Mode) -> Result<Value, ScimError> {
        let text = match (value, mode) {
            (Value::String(text), _) => text.clone(),
            (Value::Number(number), Mode::Lenient) => number.to_string(),
            (Value::Bool(boolean), Mode::Lenient) => boolean.to_string(),
            _ => return Err(ScimError::invalid_value("a value must be text")),
        };
        if self.required && text.trim().is_empty() {
            return Err(ScimError::invalid_value("a required value is empty"));
        }
        if self.max_chars.is_some_and(|max| text.chars().count() > max) {
            return Err(ScimError::invalid_value(
                "a value is too long: 256 characters are taken",
            ));
        }
        Ok(Value::String(text))
    }

    fn read_complex(&self, value: &Value, mode: Mode) -> Result<Option<Value>, ScimError> {
        match value {
            Value::Object(object) => self.read_parts(object, mode),
            Value::Array(elements) => match elements.as_slice() {
                [] => Ok(None),
                [Value::Object(object)] => self.read_parts(object, mode),
                _ => Err(ScimError::invalid_value("a value must be one object")),
            },
            Value::String(_) | Value::Number(_) => {
                let Some(part) = self.sub_attribute("value") else {
                    return Err(ScimError::invalid_value("a value must be an object"));
                };
                let read = part.read_text(value, mode)?;
                let is_empty = read.as_str().is_some_and(str::is_empty);
                Ok((!is_empty).then(|| Map::from_iter([("value".to_owned(), read)]).into()))
            }
            _ => Err(ScimError::invalid_value("a value must be an object")),
        }
    }

    fn read_parts(
        &self,
        object: &Map<String, Value>,
        mode: Mode,
    ) -> Result<Option<Value>, ScimError> {
        let mut parts = Map::new();
        for (name, value) in object {
            let Some(part) = self.sub_attribute(name) else {
                match mode {
                    Mode::Lenient => continue,
                    Mode::Strict => return Err(UNKNOWN),
                }
            };
            if !part.is_kept() {
                continue;
            }
            let Some(read) = part.read(value, mode)? else {
                continue;
            };
            if parts.insert(part.name.to_owned(), read).is_some() {
                return Err(TWICE);
            }
        }
        // An address or a manager that is the empty text says nothing.
        let says_nothing = parts.is_empty() || parts.get("value").is_some_and(|value| value == "");
        Ok((!says_nothing).then_some(Value::Object(parts)))
    }
}

/// Something in a body that no schema has, from a source that is strict.
pub(in crate::scim) const UNKNOWN: ScimError =
    ScimError::invalid_syntax("the body has an attribute that no schema has");

/// Two names in a body that mean the same attribute.
pub(in crate::scim) const TWICE: ScimError =
    ScimError::invalid_syntax("the body names an attribute twice");

/// Entra ID sends booleans as text, `"True"` and `"False"`. Nothing else is guessed at, because the
/// guess could let somebody in.
fn read_boolean(value: &Value) -> Result<Value, ScimError> {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        _ => Err(ScimError::invalid_value("a value must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{Resolved, USER};

    fn read(name: &str, value: Value) -> Result<Option<Value>, ScimError> {
        read_as(name, value, Mode::Lenient)
    }

    fn read_as(name: &str, value: Value, mode: Mode) -> Result<Option<Value>, ScimError> {
        match USER.resolve(name) {
            Resolved::Attribute(named) => named.innermost().read(&value, mode),
            _ => panic!("{name} is unknown"),
        }
    }

    #[test]
    fn entras_booleans_as_text_are_booleans() {
        for text in ["False", "false", "FALSE"] {
            assert_eq!(read("active", json!(text)), Ok(Some(json!(false))));
        }
        assert_eq!(read("active", json!("True")), Ok(Some(json!(true))));
    }

    #[test]
    fn nothing_but_a_boolean_is_ever_active() {
        for value in [
            json!(0),
            json!(1),
            json!(null),
            json!([]),
            json!({}),
            json!("yes"),
            json!(""),
        ] {
            assert!(read("active", value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn an_identifier_that_is_the_empty_text_is_none() {
        for name in ["externalId", "displayName"] {
            assert_eq!(read(name, json!("")), Ok(None), "{name}");
        }
        assert_eq!(read("nickName", json!("")), Ok(Some(json!(""))));
        assert!(read("userName", json!("")).is_err());
    }

    #[test]
    fn a_manager_comes_in_all_shapes() {
        let manager = Ok(Some(json!({"value": "m1"})));

        assert_eq!(read("manager", json!({"value": "m1"})), manager);
        assert_eq!(
            read(
                "manager",
                json!([{"$ref": "http://x/Users/m1", "value": "m1"}])
            ),
            manager
        );
        assert_eq!(read("manager", json!("m1")), manager);
        for nothing in [json!(""), json!(null), json!([]), json!({"value": ""})] {
            assert_eq!(read("manager", nothing.clone()), Ok(None), "{nothing}");
        }
    }

    #[test]
    fn a_list_keeps_what_was_sent_in_our_spelling() {
        assert_eq!(
            read(
                "emails",
                json!([{"Value": "a@x", "TYPE": "work", "primary": "True", "odd": 1}])
            ),
            Ok(Some(
                json!([{"value": "a@x", "type": "work", "primary": true}])
            ))
        );
        assert_eq!(
            read("emails", json!("a@x")),
            Ok(Some(json!([{"value": "a@x"}])))
        );
        assert_eq!(read("emails", json!([null, {}])), Ok(None));
    }

    #[test]
    fn a_strict_source_is_told_what_is_unknown() {
        assert_eq!(
            read_as("emails", json!([{"odd": 1}]), Mode::Strict),
            Err(UNKNOWN)
        );
        assert!(read_as("title", json!(7), Mode::Strict).is_err());
        assert_eq!(read("title", json!(7)), Ok(Some(json!("7"))));
    }

    #[test]
    fn a_user_name_has_a_length() {
        assert!(read("userName", json!("é".repeat(256))).is_ok());
        assert!(read("userName", json!("é".repeat(257))).is_err());
        assert!(read("userName", json!("  ")).is_err());
    }

    #[test]
    fn a_part_named_twice_is_refused() {
        assert_eq!(
            read("name", json!({"givenName": "a", "GivenName": "b"})),
            Err(TWICE)
        );
    }
}
