//! What the terminal UI shows is what the engine itself and kubectl said of the same store: counts, objects, deleted ones,
//! earlier moments; and secrets stay masked until they are asked for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixtures;
mod screens;

use std::collections::{BTreeMap, BTreeSet};

use kinescope::tui::ask::Became;
use kinescope::tui::state::{Phase, View};
use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use screens::Session;

const SIZE: (u16, u16) = (200, 60);

/// The rows of the table on top, cell by cell.
fn rows(session: &Session) -> Vec<Vec<String>> {
    let grid = session.state.top().unwrap().grid().unwrap();
    let row = |at: &usize| grid.list.rows[*at].cells.iter().map(|cell| cell.text.clone()).collect();
    grid.order.iter().map(row).collect()
}

fn text(session: &Session) -> String {
    let View::Object { reading, .. } = &session.state.top().unwrap().view else { panic!("no object") };
    reading.text.as_ref().unwrap().lines.iter().map(|line| line.text.clone() + "\n").collect()
}

#[test]
fn the_first_screen_counts_what_etcd_counted() {
    let dir = fixtures::unpacked("etcd-3.6");
    let (revision, listed) = fixtures::listing(&dir.join("final.listing.json"));
    let session = Session::open(&dir.join("final.etcd"), SIZE);
    assert_eq!(session.state.revision(), revision);
    let live: u64 = rows(&session).iter().map(|row| row[1].replace(',', "").parse::<u64>().unwrap()).sum();
    assert_eq!(live, listed.len() as u64);
    let pods = listed.iter().filter(|listed| listed.key.starts_with("/registry/pods/")).count();
    let row = rows(&session).into_iter().find(|row| row[0] == "pods").unwrap();
    assert_eq!(row[1], pods.to_string());
}

#[test]
fn an_object_reads_as_kubectl_printed_it() {
    let dir = fixtures::unpacked("etcd-3.6");
    let printed = fixtures::json_lines(&dir.join("kubectl-yaml.jsonl"));
    let line = printed.iter().find(|line| line["resource"] == "deployments.apps").unwrap();
    let yaml = line["yaml"].as_str().unwrap();
    let revision = yaml.lines().find_map(|line| line.strip_prefix("  resourceVersion: \"")).unwrap();
    let mut session = Session::open(&dir.join("final.etcd"), SIZE);
    let moment = format!("={}", revision.trim_end_matches('"'));
    let name = format!("/{} ", line["name"].as_str().unwrap());
    session.press(&["t", &moment, "enter", ":deploy", "enter", &name, "enter", "enter", "m"]);
    assert_eq!(text(&session), yaml);
}

#[test]
fn secrets_are_masked_until_x_and_masked_again_after() {
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), SIZE);
    session.press(&[":secrets", "enter", "enter"]);
    assert!(text(&session).contains("<masked"), "{}", text(&session));
    assert!(session.screen().contains("x reveals"));
    session.press(&["x"]);
    assert!(!text(&session).contains("<masked"));
    assert!(session.screen().contains("SECRETS SHOWN"));
    session.press(&["x"]);
    assert!(text(&session).contains("<masked"));
}

#[test]
fn back_leads_to_the_line_that_was_left() {
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), SIZE);
    session.press(&["down", "down"]);
    let overview = session.screen();
    session.press(&["enter", "down"]);
    let table = session.screen();
    assert_ne!(overview, table);
    session.press(&["enter", "esc"]);
    assert_eq!(session.screen(), table);
    session.press(&["esc"]);
    assert_eq!(session.screen(), overview);
}

#[test]
fn an_earlier_moment_is_shown_everywhere_and_said() {
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("final.etcd"), SIZE);
    let newest = rows(&session);
    session.press(&["t", "=1200", "enter"]);
    assert!(session.screen().contains("as of revision 1,200 · T back to newest"), "{}", session.screen());
    assert_ne!(rows(&session), newest);
    session.press(&["t", "=99999999", "enter"]);
    assert!(session.state.said.clone().unwrap().is_refusal);
    assert_eq!(session.state.revision(), 1200);
    session.press(&["T"]);
    assert_eq!(rows(&session), newest);
}

#[test]
fn what_is_no_store_has_a_screen_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty.db", &b""[..]), ("letter.txt", b"dear reader"), ("cut.db", b"SQLite format 3\0")] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut session = Session::open(&path, SIZE);
        assert!(matches!(session.state.phase, Phase::Closed(_)), "{name}");
        let screen = session.screen();
        assert!(screen.contains("no store could be opened here") && screen.contains("$ kinescope info"), "{screen}");
        session.press(&["q"]);
        assert!(session.state.leaving);
    }
}

