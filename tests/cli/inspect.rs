//! `inspect`: images built byte by byte, and what the program says of each.

use std::path::PathBuf;

use crate::program::{Run, file, run};

/// The vector of the format's description: 100 regions, of which 3, 64 and 99 are dirty.
const HEADER: [u8; 16] = [0x72, 0x52, 0x69, 0x4d, 2, 0, 0, 0, 0x64, 0, 0, 0, 0, 0, 0, 0];
const BITS: [u8; 16] = [0xf7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 7, 0, 0, 0];

/// An image of 4,096 bytes: this header, garbage that means nothing up to byte 1,024, these bits, and zeros.
fn image(name: &str, header: &[u8], bits: &[u8]) -> PathBuf {
    let mut image = vec![0xa5; 1024];
    image[..header.len()].copy_from_slice(header);
    image.extend_from_slice(bits);
    image.resize(4096, 0);
    file(name, &image)
}

fn inspect(path: &std::path::Path, arguments: &[&str]) -> Run {
    run([&["inspect", path.to_str().unwrap()], arguments].concat())
}

fn header_with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut header = HEADER.to_vec();
    header[at..at + bytes.len()].copy_from_slice(bytes);
    header
}

/// A good log: exit code 0 and the page behind its first line, which names the file.
fn page(path: &std::path::Path, arguments: &[&str]) -> String {
    let run = inspect(path, arguments);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let (first, rest) = run.stdout.split_once('\n').unwrap();
    assert_eq!(first, format!("log       {}", path.display()));
    rest.to_owned()
}

/// No healthy log: exit code 5, a sentence on stderr, and the page all the same.
fn corrupt(path: &std::path::Path, expected: &str) -> String {
    let run = inspect(path, &[]);
    assert_eq!(run.code, Some(5), "{run:?}");
    let sentence = format!("dmlog-top: \"{}\" is no healthy disk log: {expected}", path.display());
    assert!(run.stderr.starts_with(&sentence) && run.stderr.lines().count() == 1, "{}\n{sentence}", run.stderr);
    // Broken over lines in the page.
    let flowing = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowing.contains(&format!("CORRUPT {expected}")), "{}", run.stdout);
    run.stdout
}

#[test]
fn the_vector_is_shown_without_a_region_size() {
    let page = page(&image("inspect-vector.img", &HEADER, &BITS), &[]);
    assert_eq!(
        page,
        "device    4.00 KiB, room for 24,576 regions\n\
         header    magic 0x4d695272 (MiRr), version 2, 100 regions\n\
         clean     97 of 100 regions\n\
         resync    3 regions: a crash now would copy that from the first leg to the others\n\
         health    nothing odd\n\
         \n\
         Dirty or out of sync\n  \
           first region  last region  regions  first sector  last sector\n             \
                      3            3        1             -            -\n            \
                     64           64        1             -            -\n            \
                     99           99        1             -            -\n  \
           sectors need the region size, which is not in the log: give it with --region-size\n"
    );
}

#[test]
fn the_vector_is_shown_in_sectors_with_the_target() {
    let path = image("inspect-target.img", &HEADER, &BITS);
    // The last region has 100 sectors.
    let page = page(&path, &["--region-size", "512K", "--target-sectors", "101476"]);
    assert!(page.contains("target    101,476 sectors in 100 regions of 1,024 sectors (512 KiB)\n"), "{page}");
    assert!(page.contains("resync    3 regions, 1.05 MiB: a crash"), "{page}");
    let rows: Vec<Vec<&str>> = page.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        ["3", "3", "1", "3,072", "4,095"],
        ["64", "64", "1", "65,536", "66,559"],
        ["99", "99", "1", "101,376", "101,475"],
    ] {
        assert!(rows.contains(&row.to_vec()), "{page}");
    }
}

