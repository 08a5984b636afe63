//! The built program in a terminal of its own: keys in, the screen read back, and the terminal whole afterwards.
//!
//! [`terminal`] is a pseudo-terminal with a screen behind it that understands what is written to it. Screens are printed, so
//! that a failure shows what was there. Nothing here sleeps: a test waits for what it looks for, up to a deadline.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]
#![expect(clippy::print_stdout, reason = "screens are kept in the output of the test")]

mod odd;
mod restore;
mod terminal;

use terminal::Terminal;

#[test]
fn the_answers_are_on_the_screen_within_a_few_keys() {
    let mut terminal = Terminal::replay("disk-6.12.dmlog", "", (120, 40));
    terminal.wait_for("at the end 2.118733 s, 1,278 events");
    terminal.expect(&["counts-disk", "disk on 1:2", "hottest region", "counts::disk_cr (pid 166)", "worker 80 %"]);
    terminal.press("2");
    terminal.wait_for("marks 32 regions of 512 KiB");
    terminal.wait_for("region 3  sectors 3072 to 4095");
    terminal.press("l");
    terminal.wait_for("region 4  sectors 4096 to 5119");
    terminal.press("3");
    terminal.wait_for("Slowest flushes");
    terminal.expect(&["4.09 ms  dirtied"]);
    terminal.press("\r");
    terminal.wait_for("times the median of");
    terminal.escape("times the median");
    terminal.press("4");
    terminal.wait_for("waiting for the worker   80 %");
    terminal.press("8");
    terminal.wait_for("ADVICE");
    terminal.press("5t400ms\r");
    terminal.wait_for("paused 0.400000 s of 2.118733 s");
    terminal.expect(&["time left", "Recovery of counts-disk"]);
    terminal.press("?");
    terminal.wait_for("what it does here");
    terminal.escape("what it does here");
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
}

#[test]
fn time_passes_while_it_plays() {
    let mut terminal = Terminal::replay("core-7.3.dmlog", "", (80, 24));
    terminal.wait_for("at the end");
    terminal.press("<<<< ");
    terminal.wait_for("playing ×1/100");
    terminal.press(" ");
    terminal.wait_for("paused");
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
}
