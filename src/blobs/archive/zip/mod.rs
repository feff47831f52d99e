//! Zip archives. Source: PKWARE's APPNOTE.TXT 6.3.10; encryption: WinZip, "AES Encryption Information".

pub mod crypt;
pub mod decode;
pub mod directory;
mod names;
pub mod read;
pub mod records;
pub mod write;

/// Signatures of the records.
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const END_64_LOCATOR: u32 = 0x0706_4b50;

/// Lengths of the records without their variable parts.
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END_64_BYTES: usize = 56;
const END_64_LOCATOR_BYTES: usize = 20;

/// General purpose flags.
const ENCRYPTED: u16 = 1;
const HAS_END_MARK: u16 = 1 << 1;
const HAS_DESCRIPTOR: u16 = 1 << 3;
const STRONG_ENCRYPTION: u16 = 1 << 6;
const UTF8: u16 = 1 << 11;
const MASKED: u16 = 1 << 13;

/// Methods.
const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const AES: u16 = 99;

/// Ids of extra fields.
const EXTRA_ZIP64: u16 = 1;
const EXTRA_NTFS: u16 = 0x000a;
const EXTRA_TIME: u16 = 0x5455;
const EXTRA_NAME: u16 = 0x7075;
const EXTRA_AES: u16 = 0x9901;

/// A field of this value is said by the zip64 extra field.
const IN_ZIP64: u32 = u32::MAX;

/// Takes little-endian numbers from bytes; `None` past their end.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next extra field: its id and content.
    fn extra(&mut self) -> Option<(u16, Fields<'a>)> {
        let id = self.u16()?;
        let length = self.u16()?;
        Some((id, Fields(self.bytes(usize::from(length))?)))
    }
}
