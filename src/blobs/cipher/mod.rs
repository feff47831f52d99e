//! Encrypted files in the age format (<https://age-encryption.org/v1>), because a file that only Drive could open would
//! be lost with Drive: the `age` program opens whatever is stored here.
//!
//! A password is used once, in the request, and never kept. There it makes a [`NewKey`]: a fresh key pair whose private
//! half is wrapped with the password, in an age file of its own of a few hundred bytes. The public half, which is no
//! secret, is all that is needed to encrypt the file later, even after a restart. To decrypt, the password unwraps the
//! private half, and that opens the file; changing the password wraps the same half anew and never touches the file.
//! With both parts at hand, `age -d -i key.age file.age` does the same without Drive.
//!
//! Stretching a password by scrypt takes 128 MiB and some tenths of a second, so it is done **one at a time in the whole
//! process**: further callers wait on their own (blocking) threads.
//!
//! Whoever gives a reader or writer may stop the work by an error from it, of any kind; see [`source`].

use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};
use std::iter;
use std::sync::{Mutex, PoisonError};

use age::secrecy::{ExposeSecret, SecretString};
use age::stream::StreamReader;
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use zeroize::Zeroizing;

use crate::domain::error::{Error, Kind, Result};
use source::{Head, Sink, Spliced};

mod source;
#[cfg(test)]
mod tests;

/// scrypt's N is two to this power; memory is 1 KiB times N. 17 is what OWASP's cheat sheet on password storage asks.
const WORK_FACTOR: u8 = 17;
/// The most that a wrapped key may ask of us: 256 MiB. Debian's `age` itself writes 18.
const WORK_FACTOR_LIMIT: u8 = 18;
/// A wrapped key of ours has 257 bytes; one with comments by other tools still fits.
const WRAPPED_LIMIT_BYTES: usize = 4096;

/// Plaintext in one chunk of the format; only the last is shorter.
const CHUNK_BYTES: u64 = 64 * 1024;
/// What encrypting adds to each chunk.
const TAG_BYTES: u64 = 16;
/// Upper bound of what comes before the first chunk, for one recipient. It is not constant, because the age crate adds
/// a stanza of random length to keep readers honest: 22 bytes of version, 98 for the recipient, up to 190 of that
/// stanza, 48 of checksum and 16 of nonce make 374; the rest is for later versions of the crate.
const HEADER_AT_MOST_BYTES: u64 = 512;

const MAGIC: &[u8] = b"age-encryption.org/v1\n";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Held while a password is stretched, so that a burst of requests cannot take 128 MiB each.
static STRETCHING: Mutex<()> = Mutex::new(());

/// A key pair for one file, as it is stored.
pub struct NewKey {
    /// The public half, `age1…`.
    pub recipient: String,
    /// The private half as an age file under the password.
    pub wrapped: Vec<u8>,
}

/// The private half of a key pair. Its memory is cleared on drop.
pub struct Identity(x25519::Identity);

impl Identity {
    /// The public half, `age1…`.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// `AGE-SECRET-KEY-1…`, to be sealed with the server's key while a task waits.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }

    /// Reads what [`Self::to_secret_text`] gave; otherwise `ContentInvalid`.
    pub fn from_secret_text(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|reason: &str| {
            Error::new(Kind::ContentInvalid, "This is not a private key of the age format.")
                .because(reason)
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {}", self.recipient())
    }
}

/// A fresh key under this password, which is taken byte for byte. Costs one scrypt. `PasswordRequired` if it is empty.
pub fn new_key(password: &str) -> Result<NewKey> {
    let identity = Identity(x25519::Identity::generate());
    Ok(NewKey { recipient: identity.recipient(), wrapped: wrap(&identity, password)? })
}

/// The same key under another password; the file stays as it is. Costs one scrypt. `PasswordRequired` if it is empty.
pub fn wrap(identity: &Identity, password: &str) -> Result<Vec<u8>> {
    let password = given(password)?;
    let encryptor = {
        let _alone = STRETCHING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recipient = scrypt::Recipient::new(password);
        recipient.set_work_factor(WORK_FACTOR);
        Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))
            .map_err(Error::internal)?
    };
    let mut text = identity.to_secret_text();
    text.push('\n');
    let mut writer =
        encryptor.wrap_output(Vec::with_capacity(WRAPPED_LIMIT_BYTES)).map_err(Error::internal)?;
    writer.write_all(text.as_bytes()).map_err(Error::internal)?;
    writer.finish().map_err(Error::internal)
}