#[test]
fn every_way_to_leave_leaves_from_everywhere() {
    let dir = fixtures::unpacked("etcd-3.6");
    let start = Session::open(&dir.join("middle.snapshot"), SIZE);
    let ways: [&[&str]; 5] = [&[], &[":po", "enter"], &[":po", "enter", "enter"], &["l"], &["!"]];
    for way in ways {
        for leave in
            [&["q"][..], &["=:q", "enter"], &["=:quit", "enter"], &["ctrl-c"], &["=/ab", "ctrl-c"], &["?", "ctrl-c"]]
        {
            let mut session = start.fork();
            session.press(way);
            session.press(leave);
            assert!(session.state.leaving, "{way:?} {leave:?}");
        }
    }
}

#[test]
fn a_search_finds_what_kubectl_printed_while_it_is_typed() {
    let dir = fixtures::unpacked("etcd-3.6");
    let printed = fixtures::json_lines(&dir.join("kubectl-yaml.jsonl"));
    let line = printed.iter().find(|line| line["resource"] == "deployments.apps").unwrap();
    let yaml = line["yaml"].as_str().unwrap();
    let image = yaml.lines().find_map(|line| line.trim().strip_prefix("image: ")).unwrap();
    let mut session = Session::open(&dir.join("final.etcd"), SIZE);
    session.press(&["f", &format!("={image}")]);
    // Without enter: it is found while it is typed.
    let name = line["name"].as_str().unwrap();
    let found = rows(&session);
    assert!(found.iter().any(|row| row[0].ends_with(name) && row[3].contains(image)), "{found:?}");
    session.press(&["enter", "/deployments", "enter", "enter"]);
    assert!(text(&session).contains(image));
    session.press(&["esc", "esc", "f", "ctrl-u", "=no such text anywhere"]);
    assert!(rows(&session).is_empty());
    assert!(session.screen().contains("nothing has"), "{}", session.screen());
}

#[test]
fn sizes_add_up_to_the_values_of_the_store() {
    let dir = fixtures::unpacked("etcd-3.6");
    let path = dir.join("final.etcd");
    let source = kinescope::ops::store::opened(fixtures::open(&path)).unwrap();
    let history = source.store.history();
    let expected: u64 = history.changes().iter().map(|change| u64::from(change.value.len)).sum();
    let mut session = Session::open(&path, SIZE);
    session.press(&["s"]);
    for _ in 0..3 {
        let grid = session.state.top().unwrap().grid().unwrap();
        let all: f64 = grid.list.rows.iter().map(|row| row.cells[3].number.unwrap()).sum();
        assert_eq!(all as u64, expected, "{:?}", grid.list.columns);
        if grid.list.columns[4] == "KEYS" {
            let keys: f64 = grid.list.rows.iter().map(|row| row.cells[4].number.unwrap()).sum();
            assert_eq!(keys as usize, history.keys().ids().filter(|key| history.changes_of(*key).len() > 0).count());
        }
        session.press(&["enter"]);
        let within: f64 =
            session.state.top().unwrap().grid().unwrap().list.rows.iter().map(|row| row.cells[3].number.unwrap()).sum();
        session.press(&["esc"]);
        let grid = session.state.top().unwrap().grid().unwrap();
        assert_eq!(Some(within), grid.selected().unwrap().cells[3].number);
        session.press(&["s"]);
    }
}

/// The bytes on the screen are those of the file at the place that is named, and the value stands in the cell that is marked.
#[test]
fn a_page_shows_the_bytes_of_the_file_and_the_cell_of_the_value() {
    for (archive, store, name) in [("etcd-3.6", "middle.snapshot", "web"), ("kine-0.11", "middle.backup.db", "web")] {
        let path = fixtures::unpacked(archive).join(store);
        let file = std::fs::read(&path).unwrap();
        let mut session = Session::open(&path, SIZE);
        session.press(&[":deploy", "enter", &format!("/{name}"), "enter", "b"]);
        let View::Page { reading, .. } = &session.state.top().unwrap().view else { panic!("{}", session.screen()) };
        let lines = &reading.text.as_ref().unwrap().lines;
        let head = &lines[0].text;
        let from = head.split_once("from byte ").unwrap().1.split_once(' ').unwrap().0.replace(',', "");
        let from: usize = from.parse().unwrap();
        let mut own = Vec::new();
        let mut seen = 0;
        for line in lines {
            let Some((at, rest)) =
                line.text.split_at_checked(6).filter(|(at, _)| usize::from_str_radix(at, 16).is_ok())
            else {
                continue;
            };
            let at = from + usize::from_str_radix(at, 16).unwrap();
            let digits = &rest[..51];
            let bytes: Vec<u8> = digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
            assert_eq!(bytes, file[at..at + bytes.len()], "{}", line.text);
            seen += bytes.len();
            if line.block {
                own.extend(bytes);
            }
        }
        assert!(seen > 100);
        let has = |part: &[u8]| own.windows(part.len()).any(|window| window == part);
        assert!(has(b"Deployment"), "{archive}");
    }
}

