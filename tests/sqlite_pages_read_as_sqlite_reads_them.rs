//! Every row that SQLite reads from a database, with or without a WAL beside it, is read here too, and no other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use kinescope::source::{Bytes, Damage, FileName};
use kinescope::sqlite::{
    ChainCheck, ChecksumOrder, Database, FRAME_HEADER_LEN, FrameState, OpenError, Origin, PageNo, PageUse, SchemaKind,
    TreeKind, Value, WAL_HEADER_LEN, WalError, WalState,
};
use rusqlite::Connection;
use rusqlite::types::Value as Theirs;

/// A row by SQLite and by us: rowid and columns.
type Row = (i64, Vec<Theirs>);

fn open(main: Vec<u8>, wal: Option<Vec<u8>>) -> Result<Database, OpenError> {
    let wal = wal.map(|bytes| (FileName::new("state.db-wal"), Bytes::from(bytes)));
    Database::open(FileName::new("state.db"), Bytes::from(main), wal)
}

fn open_files(path: &Path) -> Database {
    let wal = std::fs::read(wal_path(path)).ok();
    open(std::fs::read(path).unwrap(), wal).unwrap()
}

fn wal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn root(database: &Database, name: &str, damage: &mut Vec<Damage>) -> PageNo {
    database.schema(damage).into_iter().find(|entry| entry.name == name).unwrap().root.unwrap()
}

/// All rows of a table as we read them, and what we found wrong.
fn ours(database: &Database, table: &str) -> (Vec<Row>, Vec<Damage>) {
    let mut damage = database.damage().to_vec();
    let root = root(database, table, &mut damage);
    let mut rows = Vec::new();
    let mut chains = ChainCheck::new(database);
    for leaf in database.table_leaves(root, &mut damage) {
        for cell in database.leaf_cells(&leaf, &mut damage) {
            damage.extend(database.check_chain(&cell).err());
            damage.extend(chains.check(&cell).err());
            let record = database.record(&cell.payload).unwrap();
            let columns = record
                .fields()
                .iter()
                .map(|field| match database.value(&cell.payload, *field).unwrap() {
                    Value::Null => Theirs::Null,
                    Value::Int(number) => Theirs::Integer(number),
                    Value::Float(number) => Theirs::Real(number),
                    Value::Text(text) => Theirs::Text(String::from_utf8(text.into_owned()).unwrap()),
                    Value::Blob(bytes) => Theirs::Blob(bytes.into_owned()),
                })
                .collect();
            rows.push((cell.rowid, columns));
        }
    }
    (rows, damage)
}

