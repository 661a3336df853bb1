//! The pictures of the documentation are the screens of the program itself over a store of a real k3s:
//! `KINESCOPE_UPDATE_SNAPSHOTS=1 cargo test --test pictures_are_what_the_program_draws` draws them anew.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod pictures;
mod screens;

use std::path::Path;

use screens::Session;

#[test]
fn pictures_are_up_to_date() {
    let store = fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let all: [(&str, &str, &[&str]); 6] = [
        ("overview", "the first screen: what this is, whose cluster, how healthy, where to go", &[]),
        ("pods", "the pods of a dead cluster, as kubectl shows them", &[":po", "enter"]),
        ("history", "every change of an object that survives, and what it changed", &[":deploy", "enter", "h", "down"]),
        (
            "export",
            "what would be written stands there before it is",
            &[":cm", "enter", "space", "space", "e", "ctrl-n"],
        ),
        (
            "differences",
            "what became of each object since an earlier moment",
            &["v", "=400", "enter", "down", "down", "down", "down", "down"],
        ),
        ("search", "a search in keys and objects", &["f", "=nginx", "enter"]),
    ];
    for (name, title, keys) in all {
        let mut session = Session::open(&store, (120, 32));
        session.press(keys);
        let drawn = pictures::svg(&session.buffer(), &pictures::DARK, title);
        let file = dir.join(format!("{name}.svg"));
        if std::env::var_os("KINESCOPE_UPDATE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(&file, drawn).unwrap();
        } else {
            assert!(std::fs::read_to_string(&file).unwrap_or_default() == drawn, "{name}.svg is of an older program");
        }
    }
}

#[test]
fn the_readme_shows_pictures_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let shown: Vec<&str> = readme
        .match_indices("docs/pictures/")
        .map(|(at, _)| &readme[at..at + readme[at..].find(')').unwrap()])
        .collect();
    assert!(!shown.is_empty());
    for path in shown {
        assert!(root.join(path).is_file(), "{path}");
    }
}
