//! Values, changes and chances as people read them.

use crate::analysis::catalogue::Unit;
use crate::export::number::{bytes, bytes_per_s, count, duration, figure, harmless, shortened};
use crate::export::table::MISSING;
use crate::gate::metric::MetricUnit;

/// Characters of a unit of one's own.
const UNIT_SHOWN: usize = 30;

/// Whole numbers up to here have a place of their own in 64-bit floats.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A value, in a table whose rows name a unit of one's own elsewhere.
pub(super) fn cell(unit: &MetricUnit, value: f64) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", size(unit, value.abs()))
}

/// A value in a sentence, with its unit.
pub(super) fn value(unit: &MetricUnit, value: f64) -> String {
    format!("{}{}", cell(unit, value), own_unit(unit).map_or_else(String::new, |own| format!(" {own}")))
}

/// A difference in a table: with its sign, even if that is a plus.
pub(super) fn change_cell(unit: &MetricUnit, change: f64) -> String {
    // Shares are told in percent, and so are changes: a change of a share is not a share of a change.
    let points = if *unit == MetricUnit::Known(Unit::Ratio) { " points" } else { "" };
    format!(
        "{}{}{points}",
        plus(change),
        cell(unit, change).trim_end_matches(if points.is_empty() { "" } else { " %" })
    )
}

/// A difference in a sentence.
pub(super) fn change(unit: &MetricUnit, change: f64) -> String {
    format!("{}{}", change_cell(unit, change), own_unit(unit).map_or_else(String::new, |own| format!(" {own}")))
}

/// A change as a share of the baseline: `+42 %`, `-3.1 %`.
pub(super) fn relative(share: f64) -> String {
    if !share.is_finite() {
        return MISSING.to_owned();
    }
    let sign = if share < 0.0 { "-" } else { plus(share) };
    format!("{sign}{}", percent(share.abs()))
}

/// A share that is not negative: `42 %`, `0.02 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 {
        format!("{} %", number(percent.round()))
    } else if percent == 0.0 || percent >= 0.095 {
        format!("{} %", trimmed(percent, 1))
    } else {
        format!("{} %", trimmed(percent, 2))
    }
}

/// A chance; below a ten-thousandth only that it is.
pub(super) fn chance(p: f64) -> String {
    if !p.is_finite() {
        MISSING.to_owned()
    } else if p < 0.0001 {
        "<0.0001".to_owned()
    } else if p < 0.01 {
        format!("{p:.4}")
    } else {
        format!("{p:.2}")
    }
}

/// The unit of a number of one's own, as far as a line has room.
pub(super) fn own_unit(unit: &MetricUnit) -> Option<String> {
    match unit {
        MetricUnit::Known(_) => None,
        MetricUnit::Own(name) => Some(shortened(&harmless(name), UNIT_SHOWN)).filter(|name| !name.is_empty()),
    }
}

/// A number that is not negative, by its unit.
fn size(unit: &MetricUnit, value: f64) -> String {
    let MetricUnit::Known(unit) = unit else { return number(value) };
    match unit {
        Unit::Nanoseconds => duration(whole(value)),
        Unit::Bytes => bytes(whole(value)),
        Unit::BytesPerSecond => bytes_per_s(value),
        Unit::Ratio => percent(value),
        Unit::PerSecond => format!("{}/s", number(value)),
        Unit::Count | Unit::Mean | Unit::Sector | Unit::Sectors | Unit::Index | Unit::Error => number(value),
    }
}

/// Whole numbers to the last digit, because exact ones are compared so; others by digits that count.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value < WHOLE_MAX { count(whole(value)) } else { figure(value) }
}

fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    let whole = value.round() as u64;
    whole
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn plus(value: f64) -> &'static str {
    if value > 0.0 { "+" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::{cell, chance, change, change_cell, percent, relative, value};
    use crate::analysis::catalogue::Unit;
    use crate::gate::metric::MetricUnit;

    #[test]
    fn values_are_spelled_by_their_unit() {
        let known = MetricUnit::Known;
        assert_eq!(cell(&known(Unit::Nanoseconds), 1_900_000.4), "1.90 ms");
        assert_eq!(cell(&known(Unit::PerSecond), 1_234.5), "1,235/s");
        assert_eq!(cell(&known(Unit::Mean), 0.001_234), "0.00123");
        assert_eq!(cell(&known(Unit::Count), 1_234_567.0), "1,234,567");
        assert_eq!(cell(&known(Unit::Count), 12.5), "12.5");
        assert_eq!(cell(&known(Unit::Bytes), f64::NAN), "-");
        let own = MetricUnit::Own("guest\ninstructions/call".to_owned());
        assert_eq!(cell(&own, 390.0), "390");
        assert_eq!(value(&own, 390.0), "390 guest\\ninstructions/call");
        assert_eq!(value(&MetricUnit::Own(String::new()), 1.0), "1");
    }

    #[test]
    fn changes_have_a_sign() {
        let time = MetricUnit::Known(Unit::Nanoseconds);
        assert_eq!(change(&time, 1_900_000.0), "+1.90 ms");
        assert_eq!(change(&time, -20_000.0), "-20.0 µs");
        assert_eq!(change_cell(&time, 0.0), "0 ns");
        assert_eq!(change_cell(&MetricUnit::Known(Unit::Ratio), -0.031), "-3.1 points");
        assert_eq!(change(&MetricUnit::Own("B".to_owned()), 0.25), "+0.250 B");
    }

    #[test]
    fn shares_and_chances_keep_what_matters() {
        assert_eq!([relative(0.4231), relative(-0.031), relative(0.0)], ["+42 %", "-3.1 %", "0 %"]);
        assert_eq!([percent(0.05), percent(0.000_23), percent(12.5)], ["5 %", "0.02 %", "1,250 %"]);
        assert_eq!(
            [chance(0.000_01), chance(0.002_1), chance(0.25), chance(1.0)],
            ["<0.0001", "0.0021", "0.25", "1.00"]
        );
    }
}
