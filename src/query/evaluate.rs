//! A filter against one resource in memory.

use std::{borrow::Cow, cmp::Ordering, slice};

use serde_json::Value;

use super::{AttributePath, Comparison, Filter, Literal, Sort, fold};

impl Filter {
    /// Whether this resource, as JSON with canonical names, fits.
    ///
    /// An attribute the resource does not have equals `null` and differs from everything else, so
    /// that `title ne "Nurse"` finds those without title. Values of another type than the literal
    /// never fit. Of several values one must fit; for `ne` all must. The empty text is a value, though
    /// `pr` does not count it.
    ///
    /// # Source
    /// RFC 7644 section 3.4.2.2.
    pub fn matches(&self, resource: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(resource)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(resource)),
            Self::Not(part) => !part.matches(resource),
            Self::Present(path) => path.values(resource).any(has_content),
            Self::Compare(path, comparison, literal) => {
                compare(path, *comparison, literal, resource)
            }
            Self::Element(path, filter) => path
                .elements(resource)
                .iter()
                .any(|element| filter.matches(element)),
        }
    }
}

impl Sort {
    /// Which of two resources comes first. Those without the attribute come last, and first when the
    /// order is descending. Of several values the primary one counts, else the first.
    ///
    /// # Source
    /// RFC 7644 section 3.4.2.3.
    pub fn compare(&self, one: &Value, other: &Value) -> Ordering {
        let order = self.path.sort_key(one).cmp(&self.path.sort_key(other));
        if self.descending {
            order.reverse()
        } else {
            order
        }
    }
}

impl AttributePath {
    /// The elements of the attribute, without regard to the sub-attribute; one if it is no list.
    fn elements<'a>(&self, resource: &'a Value) -> &'a [Value] {
        let place = match &self.schema {
            Some(urn) => resource.get(urn),
            None => Some(resource),
        };
        match place.and_then(|place| place.get(&self.name)) {
            Some(Value::Array(elements)) => elements,
            Some(one) => slice::from_ref(one),
            None => &[],
        }
    }

    /// All values that are meant. A complex attribute as a whole stands for its `value`, where it
    /// has one.
    fn values<'a>(&self, resource: &'a Value) -> impl Iterator<Item = &'a Value> {
        self.elements(resource)
            .iter()
            .filter_map(|element| match &self.sub {
                Some(sub) => element.get(sub),
                None => Some(element.get("value").unwrap_or(element)),
            })
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.case_exact {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(fold(text))
        }
    }

    fn sort_key(&self, resource: &Value) -> SortKey {
        let elements = self.elements(resource);
        let primary = elements
            .iter()
            .find(|element| element.get("primary") == Some(&Value::Bool(true)))
            .or(elements.first());
        let value = primary.and_then(|element| match &self.sub {
            Some(sub) => element.get(sub),
            None => Some(element.get("value").unwrap_or(element)),
        });
        match value {
            Some(Value::String(text)) => SortKey::Text(self.text(text).into_owned()),
            Some(Value::Bool(boolean)) => SortKey::Boolean(*boolean),
            Some(Value::Number(number)) => SortKey::Number(number.as_f64().unwrap_or(f64::MAX)),
            _ => SortKey::Absent,
        }
    }
}

fn compare(
    path: &AttributePath,
    comparison: Comparison,
    literal: &Literal,
    resource: &Value,
) -> bool {
    let is_absent = || path.values(resource).all(Value::is_null);
    match (literal, comparison) {
        (Literal::Null, Comparison::Equal) => is_absent(),
        (Literal::Null, Comparison::NotEqual) => !is_absent(),
        (Literal::Null, _) => false,
        (_, Comparison::NotEqual) if is_absent() => true,
        (Literal::Text(wanted), _) => {
            let wanted = path.text(wanted);
            let texts = path.values(resource).filter_map(Value::as_str);
            fits(comparison, texts, |text| {
                compare_texts(&path.text(text), comparison, &wanted)
            })
        }
        (Literal::Boolean(wanted), _) => {
            let booleans = path.values(resource).filter_map(Value::as_bool);
            fits(comparison, booleans, |value| {
                compare_order(value.partial_cmp(wanted), comparison)
            })
        }
        (Literal::Number(wanted), _) => {
            let numbers = path.values(resource).filter_map(Value::as_f64);
            fits(comparison, numbers, |value| {
                compare_order(value.partial_cmp(wanted), comparison)
            })
        }
    }
}

/// Whether several values fit as one does. Unequal are those of which none is equal: whoever asks for
/// all without an address does not want those that have it beside another.
fn fits<T>(
    comparison: Comparison,
    values: impl Iterator<Item = T>,
    fits: impl Fn(T) -> bool,
) -> bool {
    let mut values = values.peekable();
    match comparison {
        Comparison::NotEqual => values.peek().is_some() && values.all(fits),
        _ => values.any(fits),
    }
}

fn compare_texts(text: &str, comparison: Comparison, wanted: &str) -> bool {
    match comparison {
        Comparison::Contains => text.contains(wanted),
        Comparison::StartsWith => text.starts_with(wanted),
        Comparison::EndsWith => text.ends_with(wanted),
        _ => compare_order(Some(text.cmp(wanted)), comparison),
    }
}

fn compare_order(order: Option<Ordering>, comparison: Comparison) -> bool {
    let Some(order) = order else {
        return false;
    };
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Contains | Comparison::StartsWith | Comparison::EndsWith => false,
    }
}

fn has_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(has_content),
        Value::Object(members) => members.values().any(has_content),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// What a resource is ordered by. `Absent` is the greatest.
#[derive(Debug, PartialEq)]
enum SortKey {
    Boolean(bool),
    Number(f64),
    Text(String),
    Absent,
}

impl SortKey {
    fn rank(&self) -> u8 {
        match self {
            Self::Boolean(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Absent => 3,
        }
    }
}

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(other)) => one.cmp(other),
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

#[cfg(test)]
mod tests;
