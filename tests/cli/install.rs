//! `completions` and `man`: what an installation puts in place beside the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{file, run};

/// The pages, by name; a new command brings one more.
const PAGES: [&str; 11] = [
    "dmlog-top-completions.1",
    "dmlog-top-export.1",
    "dmlog-top-gate.1",
    "dmlog-top-inspect.1",
    "dmlog-top-man.1",
    "dmlog-top-print.1",
    "dmlog-top-report.1",
    "dmlog-top-schema.1",
    "dmlog-top-verify.1",
    "dmlog-top-whatif.1",
    "dmlog-top.1",
];
/// Those of commands that only some builds have.
const TUI_PAGES: [&str; 1] = ["dmlog-top-replay.1"];
const LIVE_PAGES: [&str; 2] = ["dmlog-top-host.1", "dmlog-top-record.1"];
const LIVE_SCREEN_PAGES: [&str; 1] = ["dmlog-top-live.1"];

/// The pages that this build has to write.
fn expected() -> BTreeSet<String> {
    let mut names: Vec<&str> = PAGES.to_vec();
    if cfg!(feature = "tui") {
        names.extend(TUI_PAGES);
    }
    if cfg!(feature = "live") {
        names.extend(LIVE_PAGES);
    }
    if cfg!(feature = "serve") {
        names.push("dmlog-top-serve.1");
    }
    if cfg!(all(feature = "live", feature = "tui")) {
        names.extend(LIVE_SCREEN_PAGES);
    }
    names.into_iter().map(str::to_owned).collect()
}

/// Writes all pages into a folder of the test; names and texts.
fn pages(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&folder);
    let run = run(["man".as_ref(), folder.as_os_str()]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""));
    let mut pages: Vec<(String, String)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    pages.sort();
    pages
}

/// The commands that `--help` lists.
fn commands() -> BTreeSet<String> {
    let help = run(["--help"]).stdout;
    let (_, after) = help.split_once("Commands:\n").unwrap();
    let list = after.split("\n\n").next().unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// True when the shell is on this machine.
fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn every_command_of_the_help_has_a_page_and_no_other_has() {
    let names: BTreeSet<String> = pages("man-names").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected());
    let by_help = commands().into_iter().map(|name| format!("dmlog-top-{name}.1"));
    let by_help: BTreeSet<String> = by_help.chain(["dmlog-top.1".to_owned()]).collect();
    assert_eq!(names, by_help);
}

#[test]
fn without_a_folder_the_main_page_goes_to_stdout_and_is_always_the_same() {
    let pages = pages("man-main");
    let (_, main) = pages.iter().find(|(name, _)| name == "dmlog-top.1").unwrap();
    let run = run(["man"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.stdout, *main);
    for (name, _) in &pages {
        let reference = name.trim_end_matches(".1").replace('-', "\\-");
        assert!(main.contains(&format!("{reference}(1)")) || name == "dmlog-top.1", "{name} is not referred to");
    }
}

#[test]
fn every_option_of_the_help_is_in_its_page() {
    for (name, page) in pages("man-options") {
        let command = name.trim_end_matches(".1").trim_start_matches("dmlog-top").trim_start_matches('-');
        let help = run([command, "--help"].into_iter().filter(|word| !word.is_empty())).stdout;
        let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let options: BTreeSet<&str> =
            lines.filter_map(|line| line.split([' ', ',', '=']).find(|word| word.starts_with("--"))).collect();
        assert!(options.contains("--help"), "{help}");
        let (_, section) = page.split_once("\n.SH OPTIONS\n").unwrap();
        let section = section.split("\n.SH ").next().unwrap();
        for option in options {
            let is_described = section.contains(&format!("\\fB{}\\fR", option.replace('-', "\\-")));
            assert!(is_described, "`{option}` is not in {name}:\n{section}");
        }
    }
}

#[test]
fn the_pages_are_formatted_without_a_warning() {
    if !has("groff") {
        println!("SKIP install::the_pages_are_formatted_without_a_warning: `groff` is not installed");
        return;
    }
    for (name, page) in pages("man-groff") {
        let path = file(&name, page.as_bytes());
        let output = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(&path).output().unwrap();
        let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && warnings.is_empty(), "{name}: {warnings}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.contains('`'), "{name} has a backtick that nobody typeset:\n{text}");
    }
}

#[test]
fn every_shell_takes_its_completions_and_they_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let run = run(["completions", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in commands() {
            assert!(run.stdout.contains(&command), "{shell} does not know `{command}`");
        }
        if has(shell) {
            let script = file(&format!("completions.{shell}"), run.stdout.as_bytes());
            let output = Command::new(shell).arg("-n").arg(script).output().unwrap();
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    if !has("bash") {
        println!("SKIP install::bash_completes_commands_options_and_values: `bash` is not installed");
        return;
    }
    let script = file("complete.bash", run(["completions", "bash"]).stdout.as_bytes());
    let complete = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        // As bash itself does it: the function that is registered for the program, with the words in variables.
        let text = format!(
            "source '{}'; set -- $(complete -p dmlog-top); while [ \"$1\" != -F ]; do shift; done; \
             COMP_WORDS=({}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); \
             $2 dmlog-top \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            words.join(" ")
        );
        let output = Command::new("bash").args(["-c", &text]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["dmlog-top", "ins"]), ["inspect"]);
    assert_eq!(complete(&["dmlog-top", "report", "--form"]), ["--format"]);
    assert_eq!(complete(&["dmlog-top", "export", "--to", "js"]), ["jsonl"]);
    assert_eq!(complete(&["dmlog-top", "completions", "f"]), ["fish"]);
}

#[test]
fn an_unknown_shell_and_a_folder_that_cannot_be_made_are_refused() {
    assert_eq!(run(["completions", "tcsh"]).code, Some(2));
    let taken = file("man-taken", b"");
    let run = run(["man".as_ref(), taken.as_os_str()]);
    assert_eq!(run.code, Some(5));
    assert!(run.stderr.contains("cannot write the manual pages into `"), "{}", run.stderr);
}
