//! Records as JSON Lines that verify by themselves: one person's, or those of all cases of a time.
//!
//! The first line says whose records these are. Each further line is one link of the practice's
//! chain: the records the file is about with their text, all others with the hash of theirs only. Then come
//! the files that were signed with, each under the SHA-256 that a record names. The last line seals the
//! file: it carries the SHA-256 of every byte before it.
//!
//! The last link is always shown: it notes that this very pack was made, and how many records it must show.
//!
//! - [`lines`]: what stands on each line
//! - [`write`](mod@write): making a pack, line by line
//! - [`read`]: checking one, without any database
//! - [`whole`]: that nothing was left out
//! - [`broken`]: what can be wrong with one
//! - [`mod@closings`]: what one says of every door that was to be shut

pub mod broken;
pub mod closings;
pub mod lines;
pub mod read;
#[cfg(test)]
mod tests;
pub mod whole;
pub mod write;

pub use broken::Broken;
pub use closings::{Closing, closings};
pub use lines::SignedFile;
pub use read::{Proof, hash_at, verify, verify_telling};
pub use whole::Counted;
pub use write::{Packer, StoredRecord, header};
