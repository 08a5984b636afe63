//! `export`: what was written reads back as the trace's items, and a file has its name only when it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use dmlog_user::event::flat::{Flat, op_code};
use dmlog_user::event::ids::{LogId, MonoNs};
use dmlog_user::event::item::{Gap, Item};
use dmlog_user::event::op::{Event, LogImpl, MirrorOp, Op};
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::quote::quote;
use dmlog_user::event::text::{CAUSES, IMPLEMENTATIONS, cause_name, impl_name};
use dmlog_user::trace::writer::TraceWriter;
use serde_json::{Map, Value};

use crate::program::{Run, file, items, run, run_with_stdin, trace};
use crate::workload::facts;

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The items of all tests, and some whose texts want to be formulas.
fn hostile_items() -> Vec<Item> {
    let mut items = items();
    let end = items.last().unwrap().time().0;
    let map = items.iter().find_map(|item| match item {
        Item::Event(Event { op: Op::Mirror(MirrorOp::Map(io)), .. }) => Some((item.clone(), io.clone())),
        _ => None,
    });
    let (Item::Event(event), io) = map.unwrap() else { panic!("a map is an event") };
    for comm in ["=1+1", "+cmd", "-2", "@SUM", "'quoted", "a,b\"c", "\t\r\n\u{1b}[2J", "<b>é\u{202e}", "\\n", ""] {
        let op = Op::Mirror(MirrorOp::Map(dmlog_user::event::op::Io { comm: comm.to_owned(), ..io.clone() }));
        items.push(Item::Event(Event { time: MonoNs(end + 2), op, ..event.clone() }));
    }
    items
}

fn trace_of(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, &facts()).unwrap();
    for item in items {
        writer.push(item).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn export(name: &str, format: &str, arguments: &[&str]) -> String {
    let path = file(name, &trace_of(&hostile_items()));
    let run = run(["export", path.to_str().unwrap(), "--to", format, "-o", "-"].iter().chain(arguments));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    run.stdout
}

/// A line of the text form, from the pairs of a JSON object.
fn line(object: &Map<String, Value>) -> String {
    let time_ns = object["time_ns"].as_u64().unwrap();
    let mut line =
        format!("{}.{:09} {}", time_ns / 1_000_000_000, time_ns % 1_000_000_000, object["op"].as_str().unwrap());
    for (key, value) in object.iter().filter(|(key, _)| !["time_ns", "op"].contains(&key.as_str())) {
        let value = match value {
            Value::Bool(flag) => u8::from(*flag).to_string(),
            Value::Number(number) if ["opf", "failed_legs", "write_error"].contains(&key.as_str()) => {
                format!("{:#x}", number.as_u64().unwrap())
            }
            Value::Number(number) => number.to_string(),
            Value::String(word) if ["impl", "kind", "cause", "bitset", "bits"].contains(&key.as_str()) => word.clone(),
            Value::String(text) => quote(text),
            Value::Null | Value::Array(_) | Value::Object(_) => panic!("{key} is {value}"),
        };
        line.push_str(&format!(" {key}={value}"));
    }
    line
}

#[test]
fn json_lines_read_back_as_the_items() {
    let text = export("export-jsonl.dmlog", "jsonl", &[]);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    let read: Vec<Item> = text
        .lines()
        .map(|json| {
            let object: Map<String, Value> = serde_json::from_str(json).unwrap();
            parse(&line(&object)).unwrap_or_else(|error| panic!("{json}: {error}"))
        })
        .collect();
    assert_eq!(read, hostile_items());
}

#[test]
fn print_and_export_write_the_same_json() {
    let path = file("export-print.dmlog", &trace_of(&hostile_items()));
    let printed = run(["print", path.to_str().unwrap(), "--format", "jsonl"]);
    assert_eq!(printed.stdout, export("export-print.dmlog", "jsonl", &[]));
}

/// Fields of each row, as RFC 4180 has them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let (mut is_quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                row.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(String::new()),
            '\n' if !is_quoted => rows.push(vec![String::new()]),
            _ => row.last_mut().unwrap().push(c),
        }
    }
    assert_eq!(rows.pop(), Some(vec![String::new()]), "it ends with a line end");
    rows
}

/// The text of a field: the apostrophe goes, then the escapes.
fn text(field: &str) -> String {
    let escaped = field.strip_prefix('\'').unwrap_or(field).replace('"', "\\\"");
    match parse(&format!("0.000000000 decode_error reason=\"{escaped}\"")).unwrap() {
        Item::DecodeError(failure) => failure.reason,
        other => panic!("{other:?}"),
    }
}

