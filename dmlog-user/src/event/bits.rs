//! Bits of a log, as the kernel's memory had them when the log was resumed or when the capture asked.
//!
//! ```text
//! one bitset    region 0 ......... 32767 | 32768 ........ 65535 | ...      one event for each part, in order
//! three of them clean, in_sync, recovering                                one after the other
//! ```
//!
//! They tell a model of the log where to start. An event comes before everything in the stream that its bits may lack; what comes
//! behind it may be in the bits already, and applying it once more gives the same bits (`dmlog-ebpf/src/snapshot.rs` says why).
//! Where the capture asks while somebody resumes the log, two snapshots come mixed; the thread tells them apart.
//! Kept in one form only: no bit beyond the part's regions, no zero word at the end.

use dmlog_common::record::{BIG_BITS_BYTES, bitset};

use super::ids::Region;

/// Regions of one event at most: what the largest record holds.
#[expect(clippy::cast_possible_truncation, reason = "a page of bits is a small number")]
pub const PART_REGIONS_MAX: u32 = BIG_BITS_BYTES as u32 * u8::BITS;

/// Part of one bitset of a core or disk log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Which one.
    pub bitset: Bitset,
    /// Its first region here; a multiple of 32,768.
    pub first: Region,
    /// How many regions it speaks of, at most [`PART_REGIONS_MAX`]; 0 where nothing could be read.
    pub regions: u32,
    /// `log_c.region_count`: regions of the whole log. `None` if it failed its check.
    pub region_count: Option<u64>,
    /// The log has more regions than a snapshot has bits (`BITS_REGIONS_MAX`), and this is its last part.
    pub is_cut: bool,
    /// The bits: region `first + n` is bit `n % 64` of word `n / 64`. Words behind the last one are zero. `None` if they could
    /// not be read.
    pub words: Option<Vec<u64>>,
    /// What the log says beside them. Only the first part of a bitset has it.
    pub state: Option<LogState>,
}

/// The three bitsets of `struct log_c`, each named by what a set bit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bitset {
    /// `clean_bits`.
    #[doc(alias = "clean_bits")]
    Clean,
    /// `sync_bits`.
    #[doc(alias = "sync_bits")]
    InSync,
    /// `recovering_bits`.
    #[doc(alias = "recovering_bits")]
    Recovering,
}

/// Members of `struct log_c` that are no bitset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent flags of the kernel's structure")]
pub struct LogState {
    /// `sync_count`, in regions. Exact after a resume; in a snapshot that was asked for it may already count a
    /// `set_region_sync` that follows.
    pub sync_count: u64,
    /// `sync_search`: where the search for resync work goes on.
    pub sync_search: i32,
    /// `touched_dirtied`.
    pub touched_dirtied: bool,
    /// `touched_cleaned`.
    pub touched_cleaned: bool,
    /// `flush_failed`.
    pub flush_failed: bool,
    /// `log_dev_failed`.
    pub log_device_failed: bool,
    /// `log_dev_flush_failed`.
    pub log_device_flush_failed: bool,
}

impl Bitset {
    /// All, in the order of their numbers and of a snapshot.
    pub const ALL: [Self; 3] = [Self::Clean, Self::InSync, Self::Recovering];

    /// Its number in records and traces.
    pub fn number(self) -> u16 {
        match self {
            Self::Clean => bitset::CLEAN,
            Self::InSync => bitset::IN_SYNC,
            Self::Recovering => bitset::RECOVERING,
        }
    }

    /// The bitset with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|bitset| bitset.number() == number)
    }

    /// Its name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::InSync => "in_sync",
            Self::Recovering => "recovering",
        }
    }
}

impl Bits {
    /// What is told of bits that could not be read, or that were read in a way that proved wrong.
    pub fn unread() -> Self {
        Self {
            bitset: Bitset::Clean,
            first: Region(0),
            regions: 0,
            region_count: None,
            is_cut: false,
            words: None,
            state: None,
        }
    }

    /// Is the bit of a region set? `None` if this part does not speak of the region, or could not be read.
    pub fn get(&self, region: Region) -> Option<bool> {
        let place = region.0.checked_sub(self.first.0).filter(|place| *place < u64::from(self.regions))?;
        let word = usize::try_from(place / u64::from(u64::BITS)).ok()?;
        let word = self.words.as_ref()?.get(word).copied().unwrap_or(0);
        Some(word >> (place % u64::from(u64::BITS)) & 1 == 1)
    }

    /// How many bits are set; `None` if they could not be read.
    pub fn count(&self) -> Option<u64> {
        Some(self.words.as_ref()?.iter().map(|word| u64::from(word.count_ones())).sum())
    }

    /// Does this part speak of a region in this inclusive range?
    pub fn overlaps(&self, first: Region, last: Region) -> bool {
        let end = self.first.0.saturating_add(u64::from(self.regions));
        self.first.0 <= last.0 && first.0 < end
    }
}

/// Words of so many bits that lie as the kernel has them, lowest bit of the first byte first. What is behind the bits is padding,
/// set or not.
pub fn words_of_padded(bytes: &[u8], regions: u32) -> Vec<u64> {
    let mut words: Vec<u64> = bytes.chunks(size_of::<u64>()).map(word_of).collect();
    words.truncate(word_count(regions));
    let used = regions % u64::BITS;
    if used > 0
        && words.len() == word_count(regions)
        && let Some(last) = words.last_mut()
    {
        *last &= (1 << used) - 1;
    }
    trim(&mut words);
    words
}

