//! What a model may ask for: tools as it sees them, and tools that do something.
//!
//! A [`Tool`] *prepares* a call and changes nothing: it gives an [answer](ToolAnswer), a [question](Question) to the user, or
//! an [`Effect`], which says in one sentence what would happen. The [`Session`](crate::Session) asks whoever is to be asked
//! and commits the effect, or does not.

mod definition;
mod effect;
mod function;

pub use definition::{CallExample, ToolCall, ToolDefinition};
pub use effect::{Action, Commit, CommitFuture, Committer, Committing, Effect, Risk};
pub use function::FunctionTool;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::time::Duration;

/// A call that is being prepared.
pub type Preparation = Pin<Box<dyn Future<Output = Result<Prepared, ToolError>> + Send>>;

/// Something that a [`Session`](crate::Session)'s model may use.
///
/// `#[tool]` makes one of an async function, [`FunctionTool`] of a closure that holds on to something.
pub trait Tool: Send + Sync {
    /// What the model is told about it.
    fn definition(&self) -> ToolDefinition;

    /// Starts to work out what a call comes to. Nothing outside is changed: that is what an [`Effect`] is for. The
    /// arguments satisfy the definition's schema. Dropping the future cancels the call; it may be prepared again, with
    /// what the user chose, or because something changed before it was committed.
    fn prepare(&self, invocation: Invocation) -> Preparation;

    /// Whether a call may leave out what its schema requires; then it is prepared all the same, and asks.
    fn asks_for_missing(&self) -> bool {
        false
    }

    /// How long preparing or committing a call may take; `None` leaves it to the session.
    fn timeout(&self) -> Option<Duration> {
        None
    }
}

/// One call of a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invocation {
    /// The arguments by name.
    pub arguments: Map<String, Value>,
    /// What the user chose where the call could mean several things: one of [`Question::choices`] for each question, in
    /// the order in which they were asked.
    pub chosen: Vec<String>,
}

impl Invocation {
    /// A call of which nothing was asked yet.
    pub fn new(arguments: Map<String, Value>) -> Self {
        Self { arguments, chosen: Vec::new() }
    }
}

/// What a call comes to, before anything is done.
#[derive(Debug)]
pub enum Prepared {
    /// There is nothing to do: this is the answer.
    Answer(ToolAnswer),
    /// The user must choose first; the call is then prepared again with the choice. A question without choices ends the
    /// call: what the user says next answers it.
    Question(Question),
    /// Something is to be done.
    Effect(Effect),
}

/// What a tool answers to a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolAnswer {
    /// In words, for the model and for people.
    pub text: String,
    /// For programs; null where there is nothing more to tell.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// Where it was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The tool could not do what it was asked, for the reason that the text tells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// For whom the text is.
    #[serde(default)]
    pub audience: Audience,
}

impl ToolAnswer {
    /// An answer that the model reads and passes on in its own words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same answer, shown to the user as it stands.
    #[must_use]
    pub fn for_user(self) -> Self {
        Self { audience: Audience::User, ..self }
    }

    /// The same answer with what programs are told.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data, ..self }
    }

    /// Why a call did not do what it was asked.
    pub fn error(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: true, ..Self::default() }
    }
}

/// Words for the model.
impl From<String> for ToolAnswer {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// For whom the text of an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The model reads it and says what matters of it.
    #[default]
    Model,
    /// It is shown to the user as it stands. The model reads it as well, and need not repeat it.
    User,
}

/// Where an answer was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Tells it from all other sources, and finds it again.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is, such as `mail`, `note` or `resource`.
    pub kind: String,
    /// Its path or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// A question to the user, since a call could mean more than one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub text: String,
    /// What can be chosen; no two alike. Without any, the question is what the user has left out.
    pub choices: Vec<String>,
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
pub fn tool_output(value: &impl Serialize) -> Result<ToolAnswer, ToolError> {
    match serde_json::to_value(value) {
        Ok(Value::String(words)) => Ok(ToolAnswer::new(words)),
        Ok(Value::Null) => Ok(ToolAnswer::new("done")),
        Ok(data) => Ok(ToolAnswer::new(data.to_string()).with_data(data)),
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
