//! `verify`: the summary, and which damage gives which exit code.

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::text::parse::parse;
use dmlog_user::trace::writer::TraceWriter;

use crate::program::{Run, file, items, run, run_with_stdin, trace};

fn verify(name: &str, bytes: &[u8]) -> Run {
    run(["verify", file(name, bytes).to_str().unwrap()])
}

fn line<'a>(run: &'a Run, key: &str) -> Vec<&'a str> {
    run.stdout.lines().filter_map(|line| line.strip_prefix(key)).map(str::trim_start).collect()
}

#[test]
fn verify_sums_up() {
    let bytes = trace(true);
    let run = verify("verify-whole.dmlog", &bytes);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    // One more for the pause of a second and a half, one for the end.
    let batches = items().len().div_ceil(40) + 2;
    assert_eq!(line(&run, "batches"), [format!("{batches} sealed, {} bytes", bytes.len() - 8)]);
    assert_eq!(line(&run, "lost"), ["20 ring_full in 2 gaps", "0 module_reload in 1 gaps, and 1 gaps of unknown size"]);
    assert_eq!(line(&run, "unread"), ["1 rows or records that could not be understood"]);
    assert_eq!(line(&run, "tail"), ["clean: ended by its recorder"]);
    let events = items().len() - 4;
    assert!(line(&run, "events")[0].starts_with(&format!("{events} over 1.50")), "{}", run.stdout);
    assert_eq!(run_with_stdin(&["verify", "-"], &bytes).stdout.replace("stdin", "x"), {
        let name = file("verify-whole.dmlog", &bytes).display().to_string();
        run.stdout.replace(&name, "x")
    });
}

#[test]
fn verify_names_a_torn_tail() {
    let run = verify("verify-unended.dmlog", &trace(false));
    assert_eq!(run.code, Some(0));
    assert_eq!(line(&run, "tail"), ["torn: not ended by its recorder; nothing stands behind the last seal"]);
    let mut bytes = trace(false);
    bytes.truncate(bytes.len() - 10);
    let run = verify("verify-torn.dmlog", &bytes);
    assert_eq!(run.code, Some(0));
    assert!(line(&run, "tail")[0].starts_with("torn: "), "{}", run.stdout);
    assert!(line(&run, "tail")[0].ends_with(" bytes behind the last seal, from which no event can be read"));
}

/// Every length of a small file: a header that is cut is an error, everything behind it a torn tail.
#[test]
fn verify_of_a_trace_cut_anywhere_has_a_documented_exit_code() {
    let bytes = trace(true);
    let path = file("verify-cut.dmlog", &bytes);
    let mut codes = std::collections::BTreeMap::new();
    // A process each: every fourth byte, and every byte around the ends of header and file.
    let first_bytes = bytes.windows(8).position(|window| window == b"dmlog.fa").unwrap();
    let lengths = (0..bytes.len()).filter(|at| at % 61 == 0 || *at < 20 || bytes.len() - at < 20 || *at == first_bytes);
    for length in lengths {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let run = run(["verify", path.to_str().unwrap()]);
        let code = run.code.expect("it was not killed");
        assert_eq!(run.stderr.lines().count(), usize::from(code == 5), "{run:?}");
        *codes.entry(code).or_insert(0) += 1;
    }
    assert_eq!(codes.keys().copied().collect::<Vec<_>>(), [0, 5]);
}

#[test]
fn verify_says_where_a_byte_was_changed() {
    let mut bytes = trace(true);
    let at = bytes.len() - 5000;
    bytes[at] ^= 0x40;
    let run = verify("verify-flipped.dmlog", &bytes);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.stderr.contains("the trace is corrupt in batch "), "{}", run.stderr);
    assert!(run.stderr.contains(", at byte "), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1);
    assert!(line(&run, "tail")[0].starts_with("corrupt behind batch "), "{}", run.stdout);
}

/// The events of a scenario as a trace.
fn scenario(case: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios/cases").join(case);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, events) = text.split_once("[events]\n").unwrap();
    let (events, _) = events.split_once("\n[report]").unwrap();
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &CaptureFacts::default()).unwrap();
    for line in events.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        writer.push(&parse(line).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn verify_ends_with_1_at_a_divergence_and_shows_what_came_before_it() {
    let run = verify("verify-divergence.dmlog", &scenario("model_divergence.scn"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
    assert_eq!(line(&run, "model"), ["31 answers compared, 1 divergence"]);
    let told = line(&run, "DIVERGENCE");
    assert_eq!(told, ["at 0.000340 s vg/odd log 1, get_resync_work"]);
    assert!(run.stdout.contains("\nkernel region 2, model no region\n"), "{}", run.stdout);
    let context: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("  10.000")).collect();
    assert_eq!(context.len(), 16, "{}", run.stdout);
    assert!(context[15].contains("get_resync_work region=2 result=1"), "{}", context[15]);
    assert!(run.stdout.contains("  get_resync_work         7            1"), "{}", run.stdout);
}

#[test]
fn a_difference_that_a_loss_may_explain_is_shown_and_no_failure() {
    let run = verify("verify-unsettled.dmlog", &scenario("model_forgets_after_a_loss.scn"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(line(&run, "unsettled at").len(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("; events are missing that may explain it\n"), "{}", run.stdout);
}

#[test]
fn a_corrupt_trace_ends_with_5_whatever_diverges_before() {
    let mut bytes = scenario("model_divergence.scn");
    let at = bytes.len() - 40;
    bytes[at] ^= 0x40;
    assert_eq!(verify("verify-corrupt.dmlog", &bytes).code, Some(5));
}
