//! Every value that the store still has, live or not: it parses as what its key says it is, opens with the keys at hand, and
//! names itself as its key does.

use std::collections::BTreeMap;

use memchr::memmem::Finder;
use rayon::prelude::*;

use super::RECOVER;
use crate::k3s::BlobError;
use crate::k3s::bootstrap::check_shape;
use crate::kube::decode::{DecodeError, Notes, Place};
use crate::kube::encryption::{Keyring, LockedReason, is_encrypted};
use crate::kube::envelope::PROTOBUF;
use crate::kube::look::{Itself, look};
use crate::kube::minor::Minor;
use crate::kube::resources::{Identity, Registry, Special};
use crate::kube::show::ShowError;
use crate::model::{Change, History, LeaseRef, Op, ValueRef};
use crate::ops::finding::{Findings, Id, Severity};
use crate::ops::objects::{MinorFrom, Objects};
use crate::ops::store::Store;

/// Changes that one thread looks at before it takes the next.
const PIECE: usize = 512;

/// How many values were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Values of live keys and of superseded and deleted ones, and copies of older values.
    pub values: u64,
    /// Those that are encrypted and were opened.
    pub opened: u64,
    /// Those that are encrypted and for which there is no key.
    pub locked: u64,
}

/// Values of one resource by how they are stored.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    encrypted: u64,
    plain_live: u64,
    plain_history: u64,
}

/// What is found of many, told once: how many there are, and the first of them.
#[derive(Clone, Debug, Default)]
struct Many {
    count: u64,
    first: String,
}

impl Many {
    fn add(&mut self, first: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = first();
        }
        self.count += 1;
    }

    fn join(&mut self, other: &Self) {
        if self.count == 0 {
            self.first.clone_from(&other.first);
        }
        self.count += other.count;
    }
}

/// Findings of many, by severity and id, and by what they are about.
type Sums = BTreeMap<(Severity, Id, String), Many>;

/// What one thread found.
#[derive(Debug, Default)]
struct Partial {
    checked: Checked,
    findings: Findings,
    sums: Sums,
    stored: BTreeMap<String, Stored>,
}

/// One value, and what is known of it beside its bytes.
struct Look<'a> {
    key: &'a [u8],
    stored: &'a [u8],
    /// The revision of the row that holds it.
    revision: i64,
    role: Role,
}

/// What a value is to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Live,
    History,
    /// kine's copy of a value whose own row is gone.
    Copy,
}

impl Look<'_> {
    fn place(&self) -> String {
        let what = match self.role {
            Role::Live => "revision",
            Role::History => "superseded revision",
            Role::Copy => "old_value of revision",
        };
        format!("{} at {what} {}", shown(self.key), self.revision)
    }
}

fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

struct Checker<'a> {
    registry: &'a Registry,
    keyring: &'a Keyring,
    minor: Minor,
    /// The store has keys below the root where Kubernetes keeps its objects.
    has_root: bool,
    /// A Node of the store names a release whose fields are all known here.
    knows_all_fields: bool,
    /// Finds what a lost sector leaves, less what a page's own bytes may take of it.
    zeros: Finder<'static>,
}

/// The least bytes of zeros that are taken for a lost sector of 512.
static ZEROS: [u8; 500] = [0; 500];

/// Looks at all values.
pub fn check(store: &Store, keyring: &Keyring, findings: &mut Findings) -> Checked {
    let history = store.history();
    let objects = Objects::new(history, keyring, None, history.current_revision());
    let (minor, from) = objects.minor();
    let checker = Checker {
        registry: objects.registry(),
        keyring,
        minor,
        has_root: history.keys().with_prefix(b"/registry/namespaces/").next().is_some(),
        knows_all_fields: from == MinorFrom::Node && minor < Minor::NEWEST,
        zeros: Finder::new(&ZEROS),
    };
    let partials: Vec<Partial> =
        history.changes().par_chunks(PIECE).map(|changes| checker.changes(history, changes)).collect();
    let copies = match store {
        Store::Kine(store) => store.rows().par_chunks(PIECE).map(|rows| checker.copies(store, rows)).collect(),
        Store::Etcd(_) => Vec::new(),
    };
    let mut checked = Checked::default();
    let mut sums = Sums::new();
    let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
    for partial in partials.into_iter().chain(copies) {
        checked.values += partial.checked.values;
        checked.opened += partial.checked.opened;
        checked.locked += partial.checked.locked;
        findings.append(partial.findings);
        for (what, many) in partial.sums {
            sums.entry(what).or_default().join(&many);
        }
        for (resource, one) in partial.stored {
            let all = stored.entry(resource).or_default();
            all.encrypted += one.encrypted;
            all.plain_live += one.plain_live;
            all.plain_history += one.plain_history;
        }
    }
    tell_sums(sums, findings);
    tell_plain(&stored, findings);
    checked
}

