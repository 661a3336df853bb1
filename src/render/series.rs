//! A series of snapshots.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::spark::{sparkline, thinned};
use super::tables::aligned_text;
use super::why::{bytes_json, capital, plural, plurals, wrapped};
use super::why_words::{verdict_advice, verdict_text};
use super::{JSON_VERSION, text};
use crate::ops::series::stitch::Seen;
use crate::ops::series::{Cluster, Growth, Series, Snapshot, Soundness};
use crate::ops::why::verdict::Finding;

/// Bars in a row of a terminal.
const BARS: usize = 40;
/// Resources whose growth is shown; JSON has all.
const MOST_KINDS: usize = 10;

/// Bytes of a snapshot.
type BytesOf = fn(&Snapshot) -> u64;
/// What is drawn of a snapshot.
const PARTS: [(&str, BytesOf); 3] = [
    ("size", |snapshot| snapshot.bytes.total),
    ("live", |snapshot| snapshot.bytes.live),
    ("superseded", |snapshot| snapshot.bytes.superseded),
];

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| shown(path), |name| text::key(name.as_encoded_bytes()))
}

/// `series --json`.
pub fn series_json(series: &Series) -> Value {
    json!({
        "version": JSON_VERSION,
        "clusters": series.clusters.iter().map(cluster_json).collect::<Vec<_>>(),
        "left_out": series.left_out.iter().map(|(path, why)| json!({"path": shown(path), "why": why})).collect::<Vec<_>>(),
    })
}

fn cluster_json(cluster: &Cluster) -> Value {
    let path = |at: usize| cluster.snapshots.get(at).map(|snapshot| shown(&snapshot.path));
    let problem = cluster.first_problem.and_then(|at| Some((at, cluster.snapshots.get(at)?)));
    json!({
        "id": cluster.id,
        "snapshots": cluster.snapshots.iter().map(snapshot_json).collect::<Vec<_>>(),
        "growth": cluster.growth.iter().map(|growth| json!({
            "resource": growth.resource,
            "first": growth.bytes.first(),
            "last": growth.bytes.last(),
            "delta": growth.delta(),
            "began": growth.began.and_then(path),
            "bytes": growth.bytes,
        })).collect::<Vec<_>>(),
        "first_problem": problem.map(|(at, snapshot)| json!({
            "path": shown(&snapshot.path),
            "time": snapshot.time.map(|time| time.to_string()),
            "revision": snapshot.revision,
            "text": problem_text(snapshot),
            "before": at.checked_sub(1).and_then(path),
        })),
        "sound": match &cluster.soundness {
            Soundness::Sound => json!({"last_is_sound": true, "first_unsound": null, "text": null}),
            Soundness::Since { first, what, .. } => {
                json!({"last_is_sound": false, "first_unsound": path(*first), "text": what})
            }
        },
    })
}

fn snapshot_json(snapshot: &Snapshot) -> Value {
    let verdict = &snapshot.verdict;
    let about = verdict.about.as_ref();
    json!({
        "path": shown(&snapshot.path),
        "engine": snapshot.engine.name(),
        "time": snapshot.time.map(|time| time.to_string()),
        "revision": snapshot.revision,
        "compact_revision": snapshot.compaction.last_revision,
        "live_keys": snapshot.values.live_keys,
        "changes": snapshot.values.changes,
        "bytes": bytes_json(&snapshot.bytes),
        "verdict": verdict.finding.name(),
        "problem": snapshot.is_problem(),
        "kind": about.and_then(|about| about.what.kind.as_deref()),
        "namespace": about.and_then(|about| about.what.namespace.as_deref()),
        "text": verdict_text(verdict, &snapshot.bytes, &snapshot.compaction),
        "damage": snapshot.damage,
        "went_back": snapshot.went_back,
    })
}

fn problem_text(snapshot: &Snapshot) -> String {
    match snapshot.damage {
        0 => verdict_text(&snapshot.verdict, &snapshot.bytes, &snapshot.compaction),
        places => format!("damaged in {}", text::count_of(places, "place")),
    }
}

/// `series` for people.
pub fn series_text(series: &Series) -> String {
    let mut out = String::new();
    for (at, cluster) in series.clusters.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        cluster_text(cluster, &mut out);
    }
    out
}

fn cluster_text(cluster: &Cluster, out: &mut String) {
    let count = text::count_of(cluster.snapshots.len(), "snapshot");
    let _ = match &cluster.id {
        Some(id) => writeln!(out, "cluster {} (uid of kube-system), {count}", text::key(id.as_bytes())),
        None => writeln!(out, "no namespace kube-system tells the cluster of these: they may be of several; {count}"),
    };
    let mut lines =
        vec![["TIME", "REVISION", "KEYS", "LIVE", "SIZE", "VERDICT", "SNAPSHOT"].map(str::to_owned).to_vec()];
    // Of the others nobody asked, or the answer was that they are sound.
    let unsound = match &cluster.soundness {
        Soundness::Sound => None,
        Soundness::Since { first, .. } => Some([*first, cluster.snapshots.len().saturating_sub(1)]),
    };
    let is_unsound = |at: usize| unsound.is_some_and(|known| known.contains(&at));
    lines.extend(cluster.snapshots.iter().enumerate().map(|(at, snapshot)| row(snapshot, is_unsound(at))));
    out.push_str(&aligned_text(&lines));
    plots(cluster, out);
    conclusion(cluster, out);
}

