//! What `dmlog-top gate` says of the figures: the program under test judges itself.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::paths::target_dir;
use crate::process;

/// Everything that is read of the gate's JSON.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Verdict {
    /// `passed`, `failed` or `inconclusive`.
    pub(crate) outcome: String,
    /// One for each rule.
    pub(crate) judged: Vec<Judged>,
}

/// One figure.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Judged {
    /// As the rule names it: `figure.trace.bytes_per_event`.
    pub(crate) metric: String,
    /// `unchanged`, `regression`, `improvement`, or why it could not be told.
    finding: String,
    /// The same in words, with the numbers.
    pub(crate) sentence: String,
}

impl Judged {
    /// True when the figure is no worse.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.finding.as_str(), "unchanged" | "improvement")
    }

    /// True when the figure is better than the baseline says, beyond its floor: the gate holds only what was blessed.
    pub(crate) fn is_improvement(&self) -> bool {
        self.finding == "improvement"
    }
}

/// Shows the gate's table, and returns its verdict.
pub(crate) fn judge(baseline: &Path, candidate: &Path, rules: &Path) -> Result<Verdict> {
    let gate = |format| {
        let mut command = Command::new(target_dir().join("release/dmlog-top"));
        command.arg("gate").arg("--baseline").arg(baseline).arg("--candidate").arg(candidate);
        command.arg("--rules").arg(rules).args(["--format", format]).stdin(Stdio::null());
        command
    };
    process::succeeds(&mut gate("text"))?;
    let mut command = gate("json");
    let text = process::shown(&command);
    let output = command.output().with_context(|| format!("`{text}` did not start"))?;
    // 0, 1 and 3 are verdicts; others are none.
    if !matches!(output.status.code(), Some(0 | 1 | 3)) {
        bail!("`{text}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let verdict: Verdict = serde_json::from_slice(&output.stdout).with_context(|| format!("the JSON of `{text}`"))?;
    if (verdict.outcome == "passed") != output.status.success() {
        bail!("`{text}` says `{}` and ends with {}", verdict.outcome, output.status);
    }
    Ok(verdict)
}
