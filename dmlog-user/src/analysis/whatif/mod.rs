//! What would have happened with another region size or another log type: the recorded writes, replayed through the
//! kernel's region hash.
//!
//! ```text
//! events of one log ─▶ order ─▶ steps ─▶ region_hash (one per region size) ─▶ totals ─▶ target ─▶ result, advice
//! ```
//!
//! The passes of the mirror's worker stay as they were recorded: which writes each one took up, which were over before it,
//! and when the log was flushed. What is computed anew is what follows from the region size: which of these writes mark a
//! region, which regions a pass clears, what each flush finds to write (`region_hash`). Log types differ only in what a
//! flush does and in what a crash leaves. Replayed with the recorded settings this gives the recorded counts of marks,
//! clears and flushes by kind exactly; where it does not, a note says so.
//!
//! What cannot be known:
//!
//! * A write that spans several smaller regions is split, as device-mapper would split it. Writes that it had split
//!   already at the recorded region size are not put together again for larger ones, where they would be one write.
//! * With other settings the worker would run at other times: a flush that takes less time gives room to the next pass.
//!   The number of flushes is the recorded one, but for recovery, which runs one pass for each region that it ends: there
//!   are more of them with smaller regions and fewer with larger ones.
//! * Recovery holds back the writes of the region that it copies. Larger regions would hold back more, for longer.
//! * How long a flush takes is taken from the recorded flushes, whatever the size of the area that it writes.
//! * A userspace log has the bits of a disk log; what its daemon does with them is not in the trace.
//!
//! [`WhatIf`] is a fold over items like a session; it reads no clock and does no I/O. Everything that grows has a limit.

use rustc_hash::FxHashMap;

use self::bios::Bios;
use self::grid::Grid;
use self::log_model::LogModel;
use self::order::Evidence;
use self::result::{Note, WhatIfResult};
use self::settings::Settings;
use self::target::{Place, Target};
use crate::analysis::losses::Losses;
use crate::event::facts::{CaptureFacts, Probe};
use crate::event::ids::{LogId, MonoNs};
use crate::event::item::Item;
use crate::event::op::{Event, Identity, LogOp, MirrorOp, Op};
use crate::log::dirty_log::LogType;

pub mod advice;
mod bios;
mod grid;
mod log_model;
mod order;
mod out_of_sync;
mod recorded;
mod region_hash;
pub mod result;
pub mod settings;
mod step;
mod target;
#[cfg(test)]
mod tests;
mod totals;
mod weighted;

/// Targets that are told apart. Each one has some ten distributions per region size.
pub const TARGETS_MAX: usize = 128;

/// Logs that are followed at once; a reload has two for a moment.
pub const OPEN_LOGS_MAX: usize = 2 * TARGETS_MAX;

/// Logs that are remembered as gone or left out, so that their last events are not taken for those of a new one.
const LOGS_MAX: usize = 1 << 16;

/// What is known of a log.
#[derive(Clone, Debug)]
enum Slot {
    /// Its geometry is not known yet.
    Unplaced,
    Open(Box<LogModel>),
    Gone,
    LeftOut,
}

/// Replays a stream under other settings.
#[derive(Clone, Debug)]
pub struct WhatIf {
    settings: Settings,
    /// Hooks that the capture lacked, as `module function`.
    missing: Vec<String>,
    bios: Bios,
    logs: FxHashMap<LogId, Slot>,
    open_logs: usize,
    targets: Vec<Target>,
    losses: Losses,
    last: MonoNs,
    events_without_log: u64,
}

impl WhatIf {
    /// A replay that has seen nothing. Without facts all hooks are taken to be there.
    pub fn new(facts: Option<&CaptureFacts>, settings: Settings) -> Self {
        let coverage = facts.map_or(&[][..], |facts| &facts.coverage);
        let is_missing = |probe: Probe| matches!(probe, Probe::Absent | Probe::Off);
        let missing = coverage.iter().filter(|hook| is_missing(hook.probe));
        Self {
            settings,
            missing: missing.map(|hook| hook.function.clone()).collect(),
            bios: Bios::default(),
            logs: FxHashMap::default(),
            open_logs: 0,
            targets: Vec::new(),
            losses: Losses::default(),
            last: MonoNs(0),
            events_without_log: 0,
        }
    }

    /// Folds one item in.
    pub fn apply(&mut self, item: &Item) {
        self.last = self.last.max(item.time());
        match item {
            Item::Event(event) => self.apply_event(event),
            Item::Gap(gap) => self.losses.gap(gap),
            Item::DecodeError(failure) => self.losses.decode_error(failure),
        }
    }

    /// What is known now. Writes and passes under way count as far as they were seen.
    pub fn result(&self) -> WhatIfResult {
        let mut targets = self.targets.clone();
        let mut open: Vec<(&LogId, &LogModel)> = Vec::new();
        for (log, slot) in &self.logs {
            if let Slot::Open(model) = slot {
                open.push((log, model.as_ref()));
            }
        }
        open.sort_unstable_by_key(|(log, _)| **log);
        for (_, model) in open {
            let mut model = model.clone();
            model.finish(self.last);
            targets[model.target].absorb(&model);
        }
        let losses = self.losses.summary(MonoNs(0));
        let has_losses = !losses.is_empty();
        let result =
            |target: &Target| target.result(&self.settings, self.is_possible(target.place.log_type), has_losses);
        WhatIfResult { targets: targets.iter().map(result).collect(), notes: self.notes(has_losses), losses }
    }

