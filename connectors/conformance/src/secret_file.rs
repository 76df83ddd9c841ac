//! A secret in a file of its own, as connectors read theirs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

/// A file that holds a secret. It is deleted when this is dropped.
#[derive(Debug)]
pub struct SecretFile {
    path: PathBuf,
}

impl SecretFile {
    /// A new file with this secret.
    pub fn holding(secret: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "drawbridge-secret-{}-{}",
            process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let file = Self {
            path: env::temp_dir().join(name),
        };
        file.replace_with(secret);
        file
    }

    /// Puts another secret into it, as a rotation does.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn replace_with(&self, secret: &str) {
        fs::write(&self.path, secret)
            .unwrap_or_else(|error| panic!("cannot write a secret: {error}"));
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How settings refer to it: `{ "file": ".." }`.
    pub fn reference(&self) -> Value {
        json!({ "file": self.path })
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        // A file left in the temporary folder is no harm to a test.
        let _ = fs::remove_file(&self.path);
    }
}