/// The identity in a wrapped key, by us or by `age -p`. Costs one scrypt.
///
/// `PasswordWrong` (damage to the few bytes under the password looks the same), `ContentCorrupt`, `ContentInvalid` if
/// it holds something else, `ContentLimit` if it is too large or asks for too much memory.
pub fn unwrap_key(wrapped: &[u8], password: &str) -> Result<Identity> {
    let password = given(password)?;
    if wrapped.len() > WRAPPED_LIMIT_BYTES {
        return Err(Error::new(
            Kind::ContentLimit,
            format!("A key file has at most {WRAPPED_LIMIT_BYTES} bytes. Choose the key file."),
        ));
    }
    let decryptor = Decryptor::new_buffered(wrapped).map_err(unwrapping)?;
    if !decryptor.is_scrypt() {
        return Err(Error::new(
            Kind::ContentInvalid,
            "This key is not protected by a password. Choose the key file that Drive made.",
        ));
    }
    let mut reader = {
        let _alone = STRETCHING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut identity = scrypt::Identity::new(password);
        identity.set_max_work_factor(WORK_FACTOR_LIMIT);
        decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(unwrapping)?
    };
    // Never moved while it grows, which would leave copies behind: the text is shorter than what it came from.
    let mut text = Zeroizing::new(Vec::with_capacity(WRAPPED_LIMIT_BYTES));
    reader.read_to_end(&mut text).map_err(|error| unwrapping(DecryptError::Io(error)))?;
    identity_in(&text)
}

/// The one identity of an identity file, which may have comments.
fn identity_in(text: &[u8]) -> Result<Identity> {
    let text = str::from_utf8(text).unwrap_or_default();
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) => Identity::from_secret_text(line),
        _ => Err(Error::new(
            Kind::ContentInvalid,
            "A key file holds exactly one private key. Choose the key file that Drive made.",
        )),
    }
}

fn given(password: &str) -> Result<SecretString> {
    if password.is_empty() {
        return Err(Error::new(Kind::PasswordRequired, "Enter a password."));
    }
    Ok(SecretString::from(password.to_owned()))
}

fn unwrapping(error: DecryptError) -> Error {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            Error::new(Kind::PasswordWrong, "The password is wrong. Check it and try again.")
        }
        DecryptError::ExcessiveWork { required, .. } => Error::new(
            Kind::ContentLimit,
            format!(
                "This key asks for a work factor of {required}; at most {WORK_FACTOR_LIMIT} is accepted. \
                 Protect it anew with a smaller one.",
            ),
        ),
        other => Error::new(
            Kind::ContentCorrupt,
            "The key of this file is damaged. Restore it from a backup.",
        )
        .because(format!("{other:?}")),
    }
}

/// Does it begin as an age file, in binary or in the text form called armor? The first 34 bytes decide.
pub fn is_age(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || head.starts_with(ARMOR)
}

/// Upper bound in bytes of what [`encrypt`] makes of so many, to reserve space and quota beforehand. The true size is
/// less than 512 bytes below it.
pub fn encrypted_size_at_most(plain_bytes: u64) -> u64 {
    let chunks = plain_bytes.div_ceil(CHUNK_BYTES).max(1);
    plain_bytes.saturating_add(chunks * TAG_BYTES).saturating_add(HEADER_AT_MOST_BYTES)
}

/// Encrypts everything from `source` to `sink` for a recipient that [`new_key`] made, and flushes. Returns the bytes
/// of plaintext. What an error leaves in the sink is of no use.
pub fn encrypt(recipient: &str, source: &mut dyn Read, sink: &mut dyn Write) -> Result<u64> {
    let recipient: x25519::Recipient = recipient.parse().map_err(|reason: &str| {
        Error::invalid("recipient", "This is not a public key of the age format.").because(reason)
    })?;
    let encryptor = Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))
        .map_err(Error::internal)?;
    let mut sink = Sink::new(sink);
    let outcome = encrypt_into(encryptor, source, &mut sink);
    match sink.failure() {
        Some(error) => Err(Error::io("writing an encrypted file", &error)),
        None => outcome,
    }
}

