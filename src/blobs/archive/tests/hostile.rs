//! Archives made to do harm.

use std::io::Write;

use zip::write::SimpleFileOptions;

use super::reading::{compressed, seven_of, zip_of};
use super::*;

const MISLEADING: [(&str, &str); 9] = [
    ("../up", "its name leads out of the archive"),
    ("a/../../b", "its name leads out of the archive"),
    ("/etc/passwd", "its name is an absolute path"),
    ("C:/windows", "its name begins with a drive letter"),
    ("a\\..\\b", "its name holds a backslash"),
    ("\\\\server\\x", "its name holds a backslash"),
    ("./../x", "its name leads out of the archive"),
    ("./D:x", "its name begins with a drive letter"),
    ("a/..", "its name leads out of the archive"),
];

fn misleading() -> Vec<File> {
    let mut files: Vec<File> = MISLEADING.iter().map(|(name, _)| file(name, "evil")).collect();
    files.push(file(&"deep/".repeat(33), ""));
    files.last_mut().unwrap().name.push('x');
    files.push(file(&"n".repeat(256), ""));
    files.push(file("good", "good"));
    files
}

#[track_caller]
fn assert_skipped(kept: &Kept) {
    assert_eq!(kept.names(), ["good"]);
    let mut whys: Vec<&str> = MISLEADING.iter().map(|(_, why)| *why).collect();
    whys.push("it lies too deep in folders");
    whys.push("a part of its name is longer than 255 bytes");
    assert_eq!(kept.whys(), whys);
}

#[test]
fn names_that_lead_astray_are_skipped() {
    let files = misleading();
    // Our own writer takes names as they come.
    for format in Format::ALL {
        assert_skipped(&read(&archive(format, 6, None, &files), None).unwrap());
    }
    let raw: Vec<(&str, &[u8])> =
        files.iter().map(|file| (file.name.as_str(), file.content.as_slice())).collect();
    let method = || sevenz_rust2::EncoderMethod::COPY.into();
    let kept = read(&seven_of(&raw[..1], vec![method()], false), None).unwrap();
    assert_eq!(kept.whys(), ["its name leads out of the archive"]);
    let kept = read(&archive(Format::Zip, 6, None, &[file("a\0b", "")]), None).unwrap();
    assert_eq!(kept.whys(), ["its name holds a NUL character"]);
    // The report of a very long name is short.
    let long = file(&"x".repeat(60_000), "");
    let kept = read(&archive(Format::Tar, 6, None, &[long]), None).unwrap();
    assert!(kept.skipped[0].0.len() < 400);
}

#[test]
fn links_and_devices_of_zip_are_skipped() {
    // The type is in the upper half of the attributes in the directory.
    for (mode, why) in [
        (0o120_777_u32, "it is a symbolic link"),
        (0o020_666, "it is a device"),
        (0o060_666, "it is a device"),
        (0o010_666, "it is a pipe"),
        (0o140_666, "it is a socket"),
    ] {
        let mut bytes = archive(Format::Zip, 6, None, &[file("link", "/etc/passwd")]);
        let row = find(&bytes, b"PK\x01\x02");
        bytes[row + 38..row + 42].copy_from_slice(&(mode << 16).to_le_bytes());
        let kept = read(&bytes, None).unwrap();
        assert_eq!(kept.whys(), [why]);
        assert!(kept.files.is_empty());
    }
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

#[test]
fn equal_names_all_come_out() {
    let files = [file("a", "one"), file("a", "two"), file("a", "three")];
    for format in Format::ALL {
        let kept = read(&archive(format, 6, None, &files), None).unwrap();
        let contents: Vec<&[u8]> = kept.files.iter().map(|file| &*file.content).collect();
        assert_eq!(contents, [&b"one"[..], b"two", b"three"], "{format:?}");
    }
}

#[test]
fn entries_that_share_content_are_refused() {
    // Two rows for one entry.
    let bytes = archive(Format::Zip, 6, None, &[file("a", prose(1000)), file("b", prose(1000))]);
    let mut same = bytes.clone();
    let first = find(&bytes, b"PK\x01\x02");
    let second = first + 4 + find(&bytes[first + 4..], b"PK\x01\x02");
    same[second + 42..second + 46].copy_from_slice(&[0; 4]);
    let error = refused(&same, None, ErrorKind::ArchiveInvalid);
    assert!(error.to_string().contains("overlap"), "{error}");
    // An entry that quotes the next: its size reaches over the other's header.
    let mut quoted = bytes.clone();
    let size = u32::from_le_bytes(bytes[first + 20..first + 24].try_into().unwrap()) + 60;
    quoted[first + 20..first + 24].copy_from_slice(&size.to_le_bytes());
    let error = refused(&quoted, None, ErrorKind::ArchiveInvalid);
    assert!(error.to_string().contains("overlap"), "{error}");
}

#[test]
fn too_many_entries_are_refused_before_they_come_out() {
    let files: Vec<File> = (0..20_000).map(|number| file(&format!("{number}"), "")).collect();
    for format in Format::ALL {
        let bytes = archive(format, 6, None, &files);
        let mut kept = Kept::default();
        let error = read_with(&bytes, None, &LIMITS, &mut kept).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArchiveLimit, "{format:?}: {error}");
        assert!(kept.files.len() <= 10_000);
        assert!(format != Format::Zip || kept.files.is_empty(), "zip says its number first");
    }
    let names: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let raw: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let method = sevenz_rust2::encoder_options::LzmaOptions::from_level(1).into();
    refused(&seven_of(&raw, vec![method], true), None, ErrorKind::ArchiveLimit);
    // Things that are not extracted count too.
    let mut builder = tar::Builder::new(Vec::new());
    for number in 0..10_001 {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, format!("{number}"), "x").unwrap();
    }
    refused(&builder.into_inner().unwrap(), None, ErrorKind::ArchiveLimit);
}

