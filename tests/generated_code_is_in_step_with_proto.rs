//! The checked-in Rust code of etcd's messages is what the `.proto` files give.
//!
//! After a change in `proto/`, `KINESCOPE_WRITE_GENERATED=1 cargo test --test generated_code_is_in_step_with_proto` writes
//! the code anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

type Files = BTreeMap<String, String>;

fn read(dir: &Path) -> Files {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|name| name == "rs"));
    let named =
        files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()));
    named.filter(|(name, _)| name != "mod.rs").collect()
}

#[test]
fn the_code_is_what_the_proto_files_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = fs::read_dir(root.join("proto")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut protos: Vec<_> = protos.map(|name| name.into_string().unwrap()).collect();
    protos.sort();
    assert!(protos.len() >= 7, "{protos:?}");

    let out = tempfile::tempdir().unwrap();
    let messages = protox::compile(&protos, [root.join("proto")]).unwrap();
    let mut config = prost_build::Config::new();
    // Values of the log stay where they are: the messages point into the log's own bytes.
    config.bytes(["."]).out_dir(out.path()).compile_fds(messages).unwrap();
    let fresh = read(out.path());

    let checked_in = root.join("src/etcd/proto");
    if std::env::var_os("KINESCOPE_WRITE_GENERATED").is_some() {
        for (name, code) in &fresh {
            fs::write(checked_in.join(name), code).unwrap();
        }
    }
    let found = read(&checked_in);
    assert_eq!(found.keys().collect::<Vec<_>>(), fresh.keys().collect::<Vec<_>>());
    for (name, code) in &fresh {
        assert!(found[name] == *code, "{name} is not what proto/ gives");
    }
}
