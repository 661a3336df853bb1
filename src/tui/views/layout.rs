//! Where things stand on the screen: views draw by it, and actions move by it.

use ratatui::layout::Rect;

use crate::tui::keys::Place;
use crate::tui::state::{Screen, State, View};
use crate::tui::theme::Theme;

/// The least columns and lines that make sense.
pub const SMALLEST: (u16, u16) = (40, 10);
/// Lines above the body.
pub const HEADER: u16 = 3;
/// Lines below it.
pub const FOOTER: u16 = 1;
/// From so many columns on, a change stands beside the list of changes.
const WIDE: u16 = 130;
/// Lines of findings on the first screen.
pub const FINDINGS: usize = 3;

/// Lines of the body.
pub fn body(state: &State) -> usize {
    usize::from(state.size.1.saturating_sub(HEADER + FOOTER))
}

fn body_area(state: &State) -> Rect {
    Rect { x: 0, y: HEADER, width: state.size.0, height: state.size.1.saturating_sub(HEADER + FOOTER) }
}

/// The list of changes, and what one of them changed.
pub fn halves(body: Rect) -> (Rect, Rect) {
    if body.width >= WIDE {
        let left = body.width / 2;
        return (Rect { width: left, ..body }, Rect { x: body.x + left, width: body.width - left, ..body });
    }
    let above = (body.height * 2 / 5).max(4).min(body.height);
    (Rect { height: above, ..body }, Rect { y: body.y + above, height: body.height - above, ..body })
}

/// Lines above the first row of a table, counted in the body: its title and its headings.
const TITLE_AND_HEADINGS: usize = 2;

/// Columns that a title mostly takes.
const TITLE: usize = 32;
/// From so many lines on there is room to tell the line under the cursor in full.
const TALL: usize = 14;

/// What to know about the table, in lines of its own where the title has no room for it.
pub fn note(state: &State) -> Vec<String> {
    const MOST: usize = 2;
    let is_told = matches!(
        state.top().map(Screen::place),
        Some(Place::Sizes | Place::Leases | Place::Search | Place::Evidence | Place::Relatives)
    );
    let note = state.top().and_then(Screen::grid).and_then(|grid| grid.list.note.as_deref());
    let columns = usize::from(state.size.0);
    let has_room = |note: &str| crate::tui::text::width(note) + TITLE <= columns;
    let Some(note) =
        note.filter(|note| is_told && !has_room(note) && columns < usize::from(WIDE) && body(state) >= TALL)
    else {
        return Vec::new();
    };
    let mut lines = super::dialog::wrapped(note, usize::from(state.size.0).saturating_sub(2));
    lines.truncate(MOST);
    lines
}

/// Lines below a table that tell the line under the cursor in full, with the rule above them.
pub fn detail(state: &State) -> usize {
    let is_told = matches!(state.top().map(Screen::place), Some(Place::Search | Place::Evidence));
    if is_told && body(state) >= TALL { 3 } else { 0 }
}

/// Lines of facts on the first screen.
pub fn facts_lines(state: &State) -> usize {
    let Some(Screen { view: View::Overview { facts: Some(_), .. }, .. }) = state.top() else { return 0 };
    let findings = state.findings().len().max(1);
    4 + usize::from(has_activity(state))
        + findings.min(FINDINGS)
        + usize::from(state.is_damaged() || findings > FINDINGS)
        + 1
}

/// Whether the first screen has room for the line of activity.
pub fn has_activity(state: &State) -> bool {
    const LEAST: u16 = 30;
    state.size.1 >= LEAST && state.timeline.as_ref().is_some_and(|timeline| !timeline.bars.is_empty())
}

/// How many rows of the screen's table are seen.
pub fn rows(state: &State) -> usize {
    match state.top().map(Screen::place) {
        Some(Place::Overview) => body(state).saturating_sub(facts_lines(state) + 1),
        Some(Place::History | Place::Compare) => {
            usize::from(halves(body_area(state)).0.height).saturating_sub(TITLE_AND_HEADINGS)
        }
        _ => body(state).saturating_sub(TITLE_AND_HEADINGS + note(state).len() + detail(state)),
    }
}

/// The line of the terminal on which the first row of the table stands.
pub fn first_row(state: &State) -> Option<usize> {
    state.top()?.grid()?;
    let above = match state.top().map(Screen::place) {
        Some(Place::Overview) => facts_lines(state) + 1,
        _ => TITLE_AND_HEADINGS + note(state).len(),
    };
    Some(usize::from(HEADER) + above)
}

/// The line of the terminal on which the first line of a text stands: below the header and the title.
pub const fn first_text_row() -> usize {
    HEADER as usize + 1
}

/// The columns of the screen's table that are seen: which, where each begins, how wide it is.
pub fn columns(state: &State) -> Vec<(usize, usize, usize)> {
    let Some(grid) = state.top().and_then(Screen::grid) else { return Vec::new() };
    let width = match state.top().map(Screen::place) {
        Some(Place::History | Place::Compare) => halves(body_area(state)).0.width,
        _ => state.size.0,
    };
    let mut start = 1;
    let mut columns = Vec::new();
    for (at, own) in super::grid::shown_columns(grid, usize::from(width).saturating_sub(1)) {
        columns.push((at, start, own));
        start += own + super::grid::GAP;
    }
    columns
}

/// How many lines of the screen's text are seen.
pub fn text_rows(state: &State) -> usize {
    match state.top().map(Screen::place) {
        Some(Place::History | Place::Compare) => {
            let (left, right) = halves(body_area(state));
            usize::from(right.height).saturating_sub(if right.y > left.y { 1 } else { 0 } + 1)
        }
        _ => body(state).saturating_sub(1),
    }
}

/// The last line of an export's plan that can be the first one seen.
pub fn last_plan_line(state: &State) -> usize {
    let columns = usize::from(state.size.0).saturating_sub(2);
    let lines = |dialog| super::dialog::plan_lines(dialog, Theme::Plain, columns).len();
    state.dialog.as_deref().map_or(0, lines).saturating_sub(1)
}

/// The last line of what is told of a new store that can be the first one seen.
pub fn last_report_line(state: &State) -> usize {
    let columns = usize::from(state.size.0).saturating_sub(2);
    let lines = |dialog| super::store_dialog::report_lines(dialog, Theme::Plain, columns).len();
    state.store_dialog.as_deref().map_or(0, lines).saturating_sub(1)
}

/// The last line that help can begin with.
pub fn last_help_line(state: &State) -> usize {
    let columns = usize::from(state.size.0).saturating_sub(2);
    super::help::lines(state, Theme::Plain, columns).len().saturating_sub(body(state))
}
