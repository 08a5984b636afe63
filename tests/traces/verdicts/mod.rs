//! What the gate says, in every format: no word changes unnoticed, and no name from outside is more than a name.

mod made;
mod readers;

use dmlog_user::export::number::harmless;
use dmlog_user::gate::report::{Report, github, json, junit, markdown, text};
use dmlog_user::gate::verdict::{Finding, Verdict};

use made::{all, failed, hostile, hostile_name};

/// What somebody typed.
const COMMAND: &str = "dmlog-top gate --baseline base/ --candidate pr/ --rules gate.toml";

/// A format.
type Render = fn(&Report<'_>) -> String;

/// The formats by their names.
const FORMATS: [(&str, Render); 5] = [
    ("text", text::render),
    ("json", |report| json::render(report).unwrap()),
    ("junit", |report| junit::render(report).unwrap()),
    ("markdown", markdown::render),
    ("github", github::render),
];

fn render(format: &str, verdict: &Verdict) -> String {
    rendered(format, &Report { verdict, rules_from: "gate.toml", command: COMMAND })
}

fn rendered(format: &str, report: &Report<'_>) -> String {
    let (_, render) = FORMATS.iter().find(|(name, _)| *name == format).unwrap();
    render(report)
}

#[test]
fn every_verdict_in_every_format() {
    for (name, verdict) in all() {
        for (format, _) in FORMATS {
            insta::assert_snapshot!(format!("{name}_as_{format}"), render(format, &verdict));
        }
    }
}

#[test]
fn no_format_lets_a_control_character_through() {
    let (verdict, name) = (hostile(), hostile_name());
    let report = Report { verdict: &verdict, rules_from: &name, command: &name };
    for (format, _) in FORMATS {
        let text = rendered(format, &report);
        let is_bad = |c: &char| (c.is_control() && *c != '\n') || matches!(c, '\u{202e}' | '\u{fffe}');
        let bad: Vec<char> = text.chars().filter(is_bad).filter(|c| format != "json" || *c != '\u{fffe}').collect();
        assert_eq!(bad, [] as [char; 0], "{format}");
    }
}

#[test]
fn lines_of_a_log_are_not_wider_than_a_log() {
    for (name, verdict) in all() {
        let page = render("text", &verdict);
        let mut lines = page.lines();
        assert!(lines.next().unwrap().starts_with(&verdict.outcome.name().to_uppercase()), "{name}");
        for line in lines.filter(|line| !line.starts_with("reproduce ")) {
            assert!(line.chars().count() <= text::WIDTH && line.trim_end() == line, "{name}: {line}");
        }
    }
}

/// Commands as GitHub's runner takes them out of a log: kind, title, message.
fn commands(log: &str) -> Vec<(String, String, String)> {
    let unescaped = |text: &str| {
        let text = text.replace("%3A", ":").replace("%2C", ",");
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    };
    let lines = log.lines().filter_map(|line| line.trim_start().strip_prefix("::"));
    let command = |line: &str| {
        let (head, message) = line.split_once("::").unwrap();
        let (kind, properties) = head.split_once(' ').unwrap_or((head, ""));
        // A comma would begin another property.
        assert_eq!(properties.matches([',', ':']).count(), 0, "{line}");
        let title = properties.strip_prefix("title=").unwrap_or("");
        (kind.to_owned(), unescaped(title), unescaped(message))
    };
    lines.map(command).collect()
}

#[test]
fn the_runner_of_github_sees_what_was_found_and_no_command_of_others() {
    for (name, verdict) in all() {
        let log = render("github", &verdict);
        let commands = commands(&log);
        let number = |kind: &str| commands.iter().filter(|(known, _, _)| known == kind).count();
        let found = |finding: &Finding| verdict.judged.iter().filter(|judged| judged.finding == *finding).count();
        assert_eq!(number("error"), found(&Finding::Regression), "{name}");
        assert_eq!(number("notice"), found(&Finding::Improvement), "{name}");
        assert_eq!(number("warning"), verdict.reasons.iter().filter(|reason| !reason.is_allowed).count(), "{name}");
        let others: Vec<&str> = commands.iter().map(|(kind, _, _)| kind.as_str()).collect();
        let others: Vec<&str> =
            others.into_iter().filter(|kind| !matches!(*kind, "error" | "notice" | "warning")).collect();
        assert_eq!(others, ["group", "endgroup"], "{name}");
        let outside = log.lines().filter(|line| !line.starts_with("::")).collect::<String>();
        assert!(!outside.contains("##["), "{name}");
        if name == "hostile" {
            let start: String = harmless(&hostile_name()).chars().take(40).collect();
            assert!(commands.iter().any(|(kind, title, _)| kind == "error" && title.contains(&start)), "{commands:?}");
        }
    }
}

#[test]
fn regressions_are_told_first_and_improvements_next() {
    let verdict = failed();
    // The line above them names the first regression in any case.
    let bodies =
        [("text", "══ vg/lv"), ("json", "\"judged\""), ("junit", "<testsuite name=\"vg/lv"), ("markdown", "### vg/lv")];
    for (format, begin) in bodies {
        let text = render(format, &verdict);
        let body = &text[text.find(begin).unwrap()..];
        let places = ["flush.dirtied.p99", "write.p99.9"].map(|metric| body.find(metric).unwrap());
        assert!(places[0] < places[1], "{format}: the rules had them the other way around");
    }
    let json: serde_json::Value = serde_json::from_str(&render("json", &verdict)).unwrap();
    let findings: Vec<&str> =
        json["judged"].as_array().unwrap().iter().map(|row| row["finding"].as_str().unwrap()).collect();
    assert_eq!(findings[..4], ["regression", "regression", "improvement", "absent"]);
}
