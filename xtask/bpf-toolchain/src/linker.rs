//! `bpf-linker`: which one to take, and whether it can read what the compiler writes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::bpf_linker_path;
use crate::compiler::{Compiler, in_path, output};

/// Overrides the search. A build script should run again when it changes.
pub const LINKER_VARIABLE: &str = "DMLOG_BPF_LINKER";
/// The LLVM that `cargo xtask setup` builds the linker with; Debian's compiler carries the same one.
pub const MINIMUM_LLVM: u32 = 22;

/// A `bpf-linker` that answers to `--version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linker {
    /// The program.
    pub path: PathBuf,
    /// Major version of its LLVM; `None` when it cannot be told, and then it is given the benefit of the doubt.
    pub llvm_major: Option<u32>,
}

impl Linker {
    /// LLVM reads the bitcode of older releases, never of newer ones.
    pub fn reads_bitcode_of(&self, compiler: &Compiler) -> bool {
        self.llvm_major.is_none_or(|own| compiler.llvm_major <= own)
    }
}

/// All usable linkers, preferred first, and why the others were not taken.
pub(crate) fn candidates() -> (Vec<Linker>, Vec<String>) {
    if let Some(path) = env::var_os(LINKER_VARIABLE).map(PathBuf::from) {
        return match inspect(&path) {
            Some(linker) => (vec![linker], Vec::new()),
            None => (Vec::new(), vec![format!("`{}` of {LINKER_VARIABLE} does not run", path.display())]),
        };
    }
    let found: Vec<Linker> = [Some(bpf_linker_path()), in_path("bpf-linker")]
        .into_iter()
        .flatten()
        .filter_map(|path| inspect(&path))
        .collect();
    let reasons = if found.is_empty() { vec!["`bpf-linker` is not installed".to_owned()] } else { Vec::new() };
    (found, reasons)
}

fn inspect(path: &Path) -> Option<Linker> {
    let version = output(Command::new(path).arg("--version"))?;
    let llvm_major = llvm_in_version(&version).or_else(|| linked_llvm(path));
    Some(Linker { path: path.to_owned(), llvm_major })
}

/// Releases that know say so: `bpf-linker 0.13.0 (LLVM 22.1.8)`.
fn llvm_in_version(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("LLVM")?;
    leading_number(rest.trim_start_matches([' ', ':', '-', 'v']))
}

/// The shared library that the linker is linked against, as the dynamic loader lists it.
fn linked_llvm(path: &Path) -> Option<u32> {
    llvm_in_ldd(&output(Command::new("ldd").arg(path))?)
}

/// `libLLVM.so.22.1` (since LLVM 19) or `libLLVM-18.so.1`.
fn llvm_in_ldd(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("libLLVM")?;
    leading_number(rest.trim_start_matches('-').trim_start_matches(".so."))
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{llvm_in_ldd, llvm_in_version};

    #[test]
    fn the_llvm_of_a_linker_is_told_from_its_version_or_its_libraries() {
        assert_eq!(llvm_in_version("bpf-linker 0.13.0 (LLVM 22.1.8)\n"), Some(22));
        assert_eq!(llvm_in_version("bpf-linker 0.9.13\n"), None);
        assert_eq!(llvm_in_ldd("\tlibLLVM.so.22.1 => /lib/x86_64-linux-gnu/libLLVM.so.22.1 (0x7f)\n"), Some(22));
        assert_eq!(llvm_in_ldd("\tlibLLVM-18.so.1 => /lib/libLLVM-18.so.1 (0x7f)\n"), Some(18));
        assert_eq!(llvm_in_ldd("\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n"), None);
    }
}
