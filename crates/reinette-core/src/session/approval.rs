//! Questions of a turn to its user, and where they are answered.

use async_channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who decides about the effects of a turn's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approvals {
    /// Nobody: effects are refused, questions stay open, and the model is told so.
    #[default]
    Refuse,
    /// The user, before each effect, through [`Replies`].
    Ask,
    /// The user, before each call, those that only read included.
    AskAlways,
    /// Whoever wrote the program: all effects are made. Which of several things is meant is still asked.
    Allow,
}

/// What the user says to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Do it.
    Allowed,
    /// Leave it.
    Declined,
    /// Nobody is there to answer.
    Nobody,
}

/// Answers the questions of one turn by their ids, from any thread: a handle, cheap to clone.
///
/// The turn waits for each answer for as long as its [`EventStream`](super::EventStream) lives.
#[derive(Clone, Default)]
pub struct Replies {
    open: Arc<Mutex<HashMap<String, Sender<Reply>>>>,
}

impl fmt::Debug for Replies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Replies").field("open", &self.open().keys().collect::<Vec<_>>()).finish()
    }
}

/// An answer of either kind.
pub(super) enum Reply {
    Approval(Approval),
    Choice(Option<usize>),
}

impl Replies {
    /// Answers [`TurnEvent::Proposed`](super::TurnEvent::Proposed). Tells whether the turn was waiting for it.
    pub fn decide(&self, id: &str, approval: Approval) -> bool {
        self.send(id, Reply::Approval(approval))
    }

    /// Answers [`TurnEvent::Asked`](super::TurnEvent::Asked) with the place of a choice, or with none. Tells whether the turn
    /// was waiting for it.
    pub fn choose(&self, id: &str, choice: Option<usize>) -> bool {
        self.send(id, Reply::Choice(choice))
    }

    fn send(&self, id: &str, reply: Reply) -> bool {
        let waiting = self.open().remove(id);
        waiting.is_some_and(|waiting| waiting.try_send(reply).is_ok())
    }

    /// Opens a question; its answer comes once.
    pub(super) fn expect(&self, id: &str) -> Receiver<Reply> {
        let (sender, receiver) = async_channel::bounded(1);
        self.open().insert(id.to_owned(), sender);
        receiver
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Sender<Reply>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
