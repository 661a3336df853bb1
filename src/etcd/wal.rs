//! etcd's write-ahead log: the segments of `member/wal`, read into the entries that are valid at the end.
//!
//! Source of the format: etcd `server/storage/wal/{wal,encoder,decoder}.go` and `walpb/record.proto`. A segment is a row of
//! frames; each frame holds a record, each record the CRC-32C of all data up to it, through all segments. A segment is
//! preallocated with zeros, so that a frame of length 0 ends it.

use prost::Message as _;
use prost::bytes::Bytes as Shared;

use super::proto::{raftpb, serverpb, walpb};
use crate::source::{Bytes, Damage, File, FileName, Place};

/// Record types (etcd `server/storage/wal/wal.go`).
pub(super) const METADATA: i64 = 1;
pub(super) const ENTRY: i64 = 2;
pub(super) const STATE: i64 = 3;
pub(super) const CRC: i64 = 4;
pub(super) const SNAPSHOT: i64 = 5;

/// Length of a frame's length field.
const FRAME_HEADER: usize = 8;
/// The unit in which disks write: a frame with a whole sector of zeros was being written when the power went (etcd
/// `decoder.go` `isTornEntry`).
const SECTOR: usize = 512;

/// What an entry carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A request to the store; empty for the entry with which a leader begins.
    Normal,
    /// A change of the members.
    ConfChange,
    /// Several changes of the members at once.
    ConfChangeV2,
}

/// One entry of the raft log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; the entries of a log have no holes.
    pub index: u64,
    /// The term of the leader that proposed it.
    pub term: u64,
    /// What it carries.
    pub kind: EntryKind,
    /// The request, as a slice of its segment.
    pub data: Shared,
    /// The segment that it lies in: a position in [`Wal::segments`].
    pub segment: usize,
    /// Where its frame starts in the segment, in bytes.
    pub frame_at: u64,
}

/// Bytes of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// A position in [`Wal::segments`].
    pub segment: usize,
    /// Where the bytes start in the segment.
    pub at: u64,
    /// How many there are.
    pub len: u32,
}

/// "There is a snapshot of the store for this entry": from it on, the log is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotMark {
    /// The last entry in the snapshot.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// The members at that point; since etcd 3.5.
    pub members: Option<raftpb::ConfState>,
}

/// What a member must not forget between two starts (etcd-io/raft `raftpb/raft.proto` `HardState`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The newest term it has seen.
    pub term: u64,
    /// Whom it voted for in that term.
    pub vote: u64,
    /// The newest entry that it knew to be committed. A healthy member may have applied a few more: an advance of nothing
    /// but this number is not written at once.
    pub commit: u64,
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// After a whole frame.
    Clean,
    /// In a frame that was being written; etcd cuts it off at its next start and goes on.
    Torn {
        /// A position in [`Wal::segments`].
        segment: usize,
        /// Where the frame starts.
        at: u64,
    },
    /// In a frame that is not whole and does not look torn, or before a hole: etcd refuses to start. See [`Wal::damage`].
    Broken,
}

/// One file of the log.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name for messages.
    pub name: FileName,
    /// Its position in the log, from its file name.
    pub sequence: u64,
    /// The first entry that it was begun for, from its file name.
    pub first_index: u64,
    bytes: Bytes,
    /// The same bytes, in the form that messages can point into.
    shared: Shared,
}

/// A log as it stands at its end: entries that were overridden are gone.
#[derive(Clone, Debug)]
pub struct Wal {
    /// The files, in order.
    pub segments: Vec<Segment>,
    /// The member that the log belongs to, if there is a metadata record.
    pub node_id: Option<u64>,
    /// Its cluster.
    pub cluster_id: Option<u64>,
    /// The last state record.
    pub state: HardState,
    /// All snapshot marks in the order of the log. Those beyond [`HardState::commit`] are not valid.
    pub snapshots: Vec<SnapshotMark>,
    /// The entries, without holes.
    pub entries: Vec<Entry>,
    /// How the log ends.
    pub tail: Tail,
    /// What is wrong with the log.
    pub damage: Vec<Damage>,
}

/// The sequence number and the first index in the name of a segment, `%016x-%016x.wal` (etcd `wal/util.go`
/// `parseWALName`); `None` for other names, such as preallocated `.tmp` or repaired `.broken` files.
pub fn parse_name(name: &str) -> Option<(u64, u64)> {
    let base = name.rsplit(['/', '!']).next()?.strip_suffix(".wal")?;
    let (sequence, index) = base.split_once('-')?;
    let number = |hex: &str| u64::from_str_radix(hex, 16).ok();
    Some((number(sequence)?, number(index)?))
}

