//! What a PATCH path points at.

use crate::{
    query::Filter,
    scim::{
        error::ScimError,
        filter::{self, cursor::end_of_quoted},
        schema::{Attribute, Kind, Resolved, ResourceType, Schema, is_name},
    },
};

/// Longest path read, in bytes; as long as a filter may be.
const MAX_BYTES: usize = 4096;

/// An attribute, some of its elements, or a part of either.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    /// URN of the extension the attribute belongs to.
    pub(super) extension: Option<&'static str>,
    pub(super) attribute: &'static Attribute,
    /// Which elements are meant; `None` is all.
    pub(super) filter: Option<Filter>,
    pub(super) sub: Option<&'static Attribute>,
}

/// What a path turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    Target(Target),
    Extension(&'static Schema),
    Unknown,
}

const UNREADABLE: ScimError = ScimError::invalid_path("a path cannot be read");

impl Target {
    /// The attribute that takes the value.
    pub(super) fn innermost(&self) -> &'static Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// Whether all of a list is meant.
    pub(super) fn is_whole_list(&self) -> bool {
        self.attribute.multi_valued && self.filter.is_none() && self.sub.is_none()
    }

    /// Whether what is written here is kept.
    pub(super) fn is_kept(&self) -> bool {
        self.attribute.is_kept() && self.innermost().is_kept()
    }
}

/// Reads a path: `title`, `name.givenName`, `urn:...:User:department`, `emails[type eq "work"].value`.
///
/// # Errors
/// `invalidPath` when it cannot be read, `invalidFilter` when its filter cannot.
///
/// # Source
/// RFC 7644 section 3.5.2, figure 7.
pub(super) fn parse(kind: &'static ResourceType, path: &str) -> Result<Place, ScimError> {
    let path = path.trim();
    if path.len() > MAX_BYTES {
        return Err(UNREADABLE);
    }
    let Some((name, rest)) = path.split_once('[') else {
        return if is_name(path) {
            Ok(place(kind, path))
        } else {
            Err(UNREADABLE)
        };
    };
    if !is_name(name) {
        return Err(UNREADABLE);
    }
    let (inside, behind) = split_at_closing(rest).ok_or(UNREADABLE)?;
    let part = match behind.strip_prefix('.') {
        Some(part) if is_name(part) => Some(part),
        None if behind.is_empty() => None,
        _ => return Err(UNREADABLE),
    };
    let target = match place(kind, name) {
        Place::Target(target) => target,
        Place::Unknown => return Ok(Place::Unknown),
        Place::Extension(_) => return Err(UNREADABLE),
    };
    let takes_filter = target.attribute.multi_valued && target.attribute.kind == Kind::Complex;
    if !takes_filter || target.sub.is_some() {
        return Err(ScimError::invalid_path(
            "a path has a filter on an attribute that is no list",
        ));
    }
    let filter = filter::parse_element(inside, target.attribute)?;
    let sub = match part {
        Some(part) => match target.attribute.sub_attribute(part) {
            Some(sub) => Some(sub),
            None => return Ok(Place::Unknown),
        },
        None => None,
    };
    Ok(Place::Target(Target {
        filter: Some(filter),
        sub,
        ..target
    }))
}

pub(super) fn place(kind: &'static ResourceType, name: &str) -> Place {
    match kind.resolve(name) {
        Resolved::Attribute(named) => Place::Target(Target {
            extension: named.extension.map(|schema| schema.urn),
            attribute: named.attribute,
            filter: None,
            sub: named.sub,
        }),
        Resolved::Extension(schema) => Place::Extension(schema),
        Resolved::Unknown => Place::Unknown,
    }
}

/// Splits at the closing bracket; those inside quotes are text.
fn split_at_closing(text: &str) -> Option<(&str, &str)> {
    let mut at = 0;
    while let Some(found) = text[at..].find(['"', ']']) {
        at += found;
        if text[at..].starts_with(']') {
            return Some((&text[..at], &text[at + 1..]));
        }
        at += end_of_quoted(&text[at..])?;
    }
    None
}
