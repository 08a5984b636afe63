//! An independent counter: kprobes of the kernel's own tracing, in an instance of their own, one line for every call.
//!
//! Nothing of it is shared with the program under test: not the probes, not the ring, not the way structures are read (fixed
//! offsets, the same on all kernels in scope). It checks itself: a line that was lost, or a return that was missed, is a
//! panic.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{DEADLINE, read, write_text};

const TRACING: &str = "/sys/kernel/tracing";
const INSTANCE: &str = "/sys/kernel/tracing/instances/dmlogvm";
/// For each CPU; a line takes about 60 bytes.
const BUFFER_KIB: u32 = 12 << 10;
/// As long without a call means that the mirrors have come to rest. A pass of the worker follows the one before at once.
const REST: Duration = Duration::from_millis(500);

/// Name and definition of every probe. `%di`, `%si`, `%dx` are the first three arguments. `log_c` is 16 bytes into the log,
/// its `touched_dirtied` and `touched_cleaned` at 8 and 12.
const PROBES: [(&str, &str); 12] = [
    ("mark", "p:dmt/mark dm_log:core_mark_region region=%si:u64"),
    ("clear", "p:dmt/clear dm_log:core_clear_region region=%si:u64"),
    ("setsync", "p:dmt/setsync dm_log:core_set_region_sync region=%si:u64 in_sync=%dx:s32"),
    ("flush", "p:dmt/flush dm_log:disk_flush td=+8(+16(%di)):u32 tc=+12(+16(%di)):u32"),
    ("coreflush", "p:dmt/coreflush dm_log:core_flush"),
    ("status", "p:dmt/status dm_log:core_status"),
    ("mstatus", "p:dmt/mstatus dm_mirror:mirror_status"),
    ("recover", "p:dmt/recover dm_mirror:recover"),
    ("map", "p:dmt/map dm_mirror:mirror_map"),
    ("endio", "p:dmt/endio dm_mirror:mirror_end_io"),
    ("recend", "p:dmt/recend dm_region_hash:dm_rh_recovery_end region=+8(%di):u64"),
    ("resync", "r64:dmt/resync dm_log:core_get_resync_work ret=$retval:s32"),
];

/// Counts from its start to [`Counter::stop`].
#[derive(Debug)]
pub(crate) struct Counter {
    is_over: bool,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Calls of each probe.
    pub(crate) calls: BTreeMap<String, u64>,
    /// Marks of each region.
    pub(crate) marks: BTreeMap<u64, u64>,
    /// Clears of each region.
    pub(crate) clears: BTreeMap<u64, u64>,
    /// Flushes of disk logs: dirtied, cleaned-only, no-op.
    pub(crate) flushes: [u64; 3],
    /// Calls of `get_resync_work` that gave out a region.
    pub(crate) resync_work: u64,
    /// Regions that came in sync by recovery.
    pub(crate) recovered: BTreeSet<u64>,
}

impl Counts {
    /// Calls of one probe.
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.calls.get(name).copied().unwrap_or(0)
    }
}

impl Counter {
    /// Starts to count.
    pub(crate) fn start() -> Self {
        clean();
        fs::create_dir(INSTANCE).unwrap_or_else(|error| panic!("`{INSTANCE}`: {error}"));
        let counter = Self { is_over: false };
        let probes = Path::new(TRACING).join("kprobe_events");
        for (_, definition) in PROBES {
            use std::io::Write;
            let file = fs::OpenOptions::new().append(true).open(&probes);
            let written = file.and_then(|mut file| file.write_all(definition.as_bytes()));
            written.unwrap_or_else(|error| panic!("`{definition}`: {error}"));
        }
        write_text(Path::new(INSTANCE).join("buffer_size_kb"), &BUFFER_KIB.to_string());
        write_text(Path::new(INSTANCE).join("events/dmt/enable"), "1");
        counter
    }

    /// Waits until nothing has been called for a while.
    #[expect(clippy::unused_self, reason = "only while it counts")]
    pub(crate) fn wait_rest(&self) {
        let end = Instant::now() + DEADLINE;
        let (mut last, mut since) = (entries(), Instant::now());
        while since.elapsed() < REST {
            assert!(Instant::now() < end, "the mirrors do not come to rest: {last} calls and more");
            std::thread::sleep(Duration::from_millis(20));
            let now = entries();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }

    /// Ends it and counts the lines.
    pub(crate) fn stop(mut self) -> Counts {
        write_text(Path::new(INSTANCE).join("events/dmt/enable"), "0");
        let counts = count();
        check(counts.calls.values().sum());
        clean();
        self.is_over = true;
        counts
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if !self.is_over {
            clean();
        }
    }
}

/// Removes the instance and the probes; those of a test that failed too. What is not there needs no removal.
fn clean() {
    let _ = fs::write(Path::new(INSTANCE).join("events/dmt/enable"), "0");
    let _ = fs::remove_dir(INSTANCE);
    for (name, _) in PROBES {
        use std::io::Write;
        let file = fs::OpenOptions::new().append(true).open(Path::new(TRACING).join("kprobe_events"));
        let _ = file.and_then(|mut file| file.write_all(format!("-:dmt/{name}").as_bytes()));
    }
}

/// A number of the per-CPU statistics, over all CPUs.
fn statistic(key: &str) -> u64 {
    let folder = Path::new(INSTANCE).join("per_cpu");
    let cpus = fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut sum = 0;
    for cpu in cpus.flatten() {
        let text = read(cpu.path().join("stats"));
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse::<u64>().ok());
        sum += value.unwrap_or_else(|| panic!("no `{key}` in `{text}`"));
    }
    sum
}

fn entries() -> u64 {
    statistic("entries") + statistic("overrun")
}

/// The counter's own losses are none.
fn check(lines: u64) {
    assert_eq!(statistic("overrun"), 0, "the counter's buffer was too small");
    assert_eq!(statistic("dropped events"), 0, "the counter's buffer dropped lines");
    assert_eq!(statistic("entries"), lines, "lines of the counter that were not understood");
    // `  mark    12    0`: hits and misses.
    for line in read(Path::new(TRACING).join("kprobe_profile")).lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(_), Some(missed)) = (words.next(), words.next(), words.next()) else { continue };
        assert!(missed == "0" || !PROBES.iter().any(|(known, _)| *known == name), "the counter missed calls: {line}");
    }
}

fn count() -> Counts {
    let mut counts = Counts::default();
    for line in read(Path::new(INSTANCE).join("trace")).lines() {
        // `  kworker/0:1-12  [000] d.... 12.345678: mark: (core_mark_region+0x0/0x20 [dm_log]) region=5`
        if line.starts_with('#') {
            continue;
        }
        let Some((before, fields)) = line.split_once(": (") else { continue };
        let Some(name) = before.rsplit(' ').next() else { continue };
        *counts.calls.entry(name.to_owned()).or_default() += 1;
        let field = |key: &str| -> i64 {
            let word = fields.split_ascii_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no `{key}` in `{line}`"))
        };
        match name {
            "mark" => *counts.marks.entry(field("region").unsigned_abs()).or_default() += 1,
            "clear" => *counts.clears.entry(field("region").unsigned_abs()).or_default() += 1,
            "flush" => {
                let kind = match (field("td"), field("tc")) {
                    (0, 0) => 2,
                    (0, _) => 1,
                    _ => 0,
                };
                counts.flushes[kind] += 1;
            }
            "setsync" if field("in_sync") == 1 => {
                counts.recovered.insert(field("region").unsigned_abs());
            }
            "resync" => counts.resync_work += u64::from(field("ret") == 1),
            _ => {}
        }
    }
    counts
}
