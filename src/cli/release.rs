//! `--kubernetes-version`: the release whose printing and encoding is followed.

use super::ui::Ui;
use crate::kube::minor::Minor;
use crate::ops::objects::{MinorFrom, Objects};

/// `--kubernetes-version`.
#[derive(Debug, clap::Args)]
pub struct ReleaseArg {
    /// The cluster's Kubernetes release; else the one that its Nodes report
    #[arg(long, value_name = "1.N")]
    pub kubernetes_version: Option<Minor>,
}

impl ReleaseArg {
    /// Says once when nothing tells the release and it matters.
    pub fn say(objects: &Objects<'_>, ui: &Ui) {
        if let (minor, MinorFrom::Newest) = objects.minor() {
            ui.note(format!(
                "no Node of the store tells its Kubernetes release: printed as {minor} would; --kubernetes-version says another"
            ));
        }
    }
}
