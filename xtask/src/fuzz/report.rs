//! What libFuzzer says about a run, from what it prints.

use std::fmt;

/// One run of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// Inputs that were tried.
    executions: u64,
    /// How long that took.
    seconds: u64,
    /// Edges of the control flow that were reached (`cov`).
    edges: u64,
    /// The same with counts and compared values (`ft`).
    features: u64,
    /// Inputs that reach something that no other does, and their size (`corp`).
    corpus: String,
    /// What was found: the summary of the sanitizer, or libFuzzer's own.
    pub(super) findings: Vec<String>,
}

impl Run {
    /// Reads the output of a run that ended with this status.
    pub(super) fn parse(output: &str, is_success: bool) -> Self {
        let mut run = Self::default();
        for line in output.lines() {
            // `#4096 pulse  cov: 812 ft: 1877 corp: 97/14Kb lim: 4096 exec/s: 2048 rss: 71Mb`
            if line.starts_with('#') {
                let words: Vec<&str> = line.split_whitespace().collect();
                let behind = |key: &str| words.iter().skip_while(|word| **word != key).nth(1).copied();
                run.edges = behind("cov:").and_then(|word| word.parse().ok()).unwrap_or(run.edges);
                run.features = behind("ft:").and_then(|word| word.parse().ok()).unwrap_or(run.features);
                run.corpus = behind("corp:").map_or(run.corpus, str::to_owned);
            }
            // `Done 913400 runs in 31 second(s)`
            if let Some(rest) = line.strip_prefix("Done ") {
                let mut numbers = rest.split_whitespace().filter_map(|word| word.parse().ok());
                run.executions = numbers.next().unwrap_or_default();
                run.seconds = numbers.next().unwrap_or_default();
            }
            run.findings.extend(line.strip_prefix("SUMMARY: ").map(str::to_owned));
        }
        if !is_success && run.findings.is_empty() {
            run.findings.push("it ended early and does not say why".to_owned());
        }
        run
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, seconds, edges, features, corpus, findings } = self;
        let per_second = executions.checked_div(*seconds).unwrap_or(*executions);
        write!(
            f,
            "{executions:>11} executions in {seconds:>4} s, {per_second:>6}/s, cov {edges:>5}, ft {features:>6}, "
        )?;
        write!(f, "corpus {corpus}, {} findings", findings.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Run;

    #[test]
    fn a_clean_run_gives_its_last_figures() {
        let output = "INFO: seed corpus: files: 3\n#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                      #4096\tpulse  cov: 812 ft: 1877 corp: 97/14Kb lim: 4096 exec/s: 2048 rss: 71Mb\n\
                      Done 9000 runs in 31 second(s)\n";
        let expected = Run {
            executions: 9000,
            seconds: 31,
            edges: 812,
            features: 1877,
            corpus: "97/14Kb".to_owned(),
            findings: Vec::new(),
        };
        let run = Run::parse(output, true);
        assert_eq!(run, expected);
        assert!(run.to_string().contains("9000 executions in   31 s,    290/s, cov   812"), "{run}");
    }

    #[test]
    fn a_run_that_failed_has_a_finding() {
        let output = "#7\tNEW cov: 10 ft: 11 corp: 1/1b\nSUMMARY: libFuzzer: deadly signal\n";
        assert_eq!(Run::parse(output, false).findings, ["libFuzzer: deadly signal"]);
        assert_eq!(Run::parse("", false).findings, ["it ended early and does not say why"]);
    }
}
