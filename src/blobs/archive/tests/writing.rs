//! What is written is read again, and an interruption leaves no trace.

use super::*;
use crate::blobs::archive::zip;

#[test]
fn every_format_comes_back_as_it_went_in() {
    let files = samples();
    for format in Format::ALL {
        for level in [0, 1, 6, 9] {
            let bytes = archive(format, level, None, &files);
            assert_same(&files, &read(&bytes, None).unwrap(), format);
            let seen = look(&bytes, None).unwrap();
            assert_eq!(seen.is_tar, format != Format::Zip);
        }
    }
    let bytes = archive(Format::Zip, 6, Some(secret()), &files);
    assert_same(&files, &read(&bytes, Some(PASSWORD)).unwrap(), Format::Zip);
}

#[track_caller]
fn assert_same(files: &[File], kept: &Kept, format: Format) {
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(kept.names(), names);
    for (was, is) in files.iter().zip(&kept.files) {
        assert!(was.content == is.content, "{} in {format:?}", was.name);
        if was.name == "folder/a.txt" || (was.name == "before 1970" && format != Format::Zip) {
            assert_eq!(was.modified_ms, is.modified_ms, "{} in {format:?}", was.name);
        }
    }
    assert_eq!(kept.indexes, (0..files.len() as u64).collect::<Vec<_>>());
    assert!(kept.skipped.is_empty() && kept.folders.is_empty());
}

#[test]
fn archives_of_nothing_are_whole() {
    let zip = archive(Format::Zip, 6, None, &[]);
    assert!(read(&zip, None).unwrap().files.is_empty());
    assert_eq!(archive(Format::Tar, 6, None, &[]), [0; 1024]);
}

/// Enough for several compressed streams, with content of both kinds.
fn many() -> Vec<File> {
    let mut files = samples();
    for number in 0..6 {
        files.push(file(&format!("prose {number}"), prose(3_000_000 + number)));
        files.push(file(&format!("noise {number}"), noise(1_500_000 + number, 9)));
        files.push(file(&format!("small {number}"), "s".repeat(number)));
    }
    files
}

/// Writes with a stop after each entry that allows it; gives the archive and the number of stops.
fn with_stops(
    format: Format,
    level: u32,
    secret: Option<ZipSecret>,
    files: &[File],
) -> (Vec<u8>, usize) {
    let mut writer = Writer::new(Vec::new(), format, level, secret.clone()).unwrap();
    let (mut rows, mut stops) = (Vec::new(), 0);
    let mut safe = Vec::new();
    let mut done = 0;
    let mut index = 0;
    while index < files.len() {
        let entry = Entry {
            name: &files[index].name,
            size: files[index].content.len() as u64,
            modified_ms: files[index].modified_ms,
        };
        rows.push(writer.add(&entry, &mut Dribble(&files[index].content, index)).unwrap());
        index += 1;
        let Some(offset) = writer.boundary() else {
            continue;
        };
        stops += 1;
        // The interruption comes in the middle of the next entry.
        if let Some(next) = files.get(index) {
            let entry = Entry { name: &next.name, size: next.content.len() as u64 + 1, ..entry };
            assert!(writer.add(&entry, &mut next.content.as_slice()).is_err());
            assert_eq!(writer.boundary(), None);
        }
        let text = serde_json::to_string(&rows).unwrap();
        rows = serde_json::from_str(&text).unwrap();
        let sink = std::mem::replace(
            &mut writer,
            Writer::resume(Vec::new(), format, level, secret.clone(), offset, index as u64)
                .unwrap(),
        );
        safe.extend_from_slice(&sink.into_bytes()[..(offset - done) as usize]);
        done = offset;
    }
    safe.extend(writer.finish(&mut rows.into_iter().map(Ok)).unwrap());
    (safe, stops)
}

#[test]
fn going_on_gives_the_same_bytes_at_every_boundary() {
    let files = many();
    let zips = files.len();
    for (format, secret, stops_expected) in [
        (Format::Zip, None, zips),
        (Format::Zip, Some(secret()), zips),
        (Format::Tar, None, zips),
        (Format::TarGz, None, 3),
        (Format::TarZst, None, 3),
    ] {
        let at_once = archive(format, 6, secret.clone(), &files);
        let (stopped, stops) = with_stops(format, 6, secret, &files);
        assert_eq!(stops, stops_expected, "{format:?}");
        assert!(at_once == stopped, "{format:?}: an interruption changed the archive");
    }
    for level in [0, 1, 3, 9] {
        let at_once = archive(Format::Zip, level, None, &samples());
        let (stopped, _) = with_stops(Format::Zip, level, None, &samples());
        assert!(at_once == stopped, "level {level}: an interruption changed the archive");
    }
}