fn item(header: &[String], row: &[String]) -> Item {
    assert_eq!(header.len(), row.len(), "{row:?}");
    let field = |name: &str| row[header.iter().position(|known| known == name).unwrap()].as_str();
    let some = |name: &str| (!field(name).is_empty()).then(|| field(name).parse::<i64>().unwrap());
    // Of 64 bits without sign, where there is no other way to write them.
    let count = |name: &str| (!field(name).is_empty()).then(|| field(name).parse::<u64>().unwrap());
    let small = |name: &str| count(name).map(|number| u32::try_from(number).unwrap());
    let time = MonoNs(count("time_ns").unwrap());
    let cpu = small("cpu").map(|cpu| u16::try_from(cpu).unwrap());
    match field("op") {
        "gap" => {
            let cause = CAUSES.into_iter().find(|cause| cause_name(*cause) == field("cause")).unwrap();
            Item::Gap(Gap { time, cpu, lost: count("lost"), cause })
        }
        "decode_error" => {
            Item::DecodeError(dmlog_user::event::item::DecodeFailure { time, reason: text(field("text")) })
        }
        op @ ("identity" | "bits") => {
            let mut object: Map<String, Value> = serde_json::from_str(&text(field("text"))).unwrap();
            object.insert("op".to_owned(), op.into());
            for name in ["time_ns", "cpu", "tid", "log", "duration_ns"] {
                if let Some(number) = count(name) {
                    object.insert(name.to_owned(), number.into());
                }
            }
            parse(&line(&object)).unwrap()
        }
        op => {
            let implementation = IMPLEMENTATIONS.into_iter().find(|known| impl_name(*known) == field("impl"));
            let flat = Flat {
                time,
                cpu: cpu.unwrap(),
                tid: small("tid").unwrap(),
                log: LogId(small("log").unwrap()),
                code: op_code(op).unwrap(),
                implementation: implementation.map_or(0, LogImpl::number),
                duration_ns: count("duration_ns"),
                region: count("region"),
                result: some("result"),
                arg: some("arg"),
                io: count("io"),
                sector: count("sector"),
                bytes: small("bytes"),
                opf: small("opf"),
                tgid: small("tgid"),
                comm: (op == "map").then(|| text(field("comm"))),
                ..Flat::default()
            };
            Item::Event(flat.to_event().unwrap())
        }
    }
}

#[test]
fn csv_reads_back_as_the_items() {
    let csv = export("export-csv.dmlog", "csv", &[]);
    let rows = rows(&csv);
    let (header, rows) = rows.split_first().unwrap();
    let read: Vec<Item> = rows.iter().map(|row| item(header, row)).collect();
    assert_eq!(read, hostile_items());
    let device = |row: &[String]| row[header.iter().position(|name| name == "device").unwrap()].clone();
    // The first identity came before the name.
    assert_eq!(device(&rows[0]), "254:3");
    assert_eq!(device(&rows[1]), "vg/lv");
    assert_eq!(rows.iter().filter(|row| device(row) == "odd \\u{1b}[2J\"name").count(), 2);
}