/// What is wrong with a snapshot, in a word, and how much of it; `ok` where nothing is.
fn problem_word(snapshot: &Snapshot) -> String {
    let share = text::percent(snapshot.verdict.share);
    let what = match (snapshot.damage, snapshot.verdict.problem, snapshot.verdict.finding) {
        (0, false, _) => return "ok".to_owned(),
        (0, true, Finding::HeldBack | Finding::Superseded) => "superseded",
        (0, true, Finding::Free) => "free pages",
        (0, true, Finding::Wal) => "WAL",
        (0, true, Finding::Live | Finding::Spread) => "live values",
        _ => return "damaged".to_owned(),
    };
    format!("{what} {share}")
}

fn row(snapshot: &Snapshot, unsound: bool) -> Vec<String> {
    let time = snapshot.time.map_or_else(|| "unknown".to_owned(), |time| time.strftime("%m-%d %H:%M").to_string());
    let back = if snapshot.went_back { " (back)" } else { "" };
    let verdict = if unsound { "unsound".to_owned() } else { problem_word(snapshot) };
    vec![
        time,
        format!("{}{back}", snapshot.revision),
        text::count(snapshot.values.live_keys),
        text::bytes(snapshot.values.live),
        text::bytes(snapshot.bytes.total),
        verdict,
        name(&snapshot.path),
    ]
}

fn plots(cluster: &Cluster, out: &mut String) {
    if cluster.snapshots.len() < 2 {
        return;
    }
    let line = |of: &dyn Fn(&Snapshot) -> u64| {
        let numbers: Vec<Option<f64>> = cluster.snapshots.iter().map(|snapshot| Some(of(snapshot) as f64)).collect();
        sparkline(thinned(&numbers, BARS))
    };
    let ends = |of: &dyn Fn(&Snapshot) -> u64| {
        let at = |snapshot: Option<&Snapshot>| snapshot.map_or_else(String::new, |snapshot| text::bytes(of(snapshot)));
        format!("{} -> {}", at(cluster.snapshots.first()), at(cluster.snapshots.last()))
    };
    out.push('\n');
    for (name, part) in PARTS {
        let _ = writeln!(out, "{name:<12}{}  {}", line(&part), ends(&part));
    }
    out.push('\n');
    let mut lines = vec![["KIND", "GROWTH", "TO", "SINCE"].map(str::to_owned).to_vec()];
    let grew = cluster.growth.iter().filter(|growth| growth.delta() > 0);
    let names = plurals(cluster.growth.iter().map(|growth| growth.resource.as_str()));
    lines.extend(grew.take(MOST_KINDS).map(|growth| growth_row(cluster, plural(&names, &growth.resource), growth)));
    if lines.len() > 1 {
        out.push_str(&aligned_text(&lines));
    }
}

fn growth_row(cluster: &Cluster, plural: &str, growth: &Growth) -> Vec<String> {
    let bytes = |bytes: Option<&u64>| text::bytes(bytes.copied().unwrap_or(0));
    let since = growth.began.and_then(|at| cluster.snapshots.get(at));
    vec![
        text::key(plural.as_bytes()),
        format!("+{}", text::bytes(growth.delta().unsigned_abs())),
        bytes(growth.bytes.last()),
        since.map_or_else(String::new, |snapshot| name(&snapshot.path)),
    ]
}

fn conclusion(cluster: &Cluster, out: &mut String) {
    out.push('\n');
    match cluster.first_problem.and_then(|at| cluster.snapshots.get(at)) {
        None => out.push_str("No snapshot shows a problem.\n"),
        Some(first) => {
            let sentence = format!("The first with a problem is {}: {}", name(&first.path), problem_text(first));
            out.push_str(&wrapped(&sentence, "", 80));
            if first.damage == 0 {
                out.push_str(&wrapped(&verdict_advice(first.engine, &first.verdict), "  ", 80));
            }
        }
    }
    if let Soundness::Since { first, what, looked_at } = &cluster.soundness
        && let Some(snapshot) = cluster.snapshots.get(*first)
    {
        let sentence = format!(
            "{} and the last are unsound ({what}); found by halving, {} of {} were looked at: `kinescope verify` tells of each",
            name(&snapshot.path),
            looked_at,
            cluster.snapshots.len()
        );
        out.push_str(&wrapped(&capital(&sentence), "", 80));
    }
}

