//! Which format somebody wants who says so in `Accept` (RFC 9110, 12.5.1).
//!
//! As with Prometheus's own libraries, whoever asks for nothing, or for nothing that there is, gets the text format 0.0.4.

use crate::export::openmetrics::Dialect;

/// The format that these values of `Accept` weigh most; of two that weigh the same, OpenMetrics.
pub fn dialect<'a>(accept: impl IntoIterator<Item = &'a str>) -> Dialect {
    let mut best = (0, Dialect::Prometheus);
    for range in accept.into_iter().flat_map(|value| value.split(',')) {
        let Some(wanted) = Wanted::of(range) else { continue };
        if wanted.weight > best.0 || (wanted.weight == best.0 && wanted.dialect == Dialect::OpenMetrics && best.0 > 0) {
            best = (wanted.weight, wanted.dialect);
        }
    }
    best.1
}

/// A media range that means one of the formats.
struct Wanted {
    dialect: Dialect,
    /// In thousandths.
    weight: u32,
}

impl Wanted {
    fn of(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let (mut weight, mut version) = (1_000, None);
        for part in parts {
            let (name, value) = part.split_once('=')?;
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => weight = weight_of(value.trim())?,
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        let dialect = match kind.as_str() {
            // 0.0.1 was a draft of 1.0.0.
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0" | "0.0.1")) => Dialect::OpenMetrics,
            "text/plain" if matches!(version, None | Some("0.0.4")) => Dialect::Prometheus,
            "*/*" | "text/*" => Dialect::Prometheus,
            _ => return None,
        };
        Some(Self { dialect, weight })
    }
}

/// A weight from 0 to 1 with three digits at most.
fn weight_of(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u32 = format!("{fraction:0<3}").parse().ok().filter(|_| is_number)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::dialect;
    use crate::export::openmetrics::Dialect;

    #[test]
    fn the_format_is_the_one_that_weighs_most() {
        let openmetrics = [
            // Prometheus 2.42 and 3.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
            "application/openmetrics-text",
            "text/plain, Application/OpenMetrics-Text ; version=\"1.0.0\"",
            "*/*;q=0.8, application/openmetrics-text;q=0.9",
        ];
        for accept in openmetrics {
            assert_eq!(dialect([accept]), Dialect::OpenMetrics, "{accept}");
        }
        let prometheus = [
            "",
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/plain;version=0.0.4",
            "application/openmetrics-text;q=0.4, text/plain;q=0.5",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=2, application/openmetrics-text;q=x, application/openmetrics-text;q",
            "application/openmetrics-text;q=0.12345",
            ";;;,,,=,;q=",
            "image/png",
        ];
        for accept in prometheus {
            assert_eq!(dialect([accept]), Dialect::Prometheus, "{accept}");
        }
        assert_eq!(dialect([]), Dialect::Prometheus);
        assert_eq!(dialect(["text/plain;q=0.1", "application/openmetrics-text;q=0.2"]), Dialect::OpenMetrics);
    }
}
