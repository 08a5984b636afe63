//! Says when a rule is broken, while events come: what a flight recorder waits for.
//!
//! Each rule is judged for each log by itself at the end of every stretch of its window, by what ended in it. The times of events
//! tell when that is; the clock is handed in for when none come.

use std::collections::BTreeMap;

use super::latency::Latency;
use super::outstanding::{Outstanding, Pending};
use crate::event::ids::{LogId, MonoNs};
use crate::event::item::Item;
use crate::event::op::{Event, FlushKind, IoKind, LogOp, MirrorOp, Op};

pub mod rule;

use self::rule::{Rule, Statistic, Subject};

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
    outstanding: Outstanding,
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
        Self {
            rules: rules.into_iter().map(judged).collect(),
            outstanding: Outstanding::default(),
            names: BTreeMap::new(),
        }
    }

    /// Takes an item in, after judging what was over before it.
    pub fn see(&mut self, item: &Item, fired: &mut Vec<Fired>) {
        self.judge(item.time(), fired);
        match item {
            Item::Gap(gap) => self.count(LogId::UNKNOWN, &[Subject::Lost], gap.lost.unwrap_or(1), None),
            Item::DecodeError(_) => self.count(LogId::UNKNOWN, &[Subject::Lost], 1, None),
            Item::Event(event) => self.see_event(event),
        }
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

    fn see_event(&mut self, event: &Event) {
        let Event { time, log, duration, op, .. } = event;
        let duration_ns = duration.map(|duration| duration.0);
        match op {
            Op::Identity(identity) => {
                let name = if identity.name.is_empty() { identity.device.to_string() } else { identity.name.clone() };
                if self.names.len() < LOGS_MAX || self.names.contains_key(log) {
                    self.names.insert(*log, name);
                }
            }
            Op::Log(_, LogOp::Flush { kind, result }) => {
                let of_kind = match kind {
                    Some(FlushKind::Dirtied) => Subject::DirtiedFlush,
                    Some(FlushKind::CleanedOnly) => Subject::CleanedOnlyFlush,
                    Some(FlushKind::NoOp) => Subject::NoOpFlush,
                    None => Subject::Flush,
                };
                self.count(*log, &[Subject::Flush, of_kind], 1, duration_ns);
                self.fail(*log, *result != 0);
            }
            Op::Mirror(MirrorOp::Map(io)) => self.outstanding.insert(Pending {
                io: io.io,
                entered: *time,
                position: None,
                picked: None,
                delayed: None,
                device: 0,
                process: 0,
                log: *log,
                kind: io.kind(),
            }),
            Op::Mirror(MirrorOp::EndIo { io, latency, status }) => {
                let Some(pending) = self.outstanding.remove(*io) else { return };
                let latency_ns = latency.map_or_else(|| time.0.saturating_sub(pending.entered.0), |latency| latency.0);
                match pending.kind {
                    IoKind::Write => self.count(pending.log, &[Subject::Write], 1, Some(latency_ns)),
                    IoKind::Read => self.count(pending.log, &[Subject::Read], 1, Some(latency_ns)),
                    IoKind::Flush | IoKind::Discard | IoKind::Other => {}
                }
                self.fail(pending.log, *status != 0);
            }
            Op::Mirror(MirrorOp::RecoveryComplete { took, read_error, write_error, .. }) => {
                self.count(*log, &[Subject::Recovery], 1, took.map(|took| took.0));
                self.fail(*log, *read_error != 0 || *write_error != 0);
            }
            Op::Consult { result, .. } => {
                self.count(*log, &[Subject::Userspace], 1, duration_ns);
                self.fail(*log, *result != 0);
            }
            _ => {}
        }
    }

    fn fail(&mut self, log: LogId, failed: bool) {
        if failed {
            self.count(log, &[Subject::Errors], 1, None);
        }
    }

    fn count(&mut self, log: LogId, subjects: &[Subject], count: u64, duration_ns: Option<u64>) {
        for judged in self.rules.iter_mut().filter(|judged| subjects.contains(&judged.rule.subject)) {
            if judged.seen.len() >= LOGS_MAX && !judged.seen.contains_key(&log) {
                continue;
            }
            let seen = judged.seen.entry(log).or_insert_with(|| Seen { count: 0, latency: Latency::of_many() });
            seen.count = seen.count.saturating_add(count);
            if let Some(duration_ns) = duration_ns {
                seen.latency.record(duration_ns);
            }
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
