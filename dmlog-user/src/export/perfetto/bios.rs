//! Bios from their entry to their end. They are shown when they end, with all that happened to them in between; those that are
//! still under way at the end of the trace are shown up to there.

use rustc_hash::FxHashMap;

use crate::event::ids::IoId;
use crate::event::op::{Bio, IoKind};

/// Bios under way, some 150 bytes each. A machine that is well has a few thousand.
pub const BIOS_MAX: usize = 1 << 16;
/// Processes of a mirror that have a row; those that come later share one.
pub const PROCESSES_MAX: usize = 128;
/// Processes in a file that have a row, some 300 bytes each at most.
pub const ALL_PROCESSES_MAX: usize = 1 << 14;
/// Bytes of a command's name by which processes are told apart: the kernel's has 15.
const COMM_BYTES_MAX: usize = 64;

/// One bio under way.
#[derive(Clone, Copy, Debug)]
pub struct UnderWay {
    /// Its number.
    pub io: u64,
    /// Place of its mirror.
    pub mirror: usize,
    /// Place of its process there.
    pub process: usize,
    /// When it entered, ns.
    pub entered: u64,
    /// When a pass took it up, ns; 0 if that was not seen.
    pub picked: u64,
    /// When it was on its way to the legs, ns; 0 if that was not seen.
    pub on_legs: u64,
    /// Its region, if a pass took it up.
    pub region: Option<u64>,
    /// Flow that begins with it; 0 if there is none.
    pub flow: u64,
    /// First sector.
    pub sector: u64,
    /// Length.
    pub bytes: u32,
    /// Operation and flags.
    pub opf: u32,
    /// What it does.
    pub kind: IoKind,
}

/// All bios under way.
#[derive(Debug, Default)]
pub struct Bios {
    by_io: FxHashMap<u64, UnderWay>,
    /// Bios that found no place here.
    pub forgotten: u64,
}

impl Bios {
    /// A bio has entered. Gives it back if its end cannot be awaited, or the one that had its number.
    pub fn insert(&mut self, bio: UnderWay) -> Option<UnderWay> {
        let is_unknown = bio.io == IoId::UNKNOWN.0;
        if is_unknown || (BIOS_MAX <= self.by_io.len() && !self.by_io.contains_key(&bio.io)) {
            self.forgotten += u64::from(!is_unknown);
            return Some(bio);
        }
        self.by_io.insert(bio.io, bio)
    }

    /// A bio under way.
    pub fn get_mut(&mut self, io: IoId) -> Option<&mut UnderWay> {
        self.by_io.get_mut(&io.0)
    }

    /// A bio is over.
    pub fn remove(&mut self, io: IoId) -> Option<UnderWay> {
        self.by_io.remove(&io.0)
    }

    /// All that are left, by number.
    pub fn drain(&mut self) -> Vec<UnderWay> {
        let mut left: Vec<UnderWay> = self.by_io.drain().map(|(_, bio)| bio).collect();
        left.sort_unstable_by_key(|bio| bio.io);
        left
    }
}

/// Processes of a mirror, by their number and name: a command may change its name, and a number may be used again.
#[derive(Debug, Default)]
pub struct Processes {
    by_tgid: FxHashMap<u32, Vec<(String, usize)>>,
    known: usize,
    other: Option<usize>,
}

impl Processes {
    /// Place of the process of a bio. `all` counts those of the file, `add` makes a row of a name.
    pub fn place(&mut self, bio: &Bio<'_>, all: &mut usize, add: &mut impl FnMut(&str) -> usize) -> usize {
        let comm = cut(bio.comm);
        let known = self.by_tgid.get(&bio.tgid).and_then(|known| known.iter().find(|(name, _)| name == comm));
        if let Some((_, place)) = known {
            return *place;
        }
        if PROCESSES_MAX <= self.known || ALL_PROCESSES_MAX <= *all {
            return *self.other.get_or_insert_with(|| add("other processes"));
        }
        self.known += 1;
        *all += 1;
        let place = add(&format!("{comm} {}", bio.tgid));
        self.by_tgid.entry(bio.tgid).or_default().push((comm.to_owned(), place));
        place
    }
}

/// The begin of a name.
fn cut(comm: &str) -> &str {
    let mut end = comm.len().min(COMM_BYTES_MAX);
    while !comm.is_char_boundary(end) {
        end -= 1;
    }
    &comm[..end]
}
