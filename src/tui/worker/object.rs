//! One object as kubectl prints it, or a value that is no object.

use super::Reader;
use crate::kube::encryption::is_encrypted;
use crate::kube::show::View;
use crate::model::{Change, KeyId};
use crate::ops::objects::{ObjectError, Objects};
use crate::render::{self, ListForm};
use crate::tui::ask::{Syntax, Text, Trouble};

impl Reader {
    pub(super) fn object(&self, key: KeyId, revision: i64, reveal: bool, managed: bool) -> Text {
        let history = self.history();
        let objects = self.objects(Some(revision));
        let revisions: Vec<i64> = history.changes_of(key).map(|change| change.revision.main).collect();
        let shown = history.changes_of(key).rposition(|change| change.revision.main <= revision);
        let mut text = Text { title: self.name(&objects, key), revisions, shown, ..Text::default() };
        let Some(change) = shown.and_then(|at| history.changes_of(key).nth(at)) else {
            text.trouble = Some(Trouble {
                title: "not there yet".to_owned(),
                what: format!("no change of this key up to revision {revision} survives"),
                advice: vec!["] steps to its first change; h lists all".to_owned()],
            });
            return text;
        };
        if !change.is_put() {
            text.trouble = Some(Trouble {
                title: format!("deleted at revision {}", change.revision.main),
                what: "from this revision on it was not there".to_owned(),
                advice: vec!["[ shows it as it was before; h lists its changes".to_owned()],
            });
            return text;
        }
        text.masked = !reveal && objects.is_secret(key);
        let view = View { managed_fields: managed, reveal, ..objects.kubectl(change) };
        match self.yaml(&objects, change, &view) {
            Ok((lines, syntax, notes)) => {
                text.lines = Text::lines_of(&lines, syntax);
                text.syntax = syntax;
                text.notes = notes;
            }
            Err(error) => {
                text.masked = false;
                text.trouble = Some(self.trouble(&objects, &error, history.keys().get(key)));
            }
        }
        text
    }

    /// What a change says, as text: YAML if it is an object.
    pub(super) fn yaml(
        &self,
        objects: &Objects<'_>,
        change: &Change,
        view: &View,
    ) -> Result<(String, Syntax, Vec<String>), ObjectError> {
        if objects.object(change.key).is_none() {
            return self.value(objects, change, view);
        }
        let mut printed = render::objects_text(objects, &[change], &|_: &Change| *view, ListForm::Yaml, true);
        match printed.failed.pop() {
            Some(error) => Err(error),
            None => Ok((printed.text, Syntax::Yaml, printed.notes)),
        }
    }

    /// Keys that are no objects by their names may hold objects, and text, and bytes.
    fn value(
        &self,
        objects: &Objects<'_>,
        change: &Change,
        view: &View,
    ) -> Result<(String, Syntax, Vec<String>), ObjectError> {
        let plain = objects.plain(change)?;
        let mut printed = render::objects_text(objects, &[change], &|_: &Change| *view, ListForm::Yaml, true);
        if printed.failed.pop().is_none() && !is_encrypted(&plain) && !objects.is_secret(change.key) {
            return Ok((printed.text, Syntax::Yaml, printed.notes));
        }
        let key = self.history().keys().get(change.key);
        let note = format!("{} bytes, no object", render::count(u64::from(change.value.len)));
        Ok((render::value_text(key, &plain, view.reveal), Syntax::Plain, vec![note]))
    }
}
