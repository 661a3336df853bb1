//! All copies of a row become one, and each row gets its place: in the table, or in the past.

use std::collections::HashSet;

use super::cells::{Cell, Content, Fault};
use super::ranges::{self, Main, joined, unknown_in};
use super::tree::{Gone, Level, Tree, behind, first_of};
use super::{Merged, Row, Source};
use crate::bolt::{PageKind, PageNo, Scan};
use crate::etcd::hash::Trailer;
use crate::etcd::keyvalue::RowKey;
use crate::model::{Check, Evidence, KeyId, Keys, Lease, Revision};
use crate::source::{Damage, FileName, Place};

/// The unit in which disks lose bytes.
const SECTOR: u64 = 512;

/// All copies of one row.
struct Group<'a, 'c> {
    at: RowKey,
    copies: &'c [Cell<'a>],
    /// The number of each copy's name.
    keys: &'c [KeyId],
    is_gone: bool,
}

/// Merges everything.
pub(super) fn merge(
    file: &FileName,
    scan: &Scan,
    content: &Content<'_>,
    tree: &Tree,
    check: &(dyn Fn(&[u8]) -> Check + Sync),
) -> Merged {
    let mut cells: Vec<Cell<'_>> = content.rows.iter().flat_map(|rows| rows.cells.iter().copied()).collect();
    cells.sort_by_key(|cell| (cell.row.at, cell.image));
    let names: Vec<&[u8]> = cells.iter().map(|cell| cell.name).collect();
    let (keys, ids) = Keys::intern(&names);
    let groups = groups(&cells, &ids, content, tree);
    let compact = tree.meta.finished_compact_revision.unwrap_or(0).max(0);
    // Where other bytes stand in pages, they may stand in a page that no header tells from what belongs there.
    let is_garbled = is_garbled(scan, tree, &cells);
    let has_bare = tree.gone.is_empty() && !scan.bare().is_empty();
    let doubts = |cell: &Cell<'_>| match check(value_of(cell)) {
        Check::Sound => is_garbled && looks_random(scan, cell),
        Check::Plain => cell.ends_in_zeros || cell.goes_on && (is_garbled || has_bare && !is_reached(tree, cell)),
        Check::Broken => true,
    };
    let chosen: Vec<Row> = groups.iter().map(|group| choose(group, tree, &doubts)).collect();
    let twins = twins(&chosen);
    let blemished = blemished(content, &groups, &chosen, keys.len(), compact);
    let rivals = rivals(&groups, &blemished);
    let proven = |image: u32, at: RowKey| {
        let holds = |rival: &u32| {
            let group = groups.binary_search_by_key(&at, |group| group.at).ok().and_then(|group| groups.get(group));
            group.is_some_and(|group| group.copies.iter().any(|copy| copy.image == *rival))
        };
        let of_image = rivals.get(image as usize).map(Vec::as_slice).unwrap_or_default();
        blemished.get(image as usize) == Some(&false) && of_image.iter().all(holds)
    };
    let known = ranges::mains(chosen.iter().map(|row| (row.at.revision, row.key.is_some() || is_bump(row))));
    let (whole, lossy) = sort_out(scan, tree, &known, compact);
    // Ranges of one tree do not overlap.
    let in_whole = |at: Revision| {
        let before = whole.partition_point(|gone| gone.from <= at).checked_sub(1);
        before.and_then(|before| whole.get(before)).is_some_and(|gone| gone.upto.is_none_or(|upto| at < upto))
    };
    let mut merged = Merged {
        keys,
        rows: Vec::new(),
        past: Vec::new(),
        unknown: Vec::new(),
        is_open: lossy.iter().any(|gone| gone.upto.is_none()),
        compact_revision: (tree.level != Level::Nothing).then(|| tree.meta.compact_revision()),
        leases: leases(scan, content, tree),
        damage: Vec::new(),
        notes: Vec::new(),
    };
    for (group, mut row) in groups.iter().zip(chosen) {
        if twins.contains(&row.at.revision) {
            row.evidence = Evidence::Doubtful;
            row.is_gone = false;
        }
        let is_reached = row.source == Source::Tree;
        let is_unblemished = || group.copies.iter().any(|copy| proven(copy.image, row.at));
        let in_table = match tree.level {
            _ if row.is_gone => false,
            Level::Nothing => true,
            _ if is_reached => true,
            _ if in_whole(row.at.revision) && (row.at.revision.main > compact || is_unblemished()) => {
                row.source = Source::Orphan;
                if row.is_good() {
                    row.evidence = Evidence::Intact;
                }
                true
            }
            _ => row.at.revision.main > compact,
        };
        if in_table { merged.rows.push(row) } else { merged.past.push(row) }
    }
    let unknown = unknown(scan, tree, &lossy, &known, &merged, compact);
    merged.is_open |= unknown.1;
    merged.unknown = unknown.0;
    tell(file, scan, tree, &whole, &mut merged);
    merged
}

