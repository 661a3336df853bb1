//! Whatever is broken in a database or its WAL: reading ends, does not panic, and tells. What it does not tell about is
//! as it was.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use kinescope::source::{Bytes, Damage, FileName};
use kinescope::sqlite::{
    ChainCheck, Database, Geometry, OpenError, PageKind, PageNo, PageSize, PageUse, SchemaKind, TreeKind,
};
use proptest::prelude::*;
use rusqlite::Connection;
use std::sync::LazyLock;

const PAGE: usize = 512;

fn open(main: Vec<u8>, wal: Option<Vec<u8>>) -> Result<Database, OpenError> {
    let wal = wal.map(|bytes| (FileName::new("state.db-wal"), Bytes::from(bytes)));
    Database::open(FileName::new("state.db"), Bytes::from(main), wal)
}

/// A database with rows, indexes, overflow pages and free pages.
static HEALTHY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 512;
             CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, value BLOB);
             CREATE INDEX t_name ON t (name, id);
             WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 150)
             INSERT INTO t (name, value) SELECT hex(x * 7919), zeroblob(x * 37 % 1500) FROM n;
             DELETE FROM t WHERE id % 4 = 0 OR id BETWEEN 60 AND 90;",
        )
        .unwrap();
    connection.serialize("main").unwrap().to_vec()
});

/// A database in WAL mode: the file, the WAL, and the length of the WAL after each commit.
static HOT: LazyLock<(Vec<u8>, Vec<u8>, Vec<usize>)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let wal = directory.path().join("state.db-wal");
    std::fs::write(&path, &*HEALTHY).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;").unwrap();
    // Frames of an earlier generation behind those of the current one.
    connection.execute("UPDATE t SET name = name || 'x'", ()).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(RESTART)", (), |_| Ok(())).unwrap();
    let mut commits = Vec::new();
    for at in 0..6 {
        connection.execute("INSERT INTO t (name, value) VALUES (?, zeroblob(900))", (at,)).unwrap();
        let database = open(std::fs::read(&path).unwrap(), Some(std::fs::read(&wal).unwrap())).unwrap();
        match database.wal() {
            kinescope::sqlite::WalState::Read(wal) => commits.push(32 + wal.committed_frames() * (PAGE + 24)),
            other => panic!("{other:?}"),
        }
    }
    (std::fs::read(&path).unwrap(), std::fs::read(&wal).unwrap(), commits)
});

/// What reading a database comes to: numbers that a change of structure changes, and what was told.
#[derive(Debug)]
struct Reading {
    cells: Vec<u64>,
    rows: Vec<i64>,
    damage: Vec<Damage>,
}

/// Reads all there is to read.
fn read(database: &Database) -> Reading {
    let mut damage = database.damage().to_vec();
    let mut rows = Vec::new();
    let mut chains = ChainCheck::new(database);
    for entry in database.schema(&mut damage) {
        let (SchemaKind::Table, Some(root)) = (entry.kind, entry.root) else { continue };
        for leaf in database.table_leaves(root, &mut damage) {
            for cell in database.leaf_cells(&leaf, &mut damage) {
                damage.extend(database.check_chain(&cell).err());
                damage.extend(chains.check(&cell).err());
                match database.record(&cell.payload) {
                    Ok(record) => {
                        for field in record.fields() {
                            damage.extend(database.value(&cell.payload, *field).err());
                        }
                    }
                    Err(found) => damage.push(found),
                }
                if entry.name == "t" {
                    rows.push(cell.rowid);
                }
            }
        }
    }
    let census = database.census();
    damage.extend(census.damage.iter().cloned());
    Reading { cells: census.trees.iter().map(|tree| tree.cells).collect(), rows, damage }
}

fn read_bytes(main: Vec<u8>) -> Option<Reading> {
    open(main, None).ok().map(|database| read(&database))
}

fn ids(damage: &[Damage]) -> Vec<&'static str> {
    damage.iter().map(|damage| damage.id).collect()
}

#[test]
fn the_healthy_database_has_no_damage() {
    let reading = read_bytes(HEALTHY.clone()).unwrap();
    assert_eq!(reading.damage, []);
    assert_eq!(reading.rows.len(), 90);
    let database = open(HEALTHY.clone(), None).unwrap();
    let census = database.census();
    let uses = [PageUse::TableInterior, PageUse::IndexInterior, PageUse::Overflow, PageUse::FreelistLeaf];
    assert!(uses.iter().all(|&used| census.count(used) > 0));
    let (main, wal, commits) = &*HOT;
    let database = open(main.clone(), Some(wal.clone())).unwrap();
    let reading = read(&database);
    assert_eq!((reading.damage, reading.rows.len()), (vec![], 96));
    assert!(wal.len() > commits[5]);
}

