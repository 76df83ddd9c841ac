//! Finds the attribute that a name in a request stands for.

use super::{Attribute, ResourceType, Schema, attribute::find, common::COMMON};
use crate::query::AttributePath;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// An attribute, or a part of one.
    Attribute(Named),
    /// A whole extension.
    Extension(&'static Schema),
    /// Nothing known.
    Unknown,
}

/// An attribute, or a part of one, of a certain schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The extension it belongs to; `None` for the core schema.
    pub extension: Option<&'static Schema>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// The part of it.
    pub sub: Option<&'static Attribute>,
}

impl Named {
    /// The attribute whose values are meant: the part, or the whole.
    pub fn innermost(&self) -> &'static Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// The same with `value` as the part, where a complex attribute is compared as a whole.
    ///
    /// # Source
    /// RFC 7644 section 3.4.2.2: `emails co "example.org"` means `emails.value`.
    pub fn or_value(self) -> Self {
        Self {
            sub: self.sub.or_else(|| self.attribute.sub_attribute("value")),
            ..self
        }
    }

    /// The same as a filter or sort names it.
    pub fn path(&self) -> AttributePath {
        AttributePath {
            schema: self.extension.map(|schema| schema.urn.to_owned()),
            name: self.attribute.name.to_owned(),
            sub: self.sub.map(|sub| sub.name.to_owned()),
            case_exact: self.innermost().case_exact,
        }
    }
}

impl ResourceType {
    /// Finds what a name stands for, whatever its case: `userName`, `name.familyName`,
    /// `urn:...:enterprise:2.0:User:department`.
    ///
    /// A name without URN is looked for in the extensions too, because Entra ID writes `manager`
    /// for the manager of the enterprise extension.
    pub fn resolve(&self, name: &str) -> Resolved {
        for schema in self.schemas() {
            match schema.strip_urn(name) {
                Some("") if schema.urn != self.core.urn => return Resolved::Extension(schema),
                Some("") => return Resolved::Unknown,
                Some(rest) => return self.resolve_in(schema, rest),
                None => {}
            }
        }
        if is_urn(name) {
            return Resolved::Unknown;
        }
        self.schemas()
            .map(|schema| self.resolve_in(schema, name))
            .find(|resolved| *resolved != Resolved::Unknown)
            .unwrap_or(Resolved::Unknown)
    }

    /// The core schema, then the extensions.
    pub fn schemas(&self) -> impl Iterator<Item = &'static Schema> {
        std::iter::once(self.core).chain(self.extensions.iter().copied())
    }

    fn resolve_in(&self, schema: &'static Schema, name: &str) -> Resolved {
        let is_core = schema.urn == self.core.urn;
        let (name, sub_name) = match name.split_once('.') {
            Some((name, sub_name)) => (name, Some(sub_name)),
            None => (name, None),
        };
        let common: &'static [Attribute] = if is_core { COMMON } else { &[] };
        let Some(attribute) = find(schema.attributes, name).or_else(|| find(common, name)) else {
            return Resolved::Unknown;
        };
        let sub = sub_name.map(|sub_name| attribute.sub_attribute(sub_name));
        if sub == Some(None) {
            return Resolved::Unknown;
        }
        Resolved::Attribute(Named {
            extension: (!is_core).then_some(schema),
            attribute,
            sub: sub.flatten(),
        })
    }
}

impl Schema {
    /// What follows this schema's URN in `name`, without the colon between them.
    fn strip_urn<'a>(&self, name: &'a str) -> Option<&'a str> {
        std::iter::once(&self.urn)
            .chain(self.mistyped)
            .find_map(|urn| {
                let head = name.get(..urn.len())?;
                let rest = &name[urn.len()..];
                match rest.strip_prefix(':') {
                    _ if !head.eq_ignore_ascii_case(urn) => None,
                    Some(rest) => Some(rest),
                    None if rest.is_empty() => Some(""),
                    None => None,
                }
            })
    }
}

/// Whether this could be the name of an attribute at all, known or not.
pub fn is_name(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'$')
        && text.bytes().all(is_name_byte)
}

/// Whether a name may have this byte: those of the RFC's attribute names, and what holds together
/// URNs and dotted names.
pub(in crate::scim) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_$.:".contains(&byte)
}

fn is_urn(name: &str) -> bool {
    name.get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case("urn:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{people::ENTERPRISE_USER, scim::schema::USER};

    fn path(name: &str) -> Option<(Option<&'static str>, &'static str, Option<&'static str>)> {
        match USER.resolve(name) {
            Resolved::Attribute(named) => Some((
                named.extension.map(|schema| schema.urn),
                named.attribute.name,
                named.sub.map(|sub| sub.name),
            )),
            _ => None,
        }
    }

    #[test]
    fn a_name_is_found_whatever_its_case_and_prefix() {
        assert_eq!(path("USERNAME"), Some((None, "userName", None)));
        assert_eq!(
            path("name.FamilyName"),
            Some((None, "name", Some("familyName")))
        );
        assert_eq!(
            path("URN:ietf:params:scim:schemas:core:2.0:user:Active"),
            Some((None, "active", None))
        );
        let department = Some((Some(ENTERPRISE_USER), "department", None));
        assert_eq!(path(&format!("{ENTERPRISE_USER}:department")), department);
        assert_eq!(
            path("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department"),
            department
        );
    }

    #[test]
    fn entra_writes_manager_without_its_urn() {
        assert_eq!(
            path("manager"),
            Some((Some(ENTERPRISE_USER), "manager", None))
        );
    }

    #[test]
    fn what_no_schema_has_is_unknown() {
        for name in [
            "shoeSize",
            "name.shoeSize",
            "userName.value",
            "name.familyName.x",
            "urn:example:userName",
            "",
            ":",
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:Userx",
            "ürn:é",
        ] {
            assert_eq!(path(name), None, "{name}");
        }
    }

    #[test]
    fn a_bare_urn_names_the_whole_extension() {
        assert!(matches!(
            USER.resolve(ENTERPRISE_USER),
            Resolved::Extension(schema) if schema.urn == ENTERPRISE_USER
        ));
    }
}
