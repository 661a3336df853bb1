//! What actions and answers do to the state. Nothing here waits, draws or reads: questions to the store are handed back.

mod answers;
mod arrange;
mod columns;
mod compare;
mod export;
mod paths;
mod prompt;
mod reading;
mod relatives;
mod store_dialog;
mod table;
mod timeline;

use ratatui::crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};

use super::ask::{Answer, Ask, Target};
use super::keys::{self, Action, Found, Place};
use super::state::{Grid, ListOf, Phase, Prompt, PromptFor, Reading, Said, Screen, State, View};
use super::views::layout;
use super::worker::Ticket;

/// Questions that a change of the state raises.
pub type Asks = Vec<(Ticket, Ask)>;

/// Lines that the wheel moves by.
const WHEEL: usize = 3;

/// A key was pressed.
pub fn pressed(state: &mut State, key: &KeyEvent) -> Asks {
    let mut asks = taken(state, key);
    asks.extend(arrange::ask(state));
    asks
}

fn taken(state: &mut State, key: &KeyEvent) -> Asks {
    let name = keys::name(key);
    state.said = None;
    if name == "ctrl-c" {
        state.leaving = true;
        return Asks::new();
    }
    if state.prompt.is_some() {
        return prompt::typed(state, key, &name);
    }
    if state.dialog.is_some() && state.help.is_none() {
        return export::pressed(state, key, &name);
    }
    if state.store_dialog.is_some() && state.help.is_none() {
        return store_dialog::pressed(state, key, &name);
    }
    if let Some(line) = state.help {
        state.help = match name.as_str() {
            "up" | "k" => Some(line.saturating_sub(1)),
            "down" | "j" => Some((line + 1).min(layout::last_help_line(state))),
            "pgdn" | "space" | "ctrl-f" => Some((line + layout::body(state)).min(layout::last_help_line(state))),
            "pgup" | "ctrl-b" => Some(line.saturating_sub(layout::body(state))),
            "q" => {
                state.leaving = true;
                None
            }
            _ => None,
        };
        return Asks::new();
    }
    if matches!(state.phase, Phase::Closed(_)) && state.stack.len() == 1 {
        return store_dialog::pressed_closed(state, &name);
    }
    let Some(place) = state.top().map(Screen::place) else { return Asks::new() };
    match state.keymap.find(place, &name) {
        Found::Do(action) => act(state, action),
        Found::Elsewhere(binding) => {
            let text = format!("{name} ({}) works in: {}", binding.what, keys::places(binding));
            refuse(state, text);
            Asks::new()
        }
        Found::Unknown => {
            refuse(state, format!("{name} does nothing; ? shows the keys"));
            Asks::new()
        }
    }
}

/// The store has answered.
pub fn answered(state: &mut State, ticket: Ticket, answer: Answer) -> Asks {
    let mut asks = answers::answered(state, ticket, answer);
    asks.extend(arrange::ask(state));
    asks
}

/// The mouse was used.
pub fn moused(state: &mut State, mouse: &MouseEvent) -> Asks {
    let mut asks = pointed(state, mouse);
    asks.extend(arrange::ask(state));
    asks
}

fn pointed(state: &mut State, mouse: &MouseEvent) -> Asks {
    let is_free =
        state.help.is_none() && state.prompt.is_none() && state.dialog.is_none() && state.store_dialog.is_none();
    let action = match mouse.kind {
        MouseEventKind::ScrollUp => Action::Up,
        MouseEventKind::ScrollDown => Action::Down,
        MouseEventKind::Down(MouseButton::Left) if is_free => {
            return match columns::take(state, mouse) {
                true => Asks::new(),
                false => clicked(state, usize::from(mouse.row)),
            };
        }
        MouseEventKind::Drag(MouseButton::Left) => {
            columns::drag(state, mouse);
            return Asks::new();
        }
        MouseEventKind::Up(MouseButton::Left) => return columns::release(state),
        _ => return Asks::new(),
    };
    if !is_free {
        return Asks::new();
    }
    (0..WHEEL).flat_map(|_| act(state, action)).collect()
}

/// A click on a line puts the cursor there, and one on the line of the cursor opens it.
fn clicked(state: &mut State, row: usize) -> Asks {
    let Some(first) = layout::first_row(state) else { return reading::clicked(state, row) };
    let height = layout::rows(state);
    let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) else { return Asks::new() };
    let Some(line) = row.checked_sub(first).filter(|line| *line < height) else { return Asks::new() };
    let to = grid.top + line;
    if to >= grid.order.len() {
        return Asks::new();
    }
    if grid.cursor == to {
        return act(state, Action::Open);
    }
    grid.go(to, height);
    moved(state)
}

/// The terminal has another size.
pub fn resized(state: &mut State, columns: u16, lines: u16) {
    state.size = (columns, lines);
    keep_in_view(state);
}

