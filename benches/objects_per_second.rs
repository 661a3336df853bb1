//! How many stored objects one processor shows per second, by kind: JSON with everything in it, JSON and YAML as kubectl
//! prints them; and how many it writes. Best of many slices.
//!
//! `cargo bench --bench objects_per_second`; with `KINESCOPE_OBJECTS=dir` the stored bytes of each object are kept there, for
//! another program to be measured with.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use kinescope::kube::decode::{Decoder, Options};
use kinescope::kube::encode::encode;
use kinescope::kube::envelope::{Envelope, Unknown};
use kinescope::kube::json::{CompactJson, ValueSink};
use kinescope::kube::minor::Minor;
use kinescope::kube::sink::KeyOrder;
use kinescope::kube::table::Types;
use kinescope::kube::yaml::YamlSink;
use serde_json::{Value, json};

const MINOR: Minor = Minor::new(35);

fn main() {
    for order in [KeyOrder::Bytes, KeyOrder::Natural] {
        let start = Instant::now();
        black_box(Types::of(MINOR, order));
        println!("table in {order:?} order laid out in {:?}", start.elapsed());
    }
    println!("{:<12} {:>6} {:>10} {:>10} {:>10} {:>10}", "thousands/s", "bytes", "JSON all", "JSON", "YAML", "written");
    for (name, object) in [("pod", pod()), ("secret", secret()), ("event", event()), ("lease", lease())] {
        let stored = encode(&object, MINOR).unwrap();
        assert!(stored.unknown.is_empty(), "{:?}", stored.unknown);
        if let Some(dir) = std::env::var_os("KINESCOPE_OBJECTS") {
            std::fs::write(Path::new(&dir).join(name), &stored.bytes).unwrap();
        }
        measure(name, &stored.bytes);
    }
}

fn measure(name: &str, stored: &[u8]) {
    let mut decoder = Decoder::default();
    let mut text = Vec::new();
    let all = Options::as_stored(MINOR);
    let kubectl = Options::kubectl(MINOR, Some(123_456));
    let mut json = |options: &Options| {
        per_second(|| {
            text.clear();
            _ = decoder.decode(&opened(stored), options, &mut CompactJson::new(&mut text)).unwrap();
            text.len()
        })
    };
    let (json_all, json_kubectl) = (json(&all), json(&kubectl));
    let yaml = per_second(|| {
        text.clear();
        let mut sink = YamlSink::new(&mut text);
        _ = decoder.decode(&opened(stored), &kubectl, &mut sink).unwrap();
        sink.finish();
        text.len()
    });
    let mut tree = ValueSink::new();
    _ = decoder.decode(&opened(stored), &all, &mut tree).unwrap();
    let tree = tree.finish();
    let written = per_second(|| encode(&tree, MINOR).unwrap().bytes.len());
    println!("{name:<12} {:>6} {json_all:>10.0} {json_kubectl:>10.0} {yaml:>10.0} {written:>10.0}", stored.len());
}

fn opened(stored: &[u8]) -> Unknown<'_> {
    let Envelope::Protobuf(object) = Envelope::parse(black_box(stored)).unwrap() else { panic!("no protobuf") };
    object
}

/// Thousands per second: the best of 400 slices of about a millisecond.
fn per_second(mut work: impl FnMut() -> usize) -> f64 {
    let mut rounds = 1u32;
    let time = |rounds: u32, work: &mut dyn FnMut() -> usize| {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(work());
        }
        start.elapsed()
    };
    while time(rounds, &mut work) < Duration::from_millis(1) {
        rounds *= 2;
    }
    let best = (0..400).map(|_| time(rounds, &mut work)).min().unwrap();
    f64::from(rounds) / best.as_secs_f64() / 1000.0
}

fn metadata(name: &str, managed: &Value) -> Value {
    json!({
        "name": name, "namespace": "shop", "uid": "6b5951a5-a65d-4956-87f0-9cca66dd098b",
        "creationTimestamp": "2026-07-02T13:46:40Z",
        "managedFields": [{
            "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
            "time": "2026-07-02T13:46:40Z", "fieldsType": "FieldsV1", "fieldsV1": managed,
        }],
    })
}

