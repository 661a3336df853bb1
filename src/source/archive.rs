//! Archives: zip, tar, gzip, zstd, also one inside the other, unpacked to unlinked temporary files.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use super::sniff::SNIFF_BYTES;
use super::spool::{SpoolError, UNPACK_LIMIT, spool};
use super::tree::Tree;
use super::{Bytes, Format, SourceError, sniff};

/// `.tar.gz` is two, a snapshot's `.zip` in a `.tar.zst` three; more is not met.
const DEEPEST: u32 = 4;

/// Members of one archive beyond which nobody looks further.
const MOST_MEMBERS: usize = 20_000;

/// Files that are compressed or archives unpack to one of these.
pub enum Unpacked {
    /// One file: its name and bytes.
    File(String, Bytes),
    /// Many files.
    Tree(Tree),
}

/// Unpacks `bytes` as far as it goes; what is no archive comes back as it is.
///
/// # Errors
/// [`SourceError::Unpack`] for a damaged archive, [`SourceError::TooDeep`], [`SourceError::TooLarge`].
pub fn unpack(name: String, bytes: Bytes) -> Result<Unpacked, SourceError> {
    let mut budget = UNPACK_LIMIT;
    unpack_within(name, bytes, DEEPEST, &mut budget)
}

fn unpack_within(name: String, bytes: Bytes, depth: u32, budget: &mut u64) -> Result<Unpacked, SourceError> {
    let format = sniff(bytes.get(..SNIFF_BYTES).unwrap_or(&bytes));
    if !matches!(format, Format::Zip | Format::Tar | Format::Gzip | Format::Zstd) {
        return Ok(Unpacked::File(name, bytes));
    }
    let deeper = depth.checked_sub(1).ok_or_else(|| SourceError::TooDeep(name.clone()))?;
    let failed = |error: SpoolError| match error {
        SpoolError::Io(source) => SourceError::no_room(&name, &source).unwrap_or_else(|| SourceError::Unpack {
            name: name.clone(),
            format,
            source,
        }),
        SpoolError::TooLarge => SourceError::TooLarge { name: name.clone(), limit: UNPACK_LIMIT },
    };
    match format {
        Format::Gzip => {
            let inner = spool(flate2::read::MultiGzDecoder::new(&bytes[..]), budget).map_err(failed)?;
            unpack_within(name, inner, deeper, budget)
        }
        Format::Zstd => {
            let stream = zstd::stream::read::Decoder::new(&bytes[..]).map_err(|error| failed(error.into()))?;
            let inner = spool(stream, budget).map_err(failed)?;
            unpack_within(name, inner, deeper, budget)
        }
        Format::Tar => {
            let members = tar_members(&bytes, budget).map_err(failed)?;
            tree(name, members, deeper, budget)
        }
        _ => {
            let members = zip_members(&bytes, budget).map_err(failed)?;
            tree(name, members, deeper, budget)
        }
    }
}

/// Members that are archives themselves are unpacked in place: their files appear below the member's name.
fn tree(name: String, found: Vec<(String, Bytes)>, depth: u32, budget: &mut u64) -> Result<Unpacked, SourceError> {
    let mut members = BTreeMap::new();
    for (path, bytes) in found {
        match unpack_within(path.clone(), bytes, depth, budget) {
            Ok(Unpacked::File(_, bytes)) => {
                members.insert(path, bytes);
            }
            Ok(Unpacked::Tree(Tree::Archive { members: inner, .. })) => {
                members.extend(inner.into_iter().map(|(below, bytes)| (format!("{path}/{below}"), bytes)));
            }
            Ok(Unpacked::Tree(Tree::Disk(_))) => {}
            Err(error @ (SourceError::TooLarge { .. } | SourceError::NoRoom { .. })) => return Err(error),
            // A broken archive beside the store is no reason to refuse the store.
            Err(_) => {}
        }
    }
    Ok(Unpacked::Tree(Tree::Archive { name, members }))
}

/// A path inside an archive, without `./`, and only if it stays inside.
fn tidy(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

/// Certificates, logs and the like may be large and are never looked at.
fn worth_spooling(path: &str, head: &[u8]) -> bool {
    let by_name = [".wal", "-wal", ".snap", "-shm", "reset-flag"].iter().any(|end| path.ends_with(end));
    by_name || !matches!(sniff(head), Format::Unknown | Format::Zeros)
}

fn take_member(path: String, mut stream: impl Read, budget: &mut u64) -> Result<Option<(String, Bytes)>, SpoolError> {
    let mut head = Vec::new();
    stream.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    if !worth_spooling(&path, &head) {
        return Ok(None);
    }
    let bytes = spool(Cursor::new(head).chain(stream), budget)?;
    Ok(Some((path, bytes)))
}

fn tar_members(bytes: &[u8], budget: &mut u64) -> Result<Vec<(String, Bytes)>, SpoolError> {
    let mut members = Vec::new();
    let mut archive = tar::Archive::new(bytes);
    for entry in archive.entries()?.take(MOST_MEMBERS) {
        let entry = entry?;
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) {
            continue;
        }
        let Some(path) = entry.path()?.to_str().and_then(tidy) else {
            continue;
        };
        members.extend(take_member(path, entry, budget)?);
    }
    Ok(members)
}

fn zip_members(bytes: &[u8], budget: &mut u64) -> Result<Vec<(String, Bytes)>, SpoolError> {
    let mut members = Vec::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(io::Error::from)?;
    for at in 0..archive.len().min(MOST_MEMBERS) {
        let entry = archive.by_index(at).map_err(io::Error::from)?;
        if !entry.is_file() {
            continue;
        }
        let Some(path) = entry.name().ok().and_then(|name| tidy(&name)) else {
            continue;
        };
        members.extend(take_member(path, entry, budget)?);
    }
    Ok(members)
}
