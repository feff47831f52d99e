//! Cells as JSON values, so that CSV made into JSON and back has the same cells.

use std::io::{self, Write};

/// Writes a cell as JSON. `true`, `false` and plain numbers become what they look like; everything else is a string, the empty cell
/// and the word `null` too.
pub(super) fn write_cell(into: &mut impl Write, cell: &str) -> io::Result<()> {
    if matches!(cell, "true" | "false") || is_plain_number(cell) {
        return into.write_all(cell.as_bytes());
    }
    write_string(into, cell)
}

pub(super) fn write_string(into: &mut impl Write, text: &str) -> io::Result<()> {
    serde_json::to_writer(into, text).map_err(io::Error::from)
}

/// Whether JSON's readers print the number back letter by letter: no leading zero, no needless digit, no exponent, and within what a
/// 64-bit float holds. So `007`, `1.50`, `-0` and the number of a bank account stay text.
fn is_plain_number(cell: &str) -> bool {
    // The largest whole number below which a float skips none.
    const SAFE_MAX: u64 = (1 << 53) - 1;
    // Below this JavaScript writes an exponent.
    const FRACTION_MIN: f64 = 1e-6;
    let begins = cell.bytes().next().is_some_and(|byte| byte == b'-' || byte.is_ascii_digit());
    if !begins || cell.len() > 24 || cell == "-0" {
        return false;
    }
    if !cell.contains('.') {
        return cell
            .parse::<i64>()
            .is_ok_and(|number| number.unsigned_abs() <= SAFE_MAX && number.to_string() == cell);
    }
    cell.parse::<f64>().is_ok_and(|number| {
        (FRACTION_MIN..SAFE_MAX as f64).contains(&number.abs()) && number.to_string() == cell
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cell: &str) -> String {
        let mut into = Vec::new();
        write_cell(&mut into, cell).unwrap();
        String::from_utf8(into).unwrap()
    }

    #[test]
    fn plain_numbers_and_truths_are_themselves() {
        for cell in
            ["0", "7", "-12", "9007199254740991", "0.1", "-3.25", "0.000001", "true", "false"]
        {
            assert_eq!(json(cell), cell);
        }
    }

    #[test]
    fn everything_else_is_text() {
        for cell in [
            "",
            " 1",
            "007",
            "+1",
            "-0",
            "-0.0",
            "1.0",
            "1.50",
            ".5",
            "5.",
            "1e5",
            "0x1f",
            "9007199254740992",
            "1_000",
            "12345678901234567890",
            "0.1000000000000000055",
            "0.0000001",
            "NaN",
            "inf",
            "-inf",
            "nan",
            "True",
            "null",
            "-",
            "1,5",
        ] {
            assert_eq!(json(cell), format!("\"{cell}\""));
        }
        assert_eq!(json("a\"b\n\u{1}ü"), r#""a\"b\n\u0001ü""#);
    }

    proptest::proptest! {
        #[test]
        fn the_text_of_a_value_is_the_cell(cell in "[-0-9.]{0,6}|\\PC*") {
            let text = match serde_json::from_str(&json(&cell)).unwrap() {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            proptest::prop_assert_eq!(text, cell);
        }
    }
}
