//! Archives in the format `newc`, which is what a kernel unpacks into its first root file system.
//!
//! The format is described in the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`. Several
//! archives may follow each other, and a later entry replaces an earlier one of the same name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

/// Mode bits of the file types we use.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
/// Every entry and every file's content is padded to this.
const ALIGNMENT: usize = 4;
/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File { bytes: Vec<u8>, mode: u32 },
    Symlink { target: String },
}

/// A tree of files that becomes one archive. Adding a path twice keeps the last.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    directories: BTreeSet<String>,
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// An empty directory with everything above it. Paths are absolute.
    pub(crate) fn directory(&mut self, path: &str) {
        let path = relative(path);
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        self.directories.extend(ends.filter(|end| *end > 0).map(|end| path[..end].to_owned()));
    }

    /// A regular file with everything above it.
    pub(crate) fn file(&mut self, path: &str, bytes: Vec<u8>, mode: u32) {
        self.add(path, Entry::File { bytes, mode });
    }

    /// A symbolic link with everything above it.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        self.add(path, Entry::Symlink { target: target.to_owned() });
    }

    /// True when a file or link of that path was added.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.entries.contains_key(&relative(path))
    }

    fn add(&mut self, path: &str, entry: Entry) {
        if let Some((parent, _)) = path.rsplit_once('/')
            && !parent.is_empty()
        {
            self.directory(parent);
        }
        self.entries.insert(relative(path), entry);
    }

    /// The archive: directories first, so that each exists before something is put into it.
    pub(crate) fn archive(&self) -> Result<Vec<u8>> {
        let mut archive = Vec::new();
        let mut inode = 0;
        let mut next = || {
            inode += 1;
            inode
        };
        for name in self.directories.iter().filter(|name| !self.entries.contains_key(*name)) {
            append(&mut archive, next(), name, DIRECTORY | 0o755, &[])?;
        }
        for (name, entry) in &self.entries {
            match entry {
                Entry::File { bytes, mode } => append(&mut archive, next(), name, REGULAR | mode, bytes)?,
                Entry::Symlink { target } => append(&mut archive, next(), name, SYMLINK | 0o777, target.as_bytes())?,
            }
        }
        append(&mut archive, 0, TRAILER, 0, &[])?;
        // The kernel wants the next archive at a multiple of four; a sector is what other tools pad to.
        archive.resize(archive.len().next_multiple_of(512), 0);
        Ok(archive)
    }
}

/// Names in an archive have no leading slash.
fn relative(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

fn append(archive: &mut Vec<u8>, inode: u32, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let size = u32::try_from(bytes.len()).with_context(|| format!("`{name}` is too large for an initramfs"))?;
    let name_size = u32::try_from(name.len() + 1).with_context(|| format!("`{name}` is too long a name"))?;
    // magic, then: ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(ALIGNMENT), 0);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(ALIGNMENT), 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn an_archive_has_parents_first_and_the_last_entry_of_a_name() {
        let mut tree = Tree::default();
        tree.file("/usr/bin/x", b"old".to_vec(), 0o755);
        tree.file("/usr/bin/x", b"newer".to_vec(), 0o755);
        tree.symlink("/bin", "usr/bin");
        let archive = tree.archive().unwrap();
        let text = String::from_utf8_lossy(&archive);
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("`{needle}` is missing"));
        assert!(at("usr\0") < at("usr/bin\0") && at("usr/bin\0") < at("usr/bin/x\0"));
        assert!(at("usr/bin/x\0") < at("newer") && at("newer") < at("TRAILER!!!"));
        assert!(!text.contains("old"));
        assert_eq!(archive.len() % 512, 0);
        assert!(tree.contains("/usr/bin/x") && !tree.contains("/usr/bin"));
    }

    #[test]
    fn a_header_is_110_digits_and_the_content_is_aligned() {
        let mut tree = Tree::default();
        tree.file("/ab", b"xyz".to_vec(), 0o600);
        let archive = tree.archive().unwrap();
        assert_eq!(&archive[..6], b"070701");
        assert_eq!(&archive[14..22], b"00008180", "regular file, mode 600");
        assert_eq!(&archive[54..62], b"00000003", "size");
        // 110 bytes of header, the name and its zero make 113: the content starts at 116.
        assert_eq!(&archive[110..113], b"ab\0");
        assert_eq!(&archive[116..119], b"xyz");
        assert_eq!(&archive[120..126], b"070701");
    }
}
