//! What every test needs: processes with context in their failures, and waiting for a condition with a deadline.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) mod counter;
pub(crate) mod device;
pub(crate) mod map_calls;
pub(crate) mod mirrors;
pub(crate) mod recorder;
pub(crate) mod write;

/// Longest wait for anything that the kernel or the recorder should do at once. An emulated guest on a busy machine is slow.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Runs a program and returns its stdout; panics with everything it said if it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("`{program}` does not run: {error}"));
    assert!(
        output.status.success(),
        "`{program} {}` ended with {}: {}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Looks until there is something, and panics with `what` after [`DEADLINE`].
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {} s", DEADLINE.as_secs());
        std::thread::sleep(POLL);
    }
}

/// A file's text; panics with its name.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Writes a text into a file of the kernel; panics with both.
pub(crate) fn write_text(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    std::fs::write(path, text).unwrap_or_else(|error| panic!("`{text}` into `{}`: {error}", path.display()));
}

/// Series of the guest's kernel, as the harness names it: `5.10`, `6.1`, `6.12`, `newest`.
pub(crate) fn kernel() -> String {
    std::env::var("DMLOG_KERNEL").unwrap_or_else(|_| "unknown".to_owned())
}

/// The folder that the host reads.
pub(crate) fn out_dir() -> PathBuf {
    PathBuf::from(std::env::var("DMLOG_OUT").unwrap_or_else(|_| "/out".to_owned()))
}

/// True where the module's functions can be probed by fentry.
pub(crate) fn has_module_btf() -> bool {
    Path::new("/sys/kernel/btf/dm_mirror").exists()
}

/// Whether the kernel preempts tasks in kernel code. Debian's 5.10 was built without that, and has no such file.
pub(crate) fn is_preemptible() -> bool {
    let model = std::fs::read_to_string("/sys/kernel/debug/sched/preempt").unwrap_or_default();
    model.contains("(full)") || model.contains("(lazy)")
}

/// Lines of the kernel's log that no test may cause.
pub(crate) fn kernel_complaints() -> Vec<String> {
    const WORDS: [&str; 5] = ["BUG:", "WARNING:", "Oops", "general protection", "rcu_sched"];
    let log = run("dmesg", &[]);
    log.lines().filter(|line| WORDS.iter().any(|word| line.contains(word))).map(str::to_owned).collect()
}
