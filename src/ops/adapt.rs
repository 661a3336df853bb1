//! What still says etcd in a store that goes to a single SQLite server, and the changes that take it out.
//!
//! Nothing cleans this up once k3s runs on SQLite: the controllers that would are those of embedded etcd (k3s pkg/etcd,
//! member and metadata controllers). Each change is a new revision on top; history stays what it was.

use std::collections::BTreeSet;

use serde_json::Value;

use super::convert::NewChange;
use super::keyring::{Keyring, seal_new};
use super::objects::Objects;
use crate::kube::encode;
use crate::kube::minor::Minor;
use crate::kube::resources::{Identity, Special};
use crate::kube::selector::LabelSelector;
use crate::kube::show::{self, View};
use crate::model::{Change, History, KeyState};

/// The label of a server of embedded etcd (k3s pkg/etcd).
const ROLE: &str = "node-role.kubernetes.io/etcd";
/// The beginning of the annotations that embedded etcd's controllers write on Nodes.
const ANNOTATIONS: &str = "etcd.k3s.cattle.io/";
/// A condition that nobody renews any more.
const CONDITION: &str = "EtcdIsVoter";
/// The finalizer that only a controller of embedded etcd removes: with it a Node stays Terminating for ever.
const FINALIZER: &str = "wrangler.cattle.io/managed-etcd-controller";
/// Labels of the Nodes that are servers.
const SERVERS: [&str; 3] = [ROLE, "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
/// Annotations with addresses of a Node.
const ADDRESSES: [&str; 4] = [
    "k3s.io/internal-ip",
    "k3s.io/external-ip",
    "etcd.k3s.cattle.io/node-address",
    "alpha.kubernetes.io/provided-node-ip",
];

/// What is to be done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapt {
    /// The servers that will exist. None named: all do, as far as can be told.
    pub keep_nodes: Vec<String>,
    /// Whether the servers that stay run on another machine than before.
    pub new_host: bool,
}

/// Something that still says etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residue {
    /// The key.
    pub key: Vec<u8>,
    /// The revision of its value.
    pub revision: i64,
    /// What is there.
    pub what: Vec<String>,
    /// What takes it out.
    pub remedy: Remedy,
}

/// What takes residue out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The object stays, without it.
    Change,
    /// The object goes.
    Delete,
    /// Nothing here can: why.
    None(String),
}

impl Remedy {
    /// Its name in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Delete => "delete",
            Self::None(_) => "none",
        }
    }
}

/// All that still says etcd.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What, in the order of the keys.
    pub residue: Vec<Residue>,
    /// The changes that take it out.
    pub changes: Vec<NewChange>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Why nothing is taken out: what would go is not what was meant.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// No such Node.
    #[error("--keep-node {name}: there is no such Node; there are {}", there.join(", "))]
    NoNode {
        /// What was given.
        name: String,
        /// The Nodes.
        there: Vec<String>,
    },
    /// Agents stay in any case, and all servers would go.
    #[error("--keep-node {name}: this Node is no server; name the server that stays: {}", servers.join(", "))]
    NoServer {
        /// What was given.
        name: String,
        /// The Nodes that are servers.
        servers: Vec<String>,
    },
}

/// Looks for what still says etcd, in a store as it was right after `revision`. An object that cannot be read is in the
/// notes.
///
/// # Errors
/// [`AdaptError`].
pub fn find(
    history: &History,
    keyring: &Keyring,
    adapt: &Adapt,
    minor: Option<Minor>,
    revision: i64,
) -> Result<Found, AdaptError> {
    let objects = Objects::new(history, keyring, minor, revision);
    let mut search = Search { objects: &objects, keyring, adapt, found: Found::default(), servers: Vec::new() };
    search.nodes()?;
    search.server_leases();
    search.snapshots();
    search.node_passwords();
    Ok(search.found)
}

/// A Node that is a server.
struct Server {
    name: String,
    stays: bool,
    addresses: BTreeSet<String>,
}

struct Search<'a, 's> {
    objects: &'a Objects<'s>,
    keyring: &'a Keyring,
    adapt: &'a Adapt,
    found: Found,
    servers: Vec<Server>,
}

