//! The rules of the house, held as data against the source itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of ours each layer may name. Everything else is an import that points the wrong way.
const LAYERS: [(&str, &[&str]); 16] = [
    ("clock", &["domain"]),
    ("telemetry", &["domain"]),
    ("tls", &["domain", "blobs", "outgoing"]),
    ("domain", &[]),
    ("outgoing", &["domain"]),
    ("store", &["clock", "domain"]),
    ("blobs", &["domain"]),
    ("engine", &["clock", "domain", "store", "blobs"]),
    ("operations", &["clock", "domain", "store", "blobs", "engine"]),
    ("notify", &["clock", "domain", "store", "engine", "outgoing"]),
    ("http", &["clock", "domain", "store", "blobs", "engine", "operations", "notify", "outgoing"]),
    ("config", &["domain"]),
    (
        "app",
        &[
            "clock",
            "domain",
            "store",
            "blobs",
            "engine",
            "operations",
            "notify",
            "http",
            "config",
            "outgoing",
            "telemetry",
            "tls",
        ],
    ),
    ("cli", &["clock", "domain", "store", "http", "config", "telemetry", "app"]),
    ("lib", &[]),
    ("main", &[]),
];

/// Crates that only these layers may name.
const CONFINED: [(&str, &[&str]); 17] = [
    ("age", &["blobs"]),
    ("chacha20poly1305", &["blobs"]),
    ("zip", &["blobs"]),
    ("tar", &["blobs"]),
    ("sevenz_rust2", &["blobs"]),
    ("image", &["operations"]),
    ("webp", &["operations"]),
    ("pulldown_cmark", &["operations"]),
    ("rusqlite", &["store"]),
    ("r2d2", &["store"]),
    ("actix_web", &["http", "app"]),
    ("actix_ws", &["http"]),
    ("actix_multipart", &["http"]),
    ("clap", &["cli", "config"]),
    ("libc", &["blobs"]),
    ("reqwest", &["outgoing"]),
    ("object_store", &["blobs", "outgoing"]),
];

const LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder, relative to the project.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("artifacts") {
                walk(&path, found);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The code of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = read(path);
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn layer(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[track_caller]
fn nothing(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs") {
        let layer = layer(&path);
        let (_, allowed) =
            LAYERS.iter().find(|(name, _)| *name == layer).expect("every layer has its rule");
        for part in code(&path).split("crate::").skip(1) {
            let named: String =
                part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if named != layer && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: {layer} may not import {named}", short(&path)));
            }
        }
    }
    nothing(wrong);
}

/// Does code name this crate, and not only something that ends alike?
fn names(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::"))
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)))
}

#[test]
fn crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs") {
        let (layer, code) = (layer(&path), code(&path));
        for (name, allowed) in CONFINED {
            if names(&code, name) && !allowed.contains(&layer.as_str()) {
                wrong.push(format!(
                    "{}: {name} belongs to {}",
                    short(&path),
                    allowed.join(" and ")
                ));
            }
        }
        if layer == "domain"
            && ["std::fs", "tokio::", "std::net"].iter().any(|word| code.contains(word))
        {
            wrong.push(format!("{}: the domain does no input or output", short(&path)));
        }
    }
    nothing(wrong);
}

#[test]
fn only_the_engine_writes_a_status() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs") {
        if code(&path).contains("set_state(")
            && !["engine", "store"].contains(&layer(&path).as_str())
        {
            wrong.push(short(&path));
        }
    }
    nothing(wrong);
}

#[test]
fn files_and_functions_stay_readable() {
    let mut wrong = Vec::new();
    let mut all = files("src", ".rs");
    all.extend(files("tests", ".rs"));
    all.extend(files("tests", ".mjs"));
    all.extend(files("benches", ".rs"));
    all.extend(files("assets", ".js"));
    all.extend(files("assets", ".css"));
    for path in all {
        let text = read(&path);
        if text.lines().count() > LINES_MAX {
            wrong.push(format!("{} has more than {LINES_MAX} lines", short(&path)));
        }
        if path.extension().is_some_and(|ending| ending == "rs") {
            wrong.extend(
                long_functions(&text).into_iter().map(|name| format!("{}: {name}", short(&path))),
            );
        }
    }
    nothing(wrong);
}

/// Functions that are too long, found by indentation, which the formatter guarantees.
fn long_functions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim_start();
        let begins = [
            "fn ",
            "pub fn ",
            "async fn ",
            "pub async fn ",
            "pub(super) fn ",
            "pub(super) async fn ",
        ];
        if !begins.iter().any(|begin| words.starts_with(begin)) {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[number..].iter().position(|line| *line == end).unwrap_or(0);
        if length > FUNCTION_LINES_MAX {
            found.push(format!("{} has {length} lines", words.trim_end_matches(" {")));
        }
    }
    found
}

