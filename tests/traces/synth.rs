//! The synthetic stream against the rules of drivers/md/dm-log.c and dm-region-hash.c, judged from its events alone.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use dmlog_user::event::item::Item;
use dmlog_user::event::op::{Event, FlushKind, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};
use dmlog_user::trace::writer::TraceWriter;

use crate::damage::read;
use crate::support::Settings;
use crate::support::facts::facts;
use crate::support::machine::run;

pub(crate) fn stream(settings: &Settings) -> Vec<Item> {
    let mut items = Vec::new();
    let made: Result<(), Infallible> = run(settings, |item| {
        items.push(item.clone());
        Ok(())
    });
    made.unwrap();
    items
}

/// A log and its region hash as they must be after the events so far.
#[derive(Default)]
struct Judge {
    nosync: bool,
    is_disk: bool,
    regions: u64,
    sync: Vec<bool>,
    clean: Vec<bool>,
    recovering: Vec<bool>,
    sync_count: u64,
    sync_search: u64,
    touched: (bool, bool),
    pending: HashMap<u64, i64>,
}

impl Judge {
    fn log_op(&mut self, implementation: LogImpl, op: &LogOp) {
        match op {
            LogOp::Ctr { .. } => {
                self.is_disk = implementation == LogImpl::Disk;
                let count = usize::try_from(self.regions).unwrap();
                self.clean = vec![true; count];
                self.sync = vec![self.nosync; count];
                self.recovering = vec![false; count];
                self.sync_count = if self.nosync { self.regions } else { 0 };
            }
            LogOp::Resume { .. } if self.is_disk => {
                self.clean.fill(self.nosync);
                self.sync.fill(self.nosync);
                self.touched = (!self.nosync, self.nosync);
            }
            LogOp::MarkRegion { region } => {
                assert!(self.sync[place(region.0)], "only what is in sync is marked");
                self.clean[place(region.0)] = false;
                self.touched.0 = true;
            }
            LogOp::ClearRegion { region } => {
                assert!(
                    self.pending.get(&region.0).is_none_or(|pending| *pending == 0),
                    "{region:?} has writes pending"
                );
                assert!(!self.clean[place(region.0)] || !self.is_disk, "{region:?} is clean already");
                self.clean[place(region.0)] = true;
                self.touched.1 = true;
            }
            LogOp::InSync { region, result, .. } => assert_eq!(*result, i32::from(self.sync[place(region.0)])),
            LogOp::GetResyncWork { region, result } => {
                let next =
                    (self.sync_search..self.regions).find(|r| !self.sync[place(*r)] && !self.recovering[place(*r)]);
                assert_eq!((region.map(|r| r.0), *result), (next, i32::from(next.is_some())));
                if let Some(region) = next {
                    self.recovering[place(region)] = true;
                    self.touched.1 = true;
                }
                self.sync_search = next.map_or(self.regions, |region| region + 1);
            }
            LogOp::SetRegionSync { region, in_sync } => {
                assert!(*in_sync && self.recovering[place(region.0)]);
                self.recovering[place(region.0)] = false;
                self.sync[place(region.0)] = true;
                self.sync_count += 1;
                self.touched = (true, true);
            }
            LogOp::GetSyncCount { count } => assert_eq!(*count, self.sync_count),
            LogOp::Flush { kind, result: 0 } => {
                let expected = match self.touched {
                    (true, _) if self.is_disk => FlushKind::Dirtied,
                    (false, true) if self.is_disk => FlushKind::CleanedOnly,
                    _ => FlushKind::NoOp,
                };
                assert_eq!(*kind, Some(expected));
                self.touched = (false, false);
            }
            _ => {}
        }
    }

    fn take(&mut self, event: &Event) {
        match &event.op {
            Op::Identity(identity) => {
                self.regions = identity.region_count.unwrap();
                self.nosync = identity.sync_option == Some(1);
                assert!(self.sync.is_empty() || identity.sync_count == Some(self.sync_count));
            }
            Op::Log(implementation, op) => self.log_op(*implementation, op),
            Op::RegionHash(RegionHashOp::IncPending { region, .. }) => {
                *self.pending.entry(region.unwrap().0).or_default() += 1;
            }
            Op::RegionHash(RegionHashOp::DecPending { region }) => {
                let pending = self.pending.get_mut(&region.0).unwrap();
                *pending -= 1;
                assert!(*pending >= 0);
            }
            _ => {}
        }
    }
}

fn place(region: u64) -> usize {
    usize::try_from(region).unwrap()
}

fn judge(settings: &Settings) -> BTreeMap<u16, u64> {
    let items = stream(settings);
    assert_eq!(items.len() as u64, settings.events);
    let mut judges: HashMap<u32, Judge> = HashMap::new();
    let mut counts = BTreeMap::new();
    let mut bios = 0;
    for item in &items {
        let Item::Event(event) = item else { panic!("{item:?}") };
        *counts.entry(event.op.code()).or_insert(0) += 1;
        judges.entry(event.log.0).or_default().take(event);
        if let Op::Mirror(MirrorOp::Map(io)) = &event.op {
            bios += 1;
            assert_eq!(io.io.0, bios, "bios are numbered in order of appearance");
        }
    }
    assert_eq!(judges.len(), settings.mirrors as usize);
    counts
}

#[test]
fn a_fresh_mirror_breaks_no_rule_and_does_everything() {
    use dmlog_common::record::kind;

    let counts = judge(&Settings { events: 120_000, regions: 600, ..Settings::default() });
    let seen = |code: u16| counts.get(&code).copied().unwrap_or(0);
    for code in [kind::MAP, kind::END_IO, kind::RH_DELAY, kind::LEG_FLUSH, kind::RECOVERY_COMPLETE] {
        assert!(seen(code) > 0, "{code}");
    }
    assert_eq!(seen(kind::SET_REGION_SYNC), 600, "every region is recovered once");
    assert!(seen(kind::MARK_REGION) > 2_000);
    // Both by the same writes, less those of regions that were not in sync and those that found the region dirty.
    assert!(seen(kind::MARK_REGION) < seen(kind::RH_INC));
}

#[test]
fn several_mirrors_break_no_rule() {
    judge(&Settings { events: 60_000, regions: 640, mirrors: 4, seed: 9, ..Settings::default() });
    judge(&Settings { events: 60_000, regions: 4_096, mirrors: 2, nosync: true, ..Settings::default() });
}

#[test]
fn one_seed_one_stream() {
    let settings = Settings { events: 5_000, ..Settings::default() };
    assert_eq!(stream(&settings), stream(&settings));
    assert_ne!(stream(&settings), stream(&Settings { seed: 2, ..settings }));
}

#[test]
fn the_stream_survives_a_trace() {
    let items = stream(&Settings { events: 70_000, mirrors: 2, ..Settings::default() });
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &facts()).unwrap();
    for item in &items {
        writer.push(item).unwrap();
    }
    assert_eq!(writer.finish().unwrap().events, 70_000);
    assert_eq!(read(&file).items, items);
}
