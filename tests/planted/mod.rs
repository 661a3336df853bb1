//! Stores with one thing wrong in them, each beside a copy that is the same but for that thing, and what `verify` or
//! `doctor` said of both.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod bytes;
pub mod etcd;
pub mod kine;
pub mod log;
pub mod server;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kinescope::ops::finding::{OF_DOCTOR, OF_VERIFY};
use rayon::prelude::*;
use serde_json::Value;

use super::command::run;

/// 2026-11-23, after the certificates of the fixtures begin and before they end.
pub const NOW: i64 = 1_795_392_000;

/// How a healthy store and the same with something planted are shown to the command.
pub struct Case {
    pub healthy: Vec<OsString>,
    pub planted: Vec<OsString>,
    /// Findings that cannot be kept from coming with it.
    pub with: &'static [&'static str],
    /// Whether damage that a reader tells may come with it.
    pub and_damage: bool,
    /// Seconds since 1970 at which the planted store is looked at, where the time is what is planted.
    pub now: Option<i64>,
    /// The same for the healthy one.
    pub healthy_now: Option<i64>,
}

impl Case {
    pub fn of(healthy: &Path, planted: &Path) -> Self {
        Self {
            healthy: vec![healthy.into()],
            planted: vec![planted.into()],
            with: &[],
            and_damage: false,
            now: None,
            healthy_now: None,
        }
    }

    /// Gives both the same arguments.
    pub fn both(self, args: &[&str]) -> Self {
        self.healthy(args).planted(args)
    }

    pub fn healthy(mut self, args: &[&str]) -> Self {
        self.healthy.extend(args.iter().map(OsString::from));
        self
    }

    pub fn planted(mut self, args: &[&str]) -> Self {
        self.planted.extend(args.iter().map(OsString::from));
        self
    }

    pub fn comes_with(mut self, ids: &'static [&'static str]) -> Self {
        self.with = ids;
        self
    }

    pub fn and_damage(mut self) -> Self {
        self.and_damage = true;
        self
    }

    /// Looks at both at this time.
    pub fn at_both(&mut self, now: i64) {
        (self.healthy_now, self.now) = (Some(now), Some(now));
    }

    pub fn at(mut self, now: i64) -> Self {
        self.now = Some(now);
        self
    }
}

/// A finding, what it weighs, and how to plant it in a directory.
pub type Plant = (&'static str, Weight, fn(&Path) -> Case);

/// What a finding weighs alone, and the verdict and exit code that go with it (docs/cli.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Error,
    Loss,
    Warning,
    Note,
}

impl Weight {
    fn severity(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Loss => "loss",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    fn of(severity: &str) -> Self {
        [Self::Error, Self::Loss, Self::Warning, Self::Note].into_iter().find(|one| one.severity() == severity).unwrap()
    }

    fn verdict(self) -> (&'static str, i32) {
        match self {
            Self::Error => ("not", 1),
            Self::Loss => ("with_loss", 3),
            Self::Warning | Self::Note => ("restorable", 0),
        }
    }
}

/// What a command said of a store.
pub struct Told {
    pub code: i32,
    pub verdict: String,
    /// Name and severity.
    pub findings: BTreeSet<(String, String)>,
    pub all: Value,
}

/// Runs a command and takes its answer apart.
pub fn told(command: &str, args: &[OsString]) -> Told {
    let ran = run([OsString::from(command), "--json".into()].iter().chain(args));
    let code = ran.code.unwrap();
    assert!(ran.stdout.starts_with(b"{"), "kinescope {}\n{}", ran.called, ran.stderr);
    of_json(code, ran.json())
}

pub fn of_json(code: i32, all: Value) -> Told {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = all["findings"].as_array().unwrap();
    let findings = findings.iter().map(|finding| (text(&finding["id"]), text(&finding["severity"]))).collect();
    Told { code, verdict: text(&all["verdict"]), findings, all }
}

impl Told {
    pub fn ids(&self) -> BTreeSet<&str> {
        self.findings.iter().map(|(id, _)| id.as_str()).collect()
    }

    /// The verdict and the exit code are those of the worst finding.
    fn adds_up(&self) -> Result<(), String> {
        let worst = self.findings.iter().map(|(_, severity)| Weight::of(severity)).min().unwrap_or(Weight::Note);
        let (verdict, code) = worst.verdict();
        if (self.verdict.as_str(), self.code) == (verdict, code) {
            return Ok(());
        }
        Err(format!("{} and exit code {} for {:?}", self.verdict, self.code, self.findings))
    }
}

/// Compares what was said of the two stores of a case: the planted one has exactly this finding more.
pub fn judge(id: &str, weight: Weight, case: &Case, healthy: &Told, planted: &Told) -> Result<(), String> {
    healthy.adds_up()?;
    planted.adds_up()?;
    let is_damage = |id: &str| OF_VERIFY.iter().chain(OF_DOCTOR).all(|known| known.name() != id);
    let new = planted.ids().difference(&healthy.ids()).copied().collect::<Vec<_>>();
    let new: BTreeSet<&str> = new.into_iter().filter(|id| !(case.and_damage && is_damage(id))).collect();
    let expected: BTreeSet<&str> = case.with.iter().copied().chain([id]).collect();
    if new != expected {
        return Err(format!("new findings {new:?}, expected {expected:?}; {}", planted.all));
    }
    if !planted.findings.contains(&(id.to_owned(), weight.severity().to_owned())) {
        return Err(format!("not {weight:?}: {:?}", planted.findings));
    }
    // The verdict is moved by what was planted, and by nothing else, unless it comes with something worse.
    let of = |told: &Told| told.findings.iter().map(|(_, severity)| Weight::of(severity)).min().unwrap_or(Weight::Note);
    if case.with.is_empty() && !case.and_damage && of(planted) != weight.min(of(healthy)) {
        return Err(format!("the verdict is {}", planted.verdict));
    }
    Ok(())
}

/// A directory in a case's own.
pub fn below(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Plants each of them in a directory of its own, and says which were not found as they should be.
pub fn not_found(plants: &[Plant], look: impl Fn(&Case) -> (Told, Told) + Sync) -> Vec<String> {
    let one = |(position, (id, weight, plant)): (usize, &Plant)| {
        let whole = || {
            let dir = tempfile::tempdir().unwrap();
            let case = plant(dir.path());
            let (healthy, planted) = look(&case);
            judge(id, *weight, &case, &healthy, &planted)
        };
        // One that cannot be planted is not to hide the others.
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(whole));
        judged
            .unwrap_or_else(|_| Err("could not be planted".to_owned()))
            .err()
            .map(|what| format!("{position} {id}: {what}"))
    };
    plants.par_iter().enumerate().filter_map(one).collect()
}
