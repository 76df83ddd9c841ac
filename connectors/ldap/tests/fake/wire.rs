//! LDAP messages, as far as the fake directory speaks.
//!
//! # Source
//! RFC 4511 section 4.

use bytes::BytesMut;
use lber::{
    common::TagClass,
    parse::Parser,
    structure::{PL, StructureTag},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::Values;

/// What a client asks.
pub enum Request {
    Bind {
        dn: String,
        password: Vec<u8>,
    },
    Unbind,
    Search {
        base: String,
        subtree: bool,
        filter: StructureTag,
    },
    Modify {
        dn: String,
        changes: Vec<(u8, String, Vec<Vec<u8>>)>,
    },
    Add {
        dn: String,
        values: Values,
    },
    SetPassword {
        dn: String,
        password: Vec<u8>,
    },
}

impl Request {
    /// Whether it changes what the directory holds.
    pub fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Modify { .. } | Self::Add { .. } | Self::SetPassword { .. }
        )
    }

    /// The tag of its answer.
    pub fn answer(&self) -> u64 {
        match self {
            Self::Bind { .. } => 1,
            Self::Unbind => 0,
            Self::Search { .. } => 5,
            Self::Modify { .. } => 7,
            Self::Add { .. } => 9,
            Self::SetPassword { .. } => 24,
        }
    }
}

/// Reads the next request with its number. `None` at the end of the connection.
pub async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<(StructureTag, Request)> {
    loop {
        if let Ok((rest, message)) = Parser::new().parse(unread) {
            let left = rest.to_vec();
            *unread = left;
            let mut parts = parts(message).into_iter();
            return Some((parts.next()?, request(parts.next()?)?));
        }
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
}

fn request(tag: StructureTag) -> Option<Request> {
    let id = tag.id;
    let mut parts = parts(tag).into_iter();
    Some(match id {
        0 => {
            parts.next()?;
            Request::Bind {
                dn: text(parts.next()?),
                password: value(parts.next()?),
            }
        }
        3 => {
            let base = text(parts.next()?);
            let subtree = value(parts.next()?) == [2];
            Request::Search {
                base,
                subtree,
                filter: parts.nth(4)?,
            }
        }
        6 => {
            let dn = text(parts.next()?);
            let changes = self::parts(parts.next()?).into_iter().filter_map(|change| {
                let mut parts = self::parts(change).into_iter();
                let operation = value(parts.next()?)[0];
                let (attribute, values) = attribute(parts.next()?)?;
                Some((operation, attribute, values))
            });
            Request::Modify {
                dn,
                changes: changes.collect(),
            }
        }
        8 => {
            let dn = text(parts.next()?);
            Request::Add {
                dn,
                values: self::parts(parts.next()?)
                    .into_iter()
                    .filter_map(attribute)
                    .collect(),
            }
        }
        // The only extended request we are sent is the one for passwords.
        23 => {
            let (_, asked) = Parser::new()
                .parse(&value(parts.nth(1)?))
                .ok()
                .map(|(_, tag)| ((), tag))?;
            let mut parts = self::parts(asked).into_iter();
            Request::SetPassword {
                dn: text(parts.next()?),
                password: value(parts.next()?),
            }
        }
        _ => Request::Unbind,
    })
}

fn attribute(tag: StructureTag) -> Option<(String, Vec<Vec<u8>>)> {
    let mut parts = parts(tag).into_iter();
    let name = text(parts.next()?).to_lowercase();
    Some((
        name,
        self::parts(parts.next()?).into_iter().map(value).collect(),
    ))
}

/// Whether an entry matches: and, or, equality and presence are all we are asked.
pub fn matches(filter: &StructureTag, values: &Values) -> bool {
    let PL::C(parts) = &filter.payload else {
        return values.contains_key(&text(filter.clone()).to_lowercase())
            || text(filter.clone()).eq_ignore_ascii_case("objectClass");
    };
    match filter.id {
        0 => parts.iter().all(|part| matches(part, values)),
        1 => parts.iter().any(|part| matches(part, values)),
        _ => {
            let wanted = text(parts[1].clone()).to_lowercase();
            let own = values.get(&text(parts[0].clone()).to_lowercase());
            own.is_some_and(|own| {
                own.iter()
                    .any(|value| String::from_utf8_lossy(value).to_lowercase() == wanted)
            })
        }
    }
}

/// A result with this tag and code.
pub fn result(tag: u64, code: u32) -> StructureTag {
    let code = primitive(TagClass::Universal, 10, vec![code as u8]);
    constructed(
        TagClass::Application,
        tag,
        vec![code, octets(b""), octets(b"")],
    )
}

/// An entry found.
pub fn search_entry(dn: &str, values: &Values) -> StructureTag {
    let attributes = values.iter().map(|(name, values)| {
        let values = values.iter().map(|value| octets(value)).collect();
        let values = constructed(TagClass::Universal, 17, values);
        constructed(
            TagClass::Universal,
            16,
            vec![octets(name.as_bytes()), values],
        )
    });
    let attributes = constructed(TagClass::Universal, 16, attributes.collect());
    constructed(
        TagClass::Application,
        4,
        vec![octets(dn.as_bytes()), attributes],
    )
}

/// The bytes of an answer to the request with this number.
pub fn bytes(id: StructureTag, answer: StructureTag) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let message = constructed(TagClass::Universal, 16, vec![id, answer]);
    lber::write::encode_into(&mut bytes, message).expect("memory");
    bytes.to_vec()
}

fn octets(value: &[u8]) -> StructureTag {
    primitive(TagClass::Universal, 4, value.to_vec())
}

fn primitive(class: TagClass, id: u64, value: Vec<u8>) -> StructureTag {
    StructureTag {
        class,
        id,
        payload: PL::P(value),
    }
}

fn constructed(class: TagClass, id: u64, parts: Vec<StructureTag>) -> StructureTag {
    StructureTag {
        class,
        id,
        payload: PL::C(parts),
    }
}

fn parts(tag: StructureTag) -> Vec<StructureTag> {
    tag.expect_constructed().unwrap_or_default()
}

fn value(tag: StructureTag) -> Vec<u8> {
    tag.expect_primitive().unwrap_or_default()
}

fn text(tag: StructureTag) -> String {
    String::from_utf8_lossy(&value(tag)).into_owned()
}
