//! One HTML file. Its policy forbids everything but its own styles: no script, no picture, no font, no address. `maud` escapes
//! every text; only the plots, which hold nothing but numbers, go in as they are.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::sections::{self, Rows, Told};
use super::{moment_of, plot, severity, shown, verdict};
use crate::ops::doctor::Diagnosis;
use crate::ops::finding::{Severity, Verdict};
use crate::ops::report::{Between, Report, Searched, StoreReport, Unopened};

const STYLE: &str = include_str!("report.css");

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The report as one HTML file.
pub fn report_html(report: &Report) -> String {
    let title = match report.stores.as_slice() {
        [store] => format!("Datastore report: {}", shown(&store.name)),
        stores => format!("Datastore report: {} stores", stores.len()),
    };
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "kinescope " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p.dim { "Made by kinescope " (env!("CARGO_PKG_VERSION")) " on " (moment_of(report.made_at))
                        ". The files were read, never written. Secret values are not in this report." }
                    p { (mark(report.verdict())) }
                }
                main {
                    section {
                        h2 { "Overview" }
                        (table(&sections::overview(report), None))
                    }
                    @for (at, store) in report.stores.iter().enumerate() { (store_section(at, store)) }
                    @for unopened in &report.unopened { (unopened_section(unopened)) }
                    @for directory in &report.directories { (directory_section(directory)) }
                    @for between in &report.between { (between_section(between)) }
                }
            }
        }
    };
    document.into_string()
}

fn mark(of: Verdict) -> Markup {
    let class = match of {
        Verdict::Restorable => "good",
        Verdict::WithLoss => "warn",
        Verdict::Not => "bad",
    };
    html! { span.mark.(class) { (verdict(of)) } }
}

/// A table; `share` is the column whose percentages are drawn too.
fn table(rows: &Rows, share: Option<usize>) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                @for (heading, number) in rows.headings.iter().zip(&rows.numbers) { th.n[*number] scope="col" { (heading) } }
            } }
            tbody { @for row in &rows.rows { tr {
                @for (at, (cell, number)) in row.iter().zip(&rows.numbers).enumerate() {
                    td.n[*number].w[rows.is_long(at)] {
                        @if share == Some(at) { (bar(cell)) span.percent { (cell) } } @else { (cell) }
                    }
                }
            } } }
        } }
    }
}

/// A percentage as a bar.
fn bar(cell: &str) -> Markup {
    let percent = cell.split(' ').next().and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0);
    html! { span.bar aria-hidden="true" { i style=(format!("width:{:.1}%", percent.clamp(0.0, 100.0))) {} } }
}

fn store_section(at: usize, store: &StoreReport) -> Markup {
    let timeline = sections::timeline(store);
    html! {
        section.store {
            h2 id=(format!("store-{at}")) { (shown(&store.name)) " " (mark(store.verification.verdict)) }
            h3 { "What it is" }
            dl { @for (name, value) in sections::facts(store) { div { dt { (name) } dd { (value) } } } }
            h3 { "What was found" }
            p { (sections::loss(store)) }
            (findings(&sections::findings(&store.verification.findings)))
            @if let Some(recovery) = &store.recovery { (searched(recovery)) }
            h3 { "What is in it" }
            (table(&sections::kinds(store), Some(5)))
            h3 { "Where the bytes are" }
            @let (why, advice) = sections::size(store);
            p { (why) "." @if !advice.is_empty() { " → " (advice) "." } }
            (table(&sections::causes(store), None))
            h3 { "How it grew" }
            (growth(store))
            h3 { "When" }
            @if timeline.rows.is_empty() {
                p.dim { "No object whose creation the store still has tells its time." }
            } @else {
                p.dim { "From the creation times inside objects, which the server sets. No store keeps the time of a revision." }
                (table(&timeline, None))
            }
            h3 { "What changed last" }
            (table(&sections::recent(store), None))
        }
    }
}

