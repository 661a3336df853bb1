//! Work that takes long, on threads of its own: it says how far it is, and ends when nobody waits for it any more.

use std::cell::RefCell;
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Ticket;
use crate::tui::ask::{Answer, Ask};

/// How often it says how far it is.
const EACH: Duration = Duration::from_millis(100);

/// One piece of work.
pub(super) struct Errand {
    ticket: Ticket,
    answers: Sender<(Ticket, Answer)>,
    given_up: Arc<AtomicBool>,
    told: Mutex<Instant>,
}

/// Those that are not done, as far as anybody knows.
#[derive(Default)]
pub(super) struct Errands {
    all: RefCell<Vec<Begun>>,
}

/// One of them: what kind of question, its number, and what stops it.
struct Begun {
    kind: Discriminant<Ask>,
    ticket: Ticket,
    stop: Arc<AtomicBool>,
}

impl Errands {
    /// A new one; whoever asks the same anew does not want the former answer.
    pub(super) fn begin(&self, ticket: Ticket, ask: &Ask, answers: &Sender<(Ticket, Answer)>) -> Errand {
        let mut all = self.all.borrow_mut();
        if !ask.writes() {
            stop_those(&mut all, |begun| begun.kind == discriminant(ask));
        }
        let given_up = Arc::new(AtomicBool::new(false));
        all.push(Begun { kind: discriminant(ask), ticket, stop: Arc::clone(&given_up) });
        Errand { ticket, answers: answers.clone(), given_up, told: Mutex::new(Instant::now()) }
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&self, ticket: Ticket) {
        stop_those(&mut self.all.borrow_mut(), |begun| begun.ticket == ticket);
    }
}

fn stop_those(all: &mut Vec<Begun>, are_meant: impl Fn(&Begun) -> bool) {
    all.retain(|begun| {
        let is_meant = are_meant(begun);
        if is_meant {
            begun.stop.store(true, Ordering::Relaxed);
        }
        !is_meant
    });
}

impl Errand {
    /// Whether somebody still waits for it.
    pub(super) fn goes_on(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
    }

    /// Says how far it is, but not all the time.
    pub(super) fn tell(&self, what: &str, done: u64, of: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() < EACH {
            return;
        }
        *told = Instant::now();
        let text = match done.saturating_mul(100).checked_div(of) {
            Some(share) => format!("{what} {} %", share.min(100)),
            None => what.to_owned(),
        };
        let _ = self.answers.send((self.ticket, Answer::Progress(text)));
    }

    /// Hands over the answer.
    pub(super) fn answer(&self, answer: Answer) {
        let _ = self.answers.send((self.ticket, answer));
    }
}
