//! Tables: every direction, round trips, limits, damage, and memory.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;

use super::*;
use crate::operations::convert::alone::{alone, held_bytes, peak_bytes};

fn options(json: &str) -> Options {
    serde_json::from_str(json).unwrap()
}

/// Gives a few bytes at a time, so that every border falls everywhere.
struct Crumbs<'a>(Cursor<&'a [u8]>);

impl Read for Crumbs<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(2);
        self.0.read(&mut into[..length])
    }
}

impl Seek for Crumbs<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn attempt(source: &[u8], from: Source, target: Target, json: &str) -> Result<String> {
    let (mut sink, mut crumbs) = (Vec::new(), Vec::new());
    let outcome = convert(Cursor::new(source), from, target, &options(json), &mut sink);
    if source.len() < 10_000 {
        let _ = convert(Crumbs(Cursor::new(source)), from, target, &options(json), &mut crumbs);
        assert!(outcome.is_err() || sink == crumbs, "pieces of the source make a difference");
    }
    outcome.map(|_| String::from_utf8(sink).unwrap())
}

fn made(source: &str, from: Source, target: Target, json: &str) -> String {
    attempt(source.as_bytes(), from, target, json)
        .unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn csv_becomes_objects() {
    for (csv, json, want) in [
        ("a,b\n1,x\n", "{}", "[\n{\"a\":1,\"b\":\"x\"}\n]\n"),
        ("a,b\n1,x", "{}", "[\n{\"a\":1,\"b\":\"x\"}\n]\n"),
        (
            "\u{feff}a;b\r\n007;true\r\n\r\n;null\r\n",
            r#"{"delimiter":";"}"#,
            "[\n{\"a\":\"007\",\"b\":true},\n{\"a\":\"\",\"b\":\"null\"}\n]\n",
        ),
        ("a\n\"x\n\"\"y\"\", z\"\n", "{}", "[\n{\"a\":\"x\\n\\\"y\\\", z\"}\n]\n"),
        ("a,b,c\n1\n", "{}", "[\n{\"a\":1,\"b\":\"\",\"c\":\"\"}\n]\n"),
        ("a,a,a_2,a\n1,2,3,4\n", "{}", "[\n{\"a\":1,\"a_3\":2,\"a_2\":3,\"a_4\":4}\n]\n"),
        (
            "1\t2\n3\n",
            r#"{"delimiter":"\t","header":false}"#,
            "[\n{\"column1\":1,\"column2\":2},\n{\"column1\":3}\n]\n",
        ),
        ("a,b\n", "{}", "[]\n"),
        ("", "{}", "[]\n"),
    ] {
        assert_eq!(made(csv, Source::Csv, Target::Json, json), want);
        let lines =
            want.replace(",\n", "\n").replace("[\n", "").replace("\n]", "").replace("[]\n", "");
        assert_eq!(made(csv, Source::Csv, Target::Ndjson, json), lines);
    }
}

#[test]
fn objects_become_csv() {
    let json = r#" [ {"b": 1.50, "a": "x,\"y\"\n"} , {"c": {"d" : [1, 2 , "  "]}, "a": null}, {},
        {"b": 123456789012345678901234567890, "a": "ü\u00fc\ud83d\ude00", "b": true} ] "#;
    let want =
        "b,a,c\n1.50,\"x,\"\"y\"\"\n\",\n,,\"{\"\"d\"\":[1,2,\"\"  \"\"]}\"\n,,\ntrue,üü😀,\n";
    assert_eq!(made(json, Source::Json, Target::Csv, "{}"), want);
    let lines = made(json, Source::Json, Target::Ndjson, "{}");
    assert_eq!(made(&lines, Source::Ndjson, Target::Csv, "{}"), want);
    let bare = made(json, Source::Json, Target::Csv, r#"{"header":false,"delimiter":"|"}"#);
    assert!(bare.starts_with("1.50|\"x,\"\"y\"\"\n\"|\n"), "{bare}");
    for empty in ["[]", "[{}]", "\u{feff} [ ] "] {
        assert_eq!(made(empty, Source::Json, Target::Csv, "{}"), "");
    }
    assert_eq!(made(r#"[{"a":""}]"#, Source::Json, Target::Csv, "{}"), "a\n\"\"\n");
}

#[test]
fn lines_and_arrays_keep_every_digit_and_any_value() {
    let array = "[\n1.0e5,\n\"a b\",\n{\"k\":[]},\nnull,\n123456789012345678901234567890\n]\n";
    let lines = "1.0e5\n\"a b\"\n{\"k\":[]}\nnull\n123456789012345678901234567890\n";
    assert_eq!(made(array, Source::Json, Target::Ndjson, "{}"), lines);
    assert_eq!(made(lines, Source::Ndjson, Target::Json, "{}"), array);
    assert_eq!(
        made("\u{feff}\r\n {\"k\" : [ ] }\r\n\r\n", Source::Ndjson, Target::Json, "{}"),
        "[\n{\"k\":[]}\n]\n"
    );
    assert_eq!(made("", Source::Ndjson, Target::Json, "{}"), "[]\n");
    assert_eq!(made("[]", Source::Json, Target::Ndjson, "{}"), "");
}

#[test]
fn what_is_wrong_is_named() {
    use Kind::{ContentInvalid, ContentLimit};
    let deep = format!("[1,{}{}]", "[".repeat(65), "]".repeat(65));
    let wide = format!("a\n{}\n", ",".repeat(10_000));
    let keys: Vec<String> = (0..10_001).map(|key| format!("\"{key}\":0")).collect();
    let many = format!("{{\"a\":1}}\n{{{}}}\n", keys.join(","));
    let spread: Vec<String> = keys.iter().map(|key| format!("{{{key}}}")).collect();
    let spread = spread.join("\n");
    let long = format!("a\n1\n\"{}", "x".repeat(5 << 20));
    let long_item = format!("[{{}}, \"{}\"]", "x".repeat(4 << 20));
    for (source, from, kind, says) in [
        (&b"a,b\n1,2\n1,2,3\n"[..], Source::Csv, ContentInvalid, "Record 2 has 3 cells"),
        (b"a\n1\n\xff\n", Source::Csv, ContentInvalid, "Record 2 is not UTF-8"),
        (b"a,b\n\xc3,\xa4\n", Source::Csv, ContentInvalid, "Record 1 is not UTF-8"),
        (b"\xe4\n1\n", Source::Csv, ContentInvalid, "The header is not UTF-8"),
        (wide.as_bytes(), Source::Csv, ContentLimit, "Record 1 has more than 10000"),
        (long.as_bytes(), Source::Csv, ContentLimit, "Record 2 is longer"),
        (b"{}", Source::Json, ContentInvalid, "must be one array"),
        (b"", Source::Json, ContentInvalid, "must be one array"),
        (b"[{},{},3", Source::Json, ContentInvalid, "Record 3 is cut short"),
        (b"[{},{", Source::Json, ContentInvalid, "Record 2 is cut short"),
        (b"[{},]", Source::Json, ContentInvalid, "Record 2 is missing"),
        (b"[,{}]", Source::Json, ContentInvalid, "Record 1 is missing"),
        (b"[{},,{}]", Source::Json, ContentInvalid, "Record 2 is missing"),
        (b"[{}] x", Source::Json, ContentInvalid, "after the end"),
        (b"[{} {}]", Source::Json, ContentInvalid, "Record 1 is not sound"),
        (b"[1 2]", Source::Json, ContentInvalid, "Record 1 is not sound"),
        (b"[tr ue]", Source::Json, ContentInvalid, "Record 1 is not sound"),
        (b"[\"a\" \"b\"]", Source::Json, ContentInvalid, "Record 1 is not sound"),
        (b"[{}, {\"a\":01}]", Source::Json, ContentInvalid, "Record 2 is not sound"),
        (b"[{}, [}]", Source::Json, ContentInvalid, "Record 2"),
        (b"[\"\xff\"]", Source::Json, ContentInvalid, "Record 1 is not UTF-8"),
        (b"{}\n{\"a\":\n1}", Source::Ndjson, ContentInvalid, "Record 2 is not sound"),
        (b"{}\n{} {}\n", Source::Ndjson, ContentInvalid, "Record 2 is not sound"),
        (deep.as_bytes(), Source::Json, ContentLimit, "Record 2 is nested deeper"),
        (long_item.as_bytes(), Source::Json, ContentLimit, "Record 2 is longer"),
    ] {
        let target = if from == Source::Ndjson { Target::Json } else { Target::Ndjson };
        let error = attempt(source, from, target, "{}").unwrap_err();
        let start = String::from_utf8_lossy(&source[..source.len().min(40)]).into_owned();
        assert_eq!(
            (error.kind(), error.message().contains(says)),
            (kind, true),
            "{start}: {error}"
        );
    }
    for (source, kind, says) in [
        ("{}\n[1]\n", ContentInvalid, "Record 2 is not an object"),
        ("{\"a\":\"\\ud800\"}", ContentInvalid, "Record 1"),
        (&many, ContentLimit, "Record 2 has more than 10000 keys"),
        (&spread, ContentLimit, "Up to record 10001"),
    ] {
        let error = attempt(source.as_bytes(), Source::Ndjson, Target::Csv, "{}").unwrap_err();
        assert_eq!((error.kind(), error.message().contains(says)), (kind, true), "{error}");
    }
    assert!(
        made(
            &format!("[{}{}]", "[".repeat(64), "]".repeat(64)),
            Source::Json,
            Target::Ndjson,
            "{}"
        )
        .len()
            == 129
    );
}

#[test]
fn a_stream_that_stops_is_never_called_damaged_content() {
    struct Stops(u32);
    impl Read for Stops {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            assert!(into.len() <= 256 * 1024);
            self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("paused"))?;
            into[..4].copy_from_slice(b"[{},");
            Ok(4)
        }
    }
    impl Seek for Stops {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    impl Write for Stops {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (from, target) in [
        (Source::Csv, Target::Json),
        (Source::Json, Target::Csv),
        (Source::Json, Target::Ndjson),
        (Source::Ndjson, Target::Json),
    ] {
        for calls in 0..3 {
            let error = convert(Stops(calls), from, target, &Options::default(), &mut Vec::new())
                .unwrap_err();
            assert_eq!(error.kind(), Kind::Io, "{from:?} after {calls}");
        }
        let source: &[u8] = if from == Source::Csv { b"a\n1\n" } else { b"[{}]" };
        let source = if from == Source::Ndjson { b"{}" } else { source };
        let outcome =
            convert(Cursor::new(source), from, target, &Options::default(), &mut Stops(0));
        if from != Source::Json || target != Target::Csv {
            assert_eq!(outcome.unwrap_err().kind(), Kind::DiskFull, "{from:?}");
        }
    }
    let outcome = convert(
        Cursor::new(b"[{\"a\":1}]"),
        Source::Json,
        Target::Csv,
        &Options::default(),
        &mut Stops(0),
    );
    assert_eq!(outcome.unwrap_err().kind(), Kind::DiskFull);
}

fn cells_of(csv: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(csv.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn csv_made_into_json_and_back_has_the_same_cells(
        rows in (1usize..5).prop_flat_map(|width| prop::collection::vec(prop::collection::vec("[-0-9.]{0,4}|true|null|[a\"',;\t\r\n ü😀\u{1}]{0,5}", width), 1..6)),
        through_lines: bool,
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter.as_bytes()[0]).from_writer(Vec::new());
        let header: Vec<String> = (0..rows[0].len()).map(|at| format!("{at} \"{delimiter}\n")).collect();
        writer.write_record(&header).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let csv = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let (middle, from) = if through_lines { (Target::Ndjson, Source::Ndjson) } else { (Target::Json, Source::Json) };
        let option = format!("{{\"delimiter\":{}}}", serde_json::to_string(delimiter).unwrap());
        let json = made(&csv, Source::Csv, middle, &option);
        if middle == Target::Json {
            prop_assert!(serde_json::from_str::<Vec<serde_json::Value>>(&json).is_ok());
        }
        let back = made(&json, from, Target::Csv, &option);
        prop_assert_eq!(cells_of(&back, delimiter.as_bytes()[0]), cells_of(&csv, delimiter.as_bytes()[0]));
        prop_assert_eq!(cells_of(&back, delimiter.as_bytes()[0])[1..].to_vec(), rows);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop::sample::select(b"[]{}\",:\\\n\r 1a\xff\xc3\xa4".to_vec()), 0..60), header: bool) {
        for (from, target) in [(Source::Csv, Target::Json), (Source::Json, Target::Csv), (Source::Ndjson, Target::Csv), (Source::Json, Target::Ndjson), (Source::Ndjson, Target::Json)] {
            let with = Options { header: (from != Source::Json || target == Target::Csv).then_some(header).filter(|_| target == Target::Csv || from == Source::Csv), ..Options::default() };
            let mut sink = Vec::new();
            if convert(Cursor::new(&bytes), from, target, &with, &mut sink).is_ok() && target == Target::Json {
                prop_assert!(serde_json::from_slice::<Vec<serde_json::Value>>(&sink).is_ok());
            }
        }
    }
}

/// 200,000 rows that are made while they are read.
struct Long {
    at: u64,
    rows: u64,
    line: Vec<u8>,
    make: fn(u64) -> String,
    bytes: u64,
}

impl Read for Long {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.line.is_empty() && self.at <= self.rows {
            self.line = (self.make)(self.at).into_bytes();
            self.at += 1;
        }
        let length = self.line.len().min(into.len());
        into[..length].copy_from_slice(&self.line[..length]);
        self.line.drain(..length);
        self.bytes += length as u64;
        Ok(length)
    }
}

impl Seek for Long {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        (self.at, self.line) = (0, Vec::new());
        Ok(0)
    }
}

