//! Rules that tie two files to each other: manifest and reasons, schema and its description.

use crate::setup::store::sha256_of;
use crate::tidy::RepoFile;

/// The code that fixes what is in a trace file.
pub(crate) const SCHEMA: &str = "dmlog-user/src/trace/schema.rs";
/// The text that tells people what is in a trace file.
pub(crate) const FORMAT: &str = "dmlog-user/src/trace/FORMAT.md";
/// The manifest whose dependencies need reasons.
const MANIFEST: &str = "dmlog-user/Cargo.toml";
/// Where the reasons are.
const DESIGN: &str = "dmlog-user/DESIGN.md";
/// Our own crates need none.
const OWN_CRATES: [&str; 2] = ["dmlog-common", "bpf-toolchain"];
/// The lock file, and the only source that a dependency may come from.
const LOCK: &str = "Cargo.lock";
const PUBLIC_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// The line that carries the hash of the schema's code.
const MARK_START: &str = "<!-- schema: ";
const MARK_END: &str = " -->";

fn text<'a>(files: &'a [RepoFile], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path)?.text.as_deref()
}

/// A dependency without a line that says why it is there.
pub(super) fn dependencies_are_explained(files: &[RepoFile]) -> Vec<String> {
    let Some(manifest) = text(files, MANIFEST) else { return Vec::new() };
    let design = text(files, DESIGN).unwrap_or_default();
    let explained = |name: &str| design.contains(&format!("`{name}`"));
    let unexplained = dependencies(manifest).into_iter().filter(|name| !explained(name));
    unexplained.map(|name| format!("{DESIGN}: no line says why `{name}` is a dependency")).collect()
}

/// The names in every table of dependencies of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies");
            // `[dependencies.name]` is the other way to write an entry.
            if let Some((_, name)) = table.split_once("dependencies.") {
                names.push(name.to_owned());
            }
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            names.push(name.trim_matches('"').to_owned());
        }
    }
    names.sort();
    names.dedup();
    names.retain(|name| !OWN_CRATES.contains(&name.as_str()));
    names
}

/// A dependency that a stranger's Cargo cannot fetch.
pub(super) fn lock_names_the_public_registry(files: &[RepoFile]) -> Vec<String> {
    let lock = text(files, LOCK).unwrap_or_default().lines().enumerate();
    let foreign = lock.filter_map(|(index, line)| {
        let source = line.strip_prefix("source = \"")?.trim_end_matches('"');
        (source != PUBLIC_REGISTRY).then(|| format!("{LOCK}:{}: a source other than crates.io", index + 1))
    });
    foreign.collect()
}

/// The description of the trace format was not looked at after its code changed.
pub(super) fn format_follows_schema(files: &[RepoFile]) -> Vec<String> {
    let Some(schema) = text(files, SCHEMA) else { return Vec::new() };
    let described = text(files, FORMAT).and_then(|format| format.lines().find(|line| line.starts_with(MARK_START)));
    match (described, schema_line(schema)) {
        (_, None) => vec!["sha256sum does not run, so the trace format was not checked".to_owned()],
        (Some(line), Some(expected)) if line == expected => Vec::new(),
        _ => vec![format!("{FORMAT}: {SCHEMA} has changed; describe the change, then run `cargo xtask bless`")],
    }
}

/// The line that belongs to this text of the schema's code.
pub(crate) fn schema_line(schema: &str) -> Option<String> {
    Some(format!("{MARK_START}{}{MARK_END}", sha256_of(schema).ok()?))
}

/// The description with its line replaced, or with the line at its end if it had none.
pub(crate) fn with_schema_line(format: &str, line: &str) -> String {
    let is_mark = |old: &&str| old.starts_with(MARK_START);
    let mut lines: Vec<&str> = format.lines().map(|old| if is_mark(&old) { line } else { old }).collect();
    if !lines.contains(&line) {
        lines.extend(["", line]);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{dependencies, with_schema_line};

    #[test]
    fn dependencies_are_read_from_every_table() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\n# c = 1\n\
                        aya = { workspace = true, optional = true }\ndmlog-common.workspace = true\n\
                        [target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n[dev-dependencies.proptest]\nversion = \"1\"\n\
                        [lints]\nworkspace = true\n";
        assert_eq!(dependencies(manifest), ["aya", "libc", "proptest", "serde"]);
    }

    #[test]
    fn the_schema_line_is_replaced_or_added() {
        assert_eq!(with_schema_line("a\n<!-- schema: 1 -->\nb\n", "<!-- schema: 2 -->"), "a\n<!-- schema: 2 -->\nb\n");
        assert_eq!(with_schema_line("a\n", "<!-- schema: 2 -->"), "a\n\n<!-- schema: 2 -->\n");
    }
}
