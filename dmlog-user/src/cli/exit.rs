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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::CaptureFailed => 4,
            Exit::Io => 5,
        })
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
