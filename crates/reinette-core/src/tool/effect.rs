//! What a tool would do, and how it is done.

use super::{ToolAnswer, ToolCall, ToolError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::pin::Pin;

/// An effect that is being committed.
pub type CommitFuture = Pin<Box<dyn Future<Output = Result<ToolAnswer, ToolError>> + Send>>;

/// What a call would do, before it does.
pub struct Effect {
    /// What will happen, in one sentence for the user.
    pub summary: String,
    /// What kind of thing it is.
    pub risk: Risk,
    /// What exactly it will do, line by line, for a user who wants to look before he agrees: the text that would be sent, the
    /// lines of a file that would change. Empty where the summary says all.
    pub preview: Vec<String>,
    /// For programs: what would be created, changed or deleted. Null where there is nothing more to tell.
    pub data: Value,
    /// Does it.
    pub action: Box<dyn Action>,
}

impl fmt::Debug for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Effect")
            .field("summary", &self.summary)
            .field("risk", &self.risk)
            .field("data", &self.data)
            .field("can_undo", &self.action.can_undo())
            .finish_non_exhaustive()
    }
}

/// What kind of thing an effect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Something of the user's is changed.
    Changes,
    /// Something reaches somebody else.
    Sends,
    /// Something is paid for.
    Costs,
}

/// Does what an [`Effect`] says. A [`Committer`] may know the type behind it (by [`Any`]) and do more than commit it, such
/// as writing it into a journal first.
pub trait Action: Any + Send {
    /// Does it. Dropping the future before its end may leave it undone or done.
    fn commit(self: Box<Self>) -> CommitFuture;

    /// Whether it can be taken back afterwards.
    fn can_undo(&self) -> bool {
        false
    }
}

/// An action that cannot be taken back.
impl<F: FnOnce() -> CommitFuture + Send + 'static> Action for F {
    fn commit(self: Box<Self>) -> CommitFuture {
        self()
    }
}

/// A committer at work.
pub type Committing<'a> = Pin<Box<dyn Future<Output = Result<Commit, ToolError>> + Send + 'a>>;

/// Makes the effects that were allowed, in place of [`Action::commit`]: an application's keeps a journal.
pub trait Committer: Send + Sync {
    /// Makes one.
    fn commit(&self, call: &ToolCall, effect: Effect) -> Committing<'_>;
}

/// What committing an effect came to.
#[derive(Debug)]
pub enum Commit {
    /// It was done.
    Done(ToolAnswer),
    /// What it was prepared from has changed meanwhile: nothing was done, and the call is to be prepared again.
    Stale,
}
