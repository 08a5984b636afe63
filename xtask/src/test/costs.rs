//! The tier `costs`: one result for each figure that the gate judges.

use anyhow::Result;

use crate::costs;
use crate::costs::verdict::Verdict;
use crate::test::tally::Tally;

/// Measures, judges, and counts.
pub(super) fn tier() -> Result<Tally> {
    let mut tally = Tally::default();
    if let Some(reason) = costs::obstacle() {
        tally.skip("all".to_owned(), reason);
        return Ok(tally);
    }
    count(&costs::check()?, &mut tally);
    Ok(tally)
}

fn count(verdict: &Verdict, tally: &mut Tally) {
    for judged in &verdict.judged {
        if judged.is_success() {
            tally.pass();
        } else {
            tally.fail(format!("{}: {}", judged.metric, judged.sentence));
        }
    }
    if tally.is_success() && verdict.outcome != "passed" {
        tally.fail(format!("the verdict is `{}`", verdict.outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::count;
    use crate::costs::verdict::Verdict;
    use crate::test::tally::Tally;

    fn details(outcome: &str, findings: [&str; 2]) -> (String, String) {
        let row =
            |finding| format!("{{\"metric\":\"figure.a\",\"finding\":\"{finding}\",\"sentence\":\"+3 %\",\"p\":null}}");
        let rows = findings.map(row).join(",");
        let json = format!("{{\"schema_version\":1,\"outcome\":\"{outcome}\",\"judged\":[{rows}]}}");
        let verdict: Verdict = serde_json::from_str(&json).unwrap();
        let mut tally = Tally::default();
        count(&verdict, &mut tally);
        (tally.to_string(), tally.details())
    }

    #[test]
    fn every_figure_is_a_result() {
        let (counts, details_of) = details("failed", ["unchanged", "regression"]);
        assert_eq!(counts, "1 passed, 1 failed, 0 skipped");
        assert_eq!(details_of, "failed figure.a: +3 %\n");
        assert_eq!(details("passed", ["improvement", "unchanged"]).0, "2 passed, 0 failed, 0 skipped");
        // What could not be judged has not passed.
        assert_eq!(details("inconclusive", ["unchanged", "absent"]).0, "1 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn an_inconclusive_verdict_over_good_figures_fails() {
        let (counts, details) = details("inconclusive", ["unchanged", "unchanged"]);
        assert_eq!(counts, "2 passed, 1 failed, 0 skipped");
        assert_eq!(details, "failed the verdict is `inconclusive`\n");
    }
}
