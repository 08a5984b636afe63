//! The two text formats: families, samples, labels, numbers, and what is escaped.

use std::collections::HashSet;

use super::families::{Family, Kind};
use super::{Dialect, LABEL_BYTES_MAX};
use crate::session::distributions::{BOUNDS_NS, Distribution};
use crate::session::snapshot::DeviceSnapshot;

/// What a cut name may be longer than its limit, and what is put behind it to tell it from others: an escaped character, an
/// ellipsis, and ` (256)`.
const COPY_BYTES_MAX: usize = 32;

/// A number of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// Of things, or of bytes.
    Count(u64),
    /// Nanoseconds, which are told in seconds, exactly.
    Ns(u64),
    /// Anything else.
    Float(f64),
}

/// What has been written.
#[derive(Debug)]
pub(super) struct Text {
    out: String,
    dialect: Dialect,
    /// With the blank before it; empty if samples have none.
    timestamp: String,
    family: Option<&'static Family>,
    /// The family's first lines have been written: not before there is a sample.
    is_begun: bool,
    /// Labels that all samples have until others are set.
    common: String,
}

impl Text {
    pub(super) fn new(dialect: Dialect, at_ns: Option<u64>) -> Self {
        // Only OpenMetrics counts in seconds; and only a file is of a moment, which is of that format.
        let at_ns = at_ns.filter(|_| dialect == Dialect::OpenMetrics);
        let timestamp =
            at_ns.map_or(String::new(), |ns| format!(" {}.{:03}", ns / 1_000_000_000, ns / 1_000_000 % 1_000));
        Self { out: String::new(), dialect, timestamp, family: None, is_begun: false, common: String::new() }
    }

    /// What follows are samples of this family.
    pub(super) fn begin(&mut self, family: &'static Family) {
        self.family = Some(family);
        self.is_begun = false;
        self.common.clear();
    }

    /// What follows is of a mirror with these labels.
    pub(super) fn of(&mut self, labels: &str) {
        self.common.clear();
        self.common.push_str(labels);
    }

    /// A sample; texts of labels come from anywhere. A number that is none is left out.
    pub(super) fn put(&mut self, labels: &[(&'static str, &str)], number: Number) {
        let Some(family) = self.family else { return };
        if matches!(number, Number::Float(float) if !float.is_finite()) {
            return;
        }
        let suffix = match family.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.sample(family, suffix, labels, None, number);
    }

    /// The samples of a histogram.
    pub(super) fn histogram(&mut self, label: Option<&'static str>, value: &str, spread: &Distribution) {
        let Some(family) = self.family else { return };
        let label = label.map(|label| (label, value));
        let labels = label.as_slice();
        let Distribution { at_most, count, sum_ns, .. } = spread;
        for (bound_ns, at_most) in BOUNDS_NS.iter().zip(at_most) {
            let bound = self.bound(*bound_ns);
            self.sample(family, "_bucket", labels, Some(&bound), Number::Count(*at_most));
        }
        self.sample(family, "_bucket", labels, Some("+Inf"), Number::Count(*count));
        self.sample(family, "_sum", labels, None, Number::Ns(*sum_ns));
        self.sample(family, "_count", labels, None, Number::Count(*count));
    }

    /// In seconds. OpenMetrics wants the canonical form of a number there, which is that of Go's `%v` with `.0` behind whole ones.
    fn bound(&self, bound_ns: u64) -> String {
        let bound = bound_ns as f64 / 1e9;
        if self.dialect == Dialect::OpenMetrics && bound_ns.is_multiple_of(1_000_000_000) {
            return format!("{bound}.0");
        }
        // Go writes an exponent, of two digits, below a ten-thousandth.
        match format!("{bound:e}").split_once("e-") {
            Some((digits, exponent)) if bound < 1e-4 => format!("{digits}e-{exponent:0>2}"),
            Some(_) | None => bound.to_string(),
        }
    }

    fn sample(
        &mut self,
        family: &'static Family,
        suffix: &str,
        labels: &[(&'static str, &str)],
        bound: Option<&str>,
        number: Number,
    ) {
        if !self.is_begun {
            self.head(family);
            self.is_begun = true;
        }
        self.out.push_str(family.name);
        self.out.push_str(suffix);
        if !self.common.is_empty() || !labels.is_empty() || bound.is_some() {
            self.out.push('{');
            self.out.push_str(&self.common);
            for (label, value) in labels {
                push_label(label, value, &mut self.out);
            }
            if let Some(bound) = bound {
                push_label("le", bound, &mut self.out);
            }
            // The comma behind the last one.
            self.out.pop();
            self.out.push('}');
        }
        self.out.push(' ');
        push_number(number, &mut self.out);
        self.out.push_str(&self.timestamp);
        self.out.push('\n');
    }

    fn head(&mut self, family: &'static Family) {
        let Family { name, kind, help, .. } = family;
        let (suffix, word) = match (self.dialect, kind) {
            (Dialect::OpenMetrics, kind) => ("", kind.word()),
            (Dialect::Prometheus, Kind::Counter) => ("_total", "counter"),
            (Dialect::Prometheus, Kind::Info) => ("_info", "gauge"),
            (Dialect::Prometheus, Kind::Gauge | Kind::Histogram) => ("", kind.word()),
        };
        self.out.push_str(&format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {word}\n"));
        if self.dialect == Dialect::OpenMetrics
            && let Some(unit) = family.unit()
        {
            self.out.push_str(&format!("# UNIT {name} {unit}\n"));
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.dialect == Dialect::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

fn push_number(number: Number, out: &mut String) {
    match number {
        Number::Count(count) => out.push_str(&count.to_string()),
        Number::Ns(ns) => out.push_str(&format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)),
        Number::Float(float) => out.push_str(&float.to_string()),
    }
}

/// Labels of mirrors, no two the same: samples with the same labels would make the whole text invalid.
#[derive(Debug, Default)]
pub(super) struct Labels(HashSet<String>);

impl Labels {
    /// Those of a mirror, with a comma at the end.
    pub(super) fn of(&mut self, device: &DeviceSnapshot) -> String {
        let mut copy = 1;
        loop {
            let mut labels = String::new();
            if copy == 1 {
                push_label("device", &device.name, &mut labels);
            } else {
                // Cut before, so that what tells them apart is not.
                let name = shown(&device.name, LABEL_BYTES_MAX - COPY_BYTES_MAX);
                push_label("device", &format!("{name} ({copy})"), &mut labels);
            }
            if let Some(number) = &device.device {
                push_label("number", number, &mut labels);
            }
            if self.0.insert(labels.clone()) {
                return labels;
            }
            copy += 1;
        }
    }
}

/// A label with a comma at the end.
fn push_label(label: &str, value: &str, out: &mut String) {
    out.push_str(label);
    out.push_str("=\"");
    for c in shown(value, LABEL_BYTES_MAX).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            _ => out.push(c),
        }
    }
    out.push_str("\",");
}

/// A text of bounded length in which nothing moves a cursor: what cannot be seen is spelled.
fn shown(text: &str, bytes_max: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= bytes_max {
            out.push('…');
            break;
        }
        match c {
            '\\' | '"' | '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}
