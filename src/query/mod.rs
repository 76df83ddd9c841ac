//! THE QUESTION: filter and sort as a tree, evaluated in memory. Pure.
//!
//! `scim` parses RFC 7644 filters into it; `store` lowers what it can to SQL, and evaluates the rest here.

mod evaluate;

/// A filter.
///
/// # Source
/// RFC 7644 section 3.4.2.2.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every part holds.
    And(Vec<Filter>),
    /// At least one part holds.
    Or(Vec<Filter>),
    /// The part does not hold.
    Not(Box<Filter>),
    /// The attribute has a value.
    Present(AttributePath),
    /// The attribute compares with the literal as said. For a multi-valued attribute: one value does.
    Compare(AttributePath, Comparison, Literal),
    /// One element of the multi-valued attribute fits the filter: `emails[type eq "work"]`. Paths
    /// inside name sub-attributes.
    Element(AttributePath, Box<Filter>),
}

/// Which attribute is meant, by canonical names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The URN, for attributes of an extension; `None` for those of the core schema.
    pub schema: Option<String>,
    /// The attribute, for example `emails`.
    pub name: String,
    /// The sub-attribute, for example `value`.
    pub sub: Option<String>,
    /// Whether text is compared as it is (`externalId`, `id`) or whatever the case (`userName`).
    pub case_exact: bool,
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// What to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text, or a time as text.
    Text(String),
    /// A number.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// `null`: the same as "not present".
    Null,
}

/// In which order to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// By which attribute.
    pub path: AttributePath,
    /// From the greatest to the least.
    pub descending: bool,
}

/// Folds text for comparing: NFKC, then case folding, so that `STRASSE` and `straße` are one name.
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    caseless::default_case_fold_str(&text.nfkc().collect::<String>())
        .nfkc()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_letters_are_folded_like_all_others() {
        for plain in (0..=127_u8).map(char::from) {
            let among_others = fold(&format!("{plain} \u{e9}"));
            assert_eq!(format!("{} \u{e9}", fold(&plain.to_string())), among_others);
        }
        assert_eq!(fold("STRASSE"), fold("straße"));
    }
}
