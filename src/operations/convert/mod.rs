//! Makes another format of a file: pictures, tables, documents and archives. What is here are pure functions over readers and
//! writers, so that every rule can be tested without a server; there is no external program among them.
//!
//! | from | to | module |
//! |---|---|---|
//! | picture | png, jpg, webp, gif, bmp, tiff, ico | [`image`] |
//! | csv, json, ndjson | each other | [`table`] |
//! | markdown | html | [`markdown`] |
//! | archive | zip, tar.gz, tar.zst | [`archive`] |
//!
//! All of them read and write in pieces of at most 256 KiB and stop at the first error of a stream, which they always hand on.

use crate::domain::error::{Error, Kind, Result};

#[cfg(test)]
mod alone;
pub mod apart;
pub mod archive;
pub mod image;
pub mod markdown;
pub mod operation;
mod options;
mod streams;
pub mod table;

pub use options::Options;

/// What a file can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Png,
    Jpeg,
    Webp,
    Gif,
    Bmp,
    Tiff,
    Ico,
    Csv,
    Json,
    Ndjson,
    Html,
    Zip,
    TarGz,
    TarZst,
}

impl Target {
    pub const ALL: &[Self] = &[
        Self::Png,
        Self::Jpeg,
        Self::Webp,
        Self::Gif,
        Self::Bmp,
        Self::Tiff,
        Self::Ico,
        Self::Csv,
        Self::Json,
        Self::Ndjson,
        Self::Html,
        Self::Zip,
        Self::TarGz,
        Self::TarZst,
    ];

    /// Reads the word of a request: an extension of [`Target::ALL`], or `jpeg`.
    ///
    /// # Errors
    /// [`Kind::ConversionUnsupported`] for any other word.
    pub fn parse(word: &str) -> Result<Self> {
        if word == "jpeg" {
            return Ok(Self::Jpeg);
        }
        Self::ALL.iter().copied().find(|target| target.extension() == word).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|target| target.extension()).collect();
            Error::new(
                Kind::ConversionUnsupported,
                format!(
                    "There is no conversion to that format. Choose one of {}.",
                    known.join(", ")
                ),
            )
        })
    }

    /// The ending of the new file's name, without the leading dot. It is also the format's word in a request.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Ico => "ico",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Html => "html",
            Self::Zip => "zip",
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
        }
    }

    /// The media type of the new file.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Ico => "image/vnd.microsoft.icon",
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Html => "text/html",
            Self::Zip => "application/zip",
            Self::TarGz => "application/gzip",
            Self::TarZst => "application/zstd",
        }
    }
}

/// What a file is, as far as conversion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Image,
    Csv,
    Json,
    Ndjson,
    Markdown,
    Archive,
}

/// Everything that `source` can become. A picture can become its own format too, smaller or without its metadata.
pub fn targets(source: Source) -> &'static [Target] {
    match source {
        Source::Image => &[
            Target::Png,
            Target::Jpeg,
            Target::Webp,
            Target::Gif,
            Target::Bmp,
            Target::Tiff,
            Target::Ico,
        ],
        Source::Csv => &[Target::Json, Target::Ndjson],
        Source::Json => &[Target::Csv, Target::Ndjson],
        Source::Ndjson => &[Target::Csv, Target::Json],
        Source::Markdown => &[Target::Html],
        Source::Archive => &[Target::Zip, Target::TarGz, Target::TarZst],
    }
}

/// Bytes at the start of a file that [`source_of`] looks at.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// What a file is by its first bytes (`head`, of which [`HEAD_BYTES_MAX`] count) and its name; `None` when nothing can be made of it.
/// Pictures and archives are known by their content, texts by their name as long as the content does not contradict it.
pub fn source_of(head: &[u8], name: &str) -> Option<Source> {
    let head = &head[..head.len().min(HEAD_BYTES_MAX)];
    let name = name.to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    // By hand, as infer overlooks some: a colour that begins with C or R may stand where it looks for a camera's mark. Cameras keep their
    // raw pictures in TIFF too, with a small preview where a picture should be, so the name counts here.
    let tiff = head.starts_with(b"II*\0") || head.starts_with(b"MM\0*");
    if tiff && (ends(&[".tif", ".tiff"]) || !name.contains('.')) {
        return Some(Source::Image);
    }
    match infer::get(head).map(|found| found.mime_type()) {
        Some("image/png" | "image/jpeg" | "image/webp" | "image/gif") => {
            return Some(Source::Image);
        }
        Some("image/vnd.microsoft.icon") if ends(&[".ico"]) => return Some(Source::Image),
        // Two letters are its whole signature, so the size of the next header must be a known one as well.
        Some("image/bmp")
            if matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) =>
        {
            return Some(Source::Image);
        }
        Some("application/zip" | "application/x-tar" | "application/x-7z-compressed") => {
            return Some(Source::Archive);
        }
        // A compressed single file is no archive, and what is inside cannot be seen from here.
        Some("application/gzip") if ends(&[".tar.gz", ".tgz"]) => return Some(Source::Archive),
        Some("application/x-bzip2") if ends(&[".tar.bz2", ".tbz2", ".tbz"]) => {
            return Some(Source::Archive);
        }
        Some("application/x-xz") if ends(&[".tar.xz", ".txz"]) => return Some(Source::Archive),
        Some("application/zstd") if ends(&[".tar.zst", ".tzst"]) => return Some(Source::Archive),
        _ => {}
    }
    let text = plain_text(head)?;
    let first = text.trim_start().bytes().next();
    if ends(&[".csv", ".tsv"]) {
        return Some(Source::Csv);
    }
    if ends(&[".json"]) && first == Some(b'[') {
        return Some(Source::Json);
    }
    let opens_value = |byte: u8| byte.is_ascii_digit() || b"{[\"-tfn".contains(&byte);
    if ends(&[".ndjson", ".jsonl"]) && first.is_none_or(opens_value) {
        return Some(Source::Ndjson);
    }
    ends(&[".md", ".markdown"]).then_some(Source::Markdown)
}

