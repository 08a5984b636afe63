//! Rule files: good ones, and what bad ones say.

use super::{RULES_MAX, parse};
use crate::gate::rules::{CONFIDENCE, Rule, Worse, built_in};
use crate::gate::verdict::reason::ReasonKind;

#[test]
fn everything_that_can_be_written_is_read() {
    let text = "confidence = 0.95\nallow = [\"kernel\", \"region_size\"]\n[[rule]]\nmetric = \"flush.dirtied.p99\"\nworse = \"lower\"\n\
                relative_floor = \"7.5%\"\nabsolute_floor = \"50us\"\nminimum_samples = 1_000\nconfidence = 0.999\nexact = true\n\
                devices = [\"vg/lv\", \"254:3\"]\noptional = true\n[[rule]]\nmetric = \"write.rate\"\nabsolute_floor = 2\n\
                [[rule]]\nmetric = \"figure.cost\"\nrelative_floor = 0.02\n";
    let rules = parse(text).unwrap();
    assert_eq!(rules.allow, [ReasonKind::Kernel, ReasonKind::RegionSize].into());
    let first = Rule {
        metric: "flush.dirtied.p99".parse().unwrap(),
        worse: Worse::Lower,
        relative_floor: 0.075,
        absolute_floor: 50_000.0,
        minimum_samples: Some(1_000),
        confidence: 0.999,
        is_exact: true,
        devices: vec!["vg/lv".to_owned(), "254:3".to_owned()],
        is_optional: true,
    };
    assert_eq!(rules.rules[0], first);
    let second = &rules.rules[1];
    assert_eq!((second.worse, second.absolute_floor, second.relative_floor), (Worse::Lower, 2.0, 0.05));
    assert_eq!((second.confidence, second.minimum_samples, second.is_optional), (0.95, None, false));
    assert!((rules.rules[2].relative_floor - 0.02).abs() < 1e-12);
}

#[test]
fn built_in_rules_are_replaced_by_what_is_written() {
    let rules =
        parse("built_in = true\nconfidence = 0.9\n[[rule]]\nmetric = \"write.p99\"\nrelative_floor = \"50%\"\n")
            .unwrap();
    assert_eq!(rules.rules.len(), built_in::rules().rules.len());
    let some = parse("built_in = true\n[[rule]]\nmetric = \"write.p99\"\ndevices = [\"vg/lv\"]\nabsolute_floor = 0\n")
        .unwrap();
    assert_eq!(
        some.rules.iter().filter(|rule| rule.metric.to_string() == "write.p99").count(),
        2,
        "others keep theirs"
    );
    let of = |metric: &str| rules.rules.iter().find(|rule| rule.metric.to_string() == metric).unwrap();
    assert_eq!((of("write.p99").relative_floor, of("write.p99").is_optional), (0.5, false));
    assert_eq!((of("flush.dirtied.p99").confidence, of("flush.dirtied.p99").is_optional), (0.9, true));
}

#[test]
fn the_sample_is_the_built_in_rules() {
    let sample = parse(built_in::SAMPLE).unwrap();
    assert_eq!(sample, built_in::rules());
    assert!(sample.rules.iter().all(|rule| rule.confidence == CONFIDENCE));
    for key in super::TOP.iter().chain(&super::OF_A_RULE) {
        assert!(built_in::SAMPLE.contains(key), "the sample does not tell of `{key}`");
    }
}

