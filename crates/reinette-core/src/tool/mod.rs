//! What a model may ask for: tools as it sees them, and tools that do something.

mod definition;
mod function;

pub use definition::{CallExample, ToolCall, ToolDefinition};
pub use function::FunctionTool;

use serde::Serialize;
use serde_json::{Map, Value};
use std::pin::Pin;
use std::time::Duration;

/// What a tool is doing: ends with what the model is to be told.
pub type ToolFuture = Pin<Box<dyn Future<Output = Result<String, ToolError>> + Send>>;

/// Something that a [`Session`](crate::Session)'s model may use.
///
/// `#[tool]` makes one of an async function, [`FunctionTool`] of a closure that holds on to something.
pub trait Tool: Send + Sync {
    /// What the model is told about it.
    fn definition(&self) -> ToolDefinition;

    /// Starts a call. `arguments` satisfy the definition's schema as far as the model enforces schemas. Dropping the
    /// future cancels the call.
    fn call(&self, arguments: Map<String, Value>) -> ToolFuture;

    /// How long a call may take; `None` leaves it to the session.
    fn timeout(&self) -> Option<Duration> {
        None
    }
}

/// Why a call did not do what it was asked. The model is told, and may try again or say so.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    message: String,
}

impl ToolError {
    /// The error that the model is told as `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What the model is told of a value: words as they are, anything else as JSON.
///
/// # Errors
/// If the value has no JSON form, such as a map whose keys are no strings.
pub fn tool_output(value: &impl Serialize) -> Result<String, ToolError> {
    match serde_json::to_value(value) {
        Ok(Value::String(words)) => Ok(words),
        Ok(Value::Null) => Ok("done".to_owned()),
        Ok(value) => Ok(value.to_string()),
        Err(error) => Err(ToolError::new(format!("the tool's answer has no JSON form: {error}"))),
    }
}

/// Arguments as the type that a tool takes.
///
/// # Errors
/// If they are not of that type: a model that does not enforce schemas made them.
pub fn tool_arguments<A: serde::de::DeserializeOwned>(arguments: Map<String, Value>) -> Result<A, ToolError> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| ToolError::new(format!("these arguments cannot be used: {error}")))
}
