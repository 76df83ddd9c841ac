//! What keeps passwords, tokens and patient data out of receipts.
//!
//! - `keys`: names whose values are never kept
//! - `values`: what gives itself away by its look
//! - `text`: both of them in text of any kind
//!
//! It errs towards taking out too much: a receipt proves a step, it is no copy of an answer.

mod keys;
mod text;
mod values;

use serde_json::{Map, Value};

use crate::strict_json;

/// What stands in place of what was taken out.
const GONE: &str = "[redacted]";

/// How much text that is no JSON is looked at, in bytes. More could only be cut off again.
const TEXT_BYTES: usize = 64 * 1024;

/// Cuts the text to at most `max_bytes` after taking out what must not be stored.
///
/// JSON is walked, and values under telling keys are dropped whole. Anything else, JSON that is cut
/// off or has a key twice among it, is searched as text. Control characters are escaped.
pub fn excerpt(text: &str, max_bytes: usize) -> String {
    let redacted = match strict_json::parse(text.as_bytes()) {
        Ok(value) => walk(value).to_string(),
        Err(_) => text::redact(cut(text, TEXT_BYTES)),
    };
    cut(&escape(&redacted), max_bytes).to_owned()
}

fn walk(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().fold(
            Map::new(),
            |mut kept, (key, value)| {
                let value = if keys::is_secret(&key) && !may_stay(&key, &value) {
                    Value::from(GONE)
                } else {
                    walk(value)
                };
                kept.insert(text::redact(&key), value);
                kept
            },
        )),
        Value::Array(values) => Value::Array(values.into_iter().map(walk).collect()),
        Value::String(text) => Value::from(text::redact(&text)),
        Value::Number(number) if values::is_card(&number.to_string()) => Value::from(GONE),
        other => other,
    }
}

/// A yes, a no, and the number of open sessions are no secrets; they are the proof.
fn may_stay(key: &str, value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Null => true,
        Value::Number(number) => {
            keys::counts_sessions(key) && number.as_u64().is_some_and(|count| count < 10_000)
        }
        _ => false,
    }
}

/// Control characters as `\u{..}`, so that no answer can write into a log or a terminal, and those
/// that turn the direction of writing, so that none can pretend.
fn escape(text: &str) -> String {
    let is_unsafe = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars()
        .fold(String::with_capacity(text.len()), |mut safe, letter| {
            if is_unsafe(letter) {
                safe.extend(letter.escape_default())
            } else {
                safe.push(letter)
            }
            safe
        })
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

#[cfg(test)]
mod tests;
