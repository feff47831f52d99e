//! Makes a page of Markdown: CommonMark with tables, strikethrough, task lists, footnotes and alerts, as one HTML file without
//! anything else it needs. The page is safe to open, whoever wrote the source: raw HTML is shown as text, links and pictures keep
//! their target only if it is http, https, mailto, or has no scheme, and a content security policy forbids what is left.
//!
//! Memory stays below 64 MiB: beside its length the document's marks and lines are limited, so that plain prose may be 16 MiB long, and
//! a text that is nothing but marks half a MiB.
//!
//! Metadata between two lines of `---` at the top is shown as code.

use std::io::{BufWriter, Read, Write};

use pulldown_cmark::html::write_html_io;
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::streams::Watch;
use crate::domain::error::{Error, Kind, Result};

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod tests;

/// The longest source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 16 << 20;

/// What the parsed document may take, by [`tree_bytes`].
const TREE_BYTES_MAX: usize = 40 << 20;

/// How many pieces of the document are looked at for a heading to make the title of.
const TITLE_EVENTS_MAX: usize = 1_000;
const TITLE_CHARS_MAX: usize = 200;
const SINK_BUFFER_BYTES: usize = 64 * 1024;

const BEFORE_TITLE: &str = r#"<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src *; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>"#;

const BEFORE_BODY: &str = r#"</title>
<style>
:root { color-scheme: light dark; --line: #8886; --soft: #8881; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: break-word; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.6em 0 0.6em; }
pre, code { font-family: ui-monospace, monospace; font-size: 0.9em; background: var(--soft); border-radius: 4px; }
code { padding: 0.1em 0.3em; }
pre { padding: 0.8em 1em; overflow-x: auto; }
pre code { padding: 0; background: none; }
blockquote { margin: 1em 0; padding: 0 1em; border-left: 4px solid var(--line); }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: 0.3em 0.7em; }
img { max-width: 100%; }
hr { border: 0; border-top: 1px solid var(--line); }
li > input { margin-left: -1.4em; }
.footnote-definition { font-size: 0.9em; }
.footnote-definition > p { display: inline; }
</style>
</head>
<body>
"#;

const AFTER_BODY: &str = "</body>\n</html>\n";

/// Writes the page. Its title is the first heading, or `title` if there is none near the top.
///
/// # Errors
/// [`Kind::ContentLimit`] when the source is longer than [`SOURCE_BYTES_MAX`], [`Kind::ContentInvalid`] when it is not UTF-8,
/// [`Kind::Io`] and [`Kind::DiskFull`] when a stream fails.
pub fn convert(source: &mut dyn Read, title: &str, sink: &mut dyn Write) -> Result<()> {
    let watch = Watch::default();
    let outcome = read(watch.source(source)).and_then(|text| {
        let mut sink = BufWriter::with_capacity(SINK_BUFFER_BYTES, watch.sink(sink));
        page(&text, title, &mut sink)
            .and_then(|()| sink.flush())
            .map_err(|error| Error::io("writing a page", &error))
    });
    watch.settle(outcome)
}