#[test]
fn a_stop_before_the_first_entry_is_a_boundary_too() {
    for format in Format::ALL {
        let writer = Writer::new(Vec::new(), format, 6, None).unwrap();
        assert_eq!(writer.boundary(), Some(0));
    }
}

#[test]
fn content_must_have_the_size_it_was_announced_with() {
    for format in Format::ALL {
        for (size, content) in [(5, "1234"), (3, "1234"), (0, "1"), (1, "")] {
            let mut writer = Writer::new(Vec::new(), format, 6, None).unwrap();
            let entry = Entry { name: "a", size, modified_ms: None };
            assert!(writer.add(&entry, &mut content.as_bytes()).is_err());
            assert!(writer.add(&entry, &mut "12345".as_bytes()).is_err(), "it stays failed");
            assert_eq!(writer.boundary(), None);
            assert!(writer.finish(&mut std::iter::empty()).is_err());
        }
    }
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    assert!(Writer::new(Vec::new(), Format::Tar, 6, Some(secret())).is_err());
    assert!(Writer::new(Vec::new(), Format::Zip, 10, None).is_err());
    assert!(Format::parse("rar").is_err());
    for format in Format::ALL {
        assert_eq!(Format::parse(format.extension()).unwrap(), format);
    }
    let mut writer = Writer::new(Vec::new(), Format::Zip, 6, None).unwrap();
    add(&mut writer, &file("a", "a"));
    let error = writer.finish(&mut std::iter::empty()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Internal, "a row is missing");
}

#[test]
fn errors_of_sink_and_content_end_the_work() {
    struct Broken;
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::Interrupted.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::Interrupted.into())
        }
    }
    for format in Format::ALL {
        let entry = Entry { name: "a", size: 1_000_000, modified_ms: None };
        let mut writer = Writer::new(Broken, format, 6, None).unwrap();
        let error = writer.add(&entry, &mut noise(1_000_000, 1).as_slice()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let mut writer = Writer::new(Vec::new(), format, 6, None).unwrap();
        assert_eq!(writer.add(&entry, &mut Broken).unwrap_err().kind(), ErrorKind::Io);
    }
}

#[test]
fn salts_differ_between_entries_and_archives() {
    let files = [file("a", "same"), file("b", "same")];
    let one = archive(Format::Zip, 6, Some(secret()), &files);
    let two = archive(Format::Zip, 6, Some(ZipSecret { seed: [8; 32], ..secret() }), &files);
    // The salt stands behind a header of 30 bytes, the name, and extra fields of 9 and 11 bytes.
    let salt = |bytes: &[u8], at: usize| bytes[at + 51..at + 67].to_vec();
    let second = (1..one.len()).find(|at| one[*at..].starts_with(b"PK\x03\x04")).unwrap();
    assert_ne!(salt(&one, 0), salt(&one, second));
    assert_ne!(salt(&one, 0), salt(&two, 0));
    assert_eq!(one, archive(Format::Zip, 6, Some(secret()), &files));
}

