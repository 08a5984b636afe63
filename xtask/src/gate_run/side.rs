//! A side: what one run of it does, as shell functions that the guest calls.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

const PLAIN: &str = include_str!("scenarios/plain.sh");
const LOG_DELAY: &str = include_str!("scenarios/log-delay.sh");
const LOG_ON_DISK: &str = include_str!("scenarios/log-on-disk.sh");
const FROM_CREATION: &str = include_str!("scenarios/from-creation.sh");

/// Sides that are ready, by name: what is set, and the text that uses it.
const SCENARIOS: [(&str, &str, &str); 9] = [
    ("plain", "REGION=16384", PLAIN),
    ("small-regions", "REGION=128", PLAIN),
    ("log-delay-0ms", "DELAY=0", LOG_DELAY),
    ("log-delay-1ms", "DELAY=1", LOG_DELAY),
    ("log-delay-5ms", "DELAY=5", LOG_DELAY),
    ("log-on-own-disk", "LOG=2", LOG_ON_DISK),
    ("log-on-leg", "LOG=0", LOG_ON_DISK),
    ("nosync", "SYNC=nosync", FROM_CREATION),
    ("resync", "SYNC=sync", FROM_CREATION),
];

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Side {
    /// Its folder below the output folder: lower-case letters, digits and hyphens.
    pub(crate) folder: String,
    /// Defines `before`, `during` and `after`.
    pub(crate) script: String,
}

impl Side {
    /// The ready side of this name.
    pub(crate) fn scenario(name: &str, folder: &str) -> Option<Self> {
        let (_, settings, text) = SCENARIOS.iter().find(|(known, ..)| *known == name)?;
        Some(Self { folder: folder.to_owned(), script: format!("{settings}\n{text}") })
    }

    /// The ready side of this name, or the one that the file of this path defines.
    pub(crate) fn parse(text: &str, folder: &str) -> Result<Self> {
        if let Some(side) = Self::scenario(text, folder) {
            return Ok(side);
        }
        if !Path::new(text).is_file() {
            bail!("`{text}` is neither a file nor one of {}", names().join(", "));
        }
        let script = fs::read_to_string(text).with_context(|| format!("the side `{text}` cannot be read"))?;
        for function in ["before", "during", "after"] {
            if !script.contains(&format!("{function}()")) {
                bail!("the side `{text}` does not define `{function}()`");
            }
        }
        Ok(Self { folder: folder.to_owned(), script })
    }
}

/// Names of the ready sides.
pub(crate) fn names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|(name, ..)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::Side;
    use crate::scratch::Scratch;

    #[test]
    fn a_side_is_a_name_or_a_file() {
        let side = Side::parse("log-delay-5ms", "b").unwrap();
        assert!(side.script.starts_with("DELAY=5\n") && side.script.contains("before() {"), "{}", side.script);
        let scratch = Scratch::new("side");
        scratch.write("own.sh", "before() { :; }\nduring() { load 1; }\nafter() { :; }\n");
        let own = Side::parse(&scratch.path().join("own.sh").to_string_lossy(), "b").unwrap();
        assert_eq!((own.folder.as_str(), own.script.contains("load 1")), ("b", true));
    }

    #[test]
    fn what_is_no_side_is_told_what_would_be_one() {
        let error = Side::parse("log-delay-2ms", "b").unwrap_err().to_string();
        assert!(error.contains("log-delay-2ms") && error.contains("small-regions"), "{error}");
        let scratch = Scratch::new("half-a-side");
        scratch.write("half.sh", "before() { :; }\nduring() { :; }\n");
        let error = Side::parse(&scratch.path().join("half.sh").to_string_lossy(), "b").unwrap_err().to_string();
        assert!(error.ends_with("does not define `after()`"), "{error}");
    }
}
