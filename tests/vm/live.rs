//! `dmlog-top` on the running kernel, in a terminal: what was done to the mirrors is read off the screen.
//!
//! Three things are known beforehand: which region is hot, which log device is slow, and which mirror is being recovered.

use std::process::{Child, Command, Stdio};

use dmlog_user::event::op::{LogOp, Op};

use crate::support::mirrors::{LogKind, MIRROR_SECTORS, Mirror, Other};
use crate::support::recorder::{Trace, dmlog_top, program};
use crate::support::{kernel_complaints, wait_for};
use crate::terminal::Terminal;

/// The region that is written again and again.
const HOT_REGION: u64 = 7;

/// How long a write to the slow log device takes at least, in milliseconds.
const LOG_DELAY_MS: u64 = 12;

/// The terminal's size.
const SIZE: (u16, u16) = (120, 40);

/// A load that ends with the test.
struct Load(Child);

impl Load {
    /// Most writes into one region, the others anywhere, with time between them for the region to become clean.
    fn start(path: &str) -> Self {
        let fio = std::env::var("DMLOG_FIO").unwrap_or_else(|_| "/usr/bin/fio".to_owned());
        let common = "--direct=1 --ioengine=psync --bs=4k --rw=randwrite --time_based --runtime=600 --norandommap";
        let hot = format!("--name=hot --offset={}k --size=512k --thinktime=25000", HOT_REGION * 512);
        let cold = "--name=cold --size=16m --thinktime=300000";
        let mut command = Command::new(fio);
        for job in [hot.as_str(), cold] {
            command.args(job.split_ascii_whitespace().take(1));
            command.arg(format!("--filename={path}")).args(common.split_ascii_whitespace());
            command.args(job.split_ascii_whitespace().skip(1));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("fio does not run: {error}")))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // SIGTERM would be nicer, but its jobs end with it in any case once the mirror is removed.
        let _ = Command::new("/bin/sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// Mirrors: `hot` whose log device is slow, and `slow` whose recovery takes some minutes.
fn stage() -> (Mirror, Vec<Other>) {
    let sectors = 131_072;
    let log = Other::create("slowlog", &format!("0 2048 delay /dev/ram2 0 0 /dev/ram2 0 {LOG_DELAY_MS}"));
    let leg = Other::create("slowleg", &format!("0 {sectors} delay /dev/ram3 0 100"));
    let hot = Mirror::create_with_log("hot", LogKind::Disk, 0, MIRROR_SECTORS, "/dev/mapper/slowlog");
    hot.wait_in_sync();
    let table = format!("0 {sectors} mirror core 1 64 2 /dev/mapper/slowleg 0 /dev/ram4 0 1 handle_errors");
    let slow = Other::create("slow", &table);
    // Those above first.
    (hot, vec![slow, leg, log])
}

/// The first number with `unit` behind `label`.
fn number(text: &str, label: &str, unit: &str) -> Option<f64> {
    let rest = &text[text.find(label)? + label.len()..];
    let words: Vec<&str> = rest.split_whitespace().collect();
    words.windows(2).find(|pair| pair[1] == unit).and_then(|pair| pair[0].parse().ok())
}

/// The first row of a list with this title, beside something else or not.
fn list_row(text: &str, title: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let (line, column) =
        lines.iter().enumerate().find_map(|(line, text)| Some((line, text[..text.find(title)?].chars().count())))?;
    let row: String = lines.get(line + 2)?.chars().skip(column).collect();
    Some(row.trim_start().to_owned())
}

#[test]
fn the_answers_are_on_the_screen_of_the_running_kernel() {
    let (hot, others) = stage();
    let load = Load::start("/dev/mapper/hot");
    let dir = std::env::temp_dir().join("live");
    std::fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("`{}`: {error}", dir.display()));
    let script = format!("cd {} && {}; echo EXIT=$?", dir.display(), program().display());
    let mut terminal = Terminal::shell(&script, "xterm-256color", SIZE);

    // Mirrors: both are there, and the one that is written comes first.
    terminal.wait_until("both mirrors, and marks", |terminal| {
        let text = terminal.text();
        let hot = text.lines().position(|line| line.starts_with("hot ") && !line.ends_with(" -"));
        let slow = text.lines().position(|line| line.starts_with("slow "));
        text.contains(" live ") && hot.zip(slow).is_some_and(|(hot, slow)| hot < slow)
    });
    terminal.show();

    // The hot region, of the mirror that is chosen by Enter.
    terminal.press("\r");
    terminal.wait_until("the hot region at the head of its list", |terminal| {
        list_row(&terminal.text(), "Most marked").is_some_and(|row| row.starts_with(&format!("{HOT_REGION} ")))
    });
    terminal.show();

    // The slow flush: at least as slow as its device; and who waited.
    terminal.press("3");
    terminal.wait_until("a slow dirtied flush", |terminal| {
        let text = terminal.text();
        let slowest = text.find("Slowest flushes").map_or("", |at| &text[at..]);
        let mut rows = slowest.lines().filter(|line| line.contains("dirtied"));
        rows.any(|row| number(row, "", "ms").is_some_and(|took| took >= LOG_DELAY_MS as f64))
    });
    terminal.show();
    terminal.press("\r");
    terminal.wait_for("times the median");
    terminal.show();
    terminal.escape("times the median");

    // The process that writes.
    terminal.press("4");
    terminal.wait_until("the process that writes", |terminal| terminal.text().contains("fio"));
    terminal.show();

    // The recovery that runs.
    terminal.press("5");
    terminal.wait_until("a recovery that runs", |terminal| {
        let text = terminal.text();
        let slow = text.lines().find(|line| line.starts_with("slow ")).unwrap_or_default();
        slow.contains(" %") && !slow.contains("in sync") && slow.contains("iB/s")
    });
    terminal.show();

    // Time: still, back, and live again. The capture goes on meanwhile.
    terminal.press("7 ");
    terminal.wait_for("paused");
    terminal.press("[");
    terminal.wait_until("a moment of the past", |terminal| {
        terminal.text().contains("paused") && terminal.text().contains(" of ")
    });
    terminal.show();

    // A recording from the moment on the screen, and its end.
    terminal.press("r");
    terminal.wait_for(" REC ");
    terminal.press("\u{1b}[F");
    terminal.wait_for(" live ");
    terminal.press("r");
    terminal.wait_for("wrote ");
    terminal.press("q");
    assert_eq!(terminal.exit(), Some(0));
    assert!(!terminal.is_taken(), "the terminal was given back");

    let files: Vec<_> = std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let path = files[0].display().to_string();
    let (code, said, complaint) = dmlog_top(&["verify", &path]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let trace = Trace::read(&files[0]);
    let marks = trace
        .events()
        .filter(|event| matches!(event.op, Op::Log(_, LogOp::MarkRegion { region }) if region.0 == HOT_REGION));
    assert!(marks.count() > 0, "the recording has what went on");
    std::fs::remove_dir_all(&dir).unwrap_or_else(|error| panic!("`{}`: {error}", dir.display()));
    drop((load, hot, others));
    assert_eq!(kernel_complaints(), Vec::<String>::new());
}

#[test]
fn lines_at_an_interval_end_by_number_and_by_signal() {
    let mirror = Mirror::create("plain", LogKind::Core, 1);
    mirror.wait_in_sync();
    let (code, said, complaint) = dmlog_top(&["--plain", "-n", "2", "--interval", "200ms", "-d", "plain"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(said.lines().filter(|line| line.starts_with("plain ")).count(), 2, "{said}");

    let mut child = Command::new(program())
        .args(["live", "--plain", "--interval", "100ms", "--record", "/tmp/plain.dmlog"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("dmlog-top does not run: {error}"));
    wait_for("a file that grows", || {
        std::fs::metadata("/tmp/plain.dmlog").is_ok_and(|file| file.len() > 0).then_some(())
    });
    let asked = Command::new("/bin/sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(asked.is_ok_and(|status| status.success()));
    let status = child.wait();
    assert_eq!(status.ok().and_then(|status| status.code()), Some(0));
    let (code, said, complaint) = dmlog_top(&["verify", "/tmp/plain.dmlog"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(said.contains("clean: ended by its recorder"), "{said}");
}
