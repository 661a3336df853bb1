//! A screen for what cannot be shown: what it is, why, and what to do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use crate::tui::ask::Trouble;
use crate::tui::text::harmless;
use crate::tui::theme::Theme;

/// Draws it.
pub fn draw(trouble: &Trouble, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let mut lines =
        vec![Line::default(), Line::styled(harmless(&trouble.title), theme.strong().patch(theme.warning()))];
    lines.push(Line::default());
    lines.extend(trouble.what.lines().map(|line| Line::raw(harmless(line))));
    lines.push(Line::default());
    for advice in &trouble.advice {
        lines.push(match advice.strip_prefix("$ ") {
            Some(command) => {
                Line::from(vec![Span::styled("  $ ", theme.dim()), Span::styled(harmless(command), theme.key())])
            }
            None => Line::raw(harmless(advice)),
        });
    }
    let margin = 2.min(body.width);
    let inner = Rect { x: body.x + margin, width: body.width.saturating_sub(2 * margin), ..body };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
}