#[test]
fn bytes_of_secrets_are_masked_on_their_page_too() {
    let path = fixtures::unpacked("kine-0.11").join("middle.backup.db");
    let mut session = Session::open(&path, (200, 400));
    session.press(&[":secrets", "enter", "b"]);
    assert!(session.screen().contains("(masked: it is of a Secret; x shows it)"), "{}", session.screen());
    assert!(!session.screen().contains("Opaque"));
    session.press(&["x"]);
    assert!(!session.screen().contains("(masked: it is of a Secret"));
}

/// The signs and keys of what is listed as different; two stores are compared by what the engine listed of each.
#[test]
fn differences_are_those_between_what_the_engine_listed() {
    let dir = fixtures::unpacked("etcd-3.6");
    let (_, early) = fixtures::listing(&dir.join("early.listing.json"));
    let (revision, middle) = fixtures::listing(&dir.join("middle.listing.json"));
    let mut session = Session::open(&dir.join("middle.snapshot"), SIZE);
    let other = format!("={}", dir.join("early.snapshot").display());
    session.press(&["v", &other, "enter", "n"]);
    let View::Compare(differences) = &session.state.top().unwrap().view else { panic!("no differences") };
    let found = differences.found.clone().unwrap();
    assert_eq!(found.new, format!("this store at revision {}", kinescope::render::count(revision as u64)));
    let keys = |listed: &[fixtures::Listed]| -> BTreeMap<String, i64> {
        listed.iter().map(|listed| (listed.key.clone(), listed.mod_revision)).collect()
    };
    let (early, middle) = (keys(&early), keys(&middle));
    let named = |became: Became| -> BTreeSet<String> {
        let own = found.objects.iter().filter(|object| object.became == became);
        own.map(|object| String::from_utf8(object.key.clone()).unwrap()).collect()
    };
    let only = |a: &BTreeMap<String, i64>, b: &BTreeMap<String, i64>| -> BTreeSet<String> {
        a.keys().filter(|key| !b.contains_key(*key)).cloned().collect()
    };
    assert_eq!(named(Became::Added), only(&middle, &early));
    assert_eq!(named(Became::Removed), only(&early, &middle));
    // A key that was not written in between is no difference.
    for key in named(Became::Changed) {
        assert_ne!(early[&key], middle[&key], "{key}");
    }
    assert!(!named(Became::Changed).is_empty() && !named(Became::Added).is_empty());
    // Without what says nothing there is less, and what is gone is said.
    session.press(&["n"]);
    let View::Compare(differences) = &session.state.top().unwrap().view else { panic!("no differences") };
    let quiet = differences.found.clone().unwrap();
    assert!(quiet.hidden > 0 && quiet.objects.len() < found.objects.len());
    assert!(session.screen().contains("in noise only, n shows"), "{}", session.screen());
}

#[test]
fn what_cannot_be_compared_says_why() {
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), SIZE);
    for (typed, told) in [("=/no/such/file", "/no/such/file"), ("=99999999", "this store has the revisions 1 to")] {
        session.press(&["v", "ctrl-u", typed, "enter"]);
        let screen = session.screen();
        assert!(screen.contains("this cannot be compared") && screen.contains(told), "{screen}");
    }
}

