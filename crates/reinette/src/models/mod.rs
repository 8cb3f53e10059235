//! The models on this machine, and how they get here.
//!
//! - [`Manifest`]: the models known by name, compiled in from `models.toml`.
//! - [`ModelStore`]: a folder of GGUF files, known ones and the user's own: list, add, remove, verify, fetch.
//! - [`Progress`]: what a fetch tells while it works.
//!
//! Invariants: a file of the folder is always whole (what is not whole lives in a hidden folder and becomes a model by an
//! atomic rename, after its SHA-256 was checked); a fetch that was interrupted, by whatever, resumes; two processes never
//! write the same file; nothing here prints or reads the environment.

mod digest;
mod error;
mod fetch;
mod lock;
mod manifest;
mod store;
#[cfg(test)]
mod tests;

pub use digest::Sha256Digest;
pub use error::{FetchError, ManifestError, SourceError, SourceFailure, StoreError};
pub use fetch::{FetchSettings, Progress};
pub use manifest::{HubFile, KnownModel, Manifest, Package, Role, Source};
pub use store::{ModelStore, StoredModel, Verification};
