//! What answers of the store do to the state.

use super::{Asks, ask_top, export, keep_in_view, new_ticket, refuse, relatives, store_dialog, to_moment};
use crate::tui::ask::{Answer, Ask, Target};
use crate::tui::state::{Moment, Phase, Screen, State, View};
use crate::tui::worker::{Ticket, UNASKED};

/// What an answer does.
pub(super) fn answered(state: &mut State, ticket: Ticket, answer: Answer) -> Asks {
    if let Answer::Progress(told) = answer {
        state.progress = Some((ticket, told));
        return Asks::new();
    }
    if state.progress.as_ref().is_some_and(|(own, _)| *own == ticket) {
        state.progress = None;
    }
    if ticket == UNASKED {
        return about_the_store(state, answer);
    }
    if let Answer::Arranged(arranged) = answer {
        return super::arrange::answered(state, ticket, arranged);
    }
    if state.moment_asked == Some(ticket) {
        state.moment_asked = None;
        return match answer {
            Answer::Moment(Ok((revision, told))) => {
                let newest = state.opened().map_or(0, |opened| opened.current);
                to_moment(state, (revision != newest).then_some(Moment { revision, told }))
            }
            Answer::Moment(Err(fault)) => {
                refuse(state, fault);
                Asks::new()
            }
            _ => Asks::new(),
        };
    }
    if state.paths_asked == Some(ticket) {
        state.paths_asked = None;
        if let Answer::Paths(asked, names) = answer {
            super::paths::answered(state, &asked, &names);
        }
        return Asks::new();
    }
    if let Some((_, name)) = state.owner_asked.take_if(|(own, _)| *own == ticket) {
        return relatives::answered(state, answer, name);
    }
    if state.timeline_asked == Some(ticket) {
        state.timeline_asked = None;
        if let Answer::Timeline(timeline) = answer {
            state.timeline = Some(timeline);
        }
        return Asks::new();
    }
    if state.stores_asked == Some(ticket) {
        state.stores_told = true;
        store_dialog::found_stores(state, answer);
        return Asks::new();
    }
    if state.store_dialog.as_ref().is_some_and(|dialog| dialog.asked.is_some_and(|(own, _)| own == ticket)) {
        store_dialog::answered(state, answer);
        return Asks::new();
    }
    if state.dialog.as_ref().is_some_and(|dialog| dialog.asked == Some(ticket)) {
        export::answered(state, answer);
        return Asks::new();
    }
    if let Answer::Did(Ok(_)) = answer {
        super::say(state, "what was begun in the dialog is done");
        return Asks::new();
    }
    // The dialog was closed meanwhile.
    if let Answer::Written(told) = answer {
        match told {
            Ok(told) => super::say(state, told),
            Err(why) => refuse(state, why),
        }
        return Asks::new();
    }
    let is_top = state.top().is_some_and(|screen| screen.waiting == Some(ticket));
    let is_diff = |screen: &Screen| match &screen.view {
        View::History { asked, .. } => asked.0 == ticket,
        View::Compare(differences) => differences.asked.0 == ticket,
        _ => false,
    };
    let waits = |screen: &Screen| screen.waiting == Some(ticket) || is_diff(screen);
    let Some(screen) = state.stack.iter_mut().find(|screen| waits(screen)) else { return Asks::new() };
    take(screen, answer);
    keep_in_view(state);
    match state.top().map(|screen| &screen.view) {
        Some(View::Overview { .. }) if is_top => store_dialog::after_overview(state),
        _ if is_top => super::moved(state),
        _ => Asks::new(),
    }
}

fn about_the_store(state: &mut State, answer: Answer) -> Asks {
    match answer {
        Answer::Opened(opened) => {
            state.phase = Phase::Open(opened);
            ask_top(state)
        }
        Answer::Glance(engine, bytes) => {
            state.glance = Some((engine, bytes));
            Asks::new()
        }
        Answer::Closed(trouble) => {
            state.phase = Phase::Closed(trouble);
            Asks::new()
        }
        Answer::Checked(checked) => {
            state.checked = Some(checked);
            let is_health = |screen: &Screen| matches!(screen.view, View::Health { .. });
            state.stack.iter_mut().filter(|screen| is_health(screen)).for_each(|screen| screen.loaded = false);
            if state.top().is_some_and(is_health) { ask_top(state) } else { Asks::new() }
        }
        _ => Asks::new(),
    }
}

fn take(screen: &mut Screen, answer: Answer) {
    if !matches!(answer, Answer::Diff(_)) {
        screen.waiting = None;
        screen.loaded = true;
        screen.trouble = None;
    }
    match (&mut screen.view, answer) {
        (View::Overview { facts, grid }, Answer::Overview(overview)) => {
            grid.set(overview.kinds.clone());
            *facts = Some(overview);
        }
        (View::List { grid, .. }, Answer::List(list) | Answer::Owners(list))
        | (View::History { grid, .. }, Answer::History(list)) => {
            grid.set(list);
        }
        (View::Object { reading, .. } | View::Page { reading, .. } | View::Health { reading }, Answer::Text(text)) => {
            reading.take(*text);
        }
        (View::History { diff, .. }, Answer::Diff(text)) => {
            diff.top = 0;
            diff.text = Some(text);
        }
        (View::Compare(differences), Answer::Compared(compared)) => differences.take(*compared),
        (View::Compare(differences), Answer::Diff(text)) => {
            differences.diff.top = 0;
            differences.diff.text = Some(text);
        }
        (_, Answer::Failed(trouble)) => screen.trouble = Some(trouble),
        _ => {}
    }
}

/// Asks for what the change under the cursor changed, unless that is shown or asked already.
pub(super) fn ask_diff(state: &mut State) -> Asks {
    let Some(Screen { view: View::History { key, grid, asked, .. }, .. }) = state.top() else { return Asks::new() };
    let (key, before) = (*key, asked.1);
    let Some(Target::Key { revision, .. }) = grid.selected().map(|row| row.target.clone()) else { return Asks::new() };
    if before == revision {
        return Asks::new();
    }
    let ticket = new_ticket(state);
    if let Some(Screen { view: View::History { asked, .. }, .. }) = state.stack.last_mut() {
        *asked = (ticket, revision);
    }
    vec![(ticket, Ask::Diff { key, revision, reveal: state.reveal })]
}