fn tell_sums(sums: Sums, findings: &mut Findings) {
    for ((severity, id, what), many) in sums {
        let (count, first) = (many.count, many.first);
        let (text, hint) = match id {
            Id::LOCKED => (
                format!("{count} values are {what}"),
                "without the key nobody can say whether they are whole; the cluster needs it too",
            ),
            Id::DOES_NOT_OPEN => (
                format!("{count} values stay closed with the keys that were given: {what}"),
                "an apiserver with this configuration could not read them: find the configuration of their time, or \
                 restore from a copy of before",
            ),
            Id::KIND_UNKNOWN => {
                (format!("{count} values are of {what}, which is not known here: their content was not checked"), "")
            }
            Id::MASTERLEASE_FOREVER => (
                format!(
                    "{count} entries of API servers have no time to live: the kubernetes Service would keep them for ever"
                ),
                "kubectl delete cannot reach them: leave them out with `kinescope convert`, or delete them once the \
                 cluster runs (etcdctl del --prefix /registry/masterleases/)",
            ),
            Id::EVENTS_FOREVER => (
                format!("{count} Events have no time to live, as k3s's own migration to etcd leaves them"),
                "kubectl delete events -A --all, once the cluster runs",
            ),
            Id::LEASE_UNKNOWN => (
                format!("{count} keys hang on a lease that the store does not have: they would never expire"),
                "delete them, or touch them, once the cluster runs",
            ),
            _ => (format!("{count}: {what}"), ""),
        };
        findings.add(severity, id, first, text, hint);
    }
}

/// Plain text beside encrypted values: written before encryption was switched on, or after it was switched off.
fn tell_plain(stored: &BTreeMap<String, Stored>, findings: &mut Findings) {
    for (resource, count) in stored.iter().filter(|(_, count)| count.encrypted > 0) {
        if count.plain_live > 0 {
            findings.add(
                Severity::Warning,
                Id::PLAIN_LIVE,
                resource.as_str(),
                format!("{} live values are plain text, and {} values encrypted", count.plain_live, count.encrypted),
                "encrypt them: k3s secrets-encrypt reencrypt, or write each once more",
            );
        }
        if count.plain_history > 0 {
            findings.add(
                Severity::Warning,
                Id::PLAIN_HISTORY,
                resource.as_str(),
                format!(
                    "{} superseded values are still there as plain text, from before encryption was switched on",
                    count.plain_history
                ),
                "whoever has this file can read them; they go with the next compaction, and from free pages with a \
                 conversion: kinescope convert --no-history",
            );
        }
    }
}

