//! The form of an object that a cluster takes: without what belongs to the server that wrote it, and without what ties
//! it to things that are gone.
//!
//! Nothing is removed because it is empty: `emptyDir: {}` and `podSelector: {}` say something. What each mode removes is
//! the table in `docs/extract.md`; the rules follow velero's restore (pkg/restore) and what API servers refuse.

mod kinds;
mod parts;
mod ports;

use serde_json::Value;

pub(super) use kinds::is_token_of;
use parts::Remover;

/// What the object is to be given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `kubectl apply` to a cluster that is not the one it comes from, or was built anew.
    Apply,
    /// `kubectl create` to such a cluster: what `kubectl apply` declared last stays, so that later applies know it.
    Create,
    /// Back to the cluster that it was deleted from: addresses, ports, volumes and living owners stay.
    SameCluster,
}

/// One thing that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Where it was, as a JSON pointer.
    pub path: String,
    /// Why it cannot stay.
    pub why: &'static str,
}

/// Something that stays and may surprise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The object cannot be deleted before somebody removes these.
    #[error("finalizers {} stay: without what handles them the object cannot be deleted", .0.join(", "))]
    Finalizers(Vec<String>),
    /// The object was on its way out.
    #[error("the object was being deleted; it is shown as if it were not, without its finalizers")]
    WasBeingDeleted,
    /// A claim without its volume gets a new one.
    #[error(
        "the claim was bound to volume {0}; without that PersistentVolume, extracted too, it gets a new and empty volume"
    )]
    Unbound(String),
    /// A part of the object is not there because of how it was read.
    #[error("the owner {kind} {name} is not there any more: the reference to it is removed")]
    OwnerGone {
        /// The owner's kind.
        kind: String,
        /// The owner's name.
        name: String,
    },
}

/// An object in the form that a cluster takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stripped {
    /// The object.
    pub object: Value,
    /// What was removed, in the order in which it was.
    pub removed: Vec<Removal>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// The object as `mode` needs it. `owner_lives` says of an owner's uid whether an object with it is in the store; it is
/// asked only for [`Mode::SameCluster`].
pub fn strip(object: &Value, mode: Mode, owner_lives: &dyn Fn(&str) -> bool) -> Stripped {
    let mut remover = Remover::new(object.clone());
    metadata(&mut remover, mode, owner_lives);
    remover.remove("/status", "written by controllers, through a subresource");
    kinds::strip(&mut remover, object, mode);
    remover.finish()
}

/// Server-owned fields of the metadata.
const OWNED_BY_THE_SERVER: [(&str, &str); 7] = [
    ("uid", "names this one object; another one has another"),
    ("resourceVersion", "a new object must not have one"),
    ("generation", "counted by the server"),
    ("creationTimestamp", "set by the server"),
    ("deletionGracePeriodSeconds", "belongs to the deletion"),
    ("selfLink", "no longer used"),
    ("managedFields", "kept by the server"),
];

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn metadata(remover: &mut Remover, mode: Mode, owner_lives: &dyn Fn(&str) -> bool) {
    for (field, why) in OWNED_BY_THE_SERVER {
        remover.remove(&format!("/metadata/{field}"), why);
    }
    if remover.text("/metadata/name").is_some_and(|name| !name.is_empty()) {
        remover.remove("/metadata/generateName", "the object has its name");
    }
    if remover.remove("/metadata/deletionTimestamp", "belongs to the deletion") {
        remover.remove("/metadata/finalizers", "the object was being deleted");
        remover.warn(Warning::WasBeingDeleted);
    }
    finalizers(remover);
    if mode != Mode::Create {
        remover.remove_annotation(LAST_APPLIED, "kubectl apply writes it anew");
    }
    owners(remover, mode, owner_lives);
}

/// Finalizers of the server itself, which it also knows to remove.
const BUILT_IN_FINALIZERS: [&str; 5] = [
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "batch.kubernetes.io/job-tracking",
    "service.kubernetes.io/load-balancer-cleanup",
    "foregroundDeletion",
];

fn finalizers(remover: &mut Remover) {
    let all = remover.object.pointer("/metadata/finalizers").and_then(Value::as_array).map(Vec::as_slice);
    let foreign: Vec<String> = all
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .filter(|finalizer| !BUILT_IN_FINALIZERS.contains(finalizer))
        .map(str::to_owned)
        .collect();
    if !foreign.is_empty() {
        remover.warn(Warning::Finalizers(foreign));
    }
}

/// In another cluster the owners have other uids, and the garbage collector would delete what names the old ones.
fn owners(remover: &mut Remover, mode: Mode, owner_lives: &dyn Fn(&str) -> bool) {
    const POINTER: &str = "/metadata/ownerReferences";
    if mode != Mode::SameCluster {
        remover.remove(POINTER, "owners have other uids there: the object would be deleted at once");
        return;
    }
    let text = |owner: &Value, field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut gone = Vec::new();
    remover.retain(POINTER, "this owner is not there any more", &mut |owner| {
        let lives = owner_lives(&text(owner, "uid"));
        if !lives {
            gone.push(Warning::OwnerGone { kind: text(owner, "kind"), name: text(owner, "name") });
        }
        lives
    });
    gone.into_iter().for_each(|warning| remover.warn(warning));
}