/// All rows of a table as SQLite reads them.
fn theirs(connection: &Connection, table: &str) -> Vec<Row> {
    let mut statement = connection.prepare(&format!("SELECT rowid, * FROM {table} ORDER BY rowid")).unwrap();
    let columns = statement.column_count();
    let rows = statement
        .query_map((), |row| Ok((row.get(0)?, (1..columns).map(|at| row.get(at)).collect::<Result<_, _>>()?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Compares without printing a megabyte of rows when they differ.
fn assert_equal(ours: &[Row], theirs: &[Row]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!(ours == theirs, "row {} is not row {} of SQLite", ours.0, theirs.0);
    }
}

/// What we read are these rows, and we found exactly these kinds of damage.
fn assert_reads(database: &Database, rows: &[Row], damage: &[&str]) {
    let (ours, found) = ours(database, "t");
    assert_eq!(found.iter().map(|damage| damage.id).collect::<Vec<_>>(), damage, "{found:?}");
    assert_equal(&ours, rows);
}

fn assert_same(database: &Database, connection: &Connection, table: &str) {
    let (ours, damage) = ours(database, table);
    assert_eq!(damage, []);
    assert_equal(&ours, &theirs(connection, table));
}

/// The census agrees with what SQLite itself counts.
fn assert_census(database: &Database, connection: &Connection) {
    let census = database.census();
    assert_eq!(census.damage, []);
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(database.page_count(), pragma("page_count"));
    assert_eq!(census.count(PageUse::FreelistLeaf) + census.count(PageUse::FreelistTrunk), pragma("freelist_count"));
    let in_trees: u32 = census.trees.iter().map(|tree| tree.pages()).sum();
    let elsewhere = census.count(PageUse::LockByte) + census.count(PageUse::PointerMap);
    assert_eq!(in_trees + elsewhere + pragma("freelist_count"), pragma("page_count"));
    for tree in census.trees.iter().filter(|tree| tree.tree == TreeKind::Index && !tree.name.contains("partial")) {
        let table = census.trees.iter().find(|other| other.name == "t").unwrap();
        assert_eq!(tree.cells, table.cells, "{}", tree.name);
    }
}

/// A table with all types, short and long values, deleted rows, and indexes.
fn fill(connection: &Connection, rows: i64) {
    connection
        .execute_batch(
            "CREATE TABLE t (a INTEGER, b TEXT, c BLOB, d REAL);
             CREATE INDEX by_b ON t (b);
             CREATE UNIQUE INDEX by_ba ON t (b, a, d);
             CREATE INDEX partial ON t (a) WHERE a % 2 = 0;
             CREATE VIEW v AS SELECT a FROM t;",
        )
        .unwrap();
    let transaction = connection.unchecked_transaction().unwrap();
    let mut insert = connection.prepare("INSERT INTO t (rowid, a, b, c, d) VALUES (?, ?, ?, ?, ?)").unwrap();
    for at in 0..rows {
        let blob = vec![at as u8; (at * at % 20_011) as usize];
        let text = "t".repeat((at * 31 % 1700) as usize) + &at.to_string();
        let number = (at - 200).checked_shl((at % 60) as u32).unwrap();
        insert.execute((at * 5 - 700, number, text, (at % 4 != 0).then_some(blob), at as f64 + 0.5)).unwrap();
    }
    transaction.execute("DELETE FROM t WHERE rowid % 7 = 0 OR rowid BETWEEN 100 AND 400", ()).unwrap();
    transaction.commit().unwrap();
}

fn create(path: &Path, page_size: u32, reserved: u8, mode: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = {page_size}; PRAGMA journal_mode = {mode}; PRAGMA user_version = 1"
        ))
        .unwrap();
    if reserved == 0 {
        return connection;
    }
    drop(connection);
    // SQLite keeps to the reserved bytes it finds in the header of an empty database.
    let mut page1 = std::fs::read(path).unwrap();
    assert_eq!(page1.len(), page_size as usize);
    page1[20] = reserved;
    page1[105..107].copy_from_slice(&((page_size - u32::from(reserved)) as u16).to_be_bytes());
    std::fs::write(path, page1).unwrap();
    Connection::open(path).unwrap()
}

#[test]
fn every_page_size_with_and_without_reserved_bytes() {
    for page_size in [512, 1024, 4096, 16384, 65536] {
        for reserved in [0, 8, 32] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("state.db");
            let connection = create(&path, page_size, reserved, "delete");
            fill(&connection, 700);
            let database = open_files(&path);
            let header = database.header().unwrap();
            assert_eq!(header.geometry.page_size().get(), page_size);
            assert_eq!(header.reserved, reserved);
            assert_eq!(header.size_in_pages, Some(database.page_count()));
            assert_same(&database, &connection, "t");
            assert_census(&database, &connection);
        }
    }
}

#[test]
fn an_auto_vacuumed_file_with_pointer_maps() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA page_size = 512; PRAGMA auto_vacuum = INCREMENTAL;").unwrap();
    fill(&connection, 500);
    let database = open_files(&path);
    assert_same(&database, &connection, "t");
    assert_census(&database, &connection);
    assert!(database.census().count(PageUse::PointerMap) > 1);
}

