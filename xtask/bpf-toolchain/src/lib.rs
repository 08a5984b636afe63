//! Finds a compiler and a linker for BPF, and builds the BPF object of dmlog-top with them.
//!
//! Two programs are needed that a stable Rust installation does not bring: a `rustc` that may build `core` from
//! source for `bpfel-unknown-none`, and `bpf-linker`, whose LLVM is at least as new as the compiler's. [`find`] looks
//! for both and explains in one sentence what is missing; [`BpfToolchain::build_object`] runs the build in an
//! environment cleaned of everything the calling Cargo has set for itself.
//!
//! The build script of `dmlog-user` and `xtask` use this crate, so it has no dependencies: each of them would be
//! compiled before the first line of the product. Nothing here installs anything; that is `cargo xtask setup`.

mod cache;
mod compiler;
mod error;
mod linker;
mod object;

pub use cache::{bpf_linker_path, cache_dir, shared_target_dir};
pub use compiler::Compiler;
pub use error::{BuildError, Missing};
pub use linker::{LINKER_VARIABLE, Linker, MINIMUM_LLVM};

/// A compiler and a linker that fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BpfToolchain {
    /// The compiler with the sources of `core`.
    pub compiler: Compiler,
    /// The linker that turns its bitcode into one BPF object with BTF.
    pub linker: Linker,
}

/// Looks for a toolchain on this machine, the preferred one first.
///
/// # Errors
/// [`Missing`] names every part that was looked for and why it was not taken.
pub fn find() -> Result<BpfToolchain, Missing> {
    let (compilers, compiler_reasons) = compiler::candidates();
    let (linkers, linker_reasons) = linker::candidates();
    let mut reasons = Vec::new();
    // With a compiler at hand the ones that were passed over explain nothing.
    if compilers.is_empty() {
        reasons.extend(compiler_reasons);
    }
    reasons.extend(linker_reasons);
    choose(compilers, &linkers, &mut reasons).ok_or(Missing { reasons })
}

/// Every compiler on this machine that can build `core` for BPF, the preferred one first.
pub fn compilers() -> Vec<Compiler> {
    compiler::candidates().0
}

/// The first pair, in order of preference, whose linker understands the compiler's bitcode.
fn choose(compilers: Vec<Compiler>, linkers: &[Linker], reasons: &mut Vec<String>) -> Option<BpfToolchain> {
    for compiler in compilers {
        for linker in linkers {
            if linker.reads_bitcode_of(&compiler) {
                return Some(BpfToolchain { compiler, linker: linker.clone() });
            }
            reasons.push(format!(
                "`{}` is built on LLVM {}, older than LLVM {} of `{}`",
                linker.path.display(),
                linker.llvm_major.map_or_else(|| "?".to_owned(), |major| major.to_string()),
                compiler.llvm_major,
                compiler.rustc.display(),
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests;
