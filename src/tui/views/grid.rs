//! A table: its title, its headings, its rows; the first columns stay when it is scrolled sideways.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{layout, line};
use crate::render;
use crate::tui::ask::{Compared, Row, Tone};
use crate::tui::state::{Differences, Grid, ListOf, Screen, State, View};
use crate::tui::text::{fit, padded, width};
use crate::tui::theme::Theme;

/// Space between two columns.
pub const GAP: usize = 2;
/// No column but the last is wider.
const WIDEST: usize = 60;

/// A table with its title above it.
pub fn draw_titled(state: &State, screen: &Screen, grid: &Grid, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let note = layout::note(state);
    frame.render_widget(title(state, screen, grid, theme, usize::from(area.width), note.is_empty()), line(area, 0));
    let above = note.len() as u16 + 1;
    for (at, text) in (1..area.height).zip(note) {
        frame.render_widget(Line::styled(format!(" {text}"), theme.dim()), line(area, at));
    }
    let detail = (layout::detail(state) as u16).min(area.height.saturating_sub(above));
    let below = Rect { y: area.y + above, height: area.height.saturating_sub(above + detail), ..area };
    let bottom = Rect { y: below.y + below.height, height: detail, ..area };
    tell(grid, theme, frame, bottom);
    draw(grid, (screen.loaded || screen.waiting.is_none()) && !grid.is_arranging(), theme, frame, below);
    if let View::List { of: ListOf::Stores, .. } = &screen.view {
        explain_stores(state, grid, theme, frame, below);
    }
}

/// The line under the cursor, in full: its last columns often have no room.
fn tell(grid: &Grid, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let Some(row) = grid.selected().filter(|_| area.height > 1) else { return };
    super::frame::rule(theme, frame, line(area, 0));
    let columns = usize::from(area.width).saturating_sub(2);
    let Some((last, others)) = row.cells.split_last() else { return };
    let others: Vec<&str> = others.iter().map(|cell| cell.text.as_str()).filter(|text| !text.is_empty()).collect();
    let mut lines = vec![fit(&others.join("  "), columns)];
    lines.extend(super::dialog::wrapped(&last.text, columns));
    let room = usize::from(area.height) - 1;
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            *last = format!("{}…", fit(last, columns.saturating_sub(2)).trim_end_matches('…'));
        }
    }
    for (at, text) in (1..area.height).zip(lines) {
        frame.render_widget(Line::raw(format!(" {text}")), line(area, at));
    }
}

/// Why there are two stores, and what to do: below their lines, where there is room.
fn explain_stores(state: &State, grid: &Grid, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(4);
    let mut lines = Vec::new();
    let mut say = |text: &str, style: Style| {
        lines.extend(
            super::dialog::wrapped(text, columns).into_iter().map(|text| Line::styled(format!("  {text}"), style)),
        );
    };
    say("Two stores lie here: k3s was moved from one engine to the other, or that failed half-way.", theme.strong());
    if let Some(note) = &grid.list.note {
        say(&format!("{note}."), Style::new());
    }
    say("enter opens the one under the cursor, S comes back here. Looking changes neither.", Style::new());
    say("v in one of them, with the path of the other, shows what differs.", Style::new());
    say("What k3s would do at its next start, and what puts it right:", Style::new());
    let path = crate::tui::shell_word(&state.start.path);
    say(&format!("$ kinescope doctor {path}"), theme.key());
    let from = grid.order.len() as u16 + 2;
    for (at, text) in (from..area.height).zip(lines) {
        frame.render_widget(text, line(area, at));
    }
}

