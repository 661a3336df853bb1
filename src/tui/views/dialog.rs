//! The dialog of an export: what would be written, where, and the command line that does the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::line;
use crate::render;
use crate::tui::state::{Dialog, State};
use crate::tui::text::{fit, fit_end, harmless, width};
use crate::tui::theme::Theme;

/// Lines of command lines at the bottom.
const COMMANDS: usize = 4;

/// A line of the plan.
pub enum PlanLine<'d> {
    /// It goes.
    Goes(&'d str),
    /// It does not.
    Left(&'d str),
    /// Worth knowing.
    Warning(&'d str),
}

/// The lines of a plan, in order.
pub fn plan_lines(dialog: &Dialog) -> Vec<PlanLine<'_>> {
    let Some(planned) = &dialog.planned else { return Vec::new() };
    let goes = planned.goes.iter().map(|text| PlanLine::Goes(text));
    let left = planned.left_out.iter().map(|text| PlanLine::Left(text));
    let warnings = planned.warnings.iter().map(|text| PlanLine::Warning(text));
    left.chain(warnings).chain(goes).collect()
}

/// Draws it.
pub fn draw(state: &State, dialog: &Dialog, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let columns = usize::from(body.width).saturating_sub(2);
    let yes = |on: bool| if on { "yes" } else { "no" };
    let head = match &dialog.planned {
        None => "working out what would be written".to_owned(),
        Some(planned) => {
            let count = planned.goes.len();
            let objects = if count == 1 { "1 object".to_owned() } else { format!("{count} objects") };
            let left = match planned.left_out.len() {
                0 => String::new(),
                left => format!(" · {left} left out"),
            };
            format!("{objects} · {}{left}", render::bytes(planned.bytes))
        }
    };
    let title = if dialog.writing { "writing" } else { "export: nothing is written until enter" };
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!(" {title}"), theme.strong()),
            Span::styled(format!("  {head}"), theme.key()),
        ]),
        Line::default(),
        path_line(dialog, theme, columns),
        fact("form", dialog.export.form.told(), "tab", theme, columns),
        fact("secrets", secrets(dialog), "ctrl-x", theme, columns),
        fact("needs", needs(dialog), "ctrl-n", theme, columns),
        fact("overwrite", yes(dialog.force), "ctrl-o", theme, columns),
    ];
    if let Some(refused) = &dialog.refused {
        let room = columns.saturating_sub(2);
        lines.push(Line::default());
        lines.extend(
            wrapped(&harmless(refused), room).into_iter().map(|text| Line::styled(format!(" ! {text}"), theme.bad())),
        );
    }
    lines.push(Line::default());
    let commands = command_lines(state, dialog, columns);
    let room = usize::from(body.height).saturating_sub(lines.len() + commands.len() + 2);
    lines.extend(plan(dialog, theme, columns, room));
    let bottom = usize::from(body.height).saturating_sub(commands.len() + 1);
    for (at, text) in lines.into_iter().take(bottom).enumerate() {
        frame.render_widget(text, line(body, at as u16));
    }
    let mut at = bottom;
    if !commands.is_empty() && at < usize::from(body.height) {
        frame.render_widget(Line::styled(" the same as a command line:", theme.dim()), line(body, at as u16));
    }
    for command in commands {
        at += 1;
        if at < usize::from(body.height) {
            frame.render_widget(Line::styled(format!(" {command}"), theme.key()), line(body, at as u16));
        }
    }
    let cursor = 12 + width(&fit_end(&dialog.path, columns.saturating_sub(14)));
    if body.height > 3 && cursor < usize::from(body.width) {
        frame.set_cursor_position((body.x + cursor as u16, body.y + 2));
    }
}

fn path_line(dialog: &Dialog, theme: Theme, columns: usize) -> Line<'static> {
    let typed = fit_end(&harmless(&dialog.path), columns.saturating_sub(14));
    Line::from(vec![Span::styled(" to file    ", theme.dim()), Span::styled(typed, theme.strong())])
}

pub(super) fn fact(name: &str, text: &str, key: &str, theme: Theme, columns: usize) -> Line<'static> {
    let room = columns.saturating_sub(12 + key.len() + 2);
    Line::from(vec![
        Span::styled(format!(" {name:<11}"), theme.dim()),
        Span::raw(fit(text, room)),
        Span::styled(format!("  {key}"), theme.key()),
    ])
}

const fn secrets(dialog: &Dialog) -> &'static str {
    match (dialog.export.reveal, &dialog.planned) {
        (true, _) => "yes, their values in clear (the file is readable to you alone)",
        (false, Some(planned)) if planned.secrets_left => "no: some are left out",
        (false, _) => "no",
    }
}

const fn needs(dialog: &Dialog) -> &'static str {
    match (dialog.export.form, dialog.export.with_deps) {
        (crate::tui::ask::Form::Yaml, _) => "only in the other forms",
        (_, true) => "what the objects need goes too: namespaces, ConfigMaps, volumes, accounts",
        (_, false) => "the objects alone",
    }
}

fn plan(dialog: &Dialog, theme: Theme, columns: usize, room: usize) -> Vec<Line<'static>> {
    let all = plan_lines(dialog);
    let count = all.len();
    let mut lines: Vec<Line<'static>> = all
        .into_iter()
        .skip(dialog.top)
        .take(room)
        .map(|line| match line {
            PlanLine::Goes(text) => Line::raw(fit(&format!(" + {text}"), columns)),
            PlanLine::Left(text) => Line::styled(fit(&format!(" - {text}"), columns), theme.bad()),
            PlanLine::Warning(text) => Line::styled(fit(&format!(" ! {text}"), columns), theme.warning()),
        })
        .collect();
    let below = count.saturating_sub(dialog.top + room);
    if below > 0 && !lines.is_empty() {
        lines.pop();
        lines.push(Line::styled(format!("   and {} more: down shows them", below + 1), theme.dim()));
    }
    lines
}

/// The command lines, cut into lines of the terminal.
fn command_lines(state: &State, dialog: &Dialog, columns: usize) -> Vec<String> {
    let all = dialog.commands(&state.start.path, &state.options());
    let count = all.len();
    let mut lines: Vec<String> =
        all.iter().take(COMMANDS).flat_map(|command| wrapped(&format!("$ {}", harmless(command)), columns)).collect();
    if lines.len() > COMMANDS || count > COMMANDS {
        lines.truncate(COMMANDS - 1);
        lines.push(format!("… and so on, {count} in all"));
    }
    lines
}

/// A text in lines of so many columns, cut at spaces where there are some.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(10);
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else { continue };
        if last.is_empty() {
            last.push_str(word);
        } else if width(last) + 1 + width(word) <= columns {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    // A word that is longer than a line goes on in the next one.
    let mut cut = Vec::new();
    for line in lines {
        let mut rest = line.as_str();
        while width(rest) > columns {
            let at = rest.char_indices().take_while(|(at, _)| width(rest.get(..*at).unwrap_or("")) < columns).last();
            let Some((before, after)) = at.and_then(|(at, _)| rest.split_at_checked(at.max(1))) else { break };
            cut.push(before.to_owned());
            rest = after;
        }
        cut.push(rest.to_owned());
    }
    cut
}
