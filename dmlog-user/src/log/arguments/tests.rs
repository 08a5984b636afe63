use super::{ArgumentError, CoreArguments, DiskArguments, LogArguments, SyncOption, UserspaceArguments};
use crate::log::geometry::LogGeometry;

const TARGET_SECTORS: u64 = 32_768;

fn parse(table: &str) -> Result<(LogArguments, usize), ArgumentError> {
    LogArguments::parse(&table.split_ascii_whitespace().collect::<Vec<_>>(), TARGET_SECTORS)
}

fn geometry() -> LogGeometry {
    LogGeometry::new(TARGET_SECTORS, 1024).unwrap()
}

#[test]
fn the_tables_of_the_examples_are_read() {
    let core = |sync_option| LogArguments::Core(CoreArguments { geometry: geometry(), sync_option });
    assert_eq!(parse("core 1 1024 2 7:0 0 7:1 0"), Ok((core(SyncOption::Default), 3)));
    assert_eq!(parse("core 2 1024 nosync 2 7:0 0 7:1 0"), Ok((core(SyncOption::Nosync), 4)));
    assert_eq!(parse("core 2 1024 sync"), Ok((core(SyncOption::Force), 4)));
    let disk =
        DiskArguments { log_dev: "/dev/loop2".to_owned(), geometry: geometry(), sync_option: SyncOption::Default };
    assert_eq!(parse("disk 2 /dev/loop2 1024 2 7:0 0 7:1 0"), Ok((LogArguments::Disk(disk), 4)));
    let userspace = UserspaceArguments {
        uuid: "uuid-test-1234".to_owned(),
        is_integrated_flush: true,
        daemon_arguments: vec!["testlog".to_owned(), "arg1".to_owned()],
    };
    assert_eq!(
        parse("userspace 4 uuid-test-1234 Integrated_Flush testlog arg1 2 7:0 0"),
        Ok((LogArguments::Userspace(userspace), 6))
    );
}

#[test]
fn refusals_are_the_kernels_in_its_words() {
    for (table, text) in [
        ("core", "Insufficient mirror log arguments"),
        ("core 1", "Insufficient mirror log arguments"),
        ("core 4294967295 1024", "Insufficient mirror log arguments"),
        ("core x 1024", "Invalid mirror log argument count"),
        ("core -1 1024", "Invalid mirror log argument count"),
        ("journal 1 1024", "Error creating mirror dirty log: unknown log type `journal`"),
        ("core 0", "wrong number of arguments to dirty region log"),
        ("core 3 1024 sync sync", "wrong number of arguments to dirty region log"),
        ("core 2 1024 block_on_error", "unrecognised sync argument to dirty region log: block_on_error"),
        ("core 3 1024 sync block_on_error", "wrong number of arguments to dirty region log"),
        ("core 2 1000 block_on_error", "unrecognised sync argument to dirty region log: block_on_error"),
        ("disk 3 7:2 1024 block_on_error", "unrecognised sync argument to dirty region log: block_on_error"),
        ("disk 4 7:2 1024 sync block_on_error", "wrong number of arguments to disk dirty region log"),
        ("disk 1 7:2", "wrong number of arguments to disk dirty region log"),
        ("disk 0", "wrong number of arguments to disk dirty region log"),
        ("core 1 1000", "invalid region size 1000"),
        ("core 1 1024k", "invalid region size 1024k"),
        ("core 1 0x400", "invalid region size 0x400"),
        ("core 1 1", "invalid region size 1"),
        ("core 1 65536", "invalid region size 65536"),
        ("disk 2 7:2 3", "invalid region size 3"),
        ("userspace 2 u testlog", "Too few arguments to userspace dirty log"),
        ("userspace 0", "Too few arguments to userspace dirty log"),
    ] {
        assert_eq!(parse(table).map_err(|error| error.to_string()), Err(text.to_owned()), "{table}");
    }
    let longest = "u".repeat(128);
    assert!(parse(&format!("userspace 3 {longest} testlog a")).is_ok_and(|(_, words)| words == 5));
    assert_eq!(parse(&format!("userspace 3 {longest}u testlog a")), Err(ArgumentError::UuidTooLong));
}

#[test]
fn more_regions_than_uint_max_are_refused() {
    let words = ["core", "1", "2"];
    let text = LogArguments::parse(&words, (1 << 33) - 1).map_err(|error| error.to_string());
    assert_eq!(text, Err("region count exceeds limit of 4294967295".to_owned()));
}

#[test]
fn a_region_size_is_read_in_the_low_32_bits_as_sscanf_does() {
    // 2^32 + 1024
    assert_eq!(parse("core 1 4294968320").map(|(_, words)| words), Ok(3));
    // Digits of any number wrap: 2^64 + 1024.
    assert_eq!(parse("core 1 18446744073709552640").map(|(_, words)| words), Ok(3));
}
