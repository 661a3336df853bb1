//! Who may do what: roles, admission, priority and fairness, certificates.

use serde_json::Value;

use super::Shown::{Always, Name, Wide};
use super::access::{
    FormatLabels as _, age, flag, int, is_set, joined, list, map, maybe_int, maybe_text, name, text, text_or, texts,
};
use super::{Cell, Column, Options, human_duration};

pub(super) const BINDING: &[Column] =
    &[("NAME", Name), ("ROLE", Always), ("AGE", Always), ("USERS", Wide), ("GROUPS", Wide), ("SERVICEACCOUNTS", Wide)];
pub(super) const WEBHOOKS: &[Column] = &[("NAME", Name), ("WEBHOOKS", Always), ("AGE", Always)];
pub(super) const VALIDATING: &[Column] =
    &[("NAME", Name), ("VALIDATIONS", Always), ("PARAMKIND", Always), ("AGE", Always)];
pub(super) const MUTATING: &[Column] = &[("NAME", Name), ("MUTATIONS", Always), ("PARAMKIND", Always), ("AGE", Always)];
pub(super) const POLICY_BINDING: &[Column] =
    &[("NAME", Name), ("POLICYNAME", Always), ("PARAMREF", Always), ("AGE", Always)];
pub(super) const FLOW_SCHEMA: &[Column] = &[
    ("NAME", Name),
    ("PRIORITYLEVEL", Always),
    ("MATCHINGPRECEDENCE", Always),
    ("DISTINGUISHERMETHOD", Always),
    ("AGE", Always),
    ("MISSINGPL", Always),
];
pub(super) const PRIORITY_LEVEL: &[Column] = &[
    ("NAME", Name),
    ("TYPE", Always),
    ("NOMINALCONCURRENCYSHARES", Always),
    ("QUEUES", Always),
    ("HANDSIZE", Always),
    ("QUEUELENGTHLIMIT", Always),
    ("AGE", Always),
];
pub(super) const SIGNING_REQUEST: &[Column] = &[
    ("NAME", Name),
    ("AGE", Always),
    ("SIGNERNAME", Always),
    ("REQUESTOR", Always),
    ("REQUESTEDDURATION", Always),
    ("CONDITION", Always),
];
pub(super) const TRUST_BUNDLE: &[Column] = &[("NAME", Name), ("SIGNERNAME", Always)];
pub(super) const POD_CERTIFICATE: &[Column] = &[
    ("NAME", Name),
    ("PODNAME", Always),
    ("SERVICEACCOUNTNAME", Always),
    ("NODENAME", Always),
    ("SIGNERNAME", Always),
    ("STATE", Always),
    ("UNVERIFIEDUSERANNOTATIONS", Always),
];
pub(super) const POD_SECURITY: &[Column] = &[
    ("NAME", Name),
    ("PRIV", Always),
    ("CAPS", Always),
    ("SELINUX", Always),
    ("RUNASUSER", Always),
    ("FSGROUP", Always),
    ("SUPGROUP", Always),
    ("READONLYROOTFS", Always),
    ("VOLUMES", Always),
];

pub(super) fn binding(object: &Value, options: &Options) -> Vec<Cell> {
    let subjects = |kind: &str| {
        list(object, "/subjects").iter().filter(move |subject| text(subject, "/kind") == kind).collect::<Vec<_>>()
    };
    let names = |kind: &str| joined(subjects(kind).into_iter().map(|subject| text(subject, "/name")), ", ");
    let accounts: Vec<String> = subjects("ServiceAccount")
        .into_iter()
        .map(|subject| format!("{}/{}", text(subject, "/namespace"), text(subject, "/name")))
        .collect();
    vec![
        name(object),
        Cell::text(format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"))),
        age(object, options),
        Cell::text(names("User")),
        Cell::text(names("Group")),
        Cell::text(accounts.join(", ")),
    ]
}

fn length(object: &Value, pointer: &str) -> Cell {
    Cell::Integer(list(object, pointer).len() as i64)
}

pub(super) fn webhooks(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), length(object, "/webhooks"), age(object, options)]
}

pub(super) fn validating(object: &Value, options: &Options) -> Vec<Cell> {
    policy(object, "/spec/validations", options)
}

pub(super) fn mutating(object: &Value, options: &Options) -> Vec<Cell> {
    policy(object, "/spec/mutations", options)
}

fn policy(object: &Value, counted: &str, options: &Options) -> Vec<Cell> {
    let param = match is_set(object, "/spec/paramKind") {
        true => format!("{}/{}", text(object, "/spec/paramKind/apiVersion"), text(object, "/spec/paramKind/kind")),
        false => "<unset>".to_owned(),
    };
    vec![name(object), length(object, counted), Cell::text(param), age(object, options)]
}

pub(super) fn policy_binding(object: &Value, options: &Options) -> Vec<Cell> {
    vec![
        name(object),
        Cell::text(text(object, "/spec/policyName")),
        Cell::text(param_ref(object)),
        age(object, options),
    ]
}

