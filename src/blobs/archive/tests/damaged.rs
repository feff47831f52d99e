//! Archives that were cut short, changed or made up never do more than fail.

use proptest::prelude::*;

use super::reading::{compressed, seven_of, zip_of};
use super::*;

/// One archive of each kind, small enough to be cut everywhere.
fn all() -> Vec<(&'static str, Vec<u8>)> {
    let files = [file("a/text", prose(3_000)), file("empty", ""), file("b", noise(700, 5))];
    let (text, random) = (prose(3_000), noise(700, 5));
    let raw: [(&str, &[u8]); 2] = [("a/text", &text), ("b", &random)];
    let zstd =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Zstd);
    let lzma2 = || sevenz_rust2::encoder_options::Lzma2Options::from_level(1).into();
    let mut all: Vec<(&str, Vec<u8>)> = Format::ALL
        .iter()
        .map(|format| (format.extension(), archive(*format, 6, None, &files)))
        .collect();
    all.push(("zip of another", zip_of(&raw, zstd)));
    all.push(("zip with AES", archive(Format::Zip, 6, Some(secret()), &files)));
    all.push(("7z", seven_of(&raw, vec![lzma2()], true)));
    all.push(("7z not solid", seven_of(&raw, vec![lzma2()], false)));
    for format in ["gz", "bz2", "xz", "zst"] {
        all.push((format, compressed(format, &text)));
    }
    all
}

#[test]
fn what_is_cut_short_is_always_noticed() {
    for (kind, bytes) in all() {
        read(&bytes, Some(PASSWORD)).unwrap_or_else(|error| panic!("{kind}: {error}"));
        for length in 0..bytes.len() {
            // The end of a tar archive is two blocks of zeros, of which one is enough.
            if kind == "tar" && length >= bytes.len() - 512 {
                continue;
            }
            let cut = &bytes[..length];
            let error = match read(cut, Some(PASSWORD)) {
                Err(error) => error,
                Ok(kept) => panic!("{kind} cut at {length} gave {:?}", kept.names()),
            };
            let known = [ErrorKind::ArchiveInvalid, ErrorKind::PasswordWrong];
            assert!(known.contains(&error.kind()), "{kind} cut at {length}: {error}");
            let _ = look(cut, Some(PASSWORD));
        }
    }
}

#[test]
fn a_changed_byte_of_content_is_noticed() {
    let files = [file("a", noise(5_000, 6))];
    for format in [Format::Zip, Format::TarGz, Format::TarZst] {
        let good = archive(format, 6, None, &files);
        for at in (500..4_500).step_by(97) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            let error = refused(&bytes, None, ErrorKind::ArchiveInvalid);
            if format == Format::Zip {
                assert_eq!(error.details()["entry"], "a");
            }
        }
    }
    let good = archive(Format::Zip, 6, Some(secret()), &files);
    for at in (200..4_500).step_by(97) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        refused(&bytes, Some(PASSWORD), ErrorKind::ArchiveInvalid);
    }
}

#[test]
fn a_source_that_fails_is_not_called_damaged() {
    struct Failing<'a>(Cursor<&'a [u8]>, u64);
    impl Read for Failing<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.0.position() >= self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let length = into.len().min((self.1 - self.0.position()) as usize);
            self.0.read(&mut into[..length])
        }
    }
    impl std::io::Seek for Failing<'_> {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    for (kind, bytes) in all() {
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let source = Failing(Cursor::new(&bytes), at as u64);
            let size = bytes.len() as u64;
            let mut kept = Kept::default();
            let result = extract(source, size, "a", Some(PASSWORD), &LIMITS, &mut kept);
            // Nothing needs the last byte of a tar archive.
            if kind == "tar" && at == bytes.len() - 1 {
                continue;
            }
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Io, "{kind} at {at}");
        }
    }
}

#[test]
fn an_error_of_the_visitor_is_handed_back_as_it_is() {
    struct Stopping(u32);
    impl Stopping {
        fn step(&mut self) -> Result<()> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| Error::new(ErrorKind::Busy, "stop"))?;
            Ok(())
        }
    }
    impl Visitor for Stopping {
        fn entry(&mut self, _: &Head) -> Result<Wanted> {
            self.step().map(|()| Wanted::Content)
        }
        fn bytes(&mut self, _: &[u8]) -> Result<()> {
            self.step()
        }
        fn entry_end(&mut self) -> Result<()> {
            self.step()
        }
        fn skipped(&mut self, _: &str, _: &str) -> Result<()> {
            self.step()
        }
        fn folder(&mut self, _: &[String]) -> Result<()> {
            self.step()
        }
    }
    for (kind, bytes) in all() {
        for steps in 0..3 {
            let source = Cursor::new(&bytes);
            let mut stopping = Stopping(steps);
            let size = bytes.len() as u64;
            let result = extract(source, size, "a", Some(PASSWORD), &LIMITS, &mut stopping);
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Busy, "{kind} after {steps}");
        }
    }
}

/// The beginnings that say what an archive is.
const MAGICS: [&[u8]; 8] = [
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"7z\xbc\xaf\x27\x1c\0\x04",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x50\x2a\x4d\x18",
];

/// Puts right what a change to a 7z or tar archive makes wrong first, so that more code is reached.
fn mend(bytes: &mut [u8]) {
    if bytes.starts_with(b"7z") && bytes.len() >= 32 {
        let at = |range: std::ops::Range<usize>| {
            u64::from_le_bytes(bytes[range].try_into().unwrap()) as usize
        };
        let (offset, length) = (at(12..20), at(20..28));
        let header = offset
            .checked_add(32)
            .and_then(|start| Some(start..start.checked_add(length)?))
            .and_then(|range| bytes.get(range));
        if let Some(header) = header {
            let sum = crc32fast::hash(header).to_le_bytes();
            bytes[28..32].copy_from_slice(&sum);
            let sum = crc32fast::hash(&bytes[12..32]).to_le_bytes();
            bytes[8..12].copy_from_slice(&sum);
        }
    } else if bytes.len() >= 512 && !bytes.starts_with(b"PK") {
        let (blocks, _) = bytes.as_chunks_mut::<512>();
        for block in blocks.iter_mut().filter(|block| block[257..262] == *b"ustar") {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_after_a_magic_never_panic(
        magic in prop::sample::select(&MAGICS[..]),
        rest in prop::collection::vec(any::<u8>(), 0..700),
    ) {
        let bytes = [magic, &rest].concat();
        let _ = read(&bytes, Some(PASSWORD));
        let _ = look(&bytes, Some(PASSWORD));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn archives_changed_in_places_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        at_end in any::<bool>(),
    ) {
        for (_, good) in all_once() {
            let mut bytes = good.clone();
            // Headers of zip and 7z are at the end, those of tar at the start.
            let window = bytes.len().min(600);
            let start = if at_end { bytes.len() - window } else { 0 };
            for (index, value) in &changes {
                bytes[start + index.index(window)] = *value;
            }
            mend(&mut bytes);
            let _ = read(&bytes, Some(PASSWORD));
            let _ = look(&bytes, None);
        }
    }
}

fn all_once() -> &'static [(&'static str, Vec<u8>)] {
    static ALL: std::sync::OnceLock<Vec<(&'static str, Vec<u8>)>> = std::sync::OnceLock::new();
    ALL.get_or_init(all)
}
