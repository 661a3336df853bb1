//! The stores in `db/`: the one that k3s would take, and those that lie beside it.

use std::path::Path;

use super::layout::Layout;
use super::{Report, StartsOn, aside, quoted};
use crate::k3s::Token;
use crate::ops::finding::{Id, Severity};
use crate::ops::keyring::Given;
use crate::ops::objects::Objects;
use crate::ops::store::{self, OpenStore};
use crate::ops::verify::{self, Looked};
use crate::source::{Choice, Files, Opened, Watch};

/// The store that k3s would start on.
pub struct Chosen {
    /// The store, where it can be opened.
    pub open: Option<OpenStore>,
    /// What `verify` says of it.
    pub looked: Option<Looked>,
}

/// Looks at all of them.
pub fn check(
    layout: &Layout,
    starts_on: StartsOn,
    token: Option<&Token>,
    now: i64,
    report: &mut Report,
) -> Option<Chosen> {
    around_state(layout, starts_on, report);
    around_etcd(layout, starts_on, report);
    let path = match starts_on {
        StartsOn::Etcd => layout.etcd.as_path(),
        StartsOn::Kine => &layout.state,
        StartsOn::NewEtcd if layout.state.is_file() => &layout.state,
        StartsOn::NewEtcd | StartsOn::NewKine | StartsOn::Elsewhere => return None,
    };
    let chosen = judge(path, token, now, report);
    if starts_on == StartsOn::Kine {
        foreign_wal(layout, chosen.open.as_ref(), report);
    }
    if starts_on == StartsOn::Etcd && layout.state.is_file() {
        two_stores(layout, chosen.open.as_ref(), report);
    }
    Some(chosen)
}

/// Verifies the store with the token.
fn judge(path: &Path, token: Option<&Token>, now: i64, report: &mut Report) -> Chosen {
    let given = Given { token: token.cloned(), ..Given::default() };
    let (open, found) = match store::open(path, &Choice::default()) {
        Ok(open) => match verify::verify(&open, &given, now) {
            Ok(found) => (Some(open), found),
            Err(error) => {
                report.add(Severity::Error, Id::UNREADABLE, path, error.to_string(), "");
                return Chosen { open: Some(open), looked: None };
            }
        },
        Err(error) => match verify::unopened(&error) {
            Some(found) => (None, found),
            None => {
                report.add(Severity::Error, Id::UNREADABLE, path, error.to_string(), "");
                return Chosen { open: None, looked: None };
            }
        },
    };
    // Errors come first, and of a store that can be opened some are about its token alone.
    let damaged = found.findings.iter().find(|finding| finding.severity == Severity::Loss || found.store.is_none());
    if let Some(damaged) = damaged {
        let to = path.with_extension("recovered");
        report.fix(
            damaged.id,
            [
                format!(
                    "cp -a {} {}   # keep what there is, before anything else",
                    quoted(path),
                    quoted(&path.with_extension("evidence"))
                ),
                format!("kinescope recover {} -o {}", quoted(path), quoted(&to)),
            ],
        );
    }
    for finding in found.findings {
        report.findings.add(finding.severity, finding.id, finding.place, finding.text, finding.hint);
    }
    Chosen { open, looked: found.store }
}

