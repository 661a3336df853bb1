//! Services and what leads to them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Shown::{Always, Name, Wide};
use super::access::{
    FormatLabels as _, age, first_three, int, is_set, joined, list, maybe_text, name, text, text_or, texts,
};
use super::workloads::selector;
use super::{Cell, Column, Options};

pub(super) const SERVICE: &[Column] = &[
    ("NAME", Name),
    ("TYPE", Always),
    ("CLUSTER-IP", Always),
    ("EXTERNAL-IP", Always),
    ("PORT(S)", Always),
    ("AGE", Always),
    ("SELECTOR", Wide),
];
pub(super) const ENDPOINTS: &[Column] = &[("NAME", Name), ("ENDPOINTS", Always), ("AGE", Always)];
pub(super) const ENDPOINT_SLICE: &[Column] =
    &[("NAME", Name), ("ADDRESSTYPE", Always), ("PORTS", Always), ("ENDPOINTS", Always), ("AGE", Always)];
pub(super) const INGRESS: &[Column] =
    &[("NAME", Name), ("CLASS", Always), ("HOSTS", Always), ("ADDRESS", Always), ("PORTS", Always), ("AGE", Always)];
pub(super) const INGRESS_CLASS: &[Column] =
    &[("NAME", Name), ("CONTROLLER", Always), ("PARAMETERS", Always), ("AGE", Always)];
pub(super) const NETWORK_POLICY: &[Column] = &[("NAME", Name), ("POD-SELECTOR", Always), ("AGE", Always)];
pub(super) const IP_ADDRESS: &[Column] = &[("NAME", Name), ("PARENTREF", Always)];
pub(super) const SERVICE_CIDR: &[Column] = &[("NAME", Name), ("CIDRS", Always), ("AGE", Always)];
pub(super) const CLUSTER_CIDR: &[Column] =
    &[("NAME", Name), ("PERNODEHOSTBITS", Always), ("IPV4", Always), ("IPV6", Always), ("AGE", Always)];

/// From this minor on a default class says so.
const DEFAULT_INGRESS_CLASS_SHOWN: u32 = 36;

pub(super) fn service(object: &Value, options: &Options) -> Vec<Cell> {
    let cluster_ip = match list(object, "/spec/clusterIPs").first() {
        Some(ip) => ip.as_str().unwrap_or_default(),
        // Servers before 1.20 wrote one address only; a server that reads it fills the list.
        None => text_or(object, "/spec/clusterIP", "<none>"),
    };
    vec![
        name(object),
        Cell::text(text(object, "/spec/type")),
        Cell::text(cluster_ip),
        Cell::text(external_ip(object)),
        Cell::text(service_ports(object)),
        age(object, options),
        Cell::text(object.pointer("/spec/selector").format_labels()),
    ]
}

