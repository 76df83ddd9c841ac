//! Room that is kept beside the database for the day the disk is full: then the file is taken away, and
//! what is under way can be written down. Whoever leaves is still let go; nobody is let in.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::{StoreError, create_private, database::at_length, sqlite_path};

/// How much room is kept: for some thousand revocations with all that is written of them.
pub const SIZE: u64 = 16 * 1024 * 1024;

/// Less than this and the disk is full: SQLite needs as much to begin.
const FULL: u64 = 256 * 1024;

/// How much is written at a time.
const BLOCK: usize = 64 * 1024;

/// The file, and whether it is there.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    size: u64,
    is_used: AtomicBool,
}

impl Ballast {
    /// Keeps so much room, if it is there to be kept.
    pub(super) fn lay(path: PathBuf, size: u64) -> Self {
        let ballast = Self {
            path,
            size,
            is_used: AtomicBool::new(true),
        };
        ballast.lay_again();
        ballast
    }

    /// Whether the room it kept was needed and is not kept again yet.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::SeqCst)
    }

    /// Takes the file away, if an error or the disk says that there is no room. Answers whether it did.
    pub(super) fn free_if_full(&self, error: &str) -> bool {
        let says_full = ["is full", "No space left", "quota exceeded"];
        let is_full = says_full.iter().any(|words| error.contains(words))
            || room(&self.path).is_some_and(|room| room < FULL);
        is_full && !self.is_used.swap(true, Ordering::SeqCst) && {
            // What cannot be taken away is no help, and nothing more can be done.
            let _ = std::fs::remove_file(&self.path);
            true
        }
    }

    /// Keeps the room again, once there is twice as much: what is left must do for living. Answers
    /// whether it is kept now and was not before.
    pub(super) fn lay_again(&self) -> bool {
        if !self.is_used() {
            return false;
        }
        let is_there = self
            .path
            .metadata()
            .is_ok_and(|file| file.len() == self.size);
        let has_room = room(&self.path).is_none_or(|room| room >= self.size.saturating_mul(2));
        let laid = is_there || (has_room && at_length(|| fill(&self.path, self.size)).is_ok());
        if laid {
            self.is_used.store(false, Ordering::SeqCst);
        }
        laid
    }
}

/// Where the ballast of a database is; `None` for PostgreSQL, whose disk is its own.
pub fn path_of(url: &str) -> Option<PathBuf> {
    let mut name = sqlite_path(url)?.into_os_string();
    name.push(".ballast");
    Some(PathBuf::from(name))
}

/// Takes the ballast of a database away that cannot even be opened, if the disk is full.
pub fn free_before_opening(url: &str) {
    if let Some(path) = path_of(url)
        && room(&path).is_some_and(|room| room < FULL)
    {
        // Where it is gone already, there is nothing left to free.
        let _ = std::fs::remove_file(path);
    }
}

/// Writes what no file system can make smaller.
fn fill(path: &Path, size: u64) -> Result<(), StoreError> {
    create_private(path)?;
    let filled = || -> io::Result<()> {
        let mut file = File::create(path)?;
        let random = SystemRandom::new();
        let mut block = vec![0; BLOCK];
        let mut left = size;
        while left > 0 {
            let length = BLOCK.min(usize::try_from(left).unwrap_or(BLOCK));
            random
                .fill(&mut block)
                .map_err(|_| io::Error::other("no random numbers"))?;
            file.write_all(&block[..length])?;
            left -= length as u64;
        }
        file.sync_all()
    };
    filled().map_err(|error| {
        // Half a ballast takes up room and is none.
        let _ = std::fs::remove_file(path);
        StoreError::Unavailable(error.to_string())
    })
}

/// Free bytes on the disk where a file is or would be; `None` where that cannot be asked.
#[cfg(unix)]
pub fn room(path: &Path) -> Option<u64> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(folder.unwrap_or(".".as_ref())).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Free bytes on the disk where a file is or would be; `None` where that cannot be asked.
#[cfg(not(unix))]
pub const fn room(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_kept_given_up_once_and_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db.ballast");
        let size = 100_000;

        let ballast = Ballast::lay(path.clone(), size);
        let kept = path.metadata().unwrap().len();
        let for_nothing = ballast.free_if_full("database is locked");
        let freed = ballast.free_if_full("database or disk is full");
        let is_gone = !path.exists();
        let again = ballast.free_if_full("database or disk is full");
        let laid = ballast.lay_again();

        assert_eq!(kept, size);
        assert!(!for_nothing && freed && is_gone && !again);
        assert!(laid && !ballast.is_used());
        assert_eq!(path.metadata().unwrap().len(), size);
    }

    #[test]
    fn a_disk_without_room_to_live_on_keeps_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db.ballast");

        let ballast = Ballast::lay(path.clone(), u64::MAX / 2);

        assert!(ballast.is_used() && !path.exists());
    }
}
