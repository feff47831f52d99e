//! The benchmark of the upload path, of the task engine and of a download. Each figure is taken beside its yardstick in the same run, on 127.0.0.1.
//!
//! `cargo bench --bench spine -- throughput big many socket list files engine download` runs all; any of the words runs its part.
//! `BENCH_DIR` names the folder for the data (default: a temporary folder).

mod download;
mod engine;
mod files;
mod floor;
mod parts;
mod wire;
mod wire_socket;

use std::path::PathBuf;

fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if words.first().is_some_and(|word| word == "floor") {
        return floor::serve(&PathBuf::from(&words[1]));
    }
    let wants = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let folder = tempfile::Builder::new()
        .prefix("drive-bench-")
        .tempdir_in(std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from))
        .expect("a folder for the data");
    type Part = (&'static str, fn(&std::path::Path));
    let parts: [Part; 8] = [
        ("throughput", parts::throughput),
        ("many", parts::many),
        ("socket", parts::socket),
        ("list", parts::list),
        ("files", files::files),
        ("engine", engine::engine),
        ("big", parts::big),
        ("download", download::download),
    ];
    for (name, part) in parts {
        if wants(name) {
            part(folder.path());
        }
    }
}
