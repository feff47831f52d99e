//! What files are found and ordered by: texts without case and accents, numbers by their value.

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::error::{Error, Result};

/// Bytes of a question, and its words.
const QUESTION_MAX_BYTES: usize = 255;
const WORDS_MAX: usize = 16;
/// The first of the 6400 characters of private use.
const PRIVATE_USE: u32 = 0xe000;
/// Fewer characters than an index of trigrams can look up.
const TRIGRAM: usize = 3;

/// Without case and accents: "Éclair" and "eclair" are one.
pub fn fold(text: &str) -> String {
    text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).collect()
}

/// What a name is sorted by: folded, and each number as the count of its digits before the digits, so that "img 9"
/// comes before "img 10".
pub fn natural_key(name: &str) -> String {
    let folded = fold(name);
    let mut key = String::with_capacity(folded.len() + 8);
    let mut rest = folded.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        key.push_str(&rest[..at]);
        let end = rest[at..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |len| at + len);
        let digits = rest[at..end].trim_start_matches('0');
        for _ in 0..digits.len() / 9 {
            key.push('9');
        }
        key.push(char::from(b'0' + (digits.len() % 9) as u8));
        key.push_str(digits);
        rest = &rest[end..];
    }
    key.push_str(rest);
    key
}

/// Whose files, and whether those in the trash: three characters that no name can have, which an index of trigrams
/// finds like a word. Two accounts may share them by chance, so they never decide who sees a file.
pub fn mark(account: &str, trashed: bool) -> String {
    let hash = Sha256::digest(format!("{account} {trashed}"));
    let character = |at: usize| {
        let number = u32::from(hash[at]) << 8 | u32::from(hash[at + 1]);
        char::from_u32(PRIVATE_USE + number % 6400).unwrap_or('\u{e000}')
    };
    [character(0), character(2), character(4)].iter().collect()
}

/// The text that a file is found by: its mark, then name, folder and tags on lines of their own. Tags are JSON.
pub fn text(account: &str, trashed: bool, name: &str, folder: &str, tags: &str) -> String {
    let tags: Vec<String> = serde_json::from_str(tags).unwrap_or_default();
    let words = fold(&format!("{name}\n{folder}\n{}", tags.join("\n")));
    // A name may have characters of private use itself; none may pass for a mark.
    let words = words.replace(|c| ('\u{e000}'..='\u{f8ff}').contains(&c), "\u{fffd}");
    format!("{}\n{words}", mark(account, trashed))
}

/// A question: words that must all be part of a file's name, folder or tags, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    words: Vec<String>,
}

impl Question {
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > QUESTION_MAX_BYTES {
            let message = format!("q must have at most {QUESTION_MAX_BYTES} bytes.");
            return Err(Error::invalid("q", message));
        }
        if text.contains(char::is_control) {
            return Err(Error::invalid("q", "q must not contain control characters."));
        }
        let words: Vec<String> = fold(text).split_whitespace().map(str::to_owned).collect();
        if words.is_empty() || words.len() > WORDS_MAX {
            return Err(Error::invalid("q", format!("q must have 1 to {WORDS_MAX} words.")));
        }
        Ok(Self { words })
    }

    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What the index of trigrams is asked: the mark and all words that are long enough.
    pub fn index_query(&self, account: &str, trashed: bool) -> String {
        let mut query = format!("\"{}\"", mark(account, trashed));
        for word in self.words.iter().filter(|word| word.chars().count() >= TRIGRAM) {
            query.push_str(&format!(" AND \"{}\"", word.replace('"', "\"\"")));
        }
        query
    }

    /// The words that the index cannot look up.
    pub fn short_words(&self) -> impl Iterator<Item = &String> {
        self.words.iter().filter(|word| word.chars().count() < TRIGRAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut names = vec![
            "img10.jpg",
            "IMG2.jpg",
            "img 1",
            "Éa",
            "ea",
            "eb",
            "z",
            "img2b.jpg",
            "img02.jpg",
            "10",
            "9",
            "1000000000",
            "999999999",
            "12345678901234567890",
        ];
        names.sort_by_key(|name| natural_key(name));
        assert_eq!(
            names,
            [
                "9",
                "10",
                "999999999",
                "1000000000",
                "12345678901234567890",
                "Éa",
                "ea",
                "eb",
                "img 1",
                "IMG2.jpg",
                "img02.jpg",
                "img2b.jpg",
                "img10.jpg",
                "z",
            ]
        );
    }

    #[test]
    fn no_name_passes_for_a_mark() {
        let other = mark("somebody", false);
        assert_eq!(other.chars().count(), 3);
        assert_ne!(other, mark("somebody", true));
        let text = text("me", false, &format!("x{other}y"), "/Ünter", r#"["Été"]"#);
        assert!(!text.contains(&other) && text.starts_with(&mark("me", false)), "{text}");
        assert!(text.contains("unter") && text.contains("ete"), "{text}");
    }

    #[test]
    fn questions_have_bounds() {
        assert!(Question::parse("  ").is_err());
        assert!(Question::parse(&"a ".repeat(17)).is_err());
        assert!(Question::parse(&"a".repeat(256)).is_err());
        let question = Question::parse("Ab \"Straße\" ÉTÉ").unwrap();
        assert_eq!(question.words(), ["ab", "\"straße\"", "ete"]);
        assert!(question.index_query("a", false).ends_with("AND \"\"\"straße\"\"\" AND \"ete\""));
        assert_eq!(question.short_words().collect::<Vec<_>>(), ["ab"]);
    }
}
