//! The line of activity: how much was changed when, to pick a moment from.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::{frame, line};
use crate::render;
use crate::tui::ask::Timeline;
use crate::tui::state::{PromptFor, State};
use crate::tui::text::{fit, width};
use crate::tui::theme::Theme;

/// Lines of the dialog.
const LINES: u16 = 5;
/// Columns before the first bar.
const MARGIN: u16 = 1;

/// The line for the first screen.
pub fn letters(timeline: &Timeline, theme: Theme) -> Line<'static> {
    let bars = timeline.letters().concat();
    Line::from(vec![Span::styled(" activity ", theme.dim()), Span::styled(bars.trim_end().to_owned(), theme.good())])
}

/// While a moment is typed, above what is typed.
pub fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let Some(prompt) = state.prompt.as_ref().filter(|prompt| prompt.what == PromptFor::Time) else { return };
    let height = LINES.min(body.height);
    let area = Rect { y: body.y + body.height - height, height, ..body };
    frame.render_widget(Clear, area);
    frame::rule(theme, frame, line(area, 0));
    let Some(timeline) = &state.timeline else {
        frame.render_widget(Line::styled(" reading the times of changes", theme.dim()), line(area, 1));
        return;
    };
    if timeline.bars.is_empty() {
        frame.render_widget(Line::styled(" this store has no changes", theme.dim()), line(area, 1));
        return;
    }
    let shown = state.revision();
    let own = timeline.bars.iter().position(|bar| bar.last >= shown).unwrap_or(timeline.bars.len() - 1);
    let cursor = prompt.chosen.unwrap_or(own);
    let mut spans = vec![Span::raw(" ".repeat(usize::from(MARGIN)))];
    for (at, letter) in timeline.letters().into_iter().enumerate() {
        let compacted = timeline.bars.get(at).is_some_and(|bar| bar.last < timeline.compact);
        let style = match () {
            () if at == cursor => theme.cursor(),
            () if compacted => theme.dim(),
            () => theme.good(),
        };
        spans.push(Span::styled(letter, style));
    }
    frame.render_widget(Line::from(spans), line(area, 1));
    let pointer = format!("{}^", " ".repeat(usize::from(MARGIN) + cursor));
    frame.render_widget(Line::styled(pointer, theme.key()), line(area, 2));
    frame.render_widget(ends(timeline, theme, usize::from(area.width)), line(area, 3));
    frame.render_widget(picked(timeline, cursor, theme, usize::from(area.width)), line(area, 4));
}

/// The first and the last time, and what a bar stands for.
fn ends(timeline: &Timeline, theme: Theme, columns: usize) -> Line<'static> {
    let end = |bar: Option<&crate::tui::ask::Bar>| match bar {
        Some(bar) => bar.at.map_or_else(|| format!("revision {}", bar.last), |at| format!("{at:.0}")),
        None => String::new(),
    };
    let first = timeline.bars.iter().find(|bar| bar.changes > 0);
    let (first, last) = (end(first), end(timeline.bars.last()));
    let room = columns.saturating_sub(width(&first) + width(&last) + 6);
    let told = fit(&timeline.told, room);
    let around = room.saturating_sub(width(&told));
    let (before, after) = (" ".repeat(around / 2), " ".repeat(around - around / 2));
    Line::styled(format!(" {first}  {before}{told}{after}  {last}"), theme.dim())
}

/// What is picked.
fn picked(timeline: &Timeline, cursor: usize, theme: Theme, columns: usize) -> Line<'static> {
    let Some(bar) = timeline.bars.get(cursor) else { return Line::default() };
    let revision = render::count(bar.last.unsigned_abs());
    let at = bar.at.map_or(String::new(), |at| format!(" · not before {at:.0}"));
    let changes = match bar.changes {
        0 => "nothing was changed".to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{} changes", render::count(count)),
    };
    let compacted = if bar.last < timeline.compact { " · compacted: only what survives" } else { "" };
    let text = format!(" revision {revision}{at} · {changes}{compacted}");
    Line::styled(fit(&text, columns), theme.strong())
}