/// What lies around `state.db`.
fn around_state(layout: &Layout, starts_on: StartsOn, report: &mut Report) {
    let (wal, shm, journal) =
        (layout.beside_state("-wal"), layout.beside_state("-shm"), layout.beside_state("-journal"));
    let has_state = layout.state.is_file();
    if layout.migrated.is_file() {
        match starts_on {
            StartsOn::NewKine => {
                let text =
                    "the only data is in state.db.migrated, which k3s does not look at: it makes a new, empty state.db";
                report.add(Severity::Error, Id::ONLY_MIGRATED, &layout.migrated, text, "give it its name back");
                let mut commands = vec![format!("mv {} {}", quoted(&layout.migrated), quoted(&layout.state))];
                if wal.is_file() {
                    commands.insert(0, format!("# {} belongs to it and stays where it is", quoted(&wal)));
                }
                report.fix(Id::ONLY_MIGRATED, commands);
            }
            _ if has_state => {
                let text = "state.db was migrated to etcd once, and there is a state.db again: made by a start without etcd, or put \
                            back by hand";
                report.add(
                    Severity::Warning,
                    Id::STATE_AFTER_MIGRATION,
                    &layout.migrated,
                    text,
                    "compare both: kinescope info",
                );
            }
            _ => {
                let text = "the SQLite file of before the migration to etcd; nothing uses it";
                report.add(Severity::Note, Id::MIGRATED, &layout.migrated, text, "");
            }
        }
    }
    if !has_state && wal.is_file() && !layout.migrated.is_file() {
        let text =
            "a -wal without its state.db: SQLite deletes it when k3s makes a new state.db, and what is in it is lost";
        report.add(Severity::Error, Id::WAL_ALONE, &wal, text, "kinescope recover takes what is in it");
        report.fix(Id::WAL_ALONE, [format!("cp -a {} {}", quoted(&wal), quoted(&layout.db.join("state.db-wal.copy")))]);
    } else if !has_state && wal.is_file() && starts_on == StartsOn::NewKine {
        // Told with state.db.migrated.
    } else if !has_state && wal.is_file() {
        let text = "k3s renamed state.db and not its -wal: the newest pages of state.db.migrated may be in here";
        report.add(Severity::Note, Id::WAL_OF_MIGRATED, &wal, text, "kinescope reads both together");
    }
    if shm.exists() && !wal.exists() && has_state {
        let text = "an index of a -wal that is not there: SQLite makes it anew";
        report.add(Severity::Note, Id::SHM_ALONE, &shm, text, "");
    }
    if journal.exists() {
        let text = "a rollback journal, which kine never writes: SQLite would roll state.db back with it";
        report.add(Severity::Error, Id::JOURNAL, &journal, text, "it is of another use of this file: move it away");
        report.fix(Id::JOURNAL, [aside(&journal)]);
    }
}

/// A -wal of another file: SQLite lays it over state.db all the same, and the store is broken then.
fn foreign_wal(layout: &Layout, open: Option<&OpenStore>, report: &mut Report) {
    let wal = layout.beside_state("-wal");
    let is_sound = |store: &store::Store| store.damage().is_empty() && store.contradictions().is_empty();
    if !wal.is_file() || open.is_some_and(|open| is_sound(&open.store)) {
        return;
    }
    let Ok(db) = crate::source::open_alone(&layout.state) else { return };
    let files = Files::Sqlite { db, wal: None };
    let opened = Opened { name: layout.state.display().to_string(), files, notes: Vec::new(), watch: Watch::default() };
    let Ok(alone) = store::opened(opened) else { return };
    if is_sound(&alone.store) {
        let revision = alone.store.history().current_revision();
        let text = format!(
            "state.db alone is whole, at revision {revision}; with this -wal it is not: the -wal is of another file, as when state.db \
             was restored from a backup and the old -wal stayed"
        );
        let hint = "move -wal and -shm away; what is in them can be read beside the state.db that they belong to";
        report.add(Severity::Error, Id::WAL_FOREIGN, &wal, text, hint);
        let shm = layout.beside_state("-shm");
        let both = [wal, shm].into_iter().filter(|path| path.exists()).map(|path| aside(&path));
        report.fix(Id::WAL_FOREIGN, both.collect::<Vec<_>>());
    }
}

