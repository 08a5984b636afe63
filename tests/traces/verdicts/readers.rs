//! Somebody else's readers of verdicts: validators with the schemas, and a parser of Markdown.

use std::path::{Path, PathBuf};
use std::process::Command;

use dmlog_user::gate::report::schema;
use dmlog_user::gate::verdict::{Finding, Outcome, Verdict};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use super::made::{all, hostile, hostile_name};
use super::render;
use crate::exports::python_with;

/// What the script says of a verdict in a format that has a schema.
fn read(python: &Path, format: &str, name: &str, verdict: &Verdict, schema: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/verdicts.py");
    let file = file(&format!("verdict-{name}.{format}"), render(format, verdict).as_bytes());
    let output = Command::new(python).arg(script).arg(format).arg(file).arg(schema).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn number_of(verdict: &Verdict, is_one: impl Fn(&Finding) -> bool) -> usize {
    verdict.judged.iter().filter(|judged| is_one(&judged.finding)).count()
}

#[test]
fn junit_fits_the_schema_of_jenkins_and_says_what_the_verdict_says() {
    let python = match python_with("xmlschema") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP junit_fits_the_schema_of_jenkins_and_says_what_the_verdict_says: {reason}");
            return;
        }
    };
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/junit-10.xsd");
    for (name, mut verdict) in all() {
        let read = read(&python, "junit", name, &verdict, &schema);
        assert_eq!(read["takes_anything"], false);
        let cases = read["cases"].as_array().unwrap();
        let number = |status: &str| cases.iter().filter(|case| case["status"] == status).count();
        assert_eq!(number("failure"), number_of(&verdict, |finding| *finding == Finding::Regression), "{name}");
        let doubts = verdict.reasons.iter().filter(|reason| !reason.is_allowed).count();
        assert_eq!(number("error"), doubts, "{name}");
        assert_eq!(verdict.outcome == Outcome::Passed, number("failure") + number("error") == 0, "{name}");
        let names: std::collections::BTreeSet<_> = cases
            .iter()
            .map(|case| (&case["suite"], &case["name"]))
            .map(|(suite, name)| format!("{suite}{name}"))
            .collect();
        assert_eq!(names.len(), cases.len(), "{name}: a name stands for one test case");
        // Without a reason the rules themselves have to tell it.
        if verdict.outcome == Outcome::Inconclusive {
            verdict.reasons.clear();
            let read = self::read(&python, "junit", name, &verdict, &schema);
            let errors = read["cases"].as_array().unwrap().iter().filter(|case| case["status"] == "error").count();
            assert_eq!(errors, number_of(&verdict, |finding| *finding != Finding::Unchanged), "{name}");
        }
    }
}

#[test]
fn json_fits_its_schema_and_says_what_the_verdict_says() {
    let python = match python_with("jsonschema") {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIP json_fits_its_schema_and_says_what_the_verdict_says: {reason}");
            return;
        }
    };
    let schema = file("verdict-schema.json", &schema::render().unwrap());
    for (name, verdict) in all() {
        let read = read(&python, "json", name, &verdict, &schema);
        assert_eq!(read["takes_anything"], false);
        let read = &read["verdict"];
        assert_eq!(read["outcome"], verdict.outcome.name());
        let rows = read["judged"].as_array().unwrap();
        assert_eq!(rows.len(), verdict.judged.len());
        for judged in &verdict.judged {
            let metric = judged.rule.metric.to_string();
            let is_it = |row: &&Value| row["metric"] == metric && row["device"] == serde_json::json!(judged.device);
            let row = rows.iter().find(is_it).unwrap();
            assert_eq!(row["baseline"]["value"], serde_json::json!(judged.values[0].value));
            assert_eq!(row["candidate"]["samples"], judged.values[1].samples);
            assert_eq!(row["shift"]["high"].as_f64(), judged.shift.and_then(|shift| Some(shift.interval?.1)));
            assert_eq!(row["p_adjusted"].as_f64(), judged.p_adjusted);
        }
        for (row, reason) in read["reasons"].as_array().unwrap().iter().zip(&verdict.reasons) {
            assert_eq!(
                (&row["text"], &row["allowed"]),
                (&Value::from(reason.text.as_str()), &Value::from(reason.is_allowed))
            );
        }
    }
}

/// Rows of tables, each with its cells' text; and whatever is no text, table, list, heading or fold.
fn parsed(markdown: &str) -> (Vec<Vec<String>>, Vec<String>) {
    let (mut rows, mut odd) = (Vec::new(), Vec::new());
    let mut in_cell = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_GFM | Options::ENABLE_MATH) {
        match event {
            Event::Start(Tag::TableRow | Tag::TableHead) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                rows.last_mut().unwrap().push(String::new());
                in_cell = true;
            }
            Event::End(TagEnd::TableCell) => in_cell = false,
            Event::Text(text) if in_cell => rows.last_mut().unwrap().last_mut().unwrap().push_str(&text),
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::FootnoteDefinition(_))) => {
                odd.push(format!("{tag:?}"));
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let html = html.trim();
                let is_fold = html.starts_with("<summary>") && html.matches('<').count() == 2;
                if !is_fold && !matches!(html, "" | "<details>" | "</details>" | "<br>" | "<!-- -->") {
                    odd.push(html.to_owned());
                }
            }
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => odd.push(text.into_string()),
            _ => {}
        }
    }
    (rows, odd)
}

#[test]
fn a_parser_of_markdown_finds_tables_and_folds_and_nothing_else() {
    for (name, verdict) in all() {
        let (rows, odd) = parsed(&render("markdown", &verdict));
        assert_eq!(odd, [] as [String; 0], "{name}");
        let shown: Vec<_> = verdict
            .judged
            .iter()
            .filter(|judged| !judged.rule.is_optional || !matches!(judged.finding, Finding::Absent { .. }))
            .collect();
        let mirrors: std::collections::BTreeSet<_> = shown.iter().map(|judged| &judged.device).collect();
        assert_eq!(rows.len(), shown.len() + mirrors.len(), "{name}");
        assert!(rows.iter().all(|row| row.len() == 9), "{name}: {rows:?}");
        for judged in shown {
            assert!(
                rows.iter().any(|row| row[0].starts_with(&judged.rule.metric.to_string())),
                "{name}: {}",
                judged.rule.metric
            );
        }
    }
    let (_, odd) = parsed("| a |\n|---|\n| <b>x</b> [y](z) `c` |\n");
    assert_eq!(odd.len(), 4, "{odd:?}");
}

#[test]
fn what_a_comment_takes_is_not_exceeded() {
    /// GitHub's limit for a comment.
    const COMMENT_MAX: usize = 65_536;
    let mut verdict = hostile();
    let judged = verdict.judged.clone();
    for mirror in 0..300 {
        for one in &judged {
            let device = Some(format!("{mirror}{}", "|".repeat(300)));
            verdict.judged.push(dmlog_user::gate::verdict::Judged { device, ..one.clone() });
        }
    }
    verdict.reasons = verdict.reasons.iter().cycle().take(500).cloned().collect();
    verdict.notes = vec![hostile_name(); 500];
    let page = render("markdown", &verdict);
    assert!(page.chars().count() < COMMENT_MAX, "{}", page.chars().count());
    assert!(page.contains("more are not shown here"));
}
