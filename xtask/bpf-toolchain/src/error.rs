//! What can go wrong, each with the next step.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// No usable BPF toolchain is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// One sentence for each part that was looked for and not taken.
    pub reasons: Vec<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reasons } = self;
        write!(
            f,
            "no BPF toolchain was found ({}); run `cargo xtask setup` to install it, or build the offline commands \
             without it: `--no-default-features`",
            reasons.join("; ")
        )
    }
}

impl Error for Missing {}

/// The BPF object was not built.
#[derive(Debug)]
pub enum BuildError {
    /// Cargo of the BPF toolchain did not start.
    Start {
        /// The program that was to run.
        cargo: PathBuf,
        /// Why it did not start.
        source: io::Error,
    },
    /// The build ran and failed; the compiler's own messages precede this error on stderr.
    Failed {
        /// The command line, for running it by hand.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The build claims success but the object is not where it should be.
    NoObject {
        /// The path that does not exist.
        path: PathBuf,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { cargo, source: _ } => {
                write!(f, "`{}` did not start; run `cargo xtask setup` to install it again", cargo.display())
            }
            Self::Failed { command, status } => {
                write!(f, "the BPF object was not built ({status}); the command was `{command}`")
            }
            Self::NoObject { path } => {
                write!(f, "the BPF build succeeded but left no object at `{}`", path.display())
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Start { source, .. } => Some(source),
            Self::Failed { .. } | Self::NoObject { .. } => None,
        }
    }
}
