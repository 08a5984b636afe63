//! A pseudo-terminal, a shell in it that runs the program, and what is on its screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Far longer than anything takes, on a machine that has much else to do.
const DEADLINE: Duration = Duration::from_mins(2);

pub(crate) struct Terminal {
    screen: vt100::Parser,
    output: Receiver<Vec<u8>>,
    /// To a thread that writes: a program that does not read must not hold the test up.
    input: Sender<Vec<u8>>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// Everything that was written, for what is no longer on the screen.
    written: String,
}

/// The built program.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_dmlog-top")
}

/// A committed trace.
pub(crate) fn trace(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces/data/v1").join(name).display().to_string()
}

impl Terminal {
    /// Runs a script in a terminal of this size, with nothing of the user's own settings.
    pub(crate) fn shell(script: &str, term: &str, (cols, rows): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", script]);
        command.env("TERM", term);
        command.env("LC_ALL", "C.UTF-8");
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            // A terminal whose programs are gone ends with an error.
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut writer = pair.master.take_writer().unwrap();
        let (input, typed) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            typed.iter().try_for_each(|bytes| writer.write_all(&bytes).and_then(|()| writer.flush()))
        });
        let screen = vt100::Parser::new(lines(rows), lines(cols), 0);
        Self { screen, output, input, child, master: pair.master, written: String::new() }
    }

    /// Replays a committed trace; afterwards the shell tells how it ended and how the terminal is.
    pub(crate) fn replay(name: &str, flags: &str, size: (u16, u16)) -> Self {
        Self::shell(&script(name, flags), "xterm-256color", size)
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.input.send(keys.as_bytes().to_vec()).unwrap();
    }

    pub(crate) fn resize(&mut self, (cols, rows): (u16, u16)) {
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        self.screen.screen_mut().set_size(lines(rows), lines(cols));
    }

    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Whether a program has the screen for itself.
    pub(crate) fn is_taken(&self) -> bool {
        self.screen.screen().alternate_screen()
    }

    /// Everything that was ever written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("`{text}`"), |terminal| terminal.text().contains(text));
        self.show();
    }

    /// Keeps the screen in the output of the test.
    pub(crate) fn show(&self) {
        println!("{}\n{}", "─".repeat(40), self.text());
    }

    /// Presses `Esc` and waits until this text is gone: a key that came at once would be Alt and that key.
    pub(crate) fn escape(&mut self, text: &str) {
        self.press("\u{1b}");
        self.wait_until(&format!("the end of `{text}`"), |terminal| !terminal.text().contains(text));
    }

    pub(crate) fn expect(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.text().contains(text), "`{text}` is not there:\n{}", self.text());
        }
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !holds(self) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("{what} did not come; there is\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(holds(self), "the program ended without {what}; there is\n{}", self.text());
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.written.push_str(&String::from_utf8_lossy(bytes));
    }

    /// Waits for the shell's end; the exit code that it told of the program.
    pub(crate) fn exit(&mut self) -> Option<i32> {
        while let Ok(bytes) = self.output.recv_timeout(DEADLINE) {
            self.take(&bytes);
        }
        self.child.wait().unwrap();
        println!("{}\n{}", "─".repeat(40), self.text());
        let told = self.written.rsplit("EXIT=").next()?;
        told.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Sends a signal to the program, whose number the script told.
    pub(crate) fn signal(&mut self, signal: &str) {
        self.wait_until("the number of the program", |terminal| terminal.pid().is_some());
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("kill -{signal} {}", self.pid().unwrap())])
            .status()
            .unwrap();
        assert!(status.success(), "`kill -{signal}` works");
    }

    /// Waits until the kernel has stopped the program: it gives the screen back before, and a signal to go on that comes in
    /// between is lost.
    pub(crate) fn wait_until_stopped(&self) {
        let path = format!("/proc/{}/stat", self.pid().unwrap());
        let end = Instant::now() + DEADLINE;
        let is_stopped = || std::fs::read_to_string(&path).unwrap().rsplit_once(") ").unwrap().1.starts_with('T');
        while !is_stopped() {
            assert!(Instant::now() < end, "the program did not stop");
            std::thread::yield_now();
        }
    }

    fn pid(&self) -> Option<u32> {
        let (number, _) = self.written.split_once("PID=")?.1.split_once('.')?;
        number.parse().ok()
    }
}

/// Runs a replay and tells its number before, its exit code and the terminal's modes afterwards.
pub(crate) fn script(name: &str, flags: &str) -> String {
    let (program, trace) = (program(), trace(name));
    format!("sh -c 'echo PID=$$.; exec {program} replay {trace} {flags}'; echo EXIT=$?; stty -a")
}

fn lines(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}
