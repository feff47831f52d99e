//! Compressed streams: gzip, bzip2, xz, zstd. Concatenated ones are read to their end, as their own tools do.

use std::io::{self, Read, Seek};

use lzma_rust2::XzReader;

use super::outlet::{Outlet, What};
use super::source::Source;
use super::{DECODER_MEMORY_KIB, Kind, ZSTD_WINDOW_LOG_MAX, decoding, tar};
use crate::domain::error::Result;

const HEAD: usize = 512;

/// The endings that a compressed file loses.
const ENDINGS: [&str; 6] = [".gz", ".bz2", ".xz", ".zst", ".zstd", ".gzip"];

pub fn extract<R: Read + Seek>(
    kind: Kind,
    source: &mut Source<R>,
    name: &str,
    outlet: &mut Outlet,
) -> Result<()> {
    let mut stream = open(kind, source).map_err(|error| decoding(None, &error))?;
    let head = head(&mut stream)?;
    let is_tar = tar::is_header(&head);
    let mut stream = (&head[..]).chain(stream);
    if is_tar {
        return tar::read::extract(&mut Forward(&mut stream), outlet);
    }
    let name = without_ending(name);
    let way = outlet.begin(name, What::File, None, None)?;
    outlet.drain(&mut stream, name, way)?;
    outlet.end(way)
}

pub fn holds_tar<R: Read + Seek>(kind: Kind, source: &mut Source<R>) -> Result<bool> {
    let mut stream = open(kind, source).map_err(|error| decoding(None, &error))?;
    Ok(tar::is_header(&head(&mut stream)?))
}

fn open<'a, R: Read + Seek>(
    kind: Kind,
    source: &'a mut Source<R>,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match kind {
        Kind::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Kind::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        Kind::Xz => Box::new(XzReader::new_mem_limit(source, true, DECODER_MEMORY_KIB)),
        Kind::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(source)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Kind::Zip | Kind::SevenZip | Kind::Tar => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// The first 512 bytes, or all if there are fewer.
fn head(stream: &mut dyn Read) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    stream.take(HEAD as u64).read_to_end(&mut head).map_err(|error| decoding(None, &error))?;
    Ok(head)
}

fn without_ending(name: &str) -> &str {
    let ending = ENDINGS.iter().find(|ending| {
        name.len() > ending.len()
            && name.is_char_boundary(name.len() - ending.len())
            && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending)
    });
    ending.map_or(name, |ending| &name[..name.len() - ending.len()])
}

/// A stream in which one can only go forward.
struct Forward<'a>(&'a mut dyn Read);

impl Read for Forward<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl tar::read::Tape for Forward<'_> {
    fn pass(&mut self, _: u64) -> io::Result<bool> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_file_loses_its_ending() {
        for (name, without) in [
            ("a.txt.gz", "a.txt"),
            ("A.XZ", "A"),
            ("a", "a"),
            (".gz", ".gz"),
            ("ä", "ä"),
            ("a.tar.zst", "a.tar"),
        ] {
            assert_eq!(without_ending(name), without);
        }
    }
}
