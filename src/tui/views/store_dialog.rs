//! The dialog that writes a whole store: what would be written, where, and the command line that does the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::dialog::{fact, part_of, wrapped};
use super::line;
use crate::tui::ask::{Shape, Stage, Verb};
use crate::tui::state::{State, StoreDialog};
use crate::tui::text::{fit_end, harmless, width};
use crate::tui::theme::Theme;

/// Draws it.
pub fn draw(state: &State, dialog: &StoreDialog, theme: Theme, frame: &mut Frame<'_>, body: Rect) {
    let columns = usize::from(body.width).saturating_sub(2);
    let title = match (&dialog.asked, dialog.stage) {
        (Some((_, Stage::Run)), _) => "writing",
        (Some((_, Stage::Try)), _) => "trying: nothing of it stays",
        (_, Some(Stage::Run)) if dialog.refused.is_none() => "written",
        _ => "a new store: nothing is written until enter",
    };
    let progress = match (&state.progress, &dialog.asked) {
        (Some((ticket, told)), Some((asked, _))) if ticket == asked => told.clone(),
        (_, Some(_)) => "working it out".to_owned(),
        _ => String::new(),
    };
    let typed = fit_end(&harmless(&dialog.job.path), columns.saturating_sub(14));
    let yes = if dialog.job.force { "yes" } else { "no" };
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!(" {title}"), theme.strong()),
            Span::styled(format!("  {progress}"), theme.key()),
        ]),
        Line::default(),
        Line::from(vec![Span::styled(" to file    ", theme.dim()), Span::styled(typed.clone(), theme.strong())]),
        fact("form", form(dialog), "ctrl-f", theme, columns),
        fact("how", how(dialog), "ctrl-n", theme, columns),
        fact("overwrite", yes, "ctrl-o", theme, columns),
        Line::default(),
    ];
    if let Some(refused) = &dialog.refused {
        let texts = wrapped(&harmless(refused), columns.saturating_sub(2));
        lines.extend(texts.into_iter().map(|text| Line::styled(format!(" ! {text}"), theme.bad())));
        lines.push(Line::default());
    }
    let command = format!("$ {}", harmless(&dialog.command(&state.start.path, &state.options())));
    let commands = wrapped(&command, columns);
    let bottom = usize::from(body.height).saturating_sub(commands.len() + 1);
    let room = bottom.saturating_sub(lines.len());
    lines.extend(part_of(report_lines(dialog, theme, columns), dialog.top, room, theme));
    for (at, text) in lines.into_iter().take(bottom).enumerate() {
        frame.render_widget(text, line(body, at as u16));
    }
    if bottom < usize::from(body.height) {
        frame.render_widget(Line::styled(" the same as a command line:", theme.dim()), line(body, bottom as u16));
    }
    for (at, command) in commands.into_iter().enumerate() {
        let at = bottom + 1 + at;
        if at < usize::from(body.height) {
            frame.render_widget(Line::styled(format!(" {command}"), theme.key()), line(body, at as u16));
        }
    }
    let cursor = 12 + width(&typed);
    if body.height > 3 && cursor < usize::from(body.width) {
        frame.set_cursor_position((body.x + cursor as u16, body.y + 2));
    }
}

const fn form(dialog: &StoreDialog) -> &'static str {
    match (dialog.job.verb, dialog.job.shape) {
        (Verb::Convert, Shape::Kine) => "convert to kine: a state.db, for k3s without etcd",
        (Verb::Convert, Shape::EtcdSnapshot) => "convert to a snapshot of etcd, which k3s restores",
        (Verb::Convert, Shape::EtcdDir) => "convert to a data directory that etcd starts on",
        (Verb::Recover, Shape::Kine) => "recover what the file still holds, to kine",
        (Verb::Recover, _) => "recover what the file still holds, to a snapshot of etcd",
    }
}

const fn how(dialog: &StoreDialog) -> &'static str {
    match (dialog.job.verb, dialog.job.other_way) {
        (Verb::Convert, false) => "with history, revisions and leases",
        (Verb::Convert, true) => "only what lives: no superseded changes, no tombstones",
        (Verb::Recover, false) => "what is lost stays out, and is listed",
        (Verb::Recover, true) => "where the newest is lost, the last whole revision stands for it, marked",
    }
}

/// What is told of the job, in lines of the terminal.
pub(super) fn report_lines(dialog: &StoreDialog, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let style = |text: &str| match text.get(..1) {
        Some("-") => theme.bad(),
        Some("!") => theme.warning(),
        _ => Style::new(),
    };
    let lines = |text: &String| -> Vec<Line<'static>> {
        let lines = wrapped(text, columns.saturating_sub(1)).into_iter();
        lines.map(|line| Line::styled(format!(" {line}"), style(text))).collect()
    };
    dialog.told.iter().flatten().flat_map(lines).collect()
}
