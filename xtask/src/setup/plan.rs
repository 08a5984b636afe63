//! What is missing, and in which order it is installed.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::setup::packages::{self, Package};
use crate::setup::{Scope, kernels, linker, packager, readers};

/// Everything that is missing from a scope.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Packages of the distribution.
    packages: Vec<Package>,
    /// True when `bpf-linker` is to be built.
    linker: bool,
    /// Kernels by series, each with the reason.
    kernels: Vec<(String, String)>,
    /// True when the Python modules are to be installed.
    readers: bool,
    /// True when `cargo-deb` is to be built.
    packager: bool,
}

impl Plan {
    /// Looks for everything in the scope; changes nothing. With `refresh` all kernels are asked for again.
    pub(crate) fn make(scope: &Scope, refresh: bool) -> Self {
        let mut plan = Self::default();
        if scope.bpf && bpf_toolchain::find().is_err() {
            let compilers = bpf_toolchain::compilers();
            if !compilers.iter().any(|compiler| compiler.llvm_major <= linker::LLVM) {
                plan.packages.extend(packages::COMPILER);
            }
            plan.linker = !linker::is_built();
            if plan.linker && !Path::new(linker::LLVM_CONFIG).is_file() {
                plan.packages.extend(packages::LINKER);
            }
        }
        if !scope.kernels.is_empty() {
            plan.packages.extend(packages::GUEST.into_iter().filter(Package::is_missing));
            let names: Vec<&str> = scope.kernels.iter().map(String::as_str).collect();
            plan.kernels = if refresh {
                names.iter().map(|name| ((*name).to_owned(), "to be refreshed".to_owned())).collect()
            } else {
                kernels::missing(&names)
            };
        }
        if scope.readers && !readers::are_installed() {
            plan.readers = true;
            if !readers::can_make_environments() {
                plan.packages.extend(packages::READERS);
            }
        }
        if scope.readers {
            plan.packages.extend(packages::READER_PROGRAMS.into_iter().filter(Package::is_missing));
            plan.packages.extend(packages::BROWSER.into_iter().filter(Package::is_missing));
            plan.packages.extend(packages::METRICS.into_iter().filter(Package::is_missing));
        }
        if scope.peers {
            plan.packages.extend(packages::PEERS.into_iter().filter(Package::is_missing));
        }
        if scope.costs && packages::can_install() {
            plan.packages.extend(packages::COUNTING.into_iter().filter(Package::is_missing));
        }
        if scope.packager {
            plan.packager = !packager::is_built();
            plan.packages.extend(packages::PACKAGING.into_iter().filter(Package::is_missing));
            // Others cannot change roots, so they are not asked to install what makes one.
            let clean_root = packages::CLEAN_ROOT.into_iter().filter(|_| packages::is_root());
            plan.packages.extend(clean_root.filter(Package::is_missing));
        }
        plan
    }

    /// True when nothing is missing.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { packages, linker, kernels, readers, packager } = self;
        packages.is_empty() && !linker && kernels.is_empty() && !readers && !packager
    }

    /// Prints the plan.
    pub(crate) fn show(&self, dry: bool) {
        let verb = if dry { "would" } else { "will" };
        if !self.packages.is_empty() {
            eprintln!("setup: {verb} install packages: {}", packages::names(&self.packages).join(" "));
        }
        if self.linker {
            eprintln!("setup: {verb} build bpf-linker {} into the cache (about two minutes)", linker::VERSION);
        }
        if self.packager {
            eprintln!("setup: {verb} build cargo-deb {} into the cache (about a minute)", packager::VERSION);
        }
        for (kernel, reason) in &self.kernels {
            eprintln!("setup: {verb} download guest kernel {kernel} ({reason})");
        }
        if self.readers {
            eprintln!("setup: {verb} install Python modules into the cache: {}", readers::modules());
        }
        if dry && self.is_empty() {
            eprintln!("setup: everything is there, nothing would be done");
        }
    }

    /// Installs everything in the plan, and checks that it is there afterwards.
    pub(crate) fn carry_out(&self, scope: &Scope) -> Result<()> {
        packages::install(&self.packages)?;
        if self.linker {
            linker::build()?;
        }
        if self.packager {
            packager::build()?;
        }
        if !self.kernels.is_empty() {
            let names: Vec<&str> = self.kernels.iter().map(|(name, _)| name.as_str()).collect();
            kernels::install(&names)?;
        }
        if self.readers {
            readers::install()?;
        }
        if scope.bpf {
            bpf_toolchain::find().context("setup is done, but the BPF toolchain is still not usable")?;
        }
        let left = Self::make(scope, false);
        if !left.is_empty() {
            left.show(false);
            bail!("setup is done, but something is still missing; see above");
        }
        Ok(())
    }
}