/// What kubectl printed of the objects names their owners; nothing else does.
#[test]
fn owners_and_owned_are_those_that_kubectl_printed() {
    let dir = fixtures::unpacked("etcd-3.6");
    let printed = fixtures::json_lines(&dir.join("kubectl-yaml.jsonl"));
    // The names of what is owned by the deployment's ReplicaSets, and by the deployment.
    let owned_by = |kind: &str, owner: &str| -> BTreeSet<String> {
        let owned = |line: &&serde_json::Value| {
            let yaml = line["yaml"].as_str().unwrap();
            let references =
                yaml.split("  ownerReferences:\n").nth(1).map(|rest| rest.split("\n  resourceVersion").next().unwrap());
            references.is_some_and(|references| {
                references.contains(&format!("kind: {kind}\n")) && references.contains(&format!("name: {owner}\n"))
            })
        };
        printed.iter().filter(owned).map(|line| line["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut session = Session::open(&dir.join("final.etcd"), SIZE);
    session.press(&[":deploy", "enter", "/web", "enter", "enter", "O"]);
    let sets = owned_by("Deployment", "web");
    let pods: BTreeSet<String> = sets.iter().flat_map(|set| owned_by("ReplicaSet", set)).collect();
    assert!(!sets.is_empty() && !pods.is_empty());
    let last = |row: &Vec<String>| row[0].rsplit('/').next().unwrap().to_owned();
    let shown = rows(&session);
    let found = |kind: &str| -> BTreeSet<String> {
        shown.iter().filter(|row| row[0].contains(&format!("{kind}/"))).map(last).collect()
    };
    assert_eq!(found("replicasets.apps"), sets);
    assert_eq!(found("pods"), pods);
    // And back: a Pod's owner is one key away, and its owner another.
    session.press(&["G", "enter", "o"]);
    let name = |session: &Session| match &session.state.top().unwrap().view {
        View::Object { name, .. } => name.clone(),
        _ => panic!("no object: {}", session.screen()),
    };
    assert!(name(&session).starts_with("replicasets.apps/shop/web-"), "{}", name(&session));
    session.press(&["o"]);
    assert_eq!(name(&session), "deployments.apps/shop/web");
    session.press(&["o"]);
    let said = session.state.said.clone().unwrap();
    assert!(said.is_refusal, "{}", said.text);
}

#[test]
fn folding_hides_lines_and_a_search_unfolds_them() {
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), SIZE);
    session.press(&[":deploy", "enter", "enter"]);
    let all = text(&session);
    session.press(&["z"]);
    let folded = session.screen();
    assert!(folded.contains("spec:  ▸") && !folded.contains("image:"), "{folded}");
    session.press(&["/image:", "enter"]);
    assert!(session.screen().contains("image:"), "{}", session.screen());
    // What is copied is the whole text.
    session.press(&["z", "c"]);
    assert_eq!(session.state.clipboard.clone().unwrap(), all);
}

/// The bars hold all changes, and the one that is picked leads to its revision.
#[test]
fn the_timeline_counts_every_change_and_leads_to_its_revision() {
    let dir = fixtures::unpacked("etcd-3.6");
    let path = dir.join("final.etcd");
    let mut session = Session::open(&path, SIZE);
    session.press(&["t", "left"]);
    let timeline = session.state.timeline.clone().unwrap();
    let store = kinescope::ops::store::open(&path, &kinescope::source::Choice::default()).unwrap();
    let changes = store.store.history().changes();
    assert_eq!(timeline.bars.iter().map(|bar| bar.changes).sum::<u64>(), changes.len() as u64);
    assert!(timeline.bars.windows(2).all(|pair| pair[0].last <= pair[1].last && pair[0].at <= pair[1].at));
    let picked = session.state.prompt.as_ref().unwrap().chosen.unwrap();
    session.press(&["enter"]);
    assert_eq!(session.state.revision(), timeline.bars[picked].last);
    assert!(session.screen().contains("as of revision"), "{}", session.screen());
}

/// A mouse at a place.
fn mouse(session: &mut Session, kind: MouseEventKind, column: usize, row: usize) {
    let event = MouseEvent {
        kind,
        column: column as u16,
        row: row as u16,
        modifiers: ratatui::crossterm::event::KeyModifiers::NONE,
    };
    let asks = kinescope::tui::update::moused(&mut session.state, &event);
    session.send(asks);
    session.settle();
}

#[test]
fn the_edge_of_a_column_is_dragged_and_a_heading_sorts() {
    use MouseButton::Left;
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), (100, 30));
    session.press(&[":po", "enter"]);
    let line = |session: &Session, row: usize| session.screen().lines().nth(row).unwrap().to_owned();
    let headings = line(&session, 4);
    let (name, ready) = (headings.find("NAME ").unwrap(), headings.find("READY").unwrap());
    // The edge that people see is where the next column begins.
    mouse(&mut session, MouseEventKind::Down(Left), ready, 4);
    mouse(&mut session, MouseEventKind::Drag(Left), ready - 8, 4);
    assert_eq!(line(&session, 4).find("READY").unwrap(), ready - 8, "{}", session.screen());
    mouse(&mut session, MouseEventKind::Drag(Left), ready + 5, 4);
    mouse(&mut session, MouseEventKind::Up(Left), ready + 5, 4);
    assert_eq!(line(&session, 4).find("READY").unwrap(), ready + 5, "{}", session.screen());
    assert!(session.state.held.is_none());
    let sort = |session: &Session| session.state.top().unwrap().grid().unwrap().sort;
    assert_eq!(sort(&session), None, "what was dragged was no click");
    // A click that moves nothing sorts; another one turns the order.
    for turned in [false, true] {
        mouse(&mut session, MouseEventKind::Down(Left), name + 2, 4);
        mouse(&mut session, MouseEventKind::Up(Left), name + 2, 4);
        assert_eq!(sort(&session), Some((1, turned)));
    }
    // A width stays where the table is left and opened anew by going back.
    session.press(&["enter", "esc"]);
    assert_eq!(line(&session, 4).find("READY").unwrap(), ready + 5, "{}", session.screen());
}

