//! The few facts of an Exif block that are shown: when and with what a picture was taken. The directory of places (GPS)
//! is never opened. Source: Exif 2.32 (CIPA DC-008), sections 4.6.2, 4.6.4 and 4.6.5.

use super::shown;

/// Entries of one directory that are looked at.
const ENTRIES_MAX: usize = 512;
const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;
const EXIF_DIRECTORY: u16 = 0x8769;
const TAKEN: u16 = 0x9003;
const TAKEN_OFFSET: u16 = 0x9011;
const ASCII: u16 = 2;
const LONG: u16 = 4;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Camera {
    pub make: Option<String>,
    pub model: Option<String>,
    /// RFC 3339; without a zone where the camera told none.
    pub taken_at: Option<String>,
}

/// Reads a block from its byte order mark on; what is damaged is passed over.
pub fn camera(block: &[u8]) -> Camera {
    // Some programs write what precedes it in JPEG into other formats too.
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let Some(block) = Block::open(block) else { return Camera::default() };
    let first = block.number(4, 4).unwrap_or(0);
    let inner = block.entry(first, EXIF_DIRECTORY, LONG).and_then(|at| block.number(at, 4));
    let text = |directory: usize, tag| block.text(directory, tag).and_then(shown);
    let taken = inner.and_then(|inner| text(inner, TAKEN));
    let offset = inner.and_then(|inner| text(inner, TAKEN_OFFSET));
    Camera {
        make: text(first, MAKE),
        model: text(first, MODEL),
        taken_at: taken.and_then(|taken| moment(&taken, offset.as_deref())),
    }
}

struct Block<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Block<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let little = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, little })
    }

    /// A number of 2 or 4 bytes.
    fn number(&self, at: usize, length: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        let fold = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        Some(if self.little {
            bytes.iter().rev().fold(0, fold)
        } else {
            bytes.iter().fold(0, fold)
        })
    }

    /// Where the value of an entry stands within its twelve bytes.
    fn entry(&self, directory: usize, tag: u16, kind: u16) -> Option<usize> {
        let count = self.number(directory, 2)?.min(ENTRIES_MAX);
        let begin = |number: usize| directory + 2 + number * 12;
        let is_wanted = |at: &usize| {
            self.number(*at, 2) == Some(tag.into()) && self.number(*at + 2, 2) == Some(kind.into())
        };
        (0..count).map(begin).find(is_wanted).map(|at| at + 8)
    }

    fn text(&self, directory: usize, tag: u16) -> Option<&'a str> {
        let at = self.entry(directory, tag, ASCII)?;
        let length = self.number(at - 4, 4)?;
        let from = if length <= 4 { at } else { self.number(at, 4)? };
        let bytes = self.bytes.get(from..from.checked_add(length)?)?;
        std::str::from_utf8(bytes.split(|&byte| byte == 0).next()?).ok()
    }
}

/// `2024:05:01 10:20:30` as RFC 3339: in UTC when the offset is known, else as the camera's clock had it.
fn moment(text: &str, offset: Option<&str>) -> Option<String> {
    use time::format_description::well_known::Rfc3339;
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let [year, month, day] = [digits(0..4)?, digits(5..7)?, digits(8..10)?];
    let [hour, minute, second] = [digits(11..13)?, digits(14..16)?, digits(17..19)?];
    let local = format!("{year}-{month}-{day}T{hour}:{minute}:{second}");
    let at = |zone: &str| time::OffsetDateTime::parse(&format!("{local}{zone}"), &Rfc3339).ok();
    at("Z")?;
    let known = offset.and_then(at).and_then(super::utc);
    Some(known.unwrap_or(local))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A block with these texts, and with a place that nobody may see.
    pub fn block(little: bool, camera: &[(u16, &str)], inner: &[(u16, &str)]) -> Vec<u8> {
        let n16 = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let n32 = |n: usize| {
            let n = u32::try_from(n).unwrap();
            if little { n.to_le_bytes() } else { n.to_be_bytes() }
        };
        let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(n32(8));
        let inner_at = 8 + 2 + (camera.len() + 2) * 12 + 4;
        let gps_at = inner_at + 2 + inner.len() * 12 + 4;
        let mut texts_at = gps_at + 2 + 12 + 4;
        let mut texts = Vec::new();
        let mut directory = |entries: &[(u16, &str)], pointers: &[(u16, usize)]| {
            let mut bytes = n16((entries.len() + pointers.len()) as u16).to_vec();
            for (tag, text) in entries {
                bytes.extend([n16(*tag), n16(ASCII)].concat());
                bytes.extend(n32(text.len() + 1));
                bytes.extend(n32(texts_at));
                texts.extend(text.as_bytes());
                texts.push(0);
                texts_at += text.len() + 1;
            }
            for (tag, at) in pointers {
                bytes.extend([n16(*tag), n16(LONG)].concat());
                bytes.extend(n32(1));
                bytes.extend(n32(*at));
            }
            bytes.extend([0; 4]);
            bytes
        };
        let first = directory(camera, &[(EXIF_DIRECTORY, inner_at), (0x8825, gps_at)]);
        let second = directory(inner, &[]);
        let third = directory(&[(0x001d, "2001:02:03 place of the picture")], &[]);
        [bytes, first, second, third, texts].concat()
    }

    #[test]
    fn camera_and_moment_are_read_in_both_byte_orders() {
        for little in [true, false] {
            let block = block(
                little,
                &[(MAKE, "Maker "), (MODEL, "Model\tX")],
                &[(TAKEN, "2024:05:01 23:20:30"), (TAKEN_OFFSET, "-02:00")],
            );
            let seen = camera(&block);
            assert_eq!(seen.make.as_deref(), Some("Maker"));
            assert_eq!(seen.model.as_deref(), Some("Model X"));
            assert_eq!(seen.taken_at.as_deref(), Some("2024-05-02T01:20:30.000Z"));
        }
    }

    #[test]
    fn a_moment_is_one_or_nothing() {
        assert_eq!(moment("2024:05:01 10:20:30", None).unwrap(), "2024-05-01T10:20:30");
        assert_eq!(moment("2024:05:01 10:20:30", Some("??")).unwrap(), "2024-05-01T10:20:30");
        for wrong in
            ["", "0000:00:00 00:00:00", "2024:13:01 10:20:30", "    :  :     :  :  ", "2024:05:01"]
        {
            assert_eq!(moment(wrong, None), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_blocks_never_panic(at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
            let mut block = block(true, &[(MAKE, "Maker")], &[(TAKEN, "2024:05:01 23:20:30")]);
            let length = block.len();
            block[at.index(length)] = byte;
            block.truncate(cut.index(length + 1));
            camera(&block);
        }
    }
}
