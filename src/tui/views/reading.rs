//! A text: YAML, a difference, findings.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{line, trouble};
use crate::tui::ask::{Syntax, Text, TextLine};
use crate::tui::state::{Reading, Screen, State, View};
use crate::tui::text::{fit, skip, width};
use crate::tui::theme::Theme;

/// A text with its title above it.
pub fn draw_titled(state: &State, screen: &Screen, reading: &Reading, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let mut title = match &screen.view {
        View::Object { name, .. } => name.clone(),
        View::Page { name, .. } => format!("bytes of {name}"),
        _ => "health".to_owned(),
    };
    let mut more = String::new();
    if let Some(text) = &reading.text {
        if let (View::Object { .. }, Some(at)) = (&screen.view, text.shown) {
            let revision = text.revisions.get(at).copied().unwrap_or_default();
            more.push_str(&format!("  revision {revision} · change {} of {}", at + 1, text.revisions.len()));
            if at + 1 < text.revisions.len() {
                more.push_str(" · superseded");
            }
        }
        if text.masked {
            more.push_str(" · masked, x reveals");
        }
        for note in &text.notes {
            more.push_str(&format!(" · {note}"));
        }
    }
    if screen.waiting.is_some() && state.waited > 1 {
        more.push_str("  …");
    }
    let columns = usize::from(area.width);
    title = fit(&title, columns.saturating_sub(20).max(20));
    let room = columns.saturating_sub(width(&title) + 2);
    let spans = vec![Span::styled(format!(" {title}"), theme.strong()), Span::styled(fit(&more, room), theme.dim())];
    frame.render_widget(Line::from(spans), line(area, 0));
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    body(reading, theme, frame, below);
}

/// A text beside or below a list.
pub fn draw_beside(reading: &Reading, theme: Theme, frame: &mut Frame<'_>, area: Rect, below: bool) {
    let mut area = area;
    if below && area.height > 1 {
        super::frame::rule(theme, frame, line(area, 0));
        area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    } else if area.width > 2 {
        for at in 0..area.height {
            frame.render_widget(Line::styled("│", theme.dim()), line(area, at));
        }
        area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    }
    let notes = reading.text.as_ref().map_or(&[] as &[_], |text| &text.notes);
    for note in notes {
        if area.height > 1 {
            let text = fit(note, usize::from(area.width).saturating_sub(2));
            frame.render_widget(Line::styled(format!(" {text}"), theme.dim()), line(area, 0));
            area = Rect { y: area.y + 1, height: area.height - 1, ..area };
        }
    }
    body(reading, theme, frame, area);
}

fn body(reading: &Reading, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let Some(text) = &reading.text else { return };
    if let Some(trouble) = &text.trouble {
        return trouble::draw(trouble, theme, frame, area);
    }
    for at in 0..usize::from(area.height) {
        let Some(number) = reading.line_at(reading.top + at) else { break };
        let Some(text_line) = text.lines.get(number) else { break };
        let spans = highlighted(text, text_line, theme);
        let spans = scrolled(marked(spans, &reading.search, theme), reading.left);
        let mut whole = vec![Span::raw(" ")];
        whole.extend(spans);
        let mut is_cursor = false;
        if let Some((outline, cursor)) = &reading.folding {
            is_cursor = *cursor == reading.top + at;
            let hidden = outline.hidden_below(number);
            if hidden > 0 {
                let lines = if hidden == 1 { "1 line".to_owned() } else { format!("{hidden} lines") };
                whole.push(Span::styled(format!("  ▸ {lines}"), theme.past()));
            }
        }
        let mut whole = Line::from(whole);
        if is_cursor {
            let missing = usize::from(area.width).saturating_sub(whole.width());
            whole.push_span(Span::raw(" ".repeat(missing)));
            whole = whole.patch_style(theme.cursor());
        }
        frame.render_widget(whole, line(area, at as u16));
    }
}

