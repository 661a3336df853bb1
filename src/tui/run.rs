//! The terminal and the loop: events in, frames out, questions to the thread that reads.

use std::io::{self, Stdout, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::clipboard::CopyToClipboard;
use ratatui::crossterm::event::{self, DisableMouseCapture, EnableMouseCapture, Event, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use super::ask::{Answer, Ask};
use super::state::{Start, State};
use super::theme::Theme;
use super::update::{self, Asks};
use super::views;
use super::worker::{self, Opening, Ticket};

/// How long the loop waits for an event before it looks for answers.
const EVENTS: Duration = Duration::from_millis(15);
/// The clock of the status line.
const TENTH: Duration = Duration::from_millis(100);

/// Opens the terminal UI, and comes back when the user leaves.
///
/// # Errors
/// What the terminal says.
pub fn run(opening: Opening, start: Start, theme: Theme) -> io::Result<()> {
    let (ask, asks) = channel::<(Ticket, Ask)>();
    let (answer, answers) = channel::<(Ticket, Answer)>();
    std::thread::Builder::new().name("reader".to_owned()).spawn(move || worker::run(&opening, &asks, &answer))?;
    in_terminal(start.config.mouse, |terminal| {
        let size = terminal.size()?;
        let mut state = State::new(start, (size.width, size.height));
        turn(&mut state, terminal, theme, &ask, &answers)
    })
}

/// Runs something with the terminal to itself. Whatever happens, the terminal is given back as it was; a panic is written down.
///
/// # Errors
/// What the terminal says, or what is run.
pub fn in_terminal(
    mouse: bool,
    body: impl FnOnce(&mut Terminal<CrosstermBackend<Stdout>>) -> io::Result<()>,
) -> io::Result<()> {
    let mut screen = Screen::enter(mouse)?;
    body(&mut screen.terminal)
}

fn turn(
    state: &mut State,
    terminal: &mut Terminal<CrosstermBackend<Stdout>>,
    theme: Theme,
    ask: &Sender<(Ticket, Ask)>,
    answers: &Receiver<(Ticket, Answer)>,
) -> io::Result<()> {
    let send = |asks: Asks| {
        for question in asks {
            // A reader that has gone has said why before.
            let _ = ask.send(question);
        }
    };
    let mut begun = Instant::now();
    let mut ticket = state.next_ticket;
    let mut stale = true;
    while !state.leaving {
        if stale {
            terminal.draw(|frame| views::draw(state, theme, frame))?;
        }
        stale = false;
        // All that has come is taken before the next frame, so that a key that is held down cannot run ahead.
        let mut wait = EVENTS;
        while !state.leaving && event::poll(wait)? {
            let asks = match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => update::pressed(state, &key),
                Event::Mouse(mouse) => update::moused(state, &mouse),
                Event::Resize(columns, lines) => {
                    update::resized(state, columns, lines);
                    Asks::new()
                }
                _ => Asks::new(),
            };
            send(asks);
            stale = true;
            wait = Duration::ZERO;
        }
        if let Some(text) = state.clipboard.take() {
            // A terminal that does not take it says nothing either.
            execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?;
        }
        for (ticket, answer) in answers.try_iter() {
            send(update::answered(state, ticket, answer));
            stale = true;
        }
        if ticket != state.next_ticket {
            ticket = state.next_ticket;
            begun = Instant::now();
        }
        let waited = (begun.elapsed().as_millis() / TENTH.as_millis()) as u32;
        if state.is_waiting() && waited != state.waited {
            state.waited = waited;
            stale = true;
        }
    }
    Ok(())
}

/// The terminal as it is while the UI is open. Whatever happens, it is given back as it was.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    fn enter(mouse: bool) -> io::Result<Self> {
        let before = std::panic::take_hook();
        let main = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            // A defect in the thread that reads is told on the screen.
            let log = super::crash::write_down(info);
            if std::thread::current().id() == main {
                restore();
                if let Some(log) = log {
                    let _ =
                        writeln!(io::stderr(), "kinescope: a defect of ours; it is written down in {}", log.display());
                }
                before(info);
            }
        }));
        enable_raw_mode()?;
        let mut entered = execute!(io::stdout(), EnterAlternateScreen);
        if mouse {
            entered = entered.and_then(|()| execute!(io::stdout(), EnableMouseCapture));
        }
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // Nobody can be told when the terminal has gone.
    let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, ratatui::crossterm::cursor::Show);
    let _ = disable_raw_mode();
}
