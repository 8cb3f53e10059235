//! What an application lets pass between its user, a model and its tools.

use super::SessionError;
use super::tools::Decision;
use crate::ToolCall;
use std::fmt;
use std::sync::Arc;

/// What an application lets pass. A session has none unless it is given some, and nothing passes that one of them refuses.
///
/// Refusals are typed: a prompt or an answer ends its turn with [`SessionError::Guardrail`], and leaves no trace in the
/// transcript unless tools have acted; a call becomes an output that the model sees, with
/// [`ToolOutcome::Refused`](super::ToolOutcome::Refused).
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::testing::{Reply, ScriptedModel};
/// use reinette::{Decision, Guardrail, GuardedPart, Session, SessionError};
///
/// struct NoSecrets;
///
/// impl Guardrail for NoSecrets {
///     fn on_response(&self, answer: &str) -> Decision {
///         if answer.contains("4711") { Decision::Refuse("it tells the code".to_owned()) } else { Decision::Allow }
///     }
/// }
///
/// let model = ScriptedModel::new([Reply::text("The code is 4711 ."), Reply::text("I cannot tell.")]);
/// let session = Session::new(&model).guardrail(NoSecrets);
/// let refused = session.respond_blocking("What is the code?").unwrap_err();
/// assert!(matches!(refused, SessionError::Guardrail { part: GuardedPart::Response, .. }));
/// assert_eq!(session.respond_blocking("Are you sure?")?, "I cannot tell.");
/// # Ok::<(), SessionError>(())
/// ```
pub trait Guardrail: Send + Sync {
    /// Asked of what the user said, before the model is.
    fn on_prompt(&self, prompt: &str) -> Decision {
        let _ = prompt;
        Decision::Allow
    }

    /// Asked of the answer as far as it has come, each time before its last words are handed on: what is refused is
    /// never shown.
    fn on_response(&self, answer: &str) -> Decision {
        let _ = answer;
        Decision::Allow
    }

    /// Asked of every call of a tool before it happens.
    fn on_tool_call(&self, call: &ToolCall) -> Decision {
        let _ = call;
        Decision::Allow
    }
}

/// What a [`Guardrail`] refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuardedPart {
    /// What the user said.
    Prompt,
    /// What the model said.
    Response,
}

impl fmt::Display for GuardedPart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Prompt => "prompt",
            Self::Response => "answer",
        })
    }
}

/// The guardrails of a session, in the order in which they are asked.
#[derive(Clone, Default)]
pub(super) struct Guardrails(Vec<Arc<dyn Guardrail>>);

impl Guardrails {
    pub(super) fn push(&mut self, guardrail: impl Guardrail + 'static) {
        self.0.push(Arc::new(guardrail));
    }

    /// The first refusal.
    fn refusal(&self, ask: impl Fn(&dyn Guardrail) -> Decision) -> Option<String> {
        self.0.iter().find_map(|guardrail| match ask(guardrail.as_ref()) {
            Decision::Allow => None,
            Decision::Refuse(reason) => Some(reason),
        })
    }

    pub(super) fn check_prompt(&self, prompt: &str) -> Result<(), SessionError> {
        passed(GuardedPart::Prompt, self.refusal(|guardrail| guardrail.on_prompt(prompt)))
    }

    pub(super) fn check_response(&self, answer: &str) -> Result<(), SessionError> {
        passed(GuardedPart::Response, self.refusal(|guardrail| guardrail.on_response(answer)))
    }

    /// Why a call may not happen, if it may not.
    pub(super) fn refuse_call(&self, call: &ToolCall) -> Option<String> {
        self.refusal(|guardrail| guardrail.on_tool_call(call))
    }
}

fn passed(part: GuardedPart, refusal: Option<String>) -> Result<(), SessionError> {
    refusal.map_or(Ok(()), |reason| Err(SessionError::Guardrail { part, reason }))
}

/// A function that decides on calls.
pub(super) struct CallGuard<F>(pub(super) F);

impl<F: Fn(&ToolCall) -> Decision + Send + Sync> Guardrail for CallGuard<F> {
    fn on_tool_call(&self, call: &ToolCall) -> Decision {
        (self.0)(call)
    }
}
