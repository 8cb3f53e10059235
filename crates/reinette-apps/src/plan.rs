//! What an app intends to do, before anything is done.

use crate::FileChange;
use crate::clock::ClockError;
use reinette_time::TimeError;
use reinette_time::calculator::CalculatorError;
use serde_json::Value;
use std::path::PathBuf;

/// What an app intends in answer to one call. Planning reads files and never writes any.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Nothing is to be done: this is to be said.
    Answer(Answer),
    /// Files are to be changed.
    Change(Change),
    /// The user must choose first.
    Ask(Question),
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For people: one line or several, in which foreign text begins none (see [`visible`](crate::visible)).
    pub text: String,
    /// For programs: identifiers, ISO 8601 times and paths of what is told. Foreign text stands in it as it is.
    pub data: Value,
}

/// A change of the user's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What will happen, one sentence, to be shown before it does.
    pub effect: String,
    /// What has happened, one sentence, to be said after it did.
    pub done: String,
    /// For programs: identifiers, ISO 8601 times and paths of what is `created`, `changed` or `deleted`.
    pub data: Value,
    /// The files, in the order in which they are to be changed.
    pub files: Vec<FileChange>,
}

/// A question to the user, since more than one thing could be meant or something is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The question.
    pub text: String,
    /// What can be chosen; nothing, if the user has to say it.
    pub choices: Vec<Choice>,
}

/// One thing that could be meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What tells it from the others.
    pub label: String,
    /// What follows when it is chosen.
    pub plan: Plan,
}

/// Why an app could not plan, in words for the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The arguments do not fit the tool.
    #[error("{tool} was called with arguments that it does not take: {reason}")]
    Arguments {
        /// The tool.
        tool: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The words for a time mean none.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// The calculator has no answer.
    #[error(transparent)]
    Calculator(#[from] CalculatorError),
    /// The clock has no answer.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// What was asked for cannot be done; the text says why and what would help.
    #[error("{0}")]
    Refused(String),
    /// A folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
