use super::parse::{ParseError, Problem, parse};
use super::quote::quote;
use super::render;
use crate::event::flat::OP_NAMES;

/// One line of each shape, as `render` writes it.
const LINES: &[&str] = &[
    "12.000000340 cpu=0 tid=87 log=1 impl=core mark_region region=5 duration_ns=100",
    "12.000000341 cpu=0 tid=87 log=1 impl=core mark_region region=5",
    "0.000000000 cpu=65535 tid=4294967295 log=4294967295 impl=userspace in_sync region=18446744073709551615 can_block=1 result=-11",
    "18446744073.709551615 cpu=0 tid=0 log=0 pass duration_ns=18446744073709551615",
    "12.5 cpu=0 tid=87 log=1 impl=disk flush kind=cleaned-only result=0 duration_ns=90000",
    "12.000000341 cpu=0 tid=87 log=1 impl=disk flush result=-5",
    "12.000000341 cpu=0 tid=87 log=1 impl=core get_resync_work result=0 duration_ns=30",
    "12.000000341 cpu=0 tid=87 log=1 impl=core get_sync_count count=18446744073709551615",
    "12.000000911 cpu=2 tid=4001 log=1 map io=7 sector=10240 bytes=4096 opf=0x8801 tgid=4001 comm=\"fio\"",
    "12.000000912 cpu=2 tid=4001 log=1 map io=7 sector=0 bytes=0 opf=0x0 tgid=1 comm=\"a \\\"b\\\" \\u{1b}[31m\\n\"",
    "12.000001000 cpu=2 tid=4001 log=1 end_io io=7 latency_ns=245000 status=0",
    "12.000001000 cpu=2 tid=4001 log=1 end_io io=0 status=-5",
    "12.000001000 cpu=2 tid=4001 log=1 write_callback io=7 failed_legs=0x3",
    "12.000001000 cpu=2 tid=4001 log=1 recovery_complete region=4 took_ns=12 read_error=0 write_error=0x2",
    "12.000001000 cpu=2 tid=4001 log=1 fail_mirror leg=1 error_type=2",
    "12.000001000 cpu=2 tid=4001 log=1 rh_get_state region=4 may_block=0 state=8",
    "12.000001000 cpu=2 tid=4001 log=1 consult request=10 result=0 duration_ns=340000",
    "12.000001000 cpu=2 tid=4001 log=1 identity device=\"254:3\" name=\"vg/lv\" log_type=\"disk\" \
     region_size_sectors=1024 region_count=256 sync_count=256 sync_option=0 target_sectors=262144 target_begin=0 \
     log_device=\"254:0\" legs=2 flush_failed=0 log_device_failed=1",
    "12.000001000 cpu=2 tid=4001 log=1 identity device=\"0:0\" name=\"\" log_type=\"\" flush_failed=0 log_device_failed=0",
    "12.000001000 cpu=2 tid=4001 log=1 bits bitset=clean first=0 regions=128 region_count=128 cut=0 \
     bits=0xffffffffffffffff,0x7fffffffffffffff sync_count=127 sync_search=-1 touched_dirtied=1 touched_cleaned=0 \
     flush_failed=0 log_device_failed=1 log_device_flush_failed=0",
    "12.000001000 cpu=2 tid=4001 log=1 bits bitset=in_sync first=1015808 regions=32768 region_count=2000000 cut=1 bits=0x0*511,0x1",
    "12.000001000 cpu=2 tid=4001 log=1 bits bitset=recovering first=0 regions=32 region_count=32 cut=0 bits=0x0",
    "12.000001000 cpu=2 tid=4001 log=1 bits bitset=clean first=0 regions=0 cut=0",
    "12.000001200 gap cpu=0 lost=12 cause=ring_full",
    "12.000001200 gap cause=module_reload",
    "12.000001300 decode_error reason=\"record of 3 bytes\"",
];

#[test]
fn lines_are_read_and_written_alike() {
    for line in LINES {
        match parse(line) {
            Ok(item) => assert_eq!(render(&item), *line),
            // The only line with a time that `render` would not write.
            Err(error) => assert_eq!((error.problem, line.starts_with("12.5 ")), (Problem::Time, true), "{line}"),
        }
    }
}

