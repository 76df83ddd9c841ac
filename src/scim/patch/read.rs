//! Turns what a client sent into steps.

use serde_json::{Map, Value};

use super::{
    Action, Step,
    target::{self, Place, Target},
};
use crate::scim::{
    error::ScimError,
    schema::{Mode, Mutability, ResourceType, Schema, TWICE, UNKNOWN},
};

/// Most steps in one PATCH, counted after neighbours on the same list were joined. More than any
/// identity provider sends; it bounds what one request can cost on a large group.
const MAX_STEPS: usize = 1000;

const TOO_MANY: ScimError =
    ScimError::invalid_value("the body has too many operations: send fewer at a time");

/// What a step that sets does to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Add,
    Replace,
}

/// Reads the body of a PATCH.
pub(super) fn operations(
    kind: &'static ResourceType,
    body: &Value,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax("the body must be an object"));
    };
    let Some(Value::Array(operations)) = field(body, "Operations")? else {
        return Err(ScimError::invalid_syntax("the body has no Operations"));
    };
    if operations.is_empty() {
        return Err(ScimError::invalid_syntax("the body has no Operations"));
    }
    let mut steps: Vec<Step> = Vec::new();
    for each in operations {
        for step in operation(kind, each, mode)? {
            join_or_push(&mut steps, step);
        }
        if steps.len() > MAX_STEPS {
            return Err(TOO_MANY);
        }
    }
    Ok(steps)
}

/// Reads a whole resource, or the value of an operation without path.
pub(super) fn members(
    kind: &'static ResourceType,
    members: &Map<String, Value>,
    set: Set,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    let mut steps: Vec<Step> = Vec::new();
    for (name, value) in members {
        for step in member(kind, name, value, set, mode)? {
            if steps.iter().any(|earlier| earlier.target == step.target) {
                return Err(TWICE);
            }
            steps.push(step);
        }
        if steps.len() > MAX_STEPS {
            return Err(TOO_MANY);
        }
    }
    Ok(steps)
}

fn operation(
    kind: &'static ResourceType,
    operation: &Value,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    let Value::Object(operation) = operation else {
        return Err(ScimError::invalid_syntax("an operation must be an object"));
    };
    let Some(Value::String(op)) = field(operation, "op")? else {
        return Err(ScimError::invalid_syntax("an operation has no op"));
    };
    let path = match field(operation, "path")? {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => None,
        Some(Value::String(path)) => Some(path.as_str()),
        Some(_) => return Err(ScimError::invalid_path("a path must be text")),
    };
    let value = field(operation, "value")?;
    match op.to_ascii_lowercase().as_str() {
        "add" => set(kind, path, value, Set::Add, mode),
        "replace" => set(kind, path, value, Set::Replace, mode),
        "remove" => remove(kind, path, value, mode),
        _ => Err(ScimError::invalid_syntax(
            "an op must be add, replace or remove",
        )),
    }
}

fn set(
    kind: &'static ResourceType,
    path: Option<&str>,
    value: Option<&Value>,
    set: Set,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    let value = value.ok_or(ScimError::invalid_value("an operation has no value"))?;
    let Some(path) = path else {
        let Value::Object(value) = value else {
            return Err(ScimError::invalid_value(
                "the value of an operation without path must be an object",
            ));
        };
        return members(kind, value, set, mode);
    };
    match target::parse(kind, path)? {
        Place::Target(target) if may_be_named(&target)? => {
            Ok(set_target(target, value, set, mode)?.into_iter().collect())
        }
        Place::Target(_) => Ok(Vec::new()),
        Place::Extension(schema) => extension(kind, schema, value, set, mode),
        Place::Unknown => unknown_path(mode),
    }
}

fn remove(
    kind: &'static ResourceType,
    path: Option<&str>,
    value: Option<&Value>,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    let path = path.ok_or(ScimError::no_target("a remove operation has no path"))?;
    let target = match target::parse(kind, path)? {
        Place::Target(target) if may_be_named(&target)? => target,
        Place::Target(_) => return Ok(Vec::new()),
        Place::Extension(schema) => return Ok(remove_extension(schema)),
        Place::Unknown => return unknown_path(mode),
    };
    let innermost = target.innermost();
    if innermost.always_set {
        // Who takes away the right to get in does not leave it.
        let action = Action::Replace(Value::Null);
        return Ok(vec![Step { target, action }]);
    }
    if !innermost.may_be_empty() {
        return Err(ScimError::mutability(
            "an operation removes what a resource must have",
        ));
    }
    // The RFC knows no value here, and read by it Entra ID's way to remove one member empties the
    // whole group.
    let action = match value {
        Some(value) if !value.is_null() && target.is_whole_list() => {
            Action::RemoveElements(elements(target.attribute.read(value, mode)?))
        }
        _ => Action::Remove,
    };
    Ok(vec![Step { target, action }])
}

