//! What a recovery found.

use serde_json::{Value, json};

use crate::ops::recover::{Digest, RowLine};

/// A line of `recover --rows`.
pub fn row_line_json(line: &RowLine) -> Value {
    let digest = |digest: &Digest| match digest {
        Digest::Null => Value::Null,
        Digest::Sha1(hex) => json!(hex),
        Digest::Partial => json!("partial"),
    };
    json!({
        "id": line.id,
        "name": String::from_utf8_lossy(&line.name),
        "created": line.created.map(i64::from),
        "deleted": line.deleted.map(i64::from),
        "create_revision": line.create_revision,
        "prev_revision": line.prev_revision,
        "lease": line.lease,
        "value": digest(&line.value),
        "old_value": digest(&line.old_value),
        "grade": line.grade.name(),
        "source": line.source,
    })
}