#[test]
fn many_rows_in_deep_trees() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let connection = create(&path, 512, 0, "delete");
    connection
        .execute_batch(
            "CREATE TABLE t (a, b); CREATE INDEX i ON t (b);
             WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 60000)
             INSERT INTO t (rowid, a, b) SELECT x * 1000003 % 1000000007, x, hex(x * 7919) FROM n;
             DELETE FROM t WHERE a % 11 = 0;",
        )
        .unwrap();
    let database = open_files(&path);
    assert_same(&database, &connection, "t");
    assert_census(&database, &connection);
    let mut damage = Vec::new();
    let root = root(&database, "t", &mut damage);
    let pages = database.tree_pages(root, TreeKind::Table, &mut damage);
    assert!(pages.interior.len() > 60 && damage.is_empty());
}

#[test]
fn the_schema_names_what_sqlite_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let connection = create(&path, 512, 0, "delete");
    fill(&connection, 10);
    for at in 0..60 {
        connection.execute_batch(&format!("CREATE TABLE more_{at} (x, y, z, {})", "w".repeat(at * 30 + 1))).unwrap();
    }
    let database = open_files(&path);
    let mut damage = Vec::new();
    let ours: Vec<_> = database
        .schema(&mut damage)
        .into_iter()
        .map(|entry| {
            let kind = match entry.kind {
                SchemaKind::Table => "table",
                SchemaKind::Index => "index",
                SchemaKind::View => "view",
                SchemaKind::Trigger => "trigger",
            };
            (kind.to_owned(), entry.name, entry.table, entry.root.map_or(0, PageNo::get), entry.sql)
        })
        .collect();
    assert_eq!(damage, []);
    let mut statement = connection.prepare("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema").unwrap();
    let rows =
        statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))).unwrap();
    assert_eq!(ours, rows.map(Result::unwrap).collect::<Vec<_>>());
}

#[test]
fn tables_without_rowid_are_counted_as_the_indexes_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let connection = create(&path, 1024, 0, "delete");
    connection.execute_batch("CREATE TABLE w (a PRIMARY KEY, b) WITHOUT ROWID;").unwrap();
    for at in 0..500i64 {
        connection.execute("INSERT INTO w VALUES (?, ?)", (at, "x".repeat(at as usize * 3))).unwrap();
    }
    let database = open_files(&path);
    let census = database.census();
    assert_eq!(census.damage, []);
    let table = census.trees.iter().find(|tree| tree.name == "w").unwrap();
    assert_eq!((table.tree, table.cells), (TreeKind::Index, 500));
    assert!(table.overflow_pages > 0);
    let mut damage = Vec::new();
    let pages = database.tree_pages(table.root, TreeKind::Index, &mut damage);
    let cells = |page| database.index_cells(page, &mut Vec::new()).len();
    let leaves: usize = pages.leaves.iter().map(|leaf| cells(leaf.page)).sum();
    let interior: usize = pages.interior.iter().map(|&page| cells(page)).sum();
    assert_eq!((leaves + interior, damage), (500, vec![]));
}

/// A database in WAL mode with a WAL that has not been checkpointed, both copied while SQLite has them open.
struct Hot {
    directory: tempfile::TempDir,
    connection: Connection,
}

impl Hot {
    fn new(page_size: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let connection = create(&directory.path().join("state.db"), page_size, 0, "wal");
        connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;").unwrap();
        Self { directory, connection }
    }

    fn main(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("state.db")).unwrap()
    }

    fn wal(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("state.db-wal")).unwrap()
    }

    fn checkpoint(&self, how: &str) {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), (), |_| Ok(())).unwrap();
    }

    fn change(&self, by: i64) {
        let sql = format!("UPDATE t SET c = zeroblob(length(b) + {by}), a = a + 1 WHERE rowid % 3 = {}", by % 3);
        self.connection.execute(&sql, ()).unwrap();
        self.connection.execute(&format!("INSERT INTO t (a, b) VALUES ({by}, hex(randomblob(3000)))"), ()).unwrap();
    }

    fn assert_same(&self, main: Vec<u8>, wal: Vec<u8>) -> Database {
        let database = open(main, Some(wal)).unwrap();
        assert_same(&database, &self.connection, "t");
        assert_census(&database, &self.connection);
        database
    }
}

