//! The write-ahead log beside a database: which of its frames belong to the database, and which do not
//! (SQLite file format, section 4; wal.c, `walIndexRecover`).
//!
//! SQLite checks frames one after the other, each checksum seeded by the one before, and stops at the first that fails.
//! Since the seed of a frame is stored in the frame before it, every frame can also be checked alone; that is how the
//! work is spread over threads here, and how frames behind a gap or of an earlier generation can still be vouched for.

use rayon::prelude::*;

use super::field::u32_at;
use super::header::{PageNo, PageSize};
use crate::source::Bytes;

/// Length of the header of a WAL in bytes.
pub const WAL_HEADER_LEN: usize = 32;
/// Length of the header of a frame in bytes.
pub const FRAME_HEADER_LEN: usize = 24;
/// The only version of the format there has been.
const VERSION: u32 = 3_007_000;

/// How a WAL's checksums take its bytes for words; SQLite writes the order of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumOrder {
    /// Magic 0x377f0682.
    Little,
    /// Magic 0x377f0683.
    Big,
}

/// A running checksum: two words that depend on all bytes so far.
pub type Checksum = [u32; 2];

impl ChecksumOrder {
    /// Continues a checksum over bytes, whose number must be a multiple of eight; odd bytes at the end are left out.
    #[must_use]
    pub fn checksum(self, seed: Checksum, bytes: &[u8]) -> Checksum {
        match self {
            Self::Little => sum(seed, bytes, u32::from_le_bytes),
            Self::Big => sum(seed, bytes, u32::from_be_bytes),
        }
    }
}

/// How many checkpoints a WAL's lost header is tried for.
const MOST_CHECKPOINTS: u32 = 1 << 20;

impl ChecksumOrder {
    /// The checksum with which a frame must have begun to end in `end`: the sum run backwards.
    fn seed(self, end: Checksum, frame: &[u8]) -> Checksum {
        let content = frame.get(FRAME_HEADER_LEN..).unwrap_or_default();
        let seed = self.run_backwards(end, content);
        self.run_backwards(seed, frame.get(..8).unwrap_or_default())
    }

    fn run_backwards(self, [mut s0, mut s1]: Checksum, bytes: &[u8]) -> Checksum {
        let word = |bytes: [u8; 4]| match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        };
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs.iter().rev() {
            s1 = s1.wrapping_sub(word([e, f, g, h])).wrapping_sub(s0);
            s0 = s0.wrapping_sub(word([a, b, c, d])).wrapping_sub(s1);
        }
        [s0, s1]
    }
}

/// The page size and byte order at which frames prove each other.
fn pitch(bytes: &[u8]) -> Option<(PageSize, ChecksumOrder)> {
    const TRIED: usize = 64;
    let body = bytes.get(WAL_HEADER_LEN..)?;
    let sizes = (9..=16).filter_map(|shift| PageSize::new(1 << shift));
    let ways = sizes.flat_map(|size| [ChecksumOrder::Little, ChecksumOrder::Big].map(|order| (size, order)));
    let proofs = |(size, order): (PageSize, ChecksumOrder)| {
        let frames: Vec<&[u8]> = body.chunks_exact(FRAME_HEADER_LEN + size.bytes()).take(TRIED).collect();
        let pairs = frames.windows(2).filter(|pair| match pair {
            [before, frame] => {
                stored(before, 8) == stored(frame, 8)
                    && checksum(order, stored(before, 16), frame) == stored(frame, 16)
                    && u32_at(frame, 0) != Some(0)
            }
            _ => false,
        });
        pairs.count()
    };
    ways.map(|way| (proofs(way), way))
        .filter(|(proofs, _)| *proofs > 0)
        .max_by_key(|(proofs, _)| *proofs)
        .map(|(_, way)| way)
}

#[inline(always)]
fn sum([mut s0, mut s1]: Checksum, bytes: &[u8], word: impl Fn([u8; 4]) -> u32) -> Checksum {
    let (pairs, _) = bytes.as_chunks::<8>();
    for &[a, b, c, d, e, f, g, h] in pairs {
        s0 = s0.wrapping_add(word([a, b, c, d])).wrapping_add(s1);
        s1 = s1.wrapping_add(word([e, f, g, h])).wrapping_add(s0);
    }
    [s0, s1]
}

