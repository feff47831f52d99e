//! What is known of a file's content, to be shown before anybody opens it: facts, and thumbnails. It belongs to the
//! stored object, so all files over the same bytes share it.

use serde_json::{Map, Value};

use super::digest::Digest;

/// The thumbnails that are made, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Small,
    Large,
}

impl Scale {
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The most its longer side has, in pixels.
    pub fn side(self) -> u32 {
        match self {
            Self::Small => 256,
            Self::Large => 1024,
        }
    }
}

/// A preview of an object; empty while nobody has looked at it, and of encrypted files for ever.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// What CloudFile's `metadata` says beside what the file itself knows. Never a place where a picture was taken.
    pub metadata: Map<String, Value>,
    /// BLAKE3 of the small thumbnail.
    pub small: Option<Digest>,
    /// Of the large one, which pictures that fit into the small one do not have.
    pub large: Option<Digest>,
}

impl Preview {
    pub fn has_thumbnail(&self) -> bool {
        self.small.is_some()
    }

    /// The smallest thumbnail whose longer side may have `side` pixels, or else the largest there is.
    pub fn at_least(&self, side: u32) -> Option<(Scale, Digest)> {
        let small = self.small.map(|hash| (Scale::Small, hash));
        let large = self.large.map(|hash| (Scale::Large, hash));
        if side <= Scale::Small.side() { small } else { large.or(small) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_larger_thumbnail_is_taken_and_else_the_largest() {
        let (small, large) = (Some(Digest([1; 32])), Some(Digest([2; 32])));
        let both = Preview { small, large, ..Preview::default() };
        let scale = |preview: &Preview, side| preview.at_least(side).map(|(scale, _)| scale);
        for (side, want) in
            [(1, Scale::Small), (256, Scale::Small), (257, Scale::Large), (9000, Scale::Large)]
        {
            assert_eq!(scale(&both, side), Some(want), "{side}");
        }
        assert_eq!(scale(&Preview { large: None, ..both }, 1000), Some(Scale::Small));
        assert_eq!(scale(&Preview::default(), 1), None);
    }
}
