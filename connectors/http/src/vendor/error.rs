//! What is wrong with a vendor file: always the file, the key, and the way out.

use std::fmt::Display;

/// A vendor file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct VendorFileError {
    file: String,
    problem: String,
}

impl VendorFileError {
    /// A problem of the file as a whole; TOML's own errors name line and column.
    pub fn in_file(file: &str, problem: impl Display) -> Self {
        Self {
            file: file.to_owned(),
            problem: problem.to_string().trim_end().to_owned(),
        }
    }
}

/// A table of a vendor file, for naming keys in errors.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    file: &'a str,
    table: &'a str,
}

impl<'a> Key<'a> {
    /// A table; empty for the top of the file.
    pub fn new(file: &'a str, table: &'a str) -> Self {
        Self { file, table }
    }

    /// The error for one key of this table; an empty name means the table itself.
    pub fn wrong(&self, name: &str, problem: impl Display) -> VendorFileError {
        let dot = if self.table.is_empty() || name.is_empty() {
            ""
        } else {
            "."
        };
        VendorFileError::in_file(self.file, format!("`{}{dot}{name}`: {problem}", self.table))
    }

    /// Reads each entry of a list.
    ///
    /// # Errors
    /// Names the first entry that cannot be read.
    pub fn each<R, T>(
        &self,
        name: &str,
        entries: &[R],
        read: impl Fn(&R) -> Result<T, String>,
    ) -> Result<Vec<T>, VendorFileError> {
        let entry = |(index, raw)| {
            read(raw).map_err(|problem| self.wrong(&format!("{name}[{index}]"), problem))
        };
        entries.iter().enumerate().map(entry).collect()
    }
}