fn highlighted<'t>(text: &Text, line: &'t TextLine, theme: Theme) -> Vec<Span<'t>> {
    match text.syntax {
        Syntax::Plain => vec![Span::styled(line.text.as_str(), plain_style(&line.text, theme))],
        Syntax::Hex => vec![Span::styled(line.text.as_str(), hex_style(line, theme))],
        Syntax::Diff => {
            let style = match line.text.get(..1) {
                _ if line.text.starts_with("---") || line.text.starts_with("+++") => theme.strong(),
                Some("+") => theme.good(),
                Some("-") => theme.bad(),
                Some("@") => theme.key(),
                _ => Style::new(),
            };
            vec![Span::styled(line.text.as_str(), style)]
        }
        Syntax::Yaml if line.block => vec![Span::styled(line.text.as_str(), theme.good())],
        Syntax::Yaml => yaml(&line.text, theme),
    }
}

fn plain_style(text: &str, theme: Theme) -> Style {
    match () {
        () if text.starts_with("DAMAGE") => theme.bad(),
        () if text.starts_with("WARNING") => theme.warning(),
        () => Style::new(),
    }
}

/// The cell of the value stands out; what is said of the bytes is no byte.
fn hex_style(line: &TextLine, theme: Theme) -> Style {
    let is_bytes = line.text.get(..8).is_some_and(|at| at.ends_with("  "));
    match (line.block, is_bytes) {
        (true, _) => theme.good(),
        (false, true) => Style::new(),
        (false, false) => theme.key(),
    }
}

/// The key, then the value, by what it looks like.
fn yaml(text: &str, theme: Theme) -> Vec<Span<'_>> {
    let start = text.len() - text.trim_start_matches([' ', '-']).len();
    let start = if text.get(..start).is_some_and(|marks| marks.ends_with('-')) { start - 1 } else { start };
    let (marks, rest) = text.split_at_checked(start).unwrap_or(("", text));
    let is_key =
        |end: &usize| !rest.get(..*end).is_some_and(|key| key.contains(['\'', '"']) && !rest.starts_with(['\'', '"']));
    let end = rest.find(": ").or_else(|| rest.ends_with(':').then(|| rest.len() - 1)).filter(is_key);
    let mut spans = vec![Span::styled(marks, theme.dim())];
    let value = match end {
        Some(end) => {
            let (key, value) = rest.split_at_checked(end + 1).unwrap_or((rest, ""));
            spans.push(Span::styled(key, theme.key()));
            value
        }
        None => rest,
    };
    let bare = value.trim();
    let style = match bare {
        "null" | "true" | "false" | "{}" | "[]" => theme.warning(),
        _ if bare.parse::<f64>().is_ok() => theme.warning(),
        _ if bare.starts_with("<masked") || bare.starts_with("'<masked") => theme.locked(),
        _ => theme.good(),
    };
    spans.push(Span::styled(value, if theme == Theme::Plain { Style::new() } else { style }));
    spans
}

/// What was searched stands out.
fn marked<'t>(spans: Vec<Span<'t>>, search: &str, theme: Theme) -> Vec<Span<'t>> {
    if search.is_empty() {
        return spans;
    }
    let wanted = search.to_lowercase();
    let mut out = Vec::new();
    for span in spans {
        let text = span.content.to_string();
        let lower = text.to_lowercase();
        // Letters whose small form is longer would move the places.
        let found = if lower.len() == text.len() { lower.find(&wanted) } else { None };
        let parts = found
            .and_then(|at| Some((text.get(..at)?, text.get(at..at + wanted.len())?, text.get(at + wanted.len()..)?)));
        match parts {
            Some((before, hit, after)) => {
                out.push(Span::styled(before.to_owned(), span.style));
                out.push(Span::styled(hit.to_owned(), theme.found()));
                out.push(Span::styled(after.to_owned(), span.style));
            }
            None => out.push(span),
        }
    }
    out
}

fn scrolled(spans: Vec<Span<'_>>, columns: usize) -> Vec<Span<'_>> {
    let mut left = columns;
    spans
        .into_iter()
        .map(|span| {
            let own = width(&span.content);
            let rest = skip(&span.content, left).to_owned();
            left = left.saturating_sub(own);
            Span::styled(rest, span.style)
        })
        .collect()
}
