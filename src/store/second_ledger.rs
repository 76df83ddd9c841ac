//! The second ledger: a file for the calls that were made while the database could not be written
//! (rule R2). Each line is on the disk before anything is sent on it. As soon as the database takes
//! writes again, what stands here is brought over and the file is emptied.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;

use super::{StoreError, create_private, database::at_length, row::json_text};
use crate::{
    clock,
    evidence::{
        chain::Hash,
        second::{self, Rest},
    },
};

/// A file of lines, and what is known of it.
#[derive(Debug)]
pub struct SecondLedger {
    path: PathBuf,
    /// Open once something is written; closed again after a failure, so that whatever half a line it
    /// left is cut off first.
    end: Mutex<Option<End>>,
    holds_records: AtomicBool,
    is_writable: AtomicBool,
}

/// Where the next line goes.
#[derive(Debug)]
struct End {
    file: File,
    head: Hash,
}

/// What the file held when it was read.
#[derive(Debug)]
pub struct Contents {
    /// The records, in order.
    pub texts: Vec<String>,
    /// Whether something follows them that is not what was written.
    pub is_changed: bool,
    /// All of the file, in bytes.
    length: u64,
}

impl SecondLedger {
    /// The file at this path. It is made when it is first needed.
    pub fn at(path: PathBuf) -> Self {
        let holds_records = path.metadata().is_ok_and(|file| file.len() > 0);
        Self {
            path,
            end: Mutex::new(None),
            holds_records: AtomicBool::new(holds_records),
            is_writable: AtomicBool::new(true),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it may hold something that the database does not know.
    pub fn holds_records(&self) -> bool {
        self.holds_records.load(Ordering::SeqCst)
    }

    /// Whether it took what was last written.
    pub fn is_writable(&self) -> bool {
        self.is_writable.load(Ordering::SeqCst)
    }

    /// Looks whether a line could be written, and writes none.
    ///
    /// # Errors
    /// When the file cannot be made or opened, or a line of it was changed.
    pub fn try_to_open(&self) -> Result<(), StoreError> {
        let mut end = self.lock();
        let opened = at_length(|| self.open());
        self.is_writable.store(opened.is_ok(), Ordering::SeqCst);
        *end = Some(opened?);
        Ok(())
    }

    /// Writes a record. It is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written; then it may not be relied on.
    pub fn append(&self, record: &impl serde::Serialize) -> Result<(), StoreError> {
        let text = json_text(record);
        let mut end = self.lock();
        // First, so that nobody takes the file for empty while a line is on its way into it.
        self.holds_records.store(true, Ordering::SeqCst);
        let written = at_length(|| self.write(&mut end, &text));
        self.is_writable.store(written.is_ok(), Ordering::SeqCst);
        if written.is_err() {
            *end = None;
        }
        written
    }

    fn write(&self, end: &mut Option<End>, text: &str) -> Result<(), StoreError> {
        let end = match end {
            Some(end) => end,
            None => end.insert(self.open()?),
        };
        let (line, head) = second::line(&end.head, text);
        end.file
            .write_all(line.as_bytes())
            .and_then(|()| end.file.sync_data())
            .map_err(|error| self.unwritable(&error.to_string()))?;
        end.head = head;
        Ok(())
    }

    /// Opens the file behind its last whole line.
    fn open(&self) -> Result<End, StoreError> {
        create_private(&self.path)?;
        let opened = || -> io::Result<(File, second::Lines)> {
            let lines = second::read(&std::fs::read(&self.path)?);
            let file = File::options().append(true).open(&self.path)?;
            if lines.rest == Rest::Torn {
                file.set_len(lines.length as u64)?;
            }
            file.sync_all()?;
            sync_folder(&self.path)?;
            Ok((file, lines))
        };
        let (file, lines) = opened().map_err(|error| self.unwritable(&error.to_string()))?;
        if lines.rest == Rest::Changed {
            let number = lines.texts.len() + 1;
            return Err(self.unwritable(&format!("line {number} is not what was written there")));
        }
        Ok(End {
            file,
            head: lines.head,
        })
    }

    fn unwritable(&self, problem: &str) -> StoreError {
        StoreError::Unavailable(format!(
            "the second ledger `{}`: {problem}",
            self.path.display()
        ))
    }

    fn unusable(&self, error: &io::Error) -> StoreError {
        StoreError::File {
            path: self.path.clone(),
            problem: error.to_string(),
        }
    }

    /// Reads all of it, up to the first line that is not what was written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> Result<Contents, StoreError> {
        let _end = self.lock();
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes.map_err(|error| self.unusable(&error))?,
        };
        let lines = second::read(&bytes);
        Ok(Contents {
            texts: lines.texts,
            is_changed: lines.rest == Rest::Changed,
            length: bytes.len() as u64,
        })
    }

