//! Says when a rule is broken, while events come: what a flight recorder waits for.
//!
//! Each rule is judged for each log by itself at the end of every stretch of its window, by what ended in it. The times of events
//! tell when that is; the clock is handed in for when none come.

use std::collections::BTreeMap;

use super::latency::Latency;
use super::subject::{self, Subject, Subjects};
use crate::event::ids::{LogId, MonoNs};
use crate::event::item::Item;
use crate::event::op::Op;

pub mod rule;

use self::rule::{Rule, Statistic};

/// Logs that are judged; events of further ones count for none.
pub const LOGS_MAX: usize = 4096;

/// A rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The rule, as it was written.
    pub rule: String,
    /// Name of the mirror, or what its log goes by; `None` where the rule is of all.
    pub device: Option<String>,
    /// The number that broke it: nanoseconds, or how many.
    pub number: u64,
    /// It is a duration.
    pub is_duration: bool,
    /// The end of the stretch of time.
    pub until: MonoNs,
}

/// Rules and what they have seen.
#[derive(Debug)]
pub struct Trigger {
    rules: Vec<Judged>,
    subjects: Subjects,
    names: BTreeMap<LogId, String>,
}

/// A rule, and what ended in its current stretch of time, by log.
#[derive(Debug)]
struct Judged {
    rule: Rule,
    until: Option<MonoNs>,
    seen: BTreeMap<LogId, Seen>,
}

#[derive(Debug)]
struct Seen {
    count: u64,
    latency: Latency,
}

impl Trigger {
    /// Nothing seen yet.
    pub fn new(rules: Vec<Rule>) -> Self {
        let judged = |rule| Judged { rule, until: None, seen: BTreeMap::new() };
        Self { rules: rules.into_iter().map(judged).collect(), subjects: Subjects::default(), names: BTreeMap::new() }
    }

    /// Takes an item in, after judging what was over before it.
    pub fn see(&mut self, item: &Item, fired: &mut Vec<Fired>) {
        self.judge(item.time(), fired);
        if let Item::Event(event) = item
            && let Op::Identity(identity) = &event.op
        {
            let name = if identity.name.is_empty() { identity.device.to_string() } else { identity.name.clone() };
            if self.names.len() < LOGS_MAX || self.names.contains_key(&event.log) {
                self.names.insert(event.log, name);
            }
        }
        let Self { rules, subjects, .. } = self;
        subjects.see(item, |seen| {
            for judged in rules.iter_mut().filter(|judged| judged.rule.subject == seen.subject) {
                judged.count(&seen);
            }
        });
    }

    /// Judges every stretch of time that is over by now.
    pub fn judge(&mut self, now: MonoNs, fired: &mut Vec<Fired>) {
        for judged in &mut self.rules {
            let until = *judged.until.get_or_insert(MonoNs(now.0.saturating_add(judged.rule.window_ns)));
            if now < until {
                continue;
            }
            for (log, seen) in std::mem::take(&mut judged.seen) {
                let Some(number) =
                    seen.number(judged.rule.statistic).filter(|number| judged.rule.is_broken_by(*number))
                else {
                    continue;
                };
                let name = || self.names.get(&log).cloned().unwrap_or_else(|| format!("log {}", log.0));
                fired.push(Fired {
                    rule: judged.rule.to_string(),
                    device: (judged.rule.subject != Subject::Lost).then(name),
                    number,
                    is_duration: judged.rule.statistic != Statistic::Count,
                    until,
                });
            }
            // After a pause, no stretches without anything.
            judged.until = Some(MonoNs(now.0.saturating_add(judged.rule.window_ns)));
        }
    }
}

impl Judged {
    fn count(&mut self, seen: &subject::Seen) {
        if self.seen.len() >= LOGS_MAX && !self.seen.contains_key(&seen.log) {
            return;
        }
        let counted = self.seen.entry(seen.log).or_insert_with(|| Seen { count: 0, latency: Latency::of_many() });
        counted.count = counted.count.saturating_add(seen.count);
        if let Some(duration_ns) = seen.duration_ns {
            counted.latency.record(duration_ns);
        }
    }
}