fn read(source: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    source
        .take(SOURCE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("reading a document", &error))?;
    if bytes.len() > SOURCE_BYTES_MAX {
        return Err(Error::new(
            Kind::ContentLimit,
            format!("The document is longer than {} MiB; split it.", SOURCE_BYTES_MAX >> 20),
        ));
    }
    if tree_bytes(&bytes) > TREE_BYTES_MAX {
        return Err(Error::new(
            Kind::ContentLimit,
            "The document has too many lines and marks to be read at once; split it.",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        Error::new(
            Kind::ContentInvalid,
            "The document is not UTF-8. Save it as UTF-8 and try again.",
        )
        .because(error)
    })
}

/// About what the parser takes for a document: it keeps a tree of all of it, with a node for each mark that may mean something and a
/// few for each line. The numbers are measured.
fn tree_bytes(source: &[u8]) -> usize {
    let mut before = b' ';
    let mut bytes = 0;
    for &byte in source {
        bytes += match byte {
            b'\n' => 150,
            b'\r' => 100,
            b'.' | b')' if before.is_ascii_digit() => 110,
            b'*' | b'_' | b'&' | b'[' | b']' | b'<' | b'!' | b'`' | b'~' => 90,
            b'>' | b'|' | b'-' | b'+' | b'#' | b':' | b'\\' => 60,
            _ => 0,
        };
        before = byte;
    }
    bytes
}

fn page(text: &str, title: &str, sink: &mut impl Write) -> std::io::Result<()> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let text = text.trim_start_matches('\u{feff}');
    let mut events = Tamed::new(Parser::new_ext(text, options));
    let mut start: Vec<Event<'_>> = Vec::new();
    while start.len() < TITLE_EVENTS_MAX
        && !matches!(start.last(), Some(Event::End(TagEnd::Heading(_))))
        && let Some(event) = events.next()
    {
        start.push(event);
    }
    sink.write_all(BEFORE_TITLE.as_bytes())?;
    let heading = first_heading(&start);
    sink.write_all(escaped(heading.as_deref().unwrap_or(title)).as_bytes())?;
    sink.write_all(BEFORE_BODY.as_bytes())?;
    write_html_io(&mut *sink, start.into_iter().chain(events))?;
    sink.write_all(AFTER_BODY.as_bytes())
}

/// The text of a heading with which the events end.
fn first_heading(events: &[Event<'_>]) -> Option<String> {
    if !matches!(events.last(), Some(Event::End(TagEnd::Heading(_)))) {
        return None;
    }
    let start =
        events.iter().rposition(|event| matches!(event, Event::Start(Tag::Heading { .. })))?;
    let mut heading = String::new();
    for event in &events[start..] {
        match event {
            Event::Text(text) | Event::Code(text) => heading.push_str(text),
            Event::SoftBreak | Event::HardBreak => heading.push(' '),
            _ => {}
        }
    }
    let heading: String = heading.trim().chars().take(TITLE_CHARS_MAX).collect();
    (!heading.is_empty()).then_some(heading)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The events of a document without what could act in a browser.
struct Tamed<I> {
    events: I,
    /// For each link or picture that is open, whether it was let through.
    open: Vec<bool>,
}

impl<'a, I: Iterator<Item = Event<'a>>> Tamed<I> {
    fn new(events: I) -> Self {
        Self { events, open: Vec::new() }
    }

    /// Lets a link or picture through, or only what is inside of it.
    fn tag(&mut self, tag: Tag<'a>, harmless: bool) -> Option<Event<'a>> {
        self.open.push(harmless);
        harmless.then_some(Event::Start(tag))
    }

    fn tame(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        Some(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            Event::Start(Tag::MetadataBlock(_)) => {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced("yaml".into())))
            }
            Event::End(TagEnd::MetadataBlock(_)) => Event::End(TagEnd::CodeBlock),
            Event::Start(tag) => match &tag {
                Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
                    let harmless = is_harmless(&format!("mailto:{dest_url}"));
                    return self.tag(tag, harmless);
                }
                Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                    let harmless = is_harmless(dest_url);
                    return self.tag(tag, harmless);
                }
                _ => Event::Start(tag),
            },
            Event::End(end @ (TagEnd::Link | TagEnd::Image)) => {
                return self.open.pop().unwrap_or(false).then_some(Event::End(end));
            }
            other => other,
        })
    }
}

impl<'a, I: Iterator<Item = Event<'a>>> Iterator for Tamed<I> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            let event = self.events.next()?;
            if let Some(event) = self.tame(event) {
                return Some(event);
            }
        }
    }
}

/// Whether a browser that follows the target can only get to another page or a mail. Entities are resolved already. A browser leaves
/// out control characters within a scheme, so a target with any of them is not trusted at all.
fn is_harmless(target: &str) -> bool {
    if target.chars().any(char::is_control) {
        return false;
    }
    match target.find([':', '/', '?', '#']) {
        Some(at) if target[at..].starts_with(':') => ["http", "https", "mailto"]
            .iter()
            .any(|scheme| target[..at].eq_ignore_ascii_case(scheme)),
        _ => true,
    }
}
