//! The terminal is given back, however the program ends, and while it is stopped.

use dmlog_user::tui::terminal::Guard;
use ratatui::widgets::Paragraph;

use crate::terminal::Terminal;

/// Set where this program runs itself in a terminal, to panic there.
const PANIC: &str = "DMLOG_TEST_PANIC";

/// What a terminal is like in which a shell can be used.
fn assert_usable(terminal: &mut Terminal) {
    assert!(!terminal.is_taken(), "the screen of the shell is back");
    let written = terminal.written().to_owned();
    let modes = written.rsplit("EXIT=").next().unwrap();
    for mode in ["icanon", "echo", "isig"] {
        assert!(modes.split_whitespace().any(|word| word == mode), "`{mode}` is set:\n{modes}");
    }
    for (on, off) in
        [("\u{1b}[?25l", "\u{1b}[?25h"), ("\u{1b}[?1000h", "\u{1b}[?1000l"), ("\u{1b}[?2004h", "\u{1b}[?2004l")]
    {
        assert!(written.rfind(on) < written.rfind(off), "{} comes after {}", off.escape_debug(), on.escape_debug());
    }
}

#[test]
fn after_q() {
    let mut terminal = Terminal::replay("disk-6.12.dmlog", "", (80, 24));
    terminal.wait_for("at the end");
    assert!(terminal.is_taken());
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
    assert_usable(&mut terminal);
}

#[test]
fn after_sigterm_and_sighup() {
    for signal in ["TERM", "HUP", "INT"] {
        let mut terminal = Terminal::replay("disk-6.12.dmlog", "", (80, 24));
        terminal.wait_for("at the end");
        terminal.signal(signal);
        assert_eq!(terminal.exit(), Some(0), "SIG{signal}");
        assert_usable(&mut terminal);
    }
}

#[test]
fn while_it_is_stopped() {
    let mut terminal = Terminal::replay("disk-6.12.dmlog", "", (80, 24));
    terminal.wait_for("at the end");
    terminal.signal("TSTP");
    terminal.wait_until("the screen of the shell", |terminal| !terminal.is_taken());
    terminal.wait_until_stopped();
    terminal.signal("CONT");
    terminal.wait_until("the screen of the program", Terminal::is_taken);
    terminal.wait_for("at the end");
    terminal.press("3");
    terminal.wait_for("Slowest flushes");
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
    assert_usable(&mut terminal);
}

#[test]
fn after_a_panic_while_it_draws() {
    if std::env::var_os(PANIC).is_some() {
        let mut guard = Guard::enter(true).unwrap();
        guard.terminal.draw(|frame| frame.render_widget(Paragraph::new("drawn"), frame.area())).unwrap();
        guard.terminal.draw(|_frame| panic!("a view that divides by zero")).unwrap();
    }
    let itself = std::env::current_exe().unwrap();
    let test = "restore::after_a_panic_while_it_draws";
    let script =
        format!("{PANIC}=1 RUST_BACKTRACE=0 {} --exact {test} --nocapture; echo EXIT=$?; stty -a", itself.display());
    let mut terminal = Terminal::shell(&script, "xterm-256color", (80, 24));
    assert_eq!(terminal.exit(), Some(101));
    assert!(terminal.written().contains("drawn"), "it had the screen:\n{}", terminal.written());
    assert_usable(&mut terminal);
    let (_, after) = terminal.written().split_once("a view that divides by zero").unwrap();
    assert!(!after.contains("\u{1b}[?1049"), "nothing goes over what it told: {}", after.escape_debug());
}
