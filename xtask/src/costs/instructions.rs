//! Counts the instructions of a program with valgrind's callgrind: exact, whatever else the machine does.
//!
//! Valgrind translates a program, counts each instruction that it executes, and shows it a processor of its own making, so that code
//! that chooses by features of the processor chooses alike on all machines with AVX2. The program gets an empty environment: strings of it move
//! the stack, and with it the paths that copies take.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// It belongs to Debian's package of the same name.
pub(crate) const VALGRIND: &str = "valgrind";
/// Its line with the sum: `==7== Collected : 123`.
const COLLECTED: &str = "Collected : ";

/// One counted run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Instructions in user space, of all threads, from the first one of the dynamic linker on.
    pub(crate) instructions: u64,
    /// What it printed.
    pub(crate) output: String,
}

/// Runs a program in a folder that it may write into, and counts.
pub(crate) fn count(program: &Path, args: &[&str], folder: &Path) -> Result<Counted> {
    let valgrind = process::find_program(VALGRIND)
        .with_context(|| format!("`{VALGRIND}` is not installed; run `cargo xtask setup`"))?;
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(args);
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    let text = process::shown(&command);
    eprintln!("$ {text}");
    let output = command.output().with_context(|| format!("`{text}` did not start"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{text}` failed ({}): {}", output.status, said.trim());
    }
    let instructions = collected(&said).with_context(|| format!("`{text}` counted nothing: {}", said.trim()))?;
    Ok(Counted { instructions, output: String::from_utf8_lossy(&output.stdout).into_owned() })
}

fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once(COLLECTED)?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_sum_is_found_among_what_valgrind_says() {
        let said = "==12== Callgrind, a call-graph generating cache profiler\n==12== \n==12== Events    : Ir\n\
                    ==12== Collected : 220432\n==12== \n==12== I   refs:      220,432\n";
        assert_eq!(collected(said), Some(220_432));
        assert_eq!(collected("valgrind: failed to start tool\n"), None);
    }
}