#[test]
fn every_bit_of_every_page_header_and_cell_pointer_is_told_or_harmless() {
    let healthy = read_bytes(HEALTHY.clone()).unwrap();
    let database = open(HEALTHY.clone(), None).unwrap();
    let census = database.census();
    let structure: Vec<usize> = (0..HEALTHY.len() / PAGE)
        .flat_map(|slot| {
            let no = PageNo::new(slot as u32 + 1).unwrap();
            let meant = match census.page(no) {
                PageUse::FreelistLeaf => 0..0,
                PageUse::FreelistTrunk => 0..16,
                PageUse::Overflow => 0..4,
                _ => 0..database.btree_page(no).unwrap().pointers_end(),
            };
            meant.map(move |at| slot * PAGE + at)
        })
        .collect();
    assert!(structure.len() > 1500);
    let quiet: Vec<_> = structure
        .iter()
        .flat_map(|&at| (0..8).map(move |bit| (at, bit)))
        .filter_map(|(at, bit)| {
            let mut bytes = HEALTHY.clone();
            bytes[at] ^= 1 << bit;
            let reading = read_bytes(bytes)?;
            let same = reading.cells == healthy.cells && reading.rows == healthy.rows;
            (reading.damage.is_empty() && !same).then_some((at / PAGE + 1, at % PAGE, bit))
        })
        .collect();
    assert_eq!(quiet, []);
}

#[test]
fn a_file_cut_off_anywhere_is_told() {
    let healthy = read_bytes(HEALTHY.clone()).unwrap();
    for len in (0..HEALTHY.len()).step_by(97) {
        let Some(reading) = read_bytes(HEALTHY[..len].to_vec()) else { continue };
        assert!(ids(&reading.damage).contains(&"file-truncated"), "{len}");
        assert!(reading.rows.iter().all(|row| healthy.rows.contains(row)));
    }
}

#[test]
fn a_lost_page_costs_no_more_than_its_own_rows() {
    let healthy = read_bytes(HEALTHY.clone()).unwrap();
    let database = open(HEALTHY.clone(), None).unwrap();
    let census = database.census();
    for leaf in census.pages(PageUse::TableLeaf) {
        let page = database.btree_page(leaf).unwrap();
        assert_eq!(page.kind(), PageKind::TableLeaf);
        let start = (leaf.get() as usize - 1) * PAGE;
        let mut bytes = HEALTHY.clone();
        bytes[start..start + PAGE].fill(0);
        let Some(reading) = read_bytes(bytes) else { continue };
        assert!(ids(&reading.damage).contains(&"page-type"));
        if reading.rows.len() + usize::from(page.cell_count()) != healthy.rows.len() {
            // Not a leaf of that table.
            assert_eq!(reading.rows, healthy.rows);
        }
    }
}

#[test]
fn a_wal_cut_off_anywhere_reads_as_of_an_earlier_commit() {
    let (main, wal, commits) = &*HOT;
    for len in (33..wal.len()).step_by(101) {
        let database = open(main.clone(), Some(wal[..len].to_vec())).unwrap();
        let reading = read(&database);
        let transactions = commits.iter().filter(|&&commit| commit <= len).count();
        assert_eq!((reading.rows.len(), reading.damage), (90 + transactions, vec![]));
    }
}

/// Finds the first page with a use in the healthy database.
fn first(used: PageUse) -> usize {
    let census = open(HEALTHY.clone(), None).unwrap().census();
    census.pages(used).next().unwrap().get() as usize
}

fn with_word(page: usize, at: usize, value: u32) -> Vec<u8> {
    let mut bytes = HEALTHY.clone();
    let start = (page - 1) * PAGE + at;
    bytes[start..start + 4].copy_from_slice(&value.to_be_bytes());
    bytes
}

#[test]
fn loops_end() {
    let trunk = first(PageUse::FreelistTrunk);
    let told = ids(&read_bytes(with_word(trunk, 0, trunk as u32)).unwrap().damage);
    assert!(told.contains(&"page-twice"), "{told:?}");
    let overflow = first(PageUse::Overflow);
    let told = ids(&read_bytes(with_word(overflow, 0, overflow as u32)).unwrap().damage);
    assert!(told.contains(&"overflow-chain") || told.contains(&"page-twice"), "{told:?}");
    for used in [PageUse::TableInterior, PageUse::IndexInterior] {
        let interior = first(used);
        // The right-most child is the page itself, then the root of the schema.
        let told = ids(&read_bytes(with_word(interior, 8, interior as u32)).unwrap().damage);
        assert!(told.contains(&"page-twice"), "{told:?}");
        let told = ids(&read_bytes(with_word(interior, 8, 1)).unwrap().damage);
        assert!(!told.is_empty());
    }
}

