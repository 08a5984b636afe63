//! Odd terminals: a sentence or a correct screen.

use std::process::{Command, Stdio};

use crate::terminal::{Terminal, program, script, trace};

const NO_SCREEN: &str = "print lines instead with `--plain`";

#[test]
fn a_dumb_terminal_gets_a_sentence() {
    let mut terminal = Terminal::shell(&script("disk-6.12.dmlog", ""), "dumb", (200, 24));
    assert_eq!(terminal.exit(), Some(2));
    assert!(
        terminal.text().contains("a terminal of type `dumb` cannot show a screen")
            && terminal.text().contains(NO_SCREEN)
    );
}

#[test]
fn without_a_terminal_there_is_a_sentence_and_plain_works() {
    let mut command = Command::new(program());
    command.args(["replay", &trace("disk-6.12.dmlog")]).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(output.stderr).unwrap().contains(NO_SCREEN));
    let output = command.args(["--plain", "-n", "2", "--interval", "1s"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text.matches("counts-disk").count(), 2, "two times one row:\n{text}");
    assert!(!text.contains('\u{1b}'), "no escape codes:\n{text}");
    let output = command.args(["--choose", "nosuch"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("no mirror is called `nosuch`; there are: counts-disk"), "{complaint}");
}

#[test]
fn a_closed_stdin_leaves_the_keys_of_the_terminal() {
    let mut terminal = Terminal::replay("disk-6.12.dmlog", "<&-", (80, 24));
    terminal.wait_for("at the end");
    terminal.press("3");
    terminal.wait_for("Slowest flushes");
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
}

#[test]
fn one_character_is_too_small_and_q_ends_it() {
    let mut terminal = Terminal::replay("disk-6.12.dmlog", "", (1, 1));
    terminal.wait_until("the program", Terminal::is_taken);
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
}

#[test]
fn a_storm_of_sizes_and_a_paste_of_a_megabyte_leave_a_screen_that_answers() {
    let mut terminal = Terminal::replay("disk-6.12.dmlog", "", (80, 24));
    terminal.wait_for("at the end");
    for n in 0..200_u16 {
        terminal.resize((1 + n * 37 % 200, 1 + n * 53 % 70));
    }
    terminal.resize((100, 30));
    terminal.press("/\u{1b}[200~");
    // In pieces, for the program writes meanwhile and somebody must read.
    for _ in 0..1024 {
        terminal.press(&"x".repeat(1024));
    }
    terminal.press("\u{1b}[201~");
    terminal.wait_for("xxxx_");
    terminal.escape("xxxx_");
    terminal.press("3");
    terminal.wait_for("Slowest flushes");
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
}
