//! Bytes that come as a stream, kept in an unlinked temporary file (mode 0600) so that they can be mapped.

use std::fs::File;
use std::io::{self, Read, Write};

use super::Bytes;

/// The most that one source may unpack to, in bytes. Larger stores exist only on disk, where nothing is unpacked.
pub const UNPACK_LIMIT: u64 = 64 << 30;

/// What keeps a stream from being spooled.
#[derive(Debug)]
pub enum SpoolError {
    /// Reading or writing failed.
    Io(io::Error),
    /// More than the rest of [`UNPACK_LIMIT`].
    TooLarge,
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Copies a stream of at most `budget` bytes to an unlinked temporary file, takes its length off the budget and maps it.
///
/// # Errors
/// What reading or writing said, or that the stream is longer than the budget.
pub fn spool(mut from: impl Read, budget: &mut u64) -> Result<Bytes, SpoolError> {
    let mut file = tempfile::tempfile()?;
    let mut block = vec![0u8; 1 << 20];
    loop {
        let count = match from.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        *budget = budget.checked_sub(count as u64).ok_or(SpoolError::TooLarge)?;
        write_sparse(&mut file, block.get(..count).unwrap_or_default())?;
    }
    let len = io::Seek::stream_position(&mut file)?;
    file.set_len(len)?;
    Ok(Bytes::map(&file)?)
}

/// Blocks of zeros become holes: etcd preallocates its WAL segments to 64 MB of them.
fn write_sparse(file: &mut File, block: &[u8]) -> io::Result<()> {
    for chunk in block.chunks(64 << 10) {
        if chunk.iter().all(|&byte| byte == 0) {
            io::Seek::seek(file, io::SeekFrom::Current(chunk.len() as i64))?;
        } else {
            file.write_all(chunk)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_spooled_as_it_is_and_within_its_budget() {
        let mut stream = vec![7u8; 100];
        stream.resize(300_000, 0);
        let mut budget = 300_000;
        assert_eq!(*spool(&stream[..], &mut budget).unwrap(), *stream);
        assert_eq!(budget, 0);
        assert!(matches!(spool(&stream[..1], &mut budget), Err(SpoolError::TooLarge)));
    }
}
