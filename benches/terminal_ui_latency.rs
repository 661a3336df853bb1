//! From a key to the frame that shows what it did, in the terminal UI over a `state.db` of a million keys; the time to the
//! first frame and to the first screen that is complete; and the memory. Everything but the terminal itself runs: the state,
//! the thread that reads, the renderer.
//!
//! `cargo bench --bench terminal_ui_latency`, or of the opening of another store alone:
//! `cargo bench --bench terminal_ui_latency -- PATH`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod measure;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use kinescope::kine::{NewRow, write};
use kinescope::model::{Contents, Engine, HistoryBuilder, Keys, NoValues};
use kinescope::source::Choice;
use kinescope::tui::ask::{Answer, Ask};
use kinescope::tui::state::{Start, State};
use kinescope::tui::worker::{self, Opening, Ticket};
use kinescope::tui::{Theme, update, views};
use measure::directory;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

const KEYS: i64 = 1_000_000;
const SIZE: (u16, u16) = (160, 50);
/// Of each kind of work.
const TIMES: usize = 200;

/// A million objects: 250,000 of each of four kinds, as JSON.
fn make(path: &Path) {
    let kinds = ["configmaps", "services", "endpoints", "serviceaccounts"];
    let kind_names = ["ConfigMap", "Service", "Endpoints", "ServiceAccount"];
    let name = |row: i64| (row % 4, format!("namespace-{:03}", row % 97), format!("object-{row:07}"));
    let key = |row: i64| {
        let (kind, namespace, name) = name(row);
        format!("/registry/{}/{namespace}/{name}", kinds[kind as usize])
    };
    let names: Vec<String> = (1..=KEYS).map(key).collect();
    let (keys, ids) = Keys::intern(&names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
    let history = HistoryBuilder {
        engine: Engine::Kine,
        keys,
        changes: Vec::new(),
        leases: Vec::new(),
        current_revision: KEYS,
        compact_revision: 0,
        gap_rows: 0,
        values: Arc::new(NoValues),
    }
    .build();
    let mut contents = Contents::over(&history);
    let rows: Vec<NewRow> = (1..=KEYS)
        .zip(ids)
        .map(|(row, key)| {
            let (kind, namespace, name) = name(row);
            let json = format!(
                "{{\"apiVersion\":\"v1\",\"kind\":\"{}\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"{namespace}\",\
                 \"uid\":\"00000000-0000-4000-8000-{row:012}\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"}}}}",
                kind_names[kind as usize]
            );
            let value = Some(contents.value(json.into_bytes()));
            let blank = NewRow::blank(row, contents.same(key));
            NewRow { created: true, prev_revision: 0, value, ..blank }
        })
        .collect();
    write(&contents, &rows, File::create(path).unwrap(), |_| true).unwrap();
}

/// How long a key took: until the frame behind it, until the frame with what was asked because of it, and the longest that
/// any answer in between held the screen.
#[derive(Clone, Copy)]
struct Took {
    frame: Duration,
    whole: Duration,
    held: Duration,
}

struct Session {
    state: State,
    terminal: Terminal<TestBackend>,
    ask: Sender<(Ticket, Ask)>,
    answers: Receiver<(Ticket, Answer)>,
}

impl Session {
    fn draw(&mut self) {
        self.terminal.draw(|frame| views::draw(&self.state, Theme::Dark, frame)).unwrap();
    }

    /// A key; the frame behind it, and the frame with all that is asked because of it.
    fn press(&mut self, key: KeyCode) -> Took {
        let started = Instant::now();
        let asks = update::pressed(&mut self.state, &KeyEvent::from(key));
        self.send(asks);
        self.draw();
        let frame = started.elapsed();
        let held = self.settle();
        Took { frame, whole: started.elapsed(), held }
    }

    /// As [`Self::press`], while nobody waits for the answers before.
    fn hit(&mut self, key: KeyCode) -> Duration {
        let started = Instant::now();
        let asks = update::pressed(&mut self.state, &KeyEvent::from(key));
        self.send(asks);
        self.draw();
        started.elapsed()
    }

    /// Takes what has come, as the loop does; how long that held the screen.
    fn take_all(&mut self) -> Duration {
        let mut held = Duration::ZERO;
        while let Ok((ticket, answer)) = self.answers.try_recv() {
            held = held.max(self.take(ticket, answer));
        }
        held
    }

    fn take(&mut self, ticket: Ticket, answer: Answer) -> Duration {
        let started = Instant::now();
        let asks = update::answered(&mut self.state, ticket, answer);
        self.send(asks);
        self.draw();
        started.elapsed()
    }

    fn send(&self, asks: update::Asks) {
        asks.into_iter().for_each(|ask| self.ask.send(ask).unwrap());
    }

    fn settle(&mut self) -> Duration {
        let mut held = Duration::ZERO;
        while self.state.is_waiting() {
            let (ticket, answer) = self.answers.recv().unwrap();
            held = held.max(self.take(ticket, answer));
        }
        held
    }

    fn typed(&mut self, text: &str) {
        for c in text.chars() {
            self.press(if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) });
        }
    }
}

