//! What is always in view: what file this is, which moment, what can be done, what is being typed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::render;
use crate::tui::keys::{Binding, KEYS, Place};
use crate::tui::state::{Phase, PromptFor, State, View};
use crate::tui::text::{fit, fit_end, padded, width};
use crate::tui::theme::Theme;

/// The two lines at the top.
pub fn header(state: &State, theme: Theme, frame: &mut Frame<'_>, first: Rect, second: Rect) {
    let columns = usize::from(first.width);
    let facts = match &state.phase {
        Phase::Opening => match &state.glance {
            Some((engine, bytes)) => format!("{engine} · {} · reading its rows", render::bytes(*bytes)),
            None => "opening".to_owned(),
        },
        Phase::Closed(_) => "cannot be opened".to_owned(),
        Phase::Open(opened) => {
            let cluster = cluster(state).map_or(String::new(), |cluster| format!(" · {cluster}"));
            format!("{} · {}{cluster}", opened.engine, render::bytes(opened.bytes))
        }
    };
    let findings = findings(state);
    let (mark, mark_style) = match findings {
        Some(0) => ("✓ sound".to_owned(), theme.good()),
        Some(1) => ("! 1 finding".to_owned(), theme.warning()),
        Some(count) => (format!("! {count} findings"), theme.warning()),
        None => (String::new(), theme.dim()),
    };
    let room = columns.saturating_sub(width(&facts) + width(&mark) + 5);
    let name = fit_end(&crate::tui::text::harmless(&state.start.path), room.max(10));
    let left = format!(" {name}  ");
    let facts = padded(&facts, columns.saturating_sub(width(&left) + width(&mark) + 1));
    let spans = vec![Span::styled(left, theme.strong()), Span::raw(facts), Span::styled(mark, mark_style)];
    frame.render_widget(Line::from(spans), first);
    frame.render_widget(moment_line(state, theme, columns), second);
}

fn moment_line(state: &State, theme: Theme, columns: usize) -> Line<'static> {
    let secrets = if state.reveal { "SECRETS SHOWN " } else { "secrets masked " };
    let Some(opened) = state.opened() else { return Line::default() };
    if let Some(moment) = &state.moment {
        let revision = render::count(moment.revision.unsigned_abs());
        let text = format!(" as of revision {revision} · T back to newest · {}", moment.told);
        let room = columns.saturating_sub(secrets.len());
        return Line::styled(format!("{}{secrets}", padded(&text, room)), theme.past());
    }
    let newest = overview(state).and_then(|facts| facts.newest).map_or(String::new(), |at| format!(" · {at:.0}"));
    let text = format!(" newest · revision {}{newest}", render::count(opened.current.unsigned_abs()));
    let style = if state.reveal { theme.warning() } else { theme.dim() };
    Line::from(vec![Span::raw(padded(&text, columns.saturating_sub(secrets.len()))), Span::styled(secrets, style)])
}

fn overview(state: &State) -> Option<&crate::tui::ask::Overview> {
    match &state.stack.first()?.view {
        View::Overview { facts, .. } => facts.as_deref(),
        _ => None,
    }
}

fn cluster(state: &State) -> Option<String> {
    let facts = overview(state)?;
    let release = facts.release.clone().unwrap_or_else(|| "Kubernetes release unknown".to_owned());
    let nodes = match facts.nodes.len() {
        0 => "no nodes".to_owned(),
        1 => "1 node".to_owned(),
        count => format!("{count} nodes"),
    };
    Some(format!("{release} · {nodes}"))
}

/// How many findings there are, notes not counted.
fn findings(state: &State) -> Option<usize> {
    overview(state)?;
    Some(state.findings().iter().filter(|(finding, _)| finding.severity < crate::tui::ask::Severity::Note).count())
}

/// The line below the header.
pub fn rule(theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    frame.render_widget(Line::styled("─".repeat(usize::from(area.width)), theme.dim()), area);
}

/// What is being worked out, and for how long; what takes no time needs no word.
fn busy(state: &State) -> Option<String> {
    if !state.is_waiting() || state.waited < 2 {
        return None;
    }
    let dialog = state.store_dialog.as_ref().and_then(|dialog| dialog.asked).map(|(ticket, _)| ticket);
    let waiting = dialog.or_else(|| state.top().and_then(|screen| screen.waiting));
    let told = state.progress.as_ref().filter(|(ticket, _)| Some(*ticket) == waiting);
    let what = match told {
        _ if matches!(state.phase, Phase::Opening) => "opening",
        Some((_, told)) => told.as_str(),
        None if waiting.is_none() && state.is_arranging() => "arranging rows",
        None => "reading",
    };
    Some(format!("{what} · {}.{} s", state.waited / 10, state.waited % 10))
}