#[test]
fn a_chain_of_interior_pages_deeper_than_any_tree_ends() {
    // Page 2 leads to 3, that to 4, and so on.
    let mut bytes = HEALTHY[..PAGE].to_vec();
    for child in 3..200u32 {
        let mut page = vec![0; PAGE];
        page[0] = 5;
        page[5..7].copy_from_slice(&500u16.to_be_bytes());
        page[8..12].copy_from_slice(&child.to_be_bytes());
        bytes.extend(page);
    }
    let mut damage = Vec::new();
    let database = open(bytes, None).unwrap();
    let pages = database.tree_pages(PageNo::new(2).unwrap(), TreeKind::Table, &mut damage);
    assert!(ids(&damage).contains(&"tree-depth"));
    assert_eq!((pages.leaves.len(), pages.interior.len()), (0, 20));
}

#[test]
fn a_page_whose_pointers_all_lead_to_one_cell_does_not_multiply_it() {
    let leaf = first(PageUse::TableLeaf).max(3);
    let mut page = vec![0; PAGE];
    page[0] = 13;
    page[3..5].copy_from_slice(&84u16.to_be_bytes());
    for slot in 0..84 {
        page[8 + 2 * slot..10 + 2 * slot].copy_from_slice(&400u16.to_be_bytes());
    }
    page[400] = 100;
    let mut bytes = HEALTHY.clone();
    bytes[(leaf - 1) * PAGE..leaf * PAGE].copy_from_slice(&page);
    let database = open(bytes, None).unwrap();
    let mut damage = Vec::new();
    let alone = kinescope::sqlite::Leaf::alone(PageNo::new(leaf as u32).unwrap());
    let cells = database.leaf_cells(&alone, &mut damage);
    assert!(cells.len() <= 2 * PAGE / 100);
    assert!(ids(&damage).contains(&"rowid-order") && damage.len() < 10);
}

#[test]
fn two_rows_with_one_chain_are_told() {
    let database = open(HEALTHY.clone(), None).unwrap();
    let mut chains = Vec::new();
    for leaf in database.census().pages(PageUse::TableLeaf) {
        let alone = kinescope::sqlite::Leaf::alone(leaf);
        let cells = database.leaf_cells(&alone, &mut Vec::new());
        // One page each, so that either chain is as long as the other row needs.
        let single = |payload: &kinescope::sqlite::PayloadRef| database.chain(payload).unwrap().count() == 1;
        chains.extend(cells.iter().filter(|cell| single(&cell.payload)).map(|cell| cell.payload));
    }
    let [one, other] = [chains[0], chains[1]];
    let field = |payload: &kinescope::sqlite::PayloadRef| {
        (payload.page().get() as usize - 1) * PAGE + payload.start() + payload.local_len() as usize
    };
    let mut bytes = HEALTHY.clone();
    let (from, to) = (field(&one), field(&other));
    bytes.copy_within(from..from + 4, to);
    let reading = read_bytes(bytes).unwrap();
    // Once by the check of chains, once by the census; and the page nobody leads to any more.
    assert_eq!(ids(&reading.damage), ["page-twice", "page-twice", "page-orphan"]);
}

#[test]
fn a_database_without_its_first_page_still_has_the_others() {
    let mut bytes = HEALTHY.clone();
    bytes[..PAGE].fill(0xee);
    assert!(matches!(open(bytes.clone(), None), Err(OpenError::Header { .. })));
    let geometry = Geometry::without_reserve(PageSize::new(512).unwrap());
    let database = Database::open_without_header(FileName::new("state.db"), Bytes::from(bytes), None, geometry);
    assert_eq!(database.page_count() as usize, HEALTHY.len() / PAGE);
    let healthy = read_bytes(HEALTHY.clone()).unwrap();
    let mut rows: Vec<i64> = Vec::new();
    for page in database.page_numbers() {
        let Ok(found) = database.btree_page(page) else { continue };
        if found.kind() == PageKind::TableLeaf {
            let alone = kinescope::sqlite::Leaf::alone(page);
            rows.extend(database.leaf_cells(&alone, &mut Vec::new()).iter().map(|cell| cell.rowid));
        }
    }
    assert!(healthy.rows.iter().all(|row| rows.contains(row)));
}

