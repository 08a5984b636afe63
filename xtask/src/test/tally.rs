//! Counts what passed, failed and was skipped, over all tiers of a run.

use std::fmt;

/// The counts, and the names behind those that somebody has to look at.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u32,
    /// What failed; the reason is in the output above.
    failed: Vec<String>,
    /// What was skipped and why.
    skipped: Vec<(String, String)>,
}

impl Tally {
    /// Counts one success.
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// Counts one failure.
    pub(crate) fn fail(&mut self, name: String) {
        self.failed.push(name);
    }

    /// Counts one test that could not run here.
    pub(crate) fn skip(&mut self, name: String, reason: String) {
        self.skipped.push((name, reason));
    }

    /// Adds the counts of another tally, its names after a prefix.
    pub(crate) fn add(&mut self, prefix: &str, other: Self) {
        let Self { passed, failed, skipped } = other;
        self.passed += passed;
        self.failed.extend(failed.into_iter().map(|name| format!("{prefix}{name}")));
        self.skipped.extend(skipped.into_iter().map(|(name, reason)| (format!("{prefix}{name}"), reason)));
    }

    /// True when nothing failed.
    pub(crate) fn is_success(&self) -> bool {
        self.failed.is_empty()
    }

    /// How many tests there were, of all three kinds.
    pub(crate) fn total(&self) -> usize {
        self.passed as usize + self.failed.len() + self.skipped.len()
    }

    /// The names with their reasons, one a line; empty when everything passed.
    pub(crate) fn details(&self) -> String {
        let skipped = self.skipped.iter().map(|(name, reason)| format!("skipped {name}: {reason}\n"));
        let failed = self.failed.iter().map(|name| format!("failed {name}\n"));
        skipped.chain(failed).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {} failed, {} skipped", failed.len(), skipped.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn tiers_add_up_and_names_keep_their_tier() {
        let mut guest = Tally::default();
        guest.pass();
        guest.fail("storm".to_owned());
        guest.skip("fentry".to_owned(), "no module BTF".to_owned());
        let mut all = Tally::default();
        all.pass();
        all.add("vm 5.10 ", guest);
        assert_eq!(all.to_string(), "2 passed, 1 failed, 1 skipped");
        assert_eq!(all.details(), "skipped vm 5.10 fentry: no module BTF\nfailed vm 5.10 storm\n");
        assert_eq!(all.total(), 4);
        assert!(!all.is_success());
    }
}
