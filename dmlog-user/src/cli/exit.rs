//! Exit codes, in one table.

use std::process::ExitCode;

/// How the program ended. The numbers are part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or the gate passed.
    Done,
    /// 1: the gate failed, or `verify` found a divergence.
    Failed,
    /// 2: usage or settings.
    Usage,
    /// 3: the gate is inconclusive.
    Inconclusive,
    /// 4: the capture could not start.
    CaptureFailed,
    /// 5: I/O error or corrupt trace.
    Io,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::CaptureFailed => 4,
            Self::Io => 5,
        }
    }

    /// What it means, as manual pages and the README say it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; `gate`: passed",
            Self::Failed => {
                "a check failed: `gate` found a regression, or `verify` that the kernel and the model of the log differ"
            }
            Self::Usage => "usage or settings",
            Self::Inconclusive => "inconclusive: `gate` cannot tell, and says why",
            Self::CaptureFailed => "the capture could not start",
            Self::Io => "I/O error or corrupt trace",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that ends the program: the code and one sentence for stderr.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub exit: Exit,
    /// What went wrong, where, and the next step.
    pub error: anyhow::Error,
}

impl Failure {
    /// An error with its exit code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_table_in_the_readme_is_this_one() {
        let readme = include_str!("../../../README.md");
        for exit in [Exit::Done, Exit::Failed, Exit::Usage, Exit::Inconclusive, Exit::CaptureFailed, Exit::Io] {
            let row = format!("\n| {} | {} |\n", exit.code(), exit.meaning());
            assert!(readme.contains(&row), "{row}");
        }
    }
}