#[test]
fn bombs_are_stopped_after_a_few_megabytes() {
    let gibibyte = || std::io::repeat(0).take(1 << 30);
    let mut bombs = Vec::new();
    for format in [Format::Zip, Format::TarGz, Format::TarZst] {
        let mut writer = Writer::new(Vec::new(), format, 3, None).unwrap();
        let entry = Entry { name: "bomb", size: 1 << 30, modified_ms: None };
        let row = writer.add(&entry, &mut gibibyte()).unwrap();
        bombs.push(writer.finish(&mut std::iter::once(Ok(row))).unwrap());
    }
    bombs.push(compressed_bomb());
    for bomb in bombs {
        let mut kept = Kept { forget: true, ..Kept::default() };
        let error = read_with(&bomb, None, &LIMITS, &mut kept).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArchiveLimit, "{error}");
        let allowed = (bomb.len() as u64 * 100).max(10 << 20);
        assert!(kept.bytes <= allowed, "{} bytes from {}", kept.bytes, bomb.len());
        assert_eq!(kept.whole, 0);
    }
}

/// A hundred mebibytes of zeros in bzip2, which needs a hundred bytes for them.
fn compressed_bomb() -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    std::io::copy(&mut std::io::repeat(0).take(100 << 20), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn entries_nobody_wants_are_counted_too() {
    // A bomb that is skipped, in streams where it has to be decoded all the same.
    let bomb = file("../bomb", vec![0; 60 << 20]);
    for format in [Format::TarGz, Format::TarZst] {
        let bytes = archive(format, 9, None, std::slice::from_ref(&bomb));
        refused(&bytes, None, ErrorKind::ArchiveLimit);
    }
    // Behind the end of a tar archive.
    let tail = [archive(Format::Tar, 0, None, &[]), vec![0; 60 << 20]].concat();
    let head = archive(Format::Tar, 0, None, &[file("a", "a")]);
    let bytes = compressed("zst", &[head, tail].concat());
    refused(&bytes, None, ErrorKind::ArchiveLimit);
}

#[test]
fn content_is_never_more_than_its_entry_says() {
    let mut bytes = archive(Format::Zip, 6, None, &[file("a", prose(100_000))]);
    let row = find(&bytes, b"PK\x01\x02");
    bytes[row + 24..row + 28].copy_from_slice(&1000_u32.to_le_bytes());
    let mut kept = Kept::default();
    let error = read_with(&bytes, None, &LIMITS, &mut kept).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ArchiveInvalid);
    bytes[row + 24..row + 28].copy_from_slice(&200_000_u32.to_le_bytes());
    refused(&bytes, None, ErrorKind::ArchiveInvalid);
}

#[test]
fn dictionaries_above_the_limit_are_refused_with_the_reason() {
    let too_large = |bytes: &[u8]| {
        let error = refused(bytes, None, ErrorKind::ArchiveLimit);
        assert!(error.message().contains("64 MiB"), "{error}");
    };
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&prose(100_000)).unwrap();
    too_large(&encoder.finish().unwrap());

    let mut options = lzma_rust2::XzOptions::with_preset(6);
    options.lzma_options.dict_size = 128 << 20;
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(&prose(1_000)).unwrap();
    too_large(&encoder.finish().unwrap());

    let mut lzma2 = sevenz_rust2::encoder_options::Lzma2Options::from_level(1);
    lzma2.set_dictionary_size(128 << 20);
    too_large(&seven_of(&[("a", b"a")], vec![lzma2.into()], false));
    // Many decoders of a size that one may have.
    let mut lzma2 = sevenz_rust2::encoder_options::Lzma2Options::from_level(1);
    lzma2.set_dictionary_size(32 << 20);
    let chain = vec![lzma2.clone().into(), lzma2.clone().into(), lzma2.into()];
    too_large(&seven_of(&[("a", b"a")], chain, false));
}

#[test]
fn headers_that_claim_too_much_take_no_memory() {
    // A header of zeros is a packed list of sixteen million files or none.
    let list = {
        let mut list = vec![1, 5, 0xe0, 0xff, 0xff, 0x7f, 14];
        list.resize(9 << 20, 0);
        list
    };
    let mut bytes = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    let mut place = 0_u64.to_le_bytes().to_vec();
    place.extend((list.len() as u64).to_le_bytes());
    place.extend(crc32fast::hash(&list).to_le_bytes());
    bytes.extend(crc32fast::hash(&place).to_le_bytes());
    bytes.extend(place);
    bytes.extend(list);
    let error = refused(&bytes, None, ErrorKind::ArchiveLimit);
    assert!(error.message().contains("entries"), "{error}");
    // A long name in tar, longer than memory should hold.
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_path("././@LongLink").unwrap();
    header.set_cksum();
    let bytes = [header.as_bytes().as_slice(), &[b'n'; 4096]].concat();
    refused(&bytes, None, ErrorKind::ArchiveLimit);
}

#[test]
fn an_archive_in_an_archive_stays_one() {
    let inner = zip_of(&[("x", b"x")], SimpleFileOptions::default());
    let bytes = archive(Format::Zip, 6, None, &[file("inner.zip", inner.clone())]);
    assert_eq!(read(&bytes, None).unwrap().content("inner.zip"), inner);
}

#[test]
fn what_is_no_archive_is_called_so() {
    for bytes in [&b""[..], b"x", b"hello, this is text", &[0; 4096]] {
        refused(bytes, None, ErrorKind::ArchiveInvalid);
        assert_eq!(look(bytes, None).unwrap_err().kind(), ErrorKind::ArchiveInvalid);
    }
}
