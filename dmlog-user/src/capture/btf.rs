//! A small reader of BTF, the kernel's own type information: functions by name, members by structure and name.
//!
//! A module's BTF is *split*: its type ids and string offsets continue those of vmlinux, so it is read on top of a base.
//! `/sys/kernel/btf` is trusted to be the kernel's, but not to be well-formed: every access is checked.

use std::collections::HashMap;
use std::sync::Arc;

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: usize = 24;
/// Types that one BTF may have; vmlinux has about 140,000.
const TYPES_MAX: usize = 4 << 20;
/// Depth of modifiers (`typedef`, `const`, …) that is followed.
const MODIFIERS_MAX: usize = 32;

const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FWD: u32 = 7;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_FLOAT: u32 = 16;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// Why BTF could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// Not BTF, or cut short.
    #[error("not BTF, or cut short at byte {at}")]
    Malformed {
        /// Byte offset.
        at: usize,
    },
    /// A kind of type that this version does not know; what follows it cannot be found.
    #[error("type kind {kind} is not known")]
    UnknownKind {
        /// The number.
        kind: u32,
    },
}

/// Type information of vmlinux or of one module.
#[derive(Debug)]
pub struct Btf {
    base: Option<Arc<Btf>>,
    bytes: Vec<u8>,
    /// Start of each type's record in `bytes`; the first has id [`Self::first_id`].
    starts: Vec<u32>,
    strings_at: usize,
    strings_len: usize,
    functions: HashMap<Box<str>, Vec<u32>>,
}

struct Type {
    name_offset: u32,
    kind: u32,
    vlen: usize,
    kind_flag: bool,
    size_or_type: u32,
    data: usize,
}

impl Btf {
    /// Reads BTF; `base` is vmlinux for a module's.
    ///
    /// # Errors
    /// [`BtfError`].
    pub fn parse(bytes: Vec<u8>, base: Option<Arc<Self>>) -> Result<Self, BtfError> {
        let word = |at| read_u32(&bytes, at).ok_or(BtfError::Malformed { at });
        if word(0)? & 0xffff != u32::from(MAGIC) {
            return Err(BtfError::Malformed { at: 0 });
        }
        let header = word(4)? as usize;
        if header < HEADER_BYTES {
            return Err(BtfError::Malformed { at: 4 });
        }
        let types_at = header + word(8)? as usize;
        let types_end = types_at + word(12)? as usize;
        let strings_at = header + word(16)? as usize;
        let strings_len = word(20)? as usize;
        if types_end > bytes.len() || strings_at + strings_len > bytes.len() {
            return Err(BtfError::Malformed { at: bytes.len() });
        }
        let mut btf = Self { base, bytes, starts: Vec::new(), strings_at, strings_len, functions: HashMap::new() };
        btf.index(types_at, types_end)?;
        Ok(btf)
    }

    fn index(&mut self, mut at: usize, end: usize) -> Result<(), BtfError> {
        while at < end && self.starts.len() < TYPES_MAX {
            let id = self.first_id() + self.starts.len();
            let of = self.type_at(at).ok_or(BtfError::Malformed { at })?;
            if of.kind == KIND_FUNC
                && let (Some(name), Ok(id)) = (self.string(of.name_offset), u32::try_from(id))
            {
                let name = name.into();
                self.functions.entry(name).or_default().push(id);
            }
            self.starts.push(u32::try_from(at).map_err(|_too_large| BtfError::Malformed { at })?);
            at = of.data + trailing(of.kind, of.vlen).ok_or(BtfError::UnknownKind { kind: of.kind })?;
        }
        Ok(())
    }

    fn first_id(&self) -> usize {
        // Id 0 is void and has no record.
        self.base.as_ref().map_or(1, |base| base.first_id() + base.starts.len())
    }