/// As a ReplicaSet makes it and a node reports it.
fn pod() -> Value {
    let mut metadata = metadata(
        "cart-7d9c5b8f6-x2x7k",
        &json!({
            "f:metadata": {
                "f:generateName": {}, "f:labels": { ".": {}, "f:app": {}, "f:pod-template-hash": {}, "f:tier": {} },
                "f:ownerReferences": { ".": {}, "k:{\"uid\":\"0d4c0a3c-93c6-4c4e-9b0e-7c5c4f6d6a11\"}": {} },
            },
            "f:spec": {
                "f:containers": { "k:{\"name\":\"cart\"}": {
                    ".": {}, "f:env": { ".": {}, "k:{\"name\":\"REDIS_ADDR\"}": { ".": {}, "f:name": {}, "f:value": {} } },
                    "f:image": {}, "f:imagePullPolicy": {}, "f:livenessProbe": { ".": {}, "f:failureThreshold": {},
                    "f:httpGet": { ".": {}, "f:path": {}, "f:port": {}, "f:scheme": {} }, "f:periodSeconds": {} },
                    "f:name": {}, "f:ports": { ".": {}, "k:{\"containerPort\":7070,\"protocol\":\"TCP\"}": { ".": {},
                    "f:containerPort": {}, "f:protocol": {} } }, "f:resources": { ".": {}, "f:limits": { ".": {}, "f:cpu": {},
                    "f:memory": {} } }, "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
                } },
                "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:terminationGracePeriodSeconds": {},
            },
        }),
    );
    metadata["generateName"] = "cart-7d9c5b8f6-".into();
    metadata["labels"] = json!({ "app": "cart", "pod-template-hash": "7d9c5b8f6", "tier": "backend" });
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-7d9c5b8f6",
        "uid": "0d4c0a3c-93c6-4c4e-9b0e-7c5c4f6d6a11", "controller": true, "blockOwnerDeletion": true,
    }]);
    let probe = json!({
        "httpGet": { "path": "/healthz", "port": 7070, "scheme": "HTTP" }, "initialDelaySeconds": 5,
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
    });
    let token = json!({ "name": "kube-api-access-9x8zq", "readOnly": true,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount" });
    let condition = |kind: &str| {
        json!({ "type": kind, "status": "True", "lastProbeTime": null,
        "lastTransitionTime": "2026-07-02T13:46:43Z" })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {
            "volumes": [
                { "name": "config", "configMap": { "name": "cart", "defaultMode": 420 } },
                { "name": "kube-api-access-9x8zq", "projected": { "defaultMode": 420, "sources": [
                    { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                    { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
                    { "downwardAPI": { "items": [{ "path": "namespace",
                        "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } },
                ] } },
            ],
            "containers": [{
                "name": "cart", "image": "registry.example.com/shop/cart:1.42.0",
                "ports": [{ "containerPort": 7070, "protocol": "TCP" }],
                "env": [{ "name": "REDIS_ADDR", "value": "redis-cart:6379" }, { "name": "POD_IP",
                    "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "status.podIP" } } }],
                "resources": { "limits": { "cpu": "300m", "memory": "128Mi" },
                    "requests": { "cpu": "200m", "memory": "64Mi" } },
                "volumeMounts": [{ "name": "config", "mountPath": "/etc/cart" }, token],
                "livenessProbe": probe, "readinessProbe": probe,
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": { "capabilities": { "drop": ["ALL"] }, "runAsNonRoot": true,
                    "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false },
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "cart", "serviceAccount": "cart", "nodeName": "node-3.example.com",
            "securityContext": { "fsGroup": 1000 }, "schedulerName": "default-scheduler", "priority": 0,
            "tolerations": [
                { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                    "tolerationSeconds": 300 },
                { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
                    "tolerationSeconds": 300 },
            ],
            "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.0.13", "podIP": "10.42.3.17", "podIPs": [{ "ip": "10.42.3.17" }],
            "conditions": [condition("PodReadyToStartContainers"), condition("Initialized"), condition("Ready"),
                condition("ContainersReady"), condition("PodScheduled")],
            "startTime": "2026-07-02T13:46:40Z", "qosClass": "Burstable",
            "containerStatuses": [{
                "name": "cart", "state": { "running": { "startedAt": "2026-07-02T13:46:43Z" } }, "lastState": {},
                "ready": true, "restartCount": 0, "image": "registry.example.com/shop/cart:1.42.0", "started": true,
                "imageID": "registry.example.com/shop/cart@sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270",
                "containerID": "containerd://2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
            }],
        },
    })
}

fn secret() -> Value {
    let managed = json!({ "f:data": { ".": {}, "f:password": {}, "f:username": {} }, "f:type": {} });
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata("db", &managed), "type": "Opaque",
        "data": { "password": "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==", "username": "Y2FydA==" } })
}

fn event() -> Value {
    let managed = json!({ "f:count": {}, "f:firstTimestamp": {}, "f:involvedObject": {}, "f:lastTimestamp": {},
        "f:message": {}, "f:reason": {}, "f:source": { "f:component": {}, "f:host": {} }, "f:type": {} });
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": metadata("cart-7d9c5b8f6-x2x7k.17a2f0d1", &managed),
        "involvedObject": { "kind": "Pod", "namespace": "shop", "name": "cart-7d9c5b8f6-x2x7k", "apiVersion": "v1",
            "uid": "6b5951a5-a65d-4956-87f0-9cca66dd098b", "fieldPath": "spec.containers{cart}" },
        "reason": "Pulled", "message": "Container image \"registry.example.com/shop/cart:1.42.0\" already present on machine",
        "source": { "component": "kubelet", "host": "node-3.example.com" }, "type": "Normal", "count": 1,
        "firstTimestamp": "2026-07-02T13:46:42Z", "lastTimestamp": "2026-07-02T13:46:42Z", "eventTime": null,
        "reportingComponent": "kubelet", "reportingInstance": "node-3.example.com",
    })
}

fn lease() -> Value {
    let managed = json!({ "f:spec": { "f:acquireTime": {}, "f:holderIdentity": {}, "f:leaseDurationSeconds": {},
        "f:renewTime": {} } });
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata("node-3", &managed),
        "spec": { "holderIdentity": "node-3.example.com", "leaseDurationSeconds": 40,
            "renewTime": "2026-07-02T13:46:40.123456Z" } })
}