fn read_wal(database: &Database) -> &kinescope::sqlite::Wal {
    match database.wal() {
        WalState::Read(wal) => wal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wal_that_was_not_checkpointed_lies_over_the_file() {
    for page_size in [512, 4096, 65536] {
        let hot = Hot::new(page_size);
        fill(&hot.connection, 300);
        let before = hot.main();
        // The file has no more than its first page: all else is in the WAL.
        let database = hot.assert_same(before.clone(), hot.wal());
        assert_eq!(database.header().unwrap().size_in_pages, Some(database.page_count()));
        assert!(matches!(database.origin(PageNo::FIRST), Origin::Wal { .. }));
        // Even without its first page.
        hot.assert_same(Vec::new(), hot.wal());
        hot.checkpoint("PASSIVE");
        hot.change(4);
        hot.assert_same(hot.main(), hot.wal());
        hot.connection.execute("DELETE FROM t WHERE rowid > 0", ()).unwrap();
        let database = hot.assert_same(hot.main(), hot.wal());
        let wal = read_wal(&database);
        assert_eq!(wal.committed_frames(), wal.frames().len() - wal.ignored().frames());
    }
}

#[test]
fn frames_of_earlier_generations_are_left_alone() {
    let hot = Hot::new(4096);
    fill(&hot.connection, 300);
    hot.checkpoint("RESTART");
    hot.change(1);
    let database = hot.assert_same(hot.main(), hot.wal());
    let wal = read_wal(&database);
    let ignored = wal.ignored();
    assert!(ignored.stale > 10);
    assert_eq!((ignored.uncommitted, ignored.broken, ignored.behind_break, wal.break_at()), (0, 0, 0, None));
    // All but the first of them can still be proven by the frame before them.
    let stale: Vec<_> = wal.frames().iter().filter(|frame| frame.state == FrameState::Stale).collect();
    assert!(!stale[0].proven && stale[1..].iter().all(|frame| frame.proven));
    hot.checkpoint("RESTART");
    hot.change(2);
    hot.change(3);
    hot.assert_same(hot.main(), hot.wal());
    // A checkpoint that wrote everything back, and no transaction since: nothing is committed, nothing is missing.
    hot.checkpoint("TRUNCATE");
    hot.assert_same(hot.main(), hot.wal());
}

#[test]
fn a_shrunken_database_ends_where_its_last_commit_says() {
    let hot = Hot::new(1024);
    fill(&hot.connection, 300);
    hot.checkpoint("TRUNCATE");
    hot.connection.execute_batch("DELETE FROM t WHERE rowid > 0; VACUUM;").unwrap();
    let database = hot.assert_same(hot.main(), hot.wal());
    assert!((database.page_count() as usize) < database.main().len() / 1024);
    assert!(database.page(PageNo::new(database.page_count() + 1).unwrap()).is_err());
}

/// Recomputes all checksums of a WAL from a frame on, in any byte order.
fn seal(wal: &mut [u8], page_size: usize, order: ChecksumOrder) {
    let magic: u32 = if order == ChecksumOrder::Little { 0x377f_0682 } else { 0x377f_0683 };
    wal[..4].copy_from_slice(&magic.to_be_bytes());
    let salts = wal[16..24].to_vec();
    // Written out as the format description has it, rather than with the code under test.
    let sum = |seed: [u32; 2], bytes: &[u8]| {
        let word = |bytes: &[u8]| {
            let bytes = bytes.try_into().unwrap();
            if order == ChecksumOrder::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
        };
        let [mut s0, mut s1] = seed;
        for pair in bytes.chunks(8) {
            s0 = s0.wrapping_add(word(&pair[..4]).wrapping_add(s1));
            s1 = s1.wrapping_add(word(&pair[4..]).wrapping_add(s0));
        }
        [s0, s1]
    };
    let store = |bytes: &mut [u8], [s0, s1]: [u32; 2]| {
        bytes[..4].copy_from_slice(&s0.to_be_bytes());
        bytes[4..8].copy_from_slice(&s1.to_be_bytes());
    };
    let mut seed = sum([0, 0], &wal[..24]);
    store(&mut wal[24..32], seed);
    for frame in wal[WAL_HEADER_LEN..].chunks_mut(FRAME_HEADER_LEN + page_size) {
        if frame[8..16] != salts {
            break;
        }
        seed = sum(sum(seed, &frame[..8]), &frame[24..]);
        store(&mut frame[16..24], seed);
    }
}

#[test]
fn checksums_of_both_byte_orders() {
    let hot = Hot::new(4096);
    fill(&hot.connection, 200);
    let native = hot.wal();
    for order in [ChecksumOrder::Little, ChecksumOrder::Big] {
        let mut wal = native.clone();
        seal(&mut wal, 4096, order);
        let database = hot.assert_same(hot.main(), wal.clone());
        assert_eq!(read_wal(&database).header().order, order);
        // SQLite takes the sealed WAL as well, so the seal is right.
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy.db");
        std::fs::write(&copy, hot.main()).unwrap();
        std::fs::write(wal_path(&copy), wal).unwrap();
        assert_equal(&theirs(&Connection::open(&copy).unwrap(), "t"), &theirs(&hot.connection, "t"));
    }
}

#[test]
fn a_transaction_without_commit_is_not_read_and_no_damage() {
    let hot = Hot::new(1024);
    fill(&hot.connection, 300);
    let committed = hot.wal().len();
    let rows = theirs(&hot.connection, "t");
    // So little cache that SQLite spills pages of the open transaction into the WAL.
    hot.connection.execute_batch("PRAGMA cache_size = 5; BEGIN; UPDATE t SET c = zeroblob(2000);").unwrap();
    let wal = hot.wal();
    assert!(wal.len() > committed);
    let database = open(hot.main(), Some(wal)).unwrap();
    assert_reads(&database, &rows, &[]);
    // It wrote pages more than once, for which SQLite mends the checksums only when it commits.
    let ignored = read_wal(&database).ignored();
    assert!(ignored.frames() > 100, "{ignored:?}");
    assert!(ignored.uncommitted > 0 && ignored.broken > 0 && ignored.stale == 0, "{ignored:?}");
}

#[test]
fn a_torn_tail_is_no_damage_but_a_break_in_the_middle_is() {
    let hot = Hot::new(1024);
    fill(&hot.connection, 100);
    let rows = theirs(&hot.connection, "t");
    let first = hot.wal().len();
    hot.change(1);
    let wal = hot.wal();
    for torn in [first + 1, first + 24, first + 1000, wal.len() - 1] {
        let database = open(hot.main(), Some(wal[..torn].to_vec())).unwrap();
        assert_reads(&database, &rows, &[]);
    }
    // The very last frame is half written.
    let mut half = wal.clone();
    half[wal.len() - 500..].fill(0);
    let database = open(hot.main(), Some(half)).unwrap();
    assert_reads(&database, &rows, &[]);
    assert_eq!(read_wal(&database).ignored().broken, 1);
    // A frame in the middle of the second transaction is broken: the first transaction stays, and it is told.
    let mut broken = wal.clone();
    broken[first + 24 + 500] ^= 1;
    let database = open(hot.main(), Some(broken)).unwrap();
    assert_reads(&database, &rows, &["wal-checksum"]);
    let wal = read_wal(&database);
    assert_eq!((wal.break_at(), wal.ignored().broken), (Some(wal.committed_frames()), 1));
    // Behind it every frame is proven by the one before: what one stores as its checksum still holds.
    assert!(wal.frames()[wal.committed_frames() + 1..].iter().all(|frame| frame.proven));
}

#[test]
fn a_wal_that_sqlite_takes_for_empty_is_told_and_not_used() {
    let hot = Hot::new(4096);
    fill(&hot.connection, 100);
    hot.checkpoint("FULL");
    let rows = theirs(&hot.connection, "t");
    let refused = |at: usize, value: u8| {
        let mut wal = hot.wal();
        wal[at] ^= value;
        let database = open(hot.main(), Some(wal)).unwrap();
        assert_reads(&database, &rows, &["wal-header"]);
        match database.wal() {
            WalState::Refused(error) => *error,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(refused(0, 1), WalError::Magic(_)));
    assert!(matches!(refused(11, 1), WalError::PageSize(_)));
    assert_eq!(refused(17, 1), WalError::Checksum);
    assert_eq!(refused(7, 1), WalError::Checksum);
    let database = open(hot.main(), Some(hot.wal()[..20].to_vec())).unwrap();
    assert!(matches!(database.wal(), WalState::Refused(WalError::TooShort(20))));
    let database = open(hot.main(), Some(Vec::new())).unwrap();
    assert!(matches!(database.wal(), WalState::Absent) && database.damage().is_empty());
}

#[test]
fn a_wal_with_other_pages_is_told_and_not_used() {
    let hot = Hot::new(4096);
    fill(&hot.connection, 100);
    hot.checkpoint("FULL");
    let other = Hot::new(1024);
    fill(&other.connection, 100);
    let database = open(hot.main(), Some(other.wal())).unwrap();
    assert_reads(&database, &theirs(&hot.connection, "t"), &["wal-page-size"]);
    assert!(matches!(database.wal(), WalState::ForeignPageSize(_)));
}

#[test]
fn files_that_are_no_database_have_their_own_errors() {
    use kinescope::sqlite::HeaderError;
    let header = |bytes: Vec<u8>| match open(bytes, None) {
        Err(OpenError::Header { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(open(Vec::new(), None), Err(OpenError::Empty { .. })));
    assert_eq!(header(vec![0; 50]), HeaderError::TooShort(50));
    assert_eq!(header(vec![0; 5000]), HeaderError::Magic);
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (x);").unwrap();
    assert_eq!(header(connection.serialize("main").unwrap().to_vec()), HeaderError::Utf16);
}

#[test]
fn a_payload_is_borrowed_where_it_lies_in_one_piece() {
    use std::borrow::Cow;
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA page_size = 1024; CREATE TABLE t (c BLOB);").unwrap();
    let value: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
    connection.execute("INSERT INTO t VALUES (?)", (&value,)).unwrap();
    let database = open(connection.serialize("main").unwrap().to_vec(), None).unwrap();
    let mut damage = Vec::new();
    let leaves = database.table_leaves(root(&database, "t", &mut damage), &mut damage);
    let cell = database.leaf_cells(&leaves[0], &mut damage)[0];
    let field = database.record(&cell.payload).unwrap().field(0).unwrap();
    assert_eq!((field.range().len(), cell.payload.overflows(), damage), (10_000, true, vec![]));
    let local = cell.payload.local_len();
    for (start, end, borrowed) in [
        (0, 5, true),
        (field.offset, local, true),
        (local - 1, local + 1, false),
        (local, local + 1020, true),
        (local + 1020, local + 1021, true),
        (local + 1019, local + 1021, false),
        (field.offset, cell.payload.len(), false),
        (cell.payload.len(), cell.payload.len(), true),
    ] {
        let read = database.read(&cell.payload, start..end).unwrap();
        assert_eq!(read.len() as u32, end - start);
        if let Some(from) = start.checked_sub(field.offset) {
            assert_eq!(*read, value[from as usize..(end - field.offset) as usize]);
        }
        let empty = start == end;
        assert!(empty || matches!(read, Cow::Borrowed(_)) == borrowed, "{start}..{end}");
    }
    assert!(database.read(&cell.payload, 0..cell.payload.len() + 1).is_err());
}
