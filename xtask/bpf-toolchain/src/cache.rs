//! Where downloaded and built tools live: outside the checkout, so that a fresh clone finds them again.

use std::env;
use std::path::{Path, PathBuf};

/// The cache folder of the project: `$XDG_CACHE_HOME/dmlog-top`, else `~/.cache/dmlog-top`.
///
/// Without a home directory (a bare service account) it falls back to a folder below the temporary directory.
pub fn cache_dir() -> PathBuf {
    base_dir(env::var_os("XDG_CACHE_HOME").map(PathBuf::from), env::home_dir()).join("dmlog-top")
}

/// The place where `cargo xtask setup` puts `bpf-linker`.
pub fn bpf_linker_path() -> PathBuf {
    cache_dir().join("tools/bin/bpf-linker")
}

/// The target folder of BPF builds that belongs to a Cargo target folder, or to any folder below one.
///
/// A build script passes its `OUT_DIR`. All profiles and feature sets of the workspace then share one build of `core`
/// and of the object, and none of them waits for the lock that the calling Cargo holds on its own folder.
pub fn shared_target_dir(below: &Path) -> PathBuf {
    let is_target_dir = |dir: &&Path| dir.join("CACHEDIR.TAG").is_file();
    below.ancestors().find(is_target_dir).unwrap_or(below).join("bpf")
}

/// The XDG rule: a relative `XDG_CACHE_HOME` is ignored.
fn base_dir(xdg: Option<PathBuf>, home: Option<PathBuf>) -> PathBuf {
    match (xdg, home) {
        (Some(dir), _) if dir.is_absolute() => dir,
        (_, Some(home)) if home.is_absolute() => home.join(".cache"),
        _ => env::temp_dir(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{base_dir, shared_target_dir};

    #[test]
    fn a_folder_outside_any_target_folder_gets_its_own() {
        assert_eq!(shared_target_dir(Path::new("/proc/x/out")), PathBuf::from("/proc/x/out/bpf"));
    }

    #[test]
    fn an_absolute_xdg_cache_home_wins_and_a_relative_one_is_ignored() {
        let home = Some(PathBuf::from("/home/someone"));
        assert_eq!(base_dir(Some("/var/tmp/c".into()), home.clone()), PathBuf::from("/var/tmp/c"));
        assert_eq!(base_dir(Some("c".into()), home.clone()), PathBuf::from("/home/someone/.cache"));
        assert_eq!(base_dir(None, home), PathBuf::from("/home/someone/.cache"));
    }
}
