//! What a report says, in words and rows: the same for HTML and Markdown.

use super::{key, key as key_text, moment, shown, text, verdict};
use crate::model::Engine;
use crate::ops::finding::{Finding, Severity};
use crate::ops::recover;
use crate::ops::report::{Between, Report, Searched, StoreReport};
use crate::render::why::capital;
use crate::render::why_words::{cause_advice, cause_text, verdict_advice, verdict_text};

/// Causes of bytes that are told.
const MOST_CAUSES: usize = 8;
/// Kinds that have a row of their own.
const MOST_KINDS: usize = 25;
/// Findings of one kind that are written out.
const MOST_OF_A_KIND: usize = 8;
/// Losses that are listed.
const MOST_LOST: usize = 60;
/// Rows of the timeline.
const MOST_MARKS: usize = 14;

/// A table of text.
pub struct Rows {
    pub headings: Vec<&'static str>,
    /// Which columns are numbers.
    pub numbers: Vec<bool>,
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    fn new(headings: &[&'static str], numbers: &[usize]) -> Self {
        let numbers = (0..headings.len()).map(|at| numbers.contains(&at)).collect();
        Self { headings: headings.to_vec(), numbers, rows: Vec::new() }
    }

    /// Whether what stands in a column may be so long that it has to be broken.
    pub fn is_long(&self, column: usize) -> bool {
        const LONG: [&str; 8] =
            ["Store", "Kind", "Key", "Object", "Fields", "What takes them", "What to do", "How it is known"];
        self.headings.get(column).is_some_and(|heading| LONG.contains(heading))
    }
}

/// All stores, one row each.
pub fn overview(report: &Report) -> Rows {
    let mut rows =
        Rows::new(&["Store", "Engine", "Verdict", "Live keys", "Revision", "File", "Newest stamp"], &[3, 4, 5]);
    for store in &report.stores {
        rows.rows.push(vec![
            shown(&store.name),
            store.info.engine.name().to_owned(),
            verdict(store.verification.verdict).to_owned(),
            text::count(store.info.counts.live_keys),
            store.info.current_revision.to_string(),
            text::bytes(store.info.bytes.file),
            store.newest_stamp.map_or_else(|| "unknown".to_owned(), moment),
        ]);
    }
    for unopened in &report.unopened {
        let mut row =
            vec![shown(&unopened.name), "not opened".to_owned(), verdict(unopened.verification.verdict).to_owned()];
        row.resize(rows.headings.len(), String::new());
        rows.rows.push(row);
    }
    rows
}

/// What a store is, as pairs.
pub fn facts(store: &StoreReport) -> Vec<(&'static str, String)> {
    let info = &store.info;
    let counts = &info.counts;
    let bytes = &info.bytes;
    let mut facts = vec![
        ("Source", shown(&store.name)),
        (
            "Engine",
            match info.engine {
                Engine::Kine => "kine over SQLite".to_owned(),
                Engine::Etcd => "etcd over bbolt".to_owned(),
            },
        ),
        ("Kubernetes", store.kubernetes.clone().unwrap_or_else(|| "no Node tells its release".to_owned())),
        ("Current revision", info.current_revision.to_string()),
        (
            "Compact revision",
            match info.compact_revision {
                0 => "never compacted".to_owned(),
                compact => compact.to_string(),
            },
        ),
        ("Live keys", text::count(counts.live_keys)),
        ("Changes", format!("{}, {} of them tombstones", text::count(counts.changes), text::count(counts.tombstones))),
        ("Leases", text::count(info.leases)),
        ("Newest stamp", store.newest_stamp.map_or_else(|| "unknown: no object tells a time".to_owned(), moment)),
        ("File", text::bytes(bytes.file)),
        ("Live values", text::bytes(bytes.live)),
        ("Superseded values", text::bytes(bytes.superseded)),
        ("Free pages", text::bytes(bytes.free)),
        ("Index pages", text::bytes(bytes.index)),
    ];
    if let Some(etcd) = &info.etcd {
        let trailer = etcd.trailer.map_or("not checked", crate::etcd::hash::Trailer::name);
        facts.push(("Trailer", trailer.to_owned()));
        if let Some((hash, compact)) = etcd.hash_kv {
            facts.push(("HashKV", format!("{hash}, compact revision {compact}")));
        }
        if !etcd.alarms.is_empty() {
            facts.push(("Alarms", shown(&etcd.alarms.join(", "))));
        }
    }
    if let Some(kine) = info.kine.as_ref().filter(|kine| kine.wal.committed + kine.wal.ignored > 0) {
        let (committed, ignored) = (text::count(kine.wal.committed), text::count(kine.wal.ignored));
        facts.push(("WAL", format!("{committed} committed frames, {ignored} ignored")));
    }
    facts
}

/// Why the file is as large as it is, and what to do about that.
pub fn size(store: &StoreReport) -> (String, String) {
    let why = &store.why;
    let text = verdict_text(&why.verdict, &why.bytes, &why.compaction);
    (capital(&shown(&text)), shown(&verdict_advice(why.engine, &why.verdict)))
}

/// What takes the bytes of the file, the largest first.
pub fn causes(store: &StoreReport) -> Rows {
    let mut rows = Rows::new(&["Bytes", "What takes them", "What to do"], &[0]);
    let why = &store.why;
    let causes = why.causes();
    rows.rows.extend(causes.iter().filter(|cause| cause.bytes() > 0).take(MOST_CAUSES).map(|cause| {
        vec![text::bytes(cause.bytes()), shown(&cause_text(why, cause)), shown(&cause_advice(why, cause))]
    }));
    rows
}

/// What is in a store, by kind.
pub fn kinds(store: &StoreReport) -> Rows {
    let headings = ["Kind", "Live keys", "Changes", "Live bytes", "Superseded bytes", "Share"];
    let mut rows = Rows::new(&headings, &[1, 2, 3, 4, 5]);
    let kinds = store.why.kinds();
    let all = store.why.values.all();
    let mut push = |name: String, sums: [u64; 4]| {
        let [live, changes, live_bytes, superseded] = sums;
        let share = (live_bytes + superseded) as f64 * 100.0 / all.max(1) as f64;
        let (live_bytes, superseded) = (text::bytes(live_bytes), text::bytes(superseded));
        rows.rows.push(vec![
            name,
            text::count(live),
            text::count(changes),
            live_bytes,
            superseded,
            format!("{share:.1} %"),
        ]);
    };
    for (what, size) in kinds.iter().take(MOST_KINDS) {
        push(shown(&what.resource), [size.live_keys, size.changes, size.live, size.gone()]);
    }
    let rest = kinds.get(MOST_KINDS..).unwrap_or_default();
    if !rest.is_empty() {
        let sum = rest.iter().fold([0; 4], |[a, b, c, d], (_, size)| {
            [a + size.live_keys, b + size.changes, c + size.live, d + size.gone()]
        });
        push(format!("{} other kinds", rest.len()), sum);
    }
    rows
}

/// A finding, or how many more there are of a kind.
pub struct Told {
    pub severity: Severity,
    pub id: &'static str,
    pub place: String,
    pub text: String,
    pub hint: String,
}

/// Findings, the worst first, many of a kind cut short.
pub fn findings(found: &[Finding]) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut at = found;
    while let Some(first) = at.first() {
        let same = at.iter().take_while(|finding| finding.id == first.id && finding.severity == first.severity).count();
        let (run, rest) = at.split_at(same);
        told.extend(run.iter().take(MOST_OF_A_KIND).map(|finding| Told {
            severity: finding.severity,
            id: finding.id.name(),
            place: shown(&finding.place),
            text: shown(&finding.text),
            hint: shown(&finding.hint),
        }));
        if let Some(more) = run.len().checked_sub(MOST_OF_A_KIND).filter(|more| *more > 0) {
            told.push(Told {
                severity: first.severity,
                id: first.id.name(),
                place: String::new(),
                text: format!("and {} more of these; kinescope verify --json lists them", text::count(more as u64)),
                hint: String::new(),
            });
        }
        at = rest;
    }
    told
}

