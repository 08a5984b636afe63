//! A hand-made BTF with a base and a split part, and every way to cut or bend it.

use std::sync::Arc;

use super::{Btf, BtfError};

/// Builds the bytes of one BTF.
#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    strings_base: u32,
}

impl Builder {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn split(base: &Self) -> Self {
        Self { strings_base: base.strings_base + u32::try_from(base.strings.len()).unwrap(), ..Self::default() }
    }

    fn name(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.strings_base + u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset
    }

    fn words(&mut self, words: &[u32]) {
        self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }

    fn record(&mut self, name: &str, kind: u32, vlen: u32, size_or_type: u32) {
        let name = self.name(name);
        self.words(&[name, kind << 24 | vlen, size_or_type]);
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) {
        self.record(name, 4, u32::try_from(members.len()).unwrap(), size);
        for (name, of, bits) in members {
            let name = self.name(name);
            self.words(&[name, *of, *bits]);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let types = u32::try_from(self.types.len()).unwrap();
        let strings = u32::try_from(self.strings.len()).unwrap();
        let mut bytes = Vec::new();
        for word in [0x0001_eb9f, 24, 0, types, types, strings] {
            bytes.extend(u32::to_ne_bytes(word));
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

/// vmlinux: 1 = u64, 2 = struct iter { pad, sector }, 3 = struct bio { next, anonymous { opf }, iter }, 4 = the anonymous one.
fn base() -> Builder {
    let mut base = Builder::new();
    base.record("u64", 1, 0, 8);
    base.words(&[64]);
    base.structure("iter", 16, &[("pad", 1, 0), ("sector", 1, 64)]);
    base.structure("bio", 48, &[("next", 1, 0), ("", 4, 64), ("iter", 2, 128)]);
    base.structure("", 8, &[("opf", 1, 32)]);
    base
}

/// A module: 5 = function prototype with two parameters, 6 and 7 = functions named twice, 8 = one named once.
fn module(base: &Builder) -> Builder {
    let mut module = Builder::split(base);
    module.record("", 13, 2, 0);
    module.words(&[0, 1, 0, 1]);
    module.record("complete_io", 12, 0, 5);
    module.record("complete_io", 12, 0, 5);
    module.record("disk_flush", 12, 0, 5);
    module.structure("log_c", 24, &[("ti", 1, 0), ("touched", 1, 64)]);
    module
}

fn parsed() -> Btf {
    let base = base();
    let module = module(&base);
    let vmlinux = Arc::new(Btf::parse(base.bytes(), None).unwrap());
    Btf::parse(module.bytes(), Some(vmlinux)).unwrap()
}

#[test]
fn split_ids_and_strings_continue_those_of_the_base() {
    let btf = parsed();
    assert_eq!(btf.functions("disk_flush"), [8]);
    assert_eq!(btf.parameters(8), Some(2));
    assert_eq!(btf.member("log_c", "touched"), Some(8));
    assert_eq!(btf.size("log_c"), Some(24));
}

#[test]
fn members_of_nested_and_anonymous_structures_are_found_through_the_base() {
    let btf = parsed();
    assert_eq!(btf.member("bio", "next"), Some(0));
    assert_eq!(btf.member("bio", "opf"), Some(12));
    assert_eq!(btf.member("bio", "iter.sector"), Some(24));
    assert_eq!(btf.member("bio", "iter.nothing"), None);
    assert_eq!(btf.member("nothing", "next"), None);
}

#[test]
fn a_name_that_is_there_twice_is_reported_twice() {
    assert_eq!(parsed().functions("complete_io"), [6, 7]);
    assert_eq!(parsed().functions("missing"), [] as [u32; 0]);
}

#[test]
fn cut_and_bent_bytes_are_errors_and_never_panic() {
    let whole = base().bytes();
    for length in 0..whole.len() {
        let cut = Btf::parse(whole[..length].to_vec(), None);
        assert!(matches!(cut, Err(BtfError::Malformed { .. })), "{length}");
    }
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut bent = whole.clone();
            bent[place] ^= 1 << bit;
            if let Ok(btf) = Btf::parse(bent, None) {
                let _ = btf.member("bio", "iter.sector");
                let _ = btf.functions("disk_flush");
            }
        }
    }
}

#[test]
fn an_unknown_kind_ends_the_reading_with_its_number() {
    let mut builder = Builder::new();
    builder.record("future", 27, 0, 0);
    assert_eq!(Btf::parse(builder.bytes(), None).unwrap_err(), BtfError::UnknownKind { kind: 27 });
}