    fn strings_base(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.strings_base() + base.strings_len)
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let info = read_u32(&self.bytes, at + 4)?;
        Some(Type {
            name_offset: read_u32(&self.bytes, at)?,
            kind: (info >> 24) & 0x1f,
            vlen: (info & 0xffff) as usize,
            kind_flag: info >> 31 != 0,
            size_or_type: read_u32(&self.bytes, at + 8)?,
            data: at + 12,
        })
    }

    /// The BTF that holds a type, and the type.
    fn find(&self, id: u32) -> Option<(&Self, Type)> {
        let place = (id as usize).checked_sub(self.first_id());
        match place {
            Some(place) => Some((self, self.type_at(*self.starts.get(place)? as usize)?)),
            None => self.base.as_ref()?.find(id),
        }
    }

    fn string(&self, offset: u32) -> Option<&str> {
        let Some(offset) = (offset as usize).checked_sub(self.strings_base()) else {
            return self.base.as_ref()?.string(offset);
        };
        let strings = self.bytes.get(self.strings_at..self.strings_at + self.strings_len)?;
        let tail = strings.get(offset..)?;
        let end = tail.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&tail[..end]).ok()
    }

    /// Ids of the functions with this name in this BTF, not in its base. More than one means that the name is not safe to
    /// attach to.
    pub fn functions(&self, name: &str) -> &[u32] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// Number of parameters of a function.
    pub fn parameters(&self, function: u32) -> Option<usize> {
        let (of, func) = self.find(function)?;
        let (_, proto) = of.find(func.size_or_type).or_else(|| self.find(func.size_or_type))?;
        if proto.kind == KIND_FUNC_PROTO { Some(proto.vlen) } else { None }
    }

    /// Byte offset of a member of a structure of this BTF or its base, with dots for nested structures; members of anonymous
    /// structures and unions are found without naming those. `None` for bit fields too.
    pub fn member(&self, structure: &str, path: &str) -> Option<u32> {
        let mut id = self.structure(structure)?;
        let mut offset = 0;
        let mut rest = path;
        loop {
            let (name, tail) = rest.split_once('.').map_or((rest, None), |(name, tail)| (name, Some(tail)));
            let (member_offset, of) = self.member_of(id, name, 0)?;
            offset += member_offset;
            match tail {
                None => return Some(offset),
                Some(tail) => {
                    rest = tail;
                    id = self.strip(of)?;
                }
            }
        }
    }

    /// Size of a structure in bytes.
    pub fn size(&self, structure: &str) -> Option<u32> {
        let (_, of) = self.find(self.structure(structure)?)?;
        Some(of.size_or_type)
    }

    fn structure(&self, name: &str) -> Option<u32> {
        for (place, start) in self.starts.iter().enumerate() {
            let of = self.type_at(*start as usize)?;
            if of.kind == KIND_STRUCT && self.string(of.name_offset) == Some(name) {
                return u32::try_from(self.first_id() + place).ok();
            }
        }
        self.base.as_ref()?.structure(name)
    }

    /// Follows `typedef`, `const`, `volatile` and the like.
    fn strip(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MODIFIERS_MAX {
            let (_, of) = self.find(id)?;
            match of.kind {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => id = of.size_or_type,
                _ => return Some(id),
            }
        }
        None
    }

    /// Byte offset and type of a member.
    fn member_of(&self, id: u32, name: &str, depth: usize) -> Option<(u32, u32)> {
        let (holder, of) = self.find(id)?;
        if depth > MODIFIERS_MAX || !matches!(of.kind, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        for place in 0..of.vlen {
            let at = of.data + place * 12;
            let member_name = read_u32(&holder.bytes, at)?;
            let member_type = read_u32(&holder.bytes, at + 4)?;
            let mut bits = read_u32(&holder.bytes, at + 8)?;
            let mut bit_size = 0;
            if of.kind_flag {
                bit_size = bits >> 24;
                bits &= 0x00ff_ffff;
            }
            let member_name = holder.string(member_name)?;
            if member_name == name && bits % 8 == 0 && bit_size == 0 {
                return Some((bits / 8, member_type));
            }
            if member_name.is_empty()
                && let Some(inner) = self.strip(member_type)
                && let Some((offset, found)) = self.member_of(inner, name, depth + 1)
            {
                return Some((bits / 8 + offset, found));
            }
        }
        None
    }
}

/// Bytes after a type's three words; `None` for an unknown kind.
fn trailing(kind: u32, vlen: usize) -> Option<usize> {
    Some(match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => vlen * 12,
        KIND_ENUM | KIND_FUNC_PROTO => vlen * 8,
        KIND_PTR | KIND_FWD | KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_FUNC | KIND_FLOAT
        | KIND_TYPE_TAG => 0,
        _ => return None,
    })
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
