//! Which format a file is in, by its first bytes.

use std::fmt;

/// A format that the first bytes of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A SQLite database (SQLite file format, section 1.3).
    Sqlite,
    /// A SQLite WAL (SQLite file format, section 4.1).
    SqliteWal,
    /// A bbolt file (bbolt internal/common/meta.go).
    Bolt,
    /// A zip archive.
    Zip,
    /// A gzip stream.
    Gzip,
    /// A zstd stream.
    Zstd,
    /// A tar archive.
    Tar,
    /// No bytes at all.
    Empty,
    /// Nothing but zeros where a header should be.
    Zeros,
    /// None of these.
    Unknown,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite database",
            Self::SqliteWal => "SQLite WAL",
            Self::Bolt => "bbolt file",
            Self::Zip => "zip archive",
            Self::Gzip => "gzip stream",
            Self::Zstd => "zstd stream",
            Self::Tar => "tar archive",
            Self::Empty => "empty file",
            Self::Zeros => "file of zeros",
            Self::Unknown => "file of unknown format",
        })
    }
}

/// How many bytes from the start of a file [`sniff`] wants: enough for the second meta page of a 64 KiB-page bbolt file.
pub const SNIFF_BYTES: usize = 65536 + 128;

/// bbolt's magic number; it stands in the byte order of the host that wrote the file (bbolt internal/common/types.go).
const BOLT_MAGIC: u32 = 0xED0C_DAED;

/// Tells the format of a file from its first `SNIFF_BYTES` bytes (fewer where the file is shorter).
pub fn sniff(head: &[u8]) -> Format {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let wal = |last: u8| starts(&[0x37, 0x7f, 0x06, last]);
    if head.is_empty() {
        Format::Empty
    } else if starts(b"SQLite format 3\0") {
        Format::Sqlite
    } else if wal(0x82) || wal(0x83) {
        Format::SqliteWal
    } else if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        Format::Zip
    } else if starts(&[0x1f, 0x8b]) {
        Format::Gzip
    } else if starts(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Format::Zstd
    } else if is_bolt_meta(head, 0) {
        Format::Bolt
    } else if head.get(257..262) == Some(b"ustar") {
        // Before the second meta is looked for: a member that is a bbolt file has its own first meta there.
        Format::Tar
    } else if (0..7).any(|shift| is_bolt_meta(head, 1024 << shift)) {
        Format::Bolt
    } else if head.iter().take(512).all(|&byte| byte == 0) {
        Format::Zeros
    } else {
        Format::Unknown
    }
}

/// A meta page may start at 0, or, where the first one is lost, at any page size from 1 KiB (bbolt db.go getPageSize).
fn is_bolt_meta(head: &[u8], start: usize) -> bool {
    let magic = head.get(start + 16..start + 20).and_then(|bytes| bytes.try_into().ok());
    magic.is_some_and(|magic| u32::from_le_bytes(magic) == BOLT_MAGIC || u32::from_be_bytes(magic) == BOLT_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(sniff(b""), Format::Empty);
        assert_eq!(sniff(b"SQLite format 3\0rest"), Format::Sqlite);
        assert_eq!(sniff(&[0x37, 0x7f, 0x06, 0x83, 0]), Format::SqliteWal);
        assert_eq!(sniff(&[0; 4096]), Format::Zeros);
        assert_eq!(sniff(b"hello"), Format::Unknown);
        let mut second_meta_of_16k_pages = vec![0u8; 16384 + 64];
        second_meta_of_16k_pages[16384 + 16..16384 + 20].copy_from_slice(&BOLT_MAGIC.to_be_bytes());
        assert_eq!(sniff(&second_meta_of_16k_pages), Format::Bolt);
        let mut tar_of_a_directory_and_a_bbolt_file = vec![0u8; 4096];
        tar_of_a_directory_and_a_bbolt_file[257..262].copy_from_slice(b"ustar");
        tar_of_a_directory_and_a_bbolt_file[1024 + 16..1024 + 20].copy_from_slice(&BOLT_MAGIC.to_le_bytes());
        assert_eq!(sniff(&tar_of_a_directory_and_a_bbolt_file), Format::Tar);
    }
}