    /// Empties the file: the database knows what it held. A line that came since is left, with all
    /// before it.
    ///
    /// # Errors
    /// When it cannot be emptied; what it holds will be found in the database already.
    pub fn clear(&self, contents: &Contents) -> Result<(), StoreError> {
        self.end(contents, || {
            match File::options().write(true).open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                file => file.and_then(|file| {
                    file.set_len(0)?;
                    file.sync_all()
                }),
            }
        })
    }

    /// Puts the file aside, for somebody to look at: it holds what the database could not take over.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn put_aside(&self, contents: &Contents, now: Timestamp) -> Result<PathBuf, StoreError> {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".kept-{}", clock::to_text(now).replace(':', "")));
        let aside = PathBuf::from(name);
        self.end(contents, || {
            std::fs::rename(&self.path, &aside)?;
            sync_folder(&aside)
        })?;
        Ok(aside)
    }

    fn end(
        &self,
        contents: &Contents,
        empty: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let mut end = self.lock();
        let length = self.path.metadata().map_or(0, |file| file.len());
        if length == contents.length {
            at_length(empty).map_err(|error| self.unusable(&error))?;
            *end = None;
            self.holds_records.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<End>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a file's name as durable as what stands in it.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(".".as_ref()))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> (tempfile::TempDir, SecondLedger) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db.second");
        (folder, SecondLedger::at(path))
    }

    #[test]
    fn a_torn_last_line_is_cut_off_before_the_next_is_written() {
        let (_folder, ledger) = ledger();
        ledger.append(&"first").unwrap();
        let mut file = File::options().append(true).open(ledger.path()).unwrap();
        file.write_all(b"{\"hash\":\"00").unwrap();

        let again = SecondLedger::at(ledger.path().to_owned());
        let before = again.read().unwrap();
        again.append(&"second").unwrap();

        assert_eq!((before.texts.len(), before.is_changed), (1, false));
        assert_eq!(again.read().unwrap().texts, ["\"first\"", "\"second\""]);
    }

    #[test]
    fn a_line_that_came_since_is_not_thrown_away() {
        let (_folder, ledger) = ledger();
        ledger.append(&"first").unwrap();
        let read = ledger.read().unwrap();
        ledger.append(&"second").unwrap();

        ledger.clear(&read).unwrap();
        let kept = ledger.read().unwrap();
        ledger.clear(&kept).unwrap();

        assert_eq!(kept.texts.len(), 2);
        assert!(ledger.read().unwrap().texts.is_empty());
        assert!(!ledger.holds_records());
        ledger.append(&"third").unwrap();
        assert_eq!(ledger.read().unwrap().texts, ["\"third\""]);
    }

    #[test]
    fn nothing_is_written_behind_a_line_that_was_changed() {
        let (_folder, ledger) = ledger();
        ledger.append(&"first").unwrap();
        let text = std::fs::read_to_string(ledger.path()).unwrap();
        std::fs::write(ledger.path(), text.replace("first", "worst")).unwrap();

        let again = SecondLedger::at(ledger.path().to_owned());
        let refused = again.append(&"second");
        let is_writable = again.is_writable();
        let aside = again.put_aside(&again.read().unwrap(), Timestamp::UNIX_EPOCH);
        let aside = aside.unwrap();

        assert!(refused.is_err() && !is_writable);
        assert!(std::fs::read_to_string(aside).unwrap().contains("worst"));
        again.append(&"second").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, ledger) = ledger();

        ledger.append(&"first").unwrap();

        let mode = ledger.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
