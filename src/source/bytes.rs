//! A cheap handle to the immutable bytes of one file.

use std::fs::File;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::Mmap;

/// The bytes of one file or archive member, shared between readers: mapped from a file, or held in memory.
///
/// Cloning copies a pointer. Nobody may assume anything about the content: every offset is checked by who reads it.
#[derive(Clone)]
pub struct Bytes(Arc<Backing>);

enum Backing {
    Mapped(Mmap),
    Memory(Vec<u8>),
}

impl Bytes {
    /// Maps a file for reading. An empty file gives empty bytes.
    ///
    /// # Errors
    /// What the operating system says when the file cannot be mapped.
    #[expect(unsafe_code)]
    pub fn map(file: &File) -> std::io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self::from(Vec::new()));
        }
        // SAFETY: the map is read-only and private to this process. Another process that writes to the file can change
        // the bytes under us, which the readers bear because they check every value they use once they have copied it;
        // a file that shrinks ends the process with SIGBUS, which no reader of a map can prevent. The fingerprint that
        // is compared at the end of every command tells the user that the file was in use.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self(Arc::new(Backing::Mapped(map))))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Backing::Memory(bytes)))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Backing::Mapped(map) => map,
            Backing::Memory(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}
