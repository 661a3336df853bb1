//! What `diff` shows.

use serde_json::{Map, Value, json};
use similar::TextDiff;

use super::keys::put_key;
use super::text;
use crate::kube::json::push_value;
use crate::kube::yaml::YamlSink;
use crate::ops::diff::{Called, Difference, What};

/// Lines around a difference.
const AROUND: usize = 3;
/// Paths that a heading names; a line of `--brief` names all.
const MOST_NAMED: usize = 4;

/// The line of `diff --json`.
pub fn diff_json(difference: &Difference) -> Value {
    let mut object = Map::new();
    put_key(&mut object, &difference.key);
    let called = difference.object.as_ref();
    object.insert("change".to_owned(), json!(difference.what.name()));
    object.insert("kind".to_owned(), json!(called.map(|called| &called.kind)));
    object.insert("namespace".to_owned(), json!(called.and_then(|called| called.namespace.as_ref())));
    object.insert("name".to_owned(), json!(called.map(|called| &called.name)));
    object.insert("from_revision".to_owned(), json!(difference.from_revision));
    object.insert("to_revision".to_owned(), json!(difference.to_revision));
    object.insert("paths".to_owned(), json!(difference.paths));
    Value::Object(object)
}

/// `changed  deployment.apps/web -n shop: .spec.replicas`
pub fn diff_brief(difference: &Difference) -> String {
    heading(difference, usize::MAX)
}

/// The heading, and a unified difference of both states' YAML.
pub fn diff_text(difference: &Difference) -> String {
    let mut out = heading(difference, MOST_NAMED);
    out.push('\n');
    let name = name(difference);
    let label = |state: &Option<Value>, revision: Option<i64>| match (state, revision) {
        (None, _) => "/dev/null".to_owned(),
        (Some(_), Some(revision)) => format!("{name} @{revision}"),
        (Some(_), None) => format!("{name} (manifest)"),
    };
    if difference.old.is_none() && difference.new.is_none() {
        out.push_str(&sizes(difference));
        return out;
    }
    let (old, new) = (yaml(difference.old.as_ref()), yaml(difference.new.as_ref()));
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    let header = (label(&difference.old, difference.from_revision), label(&difference.new, difference.to_revision));
    let text = diff.unified_diff().context_radius(AROUND).header(&header.0, &header.1).to_string();
    match text.is_empty() {
        true => out.push_str("  the same as YAML; the stored bytes differ\n"),
        false => out.push_str(&text),
    }
    out
}

fn heading(difference: &Difference, most: usize) -> String {
    let mut out = format!("{:<8} {}", difference.what.name(), name(difference));
    match difference.paths.as_deref() {
        Some([]) => {}
        Some(paths) => {
            let mut named: Vec<&str> = paths.iter().map(String::as_str).collect();
            named.sort_by_key(|path| rank(path));
            named.truncate(most);
            out.push_str(": ");
            out.push_str(&named.join(", "));
            if paths.len() > most {
                out.push_str(&format!(" and {} more", paths.len() - most));
            }
        }
        None if difference.object.is_some() => out.push_str(": its bytes, which cannot be read as an object"),
        None => {}
    }
    out
}

/// What people want comes before what machinery writes.
fn rank(path: &str) -> u8 {
    match path {
        ".metadata.generation" => 2,
        _ if path.starts_with(".status") => 3,
        _ if path.starts_with(".metadata") => 1,
        _ => 0,
    }
}

fn sizes(difference: &Difference) -> String {
    let size = |size: Option<u64>| size.map_or("nothing".to_owned(), text::bytes);
    let (old, new) = difference.sizes;
    let revision = |revision: Option<i64>| revision.map_or(String::new(), |revision| format!(" @{revision}"));
    format!(
        "  {}{} -> {}{}\n",
        size(old),
        revision(difference.from_revision),
        size(new),
        revision(difference.to_revision)
    )
}

/// As kubectl names it; a key that is no object as it is.
fn name(difference: &Difference) -> String {
    let Some(Called { kind, group, namespace, name }) = &difference.object else { return text::key(&difference.key) };
    let kind = kind.to_lowercase();
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    let namespace = namespace.as_ref().map_or(String::new(), |namespace| format!(" -n {namespace}"));
    format!("{kind}{group}/{name}{namespace}")
}

fn yaml(object: Option<&Value>) -> String {
    let Some(object) = object else { return String::new() };
    let mut out = Vec::new();
    let mut sink = YamlSink::new(&mut out);
    push_value(object, &mut sink);
    sink.finish();
    String::from_utf8_lossy(&out).into_owned()
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffCounts {
    /// Added, removed, changed.
    pub of: [usize; 3],
    /// Differ in noise only.
    pub noise: usize,
}

impl DiffCounts {
    /// One more.
    pub fn add(&mut self, what: What) {
        let [added, removed, changed] = &mut self.of;
        *match what {
            What::Added => added,
            What::Removed => removed,
            What::Changed => changed,
        } += 1;
    }

    /// Whether anything differs.
    pub fn any(&self) -> bool {
        self.of.iter().any(|&count| count > 0)
    }
}

/// `3 added, 1 removed, 2 changed; 12 more differ only in signs of life`
pub fn diff_summary(counts: &DiffCounts) -> String {
    let [added, removed, changed] = counts.of.map(|count| text::count(count as u64));
    let mut out = match counts.any() {
        true => format!("{added} added, {removed} removed, {changed} changed"),
        false => "no difference".to_owned(),
    };
    if counts.noise > 0 {
        let noise = text::count_of(counts.noise, "object");
        out.push_str(&format!("; {noise} changed only in heartbeats, renewals or managedFields (--all)"));
    }
    out
}