/// What is lost, as far as the file shows it.
pub fn loss(store: &StoreReport) -> String {
    let lost =
        |severity: Severity| store.verification.findings.iter().filter(|finding| finding.severity == severity).count();
    match (lost(Severity::Error), lost(Severity::Loss)) {
        (0, 0) => "No check found anything lost. That is no proof for bytes that no checksum covers.".to_owned(),
        (0, loss) => format!(
            "{} findings tell of loss; they are listed below. kinescope recover gives back the rest and names what is lost, \
             object by object.",
            text::count(loss as u64)
        ),
        (error, loss) => format!(
            "{} findings make it not restorable as it is, {} tell of loss. kinescope recover searches for what is left.",
            text::count(error as u64),
            text::count(loss as u64)
        ),
    }
}

/// What a search of a damaged file came to, in a sentence.
pub fn recovery(searched: &Searched) -> String {
    let report = match searched {
        Ok(report) => report,
        Err(why) => return format!("It could not be searched for what is left: {}.", shown(why)),
    };
    let (lost, unproven) = (report.lost.len() as u64, report.unproven.len() as u64);
    let unknown: i64 = report.unknown.iter().map(|(from, to)| to.saturating_sub(*from).saturating_add(1)).sum();
    let mut text = format!(
        "A search as by kinescope recover finds {} rows and {} objects whose present state is known. Revisions known to be lost: {}. \
         Objects whose newest revision may be lost without a trace: {}.",
        text::count(report.rows.total()),
        text::count(report.live_keys),
        text::count(lost),
        text::count(unproven)
    );
    if unknown > 0 {
        text.push_str(&format!(" Revisions of which nothing is known: {}.", text::count(unknown.unsigned_abs())));
    }
    if let Some(more) = (lost + unproven).checked_sub(MOST_LOST as u64).filter(|more| *more > 0) {
        text.push_str(&format!(" The first {MOST_LOST} are listed; recover names {} more.", text::count(more)));
    }
    text
}

