//! Builds the BPF object: one Cargo run inside another.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::BpfToolchain;
use crate::error::BuildError;

/// The triple whose byte order is that of x86-64 and of little-endian arm64.
const TARGET: &str = "bpfel-unknown-none";
/// Package and binary: they differ so that no two binaries of the workspace share a name.
const PACKAGE: &str = "dmlog-ebpf";
const BINARY: &str = "dmlog";
/// Separator of `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\x1f";

/// The profile of the BPF object, over the workspace's own `release`, which is tuned for the userspace programs.
/// Full debug information is what BTF is made from.
const PROFILE: [(&str, &str); 9] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "2"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "false"),
    ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "false"),
];

/// Variables of a calling Cargo that stay: where its home and its registries are, how it talks, and its job server.
const KEPT_CARGO_PREFIXES: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "CARGO_MAKEFLAGS",
];
/// Other variables that would lead the inner build to the outer toolchain.
const DROPPED: [&str; 9] = [
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_LINKER",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    // Cargo points this at its own sysroot when it runs a build script.
    "LD_LIBRARY_PATH",
];

impl BpfToolchain {
    /// Builds the object and returns its path.
    ///
    /// `manifest_dir` is the folder of the package `dmlog-ebpf`; `target_dir` must not be that of the calling Cargo,
    /// which holds its lock while a build script runs. Messages of the compiler go to stderr.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build_object(&self, manifest_dir: &Path, target_dir: &Path) -> Result<PathBuf, BuildError> {
        let mut command = self.cargo(manifest_dir, target_dir, "build");
        command.args(["--bin", BINARY]);
        let status =
            command.status().map_err(|source| BuildError::Start { cargo: self.compiler.cargo.clone(), source })?;
        if !status.success() {
            return Err(BuildError::Failed { command: shown(&command), status });
        }
        let path = target_dir.join(TARGET).join("release").join(BINARY);
        if path.is_file() { Ok(path) } else { Err(BuildError::NoObject { path }) }
    }

    /// A Cargo command line for the BPF package with everything but its own arguments in place.
    pub fn cargo(&self, manifest_dir: &Path, target_dir: &Path, subcommand: &str) -> Command {
        let Self { compiler, linker } = self;
        let mut command = Command::new(&compiler.cargo);
        for (name, _) in env::vars_os().filter(|(name, _)| leads_astray(name)) {
            command.env_remove(name);
        }
        command.current_dir(manifest_dir).arg(subcommand).args(["--release", "--package", PACKAGE]);
        command.args(["-Z", "build-std=core", "--target", TARGET]).arg("--target-dir").arg(target_dir);
        if manifest_dir.ancestors().any(|dir| dir.join("Cargo.lock").is_file()) {
            command.arg("--locked");
        }
        let mut linker_flag = OsString::from("-Clinker=");
        linker_flag.push(&linker.path);
        let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_else(|_unset| env::consts::ARCH.to_owned());
        let mut flags = OsString::from(
            ["-Clink-arg=--btf", "-Cdebuginfo=2", "-Cpanic=abort", "-Ctarget-cpu=v3"].join(FLAG_SEPARATOR)
                + FLAG_SEPARATOR,
        );
        flags.push(format!("--cfg=bpf_target_arch=\"{arch}\"{FLAG_SEPARATOR}"));
        flags.push(linker_flag);
        command.env("CARGO_ENCODED_RUSTFLAGS", flags).env("RUSTC", &compiler.rustc).envs(PROFILE);
        if compiler.needs_bootstrap {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }
}

/// True for a variable that belongs to the calling Cargo and would change what the inner one does.
fn leads_astray(name: &OsString) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let kept = KEPT_CARGO_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    (name.starts_with("CARGO") && !kept) || DROPPED.contains(&name)
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::leads_astray;

    #[test]
    fn variables_of_the_calling_cargo_are_dropped_and_its_registries_kept() {
        for name in ["CARGO", "CARGO_CFG_TARGET_OS", "CARGO_FEATURE_LIVE", "CARGO_TARGET_DIR", "RUSTC", "RUSTFLAGS"] {
            assert!(leads_astray(&name.into()), "`{name}` must go");
        }
        for name in ["CARGO_HOME", "CARGO_REGISTRIES_X_INDEX", "CARGO_HTTP_CAINFO", "PATH", "RUSTUP_HOME"] {
            assert!(!leads_astray(&name.into()), "`{name}` must stay");
        }
    }
}
