//! The licences of everything that is linked into the programs: most ask that their text goes where the programs go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::paths::repo_root;
use crate::process;
use crate::test::cargo_tests::PACKAGE;

/// How the files with such texts begin, in capitals.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// One crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
}

/// A list of the crates, then each text once, with the crates that have it.
pub(super) fn text() -> Result<String> {
    let mut command = process::cargo(&repo_root());
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        &format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
    ]);
    let text = process::output(&mut command)?;
    let metadata: Value = serde_json::from_str(&text).context("`cargo metadata` printed no JSON")?;
    let linked = linked(&metadata);
    let mut crates = Vec::new();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
        let is_ours = package["source"].is_null();
        if is_ours || !linked.contains(field("id").as_str()) {
            continue;
        }
        let title = format!("{} {}", field("name"), field("version"));
        if let Some(folder) = Path::new(&field("manifest_path")).parent() {
            for text in texts_in(folder)? {
                texts.entry(text).or_default().push(title.clone());
            }
        }
        crates.push(Crate { name: field("name"), version: field("version"), licence: field("license") });
    }
    crates.sort();
    Ok(page(&crates, texts))
}

/// Identifiers of the packages that go into the programs: what they depend on in a normal way, and so on. Programs of the
/// build and macros run elsewhere.
fn linked(metadata: &Value) -> BTreeSet<&str> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let packages = || metadata["packages"].as_array().into_iter().flatten();
    let is_macro =
        |package: &&Value| package["targets"].as_array().into_iter().flatten().any(|it| it["kind"][0] == "proc-macro");
    let macros: BTreeSet<&str> = packages().filter(is_macro).filter_map(|package| package["id"].as_str()).collect();
    let start = packages().filter(|package| package["name"] == PACKAGE).filter_map(|package| package["id"].as_str());
    let mut pending: Vec<&str> = start.collect();
    let mut found = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if macros.contains(id) || !found.insert(id) {
            continue;
        }
        let dependencies = nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let is_normal = |dependency: &&Value| {
            dependency["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
        };
        pending.extend(dependencies.filter(is_normal).filter_map(|dependency| dependency["pkg"].as_str()));
    }
    found
}

/// The texts in a crate's folder, in the order of their names.
fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("`{}` cannot be listed", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        path.is_file() && NAMES.iter().any(|known| name.starts_with(known))
    });
    paths.sort();
    let read =
        |path: &std::path::PathBuf| fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()));
    let texts = paths.iter().map(|path| Ok(String::from_utf8_lossy(&read(path)?).trim().replace('\r', "")));
    texts.collect()
}

fn page(crates: &[Crate], texts: BTreeMap<String, Vec<String>>) -> String {
    let mut page = "Linked into the programs, beside the standard library of Rust (MIT OR Apache-2.0):\n\n".to_owned();
    for Crate { name, version, licence } in crates {
        page.push_str(&format!("  {name} {version}: {licence}\n"));
    }
    let mut texts: Vec<(Vec<String>, String)> = texts.into_iter().map(|(text, users)| (users, text)).collect();
    for (users, _) in &mut texts {
        users.sort();
    }
    texts.sort();
    for (users, text) in texts {
        page.push_str(&format!("\n{}\n{}:\n\n{text}\n", "-".repeat(80), users.join(", ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn every_crate_of_the_programs_is_listed_and_none_of_the_tests() {
        let text = text().unwrap();
        let (list, texts) = text.split_once(&"-".repeat(80)).unwrap();
        for name in ["clap 4", "zstd 0", "zstd-sys 2", "arrow-ipc 60", "aya 0"] {
            assert!(list.contains(&format!("  {name}")), "`{name}` is not in: {list}");
        }
        for name in ["proptest", "insta", "dmlog-common", "syn"] {
            assert!(!list.contains(&format!("  {name} ")), "`{name}` is in: {list}");
        }
        assert!(list.lines().all(|line| !line.ends_with(": ")), "a crate names no licence: {list}");
        assert!(texts.contains("Redistributions in binary form must reproduce"), "the licence of zstd is not there");
    }
}
