//! Programs of the host in a guest: the file, and the shared libraries it needs at the paths where it looks for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::guest::cpio::Tree;

/// Where the four merged folders are; the guest has the links that a host with merged `/usr` has.
const MERGED: [&str; 4] = ["/bin/", "/sbin/", "/lib/", "/lib64/"];

/// Puts a file of the host at `guest` and its shared libraries beside it.
pub(crate) fn add_file(tree: &mut Tree, host: &Path, guest: &str) -> Result<()> {
    let bytes = fs::read(host).with_context(|| format!("`{}` cannot be read", host.display()))?;
    let mode = fs::metadata(host).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
    let is_elf = bytes.starts_with(b"\x7fELF");
    tree.file(&in_merged_usr(guest), bytes, mode);
    if is_elf {
        for library in libraries(host) {
            let path = in_merged_usr(&library);
            if !tree.contains(&path) {
                let bytes = fs::read(&library).with_context(|| format!("`{library}` cannot be read"))?;
                tree.file(&path, bytes, 0o755);
            }
        }
    }
    Ok(())
}

/// `/lib/x` is `/usr/lib/x`: an archive must not unpack through a link that it also contains.
pub(crate) fn in_merged_usr(path: &str) -> String {
    if MERGED.iter().any(|prefix| path.starts_with(prefix)) { format!("/usr{path}") } else { path.to_owned() }
}

/// What the dynamic loader would load; nothing for a static program.
fn libraries(program: &Path) -> Vec<String> {
    let output = Command::new("ldd").arg(program).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    parse_ldd(&text)
}

/// Lines are `name => /path (0x…)` or, for the loader itself, `/path (0x…)`.
fn parse_ldd(text: &str) -> Vec<String> {
    let paths = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    paths.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{in_merged_usr, parse_ldd};

    #[test]
    fn libraries_and_the_loader_are_read_from_ldd() {
        let text = "\tlinux-vdso.so.1 (0x7f)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x7f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        assert_eq!(parse_ldd(text), ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert!(parse_ldd("\tnot a dynamic executable\n").is_empty());
    }

    #[test]
    fn merged_folders_are_below_usr() {
        assert_eq!(in_merged_usr("/bin/dmlog-top"), "/usr/bin/dmlog-top");
        assert_eq!(in_merged_usr("/opt/bin/x"), "/opt/bin/x");
    }
}
