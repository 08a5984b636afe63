//! A private apt: downloads single packages of several Debian releases without touching the machine's own sources.
//!
//! It has its own list of sources, its own package lists and its own cache, so it needs no root and leaves nothing
//! behind in `/var`. The mirror is the one that the machine's apt already uses. Apt itself checks the signature of the
//! release and the checksum of every file; nothing is downloaded by a pattern, only by `NAME=VERSION`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::setup::store::{create_dir, sha256, write_whole};

/// Overrides the mirror on machines whose apt does not use a Debian one.
const MIRROR_VARIABLE: &str = "DMLOG_DEBIAN_MIRROR";
/// Releases with a kernel we test on. Suites are names, not versions: the kernels in them move.
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "trixie-backports"];
/// Those of them that still get security updates.
const SECURITY_SUITES: [&str; 2] = ["bookworm-security", "trixie-security"];
/// Knows the keys of all of them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One package stanza of apt's lists: field name → value, continuation lines joined.
pub(crate) type Stanza = BTreeMap<String, String>;

/// The private configuration, below the cache folder.
#[derive(Debug)]
pub(crate) struct PrivateApt {
    dir: PathBuf,
}

impl PrivateApt {
    /// Writes the configuration and fetches the package lists.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let sources = sources(&source_files())?;
        for folder in ["lists/partial", "cache/archives/partial"] {
            create_dir(&dir.join(folder))?;
        }
        write_whole(&dir.join("sources.list"), sources.as_bytes())?;
        write_whole(&dir.join("status"), b"")?;
        write_whole(&dir.join("apt.conf"), configuration(dir).as_bytes())?;
        let apt = Self { dir: dir.to_path_buf() };
        process::run(apt.command("apt-get").args(["-q", "update"]))
            .context("the package lists of the guest kernels' releases cannot be fetched; check the network")?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir).env("LC_ALL", "C").env("APT_CONFIG", self.dir.join("apt.conf"));
        command
    }

    /// The stanzas of one package, all versions of it.
    pub(crate) fn show(&self, package: &str) -> Result<Vec<Stanza>> {
        let text = process::output(self.command("apt-cache").args(["show", package]))
            .with_context(|| format!("package `{package}` is in none of the releases"))?;
        Ok(parse_stanzas(&text))
    }

    /// Downloads exactly one version of one package into `into` and checks it against the list's SHA-256 once more.
    pub(crate) fn download(&self, stanza: &Stanza, into: &Path) -> Result<PathBuf> {
        let field = |name: &str| stanza.get(name).with_context(|| format!("a package without `{name}`"));
        let (name, version) = (field("Package")?, field("Version")?);
        process::run(self.command("apt-get").current_dir(into).args(["-q", "download", &format!("{name}={version}")]))?;
        let prefix = format!("{name}_");
        for entry in fs::read_dir(into).with_context(|| format!("`{}` cannot be listed", into.display()))? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_archive = path.extension().is_some_and(|extension| extension == "deb");
            if is_archive && file.starts_with(&prefix) {
                if sha256(&path)? != *field("SHA256")? {
                    bail!("`{file}` is not what the release's package list announced");
                }
                return Ok(path);
            }
        }
        bail!("apt reported success but left no file of `{name}` in `{}`", into.display())
    }
}

/// Splits apt's output into stanzas.
fn parse_stanzas(text: &str) -> Vec<Stanza> {
    let mut stanzas = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut stanza = Stanza::new();
        let mut last = String::new();
        for line in block.lines() {
            if line.starts_with([' ', '\t']) {
                stanza.entry(last.clone()).or_default().push_str(line);
            } else if let Some((name, value)) = line.split_once(':') {
                name.clone_into(&mut last);
                stanza.insert(last.clone(), value.trim().to_owned());
            }
        }
        stanzas.push(stanza);
    }
    stanzas
}

/// The settings that make apt private. Proxies and certificates in the machine's own configuration still hold.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    let settings = [
        ("Dir::Etc::sourcelist", format!("{dir}/sources.list")),
        ("Dir::Etc::sourceparts", "/dev/null".to_owned()),
        ("Dir::Etc::preferences", "/dev/null".to_owned()),
        ("Dir::Etc::preferencesparts", "/dev/null".to_owned()),
        ("Dir::State", dir.to_string()),
        ("Dir::State::lists", format!("{dir}/lists")),
        ("Dir::State::status", format!("{dir}/status")),
        ("Dir::Cache", format!("{dir}/cache")),
        ("APT::Architecture", "amd64".to_owned()),
        ("APT::Architectures", "amd64".to_owned()),
        // Started by root, apt drops to the user `_apt`, who cannot write into a home directory.
        ("APT::Sandbox::User", "root".to_owned()),
        ("Acquire::Languages", "none".to_owned()),
        ("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false".to_owned()),
        // Suites that are archived stop being signed anew; their last signature still holds.
        ("Acquire::Check-Valid-Until", "false".to_owned()),
    ];
    settings.map(|(name, value)| format!("{name} \"{value}\";\n")).concat()
}

