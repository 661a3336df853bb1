//! k3s's server directories with something wrong in them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kinescope::k3s::{Blob, Token};
use rusqlite::Connection;

use super::kine::{backup, bootstrap_key, newest};
use super::{Case, below};
use crate::command::{copy_tree, run};

/// A server on kine with its token and the files that its bootstrap data has.
pub fn kine(archive: &str, token: &str, dir: &Path) -> PathBuf {
    let state = backup(archive, dir, "server/db");
    around(&state, token, dir)
}

/// The same on etcd.
pub fn etcd(dir: &Path) -> PathBuf {
    let state = backup("kine-0.11", dir, "from");
    let to = below(dir, "server/db").join("etcd");
    run(["convert".as_ref(), state.as_os_str(), "--to".as_ref(), "etcd-dir".as_ref(), to.as_os_str()]);
    assert!(to.join("member/wal").is_dir());
    around(&state, super::kine::TOKEN, dir)
}

/// Lays the token and the files of the bootstrap data beside a store.
fn around(state: &Path, token: &str, dir: &Path) -> PathBuf {
    let table = Connection::open(state).unwrap();
    let sealed = newest(&table, &bootstrap_key(&table)).value;
    table.close().unwrap();
    let parsed = Token::new(token);
    let blob = Blob::open(&sealed, parsed.passphrases()[0]).unwrap();
    let server = dir.join("server");
    for file in blob.files() {
        let path = server.join(file.path().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, &file.content);
    }
    write(&server.join("token"), token.as_bytes());
    fs::set_permissions(server.join("db"), Permissions::from_mode(0o700)).unwrap();
    server
}

/// Writes a file that its owner alone can read.
pub fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

pub fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Whether these tests run as root, who alone can give files to others.
pub fn is_root(path: &Path) -> bool {
    fs::metadata(path).unwrap().uid() == 0
}

/// A server directory, and a copy of it that is changed. Its modes go with it.
pub fn changed(server: &Path, change: impl FnOnce(&Path)) -> Case {
    let planted = server.with_file_name("planted");
    copy_tree(server, &planted);
    mode(&planted.join("db"), 0o700);
    if planted.join("db/etcd").is_dir() {
        mode(&planted.join("db/etcd"), 0o700);
    }
    change(&planted);
    Case::of(server, &planted)
}

/// On kine.
pub fn on_kine(dir: &Path, change: impl FnOnce(&Path)) -> Case {
    changed(&kine("kine-0.11", super::kine::TOKEN, dir), change)
}

/// On kine with encrypted Secrets, and the configuration that says so.
pub fn encrypted(dir: &Path, change: impl FnOnce(&Path)) -> Case {
    changed(&kine("kine-0.16", super::kine::TOKEN_16, dir), change)
}

/// On etcd.
pub fn on_etcd(dir: &Path, change: impl FnOnce(&Path)) -> Case {
    changed(&etcd(dir), change)
}

/// A configuration of k3s.
pub fn config(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}
