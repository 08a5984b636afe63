//! `bench regions`: how fast region sets are counted, searched and cut into runs, beside a plain read of the same memory.
//!
//! The measuring program is `tests/bench/regions.rs`, built as a bench of `dmlog-user` because it needs that library with
//! optimizations, and xtask is built without. A figure is the time of the plain read over the time of the operation in the same
//! round: 1 is as fast as memory can be read.

use anyhow::{Context, Result, bail};

use crate::bench::report::{Figure, Report};
use crate::paths::repo_root;
use crate::process;

/// What a figure must reach on a set that fits in no cache.
const GOAL: f64 = 0.8;
const PEER: &str = "plain memory read";

/// Builds and runs the measuring program.
pub(crate) fn measure() -> Result<Report> {
    let bench = ["bench", "--quiet", "--package", "dmlog-user", "--no-default-features", "--bench", "regions"]
        .map(str::to_owned);
    process::run(process::cargo(&repo_root()).args(&bench).arg("--no-run"))?;
    let output = process::output(process::cargo(&repo_root()).args(&bench))?;
    let cases = parse(&output)?;
    Ok(Report {
        bench: "regions".to_owned(),
        command: "cargo xtask bench regions".to_owned(),
        conditions: "release build, one thread, cases in turn; 4 dirty regions in every 65,536".to_owned(),
        figures: figures(&cases)?,
    })
}

/// Name of a case and its times in seconds, one for each round.
type Case = (String, Vec<f64>);

fn parse(output: &str) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for line in output.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some("R"), Some(name)) = (words.next(), words.next()) else { continue };
        let times = words.map(str::parse).collect::<Result<Vec<f64>, _>>();
        cases.push((name.to_owned(), times.with_context(|| format!("the bench said `{line}`"))?));
    }
    Ok(cases)
}

fn figures(cases: &[Case]) -> Result<Vec<Figure>> {
    let times = |name: &str| match cases.iter().find(|(case, _)| case == name) {
        Some((_, times)) => Ok(times),
        None => bail!("the bench did not measure `{name}`"),
    };
    let mut figures = Vec::new();
    for (size, title, goal) in [
        ("largest", "4,294,967,295 regions, 512 MiB", Some(GOAL)),
        ("million", "1,048,576 regions, 128 KiB, in the cache", None),
    ] {
        for (operation, read, title_of) in [
            ("count", "read-busy", "count"),
            ("count-random", "read-random", "count of random bits"),
            ("runs", "read-busy-again", "runs"),
            ("find", "read-full", "find"),
        ] {
            let reads = times(&format!("{size}-{read}"))?;
            let operations = times(&format!("{size}-{operation}"))?;
            let ratios = reads.iter().zip(operations).map(|(read, operation)| read / operation).collect();
            let name = format!("{title_of}, {title}");
            figures.push(Figure::from_runs(&name, ratios, "x", goal, Some((PEER, 1.0))));
        }
        let reads = times(&format!("{size}-read-full"))?.iter().map(|time| time * 1e3).collect();
        figures.push(Figure::from_runs(&format!("{PEER}, {title}"), reads, "ms", None, None));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::{figures, parse};

    const OUTPUT: &str = "noise\nR largest-read-busy 0.1 0.2 0.1\nR largest-count 0.1 0.1 0.2\nR largest-runs 0.1 0.1 0.1\n\
        R largest-read-busy-again 0.1 0.1 0.1\nR largest-read-full 0.05 0.05 0.05\nR largest-find 0.1 0.1 0.1\n\
        R largest-read-random 1 1 1\nR largest-count-random 1 1 1\nR million-read-random 1 1 1\n\
        R million-count-random 1 1 1\n\
        R million-read-busy 1 1 1\nR million-count 1 1 1\nR million-runs 1 1 1\nR million-read-busy-again 1 1 1\n\
        R million-read-full 1 1 1\nR million-find 1 1 1\n";

    #[test]
    fn a_figure_is_the_read_over_the_operation_of_the_same_round() {
        let figures = figures(&parse(OUTPUT).unwrap()).unwrap();
        let runs = |name: &str| figures.iter().find(|figure| figure.name.starts_with(name)).unwrap().runs.clone();
        assert_eq!(runs("count, 4,294,967,295"), [1.0, 2.0, 0.5]);
        assert_eq!(runs("find, 4,294,967,295"), [0.5, 0.5, 0.5]);
        assert_eq!(runs("plain memory read, 4,294"), [50.0, 50.0, 50.0]);
        assert_eq!(figures.len(), 10);
    }

    #[test]
    fn a_case_that_is_missing_is_named() {
        let error = figures(&parse("R largest-count 1\n").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the bench did not measure `largest-read-busy`");
    }
}