pub(super) fn keep_in_view(state: &mut State) {
    let height = layout::rows(state);
    if let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut) {
        grid.keep_in_view(height);
    }
}

pub(super) fn say(state: &mut State, text: impl Into<String>) {
    state.said = Some(Said { text: text.into(), is_refusal: false });
}

pub(super) fn refuse(state: &mut State, text: impl Into<String>) {
    state.said = Some(Said { text: text.into(), is_refusal: true });
}

/// Does what the user wants.
pub fn act(state: &mut State, action: Action) -> Asks {
    if arrange::waits(state, action) {
        return Asks::new();
    }
    match action {
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::First | Action::Last => {
            go(state, action)
        }
        Action::Left | Action::Right => sideways(state, action == Action::Right),
        Action::Open | Action::Yaml => open(state, action),
        Action::Back => back(state),
        Action::Palette | Action::Kinds => {
            let chosen = (action == Action::Kinds).then_some(0);
            state.prompt = Some(Prompt { what: PromptFor::Palette, text: String::new(), chosen });
            Asks::new()
        }
        Action::Find | Action::Time => {
            let what = if action == Action::Find { PromptFor::Find } else { PromptFor::Time };
            let text = match (action, state.top().and_then(Screen::grid)) {
                (Action::Find, Some(grid)) => grid.filter.clone(),
                _ => String::new(),
            };
            state.prompt = Some(Prompt { what, text, chosen: None });
            if what == PromptFor::Time { timeline::ask(state) } else { Asks::new() }
        }
        Action::Next | Action::Previous => reading::next_match(state, action == Action::Next),
        Action::Sort | Action::SortBy(_) => table::sort(state, action),
        Action::AllNamespaces | Action::OneNamespace => table::namespace(state, action),
        Action::Deleted | Action::Wide | Action::Managed | Action::Reveal => table::toggle(state, action),
        Action::Difference | Action::History => history(state),
        Action::Fold => reading::fold(state),
        Action::FoldAll => reading::fold_all(state),
        Action::Owner | Action::Owned => relatives::ask(state, action == Action::Owned),
        Action::Evidence => store_dialog::show(state, ListOf::Evidence),
        Action::Stores => store_dialog::show(state, ListOf::Stores),
        Action::Grade => store_dialog::next_grade(state),
        Action::Store => store_dialog::open(state, None),
        Action::Compare => compare::prompt(state),
        Action::Noise => compare::noise(state),
        Action::Older | Action::Newer => step(state, action == Action::Newer),
        Action::Now => to_moment(state, None),
        Action::RawKeys => {
            show(state, View::List { of: ListOf::Keys(Vec::new()), grid: Grid::default(), deleted: false, wide: false })
        }
        Action::Leases => {
            show(state, View::List { of: ListOf::Leases, grid: Grid::default(), deleted: false, wide: false })
        }
        Action::Page => page(state),
        Action::Sizes => sizes(state),
        Action::Search => prompt::search(state),
        Action::Health => show(state, View::Health { reading: Reading::default() }),
        Action::Command => {
            let command = state.command();
            say(state, format!("$ {command}"));
            Asks::new()
        }
        Action::Copy => export::copy(state),
        Action::Mark | Action::Unmark => export::mark(state, action),
        Action::Export => export::open(state),
        // These are of the dialog, which takes its keys itself.
        Action::Write
        | Action::Complete
        | Action::Form
        | Action::WithSecrets
        | Action::WithNeeds
        | Action::Overwrite
        | Action::Clear
        | Action::Try
        | Action::OtherWay => Asks::new(),
        Action::Help => {
            state.help = Some(0);
            Asks::new()
        }
        Action::Quit => {
            state.leaving = true;
            Asks::new()
        }
    }
}

/// Puts a screen on the others and asks for what it shows.
pub(super) fn show(state: &mut State, view: View) -> Asks {
    if state.top().is_some_and(|screen| same_view(&screen.view, &view)) {
        say(state, "this is it already");
        return Asks::new();
    }
    state.later.clear();
    state.stack.push(Screen::new(view));
    ask_top(state)
}

fn same_view(left: &View, right: &View) -> bool {
    match (left, right) {
        (View::Health { .. }, View::Health { .. }) => true,
        (View::List { of, .. }, View::List { of: other, .. }) => of == other,
        _ => false,
    }
}

pub(super) fn new_ticket(state: &mut State) -> Ticket {
    let ticket = state.next_ticket;
    state.next_ticket += 1;
    state.waited = 0;
    ticket
}

