use std::io::{self, Cursor};

use proptest::prelude::*;

use super::*;

mod foreign;
mod interrupted;

const PASSWORD: &str = "correct horse";

const CHUNK: usize = CHUNK_BYTES as usize;
const SEALED_CHUNK: usize = CHUNK + TAG_BYTES as usize;
const SIZES: [usize; 7] = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 << 20];

fn fresh() -> Identity {
    Identity(x25519::Identity::generate())
}

/// Bytes without a pattern that a misplaced chunk could fit.
fn content(size: usize) -> Vec<u8> {
    let mut state = size as u64 + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}

fn encrypted(identity: &Identity, plain: &[u8]) -> Vec<u8> {
    let mut sink = Vec::new();
    let count = encrypt(&identity.recipient(), &mut &*plain, &mut sink).unwrap();
    assert_eq!(count, plain.len() as u64);
    sink
}

fn decrypted(identity: &Identity, file: &[u8]) -> Result<Vec<u8>> {
    let mut sink = Vec::new();
    let count = decrypt(identity, file, &mut sink)?;
    assert_eq!(count, sink.len() as u64);
    Ok(sink)
}

fn read_whole(identity: &Identity, file: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Plain::open(identity, Cursor::new(file))?;
    let mut buffer = vec![0; plain.size() as usize];
    plain.read_at(0, &mut buffer)?;
    Ok(buffer)
}

/// Neither way of reading takes this file, and both call it damaged.
#[track_caller]
fn damaged(identity: &Identity, file: &[u8]) {
    assert_eq!(decrypted(identity, file).unwrap_err().kind(), Kind::ContentCorrupt);
    assert_eq!(read_whole(identity, file).unwrap_err().kind(), Kind::ContentCorrupt);
}

fn header_bytes(file: &[u8]) -> usize {
    Head::read(&mut &*file).unwrap().end
}

#[test]
fn what_is_encrypted_is_decrypted() {
    let identity = fresh();
    for size in SIZES {
        let plain = content(size);
        let file = encrypted(&identity, &plain);
        assert!(is_age(&file));
        assert!(decrypted(&identity, &file).unwrap() == plain, "{size} bytes");
        assert!(read_whole(&identity, &file).unwrap() == plain, "{size} bytes at once");
    }
}

#[test]
fn no_file_is_encrypted_twice_alike() {
    let identity = fresh();
    let (one, two) = (encrypted(&identity, b"same"), encrypted(&identity, b"same"));
    assert_ne!(one[one.len() - 20..], two[two.len() - 20..]);
}

#[test]
fn the_size_is_bounded_from_above() {
    let identity = fresh();
    for size in SIZES {
        let real = encrypted(&identity, &content(size)).len() as u64;
        let bound = encrypted_size_at_most(size as u64);
        assert!(real <= bound && bound < real + 512, "{size}: {real} of {bound}");
    }
    for _ in 0..300 {
        assert!(header_bytes(&encrypted(&identity, b"")) as u64 <= HEADER_AT_MOST_BYTES);
    }
    assert_eq!(encrypted_size_at_most(u64::MAX), u64::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_range_is_the_plaintext_there(
        size in prop_oneof![0..200_000usize, (0..4usize).prop_map(|chunks| chunks * CHUNK)],
        ranges in prop::collection::vec((any::<prop::sample::Index>(), 0..90_000usize), 1..12),
        before in 0..100usize,
    ) {
        let (identity, plain) = (fresh(), content(size));
        let mut source = Cursor::new([vec![0x2d; before], encrypted(&identity, &plain)].concat());
        source.set_position(before as u64);
        let mut reader = Plain::open(&identity, source).unwrap();
        prop_assert_eq!(reader.size(), size as u64);
        for (start, length) in ranges {
            let start = start.index(size + 1);
            let mut buffer = vec![0; length.min(size - start)];
            reader.read_at(start as u64, &mut buffer).unwrap();
            prop_assert!(buffer == plain[start..start + buffer.len()], "{} from {}", buffer.len(), start);
        }
    }
}

#[test]
fn a_range_reads_only_the_chunks_it_touches() {
    struct Counting(Cursor<Vec<u8>>, std::rc::Rc<std::cell::Cell<usize>>);
    impl Read for Counting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1.set(self.1.get() + count);
            Ok(count)
        }
    }
    impl Seek for Counting {
        fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
            self.0.seek(position)
        }
    }
    let (identity, read) = (fresh(), std::rc::Rc::default());
    let file = encrypted(&identity, &content(3 << 20));
    let source = Counting(Cursor::new(file), std::rc::Rc::clone(&read));
    let mut plain = Plain::open(&identity, source).unwrap();
    assert!(read.replace(0) < 3 * SEALED_CHUNK);
    let mut buffer = vec![0; 1000];
    for step in 0..60 {
        plain.read_at(10 * CHUNK_BYTES + step * 1000, &mut buffer).unwrap();
    }
    assert_eq!(read.get(), SEALED_CHUNK, "reading on decrypts nothing twice");
}

