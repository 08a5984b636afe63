//! Packages of the distribution: which ones, how to tell that they are not needed, and how to install them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// A Debian package, and the program by which it is recognised on any distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its exact name; never a pattern.
    name: &'static str,
    /// A program of it.
    program: &'static str,
}

/// Taken where no compiler can build `core` for BPF.
pub(crate) const COMPILER: [Package; 3] = [
    Package { name: "rustc-web", program: "rustc" },
    Package { name: "cargo-web", program: "cargo" },
    Package { name: "rust-web-src", program: "rustc" },
];
/// Needed to build `bpf-linker`.
pub(crate) const LINKER: [Package; 1] = [Package { name: "llvm-22-dev", program: "llvm-config-22" }];
/// Needed to boot guests, or run in them: `fio` makes load, `funclatency` is the peer that probes are measured against,
/// `lvm` makes mirrors as administrators know them.
pub(crate) const GUEST: [Package; 8] = [
    Package { name: "qemu-system-x86", program: "qemu-system-x86_64" },
    Package { name: "busybox-static", program: "busybox" },
    Package { name: "dmsetup", program: "dmsetup" },
    Package { name: "mount", program: "losetup" },
    Package { name: "xz-utils", program: "xz" },
    Package { name: "fio", program: "fio" },
    Package { name: "libbpf-tools", program: "funclatency" },
    Package { name: "lvm2", program: "lvm" },
];
/// What `bench replay` measures beside us and with: `blkparse` and `btt`, `perf`, and GNU `time` for peak memory.
pub(crate) const PEERS: [Package; 3] = [
    Package { name: "blktrace", program: "blkparse" },
    Package { name: "linux-perf", program: "perf" },
    Package { name: "time", program: "time" },
];
/// Counts instructions. Whoever cannot install packages goes without, and the tier `costs` is skipped.
pub(crate) const COUNTING: [Package; 1] = [Package { name: "valgrind", program: "valgrind" }];
/// Needed for the Python modules of the tests.
pub(crate) const READERS: [Package; 1] = [Package { name: "python3-venv", program: "python3" }];
/// Programs that read what we write, in tests: `java` runs Spark.
pub(crate) const READER_PROGRAMS: [Package; 1] = [Package { name: "default-jre-headless", program: "java" }];

/// What looks at the pages that reports are.
pub(crate) const BROWSER: [Package; 1] = [Package { name: "chromium", program: "chromium" }];

/// What reads our metrics: `promtool` on this machine, and Prometheus itself in a guest.
pub(crate) const METRICS: [Package; 1] = [Package { name: "prometheus", program: "promtool" }];
/// Needed by `cargo-deb` to find what a program depends on.
pub(crate) const PACKAGING: [Package; 1] = [Package { name: "dpkg-dev", program: "dpkg-shlibdeps" }];
/// Makes the clean root that an installation is tried in.
pub(crate) const CLEAN_ROOT: [Package; 1] = [Package { name: "debootstrap", program: "debootstrap" }];

/// Packages that start a service of their name: wanted are their programs, for tests.
const SERVICES: [&str; 1] = ["prometheus"];

impl Package {
    /// True when its program is not on this machine.
    pub(crate) fn is_missing(&self) -> bool {
        process::find_program(self.program).is_none()
    }
}

/// The names, for a command line.
pub(crate) fn names(packages: &[Package]) -> Vec<&'static str> {
    packages.iter().map(|package| package.name).collect()
}

/// Installs packages where that is possible without asking; elsewhere the error says what to type.
pub(crate) fn install(packages: &[Package]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = names(packages);
    if !is_debian() {
        bail!("{}", by_hand(packages));
    }
    if !is_root() {
        bail!(
            "packages are missing and only root may install them; run `sudo apt-get install {}` and then this again",
            names.join(" ")
        );
    }
    // A stale list still serves most packages, and what it cannot serve fails in the next step with its name.
    if !process::succeeds(apt_get().arg("update"))? {
        eprintln!("setup: the package lists were not updated; going on with the ones at hand");
    }
    process::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&names)).context(
        "packages were not installed; on Debian 12 some are in the suite `bookworm-security`, which apt has to know",
    )?;
    for service in SERVICES.iter().filter(|service| names.contains(service)) {
        if Path::new("/run/systemd/system").is_dir() {
            process::run(Command::new("systemctl").args(["disable", "--now", service]))
                .with_context(|| format!("the service `{service}` runs now, which nobody asked for"))?;
        }
    }
    Ok(())
}

/// Waits for another apt instead of failing, and never asks.
fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=900"]);
    command
}

/// True where packages are installed without asking.
pub(crate) fn can_install() -> bool {
    is_root() && is_debian()
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").is_file()
}

/// True for the user that may install packages and change roots.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// What to do on a distribution whose package manager we do not know.
fn by_hand(packages: &[Package]) -> String {
    let mut lines = vec!["this is no Debian, so some things have to be installed by hand:".to_owned()];
    let wants = |wanted: &[Package]| wanted.iter().any(|package| packages.contains(package));
    if wants(&COMPILER) {
        lines.push("rustup toolchain install nightly --component rust-src".to_owned());
    }
    if wants(&LINKER) {
        lines.push(
            "cargo install bpf-linker, with a feature llvm-N at least as new as the LLVM of that nightly".to_owned(),
        );
    }
    for Package { name, program } in packages {
        if !COMPILER.iter().chain(&LINKER).any(|known| known.name == *name) {
            lines.push(format!("the program `{program}` (Debian has it in `{name}`)"));
        }
    }
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::{BROWSER, COMPILER, COUNTING, GUEST, LINKER, METRICS, PEERS, by_hand, names};

    #[test]
    fn without_debian_every_missing_thing_is_named() {
        let text = by_hand(&[COMPILER[0], LINKER[0], GUEST[0]]);
        for needle in ["--component rust-src", "cargo install bpf-linker", "`qemu-system-x86_64`"] {
            assert!(text.contains(needle), "`{needle}` is not in: {text}");
        }
        assert!(!text.contains("rustc-web"), "a package of Debian is of no use elsewhere: {text}");
    }

    #[test]
    fn package_names_are_exact() {
        for name in names(&[COMPILER.as_slice(), &LINKER, &GUEST, &PEERS, &BROWSER, &METRICS, &COUNTING].concat()) {
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "`{name}` looks like a pattern");
        }
    }
}