/// The head as text, when it is UTF-8 without zero bytes; a character that the end cuts through does not count.
fn plain_text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then(|| text.trim_start_matches('\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_no_two_are_alike() {
        for target in Target::ALL {
            assert_eq!(Target::parse(target.extension()).unwrap(), *target);
        }
        assert_eq!(Target::parse("jpeg").unwrap(), Target::Jpeg);
        for wrong in ["", "JPG", "pdf", ".png", "tar"] {
            assert_eq!(Target::parse(wrong).unwrap_err().kind(), Kind::ConversionUnsupported);
        }
    }

    #[test]
    fn pictures_and_archives_are_known_by_content() {
        let bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0";
        let mut tar = vec![0; 512];
        tar[257..263].copy_from_slice(b"ustar\0");
        for (head, name, want) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "wrong.csv", Some(Source::Image)),
            (b"\xff\xd8\xff\xe0", "a", Some(Source::Image)),
            (b"GIF89a", "a.gif", Some(Source::Image)),
            (b"RIFF\0\0\0\0WEBPVP8 ", "a.webp", Some(Source::Image)),
            (bmp, "a.bmp", Some(Source::Image)),
            (b"BMW,Audi\n1,2\n", "cars.csv", Some(Source::Csv)),
            (b"II*\0\x08\0\0\0", "a.tif", Some(Source::Image)),
            (b"II*\0\x08\0\0\0", "a.nef", None),
            (b"\0\0\x01\0\x01\0", "favicon.ico", Some(Source::Image)),
            (b"\0\0\x01\0\x01\0", "video.mpg", None),
            (b"PK\x03\x04\x14\0\0\0", "a.bin", Some(Source::Archive)),
            (&tar, "a.tar", Some(Source::Archive)),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "a.7z", Some(Source::Archive)),
            (b"\x1f\x8b\x08\0", "a.TAR.GZ", Some(Source::Archive)),
            (b"\x1f\x8b\x08\0", "log.gz", None),
            (b"\x28\xb5\x2f\xfd", "a.tar.zst", Some(Source::Archive)),
            (b"%PDF-1.7", "a.pdf", None),
        ] {
            assert_eq!(source_of(head, name), want, "{name}");
        }
    }

    #[test]
    fn texts_are_known_by_name_unless_the_content_says_otherwise() {
        let cut = "ä".repeat(HEAD_BYTES_MAX);
        for (head, name, want) in [
            (&b"a,b\n"[..], "a.CSV", Some(Source::Csv)),
            (b"", "empty.csv", Some(Source::Csv)),
            (b"a\tb", "a.tsv", Some(Source::Csv)),
            (b"a\0b", "a.csv", None),
            (b"a\xffb", "a.csv", None),
            (&cut.as_bytes()[1..], "a.csv", None),
            (&cut.as_bytes()[..HEAD_BYTES_MAX + 1], "a.csv", Some(Source::Csv)),
            (b" \n[{}]", "a.json", Some(Source::Json)),
            (b"\xef\xbb\xbf[]", "a.json", Some(Source::Json)),
            (b"{}", "a.json", None),
            (b"{}\n{}", "a.jsonl", Some(Source::Ndjson)),
            (b"hello", "a.ndjson", None),
            (b"# Hello", "README.md", Some(Source::Markdown)),
            (b"# Hello", "README.txt", None),
        ] {
            assert_eq!(source_of(head, name), want, "{name}");
        }
    }
}
