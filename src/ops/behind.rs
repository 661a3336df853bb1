//! A writer whose write calls happen on a thread of their own, so that the next pages are made while the last ones are
//! copied to the system.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Buffers that may wait to be written; more would only fill memory.
const WAITING: usize = 4;
/// After so many bytes the disk is told to begin: left alone, the system keeps gigabytes back and the disk idles until the end.
const STRIDE: u64 = 64 << 20;

enum Order {
    Write(Vec<u8>),
    Seek(SeekFrom),
}

/// Writes to a file behind the caller's back. What fails is told by the next call, at the latest by [`Behind::finish`].
pub struct Behind {
    orders: SyncSender<Order>,
    used: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<Syncing>>,
    position: u64,
    len: u64,
}

impl Behind {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// The system has no thread or no file handle to give.
    pub fn new(file: &File) -> io::Result<Self> {
        let mut file = file.try_clone()?;
        let mut disk = Disk::new(file.try_clone()?)?;
        let (orders, queue) = sync_channel::<Order>(WAITING);
        // Room for all buffers there can be, so that giving one back never waits.
        let (give_back, used) = sync_channel(2 * WAITING + 2);
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            for order in queue {
                match order {
                    Order::Write(mut buffer) => {
                        file.write_all(&buffer)?;
                        disk.written(buffer.len() as u64);
                        buffer.clear();
                        // Nobody needs the buffer any more when the caller has ended.
                        let _ = give_back.try_send(buffer);
                    }
                    Order::Seek(to) => {
                        file.seek(to)?;
                    }
                }
            }
            Ok(disk.rest())
        })?;
        Ok(Self { orders, used, thread, position: 0, len: 0 })
    }

    fn order(&self, order: Order) -> io::Result<()> {
        self.orders.send(order).map_err(|_| io::Error::other("the writing thread has stopped"))
    }

    /// Waits until everything is written, though not until all of it is on the disk.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn finish(self) -> io::Result<Syncing> {
        drop(self.orders);
        self.thread.join().map_err(|_| io::Error::other("the writing thread died"))?
    }
}

/// Brings to the disk what was written so far, on a thread of its own.
struct Disk {
    turn: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
    behind: u64,
}

impl Disk {
    fn new(file: File) -> io::Result<Self> {
        let (turn, turns) = sync_channel::<()>(0);
        let sync = move || turns.into_iter().try_for_each(|()| file.sync_data());
        let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(sync)?;
        Ok(Self { turn, thread, behind: 0 })
    }

    /// While the disk is busy, its next turn is put off.
    fn written(&mut self, bytes: u64) {
        self.behind += bytes;
        if self.behind >= STRIDE && self.turn.try_send(()).is_ok() {
            self.behind = 0;
        }
    }

    fn rest(self) -> Syncing {
        Syncing(self.thread)
    }
}

/// The last turn of the disk. Linux tells a failure to write once: who syncs the whole file must ask here too.
#[must_use]
pub struct Syncing(JoinHandle<io::Result<()>>);

impl Syncing {
    /// Waits for it.
    ///
    /// # Errors
    /// The disk refused what was written.
    pub fn wait(self) -> io::Result<()> {
        self.0.join().map_err(|_| io::Error::other("the syncing thread died"))?
    }
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.used.try_recv().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        self.order(Order::Write(buffer))?;
        self.position += bytes.len() as u64;
        self.len = self.len.max(self.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Behind {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        self.order(Order::Seek(SeekFrom::Start(self.position)))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_behind_is_all_there_and_failures_are_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut behind = Behind::new(file.as_file()).unwrap();
        for part in 0..100u8 {
            behind.write_all(&vec![part; 1000]).unwrap();
        }
        behind.seek(SeekFrom::Start(0)).unwrap();
        behind.write_all(b"first").unwrap();
        behind.finish().unwrap().wait().unwrap();
        let written = std::fs::read(file.path()).unwrap();
        assert_eq!((written.len(), &written[..5], written[99_999]), (100_000, &b"first"[..], 99));

        let read_only = File::open(file.path()).unwrap();
        let mut behind = Behind::new(&read_only).unwrap();
        let _ = behind.write_all(b"refused");
        assert!(behind.finish().is_err());
    }
}
