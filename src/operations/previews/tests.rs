//! Files of every kind with bytes changed at random: parsers say what they see, or nothing.

use proptest::prelude::*;

use super::media::media;
use super::peek::tests::peek;

/// Heads of all the kinds that are known, so that a change reaches the parser behind it.
const HEADS: [&[u8]; 7] = [
    b"\0\0\0\x10ftypisom\0\0\0\0",
    b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\x15\x49\xa9\x66\x88",
    b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0",
    b"fLaC\x80\0\0\x22",
    b"OggS\0\x02\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead",
    b"ID3\x04\0\0\0\0\0\x05",
    b"\xff\xfb\x90\0",
];

/// Boxes and elements that parsers look into, with every length that could lead them astray.
const PARTS: [&[u8]; 8] = [
    b"\0\0\0\0moov",
    b"\xff\xff\xff\xffmvhd",
    b"\0\0\0\x01trak\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\0\0\0\x5ctkhd",
    b"data\xff\xff\xff\xff",
    b"\x16\x54\xae\x6b\x01\xff\xff\xff\xff\xff\xff\xfe",
    b"\x44\x89\x88\x7f\xf0\0\0\0\0\0\0",
    b"OggS\0\x04\xff\xff\xff\xff\xff\xff\xff\xff\x07\0\0\0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_leads_the_parsers_astray(
        head in 0..HEADS.len(),
        parts in prop::collection::vec((0..PARTS.len(), prop::collection::vec(any::<u8>(), 0..90)), 0..12),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut file = HEADS[head].to_vec();
        for (part, rest) in parts {
            file.extend(PARTS[part]);
            file.extend(rest);
        }
        for (at, byte) in changes {
            let length = file.len();
            file[at.index(length)] = byte;
        }
        let seen = media(&file[..file.len().min(8192)], &mut peek(&file)).unwrap();
        let seen = seen.unwrap_or_default();
        prop_assert!(seen.width != Some(0) && seen.height != Some(0) && seen.duration_ms != Some(0));
    }
}
