//! What happens while a request is answered.

use super::AssistantError;
use super::desk::{Desk, OpenQuestion};
use crate::sentences;
use reinette::{Entry, EventStream, Question, Replies, ToolCall, ToolOutcome, TurnEvent};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A request while it is answered: owned events, which [`replies`](Self::replies) answers by their ids. Reading it does the
/// work, on the thread that reads; dropping it stops the model at its next token, and what is not done yet is left.
pub struct Asking {
    events: EventStream,
    desk: Arc<Desk>,
    calls: Vec<ToolCall>,
    /// What the model has said and nobody has kept yet.
    said: String,
    /// What was last asked about each call: told again where nobody answers.
    open: HashMap<String, Open>,
}

/// What the user was asked about a call.
enum Open {
    Proposal(String),
    Question(Question),
}

impl fmt::Debug for Asking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Asking").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Asking {
    pub(super) fn new(events: EventStream, desk: &Arc<Desk>) -> Self {
        Self { events, desk: Arc::clone(desk), calls: Vec::new(), said: String::new(), open: HashMap::new() }
    }

    /// Answers the questions of this request, from wherever.
    pub fn replies(&self) -> Replies {
        self.events.replies()
    }

    /// A call of this request, by its id.
    pub fn call(&self, id: &str) -> Option<&ToolCall> {
        self.calls.iter().find(|call| call.id == id)
    }

    /// What happens next; `None` after the end or an error.
    ///
    /// # Errors
    /// If the model fails or the conversation cannot be remembered. What a tool cannot do is not an error but an output.
    pub async fn next(&mut self) -> Option<Result<TurnEvent, AssistantError>> {
        let event = match self.events.next().await? {
            Ok(event) => event,
            Err(error) => return Some(Err(error.into())),
        };
        Some(self.remember(event))
    }

    /// As [`next`](Self::next), without async: waits on this thread.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Option<Result<TurnEvent, AssistantError>> {
        futures_lite::future::block_on(self.next())
    }

    /// Keeps what is to be kept of an event, before anything follows from it, and says it in the user's language.
    fn remember(&mut self, mut event: TurnEvent) -> Result<TurnEvent, AssistantError> {
        match &mut event {
            TurnEvent::Text { text } => self.said.push_str(text),
            TurnEvent::ToolCalls { calls } => {
                self.keep_words()?;
                self.calls.extend_from_slice(calls);
                self.desk.remember(&Entry::ToolCalls { calls: calls.clone() })?;
            }
            TurnEvent::Proposed { call_id, summary, .. } => {
                self.open.insert(call_id.clone(), Open::Proposal(summary.clone()));
            }
            TurnEvent::Asked { call_id, question, .. } => {
                self.open.insert(call_id.clone(), Open::Question(question.clone()));
            }
            TurnEvent::ToolOutput { call_id, answer, outcome } => {
                if let (ToolOutcome::Unasked, Some(Open::Question(question))) = (*outcome, self.open.get(call_id))
                    && let Some(call) = self.call(call_id)
                {
                    let (call, choices) = (call.clone(), question.choices.clone());
                    self.desk.leave_open(OpenQuestion { call, choices });
                }
                if let Some(text) = self.told(call_id, *outcome) {
                    answer.text = text;
                }
                self.desk.saw(&answer.data);
                let (text, data, sources) = (answer.text.clone(), answer.data.clone(), answer.sources.clone());
                let (call_id, is_error) = (call_id.clone(), answer.is_error);
                self.desk.remember(&Entry::ToolOutput { call_id, text, data, sources, is_error })?;
            }
            TurnEvent::Finished(_) => self.keep_words()?,
            _ => {}
        }
        Ok(event)
    }

    /// What the user is told of a call that was not carried out.
    fn told(&self, call_id: &str, outcome: ToolOutcome) -> Option<String> {
        let language = self.desk.request().language;
        match (outcome, self.open.get(call_id)) {
            (ToolOutcome::Declined, _) => Some(sentences::declined(language)),
            (ToolOutcome::Unknown, _) => Some(sentences::no_app(language)),
            (ToolOutcome::Unasked, Some(Open::Proposal(effect))) => Some(sentences::unconfirmed(language, effect)),
            (ToolOutcome::Unasked, Some(Open::Question(question))) => Some(sentences::unanswered(language, question)),
            _ => None,
        }
    }

    fn keep_words(&mut self) -> Result<(), AssistantError> {
        let text = std::mem::take(&mut self.said);
        if text.is_empty() { Ok(()) } else { Ok(self.desk.remember(&Entry::Response { text })?) }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // What was read before the user stopped it was said; a store that fails now has failed before or will be told next.
        let _ = self.keep_words();
    }
}