/// Whether a page that the tree needs, or rows of one, hold bytes that are neither what belongs there nor zeros.
fn is_garbled(scan: &Scan, tree: &Tree, cells: &[Cell<'_>]) -> bool {
    let size = scan.page_size().bytes() as usize;
    let holds_bytes = |page: u64| {
        let start = usize::try_from(page).ok().and_then(|page| page.checked_mul(size));
        let bytes = start.and_then(|start| scan.bytes().get(start..start.checked_add(size)?));
        bytes.is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0))
    };
    let is_broken =
        |cell: &Cell<'_>| cell.fault == Some(Fault::Broken) && tree.reached.get(cell.image as usize) == Some(&true);
    tree.gone.iter().any(|gone| gone.page.is_none_or(|page| holds_bytes(page.get())))
        || cells.iter().any(is_broken)
        || tree.level == Level::Nothing && scan.bare().iter().any(|page| holds_bytes(page.get()))
        || has_strange_page(scan)
        || is_changed_unseen(scan, tree, cells)
}

/// Whether a page that nothing claims, with another one behind it that has its own header, is filled with bytes without any order
/// to its end. What an old page leaves when its first part is used again ends with zeros.
fn has_strange_page(scan: &Scan) -> bool {
    const END: usize = 16;
    let bare: HashSet<u64> = scan.bare().iter().map(|page| page.get()).collect();
    let is_last = |page: &&PageNo| page.get().checked_add(1).is_some_and(|next| !bare.contains(&next));
    let is_full = |page: &PageNo| {
        let bytes = page_of(scan, *page).unwrap_or_default();
        let end = bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default();
        is_random(bytes) && end.iter().any(|byte| *byte != 0)
    };
    scan.bare().iter().filter(is_last).any(is_full)
}

fn page_of(scan: &Scan, page: PageNo) -> Option<&[u8]> {
    let size = scan.page_size().bytes() as usize;
    let start = usize::try_from(page.get()).ok()?.checked_mul(size)?;
    scan.bytes().get(start..start.checked_add(size)?)
}