/// What makes [`Bytes`] the owner of a shared slice.
struct Owner(Bytes);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Wal {
    /// Reads the segments of one log, in any order. What cannot be read ends the log there, and is noted.
    pub fn read(files: &[File]) -> Self {
        let mut wal = Self {
            segments: Vec::new(),
            node_id: None,
            cluster_id: None,
            state: HardState::default(),
            snapshots: Vec::new(),
            entries: Vec::new(),
            tail: Tail::Clean,
            damage: Vec::new(),
        };
        for file in files {
            if let Some((sequence, first_index)) = parse_name(&file.name.to_string()) {
                let shared = Shared::from_owner(Owner(file.bytes.clone()));
                let (name, bytes) = (file.name.clone(), file.bytes.clone());
                wal.segments.push(Segment { name, sequence, first_index, bytes, shared });
            }
        }
        wal.segments.sort_by_key(|segment| segment.sequence);
        let mut crc = 0;
        for number in 0..wal.segments.len() {
            wal.check_sequence(number);
            if !wal.read_segment(number, &mut crc) {
                break;
            }
        }
        wal
    }

    /// The bytes at a location that the log itself gave.
    pub fn bytes(&self, at: Location) -> Option<&[u8]> {
        let start = usize::try_from(at.at).ok()?;
        let end = start.checked_add(usize::try_from(at.len).ok()?)?;
        self.segments.get(at.segment)?.bytes.get(start..end)
    }

    /// Where a part of an entry's data lies. Empty parts lie nowhere.
    pub(super) fn locate(&self, entry: &Entry, part: &Shared) -> Option<Location> {
        let base = self.segments.get(entry.segment)?.shared.as_ptr() as usize;
        let at = (part.as_ptr() as usize).checked_sub(base)? as u64;
        let location = Location { segment: entry.segment, at, len: u32::try_from(part.len()).ok()? };
        // A part that was copied somewhere else would give a wrong place.
        self.bytes(location).filter(|bytes| !part.is_empty() && *bytes == part.as_ref()).map(|_| location)
    }

    /// The number of the last entry, or `None` for a log without entries.
    pub fn last_index(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.index)
    }

    /// The newest snapshot mark that is valid: at or before the commit index.
    pub fn last_snapshot(&self) -> Option<&SnapshotMark> {
        let valid = self.snapshots.iter().filter(|mark| mark.index <= self.state.commit);
        valid.max_by_key(|mark| mark.index)
    }

    fn hurt(&mut self, segment: usize, at: usize, id: &'static str, what: String) {
        if let Some(segment) = self.segments.get(segment) {
            self.damage.push(Damage { file: segment.name.clone(), place: Place::Offset(at as u64), id, what });
        }
    }

    fn check_sequence(&mut self, number: usize) {
        let before = number.checked_sub(1).and_then(|before| self.segments.get(before));
        let sequences = before.zip(self.segments.get(number)).map(|(a, b)| (a.sequence, b.sequence));
        if let Some((before, here)) = sequences.filter(|(before, here)| before.checked_add(1) != Some(*here)) {
            let what = format!("segment {here:016x} follows segment {before:016x}: one or more are missing");
            self.hurt(number, 0, "wal-segment-missing", what);
        }
    }

    /// Reads one segment; whether the log goes on behind it.
    fn read_segment(&mut self, number: usize, crc: &mut u32) -> bool {
        let Some(shared) = self.segments.get(number).map(|segment| segment.shared.clone()) else { return false };
        let is_last = number + 1 == self.segments.len();
        let mut at = 0;
        loop {
            match read_frame(&shared, at, crc) {
                Frame::End => return true,
                Frame::Record { record, next } => {
                    if let Err((id, what)) = self.take(number, at, &record, crc) {
                        self.hurt(number, at, id, what);
                        self.tail = Tail::Broken;
                        return false;
                    }
                    at = next;
                }
                Frame::Bad { what, torn } => {
                    if torn && is_last {
                        self.tail = Tail::Torn { segment: number, at: at as u64 };
                    } else {
                        self.hurt(number, at, "wal-frame", what);
                        self.tail = Tail::Broken;
                    }
                    return false;
                }
            }
        }
    }

    /// Takes one record whose checksum is right.
    fn take(&mut self, segment: usize, at: usize, record: &walpb::Record, crc: &mut u32) -> Result<(), Fault> {
        let data = record.data.clone().unwrap_or_default();
        match record.r#type.unwrap_or_default() {
            METADATA => self.take_metadata(decoded(data)?),
            ENTRY => self.take_entry(segment, at, decoded(data)?),
            STATE => {
                let state: raftpb::HardState = decoded(data)?;
                let number = Option::unwrap_or_default;
                self.state =
                    HardState { term: number(state.term), vote: number(state.vote), commit: number(state.commit) };
                Ok(())
            }
            CRC => {
                let stored = record.crc.unwrap_or_default();
                if *crc != 0 && *crc != stored {
                    let what = format!("the log continues with checksum {stored:08x} and ended with {crc:08x}");
                    return Err(("wal-chain", what));
                }
                *crc = stored;
                Ok(())
            }
            SNAPSHOT => {
                let mark: walpb::Snapshot = decoded(data)?;
                self.snapshots.push(SnapshotMark {
                    index: mark.index.unwrap_or_default(),
                    term: mark.term.unwrap_or_default(),
                    members: mark.conf_state,
                });
                Ok(())
            }
            other => Err(("wal-record", format!("a record of type {other}, which etcd does not know"))),
        }
    }

    fn take_metadata(&mut self, metadata: serverpb::Metadata) -> Result<(), Fault> {
        let here = (metadata.node_id, metadata.cluster_id);
        let before = (self.node_id, self.cluster_id);
        (self.node_id, self.cluster_id) = here;
        if before != (None, None) && before != here {
            return Err(("wal-metadata", "this segment belongs to another member or cluster".to_owned()));
        }
        Ok(())
    }

    /// An entry overrides the one of the same number and all behind it (etcd `wal.go` `ReadAll`).
    fn take_entry(&mut self, segment: usize, frame_at: usize, entry: raftpb::Entry) -> Result<(), Fault> {
        let index = entry.index.unwrap_or_default();
        let kind = match entry.r#type() {
            raftpb::EntryType::EntryNormal => EntryKind::Normal,
            raftpb::EntryType::EntryConfChange => EntryKind::ConfChange,
            raftpb::EntryType::EntryConfChangeV2 => EntryKind::ConfChangeV2,
        };
        let first = self.entries.first().map_or(index, |entry| entry.index);
        let keep = index.saturating_sub(first);
        if keep > self.entries.len() as u64 {
            let last = self.last_index().unwrap_or_default();
            return Err(("wal-hole", format!("entry {index} follows entry {last}")));
        }
        self.entries.truncate(keep as usize);
        self.entries.push(Entry {
            index,
            term: entry.term.unwrap_or_default(),
            kind,
            data: entry.data.unwrap_or_default(),
            segment,
            frame_at: frame_at as u64,
        });
        Ok(())
    }
}

