//! What k3s keeps in its datastore besides Kubernetes' objects: the bootstrap data, and the token that opens it.

pub mod bootstrap;
pub mod certificate;
pub mod token;

pub use bootstrap::{Blob, BlobError, BootstrapFile};
pub use certificate::{Certificate, Validity};
pub use token::{Passphrase, Token, Variant};
