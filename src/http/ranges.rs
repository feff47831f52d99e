//! Parts of a file that are asked for (RFC 9110, section 14).

use crate::domain::error::{Error, Kind, Result};

/// Ranges of one request; with more, the whole file is sent, as the standard allows.
const RANGES_MAX: usize = 16;

/// First and last position of each wanted range, in the order of the request; those that overlap are joined. `None` when
/// the header is to be ignored, `RangeNotSatisfiable` when none of them lies in the file.
pub fn ranges(wanted: &str, size: u64) -> Result<Option<Vec<(u64, u64)>>> {
    let Some((unit, list)) = wanted.split_once('=') else { return Ok(None) };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut legal = 0;
    for one in list.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let Some(range) = range(one, size) else { return Ok(None) };
        legal += 1;
        if legal > RANGES_MAX {
            return Ok(None);
        }
        found.extend(range);
    }
    if legal == 0 {
        return Ok(None);
    }
    if found.is_empty() {
        return Err(Error::new(Kind::RangeNotSatisfiable, format!("The file has {size} bytes."))
            .with("size", size));
    }
    Ok(Some(joined(found)))
}

/// One range: `Some(None)` when it lies outside the file, `None` when it is no range.
fn range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.split_once('-')?;
    let end = size.saturating_sub(1);
    let (first, last) = match (number(first)?, number(last)?) {
        (Some(first), Some(last)) if first <= last => (first, last.min(end)),
        (Some(first), None) => (first, end),
        (None, Some(0)) => (size, size),
        (None, Some(length)) => (size.saturating_sub(length), end),
        _ => return None,
    };
    Some((first < size).then_some((first, last)))
}

/// Digits as a number, at most the largest there is; `Some(None)` where there are none.
fn number(digits: &str) -> Option<Option<u64>> {
    match digits {
        "" => Some(None),
        _ if !digits.bytes().all(|byte| byte.is_ascii_digit()) => None,
        _ => Some(Some(digits.parse().unwrap_or(u64::MAX))),
    }
}

fn joined(mut found: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let asked = found.clone();
    found.sort_unstable();
    let overlap = found.windows(2).any(|pair| pair[1].0 <= pair[0].1);
    if !overlap {
        return asked;
    }
    let mut whole: Vec<(u64, u64)> = Vec::new();
    for (first, last) in found {
        match whole.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => whole.push((first, last)),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_standard() {
        let of = |text| ranges(text, 100).map_err(|error| error.kind());
        for (text, found) in [
            ("bytes=0-0", vec![(0, 0)]),
            ("bytes=90-", vec![(90, 99)]),
            ("bytes=-10", vec![(90, 99)]),
            ("bytes=-1000", vec![(0, 99)]),
            ("bytes=50-1000", vec![(50, 99)]),
            ("Bytes=0-1, 50-60", vec![(0, 1), (50, 60)]),
            ("bytes=50-60,,0-1,", vec![(50, 60), (0, 1)]),
            ("bytes=0-99999999999999999999999", vec![(0, 99)]),
            ("bytes=0-1,100-200", vec![(0, 1)]),
            ("bytes=5-20,0-10,30-40", vec![(0, 20), (30, 40)]),
            ("bytes=0-,-1,50-60", vec![(0, 99)]),
            ("bytes=0-9,10-19", vec![(0, 9), (10, 19)]),
        ] {
            assert_eq!(of(text), Ok(Some(found)), "{text}");
        }
        for outside in ["bytes=100-", "bytes=-0", "bytes=99999999999999999999-", "bytes=100-,-0"] {
            assert_eq!(of(outside), Err(Kind::RangeNotSatisfiable), "{outside}");
        }
        for none in ["bytes", "lines=0-1", "bytes=5-1", "bytes=a-b", "bytes=", "bytes=,", "bytes=-"]
        {
            assert_eq!(of(none), Ok(None), "{none}");
        }
        for none in ["bytes=0-1,x", "bytes=+1-2", "bytes=1", "bytes=--1", "bytes=1-2-3"] {
            assert_eq!(of(none), Ok(None), "{none}");
        }
        assert_eq!(of(&format!("bytes={}", vec!["1-1"; 17].join(","))), Ok(None));
        assert_eq!(ranges("bytes=0-", 0).unwrap_err().kind(), Kind::RangeNotSatisfiable);
    }
}
