//! What a decoded object does not show, or shows otherwise than it is stored.

/// Where something was noticed, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The message: `core.v1.PodSpec`.
    pub message: &'static str,
    /// The field's number in it.
    pub number: u32,
    /// How many times.
    pub times: u64,
}

/// What was noticed while an object was decoded. Empty for everything that a server of a known release wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Fields that no known release has: they are not shown. A newer server wrote them, or the bytes are damaged.
    pub unknown: Vec<Place>,
    /// Strings that are no UTF-8: U+FFFD stands for each byte that is not, as in Go.
    pub invalid_text: Vec<Place>,
    /// Fields that can have one value and have several: the last one counts, messages are merged.
    pub repeated: Vec<Place>,
    /// Quantities that are none: they are shown as they are. A server refuses to read such an object.
    pub no_quantity: Vec<Place>,
    /// Notices at further places, once a list has [`Notes::MOST_PLACES`].
    pub more: u64,
}

impl Notes {
    /// How many places each list names.
    pub const MOST_PLACES: usize = 32;

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        [&self.unknown, &self.invalid_text, &self.repeated, &self.no_quantity].iter().all(|places| places.is_empty())
    }
}

/// Adds a place to a list, or counts it.
pub fn note(list: &mut Vec<Place>, more: &mut u64, message: &'static str, number: u32) {
    if let Some(place) = list.iter_mut().find(|place| place.number == number && place.message == message) {
        place.times = place.times.saturating_add(1);
    } else if list.len() < Notes::MOST_PLACES {
        list.push(Place { message, number, times: 1 });
    } else {
        *more = more.saturating_add(1);
    }
}
