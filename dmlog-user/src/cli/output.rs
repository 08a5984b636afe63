//! Where a command's bytes go: stdout, or a file that has its name only once it is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Stdout, or a file beside the one that was asked for. Dropped before [`commit`](Self::commit), the file is removed.
#[derive(Debug)]
pub struct Output(Target);

#[derive(Debug)]
enum Target {
    Stdout(io::Stdout),
    /// A pipe or a device: there is nothing to put in its place.
    Direct(File),
    File {
        file: File,
        unfinished: PathBuf,
        path: PathBuf,
    },
    Committed,
}

impl Output {
    /// Opens what was asked for; `-` is stdout.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self(Target::Stdout(io::stdout())));
        }
        // What a link points to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_not_there| path.to_owned());
        if fs::metadata(&path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
            return Ok(Self(Target::Direct(File::options().write(true).open(&path)?)));
        }
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        };
        let name = format!(".{}.{}.unfinished", name.to_string_lossy(), std::process::id());
        let unfinished = path.with_file_name(name);
        let file = File::options().write(true).create_new(true).open(&unfinished)?;
        Ok(Self(Target::File { file, unfinished, path }))
    }

    /// Is it stdout?
    pub fn is_stdout(&self) -> bool {
        matches!(self.0, Target::Stdout(_))
    }

    /// Gives the file its name, in place of what had it.
    pub fn commit(mut self) -> io::Result<()> {
        self.flush()?;
        let Target::File { file, unfinished, path } = &self.0 else { return Ok(()) };
        // A name that points to nothing after a power failure would be a half-written file too.
        file.sync_all()?;
        fs::rename(unfinished, path)?;
        self.0 = Target::Committed;
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Target::Stdout(stdout) => stdout.write(bytes),
            Target::Direct(file) | Target::File { file, .. } => file.write(bytes),
            Target::Committed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Target::Stdout(stdout) => stdout.flush(),
            Target::Direct(file) | Target::File { file, .. } => file.flush(),
            Target::Committed => Ok(()),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Target::File { unfinished, .. } = &self.0 {
            // Somebody else may have removed it; there is nobody to tell.
            let _ = fs::remove_file(unfinished);
        }
    }
}
