//! Guest kernels: which package carries which, and what of it is kept in the cache.
//!
//! A kernel is addressed by its series (`5.10`, `6.1`, `6.12`) or as `newest`. What version that is at the moment is
//! decided by the metapackage `linux-image-amd64` of each release, never here: versions are withdrawn from a mirror
//! when they are replaced. Once in the cache a kernel stays the same until `cargo xtask setup --refresh`.
//!
//! ```text
//! CACHE/kernels/newest            text: the series that is the newest one, `7.3`
//! CACHE/kernels/6.12/vmlinuz
//!                    System.map, config   where the package has them
//!                    release      text: what `uname -r` prints
//!                    packages     text: package, version and SHA-256 of every archive this was taken from
//!                    modules/     the part of lib/modules/RELEASE that guests can use
//!                    SHA256SUMS   of all of the above; written last, so a folder without it is not a kernel
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::paths::cache_dir;
use crate::process;
use crate::setup::apt::{PrivateApt, Stanza};
use crate::setup::store::{check, create_dir, files_below, remove_dir, scratch_dir, seal, write_whole};

/// The kernels that every test run boots: the oldest one that Debian still has, two long-term ones, the newest.
pub(crate) const TESTED: [&str; 4] = ["5.10", "6.1", "6.12", NEWEST];
/// Stands for the newest packaged kernel, whatever its number is.
pub(crate) const NEWEST: &str = "newest";

/// The package that always depends on the current kernel of a release.
const METAPACKAGE: &str = "linux-image-amd64";
/// Newer kernels split their package; these carry the image, the modules, and the lists of both.
const PARTS: [&str; 4] = ["linux-image-", "linux-binary-", "linux-modules-", "linux-base-"];
/// Folders of the module tree that a guest without hardware can make use of. The rest is nine tenths of it.
const KEPT_MODULES: [&str; 19] = [
    "arch/",
    "block/",
    "crypto/",
    "fs/",
    "lib/",
    "mm/",
    "net/9p/",
    "net/core/",
    "net/ipv6/",
    "net/packet/",
    "drivers/base/",
    "drivers/block/",
    "drivers/char/",
    "drivers/connector/",
    "drivers/dax/",
    "drivers/md/",
    "drivers/net/",
    "drivers/scsi/",
    "drivers/virtio/",
];
/// Subfolders of the above for hardware that no guest has.
const DROPPED_MODULES: [&str; 6] = [
    "drivers/net/wireless/",
    "drivers/net/ethernet/",
    "drivers/net/usb/",
    "drivers/net/can/",
    "drivers/net/wan/",
    "drivers/block/drbd/",
];

/// Where the kernels are.
pub(crate) fn kernels_dir() -> PathBuf {
    cache_dir().join("kernels")
}

/// The folder of a kernel that is in the cache, complete or not.
pub(crate) fn kernel_dir(name: &str) -> Option<PathBuf> {
    let series = if name == NEWEST {
        fs::read_to_string(kernels_dir().join(NEWEST)).ok()?.trim().to_owned()
    } else {
        name.to_owned()
    };
    Some(kernels_dir().join(series))
}

/// Which of `wanted` are missing from the cache or damaged, each with the reason.
pub(crate) fn missing(wanted: &[&str]) -> Vec<(String, String)> {
    let mut reasons = Vec::new();
    for name in wanted {
        let reason = match kernel_dir(name) {
            None => Some("not downloaded yet".to_owned()),
            Some(dir) if !dir.join("SHA256SUMS").is_file() => Some("not downloaded yet".to_owned()),
            Some(dir) => check(&dir).err().map(|error| format!("{error:#}")),
        };
        reasons.extend(reason.map(|reason| ((*name).to_owned(), reason)));
    }
    reasons
}

