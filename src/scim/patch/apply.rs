//! Does one step.

use serde_json::{Map, Value};

use super::{Action, Step, elements, target::Target};
use crate::{
    people::Attributes,
    query::{Comparison, Filter, Literal},
    scim::{
        error::ScimError,
        schema::{Attribute, Mode},
    },
};

const NO_TARGET: ScimError = ScimError::no_target("a path fits no value");

/// Does one step on a resource.
pub(super) fn step(step: &Step, attributes: &mut Attributes, mode: Mode) -> Result<(), ScimError> {
    let Some(urn) = step.target.extension else {
        return step_in(step, attributes, mode);
    };
    let mut extension = take_object(attributes, urn);
    step_in(step, &mut extension, mode)?;
    // An extension in which nothing is left is not there.
    put_back(
        attributes,
        urn,
        extension.is_empty(),
        Value::Object(extension),
    );
    Ok(())
}

fn step_in(step: &Step, place: &mut Attributes, mode: Mode) -> Result<(), ScimError> {
    let Step { target, action } = step;
    let name = target.attribute.name;
    if target.attribute.multi_valued {
        let mut list = take_list(place, name);
        in_list(target, action, &mut list, mode)?;
        put_back(place, name, list.is_empty(), Value::Array(list));
        return Ok(());
    }
    match target.sub {
        None => in_object(name, action, place),
        Some(sub) => {
            let mut object = take_object(place, name);
            in_object(sub.name, action, &mut object);
            put_back(place, name, object.is_empty(), Value::Object(object));
        }
    }
    Ok(())
}

fn take_object(place: &mut Attributes, name: &str) -> Map<String, Value> {
    match place.get_mut(name).map(Value::take) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn take_list(place: &mut Attributes, name: &str) -> Vec<Value> {
    match place.get_mut(name).map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn put_back(place: &mut Attributes, name: &str, is_empty: bool, value: Value) {
    if is_empty {
        place.shift_remove(name);
    } else {
        place.insert(name.to_owned(), value);
    }
}

/// Sets or removes one member. An object is completed rather than replaced: parts that are not given
/// stay.
///
/// # Source
/// RFC 7644 section 3.5.2.3.
fn in_object(name: &str, action: &Action, object: &mut Map<String, Value>) {
    match action {
        Action::Remove | Action::RemoveElements(_) => {
            object.shift_remove(name);
        }
        Action::Add(value) | Action::Replace(value) => match (object.get_mut(name), value) {
            (Some(old @ Value::Object(_)), Value::Object(_)) => elements::merge(old, value),
            _ => {
                object.insert(name.to_owned(), value.clone());
            }
        },
    }
}

fn in_list(
    target: &Target,
    action: &Action,
    list: &mut Vec<Value>,
    mode: Mode,
) -> Result<(), ScimError> {
    if target.is_whole_list() {
        in_whole_list(action, list);
        return Ok(());
    }
    let fits = |element: &Value| {
        target
            .filter
            .as_ref()
            .is_none_or(|filter| filter.matches(element))
    };
    let chosen: Vec<bool> = list.iter().map(fits).collect();
    let value = match action {
        Action::Add(value) | Action::Replace(value) => value,
        Action::Remove | Action::RemoveElements(_) => {
            remove_chosen(target, list, &chosen);
            return Ok(());
        }
    };
    if !chosen.contains(&true) {
        let is_refused = mode == Mode::Strict && matches!(action, Action::Replace(_));
        let mut new = match described(target) {
            Some(new) if !is_refused => new,
            _ => return Err(NO_TARGET),
        };
        let contradicts = |sub: &Attribute| new.get(sub.name).is_some_and(|old| old != value);
        if target.sub.is_some_and(contradicts) {
            return Err(NO_TARGET);
        }
        put(target, value, &mut new);
        elements::add(list, &[new]);
        return Ok(());
    }
    let mut places = chosen.iter();
    for element in list.iter_mut() {
        if places.next() == Some(&true) {
            if matches!(action, Action::Replace(_)) && target.sub.is_none() {
                // What the path says about the element stays true of it, or the same request sent
                // again would find nothing.
                *element = described(target).unwrap_or_else(|| Value::Object(Map::new()));
            }
            put(target, value, element);
        }
    }
    let changed: Vec<Value> = list
        .iter()
        .zip(&chosen)
        .filter(|(_, is_chosen)| **is_chosen)
        .map(|(element, _)| element.clone())
        .collect();
    elements::only_one_primary(list, |element| changed.contains(element));
    Ok(())
}

fn in_whole_list(action: &Action, list: &mut Vec<Value>) {
    match action {
        Action::Add(Value::Array(new)) => elements::add(list, new),
        Action::Replace(Value::Array(new)) => {
            list.clear();
            list.extend_from_slice(new);
        }
        Action::RemoveElements(named) => elements::remove(list, named),
        Action::Remove => list.clear(),
        // A list is always read as one.
        Action::Add(_) | Action::Replace(_) => {}
    }
}

fn remove_chosen(target: &Target, list: &mut Vec<Value>, chosen: &[bool]) {
    let mut chosen = chosen.iter();
    list.retain_mut(|element| {
        if chosen.next() != Some(&true) {
            return true;
        }
        let (Some(sub), Value::Object(parts)) = (target.sub, element) else {
            return false;
        };
        parts.shift_remove(sub.name);
        // An e-mail without its address says nothing.
        sub.name != "value" && !parts.is_empty()
    });
}

/// Writes the value into an element, or into its part.
fn put(target: &Target, value: &Value, element: &mut Value) {
    match target.sub {
        None => elements::merge(element, value),
        Some(sub) => elements::merge(
            element,
            &Value::Object(Map::from_iter([(sub.name.to_owned(), value.clone())])),
        ),
    }
}

/// The element a path describes by the equalities of its filter: `[type eq "work"]` is
/// `{"type": "work"}`. `None` when it says anything else.
fn described(target: &Target) -> Option<Value> {
    let mut parts = Map::new();
    if let Some(filter) = &target.filter {
        describe(filter, target.attribute, &mut parts)?;
    }
    Some(Value::Object(parts))
}

fn describe(filter: &Filter, attribute: &Attribute, parts: &mut Map<String, Value>) -> Option<()> {
    match filter {
        Filter::And(all) => all
            .iter()
            .try_for_each(|part| describe(part, attribute, parts)),
        Filter::Compare(path, Comparison::Equal, literal) => {
            let part = attribute
                .sub_attribute(&path.name)
                .filter(|part| part.is_kept())?;
            let value = match literal {
                Literal::Text(text) => Value::from(text.as_str()),
                Literal::Boolean(boolean) => Value::Bool(*boolean),
                Literal::Number(_) | Literal::Null => return None,
            };
            let value = part.read(&value, Mode::Strict).ok()??;
            parts.insert(part.name.to_owned(), value);
            Some(())
        }
        _ => None,
    }
}
