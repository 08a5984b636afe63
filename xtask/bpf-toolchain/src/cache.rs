//! Where downloaded and built tools live: outside the checkout, so that a fresh clone finds them again.

use std::env;
use std::path::PathBuf;

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
    use std::path::PathBuf;

    use super::base_dir;

    #[test]
    fn an_absolute_xdg_cache_home_wins_and_a_relative_one_is_ignored() {
        let home = Some(PathBuf::from("/home/someone"));
        assert_eq!(base_dir(Some("/var/tmp/c".into()), home.clone()), PathBuf::from("/var/tmp/c"));
        assert_eq!(base_dir(Some("c".into()), home.clone()), PathBuf::from("/home/someone/.cache"));
        assert_eq!(base_dir(None, home), PathBuf::from("/home/someone/.cache"));
    }
}
