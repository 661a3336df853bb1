//! Which revision was written when, from the stamps inside objects; how fast revisions come, and how far compaction is behind.

use jiff::Timestamp;

use crate::model::{History, Stamped, believed};

/// The times of revisions as far as stamps tell them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Revisions and the newest time that any revision up to there tells, in order. A revision was not written before.
    points: Vec<(i64, Timestamp)>,
}

/// Revisions in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Its begin.
    pub from: Timestamp,
    /// Its end, which belongs to it.
    pub to: Timestamp,
    /// How many revisions were written.
    pub revisions: i64,
}

/// How fast revisions came.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The first revision whose time is known.
    pub first: (i64, Timestamp),
    /// The last.
    pub last: (i64, Timestamp),
    /// Revisions per hour between them.
    pub per_hour: f64,
    /// The time between them in equal parts.
    pub intervals: Vec<Interval>,
}

/// How far compaction is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// The revision up to which history is compacted; 0 for never.
    pub last_revision: i64,
    /// Revisions behind it.
    pub lag_revisions: i64,
    /// When the first revision behind it was written, as far as stamps tell.
    pub since: Option<Timestamp>,
    /// The newest time that the store knows.
    pub newest: Option<Timestamp>,
}

impl Compaction {
    /// Seconds from the first revision that is not compacted to the newest time in the store.
    pub fn lag_seconds(&self) -> Option<i64> {
        Some(self.newest?.duration_since(self.since?).as_secs())
    }
}

impl Clock {
    /// Made of stamps in the order of their revisions.
    pub fn new(stamps: &[Stamped]) -> Self {
        let mut points: Vec<(i64, Timestamp)> = Vec::new();
        for stamp in believed(stamps) {
            let newest = points.last().map_or(stamp.at, |(_, at)| stamp.at.max(*at));
            points.push((stamp.revision, newest));
        }
        Self { points }
    }

    /// The newest time that any revision tells.
    pub fn newest(&self) -> Option<Timestamp> {
        self.points.last().map(|(_, at)| *at)
    }

    /// The first revision behind `revision` of which a time is told.
    fn first_behind(&self, revision: i64) -> Option<Timestamp> {
        let at = self.points.partition_point(|(known, _)| *known <= revision);
        self.points.get(at).map(|(_, at)| *at)
    }

    /// The last revision that tells a time up to `moment`.
    fn revision_at(&self, moment: Timestamp) -> Option<i64> {
        let behind = self.points.partition_point(|(_, at)| *at <= moment);
        self.points.get(behind.checked_sub(1)?).map(|(revision, _)| *revision)
    }

    /// How far compaction is behind.
    pub fn compaction(&self, history: &History) -> Compaction {
        let last_revision = history.compact_revision();
        Compaction {
            last_revision,
            lag_revisions: history.current_revision().saturating_sub(last_revision),
            since: self.first_behind(last_revision),
            newest: self.newest(),
        }
    }

    /// How fast revisions came, in so many parts; nothing where stamps tell less than two moments.
    pub fn rate(&self, parts: u32) -> Option<Rate> {
        let (first, last) = (*self.points.first()?, *self.points.last()?);
        let span = last.1.duration_since(first.1);
        if span.as_secs() <= 0 || parts == 0 {
            return None;
        }
        let moment = |part: u32| {
            let nanos = span.as_nanos() / i128::from(parts) * i128::from(part);
            let step = i64::try_from(nanos).ok().map(jiff::SignedDuration::from_nanos)?;
            if part == parts { Some(last.1) } else { first.1.checked_add(step).ok() }
        };
        let interval = |part: u32| {
            let (from, to) = (moment(part)?, moment(part + 1)?);
            let revisions = self.revision_at(to)?.saturating_sub(self.revision_at(from)?);
            Some(Interval { from, to, revisions })
        };
        let intervals = (0..parts).filter_map(interval).collect();
        let per_hour = last.0.saturating_sub(first.0) as f64 * 3600.0 / span.as_secs_f64();
        Some(Rate { first, last, per_hour, intervals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Says;

    fn stamp(revision: i64, second: i64) -> Stamped {
        Stamped { revision, at: Timestamp::from_second(second).unwrap(), says: Says::NotBefore }
    }

    #[test]
    fn the_parts_of_a_rate_add_up() {
        let clock = Clock::new(&[stamp(1, 0), stamp(11, 100), stamp(12, 50), stamp(111, 1000)]);
        let rate = clock.rate(10).unwrap();
        assert_eq!((rate.first.0, rate.last.0), (1, 111));
        assert_eq!(rate.intervals.iter().map(|interval| interval.revisions).sum::<i64>(), 110);
        assert_eq!(rate.intervals[0].revisions, 11, "revision 12 was not written before 11");
        assert!((rate.per_hour - 396.0).abs() < 0.01);
        assert_eq!(clock.first_behind(11).unwrap().as_second(), 100);
        assert_eq!(clock.first_behind(111), None);
        assert!(Clock::new(&[stamp(1, 0)]).rate(3).is_none());
    }
}
