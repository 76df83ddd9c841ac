//! References in the filter of a path: `members[value eq "bulkId:nina"]`.

use serde_json::Value;

use super::references::is;
use crate::scim::filter::cursor::end_of_quoted;

/// Shows every literal that is compared with what points at another resource, and writes it anew if
/// it was changed. Whatever else stands in the path stays as it is, readable or not.
///
/// # Source
/// RFC 7644 sections 3.5.2 (figure 7) and 3.7.2.
pub(super) fn visit(path: &mut String, look: &mut impl FnMut(&mut String)) {
    let Some(from) = path.find('[') else { return };
    let (name, mut rest) = path.split_at(from);
    let mut written = name.to_owned();
    // The attribute and the operator that a literal comes after.
    let mut before = ["", ""];
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' {
            end_of_quoted(rest).unwrap_or(rest.len())
        } else if divides(first) {
            first.len_utf8()
        } else {
            rest.find(|next| next == '"' || divides(next))
                .unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        let is_compared = ["value", "$ref"].iter().any(|part| is(before[0], part));
        let changed = is_compared.then(|| looked_at(token, look)).flatten();
        written.push_str(changed.as_deref().unwrap_or(token));
        if !divides(first) {
            before = [before[1], token];
        }
    }
    *path = written;
}

/// The literal as it is to be written, if it was changed.
fn looked_at(token: &str, look: &mut impl FnMut(&mut String)) -> Option<String> {
    let text = if token.starts_with('"') {
        serde_json::from_str(token).ok()?
    } else {
        token.to_owned()
    };
    let mut changed = text.clone();
    look(&mut changed);
    (changed != text).then(|| Value::from(changed).to_string())
}

fn divides(character: char) -> bool {
    character.is_whitespace() || "()[]".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(path: &str) -> String {
        let mut path = path.to_owned();
        visit(&mut path, &mut |text| {
            if text == "bulkId:nina \"n\"" || text == "bulkId:nina" {
                "id-1".clone_into(text);
            }
        });
        path
    }

    #[test]
    fn a_literal_is_found_however_it_is_written() {
        for (path, wanted) in [
            (
                r#"members[value eq "bulkId:nina"]"#,
                r#"members[value eq "id-1"]"#,
            ),
            (
                r#"members[Value EQ"bulkId:nina"]"#,
                r#"members[Value EQ"id-1"]"#,
            ),
            (
                "members[value eq bulkId:nina]",
                r#"members[value eq "id-1"]"#,
            ),
            (
                r#"members[$ref eq "bulkId:nina"]"#,
                r#"members[$ref eq "id-1"]"#,
            ),
            (
                r#"members[value eq "\u0062ulkId:nina \"n\""].display"#,
                r#"members[value eq "id-1"].display"#,
            ),
            (
                r#"members[type eq "]" and not(value eq "bulkId:nina") or value eq "u1"]"#,
                r#"members[type eq "]" and not(value eq "id-1") or value eq "u1"]"#,
            ),
        ] {
            assert_eq!(resolved(path), wanted);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for path in [
            "bulkId:nina",
            "members",
            "members[",
            r#"members[value eq "bulkId:nina"#,
            r#"members[display eq "bulkId:nina"]"#,
            r#"members[display eq "value eq bulkId:nina"]"#,
            r#"members[value pr or display eq "bulkId:nina"]"#,
            "members[\u{a0}válue eq bulkId:nina]",
        ] {
            assert_eq!(resolved(path), path);
        }
    }
}
