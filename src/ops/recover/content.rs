//! Whether a stored value contradicts itself.

use crate::kube::decode::DecodeError;
use crate::kube::minor::Minor;
use crate::kube::show::{ShowError, View, show};
use crate::kube::sink::Discard;
use crate::model::Check;

/// Whether a value begins as an object of Kubernetes and is none, or holds text that is none: other bytes stand in it. Of a
/// value that is encrypted, or of no kind that is known, nothing can be said.
pub fn check(value: &[u8]) -> Check {
    match show(value, &View::whole(Minor::NEWEST, 0), &mut Discard) {
        Ok(notes) if notes.invalid_text.is_empty() => Check::Sound,
        Err(ShowError::Encrypted | ShowError::NoObject | ShowError::Decode(DecodeError::UnknownKind { .. })) => {
            Check::Plain
        }
        Ok(_) | Err(_) => Check::Broken,
    }
}
