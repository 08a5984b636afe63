//! Runs other programs: every command is shown before it runs, and a failure names it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Shows the command, runs it with our stdout and stderr, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    if succeeds(command)? {
        return Ok(());
    }
    bail!("`{}` failed", shown(command))
}

/// Shows the command, runs it, and tells whether it succeeded. Only a program that does not start is an error.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let text = shown(command);
    eprintln!("$ {text}");
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("`{text}` did not start"))?;
    Ok(status.success())
}

/// Runs a command silently and returns what it printed; on failure the error carries its stderr.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let text = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{text}` did not start"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{text}` failed ({}): {}", output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{text}` printed something that is not UTF-8"))
}

/// The first executable of that name in `PATH` or where administration programs live, which users lack in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let administration = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(administration).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// A Cargo command at the root of the checkout: the Cargo that runs this task.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Cargo for something that is not of this workspace: what the Cargo that runs this task has set is taken back.
pub(crate) fn plain_cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    command.current_dir(env::temp_dir());
    command
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{output, shown};

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("echo");
        command.args(["a b", "it's", "--x=1", ""]);
        assert_eq!(shown(&command), r"echo 'a b' 'it'\''s' --x=1 ''");
    }

    #[test]
    fn a_failing_command_is_named_with_its_stderr() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
    }
}