#[test]
fn mistakes_have_a_place_and_say_what_was_expected() {
    let rule = |line: &str| format!("[[rule]]\nmetric = \"write.p99\"\n{line}\n");
    let cases: Vec<(String, usize, usize, &str, &str)> = vec![
        (String::new(), 1, 1, "no rule", "[[rule]]"),
        ("a b".to_owned(), 1, 3, "", "TOML"),
        ("[[rule]]\nmetric = \"write.p99\nworse = 1".to_owned(), 2, 20, "", "TOML"),
        ("confidence = 2".to_owned(), 1, 14, "`2`", "from 0.5 to 0.9999"),
        ("confidence = nan".to_owned(), 1, 14, "`nan`", "from 0.5"),
        ("confidence = \"x\"".to_owned(), 1, 14, "`\"x\"`", "from 0.5"),
        ("\u{fc} = 1".to_owned(), 1, 1, "", "TOML"),
        ("\"\u{fc}\" = 1".to_owned(), 1, 1, "unknown key `\u{fc}`", "one of confidence, allow, built_in, rule"),
        ("allow = [\"kernel\", \"kernels\"]".to_owned(), 1, 20, "`\"kernels\"`", "region_size"),
        ("allow = \"kernel\"".to_owned(), 1, 9, "`\"kernel\"`", "a list of lost"),
        ("built_in = 1".to_owned(), 1, 12, "`1`", "`true` or `false`"),
        ("allow = [ \"\u{fc}\u{fc}\", 5 ]".to_owned(), 1, 17, "`5`", "a list of lost"),
        ("[rule]\nmetric = \"write.p99\"".to_owned(), 1, 1, "", "double brackets"),
        ("[[rule]]\nworse = \"higher\"".to_owned(), 1, 1, "a rule without `metric`", "such as"),
        ("[[rule]]\nmetric = \"flush.dirty.p99\"".to_owned(), 2, 10, "`\"flush.dirty.p99\"`", "flush.dirtied"),
        ("[[rule]]\r\n\tmetric = 5".to_owned(), 2, 11, "`5`", "a text in quotes"),
        (rule("worse = \"more\""), 3, 9, "`\"more\"`", "`\"higher\"` or `\"lower\"`"),
        (rule("wors = \"more\""), 3, 1, "unknown key `wors`", "one of metric, worse"),
        (rule("relative_floor = \"5\""), 3, 18, "`\"5\"`", "\"5%\""),
        (rule("relative_floor = \"-5%\""), 3, 18, "`\"-5%\"`", "not negative"),
        (rule("relative_floor = -0.1"), 3, 18, "`-0.1`", "not negative"),
        (rule("relative_floor = inf"), 3, 18, "`inf`", "not negative"),
        (rule("absolute_floor = 50"), 3, 18, "`50`", "a duration"),
        (rule("absolute_floor = \"50 us\""), 3, 18, "`\"50 us\"`", "a duration"),
        (rule("minimum_samples = 0"), 3, 19, "`0`", "above 0"),
        (rule("minimum_samples = 1.5"), 3, 19, "`1.5`", "a whole number"),
        (rule("minimum_samples = 99999999999999999999"), 3, 19, "`99999999999999999999`", "a whole number"),
        (rule("devices = []"), 3, 11, "`[]`", "a list of mirrors"),
        (rule("devices = [\"a\", 5]"), 3, 17, "`5`", "a list of mirrors"),
        (rule("exact = \"yes\""), 3, 9, "`\"yes\"`", "`true` or `false`"),
        (rule("[[rule]]\nmetric = \"write.p99\""), 3, 1, "a second rule for `write.p99`", "one rule"),
        ("[[rule]]\nmetric = \"figure.a\"\ndevices = [\"a\"]".to_owned(), 3, 11, "`[\"a\"]`", "no `devices`"),
        ("[[rule]]\nmetric = \"write.count\"\nabsolute_floor = \"1ms\"".to_owned(), 3, 18, "`\"1ms\"`", "no duration"),
    ];
    for (text, line, column, found, expected) in cases {
        let error = parse(&text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
        assert!(error.found.contains(found) && error.expected.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let many: Vec<String> = (0..=RULES_MAX).map(|n| format!("[[rule]]\nmetric = \"figure.a{n}\"\n")).collect();
    let error = parse(&many.concat()).unwrap_err();
    assert_eq!((error.line, error.expected.as_str()), (2 * RULES_MAX + 1, "at most 256"));
    assert!(parse(&"#".repeat(super::BYTES_MAX + 1)).unwrap_err().expected.starts_with("at most"));
    let per_device: Vec<String> =
        (0..3).map(|n| format!("[[rule]]\nmetric = \"write.p99\"\ndevices = [\"m{n}\"]\n")).collect();
    assert_eq!(parse(&per_device.concat()).unwrap().rules.len(), 3);
}
