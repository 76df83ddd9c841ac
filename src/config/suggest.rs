//! What was probably meant.

/// `: did you mean ...?` when one of the known names is close, else the known names.
pub(super) fn suggest(name: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|known| (edits(name, known), known)).min();
    match nearest {
        None => String::new(),
        Some((edits, known)) if edits <= 2.max(name.len() / 3) => {
            format!(": did you mean `{known}`?")
        }
        Some(_) => format!(": write one of {}", known.join(", ")),
    }
}

/// Letters to change, add or take out to make one word of the other (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_lists_what_is_known() {
        let known = ["ldap", "scim"];

        assert_eq!(suggest("ldpa", &known), ": did you mean `ldap`?");
        assert_eq!(suggest("oracle-hcm", &known), ": write one of ldap, scim");
        assert_eq!(suggest("anything", &[]), "");
    }
}