/// What the header of a WAL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalHeader {
    /// How checksums take bytes for words.
    pub order: ChecksumOrder,
    /// The size of the pages in the frames.
    pub page_size: PageSize,
    /// Counts checkpoints.
    pub sequence: u32,
    /// What the frames of this generation carry. The first grows by one with every generation, the second is random.
    pub salts: [u32; 2],
    /// The checksum of the header, with which the one of the first frame begins.
    pub checksum: Checksum,
}

/// Why SQLite would take a WAL for empty (the version: why it would refuse to open the database).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// The file ends within the header.
    #[error("the WAL ends after {0} bytes, within its 32-byte header")]
    TooShort(usize),
    /// The first four bytes are something else.
    #[error("not a WAL: it begins with {0:#010x}")]
    Magic(u32),
    /// The page size is not a power of two from 512 to 65536.
    #[error("the WAL's page size {0} is not a power of two from 512 to 65536")]
    PageSize(u32),
    /// The checksum of the header does not hold.
    #[error("the checksum of the WAL's header does not hold")]
    Checksum,
    /// The version is not the known one.
    #[error("the WAL has version {0} instead of 3007000")]
    Version(u32),
}

impl WalHeader {
    /// Reads the header of a WAL.
    ///
    /// # Errors
    /// A [`WalError`] when SQLite would not use the WAL.
    pub fn parse(bytes: &[u8]) -> Result<Self, WalError> {
        let bytes = bytes.first_chunk::<WAL_HEADER_LEN>().ok_or(WalError::TooShort(bytes.len()))?;
        let word = |at| u32_at(bytes, at).unwrap_or_default();
        let order = match word(0) {
            0x377f_0682 => ChecksumOrder::Little,
            0x377f_0683 => ChecksumOrder::Big,
            magic => return Err(WalError::Magic(magic)),
        };
        let page_size = PageSize::new(word(8)).ok_or(WalError::PageSize(word(8)))?;
        let checksum = [word(24), word(28)];
        if order.checksum([0, 0], &bytes[..24]) != checksum {
            return Err(WalError::Checksum);
        }
        if word(4) != VERSION {
            return Err(WalError::Version(word(4)));
        }
        Ok(Self { order, page_size, sequence: word(12), salts: [word(16), word(20)], checksum })
    }

    /// The checksum over the header's other fields.
    fn computed_checksum(&self) -> Checksum {
        let magic = match self.order {
            ChecksumOrder::Little => 0x377f_0682,
            ChecksumOrder::Big => 0x377f_0683,
        };
        let [first, second] = self.salts;
        let words: [u32; 6] = [magic, VERSION, self.page_size.get(), self.sequence, first, second];
        let mut bytes = [0; 24];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_be_bytes());
        }
        self.order.checksum([0, 0], &bytes)
    }
}

/// What SQLite makes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameState {
    /// At or before the last commit: part of the database.
    Committed,
    /// In order, but its transaction has no commit frame; or of an open transaction that has written a page twice, for
    /// which SQLite leaves salts and checksums zero until it commits (wal.c, `walEncodeFrame`).
    Uncommitted,
    /// Of the current generation, but its checksum does not hold, or it names page 0.
    Broken,
    /// Of the current generation, behind a frame that is broken or stale.
    BehindBreak,
    /// Left from an earlier generation.
    Stale,
}

/// One frame: a page as a transaction wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The page, if the number is one.
    pub page: Option<PageNo>,
    /// On commit frames the size of the database in pages after the commit.
    pub commit: Option<u32>,
    /// The generation the frame belongs to.
    pub salts: [u32; 2],
    /// Whether its checksum follows from the one stored in the frame before it, which proves both to be intact and
    /// to have been written one after the other.
    pub proven: bool,
    /// What SQLite makes of it.
    pub state: FrameState,
}

/// How many frames SQLite leaves out, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IgnoredFrames {
    /// Intact, but without a commit.
    pub uncommitted: usize,
    /// With a checksum that does not hold.
    pub broken: usize,
    /// Of the current generation, behind the first frame that is not usable.
    pub behind_break: usize,
    /// Of earlier generations.
    pub stale: usize,
    /// Bytes after the last whole frame.
    pub torn_bytes: usize,
}

