//! What the faulty proxy must know of an LDAP message.

/// Whether these bytes are an LDAP request that changes something: modify, add, modify DN, extended.
///
/// # Source
/// RFC 4511 section 4.1.1: a sequence of the message's number and the request, told by its tag.
pub fn is_change(bytes: &[u8]) -> bool {
    let length_bytes = match bytes.get(1) {
        Some(length) if length & 0x80 != 0 => usize::from(length & 0x7f),
        _ => 0,
    };
    let number = 2 + length_bytes;
    let digits = bytes.get(number + 1).copied().map_or(0, usize::from);
    matches!(
        bytes.get(number + 2 + digits),
        Some(0x66 | 0x68 | 0x6c | 0x77)
    )
}
