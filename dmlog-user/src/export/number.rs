//! Numbers as people read them: three digits and a unit that fits.

use crate::analysis::catalogue::Unit;

/// A duration: `950 ns`, `12.3 µs`, `4.56 ms`, `1.23 s`, `12m05s`.
pub fn duration(ns: u64) -> String {
    const STEPS: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
    /// From here on minutes say more than seconds.
    const MINUTES_FROM_S: u64 = 120;
    let seconds = ns / 1_000_000_000;
    if seconds >= 3600 {
        return format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
    }
    if seconds >= MINUTES_FROM_S {
        return format!("{}m{:02}s", seconds / 60, seconds % 60);
    }
    if ns < 1000 { format!("{ns} ns") } else { stepped(ns as f64, &STEPS) }
}

/// A number of bytes: `512 B`, `4.00 KiB`, `1.50 MiB`.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { stepped(bytes as f64, &BYTE_STEPS) }
}

const BYTE_STEPS: [(f64, &str); 6] = [
    (1.0, "B"),
    (1024.0, "KiB"),
    (1_048_576.0, "MiB"),
    (1_073_741_824.0, "GiB"),
    (1_099_511_627_776.0, "TiB"),
    (1_125_899_906_842_624.0, "PiB"),
];

/// Bytes per second: `1.50 MiB/s`.
pub fn bytes_per_s(rate: f64) -> String {
    format!("{}/s", stepped(rate, &BYTE_STEPS))
}

/// A whole number with a comma between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 mark`, `2 marks`.
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{} {thing}s", count(number)) }
}

/// What the kernel gave as an error, with its name where that is a common one: a negative errno or a block status.
pub fn error(number: i64) -> String {
    let name = match number {
        -3 => "ESRCH",
        -5 => "EIO",
        -11 => "EAGAIN",
        -12 => "ENOMEM",
        -22 => "EINVAL",
        -28 => "ENOSPC",
        -110 => "ETIMEDOUT",
        1 => "NOTSUPP",
        2 => "TIMEOUT",
        3 => "NOSPC",
        4 => "TRANSPORT",
        7 => "MEDIUM",
        9 => "RESOURCE",
        10 => "IOERR",
        _ => return number.to_string(),
    };
    format!("{number} {name}")
}

/// A rate: three digits, whole numbers from 100 on.
pub fn per_s(rate: f64) -> String {
    if rate >= 100.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
        count(rate.round() as u64)
    } else {
        three_digits(rate)
    }
}

/// A number that is not negative and may be of any size: three digits that count, or more where it is large.
pub fn figure(value: f64) -> String {
    /// Beyond these a number is easier to read with its exponent.
    const PLAIN: std::ops::Range<f64> = 1e-6..1e15;
    if value == 0.0 {
        "0".to_owned()
    } else if !PLAIN.contains(&value) {
        format!("{value:.2e}")
    } else if value >= 99.95 {
        per_s(value.round())
    } else if value >= 0.9995 {
        three_digits(value)
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "3 to 8 within the range")]
        let decimals = (2.0 - value.log10().floor()) as usize;
        format!("{value:.decimals$}")
    }
}

/// A share of 0 to 1 as a percentage: `0.4 %`, `63 %`.
pub fn ratio(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// A whole number by its unit.
pub fn by_unit(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Nanoseconds => duration(value),
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::Index | Unit::Sector | Unit::Sectors | Unit::Error => value.to_string(),
        Unit::Count | Unit::PerSecond | Unit::Ratio | Unit::Mean => count(value),
    }
}

/// A moment, from the start of the trace: seconds with six digits, so that it can be found again with `--since`.
pub fn moment(ns: u64) -> String {
    format!("{}.{:06} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1000)
}

/// UTC time of nanoseconds since 1970: `2026-11-22 09:41:00 UTC`.
pub fn wall_time(realtime_ns: u64) -> String {
    const DAY_S: u64 = 86_400;
    let seconds = realtime_ns / 1_000_000_000;
    let (year, month, day) = civil_date(seconds / DAY_S);
    let of_day = seconds % DAY_S;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", of_day / 3600, of_day % 3600 / 60, of_day % 60)
}

/// Year, month and day of a number of days since 1970, by the Gregorian calendar.
fn civil_date(days: u64) -> (u64, u64, u64) {
    /// Days of 400 years, after which the calendar repeats.
    const ERA: u64 = 146_097;
    /// Days from the first of March of the year 0 to 1970.
    const TO_1970: u64 = 719_468;
    let days = days + TO_1970;
    let (era, of_era) = (days / ERA, days % ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months are counted from March, so that the leap day is the last of a year.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Text from outside so that a terminal sees only harmless characters: control characters, and everything else that is
/// invisible or changes the direction, are escaped.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '"' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

/// The text cut to a number of characters, with an ellipsis where something was cut.
pub fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

fn stepped(value: f64, steps: &[(f64, &str)]) -> String {
    // What would round up to the next unit belongs to it: 1.00 ms, not 1000 µs.
    const ROUNDS_UP: f64 = 0.9995;
    let fits = steps.iter().rev().find(|(size, _)| value >= size * ROUNDS_UP);
    let (size, unit) = fits.or(steps.first()).copied().unwrap_or((1.0, ""));
    format!("{} {unit}", three_digits(value / size))
}

fn three_digits(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, figure, harmless, moment, per_s, ratio, shortened, wall_time};

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (123_456, "123 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (4_560_000, "4.56 ms"),
            (1_234_567_890, "1.23 s"),
            (119_900_000_000, "120 s"),
            (725_000_000_000, "12m05s"),
            (7_260_000_000_000, "2h01m"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn bytes_counts_rates_and_shares() {
        assert_eq!([bytes(0), bytes(1023), bytes(4096), bytes(1 << 40)], ["0 B", "1023 B", "4.00 KiB", "1.00 TiB"]);
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([per_s(0.0), per_s(0.123), per_s(12.34), per_s(12_345.6)], ["0", "0.12", "12.3", "12,346"]);
        assert_eq!([ratio(0.0), ratio(0.004), ratio(0.632), ratio(1.0)], ["0 %", "0.4 %", "63 %", "100 %"]);
        assert_eq!(moment(1_234_567_890), "1.234567 s");
    }

    #[test]
    fn figures_of_any_size_have_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (1.0312, "1.03"),
            (0.999_6, "1.00"),
            (0.001_234, "0.00123"),
            (42.04, "42.0"),
            (99.97, "100"),
            (12_345.6, "12,346"),
            (1.5e-9, "1.50e-9"),
            (2e18, "2.00e18"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn wall_times_follow_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_795_340_460, "2026-11-22 09:41:00 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(wall_time(seconds * 1_000_000_000), text);
        }
    }

    #[test]
    fn names_cannot_drive_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(harmless("\u{202e}gpj"), "\\u{202e}gpj");
        assert_eq!(harmless("it's \"vg/lv\" größer"), "it's \"vg/lv\" größer");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("abcd", 4), "abcd");
    }
}
