//! `print`: what it writes, what it selects, what it refuses.

use std::io::Read as _;

use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::trace::writer::TraceWriter;

use crate::program::{Run, command, file, items, run, run_with_stdin, trace};
use crate::workload::{facts, workload};

fn print(name: &str, arguments: &[&str]) -> Run {
    let path = file(name, &trace(true));
    run(["print", path.to_str().unwrap()].iter().chain(arguments))
}

/// The lines that are no comment, as items.
fn printed(run: &Run) -> Vec<Item> {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    run.stdout.lines().filter(|line| !line.starts_with('#')).map(|line| parse(line).unwrap()).collect()
}

fn op_of(item: &Item) -> Option<&'static str> {
    match item {
        Item::Event(event) => dmlog_user::event::flat::op_name(event.op.code()),
        Item::Gap(_) | Item::DecodeError(_) => None,
    }
}

#[test]
fn print_writes_what_the_parser_reads() {
    let run = print("print-all.dmlog", &[]);
    assert_eq!(printed(&run), items());
    assert!(!run.stdout.chars().any(|c| c.is_control() && c != '\n'), "{}", run.stdout);
    let comments: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(
        comments,
        [
            r#"# recorded by dmlog-top "0.1.0" as "dmlog-top" "record" "-o" "x.dmlog""#,
            r#"# host "guest" kernel "6.12.0" "" machine "x86_64" cpus 4"#,
            "# clock 5000.000000000 monotonic is 1790000000.000000000 seconds since 1970",
        ]
    );
}

#[test]
fn print_reads_stdin() {
    assert_eq!(printed(&run_with_stdin(&["print", "-"], &trace(true))), items());
    let run = run_with_stdin(&["print", "-", "-d", "vg/lv"], &trace(true));
    assert_eq!(run.code, Some(2));
    assert_eq!(run.stderr, "dmlog-top: a trace must be read twice to find its devices; save it to a file first\n");
}

#[test]
fn print_selects_operations_but_never_hides_losses() {
    let items = printed(&print("print-op.dmlog", &["--op", "flush", "--op", "end_io"]));
    let ops: Vec<_> = items.iter().map(op_of).collect();
    assert_eq!(ops.iter().filter(|op| **op == Some("flush")).count(), 9);
    assert_eq!(ops.iter().filter(|op| **op == Some("end_io")).count(), 3);
    assert_eq!(ops.iter().filter(|op| op.is_none()).count(), 4);
    assert_eq!(ops.len(), 16);
}

#[test]
fn print_selects_devices_by_any_of_their_names() {
    let all = items().len();
    for name in ["vg/lv", "vg-lv", "254:3", "/dev/vg/lv", "/dev/mapper/vg-lv"] {
        // The other device has two events.
        assert_eq!(printed(&print("print-dev.dmlog", &["-d", name])).len(), all - 2, "{name}");
    }
    let odd = printed(&print("print-dev.dmlog", &["-d", "254:9"]));
    assert_eq!(
        odd.iter().map(op_of).collect::<Vec<_>>(),
        [Some("identity"), Some("mark_region"), None, None, None, None]
    );
    assert_eq!(printed(&print("print-dev.dmlog", &["-d", "254:9", "-d", "vg/lv"])).len(), all);
}

#[test]
fn print_names_what_it_knows() {
    let run = print("print-unknown.dmlog", &["-d", "vg/no"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .ends_with("has no device \"vg/no\"; there are \"vg/lv\" (254:3), \"odd \\u{1b}[2J\\\"name\" (254:9)\n"),
        "{}",
        run.stderr
    );
    let run = print("print-unknown.dmlog", &["--op", "jump"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.starts_with("dmlog-top: no operation is called \"jump\"; there are ctr, dtr, "),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1);
    assert_eq!(print("print-unknown.dmlog", &["--region", "9-5"]).code, Some(2));
    assert_eq!(print("print-unknown.dmlog", &["--since", "yesterday"]).code, Some(2));
}

#[test]
fn print_selects_regions() {
    let all = items();
    let region_of = |item: &Item| match item {
        Item::Event(event) => dmlog_user::event::flat::Flat::from_event(event).region,
        Item::Gap(_) | Item::DecodeError(_) => None,
    };
    let region = all.iter().find_map(region_of).unwrap();
    let one = printed(&print("print-region.dmlog", &["--region", &region.to_string(), "--until", "1s"]));
    assert!(one.len() > 3);
    assert!(one.iter().all(|item| region_of(item) == Some(region)));
    let range = format!("0-{}", u64::MAX);
    let many = printed(&print("print-region.dmlog", &["--region", &range, "--until", "1s"]));
    assert_eq!(many.len(), all.iter().filter(|item| region_of(item).is_some()).count() - 1);
}

#[test]
fn print_selects_times() {
    let all = items();
    let end = all.last().unwrap().time().0;
    // The last batch of items comes a second and a half after the others.
    assert_eq!(printed(&print("print-time.dmlog", &["--since", "1s"])).len(), 5);
    assert_eq!(printed(&print("print-time.dmlog", &["--since", "1500ms"])).len(), 5);
    assert_eq!(printed(&print("print-time.dmlog", &["--until", "1s"])).len(), all.len() - 5);
    let absolute = format!("{}.{:09}", end / 1_000_000_000, end % 1_000_000_000);
    assert_eq!(printed(&print("print-time.dmlog", &["--since", &absolute])).len(), 4);
    assert_eq!(printed(&print("print-time.dmlog", &["--until", &absolute])).len(), all.len() - 4);
}

#[test]
fn print_writes_json_lines() {
    let run = print("print-json.dmlog", &["--format", "jsonl"]);
    assert_eq!(run.code, Some(0));
    let lines: Vec<serde_json::Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), items().len());
    for (line, item) in lines.iter().zip(items()) {
        assert_eq!(line["time_ns"], item.time().0);
    }
    assert_eq!(lines[1]["op"], "identity");
    assert_eq!(lines[1]["name"], "vg/lv");
    assert_eq!(lines[2]["op"], "map");
    assert_eq!(lines[2]["opf"], 0x8801);
    assert_eq!(lines[2]["comm"], "fio");
    let flush = lines.iter().find(|line| line["kind"] == "dirtied").unwrap();
    assert_eq!((&flush["op"], &flush["impl"]), (&"flush".into(), &"disk".into()));
    let gap = lines.iter().find(|line| line["op"] == "gap").unwrap();
    assert_eq!((&gap["cpu"], &gap["lost"], &gap["cause"]), (&2.into(), &12.into(), &"ring_full".into()));
    assert_eq!(lines.last().unwrap()["reason"], "too \u{7}short");
    assert!(!run.stdout.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn print_into_a_pipe_that_closes_early_is_success() {
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &facts()).unwrap();
    for item in workload(2000) {
        writer.push(&item).unwrap();
    }
    writer.finish().unwrap();
    let path = file("print-pipe.dmlog", &bytes);
    let mut child = command().arg("print").arg(path).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 100];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn print_shows_all_before_a_torn_tail() {
    let mut bytes = trace(false);
    bytes.extend_from_slice(&trace(true)[..5]);
    let path = file("print-torn.dmlog", &bytes);
    let run = run(["print", path.to_str().unwrap()]);
    assert_eq!(printed(&run), items());
    assert_eq!(
        run.stdout.lines().last(),
        Some("# not ended by its recorder; 5 bytes behind the last seal cannot be read")
    );
}
