//! A sink that writes a file and takes its SHA-256 at the same time, on a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

use super::write::Sink;

/// Buffers that may wait for the hash; more would only fill memory.
const WAITING: usize = 4;

/// Writes to `W` and hashes what it writes, beside the thread that fills the buffers. etcd's snapshots end with this hash.
#[derive(Debug)]
pub struct HashingSink<W> {
    out: W,
    to_hash: SyncSender<Arc<Vec<u8>>>,
    used: Receiver<Arc<Vec<u8>>>,
    hasher: JoinHandle<[u8; 32]>,
}

impl<W: Write> HashingSink<W> {
    /// Starts the hashing thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn new(out: W) -> io::Result<Self> {
        let (to_hash, buffers) = sync_channel::<Arc<Vec<u8>>>(WAITING);
        // Room for all buffers there can be, so that giving one back never waits.
        let (give_back, used) = sync_channel(2 * WAITING + 2);
        let hasher = std::thread::Builder::new().name("sha256".to_owned()).spawn(move || {
            let mut sum = Sha256::new();
            for buffer in buffers {
                sum.update(buffer.as_slice());
                // Nobody needs the buffer any more when the writer has ended.
                let _ = give_back.try_send(buffer);
            }
            sum.finalize().into()
        })?;
        Ok(Self { out, to_hash, used, hasher })
    }

    /// Waits for the hash of all that was written.
    ///
    /// # Errors
    /// The hashing thread died.
    pub fn finish(self) -> io::Result<(W, [u8; 32])> {
        drop(self.to_hash);
        let sum = self.hasher.join().map_err(|_| io::Error::other("the hashing thread died"))?;
        Ok((self.out, sum))
    }
}

impl<W: Write> Sink for HashingSink<W> {
    fn accept(&mut self, full: Vec<u8>) -> io::Result<Vec<u8>> {
        let full = Arc::new(full);
        let sent = self.to_hash.send(Arc::clone(&full));
        sent.map_err(|_| io::Error::other("the hashing thread died"))?;
        self.out.write_all(&full)?;
        drop(full);
        let free = self.used.try_iter().find_map(|buffer| Arc::try_unwrap(buffer).ok());
        let mut free = free.unwrap_or_default();
        free.clear();
        Ok(free)
    }
}
