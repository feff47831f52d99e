//! Files as people see them: names, folders, content types. Parsed once, then trusted.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::digest::Digest;
use super::error::{Error, Kind, Result};
use super::id::{AccountId, BundleId, FileId, ObjectId, PoolId};
use super::time::Timestamp;

const NAME_MAX_BYTES: usize = 255;
const FOLDER_MAX_BYTES: usize = 4096;
const FOLDER_MAX_DEPTH: usize = 32;

/// A file's name: one path segment, in Unicode NFC, 1 to 255 bytes, nothing invisible in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        Ok(Self(segment(field, text)?))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A virtual folder: `/` or `/one/two`. It never becomes a path on disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Folder(String);

impl Folder {
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_as("folder", text)
    }

    /// Errors name this field.
    pub fn parse_as(field: &str, text: &str) -> Result<Self> {
        let mut path = String::new();
        for (part, depth) in text.split('/').filter(|part| !part.is_empty()).zip(1..) {
            Self::check_size(field, text.len(), depth)?;
            path.push('/');
            path.push_str(&segment(field, part)?);
        }
        Ok(if path.is_empty() { Self::root() } else { Self(path) })
    }

    /// Refuses a path that is too long or too deep.
    pub fn check_size(field: &str, bytes: usize, depth: usize) -> Result<()> {
        let refuse = |why: String| Err(Error::invalid(field, format!("{field} {why}")));
        if bytes > FOLDER_MAX_BYTES {
            return refuse(format!("is longer than {FOLDER_MAX_BYTES} bytes."));
        }
        if depth > FOLDER_MAX_DEPTH {
            return refuse(format!("is deeper than {FOLDER_MAX_DEPTH} levels."));
        }
        Ok(())
    }

    /// Levels below the root.
    pub fn depth(&self) -> usize {
        self.0.matches('/').count() - usize::from(self.0 == "/")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One path segment, or an error that says which rule it breaks.
fn segment(field: &str, text: &str) -> Result<String> {
    let name: String = text.nfc().collect();
    let refuse = |why: &str| Err(Error::invalid(field, format!("{field} {why}")));
    if name.trim().is_empty() {
        return refuse("must not be empty.");
    }
    if name.len() > NAME_MAX_BYTES {
        return refuse("must be at most 255 bytes of UTF-8; shorten the name.");
    }
    if name == "." || name == ".." {
        return refuse("must not be \".\" or \"..\".");
    }
    if name.contains(['/', '\\']) {
        return refuse("must not contain \"/\" or \"\\\"; use `folder` for the path.");
    }
    if name.contains(is_invisible) {
        return refuse("must not contain control or text-direction characters.");
    }
    Ok(name)
}

/// Control characters, and the marks that make a name read as another one.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A media type such as `video/mp4`, in lower case; parameters are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(String);

impl ContentType {
    pub fn unknown() -> Self {
        Self("application/octet-stream".to_owned())
    }

    pub fn parse(text: &str) -> Result<Self> {
        let token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let legal = text.len() <= 255
            && parameters.bytes().all(|b| (b' '..=b'~').contains(&b))
            && essence.trim().split_once('/').is_some_and(|(top, sub)| token(top) && token(sub));
        if !legal {
            return Err(Error::invalid(
                "contentType",
                "contentType must be a media type such as \"video/mp4\". Leave it out to have it detected.",
            ));
        }
        let essence = essence.trim().to_ascii_lowercase();
        Ok(match parameters.trim() {
            "" => Self(essence),
            parameters => Self(format!("{essence}; {parameters}")),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without parameters.
    pub fn essence(&self) -> &str {
        self.0.split(';').next().unwrap_or(&self.0).trim_end()
    }
}

/// A stored file: one name over one object.
#[derive(Clone, Debug)]
pub struct File {
    pub id: FileId,
    pub account_id: AccountId,
    pub pool_id: PoolId,
    pub bundle_id: Option<BundleId>,
    pub object_id: ObjectId,
    pub name: String,
    pub folder: String,
    pub content_type: String,
    pub size: u64,
    pub sha256: Digest,
    /// Bytes charged to the quota.
    pub charge: u64,
    /// Of a file that is stored encrypted.
    pub lock: Option<Lock>,
    pub tags: Vec<String>,
    pub last_modified: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub uploaded_at: Timestamp,
    pub expired_at: Option<Timestamp>,
    /// In the trash since.
    pub deleted_at: Option<Timestamp>,
}

/// What the name of an age file ends with. An encrypted file may be stored under its own name; where its name ends
/// like this, the ending was added with the encryption.
const LOCKED: &str = ".age";

impl File {
    /// The file, unless its own time is over.
    pub fn unexpired(self, now: Timestamp) -> Result<Self> {
        match self.expired_at {
            Some(end) if end <= now => {
                let message = "The file has expired; its owner had set an end to it.";
                Err(Error::new(Kind::FileExpired, message).with("expiredAt", end.to_string()))
            }
            _ => Ok(self),
        }
    }

    /// The name of the age file itself; its own where that leaves no room for the ending.
    pub fn locked_name(&self) -> String {
        let ends_so = self.lock.is_some() && self.name.ends_with(LOCKED);
        if ends_so || self.name.len() + LOCKED.len() > NAME_MAX_BYTES {
            return self.name.clone();
        }
        format!("{}{LOCKED}", self.name)
    }

    /// The name its stored bytes go by: an encrypted file is handed out as the age file it is.
    pub fn stored_name(&self) -> String {
        match self.lock {
            Some(_) => self.locked_name(),
            None => self.name.clone(),
        }
    }

    /// The name of what is inside.
    pub fn open_name(&self) -> &str {
        let inside = self.name.strip_suffix(LOCKED).filter(|inside| !inside.is_empty());
        inside.filter(|_| self.lock.is_some()).unwrap_or(&self.name)
    }

    /// The name under which it is stored once it is encrypted: its own, unless that would be misread.
    pub fn name_once_locked(&self) -> String {
        name_once_locked(&self.name)
    }
}

/// A name under which an encrypted file is stored: as it is, unless its own ending would be taken for ours.
pub fn name_once_locked(name: &str) -> String {
    match name.ends_with(LOCKED) && name.len() + LOCKED.len() <= NAME_MAX_BYTES {
        true => format!("{name}{LOCKED}"),
        false => name.to_owned(),
    }
}

/// A name's stem and its ending with the dot: "a.tar.gz" is "a.tar" and ".gz", ".profile" has no ending.
pub fn stem_and_ending(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    }
}

/// How an encrypted file is opened. The bytes are an age file.
#[derive(Clone, Debug)]
pub struct Lock {
    /// The age recipient the file is encrypted to.
    pub recipient: String,
    /// Its identity, wrapped with the owner's password.
    pub wrapped_key: Vec<u8>,
    /// Bytes of what is inside.
    pub plain_size: u64,
}

/// What files are encrypted with: a [`Lock`] before its file.
#[derive(Clone, Debug)]
pub struct LockKey {
    pub recipient: String,
    pub wrapped_key: Vec<u8>,
}

impl LockKey {
    pub fn lock(self, plain_size: u64) -> Lock {
        Lock { recipient: self.recipient, wrapped_key: self.wrapped_key, plain_size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_mislead_are_refused() {
        for wrong in [
            "",
            " ",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
            "evil\u{202e}gpj.exe",
        ] {
            assert!(FileName::parse("fileName", wrong).is_err(), "{wrong:?}");
        }
        assert!(FileName::parse("fileName", &"é".repeat(128)).is_err());
        assert!(FileName::parse("fileName", &"é".repeat(127)).is_ok());
        assert_eq!(FileName::parse("fileName", "e\u{301}.txt").unwrap().as_str(), "é.txt");
        assert!(FileName::parse("fileName", "...").is_ok());
    }

    #[test]
    fn folders_are_normalised() {
        assert_eq!(Folder::parse("").unwrap().as_str(), "/");
        assert_eq!(Folder::parse("a//b/").unwrap().as_str(), "/a/b");
        for wrong in ["/a/../b", "/./a", "/a\0", &"x/".repeat(33), &"x".repeat(5000)] {
            assert!(Folder::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn content_types_are_media_types() {
        assert_eq!(ContentType::parse("Text/HTML; charset=utf-8").unwrap().essence(), "text/html");
        for wrong in ["", "text", "text/", "/html", "a/b/c", "text/html\r\nX: y", "a b/c"] {
            assert!(ContentType::parse(wrong).is_err(), "{wrong}");
        }
    }
}
