//! The first screen: what this is, whose cluster, how healthy, and where to go.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{grid, layout, line};
use crate::render;
use crate::tui::ask::{Finding, Overview, Severity};
use crate::tui::state::{Grid, State};
use crate::tui::text::fit;
use crate::tui::theme::Theme;

/// Draws it.
pub fn draw(state: &State, facts: Option<&Overview>, kinds: &Grid, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let Some(facts) = facts else { return opening(state, theme, frame, body) };
    let columns = usize::from(body.width);
    let mut lines =
        vec![whose(facts, theme), when(state, facts, theme), size(facts, theme), bytes(facts, theme, columns)];
    if let Some(timeline) = state.timeline.as_ref().filter(|_| layout::has_activity(state)) {
        lines.push(super::timeline::letters(timeline, theme));
    }
    lines.extend(findings(state, theme, columns));
    let used = layout::facts_lines(state) as u16;
    for (at, text) in (0..used.min(body.height)).zip(lines) {
        frame.render_widget(text, line(body, at));
    }
    let below = Rect { y: body.y + used.min(body.height), height: body.height.saturating_sub(used), ..body };
    if facts.counts[1] == 0 {
        return empty(state, theme, frame, below);
    }
    grid::draw(kinds, true, theme, frame, below);
}

/// While the rows are read: what is known already, and that this is no reason to wait for anything else.
fn opening(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let Some((engine, bytes)) = &state.glance else { return };
    let lines = [
        Line::styled(format!("  {engine}, {}", render::bytes(*bytes)), theme.strong()),
        Line::default(),
        Line::raw("  Every row is being read into an index: revisions, kinds and counts stand"),
        Line::raw("  here in a moment, and what is wrong with the file a little later."),
        Line::styled("  Nothing is written, and nothing is locked. q leaves at once.", theme.dim()),
    ];
    for (at, text) in (1..body.height).zip(lines) {
        frame.render_widget(text, line(body, at));
    }
}

/// A store without any change: nothing was ever written, or nothing of it can be read.
fn empty(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let path = crate::tui::shell_word(&state.start.path);
    let text = |text: &str| Line::raw(format!("  {text}"));
    let command = |text: String| Line::styled(format!("  $ {text}"), theme.key());
    let heading = |text: &str| Line::styled(format!("  {text}"), theme.strong().patch(theme.warning()));
    let is_damaged = state.is_damaged();
    let whole = [
        text("The file itself is whole. k3s makes such a store when it starts and does"),
        text("not find its data: then that lies elsewhere, or was moved away. What k3s"),
        text("would do with its server directory:"),
        command("kinescope doctor /var/lib/rancher/k3s/server".to_owned()),
        Line::default(),
    ];
    let search = [
        text("If there was data in this very file, i searches its bytes for rows that"),
        text("nothing leads to, and so does"),
        command(format!("kinescope recover {path}")),
        Line::default(),
        text("Snapshots that k3s took by itself lie in db/snapshots."),
    ];
    // etcd begins with revision 1, kine with 0.
    let mut lines = match (is_damaged, state.revision()) {
        (true, _) => vec![heading("No key can be read here, and the file is damaged"), Line::default()],
        (false, ..=1) => vec![heading("This store is empty: no key was ever written to it"), Line::default()],
        (false, _) => vec![heading("This store holds no key: all that was written is compacted away"), Line::default()],
    };
    lines.extend(whole.into_iter().filter(|_| !is_damaged));
    lines.extend(search);
    for (at, text) in (1..body.height).zip(lines) {
        frame.render_widget(text, line(body, at));
    }
}

fn fact(name: &str, text: String, theme: Theme) -> Line<'static> {
    Line::from(vec![Span::styled(format!(" {name:<9}"), theme.dim()), Span::raw(text)])
}

