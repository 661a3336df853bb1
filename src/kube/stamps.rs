//! The times inside an object, and what they say about when it was written.
//!
//! No store keeps the time of a revision, but objects are full of stamps. Each says: the write that carries this was not
//! earlier. The server sets some of them itself; others come from the clocks of nodes and controllers, which may be wrong.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Who set a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// The API server, while it wrote.
    Server,
    /// Whoever sent the object: a node, a controller, a person.
    Client,
}

/// What a stamp is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The object was created. At its first revision this is the time of the write, cut to the second.
    Created,
    /// Its deletion was asked for. `deletionTimestamp` lies later by the grace period, which is taken off here.
    DeletionAsked,
    /// A manager changed fields that it owns (`managedFields`).
    FieldsChanged,
    /// An event was seen.
    EventSeen,
    /// A lease was taken or renewed.
    LeaseRenewed,
    /// Something in the status happened: a condition changed, a container started.
    StatusChanged,
    /// An annotation tells of a change.
    Annotated,
}

/// One time inside an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The time. The write that carries it was not earlier, by the clock that set it.
    pub at: Timestamp,
    /// Whose clock.
    pub clock: Clock,
    /// What of.
    pub meaning: Meaning,
    /// Where it stands, as a JSON pointer.
    pub path: String,
}

/// Members of a status that say when something happened. Those that lie in the future by their meaning (expiry of
/// certificates, the next retry) are not among them.
const STATUS_TIMES: [&str; 14] = [
    "lastTransitionTime",
    "lastUpdateTime",
    "lastHeartbeatTime",
    "lastProbeTime",
    "startTime",
    "completionTime",
    "startedAt",
    "finishedAt",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastScaleTime",
    "observedTime",
    "lastPhaseTransitionTime",
    "timeAdded",
];

const ANNOTATIONS: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/restartedAt"];

/// How deep a status is looked into, and how many stamps of it are taken: a hostile one shall not cost more.
const MAX_DEPTH: usize = 12;
const MAX_STAMPS: usize = 10_000;

/// All stamps of an object, in no order that means anything.
pub fn stamps(object: &Value) -> Vec<Stamp> {
    let mut found = Found { object, all: Vec::new() };
    found.take("/metadata/creationTimestamp", Clock::Server, Meaning::Created);
    found.deletion();
    let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array).map_or(0, Vec::len);
    for at in 0..managers.min(MAX_STAMPS) {
        found.take(&format!("/metadata/managedFields/{at}/time"), Clock::Server, Meaning::FieldsChanged);
    }
    for field in ["firstTimestamp", "lastTimestamp", "eventTime", "series/lastObservedTime"] {
        found.take(&format!("/{field}"), Clock::Client, Meaning::EventSeen);
    }
    for field in ["acquireTime", "renewTime", "pingTime"] {
        found.take(&format!("/spec/{field}"), Clock::Client, Meaning::LeaseRenewed);
    }
    for annotation in ANNOTATIONS {
        let key = annotation.replace('/', "~1");
        found.take(&format!("/metadata/annotations/{key}"), Clock::Client, Meaning::Annotated);
    }
    if let Some(status) = object.get("status") {
        found.status(status, "/status", 0);
    }
    found.all
}

/// The newest stamp that says something of the write of this revision. `first_revision`: the object was created by it.
/// Then the creation itself is the time of the write, whatever else stands in the object.
pub fn newest(object: &Value, first_revision: bool) -> Option<Stamp> {
    let all = stamps(object);
    let created = |stamp: &&Stamp| stamp.meaning == Meaning::Created;
    if first_revision && let Some(creation) = all.iter().find(created) {
        return Some(creation.clone());
    }
    all.into_iter().max_by_key(|stamp| stamp.at)
}

struct Found<'a> {
    object: &'a Value,
    all: Vec<Stamp>,
}

impl Found<'_> {
    fn take(&mut self, path: &str, clock: Clock, meaning: Meaning) {
        let Some(at) = self.object.pointer(path).and_then(time) else { return };
        self.all.push(Stamp { at, clock, meaning, path: path.to_owned() });
    }

    /// The server adds the grace period to the time of the request (apiserver pkg/registry/rest/delete.go).
    fn deletion(&mut self) {
        const PATH: &str = "/metadata/deletionTimestamp";
        let Some(until) = self.object.pointer(PATH).and_then(time) else { return };
        let grace = self.object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
        let Ok(at) = until.checked_sub(SignedDuration::from_secs(grace)) else { return };
        self.all.push(Stamp { at, clock: Clock::Server, meaning: Meaning::DeletionAsked, path: PATH.to_owned() });
    }

    fn status(&mut self, value: &Value, path: &str, depth: usize) {
        if depth > MAX_DEPTH || self.all.len() >= MAX_STAMPS {
            return;
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                    match STATUS_TIMES.contains(&key.as_str()).then(|| time(value)).flatten() {
                        Some(at) => {
                            self.all.push(Stamp { at, clock: Clock::Client, meaning: Meaning::StatusChanged, path });
                        }
                        None => self.status(value, &path, depth + 1),
                    }
                }
            }
            Value::Array(list) => {
                for (at, value) in list.iter().enumerate() {
                    self.status(value, &format!("{path}/{at}"), depth + 1);
                }
            }
            _ => {}
        }
    }
}

/// RFC 3339; Go's zero time is none.
fn time(value: &Value) -> Option<Timestamp> {
    let at: Timestamp = value.as_str()?.parse().ok()?;
    (at.as_second() != GO_ZERO).then_some(at)
}

/// The first second of the year 1.
const GO_ZERO: i64 = -62_135_596_800;
