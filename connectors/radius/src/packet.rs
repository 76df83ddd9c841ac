//! The packets of RFC 5176: a Disconnect-Request and what a gateway answers.
//!
//! MD5 is what the protocol signs with; nothing else here relies on it.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use md5::{Digest, Md5};

const DISCONNECT_REQUEST: u8 = 40;
const DISCONNECT_ACK: u8 = 41;
const DISCONNECT_NAK: u8 = 42;

const USER_NAME: u8 = 1;
const ACCT_SESSION_ID: u8 = 44;
const EVENT_TIMESTAMP: u8 = 55;
const MESSAGE_AUTHENTICATOR: u8 = 80;
const ERROR_CAUSE: u8 = 101;

/// Error-Cause of a session the gateway does not know: it has ended.
const SESSION_CONTEXT_NOT_FOUND: u32 = 503;

const HEADER_BYTES: usize = 20;
const AUTHENTICATOR: std::ops::Range<usize> = 4..20;
const SIGNATURE_BYTES: usize = 16;
/// The longest value one attribute can hold: its length, of one byte, counts its head too.
const VALUE_BYTES: usize = 253;

/// Longest packet of the protocol.
///
/// # Source
/// RFC 2865 section 3.
pub(crate) const PACKET_BYTES: usize = 4096;

/// A Disconnect-Request, ready to be sent, again and again if need be.
pub(crate) struct Request {
    bytes: Vec<u8>,
    secret: Vec<u8>,
}

/// What a gateway answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The session has been cut.
    Cut,
    /// The gateway has no such session.
    NoSuchSession,
    /// It will not, for this Error-Cause if it gave one.
    Refused(Option<u32>),
}

impl Request {
    /// A request to cut one session of one user. `None` when a name is too long for the protocol.
    ///
    /// # Source
    /// RFC 5176 sections 2.3 and 3: Message-Authenticator is made first, with both signatures zero,
    /// then the Request Authenticator over all of it.
    pub(crate) fn disconnect(
        identifier: u8,
        user: &str,
        session: &str,
        at: Timestamp,
        secret: &[u8],
    ) -> Option<Self> {
        let mut bytes = vec![DISCONNECT_REQUEST, identifier, 0, 0];
        bytes.resize(HEADER_BYTES, 0);
        push(&mut bytes, USER_NAME, user.as_bytes())?;
        push(&mut bytes, ACCT_SESSION_ID, session.as_bytes())?;
        let seconds = u32::try_from(at.as_second()).unwrap_or_default();
        push(&mut bytes, EVENT_TIMESTAMP, &seconds.to_be_bytes())?;
        push(&mut bytes, MESSAGE_AUTHENTICATOR, &[0; SIGNATURE_BYTES])?;
        let length = u16::try_from(bytes.len()).ok()?;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());

