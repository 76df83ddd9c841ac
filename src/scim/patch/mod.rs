//! Changes a resource: the one engine behind PATCH, PUT and POST.
//!
//! Whatever a client sends becomes steps, each on one attribute: a path-less operation one step per
//! member of its value, a whole resource (POST, PUT) the steps that build it from nothing. Steps are
//! read once, before the resource is looked at, and applied as often as somebody else was faster.
//!
//! Taken beyond the RFC, because identity providers send it: operations and names in any case; dotted
//! and URN names inside a path-less value; `remove` with a list of what to remove; a value path that
//! fits nothing creates the element it describes; what only the bridge may write is ignored inside a
//! whole resource or a path-less value, and refused when a path names it.

mod apply;
mod elements;
mod read;
mod target;

use serde_json::Value;

use super::{
    error::ScimError,
    schema::{Mode, ResourceType},
};
use crate::people::Attributes;
pub(super) use read::field;
use target::Target;

/// What a request wants changed.
#[derive(Debug, Clone)]
pub struct Patch {
    kind: &'static ResourceType,
    steps: Vec<Step>,
    extent: Extent,
    mode: Mode,
}

/// How much of the resource the steps speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// What they do not name stays.
    Part,
    /// What they do not name goes, but for what cannot be taken away: a PUT without `active` is
    /// neither a disable nor an enable.
    Whole,
}

/// One change of one attribute.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    target: Target,
    action: Action,
}

/// What to do with an attribute.
#[derive(Debug, Clone, PartialEq)]
enum Action {
    /// Add to a list; set what holds one value.
    Add(Value),
    /// Set, whatever was there.
    Replace(Value),
    /// Take away all of it.
    Remove,
    /// Take these elements out of a list.
    RemoveElements(Vec<Value>),
}

impl Patch {
    /// Reads the body of a PATCH.
    ///
    /// # Errors
    /// `invalidSyntax` when it is no PATCH; else as its worst operation deserves.
    ///
    /// # Source
    /// RFC 7644 section 3.5.2.
    pub fn read(kind: &'static ResourceType, body: &Value, mode: Mode) -> Result<Self, ScimError> {
        let steps = read::operations(kind, body, mode)?;
        Ok(Self {
            kind,
            steps,
            extent: Extent::Part,
            mode,
        })
    }

    /// Reads a whole resource, as POST and PUT send it.
    ///
    /// # Errors
    /// `invalidSyntax` when it is no object, names an attribute twice, or one that nobody knows and
    /// the source is strict; `invalidValue` when an attribute does not take its value.
    pub fn read_resource(
        kind: &'static ResourceType,
        body: &Value,
        mode: Mode,
    ) -> Result<Self, ScimError> {
        let Value::Object(members) = body else {
            return Err(ScimError::invalid_syntax("the body must be an object"));
        };
        let steps = read::members(kind, members, read::Set::Replace, mode)?;
        Ok(Self {
            kind,
            steps,
            extent: Extent::Whole,
            mode,
        })
    }

    /// The resource with all steps done; no step is done alone. A resource that is not there yet is an
    /// empty one.
    ///
    /// # Errors
    /// `noTarget` when a value path fits nothing and does not say what to create; `invalidValue` when
    /// the resource would lack what it must have.
    pub fn apply(&self, before: &Attributes) -> Result<Attributes, ScimError> {
        let mut after = match self.extent {
            Extent::Part => before.clone(),
            Extent::Whole => self.what_stays(before),
        };
        for step in &self.steps {
            apply::step(step, &mut after, self.mode)?;
        }
        let lacks = |name: &str| after.get(name).is_none();
        if self
            .kind
            .core
            .attributes
            .iter()
            .any(|attribute| attribute.required && lacks(attribute.name))
        {
            return Err(ScimError::invalid_value("a required attribute is missing"));
        }
        Ok(after)
    }

    fn what_stays(&self, before: &Attributes) -> Attributes {
        self.kind
            .core
            .attributes
            .iter()
            .filter(|attribute| attribute.always_set)
            .filter_map(|attribute| before.get_key_value(attribute.name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
