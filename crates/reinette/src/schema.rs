//! The shape of a value that a model must produce.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON Schema (draft 2020-12) restricted to what guided generation enforces.
///
/// One keyword is ours: a string property with `"x-span": true` must be copied, character for character, from the
/// words of the request (see [`Schema::SPAN`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema(Value);

impl Schema {
    /// The keyword that marks a string as a span of the request.
    pub const SPAN: &'static str = "x-span";

    /// Wraps a JSON Schema. It is checked when a model is asked to follow it.
    pub fn new(json: Value) -> Self {
        Self(json)
    }

    /// The schema as JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}
