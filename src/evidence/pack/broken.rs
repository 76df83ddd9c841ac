//! What can be wrong with a pack.

/// The pack does not prove what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line cannot be read.
    #[error("line {line} is not a line of an evidence pack: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// Why.
        problem: String,
    },
    /// A record is not the one that was written.
    #[error("record {sequence} (line {line}) was changed: its hash does not fit the chain")]
    Record {
        /// Position in the chain.
        sequence: i64,
        /// From 1.
        line: usize,
    },
    /// A record is missing.
    #[error("record {expected} is missing before line {line}")]
    Missing {
        /// Position in the chain.
        expected: i64,
        /// From 1.
        line: usize,
    },
    /// A file that was signed with is not the one that is there.
    #[error("the file on line {line} is not the one that was signed with")]
    File {
        /// From 1.
        line: usize,
    },
    /// A file that was signed with is not there.
    #[error("a file that was signed with is missing: its SHA-256 is {hash}")]
    NoFile {
        /// SHA-256, in hex.
        hash: String,
    },
    /// The chain does not end where the practice had noted its end.
    #[error("the chain does not end with record {expected}, as the first line says")]
    Head {
        /// Position in the chain.
        expected: i64,
    },
    /// Not every case of the time is there.
    #[error("{found} cases are shown, and the first line says {expected}")]
    Cases {
        /// How many began in the time.
        expected: usize,
        /// How many are shown.
        found: usize,
    },
    /// The last record does not note that this pack was made, and how many records it must show.
    #[error("the last record does not count what must be shown: records may have been left out")]
    NotCounted,
    /// A record was left out: its hash may be there.
    #[error(
        "{found} records are shown up to record {to}, and the ledger counted {expected}: some were left out or added"
    )]
    LeftOut {
        /// The last record that was counted.
        to: i64,
        /// How many must be shown.
        expected: usize,
        /// How many are.
        found: usize,
    },
    /// A record is shown that the pack is not about.
    #[error("record {sequence} (line {line}) is not about what the first line says")]
    Stranger {
        /// Position in the chain.
        sequence: i64,
        /// From 1.
        line: usize,
    },
    /// The last line does not seal what stands before it.
    #[error("the file was changed or cut off: its last line does not seal it")]
    Seal,
}
