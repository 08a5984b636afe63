//! What a file says to the library that wrote it; others read it in `tests/traces/exports.rs`.

use bytes::Bytes;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use super::{ParquetFile, ROW_GROUP_ROWS, ROW_GROUP_TEXT_BYTES_MAX};
use crate::event::facts::{CaptureFacts, ClockPair};
use crate::event::ids::MonoNs;
use crate::event::item::{DecodeFailure, Item};
use crate::event::text::parse::parse;
use crate::export::sink::ItemSink as _;

fn file(items: impl IntoIterator<Item = Item>, clock: ClockPair) -> SerializedFileReader<Bytes> {
    let facts = CaptureFacts { clock, ..CaptureFacts::default() };
    let mut sink = ParquetFile::new(Vec::new(), &facts).unwrap();
    for item in items {
        sink.take(&item).unwrap();
    }
    SerializedFileReader::new(Bytes::from(sink.finish().unwrap())).unwrap()
}

fn rows(file: &SerializedFileReader<Bytes>) -> Vec<Row> {
    file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn field(row: &Row, name: &str) -> Field {
    row.get_column_iter().find(|(column, _)| *column == name).unwrap().1.clone()
}

const CLOCK: ClockPair = ClockPair { monotonic_ns: 1_000, realtime_ns: 1_790_000_000_000_000_000 };

#[test]
fn a_row_has_its_values_and_no_others() {
    let lines = [
        "1.000000001 cpu=1 tid=2 log=3 impl=disk flush kind=dirtied result=-5 duration_ns=7",
        r#"1.500000000 cpu=1 tid=2 log=3 identity device="254:0" name="vg/lv" log_type="disk" flush_failed=0 log_device_failed=0"#,
        r#"2.000000000 cpu=1 tid=2 log=4 map io=9 sector=18446744073709551615 bytes=4096 opf=0x801 tgid=4 comm="=é\n""#,
        "3.000000000 gap lost=12 cause=ring_full",
    ];
    let file = file(lines.map(|line| parse(line).unwrap()), CLOCK);
    let rows = rows(&file);
    let text = |text: &str| Field::Str(text.to_owned());
    assert_eq!(field(&rows[0], "op"), text("flush"));
    assert_eq!(field(&rows[0], "device"), text("vg/lv"), "the name came later");
    assert_eq!(field(&rows[0], "impl"), text("disk"));
    assert_eq!(field(&rows[0], "result"), Field::Long(-5));
    assert_eq!(field(&rows[0], "arg"), Field::Long(1));
    assert_eq!(field(&rows[0], "time_ns"), Field::ULong(1_000_000_001));
    assert_eq!(field(&rows[0], "region"), Field::Null);
    let details =
        r#"{"device":"254:0","name":"vg/lv","log_type":"disk","flush_failed":false,"log_device_failed":false}"#;
    assert_eq!(field(&rows[1], "text"), text(details));
    assert_eq!(field(&rows[2], "sector"), Field::ULong(u64::MAX));
    assert_eq!(field(&rows[2], "comm"), text("=é\n"), "types make quotes and escapes needless");
    assert_eq!(field(&rows[2], "device"), Field::Null, "nobody said whose log it is");
    assert_eq!(field(&rows[3], "lost"), Field::ULong(12));
    assert_eq!([field(&rows[3], "cpu"), field(&rows[3], "log")], [Field::Null, Field::Null]);
}

#[test]
fn wall_times_are_there_where_the_clock_is_known() {
    let item = || parse("1.000000000 cpu=1 tid=2 log=3 pass").unwrap();
    let time = |clock| field(&rows(&file([item()], clock))[0], "time");
    assert_eq!(time(CLOCK), Field::TimestampMicros(1_790_000_000_999_999));
    assert_eq!(time(ClockPair::default()), Field::Null);
    let far = ClockPair { monotonic_ns: 0, realtime_ns: u64::MAX };
    assert_eq!(time(far), Field::TimestampMicros(18_446_744_074_709_551), "the year 2554");
}

#[test]
fn row_groups_are_bounded_by_rows_and_by_text() {
    let groups = |file: &SerializedFileReader<Bytes>| -> Vec<i64> {
        file.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect()
    };
    let pass = parse("1.000000000 cpu=1 tid=2 log=3 pass").unwrap();
    let many = file(std::iter::repeat_n(pass, ROW_GROUP_ROWS + 1), CLOCK);
    assert_eq!(groups(&many), [i64::try_from(ROW_GROUP_ROWS).unwrap(), 1]);
    let failure = |number: usize| {
        let reason = format!("{number}{}", "x".repeat(ROW_GROUP_TEXT_BYTES_MAX / 4));
        Item::DecodeError(DecodeFailure { time: MonoNs(1), reason })
    };
    assert_eq!(groups(&file((0..5).map(failure), CLOCK)), [2, 2, 1]);
    assert_eq!(groups(&file([], CLOCK)), [] as [i64; 0]);
}
