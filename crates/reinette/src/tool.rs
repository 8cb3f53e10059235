//! What a model may ask for, and what it asked.

use crate::{Generable, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tool as a model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// The name that a call carries, in `snake_case`.
    pub name: String,
    /// What it does and when to use it, in one or two sentences.
    pub description: String,
    /// An object schema of the arguments; properties are generated in their order here.
    pub parameters: Schema,
}

impl ToolDefinition {
    /// A tool whose arguments are the type `A`.
    pub fn new<A: Generable>(name: &str, description: &str) -> Self {
        Self { name: name.to_owned(), description: description.to_owned(), parameters: A::schema() }
    }
}

/// A call that a model made. The arguments satisfy the tool's schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Tells the calls of one transcript apart.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments by name, in the order of the tool's schema.
    pub arguments: Map<String, Value>,
}