#[test]
fn a_range_past_the_end_is_refused() {
    let identity = fresh();
    let file = encrypted(&identity, b"five!");
    let mut plain = Plain::open(&identity, Cursor::new(file)).unwrap();
    for (offset, length) in [(0, 6), (5, 1), (6, 0), (u64::MAX, 1)] {
        let error = plain.read_at(offset, &mut vec![0; length]).unwrap_err();
        assert_eq!(error.kind(), Kind::RangeNotSatisfiable);
    }
    plain.read_at(5, &mut []).unwrap();
    let mut last = [0];
    plain.read_at(4, &mut last).unwrap();
    assert_eq!(last, *b"!");
}

#[test]
fn a_file_cut_short_is_noticed() {
    let identity = fresh();
    let small = encrypted(&identity, b"a few bytes");
    for length in 0..small.len() {
        damaged(&identity, &small[..length]);
    }
    for size in [2 * CHUNK, 2 * CHUNK + 100] {
        let file = encrypted(&identity, &content(size));
        let start = header_bytes(&file);
        for payload in [0, 1, CHUNK, SEALED_CHUNK, SEALED_CHUNK + 1, 2 * SEALED_CHUNK - 1] {
            damaged(&identity, &file[..start + payload]);
        }
        damaged(&identity, &[file.as_slice(), b"!"].concat());
        damaged(&identity, &[&file, &file[start..start + SEALED_CHUNK]].concat());
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let identity = fresh();
    let file = encrypted(&identity, b"a few bytes");
    for place in 0..file.len() {
        for bit in [0, 5, 7] {
            let mut changed = file.clone();
            changed[place] ^= 1 << bit;
            damaged(&identity, &changed);
        }
    }
}

#[test]
fn a_damaged_chunk_spoils_only_reads_that_touch_it() {
    let identity = fresh();
    let plain = content(3 * CHUNK);
    let mut file = encrypted(&identity, &plain);
    let start = header_bytes(&file);
    file[start + SEALED_CHUNK + 500] ^= 1;
    damaged(&identity, &file);
    let mut reader = Plain::open(&identity, Cursor::new(&file)).unwrap();
    let mut buffer = vec![0; 100];
    for offset in [0, 2 * CHUNK, CHUNK - 100] {
        reader.read_at(offset as u64, &mut buffer).unwrap();
        assert_eq!(buffer, plain[offset..offset + 100]);
    }
    let error = reader.read_at(CHUNK_BYTES - 50, &mut buffer).unwrap_err();
    assert_eq!(error.kind(), Kind::ContentCorrupt);
    assert_eq!(reader.read_at(0, &mut buffer).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn chunks_in_another_order_are_noticed() {
    let identity = fresh();
    let file = encrypted(&identity, &content(3 * CHUNK));
    let (head, payload) = file.split_at(header_bytes(&file));
    let chunk = |number: usize| &payload[number * SEALED_CHUNK..(number + 1) * SEALED_CHUNK];
    assert_eq!(
        decrypted(&identity, &[head, chunk(0), chunk(1), chunk(2)].concat()).unwrap(),
        content(3 * CHUNK)
    );
    for order in [&[1, 0, 2][..], &[0, 2, 1], &[0, 0, 2], &[0, 2], &[0, 1, 1, 2], &[0, 1]] {
        let chunks: Vec<u8> = order.iter().flat_map(|number| chunk(*number)).copied().collect();
        damaged(&identity, &[head, &chunks].concat());
    }
    let other = encrypted(&identity, &content(3 * CHUNK));
    damaged(&identity, &[&other[..header_bytes(&other)], payload].concat());
}

#[test]
fn another_key_opens_nothing() {
    damaged(&fresh(), &encrypted(&fresh(), b"not yours"));
}

#[test]
fn what_is_no_age_file_is_told_apart() {
    let identity = fresh();
    assert!(is_age(b"age-encryption.org/v1\n-> X25519"));
    assert!(is_age(b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl"));
    for head in [&b""[..], b"age-encryption.org/v1", b"age-encryption.org/v2\n", b"PK\x03\x04"] {
        assert!(!is_age(head));
        damaged(&identity, head);
    }
    let armored = b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
    assert_eq!(decrypted(&identity, armored).unwrap_err().kind(), Kind::ContentInvalid);
    let endless = [MAGIC, "-> X25519 AAAA\nAAAA\n".repeat(5000).as_bytes()].concat();
    assert_eq!(decrypted(&identity, &endless).unwrap_err().kind(), Kind::ContentLimit);
    assert_eq!(read_whole(&identity, &endless).unwrap_err().kind(), Kind::ContentLimit);
    let error = encrypt("age1nonsense", &mut &b""[..], &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}

#[test]
fn the_password_opens_the_key_and_can_be_changed() {
    let key = new_key(PASSWORD).unwrap();
    let mut file = Vec::new();
    encrypt(&key.recipient, &mut &b"the content"[..], &mut file).unwrap();

    assert_eq!(unwrap_key(&key.wrapped, "correct Horse").unwrap_err().kind(), Kind::PasswordWrong);
    let identity = unwrap_key(&key.wrapped, PASSWORD).unwrap();
    assert_eq!(identity.recipient(), key.recipient);
    assert_eq!(decrypted(&identity, &file).unwrap(), b"the content");

    let changed = wrap(&identity, "p\u{e4}ssword").unwrap();
    assert_eq!(unwrap_key(&changed, PASSWORD).unwrap_err().kind(), Kind::PasswordWrong);
    let identity = unwrap_key(&changed, "p\u{e4}ssword").unwrap();
    assert_eq!(decrypted(&identity, &file).unwrap(), b"the content");
}

#[test]
fn the_wrapped_key_is_a_small_age_file() {
    let wrapped = new_key(PASSWORD).unwrap().wrapped;
    assert!(is_age(&wrapped) && wrapped.len() < 512, "{} bytes", wrapped.len());
    let text = String::from_utf8_lossy(&wrapped);
    let lines: Vec<&str> = text.lines().take(4).collect();
    assert_eq!(lines[0], "age-encryption.org/v1");
    let words: Vec<&str> = lines[1].split(' ').collect();
    assert_eq!((words[0], words[1], words[2].len(), words[3]), ("->", "scrypt", 22, "17"));
    assert_eq!(lines[2].len(), 43);
    assert!(lines[3].starts_with("--- ") && lines[3].len() == 47);
}

#[test]
fn a_password_must_be_given() {
    let wrapped = foreign::key();
    for error in [new_key("").err(), unwrap_key(&wrapped, "").err(), wrap(&fresh(), "").err()] {
        assert_eq!(error.unwrap().kind(), Kind::PasswordRequired);
    }
}

#[test]
fn a_strange_key_file_is_refused() {
    let kind = |wrapped: &[u8]| unwrap_key(wrapped, PASSWORD).unwrap_err().kind();
    let wrapped = foreign::key();
    let at = wrapped.windows(4).position(|part| part == b" 18\n").unwrap();
    let factor = |text: &str| [&wrapped[..at], text.as_bytes(), &wrapped[at + 4..]].concat();
    assert_eq!(kind(&factor(" 19\n")), Kind::ContentLimit);
    assert_eq!(kind(&factor(" 63\n")), Kind::ContentLimit);
    assert_eq!(kind(&factor(" 300\n")), Kind::ContentCorrupt);
    assert_eq!(kind(&factor(" 9\n")), Kind::PasswordWrong, "less work is no harm to us");
    assert_eq!(kind(&vec![b'a'; WRAPPED_LIMIT_BYTES + 1]), Kind::ContentLimit);
    assert_eq!(kind(&wrapped[..100]), Kind::ContentCorrupt);
    assert_eq!(kind(&wrapped[..wrapped.len() - 1]), Kind::ContentCorrupt);
    assert_eq!(kind(b""), Kind::ContentCorrupt);
    assert_eq!(kind(&encrypted(&fresh(), b"no password")), Kind::ContentInvalid);
    let (one, two) = (fresh().to_secret_text(), fresh().to_secret_text());
    let found = |text: String| identity_in(text.as_bytes()).err().map(|error| error.kind());
    assert_eq!(found(format!("# mine\r\n\r\n{}\r\n", *one)), None);
    assert_eq!(found(format!("{}\n{}\n", *one, *two)), Some(Kind::ContentInvalid));
    assert_eq!(found("\n".to_owned()), Some(Kind::ContentInvalid));
    assert_eq!(identity_in(b"\xff").unwrap_err().kind(), Kind::ContentInvalid);
}

#[test]
fn an_identity_survives_as_text_and_hides_in_debug() {
    let identity = fresh();
    let text = identity.to_secret_text();
    assert!(text.starts_with("AGE-SECRET-KEY-1"));
    let again = Identity::from_secret_text(&text).unwrap();
    assert_eq!(again.recipient(), identity.recipient());
    let shown = format!("{identity:?} {identity:#?}").to_uppercase();
    assert!(!shown.contains("SECRET") && !shown.contains(&text[16..]), "{shown}");
    let mistaken = Identity::from_secret_text(&text[..text.len() - 1]).unwrap_err();
    assert_eq!(mistaken.kind(), Kind::ContentInvalid);
    assert!(!format!("{mistaken:?}").contains(&text[16..40]));
}
