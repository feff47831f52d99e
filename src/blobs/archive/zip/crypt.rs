//! The two kinds of zip encryption: WinZip's AES, in both directions, and PKWARE's old one, for reading only.

use std::io::{self, Read};

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::domain::error::{Error, Result};

const BLOCK: usize = 16;

/// Blocks made into key stream at once; the processor works on several in parallel.
const BLOCKS: usize = 32;

const ROUNDS: u32 = 1000;

/// Bytes at the end of an entry that prove it unchanged.
pub const TAG_BYTES: usize = 10;

/// Bytes after the salt that tell a wrong password early.
pub const VERIFIER_BYTES: usize = 2;

pub const SALT_256_BYTES: usize = 16;

/// Bytes before the content in PKWARE's encryption.
pub const OLD_HEADER_BYTES: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    Aes128,
    Aes192,
    Aes256,
}

impl Strength {
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    pub fn salt_bytes(self) -> usize {
        self.key_bytes() / 2
    }
}

/// One entry's cipher: AES in counter mode, the counter little-endian from 1, and HMAC-SHA1 over what is encrypted.
pub struct Aes {
    key: Key,
    counter: u128,
    stream: [aes::Block; BLOCKS],
    /// Bytes of `stream` that are spent.
    used: usize,
    mac: Hmac<Sha1>,
}

enum Key {
    Aes128(Box<aes::Aes128>),
    Aes192(Box<aes::Aes192>),
    Aes256(Box<aes::Aes256>),
}

impl Key {
    fn new(key: &[u8], strength: Strength) -> Option<Self> {
        Some(match strength {
            Strength::Aes128 => Self::Aes128(Box::new(aes::Aes128::new_from_slice(key).ok()?)),
            Strength::Aes192 => Self::Aes192(Box::new(aes::Aes192::new_from_slice(key).ok()?)),
            Strength::Aes256 => Self::Aes256(Box::new(aes::Aes256::new_from_slice(key).ok()?)),
        })
    }
}

impl Aes {
    /// Derives the keys; gives the verifier too. The salt has half the bytes of the key.
    pub fn new(
        password: &str,
        salt: &[u8],
        strength: Strength,
    ) -> Result<(Self, [u8; VERIFIER_BYTES])> {
        let length = strength.key_bytes();
        let mut derived = [0; 2 * 32 + VERIFIER_BYTES];
        let derived = &mut derived[..2 * length + VERIFIER_BYTES];
        pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, ROUNDS, derived);
        let (key, rest) = derived.split_at(length);
        let (mac_key, verifier) = rest.split_at(length);
        let key = Key::new(key, strength).zip(Hmac::<Sha1>::new_from_slice(mac_key).ok());
        let Some((key, mac)) = key else {
            return Err(Error::internal("a key of AES has a length that it cannot have"));
        };
        let stream = Default::default();
        let aes = Self { key, counter: 0, stream, used: BLOCK * BLOCKS, mac };
        Ok((aes, [verifier[0], verifier[1]]))
    }

    pub fn encrypt(&mut self, bytes: &mut [u8]) {
        self.apply(bytes);
        self.mac.update(bytes);
    }

    pub fn decrypt(&mut self, bytes: &mut [u8]) {
        self.mac.update(bytes);
        self.apply(bytes);
    }

    pub fn tag(self) -> [u8; TAG_BYTES] {
        let whole = self.mac.finalize().into_bytes();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&whole[..TAG_BYTES]);
        tag
    }

    fn apply(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.used == BLOCK * BLOCKS {
                self.refill();
            }
            let stream = &Array::slice_as_flattened(&self.stream)[self.used..];
            let length = stream.len().min(bytes.len());
            let (now, later) = bytes.split_at_mut(length);
            for (byte, key) in now.iter_mut().zip(stream) {
                *byte ^= key;
            }
            self.used += length;
            bytes = later;
        }
    }

    fn refill(&mut self) {
        for block in &mut self.stream {
            self.counter += 1;
            block.copy_from_slice(&self.counter.to_le_bytes());
        }
        match &self.key {
            Key::Aes128(key) => key.encrypt_blocks(&mut self.stream),
            Key::Aes192(key) => key.encrypt_blocks(&mut self.stream),
            Key::Aes256(key) => key.encrypt_blocks(&mut self.stream),
        }
        self.used = 0;
    }
}

/// The content of an encrypted entry: decrypted as it is read, its tag checked where it ends.
pub struct AesReader<T> {
    inner: T,
    aes: Option<Aes>,
    left: u64,
}

impl<T: Read> AesReader<T> {
    /// `length` bytes of content, then the tag.
    pub fn new(inner: T, aes: Aes, length: u64) -> Self {
        Self { inner, aes: Some(aes), left: length }
    }
}

impl<T: Read> Read for AesReader<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let Some(aes) = self.aes.take() else {
                return Ok(0);
            };
            let mut tag = [0; TAG_BYTES];
            self.inner.read_exact(&mut tag)?;
            return match bool::from(aes.tag().ct_eq(&tag)) {
                true => Ok(0),
                false => Err(io::Error::new(io::ErrorKind::InvalidData, "the AES tag is wrong")),
            };
        }
        let length = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        let count = self.inner.read(&mut into[..length])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(aes) = &mut self.aes {
            aes.decrypt(&mut into[..count]);
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// PKWARE's encryption; broken, but many archives use it. APPNOTE, section 6.1.
#[derive(Clone)]
pub struct OldKeys([u32; 3]);

impl OldKeys {
    pub fn new(password: &str) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        password.bytes().for_each(|byte| keys.update(byte));
        keys
    }

    pub fn decrypt(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let mixed = (self.0[2] | 2) & 0xffff;
            *byte ^= (mixed.wrapping_mul(mixed ^ 1) >> 8) as u8;
            self.update(*byte);
        }
    }

    fn update(&mut self, plain: u8) {
        let [first, second, third] = &mut self.0;
        *first = crc_step(*first, plain);
        *second = second.wrapping_add(*first & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        *third = crc_step(*third, (*second >> 24) as u8);
    }
}

/// CRC-32 by one byte.
fn crc_step(crc: u32, byte: u8) -> u32 {
    crc >> 8 ^ CRC_TABLE[usize::from(crc as u8 ^ byte)]
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = value >> 1 ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// Decrypts PKWARE's encryption as it is read.
pub struct OldReader<T> {
    pub inner: T,
    pub keys: OldKeys,
}

impl<T: Read> Read for OldReader<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.keys.decrypt(&mut into[..count]);
        Ok(count)
    }
}