impl Seen {
    /// `None` where nothing took any time that was seen.
    fn number(&self, statistic: Statistic) -> Option<u64> {
        if statistic == Statistic::Count {
            return Some(self.count);
        }
        let summary = self.latency.summary()?;
        Some(match statistic {
            Statistic::Count => self.count,
            Statistic::Mean => summary.latency_ns_mean,
            Statistic::P50 => summary.latency_ns_p50,
            Statistic::P90 => summary.latency_ns_p90,
            Statistic::P99 => summary.latency_ns_p99,
            Statistic::P999 => summary.latency_ns_p999,
            Statistic::Max => summary.latency_ns_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fired, Trigger};
    use crate::event::ids::MonoNs;
    use crate::event::text::parse::parse;

    const IDENTITY: &str = r#"0.000000001 cpu=1 tid=2 log=3 identity device="254:0" name="vg/lv" log_type="disk" flush_failed=0 log_device_failed=0"#;

    /// What fires, and at what number.
    fn fired(rules: &[&str], lines: &[&str], now: u64) -> Vec<Fired> {
        let mut trigger = Trigger::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
        let mut fired = Vec::new();
        for line in lines {
            trigger.see(&parse(line).unwrap(), &mut fired);
        }
        trigger.judge(MonoNs(now), &mut fired);
        fired
    }

    fn flush(at_ms: u64, kind: &str, ms: u64) -> String {
        format!(
            "0.{:09} cpu=1 tid=2 log=3 impl=disk flush kind={kind} result=0 duration_ns={}",
            at_ms * 1_000_000,
            ms * 1_000_000
        )
    }

    #[test]
    fn a_slow_flush_fires_the_rule_of_its_kind_at_the_end_of_its_second() {
        let (slow, quick) = (flush(500, "dirtied", 25), flush(600, "cleaned-only", 90));
        let lines = [IDENTITY, &slow, &quick];
        let rules = ["flush.dirtied.max > 20ms", "flush.cleaned_only.p99 > 95ms", "flush.count >= 2"];
        assert_eq!(fired(&rules, &lines, 900_000_000), [], "the second is not over");
        let fired = fired(&rules, &lines, 1_000_000_001);
        let told: Vec<_> =
            fired.iter().map(|f| (f.rule.as_str(), f.device.as_deref(), f.number, f.is_duration)).collect();
        assert_eq!(
            told,
            [
                ("flush.dirtied.max > 20ms", Some("vg/lv"), 25_000_000, true),
                ("flush.count >= 2", Some("vg/lv"), 2, false)
            ]
        );
        assert_eq!(fired[0].until, MonoNs(1_000_000_001));
    }

    #[test]
    fn each_window_begins_anew() {
        let rules = ["flush.dirtied.count > 1"];
        let (first, second) =
            (flush(900, "dirtied", 1), "1.000000003 cpu=1 tid=2 log=3 impl=disk flush kind=dirtied result=0");
        assert_eq!(fired(&rules, &[IDENTITY, &first, second], 9_000_000_000), [], "one in each");
        assert_eq!(fired(&["flush.dirtied.count > 1 over 2s"], &[IDENTITY, &first, second], 9_000_000_000).len(), 1);
    }

    #[test]
    fn writes_and_reads_are_told_apart_and_failures_and_losses_counted() {
        let lines = [
            "0.100000000 cpu=1 tid=2 log=3 map io=9 sector=0 bytes=4096 opf=0x1 tgid=4 comm=\"dd\"",
            "0.100000000 cpu=1 tid=2 log=3 map io=10 sector=0 bytes=4096 opf=0x0 tgid=4 comm=\"dd\"",
            "0.150000000 cpu=1 tid=2 log=3 end_io io=9 latency_ns=50000000 status=-5",
            "0.400000000 cpu=1 tid=2 log=3 end_io io=10 status=0",
            "0.500000000 gap lost=12 cause=ring_full",
        ];
        let rules = ["write.max > 49ms", "read.max > 299ms", "read.max > 300ms", "errors > 0", "lost >= 12"];
        let fired = fired(&rules, &lines, 2_000_000_000);
        let told: Vec<_> = fired.iter().map(|f| (f.rule.as_str(), f.device.as_deref(), f.number)).collect();
        assert_eq!(
            told,
            [
                ("write.max > 49ms", Some("log 3"), 50_000_000),
                ("read.max > 299ms", Some("log 3"), 300_000_000),
                ("errors > 0", Some("log 3"), 1),
                ("lost >= 12", None, 12)
            ]
        );
    }
}
