use super::finding::Standing;
use super::rules::Rules;
use super::tally::{Comparison, Tally};
use super::{MODEL_REGIONS_MAX, MODELS_MAX, Models};
use crate::analysis::testing::{clear, event, flush, identity, in_sync, inc_pending, map_write, mark, mirror};
use crate::event::call::Call;
use crate::event::facts::{CaptureFacts, ClockPair, HookCoverage, Probe};
use crate::event::ids::{DurationNs, MonoNs, Region};
use crate::event::item::{Gap, Item, LossCause};
use crate::event::op::{Event, FlushKind, LogImpl, LogOp, MirrorOp, Op, RegionHashOp};

/// Rows of the tally: name, compared, unknown, concurrent.
type Rows = Vec<(&'static str, u64, u64, u64)>;

/// As a session does it.
fn apply(models: &mut Models, event: &Event, tally: &mut Tally, inside: bool) {
    match &event.op {
        Op::Identity(identity) => models.identify(&Call::of(event), identity, tally, inside),
        _ => models.apply(&Call::of(event), tally, inside),
    }
}

fn rows(models: &Models, tally: &Tally) -> Rows {
    let rows = tally.rows(|comparison| models.findings().count(|found| found.comparison == comparison));
    rows.into_iter().map(|row| (row.name, row.compared, row.unknown, row.concurrent)).collect()
}

fn fold(facts: Option<&CaptureFacts>, events: &[Event]) -> (Models, Tally) {
    let (mut models, mut tally) = (Models::new(facts, Rules::Kernel), Tally::default());
    for event in events {
        apply(&mut models, event, &mut tally, true);
    }
    (models, tally)
}

fn log_op(time: u64, log: u32, op: LogOp) -> Event {
    Event { duration: Some(DurationNs(1)), ..event(time, log, Op::Log(LogImpl::Disk, op)) }
}

/// A log of the table that `identity` tells, made with the first event.
fn born(log: u32) -> Vec<Event> {
    let mut identity = identity(1, log, 0, "m");
    if let Op::Identity(identity) = &mut identity.op {
        identity.sync_count = Some(0);
    }
    vec![identity, log_op(2, log, LogOp::Ctr { result: 0 })]
}

fn get_state(time: u64, region: u64, state: i32, may_block: bool) -> Event {
    event(time, 1, Op::RegionHash(RegionHashOp::GetState { region: Region(region), may_block, state }))
}

#[test]
fn a_log_that_nobody_identified_has_no_predictions() {
    let events = [mark(1, 7, 1, None), in_sync(2, 7, 1, true, 1), flush(3, 7, Some(FlushKind::Dirtied), 1, 0)];
    let (models, tally) = fold(None, &events);
    assert_eq!(rows(&models, &tally), [("in_sync", 0, 1, 0), ("flush", 0, 1, 0), ("mark_region", 0, 1, 0)]);
}

#[test]
fn without_the_calls_that_change_it_a_log_is_not_followed() {
    let without = |function: &str, probe| {
        let hook = HookCoverage {
            module: if function.starts_with("dm_rh") { "dm_region_hash" } else { "dm_log" }.to_owned(),
            function: function.to_owned(),
            probe,
            reason: String::new(),
            loss: String::new(),
        };
        CaptureFacts { coverage: vec![hook], ..CaptureFacts::default() }
    };
    let mut events = born(1);
    events.extend([in_sync(10, 1, 1, true, 0), get_state(11, 1, 4, true)]);
    let compared = |facts: &CaptureFacts| {
        let (models, tally) = fold(Some(facts), &events);
        let rows = rows(&models, &tally);
        let compared = |name| rows.iter().find(|row| row.0 == name).is_some_and(|row| row.1 == 1);
        (compared("in_sync"), compared("rh_get_state"))
    };
    assert_eq!(compared(&without("core_mark_region", Probe::Kprobe)), (true, true));
    assert_eq!(compared(&without("core_mark_region", Probe::Absent)), (false, false));
    assert_eq!(compared(&without("dm_rh_dec", Probe::Off)), (true, false));
}

#[test]
fn what_came_before_all_hooks_were_attached_teaches_nothing() {
    let clock = ClockPair { monotonic_ns: 5, realtime_ns: 0 };
    let facts = CaptureFacts { clock, ..CaptureFacts::default() };
    let mut events = born(1);
    events.extend([identity(6, 1, 0, "m"), in_sync(10, 1, 1, true, 0), in_sync(11, 1, 1, true, 0)]);
    let (models, tally) = fold(Some(&facts), &events);
    assert_eq!(rows(&models, &tally), [("in_sync", 1, 1, 0), ("region_count", 1, 0, 0)]);
}

#[test]
fn bios_do_not_concern_a_log() {
    let (models, tally) = fold(
        None,
        &[
            map_write(1, 1, 1, 0),
            mirror(2, 1, MirrorOp::EndIo { io: crate::event::ids::IoId(1), latency: None, status: 0 }),
        ],
    );
    assert!(rows(&models, &tally).is_empty());
    assert_eq!(models.live, 0);
}

#[test]
fn an_event_of_an_unknown_log_may_have_changed_any() {
    let mut events = born(1);
    events.extend([in_sync(10, 1, 1, true, 0), mark(11, 0, 2, None), in_sync(12, 1, 1, true, 0)]);
    let (models, tally) = fold(None, &events);
    let in_sync_row = rows(&models, &tally).into_iter().find(|row| row.0 == "in_sync");
    assert_eq!(in_sync_row, Some(("in_sync", 1, 1, 0)));
    // One of the region hash says nothing about the log's bits.
    let mut events = born(1);
    events.extend([inc_pending(11, 0, 2, 1), in_sync(12, 1, 1, true, 0), get_state(13, 1, 4, true)]);
    let (models, tally) = fold(None, &events);
    let told: Rows =
        rows(&models, &tally).into_iter().filter(|row| ["in_sync", "rh_get_state"].contains(&row.0)).collect();
    assert_eq!(told, [("in_sync", 1, 0, 0), ("rh_get_state", 0, 1, 0)]);
}

#[test]
fn a_state_that_was_asked_for_in_an_interrupt_is_not_compared() {
    let mut events = born(1);
    events.push(get_state(10, 1, 4, false));
    let (models, tally) = fold(None, &events);
    assert!(rows(&models, &tally).contains(&("rh_get_state", 0, 0, 1)));
}

#[test]
fn offsets_that_proved_wrong_excuse_what_was_read_through_them() {
    let mut events = born(1);
    let work = |time, region, result| log_op(time, 1, LogOp::GetResyncWork { region, result });
    events.push(flush(10, 1, Some(FlushKind::Dirtied), 1, 0));
    events.extend([work(20, Some(Region(0)), 1), in_sync(30, 1, 0, true, 0)]);
    let (mut models, mut tally) = fold(None, &events);
    assert_eq!(models.findings().kept().iter().map(|found| found.standing).collect::<Vec<_>>(), [Standing::Settled]);
    apply(&mut models, &flush(40, 1, None, 1, 0), &mut tally, true);
    assert_eq!(models.findings().kept().iter().map(|found| found.standing).collect::<Vec<_>>(), [Standing::Loss]);
}

#[test]
fn a_gap_is_a_loss_for_every_log() {
    let mut events = born(1);
    events.extend(born(2));
    let (mut models, mut tally) = fold(None, &events);
    let gap = Gap { time: MonoNs(5), cpu: None, lost: Some(1), cause: LossCause::QueueFull };
    models.apply_loss(&Item::Gap(gap));
    for log in [1, 2] {
        apply(&mut models, &in_sync(10, log, 1, true, 0), &mut tally, true);
        apply(&mut models, &in_sync(11, log, 1, true, 0), &mut tally, true);
    }
    assert!(rows(&models, &tally).contains(&("in_sync", 2, 2, 0)));
}

#[test]
fn outside_the_window_nothing_is_counted_and_everything_followed() {
    let (mut models, mut tally) = (Models::new(None, Rules::Kernel), Tally::default());
    for event in born(1) {
        apply(&mut models, &event, &mut tally, false);
    }
    apply(&mut models, &in_sync(10, 1, 1, true, 1), &mut tally, false);
    assert_eq!((rows(&models, &tally), models.findings().kept().len()), (Rows::new(), 0));
    apply(&mut models, &in_sync(11, 1, 1, true, 1), &mut tally, true);
    assert_eq!(rows(&models, &tally), [("in_sync", 1, 0, 0)]);
}

#[test]
fn the_number_of_regions_is_computed() {
    let mut wrong = identity(1, 1, 0, "m");
    if let Op::Identity(identity) = &mut wrong.op {
        identity.region_count = Some(33);
    }
    let (models, _) = fold(None, &[wrong, in_sync(2, 1, 0, true, 1)]);
    let found = &models.findings().kept()[0];
    assert_eq!((found.comparison, found.kernel.to_string().as_str()), (Comparison::RegionCount, "33 regions"));
    assert_eq!(found.model.to_string(), "32 regions");
}

#[test]
fn a_log_that_ends_makes_room() {
    let (mut models, mut tally) = (Models::new(None, Rules::Kernel), Tally::default());
    for log in 1..=u32::try_from(MODELS_MAX).unwrap() + 10 {
        for event in born(log) {
            apply(&mut models, &event, &mut tally, true);
        }
        apply(&mut models, &log_op(3, log, LogOp::Dtr), &mut tally, true);
    }
    assert_eq!((models.live, models.regions, models.not_modelled()), (0, 0, 0));
}

#[test]
fn too_many_logs_or_regions_have_no_model_and_are_counted() {
    let (mut models, mut tally) = (Models::new(None, Rules::Kernel), Tally::default());
    for log in 1..=u32::try_from(MODELS_MAX).unwrap() + 1 {
        apply(&mut models, &mark(1, log, 1, None), &mut tally, true);
    }
    assert_eq!((models.live, models.not_modelled()), (MODELS_MAX, 1));
    let mut large = identity(1, 1, 0, "m");
    if let Op::Identity(identity) = &mut large.op {
        identity.region_count = Some(MODEL_REGIONS_MAX as u64);
    }
    let (mut models, mut tally) = fold(None, std::slice::from_ref(&large));
    assert_eq!((models.regions, models.not_modelled()), (MODEL_REGIONS_MAX, 0));
    for _ in 0..2 {
        apply(&mut models, &identity(2, 2, 0, "n"), &mut tally, true);
    }
    assert_eq!((models.regions, models.not_modelled()), (MODEL_REGIONS_MAX, 1), "a log counts once");
}

#[test]
fn a_status_is_compared_when_its_call_is_over() {
    let mut events = born(1);
    events.push(identity(10, 1, 0, "m"));
    let (mut models, mut tally) = fold(None, &events);
    assert_eq!(models.undecided().map(|(_, comparison)| comparison).collect::<Vec<_>>(), [Comparison::Status]);
    let other = Event { tid: 9, ..log_op(11, 1, LogOp::Status { status_type: 0, result: 1 }) };
    apply(&mut models, &other, &mut tally, true);
    assert_eq!(models.undecided().count(), 1, "another thread's");
    apply(&mut models, &log_op(12, 1, LogOp::Status { status_type: 0, result: 1 }), &mut tally, true);
    // 32 in sync, says the kernel; none, says the model. Suspected until the worker was there.
    assert_eq!((models.undecided().count(), models.findings().kept().len()), (1, 0));
    apply(&mut models, &log_op(13, 1, LogOp::GetResyncWork { region: None, result: 0 }), &mut tally, true);
    let found: Vec<_> = models.findings().kept().iter().map(|found| found.comparison).collect();
    assert_eq!(found, [Comparison::Status], "of which the search, too, is a consequence");
}

#[test]
fn clears_and_marks_of_other_logs_do_not_meet() {
    let mut events = born(1);
    if let Op::Identity(identity) = &mut events[0].op {
        (identity.sync_option, identity.sync_count) = (Some(1), Some(32));
    }
    events.extend(born(2));
    events.extend([inc_pending(10, 1, 3, 1), mark(11, 1, 3, None), clear(12, 2, 3)]);
    let (models, _) = fold(None, &events);
    assert_eq!(models.findings().kept().len(), 1, "log 2 has no such region in its hash");
    assert_eq!(models.findings().kept()[0].log.0, 2);
}
