//! PAX records: "27 path=a long name.txt\n", the length counting itself.

use super::super::invalid;
use super::sparse::Segment;
use crate::domain::error::Result;

pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    // Writing the length down may make it longer by a digit.
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let mut bytes = format!("{length} {key}=").into_bytes();
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
    bytes
}

/// What records say of the entry that follows them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Records {
    pub path: Option<String>,
    pub size: Option<u64>,
    pub modified_ms: Option<i64>,
    pub sparse: Sparse,
}

/// GNU's sparse files: version 0.0 repeats offset and length, 0.1 lists them in one record, 1.0 puts them into the content.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sparse {
    pub name: Option<String>,
    pub real_size: Option<u64>,
    pub major: Option<u64>,
    pub segments: Vec<Segment>,
    offset: Option<u64>,
}

impl Records {
    pub fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut records = Self::default();
        // Some writers pad with NULs.
        while bytes.first().is_some_and(|first| *first != 0) {
            let (key, value, rest) =
                split(bytes).ok_or_else(|| invalid(None, "a PAX record is malformed"))?;
            records
                .take(key, value)
                .ok_or_else(|| invalid(None, "a PAX record has a value that is none"))?;
            bytes = rest;
        }
        Ok(records)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let text = String::from_utf8_lossy(value);
        match key {
            b"path" => self.path = Some(text.into_owned()),
            b"size" => self.size = Some(text.parse().ok()?),
            b"mtime" => self.modified_ms = milliseconds(&text),
            b"GNU.sparse.name" => self.sparse.name = Some(text.into_owned()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                self.sparse.real_size = Some(text.parse().ok()?);
            }
            b"GNU.sparse.major" => self.sparse.major = Some(text.parse().ok()?),
            b"GNU.sparse.offset" => self.sparse.offset = Some(text.parse().ok()?),
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse.offset.take()?;
                self.sparse.segments.push(Segment { offset, length: text.parse().ok()? });
            }
            b"GNU.sparse.map" => {
                let numbers: Vec<u64> =
                    text.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
                let (pairs, []) = numbers.as_chunks() else { return None };
                self.sparse.segments =
                    pairs.iter().map(|&[offset, length]| Segment { offset, length }).collect();
            }
            _ => {}
        }
        Some(())
    }
}

/// The first record's key and value, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let (last, record) = record.get(space + 1..)?.split_last()?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    (*last == b'\n').then_some((&record[..equals], &record[equals + 1..], rest))
}

/// "1700000000.25" as milliseconds. A time that is none is no reason to refuse the file.
fn milliseconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let thousandths: i64 = digits.parse().ok()?;
    let seconds: i64 = whole.parse().ok()?;
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    seconds.checked_mul(1000)?.checked_add(sign * thousandths)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_count_their_own_length() {
        assert_eq!(record("path", b"abc"), b"12 path=abc\n");
        // 99 without, 101 with its three digits.
        for length in 80..120 {
            let record = record("path", &vec![b'x'; length]);
            assert!(record.starts_with(format!("{} ", record.len()).as_bytes()));
        }
    }

    #[test]
    fn records_are_read() {
        let mut bytes = record("path", "a\nä=b".as_bytes());
        bytes.extend(record("size", b"123"));
        bytes.extend(record("mtime", b"-1.5"));
        bytes.extend(record("GNU.sparse.map", b"0,5,10,2"));
        bytes.extend([0; 5]);
        let read = Records::parse(&bytes).unwrap();
        assert_eq!(read.path.as_deref(), Some("a\nä=b"));
        assert_eq!((read.size, read.modified_ms), (Some(123), Some(-1500)));
        assert_eq!(read.sparse.segments[1], Segment { offset: 10, length: 2 });
        assert_eq!(milliseconds("1.0625"), Some(1062));
        assert_eq!(milliseconds("9223372036854775807"), None);
        for wrong in
            ["5 a=b\n", "x a=b\n", "6 a=bb\n", "99 a=b\n", "9 size=x\n", "2 ", "1", "0 a=b\n"]
        {
            assert!(Records::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn random_records_never_panic(bytes: Vec<u8>, text in "[0-9]{1,2} [a-z.=GNU]{0,9}=[0-9,.]{0,9}\n") {
            let _ = Records::parse(&bytes);
            let _ = Records::parse(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read(path in ".{1,300}") {
            let read = Records::parse(&record("path", path.as_bytes())).unwrap();
            prop_assert_eq!(read.path, Some(path));
        }
    }
}
