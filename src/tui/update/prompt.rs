//! What is typed: the palette, filters, searches, moments.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    Asks, act, ask_moment, ask_top, compare, keep_in_view, reading, refuse, show_kind, store_dialog, timeline,
    to_moment,
};
use crate::tui::ask::Verb;
use crate::tui::keys::Action;
use crate::tui::state::{Grid, ListOf, Prompt, PromptFor, Screen, State, View};

/// The longest text that is taken.
const LONGEST: usize = 1000;

/// A key while something is typed.
pub(super) fn typed(state: &mut State, key: &KeyEvent, name: &str) -> Asks {
    let Some(prompt) = state.prompt.clone() else { return Asks::new() };
    let mut prompt = prompt;
    match (name, key.code) {
        ("esc", _) => {
            state.prompt = None;
            return filtered(state, &prompt, true);
        }
        ("enter", _) => {
            state.prompt = None;
            return entered(state, &prompt);
        }
        ("backspace", _) if prompt.text.is_empty() => {
            state.prompt = None;
            return Asks::new();
        }
        ("backspace", _) => {
            prompt.text.pop();
            prompt.chosen = None;
        }
        ("ctrl-u", _) => prompt.text.clear(),
        ("tab", _) if prompt.what == PromptFor::Compare => return super::paths::complete(state),
        _ if prompt.what == PromptFor::Time && timeline::moved(state, &mut prompt, name) => {}
        ("tab" | "down", _) if prompt.what == PromptFor::Palette => choose(state, &mut prompt, true),
        ("up", _) if prompt.what == PromptFor::Palette => choose(state, &mut prompt, false),
        (_, KeyCode::Char(c)) if !key.modifiers.contains(KeyModifiers::CONTROL) && prompt.text.len() < LONGEST => {
            prompt.text.push(c);
            prompt.chosen = None;
        }
        _ => {}
    }
    let asks = filtered(state, &prompt, false);
    state.prompt = Some(prompt);
    asks
}

/// Opens the screen of a search, or its prompt once more.
pub(super) fn search(state: &mut State) -> Asks {
    let text = match state.top().map(|screen| &screen.view) {
        Some(View::List { of: ListOf::Search(pattern), .. }) => pattern.clone(),
        _ => {
            let of = ListOf::Search(String::new());
            let mut screen = Screen::new(View::List { of, grid: Grid::default(), deleted: false, wide: false });
            screen.loaded = true;
            state.stack.push(screen);
            String::new()
        }
    };
    state.prompt = Some(Prompt { what: PromptFor::Search, text, chosen: None });
    Asks::new()
}

/// Searches for what is typed.
fn searched(state: &mut State, prompt: &Prompt, given_up: bool) -> Asks {
    let Some(Screen { view: View::List { of: ListOf::Search(pattern), .. }, .. }) = state.stack.last_mut() else {
        return Asks::new();
    };
    if given_up && pattern.is_empty() {
        return act(state, Action::Back);
    }
    if given_up || *pattern == prompt.text {
        return Asks::new();
    }
    pattern.clone_from(&prompt.text);
    ask_top(state)
}

fn choose(state: &State, prompt: &mut Prompt, forward: bool) {
    let count = state.completions(&prompt.text).len();
    prompt.chosen = match (prompt.chosen, forward) {
        _ if count == 0 => None,
        (None, true) => Some(0),
        (Some(at), true) => Some((at + 1) % count),
        (None | Some(0), false) => Some(count - 1),
        (Some(at), false) => Some(at - 1),
    };
}

/// Filters are seen while they are typed; given up, they are gone.
fn filtered(state: &mut State, prompt: &Prompt, given_up: bool) -> Asks {
    if prompt.what == PromptFor::Search {
        return searched(state, prompt, given_up);
    }
    if prompt.what == PromptFor::Find
        && let Some(grid) = state.stack.last_mut().and_then(Screen::grid_mut)
    {
        grid.filter = if given_up { String::new() } else { prompt.text.clone() };
        grid.refresh();
        keep_in_view(state);
        return compare::arrange(state);
    }
    Asks::new()
}

fn entered(state: &mut State, prompt: &Prompt) -> Asks {
    match prompt.what {
        PromptFor::Palette => palette(state, prompt),
        PromptFor::Search => searched(state, prompt, false),
        PromptFor::Compare => compare::begin(state, &prompt.text),
        PromptFor::Find => {
            if state.top().is_some_and(|screen| screen.grid().is_some()) {
                return filtered(state, prompt, false);
            }
            if let Some(reading) = state.stack.last_mut().and_then(Screen::reading_mut) {
                reading.search.clone_from(&prompt.text);
                reading::first_match(state);
            }
            Asks::new()
        }
        PromptFor::Time if prompt.text.trim().is_empty() => match timeline::picked(state, prompt) {
            Some(revision) if state.opened().is_none_or(|opened| revision < opened.current) => {
                ask_moment(state, revision.to_string())
            }
            _ => to_moment(state, None),
        },
        PromptFor::Time => ask_moment(state, prompt.text.clone()),
    }
}

fn palette(state: &mut State, prompt: &Prompt) -> Asks {
    let mut words = prompt.text.split_whitespace();
    let (first, namespace) = (words.next().unwrap_or_default(), words.next());
    let completions = state.completions(first);
    let chosen = prompt.chosen.and_then(|at| completions.get(at)).or(completions.first());
    match (first, prompt.chosen) {
        ("q" | "q!" | "quit" | "exit", None) => {
            state.leaving = true;
            return Asks::new();
        }
        ("", None) => return Asks::new(),
        _ => {}
    }
    let is_open = state.opened().is_some();
    let of_file = |name: &String| ["q", "evidence", "recover", "help"].contains(&name.as_str());
    if !is_open && !chosen.is_some_and(of_file) {
        refuse(state, "no store is open; :evidence and :recover search the file, :q leaves");
        return Asks::new();
    }
    let Some(name) = chosen.cloned() else {
        refuse(state, format!("{first:?} is no kind of this store and no screen; ctrl-a lists them"));
        return Asks::new();
    };
    match name.as_str() {
        "q" => {
            state.leaving = true;
            Asks::new()
        }
        "overview" => {
            state.stack.truncate(1);
            if state.top().is_some_and(|screen| screen.loaded) { Asks::new() } else { super::ask_top(state) }
        }
        "keys" => act(state, Action::RawKeys),
        "leases" => act(state, Action::Leases),
        "sizes" => act(state, Action::Sizes),
        "search" => act(state, Action::Search),
        "health" => act(state, Action::Health),
        "diff" => match prompt.text.trim_start().split_once(' ') {
            Some((_, other)) => compare::begin(state, other),
            None => compare::prompt(state),
        },
        "evidence" => act(state, Action::Evidence),
        "stores" => act(state, Action::Stores),
        "convert" => store_dialog::open(state, Some(Verb::Convert)),
        "recover" => store_dialog::open(state, Some(Verb::Recover)),
        "help" => act(state, Action::Help),
        kind => {
            if let Some(namespace) = namespace {
                let namespace = namespace.trim_start_matches('/');
                state.namespace = (namespace != "all").then(|| namespace.to_owned());
            }
            show_kind(state, kind.to_owned())
        }
    }
}
