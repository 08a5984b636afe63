//! Samples of one mirror.

use super::text::{Number, Text};
use crate::analysis::regions::RegionSummary;
use crate::analysis::regions::ranking::By;
use crate::session::distributions::Timed;
use crate::session::snapshot::{DeviceSnapshot, TargetSnapshot};

pub(super) fn facts(device: &DeviceSnapshot, text: &mut Text) {
    let legs = device.legs.map(|legs| legs.to_string());
    let known = [("log_type", &device.log_type), ("log_device", &device.log_device), ("legs", &legs)];
    let labels: Vec<(&str, &str)> = known.iter().filter_map(|(label, text)| Some((*label, text.as_deref()?))).collect();
    text.put(&labels, Number::Count(1));
}

pub(super) fn log_instances(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.log_instances));
}

pub(super) fn operations(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.ops.rows {
        text.put(&[("op", row.name)], Number::Count(row.count));
    }
}

pub(super) fn operation_errors(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.ops.rows {
        text.put(&[("op", row.name)], Number::Count(row.errors));
    }
}

pub(super) fn operation(of: Timed) -> Option<&'static str> {
    if let Timed::Operation(name) = of { Some(name) } else { None }
}

pub(super) fn flushes(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.flush.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.count));
    }
}

pub(super) fn flush_errors(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.flush.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.errors));
    }
}

pub(super) fn marks_carried(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.flush.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.marks_carried));
    }
}

pub(super) fn flush(of: Timed) -> Option<&'static str> {
    if let Timed::Flush(kind) = of { Some(kind) } else { None }
}

pub(super) fn marks(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.regions.totals.marks));
}

pub(super) fn clears(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.regions.totals.clears));
}

pub(super) fn re_marks(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.regions.totals.re_marks));
}

pub(super) fn mark_to_clear(of: Timed) -> Option<&'static str> {
    (of == Timed::MarkToClear).then_some("")
}

pub(super) fn clean_bit_lag(of: Timed) -> Option<&'static str> {
    (of == Timed::CleanBitLag).then_some("")
}

/// A sum over all targets, if it is known of each.
fn of_targets(device: &DeviceSnapshot, text: &mut Text, number: fn(&TargetSnapshot) -> Option<u64>) {
    let sum = device.targets.iter().try_fold(0_u64, |sum, target| Some(sum.saturating_add(number(target)?)));
    if let Some(sum) = sum.filter(|_| !device.targets.is_empty()) {
        text.put(&[], Number::Count(sum));
    }
}

pub(super) fn regions_of_targets(device: &DeviceSnapshot, text: &mut Text) {
    of_targets(device, text, |target| target.region_count);
}

pub(super) fn in_sync_regions(device: &DeviceSnapshot, text: &mut Text) {
    of_targets(device, text, |target| target.sync.sync_count);
}

pub(super) fn marked_regions(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.regions.totals.marked_regions));
}

pub(super) fn written_regions(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.regions.totals.written_regions));
}

/// What is not known has no sample: 0 would be a lie.
fn known(number: Option<u64>, text: &mut Text) {
    if let Some(number) = number {
        text.put(&[], Number::Count(number));
    }
}

pub(super) fn dirty_regions(device: &DeviceSnapshot, text: &mut Text) {
    known(device.occupancy.dirty_regions.last, text);
}

pub(super) fn clean_unknown_regions(device: &DeviceSnapshot, text: &mut Text) {
    known(device.occupancy.clean_unknown_regions.last, text);
}

pub(super) fn not_in_sync_regions(device: &DeviceSnapshot, text: &mut Text) {
    known(device.occupancy.not_in_sync_regions.last, text);
}

pub(super) fn recovering_regions(device: &DeviceSnapshot, text: &mut Text) {
    known(device.occupancy.recovering_regions.last, text);
}

pub(super) fn crash_copy_regions(device: &DeviceSnapshot, text: &mut Text) {
    known(device.occupancy.resync_regions.last, text);
}

pub(super) fn crash_copy_bytes(device: &DeviceSnapshot, text: &mut Text) {
    known(device.occupancy.resync_bytes.last, text);
}

pub(super) fn bios(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.io.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.count));
    }
}

pub(super) fn bio_bytes(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.io.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.bytes));
    }
}

pub(super) fn bio_errors(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.io.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.errors));
    }
}

pub(super) fn io(of: Timed) -> Option<&'static str> {
    if let Timed::Io(kind) = of { Some(kind) } else { None }
}