/// The text of every source file of this machine's apt.
fn source_files() -> Vec<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    files.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// The release of this machine and the mirror that its apt uses for it; `None` where this is no Debian.
pub(crate) fn own_release() -> Option<(String, String)> {
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = codename(&os_release)?;
    let is_debian = os_release.lines().any(|line| line == "ID=debian");
    let uri = source_files().iter().flat_map(|text| source_uris(text, codename)).next().filter(|_| is_debian);
    Some((codename.to_owned(), env::var(MIRROR_VARIABLE).ok().or(uri)?))
}

fn codename(os_release: &str) -> Option<&str> {
    os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))
}

/// Our list of sources: all suites from the mirror that this machine's apt uses for its own one.
fn sources(files: &[String]) -> Result<String> {
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = codename(&os_release).unwrap_or("stable");
    let debian = os_release.lines().any(|line| line == "ID=debian");
    let uri_of = |suite: &str| files.iter().flat_map(|text| source_uris(text, suite)).next().filter(|_| debian);
    let mirror = env::var(MIRROR_VARIABLE).ok().or_else(|| uri_of(codename)).with_context(|| {
        format!(
            "guest kernels come from a Debian mirror and this machine's apt uses none; name one in {MIRROR_VARIABLE}"
        )
    })?;
    let signed = if Path::new(KEYRING).is_file() { format!(" signed-by={KEYRING}") } else { String::new() };
    let line = |uri: &str, suite: &str| format!("deb [arch=amd64{signed}] {uri} {suite} main\n");
    let mut text: String = SUITES.iter().map(|suite| line(&mirror, suite)).collect();
    // Where the machine itself gets security updates, its guests run the kernels that its users run.
    if let Some(security) = uri_of(&format!("{codename}-security")) {
        text.extend(SECURITY_SUITES.iter().map(|suite| line(&security, suite)));
    }
    Ok(text)
}

/// The URIs of one apt source file (either form) that serve the suite `codename` with component `main`.
fn source_uris(text: &str, codename: &str) -> Vec<String> {
    let mut uris = Vec::new();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("deb ")) {
        let without_options = match line.trim_start().strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(_, rest)| rest),
            None => line,
        };
        let mut words = without_options.split_whitespace();
        if let (Some(uri), Some(suite)) = (words.next(), words.next())
            && suite == codename
            && words.any(|component| component == "main")
        {
            uris.push(uri.to_owned());
        }
    }
    let without_comments = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    for stanza in parse_stanzas(&without_comments) {
        let has = |field: &str, word: &str| {
            stanza.get(field).is_some_and(|value| value.split_whitespace().any(|each| each == word))
        };
        if has("Types", "deb") && has("Suites", codename) && has("Components", "main") {
            let list = stanza.get("URIs").map(String::as_str).unwrap_or_default();
            uris.extend(list.split_whitespace().map(str::to_owned));
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::{parse_stanzas, source_uris};

    #[test]
    fn the_mirror_is_read_from_both_forms_of_source_files() {
        let one_line = "# c\ndeb-src http://a/debian bookworm main\n\
                        deb [arch=amd64 signed-by=/k] http://m/debian bookworm main contrib\n\
                        deb http://s/debian-security bookworm-security main\n";
        assert_eq!(source_uris(one_line, "bookworm"), ["http://m/debian"]);
        let deb822 = "Types: deb\n# http://old/\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\n\
                      Components: main\n\nTypes: deb\nURIs: http://s\nSuites: bookworm-security\nComponents: main\n";
        assert_eq!(source_uris(deb822, "bookworm"), ["http://m/debian"]);
        assert!(source_uris("deb http://x/ubuntu noble main\n", "bookworm").is_empty());
    }

    #[test]
    fn stanzas_keep_their_fields_and_continuation_lines() {
        let stanzas = parse_stanzas("Package: a\nDepends: b,\n c (= 1)\n\nPackage: d\n");
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0]["Depends"], "b, c (= 1)");
    }
}
