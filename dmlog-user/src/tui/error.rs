//! Why there is no screen.

use std::io;

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Standard output goes to a file or a pipe.
    #[error("standard output is not a terminal; print lines instead with `--plain`")]
    NotATerminal,
    /// The terminal cannot place text.
    #[error("a terminal of type `{term}` cannot show a screen; print lines instead with `--plain`, or set TERM")]
    DumbTerminal {
        /// What `TERM` says.
        term: String,
    },
    /// Keys cannot be read.
    #[error("the terminal cannot be used ({source}); print lines instead with `--plain`")]
    Terminal {
        /// What the system said.
        source: io::Error,
    },
    /// The terminal went away.
    #[error("the terminal went away: {source}")]
    Lost {
        /// What the system said.
        source: io::Error,
    },
}
