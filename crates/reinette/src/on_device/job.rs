//! A request on its way to the thread that answers it.

use crate::{Event, ModelError, Request, ToolCall};
use async_channel::Sender;

/// A request and where its answer goes.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) purpose: Purpose,
    pub(super) events: Sender<Result<Event, ModelError>>,
}

/// Which calls of an adapter that has learned its tools are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// All: nothing else could be called.
    Learned,
    /// Those of tools on offer; where it would call others, those that it has not learned are tried.
    OnOffer,
}

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// To be answered.
    Answer,
    /// To be read, for later requests that begin like it.
    Prewarm,
}

/// Sends calls, and tells how many there are.
pub(super) fn send_calls(job: &Job, calls: Vec<ToolCall>) -> usize {
    let n_calls = calls.len();
    for call in calls {
        let _ = job.events.send_blocking(Ok(Event::ToolCall(call)));
    }
    n_calls
}
