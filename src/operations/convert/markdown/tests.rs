//! Documents: what they look like, and what is refused.

use std::io::{self, Cursor};

use super::hostile_tests::acts;
use super::*;

fn page_of(source: &str) -> String {
    let mut sink = Vec::new();
    convert(&mut Cursor::new(source), "notes.md", &mut sink).unwrap();
    String::from_utf8(sink).unwrap()
}

pub(super) fn body_of(source: &str) -> String {
    let page = page_of(source);
    let body = page.strip_prefix(BEFORE_TITLE).unwrap().split_once(BEFORE_BODY).unwrap().1;
    body.strip_suffix(AFTER_BODY).unwrap().to_owned()
}

pub(super) fn title_of(source: &str) -> String {
    let page = page_of(source);
    page.strip_prefix(BEFORE_TITLE).unwrap().split_once("</title>").unwrap().0.to_owned()
}

#[test]
fn the_title_is_the_first_heading() {
    assert_eq!(
        title_of("text\n\n## A *b* `<c>` & \"d\"\n\n# Later"),
        "A b &lt;c&gt; &amp; &quot;d&quot;"
    );
    assert_eq!(title_of("Two\nlines\n===\n"), "Two lines");
    assert_eq!(title_of("no heading"), "notes.md");
    assert_eq!(title_of("# \n\ntext"), "notes.md");
    assert_eq!(
        title_of("# </title><script>alert(1)</script>"),
        "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    );
    assert_eq!(title_of(&format!("# {}", "ü".repeat(500))).chars().count(), 200);
}

#[test]
fn what_github_knows_is_known() {
    for (source, want) in [
        ("|a|b|\n|:-|-:|\n|1|2|\n", "<th style=\"text-align: left\">a</th>"),
        ("~~gone~~", "<del>gone</del>"),
        ("- [x] done\n- [ ] open\n", "<input disabled=\"\" type=\"checkbox\" checked=\"\"/>"),
        ("a[^1]\n\n[^1]: note\n", "<div class=\"footnote-definition\" id=\"1\">"),
        ("> [!NOTE]\n> hear\n", "<blockquote class=\"markdown-alert-note\">"),
        (
            "```rust\nfn a<T>() {}\n```\n",
            "<pre><code class=\"language-rust\">fn a&lt;T&gt;() {}\n</code></pre>",
        ),
        (
            "---\ntitle: \"x\"\n---\n\n# H\n",
            "<pre><code class=\"language-yaml\">title: \"x\"\n</code></pre>",
        ),
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
        ("a\n\n<div>\n*x*\n</div>\n\nb", "<p>&lt;div&gt;\n*x*\n&lt;/div&gt;\n</p>"),
        ("<me@example.org>", "<a href=\"mailto:me@example.org\">me@example.org</a>"),
        ("[a](b/c.md#d \"t\")", "<a href=\"b/c.md#d\" title=\"t\">a</a>"),
        ("[a](HTTPS://example.org/?a=1&b=2)", "<a href=\"HTTPS://example.org/?a=1&amp;b=2\">a</a>"),
        ("[a](#b)", "<a href=\"#b\">a</a>"),
        ("[a](a/b:c)", "<a href=\"a/b:c\">a</a>"),
        ("![*a* b](x.png)", "<img src=\"x.png\" alt=\"a b\" />"),
        ("\u{feff}# H", "<h1>H</h1>"),
    ] {
        let body = body_of(source);
        assert!(body.contains(want), "{source}\n{body}");
        assert_eq!(acts(&body), None, "{body}");
    }
}

#[test]
fn a_target_that_is_lost_leaves_its_text() {
    assert_eq!(body_of("a [b *c*](javascript:x) d"), "<p>a b <em>c</em> d</p>\n");
    assert_eq!(body_of("![alt *text*](data:image/png,x)"), "<p>alt <em>text</em></p>\n");
    assert_eq!(body_of("[![alt](x.png)](data:x)"), "<p><img src=\"x.png\" alt=\"alt\" /></p>\n");
    assert_eq!(body_of("[![alt](data:x)](y)"), "<p><a href=\"y\">alt</a></p>\n");
}

#[test]
fn a_source_has_limits() {
    let mut sink = Vec::new();
    let mut long = io::repeat(b'a').take(SOURCE_BYTES_MAX as u64 + 1);
    let error = convert(&mut long, "", &mut sink).unwrap_err();
    assert_eq!((error.kind(), sink.len()), (Kind::ContentLimit, 0));
    let error = convert(&mut Cursor::new(b"\xff\xfe"), "", &mut sink).unwrap_err();
    assert_eq!(error.kind(), Kind::ContentInvalid);
}

#[test]
fn a_stream_that_stops_is_told_so() {
    struct Stops;
    impl Read for Stops {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            assert!(into.len() <= 256 * 1024);
            Err(io::Error::other("paused"))
        }
    }
    impl Write for Stops {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("paused"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(convert(&mut Stops, "", &mut Vec::new()).unwrap_err().kind(), Kind::Io);
    for source in ["a".to_owned(), "a\n\n".repeat(100_000)] {
        assert_eq!(convert(&mut Cursor::new(source), "", &mut Stops).unwrap_err().kind(), Kind::Io);
    }
}
