//! What the gate says, in every format: no word changes unnoticed, and no name from outside is more than a name.

mod made;

use dmlog_user::gate::report::{Report, github, json, junit, markdown, text};
use dmlog_user::gate::verdict::Verdict;

use made::all;

/// What somebody typed.
const COMMAND: &str = "dmlog-top gate --baseline base/ --candidate pr/ --rules gate.toml";

/// The formats by their names.
pub(crate) const FORMATS: [(&str, fn(&Report<'_>) -> String); 5] = [
    ("text", text::render),
    ("json", |report| json::render(report).unwrap()),
    ("junit", |report| junit::render(report).unwrap()),
    ("markdown", markdown::render),
    ("github", github::render),
];

pub(crate) fn render(format: &str, verdict: &Verdict) -> String {
    let (_, render) = FORMATS.iter().find(|(name, _)| *name == format).unwrap();
    render(&Report { verdict, rules_from: "gate.toml", command: COMMAND })
}

#[test]
fn every_verdict_in_every_format() {
    for (name, verdict) in all() {
        for (format, _) in FORMATS {
            insta::assert_snapshot!(format!("{name}_as_{format}"), render(format, &verdict));
        }
    }
}
