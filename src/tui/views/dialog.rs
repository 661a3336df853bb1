//! The dialog of an export: what would be written, where, and the command line that does the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::line;
use crate::render;
use crate::tui::state::{Dialog, State};
use crate::tui::text::{fit, fit_end, harmless, width};
use crate::tui::theme::Theme;

/// Lines of command lines at the bottom.
const COMMANDS: usize = 4;

/// The lines of a plan, in order: what does not go, what is worth knowing, what goes.
pub fn plan_lines(dialog: &Dialog, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let Some(planned) = &dialog.planned else { return Vec::new() };
    let parts = [
        ('-', &planned.left_out, theme.bad()),
        ('!', &planned.warnings, theme.warning()),
        ('+', &planned.goes, Style::new()),
    ];
    let told = |(sign, texts, style): (char, &Vec<String>, Style)| -> Vec<Line<'static>> {
        let lines = texts.iter().flat_map(|text| wrapped(&format!("{sign} {text}"), columns.saturating_sub(1)));
        lines.map(|text| Line::styled(format!(" {text}"), style)).collect()
    };
    parts.into_iter().flat_map(told).collect()
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
        fact("form", dialog.export.form.told(), "ctrl-f", theme, columns),
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
        (_, true) => "what they need goes too: namespaces, ConfigMaps, volumes",
        (_, false) => "the objects alone",
    }
}

fn plan(dialog: &Dialog, theme: Theme, columns: usize, room: usize) -> Vec<Line<'static>> {
    part_of(plan_lines(dialog, theme, columns), dialog.top, room, theme)
}

/// The lines that have room, from one on; how many more there are stands below them.
pub(super) fn part_of(all: Vec<Line<'static>>, top: usize, room: usize, theme: Theme) -> Vec<Line<'static>> {
    let below = all.len().saturating_sub(top + room);
    let mut lines: Vec<Line<'static>> = all.into_iter().skip(top).take(room).collect();
    if below > 0 && !lines.is_empty() {
        lines.pop();
        lines.push(Line::styled(format!("   and {} more lines: down shows them", below + 1), theme.dim()));
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

/// A text in lines of so many columns, cut at spaces where there are some; what goes on is indented a little further.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(10);
    let indent = text.len() - text.trim_start_matches(' ').len();
    let indent = indent.min(columns / 2);
    let mut lines: Vec<String> = vec![" ".repeat(indent)];
    for (nth, word) in text.trim_start_matches(' ').split(' ').enumerate() {
        let Some(last) = lines.last_mut() else { continue };
        if nth == 0 {
            last.push_str(word);
        } else if width(last) + 1 + width(word) <= columns {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(format!("{}{word}", " ".repeat(indent + 2)));
        }
    }
    lines.iter().flat_map(|line| cut(line.trim_end(), columns)).collect()
}

/// A word that is longer than a line goes on in the next one.
fn cut(line: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = line;
    while width(rest) > columns {
        let mut used = 0;
        let end = rest.char_indices().find(|(_, c)| {
            used += crate::tui::text::width(c.encode_utf8(&mut [0; 4]));
            used > columns
        });
        let Some((before, after)) = end.and_then(|(at, _)| rest.split_at_checked(at)) else { break };
        if before.is_empty() {
            break;
        }
        lines.push(before.to_owned());
        rest = after;
    }
    lines.push(rest.to_owned());
    lines
}