#[test]
fn json_says_the_same() {
    let path = image("inspect-json.img", &HEADER, &BITS);
    let run = inspect(&path, &["--format", "json", "--region-size", "1024s"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["source"], path.to_str().unwrap());
    assert_eq!(json["header"], serde_json::json!({"magic": "0x4d695272", "version": 2, "nr_regions": 100}));
    for (name, number) in [
        ("schema_version", 1),
        ("device_bytes", 4096),
        ("capacity_regions", 24_576),
        ("region_size_sectors", 1024),
        ("region_count", 100),
        ("clean_regions", 97),
        ("resync_regions", 3),
        ("resync_bytes", 3 * 512 * 1024),
        ("dirty_runs_left_out", 0),
    ] {
        assert_eq!(json[name], number, "{name}");
    }
    assert_eq!(json["target_sectors"], serde_json::Value::Null);
    assert_eq!(json["findings"], serde_json::json!([]));
    let run = serde_json::json!({"first_region": 64, "last_region": 64, "first_sector": 65_536, "last_sector": 66_559});
    assert_eq!((json["dirty_runs"].as_array().unwrap().len(), &json["dirty_runs"][1]), (3, &run));
}

#[test]
fn a_clean_log_costs_nothing() {
    let page = page(&image("inspect-clean.img", &header_with(8, &[32]), &[0xff, 0xff, 0xff, 0xff]), &[]);
    assert!(
        page.contains("clean     32 of 32 regions\nresync    nothing: a crash now would copy no region\n"),
        "{page}"
    );
    assert!(!page.contains("Dirty"), "{page}");
}

#[test]
fn many_runs_are_cut_and_counted() {
    // Every second of 1,000 regions.
    let path = image("inspect-runs.img", &header_with(8, &1000_u64.to_le_bytes()), &[0x55; 125]);
    let page = page(&path, &[]);
    assert!(page.contains("and 400 further runs; --format json lists more"), "{page}");
    let json = inspect(&path, &["--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["dirty_runs"].as_array().unwrap().len(), 500);
}

#[test]
fn another_magic_is_no_log() {
    let path = image("inspect-magic.img", &header_with(0, b"LUKS"), &BITS);
    let page = corrupt(&path, "the magic is 0x534b554c and not 0x4d695272: this is no disk log");
    assert!(page.contains("header    magic 0x534b554c, version 2, 100 regions\n"), "{page}");
    assert!(!page.contains("clean "), "no count is shown of what is no log: {page}");
}

#[test]
fn a_bad_version_is_a_full_resync() {
    let path = image("inspect-version.img", &header_with(4, &[3]), &BITS);
    corrupt(&path, "version 3 is not known: the kernel would show log health `D`");
    let json = inspect(&path, &["--format", "json", "--region-size", "1M", "--target-sectors", "204800"]);
    assert_eq!(json.code, Some(5));
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["is_corrupt"], &json["resync_regions"]), (&true.into(), &100.into()));
    assert_eq!(json["findings"][0]["id"], "unknown_version");
}

#[test]
fn version_1_is_read_like_2() {
    let page = page(&image("inspect-version-1.img", &header_with(4, &[1]), &BITS), &[]);
    assert!(page.contains("clean     97 of 100 regions\n"), "{page}");
    assert!(page.contains("note      version 1, which the kernel reads like version 2"), "{page}");
}

#[test]
fn more_regions_than_the_device_holds_is_corrupt() {
    let path = image("inspect-beyond.img", &header_with(8, &24_577_u64.to_le_bytes()), &BITS);
    corrupt(&path, "the header counts 24577 regions, but at most 24576 have bits here");
}

#[test]
fn a_log_of_lvm_has_the_tables_regions() {
    let path = image("inspect-lvm.img", &header_with(8, &[0xff; 8]), &[0xff; 3072]);
    let page = page(&path, &["--region-size", "2M", "--target-sectors", "40960"]);
    assert!(page.contains("version 2, 2^64 - 1 regions\n"), "{page}");
    assert!(page.contains("clean     10 of 10 regions\n"), "{page}");
    assert!(page.contains("note      the number of regions is 2^64 - 1: lvm2 made this log"), "{page}");
}

#[test]
fn tail_bits_are_noted_and_not_counted() {
    let mut bits = BITS;
    bits[15] = 0xc0;
    let page = page(&image("inspect-tail.img", &HEADER, &bits), &[]);
    assert!(page.contains("clean     97 of 100 regions\n"), "{page}");
    assert!(page.contains("note      2 bits behind the last region are set"), "{page}");
}

#[test]
fn what_cannot_be_read_is_said_with_its_cause() {
    let refused = |path: &std::path::Path, expected: &str| {
        let run = inspect(path, &[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""), "{run:?}");
        assert!(run.stderr.starts_with(&format!("dmlog-top: cannot inspect \"{}\"", path.display())), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    refused("/no/such/device".as_ref(), "No such file or directory");
    refused(env!("CARGO_TARGET_TMPDIR").as_ref(), "directory");
    let page = corrupt(&file("inspect-empty.img", b""), "0 bytes hold no header, which has 16");
    assert!(page.contains("header    none\n"), "{page}");
    corrupt(&file("inspect-short.img", &HEADER[..15]), "15 bytes hold no header, which has 16");
    // A header alone has room for no bit.
    corrupt(&file("inspect-header.img", &HEADER), "the header counts 100 regions, but at most 0 have bits here");
}

#[test]
fn a_target_that_no_table_can_have_is_a_usage_error() {
    let path = image("inspect-usage.img", &HEADER, &BITS);
    for arguments in [
        &["--target-sectors", "100"][..],
        &["--region-size", "1024"],
        &["--region-size", "3M"],
        &["--region-size", "1M", "--target-sectors", "100"],
        &["--region-size", "1K", "--target-sectors", "8589934591"],
        &["--format", "yaml"],
    ] {
        let run = inspect(&path, arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
    }
    let run = inspect(&path, &["--region-size", "1K", "--target-sectors", "8589934591"]);
    assert!(run.stderr.contains("region count exceeds limit of 4294967295"), "{}", run.stderr);
}
