//! The checksum in the last row of each batch: CRC-32C over the canonical bytes of the rows before it, begun with the
//! checksum of the batch before. `FORMAT.md` defines the bytes; writer and reader both come here for them.

use crc32c::crc32c_append;

/// No row has a value.
const TAG_NONE: u8 = 0;
/// Every row has a value.
const TAG_ALL: u8 = 1;
/// Some rows have one: a bitmap comes first.
const TAG_SOME: u8 = 2;

/// Which rows of a column have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    None,
    All,
    Some,
}

/// How many of the first `rows` rows have a value; a column without bitmap has them all.
pub(crate) fn present(valid: Option<&[u8]>, rows: usize) -> usize {
    let Some(valid) = valid else {
        return rows;
    };
    let (words, bytes) = valid.get(..rows / 8).unwrap_or_default().as_chunks();
    let in_words: usize = words.iter().map(|word| u64::from_le_bytes(*word).count_ones() as usize).sum();
    let in_bytes: usize = bytes.iter().map(|byte| byte.count_ones() as usize).sum();
    in_words + in_bytes + last_byte(valid, rows).map_or(0, |last| last.count_ones() as usize)
}

/// Which of the first `rows` rows have a value.
pub(crate) fn presence(valid: Option<&[u8]>, rows: usize) -> Presence {
    match present(valid, rows) {
        0 => Presence::None,
        n if n == rows => Presence::All,
        _ => Presence::Some,
    }
}

/// The bitmap's last, partly used byte with the unused bits cleared.
fn last_byte(valid: &[u8], rows: usize) -> Option<u8> {
    let used = rows % 8;
    if used == 0 { None } else { valid.get(rows / 8).map(|byte| byte & ((1 << used) - 1)) }
}

/// Computes one seal.
pub(crate) struct Sealer {
    crc: u32,
    rows: usize,
}

impl Sealer {
    /// Begins the seal of a batch of `rows` rows, not counting the seal itself; `chain` is the seal before.
    pub(crate) fn new(chain: u32, rows: usize, is_end: bool) -> Self {
        let mut head = [0; 9];
        let (count, flag) = head.split_at_mut(8);
        count.copy_from_slice(&(rows as u64).to_le_bytes());
        flag.copy_from_slice(&[u8::from(is_end)]);
        Self { crc: crc32c_append(chain, &head), rows }
    }

    /// Adds a column of values of `width` bytes. `false` if there are too few bytes.
    #[must_use]
    pub(crate) fn fixed(&mut self, valid: Option<&[u8]>, values: &[u8], width: usize) -> bool {
        if !self.presence(valid) {
            return true;
        }
        self.bytes(values.get(..self.rows * width))
    }

    /// Adds a column of text: offsets (4 bytes each, one more than rows) and what they point into. `false` if there are
    /// too few bytes.
    #[must_use]
    pub(crate) fn text(&mut self, valid: Option<&[u8]>, offsets: &[u8], data: &[u8]) -> bool {
        if !self.presence(valid) {
            return true;
        }
        let offsets = offsets.get(..(self.rows + 1) * 4);
        let end = offsets.and_then(|bytes| bytes.last_chunk()).map(|last| u32::from_le_bytes(*last));
        self.bytes(offsets) && self.bytes(end.and_then(|end| data.get(..end as usize)))
    }

    /// The seal.
    pub(crate) fn finish(self) -> u32 {
        self.crc
    }

    /// Adds the tag and, where there is one, the bitmap. `false` if nothing more belongs to the column.
    fn presence(&mut self, valid: Option<&[u8]>) -> bool {
        let presence = presence(valid, self.rows);
        let tag = match presence {
            Presence::None => TAG_NONE,
            Presence::All => TAG_ALL,
            Presence::Some => TAG_SOME,
        };
        self.crc = crc32c_append(self.crc, &[tag]);
        if let (Presence::Some, Some(valid)) = (presence, valid) {
            self.crc = crc32c_append(self.crc, valid.get(..self.rows / 8).unwrap_or_default());
            if let Some(last) = last_byte(valid, self.rows) {
                self.crc = crc32c_append(self.crc, &[last]);
            }
        }
        presence != Presence::None
    }

    fn bytes(&mut self, bytes: Option<&[u8]>) -> bool {
        match bytes {
            Some(bytes) => {
                self.crc = crc32c_append(self.crc, bytes);
                true
            }
            None => false,
        }
    }
}

/// What the first batch's seal begins with: the checksum of everything that gives the rows their meaning.
pub(crate) fn header_chain<'a>(metadata: [&str; 3], dictionaries: impl IntoIterator<Item = &'a [String]>) -> u32 {
    let mut crc = 0;
    let mut add = |bytes: &[u8]| {
        crc = crc32c_append(crc, &(bytes.len() as u64).to_le_bytes());
        crc = crc32c_append(crc, bytes);
    };
    for value in metadata {
        add(value.as_bytes());
    }
    for words in dictionaries {
        add(words.join("\n").as_bytes());
    }
    crc
}
