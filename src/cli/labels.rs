//! `-l`, in every command that has it.

use super::exit::Failure;
use crate::kube::selector::LabelSelector;

/// What labels are asked for; without `-l` all are right.
///
/// # Errors
/// The text is no selector.
pub fn labels(selector: Option<&str>) -> Result<LabelSelector, Failure> {
    let labels = selector.map(LabelSelector::parse).transpose();
    Ok(labels.map_err(|error| Failure::Usage(error.to_string()))?.unwrap_or_default())
}
