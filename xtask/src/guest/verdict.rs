//! Stage five of a guest: how it ended, read from its two consoles.

use std::fmt;

/// The line by which a guest tells the exit code of its script.
const VERDICT_PREFIX: &str = "dmlog-guest: exit ";
/// Messages after which a kernel cannot be trusted to go on.
const HANG_MARKERS: [&str; 5] = ["Kernel panic", "BUG:", "soft lockup", "hard LOCKUP", "general protection fault"];

/// How a guest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The script ended with this code.
    Exited(i32),
    /// The kernel reported a fault; the message.
    KernelFault(String),
    /// No output for this many seconds.
    Silent(u64),
    /// Still running after this many seconds.
    TimedOut(u64),
    /// QEMU ended without a verdict of the script.
    Vanished,
    /// A shell was used and left.
    Left,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "ended its script with exit code {code}"),
            Self::KernelFault(message) => write!(f, "hit a kernel fault (`{message}`)"),
            Self::Silent(seconds) => write!(f, "hung: no output for {seconds} s"),
            Self::TimedOut(seconds) => write!(f, "was still running after {seconds} s"),
            Self::Vanished => write!(f, "ended without a verdict"),
            Self::Left => write!(f, "was left"),
        }
    }
}

/// The verdict in a line of the script's console.
pub(crate) fn in_script_line(line: &str) -> Option<Verdict> {
    line.strip_prefix(VERDICT_PREFIX)?.trim().parse().ok().map(Verdict::Exited)
}

/// The verdict in a line of the kernel's console.
pub(crate) fn in_kernel_line(line: &str) -> Option<Verdict> {
    let is_fault = HANG_MARKERS.iter().any(|marker| line.contains(marker));
    is_fault.then(|| Verdict::KernelFault(line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, in_kernel_line, in_script_line};

    #[test]
    fn the_verdict_line_carries_the_exit_code() {
        assert_eq!(in_script_line("dmlog-guest: exit 0"), Some(Verdict::Exited(0)));
        assert_eq!(in_script_line("dmlog-guest: exit 137\r"), Some(Verdict::Exited(137)));
        assert_eq!(in_script_line("a test printed dmlog-guest: exit 0"), None);
        assert_eq!(in_script_line("dmlog-guest: exit"), None);
    }

    #[test]
    fn faults_of_the_kernel_are_told_from_its_warnings() {
        let panic = "[    3.1] Kernel panic - not syncing: Attempted to kill init!";
        assert_eq!(in_kernel_line(panic), Some(Verdict::KernelFault(panic.to_owned())));
        assert!(in_kernel_line("[ 60.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!").is_some());
        assert_eq!(in_kernel_line("[    1.0] WARNING: CPU: 0 PID: 1 at mm/page_alloc.c"), None);
    }
}
