//! Every rule fails on a tree that breaks it, and the repository itself breaks none.

use super::documents::schema_line;
use super::{RULES, RepoFile, Rule, check, documents, layers, source};
use crate::paths::repo_root;
use crate::scratch::Scratch;

fn file(path: &str, text: &str) -> RepoFile {
    RepoFile { path: path.to_owned(), size_bytes: text.len() as u64, text: Some(text.to_owned()) }
}

/// The rule finds something in the tree, and what it finds names the file.
fn check_rule(rule: Rule, files: &[RepoFile], expected: &str) {
    let findings = rule(files);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].contains(expected), "{findings:?} should contain `{expected}`");
}

#[test]
fn the_repository_is_tidy() {
    let findings = check(&repo_root()).unwrap();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn a_clean_tree_has_no_findings() {
    let files = [
        file("dmlog-user/src/event/mod.rs", "//! Events.\nuse dmlog_common::wire;\n"),
        file("dmlog-user/src/trace/mod.rs", "// SPDX-License-Identifier: MIT\n//! Traces.\nuse crate::event::Item;\n"),
        file("dmlog-user/Cargo.toml", "[dependencies]\nserde = \"1\"\n"),
        file("dmlog-user/DESIGN.md", "- `serde`: reads settings\n"),
    ];
    let findings: Vec<String> = RULES.iter().flat_map(|rule| rule(&files)).collect();
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn a_module_without_docs_is_found() {
    let files = [file("a/src/x.rs", "use std::fs;\n//! Too late.\n"), file("a/x.md", "text\n")];
    check_rule(source::module_docs, &files, "a/src/x.rs");
}

#[test]
fn a_file_of_701_lines_is_found_and_its_tests_do_not_count() {
    let long = "//! X.\n".repeat(701);
    let files = [file("a/src/x.rs", &long), file("a/src/x/tests.rs", &long)];
    check_rule(source::file_sizes, &files, "a/src/x.rs: 701 lines");
    assert!(source::file_sizes(&[file("a/src/x.rs", &"\n".repeat(700))]).is_empty());
}

#[test]
fn a_bare_matches_is_found_over_several_lines_and_a_tail_expression_is_not() {
    let text = "fn a() {\n    matches!(\n        x(1),\n        Ok(2)\n    );\n}\nfn b() -> bool {\n    matches!(x, Ok(_))\n}\n";
    check_rule(source::bare_matches, &[file("a.rs", text)], "a.rs:2");
}

#[test]
fn a_machine_path_is_found() {
    let line = format!("see {}notes\n", concat!("/ro", "ot/"));
    check_rule(source::machine_paths, &[file("README.md", &line)], "README.md:1");
}

#[test]
fn a_large_file_is_found_outside_the_fixtures() {
    let large = |path: &str| RepoFile { path: path.to_owned(), size_bytes: 256 * 1024 + 1, text: None };
    check_rule(source::large_files, &[large("tests/traces/data/v1/a.dmlog"), large("docs/a.png")], "docs/a.png");
}

#[test]
fn an_import_against_the_arrow_is_found() {
    for (folder, import) in [
        ("event", "log"),
        ("log", "trace"),
        ("trace", "log"),
        ("gate", "tui"),
        ("export", "gate"),
        ("tui", "capture"),
        ("record", "cli"),
    ] {
        let path = format!("dmlog-user/src/{folder}/mod.rs");
        let files = [file(&path, &format!("//! X.\nuse crate::{{{folder}::A, {import}::B}};\n"))];
        check_rule(layers::imports, &files, &format!("`{folder}` may not import `{import}`"));
    }
    check_rule(layers::imports, &[file("dmlog-user/src/utils.rs", "//! X.\n")], "`utils` has no layer");
    assert!(layers::imports(&[file("dmlog-user/src/lib.rs", "//! X.\nuse crate::cli::run;\n")]).is_empty());
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let files = [
        file("dmlog-user/Cargo.toml", "[dependencies]\nserde = \"1\"\nclap.workspace = true\n"),
        file("dmlog-user/DESIGN.md", "`serde` reads settings\n"),
    ];
    check_rule(documents::dependencies_are_explained, &files, "`clap`");
}

#[test]
fn a_lock_file_with_another_registry_is_found() {
    let lock = "[[package]]\nsource = \"registry+https://mirror.invalid/index\"\n";
    check_rule(documents::lock_names_the_public_registry, &[file("Cargo.lock", lock)], "Cargo.lock:2");
}

#[test]
fn a_schema_that_changed_without_its_description_is_found() {
    let line = schema_line("const A: u8 = 1;\n").unwrap();
    let description = file("dmlog-user/src/trace/FORMAT.md", &format!("# Format\n{line}\n"));
    let same = file("dmlog-user/src/trace/schema.rs", "const A: u8 = 1;\n");
    let changed = file("dmlog-user/src/trace/schema.rs", "const A: u8 = 2;\n");
    assert!(documents::format_follows_schema(&[same.clone(), description.clone()]).is_empty());
    check_rule(documents::format_follows_schema, &[changed, description], "cargo xtask bless");
    check_rule(documents::format_follows_schema, &[same], "FORMAT.md");
}

#[test]
fn a_tree_on_disk_is_read_without_build_output() {
    let scratch = Scratch::new("tidy");
    scratch.write("a/src/x.rs", "fn x() {}\n");
    scratch.write("target/debug/y.rs", "fn y() {}\n");
    let findings = check(scratch.path()).unwrap();
    assert_eq!(findings, ["a/src/x.rs: does not begin with `//!` and what the module is"]);
}
