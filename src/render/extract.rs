//! The report of `extract` as JSON.

use serde_json::{Value, json};

use super::JSON_VERSION;
use crate::ops::extract::{Bundle, LeftOutFor};

/// What a bundle holds and what it does not; with the objects themselves where no files were written.
pub fn extract_json(bundle: &Bundle, files: Option<&[String]>, revision: i64) -> Value {
    let objects: Vec<Value> = bundle
        .pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| {
            let file = files.and_then(|files| files.get(at));
            json!({
                "key": String::from_utf8_lossy(&piece.key),
                "revision": piece.revision,
                "needed_by": piece.needed_by,
                "warnings": piece.warnings,
                "file": file,
                "object": if file.is_some() { Value::Null } else { piece.object.clone() },
            })
        })
        .collect();
    let left_out: Vec<Value> = bundle
        .left_out
        .iter()
        .map(|left| {
            let reason = match left.reason {
                LeftOutFor::Rule => "rule",
                LeftOutFor::Secret => "secret",
                LeftOutFor::Unreadable => "unreadable",
                LeftOutFor::Missing => "missing",
            };
            json!({"what": left.what, "reason": reason, "why": left.why})
        })
        .collect();
    json!({"version": JSON_VERSION, "at": revision, "objects": objects, "left_out": left_out})
}
