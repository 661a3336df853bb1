//! Every screen over real stores, as kept in `tests/snapshots/tui/`: on a small terminal and on a large one. What they say of
//! the stores is held by other tests; this one holds how it looks. `KINESCOPE_UPDATE_SNAPSHOTS=1` takes the screens anew, to
//! be seen in the diff.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod screens;

use std::path::{Path, PathBuf};

use screens::Session;

const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

/// A name, the store, and the keys that lead to the screen.
type Shown = (&'static str, PathBuf, Vec<&'static str>);

fn views() -> Vec<Shown> {
    let kine = || fixtures::unpacked("kine-0.16").join("early.backup.db");
    let etcd = || fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    vec![
        ("overview-etcd", etcd(), vec![]),
        ("overview-kine-encrypted", kine(), vec![]),
        ("pods", etcd(), vec![":po", "enter"]),
        ("filtered", etcd(), vec![":cm", "enter", "/kube", "enter"]),
        ("deployment", etcd(), vec![":deploy", "enter", "enter"]),
        ("deployment-folded", etcd(), vec![":deploy", "enter", "enter", "down", "enter", "G", "enter"]),
        ("deployment-searched", etcd(), vec![":deploy", "enter", "enter", "z", "/image:", "enter"]),
        ("owned", etcd(), vec![":deploy", "enter", "enter", "O"]),
        ("time", etcd(), vec!["t", "left", "left"]),
        ("secret-masked", etcd(), vec![":secrets", "enter", "enter"]),
        ("secret-closed", kine(), vec![":secrets", "enter", "enter"]),
        ("history", etcd(), vec![":lease", "enter", "enter", "h", "down"]),
        ("differences", etcd(), vec!["v", "=400", "enter", "down", "down", "down"]),
        ("keys", etcd(), vec!["r", "down", "enter"]),
        ("leases", etcd(), vec!["l"]),
        ("past", etcd(), vec!["t", "=400", "enter", ":po", "enter"]),
        ("palette", etcd(), vec!["=:dep"]),
        ("export", etcd(), vec![":cm", "enter", "space", "space", "e", "ctrl-n"]),
        ("export-secret-left-out", etcd(), vec![":secrets", "enter", "e", "enter"]),
        ("health", etcd(), vec!["!"]),
        ("sizes", etcd(), vec!["s"]),
        ("sizes-of-owner", etcd(), vec!["s", "s", "s", "down", "enter"]),
        ("search", etcd(), vec!["f", "=nginx", "enter"]),
        ("page-of-bbolt", etcd(), vec![":deploy", "enter", "b"]),
        ("page-of-sqlite", kine(), vec![":deploy", "enter", "b"]),
        ("help", etcd(), vec![":po", "enter", "?"]),
    ]
}

/// The same of stores that are made here: without any key, damaged, half-migrated, no store at all.
fn made() -> (Vec<tempfile::TempDir>, Vec<Shown>) {
    // Of a length that is the same everywhere: some lines name it.
    let dir = tempfile::Builder::new().prefix("kinescope-").rand_bytes(6).tempdir_in("/tmp").unwrap();
    let at = |name: &str| dir.path().join(name);
    let (two, server) = fixtures::half_migrated();
    let sqlite = rusqlite::Connection::open(at("empty.db")).unwrap();
    sqlite
        .execute_batch(
            "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, deleted INTEGER, \
             create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);",
        )
        .unwrap();
    drop(sqlite);
    // Pages in the middle of a real store are overwritten, as by another program's data.
    let mut bytes = std::fs::read(fixtures::unpacked("kine-0.16").join("early.backup.db")).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 3 * 4096].fill(0xa5);
    std::fs::write(at("damaged.db"), &bytes).unwrap();
    // And its beginning is gone.
    bytes[..4096].fill(0);
    std::fs::write(at("headless.db"), &bytes).unwrap();
    let views = vec![
        ("empty", at("empty.db"), vec![]),
        ("damaged", at("damaged.db"), vec![]),
        ("evidence", at("damaged.db"), vec!["i"]),
        ("evidence-of-a-grade", at("damaged.db"), vec!["i", "tab"]),
        ("recover", at("damaged.db"), vec!["W"]),
        ("no-store", at("headless.db"), vec![]),
        ("no-store-evidence", at("headless.db"), vec!["i"]),
        ("two-stores", server.clone(), vec![]),
        ("two-stores-other", server, vec!["down", "enter"]),
        ("convert", fixtures::unpacked("etcd-3.6").join("middle.snapshot"), vec!["W"]),
    ];
    (vec![dir, two], views)
}

