//! Reads what a kernel module says about itself: the section `.modinfo` of its ELF file.
//!
//! That is all `depmod` looks at for dependencies and aliases, so the package `kmod` is not needed.

/// What a guest has to know of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ModInfo {
    /// Modules it cannot be loaded without, as named by `depends=`.
    pub(crate) depends: Vec<String>,
    /// Modules that should be loaded before it where they exist (`softdep=pre:`).
    pub(crate) before: Vec<String>,
    /// Names under which the kernel asks for it: `fs-ext4`, `dm-log-userspace`.
    pub(crate) aliases: Vec<String>,
}

/// Reads a 64-bit little-endian ELF file; `None` when it is none or has no such section.
pub(crate) fn read(elf: &[u8]) -> Option<ModInfo> {
    let mut info = ModInfo::default();
    for entry in section(elf, b".modinfo")?.split(|byte| *byte == 0) {
        let Some((name, value)) = std::str::from_utf8(entry).ok().and_then(|text| text.split_once('=')) else {
            continue;
        };
        match name {
            "depends" => info.depends.extend(value.split(',').filter(|each| !each.is_empty()).map(normalized)),
            "softdep" => {
                let pre = value.split("pre:").nth(1).unwrap_or_default();
                let names = pre.split("post:").next().unwrap_or_default();
                info.before.extend(names.split_whitespace().map(normalized));
            }
            "alias" => info.aliases.push(value.to_owned()),
            _ => {}
        }
    }
    Some(info)
}

/// Module names are compared with underscores: the file `dm-mirror.ko` is the module `dm_mirror`.
pub(crate) fn normalized(name: &str) -> String {
    name.replace('-', "_")
}

/// The bytes of a section.
fn section<'a>(elf: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = number(elf, 0x28, 8)?;
    let entry_size = number(elf, 0x3a, 2)?;
    let count = number(elf, 0x3c, 2)?;
    let names_index = number(elf, 0x3e, 2)?;
    let header = |index: usize| elf.get(table.checked_add(index.checked_mul(entry_size)?)?..);
    let content = |header: &[u8]| {
        let (start, size) = (number(header, 0x18, 8)?, number(header, 0x20, 8)?);
        elf.get(start..start.checked_add(size)?)
    };
    let names = content(header(names_index)?)?;
    (0..count).find_map(|index| {
        let header = header(index)?;
        let name = names.get(number(header, 0, 4)?..)?;
        let name = name.split(|byte| *byte == 0).next()?;
        if name == wanted { content(header) } else { None }
    })
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    let value = field.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{ModInfo, read};

    /// The smallest file with the one section: header, content, names, two section headers.
    fn elf(modinfo: &[u8]) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file.extend_from_slice(modinfo);
        file.extend_from_slice(names);
        let table = file.len();
        for (name, start, size) in [(1_u32, 64, modinfo.len()), (10, 64 + modinfo.len(), names.len())] {
            let mut header = vec![0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&start.to_le_bytes());
            header[0x20..0x28].copy_from_slice(&size.to_le_bytes());
            file.extend_from_slice(&header);
        }
        file[0x28..0x30].copy_from_slice(&table.to_le_bytes());
        file[0x3a..0x3c].copy_from_slice(&64_u16.to_le_bytes());
        file[0x3c..0x3e].copy_from_slice(&2_u16.to_le_bytes());
        file[0x3e..0x40].copy_from_slice(&1_u16.to_le_bytes());
        file
    }

    #[test]
    fn dependencies_and_aliases_are_read() {
        let text = b"license=GPL\0alias=fs-ext4\0depends=jbd2,dm-mod\0softdep=pre: crc32c aes post: x\0";
        let expected = ModInfo {
            depends: vec!["jbd2".to_owned(), "dm_mod".to_owned()],
            before: vec!["crc32c".to_owned(), "aes".to_owned()],
            aliases: vec!["fs-ext4".to_owned()],
        };
        assert_eq!(read(&elf(text)), Some(expected));
        assert_eq!(read(&elf(b"depends=\0")), Some(ModInfo::default()));
    }

    #[test]
    fn a_file_cut_anywhere_is_no_module_and_no_panic() {
        let whole = elf(b"depends=a\0");
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]).filter(|info| info.depends.len() > 1), None);
        }
        assert_eq!(read(b"not an elf file"), None);
    }
}