/// The line at the bottom: what is typed, what was said, or the keys that work here.
pub fn footer(state: &State, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width);
    if let Some(prompt) = &state.prompt {
        let sign = match prompt.what {
            PromptFor::Palette => ":",
            PromptFor::Find => "/",
            PromptFor::Time => "revision or time: ",
            PromptFor::Search => "search: ",
            PromptFor::Compare => "compare with: ",
        };
        let room = columns.saturating_sub(width(sign) + 2);
        let typed = fit_end(&prompt.text, room);
        let at = area.x + (width(sign) + width(&typed)).min(columns.saturating_sub(1)) as u16;
        let busy = busy(state);
        let hint = match (prompt.what, prompt.text.is_empty()) {
            _ if busy.is_some() => busy.as_deref().unwrap_or_default(),
            (PromptFor::Time, true) => "1200 or 2026-01-02T15:04:05Z; left, right pick; enter",
            (PromptFor::Compare, true) => "a revision, a time, or a path, also PATH@REVISION; tab",
            (PromptFor::Search, true) => "text or a regular expression, in keys and in objects as YAML",
            (PromptFor::Find, true) => "text, !text, -f letters; esc takes it away",
            (PromptFor::Palette, true) => "a kind and a namespace, or keys, leases, health, q; tab completes",
            _ => "",
        };
        let spans =
            vec![Span::styled(sign, theme.key()), Span::raw(typed), Span::styled(format!("  {hint}"), theme.dim())];
        frame.render_widget(Line::from(spans), area);
        frame.set_cursor_position((at, area.y));
        return;
    }
    let busy = busy(state);
    // Why something does not work is worth more than how far something else is.
    if let Some(said) = state.said.as_ref().filter(|said| said.is_refusal || busy.is_none()) {
        let style = if said.is_refusal { theme.warning() } else { Style::new() };
        frame.render_widget(Line::styled(format!(" {}", fit(&said.text, columns.saturating_sub(2))), style), area);
        return;
    }
    if let Some(busy) = busy {
        frame.render_widget(Line::styled(format!(" {busy} · esc back, q quit"), theme.dim()), area);
        return;
    }
    frame.render_widget(hints(state, theme, columns), area);
}

/// What the first screen names before all else: where to go from here.
const FIRST: [&str; 8] = ["open", "go to", "time", "diff", "search", "health", "bytes", "find"];

fn hints(state: &State, theme: Theme, columns: usize) -> Line<'static> {
    let Some(place) = state.place() else { return Line::default() };
    if state.help.is_some() {
        return Line::styled(" any key closes this", theme.dim());
    }
    if matches!(state.phase, Phase::Closed(_)) && state.stack.len() == 1 && state.store_dialog.is_none() {
        let key = |key: &'static str, what: &'static str| [Span::styled(key, theme.key()), Span::raw(what)];
        let keys = [key(" i", " evidence "), key(" W", " recover "), key(" q", " quit")];
        return Line::from(keys.concat());
    }
    let fits = |binding: &&Binding| !binding.short.is_empty() && binding.places.contains(&place);
    let is_first = state.stack.len() == 1;
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    // The last two are how to find all others, and how to leave.
    let (ends, mut rest): (Vec<&Binding>, Vec<&Binding>) =
        KEYS.iter().filter(fits).partition(|binding| ["keys", "quit", "close"].contains(&binding.short));
    rest.retain(|binding| !(is_first && binding.short == "back"));
    if place == Place::Overview {
        rest.sort_by_key(|binding| FIRST.iter().position(|short| *short == binding.short).unwrap_or(FIRST.len()));
    }
    let first = |binding: &Binding| state.keymap.of(binding).first().cloned().unwrap_or_default();
    let size = |binding: &Binding| width(&first(binding)) + width(binding.short) + 3;
    let room = columns.saturating_sub(ends.iter().map(|binding| size(binding)).sum::<usize>());
    let mut add = |binding: &Binding| {
        spans.push(Span::styled(first(binding), theme.key()));
        spans.push(Span::raw(format!(" {}  ", binding.short)));
    };
    for binding in rest {
        if used + size(binding) <= room {
            used += size(binding);
            add(binding);
        }
    }
    ends.into_iter().for_each(&mut add);
    Line::from(spans)
}

/// What the palette would lead to, above what is typed.
pub fn completions(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let Some(prompt) = state.prompt.as_ref().filter(|prompt| prompt.what == PromptFor::Palette) else { return };
    let all = state.completions(&prompt.text);
    let room = usize::from(body.height).saturating_sub(2).min(12);
    let chosen = prompt.chosen.unwrap_or(0);
    let from = (chosen + 1).saturating_sub(room);
    let aliases = |full: &str| {
        let kinds = state.opened().map_or(&[] as &[_], |opened| &opened.kinds);
        let kind = kinds.iter().find(|kind| kind.full == full);
        kind.map_or(String::new(), |kind| kind.aliases.get(2..).unwrap_or_default().join(" "))
    };
    let lines: Vec<Line<'_>> = all
        .iter()
        .enumerate()
        .skip(from)
        .take(room)
        .map(|(at, name)| {
            let style = if at == chosen { theme.cursor() } else { Style::new() };
            Line::styled(format!(" {} {}", padded(name, 44), padded(&aliases(name), 12)), style)
        })
        .collect();
    let height = lines.len() as u16;
    let area = Rect { y: body.y + body.height - height, height, ..body };
    let above = Rect { y: area.y.saturating_sub(1), height: 1, ..body };
    frame.render_widget(Clear, above);
    rule(theme, frame, above);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
}
