//! Tools as a model sees them, and what it asked of them.

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
    /// Requests with the call that is right for them, shown to models that have not learned the tool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<CallExample>,
}

/// Words that ask for a tool, and the arguments that are right for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallExample {
    /// What a user might say.
    pub words: String,
    /// The arguments of the call, as the tool's schema asks for them.
    pub arguments: Map<String, Value>,
}

impl ToolDefinition {
    /// The same with no argument that a call must have.
    #[must_use]
    pub fn with_optional_arguments(self) -> Self {
        let mut schema = self.parameters.as_json().clone();
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("required");
        }
        Self { parameters: Schema::new(schema), ..self }
    }

    /// A tool whose arguments are the type `A`.
    pub fn new<A: Generable>(name: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: A::schema(),
            examples: Vec::new(),
        }
    }

    /// Adds an example: `words` ask for a call with these arguments, given as name and value in the schema's order.
    #[must_use]
    pub fn example(mut self, words: &str, arguments: &[(&str, &str)]) -> Self {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        self.examples.push(CallExample { words: words.to_owned(), arguments });
        self
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
