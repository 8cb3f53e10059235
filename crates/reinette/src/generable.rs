//! Rust types that a model can be made to produce.

use crate::Schema;
use serde::{Serialize, de::DeserializeOwned};

/// A type that guided generation can produce: its [`Schema`] admits exactly the values that deserialise into it.
pub trait Generable: Serialize + DeserializeOwned {
    /// The schema that a model is held to.
    fn schema() -> Schema;
}
