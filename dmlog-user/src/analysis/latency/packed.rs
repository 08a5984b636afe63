//! Distributions in bytes: most buckets hold nothing.

use super::{Counted, Latency};
use crate::analysis::packing::{Pack, put, put_sparse, take, take_count, take_sparse};

impl Pack for Latency {
    fn pack(&self, bytes: &mut Vec<u8>) {
        let Self { recent, recents, scale: _, counted } = self;
        let recent = recent.get(..usize::from(*recents)).unwrap_or_default();
        put(bytes, recent.len() as u64);
        for &ns in recent {
            put(bytes, ns.into());
        }
        put(bytes, counted.is_some().into());
        let Some(counted) = counted else { return };
        let Counted { counts, more, count, sum_ns, min_ns, max_ns, clamped } = &**counted;
        for number in [*count, *sum_ns, *min_ns, *max_ns, *clamped] {
            put(bytes, number);
        }
        put_sparse(bytes, counts, &0, |bytes, &count| put(bytes, count.into()));
        put_sparse(bytes, more, &0, |bytes, &count| put(bytes, count));
    }

    fn unpack(&mut self, bytes: &mut &[u8]) {
        let recents = take_count(bytes).min(self.recent.len());
        for slot in self.recent.iter_mut().take(recents) {
            *slot = u32::try_from(take(bytes)).unwrap_or_default();
        }
        self.recents = u8::try_from(recents).unwrap_or_default();
        if take(bytes) == 0 {
            self.counted = None;
            return;
        }
        let Counted { counts, more, count, sum_ns, min_ns, max_ns, clamped } =
            &mut **self.counted.get_or_insert_default();
        for number in [count, sum_ns, min_ns, max_ns, clamped] {
            *number = take(bytes);
        }
        take_sparse(bytes, counts, &0, |bytes| u16::try_from(take(bytes)).unwrap_or_default());
        take_sparse(bytes, more, &0, take);
    }
}

#[cfg(test)]
mod tests {
    use super::{Latency, Pack as _};

    /// As many as a bucket of 16 bits cannot hold, few, very long ones, and some that are not counted yet.
    fn some(extra: u64) -> Latency {
        let mut latency = Latency::of_device();
        (0..70_000).for_each(|_| latency.record(5_000));
        (0..100 + extra).for_each(|step| latency.record(step * step * 977));
        latency.record(u64::MAX);
        latency.record(3);
        latency
    }

    #[test]
    fn a_distribution_comes_back_and_goes_on() {
        for (mut kept, mut into) in
            [(some(0), Latency::of_device()), (some(7), some(90)), (Latency::of_device(), some(0))]
        {
            let mut bytes = Vec::new();
            kept.pack(&mut bytes);
            let mut rest = bytes.as_slice();
            into.unpack(&mut rest);
            assert!(rest.is_empty());
            for latency in [&mut kept, &mut into] {
                (0..200).for_each(|step| latency.record(step * 31));
            }
            assert_eq!(into.summary(), kept.summary());
            assert_eq!(into.octaves(), kept.octaves());
        }
    }
}
