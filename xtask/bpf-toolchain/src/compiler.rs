//! Compilers that can build `core` for a BPF target: they need the library sources and unstable Cargo features.
//!
//! A rustup nightly with the component `rust-src` is preferred, because that is what people who write BPF in Rust have.
//! Debian's `rustc-web` is a stable compiler with the sources beside it; `RUSTC_BOOTSTRAP=1` lets it do the same.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first release whose `core` and Cargo build this workspace (`rust-version` of the manifests).
const MINIMUM_RELEASE: (u32, u32) = (1, 95);
/// Where Debian's compiler is; rustup's proxies shadow it in `PATH`, so it is named in full.
const SYSTEM_BIN: &str = "/usr/bin";

/// A `rustc` and its `cargo`, both by absolute path so that no rustup proxy decides for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The compiler.
    pub rustc: PathBuf,
    /// Cargo of the same release.
    pub cargo: PathBuf,
    /// Release as the compiler prints it, for messages: `1.96.0`.
    pub release: String,
    /// Major version of the LLVM inside, which decides what linker can read its bitcode.
    pub llvm_major: u32,
    /// True for a stable compiler that accepts unstable features only with `RUSTC_BOOTSTRAP=1`.
    pub needs_bootstrap: bool,
}

/// All usable compilers, preferred first, and why the others were not taken.
pub(crate) fn candidates() -> (Vec<Compiler>, Vec<String>) {
    let mut found = Vec::new();
    let mut reasons = Vec::new();
    for result in [rustup_nightly(), system()] {
        match result {
            Ok(compiler) => found.push(compiler),
            Err(reason) => reasons.push(reason),
        }
    }
    (found, reasons)
}

fn rustup_nightly() -> Result<Compiler, String> {
    let rustup = find_rustup().ok_or("rustup is not installed")?;
    let sysroot = output(Command::new(rustup).args(["run", "nightly", "rustc", "--print", "sysroot"]))
        .map(|text| PathBuf::from(text.trim()))
        .ok_or("rustup has no toolchain `nightly`")?;
    if !has_sources(&sysroot) {
        return Err("the rustup toolchain `nightly` lacks the component `rust-src`".to_owned());
    }
    inspect(&sysroot.join("bin"), false)
}

fn system() -> Result<Compiler, String> {
    let rustc = Path::new(SYSTEM_BIN).join("rustc");
    if !rustc.exists() {
        return Err(format!("`{}` is not installed", rustc.display()));
    }
    let sysroot = output(Command::new(&rustc).args(["--print", "sysroot"]))
        .map(|text| PathBuf::from(text.trim()))
        .ok_or_else(|| format!("`{} --print sysroot` failed", rustc.display()))?;
    if !has_sources(&sysroot) {
        return Err(format!("`{}` has no library sources below `{}`", rustc.display(), sysroot.display()));
    }
    inspect(Path::new(SYSTEM_BIN), true)
}

/// `rustup` in `PATH`, or where it installs itself when a service runs without a login shell.
fn find_rustup() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    in_path("rustup").or_else(|| Some(home?.join("bin/rustup")).filter(|path| path.is_file()))
}

/// The first file of that name in `PATH`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|candidate| candidate.is_file())
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").is_file()
}

fn inspect(bin: &Path, needs_bootstrap: bool) -> Result<Compiler, String> {
    let (rustc, cargo) = (bin.join("rustc"), bin.join("cargo"));
    if !cargo.is_file() {
        return Err(format!("`{}` is not installed", cargo.display()));
    }
    let text = output(Command::new(&rustc).arg("-vV")).ok_or_else(|| format!("`{} -vV` failed", rustc.display()))?;
    let version = Version::parse(&text).ok_or_else(|| format!("`{} -vV` is not understood", rustc.display()))?;
    if version.numbers < MINIMUM_RELEASE {
        let (major, minor) = MINIMUM_RELEASE;
        return Err(format!("`{}` is {}, older than {major}.{minor}", rustc.display(), version.release));
    }
    Ok(Compiler { rustc, cargo, release: version.release, llvm_major: version.llvm_major, needs_bootstrap })
}

/// Runs a command whose failure means "not here"; the variables a calling Cargo sets must not redirect it.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.env_remove("RUSTUP_TOOLCHAIN").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The two lines of `rustc -vV` that matter.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    release: String,
    numbers: (u32, u32),
    llvm_major: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let release = field("release:")?.to_owned();
        let mut parts = release.split(['.', '-']);
        let numbers = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let llvm_major = field("LLVM version:")?.split('.').next()?.parse().ok()?;
        Some(Self { release, numbers, llvm_major })
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_version_is_read_from_the_verbose_form() {
        let text =
            "rustc 1.97.0-nightly (abc 2026-05-25)\nbinary: rustc\nrelease: 1.97.0-nightly\nLLVM version: 22.1.8\n";
        let expected = Version { release: "1.97.0-nightly".to_owned(), numbers: (1, 97), llvm_major: 22 };
        assert_eq!(Version::parse(text), Some(expected));
        assert_eq!(Version::parse("release: 1.97.0\n"), None, "a compiler without LLVM is of no use");
        assert_eq!(Version::parse("release: one.two\nLLVM version: 22\n"), None);
    }
}
