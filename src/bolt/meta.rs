//! The two meta pages: where the tree starts, how large a page is, and which of the two is to be believed.

use std::fmt;
use std::hash::Hasher as _;

use fnv::FnvHasher;

use super::page::PageNo;

/// The first field of every meta (bbolt `internal/common/types.go` `Magic`).
const MAGIC: u32 = 0xED0C_DAED;
/// The only file format version there is (bbolt `internal/common/types.go` `Version`).
const VERSION: u32 = 2;
/// "No freelist was written" (bbolt `internal/common/types.go` `PgidNoFreelist`).
const NO_FREELIST: u64 = u64::MAX;
/// Where the meta starts inside its page: behind the page header.
const META_AT: usize = 16;
/// Length of a meta without its checksum.
const SUMMED: usize = 56;
/// Bytes from the start of the page to the end of the meta.
pub(super) const META_END: usize = META_AT + SUMMED + 8;

/// The order of the bytes in every integer of the file: that of the machine that wrote it, as bbolt copies its structs
/// to the disk as they are (bbolt `internal/common/unsafe.go`). Big-endian files come from s390x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// amd64, arm64, arm, ppc64le, riscv64.
    Little,
    /// s390x.
    Big,
}

impl ByteOrder {
    /// The two bytes at `at`, or `None` beyond the end.
    #[inline]
    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        })
    }

    /// The four bytes at `at`, or `None` beyond the end.
    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        })
    }

    /// The eight bytes at `at`, or `None` beyond the end.
    #[inline]
    pub fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(raw),
            Self::Big => u64::from_be_bytes(raw),
        })
    }
}

/// The length of one page in bytes: a power of two from 512 to 16 MiB.
///
/// bbolt takes the page size of the operating system that made the file: 4096 on x86, 16384 or 65536 on some arm64 and
/// ppc64le kernels (bbolt `internal/common/types.go` `DefaultPageSize`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageSize(u32);

impl PageSize {
    /// The page size of x86 and most arm64 machines.
    pub const DEFAULT: Self = Self(4096);

    /// A page size in bytes, or `None` when it is no power of two or out of range.
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= 512 && bytes <= 16 << 20 { Some(Self(bytes)) } else { None }
    }

    /// The length in bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of the two meta pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaSlot {
    /// The meta on page 0.
    First,
    /// The meta on page 1.
    Second,
}

impl MetaSlot {
    /// The page this meta lies on.
    pub const fn page(self) -> PageNo {
        match self {
            Self::First => PageNo::new(0),
            Self::Second => PageNo::new(1),
        }
    }
}

/// One meta whose magic, version, checksum and page size are right (bbolt `internal/common/meta.go` `Meta`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The order of the bytes in this file.
    pub order: ByteOrder,
    /// The length of a page.
    pub page_size: PageSize,
    /// 0 in every meta that bbolt wrote itself; `bbolt surgery meta update` leaves a 4 here.
    pub flags: u32,
    /// The page on which the tree of buckets starts.
    pub root: PageNo,
    /// The sequence number of the root bucket; 0 in every file of etcd.
    pub sequence: u64,
    /// The page of the persisted freelist; `None` when the writer kept none, as etcd on Linux does.
    pub freelist: Option<PageNo>,
    /// The high-water mark: the first page number that was never given out.
    pub high_water: PageNo,
    /// The transaction that wrote this meta.
    pub txid: u64,
}

/// Why a meta is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaFault {
    /// The file ends before the meta does.
    #[error("the file ends before the meta page does")]
    PastEnd,
    /// No magic number in either byte order.
    #[error("no bbolt magic number")]
    Magic,
    /// A version other than 2.
    #[error("bbolt format version {0}, and only version 2 is known")]
    Version(u32),
    /// The FNV-1a sum over the meta differs from the stored one.
    #[error("the checksum does not fit: stored {stored:016x}, computed {computed:016x}")]
    Checksum {
        /// What the file says.
        stored: u64,
        /// What the bytes give.
        computed: u64,
    },
    /// A page size that no page of this file can have.
    #[error("impossible page size {0}")]
    PageSize(u32),
}

