//! Archives of other hands, made by other crates.

use std::io::Write;

use sevenz_rust2::encoder_options::{
    AesEncoderOptions, Bzip2Options, DeflateOptions, Lzma2Options, LzmaOptions, PpmdOptions,
};
use sevenz_rust2::{
    ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod, SourceReader,
};
use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;
use zip::{AesMode, AesSalt, CompressionMethod, ZipWriter};

use super::*;
use crate::blobs::archive::Kind;
use crate::blobs::archive::read::Lock;

/// A zip file of the zip crate.
pub fn zip_of(files: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_method_of_zip_is_read() {
    let (text, random) = (prose(400_000), noise(300_000, 3));
    let files: [(&str, &[u8]); 3] = [("a/text", &text), ("random", &random), ("empty", b"")];
    for method in [
        CompressionMethod::Stored,
        CompressionMethod::Deflated,
        CompressionMethod::Bzip2,
        CompressionMethod::Zstd,
        CompressionMethod::Xz,
    ] {
        let plain: SimpleFileOptions = SimpleFileOptions::default().compression_method(method);
        let bytes = zip_of(&files, plain);
        let kept = read(&bytes, None).unwrap();
        assert_eq!(kept.names(), ["a/text", "random", "empty"], "{method:?}");
        assert!(kept.content("a/text") == text && kept.content("random") == random);
        let seen = look(&bytes, None).unwrap();
        assert_eq!((seen.entries, seen.total_bytes), (Some(3), Some(700_000)));
        assert_eq!((seen.kind, seen.lock), (Kind::Zip, Lock::Open));
        // The salts are fixed, or a wrong password would pass the early check now and then.
        for (mode, bytes) in [(AesMode::Aes128, 8), (AesMode::Aes192, 12), (AesMode::Aes256, 16)] {
            let salt = AesSalt::try_new(mode, &noise(bytes, 4)).unwrap();
            let bytes =
                zip_of(&files, plain.with_aes_encryption_and_salt(PASSWORD.as_bytes(), salt));
            check_locked(&bytes, &text, &random);
        }
        let bytes = zip_of(
            &files,
            FileOptionsExt::with_deprecated_encryption(plain, PASSWORD.as_bytes()).unwrap(),
        );
        check_locked(&bytes, &text, &random);
    }
}

#[track_caller]
fn check_locked(bytes: &[u8], text: &[u8], random: &[u8]) {
    let kept = read(bytes, Some(PASSWORD)).unwrap();
    assert!(kept.content("a/text") == text && kept.content("random") == random);
    assert_eq!(look(bytes, Some(PASSWORD)).unwrap().lock, Lock::PasswordFits);
    assert_eq!(look(bytes, None).unwrap().lock, Lock::PasswordMissing);
    refused(bytes, None, ErrorKind::PasswordRequired);
    // The early check of AES lets one password of 65536 through, that of old encryption one of 128.
    for wrong in ["wrong", "worse", "w"] {
        let error = read(bytes, Some(wrong)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PasswordWrong, "{error}");
    }
}

#[test]
fn our_zip_is_read_by_another() {
    let files = samples();
    let plain = archive(Format::Zip, 6, None, &files);
    let locked = archive(Format::Zip, 6, Some(secret()), &files);
    for (bytes, password) in [(&plain, None), (&locked, Some(PASSWORD.as_bytes()))] {
        let mut other = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert!(!other.has_overlapping_files().unwrap());
        for (index, file) in files.iter().enumerate() {
            let options = zip::ZipReadOptions::new().password(password);
            let mut entry = other.by_index_with_options(index, options).unwrap();
            assert_eq!(entry.name().unwrap(), file.name);
            assert_eq!(entry.unix_mode(), Some(0o100_644));
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(content == file.content, "{}", file.name);
        }
    }
}

/// A 7z archive of the crate: one block for all, or one for each file.
pub fn seven_of(
    files: &[(&str, &[u8])],
    methods: Vec<EncoderConfiguration>,
    solid: bool,
) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(methods);
    let entries = files.iter().map(|(name, _)| ArchiveEntry::new_file(name));
    let contents = files.iter().map(|(_, content)| *content);
    if solid {
        let contents = contents.map(SourceReader::new).collect();
        writer.push_archive_entries(entries.collect(), contents).unwrap();
    } else {
        for (entry, content) in entries.zip(contents) {
            writer.push_archive_entry(entry, Some(content)).unwrap();
        }
    }
    writer.push_archive_entry::<&[u8]>(ArchiveEntry::new_directory("folder"), None).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_method_of_7z_is_read() {
    let (text, random) = (prose(40_000), noise(30_000, 3));
    let files: [(&str, &[u8]); 2] = [("a/text", &text), ("random", &random)];
    let methods: [fn() -> EncoderConfiguration; 6] = [
        || LzmaOptions::from_level(6).into(),
        || Lzma2Options::from_level(6).into(),
        || PpmdOptions::from_level(5).into(),
        || Bzip2Options::from_level(6).into(),
        || DeflateOptions::from_level(6).into(),
        || EncoderMethod::COPY.into(),
    ];
    for (number, method) in methods.iter().enumerate() {
        for solid in [false, true] {
            let bytes = seven_of(&files, vec![method()], solid);
            let kept = read(&bytes, None).unwrap();
            assert_eq!(kept.names(), ["a/text", "random"], "method {number}");
            assert_eq!(kept.folders, ["folder"]);
            assert!(kept.content("a/text") == text && kept.content("random") == random);
            let seen = look(&bytes, None).unwrap();
            assert_eq!((seen.entries, seen.total_bytes), (Some(3), Some(70_000)));
            assert_eq!((seen.kind, seen.lock), (Kind::SevenZip, Lock::Open));

            let mut kept = Kept { pass_below: 1, ..Kept::default() };
            read_with(&bytes, None, &LIMITS, &mut kept).unwrap();
            assert_eq!(kept.names(), ["random"], "the first was passed over");
        }
    }
    // Each try of a password takes a while, as it should.
    for (method, solid) in [(methods[1], true), (methods[5], false)] {
        let aes = AesEncoderOptions::new(PASSWORD.into()).into();
        check_locked(&seven_of(&files, vec![aes, method()], solid), &text, &random);
    }
}

#[test]
fn compressed_files_that_are_no_tar_give_one_file() {
    let content = prose(300_000);
    for format in ["gz", "bz2", "xz", "zst"] {
        // Twice in a row, as their own tools read them too.
        let (first, second) = content.split_at(100_000);
        let bytes = [compressed(format, first), compressed(format, second)].concat();
        let kept = read(&bytes, None).unwrap();
        assert_eq!(kept.names(), ["archive.bin"], "{format}");
        assert!(kept.content("archive.bin") == content, "{format}");
        let seen = look(&bytes, None).unwrap();
        assert!(!seen.is_tar);
        assert_eq!((seen.entries, seen.total_bytes, seen.lock), (None, None, Lock::Open));

        let tar = compressed(format, &archive(Format::Tar, 0, None, &samples()));
        assert_eq!(read(&tar, None).unwrap().files.len(), samples().len());
        assert!(look(&tar, None).unwrap().is_tar);
    }
}

/// One stream of a format.
pub fn compressed(format: &str, content: &[u8]) -> Vec<u8> {
    match format {
        "gz" => {
            let level = flate2::Compression::new(6);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        "bz2" => {
            let level = bzip2::Compression::new(6);
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(6);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::encode_all(content, 3).unwrap(),
    }
}

#[test]
fn what_was_extracted_before_is_passed_over_and_counted() {
    let files = samples();
    let total = files.iter().map(|file| file.content.len() as u64).sum();
    for format in Format::ALL {
        let bytes = archive(format, 6, None, &files);
        let limits = Limits { total_bytes: total, ..LIMITS };
        for pass_below in 0..=files.len() as u64 {
            let mut kept = Kept { pass_below, ..Kept::default() };
            read_with(&bytes, None, &limits, &mut kept).unwrap();
            assert!(kept.files.len() == files.len() - pass_below as usize);
            for file in &kept.files {
                let was = files.iter().find(|was| was.name == file.name).unwrap();
                assert!(was.content == file.content, "{}", file.name);
            }
            let limits = Limits { total_bytes: total - 1, ..LIMITS };
            let mut kept = Kept { pass_below, ..Kept::default() };
            let error = read_with(&bytes, None, &limits, &mut kept).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ArchiveLimit, "{pass_below} in {format:?}");
        }
    }
}

/// A tar archive of the tar crate, with GNU's long names.
#[test]
fn the_forms_of_tar_are_read() {
    let long = "long/".repeat(25) + &"n".repeat(150);
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |kind: tar::EntryType, name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mtime(1_600_000_000);
        match kind {
            tar::EntryType::Symlink | tar::EntryType::Link => {
                builder.append_link(&mut header, name, "/etc/passwd").unwrap();
            }
            _ => builder.append_data(&mut header, name, content).unwrap(),
        }
    };
    add(tar::EntryType::Directory, "folder/", b"");
    add(tar::EntryType::Regular, &long, b"long");
    add(tar::EntryType::Symlink, "symbolic", b"");
    add(tar::EntryType::Link, "hard", b"");
    add(tar::EntryType::Fifo, "pipe", b"");
    add(tar::EntryType::Char, "device", b"");
    add(tar::EntryType::Block, "disk", b"");
    add(tar::EntryType::Continuous, "continuous", b"like a file");
    let bytes = builder.into_inner().unwrap();
    let kept = read(&bytes, None).unwrap();
    assert_eq!(kept.names(), [&long, "continuous"]);
    assert_eq!(kept.folders, ["folder"]);
    assert_eq!(kept.files[0].modified_ms, Some(1_600_000_000_000));
    assert_eq!(
        kept.whys(),
        [
            "it is a symbolic link",
            "it is a hard link",
            "it is a pipe",
            "it is a device",
            "it is a device"
        ]
    );
    assert_eq!(kept.indexes, [1, 7]);
}

#[test]
fn our_tar_is_read_by_another() {
    let files = samples();
    let bytes = archive(Format::Tar, 6, None, &files);
    let mut other = tar::Archive::new(bytes.as_slice());
    let mut seen = 0;
    for (entry, file) in other.entries().unwrap().zip(&files) {
        let mut entry = entry.unwrap();
        assert_eq!(entry.path_bytes(), file.name.as_bytes());
        let header = entry.header();
        assert_eq!((header.mode().unwrap(), header.uid().unwrap()), (0o644, 0));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(content == file.content, "{}", file.name);
        seen += 1;
    }
    assert_eq!(seen, files.len());
}
