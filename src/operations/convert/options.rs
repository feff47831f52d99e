//! What a person may ask of a conversion. An option that would do nothing is refused, so that a wrong expectation shows at once.

use serde::{Deserialize, Serialize};

use super::{Source, Target, targets};
use crate::domain::error::{Error, Kind, Result};

/// The largest side that can be asked for and the largest that is read, in pixels.
pub const SIDE_MAX: u32 = 16_384;

const QUALITY_DEFAULT: u8 = 80;
const WHITE: [u8; 3] = [255; 3];

/// Options of a conversion, each of which may be left out. [`Options::check`] says whether they make sense together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    /// Pictures: the most the new one may be wide, in pixels. It is made to fit and never enlarged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_width: Option<u32>,
    /// Pictures: the most the new one may be high, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_height: Option<u32>,
    /// JPEG: 1 (smallest) to 100 (best); 80 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Pictures: drop the colour profile too, the only metadata that a conversion keeps; no when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_metadata: Option<bool>,
    /// JPEG and BMP: what is seen through transparent places, as `#rrggbb` or `#rgb`; white when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// CSV: the character between two cells, a tab also as `\t`; a comma when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// CSV: whether the first line names the columns; yes when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
}

impl Options {
    /// Whether `source` can become `target`, with these options.
    ///
    /// # Errors
    /// [`Kind::ConversionUnsupported`], or [`Kind::Invalid`] with the field `options.<name>` for an option that does not apply or has
    /// an impossible value.
    pub fn check(&self, source: Source, target: Target) -> Result<()> {
        if !targets(source).contains(&target) {
            return Err(Error::new(
                Kind::ConversionUnsupported,
                format!("This file cannot become {}.", target.extension()),
            ));
        }
        let picture = source == Source::Image;
        let table = source == Source::Csv || target == Target::Csv;
        let opaque = matches!(target, Target::Jpeg | Target::Bmp);
        for (field, given, applies, whose) in [
            ("maxWidth", self.max_width.is_some(), picture, "pictures"),
            ("maxHeight", self.max_height.is_some(), picture, "pictures"),
            ("quality", self.quality.is_some(), target == Target::Jpeg, "JPEG"),
            ("stripMetadata", self.strip_metadata.is_some(), picture, "pictures"),
            ("background", self.background.is_some(), opaque, "JPEG and BMP"),
            ("delimiter", self.delimiter.is_some(), table, "CSV"),
            ("header", self.header.is_some(), table, "CSV"),
        ] {
            if given && !applies {
                return Err(refused(
                    field,
                    &format!("This option is for {whose} only; leave it out."),
                ));
            }
        }
        self.check_values()
    }

    fn check_values(&self) -> Result<()> {
        for (field, side) in [("maxWidth", self.max_width), ("maxHeight", self.max_height)] {
            if side.is_some_and(|side| !(1..=SIDE_MAX).contains(&side)) {
                return Err(refused(field, &format!("Give 1 to {SIDE_MAX} pixels.")));
            }
        }
        if self.quality.is_some_and(|quality| !(1..=100).contains(&quality)) {
            return Err(refused("quality", "Give a quality from 1 to 100."));
        }
        if self.background.as_deref().is_some_and(|text| colour(text).is_none()) {
            return Err(refused("background", "Give a colour as #rrggbb, for example #ffffff."));
        }
        if self.delimiter.as_deref().is_some_and(|text| separator(text).is_none()) {
            return Err(refused(
                "delimiter",
                "Give one ASCII character such as ; or a tab, but no quotation mark, letter, digit or line break.",
            ));
        }
        Ok(())
    }

    /// The same with what a file's name says: cells in `.tsv` are separated by tabs, unless told otherwise.
    pub fn for_file(mut self, name: &str, source: Source) -> Self {
        if source == Source::Csv && name.to_lowercase().ends_with(".tsv") {
            self.delimiter.get_or_insert_with(|| "\t".into());
        }
        self
    }

    pub(super) fn quality(&self) -> u8 {
        self.quality.unwrap_or(QUALITY_DEFAULT)
    }

    pub(super) fn background(&self) -> [u8; 3] {
        self.background.as_deref().and_then(colour).unwrap_or(WHITE)
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter.as_deref().and_then(separator).unwrap_or(b',')
    }

    pub(super) fn keeps_profile(&self) -> bool {
        !self.strip_metadata.unwrap_or(false)
    }

    pub(super) fn has_header(&self) -> bool {
        self.header.unwrap_or(true)
    }
}

fn refused(field: &str, message: &str) -> Error {
    Error::invalid(&format!("options.{field}"), message)
}