fn external_ip(object: &Value) -> String {
    let external = joined(texts(object, "/spec/externalIPs"), ",");
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    match text(object, "/spec/type") {
        "ClusterIP" | "NodePort" => or(external, "<none>"),
        "LoadBalancer" => {
            let balancer = load_balancer(object);
            let both = [balancer.as_str(), external.as_str()];
            or(joined(both.into_iter().filter(|part| !part.is_empty()), ","), "<pending>")
        }
        "ExternalName" => text(object, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// Addresses, or names where there is none, sorted.
fn load_balancer(object: &Value) -> String {
    let entries = list(object, "/status/loadBalancer/ingress").iter();
    let found: BTreeSet<&str> = entries
        .map(|entry| text_or(entry, "/ip", text(entry, "/hostname")))
        .filter(|found| !found.is_empty())
        .collect();
    joined(found, ",")
}

fn service_ports(object: &Value) -> String {
    let ports = list(object, "/spec/ports").iter().map(|port| {
        let (number, protocol) = (int(port, "/port"), text(port, "/protocol"));
        match int(port, "/nodePort") {
            node if node > 0 => format!("{number}:{node}/{protocol}"),
            _ => format!("{number}/{protocol}"),
        }
    });
    match ports.collect::<Vec<_>>().join(",") {
        ports if ports.is_empty() => "<none>".to_owned(),
        ports => ports,
    }
}

pub(super) fn endpoints(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(endpoint_list(object)), age(object, options)]
}

fn endpoint_list(object: &Value) -> String {
    let subsets = list(object, "/subsets");
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut shown: Vec<String> = Vec::new();
    let mut count = 0;
    for subset in subsets {
        let addresses = list(subset, "/addresses");
        let ports = list(subset, "/ports");
        for port in ports.iter().map(Some).chain(ports.is_empty().then_some(None)) {
            count += addresses.len();
            for address in addresses.iter().take(3usize.saturating_sub(shown.len())) {
                let ip = text(address, "/ip");
                shown.push(match port {
                    None => ip.to_owned(),
                    Some(port) if ip.contains(':') => format!("[{ip}]:{}", int(port, "/port")),
                    Some(port) => format!("{ip}:{}", int(port, "/port")),
                });
            }
        }
    }
    match first_three(&shown, count) {
        // Here alone nothing stands for none.
        text if text == "<unset>" => String::new(),
        text => text,
    }
}

pub(super) fn endpoint_slice(object: &Value, options: &Options) -> Vec<Cell> {
    let ports = list(object, "/ports");
    let port = |port: &Value| match port.pointer("/port").and_then(Value::as_i64) {
        Some(number) => number.to_string(),
        None => maybe_text(port, "/name").unwrap_or("*").to_owned(),
    };
    let shown: Vec<String> = ports.iter().take(3).map(port).collect();
    let addresses: Vec<&str> =
        list(object, "/endpoints").iter().flat_map(|endpoint| texts(endpoint, "/addresses")).collect();
    let shown_addresses: Vec<String> = addresses.iter().take(3).map(|&address| address.to_owned()).collect();
    vec![
        name(object),
        Cell::text(text(object, "/addressType")),
        Cell::text(first_three(&shown, ports.len())),
        Cell::text(first_three(&shown_addresses, addresses.len())),
        age(object, options),
    ]
}

pub(super) fn ingress(object: &Value, options: &Options) -> Vec<Cell> {
    let ports = if list(object, "/spec/tls").is_empty() { "80" } else { "80, 443" };
    vec![
        name(object),
        Cell::text(maybe_text(object, "/spec/ingressClassName").unwrap_or("<none>")),
        Cell::text(hosts(list(object, "/spec/rules"))),
        Cell::text(load_balancer(object)),
        Cell::text(ports),
        age(object, options),
    ]
}

/// The first three hosts. What is more is counted over all rules, those without a host too.
fn hosts(rules: &[Value]) -> String {
    let mut shown: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= shown.len() == 3;
        let host = text(rule, "/host");
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    match (shown.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, true) => format!("{} + {} more...", shown.join(","), rules.len() - 3),
        (false, false) => shown.join(","),
    }
}

pub(super) fn ingress_class(object: &Value, options: &Options) -> Vec<Cell> {
    let parameters = match is_set(object, "/spec/parameters") {
        false => "<none>".to_owned(),
        true => {
            let kind = text(object, "/spec/parameters/kind");
            let group = maybe_text(object, "/spec/parameters/apiGroup").map(|group| format!(".{group}"));
            format!("{kind}{}/{}", group.unwrap_or_default(), text(object, "/spec/parameters/name"))
        }
    };
    let default = text(object, "/metadata/annotations/ingressclass.kubernetes.io~1is-default-class") == "true";
    let mark = if default && options.server_minor >= DEFAULT_INGRESS_CLASS_SHOWN { " (default)" } else { "" };
    vec![
        Cell::text(text(object, "/metadata/name").to_owned() + mark),
        Cell::text(text(object, "/spec/controller")),
        Cell::text(parameters),
        age(object, options),
    ]
}

pub(super) fn network_policy(object: &Value, options: &Options) -> Vec<Cell> {
    let empty = Value::Object(serde_json::Map::new());
    let pods = object.pointer("/spec/podSelector").filter(|pods| !pods.is_null()).unwrap_or(&empty);
    vec![name(object), Cell::text(selector(Some(pods))), age(object, options)]
}

pub(super) fn ip_address(object: &Value, _options: &Options) -> Vec<Cell> {
    if !is_set(object, "/spec/parentRef") {
        return vec![name(object), Cell::text("<none>")];
    }
    let part = |field: &str| text(object, &format!("/spec/parentRef/{field}")).to_owned();
    let mut parent = part("resource");
    if !part("group").is_empty() {
        parent = format!("{parent}.{}", part("group"));
    }
    parent = parent.to_lowercase();
    if !part("namespace").is_empty() {
        parent = format!("{parent}/{}", part("namespace"));
    }
    vec![name(object), Cell::text(format!("{parent}/{}", part("name")))]
}

pub(super) fn service_cidr(object: &Value, options: &Options) -> Vec<Cell> {
    vec![name(object), Cell::text(joined(texts(object, "/spec/cidrs"), ",")), age(object, options)]
}

pub(super) fn cluster_cidr(object: &Value, options: &Options) -> Vec<Cell> {
    vec![
        name(object),
        Cell::Integer(int(object, "/spec/perNodeHostBits")),
        Cell::text(text_or(object, "/spec/ipv4", "<none>")),
        Cell::text(text_or(object, "/spec/ipv6", "<none>")),
        age(object, options),
    ]
}
