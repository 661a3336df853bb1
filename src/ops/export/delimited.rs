//! A file of lines: written through a hash, read back and hashed again.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Fault, Row, TableWriter};

/// How rows become lines.
pub trait Lines {
    /// What stands before the first row.
    fn head(&mut self, out: &mut Vec<u8>);
    /// A row with the end of its line.
    fn row(&mut self, row: &Row<'_>, out: &mut Vec<u8>);
}

/// Writes the lines of a table to a file.
pub struct Writer<L> {
    lines: L,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    text: Vec<u8>,
}

impl<L: Lines> Writer<L> {
    /// A new file, with its head.
    pub fn create(path: &Path, mut lines: L) -> Result<Self, Fault> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut text = Vec::new();
        lines.head(&mut text);
        let file = BufWriter::with_capacity(1 << 20, file);
        let mut made = Self { lines, path: path.to_owned(), file, hash: Sha256::new(), text };
        made.write()?;
        Ok(made)
    }

    fn write(&mut self) -> Result<(), Fault> {
        self.hash.update(&self.text);
        self.file.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

impl<L: Lines> TableWriter for Writer<L> {
    fn rows(&mut self, rows: &[Row<'_>]) -> Result<(), Fault> {
        for row in rows {
            self.lines.row(row, &mut self.text);
        }
        self.write()
    }

    fn finish(mut self: Box<Self>) -> Result<u64, Fault> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let mut back = File::open(&self.path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            let read = back.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(buffer.get(..read).unwrap_or_default());
            bytes += read as u64;
        }
        if hash.finalize() == self.hash.finalize() { Ok(bytes) } else { Err(Fault::Differs) }
    }
}
