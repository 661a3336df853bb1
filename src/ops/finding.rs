//! Findings: what a look at a datastore or a directory brought up, and the verdict they add up to.

mod ids;

use std::collections::HashMap;

pub use ids::{Id, OF_DOCTOR, OF_VERIFY};

use crate::source::Damage;

/// How much a finding weighs, from worst to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing can be restored from this, or nothing starts on it.
    Error,
    /// Something is damaged or lost; the rest can be had.
    Loss,
    /// All is there, and something should be done or known before it is used.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Loss => "loss",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The answer to "can it be restored".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it is, with all that is in it.
    Restorable,
    /// Part of it.
    WithLoss,
    /// No.
    Not,
}

impl Verdict {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restorable => "restorable",
            Self::WithLoss => "with_loss",
            Self::Not => "not",
        }
    }

    /// The verdict that findings add up to.
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.severity).min() {
            Some(Severity::Error) => Self::Not,
            Some(Severity::Loss) => Self::WithLoss,
            Some(Severity::Warning | Severity::Note) | None => Self::Restorable,
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub id: Id,
    /// How much it weighs.
    pub severity: Severity,
    /// The file, key or page it is about.
    pub place: String,
    /// What was found, as a sentence without a full stop.
    pub text: String,
    /// What to do about it; empty where there is nothing to do.
    pub hint: String,
}

/// Findings of one kind beyond which the rest is only counted: a file of which half is lost has hundreds of thousands.
const MOST_OF_A_KIND: usize = 1000;

/// Collects findings.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    of_kind: HashMap<(Id, Severity), usize>,
}

impl Findings {
    /// Adds one.
    pub fn add(
        &mut self,
        severity: Severity,
        id: Id,
        place: impl Into<String>,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let count = self.of_kind.entry((id, severity)).or_insert(0);
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            self.found.push(Finding { id, severity, place: place.into(), text: text.into(), hint: hint.into() });
        }
    }

    /// Whether there is one of this name.
    pub fn has(&self, id: Id) -> bool {
        self.found.iter().any(|finding| finding.id == id)
    }

    /// Adds damage that a reader told.
    pub fn damage(&mut self, severity: Severity, damage: &Damage, hint: &str) {
        self.add(severity, Id::of(damage), format!("{}: {}", damage.file, damage.place), damage.what.as_str(), hint);
    }

    /// Adds all of another collection.
    pub fn append(&mut self, other: Self) {
        for finding in other.found {
            let Finding { id, severity, place, text, hint } = finding;
            self.add(severity, id, place, text, hint);
        }
        for ((id, severity), count) in other.of_kind {
            if let Some(more) = count.checked_sub(MOST_OF_A_KIND) {
                *self.of_kind.entry((id, severity)).or_insert(0) += more;
            }
        }
    }

    /// All of them, the worst first.
    pub fn finish(mut self) -> Vec<Finding> {
        let mut more: Vec<_> = self.of_kind.into_iter().filter(|(_, count)| *count > MOST_OF_A_KIND).collect();
        more.sort();
        for ((id, severity), count) in more {
            let text = format!("and {} more of these", count - MOST_OF_A_KIND);
            self.found.push(Finding { id, severity, place: String::new(), text, hint: String::new() });
        }
        self.found.sort_by_key(|finding| finding.severity);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides_and_thousands_are_counted() {
        let mut findings = Findings::default();
        for _ in 0..MOST_OF_A_KIND + 7 {
            findings.add(Severity::Warning, Id::OWNER, "", "", "");
        }
        assert_eq!(Verdict::of(&[]), Verdict::Restorable);
        findings.add(Severity::Loss, Id::ROW_LOST, "", "", "");
        let found = findings.finish();
        assert_eq!(found.len(), MOST_OF_A_KIND + 2);
        assert_eq!(found.first().unwrap().id, Id::ROW_LOST);
        assert_eq!(found.last().unwrap().text, "and 7 more of these");
        assert_eq!(Verdict::of(&found), Verdict::WithLoss);
    }
}
