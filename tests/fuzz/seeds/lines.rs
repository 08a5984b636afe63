//! Lines: of each recording the first of each operation, and of what no recording has.

use dmlog_user::event::item::Item;
use dmlog_user::event::text::render;

use crate::{Recording, Seed};

/// Gaps, a decode error, bits with and without state, an identity, a bio with a name that has to be quoted.
pub(crate) const RARE: [&str; 8] = [
    "1.000000001 gap cpu=2 lost=12 cause=ring_full",
    "1.000000001 gap cause=module_reload",
    "1.000000002 decode_error reason=\"record of 3 bytes\"",
    "1.000000003 cpu=0 tid=4000 log=1 bits bitset=clean first=0 regions=32768 region_count=32968 cut=0 \
     bits=0xffffffffffffffff*300,0xffffffffffffff7f,0xffffffffffffffff*211 sync_count=199 sync_search=7 touched_dirtied=1 \
     touched_cleaned=0 flush_failed=0 log_device_failed=0 log_device_flush_failed=0",
    "1.000000004 cpu=0 tid=4000 log=1 bits bitset=clean first=32768 regions=200 region_count=32968 cut=0 \
     bits=0xffffffffffffffff*3,0x7f",
    "1.000000005 cpu=0 tid=4000 log=1 bits bitset=recovering first=0 regions=200 region_count=200 cut=1 bits=0x0",
    "1.000000006 cpu=0 tid=4000 log=1 bits bitset=in_sync first=0 regions=32 region_count=32 cut=0",
    "12.000000340 cpu=0 tid=87 log=1 impl=userspace mark_region region=5 duration_ns=100",
];

pub(crate) fn seeds(recordings: &[Recording]) -> Vec<Seed> {
    let of = |recording: &Recording| {
        let lines = first_of_each(&recording.items, 1).into_iter().map(|item| render(item) + "\n");
        (recording.name.clone(), lines.collect::<String>().into_bytes())
    };
    let rare = RARE.iter().enumerate().map(|(place, line)| (format!("rare-{place}"), line.as_bytes().to_vec()));
    recordings.iter().map(of).chain(rare).collect()
}

/// The same, and names and texts that mean something to a spreadsheet, a browser, a ticket or a scraper.
pub(crate) fn hostile_seeds(recordings: &[Recording]) -> Vec<Seed> {
    const NAMES: [&str; 6] = [
        r"<script>alert(1)</script>",
        r#"\"><img src=x onerror=y>"#,
        r"=cmd|' /C calc'!A0",
        r"a|b `c` [d](javascript:e) @f #7",
        r#"le=\"+Inf\"} 1"#,
        r"\u{1b}[2J\n\r\t\u{202e}",
    ];
    let of = |(place, name): (usize, &&str)| {
        let lines = format!(
            "{name}\n\
             0.000000001 cpu=1 tid=2 log=3 identity device=\"254:0\" name=\"{name}\" log_type=\"disk\" flush_failed=0 log_device_failed=0\n\
             0.100000000 cpu=1 tid=2 log=3 map io=9 sector=0 bytes=4096 opf=0x1 tgid=4 comm=\"{name}\"\n\
             0.120000000 cpu=1 tid=2 log=3 impl=disk mark_region region=0 duration_ns=7\n\
             0.140000000 cpu=1 tid=2 log=3 impl=disk flush kind=dirtied result=-5 duration_ns=9\n\
             0.150000000 cpu=1 tid=2 log=3 end_io io=9 latency_ns=50000000 status=-5\n\
             0.160000000 decode_error reason=\"{name}\"\n\
             0.170000000 gap cpu=2 lost=12 cause=ring_full\n"
        );
        (format!("hostile-{place}"), lines.into_bytes())
    };
    seeds(recordings).into_iter().chain(NAMES.iter().enumerate().map(of)).collect()
}

/// The first `count` items of each operation, in their order.
pub(crate) fn first_of_each(items: &[Item], count: usize) -> Vec<&Item> {
    let mut seen = std::collections::BTreeMap::new();
    let is_early = |item: &&Item| {
        let code = match item {
            Item::Event(event) => event.op.code(),
            Item::Gap(_) | Item::DecodeError(_) => 0,
        };
        let times = seen.entry(code).or_insert(0);
        *times += 1;
        *times <= count
    };
    items.iter().filter(is_early).collect()
}
