//! A session of the terminal UI without a terminal: keys in, screens out; the store is read by the real reader.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use kinescope::ops::keyring::Given;
use kinescope::source::Choice;
use kinescope::tui::ask::{Answer, Ask};
use kinescope::tui::state::{Start, State};
use kinescope::tui::worker::{self, Opening, Ticket};
use kinescope::tui::{Theme, update, views};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Nothing takes so long, unless it hangs.
const LONGEST: Duration = Duration::from_secs(120);

pub struct Session {
    pub state: State,
    ask: Sender<(Ticket, Ask)>,
    answers: std::rc::Rc<Receiver<(Ticket, Answer)>>,
}

impl Session {
    /// Opens a store, and waits until the first screen is complete.
    pub fn open(path: &Path, size: (u16, u16)) -> Self {
        Self::open_with(path, size, Given::default())
    }

    pub fn open_with(path: &Path, size: (u16, u16), given: Given) -> Self {
        let (ask, asks) = channel();
        let (answer, answers) = channel();
        let (opened, _) = channel();
        // The real path is of this machine.
        let name = format!("/backup/{}", path.file_name().unwrap().to_string_lossy());
        let opening = Opening {
            path: path.to_owned(),
            name: name.clone(),
            choice: Choice::default(),
            given: given.into(),
            minor: None,
            opened,
        };
        std::thread::spawn(move || worker::run(&opening, &asks, &answer));
        let state = State::new(Start { path: name, ..Start::default() }, size);
        let mut session = Self { state, ask, answers: std::rc::Rc::new(answers) };
        session.settle();
        session
    }

    /// The same state once more, before the same reader.
    pub fn fork(&self) -> Self {
        Self { state: self.state.clone(), ask: self.ask.clone(), answers: self.answers.clone() }
    }

    /// Takes answers until none is awaited.
    pub fn settle(&mut self) {
        use kinescope::tui::state::{Phase, View};
        let waits = |state: &State| {
            let diff = match state.top().map(|screen| &screen.view) {
                Some(View::History { grid, asked, diff, .. }) => {
                    !grid.order.is_empty()
                        && diff
                            .text
                            .as_ref()
                            .is_none_or(|text| text.shown.and_then(|at| text.revisions.get(at)) != Some(&asked.1))
                }
                Some(View::Compare(differences)) => {
                    differences.selected().is_some()
                        && differences.diff.text.as_ref().is_none_or(|text| {
                            differences.asked.1.as_ref().map(|key| kinescope::render::key(key)).as_ref()
                                != Some(&text.title)
                        })
                }
                _ => false,
            };
            let is_looking_for_stores = state.stores_asked.is_some_and(|_| !state.stores_told);
            let checked = state.checked.is_none() && !matches!(state.phase, Phase::Closed(_));
            diff || checked || state.timeline_asked.is_some() || is_looking_for_stores || state.is_waiting()
        };
        while waits(&self.state) {
            let (ticket, answer) = self.answers.recv_timeout(LONGEST).unwrap();
            let asks = update::answered(&mut self.state, ticket, answer);
            self.send(asks);
        }
    }

    pub fn send(&self, asks: update::Asks) {
        asks.into_iter().for_each(|ask| self.ask.send(ask).unwrap());
    }

    /// Presses keys by their names; what begins with `:`, `/` and is longer is typed letter by letter.
    pub fn press(&mut self, keys: &[&str]) {
        for name in keys {
            let is_typed = name.len() > 1 && name.starts_with([':', '/', '=']);
            let events: Vec<KeyEvent> = match is_typed {
                true => name.trim_start_matches('=').chars().map(|c| KeyCode::Char(c).into()).collect(),
                false => vec![key(name)],
            };
            for event in events {
                let asks = update::pressed(&mut self.state, &event);
                self.send(asks);
            }
            self.settle();
        }
    }

    /// The cells of the terminal.
    pub fn buffer(&self) -> ratatui::buffer::Buffer {
        self.buffer_in(Theme::Dark)
    }

    /// The same in the colours of a theme.
    pub fn buffer_in(&self, theme: Theme) -> ratatui::buffer::Buffer {
        let (columns, lines) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        terminal.draw(|frame| views::draw(&self.state, theme, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// What the terminal shows.
    pub fn screen(&self) -> String {
        drawn(&self.state)
    }
}

/// What the terminal shows of a state.
pub fn drawn(state: &State) -> String {
    let (columns, lines) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| views::draw(state, Theme::Dark, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let mut text = String::new();
        let mut skip = 0;
        for x in 0..columns {
            let symbol = buffer[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = kinescope::tui::text::width(symbol).saturating_sub(1);
            text.push_str(symbol);
        }
        text.trim_end().to_owned() + "\n"
    };
    (0..lines).map(line).collect()
}

fn key(name: &str) -> KeyEvent {
    let code = |name: &str| match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "backspace" => KeyCode::Backspace,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "space" => KeyCode::Char(' '),
        letter => KeyCode::Char(letter.chars().next().unwrap()),
    };
    match name.strip_prefix("ctrl-") {
        Some(letter) => KeyEvent::new(code(letter), KeyModifiers::CONTROL),
        None => code(name).into(),
    }
}
