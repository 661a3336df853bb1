//! Custom resources: what a CustomResourceDefinition says about names, scope, versions and columns.

use serde_json::Value;

use super::{Origin, PrinterColumn, Resource, Scope, Text, Version, version_order};

/// A CustomResourceDefinition that says too little to find its objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CustomResourceDefinition {name}: {missing} is missing; its objects are shown by their keys only")]
pub struct CrdError {
    /// The definition's name, or `?`.
    pub name: String,
    /// The path of the field.
    pub missing: &'static str,
}

impl Resource {
    /// The resource that a CustomResourceDefinition defines: in the form v1, which kubectl shows, or v1beta1, which
    /// servers store to this day (apiextensions-apiserver pkg/apiserver/apiserver.go, EncodeVersioner).
    ///
    /// # Errors
    /// [`CrdError`] if the group, the plural or the kind is missing.
    pub fn from_crd(crd: &Value) -> Result<Self, CrdError> {
        let name = crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
        let text = |path: &'static str| match crd.pointer(path).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(CrdError { name: name.to_owned(), missing: path }),
        };
        let (group, plural, kind) = (text("/spec/group")?, text("/spec/names/plural")?, text("/spec/names/kind")?);
        let singular = text("/spec/names/singular").unwrap_or_else(|_| kind.to_lowercase());
        let scope = match crd.pointer("/spec/scope").and_then(Value::as_str) {
            Some("Cluster") => Scope::Cluster,
            _ => Scope::Namespaced,
        };
        Ok(Self {
            prefix: Text::Owned(format!("{group}/{plural}")),
            plural: plural.into(),
            singular: singular.into(),
            kind: kind.into(),
            group: group.into(),
            versions: versions(crd),
            short_names: texts(crd.pointer("/spec/names/shortNames")),
            categories: texts(crd.pointer("/spec/names/categories")),
            scope,
            origin: Origin::Custom,
        })
    }
}

/// The versions, served ones first and each group as Kubernetes prefers them.
fn versions(crd: &Value) -> Vec<Version> {
    // v1beta1 may say the columns once for all versions.
    let shared = columns(crd.pointer("/spec/additionalPrinterColumns"));
    let listed = crd.pointer("/spec/versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut versions: Vec<Version> = listed
        .iter()
        .filter_map(|version| {
            let own = columns(version.get("additionalPrinterColumns"));
            Some(Version {
                name: Text::Owned(version.get("name")?.as_str()?.to_owned()),
                served: version.get("served").and_then(Value::as_bool).unwrap_or(false),
                columns: if own.is_empty() { shared.clone() } else { own },
            })
        })
        .collect();
    if versions.is_empty()
        && let Some(name) = crd.pointer("/spec/version").and_then(Value::as_str)
    {
        versions.push(Version { name: Text::Owned(name.to_owned()), served: true, columns: shared });
    }
    versions.sort_by(|left, right| right.served.cmp(&left.served).then(version_order(&left.name, &right.name)));
    versions
}

fn columns(list: Option<&Value>) -> Vec<PrinterColumn> {
    let text = |column: &Value, name: &str| column.get(name).and_then(Value::as_str).map(str::to_owned);
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|column| {
            Some(PrinterColumn {
                name: text(column, "name")?,
                kind: text(column, "type")?,
                priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
                json_path: text(column, "jsonPath").or_else(|| text(column, "JSONPath"))?,
            })
        })
        .collect()
}

fn texts(list: Option<&Value>) -> Vec<Text> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(|text| Text::Owned(text.to_owned())).collect()
}
