//! Reads JSON without guessing: what two readers could understand differently is refused.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::ScimError;

/// Deepest nesting taken. A SCIM resource needs five.
const MAX_DEPTH: usize = 32;

/// Reads one JSON document. A byte order mark before it is taken.
///
/// # Errors
/// `invalidSyntax` when it is no JSON in UTF-8, has something after it, is nested too deeply, or names
/// a member twice; `invalidValue` when a text has a NUL, which databases cannot keep.
pub fn read(bytes: &[u8]) -> Result<Value, ScimError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let fault = Cell::new(ScimError::invalid_syntax("the body is not JSON in UTF-8"));
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict {
        depth: 0,
        fault: &fault,
    };
    strict
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|_| fault.into_inner())
}

/// Reads a value at some depth; says in `fault` what it did not like.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth: usize,
    fault: &'f Cell<ScimError>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(ScimError::invalid_syntax("the body is nested too deeply")));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn text<E: Error>(self, text: String) -> Result<String, E> {
        if text.contains('\0') {
            return Err(self.refuse(ScimError::invalid_value("text cannot have a NUL character")));
        }
        Ok(text)
    }

    /// The reader's own error texts echo what was sent, so ours takes their place.
    fn refuse<E: Error>(self, fault: ScimError) -> E {
        self.fault.set(fault);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value.to_owned()).map(Value::String)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.text(value).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(inner)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let name = self.text(name)?;
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(self.refuse(ScimError::invalid_syntax("the body names a member twice")));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::error::ScimType;

    fn refusal(text: &str) -> Option<ScimType> {
        read(text.as_bytes()).unwrap_err().scim_type
    }

    #[test]
    fn plain_json_is_read_as_it_is() {
        let text = r#" {"a": [1, -2, 3.5, true, null, "é\n"], "b": {}} "#;

        assert_eq!(
            read(text.as_bytes()).unwrap(),
            json!({"a": [1, -2, 3.5, true, null, "é\n"], "b": {}})
        );
    }

    #[test]
    fn a_byte_order_mark_is_taken() {
        assert_eq!(read(b"\xEF\xBB\xBF{}").unwrap(), json!({}));
    }

    #[test]
    fn a_member_named_twice_is_refused() {
        let twice = r#"{"active": true, "active": false}"#;

        assert_eq!(refusal(twice), Some(ScimType::InvalidSyntax));
        assert_eq!(
            read(twice.as_bytes()).unwrap_err().detail,
            "the body names a member twice"
        );
    }

    #[test]
    fn nesting_stops_at_thirty_two() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);

        assert!(read(nested(32).as_bytes()).is_ok());
        assert_eq!(refusal(&nested(33)), Some(ScimType::InvalidSyntax));
        assert_eq!(refusal(&"[".repeat(100_000)), Some(ScimType::InvalidSyntax));
    }

    #[test]
    fn a_nul_is_refused_in_values_and_names() {
        assert_eq!(refusal(r#"{"a": "\u0000"}"#), Some(ScimType::InvalidValue));
        assert_eq!(refusal(r#"{"\u0000": 1}"#), Some(ScimType::InvalidValue));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "nonsense", "{} x", "NaN", "1e400", r#""\ud800""#, "{"] {
            assert_eq!(refusal(text), Some(ScimType::InvalidSyntax), "{text}");
        }
        assert!(read(b"\"\xFF\"").is_err());
    }
}
