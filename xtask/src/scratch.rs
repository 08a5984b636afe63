//! A folder for one test, removed when the test ends.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new empty folder; `name` must be unique among the tests of this crate.
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("dmlog-xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file below it, with the folders it needs.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder left in the temporary directory is no reason to fail a test.
        drop(fs::remove_dir_all(&self.path));
    }
}
