//! Pages of a self-check that was made by hand.

use super::{json, text};
use crate::gate::calibration::{RuleCheck, SelfCheck};
use crate::gate::rules::Worse;

fn found() -> SelfCheck {
    let rule = |metric: &str, worse, detectable| RuleCheck {
        metric: metric.parse().unwrap(),
        device: Some("vg/l\u{1b}v".to_owned()),
        worse,
        is_optional: true,
        is_absent: false,
        is_zero: metric == "errors.count",
        judged: 200,
        false_alarms: 1,
        detectable,
        needs: None,
    };
    SelfCheck {
        runs: 8,
        runs_a_side: 7,
        shares_runs: true,
        comparisons: 200,
        false_alarms: 3,
        false_regressions: 2,
        false_improvements: 1,
        rules: vec![
            rule("flush.dirtied.p99", Worse::Higher, Some(0.082)),
            rule("write.rate", Worse::Lower, Some(0.12)),
            rule("write.mean", Worse::Higher, None),
            rule("errors.count", Worse::Higher, None),
            RuleCheck {
                judged: 0,
                is_optional: false,
                needs: Some("record longer".to_owned()),
                ..rule("write.p99.99", Worse::Higher, None)
            },
            RuleCheck { judged: 0, is_absent: true, ..rule("recovery.p99", Worse::Higher, None) },
        ],
    }
}

#[test]
fn the_page_says_how_often_it_is_wrong_and_what_it_sees() {
    let page = text(&found(), "gate.toml");
    assert!(page.starts_with("1.5 % of 200 comparisons had a false alarm: 2 a regression, 1 an improvement"), "{page}");
    for line in [
        "flush.dirtied.p99     200         0.5 %         +8.2 %",
        "write.rate            200         0.5 %          -12 %",
        "write.mean            200         0.5 %  nothing tried",
        "errors.count          200         0.5 %              -",
        "without common runs",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(page.contains("write.p99.99 of vg/l\\u{1b}v cannot be judged: record longer."), "{page}");
    assert!(!page.contains("recovery") && !page.chars().any(|c| c.is_control() && c != '\n'), "{page}");
    let nothing = SelfCheck { rules: Vec::new(), ..found() };
    assert!(text(&nothing, "gate.toml").starts_with("NOTHING JUDGED"));
}

#[test]
fn the_object_has_the_same() {
    let object: serde_json::Value = serde_json::from_str(&json(&found(), "gate.toml").unwrap()).unwrap();
    assert_eq!((object["false_alarms"].as_u64(), object["runs_a_side"].as_u64()), (Some(3), Some(7)));
    assert_eq!(object["rules"][1]["detectable"], 0.12);
    assert_eq!(object["rules"][4]["needs"], "record longer");
}
