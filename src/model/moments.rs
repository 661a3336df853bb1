//! Which revision a moment is: from stamps inside objects, as no store keeps the time of a revision.

use jiff::{SignedDuration, Timestamp};

/// What a stamp says of the time at which its revision was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It was then, within a second: the server set it while it created the object.
    Then,
    /// It was then or later.
    NotBefore,
}

/// A revision with the newest stamp that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// The revision.
    pub revision: i64,
    /// The stamp.
    pub at: Timestamp,
    /// What it says.
    pub says: Says,
}

/// The answer to `--at TIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The last revision that may have been written by then: nothing proves it later.
    pub revision: i64,
    /// The newest stamp up to the moment, and its revision.
    pub before: (i64, Timestamp),
    /// The first stamp after the moment, and its revision; none if the moment is that of the newest stamp.
    pub after: Option<(i64, Timestamp)>,
    /// How many stamps were not believed, because a later revision is surely older than they say.
    pub disbelieved: usize,
}

/// Why a moment is no revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// No object of the store has a stamp.
    #[error("no object of this store carries a time: give a revision, `kinescope dump` lists them")]
    NoStamps,
    /// Before the first stamp.
    #[error(
        "{asked} is before the first time that this store knows, {first} (revision {revision}): what was there then cannot \
         be told from it; give a revision, or a later time"
    )]
    Before {
        /// The moment asked for.
        asked: Timestamp,
        /// The first stamp.
        first: Timestamp,
        /// Its revision.
        revision: i64,
    },
    /// After the last stamp.
    #[error(
        "{asked} is after the last time that this store knows, {last} (revision {revision}): whether more was written until \
         then cannot be told from it; without --at the newest state is shown"
    )]
    After {
        /// The moment asked for.
        asked: Timestamp,
        /// The last stamp.
        last: Timestamp,
        /// Its revision.
        revision: i64,
    },
}

/// How far clocks of several servers may differ before a stamp is not believed.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// The revision that shows the store as it was at a moment: the last one before the first that is proven later.
///
/// Revisions are written one after another, so what one revision's stamp says holds for all behind it too. A stamp is not
/// believed if a later revision was surely written before it, by more than [`CLOCK_TOLERANCE`]: some clock was wrong.
/// `stamps` in the order of revisions.
///
/// # Errors
/// [`MomentError`] for a moment outside the stamps.
pub fn revision_at(stamps: &[Stamped], moment: Timestamp) -> Result<Moment, MomentError> {
    let believed = believed(stamps);
    let disbelieved = stamps.len() - believed.len();
    let (Some(first), Some(last)) = (believed.first(), believed.iter().max_by_key(|stamp| stamp.at)) else {
        return Err(MomentError::NoStamps);
    };
    if moment < first.at {
        return Err(MomentError::Before { asked: moment, first: first.at, revision: first.revision });
    }
    if moment > last.at {
        return Err(MomentError::After { asked: moment, last: last.at, revision: last.revision });
    }
    let later = believed.iter().position(|stamp| stamp.at > moment);
    let earlier = believed.get(..later.unwrap_or(believed.len())).unwrap_or_default();
    // Of equal times the last: it is the nearest.
    let before = earlier.iter().max_by_key(|stamp| stamp.at).unwrap_or(first);
    let after = later.and_then(|at| believed.get(at));
    let newest = earlier.last().unwrap_or(first).revision;
    Ok(Moment {
        revision: after.map_or(newest, |after| after.revision.saturating_sub(1).max(newest)),
        before: (before.revision, before.at),
        after: after.map(|after| (after.revision, after.at)),
        disbelieved,
    })
}

/// The stamps that no later revision contradicts. `stamps` in the order of revisions.
pub fn believed(stamps: &[Stamped]) -> Vec<Stamped> {
    let mut earliest_behind: Option<Timestamp> = None;
    let mut kept = Vec::with_capacity(stamps.len());
    for stamp in stamps.iter().rev() {
        let limit = earliest_behind.and_then(|behind| behind.checked_add(CLOCK_TOLERANCE).ok());
        if limit.is_some_and(|limit| stamp.at > limit) {
            continue;
        }
        if stamp.says == Says::Then {
            earliest_behind = Some(earliest_behind.map_or(stamp.at, |behind| behind.min(stamp.at)));
        }
        kept.push(*stamp);
    }
    kept.reverse();
    kept
}
