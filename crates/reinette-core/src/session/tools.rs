//! Calls of tools: each ends with words for the model, whatever happens to it.

use super::guardrail::Guardrails;
use super::response::ToolOutcome;
use crate::{Tool, ToolCall, ToolFuture};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// In which order the calls of one answer are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolOrder {
    /// All at once; the model sees outputs in the order of its calls.
    #[default]
    Parallel,
    /// One after the other.
    Series,
}

/// What the application says to a call before it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may happen.
    Allow,
    /// It may not, for this reason; the model is told.
    Refuse(String),
}

/// What a call came to.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) text: String,
    pub(super) outcome: ToolOutcome,
}

/// Carries out one call.
pub(super) async fn carry_out(
    call: ToolCall,
    tool: Option<Arc<dyn Tool>>,
    guardrails: &Guardrails,
    timeout: Duration,
) -> Output {
    let Some(tool) = tool else {
        return Output { text: format!("error: there is no tool `{}`", call.name), outcome: ToolOutcome::Unknown };
    };
    if let Some(reason) = guardrails.refuse_call(&call) {
        return Output { text: format!("refused: {reason}"), outcome: ToolOutcome::Refused };
    }
    // A model that does not enforce schemas may ask for anything.
    let arguments = serde_json::Value::Object(call.arguments.clone());
    if let Err(reason) = tool.definition().parameters.validate(&arguments) {
        return Output { text: format!("error: wrong arguments: {reason}"), outcome: ToolOutcome::Failed };
    }
    let limit = tool.timeout().unwrap_or(timeout);
    // A tool that panics before its first await panics here.
    let begun = catch_unwind(AssertUnwindSafe(|| tool.call(call.arguments)));
    let work = async {
        match begun {
            Ok(future) => Guarded(future).await,
            Err(panic) => Err(panic_message(panic.as_ref())),
        }
    };
    let timer = async {
        futures_timer::Delay::new(limit).await;
        None
    };
    match futures_lite::future::or(async { Some(work.await) }, timer).await {
        Some(Ok(text)) => Output { text, outcome: ToolOutcome::Done },
        Some(Err(error)) => Output { text: format!("error: {error}"), outcome: ToolOutcome::Failed },
        None => Output {
            text: format!("error: `{}` took longer than {limit:?} and was stopped", call.name),
            outcome: ToolOutcome::TimedOut,
        },
    }
}

/// A call whose panic is an error.
struct Guarded(ToolFuture);

impl Future for Guarded {
    type Output = Result<String, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is not polled again.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map_err(|error| error.to_string()),
            Err(panic) => Poll::Ready(Err(panic_message(panic.as_ref()))),
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    format!("the tool broke down: {}", message.unwrap_or("it did not say why"))
}

/// Futures side by side: ends when all have.
pub(super) struct Together<F> {
    running: Vec<Pin<Box<F>>>,
}

impl<F: Future<Output = ()>> Together<F> {
    pub(super) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        Self { running: futures.into_iter().map(Box::pin).collect() }
    }
}

impl<F: Future<Output = ()>> Future for Together<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if self.running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}
