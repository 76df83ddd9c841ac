//! Where in a file something stands, and what was probably meant.

use std::ops::Range;

/// The line, from 1, at which a span starts.
pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.get(..span.start).unwrap_or(text).matches('\n').count() + 1
}

/// `: did you mean ...`, when one of the known names is close; else the known names.
pub(super) fn suggest(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|known| (distance(name, known), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= 2.max(name.len() / 3) => {
            format!(": did you mean `{known}`?")
        }
        _ if known.is_empty() => String::new(),
        _ => format!(": write one of {}", known.join(", ")),
    }
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_lists_what_is_known() {
        assert_eq!(suggest("ldpa", &["ldap", "scim"]), ": did you mean `ldap`?");
        assert_eq!(
            suggest("oracle-hcm", &["ldap", "scim"]),
            ": write one of ldap, scim"
        );
    }
}