        let signature = keyed_hash(secret, &bytes);
        let end = bytes.len();
        bytes[end - SIGNATURE_BYTES..].copy_from_slice(&signature);
        let authenticator = hash(&[&bytes, secret]);
        bytes[AUTHENTICATOR].copy_from_slice(&authenticator);
        Some(Self {
            bytes,
            secret: secret.to_vec(),
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads an answer to this request. `None` when it is not signed with the shared secret, answers
    /// something else, or is no packet at all: then it proves nothing and is thrown away.
    pub(crate) fn read_answer(&self, datagram: &[u8]) -> Option<Answer> {
        let length = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
        if !(HEADER_BYTES..=PACKET_BYTES).contains(&length) || datagram[1] != self.bytes[1] {
            return None;
        }
        let packet = datagram.get(..length)?;
        let asked = &self.bytes[AUTHENTICATOR];
        let expected = hash(&[&packet[..4], asked, &packet[HEADER_BYTES..], &self.secret]);
        if packet[AUTHENTICATOR] != expected || !self.message_is_authentic(packet)? {
            return None;
        }
        match packet[0] {
            DISCONNECT_ACK => Some(Answer::Cut),
            DISCONNECT_NAK => {
                let cause = attributes(packet)?
                    .into_iter()
                    .find(|(kind, _)| *kind == ERROR_CAUSE)
                    .and_then(|(_, range)| packet[range].try_into().ok())
                    .map(u32::from_be_bytes);
                Some(match cause {
                    Some(SESSION_CONTEXT_NOT_FOUND) => Answer::NoSuchSession,
                    other => Answer::Refused(other),
                })
            }
            _ => None,
        }
    }

    /// A gateway may sign its answer with Message-Authenticator too; where it does, it must be right.
    fn message_is_authentic(&self, packet: &[u8]) -> Option<bool> {
        let found = attributes(packet)?
            .into_iter()
            .find(|(kind, _)| *kind == MESSAGE_AUTHENTICATOR);
        let Some((_, range)) = found else {
            return Some(true);
        };
        let mut unsigned = packet.to_vec();
        unsigned[AUTHENTICATOR].copy_from_slice(&self.bytes[AUTHENTICATOR]);
        unsigned[range.clone()].fill(0);
        Some(packet[range] == keyed_hash(&self.secret, &unsigned))
    }
}

fn push(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) -> Option<()> {
    if value.is_empty() || value.len() > VALUE_BYTES {
        return None;
    }
    bytes.extend([kind, u8::try_from(value.len() + 2).ok()?]);
    bytes.extend(value);
    Some(())
}

/// The attributes' kinds and where their values lie; `None` when one runs over the packet's end.
fn attributes(packet: &[u8]) -> Option<Vec<(u8, std::ops::Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = HEADER_BYTES;
    while at < packet.len() {
        let length = usize::from(*packet.get(at + 1)?);
        let end = at + length;
        if length < 2 || end > packet.len() {
            return None;
        }
        found.push((packet[at], at + 2..end));
        at = end;
    }
    Some(found)
}

fn hash(parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn keyed_hash(secret: &[u8], bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut mac = Hmac::<Md5>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"secret";

    fn request() -> Request {
        Request::disconnect(7, "nina", "S1", Timestamp::UNIX_EPOCH, SECRET).expect("a packet")
    }

    /// An answer with these attributes, signed as RFC 5176 has it.
    fn answer(code: u8, attributes: &[u8], secret: &[u8]) -> Vec<u8> {
        let length = u8::try_from(HEADER_BYTES + attributes.len()).expect("short");
        let mut packet = vec![code, 7, 0, length];
        packet.extend(&request().bytes[AUTHENTICATOR]);
        packet.extend(attributes);
        let authenticator = hash(&[&packet, secret]);
        packet[AUTHENTICATOR].copy_from_slice(&authenticator);
        packet
    }

    #[test]
    fn an_answer_is_believed_only_when_it_is_signed() {
        let honest = answer(DISCONNECT_ACK, &[], SECRET);
        let mut changed = answer(DISCONNECT_NAK, &[], SECRET);
        changed[0] = DISCONNECT_ACK;

        assert_eq!(request().read_answer(&honest), Some(Answer::Cut));
        assert_eq!(request().read_answer(&changed), None);
        assert_eq!(
            request().read_answer(&answer(DISCONNECT_ACK, &[], b"another")),
            None
        );
    }

    #[test]
    fn an_answer_to_another_request_proves_nothing() {
        let other = Request::disconnect(8, "nina", "S1", Timestamp::UNIX_EPOCH, SECRET);

        let read = other
            .expect("a packet")
            .read_answer(&answer(DISCONNECT_ACK, &[], SECRET));

        assert_eq!(read, None);
    }

    #[test]
    fn a_message_authenticator_in_an_answer_must_be_right() {
        let mut attributes = vec![MESSAGE_AUTHENTICATOR, 18];
        attributes.extend([0; SIGNATURE_BYTES]);
        let mut unsigned = answer(DISCONNECT_ACK, &attributes, SECRET);
        unsigned[AUTHENTICATOR].copy_from_slice(&request().bytes[AUTHENTICATOR]);
        let mut signed = attributes[..2].to_vec();
        signed.extend(keyed_hash(SECRET, &unsigned));

        let right = answer(DISCONNECT_ACK, &signed, SECRET);
        let wrong = answer(DISCONNECT_ACK, &attributes, SECRET);

        assert_eq!(request().read_answer(&right), Some(Answer::Cut));
        assert_eq!(request().read_answer(&wrong), None);
    }

    #[test]
    fn a_refusal_keeps_its_cause() {
        let unknown_session = answer(DISCONNECT_NAK, &[ERROR_CAUSE, 6, 0, 0, 1, 247], SECRET);
        let unsupported = answer(DISCONNECT_NAK, &[ERROR_CAUSE, 6, 0, 0, 1, 245], SECRET);
        let silent = answer(DISCONNECT_NAK, &[], SECRET);

        assert_eq!(
            request().read_answer(&unknown_session),
            Some(Answer::NoSuchSession)
        );
        assert_eq!(
            request().read_answer(&unsupported),
            Some(Answer::Refused(Some(501)))
        );
        assert_eq!(request().read_answer(&silent), Some(Answer::Refused(None)));
    }

    #[test]
    fn no_datagram_makes_it_panic() {
        let honest = answer(DISCONNECT_NAK, &[ERROR_CAUSE, 6, 0, 0, 1, 247], SECRET);
        for length in 0..honest.len() {
            assert_eq!(request().read_answer(&honest[..length]), None);
        }
        for attributes in [
            [ERROR_CAUSE, 0].as_slice(),
            &[ERROR_CAUSE, 1],
            &[ERROR_CAUSE, 200, 1],
            &[1],
        ] {
            assert_eq!(
                request().read_answer(&answer(DISCONNECT_NAK, attributes, SECRET)),
                None
            );
        }
    }

    #[test]
    fn a_name_the_protocol_cannot_carry_makes_no_packet() {
        let at = Timestamp::UNIX_EPOCH;

        assert!(Request::disconnect(1, &"n".repeat(254), "S1", at, SECRET).is_none());
        assert!(Request::disconnect(1, "nina", "", at, SECRET).is_none());
    }
}
