//! What is wrong with a store: all checks of `verify`, and of `doctor` where the path is a server directory of k3s, made
//! on a thread of their own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use jiff::Timestamp;

use super::{Opening, Reader, Ticket, UNASKED};
use crate::ops::doctor::{self, Diagnosis};
use crate::ops::finding::{Finding as Found, Id, Severity as Weight, Verdict};
use crate::ops::info::Info;
use crate::ops::keyring::Given;
use crate::ops::store::OpenError;
use crate::ops::verify::{self, Verification};
use crate::render;
use crate::tui::ask::{Answer, Checked, Finding, Severity, Syntax, Text, Trouble};
use crate::tui::text::harmless;

/// What all checks found.
pub(super) struct All {
    /// What `verify` says; none where what was given to open values with cannot be used.
    pub verified: Option<Verification>,
    /// What `doctor` says of a server directory.
    pub diagnosis: Option<Diagnosis>,
    /// The facts, with the hashes of the whole file.
    pub info: Info,
}

impl Reader {
    /// Makes all checks on a thread of its own, and tells what they find.
    pub(super) fn check_behind(&self, answers: &Sender<(Ticket, Answer)>) {
        let (source, given, path) = (Arc::clone(&self.source), Arc::clone(&self.given), self.path.clone());
        let (answers, checked, left) = (answers.clone(), Arc::clone(&self.checked), Arc::clone(&self.left));
        let check = move || {
            let now = Timestamp::now().as_second();
            let verified = verify::verify(&source, &given, now);
            // The fault of the keys is told by itself; without them all other checks can be made.
            let verified = verified.or_else(|_| verify::verify(&source, &Given::default(), now)).ok();
            let info = Info::of(&source, false);
            let all = checked.get_or_init(|| All { verified, diagnosis: diagnosis(&path, now), info });
            if !left.load(Ordering::Relaxed) {
                let _ = answers.send((UNASKED, Answer::Checked(all.told())));
            }
        };
        // Without a thread nothing is checked here; `verify` does it.
        let _ = std::thread::Builder::new().name("check".to_owned()).spawn(check);
    }
}

impl Reader {
    /// All findings with what to do about each, what k3s would do with a server directory, and the facts of the file.
    pub(super) fn health(&self) -> Text {
        let mut early = self.early_findings();
        early.dedup();
        let mut lines: Vec<String> = Vec::new();
        match self.checked.get() {
            Some(all) => {
                let told = all.told();
                lines.push(format!("verify: {}", told.verdict));
                lines.push(String::new());
                early.retain(|finding| !finding.checked_again);
                early.extend(told.findings);
                early.sort_by_key(|finding| finding.severity);
            }
            None => {
                lines.push("verify: every page, row and value is being looked at; this screen will tell".to_owned());
                lines.push(String::new());
            }
        }
        early.iter().for_each(|finding| tell(finding, &mut lines));
        if early.is_empty() {
            lines.push("There is nothing to say beside that.".to_owned());
        }
        lines.push(String::new());
        if let Some(diagnosis) = self.checked.get().and_then(|all| all.diagnosis.as_ref()) {
            lines.extend(render::doctor_text(diagnosis).iter().map(|line| harmless(line)));
            lines.push(String::new());
        }
        // The hashes take the whole file: with them only once the checks are done, and then only once.
        let info = match self.checked.get() {
            Some(all) => &all.info,
            None => self.info(),
        };
        lines.extend(render::info_text(&self.name, info));
        let lines = Text::lines_of(&lines.join("\n"), Syntax::Plain);
        Text { title: "health".to_owned(), lines, ..Text::default() }
    }
}

/// A finding: how bad, where, what, and below it what to do.
fn tell(finding: &Finding, lines: &mut Vec<String>) {
    let mark = match finding.severity {
        Severity::Damage => "DAMAGE ",
        Severity::Warning => "WARNING",
        Severity::Note => "note   ",
    };
    let place = if finding.place.is_empty() { String::new() } else { format!("{}: ", finding.place) };
    lines.push(format!("{mark}  {place}{}", finding.text));
    if !finding.hint.is_empty() {
        lines.push(format!("         -> {}", finding.hint));
    }
}

/// What `doctor` says, if the path is a directory of k3s.
fn diagnosis(path: &Path, now: i64) -> Option<Diagnosis> {
    let asked = doctor::Asked { config: None, token: None, now };
    if path.is_dir() { doctor::examine(path, &asked).ok() } else { None }
}

impl All {
    fn told(&self) -> Checked {
        let verified = self.verified.iter().flat_map(|found| &found.findings);
        let of_store: Vec<&Found> = verified.collect();
        let of_directory = self.diagnosis.iter().flat_map(|found| &found.findings);
        // What doctor says of the store itself is said already.
        let more = of_directory.filter(|found| !of_store.iter().any(|other| other.id == found.id));
        // That there is no key is said before, as something to do.
        let told_before = |found: &&Found| found.id == Id::LOCKED;
        let all = of_store.iter().copied().chain(more).filter(|found| !told_before(found));
        let mut findings: Vec<Finding> = all.map(finding).collect();
        findings.sort_by_key(|finding| finding.severity);
        let verdict = self.verified.as_ref().map(|found| found.verdict);
        Checked { verdict: told(verdict).to_owned(), is_good: verdict == Some(Verdict::Restorable), findings }
    }
}

/// The verdict, for people.
fn told(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Restorable) => "restorable: every check holds",
        Some(Verdict::WithLoss) => "restorable with loss",
        Some(Verdict::Not) => "not restorable",
        None => "not checked",
    }
}

fn finding(found: &Found) -> Finding {
    let severity = match found.severity {
        Weight::Error | Weight::Loss => Severity::Damage,
        Weight::Warning => Severity::Warning,
        Weight::Note => Severity::Note,
    };
    Finding {
        severity,
        text: harmless(&found.text),
        place: harmless(&found.place),
        hint: harmless(&found.hint),
        checked_again: false,
    }
}

/// The screen of a path that no store could be opened at.
pub(super) fn cannot_open(error: &OpenError, opening: &Opening) -> Trouble {
    let path = crate::tui::shell_word(&opening.name);
    let mut advice = Vec::new();
    let verdict = verify::unopened(error);
    for found in verdict.iter().flat_map(|verdict| &verdict.findings) {
        advice.push(format!("What may help: {}", found.hint));
    }
    if let Some(diagnosis) = diagnosis(&opening.path, Timestamp::now().as_second()) {
        advice.push("At its next start k3s would:".to_owned());
        advice.extend(diagnosis.next_start.iter().map(|step| format!("  {step}")));
        for found in diagnosis.findings.iter().filter(|found| found.severity <= Weight::Warning) {
            let hint = if found.hint.is_empty() { String::new() } else { format!(" -> {}", found.hint) };
            advice.push(format!("{}: {}{hint}", found.place, found.text));
        }
        advice.push("What puts it right, as commands to read:".to_owned());
        advice.push(format!("$ kinescope doctor {path}"));
    }
    advice.push(
        "i searches the file for rows all the same, and says what each rests on; W writes a store of them.".to_owned(),
    );
    advice.push("Nothing was written, and nothing was locked.".to_owned());
    advice.push("The same without a screen, for a script or a report:".to_owned());
    advice.push(format!("$ kinescope info {path}"));
    Trouble { title: "no store could be opened here".to_owned(), what: error.to_string(), advice }
}