/// The same for bits that somebody else wrote, where padding and whatever else [`bytes_of`] does not write is an error: `None`.
pub fn words_of(bytes: &[u8], regions: u32) -> Option<Vec<u64>> {
    let words: Vec<u64> = bytes.chunks(size_of::<u64>()).map(word_of).collect();
    is_plain(&words, regions).then_some(words).filter(|_| bytes.last() != Some(&0))
}

/// The bits as bytes, lowest bit of the first byte first, without zeros at the end.
pub fn bytes_of(words: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

/// Are these words the bits of so many regions, in the form in which they are kept?
pub fn is_plain(words: &[u64], regions: u32) -> bool {
    let used = regions % u64::BITS;
    let fits = match words.last() {
        None => true,
        Some(last) if words.len() == word_count(regions) && used > 0 => last >> used == 0,
        Some(_) => words.len() <= word_count(regions),
    };
    fits && words.last() != Some(&0)
}

fn trim(words: &mut Vec<u64>) {
    while words.last() == Some(&0) {
        words.pop();
    }
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; size_of::<u64>()];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

fn word_count(regions: u32) -> usize {
    regions.div_ceil(u64::BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::{Bits, Bitset, bytes_of, is_plain, words_of, words_of_padded};
    use crate::event::ids::Region;

    fn bits(first: u64, regions: u32, words: Option<Vec<u64>>) -> Bits {
        let first = Region(first);
        Bits { bitset: Bitset::Clean, first, regions, region_count: Some(100), is_cut: false, words, state: None }
    }

    #[test]
    fn bits_count_from_the_lowest_of_the_first_byte() {
        assert_eq!(words_of_padded(&[0x01, 0x80], 32), [0x8001]);
        assert_eq!(words_of_padded(&[0, 0, 0, 0, 0, 0, 0, 0, 0x02], 72), [0, 2]);
        let part = bits(32_768, 70, Some(vec![1 << 63, 0b10_0000]));
        assert_eq!(part.get(Region(32_768 + 63)), Some(true));
        assert_eq!(part.get(Region(32_768 + 64)), Some(false));
        assert_eq!(part.get(Region(32_768 + 69)), Some(true));
        assert_eq!(part.get(Region(32_768 + 70)), None, "behind the part");
        assert_eq!(part.get(Region(32_767)), None, "before the part");
        assert_eq!(part.count(), Some(2));
    }

    #[test]
    fn padding_is_no_region() {
        // A core log is made with all padded bits clean.
        assert_eq!(words_of_padded(&[0xff; 8], 32), [0xffff_ffff]);
        assert_eq!(words_of_padded(&[0xff; 64], 33), [0x1_ffff_ffff]);
        assert_eq!(words_of_padded(&[0xff; 16], 64), [u64::MAX]);
        assert_eq!(words_of_padded(&[0xff; 8], 0), [] as [u64; 0]);
        assert_eq!(words_of_padded(&[0xf0], 4), [] as [u64; 0]);
        assert_eq!(words_of_padded(&[0xff; 4], 64), [0xffff_ffff], "bytes that are not there are zero");
        assert_eq!(words_of(&[0xff; 4], 31), None);
        assert_eq!(words_of(&[0xff; 4], 32), Some(vec![0xffff_ffff]));
        assert_eq!(words_of(&[0xff; 9], 64), None);
    }

    #[test]
    fn there_is_one_form_only() {
        assert_eq!(words_of_padded(&[0; 4096], 32_768), [] as [u64; 0]);
        assert_eq!(words_of(&[], 0), Some(vec![]));
        assert_eq!(words_of(&[0], 8), None);
        assert_eq!(words_of(&[1, 0], 16), None);
        assert!(!is_plain(&[0], 64));
        assert!(!is_plain(&[1], 0));
        assert!(is_plain(&[1, 1], 65));
        assert!(!is_plain(&[1, 2], 65));
        assert!(!is_plain(&[1, 0, 1], 65));
        assert_eq!(bytes_of(&[0x0100]), [0, 1]);
        assert_eq!(bytes_of(&[]), [] as [u8; 0]);
    }

    #[test]
    fn an_empty_bitset_is_known_and_a_failed_read_is_not() {
        assert_eq!(bits(0, 32, Some(vec![])).get(Region(31)), Some(false));
        assert_eq!(bits(0, 32, Some(vec![])).count(), Some(0));
        assert_eq!(bits(0, 32, None).get(Region(31)), None);
        assert_eq!(bits(0, 32, None).count(), None);
    }

    #[test]
    fn parts_overlap_ranges() {
        let part = bits(100, 10, None);
        assert!(part.overlaps(Region(0), Region(100)));
        assert!(part.overlaps(Region(109), Region(200)));
        assert!(!part.overlaps(Region(110), Region(200)));
        assert!(!part.overlaps(Region(0), Region(99)));
        assert!(!bits(0, 0, None).overlaps(Region(0), Region(0)));
    }

    #[test]
    fn numbers_and_bitsets_are_one_to_one() {
        for bitset in Bitset::ALL {
            assert_eq!(Bitset::from_number(bitset.number()), Some(bitset));
        }
        assert_eq!(Bitset::from_number(3), None);
    }
}