#[test]
fn the_embedded_list_is_the_assets_folder() {
    let embedded: BTreeSet<String> =
        drive::http::embedded::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    let folder: BTreeSet<String> = files("assets", "")
        .iter()
        .map(|path| path.strip_prefix(root().join("assets")).unwrap().display().to_string())
        .collect();
    assert_eq!(embedded, folder);
}

#[test]
fn the_client_keeps_its_layers() {
    let mut wrong = Vec::new();
    for path in files("assets", ".js") {
        let text = read(&path);
        let name = short(&path);
        if text.contains("innerHTML") {
            wrong.push(format!("{name}: text enters through textContent"));
        }
        if name.contains("/core/") && (text.contains("document.") || text.contains("../elements/"))
        {
            wrong.push(format!("{name}: core knows no page"));
        }
        if name.contains("/elements/")
            && (text.contains("fetch(") || text.contains("new WebSocket"))
        {
            wrong.push(format!("{name}: elements ask core"));
        }
    }
    nothing(wrong);
}

/// The rows of a Markdown table below a heading, each cut into its cells.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let after = text
        .split(&format!("# {heading}\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("no heading {heading}"));
    after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect()
        })
        .collect()
}

#[test]
fn the_readme_lists_every_error_code() {
    let known: BTreeSet<(String, String)> = drive::domain::error::Kind::ALL
        .iter()
        .map(|&kind| (drive::http::problem::status(kind).to_string(), kind.code().to_owned()))
        .collect();
    let listed: BTreeSet<(String, String)> = table(&read(&root().join("README.md")), "Error codes")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn every_threat_names_tests_that_exist() {
    let text = read(&root().join("SECURITY.md"));
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let mut wrong = Vec::new();
    for (row, number) in rows.iter().zip(1..) {
        if !row.starts_with(&format!("| {number} |")) {
            wrong.push(format!("row {number} is missing or misplaced: {row}"));
        }
        for (module, name) in row.split('`').filter_map(|part| part.split_once("::")) {
            let file = root().join(format!("tests/it/{module}.rs"));
            let found =
                fs::read_to_string(&file).is_ok_and(|code| code.contains(&format!("fn {name}()")));
            if !found {
                wrong.push(format!("{module}::{name} does not exist"));
            }
        }
    }
    assert_eq!(rows.len(), 32);
    nothing(wrong);
}

#[test]
fn the_readme_lists_every_setting() {
    let mut section = String::new();
    let mut known = BTreeSet::new();
    for line in drive::config::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            known.insert(format!("{section}.{}", key.trim()));
        }
    }
    let listed: BTreeSet<String> = table(&read(&root().join("README.md")), "Settings")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(listed, known);
}

/// What somebody must know to be let in. Such a thing is looked up by its hash, or compared with `ct_eq`.
const SECRETS: [&str; 9] =
    ["secret", "token", "passcode", "password", "cookie", "mac", "signature", "nonce", "verifier"];
/// Both sides are fingerprints.
const BY_HASH: [&str; 1] = ["if cookie != Some(begun.browser) {"];

#[test]
fn secrets_are_found_by_their_hash_or_compared_in_constant_time() {
    let mut wrong = Vec::new();
    let layers = ["src/http", "src/notify", "src/operations", "src/engine", "src/store"];
    let mut compared = 0;
    for path in layers.iter().flat_map(|layer| files(layer, ".rs")) {
        let text = read(&path);
        compared += text.matches("ct_eq(").count();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let sides = line.split("==").flat_map(|part| part.split("!=")).collect::<Vec<_>>();
            let word = |text: &str| {
                let ends = |c: char| !(c.is_alphanumeric() || c == '_');
                let first = text.trim_start_matches([' ', '&', '*']).split(ends).next();
                let last = text.trim_end().rsplit(ends).next();
                [first, last].map(|word| word.unwrap_or_default().to_owned())
            };
            // The word before each sign, and the one behind it.
            let pairs = sides.windows(2).flat_map(|pair| {
                let [[_, before], [behind, _]] = [word(pair[0]), word(pair[1])];
                [before, behind]
            });
            let named = pairs.filter(|word| SECRETS.contains(&word.as_str())).count() > 0;
            if named && !BY_HASH.contains(&line) {
                wrong.push(format!("{}: {line}", short(&path)));
            }
        }
    }
    nothing(wrong);
    assert!(compared >= 2, "only {compared} comparisons in constant time");
}