fn whose(facts: &Overview, theme: Theme) -> Line<'static> {
    const MOST_NAMED: usize = 4;
    let mut text = match facts.nodes.len() {
        0 => "no Node is in this store".to_owned(),
        _ => {
            let names = facts.nodes.iter().take(MOST_NAMED).map(|(name, _)| name.as_str());
            let mut names = names.collect::<Vec<_>>().join(", ");
            if let Some(more) = facts.nodes.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
                names.push_str(&format!(" and {more} more"));
            }
            names
        }
    };
    text.push_str(&facts.release.as_ref().map_or(String::new(), |release| format!(" · Kubernetes {release}")));
    fact("cluster", text, theme)
}

fn when(state: &State, facts: &Overview, theme: Theme) -> Line<'static> {
    let compact = state.opened().map_or(0, |opened| opened.compact);
    let newest = facts.newest.map_or("no object tells a time".to_owned(), |at| format!("newest stamp {at:.0}"));
    let history = match compact {
        0 => "never compacted".to_owned(),
        compact => format!("history whole from revision {}", render::count(compact.unsigned_abs())),
    };
    fact("time", format!("{newest} · {history}"), theme)
}

fn size(facts: &Overview, theme: Theme) -> Line<'static> {
    let [live, changes, tombstones, leases] = facts.counts.map(render::count);
    fact("keys", format!("{live} live · {changes} changes, {tombstones} of them deletes · {leases} leases"), theme)
}

fn bytes(facts: &Overview, theme: Theme, columns: usize) -> Line<'static> {
    let [file, live, superseded, free, index] = facts.bytes;
    let share = |part: u64| if file == 0 { 0.0 } else { part as f64 * 100.0 / file as f64 };
    let part = |name: &str, bytes: u64| format!("{name} {} ({:.0} %)", render::bytes(bytes), share(bytes));
    let parts = [part("live", live), part("superseded", superseded), part("free", free), part("index", index)];
    let all = format!("{} · {}", render::bytes(file), parts.join(" · "));
    let text =
        if all.len() + 11 > columns { format!("{} · {} · {}", render::bytes(file), parts[0], parts[1]) } else { all };
    fact("bytes", text, theme)
}

fn findings(state: &State, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let all = state.findings();
    if all.is_empty() {
        let text = match state.checked {
            Some(_) => "restorable: pages, rows, hashes and values agree",
            None => "pages and rows agree; hashes and values are being checked",
        };
        return vec![Line::from(vec![
            Span::styled(" health   ", theme.dim()),
            Span::styled(format!("✓ {text}"), theme.good()),
        ])];
    }
    let show = |(at, (finding, count)): (usize, &(&Finding, usize))| {
        let (mark, style) = match finding.severity {
            Severity::Damage => ("! ", theme.bad()),
            Severity::Warning => ("! ", theme.warning()),
            Severity::Note => ("· ", theme.dim()),
        };
        let name = if at == 0 { " health   " } else { "          " };
        let times = if *count > 1 { format!(" · {} times", render::count(*count as u64)) } else { String::new() };
        let room = columns.saturating_sub(13 + times.chars().count());
        let text = format!("{}{times}", fit(&finding.text, room));
        Line::from(vec![Span::styled(name, theme.dim()), Span::styled(format!("{mark}{text}"), style)])
    };
    let mut lines: Vec<Line<'static>> = all.iter().take(layout::FINDINGS).enumerate().map(show).collect();
    if state.is_damaged() {
        lines.push(Line::from(vec![
            Span::raw("          "),
            Span::styled("!", theme.key()),
            Span::raw(" what to do  "),
            Span::styled("i", theme.key()),
            Span::raw(" what each row rests on  "),
            Span::styled("W", theme.key()),
            Span::raw(" recover into a new store"),
        ]));
    } else if let Some(more) = all.len().checked_sub(layout::FINDINGS).filter(|more| *more > 0) {
        lines.push(Line::from(vec![
            Span::raw(format!("          and {} more: ", render::count(more as u64))),
            Span::styled("!", theme.key()),
            Span::raw(" shows them"),
        ]));
    }
    lines
}
