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
        ("pods-wide-sorted", etcd(), vec![":po", "enter", "w", "A"]),
        ("pod", etcd(), vec![":po", "enter", "/^shop", "enter", "enter"]),
        ("namespaces", etcd(), vec!["=:ns", "enter"]),
        ("one-namespace", etcd(), vec![":deploy shop", "enter"]),
        ("with-deleted", etcd(), vec![":cm", "enter", "D", "G"]),
        ("kinds", etcd(), vec!["ctrl-a", "down"]),
        ("search-while-typing", etcd(), vec!["f", "=cluster-admin"]),
        ("search-finds-nothing", etcd(), vec!["f", "=no such text anywhere", "enter"]),
        ("secret-revealed", etcd(), vec![":secrets", "enter", "enter", "x"]),
        ("history-of-a-pod", etcd(), vec![":po", "enter", "/^shop", "enter", "h", "down"]),
        ("owner", etcd(), vec![":po", "enter", "/^shop *web", "enter", "enter", "o"]),
        ("differences-of-one", etcd(), vec!["v", "=400", "enter", "/deployments", "enter"]),
        ("differences-cannot", etcd(), vec!["v", "=99999999", "enter"]),
        ("compare-typed", etcd(), vec!["v"]),
        ("refused", etcd(), vec!["m"]),
        ("filter-fits-nothing", etcd(), vec![":po", "enter", "/no such pod", "enter"]),
        ("sizes-by-namespace", etcd(), vec!["s", "s"]),
        ("sizes-of-kine", fixtures::unpacked("kine-0.11").join("middle.backup.db"), vec!["s"]),
        ("leases-of-kine", fixtures::unpacked("kine-0.11").join("middle.backup.db"), vec!["l"]),
        ("overview-log-replayed", fixtures::unpacked("etcd-3.6").join("final.etcd"), vec![]),
    ]
}

/// The same of stores that are made here: without any key, damaged, half-migrated, no store at all.
fn made() -> (Vec<tempfile::TempDir>, Vec<Shown>) {
    // Of a length that is the same everywhere: some lines name it.
    let dir = tempfile::Builder::new().prefix("kinescope-").rand_bytes(6).tempdir_in("/tmp").unwrap();
    let at = |name: &str| dir.path().join(name);
    let (two, server) = fixtures::half_migrated();
    let kine = |name: &str| {
        let sqlite = rusqlite::Connection::open(at(name)).unwrap();
        sqlite
            .execute_batch(
                "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, \
                 deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, \
                 old_value BLOB);",
            )
            .unwrap();
        sqlite
    };
    drop(kine("empty.db"));
    // Letters that take two columns, none, or one with an accent of its own; and an end of line inside of a value.
    let value = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "letters", "namespace": "default", "uid": "0", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "data": {
            "漢字": "漢字テスト".repeat(30), "accent": "e\u{301}t e\u{301}te\u{301}", "party": "🎉 and 👩‍👩‍👧",
            "turned": "abc\u{202e}cba", "two": "one 漢\nline two 字",
        },
    });
    kine("letters.db")
        .execute(
            "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) \
             VALUES ('/registry/configmaps/default/letters', 1, 0, 0, 0, 0, ?1)",
            [value.to_string().into_bytes()],
        )
        .unwrap();
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
        ("no-store-recover", at("headless.db"), vec!["W"]),
        ("damaged-health", at("damaged.db"), vec!["!"]),
        ("wide-letters", at("letters.db"), vec![":cm", "enter"]),
        ("wide-letters-object", at("letters.db"), vec![":cm", "enter", "enter"]),
        ("wide-letters-search", at("letters.db"), vec!["f", "=漢字", "enter"]),
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

/// Before the rows are read the screen says what the file is, and that it goes on.
#[test]
fn the_first_frame_says_what_is_opened() {
    use kinescope::tui::ask::Answer;
    use kinescope::tui::state::{Start, State};
    let mut state = State::new(Start { path: "/backup/state.db".to_owned(), ..Start::default() }, (80, 24));
    let glance = Answer::Glance("kine/SQLite".to_owned(), 1 << 30);
    kinescope::tui::update::answered(&mut state, kinescope::tui::worker::UNASKED, glance);
    state.waited = 3;
    let screen = screens::drawn(&state);
    for told in ["/backup/state.db", "kine/SQLite", "1.0 GiB", "opening · 0.3 s", "Nothing is written"] {
        assert!(screen.contains(told), "{told}:\n{screen}");
    }
}

/// Whatever letters a value has, no line is longer than the terminal, and none is cut in half.
#[test]
fn wide_letters_keep_their_columns() {
    let (_directories, made) = made();
    for (name, store, keys) in made.into_iter().filter(|(name, _, _)| name.starts_with("wide-letters")) {
        for columns in 40..90 {
            let mut session = Session::open(&store, (columns, 24));
            session.press(&keys);
            for line in session.screen().lines() {
                assert!(kinescope::tui::text::width(line) <= usize::from(columns), "{name}, {columns}: {line}");
            }
            assert!(!session.screen().contains('\u{202e}'), "{name}: the direction of writing is turned");
        }
    }
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