/// Red, green and blue of `#rrggbb` or `#rgb`.
fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#')?;
    let values: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    match *values {
        [r, g, b] => Some([r * 17, g * 17, b * 17]),
        [r1, r0, g1, g0, b1, b0] => Some([r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0]),
        _ => None,
    }
}

fn separator(text: &str) -> Option<u8> {
    match *text.as_bytes() {
        [b'\t'] | [b'\\', b't'] => Some(b'\t'),
        [byte] if byte == b' ' || (byte.is_ascii_punctuation() && byte != b'"') => Some(byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Options {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn options_are_camel_case_and_unknown_ones_are_refused() {
        let all = r##"{"maxWidth":1,"maxHeight":2,"quality":3,"stripMetadata":true,"background":"#fff","delimiter":";","header":false}"##;
        assert_eq!(serde_json::to_string(&read(all)).unwrap(), all);
        assert_eq!(read("{}"), Options::default());
        assert!(serde_json::from_str::<Options>(r#"{"max_width":1}"#).is_err());
    }

    #[test]
    fn an_option_that_would_do_nothing_is_refused() {
        for (json, source, target, field) in [
            (r#"{"quality":80}"#, Source::Image, Target::Png, "options.quality"),
            (r##"{"background":"#000"}"##, Source::Image, Target::Webp, "options.background"),
            (r#"{"header":true}"#, Source::Json, Target::Ndjson, "options.header"),
            (r#"{"delimiter":";"}"#, Source::Image, Target::Bmp, "options.delimiter"),
            (r#"{"maxWidth":1}"#, Source::Markdown, Target::Html, "options.maxWidth"),
            (r#"{"maxHeight":1}"#, Source::Csv, Target::Json, "options.maxHeight"),
            (r#"{"stripMetadata":true}"#, Source::Archive, Target::Zip, "options.stripMetadata"),
            (r#"{"maxWidth":0}"#, Source::Image, Target::Png, "options.maxWidth"),
            (r#"{"maxHeight":16385}"#, Source::Image, Target::Png, "options.maxHeight"),
            (r#"{"quality":0}"#, Source::Image, Target::Jpeg, "options.quality"),
            (r#"{"quality":101}"#, Source::Image, Target::Jpeg, "options.quality"),
            (r#"{"background":"red"}"#, Source::Image, Target::Jpeg, "options.background"),
            (r##"{"background":"#12345"}"##, Source::Image, Target::Jpeg, "options.background"),
            (r#"{"delimiter":""}"#, Source::Csv, Target::Json, "options.delimiter"),
            (r#"{"delimiter":"\""}"#, Source::Csv, Target::Json, "options.delimiter"),
            (r#"{"delimiter":"\n"}"#, Source::Csv, Target::Json, "options.delimiter"),
            (r#"{"delimiter":"é"}"#, Source::Csv, Target::Json, "options.delimiter"),
            (r#"{"delimiter":"a"}"#, Source::Csv, Target::Json, "options.delimiter"),
        ] {
            let error = read(json).check(source, target).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{json}");
            assert_eq!(error.details()["field"], field, "{json}");
        }
    }

    #[test]
    fn what_applies_is_taken() {
        let picture =
            read(r##"{"maxWidth":16384,"quality":1,"background":"#0F8","stripMetadata":true}"##);
        picture.check(Source::Image, Target::Jpeg).unwrap();
        assert_eq!(picture.background(), [0, 255, 136]);
        assert_eq!(read(r##"{"background":"#102030"}"##).background(), [16, 32, 48]);
        for (json, byte) in [
            (r#"{"delimiter":"\t"}"#, b'\t'),
            (r#"{"delimiter":"\\t"}"#, b'\t'),
            (r#"{"delimiter":"|"}"#, b'|'),
        ] {
            read(json).check(Source::Ndjson, Target::Csv).unwrap();
            assert_eq!(read(json).delimiter(), byte);
        }
        assert_eq!(Options::default().for_file("A.TSV", Source::Csv).delimiter(), b'\t');
        assert_eq!(read(r#"{"delimiter":";"}"#).for_file("a.tsv", Source::Csv).delimiter(), b';');
    }

    #[test]
    fn every_pair_that_is_not_in_the_table_is_refused() {
        let sources = [
            Source::Image,
            Source::Csv,
            Source::Json,
            Source::Ndjson,
            Source::Markdown,
            Source::Archive,
        ];
        for source in sources {
            for target in Target::ALL {
                let outcome = Options::default().check(source, *target);
                assert_eq!(outcome.is_ok(), targets(source).contains(target));
            }
        }
    }
}