impl IgnoredFrames {
    /// All frames that are left out.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.uncommitted + self.broken + self.behind_break + self.stale
    }
}

/// A WAL whose header holds, with all of its frames.
#[derive(Clone, Debug)]
pub struct Wal {
    bytes: Bytes,
    header: WalHeader,
    frames: Vec<Frame>,
    committed: usize,
    committed_pages: Option<u32>,
    break_at: Option<usize>,
}

impl Wal {
    /// Checks all frames of a WAL.
    ///
    /// # Errors
    /// A [`WalError`] when its header does not hold, so that SQLite would take it for empty.
    pub fn parse(bytes: Bytes) -> Result<Self, WalError> {
        let header = WalHeader::parse(&bytes)?;
        Ok(Self::with_header(bytes, header))
    }

    fn with_header(bytes: Bytes, header: WalHeader) -> Self {
        let frame_len = FRAME_HEADER_LEN + header.page_size.bytes();
        let body = bytes.get(WAL_HEADER_LEN..).unwrap_or_default();
        let mut frames: Vec<Frame> = body
            .par_chunks_exact(frame_len)
            .enumerate()
            .map(|(at, frame)| {
                let before = at.checked_sub(1).and_then(|at| body.get(at * frame_len..));
                let seed = before.map_or(header.checksum, |frame| stored(frame, 16));
                Frame {
                    page: u32_at(frame, 0).and_then(PageNo::new),
                    commit: u32_at(frame, 4).filter(|&pages| pages != 0),
                    salts: stored(frame, 8),
                    proven: checksum(header.order, seed, frame) == stored(frame, 16),
                    state: FrameState::Stale,
                }
            })
            .collect();
        let usable = |frame: &Frame| frame.page.is_some() && frame.salts == header.salts && frame.proven;
        let valid = frames.iter().position(|frame| !usable(frame)).unwrap_or(frames.len());
        let (committed, committed_pages) = frames[..valid]
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, frame)| frame.commit.map(|pages| (at + 1, Some(pages))))
            .unwrap_or_default();
        for (at, frame) in frames.iter_mut().enumerate() {
            frame.state = if at < committed {
                FrameState::Committed
            } else if at < valid || frame.salts == [0, 0] {
                FrameState::Uncommitted
            } else if frame.salts != header.salts {
                FrameState::Stale
            } else if frame.proven && frame.page.is_some() {
                FrameState::BehindBreak
            } else {
                FrameState::Broken
            };
        }
        let lost_commit = |frame: &Frame| frame.salts == header.salts && frame.commit.is_some();
        let break_at = frames.iter().skip(valid + 1).any(lost_commit).then_some(valid);
        Self { bytes, header, frames, committed, committed_pages, break_at }
    }

    /// Reads a WAL whose header is lost. Frames tell it all: their size is the one at which each stored checksum follows
    /// from the one before, and the first of them carries the salts of the newest generation, because writing starts over
    /// at the first frame. The header's own checksum, and with it the first frame, is proven by trying the one field that
    /// nothing else tells, the checkpoint's number.
    ///
    /// Nothing is committed in such a WAL, as SQLite takes it for empty: its frames stand behind a break.
    #[must_use]
    pub fn without_header(bytes: Bytes) -> Option<Self> {
        let (page_size, order) = pitch(&bytes)?;
        let frame_len = FRAME_HEADER_LEN + page_size.bytes();
        let body = bytes.get(WAL_HEADER_LEN..)?;
        let first = body.get(..frame_len)?;
        let salts = stored(first, 8);
        let seed = order.seed(stored(first, 16), first);
        let mut header = WalHeader { order, page_size, sequence: 0, salts, checksum: seed };
        let written = (0..MOST_CHECKPOINTS).find(|&sequence| {
            header.sequence = sequence;
            header.computed_checksum() == seed
        });
        header.sequence = written.unwrap_or(0);
        if written.is_none() {
            // No seed at all: the first frame stays without proof.
            header.checksum = seed.map(|word| !word);
        }
        let mut wal = Self::with_header(bytes, header);
        for frame in &mut wal.frames {
            if matches!(frame.state, FrameState::Committed | FrameState::Uncommitted) && frame.salts == salts {
                frame.state = if frame.proven { FrameState::BehindBreak } else { FrameState::Broken };
            }
        }
        (wal.committed, wal.committed_pages) = (0, None);
        Some(wal)
    }

    /// Whether the frames from this one to the commit of its transaction follow from each other without a gap: then the
    /// transaction was committed, and the frame is as it was written.
    #[must_use]
    pub fn closed(&self) -> Vec<bool> {
        let mut closed = vec![false; self.frames.len()];
        let mut open: Option<[u32; 2]> = None;
        for (slot, frame) in closed.iter_mut().zip(&self.frames).rev() {
            if !frame.proven || frame.page.is_none() {
                open = None;
                continue;
            }
            if frame.commit.is_some() {
                open = Some(frame.salts);
            }
            *slot = open == Some(frame.salts);
            if !*slot {
                open = None;
            }
        }
        closed
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &WalHeader {
        &self.header
    }

    /// All frames, in the order of the file; SQLite counts them from 1.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How many frames from the first on are part of the database.
    #[must_use]
    pub fn committed_frames(&self) -> usize {
        self.committed
    }

    /// The size of the database in pages after the last commit, if there is a commit.
    #[must_use]
    pub fn committed_pages(&self) -> Option<u32> {
        self.committed_pages
    }

    /// The frames that are not part of the database, by reason.
    #[must_use]
    pub fn ignored(&self) -> IgnoredFrames {
        let frame_len = FRAME_HEADER_LEN + self.header.page_size.bytes();
        let torn_bytes = self.bytes.len().saturating_sub(WAL_HEADER_LEN) % frame_len;
        let mut ignored = IgnoredFrames { torn_bytes, ..IgnoredFrames::default() };
        for frame in &self.frames {
            match frame.state {
                FrameState::Committed => {}
                FrameState::Uncommitted => ignored.uncommitted += 1,
                FrameState::Broken => ignored.broken += 1,
                FrameState::BehindBreak => ignored.behind_break += 1,
                FrameState::Stale => ignored.stale += 1,
            }
        }
        ignored
    }

    /// The position, from 0, of the first frame that is not usable, when a commit of the current generation follows it.
    ///
    /// That is damage: a committed transaction is lost. Without a commit behind it a break is none: a torn write or a
    /// copy taken while SQLite wrote ends in such a frame, and a transaction that writes a page twice leaves checksums
    /// that do not hold until it commits.
    #[must_use]
    pub fn break_at(&self) -> Option<usize> {
        self.break_at
    }

    /// The page in a frame, counted from 0.
    #[must_use]
    pub fn page(&self, frame: usize) -> Option<&[u8]> {
        let start = usize::try_from(self.page_offset(frame)).ok()?;
        self.bytes.get(start..start.checked_add(self.header.page_size.bytes())?)
    }

    /// The offset in the WAL of the page in a frame, counted from 0.
    #[must_use]
    pub fn page_offset(&self, frame: usize) -> u64 {
        let frame_len = FRAME_HEADER_LEN as u64 + u64::from(self.header.page_size.get());
        (frame as u64).saturating_mul(frame_len).saturating_add((WAL_HEADER_LEN + FRAME_HEADER_LEN) as u64)
    }

    /// The frame, counted from 0, that has a byte of the WAL.
    pub(super) fn frame_at(&self, offset: u64) -> Option<usize> {
        let frame_len = FRAME_HEADER_LEN as u64 + u64::from(self.header.page_size.get());
        usize::try_from(offset.checked_sub(WAL_HEADER_LEN as u64)?.checked_div(frame_len)?).ok()
    }

    /// All bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// The checksum a frame ought to carry: over the first eight bytes of its header, and its page.
fn checksum(order: ChecksumOrder, seed: Checksum, frame: &[u8]) -> Checksum {
    let seed = order.checksum(seed, frame.get(..8).unwrap_or_default());
    order.checksum(seed, frame.get(FRAME_HEADER_LEN..).unwrap_or_default())
}

/// Two words as they are stored at `at`.
fn stored(bytes: &[u8], at: usize) -> [u32; 2] {
    [u32_at(bytes, at).unwrap_or_default(), u32_at(bytes, at + 4).unwrap_or_default()]
}
