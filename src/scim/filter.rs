//! Reads SCIM filters into the tree of [`crate::query`].
//!
//! Taken beyond the RFC, because identity providers send it: values without quotes
//! (`externalId eq jyoung` is Entra ID's own example), booleans in quotes, and attribute names and
//! operators in any case. An attribute that no schema has is one that no resource has, as the RFC
//! asks: `shoeSize eq "x"` finds nobody, and is no error.

pub(super) mod cursor;
mod literal;

use cursor::Cursor;

use super::{
    error::ScimError,
    schema::{Attribute, Kind, Named, Resolved, ResourceType},
};
use crate::query::{AttributePath, Comparison, Filter};

/// Longest filter read, in bytes.
const MAX_BYTES: usize = 4096;

/// Most comparisons and connectives in one filter.
const MAX_NODES: usize = 32;

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 8;

/// Reads a filter on resources of this type.
///
/// # Errors
/// `invalidFilter` when it cannot be read, compares what cannot be compared, or is too long, too deep
/// or of too many parts.
///
/// # Source
/// RFC 7644 section 3.4.2.2.
pub fn parse(text: &str, kind: &'static ResourceType) -> Result<Filter, ScimError> {
    Parser::read(text, Scope::Resource(kind))
}

/// Reads a filter on the elements of an attribute: what stands in the brackets of
/// `emails[type eq "work"]`.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_element(
    text: &str,
    attribute: &'static Attribute,
) -> Result<Filter, ScimError> {
    Parser::read(text, Scope::Element(attribute))
}

const UNREADABLE: ScimError = ScimError::invalid_filter("the filter cannot be read");
const TOO_LARGE: ScimError =
    ScimError::invalid_filter("the filter is too long or has too many parts");
const NOT_COMPARABLE: ScimError =
    ScimError::invalid_filter("the filter compares an attribute in a way it does not support");

/// Where names are looked up.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Resource(&'static ResourceType),
    Element(&'static Attribute),
    /// Inside the brackets of an attribute nobody knows.
    Nowhere,
}

/// What a name means in its scope.
#[derive(Debug)]
struct Meant {
    path: AttributePath,
    /// The attribute whose values are compared.
    attribute: Option<&'static Attribute>,
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    scope: Scope,
    nodes: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn read(text: &'a str, scope: Scope) -> Result<Filter, ScimError> {
        if text.len() > MAX_BYTES {
            return Err(TOO_LARGE);
        }
        let mut parser = Self {
            cursor: Cursor::new(text),
            scope,
            nodes: 0,
            depth: 0,
        };
        let filter = parser.any_of()?;
        if parser.cursor.is_at_end() {
            Ok(filter)
        } else {
            Err(UNREADABLE)
        }
    }

