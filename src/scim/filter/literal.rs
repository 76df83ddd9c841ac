//! Reads the value of a comparison as its attribute holds it.

use super::{NOT_COMPARABLE, cursor::Raw};
use crate::{
    clock,
    query::{Comparison, Literal},
    scim::{
        error::ScimError,
        schema::{Attribute, Kind},
    },
};

/// Reads a literal for this attribute; `None` is one that no schema has.
///
/// # Errors
/// `invalidFilter` when the attribute cannot be compared this way.
pub(super) fn read(
    raw: &Raw<'_>,
    comparison: Comparison,
    attribute: Option<&'static Attribute>,
) -> Result<Literal, ScimError> {
    let is_ordering = matches!(
        comparison,
        Comparison::Greater
            | Comparison::GreaterOrEqual
            | Comparison::Less
            | Comparison::LessOrEqual
    );
    let kind = attribute.map(|attribute| attribute.kind);
    match (kind, raw) {
        // RFC 7644 section 3.4.2.2 wants these to fail.
        (Some(Kind::Boolean | Kind::Binary), _) if is_ordering => Err(NOT_COMPARABLE),
        (Some(Kind::Complex), _) => Err(NOT_COMPARABLE),
        (_, Raw::Bare("null")) => Ok(Literal::Null),
        (Some(Kind::Boolean), Raw::Bare(text)) => Ok(boolean_or_text(text)),
        (Some(Kind::Boolean), Raw::Quoted(text)) => Ok(boolean_or_text(text)),
        (Some(Kind::DateTime), Raw::Bare(text)) => time(text),
        (Some(Kind::DateTime), Raw::Quoted(text)) => time(text),
        (_, Raw::Quoted(text)) => Ok(Literal::Text(text.clone())),
        (Some(_), Raw::Bare(text)) => Ok(Literal::Text((*text).to_owned())),
        (None, Raw::Bare(text)) => Ok(match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Literal::Number(number),
            _ => boolean_or_text(text),
        }),
    }
}

fn boolean_or_text(text: &str) -> Literal {
    if text.eq_ignore_ascii_case("true") {
        Literal::Boolean(true)
    } else if text.eq_ignore_ascii_case("false") {
        Literal::Boolean(false)
    } else {
        Literal::Text(text.to_owned())
    }
}

/// In the form times are stored in, so that text compares as time does.
fn time(text: &str) -> Result<Literal, ScimError> {
    clock::from_text(text)
        .map(|time| Literal::Text(clock::to_text(time)))
        .map_err(|_| ScimError::invalid_filter("a time in the filter is not in RFC 3339"))
}