fn param_ref(object: &Value) -> String {
    let selector = object.pointer("/spec/paramRef/selector").filter(|selector| !selector.is_null());
    match (text(object, "/spec/paramRef/namespace"), text(object, "/spec/paramRef/name"), selector) {
        ("", "", None) | (_, "", None) => "<unset>".to_owned(),
        (_, "", Some(selector)) => selector_as_go_prints_it(selector),
        ("", name, _) => format!("*/{name}"),
        (namespace, name, _) => format!("{namespace}/{name}"),
    }
}

/// The text form that gogo makes for LabelSelector (apimachinery pkg/apis/meta/v1/generated.pb.go).
fn selector_as_go_prints_it(selector: &Value) -> String {
    let labels = map(selector, "/matchLabels").into_iter().flatten();
    let labels: String = labels.map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default())).collect();
    let expressions: String = list(selector, "/matchExpressions")
        .iter()
        .map(|expression| {
            format!(
                "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}},",
                text(expression, "/key"),
                text(expression, "/operator"),
                joined(texts(expression, "/values"), " ")
            )
        })
        .collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

pub(super) fn flow_schema(object: &Value, options: &Options) -> Vec<Cell> {
    let dangling = list(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == "Dangling");
    vec![
        name(object),
        Cell::text(text(object, "/spec/priorityLevelConfiguration/name")),
        Cell::Integer(int(object, "/spec/matchingPrecedence")),
        Cell::text(maybe_text(object, "/spec/distinguisherMethod/type").unwrap_or("<none>")),
        age(object, options),
        Cell::text(dangling.map_or("?", |condition| text(condition, "/status"))),
    ]
}

pub(super) fn priority_level(object: &Value, options: &Options) -> Vec<Cell> {
    let none = || Cell::text("<none>");
    let (mut shares, mut queuing) = (none(), [none(), none(), none()]);
    if is_set(object, "/spec/limited") {
        // Until v1beta2 the field had another name.
        let old = maybe_int(object, "/spec/limited/assuredConcurrencyShares");
        let number = maybe_int(object, "/spec/limited/nominalConcurrencyShares").or(old);
        shares = Cell::Integer(number.unwrap_or(0));
        if is_set(object, "/spec/limited/limitResponse/queuing") {
            queuing = ["queues", "handSize", "queueLengthLimit"]
                .map(|field| Cell::Integer(int(object, &format!("/spec/limited/limitResponse/queuing/{field}"))));
        }
    }
    let [queues, hand, length] = queuing;
    vec![name(object), Cell::text(text(object, "/spec/type")), shares, queues, hand, length, age(object, options)]
}

pub(super) fn signing_request(object: &Value, options: &Options) -> Vec<Cell> {
    let duration = match maybe_int(object, "/spec/expirationSeconds") {
        Some(seconds) => human_duration(i128::from(seconds) * 1_000_000_000),
        None => "<none>".to_owned(),
    };
    vec![
        name(object),
        age(object, options),
        Cell::text(text_or(object, "/spec/signerName", "<none>")),
        Cell::text(text(object, "/spec/username")),
        Cell::text(duration),
        Cell::text(signing_state(object)),
    ]
}

fn signing_state(object: &Value) -> String {
    let has = |kind: &str| list(object, "/status/conditions").iter().any(|condition| text(condition, "/type") == kind);
    let mut state = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (_, true) => "Approved",
        _ => "Pending",
    }
    .to_owned();
    if has("Failed") {
        state.push_str(",Failed");
    }
    if !text(object, "/status/certificate").is_empty() {
        state.push_str(",Issued");
    }
    state
}

pub(super) fn trust_bundle(object: &Value, _options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(text_or(object, "/spec/signerName", "<none>"))]
}

pub(super) fn pod_certificate(object: &Value, _options: &Options) -> Vec<Cell> {
    let known = |condition: &&Value| matches!(text(condition, "/type"), "Issued" | "Denied" | "Failed");
    let state = list(object, "/status/conditions").iter().rfind(known);
    let field = |field: &str| Cell::text(text(object, &format!("/spec/{field}")));
    vec![
        name(object),
        field("podName"),
        field("serviceAccountName"),
        field("nodeName"),
        field("signerName"),
        Cell::text(state.map_or("Pending", |condition| text(condition, "/type"))),
        Cell::text(object.pointer("/spec/unverifiedUserAnnotations").format_labels()),
    ]
}

/// Servers up to 1.24 (pkg/printers/internalversion/printers.go of 1.24).
pub(super) fn pod_security(object: &Value, _options: &Options) -> Vec<Cell> {
    let rule = |field: &str| Cell::text(text(object, &format!("/spec/{field}/rule")));
    vec![
        name(object),
        Cell::text(flag(object, "/spec/privileged").to_string()),
        Cell::text(joined(texts(object, "/spec/allowedCapabilities"), ",")),
        rule("seLinux"),
        rule("runAsUser"),
        rule("fsGroup"),
        rule("supplementalGroups"),
        Cell::text(flag(object, "/spec/readOnlyRootFilesystem").to_string()),
        Cell::text(joined(texts(object, "/spec/volumes"), ",")),
    ]
}
