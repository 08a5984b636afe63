//! How far long work is, on stderr: a bar on a terminal, a line for each tenth elsewhere, nothing for small files.

use std::io::{self, IsTerminal, Write};

/// Smaller files are done before anybody looks.
const SIZE_MIN_BYTES: u64 = 32 << 20;
const BAR_CELLS: u64 = 40;

/// Progress through a file.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total_bytes: u64,
    is_terminal: bool,
    /// Percent that were shown last.
    shown: Option<u64>,
}

impl Progress {
    /// Of a file of this size; of 0 if that is not known.
    pub fn new(what: String, total_bytes: u64) -> Self {
        Self { what, total_bytes, is_terminal: io::stderr().is_terminal(), shown: None }
    }

    /// So far.
    pub fn at(&mut self, bytes: u64) {
        if self.total_bytes < SIZE_MIN_BYTES {
            return;
        }
        let step = if self.is_terminal { 1 } else { 10 };
        let percent = bytes.saturating_mul(100) / self.total_bytes;
        let percent = percent.min(100) / step * step;
        if self.shown.replace(percent) == Some(percent) {
            return;
        }
        let text = line(&self.what, percent, self.is_terminal);
        // Work goes on without anybody who reads this.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal && self.shown.is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

fn line(what: &str, percent: u64, is_terminal: bool) -> String {
    if !is_terminal {
        return format!("{what}: {percent} %\n");
    }
    let full = percent * BAR_CELLS / 100;
    let cell = |place| if place < full { '#' } else { '.' };
    let bar: String = (0..BAR_CELLS).map(cell).collect();
    format!("\r{what} [{bar}] {percent:>3} %\x1b[K")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_bar_on_a_terminal_and_lines_elsewhere() {
        assert_eq!(line("x", 50, true), format!("\rx [{}{}]  50 %\x1b[K", "#".repeat(20), ".".repeat(20)));
        assert_eq!(line("x", 100, true), format!("\rx [{}] 100 %\x1b[K", "#".repeat(40)));
        assert_eq!(line("x", 10, false), "x: 10 %\n");
    }
}
