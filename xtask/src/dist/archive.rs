//! The archive: a folder as a compressed tar file, of which every byte follows from what is in it.
//!
//! GNU tar and gzip do it. Order, times, owners and modes are fixed, so that whoever packs the same files gets the same file.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// Packs the folder `name` in `parent`; all times are `epoch_s`, in seconds since 1970.
pub(super) fn pack(parent: &Path, name: &str, epoch_s: u64, out: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.args(["--mode=u=rwX,go=rX", &format!("--mtime=@{epoch_s}"), "--directory"]).arg(parent).arg(name);
    // Without a name and a time of its own.
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "--no-name"]);
    eprintln!("$ {} | {} > {}", process::shown(&tar), process::shown(&gzip), out.display());
    let file = File::create(out).with_context(|| format!("`{}` cannot be written", out.display()))?;
    let mut packing =
        tar.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("`tar` did not start")?;
    let stream = packing.stdout.take().context("`tar` has no output")?;
    let compressed = gzip.stdin(stream).stdout(file).status().context("`gzip` did not start")?;
    let packed = packing.wait().context("`tar` cannot be waited for")?;
    if !packed.success() || !compressed.success() {
        bail!("`{}` was not packed", out.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::pack;
    use crate::process;
    use crate::scratch::Scratch;

    #[test]
    fn the_same_files_are_the_same_archive_whatever_their_times_and_modes() {
        let scratch = Scratch::new("dist-archive");
        let out = |name: &str| scratch.path().join(name);
        for (tree, names, mode) in [("one", ["b", "a"], 0o600), ("two", ["a", "b"], 0o664)] {
            for name in names {
                let path = format!("{tree}/x/{name}");
                scratch.write(&path, name);
                fs::set_permissions(out(&path), fs::Permissions::from_mode(mode)).unwrap();
            }
            pack(&out(tree), "x", 1_000_000_000, &out(&format!("{tree}.tar.gz"))).unwrap();
        }
        assert_eq!(fs::read(out("one.tar.gz")).unwrap(), fs::read(out("two.tar.gz")).unwrap());
        let mut list = Command::new("tar");
        list.env("TZ", "UTC").args(["--list", "--verbose", "--file"]).arg(out("one.tar.gz"));
        let listed = process::output(&mut list).unwrap();
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 3, "{listed}");
        assert!(lines[1].starts_with("-rw-r--r-- 0/0"), "{listed}");
        assert!(lines[1].ends_with("2001-09-09 01:46 x/a"), "{listed}");
    }
}