/// Asks for what the screen on top shows.
pub(super) fn ask_top(state: &mut State) -> Asks {
    let Some(ask) = state.top().map(|screen| state.ask_of(&screen.view)) else { return Asks::new() };
    let ticket = new_ticket(state);
    if let Some(screen) = state.stack.last_mut() {
        screen.waiting = Some(ticket);
    }
    vec![(ticket, ask)]
}

/// The content of every screen is for another moment, or another form, than what is shown now.
pub(super) fn ask_anew(state: &mut State) -> Asks {
    for screen in &mut state.stack {
        screen.loaded = false;
    }
    ask_top(state)
}

/// Shows another moment; none for the newest.
pub(super) fn to_moment(state: &mut State, moment: Option<super::state::Moment>) -> Asks {
    if state.moment == moment {
        say(state, "this moment is shown already");
        return Asks::new();
    }
    state.moment = moment;
    let revision = state.revision();
    if let Some(Screen { view: View::Object { revision: shown, .. }, .. }) = state.stack.last_mut() {
        *shown = revision;
    }
    ask_anew(state)
}

fn go(state: &mut State, action: Action) -> Asks {
    let page = layout::body(state).saturating_sub(1).max(1);
    let height = layout::rows(state);
    // Beside a list of changes, pages turn in the difference.
    let in_text = matches!(action, Action::PageUp | Action::PageDown)
        && state.top().is_some_and(|screen| matches!(screen.place(), Place::History | Place::Compare));
    let Some(screen) = state.stack.last_mut() else { return Asks::new() };
    match screen.grid_mut() {
        Some(grid) if !in_text => {
            let to = match action {
                Action::Up => grid.cursor.saturating_sub(1),
                Action::Down => grid.cursor + 1,
                Action::PageUp => grid.cursor.saturating_sub(height.max(1)),
                Action::PageDown => grid.cursor + height.max(1),
                Action::First => 0,
                _ => usize::MAX,
            };
            grid.go(to, height);
            moved(state)
        }
        _ => {
            reading::scroll(state, action, page);
            Asks::new()
        }
    }
}

/// The cursor moved: beside a list of changes, another difference is wanted.
pub(super) fn moved(state: &mut State) -> Asks {
    match state.top().map(Screen::place) {
        Some(Place::History) => answers::ask_diff(state),
        Some(Place::Compare) => compare::ask_one(state),
        _ => Asks::new(),
    }
}

fn sideways(state: &mut State, right: bool) -> Asks {
    const STEP: usize = 8;
    let by = |at: usize, step: usize| if right { at + step } else { at.saturating_sub(step) };
    if let Some(screen) = state.stack.last_mut() {
        match &mut screen.view {
            View::Overview { grid, .. } | View::List { grid, .. } => {
                grid.left = by(grid.left, 1).min(grid.list.columns.len().saturating_sub(2));
            }
            View::Object { reading, .. }
            | View::Page { reading, .. }
            | View::Health { reading }
            | View::History { diff: reading, .. } => {
                reading.left = by(reading.left, STEP);
            }
            View::Compare(differences) => differences.diff.left = by(differences.diff.left, STEP),
        }
    }
    Asks::new()
}

fn selected(state: &State) -> Option<Target> {
    Some(state.top()?.grid()?.selected()?.target.clone())
}

fn open(state: &mut State, action: Action) -> Asks {
    let is_namespaces = matches!(state.top().map(|screen| &screen.view), Some(View::List { of: ListOf::Kind(kind), .. }) if kind == "namespaces");
    match selected(state) {
        Some(Target::Key { name, .. }) if is_namespaces && action == Action::Open => {
            let namespace = name.rsplit('/').next().unwrap_or_default().to_owned();
            say(state, format!("only namespace {namespace}; 0 shows all, y shows its YAML"));
            state.namespace = Some(namespace);
            show_kind(state, "pods".to_owned())
        }
        Some(Target::Key { key, revision, name }) => {
            // What was searched stands out in the object too.
            let search = match state.top().map(|screen| &screen.view) {
                Some(View::List { of: ListOf::Search(pattern), .. }) => pattern.clone(),
                _ => String::new(),
            };
            let reading = Reading { search, ..Reading::folding() };
            show(state, View::Object { key, revision, name, managed: false, reading })
        }
        Some(Target::Store(store)) => store_dialog::reopen(state, &store),
        Some(Target::Branch(path)) => compare::fold(state, &path),
        Some(target) if compare::nowhere(state, &target) => Asks::new(),
        Some(Target::Sum(by, within)) => show(state, list(ListOf::Sizes(by, Some(within)))),
        Some(Target::Kind(kind)) => show_kind(state, kind),
        Some(Target::Prefix(prefix)) => {
            show(state, View::List { of: ListOf::Keys(prefix), grid: Grid::default(), deleted: false, wide: false })
        }
        Some(Target::Nothing) => {
            let why = match state.top().map(Screen::place) {
                Some(Place::Leases) => "no key hangs on this lease",
                _ => "this leads nowhere: no change of it is in this store",
            };
            refuse(state, why);
            Asks::new()
        }
        None => {
            refuse(state, "there is nothing under the cursor");
            Asks::new()
        }
    }
}