fn tell(what: &str, times: Vec<Took>) {
    let times = &times;
    let part = |of: fn(&Took) -> Duration| {
        let mut times: Vec<Duration> = times.iter().map(of).collect();
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        format!("p50 {:>7.2} p99 {:>7.2} most {:>7.2} ms", at(0.5), at(0.99), at(1.0))
    };
    let held = times.iter().map(|took| took.held).max().unwrap_or_default().as_secs_f64() * 1e3;
    println!("{what:<40} frame {}   answer {}   held {held:>6.2} ms", part(|took| took.frame), part(|took| took.whole));
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    format!("own memory {}, at most {} with the mapped file", line("RssAnon:"), line("VmHWM:"))
}

/// The first keys come while the whole file is being checked.
fn browse_while_checked(session: &mut Session) {
    session.typed(":svc\n/7");
    let mut times = Vec::new();
    for key in "654321".chars().map(KeyCode::Char).chain((0..6).map(|_| KeyCode::Backspace)) {
        let frame = session.hit(key);
        let held = session.take_all();
        times.push(Took { frame, whole: frame, held });
    }
    session.typed("\n");
    times.extend((0..TIMES).map(|_| session.press(KeyCode::Down)));
    tell("keys while the whole file is checked", times);
    times = vec![session.press(KeyCode::Esc), session.press(KeyCode::Esc)];
    tell("back, and the table is gone", times);
}

fn main() {
    let given = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let path = given.as_ref().map_or_else(|| directory().join("million.db"), Into::into);
    if !path.exists() {
        make(&path);
    }
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{}, {} MB, {} x {}", path.display(), bytes / 1_000_000, SIZE.0, SIZE.1);
    let started = Instant::now();
    let (ask, asks) = channel();
    let (answer, answers) = channel();
    let (opened, _watch) = channel();
    let opening = Opening {
        path: path.clone(),
        name: String::new(),
        choice: Choice::default(),
        given: Arc::default(),
        minor: None,
        opened,
    };
    std::thread::spawn(move || worker::run(&opening, &asks, &answer));
    let start = Start { path: path.display().to_string(), ..Start::default() };
    let state = State::new(start, SIZE);
    let terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
    let mut session = Session { state, terminal, ask, answers };
    session.draw();
    println!("first frame                                    {:>8.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let held = session.settle();
    println!("longest that an answer held the screen         {:>8.2} ms", held.as_secs_f64() * 1e3);
    println!("first screen complete                          {:>8.2} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("{}", memory());
    if given.is_some() {
        return;
    }
    browse_while_checked(&mut session);
    // The checks of the whole file take their share of the processors until they are done.
    while session.state.checked.is_none() {
        let (ticket, answer) = session.answers.recv().unwrap();
        let asks = update::answered(&mut session.state, ticket, answer);
        session.send(asks);
    }
    println!("all checks done                                {:>8.2} ms", started.elapsed().as_secs_f64() * 1e3);
    tell(
        "cursor, first screen",
        (0..TIMES).map(|at| session.press(if at % 2 == 0 { KeyCode::Down } else { KeyCode::Up })).collect(),
    );
    let started = Instant::now();
    session.typed(":cm\n");
    println!("a table of 250,000 objects                     {:>8.2} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("{}", memory());
    tell("cursor, table of 250,000", (0..TIMES).map(|_| session.press(KeyCode::Down)).collect());
    tell("a screen down, table of 250,000", (0..TIMES).map(|_| session.press(KeyCode::PageDown)).collect());
    session.typed("/");
    let typed = |session: &mut Session| {
        let mut times: Vec<Took> = "object-00099".chars().map(|c| session.press(KeyCode::Char(c))).collect();
        times.extend((0..12).map(|_| session.press(KeyCode::Backspace)));
        times
    };
    tell("a letter of a filter, table of 250,000", (0..5).flat_map(|_| typed(&mut session)).collect());
    session.typed("\n");
    let opened = |session: &mut Session| {
        let took = session.press(KeyCode::Enter);
        session.press(KeyCode::Esc);
        session.press(KeyCode::Down);
        took
    };
    tell("an object opened from it", (0..TIMES).map(|_| opened(&mut session)).collect());
    let history = |session: &mut Session| {
        let took = session.press(KeyCode::Char('h'));
        session.press(KeyCode::Esc);
        took
    };
    tell("its history", (0..TIMES).map(|_| history(&mut session)).collect());
    tell("sorted by the next column", (0..6).map(|_| session.press(KeyCode::Char('o'))).collect());
    let held_down: Vec<Took> = (0..TIMES)
        .map(|at| {
            let frame = session.hit(if at % 10 == 0 { KeyCode::Char('o') } else { KeyCode::Down });
            let held = session.take_all();
            Took { frame, whole: frame, held }
        })
        .collect();
    tell("keys while it is being sorted", held_down);
    session.settle();
    session.typed("f");
    tell(
        "a letter of a search, 1,000,000 values",
        "object-0999999".chars().map(|c| session.press(KeyCode::Char(c))).collect(),
    );
    println!("{}", memory());
}
