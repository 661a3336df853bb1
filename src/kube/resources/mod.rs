//! The resources that kubectl knows: their names, where their objects lie in the datastore, and which object a key is.
//!
//! Built-in resources come from a table (`builtin`), custom ones from the CustomResourceDefinitions of the same store.

mod builtin;
mod custom;
mod find;
mod identity;
mod registry;
mod version;

use std::borrow::Cow;

pub use custom::CrdError;
pub use find::FindError;
pub use identity::{Identity, ObjectId, Special};
pub use registry::{DEFAULT_ROOT, Registry};
pub use version::version_order;

/// Text that is mostly part of the program, and of the datastore for custom resources.
type Text = Cow<'static, str>;

/// Whether objects live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each object belongs to a namespace, which is part of its key.
    Namespaced,
    /// Objects belong to the whole cluster.
    Cluster,
}

/// Where the knowledge of a resource comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of Kubernetes.
    BuiltIn,
    /// Defined by a CustomResourceDefinition of the store.
    Custom,
}

/// One column that a CustomResourceDefinition asks kubectl to print (`additionalPrinterColumns`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterColumn {
    /// The heading, in the case the definition has it.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// 0: always shown; more: only with `-o wide`.
    pub priority: i64,
    /// Where the value is, in kubectl's JSONPath without the braces.
    pub json_path: String,
}

/// One version of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version alone, as `v1beta1`.
    pub name: Text,
    /// Whether the API server answers requests for it. Versions that newer servers dropped still count as served for
    /// built-in resources: old stores hold objects of theirs.
    pub served: bool,
    /// What a custom resource prints; empty for built-in resources, whose columns are part of the program.
    pub columns: Vec<PrinterColumn>,
}

/// One resource: a kind of object with its names and its place in the datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The name in URLs and the one kubectl lists, as `deployments`.
    pub plural: Text,
    /// As `deployment`.
    pub singular: Text,
    /// As `Deployment`.
    pub kind: Text,
    /// As `apps`; empty for the core group.
    pub group: Text,
    /// All versions, the one kubectl asks for first.
    pub versions: Vec<Version>,
    /// As `deploy`.
    pub short_names: Vec<Text>,
    /// As `all`.
    pub categories: Vec<Text>,
    /// Whether objects live in namespaces.
    pub scope: Scope,
    /// Built in or custom.
    pub origin: Origin,
    /// Where its keys begin, below the root and without slashes at the ends: `services/specs`.
    pub prefix: Text,
}

impl Resource {
    /// The version kubectl asks for, as `v1`.
    pub fn preferred_version(&self) -> &str {
        self.versions.first().map_or("", |version| version.name.as_ref())
    }

    /// The apiVersion kubectl asks for, as `apps/v1`.
    pub fn api_version(&self) -> String {
        match self.group.as_ref() {
            "" => self.preferred_version().to_owned(),
            group => format!("{group}/{}", self.preferred_version()),
        }
    }

    /// `deployments.apps`, or `pods` in the core group: the name that is never ambiguous.
    pub fn full_name(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `deployment.apps`, or `pod` in the core group: what stands before the slash in `-o name`. Made of the kind, as
    /// kubectl does (cli-runtime pkg/printers/name.go).
    pub fn kind_name(&self) -> String {
        qualified(&self.kind.to_lowercase(), &self.group)
    }

    /// Whether it is in a category, as `all`.
    pub fn is_in(&self, category: &str) -> bool {
        self.categories.iter().any(|own| own == category)
    }

    /// Whether objects live in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

fn qualified(name: &str, group: &str) -> String {
    match group {
        "" => name.to_owned(),
        group => format!("{name}.{group}"),
    }
}
