//! The estimate of what the parser takes is on the safe side.

use std::io::{self, Cursor};

use super::*;
use crate::operations::convert::alone::{each_alone, held_bytes, peak_bytes};

/// What makes a tree grow, each repeated as often as is let through. `%` is a number that counts up.
const UNITS: &[&str] = &[
    "Plain words in lines, some *weight*, a [link](x).\n",
    "Sentences of some length, one after the other, with nothing in them that means more.\n",
    "a\n\n",
    "*a",
    "[",
    "`a",
    "> ",
    "![a](b)",
    "- a\n",
    "&amp;",
    "<b>",
    "[^%]",
    "[^%]: b\n\n",
    "~~a~~ ",
    "[%]: b\n",
    "a|b\n-|-\n",
    "a|b\n-|-\nc|\n",
    "1) ",
    "_a_ ",
    "[%][%]\n\n",
    "\u{1}\r",
    "1. ",
    "> - ",
    "a**",
    "](",
    "\u{fc}*",
];

fn longest(unit: &str) -> String {
    let mut source = String::new();
    let mut tree = 0;
    for number in 10_000.. {
        let next = unit.replace('%', &number.to_string());
        tree += tree_bytes(next.as_bytes());
        if tree > TREE_BYTES_MAX || source.len() + next.len() > SOURCE_BYTES_MAX {
            break;
        }
        source.push_str(&next);
    }
    source.shrink_to_fit();
    source
}

#[test]
fn memory_stays_bounded_whatever_the_source() {
    let test =
        "operations::convert::markdown::memory_tests::memory_stays_bounded_whatever_the_source";
    each_alone(test, UNITS.len(), |number| {
        let unit = UNITS[number];
        let source = longest(unit);
        let before = held_bytes();
        let began = std::time::Instant::now();
        convert(&mut Cursor::new(&source), "", &mut io::sink()).unwrap();
        let grown = peak_bytes() - before;
        println!(
            "{} MiB and {:?} for {} bytes of {unit:?}",
            grown >> 20,
            began.elapsed(),
            source.len()
        );
        assert!(grown < 64 << 20, "took {grown} bytes for {unit:?}");
    });
}
