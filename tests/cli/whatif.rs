//! `whatif`: settings, devices, formats, and what it refuses.

use serde_json::Value;

use crate::program::{Run, file, run, run_with_stdin, trace};

fn whatif(name: &str, arguments: &[&str]) -> Run {
    let path = file(name, &trace(true));
    run(["whatif", path.to_str().unwrap()].iter().chain(arguments))
}

fn json(run: &Run) -> Value {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

fn settings(json: &Value) -> Vec<(u64, &str)> {
    let rows = json["targets"][0]["settings"].as_array().unwrap();
    rows.iter().map(|row| (row["region_size_bytes"].as_u64().unwrap(), row["log_type"].as_str().unwrap())).collect()
}

#[test]
fn without_settings_there_is_a_ladder_of_sizes_and_the_types_of_dm_log() {
    let run = whatif("whatif-ladder.dmlog", &["--format", "json"]);
    let json = json(&run);
    let kib = |shift: u64| (128 * 1024) << shift;
    let ladder: Vec<_> = ["disk", "core"].iter().flat_map(|log| (0..7).map(move |shift| (kib(shift), *log))).collect();
    assert_eq!(settings(&json), ladder);
    assert_eq!(json["is_approximate"], true, "the trace has gaps");
    assert_eq!(json["targets"].as_array().unwrap().len(), 1, "the other mirror's geometry is not known");
    assert_eq!(json["targets"][0]["recorded"]["marks"], 3);
}

#[test]
fn settings_are_asked_for_and_the_recorded_ones_stay() {
    let arguments = ["--region-size", "1M,512s", "--log", "userspace", "--format", "json", "-d", "vg/lv"];
    let run = whatif("whatif-asked.dmlog", &arguments);
    let sizes = [256 << 10, 512 << 10, 1 << 20];
    let expected: Vec<_> = ["disk", "userspace"].iter().flat_map(|log| sizes.map(|size| (size, *log))).collect();
    assert_eq!(settings(&json(&run)), expected);
}

#[test]
fn the_page_says_what_is_missing() {
    let run = whatif("whatif-text.dmlog", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    for line in [
        "NOTE      events are missing from the trace: every number here is approximate",
        "NOTE      1 log left out: type, region size or length not known",
        "══ vg/lv (254:3) ══",
        "ADVICE    disk log, regions of 512 KiB: ",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
    assert!(!run.stdout.chars().any(|c| c.is_control() && c != '\n'), "{}", run.stdout);
}

#[test]
fn stdin_and_torn_traces_are_read() {
    let run = run_with_stdin(&["whatif", "-", "--format=json", "-d", "254:3"], &trace(false)[..]);
    let json = json(&run);
    assert_eq!((&json["source"], &json["trace_end"]), (&Value::from("stdin"), &Value::from("torn")));
}

#[test]
fn wrong_settings_end_with_2_and_a_sentence() {
    for (arguments, sentence) in [
        (["--region-size", "3K"], "a region size of 6 sectors is not a power of two, which the kernel demands\n"),
        (["--region-size", "1s"], "a region size of 1 sectors is below the 2 sectors that the kernel demands\n"),
        (
            ["--region-size", "2048G"],
            "a region size of 4294967296 sectors does not fit into the 32 bits that the kernel has for it\n",
        ),
        (
            ["--region-size", "1G"],
            "no mirror in the trace can have regions of 2097152 sectors: the largest has 262144 sectors, and the kernel \
             takes a region size from 2 sectors up to the length, with less than 2^32 regions\n",
        ),
    ] {
        let run = whatif("whatif-usage.dmlog", &arguments);
        assert_eq!(run, Run { code: Some(2), stdout: String::new(), stderr: format!("dmlog-top: {sentence}") });
    }
    for (arguments, part) in [
        (["--region-size", "512"], "expected a size with its unit"),
        (["--log", "journal"], "expected `core`, `disk` or `userspace`"),
        (["-d", "vg/no"], "has no device \"vg/no\"; there are \"vg/lv\" (254:3)\n"),
    ] {
        let run = whatif("whatif-usage.dmlog", &arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn what_is_no_whole_trace_ends_with_5() {
    let mut corrupt = trace(true);
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    for (name, bytes) in [("corrupt", &corrupt[..]), ("foreign", b"hello, world, this is text")] {
        let path = file(&format!("whatif-{name}.dmlog"), bytes);
        let run = run(["whatif", path.to_str().unwrap()]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""), "{name}");
        assert!(run.stderr.starts_with("dmlog-top: `") && run.stderr.lines().count() == 1, "{}", run.stderr);
    }
}
