//! Readers and writers that stop the work, or do it in small steps.

use std::io::ErrorKind;

use super::*;

/// Reads and writes a few bytes at a time, and fails in its own way after some of them.
struct Fickle<T> {
    inner: T,
    left: usize,
    error: ErrorKind,
}

impl<T> Fickle<T> {
    fn step(&mut self, asked: usize) -> io::Result<usize> {
        assert!(asked <= 256 * 1024, "pieces stay small");
        if self.left == 0 {
            return Err(self.error.into());
        }
        let count = asked.min(self.left).min(1 + self.left % 1000);
        self.left -= count;
        Ok(count)
    }
}

impl<T: Read> Read for Fickle<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.step(buffer.len())?;
        self.inner.read(&mut buffer[..count])
    }
}

impl<T: Write> Write for Fickle<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.step(buffer.len())?;
        self.inner.write(&buffer[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Seek> Seek for Fickle<T> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

fn fickle<T>(inner: T, left: usize, error: ErrorKind) -> Fickle<T> {
    Fickle { inner, left, error }
}

#[test]
fn small_steps_make_the_same_file() {
    let (identity, plain) = (fresh(), content(CHUNK + 5000));
    let mut file = fickle(Vec::new(), usize::MAX, ErrorKind::Other);
    let mut source = fickle(plain.as_slice(), usize::MAX, ErrorKind::Other);
    encrypt(&identity.recipient(), &mut source, &mut file).unwrap();
    let file = file.inner;
    let mut back = fickle(Vec::new(), usize::MAX, ErrorKind::Other);
    decrypt(&identity, fickle(file.as_slice(), usize::MAX, ErrorKind::Other), &mut back).unwrap();
    assert!(back.inner == plain);
    let slow = fickle(Cursor::new(&file), usize::MAX, ErrorKind::Other);
    let mut reader = Plain::open(&identity, slow).unwrap();
    let mut buffer = vec![0; plain.len()];
    reader.read_at(0, &mut buffer).unwrap();
    assert!(buffer == plain);
}

/// `Interrupted` above all must not be tried again for ever.
#[test]
fn a_reader_or_writer_stops_the_work_by_any_error() {
    let (identity, plain) = (fresh(), content(3 * CHUNK));
    let recipient = identity.recipient();
    let file = encrypted(&identity, &plain);
    for kind in [ErrorKind::Interrupted, ErrorKind::InvalidData, ErrorKind::UnexpectedEof] {
        for left in [0, 50, 300, 5000, CHUNK + 5000, 2 * CHUNK + 5000] {
            let mut sink = Vec::new();
            let stopped = [
                encrypt(&recipient, &mut fickle(plain.as_slice(), left, kind), &mut sink).err(),
                encrypt(&recipient, &mut &*plain, &mut fickle(Vec::new(), left, kind)).err(),
                decrypt(&identity, fickle(file.as_slice(), left, kind), &mut sink).err(),
                decrypt(&identity, &*file, &mut fickle(Vec::new(), left, kind)).err(),
                Plain::open(&identity, fickle(Cursor::new(&file), left, kind))
                    .and_then(|mut reader| reader.read_at(0, &mut vec![0; plain.len()]))
                    .err(),
            ];
            for (way, error) in stopped.into_iter().enumerate() {
                assert_eq!(error.unwrap().kind(), Kind::Io, "{kind:?} after {left}, way {way}");
            }
        }
    }
}

#[test]
fn the_kernels_own_interruption_is_tried_again() {
    struct Signalled<T>(T, u32);
    impl<T> Signalled<T> {
        fn step(&mut self) -> io::Result<()> {
            self.1 += 1;
            match self.1 % 3 {
                0 => Err(io::Error::from_raw_os_error(rustix::io::Errno::INTR.raw_os_error())),
                _ => Ok(()),
            }
        }
    }
    impl<T: Read> Read for Signalled<T> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.step().and_then(|()| self.0.read(buffer))
        }
    }
    impl<T: Write> Write for Signalled<T> {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.step().and_then(|()| self.0.write(buffer))
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    let (identity, plain) = (fresh(), content(5 * CHUNK));
    let mut file = Signalled(Vec::new(), 0);
    encrypt(&identity.recipient(), &mut Signalled(plain.as_slice(), 0), &mut file).unwrap();
    let mut back = Signalled(Vec::new(), 0);
    decrypt(&identity, Signalled(file.0.as_slice(), 0), &mut back).unwrap();
    assert!(back.0 == plain);
}

#[test]
fn a_full_disk_is_called_so_from_the_first_byte() {
    let identity = fresh();
    for left in [0, 100, 1000] {
        let mut sink = fickle(Vec::new(), left, ErrorKind::StorageFull);
        let plain = content(CHUNK);
        let error = encrypt(&identity.recipient(), &mut &*plain, &mut sink).unwrap_err();
        assert_eq!(error.kind(), Kind::DiskFull, "{left}");
    }
    let file = encrypted(&identity, b"bytes");
    let mut sink = fickle(Vec::new(), 0, ErrorKind::StorageFull);
    assert_eq!(decrypt(&identity, &*file, &mut sink).unwrap_err().kind(), Kind::DiskFull);
}