/// Downloads and unpacks the kernels in `wanted`, unless the cache holds just these versions.
pub(crate) fn install(wanted: &[&str]) -> Result<()> {
    create_dir(&kernels_dir())?;
    let lists = cache_dir().join("apt");
    let apt = PrivateApt::open(&lists)?;
    let available = resolve(&apt.show(METAPACKAGE)?);
    for name in wanted {
        let found = if *name == NEWEST { available.last_key_value() } else { available.get_key_value(&key_of(name)) };
        let Some((_, image)) = found else {
            let list = available.values().map(|image| image.series.as_str()).collect::<Vec<_>>().join(", ");
            bail!("no release has a kernel `{name}`; there are {list}");
        };
        install_image(&apt, image)?;
        if *name == NEWEST {
            write_whole(&kernels_dir().join(NEWEST), image.series.as_bytes())?;
        }
    }
    // The lists are many times larger than what they were asked for.
    remove_dir(&lists)
}

/// A kernel package that a metapackage names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Image {
    /// `6.12`.
    series: String,
    /// `linux-image-6.12.107+deb13-amd64`.
    package: String,
    /// Package version.
    version: String,
}

/// Sorts series by number: `5.10` comes before `6.1` and after `5.9`.
fn key_of(series: &str) -> Vec<u32> {
    series.split('.').map_while(|part| part.parse().ok()).collect()
}

/// The kernel that each version of the metapackage depends on, by series.
fn resolve(metapackages: &[Stanza]) -> BTreeMap<Vec<u32>, Image> {
    let images = metapackages.iter().filter_map(|stanza| {
        let version = stanza.get("Version")?;
        let depends = stanza.get("Depends")?.split(',').map(str::trim);
        let package =
            depends.filter_map(|each| each.split_whitespace().next()).find(|name| name.starts_with("linux-image-"))?;
        let release = package.strip_prefix("linux-image-")?;
        let mut numbers = release.split(['.', '-', '+']);
        let series = format!("{}.{}", numbers.next()?, numbers.next()?);
        Some(Image { series, package: package.to_owned(), version: version.clone() })
    });
    let mut newest_of_series = BTreeMap::new();
    for image in images {
        // Apt lists the newest version first.
        newest_of_series.entry(key_of(&image.series)).or_insert(image);
    }
    newest_of_series
}

/// Downloads all parts of a kernel and moves what is kept into the cache under the name of its series.
fn install_image(apt: &PrivateApt, image: &Image) -> Result<()> {
    let parts = parts(apt, image)?;
    let fields = ["Package", "Version", "SHA256"];
    let line = |part: &Stanza| fields.map(|field| part.get(field).cloned().unwrap_or_default()).join(" ") + "\n";
    let record: String = parts.iter().map(line).collect();
    let target = kernels_dir().join(&image.series);
    if fs::read_to_string(target.join("packages")).is_ok_and(|text| text == record) && check(&target).is_ok() {
        eprintln!("setup: kernel {} is already {}", image.series, image.version);
        return Ok(());
    }
    eprintln!("setup: kernel {} from {} {}", image.series, image.package, image.version);
    let scratch = scratch_dir("kernel")?;
    let (tree, kept) = (scratch.join("tree"), scratch.join("kept"));
    create_dir(&kept)?;
    for part in &parts {
        let archive = apt.download(part, &scratch)?;
        process::run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&tree))?;
    }
    keep(&tree, &kept)?;
    write_whole(&kept.join("packages"), record.as_bytes())?;
    seal(&kept)?;
    remove_dir(&target)?;
    fs::rename(&kept, &target).with_context(|| format!("`{}` cannot be put in place", target.display()))?;
    remove_dir(&scratch)
}

/// The image package and, where it is only a shell, the packages it depends on that carry the files.
fn parts(apt: &PrivateApt, image: &Image) -> Result<Vec<Stanza>> {
    let mut parts: Vec<Stanza> = Vec::new();
    let mut pending = vec![image.package.clone()];
    while let Some(name) = pending.pop() {
        if parts.iter().any(|part| part["Package"] == name) {
            continue;
        }
        // The name carries the release, so all parts of it are of one build; apt lists the newest first.
        let stanza = apt.show(&name)?.into_iter().next().with_context(|| format!("package `{name}` has no version"))?;
        for each in stanza.get("Depends").map(String::as_str).unwrap_or_default().split(',') {
            let dependency = each.split_whitespace().next().unwrap_or_default();
            if PARTS.iter().any(|prefix| dependency.starts_with(prefix)) {
                pending.push(dependency.to_owned());
            }
        }
        parts.push(stanza);
    }
    Ok(parts)
}

