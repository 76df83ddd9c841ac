//! Lists of elements: which are the same, adding, taking out.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// Adds elements that are not there yet, and completes those that are.
///
/// Elements are the same when `value` and `type` are; those without `value` when all of them is.
pub(super) fn add(list: &mut Vec<Value>, new: &[Value]) {
    let mut places: HashMap<Key, usize> = HashMap::with_capacity(list.len());
    for (place, element) in list.iter().enumerate() {
        if let Some(key) = Key::of(element) {
            places.entry(key).or_insert(place);
        }
    }
    for element in new {
        let place = match Key::of(element) {
            Some(key) => {
                let next = list.len();
                *places.entry(key).or_insert(next)
            }
            None => list
                .iter()
                .position(|old| old == element)
                .unwrap_or(list.len()),
        };
        match list.get_mut(place) {
            Some(old) => merge(old, element),
            None => list.push(element.clone()),
        }
    }
    only_one_primary(list, |element| new.iter().any(|new| is_same(new, element)));
}

/// Takes out the elements that are named: by `value`, and by `type` where it is given too; without
/// `value` by all that is given.
pub(super) fn remove(list: &mut Vec<Value>, named: &[Value]) {
    let by_key: HashSet<Key> = named.iter().filter_map(Key::of).collect();
    let by_all: Vec<&Value> = named
        .iter()
        .filter(|element| Key::of(element).is_none())
        .collect();
    list.retain(|element| {
        let is_named = Key::of(element).is_some_and(|key| {
            by_key.contains(&key)
                || by_key.contains(&Key {
                    of_type: None,
                    ..key
                })
        });
        !is_named && !by_all.iter().any(|named| has_all(element, named))
    });
}

/// Adds the parts of one object to another; both are objects by their schema.
pub(super) fn merge(old: &mut Value, new: &Value) {
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        old.extend(
            new.iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
}

/// When a change made an element the primary one, no other stays it.
///
/// # Source
/// RFC 7644 section 3.5.2.
pub(super) fn only_one_primary(list: &mut [Value], was_changed: impl Fn(&Value) -> bool) {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let Some(chosen) = list
        .iter()
        .rposition(|element| is_primary(element) && was_changed(element))
    else {
        return;
    };
    for (place, element) in list.iter_mut().enumerate() {
        if place != chosen && is_primary(element) {
            merge(
                element,
                &Value::Object(Map::from_iter([("primary".to_owned(), false.into())])),
            );
        }
    }
}

/// What tells elements apart.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    value: String,
    of_type: Option<String>,
}

impl Key {
    fn of(element: &Value) -> Option<Self> {
        Some(Self {
            value: element.get("value")?.as_str()?.to_owned(),
            of_type: element
                .get("type")
                .and_then(Value::as_str)
                .map(str::to_ascii_lowercase),
        })
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (Key::of(one), Key::of(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn has_all(element: &Value, parts: &Value) -> bool {
    parts.as_object().is_some_and(|parts| {
        parts
            .iter()
            .all(|(name, value)| element.get(name) == Some(value))
    })
}