#[test]
fn the_mouse_opens_what_is_clicked_twice_and_the_wheel_moves() {
    use MouseButton::Left;
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), (100, 30));
    session.press(&[":po", "enter"]);
    let names: Vec<String> = rows(&session).iter().map(|row| row[1].clone()).collect();
    mouse(&mut session, MouseEventKind::ScrollDown, 10, 10);
    assert_eq!(session.state.top().unwrap().grid().unwrap().cursor, 3);
    mouse(&mut session, MouseEventKind::Down(Left), 20, 5 + 6);
    assert_eq!(session.state.top().unwrap().grid().unwrap().cursor, 6);
    mouse(&mut session, MouseEventKind::Down(Left), 20, 5 + 6);
    let View::Object { name, .. } = &session.state.top().unwrap().view else { panic!("{}", session.screen()) };
    assert!(name.ends_with(&names[6]), "{name}");
    // In an object a click on the line of the cursor folds it.
    let all = session.screen();
    mouse(&mut session, MouseEventKind::Down(Left), 5, 6);
    mouse(&mut session, MouseEventKind::Down(Left), 5, 6);
    assert!(session.screen() != all && session.screen().contains('▸'), "{}", session.screen());
}

#[test]
fn names_of_files_are_completed() {
    let target = tempfile::tempdir().unwrap();
    for name in ["backup-monday.yaml", "backup-tuesday.yaml", ".hidden"] {
        std::fs::write(target.path().join(name), b"").unwrap();
    }
    std::fs::create_dir(target.path().join("snapshots")).unwrap();
    let at = |name: &str| format!("{}/{name}", target.path().display());
    let dir = fixtures::unpacked("etcd-3.6");
    let mut session = Session::open(&dir.join("middle.snapshot"), SIZE);
    let export = |session: &Session| session.state.dialog.as_ref().unwrap().path.clone();
    let store = |session: &Session| session.state.store_dialog.as_ref().unwrap().job.path.clone();
    session.press(&[":cm", "enter", "e", "ctrl-u", &format!("={}", at("b")), "tab"]);
    assert_eq!(export(&session), at("backup-"));
    let said = session.state.said.clone().unwrap().text;
    assert!(said.contains("backup-monday.yaml  backup-tuesday.yaml"), "{said}");
    session.press(&["=t", "tab"]);
    assert_eq!(export(&session), at("backup-tuesday.yaml"));
    session.press(&["=x", "tab"]);
    assert!(session.state.said.clone().unwrap().is_refusal);
    session.press(&["esc", "esc", "W", "ctrl-u", &format!("={}", at("sn")), "tab"]);
    assert_eq!(store(&session), at("snapshots/"));
    session.press(&["esc", "v", &format!("={}", at("backup-m")), "tab"]);
    assert_eq!(session.state.prompt.clone().unwrap().text, at("backup-monday.yaml"));
}

/// The view of sizes says what `kinescope why` says.
#[test]
fn sizes_are_those_of_why() {
    for (archive, name) in [("etcd-3.6", "middle.snapshot"), ("kine-0.16", "early.backup.db")] {
        let path = fixtures::unpacked(archive).join(name);
        let out =
            std::process::Command::new(env!("CARGO_BIN_EXE_kinescope")).arg("why").arg(&path).arg("--json").output();
        let why: serde_json::Value = serde_json::from_slice(&out.unwrap().stdout).unwrap();
        let mut session = Session::open(&path, SIZE);
        session.press(&["s"]);
        let shown: BTreeMap<String, u64> = {
            let grid = session.state.top().unwrap().grid().unwrap();
            grid.list.rows.iter().map(|row| (row.cells[0].text.clone(), row.cells[3].number.unwrap() as u64)).collect()
        };
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        let kinds = why["causes"].as_array().unwrap_or_else(|| panic!("{why:#}"));
        for cause in kinds {
            if let (Some(resource), Some(bytes)) = (cause["resource"].as_str(), cause["bytes"].as_u64()) {
                *told.entry(resource.to_owned()).or_default() += bytes;
            }
        }
        assert_eq!(shown, told, "{archive}");
    }
}