/// What lies around `db/etcd`.
fn around_etcd(layout: &Layout, starts_on: StartsOn, report: &mut Report) {
    if starts_on != StartsOn::Etcd && layout.etcd.join("member/snap/db").is_file() {
        let text = "an etcd without its raft log: k3s does not take it for one";
        let hint = "kinescope convert --to etcd-dir makes one that starts, --to kine a state.db";
        report.add(Severity::Warning, Id::ETCD_WITHOUT_LOG, &layout.etcd, text, hint);
    }
    for path in layout.in_db("etcd-tmp").into_iter().chain(layout.in_db("tmp-etcd")) {
        let text = "a copy of db/etcd that a start made and did not remove: it ended before its time";
        report.add(
            Severity::Note,
            Id::ETCD_TMP,
            &path,
            text,
            "it may hold what db/etcd has lost: kinescope info; else remove it",
        );
    }
    let old: Vec<_> = layout.in_db("etcd-old-").into_iter().chain(layout.in_db("etcd-backup-")).collect();
    if let Some(newest) = old.last() {
        let text = format!("{} etcd directories that a restore or a removal moved away; nothing uses them", old.len());
        report.add(
            Severity::Note,
            Id::ETCD_OLD,
            newest,
            text,
            "kinescope diff says what they had and the new one has not",
        );
    }
    if layout.etcd.join("member/wal").is_dir() && !layout.etcd.join("member/snap/db").is_file() {
        let text = "the directory of the raft log is there, and the database is not: k3s starts an etcd without data, and never again \
                    looks at state.db";
        report.add(Severity::Error, Id::ETCD_HOLLOW, &layout.etcd, text, "move db/etcd away");
        report.fix(Id::ETCD_HOLLOW, [aside(&layout.etcd)]);
    }
}

/// etcd and state.db both: a migration that did not end, or a leftover of either.
fn two_stores(layout: &Layout, etcd: Option<&OpenStore>, report: &mut Report) {
    let kine = store::open(&layout.state, &Choice { store: Some("kine".to_owned()), member: None }).ok();
    let live = |open: Option<&OpenStore>| open.map_or(0, |open| registry_keys(open));
    let (in_etcd, in_kine) = (live(etcd), live(kine.as_ref()));
    let stamp = |open: Option<&OpenStore>| open.and_then(newest).map_or("unknown".to_owned(), |at| at.to_string());
    let (etcd_at, kine_at) = (stamp(etcd), stamp(kine.as_ref()));
    let both = format!(
        "etcd has {in_etcd} live objects, the newest of {etcd_at}; state.db has {in_kine}, the newest of {kine_at}"
    );
    let half = in_etcd < in_kine;
    let (severity, id, text) = if half {
        let text = format!(
            "k3s starts on etcd, and state.db has more: a migration that did not end (it is never taken up again), or an old etcd \
             directory beside a converted state.db; {both}"
        );
        (Severity::Error, Id::HALF_MIGRATED, text)
    } else {
        let text = format!("k3s starts on etcd and never looks at this state.db; {both}");
        (Severity::Warning, Id::TWO_STORES, text)
    };
    report.add(severity, id, &layout.state, text, "move away the one that is not meant");
    let sqlite = ["", "-wal", "-shm"].map(|suffix| layout.beside_state(suffix));
    let away = sqlite.into_iter().filter(|path| path.exists()).map(|path| aside(&path));
    let keep_kine = [
        "# to start on state.db (and without cluster-init or server in the configuration):".to_owned(),
        aside(&layout.etcd),
    ];
    let keep_etcd = ["# to start on etcd:".to_owned()].into_iter().chain(away);
    report.fix(id, keep_kine.into_iter().chain(keep_etcd).collect::<Vec<_>>());
}

fn registry_keys(open: &OpenStore) -> u64 {
    let history = open.store.history();
    history.keys().with_prefix(b"/registry/").filter(|key| history.live(*key).is_some()).count() as u64
}

fn newest(open: &OpenStore) -> Option<jiff::Timestamp> {
    let keyring = crate::ops::keyring::Keyring::new();
    let history = open.store.history();
    Objects::new(history, &keyring, None, history.current_revision()).newest_stamp()
}
