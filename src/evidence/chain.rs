//! The hash that ties each record to the one before.

use ring::digest::{SHA256, digest};

/// SHA-256 as 32 bytes.
pub type Hash = [u8; 32];

/// What stands before the first record of every chain.
pub const GENESIS: Hash = [0; 32];

/// SHA-256 of a record's text.
pub fn text_hash(text: &str) -> Hash {
    sha256(text.as_bytes())
}

/// `H(previous || H(text))`: hiding the text still lets the chain be checked.
pub fn link(previous: &Hash, text_hash: &Hash) -> Hash {
    let mut joined = [0; 64];
    joined[..32].copy_from_slice(previous);
    joined[32..].copy_from_slice(text_hash);
    sha256(&joined)
}

/// SHA-256 of any bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Lower-case hex.
pub fn to_hex(hash: &Hash) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    hash.iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Reads what [`to_hex`] wrote; `None` for anything else.
pub fn from_hex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
