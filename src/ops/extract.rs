//! Objects in the form that a cluster takes, in the order in which it can take them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::objects::{ObjectError, Objects};
use super::output::{Destination, Kind, OutputError};
use crate::kube::json::push_value;
use crate::kube::order;
use crate::kube::references::{Reference, references};
use crate::kube::skip::skip;
pub use crate::kube::strip::Mode;
use crate::kube::strip::{Warning, strip};
use crate::kube::yaml::YamlSink;
use crate::model::{Change, KeyId, KeyState};
use crate::source::Watch;

/// What is wanted beside the objects themselves.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What the objects are to be given to.
    pub mode: Mode,
    /// The objects that they need too.
    pub with_deps: bool,
    /// Secrets too.
    pub reveal: bool,
}

/// An object that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'s> {
    /// The change that wrote it.
    pub change: &'s Change,
    /// It was asked for by its name: it is given although a bundle would leave it out.
    pub by_name: bool,
}

/// An object as it goes into a bundle.
#[derive(Clone, Debug)]
pub struct Piece {
    /// `deployments.apps "web" in namespace shop`
    pub what: String,
    /// Its key in the store.
    pub key: Vec<u8>,
    /// The revision of it.
    pub revision: i64,
    /// The object, stripped.
    pub object: Value,
    /// What stays in it or was taken out and may surprise.
    pub warnings: Vec<String>,
    /// Which object needs it, if it was not asked for itself.
    pub needed_by: Option<String>,
}

/// Why an object is not in the bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOutFor {
    /// The cluster makes it itself, or it says only what was.
    Rule,
    /// It is a Secret, and nobody asked to see those.
    Secret,
    /// It cannot be read.
    Unreadable,
    /// Another object names it, and it is not in the store.
    Missing,
}

/// An object that is not in the bundle.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Which.
    pub what: String,
    /// Why, in words.
    pub why: String,
    /// Why, as a kind.
    pub reason: LeftOutFor,
}

/// A bundle: what is in it, in the order in which a cluster can take it, and what is not.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// The objects.
    pub pieces: Vec<Piece>,
    /// What was asked for or is needed, and is not among them.
    pub left_out: Vec<LeftOut>,
    /// Values that are damaged.
    pub damaged: Vec<ObjectError>,
}

/// Makes a bundle of objects.
pub fn bundle(objects: &Objects<'_>, asked: &[Asked<'_>], wanted: Wanted) -> Bundle {
    let mut maker = Maker {
        objects,
        wanted,
        bundle: Bundle::default(),
        taken: HashSet::new(),
        open: VecDeque::new(),
        living: living_owners(objects, wanted.mode),
    };
    for one in asked {
        maker.take(one.change, one.by_name, None);
    }
    maker.dependencies();
    let mut bundle = maker.bundle;
    sort(&mut bundle.pieces);
    bundle
}

/// The order in which a cluster can take objects.
fn sort(pieces: &mut [Piece]) {
    pieces.sort_by_cached_key(|piece| {
        let text = |pointer: &str| piece.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (order::object_rank(&piece.object), text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    });
}

/// The uids of all objects that are live: owners among them are kept where the cluster is the same.
fn living_owners(objects: &Objects<'_>, mode: Mode) -> HashSet<String> {
    if mode != Mode::SameCluster {
        return HashSet::new();
    }
    let view = objects.history().at(objects.revision());
    let keys: Vec<KeyId> = objects.history().keys().ids().collect();
    let uid = |key: &KeyId| {
        let KeyState::Live(change) = view.state(*key) else { return None };
        let (object, _) = objects.tree(change, &objects.whole(change)).ok()?;
        Some(object.pointer("/metadata/uid")?.as_str()?.to_owned())
    };
    keys.par_iter().filter_map(uid).collect()
}

struct Maker<'o, 's> {
    objects: &'o Objects<'s>,
    wanted: Wanted,
    bundle: Bundle,
    /// Keys that were looked at already.
    taken: HashSet<KeyId>,
    /// Objects whose needs are to be looked at: the whole object, and what it is called.
    open: VecDeque<(Value, String)>,
    living: HashSet<String>,
}

impl Maker<'_, '_> {
    fn take(&mut self, change: &Change, by_name: bool, needed_by: Option<&str>) {
        if !self.taken.insert(change.key) {
            return;
        }
        let what = self.name(change);
        let object = match self.objects.tree(change, &self.objects.whole(change)) {
            Ok((object, _)) => object,
            Err(error) => {
                self.leave_out(what, error.to_string(), LeftOutFor::Unreadable);
                if !matches!(error, ObjectError::Locked { .. }) {
                    self.bundle.damaged.push(error);
                }
                return;
            }
        };
        let find = |reference: &Reference| {
            let change = find(self.objects, reference)?;
            Some(self.objects.tree(change, &self.objects.whole(change)).ok()?.0)
        };
        let mut warnings = Vec::new();
        if let Some(reason) = skip(&object, &find) {
            if !by_name {
                // What others need and a cluster makes itself is no loss.
                if needed_by.is_none() {
                    self.leave_out(what, reason.to_string(), LeftOutFor::Rule);
                }
                return;
            }
            warnings.push(format!("a bundle would leave it out: {reason}"));
        }
        if object.get("kind").and_then(Value::as_str) == Some("Secret") && !self.wanted.reveal {
            let why = "Secrets are written only with --reveal".to_owned();
            self.leave_out(what, why, LeftOutFor::Secret);
            return;
        }
        let stripped = strip(&object, self.wanted.mode, &|uid| self.living.contains(uid));
        warnings.extend(stripped.warnings.iter().map(Warning::to_string));
        self.bundle.pieces.push(Piece {
            what: what.clone(),
            key: self.objects.history().keys().get(change.key).to_vec(),
            revision: change.revision.main,
            object: stripped.object,
            warnings,
            needed_by: needed_by.map(str::to_owned),
        });
        if self.wanted.with_deps {
            self.open.push_back((object, what));
        }
    }

    /// Takes what the objects need, and what that needs.
    fn dependencies(&mut self) {
        while let Some((object, what)) = self.open.pop_front() {
            for reference in references(&object, self.objects.registry()) {
                match find(self.objects, &reference) {
                    Some(change) => self.take(change, false, Some(&what)),
                    None if reference.optional => {}
                    None => {
                        let place = reference
                            .namespace
                            .as_ref()
                            .map_or(String::new(), |place| format!(" in namespace {place}"));
                        let missing = format!("{} {:?}{place}", reference.kind, reference.name);
                        let why = format!("{what} names it, and it is not in the store at this revision");
                        self.leave_out(missing, why, LeftOutFor::Missing);
                    }
                }
            }
        }
    }

    fn leave_out(&mut self, what: String, why: String, reason: LeftOutFor) {
        self.bundle.left_out.push(LeftOut { what, why, reason });
    }

    fn name(&self, change: &Change) -> String {
        match self.objects.object(change.key) {
            Some(id) => {
                let place = id.namespace.map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
                format!("{} {:?}{place}", id.resource.full_name(), id.name)
            }
            None => self.objects.history().keys().get(change.key).escape_ascii().to_string(),
        }
    }
}

/// The live object that a reference names.
fn find<'s>(objects: &Objects<'s>, reference: &Reference) -> Option<&'s Change> {
    let resource = objects.registry().of_kind(&reference.group, &reference.kind)?;
    let key = objects.registry().key(resource, reference.namespace.as_deref(), &reference.name);
    let key = objects.history().keys().find(key.as_bytes())?;
    match objects.history().at(objects.revision()).state(key) {
        KeyState::Live(change) => Some(change),
        KeyState::Absent(_) | KeyState::Unknown => None,
    }
}