fn title(state: &State, screen: &Screen, grid: &Grid, theme: Theme, columns: usize, with_note: bool) -> Line<'static> {
    let name = match &screen.view {
        View::List { of: ListOf::Kind(kind), .. } => {
            let namespaced = grid.list.columns.first().is_some_and(|column| column == "NAMESPACE");
            let namespace = grid.namespace.as_deref().filter(|_| namespaced).unwrap_or("all");
            if namespaced { format!("{kind}({namespace})") } else { kind.clone() }
        }
        View::List { of: ListOf::Keys(prefix), .. } if prefix.is_empty() => "keys".to_owned(),
        View::List { of: ListOf::Keys(prefix), .. } => format!("keys {}", render::key(prefix)),
        View::List { of: ListOf::Leases, .. } => "leases".to_owned(),
        View::List { of: ListOf::Sizes(by, within), .. } => {
            let by = by.heading().to_lowercase();
            within.as_ref().map_or(format!("bytes by {by}"), |within| format!("bytes of {by} {within}"))
        }
        View::List { of: ListOf::Search(pattern), deleted, .. } => {
            format!("{}search for {pattern}", if *deleted { "history " } else { "" })
        }
        View::List { of: ListOf::Relatives { name, owned, .. }, .. } => {
            format!("{} {name}", if *owned { "owned by" } else { "owners of" })
        }
        View::List { of: ListOf::Evidence, .. } => match &grid.only {
            Some(only) => format!("evidence: {only}"),
            None => "evidence".to_owned(),
        },
        View::List { of: ListOf::Stores, .. } => "stores of this directory".to_owned(),
        View::History { name, .. } => format!("history of {name}"),
        View::Compare(differences) => {
            let Some(found) = &differences.found else { return Line::raw(" comparing") };
            return compared(differences, found, theme, columns);
        }
        View::Overview { .. } | View::Object { .. } | View::Page { .. } | View::Health { .. } => String::new(),
    };
    let count = match (grid.order.len(), grid.list.rows.len()) {
        (shown, all) if shown == all => format!("[{}]", render::count(all as u64)),
        (shown, all) => format!("[{} of {}]", render::count(shown as u64), render::count(all as u64)),
    };
    let mut more = String::new();
    if let Some((at, turned)) = grid.sort {
        let heading = grid.list.columns.get(at).cloned().unwrap_or_default();
        more.push_str(&format!("  by {heading}{}", if turned { " ↑" } else { " ↓" }));
    }
    if !grid.filter.is_empty() {
        more.push_str(&format!("  /{}", grid.filter));
    }
    if !grid.marked.is_empty() {
        more.push_str(&format!("  {} marked", grid.marked.len()));
    }
    if matches!(&screen.view, View::List { deleted: true, .. }) {
        more.push_str("  with deleted");
    }
    if (screen.waiting.is_some() || grid.is_arranging()) && state.waited > 1 {
        more.push_str("  …");
    }
    let note = grid.list.note.as_deref().filter(|_| with_note).unwrap_or_default();
    let left = format!(" {name}{count}");
    let room = columns.saturating_sub(width(&left) + width(&more) + 3);
    let note = if width(note) <= room { format!("  {note}") } else { format!("  {}", fit(note, room)) };
    Line::from(vec![
        Span::styled(fit(&left, columns), theme.strong()),
        Span::styled(more, theme.key()),
        Span::styled(note, theme.dim()),
    ])
}

/// `from A to B  +12 -3 ~41 · 390 hidden`
fn compared(differences: &Differences, found: &Compared, theme: Theme, columns: usize) -> Line<'static> {
    let counts = differences.counts();
    let counts = if counts.is_empty() { "no difference".to_owned() } else { counts };
    let hidden = match (found.hidden, differences.noise) {
        (_, true) => " · with noise, n hides it".to_owned(),
        (0, false) => String::new(),
        (hidden, false) => format!(" · {} in noise only, n shows", render::count(hidden as u64)),
    };
    let filter = &differences.grid.filter;
    // What is filtered is worth more than what is hidden.
    let more = if filter.is_empty() { hidden } else { format!("  /{filter}") };
    let right = format!("  {counts}{more}");
    let left = format!(" {} → {}", found.old, found.new);
    let left = fit(&left, columns.saturating_sub(width(&right)).max(20));
    Line::from(vec![Span::styled(left, theme.strong()), Span::styled(right, theme.key())])
}

/// A table without a title.
pub fn draw(grid: &Grid, loaded: bool, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    if grid.order.is_empty() {
        let why = match (loaded, grid.list.rows.len()) {
            (false, _) => "",
            (true, 0) => grid.list.empty.as_str(),
            (true, _) => "nothing fits the filter or the namespace; esc takes the filter away, 0 shows all namespaces",
        };
        let text = fit(why, usize::from(area.width).saturating_sub(2));
        frame.render_widget(Line::styled(format!(" {text}"), theme.dim()), line(area, 0));
        return;
    }
    let height = usize::from(area.height) - 1;
    let rows: Vec<(usize, &Row)> = (grid.top..grid.order.len())
        .take(height)
        .filter_map(|at| Some((at, grid.list.rows.get(*grid.order.get(at)?)?)))
        .collect();
    let shown = shown_columns(grid, usize::from(area.width).saturating_sub(1));
    let mut heading = String::from(" ");
    for (at, room) in &shown {
        let name = grid.list.columns.get(*at).map_or("", String::as_str);
        heading.push_str(&cell_text(name, *room, is_number(grid, *at)));
    }
    let style = theme.strong().add_modifier(Modifier::UNDERLINED);
    frame.render_widget(Line::styled(heading, style), line(area, 0));
    for (at, row) in rows {
        let y = (at - grid.top + 1) as u16;
        let mut text = String::from(if grid.is_marked(row) { "+" } else { mark(row.tone) });
        for (column, room) in &shown {
            let cell = row.cells.get(*column).map_or("", |cell| cell.text.as_str());
            text.push_str(&cell_text(cell, *room, is_number(grid, *column)));
        }
        let mut style = tone(row.tone, theme);
        if grid.is_marked(row) {
            style = style.add_modifier(Modifier::BOLD);
        }
        if at == grid.cursor {
            style = style.patch(theme.cursor());
            text = padded(text.trim_end(), usize::from(area.width));
        }
        frame.render_widget(Line::styled(text, style), line(area, y));
    }
}