pub(super) fn list(of: ListOf) -> View {
    View::List { of, grid: Grid::default(), deleted: false, wide: false }
}

/// What takes the bytes; once it is shown, by something else.
fn sizes(state: &mut State) -> Asks {
    if let Some(Screen { view: View::List { of: ListOf::Sizes(by, None), grid, .. }, .. }) = state.stack.last_mut() {
        *by = by.next();
        grid.filter.clear();
        return ask_top(state);
    }
    show(state, list(ListOf::Sizes(super::ask::By::default(), None)))
}

pub(super) fn show_kind(state: &mut State, kind: String) -> Asks {
    let grid = Grid { namespace: state.namespace.clone(), ..Grid::default() };
    show(state, View::List { of: ListOf::Kind(kind), grid, deleted: false, wide: false })
}

fn back(state: &mut State) -> Asks {
    state.later.clear();
    let height = layout::rows(state);
    if let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut).filter(|grid| !grid.filter.is_empty()) {
        grid.filter.clear();
        grid.refresh();
        grid.keep_in_view(height);
        return compare::arrange(state);
    }
    if state.stack.len() < 2 {
        refuse(state, "this is the first screen; q leaves");
        return Asks::new();
    }
    // What only this screen waits for need not be worked out any more.
    let left = state.stack.pop().and_then(|screen| screen.waiting);
    let mut asks: Asks = left.map(|ticket| (ticket, Ask::GiveUp(ticket))).into_iter().collect();
    let namespace = state.namespace.clone();
    if let Some(Screen { view: View::List { grid, .. }, .. }) = state.stack.last_mut() {
        grid.namespace = namespace;
        grid.refresh();
    }
    keep_in_view(state);
    if state.top().is_some_and(|screen| !screen.loaded) {
        asks.extend(ask_top(state));
    }
    asks
}

fn history(state: &mut State) -> Asks {
    let (key, name) = match (state.top().map(|screen| &screen.view), selected(state)) {
        (Some(View::Object { key, name, .. }), _) => (*key, name.clone()),
        (_, Some(Target::Key { key, name, .. })) => (key, name),
        _ => {
            refuse(state, "this is not one object; enter opens it");
            return Asks::new();
        }
    };
    let view = View::History { key, name, grid: Grid::default(), diff: Reading::default(), asked: (0, -1) };
    show(state, view)
}

/// The page that a value came from.
fn page(state: &mut State) -> Asks {
    let (key, revision, name) = match (state.top().map(|screen| &screen.view), selected(state)) {
        (Some(View::Object { key, revision, name, .. }), _) => (*key, *revision, name.clone()),
        (_, Some(Target::Key { key, revision, name })) => (key, revision, name),
        _ => {
            refuse(state, "this is not one value; enter leads on");
            return Asks::new();
        }
    };
    show(state, View::Page { key, revision, name, reading: Reading::default() })
}

/// One change on: of the object that is shown, of the list of changes, or of the whole store.
fn step(state: &mut State, newer: bool) -> Asks {
    let end = if newer { "this is its newest change" } else { "no earlier change survives" };
    match state.stack.last_mut().map(|screen| &mut screen.view) {
        Some(View::History { .. }) => return go(state, if newer { Action::Up } else { Action::Down }),
        Some(View::Object { revision, reading, .. }) => {
            let Some(text) = &reading.text else { return Asks::new() };
            let at = match (text.shown, newer) {
                (Some(at), true) => at.checked_add(1),
                (Some(at), false) => at.checked_sub(1),
                (None, true) => Some(0),
                (None, false) => None,
            };
            let Some(next) = at.and_then(|at| text.revisions.get(at)) else {
                refuse(state, end);
                return Asks::new();
            };
            *revision = *next;
            return ask_top(state);
        }
        _ => {}
    }
    let newest = state.opened().map_or(0, |opened| opened.current);
    let to = if newer { state.revision().saturating_add(1) } else { state.revision().saturating_sub(1) };
    match to {
        to if to > newest => {
            refuse(state, "this is the newest moment");
            Asks::new()
        }
        to if to == newest => to_moment(state, None),
        ..=0 => {
            refuse(state, "there is no revision before the first");
            Asks::new()
        }
        to => ask_moment(state, to.to_string()),
    }
}

/// Asks which revision is meant.
pub(super) fn ask_moment(state: &mut State, text: String) -> Asks {
    let ticket = new_ticket(state);
    state.moment_asked = Some(ticket);
    vec![(ticket, Ask::Moment { text })]
}
