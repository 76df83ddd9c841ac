//! Distinguished names, as far as they must be taken apart.
//!
//! # Source
//! RFC 4514: components are split by commas, `\` escapes one character or two hex digits.

/// The components of a name, from the entry itself up to the root.
fn components(dn: &str) -> Vec<&str> {
    let mut components = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, letter) in dn.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                components.push(&dn[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    components.push(&dn[start..]);
    components
}

/// The components in a spelling that two names share when they differ only in case and in spaces
/// around the signs.
fn spelling(dn: &str) -> Vec<String> {
    let tidy = |component: &str| match component.split_once('=') {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()).to_lowercase(),
        None => component.trim().to_lowercase(),
    };
    components(dn).into_iter().map(tidy).collect()
}

/// Says whether both name the same entry.
pub(crate) fn same(one: &str, other: &str) -> bool {
    spelling(one) == spelling(other)
}

/// Says whether the entry is the base or lies somewhere under it.
pub(crate) fn is_under(dn: &str, base: &str) -> bool {
    spelling(dn).ends_with(&spelling(base))
}

/// The entry's own component, `CN=Nina Nurse` of `CN=Nina Nurse,OU=Staff,DC=practice`.
pub(crate) fn leaf(dn: &str) -> &str {
    components(dn)
        .first()
        .map_or("", |component| component.trim())
}

/// The name of the entry above.
pub(crate) fn parent(dn: &str) -> &str {
    let own = components(dn)
        .first()
        .map_or(0, |component| component.len());
    dn.get(own + 1..).unwrap_or("").trim()
}

/// The value of the entry's own component, unescaped. `None` if it is not text.
pub(crate) fn leaf_value(dn: &str) -> Option<String> {
    let (_, value) = leaf(dn).split_once('=')?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.trim().as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'\\' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let hex = after
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                let (&literal, after) = after.split_first()?;
                bytes.push(literal);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// The DNS name a directory's base stands for: `practice.lan` of `DC=practice,DC=lan`.
pub(crate) fn dns_name(base: &str) -> Option<String> {
    let labels: Vec<_> = components(base)
        .into_iter()
        .filter_map(|component| component.trim().split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("dc"))
        .map(|(_, value)| value.trim())
        .collect();
    (!labels.is_empty()).then(|| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_spaces_make_no_other_name() {
        assert!(same(
            "cn=Bridge, dc=Practice ,dc=TEST",
            "CN=bridge,DC=practice,DC=test"
        ));
        assert!(!same(
            "cn=bridge,dc=practice",
            "cn=bridge,dc=practice,dc=test"
        ));
    }

    #[test]
    fn only_what_lies_under_the_base_is_under_it() {
        assert!(is_under(
            "CN=Nina,OU=Staff,DC=practice,DC=test",
            "dc=practice, dc=test"
        ));
        assert!(is_under("DC=practice,DC=test", "DC=practice,DC=test"));
        assert!(!is_under(
            "CN=Nina,DC=malpractice,DC=test",
            "DC=practice,DC=test"
        ));
        assert!(!is_under(
            r"CN=Nina\,DC=practice,DC=test",
            "DC=practice,DC=test"
        ));
    }

    #[test]
    fn an_escaped_comma_does_not_end_a_component() {
        let dn = r"CN=Nurse\, Nina\20\C3\A9,OU=Staff,DC=practice,DC=test";

        assert_eq!(leaf(dn), r"CN=Nurse\, Nina\20\C3\A9");
        assert_eq!(leaf_value(dn).as_deref(), Some("Nurse, Nina é"));
        assert_eq!(parent(dn), "OU=Staff,DC=practice,DC=test");
    }

    #[test]
    fn a_broken_name_breaks_nothing() {
        for broken in ["", "\\", "=", "cn", "cn=\\", "cn=\\f", "cn=\\ff", ",,,"] {
            let _ = (
                leaf_value(broken),
                parent(broken),
                spelling(broken),
                dns_name(broken),
            );
        }
        assert_eq!(leaf_value("cn=\\ff"), None, "no text");
    }

    #[test]
    fn the_dns_name_comes_from_the_base() {
        assert_eq!(
            dns_name("OU=Staff,DC=practice,DC=lan").as_deref(),
            Some("practice.lan")
        );
        assert_eq!(dns_name("o=practice"), None);
    }
}