/// Counts what it is given.
#[derive(Default)]
struct Drain {
    bytes: u64,
    lines: u64,
}

impl Write for Drain {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.bytes += from.len() as u64;
        self.lines += from.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn memory_stays_flat_however_long_the_table_is() {
    alone(
        "operations::convert::table::tests::memory_stays_flat_however_long_the_table_is",
        long_tables,
    );
}

fn long_tables() {
    const ROWS: u64 = 200_000;
    let csv = |row: u64| match row {
        0 => "id,name,note\n".to_owned(),
        _ => format!("{row},\"name, {row}\",{}\n", "x".repeat(200)),
    };
    let json = |row: u64| match row {
        0 => "[".to_owned(),
        ROWS => format!("{{\"id\":{row},\"name\":\"last\"}}]"),
        _ => format!("{{\"id\":{row},\"note\":\"{}\"}},\n", "x".repeat(200)),
    };
    let before = held_bytes();
    for (make, from, target, lines) in [
        (csv as fn(u64) -> String, Source::Csv, Target::Json, ROWS + 2),
        (json, Source::Json, Target::Csv, ROWS + 1),
        (json, Source::Json, Target::Ndjson, ROWS),
    ] {
        let mut source = Long { at: 0, rows: ROWS, line: Vec::new(), make, bytes: 0 };
        let mut sink = Drain::default();
        let facts = convert(&mut source, from, target, &Options::default(), &mut sink).unwrap();
        assert_eq!((facts.records, sink.lines), (ROWS, lines));
        assert!(source.bytes > 40_000_000 && sink.bytes > 40_000_000);
    }
    let grown = peak_bytes() - before;
    println!("{grown} bytes for tables of {ROWS} rows");
    assert!(grown < 8 << 20, "took {grown} bytes");
}

/// The largest record and the most columns that are allowed.
#[test]
fn memory_stays_bounded_however_large_a_record_is() {
    alone(
        "operations::convert::table::tests::memory_stays_bounded_however_large_a_record_is",
        || {
            let cells = "\u{1}".repeat(410);
            let row = vec![cells.as_str(); 10_000].join(",");
            let csv = format!("{row}\n{row}\n");
            let entries: Vec<String> = (0..10_000)
                .map(|at| format!("\"{at:05}\\n\":\"{}\\n\"", "x".repeat(395)))
                .collect();
            let json = format!("[{{{}}}]", entries.join(","));
            drop((cells, row, entries));
            let before = held_bytes();
            for (source, from, target) in [
                (&csv, Source::Csv, Target::Json),
                (&csv, Source::Csv, Target::Ndjson),
                (&json, Source::Json, Target::Csv),
                (&json, Source::Json, Target::Ndjson),
            ] {
                let sink = &mut Drain::default();
                convert(Cursor::new(source), from, target, &Options::default(), sink).unwrap();
                println!("{} bytes after {from:?} to {target:?}", peak_bytes() - before);
            }
            let grown = peak_bytes() - before;
            assert!(grown < 32 << 20, "took {grown} bytes");
        },
    );
}
