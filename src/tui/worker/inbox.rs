//! Questions that wait: whoever moves faster than objects are decoded wants only the last one of a kind.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use super::Ticket;
use crate::tui::ask::Ask;

/// The questions that wait.
pub(super) struct Inbox<'a> {
    asks: &'a Receiver<(Ticket, Ask)>,
    waiting: RefCell<VecDeque<(Ticket, Ask)>>,
}

impl<'a> Inbox<'a> {
    pub(super) fn new(asks: &'a Receiver<(Ticket, Ask)>) -> Self {
        Self { asks, waiting: RefCell::default() }
    }

    /// The next question that nobody has asked anew since; none when nobody asks any more.
    pub(super) fn next(&self) -> Option<(Ticket, Ask)> {
        loop {
            if !self.has_news() {
                let first = self.asks.recv().ok()?;
                self.waiting.borrow_mut().push_back(first);
                self.has_news();
            }
            let mut waiting = self.waiting.borrow_mut();
            let (ticket, ask) = waiting.pop_front()?;
            let same = |(_, other): &(Ticket, Ask)| std::mem::discriminant(other) == std::mem::discriminant(&ask);
            // What is to be written is written, whatever comes behind it.
            if ask.writes() || matches!(ask, Ask::GiveUp(_)) || !waiting.iter().any(same) {
                return Some((ticket, ask));
            }
        }
    }

    /// Whether a question waits.
    fn has_news(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        waiting.extend(self.asks.try_iter());
        !waiting.is_empty()
    }
}
