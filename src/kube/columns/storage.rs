//! Volumes, claims and the drivers behind them.

use serde_json::Value;

use super::Shown::{Always, Name, Wide};
use super::access::{age, flag, is_set, joined, list, maybe_text, name, text, texts};
use super::{Cell, Column, Options};

pub(super) const VOLUME: &[Column] = &[
    ("NAME", Name),
    ("CAPACITY", Always),
    ("ACCESS MODES", Always),
    ("RECLAIM POLICY", Always),
    ("STATUS", Always),
    ("CLAIM", Always),
    ("STORAGECLASS", Always),
    ("VOLUMEATTRIBUTESCLASS", Always),
    ("REASON", Always),
    ("AGE", Always),
    ("VOLUMEMODE", Wide),
];
pub(super) const CLAIM: &[Column] = &[
    ("NAME", Name),
    ("STATUS", Always),
    ("VOLUME", Always),
    ("CAPACITY", Always),
    ("ACCESS MODES", Always),
    ("STORAGECLASS", Always),
    ("VOLUMEATTRIBUTESCLASS", Always),
    ("AGE", Always),
    ("VOLUMEMODE", Wide),
];
pub(super) const CLASS: &[Column] = &[
    ("NAME", Name),
    ("PROVISIONER", Always),
    ("RECLAIMPOLICY", Always),
    ("VOLUMEBINDINGMODE", Always),
    ("ALLOWVOLUMEEXPANSION", Always),
    ("AGE", Always),
];
pub(super) const ATTRIBUTES_CLASS: &[Column] = &[("NAME", Name), ("DRIVERNAME", Always), ("AGE", Always)];
pub(super) const ATTACHMENT: &[Column] =
    &[("NAME", Name), ("ATTACHER", Always), ("PV", Always), ("NODE", Always), ("ATTACHED", Always), ("AGE", Always)];
pub(super) const CSI_NODE: &[Column] = &[("NAME", Name), ("DRIVERS", Always), ("AGE", Always)];
pub(super) const CSI_DRIVER: &[Column] = &[
    ("NAME", Name),
    ("ATTACHREQUIRED", Always),
    ("PODINFOONMOUNT", Always),
    ("STORAGECAPACITY", Always),
    ("TOKENREQUESTS", Always),
    ("REQUIRESREPUBLISH", Always),
    ("MODES", Always),
    ("AGE", Always),
];
pub(super) const CAPACITY: &[Column] = &[("NAME", Name), ("STORAGECLASSNAME", Always), ("CAPACITY", Always)];

/// Where the class stood before it was a field.
const CLASS_ANNOTATION: &str = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";

/// In kubectl's letters and order.
fn access_modes(object: &Value, pointer: &str) -> String {
    const LETTERS: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let has = |mode: &str| texts(object, pointer).any(|own| own == mode);
    joined(LETTERS.into_iter().filter(|(mode, _)| has(mode)).map(|(_, letters)| letters), ",")
}

fn class_name(object: &Value) -> &str {
    maybe_text(object, CLASS_ANNOTATION).unwrap_or_else(|| text(object, "/spec/storageClassName"))
}

/// The phase, or that it goes.
fn phase(object: &Value) -> &str {
    match is_set(object, "/metadata/deletionTimestamp") {
        true => "Terminating",
        false => text(object, "/status/phase"),
    }
}

fn or_unset(object: &Value, pointer: &str) -> Cell {
    Cell::text(maybe_text(object, pointer).unwrap_or("<unset>"))
}

pub(super) fn volume(object: &Value, options: &Options) -> Vec<Cell> {
    let claim = match is_set(object, "/spec/claimRef") {
        true => format!("{}/{}", text(object, "/spec/claimRef/namespace"), text(object, "/spec/claimRef/name")),
        false => String::new(),
    };
    vec![
        name(object),
        Cell::text(maybe_text(object, "/spec/capacity/storage").unwrap_or("0")),
        Cell::text(access_modes(object, "/spec/accessModes")),
        Cell::text(text(object, "/spec/persistentVolumeReclaimPolicy")),
        Cell::text(phase(object)),
        Cell::text(claim),
        Cell::text(class_name(object)),
        or_unset(object, "/spec/volumeAttributesClassName"),
        Cell::text(text(object, "/status/reason")),
        age(object, options),
        or_unset(object, "/spec/volumeMode"),
    ]
}

pub(super) fn claim(object: &Value, options: &Options) -> Vec<Cell> {
    let volume = text(object, "/spec/volumeName");
    // Until there is a volume, what is asked for says nothing of what there will be.
    let (capacity, modes) = match volume.is_empty() {
        true => ("", String::new()),
        false => {
            (maybe_text(object, "/status/capacity/storage").unwrap_or("0"), access_modes(object, "/status/accessModes"))
        }
    };
    vec![
        name(object),
        Cell::text(phase(object)),
        Cell::text(volume),
        Cell::text(capacity),
        Cell::text(modes),
        Cell::text(class_name(object)),
        or_unset(object, "/spec/volumeAttributesClassName"),
        age(object, options),
        or_unset(object, "/spec/volumeMode"),
    ]
}

pub(super) fn class(object: &Value, options: &Options) -> Vec<Cell> {
    let annotation = |key: &str| text(object, &format!("/metadata/annotations/{key}")) == "true";
    let default = annotation("storageclass.kubernetes.io~1is-default-class")
        || annotation("storageclass.beta.kubernetes.io~1is-default-class");
    let mark = if default { " (default)" } else { "" };
    vec![
        Cell::text(text(object, "/metadata/name").to_owned() + mark),
        Cell::text(text(object, "/provisioner")),
        Cell::text(maybe_text(object, "/reclaimPolicy").unwrap_or("Delete")),
        Cell::text(maybe_text(object, "/volumeBindingMode").unwrap_or("Immediate")),
        Cell::Boolean(flag(object, "/allowVolumeExpansion")),
        age(object, options),
    ]
}

pub(super) fn attributes_class(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(text(object, "/driverName")), age(object, options)]
}

pub(super) fn attachment(object: &Value, options: &Options) -> Vec<Cell> {
    vec![
        name(object),
        Cell::text(text(object, "/spec/attacher")),
        Cell::text(text(object, "/spec/source/persistentVolumeName")),
        Cell::text(text(object, "/spec/nodeName")),
        Cell::Boolean(flag(object, "/status/attached")),
        age(object, options),
    ]
}

pub(super) fn csi_node(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::Integer(list(object, "/spec/drivers").len() as i64), age(object, options)]
}

pub(super) fn csi_driver(object: &Value, options: &Options) -> Vec<Cell> {
    let attach = object.pointer("/spec/attachRequired").and_then(Value::as_bool).unwrap_or(true);
    let modes = match joined(texts(object, "/spec/volumeLifecycleModes"), ",") {
        modes if modes.is_empty() => "<none>".to_owned(),
        modes => modes,
    };
    let tokens = match is_set(object, "/spec/tokenRequests") {
        true => joined(list(object, "/spec/tokenRequests").iter().map(|request| text(request, "/audience")), ","),
        false => "<unset>".to_owned(),
    };
    vec![
        name(object),
        Cell::Boolean(attach),
        Cell::Boolean(flag(object, "/spec/podInfoOnMount")),
        Cell::Boolean(flag(object, "/spec/storageCapacity")),
        Cell::text(tokens),
        Cell::Boolean(flag(object, "/spec/requiresRepublish")),
        Cell::text(modes),
        age(object, options),
    ]
}

pub(super) fn capacity(object: &Value, _options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(text(object, "/storageClassName")), or_unset(object, "/capacity")]
}
