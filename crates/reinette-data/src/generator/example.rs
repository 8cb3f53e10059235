//! An example, and the forms in which it is written.

use crate::lines::Call;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The program: the tools on offer.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// What tools answered.
    Tool,
}

/// A turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// In its place, the calls that the model makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<Call>>,
}

impl Message {
    pub(super) fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), calls: None }
    }

    pub(super) fn of_calls(calls: Vec<Call>) -> Self {
        Self { role: Role::Assistant, content: String::new(), calls: Some(calls) }
    }
}

/// Where an example comes from. Training does not look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The language, such as `english`.
    pub language: String,
    /// The templates that it was made of.
    pub template: String,
    /// What the model should ask, where something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

/// Words and the calls that are right for them: a line of training data in the form `tools`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// The turns; the last is the user's.
    pub messages: Vec<Message>,
    /// The definitions of the tools on offer; none where the model knows them by heart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// The right calls; none if no tool is needed.
    pub calls: Vec<Call>,
    /// Where it comes from.
    #[serde(rename = "meta")]
    pub origin: Origin,
}

impl Example {
    /// What the user says, turn by turn.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let said = self.messages.iter().filter(|message| message.role == Role::User);
        said.map(|message| message.content.as_str())
    }

    /// As a model that has not learned the tools is shown it beside its own words.
    pub(super) fn shown(&self) -> Value {
        let call = |call: &Call| {
            let mut fields = Map::from_iter([("tool".to_owned(), json!(call.name))]);
            fields.extend(call.arguments.clone());
            Value::Object(fields)
        };
        json!({ "words": self.words().last(), "calls": self.calls.iter().map(call).collect::<Vec<_>>() })
    }
}