impl Bundle {
    /// Bundles of several moments as one: of an object that more than one has, each revision stays once.
    pub fn joined(bundles: Vec<Self>) -> Self {
        let mut all = Self::default();
        for bundle in bundles {
            all.pieces.extend(bundle.pieces);
            all.left_out.extend(bundle.left_out);
            all.damaged.extend(bundle.damaged);
        }
        let mut seen = HashSet::new();
        all.pieces.retain(|piece| seen.insert((piece.key.clone(), piece.revision)));
        sort(&mut all.pieces);
        all
    }

    /// All objects as one YAML text of several documents.
    pub fn yaml(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b"---\n");
            }
            out.extend(piece.yaml());
        }
        out
    }

    /// Writes each object into a file of its own in a new directory: their names sort in the order in which `kubectl apply
    /// -f` should take them. Gives the names.
    ///
    /// # Errors
    /// [`OutputError`]; nothing is left then.
    pub fn write(&self, directory: &Path, force: bool, inputs: &Watch) -> Result<Vec<String>, OutputError> {
        let destination = Destination::new(directory, Kind::Directory, force && holds_only_yaml(directory), inputs)?;
        let made = destination.temporary_directory()?;
        let io = |source| OutputError::Io { path: directory.to_owned(), source };
        let names = self.file_names();
        for (name, piece) in names.iter().zip(&self.pieces) {
            write_new(&made.path().join(name), &piece.yaml()).map_err(io)?;
        }
        super::output::sync_directory(made.path()).map_err(io)?;
        destination.publish_directory(made)?;
        Ok(names)
    }

    /// `10-deployment.apps_shop_web.yaml`; made unique where file systems cannot keep what tells names apart.
    fn file_names(&self) -> Vec<String> {
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut name = |piece: &Piece| {
            let text = |pointer: &str| piece.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
            let kind = text("/kind").to_lowercase();
            let kind = if group.is_empty() { kind } else { format!("{kind}.{group}") };
            let parts = [kind.as_str(), text("/metadata/namespace"), text("/metadata/name")];
            let whole = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
            let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
            let stem: String = whole.chars().map(safe).take(LONGEST_STEM).collect();
            let stem = format!("{:02}-{stem}", order::object_rank(&piece.object));
            let times = seen.entry(stem.to_lowercase()).or_insert(0);
            *times += 1;
            if *times == 1 { format!("{stem}.yaml") } else { format!("{stem}-{times}.yaml") }
        };
        self.pieces.iter().map(&mut name).collect()
    }
}

/// Characters of a file's name that come from the object: file systems take 255 bytes in all.
const LONGEST_STEM: usize = 230;

impl Piece {
    /// The object as YAML.
    pub fn yaml(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut sink = YamlSink::new(&mut out);
        push_value(&self.object, &mut sink);
        sink.finish();
        out
    }
}

/// Whether a directory is one that [`Bundle::write`] could have made: only such a one is replaced.
fn holds_only_yaml(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let names = entries.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    names.into_iter().all(|name| name.is_ok_and(|name| name.extension().is_some_and(|extension| extension == "yaml")))
}

pub(super) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    if std::fs::read(path)? == bytes { Ok(()) } else { Err(std::io::Error::other("what was read back differs")) }
}
