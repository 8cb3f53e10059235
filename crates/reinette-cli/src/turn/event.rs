//! What happens in a turn.

use reinette::{Question, Response, ToolCall};
use serde::Serialize;
use serde_json::Value;

/// What is shown of a turn.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The next words of an answer.
    Text(String),
    /// A call, before anything is done about it.
    Call(ToolCall),
    /// A question that nobody was there to answer.
    Unanswered(Question),
    /// How a call ended.
    Ended(Ended),
    /// The answer is complete.
    Finished(Box<Response>),
}

/// How a call ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) tool: String,
    pub(super) outcome: Outcome,
    /// What there is to say.
    pub(super) text: String,
    /// What programs are told; null is nothing.
    pub(super) data: Value,
}

/// How a call ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was answered; nothing was changed.
    Answered,
    /// It was done.
    Done,
    /// The user declined.
    Declined,
    /// Nobody could be asked.
    Unconfirmed,
    /// Something was not said, and is asked for.
    Asks,
    /// It could not be done.
    Failed,
}

/// What the user is asked to allow.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    /// The call as the model made it.
    pub(super) call: ToolCall,
    /// What will happen, in one sentence.
    pub(super) effect: String,
    /// What exactly would be done, line by line.
    pub(super) preview: Vec<String>,
    /// Whether anything would change.
    pub(super) is_change: bool,
    /// Whether it could be taken back.
    pub(super) can_undo: bool,
}