fn member(
    kind: &'static ResourceType,
    name: &str,
    value: &Value,
    set: Set,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    let place = if name.contains('[') {
        target::parse(kind, name)?
    } else {
        target::place(kind, name)
    };
    match place {
        Place::Target(target) if target.is_kept() => {
            Ok(set_target(target, value, set, mode)?.into_iter().collect())
        }
        Place::Target(_) => Ok(Vec::new()),
        Place::Extension(schema) => extension(kind, schema, value, set, mode),
        Place::Unknown if mode == Mode::Strict => Err(UNKNOWN),
        Place::Unknown => Ok(Vec::new()),
    }
}

fn extension(
    kind: &'static ResourceType,
    schema: &'static Schema,
    value: &Value,
    set: Set,
    mode: Mode,
) -> Result<Vec<Step>, ScimError> {
    match value {
        Value::Object(parts) => {
            // Some clients name the extension's schema in it once more.
            let qualified = parts
                .iter()
                .filter(|(name, _)| !name.eq_ignore_ascii_case("schemas"))
                .map(|(name, value)| (format!("{}:{name}", schema.urn), value.clone()))
                .collect();
            members(kind, &qualified, set, mode)
        }
        Value::Null if set == Set::Replace => Ok(remove_extension(schema)),
        Value::Null => Ok(Vec::new()),
        _ => Err(ScimError::invalid_value("an extension must be an object")),
    }
}

fn remove_extension(schema: &'static Schema) -> Vec<Step> {
    schema
        .attributes
        .iter()
        .map(|attribute| Step {
            target: Target {
                extension: Some(schema.urn),
                attribute,
                filter: None,
                sub: None,
            },
            action: Action::Remove,
        })
        .collect()
}

/// The step that sets a target; `None` when adding nothing.
fn set_target(
    target: Target,
    value: &Value,
    set: Set,
    mode: Mode,
) -> Result<Option<Step>, ScimError> {
    let is_one_element = target.filter.is_some() && target.sub.is_none();
    let read = if is_one_element {
        target.attribute.read_one(only(value), mode)?
    } else {
        target.innermost().read(value, mode)?
    };
    // A manager or an e-mail whose value is the empty text is none.
    let says_nothing =
        |read: &Value| read == "" && target.sub.is_some_and(|sub| sub.name == "value");
    let read = read.filter(|read| !says_nothing(read));
    let action = match (read, set) {
        (Some(value), Set::Add) => Action::Add(value),
        (Some(value), Set::Replace) => Action::Replace(value),
        (None, Set::Add) => return Ok(None),
        (None, Set::Replace) if !target.innermost().may_be_empty() => {
            return Err(ScimError::invalid_value("a required value is empty"));
        }
        (None, Set::Replace) => Action::Remove,
    };
    Ok(Some(Step { target, action }))
}

/// Whether a path may name this. What is dropped anyway (`password`) may be named; what only the
/// bridge writes (`id`) may not.
fn may_be_named(target: &Target) -> Result<bool, ScimError> {
    let is_read_only = [target.attribute, target.innermost()]
        .iter()
        .any(|attribute| attribute.mutability == Mutability::ReadOnly);
    if is_read_only {
        return Err(ScimError::mutability(
            "an operation names an attribute that only the bridge writes",
        ));
    }
    Ok(target.is_kept())
}

fn unknown_path(mode: Mode) -> Result<Vec<Step>, ScimError> {
    match mode {
        Mode::Lenient => Ok(Vec::new()),
        Mode::Strict => Err(ScimError::invalid_path(
            "a path names an attribute that no schema has",
        )),
    }
}

/// Joins a step with the one before, where both add to or take from the same list: some identity
/// providers send an operation per member.
fn join_or_push(steps: &mut Vec<Step>, step: Step) {
    let last = steps
        .last_mut()
        .filter(|last| last.target == step.target && step.target.is_whole_list());
    match (last.map(|last| &mut last.action), step.action) {
        (Some(Action::Add(Value::Array(list))), Action::Add(Value::Array(more))) => {
            list.extend(more);
        }
        (Some(Action::RemoveElements(list)), Action::RemoveElements(more)) => list.extend(more),
        (_, action) => steps.push(Step {
            target: step.target,
            action,
        }),
    }
}

/// A member by its name, whatever the case.
///
/// # Errors
/// `invalidSyntax` when it is there twice.
pub(in crate::scim) fn field<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Value>, ScimError> {
    let mut found = object
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| value);
    if found.next().is_some() {
        return Err(TWICE);
    }
    Ok(first)
}

/// The element of a list of one.
fn only(value: &Value) -> &Value {
    match value {
        Value::Array(elements) if elements.len() == 1 => &elements[0],
        other => other,
    }
}

fn elements(read: Option<Value>) -> Vec<Value> {
    match read {
        Some(Value::Array(elements)) => elements,
        _ => Vec::new(),
    }
}