#[test]
fn nothing_in_csv_is_a_formula_or_a_control_character() {
    let csv = export("export-formula.dmlog", "csv", &[]);
    assert!(!csv.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
    let rows = rows(&csv);
    let is_number = |field: &str| field.parse::<i128>().is_ok();
    let formulas = rows.iter().flatten().filter(|field| field.starts_with(['=', '+', '-', '@']) && !is_number(field));
    assert_eq!(formulas.collect::<Vec<_>>(), [] as [&String; 0]);
}

#[test]
fn what_was_not_asked_for_is_left_out() {
    let all = hostile_items().len();
    let lines = |arguments: &[&str]| export("export-some.dmlog", "jsonl", arguments).lines().count();
    assert_eq!(lines(&["-d", "vg/lv"]), all - 2);
    assert_eq!(lines(&["--since", "1m"]), 0);
    assert_eq!(lines(&["--until", "1m"]), all);
}

#[test]
fn a_file_gets_its_name_when_it_is_whole() {
    let folder = folder("export-whole");
    let out = folder.join("out.jsonl");
    let path = file("export-whole.dmlog", &trace(true));
    let export = |from: &Path, to: &Path| -> Run {
        run([Path::new("export"), from, "--to".as_ref(), "jsonl".as_ref(), "-o".as_ref(), to])
    };
    fs::write(&out, "old").unwrap();
    let done = export(&path, &out);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), items().len());
    assert_eq!(names(&folder), ["out.jsonl"]);

    // Corrupt in its last batch: what there was before stays, and nothing else is left.
    let mut damaged = trace(true);
    let place = damaged.len() - 40;
    damaged[place] ^= 1;
    let damaged = file("export-damaged.dmlog", &damaged);
    fs::write(&out, "old").unwrap();
    let failed = export(&damaged, &out);
    assert_eq!(failed.code, Some(5), "{failed:?}");
    assert_eq!(fs::read_to_string(&out).unwrap(), "old");
    assert_eq!(names(&folder), ["out.jsonl"]);

    let link = folder.join("link");
    std::os::unix::fs::symlink("out.jsonl", &link).unwrap();
    assert_eq!(export(&path, &link).code, Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "what a link points to is replaced");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), items().len());
    assert_eq!(export(&path, Path::new("/dev/null")).code, Some(0));

    let nowhere = export(&path, &folder.join("no/out"));
    assert_eq!(nowhere.code, Some(5));
    assert!(nowhere.stderr.starts_with("dmlog-top: cannot write `"), "{}", nowhere.stderr);
    assert_eq!(export(&path, &folder).code, Some(5), "a folder is no file");
}

#[test]
fn a_torn_trace_is_exported_up_to_its_last_seal() {
    let run = run_with_stdin(&["export", "-", "--to", "csv", "-o", "-"], &trace(false));
    assert_eq!(run.code, Some(0));
    assert_eq!(run.stdout.lines().count(), items().len() + 1);
    assert!(run.stderr.starts_with("dmlog-top: `stdin` was not ended by its recorder; 0 bytes"), "{}", run.stderr);
}

/// Ctrl-C.
#[cfg(feature = "tui")]
#[test]
fn an_interrupted_export_leaves_nothing() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use crate::program::command;

    let folder = folder("export-interrupted");
    let out = folder.join("out.csv");
    let mut command = command();
    command.args(["export", "-", "--to", "csv", "-o"]).arg(&out).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&trace(true)[..10_000.min(trace(true).len() / 2)]).unwrap();
    // It listens before it opens what it writes.
    while names(&folder).is_empty() {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    assert_eq!(names(&folder).len(), 1);
    assert!(names(&folder)[0].ends_with(".unfinished"), "{:?}", names(&folder));
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
    let rest = trace(true);
    let _ = stdin.write_all(&rest[10_000.min(rest.len() / 2)..]);
    drop(stdin);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.stderr.contains("interrupted; "), "{}", run.stderr);
    assert_eq!(names(&folder), [] as [&str; 0]);
}

#[test]
fn the_schema_is_printed() {
    let run = run(["schema"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let schema: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let run = self::run(["schema", "--of", "gate"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let schema: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(schema["title"], "dmlog-top gate --format json");
}

#[test]
fn a_picture_is_of_what_was_asked_for_and_has_its_name_only_when_it_is_whole() {
    let folder = folder("export-picture");
    let trace = file("export-picture.dmlog", &trace(true));
    let (trace, out) = (trace.to_str().unwrap(), folder.join("map.svg"));
    let export =
        |arguments: &[&str]| run(["export", trace, "--to", "svg", "-o", out.to_str().unwrap()].iter().chain(arguments));
    let unknown = export(&["-d", "vg/other"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert_eq!(names(&folder), Vec::<String>::new());
    let whole = export(&[]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert_eq!(names(&folder), ["map.svg"]);
    let maps = |picture: &str| picture.matches("<g class=\"chart\"").count();
    let all = fs::read_to_string(&out).unwrap();
    assert!(all.contains("LOSSES: 20 events missing") && all.contains("events lost"), "{all}");
    assert_eq!(export(&["-d", "254:9"]).code, Some(0));
    let one = fs::read_to_string(&out).unwrap();
    assert!(0 < maps(&one) && maps(&one) < maps(&all), "{} of {}", maps(&one), maps(&all));
    let piped = run_with_stdin(&["export", "-", "--to", "svg", "-o", "-"], &fs::read(trace).unwrap());
    assert_eq!((piped.code, maps(&piped.stdout)), (Some(0), maps(&all)));
}