pub(super) fn under_way(device: &DeviceSnapshot, text: &mut Text) {
    let under_way = device.io.under_way;
    text.put(&[("kind", "write")], Number::Count(under_way.writes_under_way));
    text.put(&[("kind", "read")], Number::Count(under_way.reads_under_way));
}

pub(super) fn oldest_under_way(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Ns(device.io.under_way.oldest_under_way_ns.unwrap_or(0)));
}

pub(super) fn write_part(of: Timed) -> Option<&'static str> {
    if let Timed::WritePart(part) = of { Some(part) } else { None }
}

pub(super) fn dirtied_flush_wait(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Ns(device.io.write_wait.dirtied_flush_wait_ns));
}

pub(super) fn writes_that_waited(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.io.write_wait.writes_that_waited));
}

pub(super) fn writes_not_explained(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.io.write_wait.writes_not_explained));
}

pub(super) fn writes_delayed(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.io.write_wait.writes_delayed_by_recovery));
}

pub(super) fn recovery_delay(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Ns(device.io.write_wait.recovery_delay_ns));
}

pub(super) fn handed_out(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.recovery.regions_handed_out));
}

pub(super) fn recovered(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.recovery.regions_recovered));
}

pub(super) fn recovery_failed(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.recovery.regions_failed));
}

pub(super) fn copied_bytes(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Count(device.recovery.copied_bytes));
}

pub(super) fn recovery_active(device: &DeviceSnapshot, text: &mut Text) {
    text.put(&[], Number::Ns(device.recovery.active_ns));
}

pub(super) fn progress(device: &DeviceSnapshot, text: &mut Text) {
    if let Some(ratio) = device.recovery.progress_ratio {
        text.put(&[], Number::Float(ratio));
    }
}

pub(super) fn time_left(device: &DeviceSnapshot, text: &mut Text) {
    if let Some(left_ns) = device.recovery.time_left_ns {
        text.put(&[], Number::Ns(left_ns));
    }
}

pub(super) fn copy(of: Timed) -> Option<&'static str> {
    (of == Timed::Copy).then_some("")
}

pub(super) fn failures(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.failures.kinds {
        text.put(&[("kind", row.kind)], Number::Count(row.count));
    }
}

pub(super) fn leg_failures(device: &DeviceSnapshot, text: &mut Text) {
    for leg in &device.failures.failed_legs {
        let name = leg.leg.to_string();
        let kinds = [
            ("write", leg.failed_writes),
            ("flush", leg.failed_flushes),
            ("copy", leg.failed_copies),
            ("read", leg.failed_reads),
        ];
        for (kind, count) in kinds {
            text.put(&[("leg", &name), ("kind", kind)], Number::Count(count));
        }
    }
}

pub(super) fn requests(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.consults {
        text.put(&[("request", row.request)], Number::Count(row.count));
    }
}

pub(super) fn request_errors(device: &DeviceSnapshot, text: &mut Text) {
    for row in &device.consults {
        text.put(&[("request", row.request)], Number::Count(row.errors));
    }
}

pub(super) fn request(of: Timed) -> Option<&'static str> {
    if let Timed::Request(name) = of { Some(name) } else { None }
}

pub(super) fn region_marks(region: &RegionSummary) -> Number {
    Number::Count(region.marks)
}

pub(super) fn region_bytes(region: &RegionSummary) -> Number {
    Number::Count(region.write_bytes)
}

pub(super) fn region_re_marks(region: &RegionSummary) -> Number {
    Number::Count(region.re_marks)
}

/// The first regions of a ranking. A region number means a place only together with its target, so the sector is told too.
pub(super) fn regions(
    device: &DeviceSnapshot,
    most: usize,
    rank: By,
    number: fn(&RegionSummary) -> Number,
    text: &mut Text,
) {
    let rows = match rank {
        By::Marks => &device.regions.most_marked,
        By::Bytes => &device.regions.most_written,
        By::ReMarks => &device.regions.most_re_marked,
    };
    let place = |row: &RegionSummary| (row.region, row.sectors.map(|sectors| sectors.first_sector));
    for (before, row) in rows.iter().take(most).enumerate() {
        // Targets whose places are not known may have regions of the same number.
        if rows.iter().take(before).any(|other| place(other) == place(row)) {
            continue;
        }
        let region = row.region.to_string();
        match row.sectors.map(|sectors| sectors.first_sector.to_string()) {
            Some(sector) => text.put(&[("region", &region), ("first_sector", &sector)], number(row)),
            None => text.put(&[("region", &region)], number(row)),
        }
    }
}