#[test]
fn many_entries_and_far_offsets_get_64_bits() {
    let entry = Entry { name: "far", size: 5, modified_ms: None };
    let far = 5 << 30;
    let mut writer = Writer::resume(Vec::new(), Format::Zip, 6, None, far, 0).unwrap();
    let row = writer.add(&entry, &mut "hello".as_bytes()).unwrap();
    assert_eq!(row.offset, far);
    let bytes = writer.finish(&mut std::iter::once(Ok(row))).unwrap();
    let mut kept = Kept::default();
    let length = far + bytes.len() as u64;
    let source = Shifted { bytes: &bytes, start: far, position: 0 };
    extract(source, length, "a.zip", None, &LIMITS, &mut kept).expect_err("its head is no zip");
    let source = Shifted { bytes: &bytes, start: far, position: 0 };
    let mut source = crate::blobs::archive::source::Source::new(source, length);
    let mut outlet =
        crate::blobs::archive::outlet::Outlet::new(&mut kept, &LIMITS, bytes.len() as u64);
    zip::read::extract(&mut source, None, &mut outlet).unwrap();
    assert_eq!(kept.content("far"), b"hello");

    let files: Vec<File> = (0..70_000).map(|number| file(&format!("{number}"), "")).collect();
    let bytes = archive(Format::Zip, 1, None, &files);
    let limits = Limits { entries: 100_000, ..LIMITS };
    let mut kept = Kept::default();
    read_with(&bytes, None, &limits, &mut kept).unwrap();
    assert_eq!(kept.files.len(), 70_000);
    assert_eq!(look(&bytes, None).unwrap().entries, Some(70_000));
    let other = ::zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(other.len(), 70_000);
}

/// Bytes that begin far into a file of zeros.
struct Shifted<'a> {
    bytes: &'a [u8],
    start: u64,
    position: u64,
}

impl Read for Shifted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = match self.position.checked_sub(self.start) {
            Some(offset) => self.bytes.get(offset as usize..).unwrap_or_default().read(into)?,
            None => {
                let zeros = (self.start - self.position).min(into.len() as u64) as usize;
                into[..zeros].fill(0);
                zeros
            }
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl std::io::Seek for Shifted<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let std::io::SeekFrom::Start(position) = to else {
            return Err(std::io::ErrorKind::Unsupported.into());
        };
        self.position = position;
        Ok(position)
    }
}

#[test]
fn large_entries_get_64_bits_in_all_their_records() {
    let size = 5 << 30;
    let row = Written {
        name: "large".to_owned(),
        size,
        modified_ms: Some(1_000),
        offset: 6 << 30,
        compressed: 7 << 30,
        crc32: 0x1234_5678,
    };
    let entry = Entry { name: "large", size, modified_ms: Some(1_000) };
    let local = zip::records::local(&entry, zip::records::Packing::Deflated);
    assert_eq!(local[4], 45, "version 4.5 is needed");
    assert_eq!(local[18..26], [0xff; 8]);
    assert_eq!(local[35..39], [1, 0, 16, 0], "sizes have their place in the zip64 field");
    assert_eq!(zip::records::descriptor(&row).len(), 24);
    let directory = zip::records::central(&row, zip::records::Packing::Deflated);
    let end = zip::records::end(1, directory.len() as u64, 0);
    let mut source = crate::blobs::archive::source::Source::new(
        Cursor::new([directory.clone(), end].concat()),
        directory.len() as u64 + 22,
    );
    let found = zip::directory::Directory::find(&mut source).unwrap();
    let seen = found.rows().next(&mut source).unwrap().unwrap();
    assert_eq!((seen.size, seen.compressed, seen.offset), (5 << 30, 7 << 30, 6 << 30));
    assert_eq!((seen.crc32, seen.modified_ms), (0x1234_5678, Some(1_000)));
}

/// Some seconds even when optimised; `cargo test --release -- --ignored`.
#[test]
#[ignore = "writes five gibibytes of zeros"]
fn five_gibibytes_are_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.zip");
    for format in [Format::Zip, Format::TarGz, Format::TarZst] {
        let sink = std::fs::File::create(&path).unwrap();
        let mut writer = Writer::new(sink, format, 1, None).unwrap();
        let mut rows = Vec::new();
        for (name, size) in [("large", 5 << 30), ("small", 9)] {
            let entry = Entry { name, size, modified_ms: None };
            rows.push(writer.add(&entry, &mut std::io::repeat(b'0').take(size)).unwrap());
        }
        writer.finish(&mut rows.into_iter().map(Ok)).unwrap();
        let mut kept = Kept { forget: true, ..Kept::default() };
        let limits = Limits { ratio: 1 << 40, total_bytes: 6 << 30, ..LIMITS };
        let source = std::fs::File::open(&path).unwrap();
        let size = source.metadata().unwrap().len();
        extract(source, size, "large", None, &limits, &mut kept).unwrap();
        assert_eq!(kept.bytes, (5 << 30) + 9);
        if format == Format::Zip {
            outside::check_zip(&path, None);
        }
    }
}
