//! Random numbers that are the same on every machine: integers only, no library, no floating point.

/// A small generator (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // Neighbouring seeds begin alike.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to, and without, `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A place below `end`, small ones more often: each power of two has the same share, which is Zipf's law for the
    /// exponent 1.
    pub(crate) fn zipf(&mut self, end: u64) -> u64 {
        let octaves = u64::from(end.max(1).ilog2()) + 1;
        let first = 1_u64 << self.below(octaves);
        (first - 1 + self.below(first)).min(end.saturating_sub(1))
    }

    /// A value whose distribution has these quantiles.
    pub(crate) fn draw(&mut self, quantiles: &Quantiles) -> u64 {
        let at = self.below(Quantiles::WHOLE);
        let above = Quantiles::AT.iter().position(|edge| at < *edge).unwrap_or(Quantiles::AT.len() - 1).max(1);
        let (from, to) = (Quantiles::AT[above - 1], Quantiles::AT[above]);
        let (low, high) = (quantiles.0[above - 1], quantiles.0[above]);
        low + (high - low) * (at - from) / (to - from)
    }
}

/// A distribution: the smallest value, the quantiles 0.1, 0.5, 0.9, 0.99, 0.999, and the largest value, rising.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiles(pub(crate) [u64; 7]);

impl Quantiles {
    const WHOLE: u64 = 1_000_000;
    const AT: [u64; 7] = [0, 100_000, 500_000, 900_000, 990_000, 999_000, Self::WHOLE];
}
