//! One slow flush, opened from the list.

use super::facts;
use crate::analysis::geometry::Geometry;
use crate::analysis::slow_flush::SlowFlush;
use crate::event::ids::{Region, SECTOR_SIZE_BYTES};
use crate::export::number::{bytes, count, counted, duration, error, moment};
use crate::session::snapshot::{DeviceSnapshot, TargetSnapshot};
use crate::tui::grid::{Cell, Grid, number};
use crate::tui::page::Page;
use crate::tui::theme::Tone;

/// The page of the flush at this place of the list of slow ones.
pub fn page(device: &DeviceSnapshot, place: usize) -> Page {
    let mut page = Page::default();
    let Some(flush) = device.flush.slowest.get(place) else {
        page.text("this flush is not among the slowest any more", Tone::Dim);
        return page;
    };
    let kind = flush.kind.replace('_', "-");
    let mut line = facts::fact("flush", kind, Tone::Head).to_vec();
    line.extend(facts::fact("took", duration(flush.duration_ns), Tone::Plain));
    line.extend(facts::fact("from", moment(flush.start_ns), Tone::Plain));
    line.extend(facts::fact("to", moment(flush.start_ns.saturating_add(flush.duration_ns)), Tone::Plain));
    page.line(line);
    let mut line = facts::fact("log", flush.log.to_string(), Tone::Plain).to_vec();
    if flush.result == 0 {
        line.extend(facts::fact("result", "0, ok", Tone::Plain));
    } else {
        line.extend(facts::fact("result", error(flush.result.into()), Tone::Bad));
    }
    line.extend(facts::fact("marks", count(flush.marks_carried), Tone::Plain));
    line.extend(facts::fact("clears", count(flush.clears_carried), Tone::Plain));
    page.line(line);
    if let Some(median) =
        device.flush.kind(flush.kind).and_then(|row| row.latency).map(|latency| latency.latency_ns_p50)
    {
        let times = flush.duration_ns as f64 / median.max(1) as f64;
        page.text(format!("{times:.1} times the median of its kind, {}", duration(median)), Tone::Dim);
    }
    parts(flush, &mut page);
    page.gap();
    let title = match u64::try_from(flush.first_regions.len()) {
        Ok(named) if named < flush.marks_carried => {
            format!("The first {named} of its {} marks", count(flush.marks_carried))
        }
        _ => "Regions that it committed as dirty".to_owned(),
    };
    page.main_grid(regions(device, title, &flush.first_regions));
    page
}

/// What its time went on, and who waited.
fn parts(flush: &SlowFlush, page: &mut Page) {
    let told = |part: Option<u64>| part.map_or_else(|| "-".to_owned(), duration);
    let mut line = facts::fact("pass began before", told(flush.pass_to_flush_ns), Tone::Plain).to_vec();
    line.extend(facts::fact("flush of the legs", told(flush.leg_flush_ns), Tone::Plain));
    line.extend(facts::fact("write to the log device", told(flush.log_write_ns), Tone::Plain));
    page.line(line);
    let waiters: Vec<String> = flush.waiters.iter().map(facts::process).collect();
    let who = if waiters.is_empty() { String::new() } else { format!(": {}", waiters.join(", ")) };
    match flush.writes_waited {
        0 => page.text("no write waited for it", Tone::Dim),
        writes => page.text(
            format!("{} waited for it, {} at most{who}", counted(writes, "write"), duration(flush.longest_wait_ns)),
            Tone::Warn,
        ),
    }
}

fn regions(device: &DeviceSnapshot, title: String, regions: &[u64]) -> Grid {
    let columns = [
        number("region", 0),
        number("first sector", 1),
        number("last sector", 2),
        number("size", 3),
        number("marks so far", 0),
    ];
    let mut grid = Grid::new(title, &columns, "it carried no marks: it was for clears or for recovery");
    let geometry = device.targets.first().map(geometry).unwrap_or_default();
    for region in regions {
        let sectors = geometry.sectors(Region(*region));
        let size = sectors.map(|range| (range.last_sector - range.first_sector + 1) * SECTOR_SIZE_BYTES);
        let known = device.regions.most_marked.iter().find(|row| row.region == *region);
        grid.push(
            *region,
            vec![
                Cell::of(*region, count),
                Cell::maybe(sectors.map(|range| range.first_sector), |sector| sector.to_string()),
                Cell::maybe(sectors.map(|range| range.last_sector), |sector| sector.to_string()),
                Cell::maybe(size, bytes),
                Cell::maybe(known.map(|row| row.marks), count),
            ],
        );
    }
    grid
}

fn geometry(target: &TargetSnapshot) -> Geometry {
    Geometry {
        region_size_sectors: target.region_size_bytes.and_then(|bytes| u32::try_from(bytes / SECTOR_SIZE_BYTES).ok()),
        region_count: target.region_count,
        target_begin: target.target_begin_sector,
        target_sectors: target.target_sectors,
    }
}