    fn any_of(&mut self) -> Result<Filter, ScimError> {
        let mut parts = vec![self.all_of()?];
        while self.cursor.take_word("or") {
            self.count()?;
            parts.push(self.all_of()?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    fn all_of(&mut self) -> Result<Filter, ScimError> {
        let mut parts = vec![self.one()?];
        while self.cursor.take_word("and") {
            self.count()?;
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Filter::And))
    }

    fn one(&mut self) -> Result<Filter, ScimError> {
        self.count()?;
        if self.cursor.take('(') {
            return self.nested(')');
        }
        if self.cursor.take_not() {
            return Ok(Filter::Not(Box::new(self.nested(')')?)));
        }
        let name = self.cursor.take_name().ok_or(UNREADABLE)?;
        if self.cursor.take('[') {
            return self.element(name);
        }
        let meant = self.look_up(name);
        self.comparison(meant)
    }

    /// What follows an opening bracket, with the closing one.
    fn nested(&mut self, close: char) -> Result<Filter, ScimError> {
        if self.depth == MAX_DEPTH {
            return Err(TOO_LARGE);
        }
        self.depth += 1;
        let filter = self.any_of()?;
        self.depth -= 1;
        if self.cursor.take(close) {
            Ok(filter)
        } else {
            Err(UNREADABLE)
        }
    }

    /// `emails[type eq "work"]`, and what Entra ID asks: `emails[type eq "work"].value eq "x"`.
    fn element(&mut self, name: &str) -> Result<Filter, ScimError> {
        let outer = self.scope;
        let named = match outer {
            Scope::Resource(kind) => match kind.resolve(name) {
                Resolved::Attribute(named) => Some(named),
                _ => None,
            },
            Scope::Element(_) | Scope::Nowhere => return Err(UNREADABLE),
        };
        if named.is_some_and(|named| named.attribute.kind != Kind::Complex || named.sub.is_some()) {
            return Err(NOT_COMPARABLE);
        }
        self.scope = named.map_or(Scope::Nowhere, |named| Scope::Element(named.attribute));
        let mut inner = self.nested(']')?;
        if self.cursor.take_dot() {
            let part = self.cursor.take_name().ok_or(UNREADABLE)?;
            let meant = self.look_up(part);
            inner = Filter::And(vec![inner, self.comparison(meant)?]);
        }
        self.scope = outer;
        let path = named.map_or_else(|| unknown(name), |named| named.path());
        Ok(Filter::Element(path, Box::new(inner)))
    }

    fn comparison(&mut self, meant: Meant) -> Result<Filter, ScimError> {
        if self.cursor.take_word("pr") {
            return Ok(Filter::Present(meant.path));
        }
        let comparison = self
            .cursor
            .take_letters()
            .and_then(read_comparison)
            .ok_or(UNREADABLE)?;
        let raw = self.cursor.take_literal().ok_or(UNREADABLE)?;
        let meant = self.value_of(meant);
        let literal = literal::read(&raw, comparison, meant.attribute)?;
        Ok(Filter::Compare(meant.path, comparison, literal))
    }

    fn look_up(&self, name: &str) -> Meant {
        let named = match self.scope {
            Scope::Resource(kind) => match kind.resolve(name) {
                Resolved::Attribute(named) => Some(named),
                Resolved::Extension(_) | Resolved::Unknown => None,
            },
            Scope::Element(attribute) => attribute.sub_attribute(name).map(|part| Named {
                extension: None,
                attribute: part,
                sub: None,
            }),
            Scope::Nowhere => None,
        };
        Meant {
            path: named.map_or_else(|| unknown(name), |named| named.path()),
            attribute: named.map(|named| named.innermost()),
        }
    }

    /// `emails eq "x"` means `emails.value eq "x"`.
    fn value_of(&self, meant: Meant) -> Meant {
        let value = meant
            .attribute
            .filter(|_| meant.path.sub.is_none())
            .and_then(|attribute| attribute.sub_attribute("value"));
        match value {
            Some(value) => Meant {
                path: AttributePath {
                    sub: Some(value.name.to_owned()),
                    case_exact: value.case_exact,
                    ..meant.path
                },
                attribute: Some(value),
            },
            None => meant,
        }
    }

    fn count(&mut self) -> Result<(), ScimError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            Err(TOO_LARGE)
        } else {
            Ok(())
        }
    }
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}

fn read_comparison(word: &str) -> Option<Comparison> {
    Some(match word.to_ascii_lowercase().as_str() {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "co" => Comparison::Contains,
        "sw" => Comparison::StartsWith,
        "ew" => Comparison::EndsWith,
        "gt" => Comparison::Greater,
        "ge" => Comparison::GreaterOrEqual,
        "lt" => Comparison::Less,
        "le" => Comparison::LessOrEqual,
        _ => return None,
    })
}

/// A path that no resource has.
fn unknown(name: &str) -> AttributePath {
    AttributePath {
        schema: None,
        name: name.to_owned(),
        sub: None,
        case_exact: false,
    }
}

#[cfg(test)]
mod tests;