#[test]
fn keys_may_come_in_any_order() {
    let one = parse("12.000000340 cpu=0 tid=87 log=1 impl=core mark_region region=5 duration_ns=100");
    assert_eq!(parse("12.000000340 mark_region duration_ns=100 region=5  log=1 impl=core tid=87 cpu=0"), one);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_is_wrong_is_named_with_its_column() {
    let op = || "mark_region".to_owned();
    let cases = [
        ("", 1, Problem::Time),
        ("mark_region", 1, Problem::Time),
        ("1.5 pass", 1, Problem::Time),
        ("+1.000000000 pass", 1, Problem::Time),
        ("18446744074.000000000 pass", 1, Problem::Time),
        ("1.000000000", 12, Problem::NoOp),
        ("1.000000000 cpu=0", 18, Problem::NoOp),
        ("1.000000000 jump", 13, Problem::UnknownOp { word: "jump".to_owned() }),
        ("1.000000000 \u{1b}c", 13, Problem::UnknownOp { word: "\\u{1b}c".to_owned() }),
        ("1.000000000 pass twice", 18, Problem::SecondOp { word: "twice".to_owned() }),
        ("1.000000000 mark_region", 24, Problem::Missing { op: op(), key: "cpu" }),
        ("1.0 x", 1, Problem::Time),
        ("1.000000000 cpu=0 tid=1 log=1 impl=core mark_region", 52, Problem::Missing { op: op(), key: "region" }),
        ("1.000000000 cpu=0 tid=1 log=1 mark_region region=1", 51, Problem::Missing { op: op(), key: "impl" }),
        (
            "1.000000000 cpu=0 tid=1 log=1 impl=core mark_region region=1 result=0",
            62,
            Problem::UnknownKey { op: op(), key: "result".to_owned() },
        ),
        (
            "1.000000000 cpu=0 tid=1 log=1 pass impl=core",
            36,
            Problem::UnknownKey { op: "pass".to_owned(), key: "impl".to_owned() },
        ),
        (
            "1.000000000 cpu=0 tid=1 log=1 end_io io=1 status=0 duration_ns=1",
            52,
            Problem::UnknownKey { op: "end_io".to_owned(), key: "duration_ns".to_owned() },
        ),
        ("1.000000000 cpu=0 cpu=0 pass", 19, Problem::Twice { key: "cpu".to_owned() }),
        ("1.000000000 cpu=65536 tid=1 log=1 pass", 13, Problem::Value { key: "cpu", expected: "a number in range" }),
        ("1.000000000 cpu=+1 tid=1 log=1 pass", 13, Problem::Value { key: "cpu", expected: "a number in range" }),
        (
            "1.000000000 cpu=0 tid=1 log=1 impl=core is_clean region=1 result=4294967296",
            59,
            Problem::Value { key: "result", expected: "a number in range" },
        ),
        (
            "1.000000000 cpu=0 tid=1 log=1 impl=disk flush kind=dirty result=0",
            47,
            Problem::Value { key: "kind", expected: "`no-op`, `dirtied` or `cleaned-only`" },
        ),
        (
            "1.000000000 cpu=0 tid=1 log=1 bits bitset=clean first=0 regions=32 cut=0 bits=0x1ffffffff",
            74,
            Problem::Value {
                key: "bits",
                expected: "words such as `0xffffffffffffffff*511,0x7fff`, no more than the regions need",
            },
        ),
        (
            "1.000000000 cpu=0 tid=1 log=1 bits bitset=clean first=0 regions=32769 cut=0",
            57,
            Problem::Value { key: "regions", expected: "a number of regions, at most 32768" },
        ),
        (
            "1.000000000 cpu=0 tid=1 log=1 bits bitset=clean first=0 regions=32 cut=0 sync_count=1",
            86,
            Problem::Missing { op: "bits".to_owned(), key: "sync_search" },
        ),
        ("1.000000000 decode_error reason=\"open", 33, Problem::OpenQuote),
        (
            "1.000000000 decode_error reason=\"\\x\"",
            26,
            Problem::Value { key: "reason", expected: "a string in double quotes" },
        ),
        (
            "1.000000000 decode_error reason=bare",
            26,
            Problem::Value { key: "reason", expected: "a string in double quotes" },
        ),
        (
            "1.000000000 gap cause=gone",
            17,
            Problem::Value { key: "cause", expected: "a cause of loss such as `ring_full`" },
        ),
    ];
    for (line, column, problem) in cases {
        assert_eq!(parse(line), Err(ParseError { column, problem }), "{line}");
    }
}

#[test]
fn every_operation_has_its_keys() {
    for (code, name) in OP_NAMES {
        assert!(super::keys::keys_of(*code).is_some(), "{name}");
    }
    assert_eq!(super::keys::keys_of(0), None);
    assert_eq!(super::keys::keys_of(200), None);
}

#[test]
fn nothing_in_quotes_reaches_a_terminal_raw() {
    let cases = [
        ("vg/lv", r#""vg/lv""#),
        ("it's", r#""it's""#),
        ("a\"b\\", r#""a\"b\\""#),
        ("\u{1b}]0;x\u{7}", r#""\u{1b}]0;x\u{7}""#),
        ("\r\n\t\0", r#""\r\n\t\0""#),
        ("\u{9b}2J\u{202e}", r#""\u{9b}2J\u{202e}""#),
        ("gr\u{fc}n", "\"gr\u{fc}n\""),
    ];
    for (text, expected) in cases {
        assert_eq!(quote(text), expected);
    }
}