fn findings(found: &[Told]) -> Markup {
    if found.is_empty() {
        return html! { p.dim { "Nothing." } };
    }
    html! {
        ul.findings { @for one in found {
            li.(class(one.severity)) {
                span.mark.(class(one.severity)) { (severity(one.severity)) } " "
                code { (one.id) } " " (one.text) "."
                @if !one.place.is_empty() { div.dim { (one.place) } }
                @if !one.hint.is_empty() { div { "→ " (one.hint) } }
            }
        } }
    }
}

const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "bad",
        Severity::Loss | Severity::Warning => "warn",
        Severity::Note => "note",
    }
}

fn figure(svg: Option<String>, caption: &str, keys: &[&str]) -> Markup {
    html! {
        @if let Some(svg) = svg {
            figure {
                figcaption {
                    (caption)
                    @for (at, key) in keys.iter().enumerate() { " " span.key.(format!("curve-{at}")) { (key) } }
                }
                div role="img" aria-label=(caption) { (PreEscaped(svg)) }
            }
        }
    }
}

fn growth(store: &StoreReport) -> Markup {
    let over = |value: fn(&crate::ops::report::Point) -> u64| -> Vec<(f64, f64)> {
        store.growth.iter().map(|point| (point.revision as f64, value(point) as f64)).collect()
    };
    let (live, written) = (over(|point| point.live_bytes), over(|point| point.written_bytes));
    let highest = store.growth.iter().map(|point| point.written_bytes).max().unwrap_or(0);
    let bytes = plot::curves(plot::Scale::Count, plot::Scale::bytes(highest), &[live, written]);
    let keys = plot::curves(plot::Scale::Count, plot::Scale::Count, &[over(|point| point.live_keys)]);
    let times: Vec<(f64, f64)> =
        store.times.iter().map(|mark| (mark.at.as_second() as f64, mark.revision as f64)).collect();
    let span = match (times.first(), times.last()) {
        (Some((from, _)), Some((to, _))) => to - from,
        _ => 0.0,
    };
    let pace = plot::curves(plot::Scale::Time(span), plot::Scale::Count, &[times]);
    let none = bytes.is_none() && keys.is_none() && pace.is_none();
    html! {
        @if none { p.dim { "There is no history behind the compact revision to draw." } }
        (figure(bytes, "Bytes of values by revision:", &["live", "written so far"]))
        (figure(keys, "Live keys by revision", &[]))
        (figure(pace, "Revisions by time", &[]))
    }
}

fn searched(recovery: &Searched) -> Markup {
    html! {
        h3 { "What is lost" }
        p { (sections::recovery(recovery)) }
        @if let Ok(report) = recovery {
            @let lost = sections::lost(report);
            @if !lost.rows.is_empty() { (table(&lost, None)) }
        }
    }
}

fn unopened_section(unopened: &Unopened) -> Markup {
    html! {
        section {
            h2 { (shown(&unopened.name)) " " (mark(unopened.verification.verdict)) }
            p { "It could not be opened." }
            (findings(&sections::findings(&unopened.verification.findings)))
            (searched(&unopened.recovery))
        }
    }
}

fn directory_section(directory: &Diagnosis) -> Markup {
    html! {
        section {
            h2 { "k3s at " (shown(&directory.server.display().to_string())) " " (mark(directory.verdict)) }
            h3 { "What its next start would do" }
            ol { @for step in &directory.next_start { li { (shown(step)) } } }
            h3 { "What stands in its way" }
            (findings(&sections::findings(&directory.findings)))
            @if !directory.fixes.is_empty() {
                h3 { "What to run, with k3s stopped, after reading it" }
                @for fix in &directory.fixes {
                    p { code { (fix.id.name()) } }
                    pre { @for command in &fix.commands { (shown(command)) "\n" } }
                }
            }
        }
    }
}

fn between_section(between: &Between) -> Markup {
    html! {
        section {
            h2 { "From " (shown(&between.old)) " to " (shown(&between.new)) }
            p { (sections::differing_text(between)) }
            @if !between.kinds.is_empty() { (table(&sections::differing_kinds(between), None)) }
            @if !between.first.is_empty() { (table(&sections::differing(between), None)) }
        }
    }
}