impl Meta {
    /// Reads and checks the meta on the page that starts at byte `at`, as bbolt's `Meta.Validate` does, and the page size
    /// besides.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn read(file: &[u8], at: usize) -> Result<Self, MetaFault> {
        let page = file.get(at..).unwrap_or_default();
        let page = page.get(..META_END).ok_or(MetaFault::PastEnd)?;
        let order = [ByteOrder::Little, ByteOrder::Big]
            .into_iter()
            .find(|order| order.u32(page, META_AT) == Some(MAGIC))
            .ok_or(MetaFault::Magic)?;
        let u32_at = |at| order.u32(page, at).ok_or(MetaFault::PastEnd);
        let u64_at = |at| order.u64(page, at).ok_or(MetaFault::PastEnd);
        let version = u32_at(20)?;
        let (stored, computed) = (u64_at(META_AT + SUMMED)?, checksum(page));
        if version != VERSION {
            return Err(MetaFault::Version(version));
        }
        if stored != computed {
            return Err(MetaFault::Checksum { stored, computed });
        }
        let page_size = u32_at(24)?;
        Ok(Self {
            order,
            page_size: PageSize::new(page_size).ok_or(MetaFault::PageSize(page_size))?,
            flags: u32_at(28)?,
            root: PageNo::new(u64_at(32)?),
            sequence: u64_at(40)?,
            freelist: Some(u64_at(48)?).filter(|page| *page != NO_FREELIST).map(PageNo::new),
            high_water: PageNo::new(u64_at(56)?),
            txid: u64_at(64)?,
        })
    }

    /// Appends the whole meta page of `slot` to `out`, zeros to the end of the page included.
    pub(super) fn write(&self, slot: MetaSlot, out: &mut Vec<u8>) {
        let start = out.len();
        super::page::write_header(out, slot.page(), super::page::PageKind::Meta, 0, 0);
        out.extend(MAGIC.to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        out.extend(self.page_size.bytes().to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        out.extend(self.root.get().to_le_bytes());
        out.extend(self.sequence.to_le_bytes());
        out.extend(self.freelist.map_or(NO_FREELIST, PageNo::get).to_le_bytes());
        out.extend(self.high_water.get().to_le_bytes());
        out.extend(self.txid.to_le_bytes());
        let sum = checksum(out.get(start..).unwrap_or_default());
        out.extend(sum.to_le_bytes());
        out.resize(start.saturating_add(self.page_size.bytes() as usize), 0);
    }
}

/// FNV-1a over the meta up to its checksum, from the start of its page.
fn checksum(page: &[u8]) -> u64 {
    let mut sum = FnvHasher::default();
    sum.write(page.get(META_AT..META_AT + SUMMED).unwrap_or_default());
    sum.finish()
}

/// Why one of the metas was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Both are valid, and this one has the higher transaction number.
    Newer,
    /// The other one is not valid.
    OnlyValid,
}

/// Both metas of a file and the one that bbolt would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metas {
    /// The meta on page 0.
    pub first: Result<Meta, MetaFault>,
    /// The meta on page 1.
    pub second: Result<Meta, MetaFault>,
    /// Which one is chosen.
    pub chosen: MetaSlot,
    /// Why.
    pub choice: Choice,
}

/// Why no meta could be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoMeta {
    /// There is no magic number anywhere that a meta could be.
    NotBolt,
    /// The magic is there, with a version that we do not know.
    Version(u32),
    /// The magic is there, and both metas are broken.
    Broken { first: MetaFault, second: MetaFault },
}

impl Metas {
    /// Finds both metas, with any page size, and chooses between them as bbolt does (`db.go` `getPageSize` and `meta`):
    /// the page size is that of the first meta if it is valid, else that of a valid second meta at 1024, 2048, ... bytes;
    /// of two valid metas the one with the higher transaction number wins.
    pub(super) fn find(file: &[u8]) -> Result<(Self, Meta), NoMeta> {
        let first = Meta::read(file, 0);
        let second = match first {
            Ok(meta) => second_of(file, meta),
            Err(_) => search_second(file),
        };
        let (chosen, choice, meta) = match (first, second) {
            (Ok(a), Ok(b)) if b.txid > a.txid => (MetaSlot::Second, Choice::Newer, b),
            (Ok(a), Ok(_)) => (MetaSlot::First, Choice::Newer, a),
            (Ok(a), Err(_)) => (MetaSlot::First, Choice::OnlyValid, a),
            (Err(_), Ok(b)) => (MetaSlot::Second, Choice::OnlyValid, b),
            (Err(first), Err(second)) => return Err(no_meta(first, second)),
        };
        let metas = Self { first, second, chosen, choice };
        Ok((metas, meta))
    }

    /// The meta in `slot`.
    pub fn get(&self, slot: MetaSlot) -> Result<Meta, MetaFault> {
        match slot {
            MetaSlot::First => self.first,
            MetaSlot::Second => self.second,
        }
    }
}

/// The meta on page 1 of a file whose page size the first meta tells. A second meta that speaks of another page size or
/// byte order cannot belong to the same file.
fn second_of(file: &[u8], first: Meta) -> Result<Meta, MetaFault> {
    let second = Meta::read(file, first.page_size.bytes() as usize)?;
    if second.page_size == first.page_size && second.order == first.order {
        Ok(second)
    } else {
        Err(MetaFault::PageSize(second.page_size.bytes()))
    }
}

/// A valid meta 1 where the page sizes 1024 to 16 MiB would put it; without one, the fault of the likeliest place.
///
/// bbolt takes the page size from whatever valid meta it meets there. One whose page size is not its own position would
/// make it look for page 1 elsewhere and fail, so the search goes on past such a meta.
fn search_second(file: &[u8]) -> Result<Meta, MetaFault> {
    let mut likeliest = MetaFault::Magic;
    for shift in 0..15 {
        let at = 1024_usize << shift;
        match Meta::read(file, at) {
            Ok(meta) if meta.page_size.bytes() as usize == at => return Ok(meta),
            Ok(_) | Err(MetaFault::Magic) => {}
            Err(MetaFault::PastEnd) => break,
            Err(fault) => likeliest = fault,
        }
    }
    Err(likeliest)
}

/// What to say about a file without a valid meta.
fn no_meta(first: MetaFault, second: MetaFault) -> NoMeta {
    match (first, second) {
        (MetaFault::Version(version), _) | (_, MetaFault::Version(version)) => NoMeta::Version(version),
        (MetaFault::Magic | MetaFault::PastEnd, MetaFault::Magic | MetaFault::PastEnd) => NoMeta::NotBolt,
        (first, second) => NoMeta::Broken { first, second },
    }
}