/// Without colours the same facts are marks.
const fn mark(tone: Tone) -> &'static str {
    match tone {
        // Their sign stands before the name.
        Tone::Plain | Tone::Added | Tone::Removed => " ",
        Tone::Deleted => "-",
        Tone::Locked => "*",
        Tone::Damaged => "!",
        Tone::Guessed => "?",
    }
}

fn tone(tone: Tone, theme: Theme) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Deleted | Tone::Damaged | Tone::Removed => theme.bad(),
        Tone::Added => theme.good(),
        Tone::Guessed => theme.warning(),
        Tone::Locked => theme.locked(),
    }
}

/// Numbers stand at the right of their columns, but for those at the end of the line, which are drawn.
fn is_number(grid: &Grid, column: usize) -> bool {
    let heading = grid.list.columns.get(column).map_or("", String::as_str);
    [
        "LIVE BYTES",
        "SUPERSEDED",
        "ALL BYTES",
        "LIVE",
        "DELETED",
        "UNKNOWN",
        "CHANGES",
        "BYTES",
        "SIZE",
        "KEYS",
        "LIVE KEYS",
        "TTL",
        "LEFT",
        "LAST REVISION",
        "REVISION",
    ]
    .contains(&heading)
}

fn cell_text(text: &str, room: usize, right: bool) -> String {
    let cut = fit(text, room);
    let space = " ".repeat(room.saturating_sub(width(&cut)));
    let gap = " ".repeat(GAP);
    if right { format!("{space}{cut}{gap}") } else { format!("{cut}{space}{gap}") }
}

/// The columns that have room, with their widths: those up to the name always, then those that are not pushed out.
pub fn shown_columns(grid: &Grid, room: usize) -> Vec<(usize, usize)> {
    let wide = |at: usize| {
        let heading = grid.list.columns.get(at).map_or(0, |name| width(name));
        let cells = grid.order.iter().filter_map(|row| grid.list.rows.get(*row)?.cells.get(at));
        // Of very long tables a part tells enough.
        cells.take(5000).map(|cell| width(&cell.text)).fold(heading, usize::max)
    };
    let widths = fitted(grid, &wide, room);
    let fixed = 1 + usize::from(grid.list.columns.first().is_some_and(|column| column == "NAMESPACE"));
    let mut used = 0;
    let mut shown = Vec::new();
    for at in (0..grid.list.columns.len()).filter(|at| *at < fixed || *at >= fixed + grid.left) {
        let is_last = at + 1 == grid.list.columns.len();
        let own = widths.get(at).copied().unwrap_or_default();
        let dragged = grid.list.columns.get(at).and_then(|heading| grid.widths.get(heading)).copied();
        let wanted = dragged.unwrap_or(if is_last { own } else { own.min(WIDEST) });
        let left = room.saturating_sub(used);
        // Half a number would be another number.
        if left == 0 || (left < wanted && dragged.is_none() && (left < 4 || is_number(grid, at))) {
            break;
        }
        let own = wanted.min(left);
        shown.push((at, own));
        used += own + GAP;
    }
    shown
}

/// The widths of all columns. Where they have no room together, the longest names are cut so that the others are seen.
fn fitted(grid: &Grid, wide: &dyn Fn(usize) -> usize, room: usize) -> Vec<usize> {
    const LEAST: usize = 26;
    const LEAST_WHO: usize = 12;
    let mut widths: Vec<usize> = (0..grid.list.columns.len()).map(wide).collect();
    let excess = widths.iter().map(|own| own + GAP).sum::<usize>().saturating_sub(room + GAP);
    let name = 1 + usize::from(grid.list.columns.first().is_some_and(|column| column == "NAMESPACE"));
    let is_graded = grid.list.columns.first().is_some_and(|column| column == "GRADE");
    let (at, least) = match grid.list.columns.iter().position(|column| column == "WHO") {
        Some(at) => (at, LEAST_WHO),
        // Of evidence what it is is worth more than the end of a long key.
        None if is_graded => (1, LEAST),
        None => (name - 1, LEAST),
    };
    if grid.list.columns.last().is_some_and(|column| column == "LINE") {
        // The line that was found is worth more than where in which object.
        let most = [(room * 2 / 5).max(24), usize::MAX, (room / 5).max(16), usize::MAX];
        return widths.into_iter().zip(most).map(|(own, most)| own.min(most)).collect();
    }
    if grid.list.columns.first().is_some_and(|column| column == "OBJECT") {
        // What became of an object is told in full beside the list; its name is not.
        return widths.into_iter().map(|own| own.min(room * 2 / 3)).collect();
    }
    if let Some(own) = widths.get_mut(at) {
        *own = own.saturating_sub(excess).max(least.min(*own));
    }
    widths
}
