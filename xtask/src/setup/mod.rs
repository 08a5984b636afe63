//! `cargo xtask setup`: finds what the other tasks need and installs what is missing.
//!
//! First everything is looked for, then the plan is shown, then it is carried out: packages (Debian, as root), the BPF
//! linker, `cargo-deb`, guest kernels, and Python modules of the tests that read our files with other people's code. Everything but
//! packages goes into the cache folder. When all is there it takes about a second and changes nothing.

pub(crate) mod apt;
pub(crate) mod kernels;
mod linker;
pub(crate) mod packager;
pub(crate) mod packages;
mod plan;
pub(crate) mod readers;
pub(crate) mod store;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::costs;
use crate::setup::plan::Plan;
use crate::setup::store::CacheLock;

/// Installs what the other tasks need: BPF toolchain, QEMU, guest kernels, test programs
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent switch of the command line")]
pub(crate) struct SetupArgs {
    /// Says what would be done and does nothing
    #[arg(long)]
    dry_run: bool,
    /// Only what building the BPF object needs
    #[arg(long, conflicts_with = "guests_only")]
    bpf_only: bool,
    /// Only what booting guests needs
    #[arg(long)]
    guests_only: bool,
    /// Replaces cached guest kernels that have been superseded in their Debian release
    #[arg(long)]
    refresh: bool,
}

/// What is to be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent need of a task")]
pub(crate) struct Scope {
    /// Compiler and linker for BPF.
    pub(crate) bpf: bool,
    /// Kernels by series, and with any of them QEMU and the programs that go into a guest.
    pub(crate) kernels: Vec<String>,
    /// Python and the modules that read our files.
    pub(crate) readers: bool,
    /// Programs that benches measure beside us.
    pub(crate) peers: bool,
    /// What counts instructions.
    pub(crate) costs: bool,
    /// What makes a package of Debian, and for root what tries it.
    pub(crate) packager: bool,
}

impl Scope {
    /// Everything that `cargo xtask test` needs.
    pub(crate) fn all() -> Self {
        Self {
            bpf: true,
            kernels: kernels::TESTED.map(str::to_owned).to_vec(),
            readers: true,
            peers: false,
            costs: true,
            packager: true,
        }
    }

    /// What a single guest needs.
    pub(crate) fn guest(kernel: &str) -> Self {
        Self {
            bpf: false,
            kernels: vec![kernel.to_owned()],
            readers: false,
            peers: false,
            costs: false,
            packager: false,
        }
    }

    /// What `bench replay` needs: no kernel, no BPF.
    pub(crate) fn peers() -> Self {
        Self { bpf: false, kernels: Vec::new(), readers: false, peers: true, costs: false, packager: false }
    }

    /// What `costs` needs.
    pub(crate) fn costs() -> Self {
        Self { costs: true, kernels: vec![costs::KERNEL.to_owned()], ..Self::bpf() }
    }

    /// What `dist` needs.
    pub(crate) fn dist() -> Self {
        Self { packager: true, ..Self::bpf() }
    }

    /// What building the programs needs.
    pub(crate) fn bpf() -> Self {
        Self { bpf: true, kernels: Vec::new(), readers: false, peers: false, costs: false, packager: false }
    }
}

/// Runs the command.
pub(crate) fn run_command(args: &SetupArgs) -> Result<ExitCode> {
    let mut scope = Scope { peers: true, ..Scope::all() };
    if args.bpf_only {
        scope = Scope::bpf();
    }
    if args.guests_only {
        scope = Scope { bpf: false, readers: false, peers: false, costs: false, packager: false, ..scope };
    }
    if args.dry_run {
        let plan = Plan::make(&scope, args.refresh);
        plan.show(true);
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    set_up(&scope, args.refresh)?;
    eprintln!("setup: everything is there ({:.1} s)", started.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

/// Sets up what another task is about to use; silent when nothing is missing.
pub(crate) fn ensure(scope: &Scope) -> Result<()> {
    set_up(scope, false)
}

fn set_up(scope: &Scope, refresh: bool) -> Result<()> {
    if Plan::make(scope, refresh).is_empty() {
        return Ok(());
    }
    let _lock = CacheLock::take()?;
    // Whoever held the lock may have done the work.
    let plan = Plan::make(scope, refresh);
    plan.show(false);
    plan.carry_out(scope)
}
