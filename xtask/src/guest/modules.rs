//! The kernel modules of a guest: the wanted ones and what they need, unpacked, with an index that `modprobe` reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::guest::cpio::Tree;
use crate::guest::kernel::Kernel;
use crate::guest::modinfo::{self, ModInfo, normalized};
use crate::setup::store;

/// Without these a guest is of no use; a kernel has them as modules or built in.
const REQUIRED: [&str; 9] =
    ["dm_mod", "dm_log", "dm_region_hash", "dm_mirror", "dm_log_userspace", "brd", "virtio_pci", "9pnet_virtio", "9p"];
/// Taken where the kernel has them.
const OPTIONAL: [&str; 30] = [
    "dm_delay",
    "dm_flakey",
    "dm_zero",
    "dm_dust",
    "dm_raid",
    "dm_snapshot",
    "dm_crypt",
    "loop",
    "null_blk",
    "scsi_debug",
    "sd_mod",
    "virtio_blk",
    "virtio_scsi",
    "virtio_console",
    "virtio_rng",
    "virtio_net",
    "ext4",
    "xfs",
    "overlay",
    "crc32c_generic",
    "crc32c_intel",
    "crc32c",
    "libcrc32c",
    "xxhash_generic",
    "configfs",
    "dlm",
    "gfs2",
    "af_packet",
    "ipv6",
    "tun",
];

/// One module file of the closure.
#[derive(Debug)]
struct Module {
    /// Below the module tree, without compression suffix: `kernel/drivers/md/dm-mirror.ko`.
    name: String,
    bytes: Vec<u8>,
    info: ModInfo,
}

/// Puts the modules and their index into the tree.
pub(crate) fn add(kernel: &Kernel, tree: &mut Tree) -> Result<()> {
    let modules = closure(kernel)?;
    let base = format!("/usr/lib/modules/{}", kernel.release);
    tree.file(&format!("{base}/modules.dep"), dependency_index(&modules).into_bytes(), 0o644);
    tree.file(&format!("{base}/modules.alias"), alias_index(&modules).into_bytes(), 0o644);
    for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        if let Ok(bytes) = fs::read(kernel.dir.join("modules").join(name)) {
            tree.file(&format!("{base}/{name}"), bytes, 0o644);
        }
    }
    for module in modules.into_values() {
        tree.file(&format!("{base}/{}", module.name), module.bytes, 0o644);
    }
    Ok(())
}

/// The wanted modules and everything they depend on, by normalized name.
fn closure(kernel: &Kernel) -> Result<BTreeMap<String, Module>> {
    let root = kernel.dir.join("modules");
    let files = module_files(&root)?;
    let builtin: BTreeSet<String> = fs::read_to_string(root.join("modules.builtin"))
        .unwrap_or_default()
        .lines()
        .map(|line| module_name(Path::new(line)))
        .collect();
    let mut found = BTreeMap::new();
    let required = REQUIRED.map(|name| (name.to_owned(), true));
    let mut pending: Vec<(String, bool)> = OPTIONAL.map(|name| (name.to_owned(), false)).into_iter().collect();
    pending.extend(required);
    while let Some((name, is_required)) = pending.pop() {
        if found.contains_key(&name) || builtin.contains(&name) {
            continue;
        }
        let Some(path) = files.get(&name) else {
            if is_required {
                bail!("kernel {} has no module `{name}`", kernel.release);
            }
            continue;
        };
        let bytes = unpacked(path)?;
        let info = modinfo::read(&bytes).with_context(|| format!("`{}` is no kernel module", path.display()))?;
        pending.extend(info.depends.iter().map(|each| (each.clone(), is_required)));
        pending.extend(info.before.iter().map(|each| (each.clone(), false)));
        let relative = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned();
        let plain = relative.split_once(".ko").map_or(relative.as_str(), |(stem, _)| stem);
        found.insert(name, Module { name: format!("{plain}.ko"), bytes, info });
    }
    Ok(found)
}

/// Every module file below the tree by normalized name.
fn module_files(root: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let files = store::files_below(root)?;
    let is_module = |path: &PathBuf| path.to_string_lossy().contains(".ko");
    Ok(files.into_iter().filter(is_module).map(|path| (module_name(&path), path)).collect())
}

/// `kernel/drivers/md/dm-mirror.ko.xz` → `dm_mirror`.
fn module_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    normalized(file.split(".ko").next().unwrap_or_default())
}

/// The module as the kernel loads it; the guest's `modprobe` cannot decompress.
fn unpacked(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return fs::read(path).with_context(|| format!("`{}` cannot be read", path.display())),
    };
    let output = Command::new(program).args(["-d", "-c"]).arg(path).output();
    let output = output.with_context(|| format!("`{program}` did not start; run `cargo xtask setup`"))?;
    if !output.status.success() {
        bail!("`{}` cannot be decompressed: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// `modules.dep`: after the colon everything the module needs, each before what *it* needs, as depmod writes it.
fn dependency_index(modules: &BTreeMap<String, Module>) -> String {
    let line = |(name, module): (&String, &Module)| {
        let mut order = Vec::new();
        visit(name, modules, &mut order);
        order.pop();
        let needed = order.iter().rev().filter_map(|each| modules.get(each)).map(|each| each.name.as_str());
        let words: Vec<&str> = needed.collect();
        let gap = if words.is_empty() { "" } else { " " };
        format!("{}:{gap}{}\n", module.name, words.join(" "))
    };
    modules.iter().map(line).collect()
}

/// Appends a module after everything it depends on.
fn visit(name: &str, modules: &BTreeMap<String, Module>, order: &mut Vec<String>) {
    let Some(module) = modules.get(name) else { return };
    if order.iter().any(|each| each == name) {
        return;
    }
    for each in module.info.before.iter().chain(&module.info.depends) {
        visit(each, modules, order);
    }
    order.push(name.to_owned());
}

/// `modules.alias`: what the kernel asks for → module.
fn alias_index(modules: &BTreeMap<String, Module>) -> String {
    let lines = modules
        .iter()
        .flat_map(|(name, module)| module.info.aliases.iter().map(move |alias| format!("alias {alias} {name}\n")));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BTreeMap, ModInfo, Module, alias_index, dependency_index, module_name};

    fn module(name: &str, depends: &[&str]) -> (String, Module) {
        let info = ModInfo {
            depends: depends.iter().map(|each| (*each).to_owned()).collect(),
            aliases: vec![format!("fs-{name}")],
            ..ModInfo::default()
        };
        (name.to_owned(), Module { name: format!("k/{name}.ko"), bytes: Vec::new(), info })
    }

    #[test]
    fn the_index_lists_the_deepest_dependency_last() {
        let modules: BTreeMap<_, _> =
            [module("mirror", &["log", "hash"]), module("hash", &["log"]), module("log", &["mod"]), module("mod", &[])]
                .into();
        let index = dependency_index(&modules);
        let expected = "k/hash.ko: k/log.ko k/mod.ko\nk/log.ko: k/mod.ko\n\
                        k/mirror.ko: k/hash.ko k/log.ko k/mod.ko\nk/mod.ko:\n";
        assert_eq!(index, expected);
        assert!(alias_index(&modules).contains("alias fs-log log\n"));
    }

    #[test]
    fn a_module_is_named_by_its_file_with_underscores() {
        assert_eq!(module_name(Path::new("kernel/drivers/md/dm-mirror.ko.xz")), "dm_mirror");
        assert_eq!(module_name(Path::new("kernel/net/9p/9pnet_virtio.ko")), "9pnet_virtio");
    }
}
