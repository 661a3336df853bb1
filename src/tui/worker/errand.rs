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
    all: RefCell<Vec<(Discriminant<Ask>, Ticket, Arc<AtomicBool>)>>,
}

impl Errands {
    /// A new one; whoever asks the same anew does not want the former answer.
    pub(super) fn begin(&self, ticket: Ticket, ask: &Ask, answers: &Sender<(Ticket, Answer)>) -> Errand {
        let mut all = self.all.borrow_mut();
        if !ask.writes() {
            all.iter().filter(|(kind, ..)| *kind == discriminant(ask)).for_each(|(_, _, stop)| stop_it(stop));
            all.retain(|(kind, ..)| *kind != discriminant(ask));
        }
        let given_up = Arc::new(AtomicBool::new(false));
        all.push((discriminant(ask), ticket, Arc::clone(&given_up)));
        Errand { ticket, answers: answers.clone(), given_up, told: Mutex::new(Instant::now()) }
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&self, ticket: Ticket) {
        let mut all = self.all.borrow_mut();
        all.iter().filter(|(_, own, _)| *own == ticket).for_each(|(_, _, stop)| stop_it(stop));
        all.retain(|(_, own, _)| *own != ticket);
    }
}

fn stop_it(stop: &AtomicBool) {
    stop.store(true, Ordering::Relaxed);
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
