//! The dialog that writes a whole store: converted, or recovered.

use crate::tui::ask::{Ask, Job, Shape, Stage, Verb};
use crate::tui::shell_word;
use crate::tui::worker::Ticket;

/// The dialog.
#[derive(Clone, Debug, Default)]
pub struct StoreDialog {
    /// What, and how.
    pub job: Job,
    /// What was done, or would be: lines of a report; none while that is being worked out.
    pub told: Option<Vec<String>>,
    /// How far that report went.
    pub stage: Option<Stage>,
    /// The number of the question whose answer it waits for, and how far that goes.
    pub asked: Option<(Ticket, Stage)>,
    /// Why nothing was written.
    pub refused: Option<String>,
    /// The first line of the report that is seen.
    pub top: usize,
}

impl StoreDialog {
    /// A dialog for one of the forms, with a name that says what it will be.
    pub fn new(verb: Verb, shape: Shape) -> Self {
        let job = Job { verb, shape, path: usual_name(verb, shape).to_owned(), ..Job::default() };
        Self { job, ..Self::default() }
    }

    /// The next form; the name follows as long as it is the usual one.
    pub fn next_form(&mut self) {
        let is_usual = self.job.path == usual_name(self.job.verb, self.job.shape);
        (self.job.verb, self.job.shape) = match (self.job.verb, self.job.shape) {
            (Verb::Convert, Shape::Kine) => (Verb::Convert, Shape::EtcdSnapshot),
            (Verb::Convert, Shape::EtcdSnapshot) => (Verb::Convert, Shape::EtcdDir),
            (Verb::Convert, Shape::EtcdDir) => (Verb::Recover, Shape::Kine),
            (Verb::Recover, Shape::Kine) => (Verb::Recover, Shape::EtcdSnapshot),
            (Verb::Recover, _) => (Verb::Convert, Shape::Kine),
        };
        self.job.other_way = false;
        if is_usual {
            self.job.path = usual_name(self.job.verb, self.job.shape).to_owned();
        }
    }

    /// The question.
    pub fn ask(&self, stage: Stage) -> Ask {
        Ask::Job { job: self.job.clone(), stage }
    }

    /// Whether a file is being written.
    pub fn is_writing(&self) -> bool {
        matches!(self.asked, Some((_, Stage::Run | Stage::Try)))
    }

    /// The command line that does the same, for a store and the options that choose it.
    pub fn command(&self, path: &str, options: &str) -> String {
        let (path, to) = (shell_word(path), shell_word(&self.job.path));
        let (name, force) = (self.job.shape.name(), if self.job.force { " --force" } else { "" });
        match self.job.verb {
            Verb::Convert => {
                let other = if self.job.other_way { " --no-history" } else { "" };
                format!("kinescope convert {path} {to} --to {name}{other}{force}{options}")
            }
            Verb::Recover => {
                let other = if self.job.other_way { " --last-known-good" } else { "" };
                format!("kinescope recover {path} -o {to} --to {name}{other}{force}{options}")
            }
        }
    }
}

const fn usual_name(verb: Verb, shape: Shape) -> &'static str {
    match (verb, shape) {
        (Verb::Convert, Shape::Kine) => "converted.db",
        (Verb::Convert, Shape::EtcdSnapshot) => "converted.snapshot",
        (Verb::Convert, Shape::EtcdDir) => "converted.etcd",
        (Verb::Recover, Shape::Kine) => "recovered.db",
        (Verb::Recover, _) => "recovered.snapshot",
    }
}