impl<'s> Search<'_, 's> {
    fn live(&self, resource: &str, namespace: Option<&str>) -> Vec<(&'s Change, String)> {
        let Ok(resource) = self.objects.registry().find(resource) else { return Vec::new() };
        let found = self.objects.select(resource, namespace, None, &LabelSelector::default());
        let name = |change: &Change| self.objects.object(change.key).map(|id| id.name.to_owned()).unwrap_or_default();
        found.live.into_iter().map(|change| (change, name(change))).collect()
    }

    fn key(&self, change: &Change) -> Vec<u8> {
        self.objects.history().keys().get(change.key).to_vec()
    }

    fn add(&mut self, change: &Change, what: Vec<String>, remedy: Remedy) {
        let key = self.key(change);
        if remedy == Remedy::Delete {
            self.found.changes.push(NewChange::delete(key.clone()));
        }
        self.found.residue.push(Residue { key, revision: change.revision.main, what, remedy });
    }

    fn nodes(&mut self) -> Result<(), AdaptError> {
        let nodes = self.live("nodes", None);
        let there = || nodes.iter().map(|(_, name)| name.clone()).collect();
        if let Some(kept) = self.adapt.keep_nodes.iter().find(|kept| !nodes.iter().any(|(_, name)| name == *kept)) {
            return Err(AdaptError::NoNode { name: kept.clone(), there: there() });
        }
        let mut agents = Vec::new();
        for (change, name) in nodes {
            let tree = self.objects.tree(change, &self.objects.whole(change));
            let node = match tree {
                Ok((node, _)) => node,
                Err(error) => {
                    self.found.notes.push(format!("whether it says etcd is not known: {error}"));
                    continue;
                }
            };
            let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
            let is_server = labels.is_some_and(|labels| SERVERS.iter().any(|label| labels.contains_key(*label)));
            let stays = !is_server || self.adapt.keep_nodes.is_empty() || self.adapt.keep_nodes.contains(&name);
            if !is_server {
                agents.push(name);
            } else {
                self.servers.push(Server { name, stays, addresses: addresses(&node) });
            }
            if !stays {
                self.add(change, vec!["a server that will not exist".to_owned()], Remedy::Delete);
                continue;
            }
            let what = residue_of_node(&node);
            if !what.is_empty() {
                let remedy = self.cleaned_node(change);
                self.add(change, what, remedy);
            }
        }
        if let Some(kept) = self.adapt.keep_nodes.iter().find(|kept| agents.contains(kept)) {
            let servers = self.servers.iter().map(|server| server.name.clone()).collect();
            return Err(AdaptError::NoServer { name: kept.clone(), servers });
        }
        let stay = self.servers.iter().filter(|server| server.stays).count();
        if stay > 1 {
            self.found.notes.push(format!(
                "{stay} Nodes are servers, and with SQLite there is one: --adapt --keep-node NAME keeps the one that stays, \
                 and deletes the others, which are NotReady for ever otherwise"
            ));
        }
        Ok(())
    }

    /// Puts the Node without its residue among the changes. All else must stay byte for byte: an object that does not
    /// encode to the very bytes it was decoded from is left as it is.
    fn cleaned_node(&mut self, change: &Change) -> Remedy {
        let plain = match self.objects.plain(change) {
            Ok(plain) => plain,
            Err(error) => return Remedy::None(error.to_string()),
        };
        let Some((mut node, minor)) = reencodes(&plain, self.objects.minor().0) else {
            return Remedy::None(
                "its bytes are not those that a release of Kubernetes would write, and would not stay the same"
                    .to_owned(),
            );
        };
        clean_node(&mut node);
        let bytes = match encode::encode(&node, minor) {
            Ok(encoded) => encoded.bytes,
            Err(error) => return Remedy::None(error.to_string()),
        };
        let key = self.key(change);
        match seal_new(self.objects.history(), self.keyring, "nodes", &key, &bytes) {
            Ok(sealed) => self.found.changes.push(NewChange::put(key.clone(), sealed.into_owned())),
            Err(error) => return Remedy::None(error.to_string()),
        }
        Remedy::Change
    }

    /// The addresses at which servers said they live. Without its lease, one of these would stay an endpoint of the
    /// `kubernetes` Service (kubernetes pkg/controlplane/reconcilers/lease.go).
    fn server_leases(&mut self) {
        let history = self.objects.history();
        let prefix = format!("{}/masterleases/", self.objects.registry().root());
        let stays: BTreeSet<&String> =
            self.servers.iter().filter(|server| server.stays).flat_map(|server| &server.addresses).collect();
        let stays: BTreeSet<String> = stays.into_iter().cloned().collect();
        for key in history.keys().with_prefix(prefix.as_bytes()) {
            let is_lease = matches!(self.objects.identity(key), Identity::Special(Special::ServerLease));
            let KeyState::Live(change) = history.at(self.objects.revision()).state(key) else { continue };
            let name = history.keys().get(key);
            let address = String::from_utf8_lossy(name.get(prefix.len()..).unwrap_or_default()).into_owned();
            if is_lease && (self.adapt.new_host || !stays.contains(&address)) {
                self.add(change, vec!["the address of a server that will not exist".to_owned()], Remedy::Delete);
            }
        }
    }

    /// What k3s notes of its etcd snapshots. Without its controller nobody takes the finalizer off these objects, and so
    /// they go.
    fn snapshots(&mut self) {
        for (change, _) in self.live("etcdsnapshotfiles.k3s.cattle.io", None) {
            self.add(change, vec!["a note of a snapshot of etcd".to_owned()], Remedy::Delete);
        }
        for (change, name) in self.live("configmaps", Some("kube-system")) {
            if name == "k3s-etcd-snapshots" {
                self.add(change, vec!["the list of the snapshots of etcd".to_owned()], Remedy::Delete);
            }
        }
    }

    /// A server whose password is not the one that the store has is not let in (k3s pkg/nodepassword).
    fn node_passwords(&mut self) {
        for (change, name) in self.live("secrets", Some("kube-system")) {
            let Some(node) = name.strip_suffix(".node-password.k3s") else { continue };
            let server = self.servers.iter().find(|server| server.name == node);
            let what = match server {
                Some(server) if !server.stays => "the password of a server that will not exist",
                Some(_) if self.adapt.new_host => "the password of a server on the machine that it leaves",
                _ => continue,
            };
            self.add(change, vec![what.to_owned()], Remedy::Delete);
        }
    }
}

