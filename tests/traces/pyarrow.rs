//! Somebody else's reader: pyarrow sees the same rows, the same counts, the same sums.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use dmlog_user::event::item::Item;
use dmlog_user::event::text::{Value, Visitor, visit};

use crate::damage::{items, trace};

/// The Python that has pyarrow, if there is one.
pub(crate) fn python() -> Result<PathBuf, String> {
    let python = match std::env::var_os("DMLOG_PYTHON").map(PathBuf::from) {
        Some(python) => python,
        None => cache_folder().ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("dmlog-top/venv/bin/python"),
    };
    match Command::new(&python).args(["-c", "import pyarrow"]).output() {
        Ok(output) if output.status.success() => Ok(python),
        Ok(_) => Err(format!("{} has no pyarrow", python.display())),
        Err(error) => Err(format!("{} does not run: {error}", python.display())),
    }
}

fn cache_folder() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
}

#[derive(Default)]
struct OpName(&'static str);

impl Visitor for OpName {
    fn op(&mut self, name: &'static str) {
        self.0 = name;
    }

    fn pair(&mut self, _key: &'static str, _value: Value<'_>) {}
}

fn counts(items: &[Item]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        let mut name = OpName::default();
        visit(item, &mut name);
        *counts.entry(name.0.to_owned()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn pyarrow_reads_the_trace() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP pyarrow_reads_the_trace: {reason}");
            return;
        }
    };
    let items = items();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pyarrow.dmlog");
    std::fs::write(&path, trace(&items, 40, true)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/pyarrow_counts.py");
    let output = Command::new(python).arg(script).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let ops: BTreeMap<String, u64> = serde_json::from_value(read["ops"].clone()).unwrap();
    assert_eq!(ops, counts(&items));
    assert_eq!(read["rows"], items.len());
    assert_eq!(read["lost"], 12);
    assert_eq!(read["schema_version"], "1.1");
    assert_eq!(read["facts"]["kernel_release"], "6.12.0");
    assert_eq!(read["devices"], serde_json::json!(["vg/lv"]));
    assert_eq!(read["commands"], serde_json::json!(["fio"]));
    // Log, bitset, first region, regions, set bits, sync count: as Python reads them.
    let bits = serde_json::json!([
        [1, "clean", 0, 32_768, 32_767, 199],
        [1, "clean", 32_768, 200, 199, null],
        [1, "recovering", 0, 200, 0, null],
    ]);
    assert_eq!(read["bits"], bits);
    let seals = |key: &str| read["seals"][key].clone();
    assert_eq!(seals("wrong"), 0, "FORMAT.md says how to compute a seal, and this did it by that alone");
    assert_eq!(seals("ended"), true);
}
