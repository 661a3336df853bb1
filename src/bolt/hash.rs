//! A sink that writes a file and takes its SHA-256 at the same time, each on a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

use super::write::Sink;

/// Buffers that may wait for the hash or for the file; more would only fill memory.
const WAITING: usize = 4;

/// Writes to `W` and hashes what it writes, both beside the thread that fills the buffers. etcd's snapshots end with this
/// hash.
#[derive(Debug)]
pub struct HashingSink<W> {
    to_write: SyncSender<Arc<Vec<u8>>>,
    to_hash: SyncSender<Arc<Vec<u8>>>,
    used: Receiver<Vec<u8>>,
    /// `None` once its failure has been told.
    writer: Option<JoinHandle<io::Result<W>>>,
    hasher: JoinHandle<[u8; 32]>,
}

impl<W: Write + Send + 'static> HashingSink<W> {
    /// Starts the two threads.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn new(mut out: W) -> io::Result<Self> {
        let (to_hash, hashing) = sync_channel::<Arc<Vec<u8>>>(WAITING);
        let (to_write, writing) = sync_channel::<Arc<Vec<u8>>>(WAITING);
        // Room for all buffers there can be, so that giving one back never waits.
        let (give_back, used) = sync_channel(2 * WAITING + 3);
        let done_writing = give_back.clone();
        let writer = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            for buffer in writing {
                out.write_all(&buffer)?;
                release(buffer, &done_writing);
            }
            Ok(out)
        })?;
        let hasher = std::thread::Builder::new().name("sha256".to_owned()).spawn(move || {
            let mut sum = Sha256::new();
            for buffer in hashing {
                sum.update(buffer.as_slice());
                release(buffer, &give_back);
            }
            sum.finalize().into()
        })?;
        Ok(Self { to_write, to_hash, used, writer: Some(writer), hasher })
    }

    /// Waits until all is written, and for the hash of it.
    ///
    /// # Errors
    /// The first write that failed, or a thread that died.
    pub fn finish(self) -> io::Result<(W, [u8; 32])> {
        drop((self.to_write, self.to_hash));
        let sum = self.hasher.join().map_err(|_| io::Error::other("the hashing thread died"))?;
        Ok((written(self.writer)?, sum))
    }
}

/// What the writing thread has to say at its end.
fn written<W>(writer: Option<JoinHandle<io::Result<W>>>) -> io::Result<W> {
    let ended = writer.and_then(|writer| writer.join().ok());
    ended.unwrap_or_else(|| Err(io::Error::other("the writing thread has stopped")))
}

/// Gives a buffer back once both threads are done with it.
fn release(buffer: Arc<Vec<u8>>, give_back: &SyncSender<Vec<u8>>) {
    if let Some(mut free) = Arc::into_inner(buffer) {
        free.clear();
        // Nobody needs the buffer any more when the one who fills it has ended.
        let _ = give_back.try_send(free);
    }
}

impl<W: Write + Send + 'static> Sink for HashingSink<W> {
    /// A write that failed is told by a later call, at the latest by [`HashingSink::finish`].
    fn accept(&mut self, full: Vec<u8>) -> io::Result<Vec<u8>> {
        let capacity = full.capacity();
        let full = Arc::new(full);
        self.to_hash.send(Arc::clone(&full)).map_err(|_| io::Error::other("the hashing thread died"))?;
        if self.to_write.send(full).is_err() {
            // It only stops before its end when a write has failed.
            written(self.writer.take())?;
        }
        Ok(self.used.try_recv().unwrap_or_else(|_| Vec::with_capacity(capacity)))
    }
}
