//! Starting to write dirty pages before anyone waits for them, so that the flush at a chunk's end is short.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Asks the kernel to begin writing a range; it waits for nothing. Only a hint: a failure shows in the later flush.
#[expect(
    unsafe_code,
    reason = "sync_file_range has no safe wrapper; it takes three numbers and touches no memory"
)]
pub(super) fn start(file: &File, offset: u64, length: u64) {
    let (Ok(offset), Ok(length)) = (i64::try_from(offset), i64::try_from(length)) else { return };
    // SAFETY: the descriptor is open for the whole call, and the call reads and writes no memory of ours.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), offset, length, libc::SYNC_FILE_RANGE_WRITE);
    }
}
