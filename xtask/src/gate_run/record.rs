//! Records the runs of all sides in one boot of a guest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::gate_run::order::interleaved;
use crate::gate_run::side::Side;
use crate::guest::{self, Echo, GuestFile, GuestRun, GuestSpec, Limits};
use crate::setup::store::create_dir;

/// What happens in the guest, and what sides are made of.
const RUNS: &str = include_str!("runs.sh");
const TOOLBOX: &str = include_str!("toolbox.sh");

/// Longest that a boot may take, and what belongs to a run besides its load, on a machine that does much else.
const BOOT: Duration = Duration::from_mins(5);
const AROUND_A_LOAD: Duration = Duration::from_mins(2);

/// What is recorded, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// Series of the kernel.
    pub(crate) kernel: String,
    /// The program that records.
    pub(crate) product: PathBuf,
    /// At least one, in folders of different names.
    pub(crate) sides: Vec<Side>,
    /// How many runs each side has.
    pub(crate) runs: u32,
    /// How long each of them is.
    pub(crate) load: Load,
    /// Functions to probe; empty: all.
    pub(crate) hooks: Vec<String>,
    /// An empty folder.
    pub(crate) out: PathBuf,
    /// Name of the console's log.
    pub(crate) log_name: String,
    /// Before each line of output.
    pub(crate) prefix: String,
}

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// So many writes.
    Writes(u32),
    /// So many seconds.
    Seconds(u32),
}

impl Recording {
    /// Boots the guest and waits until every side has its traces.
    pub(crate) fn run(&self) -> Result<GuestRun> {
        for side in &self.sides {
            create_dir(&self.out.join(&side.folder))?;
            write(&self.out.join(&side.folder).join("side.sh"), &side.script)?;
        }
        write(&self.out.join("toolbox.sh"), TOOLBOX)?;
        let run = guest::run(&self.spec()?)?;
        run.require_success()?;
        for side in &self.sides {
            let traces = self.traces(side)?;
            if traces != self.runs as usize {
                bail!("side `{}` has {traces} traces instead of {}", side.folder, self.runs);
            }
        }
        Ok(run)
    }

    fn spec(&self) -> Result<GuestSpec> {
        let mut spec = GuestSpec::new(&self.kernel, &self.log_name, &self.script());
        spec.out.clone_from(&self.out);
        spec.files.push(GuestFile { host: self.product.clone(), guest: "/bin/dmlog-top".to_owned() });
        spec.files.push(GuestFile::program("fio")?);
        spec.echo = Echo::Prefixed(self.prefix.clone());
        let load = match self.load {
            Load::Writes(_) => Duration::ZERO,
            Load::Seconds(seconds) => Duration::from_secs(seconds.into()),
        };
        // A run says nothing until it is over.
        let silence = AROUND_A_LOAD * 2 + load;
        let all = u32::try_from(self.sides.len()).unwrap_or(u32::MAX).saturating_mul(self.runs);
        spec.limits = Limits { total: BOOT + (AROUND_A_LOAD + load) * all, silence };
        Ok(spec)
    }

    /// The guest's script: what is to be done, and how.
    fn script(&self) -> String {
        let folders: Vec<&str> = self.sides.iter().map(|side| side.folder.as_str()).collect();
        let order = interleaved(self.sides.len(), self.runs);
        let order: Vec<&str> = order.iter().filter_map(|side| folders.get(*side).copied()).collect();
        let load = match self.load {
            Load::Writes(writes) => format!("WRITES={writes} LONG="),
            Load::Seconds(seconds) => format!("WRITES=0 LONG={seconds}"),
        };
        let hooks: Vec<String> = self.hooks.iter().map(|hook| format!("--hook {hook}")).collect();
        format!(
            "SIDES='{}'\nORDER='{}'\n{load}\nHOOKS='{}'\n{RUNS}",
            folders.join(" "),
            order.join(" "),
            hooks.join(" ")
        )
    }

    fn traces(&self, side: &Side) -> Result<usize> {
        let folder = self.out.join(&side.folder);
        let entries = fs::read_dir(&folder).with_context(|| format!("`{}` cannot be listed", folder.display()))?;
        Ok(entries.flatten().filter(|entry| entry.path().extension().is_some_and(|it| it == "dmlog")).count())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Load, Recording};
    use crate::gate_run::side::Side;

    #[test]
    fn the_script_names_the_runs_in_their_order() {
        let side = |folder| Side::scenario("plain", folder).unwrap();
        let recording = Recording {
            kernel: "6.12".to_owned(),
            product: PathBuf::from("dmlog-top"),
            sides: vec![side("a"), side("b")],
            runs: 2,
            load: Load::Seconds(3),
            hooks: vec!["disk_flush".to_owned()],
            out: PathBuf::from("out"),
            log_name: "x".to_owned(),
            prefix: String::new(),
        };
        let script = recording.script();
        let expected = "SIDES='a b'\nORDER='a b b a'\nWRITES=0 LONG=3\nHOOKS='--hook disk_flush'\n";
        assert!(script.starts_with(expected), "{script}");
    }
}
