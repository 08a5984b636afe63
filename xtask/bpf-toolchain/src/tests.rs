//! Tests of the choice among what was found.

use std::path::PathBuf;

use crate::{Compiler, Linker, Missing, choose};

fn compiler(name: &str, llvm_major: u32) -> Compiler {
    Compiler {
        rustc: PathBuf::from(name),
        cargo: PathBuf::from("cargo"),
        release: "1.96.0".to_owned(),
        llvm_major,
        needs_bootstrap: false,
    }
}

fn linker(name: &str, llvm_major: Option<u32>) -> Linker {
    Linker { path: PathBuf::from(name), llvm_major }
}

#[test]
fn a_linker_older_than_the_preferred_compiler_makes_the_next_compiler_the_choice() {
    let mut reasons = Vec::new();
    let found = choose(vec![compiler("nightly", 23), compiler("debian", 22)], &[linker("l", Some(22))], &mut reasons);
    assert_eq!(found.map(|toolchain| toolchain.compiler.rustc), Some(PathBuf::from("debian")));
    assert_eq!(reasons, ["`l` is built on LLVM 22, older than LLVM 23 of `nightly`"]);
}

#[test]
fn a_linker_of_unknown_llvm_is_taken() {
    let found = choose(vec![compiler("nightly", 23)], &[linker("l", None)], &mut Vec::new());
    assert_eq!(found.map(|toolchain| toolchain.linker), Some(linker("l", None)));
}

#[test]
fn the_error_is_one_sentence_that_names_the_next_step() {
    let missing = Missing { reasons: vec!["a".to_owned(), "b".to_owned()] };
    let text = missing.to_string();
    assert!(text.contains("cargo xtask setup") && text.contains("(a; b)"), "{text}");
    assert_eq!(text.lines().count(), 1);
}
