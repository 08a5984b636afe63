//! One bit per region.
//!
//! ```text
//! region   0 ······ 63 │ 64 ····· 127 │ 128 ·· region_count-1  padding
//! word     0           │ 1            │ 2                      always 0
//! ```
//!
//! Region `i` is bit `i % 64` of word `i / 64`, which in little-endian bytes is the kernel's own order (`test_bit_le`,
//! and the `disk` log's format). What a set bit means is in the name of the field that holds the set (`clean`,
//! `in_sync`, `recovering`).
//!
//! Invariant: bits at and beyond the number of regions are padding. They are zero and never counted or found. A region
//! beyond the end is in no set; putting it in or taking it out does nothing.
//!
//! Counting, finding and extracting runs go over whole chunks of words, so that they run as fast as memory can be read.

use std::fmt;
use std::ops::Range;

use crate::event::ids::Region;

mod count;

/// Most regions that a log may have: `UINT_MAX`, which the kernel's constructor enforces since CVE-2026-53059 (6.1.175).
pub const REGION_COUNT_MAX: u64 = 0xffff_ffff;

/// Regions in a word.
const WORD_REGIONS: u64 = 64;
/// Words that are looked at together when most of them hold nothing of interest: wide enough for the compiler to use
/// vectors, small enough that finding the exact word in it does not show. 32 was measured faster than 8 and 16.
const SKIP_WORDS: usize = 32;

/// A set of regions, one bit for each. See the module for the order of the bits.
#[derive(Clone, PartialEq, Eq)]
pub struct RegionSet {
    words: Vec<u64>,
    region_count: u64,
}

/// Regions that lie side by side, both ends included. A run is never empty.
///
/// ```text
/// 0 0 1 1 1 0
///     ┴───┴      first 2, last 4
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionRange {
    /// First region of the run.
    pub first: Region,
    /// Last region of the run.
    pub last: Region,
}

impl RegionRange {
    /// Regions in the run, at least 1.
    pub fn region_count(self) -> u64 {
        self.last.0 - self.first.0 + 1
    }
}

impl RegionSet {
    /// No region of `region_count` is in the set.
    ///
    /// # Panics
    /// If `region_count` is above [`REGION_COUNT_MAX`]; [`LogGeometry`](super::geometry::LogGeometry) refuses that with
    /// an error.
    pub fn new_empty(region_count: u64) -> Self {
        Self { words: vec![0; word_count(region_count)], region_count }
    }

    /// Every region of `region_count` is in the set.
    ///
    /// # Panics
    /// As [`RegionSet::new_empty`].
    pub fn new_full(region_count: u64) -> Self {
        Self::from_words(region_count, vec![u64::MAX; word_count(region_count)])
    }

    /// The set that these words hold. Missing words are zero; words and bits beyond `region_count` are dropped.
    ///
    /// # Panics
    /// As [`RegionSet::new_empty`].
    pub fn from_words(region_count: u64, mut words: Vec<u64>) -> Self {
        words.resize(word_count(region_count), 0);
        let mut set = Self { words, region_count };
        set.clear_padding();
        set
    }

    /// Regions that the set speaks about, members or not.
    pub fn len(&self) -> u64 {
        self.region_count
    }

    /// Whether the set speaks about no region at all. Not: whether no region is in it.
    pub fn is_empty(&self) -> bool {
        self.region_count == 0
    }

    /// The words. Bits beyond the last region are zero.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether the region is in the set.
    #[inline]
    pub fn get(&self, region: Region) -> bool {
        region.0 < self.region_count && self.words.get(word(region)).is_some_and(|word| word & bit(region) != 0)
    }

    /// Puts the region in.
    #[inline]
    pub fn insert(&mut self, region: Region) {
        if let Some(word) = self.word_mut(region) {
            *word |= bit(region);
        }
    }

    /// Takes the region out.
    #[inline]
    pub fn remove(&mut self, region: Region) {
        if let Some(word) = self.word_mut(region) {
            *word &= !bit(region);
        }
    }

    /// Puts in this region and all behind it.
    pub fn insert_from(&mut self, first: Region) {
        if let Some(head) = self.word_mut(first) {
            *head |= u64::MAX << (first.0 % WORD_REGIONS);
            self.words[word(first) + 1..].fill(u64::MAX);
            self.clear_padding();
        }
    }

    /// Takes out this region and all behind it.
    pub fn remove_from(&mut self, first: Region) {
        if let Some(head) = self.word_mut(first) {
            *head &= !(u64::MAX << (first.0 % WORD_REGIONS));
            self.words[word(first) + 1..].fill(0);
        }
    }

    /// Regions in the set.
    pub fn count(&self) -> u64 {
        count::ones(&self.words)
    }

    /// The first region at or behind `from` that is in the set.
    pub fn first_set_from(&self, from: Region) -> Option<Region> {
        self.find::<true>(from)
    }

    /// The first region at or behind `from` that is not in the set.
    pub fn first_unset_from(&self, from: Region) -> Option<Region> {
        self.find::<false>(from)
    }