fn addresses(node: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let annotations = node.pointer("/metadata/annotations").and_then(Value::as_object);
    let noted = annotations.into_iter().flat_map(|all| ADDRESSES.iter().filter_map(|name| text(all.get(*name)?)));
    let noted = noted.flat_map(|list| list.split(',').map(|address| address.trim().to_owned()).collect::<Vec<_>>());
    let status = node.pointer("/status/addresses").and_then(Value::as_array);
    let reported = status.into_iter().flatten().filter_map(|address| text(address.get("address")?));
    noted.chain(reported).collect()
}

/// The residue on a Node, as texts.
fn residue_of_node(node: &Value) -> Vec<String> {
    let members = |path: &str| node.pointer(path).and_then(Value::as_object).into_iter().flatten();
    let items = |path: &str| node.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let mut what = Vec::new();
    what.extend(members("/metadata/labels").filter(|(name, _)| *name == ROLE).map(|(name, _)| format!("label {name}")));
    let annotations = members("/metadata/annotations").filter(|(name, _)| name.starts_with(ANNOTATIONS));
    what.extend(annotations.map(|(name, _)| format!("annotation {name}")));
    what.extend(items("/status/conditions").filter(|one| is_condition(one)).map(|_| format!("condition {CONDITION}")));
    what.extend(
        items("/metadata/finalizers").filter(|one| *one == FINALIZER).map(|_| format!("finalizer {FINALIZER}")),
    );
    what
}

fn is_condition(condition: &Value) -> bool {
    condition.get("type").is_some_and(|kind| kind == CONDITION)
}

fn clean_node(node: &mut Value) {
    let mut members = |path: &str, keep: &dyn Fn(&str) -> bool| {
        if let Some(members) = node.pointer_mut(path).and_then(Value::as_object_mut) {
            members.retain(|name, _| keep(name));
        }
    };
    members("/metadata/labels", &|name| name != ROLE);
    members("/metadata/annotations", &|name| !name.starts_with(ANNOTATIONS));
    let mut items = |path: &str, keep: &dyn Fn(&Value) -> bool| {
        if let Some(items) = node.pointer_mut(path).and_then(Value::as_array_mut) {
            items.retain(|item| keep(item));
        }
    };
    items("/status/conditions", &|condition| !is_condition(condition));
    items("/metadata/finalizers", &|finalizer| finalizer != FINALIZER);
}

/// The object in `plain`, and the release whose encoder writes these very bytes for it: the store's own, or else another
/// one, for what was last written by an older server.
fn reencodes(plain: &[u8], own: Minor) -> Option<(Value, Minor)> {
    let all = (Minor::OLDEST.number()..=Minor::NEWEST.number()).rev().map(Minor::new);
    std::iter::once(own).chain(all.filter(|&minor| minor != own)).find_map(|minor| {
        let view = View { minor, managed_fields: true, resource_version: None, reveal: true, served: false };
        let (tree, notes) = show::tree(plain, &view).ok()?;
        let encoded = encode::encode(&tree, minor).ok()?;
        (notes.is_empty() && encoded.unknown.is_empty() && encoded.bytes == plain).then_some((tree, minor))
    })
}
