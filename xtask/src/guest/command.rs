//! The command line of `cargo xtask guest`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::guest::verdict::Verdict;
use crate::guest::{self, Echo, GuestFile, GuestSpec, Limits, Start, Timing};
use crate::setup::{self, Scope};

/// Boots a guest kernel and runs a command, a script or a shell in it
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent switch of the command line")]
pub(crate) struct GuestArgs {
    /// Series of the kernel: 5.10, 6.1, 6.12, or newest
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Command to run, for the guest's shell
    #[arg(long, conflicts_with_all = ["script", "shell"])]
    cmd: Option<String>,
    /// File with a shell script to run
    #[arg(long, conflicts_with = "shell")]
    script: Option<PathBuf>,
    /// Gives this terminal a shell in the guest (Ctrl-A X ends the machine)
    #[arg(long)]
    shell: bool,
    /// A file of this machine in the guest, with the shared libraries it needs
    #[arg(long, value_name = "HOST:GUEST")]
    file: Vec<String>,
    /// A program of this machine at its own path in the guest: fio, bpftool, funclatency
    #[arg(long, value_name = "PROGRAM")]
    with: Vec<String>,
    /// Folder that is /out in the guest [default: target/guest/KERNEL, emptied first]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Processors
    #[arg(long, default_value_t = 2)]
    smp: u32,
    /// Memory in MiB
    #[arg(long, default_value_t = 1024)]
    memory: u32,
    /// Lets guest time count instructions: repeatable, one processor
    #[arg(long)]
    icount: bool,
    /// Leaves address randomisation and mitigations on
    #[arg(long)]
    stock: bool,
    /// More words for the kernel's command line
    #[arg(long, default_value = "")]
    append: String,
    /// Longest run, in seconds
    #[arg(long, default_value_t = 1800)]
    timeout: u64,
    /// Longest silence, in seconds
    #[arg(long, default_value_t = 300)]
    silence: u64,
    /// Shows the output only when the guest fails
    #[arg(long)]
    quiet: bool,
}

/// Runs the guest; its script's exit code becomes ours.
pub(crate) fn run_command(args: &GuestArgs) -> Result<ExitCode> {
    setup::ensure(&Scope::guest(&args.kernel))?;
    let spec = spec(args)?;
    let run = guest::run(&spec)?;
    match run.verdict {
        Verdict::Exited(0) | Verdict::Left => {}
        Verdict::Exited(_) if !args.quiet => {}
        _ => run.show_tail(),
    }
    eprintln!(
        "guest: {} {} after {:.1} s; console in {}",
        spec.kernel,
        run.verdict,
        run.wall.as_secs_f64(),
        run.log.display()
    );
    Ok(match run.verdict {
        Verdict::Exited(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Verdict::Left => ExitCode::SUCCESS,
        _ => ExitCode::from(u8::MAX),
    })
}

fn spec(args: &GuestArgs) -> Result<GuestSpec> {
    let script = match (&args.cmd, &args.script) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => {
            fs::read_to_string(path).with_context(|| format!("script `{}` cannot be read", path.display()))?
        }
        (None, None) if args.shell => String::new(),
        (None, None) => bail!("nothing to run in the guest; give --cmd, --script or --shell"),
    };
    let mut spec = GuestSpec::new(&args.kernel, &args.kernel, &script);
    if args.shell {
        spec.start = Start::Terminal("exec sh\n".to_owned());
    }
    for pair in &args.file {
        spec.files.push(parse_file(pair)?);
    }
    for name in &args.with {
        spec.files.push(GuestFile::program(name)?);
    }
    match &args.out {
        Some(out) => spec.out = std::path::absolute(out).with_context(|| format!("folder `{}`", out.display()))?,
        None => guest::fresh_out(&spec.out)?,
    }
    spec.machine.cpus = args.smp;
    spec.machine.memory_mib = args.memory;
    spec.machine.timing = if args.icount { Timing::InstructionCount } else { Timing::Wall };
    spec.machine.stock_command_line = args.stock;
    spec.machine.append = args.append.split_whitespace().map(str::to_owned).collect();
    spec.limits = Limits { total: Duration::from_secs(args.timeout), silence: Duration::from_secs(args.silence) };
    spec.echo = if args.quiet { Echo::Quiet } else { Echo::Script };
    Ok(spec)
}

fn parse_file(pair: &str) -> Result<GuestFile> {
    match pair.split_once(':') {
        Some((host, guest)) if guest.starts_with('/') => {
            Ok(GuestFile { host: PathBuf::from(host), guest: guest.to_owned() })
        }
        _ => bail!("`{pair}` is not of the form HOST:GUEST with an absolute path in the guest"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::parse_file;
    use crate::guest::GuestFile;

    #[test]
    fn a_file_needs_an_absolute_path_in_the_guest() {
        let expected = GuestFile { host: PathBuf::from("a/b"), guest: "/bin/b".to_owned() };
        assert_eq!(parse_file("a/b:/bin/b").unwrap(), expected);
        for wrong in ["a/b", "a/b:bin/b", ""] {
            assert!(parse_file(wrong).unwrap_err().to_string().contains("HOST:GUEST"), "{wrong}");
        }
    }
}