impl Checker<'_> {
    fn changes(&self, history: &History, changes: &[Change]) -> Partial {
        let mut partial = Partial::default();
        for change in changes.iter().filter(|change| change.op == Op::Put) {
            let key = history.keys().get(change.key);
            let is_live = history.live(change.key).is_some_and(|live| live.revision == change.revision);
            let role = if is_live { Role::Live } else { Role::History };
            match history.value(change.value) {
                Ok(stored) => {
                    let look = Look { key, stored: &stored, revision: change.revision.main, role };
                    let identity = self.value(&look, &mut partial);
                    if is_live {
                        lifetime(history, change, identity, &look, &mut partial);
                    }
                }
                Err(damage) => partial.findings.damage(Severity::Loss, &damage, RECOVER),
            }
        }
        partial
    }

    /// kine keeps each value twice: in its row, and as `old_value` in the row that supersedes it (kine
    /// pkg/drivers/generic/generic.go, insert).
    fn copies(&self, store: &crate::kine::Store, rows: &[crate::kine::Row]) -> Partial {
        let mut partial = Partial::default();
        let history = store.history();
        for row in rows {
            let Some(copy) = row.old_value.filter(|_| row.prev_revision > 0) else { continue };
            let before = store.rows().binary_search_by_key(&row.prev_revision, |row| row.id).ok();
            let before = before.and_then(|at| store.rows().get(at)).filter(|before| before.key == row.key);
            let of_before = before.map(|before| {
                let last = if before.deleted { before.value.or(before.old_value) } else { before.value };
                last.unwrap_or(ValueRef::NONE)
            });
            let read = history.value(copy).and_then(|copy| {
                let own = of_before.map(|own| history.value(own)).transpose()?;
                Ok((copy, own))
            });
            let key = history.keys().get(row.key);
            match read {
                Ok((copy, Some(own))) if copy != own => partial.findings.add(
                    Severity::Loss,
                    Id::COPIES_DIFFER,
                    format!("{} at revision {}", shown(key), row.prev_revision),
                    format!("its value and the copy of it in row {} are not the same: one of them was changed", row.id),
                    RECOVER,
                ),
                Ok((copy, None)) => {
                    let look = Look { key, stored: &copy, revision: row.id, role: Role::Copy };
                    self.value(&look, &mut partial);
                }
                Ok(_) => partial.checked.values += 1,
                Err(damage) => partial.findings.damage(Severity::Loss, &damage, RECOVER),
            }
        }
        partial
    }

    /// Looks at one value, and says what its key is.
    fn value<'k>(&'k self, look: &Look<'k>, partial: &mut Partial) -> Identity<'k> {
        partial.checked.values += 1;
        let identity = self.registry.identify(look.key);
        match identity {
            Identity::Special(Special::Bootstrap) => bootstrap(look, partial),
            Identity::Special(Special::Compaction) if !is_number(look.stored) => {
                let text = "the apiserver keeps the revision of its last compaction here, and this is no number";
                partial.findings.add(Severity::Loss, Id::VALUE_BROKEN, look.place(), text, RECOVER);
            }
            Identity::Special(
                Special::Compaction
                | Special::CompactionApiserver
                | Special::Gap
                | Special::Health
                | Special::EmbeddedEtcd,
            ) => {}
            Identity::Object(_)
            | Identity::Unlisted { .. }
            | Identity::Foreign
            | Identity::Special(Special::Allocation | Special::ServerLease | Special::PeerLease) => {
                self.object(look, identity, partial);
            }
        }
        identity
    }

    fn object(&self, look_at: &Look<'_>, identity: Identity<'_>, partial: &mut Partial) {
        let resource = identity.object().map(|id| id.resource.full_name());
        let encrypted = is_encrypted(look_at.stored);
        if encrypted && identity == Identity::Foreign && self.has_root {
            let text =
                format!("a value that an apiserver encrypted, and its key is not below {}/", self.registry.root());
            partial.findings.add(Severity::Loss, Id::OTHER_THAN_ITS_KEY, look_at.place(), text, RECOVER);
        }
        if let Some(resource) = resource {
            let stored = partial.stored.entry(resource).or_default();
            match (encrypted, look_at.role) {
                (true, _) => stored.encrypted += 1,
                (false, Role::Live) => stored.plain_live += 1,
                (false, Role::History | Role::Copy) => stored.plain_history += 1,
            }
        }
        let plain = match self.keyring.open(look_at.key, look_at.stored) {
            Ok(plain) => plain,
            Err(reason) => return locked(look_at, &reason, partial),
        };
        partial.checked.opened += u64::from(encrypted);
        match look(&plain, self.minor) {
            Ok((itself, _)) if identity == Identity::Foreign && itself.api_version.is_empty() => {}
            Ok((itself, notes)) => {
                if itself.is_broken_release() {
                    let text = "what Helm keeps in it as base64 is something else";
                    partial.findings.add(Severity::Loss, Id::VALUE_ODD, look_at.place(), text, RECOVER);
                }
                if let Some((severity, text)) = self.doubt(&plain, &notes) {
                    partial.findings.add(severity, Id::VALUE_ODD, look_at.place(), text, RECOVER);
                }
                if let Some(text) = self.other_than_its_key(identity, &itself) {
                    partial.findings.add(Severity::Loss, Id::OTHER_THAN_ITS_KEY, look_at.place(), text, RECOVER);
                }
            }
            Err(ShowError::Decode(DecodeError::UnknownKind { api_version, kind })) => {
                let what = (Severity::Note, Id::KIND_UNKNOWN, format!("{kind} of {api_version}"));
                partial.sums.entry(what).or_default().add(|| look_at.place());
            }
            // What others keep beside Kubernetes may be anything.
            Err(_) if identity == Identity::Foreign && !plain.starts_with(PROTOBUF) => {}
            Err(error) => {
                let severity = if matches!(identity, Identity::Unlisted { .. }) && error == ShowError::NoObject {
                    Severity::Warning
                } else {
                    Severity::Loss
                };
                partial.findings.add(severity, Id::VALUE_BROKEN, look_at.place(), error.to_string(), RECOVER);
            }
        }
    }

    /// What no server of a known release writes, although it can be read.
    fn doubt(&self, plain: &[u8], notes: &Notes) -> Option<(Severity, String)> {
        let at = |places: &[Place]| places.first().map(|place| format!("{} field {}", place.message, place.number));
        if let Some(place) = at(&notes.invalid_text) {
            return Some((Severity::Loss, format!("a text in it is no UTF-8: {place}")));
        }
        if plain.starts_with(b"{") && notes.more > 0 {
            return Some((Severity::Loss, "its JSON is no UTF-8".to_owned()));
        }
        if let Some(place) = at(&notes.repeated) {
            return Some((Severity::Loss, format!("a field that can be there once is there twice: {place}")));
        }
        if self.zeros.find(plain).is_some() {
            return Some((
                Severity::Loss,
                "a whole sector of zeros stands in it, as where a write was lost".to_owned(),
            ));
        }
        // A server newer than what is known here has fields that are not known here.
        let place = at(&notes.unknown)?;
        let severity = if self.knows_all_fields { Severity::Loss } else { Severity::Warning };
        Some((severity, format!("it has a field that no release up to {} has: {place}", Minor::NEWEST)))
    }

    /// Where an object does not belong under its key: a changed byte in a key is well-formed, but the object says what it is.
    fn other_than_its_key(&self, identity: Identity<'_>, itself: &Itself) -> Option<String> {
        let says = || {
            let place = if itself.namespace.is_empty() {
                String::new()
            } else {
                format!(" in namespace {:?}", itself.namespace)
            };
            format!("the object under this key says that it is {} {:?}{place}", itself.kind, itself.name)
        };
        let fits = match identity {
            Identity::Object(id) => {
                id.resource.kind == itself.kind
                    && id.name == itself.name
                    && id.namespace.unwrap_or_default() == itself.namespace
            }
            // Without its definition nobody knows whether it lives in a namespace; a known kind has a place of its own.
            Identity::Unlisted { rest, .. } => {
                let known = self.registry.of_kind(itself.group(), &itself.kind);
                known.is_none() && names_end(rest.as_bytes(), itself)
            }
            // An apiserver with another root keeps all of its objects there.
            Identity::Foreign => !self.has_root,
            Identity::Special(_) => true,
        };
        (!fits).then(says)
    }
}