/// What is lost, or may be.
pub fn lost(report: &recover::Report) -> Rows {
    let mut rows = Rows::new(&["Object", "Lost revision", "How it is known", "Last good revision"], &[1, 3]);
    let name = |key: Option<&[u8]>, object: Option<&recover::Object>| match (object, key) {
        (Some(object), _) => {
            let namespace = object.namespace.as_deref().map_or_else(String::new, |namespace| format!("{namespace}/"));
            shown(&format!("{} {namespace}{}", object.kind, object.name))
        }
        (None, Some(bytes)) => key_text(bytes),
        (None, None) => "unknown".to_owned(),
    };
    // What was the present state comes first.
    let (newest, older): (Vec<_>, Vec<_>) = report.lost.iter().partition(|lost| lost.newest);
    rows.rows.extend(newest.into_iter().chain(older).map(|lost| {
        let newest = if lost.newest { "its newest: " } else { "an older one: " };
        vec![
            name(lost.key.as_deref(), lost.object.as_ref()),
            lost.revision.to_string(),
            format!("{newest}{}", lost.how.text()),
            lost.last_good_revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string()),
        ]
    }));
    rows.rows.extend(report.unproven.iter().map(|one| {
        vec![
            name(Some(&one.key), one.object.as_ref()),
            "maybe".to_owned(),
            "nothing proves that a newer one is not lost".to_owned(),
            one.revision.to_string(),
        ]
    }));
    rows.rows.truncate(MOST_LOST);
    rows
}

/// When which revision was written, and what was live.
pub fn timeline(store: &StoreReport) -> Rows {
    let mut rows = Rows::new(&["Time", "Revision", "Live keys", "Live bytes"], &[1, 2, 3]);
    let apart = store.times.len().div_ceil(MOST_MARKS).max(1);
    let last = store.times.len().saturating_sub(1);
    for (_, mark) in store.times.iter().enumerate().filter(|(at, _)| at % apart == 0 || *at == last) {
        let unknown = || "compacted".to_owned();
        rows.rows.push(vec![
            moment(mark.at),
            mark.revision.to_string(),
            mark.live_keys.map_or_else(unknown, text::count),
            mark.live_bytes.map_or_else(unknown, text::bytes),
        ]);
    }
    rows
}

/// What changed last.
pub fn recent(store: &StoreReport) -> Rows {
    let mut rows = Rows::new(&["Revision", "Change", "Key", "Bytes", "Not before"], &[0, 3]);
    for recent in &store.recent {
        rows.rows.push(vec![
            recent.revision.to_string(),
            recent.op.name().to_owned(),
            key(&recent.key),
            recent.size.map_or_else(String::new, |size| text::count(size.into())),
            recent.stamp.map_or_else(String::new, moment),
        ]);
    }
    rows
}

/// What differs, by kind.
pub fn differing_kinds(between: &Between) -> Rows {
    let mut rows = Rows::new(&["Kind", "Added", "Removed", "Changed"], &[1, 2, 3]);
    for sum in &between.kinds {
        rows.rows.push(vec![
            shown(&sum.kind),
            text::count(sum.added),
            text::count(sum.removed),
            text::count(sum.changed),
        ]);
    }
    rows
}

/// The first differing objects.
pub fn differing(between: &Between) -> Rows {
    let mut rows = Rows::new(&["Object", "Change", "Fields"], &[]);
    for one in &between.first {
        let namespace = one.object.namespace.as_deref().map_or_else(String::new, |namespace| format!("{namespace}/"));
        let name = format!("{} {namespace}{}", one.object.kind, one.object.name);
        rows.rows.push(vec![shown(&name), one.what.name().to_owned(), shown(&one.paths.join(" "))]);
    }
    rows
}

/// What a comparison came to, in a sentence.
pub fn differing_text(between: &Between) -> String {
    let named = match between.differing.checked_sub(between.first.len() as u64) {
        Some(more) if more > 0 => format!("; the first {} are listed", between.first.len()),
        _ => String::new(),
    };
    let unsure = match between.unsure {
        0 => String::new(),
        unsure => format!(" {} could not be compared: closed, damaged, or compacted away.", text::count(unsure)),
    };
    format!(
        "{} objects differ{named}. {} more differ in heartbeats and the like only.{unsure}",
        text::count(between.differing),
        text::count(between.noise)
    )
}