#[test]
fn every_screen_looks_as_kept() {
    let (directories, made) = made();
    let made_in = directories[0].path().display().to_string();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/tui");
    let mut wrong = Vec::new();
    for (name, store, keys) in views().into_iter().chain(made) {
        for size in SIZES {
            let mut session = Session::open(&store, size);
            session.press(&keys);
            let screen = session.screen().replace(&made_in, "/backup");
            let file = kept.join(format!("{name}-{}x{}.txt", size.0, size.1));
            if std::env::var_os("KINESCOPE_UPDATE_SNAPSHOTS").is_some() {
                std::fs::create_dir_all(&kept).unwrap();
                std::fs::write(&file, &screen).unwrap();
            } else if std::fs::read_to_string(&file).unwrap_or_default() != screen {
                wrong.push(format!("{}:\n{screen}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "KINESCOPE_UPDATE_SNAPSHOTS=1 takes them anew:\n{}", wrong.join("\n"));
}

/// Without colours a screen says the same, and with them only the sixteen are used that every terminal has.
#[test]
fn colours_say_nothing_that_is_not_written() {
    use kinescope::tui::Theme;
    use ratatui::style::Color;
    let (_directories, made) = made();
    for (name, store, keys) in views().into_iter().chain(made) {
        let mut session = Session::open(&store, (80, 24));
        session.press(&keys);
        let written = |theme: Theme| -> String {
            session.buffer_in(theme).content.iter().map(|cell| cell.symbol().to_owned()).collect()
        };
        let dark = written(Theme::Dark);
        assert_eq!(dark, written(Theme::Plain), "{name}");
        assert_eq!(dark, written(Theme::Light), "{name}");
        for cell in &session.buffer_in(Theme::Plain).content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
        for theme in [Theme::Dark, Theme::Light] {
            for cell in &session.buffer_in(theme).content {
                for colour in [cell.fg, cell.bg] {
                    assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{name}: {colour}");
                }
            }
        }
        // On a light background nobody sees what is yellow or white.
        for cell in &session.buffer_in(Theme::Light).content {
            let unseen = [Color::Yellow, Color::LightYellow, Color::Cyan, Color::LightCyan];
            assert!(!unseen.contains(&cell.fg), "{name}: {}", cell.fg);
            assert!(cell.fg != Color::White || cell.bg != Color::Reset, "{name}");
        }
    }
}

/// However small the terminal, and however often it changes, nothing breaks.
#[test]
fn every_size_can_be_drawn() {
    let store = fixtures::unpacked("etcd-3.6").join("middle.snapshot");
    let ways: [&[&str]; 6] =
        [&[], &[":po", "enter"], &[":po", "enter", "enter"], &[":lease", "enter", "enter", "h"], &["?"], &["=:d"]];
    for way in ways {
        let mut session = Session::open(&store, (80, 24));
        session.press(way);
        for columns in [1, 2, 39, 40, 41, 79, 129, 130, 131, 300] {
            for lines in [1, 2, 9, 10, 11, 24, 90] {
                kinescope::tui::update::resized(&mut session.state, columns, lines);
                assert_eq!(session.screen().lines().count(), usize::from(lines));
            }
        }
    }
}