type Fault = (&'static str, String);

fn decoded<M: prost::Message + Default>(data: Shared) -> Result<M, Fault> {
    M::decode(data).map_err(|error| ("wal-record", format!("a record that cannot be decoded: {error}")))
}

enum Frame {
    /// Zeros, or the end of the file.
    End,
    Record {
        record: walpb::Record,
        next: usize,
    },
    Bad {
        what: String,
        torn: bool,
    },
}

/// Reads the frame at `at` (etcd `decoder.go` `decodeRecord`). `crc` is moved on only if the record is whole.
fn read_frame(segment: &Shared, at: usize, crc: &mut u32) -> Frame {
    let rest = segment.get(at..).unwrap_or_default();
    let Some(header) = rest.first_chunk::<FRAME_HEADER>() else {
        // etcd takes a length field that is cut off for the end too, when it is the first of its bytes that are missing.
        return match rest {
            [] => Frame::End,
            _ => Frame::Bad { what: "the length of a frame is cut off".to_owned(), torn: true },
        };
    };
    let field = u64::from_le_bytes(*header);
    if field == 0 {
        return Frame::End;
    }
    let length = field & 0x00FF_FFFF_FFFF_FFFF;
    let padding = if field >> 63 == 1 { field >> 56 & 7 } else { 0 };
    let content = rest.get(FRAME_HEADER..).unwrap_or_default();
    let whole = usize::try_from(length + padding).ok().and_then(|whole| content.get(..whole));
    let Some(whole) = whole else {
        let what = format!("a frame of {length} bytes, and {} are left in the segment", content.len());
        return Frame::Bad { what, torn: true };
    };
    let start = at + FRAME_HEADER;
    let torn = || has_zero_sector(whole, start);
    let record = match walpb::Record::decode(segment.slice(start..start + length as usize)) {
        Ok(record) => record,
        Err(error) => return Frame::Bad { what: format!("a frame that cannot be decoded: {error}"), torn: torn() },
    };
    if record.r#type != Some(CRC) {
        let sum = crc32c::crc32c_append(*crc, record.data.as_deref().unwrap_or_default());
        let stored = record.crc.unwrap_or_default();
        if sum != stored {
            let what = format!("the checksum of a record does not fit: stored {stored:08x}, computed {sum:08x}");
            return Frame::Bad { what, torn: torn() };
        }
        *crc = sum;
    }
    Frame::Record { record, next: start + whole.len() }
}

/// Whether the part of some 512-byte sector of the file that these bytes cover is all zeros.
fn has_zero_sector(bytes: &[u8], start: usize) -> bool {
    let first = SECTOR - start % SECTOR;
    let (head, rest) = bytes.split_at(first.min(bytes.len()));
    std::iter::once(head).chain(rest.chunks(SECTOR)).any(|sector| !sector.is_empty() && sector.iter().all(|b| *b == 0))
}