/// Some changes to bytes: single bits, words, runs of one byte, copies from elsewhere.
#[derive(Clone, Debug)]
enum Harm {
    Bit(usize, u8),
    Word(usize, u32),
    Run(usize, usize, u8),
    Copy(usize, usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let word = prop_oneof![any::<u32>(), 0u32..200];
    prop_oneof![
        (any::<usize>(), 0u8..8).prop_map(|(at, bit)| Harm::Bit(at, bit)),
        (any::<usize>(), word).prop_map(|(at, value)| Harm::Word(at, value)),
        (any::<usize>(), 1usize..3000, any::<u8>()).prop_map(|(at, len, byte)| Harm::Run(at, len, byte)),
        (any::<usize>(), any::<usize>(), 1usize..2000).prop_map(|(from, to, len)| Harm::Copy(from, to, len)),
    ]
}

fn apply(bytes: &mut [u8], harm: &Harm) {
    let len = bytes.len();
    match *harm {
        Harm::Bit(at, bit) => bytes[at % len] ^= 1 << bit,
        Harm::Word(at, value) => {
            let at = at % (len - 4);
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        Harm::Run(at, run, byte) => {
            let at = at % len;
            bytes[at..len.min(at + run)].fill(byte);
        }
        Harm::Copy(from, to, run) => {
            let run = run.min(len);
            bytes.copy_within(from % (len - run + 1)..from % (len - run + 1) + run, to % (len - run + 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_harm_to_the_file_is_survived(harms in proptest::collection::vec(harm(), 1..6), cut in proptest::option::weighted(0.2, any::<usize>())) {
        let mut bytes = HEALTHY.clone();
        harms.iter().for_each(|harm| apply(&mut bytes, harm));
        if let Some(cut) = cut {
            bytes.truncate(cut % HEALTHY.len());
        }
        if let Some(reading) = read_bytes(bytes) {
            // Told, but not without end.
            prop_assert!(reading.damage.len() < 5000);
        }
    }

    #[test]
    fn one_bit_in_the_file_is_told_or_leaves_every_row_in_place(at: usize, bit in 0u8..8) {
        let healthy = read_bytes(HEALTHY.clone()).unwrap();
        let mut bytes = HEALTHY.clone();
        apply(&mut bytes, &Harm::Bit(at, bit));
        if let Some(reading) = read_bytes(bytes)
            && reading.damage.is_empty()
        {
            prop_assert_eq!(reading.cells, healthy.cells);
            prop_assert_eq!(reading.rows.len(), healthy.rows.len());
        }
    }

    #[test]
    fn one_bit_in_the_wal_is_told_or_ends_it_at_an_earlier_commit(at: usize, bit in 0u8..8) {
        let (main, wal, commits) = &*HOT;
        let mut wal = wal.clone();
        apply(&mut wal, &Harm::Bit(at, bit));
        let at = at % wal.len();
        let database = open(main.clone(), Some(wal)).unwrap();
        let reading = read(&database);
        // Frames behind the bit are not read, those before it all are.
        let transactions = if at < 32 { 0 } else { commits.iter().filter(|&&commit| commit <= at).count() };
        prop_assert_eq!(reading.rows.len(), 90 + transactions);
        let lost = commits.len() - transactions;
        // A bit in the last commit frame is like a torn write; any other costs a commit that is seen behind it.
        let last_frame = commits[5] - (PAGE + 24);
        if at < last_frame {
            prop_assert_eq!(ids(&reading.damage).len(), 1, "{:?}", reading.damage);
        } else {
            prop_assert_eq!((reading.damage, lost <= 1), (vec![], true));
        }
    }

    #[test]
    fn any_harm_to_the_wal_is_survived(harms in proptest::collection::vec(harm(), 1..6), without_main: bool) {
        let (main, wal, _) = &*HOT;
        let mut wal = wal.clone();
        harms.iter().for_each(|harm| apply(&mut wal, harm));
        let main = if without_main { Vec::new() } else { main.clone() };
        if let Ok(database) = open(main, Some(wal)) {
            prop_assert!(read(&database).damage.len() < 5000);
        }
    }

    #[test]
    fn any_bytes_behind_a_header_are_survived(pages in proptest::collection::vec((0usize..6, proptest::collection::vec(any::<u8>(), PAGE)), 1..12)) {
        let mut bytes = HEALTHY[..PAGE].to_vec();
        for (kind, mut page) in pages {
            if let Some(byte) = [2, 5, 10, 13].get(kind) {
                page[0] = *byte;
                page[3] = 0;
                page[4] %= 60;
            }
            bytes.extend(page);
        }
        let database = open(bytes, None).unwrap();
        prop_assert!(!read(&database).damage.is_empty());
    }
}
