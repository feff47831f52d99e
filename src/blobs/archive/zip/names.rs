//! Names of entries from zip's bytes.

/// The upper half of code page 437, which zip's names are in when nothing else is said.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌\
█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Many writers, macOS first, use UTF-8 without saying so; text in code page 437 is hardly ever valid UTF-8 by chance.
pub fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| character(*byte)).collect(),
    }
}

fn character(byte: u8) -> char {
    match byte.checked_sub(128) {
        None => char::from(byte),
        Some(index) => UPPER.chars().nth(usize::from(index)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_utf8_or_code_page_437() {
        assert_eq!(UPPER.chars().count(), 128);
        assert_eq!(decoded("ä.txt".as_bytes()), "ä.txt");
        assert_eq!(decoded(b"\x84\xe1\xff.txt"), "äß\u{a0}.txt");
        assert_eq!(decoded(b"\xb3\xdb\xdf\xe0"), "│█▀α");
    }
}
