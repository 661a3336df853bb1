//! The report in Markdown.

use super::sections::{self, Rows, Told};
use super::{moment_of, severity, shown, verdict};
use crate::ops::report::{Report, Searched, StoreReport};

/// The report in Markdown.
pub fn report_markdown(report: &Report) -> String {
    let mut out = String::from("# Datastore report\n\n");
    out.push_str(&format!(
        "Made by kinescope {} on {}: **{}**. The files were read, never written. Secret values are not in this report.\n",
        env!("CARGO_PKG_VERSION"),
        moment_of(report.made_at),
        verdict(report.verdict())
    ));
    out.push_str("\n## Overview\n");
    table(&sections::overview(report), &mut out);
    report.stores.iter().for_each(|store| self::store(store, &mut out));
    for unopened in &report.unopened {
        heading(2, &format!("{}: {}", shown(&unopened.name), verdict(unopened.verification.verdict)), &mut out);
        out.push_str("It could not be opened.\n");
        findings(&sections::findings(&unopened.verification.findings), &mut out);
        searched(&unopened.recovery, &mut out);
    }
    for directory in &report.directories {
        let server = shown(&directory.server.display().to_string());
        heading(2, &format!("k3s at {server}: {}", verdict(directory.verdict)), &mut out);
        for step in &directory.next_start {
            out.push_str(&format!("1. {}\n", plain(&shown(step))));
        }
        findings(&sections::findings(&directory.findings), &mut out);
        for fix in &directory.fixes {
            out.push_str(&format!("\nFor `{}`, with k3s stopped, after reading it:\n\n", fix.id.name()));
            // Indented: no text can end it.
            fix.commands.iter().for_each(|command| out.push_str(&format!("    {}\n", shown(command))));
        }
    }
    for between in &report.between {
        heading(2, &format!("From {} to {}", shown(&between.old), shown(&between.new)), &mut out);
        out.push_str(&format!("{}\n", sections::differing_text(between)));
        table(&sections::differing_kinds(between), &mut out);
        table(&sections::differing(between), &mut out);
    }
    out
}

fn store(store: &StoreReport, out: &mut String) {
    heading(2, &format!("{}: {}", shown(&store.name), verdict(store.verification.verdict)), out);
    for (name, value) in sections::facts(store) {
        out.push_str(&format!("- {name}: {}\n", plain(&value)));
    }
    heading(3, "What was found", out);
    out.push_str(&format!("{}\n", sections::loss(store)));
    findings(&sections::findings(&store.verification.findings), out);
    store.recovery.iter().for_each(|recovery| searched(recovery, out));
    heading(3, "What is in it", out);
    table(&sections::kinds(store), out);
    heading(3, "Where the bytes are", out);
    let (why, advice) = sections::size(store);
    out.push_str(&format!("{}. {}.\n", plain(&why), plain(&advice)));
    table(&sections::causes(store), out);
    heading(3, "When", out);
    out.push_str("From the creation times inside objects, which the server sets.\n");
    table(&sections::timeline(store), out);
    heading(3, "What changed last", out);
    table(&sections::recent(store), out);
}

fn searched(recovery: &Searched, out: &mut String) {
    heading(3, "What is lost", out);
    out.push_str(&format!("{}\n", plain(&sections::recovery(recovery))));
    recovery.iter().for_each(|report| table(&sections::lost(report), out));
}

fn heading(level: usize, text: &str, out: &mut String) {
    out.push_str(&format!("\n{} {}\n\n", "#".repeat(level), plain(text)));
}

fn table(rows: &Rows, out: &mut String) {
    if rows.rows.is_empty() {
        return;
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push('\n');
    out.push_str(&line(rows.headings.iter().map(|heading| (*heading).to_owned()).collect()));
    out.push_str(&line(rows.numbers.iter().map(|number| if *number { "--:" } else { "---" }.to_owned()).collect()));
    for row in &rows.rows {
        out.push_str(&line(row.iter().map(|cell| plain(cell)).collect()));
    }
}

fn findings(found: &[Told], out: &mut String) {
    if !found.is_empty() {
        out.push('\n');
    }
    for one in found {
        out.push_str(&format!("- **{}** `{}` {}.", severity(one.severity), one.id, plain(&one.text)));
        for (before, more) in [(" ", &one.place), (" → ", &one.hint)].into_iter().filter(|(_, more)| !more.is_empty())
        {
            out.push_str(&format!("{before}{}", plain(more)));
        }
        out.push('\n');
    }
}

/// Text that means itself: what Markdown or HTML would take for markup is escaped.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}