/// Moves the image, the symbol map and the useful modules from an unpacked package into `kept`.
fn keep(tree: &Path, kept: &Path) -> Result<()> {
    let modules = module_tree(tree)?;
    let release = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
    write_whole(&kept.join("release"), release.as_bytes())?;
    let images = [tree.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
    let image = images.iter().find(|path| path.is_file()).context("the package has no vmlinuz")?;
    fs::copy(image, kept.join("vmlinuz")).context("vmlinuz cannot be copied")?;
    for name in ["System.map", "config"] {
        let places = [tree.join("boot").join(format!("{name}-{release}")), modules.join(name)];
        if let Some(place) = places.iter().find(|path| path.is_file()) {
            fs::copy(place, kept.join(name)).with_context(|| format!("{name} cannot be copied"))?;
        }
    }
    for path in files_below(&modules)? {
        let name = path.strip_prefix(&modules).unwrap_or(&path);
        if is_kept(&name.to_string_lossy()) {
            let target = kept.join("modules").join(name);
            create_dir(target.parent().unwrap_or(kept))?;
            fs::rename(&path, &target).with_context(|| format!("`{}` cannot be moved", path.display()))?;
        }
    }
    Ok(())
}

/// The one folder below lib/modules, in either place of it.
fn module_tree(tree: &Path) -> Result<PathBuf> {
    for base in ["usr/lib/modules", "lib/modules"] {
        if let Ok(entries) = fs::read_dir(tree.join(base))
            && let Some(entry) = entries.flatten().next()
        {
            return Ok(entry.path());
        }
    }
    bail!("the kernel package has no modules")
}

/// Whether a file of the module tree is of any use in a guest; `name` is relative to the tree.
fn is_kept(name: &str) -> bool {
    match name.strip_prefix("kernel/") {
        Some(module) => {
            KEPT_MODULES.iter().any(|prefix| module.starts_with(prefix))
                && !DROPPED_MODULES.iter().any(|prefix| module.starts_with(prefix))
        }
        None => name.starts_with("modules."),
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, is_kept, key_of, resolve};
    use crate::setup::apt::Stanza;

    fn metapackage(version: &str, depends: &str) -> Stanza {
        [("Version", version), ("Depends", depends)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn the_metapackage_names_the_kernel_and_the_newest_is_by_number() {
        let images = resolve(&[
            metapackage("5.10.223-1", "linux-image-5.10.0-32-amd64 (= 5.10.223-1)"),
            metapackage("7.3.4-1~bpo13+1", "linux-image-7.3.4+deb13-amd64 (= 7.3.4-1~bpo13+1)"),
            metapackage("6.1.192-2", "linux-image-6.1.0-50-amd64 (= 6.1.192-2)"),
        ]);
        let series: Vec<&str> = images.values().map(|image| image.series.as_str()).collect();
        assert_eq!(series, ["5.10", "6.1", "7.3"]);
        let expected = Image {
            series: "5.10".to_owned(),
            package: "linux-image-5.10.0-32-amd64".to_owned(),
            version: "5.10.223-1".to_owned(),
        };
        assert_eq!(images[&key_of("5.10")], expected);
        assert!(key_of("6.9") < key_of("6.12"));
    }

    #[test]
    fn hardware_that_no_guest_has_is_left_out() {
        assert!(is_kept("kernel/drivers/md/dm-mirror.ko.xz") && is_kept("modules.builtin"));
        for name in ["kernel/drivers/gpu/drm/drm.ko", "kernel/drivers/net/wireless/x.ko", "build", "vmlinuz"] {
            assert!(!is_kept(name), "`{name}` is of no use");
        }
    }
}