    fn notes(&self, has_losses: bool) -> Vec<Note> {
        let count = |wanted: fn(&Slot) -> bool| self.logs.values().filter(|slot| wanted(slot)).count() as u64;
        let unplaced = count(|slot| matches!(slot, Slot::Unplaced));
        let left_out = count(|slot| matches!(slot, Slot::LeftOut));
        let mut notes = Vec::new();
        if has_losses {
            notes.push(Note::Losses);
        }
        if unplaced > 0 {
            notes.push(Note::LogsWithoutGeometry { logs: unplaced });
        }
        if left_out > 0 {
            notes.push(Note::TooManyLogs { logs: left_out });
        }
        if self.events_without_log > 0 {
            notes.push(Note::EventsWithoutLog { events: self.events_without_log });
        }
        if self.bios.forgotten() > 0 {
            notes.push(Note::LeftOut { count: self.bios.forgotten() });
        }
        notes
    }

    fn apply_event(&mut self, event: &Event) {
        if let Op::Identity(identity) = &event.op {
            self.identify(event, identity);
        }
        if let Op::Mirror(MirrorOp::Map(io)) = &event.op {
            self.bios.enter(io);
        }
        match self.logs.get_mut(&event.log) {
            Some(Slot::Open(model)) => model.apply(event, &self.bios),
            Some(Slot::Unplaced | Slot::Gone | Slot::LeftOut) => {}
            None => self.note_unknown(event),
        }
        match &event.op {
            Op::Mirror(MirrorOp::EndIo { io, .. }) => self.bios.end(*io),
            Op::Log(_, LogOp::Dtr) => self.close(event.log, event.time),
            _ => {}
        }
    }

    /// An event of a log without identity. Those that a replay is made of are counted.
    fn note_unknown(&mut self, event: &Event) {
        let counts = match &event.op {
            Op::Log(_, op) => matches!(op, LogOp::MarkRegion { .. } | LogOp::ClearRegion { .. } | LogOp::Flush { .. }),
            Op::RegionHash(_) => true,
            Op::Mirror(_) | Op::Consult { .. } | Op::Identity(_) | Op::Bits(_) => false,
        };
        self.events_without_log += u64::from(counts);
    }

    fn identify(&mut self, event: &Event, identity: &Identity) {
        let has_room = self.logs.len() < LOGS_MAX;
        match self.logs.get_mut(&event.log) {
            Some(Slot::Open(model)) => {
                model.identify(identity);
                if let Some(target) = self.targets.get_mut(model.target) {
                    target.rename(&identity.name);
                }
            }
            Some(Slot::Unplaced) | None if has_room => {
                let slot = self.place(event, identity);
                self.open_logs += usize::from(matches!(slot, Slot::Open(_)));
                self.logs.insert(event.log, slot);
            }
            Some(Slot::Unplaced | Slot::Gone | Slot::LeftOut) | None => {}
        }
    }

    fn place(&mut self, event: &Event, identity: &Identity) -> Slot {
        let Some(place) = Place::of(identity) else { return Slot::Unplaced };
        if self.open_logs >= OPEN_LOGS_MAX {
            return Slot::LeftOut;
        }
        let known = self.targets.iter().position(|target| target.is(&place, &identity.name));
        let at = match known {
            Some(at) => at,
            None if self.targets.len() < TARGETS_MAX => {
                self.targets.push(Target::new(place, identity.name.clone(), &self.settings));
                self.targets.len() - 1
            }
            None => return Slot::LeftOut,
        };
        let target = &mut self.targets[at];
        target.rename(&identity.name);
        let grid = Grid::new(place.region_size_sectors, place.region_size_sectors, place.sectors);
        let evidence = evidence(&self.missing, place.log_type);
        let model = LogModel::new(at, place.log_type, identity, grid, &target.grids, evidence, event.time);
        Slot::Open(Box::new(model))
    }

    /// A log is gone: its counts go to its target.
    fn close(&mut self, log: LogId, time: MonoNs) {
        let Some(slot) = self.logs.get_mut(&log) else { return };
        if let Slot::Open(mut model) = std::mem::replace(slot, Slot::Gone) {
            model.finish(time);
            self.targets[model.target].absorb(&model);
            self.open_logs -= 1;
        }
    }

    /// Whether the capture has what a replay is made of: the writes that passes take up, and where the passes end.
    fn is_possible(&self, log_type: LogType) -> bool {
        let flush = match log_type {
            LogType::Core => "core_flush",
            LogType::Disk => "disk_flush",
            LogType::Userspace => "userspace_flush",
        };
        let has = |function: &str| !self.missing.iter().any(|missing| missing == function);
        let has_ends = has("dm_rh_dec") || has("mirror_end_io");
        has("dm_rh_inc_pending") && has_ends && has(flush)
    }
}

fn evidence(missing: &[String], log_type: LogType) -> Evidence {
    let has = |function: &str| !missing.iter().any(|missing| missing == function);
    let prefix = if log_type == LogType::Userspace { "userspace" } else { "core" };
    Evidence {
        marks: has(&format!("{prefix}_mark_region")),
        clears: has(&format!("{prefix}_clear_region")),
        ends: has("dm_rh_dec"),
    }
}