/// A line of `series log --json`.
pub fn seen_json(cluster: Option<&str>, key: &str, seen: &Seen) -> Value {
    let hash = seen.sha256.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    json!({
        "cluster": cluster,
        "key": key,
        "revision": seen.revision.main,
        "sub": seen.revision.sub,
        "op": seen.op.name(),
        "time": seen.time.map(|time| time.to_string()),
        "value_size": seen.sha256.map(|_| seen.size),
        "value_sha256": hash,
        "first_seen": shown(&seen.first),
        "last_seen": shown(&seen.last),
        "snapshots": seen.snapshots,
        "forked": seen.forked,
    })
}

/// `series log` for people: the changes of one key.
pub fn seen_text(seen: &[Seen]) -> String {
    let mut lines = vec![["REVISION", "TIME", "CHANGE", "SIZE", "FIRST SEEN", "LAST SEEN"].map(str::to_owned).to_vec()];
    lines.extend(seen.iter().map(|seen| {
        let fork = if seen.forked { " (forked)" } else { "" };
        vec![
            format!("{}{fork}", seen.revision),
            seen.time.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            seen.op.name().to_owned(),
            seen.sha256.map_or_else(|| "-".to_owned(), |_| text::bytes(seen.size.into())),
            name(&seen.first),
            name(&seen.last),
        ]
    }));
    aligned_text(&lines)
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const MARGIN: f64 = 60.0;

/// A plot for each cluster: size, live and superseded bytes over its snapshots.
pub fn series_svg(series: &Series) -> String {
    let height = (HEIGHT + MARGIN) * series.clusters.len().max(1) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (at, cluster) in series.clusters.iter().enumerate() {
        plot_svg(cluster, at as f64 * (HEIGHT + MARGIN), &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// Where each snapshot stands from left to right, from 0 to 1: by its time, else one as far from the next as any other.
fn places(cluster: &Cluster) -> Vec<f64> {
    let times: Option<Vec<f64>> =
        cluster.snapshots.iter().map(|snapshot| Some(snapshot.time?.as_second() as f64)).collect();
    let span = |times: &[f64]| (times.first().copied().unwrap_or(0.0), times.last().copied().unwrap_or(0.0));
    let times = times.filter(|times| span(times).0 < span(times).1);
    let numbers = times.unwrap_or_else(|| (0..cluster.snapshots.len()).map(|at| at as f64).collect());
    let (first, last) = span(&numbers);
    numbers.iter().map(|number| (number - first) / (last - first).max(1.0)).collect()
}

fn plot_svg(cluster: &Cluster, top: f64, out: &mut String) {
    let most = cluster.snapshots.iter().map(|snapshot| snapshot.bytes.total).max().unwrap_or(0).max(1) as f64;
    let (left, right, bottom) = (MARGIN, WIDTH - MARGIN, top + HEIGHT);
    let places = places(cluster);
    let x = |at: usize| left + (right - left) * places.get(at).copied().unwrap_or(0.0);
    let y = |bytes: u64| bottom - (HEIGHT - MARGIN) * bytes as f64 / most;
    let title = match &cluster.id {
        Some(id) => format!("cluster {}", escaped(id)),
        None => "no cluster told".to_owned(),
    };
    let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}</text>", top + 20.0);
    let _ = writeln!(out, "<text x=\"4\" y=\"{:.1}\">{}</text>", y(most as u64), text::bytes(most as u64));
    let _ = writeln!(out, "<path d=\"M{left} {bottom}H{right}\" stroke=\"#888\" fill=\"none\"/>");
    let colours = ["#1f77b4", "#2ca02c", "#d62728"];
    for (number, ((name, part), colour)) in PARTS.into_iter().zip(colours).enumerate() {
        let points: Vec<String> = cluster
            .snapshots
            .iter()
            .enumerate()
            .map(|(at, snapshot)| format!("{:.1},{:.1}", x(at), y(part(snapshot))))
            .collect();
        let points = points.join(" ");
        let _ = writeln!(out, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        let place = right - 240.0 + number as f64 * 80.0;
        let _ = writeln!(out, "<text x=\"{place}\" y=\"{}\" fill=\"{colour}\">{name}</text>", top + 20.0);
    }
    if let Some((at, first)) = cluster.first_problem.and_then(|at| Some((at, cluster.snapshots.get(at)?))) {
        let (at, top, name) = (x(at), top + MARGIN / 2.0, escaped(&name(&first.path)));
        let _ = writeln!(
            out,
            "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#d62728\" stroke-dasharray=\"4\" fill=\"none\"/>"
        );
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" fill=\"#d62728\">{name}</text>", bottom + 32.0);
    }
    let ends = [(left, "start", cluster.snapshots.first()), (right, "end", cluster.snapshots.last())];
    for (place, anchor, snapshot) in ends {
        let Some(snapshot) = snapshot else { continue };
        let label = snapshot.time.map_or_else(|| format!("revision {}", snapshot.revision), |time| time.to_string());
        let _ = writeln!(out, "<text x=\"{place}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>", bottom + 16.0);
    }
}

/// Text of a file's name or a uid as XML takes it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
