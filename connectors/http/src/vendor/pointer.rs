//! Where in an answer a value is: a JSON Pointer (RFC 6901), with `*` for every element of a list.

use std::fmt;

use serde_json::Value;

/// A path into a JSON answer, for example `/data/0/id`, or `/emails/*/address` for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Every,
}

impl Pointer {
    /// The whole answer.
    pub const WHOLE: Self = Self {
        segments: Vec::new(),
    };

    /// Reads a pointer as it is written in a vendor file.
    ///
    /// # Errors
    /// When it is not empty and does not start with `/`, or holds a `~` that is not `~0` or `~1`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::WHOLE);
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!(
                "`{text}` does not start with `/`: write a JSON pointer such as `/id`"
            ));
        };
        let segments = rest
            .split('/')
            .map(Segment::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }

    /// Reads a pointer to one value: `*` is refused.
    ///
    /// # Errors
    /// As [`Pointer::parse`], and when it holds a `*`.
    pub fn parse_to_one(text: &str) -> Result<Self, String> {
        let pointer = Self::parse(text)?;
        if pointer.names_many() {
            return Err(format!("`{text}` names many values: name one, without `*`"));
        }
        Ok(pointer)
    }

    /// Whether it can lead to more than one value.
    pub fn names_many(&self) -> bool {
        self.segments.contains(&Segment::Every)
    }

    /// Every value it leads to; values that are absent or null are left out.
    pub fn all<'a>(&self, answer: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![answer];
        for segment in &self.segments {
            found = found
                .into_iter()
                .flat_map(|value| segment.step(value))
                .collect();
        }
        found.retain(|value| !value.is_null());
        found
    }

    /// The first value it leads to.
    pub fn first<'a>(&self, answer: &'a Value) -> Option<&'a Value> {
        self.all(answer).into_iter().next()
    }

    /// The first value it leads to, as text.
    pub fn text(&self, answer: &Value) -> Option<String> {
        self.first(answer).and_then(text_of)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Every => f.write_str("/*"),
            Segment::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1")),
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Every);
        }
        let mut key = String::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '~' => match letters.next() {
                    Some('0') => key.push('~'),
                    Some('1') => key.push('/'),
                    _ => {
                        return Err(format!(
                            "`~` in `{text}` must be written `~0`, and `/` in a key `~1`"
                        ));
                    }
                },
                other => key.push(other),
            }
        }
        Ok(Self::Key(key))
    }

    fn step<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Every, Value::Array(elements)) => elements.iter().collect(),
            (Self::Key(key), Value::Object(fields)) => fields.get(key).into_iter().collect(),
            (Self::Key(key), Value::Array(elements)) => {
                let index = key
                    .parse::<usize>()
                    .ok()
                    .filter(|index| index.to_string() == *key);
                index
                    .and_then(|index| elements.get(index))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// An identifier as text: systems give ids as strings or as whole numbers. Anything else, and the
/// empty string, is no identifier.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_reads_keys_indexes_and_escapes() {
        let answer = json!({"a/b": {"m~n": [10, {"id": 7}]}});

        let id = Pointer::parse("/a~1b/m~0n/1/id").unwrap();

        assert_eq!(id.text(&answer), Some("7".to_owned()));
        assert_eq!(id.to_string(), "/a~1b/m~0n/1/id");
    }

    #[test]
    fn a_star_reads_every_element_and_skips_what_is_absent() {
        let answer = json!({"emails": [{"address": "a@x"}, {"type": "home"}, {"address": null}, {"address": "b@x"}]});

        let addresses = Pointer::parse("/emails/*/address").unwrap();

        assert_eq!(addresses.all(&answer), [&json!("a@x"), &json!("b@x")]);
    }

    #[test]
    fn an_index_with_a_leading_zero_is_no_index() {
        assert_eq!(Pointer::parse("/00").unwrap().first(&json!([1])), None);
    }

    #[test]
    fn the_empty_pointer_is_the_whole_answer() {
        assert_eq!(
            Pointer::parse("").unwrap().first(&json!(5)),
            Some(&json!(5))
        );
    }

    #[test]
    fn a_wrong_pointer_says_how_to_write_it() {
        assert!(Pointer::parse("id").unwrap_err().contains("start with `/`"));
        assert!(Pointer::parse("/a~2").unwrap_err().contains("`~0`"));
        assert!(
            Pointer::parse_to_one("/a/*")
                .unwrap_err()
                .contains("without `*`")
        );
    }

    #[test]
    fn only_text_and_whole_numbers_are_identifiers() {
        assert_eq!(text_of(&json!("x")), Some("x".to_owned()));
        assert_eq!(text_of(&json!(-4)), Some("-4".to_owned()));
        for no_id in [json!(""), json!(1.5), json!(true), json!([]), json!({})] {
            assert_eq!(text_of(&no_id), None);
        }
    }
}