fn encrypt_into(encryptor: Encryptor, source: &mut dyn Read, sink: &mut Sink<'_>) -> Result<u64> {
    let mut writer = encryptor.wrap_output(sink).map_err(Error::internal)?;
    let mut buffer = vec![0; CHUNK_BYTES as usize];
    let mut plain_bytes = 0;
    loop {
        let count = source::read_some(source, &mut buffer)
            .map_err(|error| Error::io("reading a file to encrypt", &error))?;
        if count == 0 {
            break;
        }
        writer.write_all(&buffer[..count]).map_err(Error::internal)?;
        plain_bytes += count as u64;
    }
    writer.finish().and_then(|sink| sink.flush()).map_err(Error::internal)?;
    Ok(plain_bytes)
}

/// Decrypts everything from `source` to `sink`, and flushes. Returns the bytes of plaintext.
///
/// `ContentCorrupt` when the file is damaged or cut short, or belongs to another key, and `ContentLimit` when its header
/// is too long. This may show only at the end: after any error the caller must throw the output away.
pub fn decrypt<R: Read>(identity: &Identity, mut source: R, sink: &mut dyn Write) -> Result<u64> {
    let head = Head::read(&mut source)?;
    let mut reader = open(identity, Spliced::new(head.bytes, source))?;
    let mut sink = Sink::new(sink);
    let mut buffer = vec![0; CHUNK_BYTES as usize];
    let mut plain_bytes = 0;
    let writing = |error| Error::io("writing a decrypted file", &error);
    loop {
        let count = reader.read(&mut buffer).map_err(source::reading)?;
        if count == 0 {
            break;
        }
        sink.put(&buffer[..count]).map_err(writing)?;
        plain_bytes += count as u64;
    }
    sink.settle().map_err(writing)?;
    Ok(plain_bytes)
}

fn open<R: Read>(identity: &Identity, source: Spliced<R>) -> Result<StreamReader<Spliced<R>>> {
    Decryptor::new_buffered(source)
        .and_then(|decryptor| decryptor.decrypt(iter::once(&identity.0 as &dyn age::Identity)))
        .map_err(|error| source::corrupt(format!("{error:?}")))
}

/// The plaintext of an encrypted file, read at any position. A read decrypts only the chunks it touches, and reading on
/// where the last one ended decrypts none of them twice. Holds about 200 KiB.
pub struct Plain<R> {
    reader: StreamReader<Spliced<R>>,
    size_bytes: u64,
    /// After an error the position of the reader means nothing any more.
    failed: bool,
}

impl<R: Read + Seek> Plain<R> {
    /// Reads the header, which begins at the source's position, and the last chunk: the size is known for certain
    /// then, because a file that was cut short has no last chunk. Errors as [`decrypt`].
    pub fn open(identity: &Identity, mut source: R) -> Result<Self> {
        let seeking = |error| Error::io("seeking in an encrypted file", &error);
        let start = source.stream_position().map_err(seeking)?;
        let Head { mut bytes, end } = Head::read(&mut source)?;
        source.seek(SeekFrom::Start(start + end as u64)).map_err(seeking)?;
        bytes.truncate(end);
        let mut reader = open(identity, Spliced::new(bytes, source))?;
        let size_bytes = reader.seek(SeekFrom::End(0)).map_err(source::reading)?;
        Ok(Self { reader, size_bytes, failed: false })
    }

    /// Bytes of plaintext.
    pub fn size(&self) -> u64 {
        self.size_bytes
    }

    /// Fills the whole buffer from `offset` on. `RangeNotSatisfiable` if the plaintext ends before; `ContentCorrupt` if
    /// a chunk is damaged, and then the content of the buffer is undefined and nothing more can be read.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size_bytes) {
            let message = format!("The file has {} bytes. Ask for a part of it.", self.size_bytes);
            return Err(Error::new(Kind::RangeNotSatisfiable, message));
        }
        if self.failed {
            return Err(Error::internal("an encrypted file is read on after an error"));
        }
        if buffer.is_empty() {
            return Ok(());
        }
        let outcome = self
            .reader
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.reader.read_exact(buffer))
            .map_err(source::reading);
        self.failed = outcome.is_err();
        outcome
    }
}
