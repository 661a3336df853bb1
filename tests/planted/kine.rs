//! kine's tables with something wrong in them, made with SQLite itself.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use kinescope::k3s::bootstrap::unseal;
use kinescope::k3s::{Blob, Token};
use rusqlite::{Connection, params};

use super::{Case, below};
use crate::command::copy;
use crate::fixtures::unpacked;

/// The token of kine-0.11 as a user may shorten it, so that it says nothing of the authority.
pub const TOKEN: &str = "fixture0014";
/// The same for kine-0.16.
pub const TOKEN_16: &str = "fixture0011";
/// A Secret of both archives.
pub const SECRET: &str = "/registry/secrets/shop/db";
/// An object that was written once.
pub const CONFIG_MAP: &str = "/registry/configmaps/kube-system/kube-root-ca.crt";

/// A copy of a moment of an archive, and a second one changed with SQL.
pub fn changed(archive: &str, dir: &Path, change: impl FnOnce(&Connection)) -> Case {
    let (healthy, planted) = (backup(archive, dir, "healthy"), backup(archive, dir, "planted"));
    let connection = Connection::open(&planted).unwrap();
    change(&connection);
    connection.close().unwrap();
    assert!(!beside(&planted, "-wal").exists());
    Case::of(&healthy, &planted)
}

/// A copy of the first backup of an archive, as `state.db` in a directory of its own.
pub fn backup(archive: &str, dir: &Path, name: &str) -> PathBuf {
    copy(&unpacked(archive).join("early.backup.db"), below(dir, name).join("state.db"))
}

pub fn beside(state: &Path, suffix: &str) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Runs one statement.
pub fn sql(connection: &Connection, statement: &str) {
    connection.execute_batch(statement).unwrap();
}

/// The newest row of a key.
pub struct Newest {
    pub id: i64,
    pub life: i64,
    pub value: Vec<u8>,
}

pub fn newest(connection: &Connection, key: &str) -> Newest {
    let row = "SELECT id, created, create_revision, value FROM kine WHERE name = ? ORDER BY id DESC LIMIT 1";
    connection
        .query_row(row, [key], |row| {
            let (id, created): (i64, bool) = (row.get(0)?, row.get(1)?);
            Ok(Newest { id, life: if created { id } else { row.get(2)? }, value: row.get(3)? })
        })
        .unwrap()
}

/// A key's first row.
pub fn create(connection: &Connection, key: &str, value: &[u8]) {
    let row = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
               VALUES (?, 1, 0, 0, 0, 0, ?)";
    connection.execute(row, params![key, value]).unwrap();
}

/// Writes a key once more, as kine does.
pub fn update(connection: &Connection, key: &str, value: &[u8]) {
    let before = newest(connection, key);
    let row = "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) \
               VALUES (?, 0, 0, ?, ?, 0, ?, ?)";
    connection.execute(row, params![key, before.life, before.id, value, before.value]).unwrap();
}

/// Puts another value into a key's newest row.
pub fn replace(connection: &Connection, key: &str, value: &[u8]) {
    let id = newest(connection, key).id;
    assert_eq!(connection.execute("UPDATE kine SET value = ? WHERE id = ?", params![value, id]).unwrap(), 1);
}

/// The value of a key in a backup.
pub fn value(archive: &str, key: &str) -> Vec<u8> {
    let path = unpacked(archive).join("early.backup.db");
    let connection = Connection::open_with_flags(
        format!("file:{}?immutable=1", path.display()),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI,
    );
    newest(&connection.unwrap(), key).value
}

/// An object as the apiserver stores it, with metadata alone, and with a field that no release has.
pub fn object(api_version: &str, kind: &str, namespace: &str, name: &str, unknown_field: bool) -> Vec<u8> {
    let metadata = [field(1, name.as_bytes()), field(3, namespace.as_bytes())].concat();
    let mut raw = field(1, &metadata);
    if unknown_field {
        raw.extend([0xf8, 0x3f, 1]);
    }
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &type_meta), field(2, &raw)].concat()
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let len = u8::try_from(content.len()).unwrap();
    assert!(len < 128);
    [&[number << 3 | 2, len], content].concat()
}

/// The key of the bootstrap data of a store.
pub fn bootstrap_key(connection: &Connection) -> String {
    let keys = "SELECT name FROM kine WHERE name LIKE '/bootstrap/%'";
    connection.query_row(keys, [], |row| row.get(0)).unwrap()
}

/// What is inside the bootstrap data, as JSON.
pub fn inside(connection: &Connection, token: &str) -> serde_json::Value {
    let sealed = newest(connection, &bootstrap_key(connection)).value;
    let token = Token::new(token);
    serde_json::from_slice(&unseal(&sealed, token.passphrases()[0]).unwrap()).unwrap()
}

/// Seals bootstrap data under the passphrase of a token that stands at `position` among those it may have made; with its
/// key.
pub fn sealed(inside: &serde_json::Value, token: &str, position: usize) -> (String, Vec<u8>) {
    let token = Token::new(token);
    let passphrase = token.passphrases()[position];
    let blob = Blob::from_plain(&serde_json::to_vec(inside).unwrap()).unwrap();
    (String::from_utf8(passphrase.key()).unwrap(), blob.seal(passphrase).unwrap())
}

/// Gives the bootstrap data another passphrase, and thereby another key.
pub fn seal_anew(connection: &Connection, old: &str, new: &str, position: usize) {
    let key = bootstrap_key(connection);
    let (name, value) = sealed(&inside(connection, old), new, position);
    let changed = connection.execute("UPDATE kine SET name = ?, value = ? WHERE name = ?", params![name, value, key]);
    assert_eq!(changed.unwrap(), 1);
}

/// Bootstrap data whose encryption configuration is none.
pub fn broken_configuration(connection: &Connection, token: &str) -> Vec<u8> {
    let mut inside = inside(connection, token);
    let content = base64::engine::general_purpose::STANDARD.encode("{\"kind\": \"EncryptionConfiguration\", ");
    inside["EncryptionConfig"] = serde_json::json!({"Timestamp": "2026-01-02T03:04:05Z", "Content": content});
    sealed(&inside, token, 0).1
}

/// The encryption configuration of kine-0.16, and a second one of which one key is another.
pub fn configurations(dir: &Path) -> (String, String) {
    let text = fs::read_to_string(unpacked("kine-0.16").join("enc.json")).unwrap();
    let (right, wrong) = (below(dir, "keys").join("right.json"), dir.join("keys/wrong.json"));
    fs::write(&right, &text).unwrap();
    let other = text.replace("bSXPc0xJod0n", "aSXPc0xJod0n");
    assert_ne!(text, other);
    fs::write(&wrong, other).unwrap();
    (right.display().to_string(), wrong.display().to_string())
}

/// A database and its WAL at the moment that `write` is at, copied as a user copies them; `cut` says how much of the WAL.
pub fn with_wal(dir: &Path, write: impl FnOnce(&Connection, &Path) -> Option<u64>) -> Case {
    let (healthy, live) = (backup("kine-0.11", dir, "healthy"), backup("kine-0.11", dir, "live"));
    let connection = Connection::open(&live).unwrap();
    sql(&connection, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    let cut = write(&connection, &beside(&live, "-wal"));
    let planted = copy(&live, below(dir, "planted").join("state.db"));
    let wal = copy(&beside(&live, "-wal"), beside(&planted, "-wal"));
    if let Some(len) = cut {
        fs::OpenOptions::new().write(true).open(wal).unwrap().set_len(len).unwrap();
    }
    Case::of(&healthy, &planted)
}