/// Whether a key ends with what the object calls itself.
fn names_end(key: &[u8], itself: &Itself) -> bool {
    let rest = key.strip_suffix(itself.name.as_bytes());
    let Some(rest) = rest else { return false };
    if itself.namespace.is_empty() {
        return rest.is_empty() || rest.ends_with(b"/");
    }
    rest.strip_suffix(b"/").is_some_and(|rest| rest.ends_with(itself.namespace.as_bytes()))
}

fn locked(look: &Look<'_>, reason: &LockedReason, partial: &mut Partial) {
    partial.checked.locked += 1;
    let what = match reason {
        LockedReason::NoKey { .. } => (Severity::Note, Id::LOCKED, reason.to_string()),
        // A value that no known provider wrote, or that its own key does not open, was changed or is of another key.
        LockedReason::WrongKey { .. } | LockedReason::UnknownProvider { .. } => match look.role {
            Role::Live => (Severity::Loss, Id::DOES_NOT_OPEN, reason.to_string()),
            Role::History | Role::Copy => (Severity::Warning, Id::DOES_NOT_OPEN, reason.to_string()),
        },
    };
    partial.sums.entry(what).or_default().add(|| look.place());
}

fn bootstrap(look: &Look<'_>, partial: &mut Partial) {
    match check_shape(look.stored) {
        Ok(()) | Err(BlobError::Lock) => {}
        Err(error) => {
            let severity = if look.role == Role::Live { Severity::Loss } else { Severity::Warning };
            partial.findings.add(severity, Id::VALUE_BROKEN, look.place(), error.to_string(), RECOVER);
        }
    }
}

/// Keys that should go by themselves, and would not.
fn lifetime(history: &History, change: &Change, identity: Identity<'_>, look: &Look<'_>, partial: &mut Partial) {
    let id = match (change.lease, history.ttl(change.lease)) {
        (_, Some(_)) => return,
        (LeaseRef::Id(_), None) => Id::LEASE_UNKNOWN,
        (LeaseRef::None | LeaseRef::Ttl(_), None) => match identity {
            Identity::Special(Special::ServerLease) => Id::MASTERLEASE_FOREVER,
            Identity::Object(id) if id.resource.kind == "Event" => Id::EVENTS_FOREVER,
            _ => return,
        },
    };
    let severity = if id == Id::EVENTS_FOREVER { Severity::Note } else { Severity::Warning };
    partial.sums.entry((severity, id, String::new())).or_default().add(|| look.place());
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}
