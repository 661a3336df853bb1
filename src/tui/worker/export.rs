//! What an export would write, and writing it.

use std::collections::BTreeMap;
use std::path::Path;

use super::Reader;
use crate::kube::show::View;
use crate::ops::extract::{self, Asked, Bundle, LeftOutFor, Mode, Wanted};
use crate::ops::output;
use crate::render;
use crate::tui::ask::{Chosen, Export, Form, Planned};
use crate::tui::text::harmless;

impl Reader {
    /// What would be written.
    pub(super) fn plan(&self, export: &Export) -> Planned {
        let (mut planned, bytes) = self.made(export);
        planned.bytes = bytes.len() as u64;
        let key = |chosen: &Chosen| (render::key(self.history().keys().get(chosen.key)), chosen.revision);
        planned.keys = export.objects.iter().map(key).collect();
        planned
    }

    /// Writes it, and says what was written.
    pub(super) fn write(&self, export: &Export, path: &str, force: bool) -> Result<String, String> {
        let (planned, bytes) = self.made(export);
        self.source.watch.check().map_err(|error| error.to_string())?;
        let target = Path::new(path);
        output::write_file(target, &bytes, force, &self.source.watch).map_err(|error| error.to_string())?;
        let count = planned.goes.len();
        let objects = if count == 1 { "1 object".to_owned() } else { format!("{count} objects") };
        let next = match export.form {
            Form::Yaml => String::new(),
            Form::Apply | Form::SameCluster => format!(" · kubectl apply -f {}", crate::tui::shell_word(path)),
        };
        Ok(format!("wrote {objects}, {}, to {}{next}", render::bytes(bytes.len() as u64), harmless(path)))
    }

    fn made(&self, export: &Export) -> (Planned, Vec<u8>) {
        match export.form {
            Form::Yaml => self.printed(export),
            Form::Apply | Form::SameCluster => self.bundled(export),
        }
    }

    /// The objects as kubectl prints them, one document each.
    fn printed(&self, export: &Export) -> (Planned, Vec<u8>) {
        let history = self.history();
        let mut planned = Planned::default();
        let mut bytes = Vec::new();
        for chosen in &export.objects {
            let objects = self.objects(Some(chosen.revision));
            let change = history.changes_of(chosen.key).rfind(|change| change.revision.main <= chosen.revision);
            let Some(change) = change.filter(|change| change.is_put()) else {
                planned.left_out.push(format!("{}: it is not there at revision {}", chosen.name, chosen.revision));
                continue;
            };
            if objects.is_secret(chosen.key) && !export.reveal {
                planned.left_out.push(format!("{}: Secrets go only with ctrl-x", chosen.name));
                planned.secrets_left = true;
                continue;
            }
            let view = View { reveal: export.reveal, ..objects.kubectl(change) };
            match self.yaml(&objects, change, &view) {
                Ok((text, ..)) => {
                    if !bytes.is_empty() {
                        bytes.extend_from_slice(b"---\n");
                    }
                    bytes.extend(text.into_bytes());
                    planned.goes.push(format!("{} of revision {}", chosen.name, change.revision.main));
                }
                Err(error) => planned.left_out.push(harmless(&error.to_string())),
            }
        }
        (planned, bytes)
    }

    /// The objects in a form that a cluster takes.
    fn bundled(&self, export: &Export) -> (Planned, Vec<u8>) {
        let mode = if export.form == Form::SameCluster { Mode::SameCluster } else { Mode::Apply };
        let wanted = Wanted { mode, with_deps: export.with_deps, reveal: export.reveal };
        let mut groups: BTreeMap<i64, Vec<&Chosen>> = BTreeMap::new();
        export.objects.iter().for_each(|chosen| groups.entry(chosen.revision).or_default().push(chosen));
        let mut absent = Vec::new();
        let mut bundles = Vec::new();
        for (revision, group) in groups {
            let objects = self.objects(Some(revision));
            let mut asked = Vec::new();
            for chosen in group {
                let change = self.history().changes_of(chosen.key).rfind(|change| change.revision.main <= revision);
                match change.filter(|change| change.is_put()) {
                    Some(change) => asked.push(Asked { change, by_name: true }),
                    None => absent.push(format!("{}: it is not there at revision {revision}", chosen.name)),
                }
            }
            bundles.push(extract::bundle(&objects, &asked, wanted));
        }
        let bundle = Bundle::joined(bundles);
        let piece = |piece: &extract::Piece| {
            let needed = piece.needed_by.as_ref().map_or(String::new(), |by| format!(", which {by} needs"));
            harmless(&format!("{} of revision {}{needed}", piece.what, piece.revision))
        };
        let left = |left: &extract::LeftOut| match left.reason {
            LeftOutFor::Secret => format!("{}: Secrets go only with ctrl-x", harmless(&left.what)),
            _ => harmless(&format!("{}: {}", left.what, left.why)),
        };
        let warnings = bundle
            .pieces
            .iter()
            .flat_map(|piece| piece.warnings.iter().map(|warning| harmless(&format!("{}: {warning}", piece.what))));
        let planned = Planned {
            goes: bundle.pieces.iter().map(piece).collect(),
            left_out: absent.into_iter().chain(bundle.left_out.iter().map(left)).collect(),
            warnings: warnings.collect(),
            secrets_left: bundle.left_out.iter().any(|left| left.reason == LeftOutFor::Secret),
            ..Planned::default()
        };
        (planned, bundle.yaml())
    }
}
