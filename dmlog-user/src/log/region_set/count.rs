//! Counts the ones of many words as fast as memory can be read.
//!
//! A build for every x86-64 may not use the CPU's own instructions for it, so the same function is there several times and the
//! CPU is asked once: with AVX-512's count of a vector, with AVX2 (where the compiler looks up the count of half bytes in a
//! vector), and the portable way.
//!
//! The portable way is a binary counter made of carry-save adders (Harley and Seal): three words of one weight become one of the
//! same weight (the sum of each bit column) and one of twice the weight (its carry). Sixteen words leave one carry of weight
//! 16, and only that one has its ones counted. Eight words are added side by side, which the compiler turns into vectors.
//!
//! Most sets are the same for long stretches (everything in sync, nothing recovering), so there a block of words that are all
//! ones or all zeros is only compared.
//!
//! ```text
//! 16 words of weight 1 ─┬→ ones ─┬→ twos ─┬→ fours ─┬→ eights ─→ carry of weight 16: count its ones
//!                       └ kept   └ kept   └ kept    └ kept        counted once at the end
//! ```

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

/// Words that are added side by side.
const LANES: usize = 8;
/// Rows of lanes between two counts.
const ROWS: usize = 16;

/// Bits of a whole block.
const BLOCK_BITS: u64 = (LANES * ROWS) as u64 * 64;

type Row = [u64; LANES];

/// Ones in the words.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vpopcntdq+avx2+popcnt", "x86_64+avx2+popcnt"))]
pub(super) fn ones(words: &[u64]) -> u64 {
    if target_cfg_f!(target_feature = "avx2") {
        words.iter().copied().map(word_ones).sum()
    } else {
        portable_ones(words)
    }
}

fn portable_ones(words: &[u64]) -> u64 {
    let (rows, tail) = words.as_chunks::<LANES>();
    let (blocks, rest) = rows.as_chunks::<ROWS>();
    let mut counter = Counter::default();
    let (mut full_blocks, mut sixteens) = (0, 0);
    for block in blocks {
        match uniform(block.as_flattened()) {
            Some(0) => {}
            Some(_) => full_blocks += 1,
            None => sixteens += row_ones(&counter.add_16(block)),
        }
    }
    let rest = rest.iter().map(row_ones).sum::<u64>() + tail.iter().copied().map(word_ones).sum::<u64>();
    full_blocks * BLOCK_BITS + 16 * sixteens + counter.ones() + rest
}

/// The word that all of these are, if that is all ones or all zeros.
#[inline]
fn uniform(words: &[u64]) -> Option<u64> {
    let first = *words.first().filter(|first| [0, u64::MAX].contains(first))?;
    let differs = words.iter().fold(0, |differs, word| differs | (word ^ first));
    (differs == 0).then_some(first)
}

/// A number for each bit column, in binary: the bit of weight 1 in `ones`, of weight 2 in `twos`, and so on.
#[derive(Default)]
struct Counter {
    ones: Row,
    twos: Row,
    fours: Row,
    eights: Row,
}

impl Counter {
    /// Adds 16 rows; the carry of weight 16.
    #[inline]
    fn add_16(&mut self, rows: &[Row; ROWS]) -> Row {
        let (halves, _none) = rows.as_chunks::<8>();
        let [first, second] = halves else { return Row::default() };
        let (a, b) = (self.add_8(first), self.add_8(second));
        add(&mut self.eights, &a, &b)
    }

    #[inline]
    fn add_8(&mut self, rows: &[Row; 8]) -> Row {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        let (a, b) = (self.add_4([r0, r1, r2, r3]), self.add_4([r4, r5, r6, r7]));
        add(&mut self.fours, &a, &b)
    }

    #[inline]
    fn add_4(&mut self, [r0, r1, r2, r3]: [&Row; 4]) -> Row {
        let (a, b) = (add(&mut self.ones, r0, r1), add(&mut self.ones, r2, r3));
        add(&mut self.twos, &a, &b)
    }

    /// What is kept, weighted.
    fn ones(&self) -> u64 {
        let Self { ones, twos, fours, eights } = self;
        row_ones(ones) + 2 * row_ones(twos) + 4 * row_ones(fours) + 8 * row_ones(eights)
    }
}

/// Adds two rows to `sum`; the carry, which weighs twice as much.
#[inline]
fn add(sum: &mut Row, a: &Row, b: &Row) -> Row {
    let mut carry = Row::default();
    for ((carry, sum), (a, b)) in carry.iter_mut().zip(sum).zip(a.iter().zip(b)) {
        let half = a ^ b;
        *carry = (a & b) | (half & *sum);
        *sum ^= half;
    }
    carry
}

fn row_ones(row: &Row) -> u64 {
    row.iter().copied().map(word_ones).sum()
}

fn word_ones(word: u64) -> u64 {
    u64::from(word.count_ones())
}

#[cfg(test)]
mod tests {
    use super::{ones, portable_ones};

    /// Every way that this CPU has.
    const WAYS: [fn(&[u64]) -> u64; 2] = [ones, portable_ones];

    #[test]
    fn every_length_and_every_single_bit_counts() {
        for (way, length) in WAYS.into_iter().flat_map(|way| (0..300).map(move |length| (way, length))) {
            assert_eq!(way(&vec![u64::MAX; length]), 64 * length as u64, "{length}");
            let mut words = vec![0; length];
            for place in 0..length {
                words[place] = 1 << (place % 64);
                assert_eq!(way(&words), 1, "{place} of {length}");
                words[place] = 0;
            }
        }
    }

    #[test]
    fn blocks_of_ones_and_of_zeros_stand_between_others() {
        let mut words = vec![u64::MAX; 128];
        words.extend([0; 128]);
        words.extend([1; 128]);
        words.extend([u64::MAX; 128]);
        assert_eq!(WAYS.map(|way| way(&words)), [128 * (64 + 1 + 64); 2]);
        // Begin like a block of ones, of zeros.
        words[127] = 1;
        words[255] = 1 << 63;
        assert_eq!(WAYS.map(|way| way(&words)), [128 * (64 + 1 + 64) - 63 + 1; 2]);
    }

    #[test]
    fn mixed_words_count_like_one_by_one() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut words = Vec::new();
        for _ in 0..1000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            words.push(state);
            let plain: u64 = words.iter().map(|word| u64::from(word.count_ones())).sum();
            assert_eq!(WAYS.map(|way| way(&words)), [plain; 2]);
        }
    }
}
