//! The layers of `dmlog-user`: which folder may import which, read from every `crate::` path in the code.
//!
//! ```text
//! L0  event                      nothing of ours
//! L1  log, trace                 event; they do not know each other
//! L2  session, analysis          event, log, trace, each other
//! L3  export, gate, tui          everything below; not each other, but that gate and tui spell numbers and tables as export does
//! E   capture, record, daemon    event, trace; record also capture, daemon also log
//!     cli                        everything; nothing imports it
//! ```

use crate::tidy::RepoFile;

/// The crate that has layers.
const SOURCE: &str = "dmlog-user/src/";
/// Files at the top that join the layers.
const JOINTS: [&str; 3] = ["lib", "main", "bin"];
/// Folder, and what it may import besides itself.
const LAYERS: [(&str, &[&str]); 12] = [
    ("event", &[]),
    ("log", &["event"]),
    ("trace", &["event"]),
    ("session", &["event", "log", "trace", "analysis"]),
    ("analysis", &["event", "log", "trace", "session"]),
    ("export", &["event", "log", "trace", "session", "analysis"]),
    ("gate", &["event", "log", "trace", "session", "analysis", "export"]),
    ("tui", &["event", "log", "trace", "session", "analysis", "export"]),
    ("capture", &["event", "trace"]),
    ("record", &["event", "trace", "capture"]),
    ("daemon", &["event", "trace", "log"]),
    ("cli", &["event", "log", "trace", "session", "analysis", "export", "gate", "tui", "capture", "record", "daemon"]),
];

/// An import against the arrow, or a folder that has no layer yet.
pub(super) fn imports(files: &[RepoFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let (Some(inside), Some(text)) = (file.path.strip_prefix(SOURCE), file.rust()) else { continue };
        let folder = inside.split(['/', '.']).next().unwrap_or_default();
        if JOINTS.contains(&folder) {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == folder) else {
            findings.push(format!("{}: `{folder}` has no layer; give it one in xtask/src/tidy/layers.rs", file.path));
            continue;
        };
        for (line, module) in imported(text) {
            let is_layer = LAYERS.iter().any(|(name, _)| *name == module);
            if is_layer && module != folder && !allowed.contains(&module.as_str()) {
                findings.push(format!("{}:{line}: `{folder}` may not import `{module}`", file.path));
            }
        }
    }
    findings
}

/// Line and first segment of every path that begins with `crate::`; comments do not count.
fn imported(text: &str) -> Vec<(usize, String)> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group).into_iter().map(|head| (line, head))),
            None => found.push((line, head(rest))),
        }
    }
    found
}

/// The leading identifier.
fn head(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// The first segment of every path in `a::{x, y}, b::z}`, read up to the brace that closes the group.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut at_start = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if c.is_whitespace() => {}
            _ if at_start => {
                heads.push(head(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::imported;

    #[test]
    fn every_form_of_import_is_seen() {
        let text = "//! crate::cli in a comment\nuse crate::event::Item;\nuse crate::{\n    log::{Core, Disk},\n    trace,\n};\n\
                    fn f() -> crate::gate::Rule { } // crate::tui\n";
        let expected = [(2, "event"), (3, "log"), (3, "trace"), (7, "gate")];
        assert_eq!(imported(text), expected.map(|(line, name)| (line, name.to_owned())));
    }
}
