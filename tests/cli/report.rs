//! `report`: lists as long as they are asked for, a stretch of time, one mirror, and what the page says.

use serde_json::Value;

use crate::program::{Run, file, run, trace};

fn report(name: &str, arguments: &[&str]) -> Run {
    let path = file(name, &trace(false));
    run(["report", path.to_str().unwrap()].iter().chain(arguments))
}

fn json(run: &Run) -> Value {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

/// The lists of a device that `--top` is for.
fn lists(device: &Value) -> [usize; 5] {
    [
        &device["flush"]["slowest"],
        &device["regions"]["most_marked"],
        &device["regions"]["most_written"],
        &device["regions"]["most_re_marked"],
        &device["processes"]["rows"],
    ]
    .map(|list| list.as_array().unwrap().len())
}

fn longest(report: &Value) -> [usize; 5] {
    let mut longest = [0; 5];
    for device in report["devices"].as_array().unwrap() {
        for (longest, length) in longest.iter_mut().zip(lists(device)) {
            *longest = length.max(*longest);
        }
    }
    longest
}

#[test]
fn lists_are_no_longer_than_asked_for() {
    let all = json(&report("report-all.dmlog", &["--format", "json"]));
    let one = json(&report("report-one.dmlog", &["--format", "json", "--top", "1"]));
    let (all, one) = (longest(&all), longest(&one));
    assert!(all[0] > 1 && all[1] > 1, "{all:?}");
    assert_eq!(one, all.map(|length| length.min(1)));
}

/// Numbers over time are there whatever is asked for, and the slots cover the time that is looked at.
#[test]
fn slots_begin_with_the_time_that_is_looked_at() {
    let whole = json(&report("report-slots.dmlog", &["--format", "json"]));
    let first_ns = whole["window"]["first_ns"].as_u64().unwrap();
    let device = &whole["devices"][0];
    let slots = device["occupancy"]["slots"].as_array().unwrap();
    assert_eq!(slots[0]["start_ns"].as_u64(), Some(first_ns));
    let slot_ns = device["occupancy"]["slot_ns"].as_u64().unwrap();
    for (slot, next) in slots.iter().zip(slots.iter().skip(1)) {
        let start = |slot: &Value| slot["start_ns"].as_u64().unwrap();
        assert_eq!(start(next) - start(slot), slot_ns);
    }
    let largest = slots.iter().filter_map(|slot| slot["dirty_regions_max"].as_u64()).max();
    assert_eq!(largest, device["occupancy"]["dirty_regions_max"].as_u64());
}

#[test]
fn the_page_tells_of_regions_over_time() {
    let run = report("report-text.dmlog", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    for line in ["Regions over time\n", "Slowest flushes: ", "  dirty "] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    assert!(!run.stdout.chars().any(|c| c.is_control() && c != '\n'), "{}", run.stdout);
}

#[test]
fn pages_are_of_the_mirrors_that_were_asked_for() {
    for (format, heading) in [("html", "<h2 id=\"mirror-0\">vg/lv"), ("markdown", "### vg/lv (")] {
        let whole = report("report-page.dmlog", &["--format", format]).stdout;
        let one = report("report-page-one.dmlog", &["--format", format, "--device", "vg/lv"]).stdout;
        assert!(one.contains(heading) && whole.contains(heading), "{one}");
        assert!(whole.contains("254:9") && !one.contains("254:9"), "{format}: the other mirror");
        let losses = whole.find("20 events missing").unwrap();
        assert!(losses < whole.find("Linux").unwrap(), "{format}: losses come first");
    }
}
