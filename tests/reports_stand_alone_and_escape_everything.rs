//! A report is one file that loads nothing and runs nothing, whatever stands in the store it is about, and its numbers are those
//! of the commands it sums up.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod command;
mod fixtures;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use command::{copy_tree, names_in, run};
use fixtures::unpacked;
use rusqlite::{Connection, params};

fn html(paths: &[&str], code: i32) -> String {
    run([&["report"], paths].concat()).exits(code).text().to_owned()
}

/// What an attribute or an address could load, or a script could be.
#[track_caller]
fn stands_alone(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>"));
    assert!(
        html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"")
    );
    let lower = html.to_lowercase();
    for tag in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "<object",
        "<embed",
        "<base",
        "<form",
        "<a ",
        "<image",
        "<foreignobject",
    ] {
        assert!(!lower.contains(tag), "{tag}");
    }
    let style = lower.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let tags: Vec<&str> = lower.split('<').skip(1).filter_map(|rest| rest.split('>').next()).collect();
    for word in ["src=", "href=", "url(", "@import", "javascript:", " on"] {
        let found: Vec<&&str> = tags.iter().filter(|tag| tag.contains(word)).collect();
        assert!(found.is_empty(), "{word}: {found:?}");
        assert!(word == " on" || !style.contains(word), "{word}");
    }
    // The name of SVG's vocabulary is no address that anybody asks.
    assert_eq!(
        lower.matches("http").count(),
        lower.matches("xmlns=\"http://www.w3.org/2000/svg\"").count() + lower.matches("http-equiv").count()
    );
    assert!(!html.contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn a_report_says_what_info_and_verify_say() {
    let kine = unpacked("kine-0.16").join("final/state.db");
    let etcd = unpacked("etcd-3.6").join("middle.snapshot");
    for path in [kine.to_str().unwrap(), etcd.to_str().unwrap()] {
        let page = html(&[path], 0);
        stands_alone(&page);
        assert!(page.matches("<svg").count() >= 2, "growth is drawn");
        assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
        let report = run(["report", path, "--json"]).exits(0).json();
        let info = run(["info", path, "--json"]).exits(0).json();
        let verify = run(["verify", path, "--json"]).exits(0).json();
        let [store] = report["stores"].as_array().unwrap().as_slice() else { panic!() };
        assert_eq!(store["info"], info);
        assert_eq!(store["verify"], verify);
        let sum = |field: &str| {
            store["kinds"].as_array().unwrap().iter().map(|kind| kind[field].as_u64().unwrap()).sum::<u64>()
        };
        assert_eq!(info["live_keys"], sum("live_keys"));
        assert_eq!(info["changes"], sum("changes"));
        assert_eq!(info["bytes"]["live"], sum("live_bytes"));
        let last = store["growth"].as_array().unwrap().last().unwrap();
        assert_eq!([&last["live_keys"], &last["live_bytes"]], [&info["live_keys"], &info["bytes"]["live"]]);
        let markdown = run(["report", path, "--format", "markdown"]).exits(0);
        assert!(markdown.text().contains("| pods | "));
    }
}

/// What was live at a revision is what `ls --at` lists.
#[test]
fn growth_is_what_was_live_at_each_revision() {
    for path in [unpacked("kine-0.16").join("middle/state.db"), unpacked("etcd-3.5").join("final.etcd")] {
        let path = path.to_str().unwrap();
        let report = run(["report", path, "--json"]).exits(0).json();
        let points = report["stores"][0]["growth"].as_array().unwrap();
        assert!(points.len() > 10);
        for point in points.iter().step_by(points.len() / 6) {
            let listed = run(["ls", path, "--json", "--at", &point["revision"].to_string()]).exits(0).lines();
            let bytes: u64 = listed.iter().map(|line| line["value_size"].as_u64().unwrap()).sum();
            assert_eq!(point["live_keys"], listed.len(), "{point}");
            assert_eq!(point["live_bytes"], bytes, "{point}");
        }
    }
}

#[test]
fn names_of_a_hostile_store_are_text() {
    let dir = tempfile::tempdir().unwrap();
    copy_tree(&unpacked("kine-0.16").join("early"), dir.path());
    let path = dir.path().join("state.db");
    let sqlite = Connection::open(&path).unwrap();
    let last: i64 = sqlite.query_row("SELECT max(id) FROM kine", [], |row| row.get(0)).unwrap();
    let odd = [
        "/registry/configmaps/default/<script>alert(1)</script>",
        "/registry/<img src=x onerror=alert(1)>/default/x",
        "/registry/evil.example.com/\"><svg onload=alert(1)>/default/x",
        "/registry/configmaps/default/a\u{1b}]0;x\u{7}\u{202e}b",
        "/registry/configmaps/default/|[x](javascript:alert(1))`\\",
    ];
    for (at, key) in (1..).zip(odd) {
        let insert =
            "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value, old_value)
                      VALUES (?, ?, 1, 0, 0, 0, 0, ?, '')";
        sqlite.execute(insert, params![last + at, key, "no object"]).unwrap();
    }
    sqlite.close().unwrap();
    let ran = run(["report", path.to_str().unwrap()]);
    let page = ran.text();
    stands_alone(page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&lt;img src"));
    let markdown = run(["report", path.to_str().unwrap(), "--format", "markdown"]);
    let text = markdown.text();
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("[x](") && !text.contains('\u{1b}'));
    // A row of a table keeps its columns.
    let row = text.lines().find(|line| line.starts_with('|') && line.contains("script")).unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
}

#[test]
fn two_stores_are_compared_and_what_cannot_be_opened_is_in_the_report() {
    let data = unpacked("etcd-3.6");
    let (early, middle) = (data.join("early.snapshot"), data.join("middle.snapshot"));
    let (early, middle) = (early.to_str().unwrap(), middle.to_str().unwrap());
    let report = run(["report", early, middle, "--json"]).exits(0).json();
    let between = &report["between"][0];
    let brief = run(["diff", early, middle, "--json"]).exits(1).lines();
    assert_eq!(between["differing"], brief.len());
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.db");
    fs::write(&broken, vec![b'x'; 5000]).unwrap();
    let target = dir.path().join("report.html");
    let (broken, target) = (broken.to_str().unwrap(), target.to_str().unwrap());
    run(["report", early, broken, "-o", target]).exits(1);
    let page = fs::read_to_string(target).unwrap();
    stands_alone(&page);
    assert!(page.contains("not restorable") && page.contains("broken.db"));
    assert_eq!(fs::metadata(target).unwrap().permissions().mode() & 0o7777, 0o600);
    run(["report", early, "-o", target]).cannot(&["exists already"]);
    run(["report", early, broken, "-o", broken, "--force"]).cannot(&["input"]);
    run(["report", dir.path().join("none").to_str().unwrap()]).exits(2);
    assert_eq!(names_in(dir.path()), ["broken.db", "report.html"]);
}

#[test]
fn a_server_directory_is_examined_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("server/db");
    fs::create_dir_all(&db).unwrap();
    copy_tree(&unpacked("etcd-3.6").join("final.etcd"), &db.join("etcd"));
    fs::copy(unpacked("kine-0.16").join("early.backup.db"), db.join("state.db")).unwrap();
    let server = dir.path().join("server");
    let server: &Path = &server;
    let ran = run(["report", server.to_str().unwrap()]);
    let doctor = run(["doctor", server.to_str().unwrap(), "--json"]).json();
    assert!(!doctor["findings"].as_array().unwrap().is_empty());
    for step in doctor["next_start"].as_array().unwrap() {
        let step = step
            .as_str()
            .unwrap()
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        assert!(ran.text().contains(&step), "{step}");
    }
}
