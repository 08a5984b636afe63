//! Where the bios under way lie: their sectors are told once, when they enter the mirror.

use rustc_hash::FxHashMap;

use crate::event::ids::{IoId, SECTOR_SIZE_BYTES};
use crate::event::op::{Io, IoKind};

/// Bios that are remembered. More are not under way at once on a machine that is well; beyond that the older half is
/// forgotten, and of those only the region is known.
pub(super) const BIOS_MAX: usize = 1 << 18;

#[derive(Clone, Copy, Debug)]
struct Bio {
    first_sector: u64,
    sectors: u64,
    kind: IoKind,
}

/// Bios that have entered and are not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Bios {
    by_number: FxHashMap<u64, Bio>,
    forgotten: u64,
}

impl Bios {
    /// A bio enters. Reads do not count for a region.
    pub(super) fn enter(&mut self, io: &Io) {
        let kind = io.kind();
        if kind == IoKind::Read || io.io == IoId::UNKNOWN {
            return;
        }
        if self.by_number.len() >= BIOS_MAX {
            // Ends that were lost must not fill the table for good.
            let oldest = io.io.0.saturating_sub(BIOS_MAX as u64 / 2);
            let before = self.by_number.len();
            self.by_number.retain(|&number, _| number >= oldest && number < io.io.0);
            self.forgotten += (before - self.by_number.len()) as u64;
        }
        let sectors = u64::from(io.bytes).div_ceil(SECTOR_SIZE_BYTES).max(1);
        self.by_number.insert(io.io.0, Bio { first_sector: io.sector.0, sectors, kind });
    }

    /// A bio is over.
    pub(super) fn end(&mut self, io: IoId) {
        self.by_number.remove(&io.0);
    }

    /// First sector and length of a bio that counts for its region, if it is known: no empty flush and no discard.
    pub(super) fn write(&self, io: IoId) -> Option<(u64, u64)> {
        let bio = self.by_number.get(&io.0)?;
        match bio.kind {
            IoKind::Write | IoKind::Other => Some((bio.first_sector, bio.sectors)),
            IoKind::Read | IoKind::Flush | IoKind::Discard => None,
        }
    }

    /// Whether a bio is an empty flush.
    pub(super) fn is_flush(&self, io: IoId) -> bool {
        self.by_number.get(&io.0).is_some_and(|bio| bio.kind == IoKind::Flush)
    }

    /// Bios that were forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::Bios;
    use crate::event::ids::{IoId, Sector};
    use crate::event::op::Io;

    fn bio(io: u64, bytes: u32, opf: u32) -> Io {
        Io { io: IoId(io), sector: Sector(80), bytes, opf, tgid: 1, comm: String::new() }
    }

    #[test]
    fn only_writes_count_for_a_region() {
        const PREFLUSH: u32 = 1 << 18;
        let mut bios = Bios::default();
        for io in [bio(1, 4096, 0x1), bio(2, 4096, 0), bio(3, 0, 1 | PREFLUSH), bio(4, 512, 3), bio(0, 512, 1)] {
            bios.enter(&io);
        }
        assert_eq!(bios.write(IoId(1)), Some((80, 8)));
        assert_eq!([2, 3, 4, 0].map(|io| bios.write(IoId(io))), [None; 4]);
        assert_eq!([1, 3].map(|io| bios.is_flush(IoId(io))), [false, true]);
        bios.end(IoId(1));
        assert_eq!(bios.write(IoId(1)), None);
    }
}