    /// Runs of regions in the set, in order, each as long as it can be.
    ///
    /// ```
    /// use dmlog_user::event::ids::Region;
    /// use dmlog_user::log::region_set::{RegionRange, RegionSet};
    ///
    /// let mut clean = RegionSet::new_full(100);
    /// clean.remove(Region(3));
    /// clean.remove(Region(4));
    /// let dirty: Vec<RegionRange> = clean.unset_runs().collect();
    /// assert_eq!(dirty, [RegionRange { first: Region(3), last: Region(4) }]);
    /// assert_eq!(clean.set_runs().count(), 2);
    /// assert_eq!(clean.count(), 98);
    /// ```
    pub fn set_runs(&self) -> Runs<'_, true> {
        Runs { set: self, at: Region(0) }
    }

    /// Runs of regions that are not in the set, in order, each as long as it can be.
    pub fn unset_runs(&self) -> Runs<'_, false> {
        Runs { set: self, at: Region(0) }
    }

    /// Checks the invariants; for tests, after every step.
    ///
    /// # Panics
    /// If one is broken.
    pub fn self_check(&self) {
        assert!(self.region_count <= REGION_COUNT_MAX, "{} regions", self.region_count);
        assert_eq!(self.words.len(), word_count(self.region_count), "as many words as the regions need");
        let padding = self.words.last().map_or(0, |last| last & !last_word_mask(self.region_count));
        assert_eq!(padding, 0, "bits beyond region {} are zero", self.region_count);
    }

    /// The first region at or behind `from` whose bit is `WANTED`.
    #[inline]
    fn find<const WANTED: bool>(&self, from: Region) -> Option<Region> {
        if from.0 >= self.region_count {
            return None;
        }
        let first = word(from);
        let head = wanted::<WANTED>(*self.words.get(first)?) & (u64::MAX << (from.0 % WORD_REGIONS));
        if head != 0 {
            return self.region_at(first, head);
        }
        let rest = self.words.get(first + 1..)?;
        let skipped = skip::<WANTED>(rest);
        let found = wanted::<WANTED>(*rest.get(skipped)?);
        self.region_at(first + 1 + skipped, found)
    }

    /// The region of the lowest bit that is set in `bits`, which stand in the given word; `None` in the padding.
    #[inline]
    fn region_at(&self, word: usize, bits: u64) -> Option<Region> {
        let region = Region(word as u64 * WORD_REGIONS + u64::from(bits.trailing_zeros()));
        (region.0 < self.region_count).then_some(region)
    }

    #[inline]
    fn word_mut(&mut self, region: Region) -> Option<&mut u64> {
        if region.0 < self.region_count { self.words.get_mut(word(region)) } else { None }
    }

    fn clear_padding(&mut self) {
        if let Some(last) = self.words.last_mut() {
            *last &= last_word_mask(self.region_count);
        }
    }
}

impl fmt::Debug for RegionSet {
    /// The runs and not the words: `RegionSet(100: 0-2 5-99)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionSet({}:", self.region_count)?;
        for RegionRange { first, last } in self.set_runs() {
            if first == last { write!(f, " {}", first.0)? } else { write!(f, " {}-{}", first.0, last.0)? }
        }
        f.write_str(")")
    }
}

/// Runs of equal bits; see [`RegionSet::set_runs`] and [`RegionSet::unset_runs`].
#[derive(Clone, Debug)]
pub struct Runs<'a, const WANTED: bool> {
    set: &'a RegionSet,
    at: Region,
}

impl<const WANTED: bool> Iterator for Runs<'_, WANTED> {
    type Item = RegionRange;

    fn next(&mut self) -> Option<RegionRange> {
        let first = self.set.find::<WANTED>(self.at)?;
        // The region that ends a run is not wanted, so the next search can begin behind it.
        let end = if WANTED { self.set.find::<false>(first) } else { self.set.find::<true>(first) };
        let end = end.map_or(self.set.region_count, |end| end.0);
        self.at = Region(end);
        Some(RegionRange { first, last: Region(end - 1) })
    }
}

/// Words before the first one that holds a wanted bit.
#[inline]
fn skip<const WANTED: bool>(words: &[u64]) -> usize {
    let chunks = words.chunks_exact(SKIP_WORDS);
    let whole = chunks.len();
    let boring =
        chunks.take_while(|chunk| chunk.iter().fold(0, |any, word| any | wanted::<WANTED>(*word)) == 0).count();
    let Range { start, end } =
        if boring < whole { boring * SKIP_WORDS..(boring + 1) * SKIP_WORDS } else { whole * SKIP_WORDS..words.len() };
    let within = words[start..end].iter().take_while(|word| wanted::<WANTED>(**word) == 0).count();
    start + within
}

/// The word with a one for each bit that is `WANTED`.
#[inline]
const fn wanted<const WANTED: bool>(word: u64) -> u64 {
    if WANTED { word } else { !word }
}

#[inline]
fn word(region: Region) -> usize {
    // Callers have compared the region with a count of at most 2^32 - 1.
    usize::try_from(region.0 / WORD_REGIONS).unwrap_or(usize::MAX)
}

#[inline]
const fn bit(region: Region) -> u64 {
    1 << (region.0 % WORD_REGIONS)
}

fn word_count(region_count: u64) -> usize {
    assert!(region_count <= REGION_COUNT_MAX, "a log has at most {REGION_COUNT_MAX} regions, not {region_count}");
    word(Region(region_count.next_multiple_of(WORD_REGIONS)))
}

/// Ones for the regions of the last word, zeros for its padding.
const fn last_word_mask(region_count: u64) -> u64 {
    match region_count % WORD_REGIONS {
        0 => u64::MAX,
        used => !(u64::MAX << used),
    }
}

#[cfg(test)]
mod tests;