/// How many of the 256 values a byte can have are among these.
fn values(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// Bytes without any order: old content is text and numbers.
fn is_random(bytes: &[u8]) -> bool {
    values(bytes) > 240
}

/// A snapshot whose trailer does not fit, although nothing is wrong that can be seen: it is where nothing can be checked.
fn is_changed_unseen(scan: &Scan, tree: &Tree, cells: &[Cell<'_>]) -> bool {
    let is_sound = tree.level == Level::Meta && tree.gone.is_empty() && scan.metas().len() > 1;
    is_sound && cells.iter().all(|cell| cell.fault.is_none()) && is_trailer_wrong(scan)
}

fn is_trailer_wrong(scan: &Scan) -> bool {
    Trailer::is_present(scan.bytes().len()) && Trailer::check(scan.bytes()) == Trailer::Wrong
}

fn is_reached(tree: &Tree, cell: &Cell<'_>) -> bool {
    tree.reached.get(cell.image as usize) == Some(&true)
}

/// Whether a part of a record that stands on one continuation page is hardly text: a third of its bytes are none of ASCII.
fn looks_random(scan: &Scan, cell: &Cell<'_>) -> bool {
    let size = scan.page_size().bytes() as usize;
    let image = scan.images().get(cell.image as usize).filter(|_| cell.goes_on);
    let Some((image, at)) = image.zip(usize::try_from(cell.row.record.place).ok()) else { return false };
    let into_page = at.saturating_sub(image.at) % size;
    let (first, rest) = cell.record.split_at(cell.record.len().min(size - into_page));
    let is_first_page = at.saturating_sub(image.at) < size;
    let parts = (!is_first_page).then_some(first).into_iter().chain(rest.chunks(size));
    parts.into_iter().any(|part| part.iter().filter(|byte| !byte.is_ascii()).count() * 3 > part.len())
}

fn is_bump(row: &Row) -> bool {
    row.is_good() && row.version == 0 && !row.at.tombstone
}

/// Rows by their keys, and which of them a page that spans their revision does not hold any more.
fn groups<'a, 'c>(cells: &'c [Cell<'a>], ids: &'c [KeyId], content: &Content<'_>, tree: &Tree) -> Vec<Group<'a, 'c>> {
    let mut groups: Vec<Group<'a, 'c>> = Vec::new();
    let mut start = 0;
    for copies in cells.chunk_by(|a, b| a.row.at == b.row.at) {
        let Some(first) = copies.first() else { continue };
        let keys = ids.get(start..start + copies.len()).unwrap_or_default();
        groups.push(Group { at: first.row.at, copies, keys, is_gone: false });
        start += copies.len();
    }
    // How many spans begin and end before each row: the running sum is the number of pages that span it.
    let mut steps = vec![0_i64; groups.len() + 1];
    let of_page = |(rows, is_reached): (&'_ super::cells::Rows<'_>, &bool)| {
        if *is_reached { Vec::new() } else { rows.spans.iter().map(|&(from, upto)| (from, behind(upto))).collect() }
    };
    let spans = content.rows.iter().zip(&tree.reached).flat_map(of_page).chain(tree.covered.iter().copied());
    for (from, upto) in spans {
        let first = groups.partition_point(|group| group.at.revision < from);
        let behind = groups.partition_point(|group| group.at.revision < upto);
        if let Some(step) = steps.get_mut(first) {
            *step += 1;
        }
        if let Some(step) = steps.get_mut(behind) {
            *step -= 1;
        }
    }
    let mut spanning = 0;
    for (group, step) in groups.iter_mut().zip(steps) {
        spanning += step;
        group.is_gone = spanning > group.copies.len() as i64;
    }
    groups
}

/// Revisions that are there both as a put and as a tombstone.
fn twins(rows: &[Row]) -> HashSet<Revision> {
    let pairs = rows.windows(2).filter_map(|pair| match pair {
        [a, b] if a.at.revision == b.at.revision => Some(a.at.revision),
        _ => None,
    });
    pairs.collect()
}

/// The best copy of a row, and what it rests on.
fn choose(group: &Group<'_, '_>, tree: &Tree, doubts: &dyn Fn(&Cell<'_>) -> bool) -> Row {
    let is_reached = |cell: &Cell<'_>| tree.reached.get(cell.image as usize) == Some(&true);
    let reached = group.copies.iter().any(is_reached);
    let source = if reached { Source::Tree } else { Source::Stale };
    let pairs = || group.copies.iter().zip(group.keys);
    let blank = |key| Row {
        at: group.at,
        key,
        create_revision: 0,
        version: 0,
        lease: 0,
        value: crate::model::ValueRef::NONE,
        evidence: Evidence::Doubtful,
        source,
        confirmed: false,
        is_gone: group.is_gone,
    };
    let whole: Vec<(&Cell<'_>, KeyId)> =
        pairs().filter(|(cell, _)| cell.fault != Some(Fault::Broken)).map(|(cell, key)| (cell, *key)).collect();
    let agree =
        |cells: &[(&Cell<'_>, KeyId)]| cells.windows(2).all(|pair| matches!(pair, [a, b] if a.0.record == b.0.record));
    // Two copies that agree vouch for each other, whatever they hold. Copies that begin at the same byte of their sectors may have
    // lost the same sector.
    let vouch = || {
        let place = |cell: &Cell<'_>| cell.row.record.place % SECTOR;
        let first = whole.first().map(|(cell, _)| place(cell));
        whole.iter().any(|(cell, _)| cell.fault.is_none() || Some(place(cell)) != first)
    };
    let sound: Vec<(&Cell<'_>, KeyId)> = if whole.len() > 1 && agree(&whole) && vouch() {
        whole
    } else {
        let is_sound = |cell: &Cell<'_>| cell.fault.is_none() && !doubts(cell);
        whole.into_iter().filter(|(cell, _)| is_sound(cell)).collect()
    };
    let best = sound.iter().find(|(cell, _)| is_reached(cell)).or(sound.first());
    match best {
        Some(&(cell, key)) if agree(&sound) => Row {
            key: Some(key),
            create_revision: cell.row.create_revision,
            version: cell.row.version,
            lease: cell.row.lease,
            value: cell.row.value,
            evidence: if reached { Evidence::Intact } else { Evidence::Carved },
            confirmed: sound.len() > 1,
            ..blank(None)
        },
        // Copies that contradict each other may yet agree about whose they are.
        _ => {
            let mut named = pairs().filter(|(cell, _)| !cell.name.is_empty()).map(|(_, key)| *key);
            let first = named.next();
            blank(first.filter(|first| named.all(|key| key == *first)))
        }
    }
}

fn value_of<'a>(cell: &Cell<'a>) -> &'a [u8] {
    crate::etcd::keyvalue::KeyValue::decode(cell.record).map_or(&[], |record| record.value)
}

/// Pages that were written before the compaction: they hold a row that it took.
fn blemished(content: &Content<'_>, groups: &[Group<'_, '_>], chosen: &[Row], keys: usize, compact: i64) -> Vec<bool> {
    let mut newest: Vec<Option<Revision>> = vec![None; keys];
    for row in chosen.iter().filter(|row| row.at.revision.main <= compact && row.is_good()) {
        if let Some(slot) = row.key.and_then(|key| newest.get_mut(key.index())) {
            *slot = Some(row.at.revision);
        }
    }
    let mut blemished = vec![false; content.rows.len()];
    for (group, row) in groups.iter().zip(chosen) {
        let at = row.at.revision;
        let is_superseded = row.key.is_some_and(|key| newest.get(key.index()).copied().flatten() > Some(at));
        let is_taken = at.main <= compact && (is_superseded || row.at.tombstone && at.main < compact);
        if !group.is_gone && !is_taken {
            continue;
        }
        for copy in group.copies {
            if let Some(slot) = blemished.get_mut(copy.image as usize) {
                *slot = true;
            }
        }
    }
    blemished
}

/// Of each page that may be of the present, the others that share rows with it: only one of them can be. A row that one of
/// them does not hold may be deleted since, or not yet written then.
fn rivals(groups: &[Group<'_, '_>], blemished: &[bool]) -> Vec<Vec<u32>> {
    // More copies than any real file has of a row that compaction left.
    const MOST: usize = 32;
    let mut rivals: Vec<Vec<u32>> = vec![Vec::new(); blemished.len()];
    for group in groups {
        let clean: Vec<u32> = group
            .copies
            .iter()
            .map(|copy| copy.image)
            .filter(|image| blemished.get(*image as usize) == Some(&false))
            .collect();
        let of_group = clean.get(..clean.len().min(MOST)).unwrap_or_default();
        for image in of_group {
            if let Some(list) = rivals.get_mut(*image as usize) {
                list.extend(of_group.iter().filter(|rival| *rival != image));
                list.sort_unstable();
                list.dedup();
            }
        }
    }
    rivals
}

/// Lost ranges below which all leaves must be there, and the others.
fn sort_out(scan: &Scan, tree: &Tree, known: &[Main], compact: i64) -> (Vec<Gone>, Vec<Gone>) {
    let named: HashSet<u64> = tree.gone.iter().filter_map(|gone| gone.page).map(|page| page.get()).collect();
    let unexplained = scan.is_shifted() || scan.bare().iter().any(|page| !named.contains(&page.get()));
    let has_branch = has_branch(scan);
    let is_whole = |gone: &&Gone| {
        let no_more = || unknown_in(gone, known, compact, |_, _| true).is_empty();
        gone.is_branch && tree.level != Level::Nothing && (!unexplained || !has_branch && no_more())
    };
    let (whole, mut lossy): (Vec<&Gone>, Vec<&Gone>) = tree.gone.iter().partition(is_whole);
    // Rows that are newer than the tree, and a tree that is not the newest: what else came after it may be lost.
    lossy.sort_by_key(|gone| gone.from);
    (whole.into_iter().copied().collect(), lossy.into_iter().copied().collect())
}

/// The ranges of revisions that may have had rows which are lost, and whether the end is lost.
fn unknown(
    scan: &Scan,
    tree: &Tree,
    lossy: &[Gone],
    known: &[Main],
    merged: &Merged,
    compact: i64,
) -> (Vec<(i64, i64)>, bool) {
    let has_row = |from: Revision, upto: Revision| {
        let has = |rows: &[Row]| {
            let at = rows.partition_point(|row| row.at.revision < from);
            rows.get(at).is_some_and(|row| row.at.revision < upto)
        };
        has(&merged.rows) || has(&merged.past)
    };
    let mut found: Vec<(i64, i64)> = lossy.iter().flat_map(|gone| unknown_in(gone, known, compact, has_row)).collect();
    // A row whose key cannot be read may be anybody's.
    found.extend(known.iter().filter(|main| !main.is_whole && main.main > compact).map(|main| (main.main, main.main)));
    let of_tree = merged.rows.iter().filter(|row| matches!(row.source, Source::Tree | Source::Orphan));
    let last_of_tree = of_tree.map(|row| row.at.revision.main).max().unwrap_or(0);
    let highest = known.last().map_or(0, |last| last.main);
    let is_newer = highest > last_of_tree && tree.level != Level::Nothing;
    if is_newer || tree.is_behind {
        let from = if tree.is_behind { compact } else { last_of_tree.max(compact) };
        let beyond = Gone {
            from: Revision::new(from.saturating_add(1)),
            upto: Some(Revision::new(highest.saturating_add(1))),
            has_from: false,
            page: None,
            is_branch: true,
        };
        let beyond = Gone { page: Some(PageNo::new(0)), ..beyond };
        found.extend(unknown_in(&beyond, known, compact, has_row));
    }
    let is_open = tree.level == Level::Root && (is_newer || is_newest_lost(scan)) || is_newer_meta_lost(scan, tree);
    (joined(found), is_open)
}

/// Whether the newest root may be lost: a meta names one that is not there, or pages are lost of which nobody knows what
/// they were.
fn is_newest_lost(scan: &Scan) -> bool {
    !scan.metas().is_empty() || has_branch(scan) && scan.bare().iter().any(|page| is_lost(scan, *page))
}

/// Whether a page is not there, or nothing that was ever written: one value, or bytes without any order.
fn is_lost(scan: &Scan, page: PageNo) -> bool {
    page_of(scan, page).is_none_or(|bytes| values(bytes) == 1 || is_random(bytes))
}

/// Whether the meta that is left may be the older one, with the root that the newer one led to among the pages that are lost.
/// Both metas of a snapshot lead to the same root.
fn is_newer_meta_lost(scan: &Scan, tree: &Tree) -> bool {
    let named: HashSet<u64> = tree.gone.iter().filter_map(|gone| gone.page).map(|page| page.get()).collect();
    let mut unexplained = scan.bare().iter().filter(|page| !named.contains(&page.get()));
    tree.level == Level::Meta
        && scan.metas().len() < 2
        && !Trailer::is_present(scan.bytes().len())
        && unexplained.any(|page| is_lost(scan, *page))
}

/// Whether any branch page of bucket `key` is left, of whatever time. Chance takes some of them; where all are gone and
/// nothing else seems to be, it was not chance.
fn has_branch(scan: &Scan) -> bool {
    scan.images().iter().any(|image| image.kind == PageKind::Branch && first_of(scan, image).is_some())
}

fn leases(scan: &Scan, content: &Content<'_>, tree: &Tree) -> Vec<Lease> {
    let mut leases = tree.meta.leases.clone();
    if let Some(root) = tree.lease {
        let own: Vec<u32> = scan.of_page(root).to_vec();
        let is_own = |image: u32| own.contains(&image);
        let is_leaf = content.leases.iter().any(|&(image, _)| is_own(image));
        leases.extend(content.leases.iter().filter(|&&(image, _)| !is_leaf || is_own(image)).map(|&(_, lease)| lease));
    } else if tree.level == Level::Nothing {
        leases.extend(content.leases.iter().map(|&(_, lease)| lease));
    }
    leases.sort_by_key(|lease| (lease.id, std::cmp::Reverse(lease.ttl)));
    leases.dedup_by_key(|lease| lease.id);
    leases
}

/// What is wrong, and how the tree was found.
fn tell(file: &FileName, scan: &Scan, tree: &Tree, whole: &[Gone], merged: &mut Merged) {
    let mut hurt = |place, id, what| merged.damage.push(Damage { file: file.clone(), place, id, what });
    for gone in &tree.gone {
        let upto = gone.upto.map_or_else(|| "the end".to_owned(), |upto| upto.to_string());
        let what = if gone.is_branch { "the way to the rows" } else { "the page of the rows" };
        let place = gone.page.map_or(Place::File, |page| Place::Page(page.get()));
        hurt(place, "page-lost", format!("{what} from revision {} to {upto} is lost", gone.from));
    }
    let is_sound = tree.gone.is_empty() && scan.metas().len() > 1 && merged.rows.iter().all(Row::is_good);
    if is_sound && is_trailer_wrong(scan) {
        let what =
            "the last 32 bytes are not the SHA-256 of what stands before them: changed or damaged after it was taken";
        hurt(Place::File, "trailer", what.to_owned());
    }
    if scan.metas().is_empty() {
        hurt(Place::Page(0), "meta-invalid", "no meta page holds".to_owned());
    }
    if scan.is_shifted() {
        hurt(
            Place::File,
            "shifted",
            "pages do not stand where their numbers say: bytes are missing or added".to_owned(),
        );
    }
    let mut page_of = |rows: &[Row], what: &str| {
        let bad = rows.iter().filter(|row| !row.is_good()).count();
        if bad > 0 {
            merged.damage.push(Damage {
                file: file.clone(),
                place: Place::File,
                id: "row-value",
                what: format!("{bad} rows of the {what} are incomplete or contradicted"),
            });
        }
    };
    page_of(&merged.rows, "table");
    match tree.level {
        Level::Nothing => merged.notes.push(
            "no root of the buckets is left: whether rows were compacted, and whether newer ones are lost, cannot be told"
                .to_owned(),
        ),
        Level::Root => merged.notes.push(
            "no meta leads to the buckets: of the roots that are left, the one that had applied most of the log was taken"
                .to_owned(),
        ),
        Level::Meta => {}
    }
    if !whole.is_empty() {
        merged.notes.push(
            "pages of the tree are lost, and the rows below them were found without it: nothing speaks of a page of rows that \
             is lost too, and nothing can rule it out"
                .to_owned(),
        );
    }
    if tree.is_behind {
        merged.damage.push(Damage {
            file: file.clone(),
            place: Place::File,
            id: "copied-while-written",
            what: "pages are of different moments".to_owned(),
        });
        merged.notes.push("pages are newer than the newest meta: the file was copied while it was in use".to_owned());
    }
}
