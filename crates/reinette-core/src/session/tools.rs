//! Calls of tools: each ends with words for the model, whatever happens to it.

use super::Configuration;
use super::approval::{Approval, Approvals, Replies, Reply};
use super::driver::Reporter;
use super::response::{ToolOutcome, TurnEvent};
use crate::{Commit, Effect, Invocation, Prepared, Question, Risk, Tool, ToolAnswer, ToolCall, ToolError};
use serde_json::Value;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How often a call is prepared: once, again after each question, and again when something changed before it was committed.
const MAX_PREPARATIONS: usize = 8;

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
    pub(super) answer: Box<ToolAnswer>,
    pub(super) outcome: ToolOutcome,
}

impl Output {
    fn error(outcome: ToolOutcome, text: String) -> Self {
        Self { answer: Box::new(ToolAnswer::error(text)), outcome }
    }

    fn failed(error: &ToolError) -> Self {
        Self::error(ToolOutcome::Failed, format!("error: {error}"))
    }

    /// Who was asked knows it; who could not be asked may be told by the model.
    fn refused(approval: Approval, approvals: Approvals) -> Self {
        let (outcome, text) = match approval {
            Approval::Declined => (ToolOutcome::Declined, "refused: the user does not want it"),
            _ => (ToolOutcome::Unasked, "refused: the user has to be asked, and cannot be"),
        };
        let refused = Self::error(outcome, text.to_owned());
        if approvals == Approvals::Refuse {
            refused
        } else {
            Self { answer: Box::new(refused.answer.for_user()), outcome }
        }
    }
}

/// One call while it is carried out.
pub(super) struct Carrier<'a> {
    pub(super) call: &'a ToolCall,
    pub(super) configuration: &'a Configuration,
    pub(super) approvals: Approvals,
    pub(super) reporter: &'a Reporter,
    pub(super) replies: &'a Replies,
}

impl Carrier<'_> {
    /// Prepares the call, asks, commits.
    pub(super) async fn carry_out(&self) -> Output {
        match self.check() {
            Ok(tool) => self.prepare(tool.as_ref()).await.unwrap_or_else(|ended| ended),
            Err(refused) => refused,
        }
    }

    /// The tool, if the call may be made.
    fn check(&self) -> Result<Arc<dyn Tool>, Output> {
        let Self { call, configuration, .. } = self;
        let tool = configuration.tools.iter().find(|tool| tool.definition().name == call.name).cloned();
        let unknown = || Output::error(ToolOutcome::Unknown, format!("error: there is no tool `{}`", call.name));
        let tool = tool.ok_or_else(unknown)?;
        if let Some(reason) = configuration.guardrails.refuse_call(call) {
            return Err(Output::error(ToolOutcome::Refused, format!("refused: {reason}")));
        }
        // A model that does not enforce schemas may ask for anything.
        let arguments = Value::Object(call.arguments.clone());
        let wrong = |reason| Output::error(ToolOutcome::Failed, format!("error: wrong arguments: {reason}"));
        let definition = tool.definition();
        let definition = if tool.asks_for_missing() { definition.with_optional_arguments() } else { definition };
        let schema = definition.parameters;
        schema.validate(&arguments).map_err(wrong)?;
        Ok(tool)
    }

    /// Prepares the call until it has an answer or an effect that is made.
    async fn prepare(&self, tool: &dyn Tool) -> Result<Output, Output> {
        let limit = tool.timeout().unwrap_or(self.configuration.tool_timeout);
        let mut invocation = Invocation::new(self.call.arguments.clone());
        // What the user allowed: asked again only about something else.
        let mut allowed: Option<String> = None;
        for _ in 0..MAX_PREPARATIONS {
            let again = invocation.clone();
            match self.within(limit, || tool.prepare(again)).await? {
                Prepared::Answer(answer) => {
                    if self.approvals == Approvals::AskAlways {
                        self.allow(&Proposal::reading(self.call)).await?;
                    }
                    let outcome = if answer.is_error { ToolOutcome::Failed } else { ToolOutcome::Answered };
                    return Ok(Output { answer: Box::new(answer), outcome });
                }
                Prepared::Question(question) if question.choices.is_empty() => {
                    let answer = Box::new(ToolAnswer::error(question.text).for_user());
                    return Err(Output { answer, outcome: ToolOutcome::Asks });
                }
                Prepared::Question(question) => {
                    let choice = self.choose(&question, invocation.chosen.len()).await;
                    let Some(choice) = choice.and_then(|choice| question.choices.into_iter().nth(choice)) else {
                        let open = format!("error: it is not clear what is meant: {}", question.text);
                        let unasked = Output::error(ToolOutcome::Unasked, open);
                        return Err(Output { answer: Box::new(unasked.answer.for_user()), ..unasked });
                    };
                    invocation.chosen.push(choice);
                }
                Prepared::Effect(effect) => {
                    let proposal = Proposal::of(&effect);
                    if allowed.as_ref() != Some(&proposal.summary) {
                        self.allow(&proposal).await?;
                        allowed = Some(proposal.summary);
                    }
                    match self.commit(limit, effect).await? {
                        Commit::Done(answer) => {
                            let committed =
                                TurnEvent::Committed { call_id: self.call.id.clone(), answer: answer.clone() };
                            self.reporter.send(committed).await;
                            return Ok(Output { answer: Box::new(answer), outcome: ToolOutcome::Done });
                        }
                        Commit::Stale => {}
                    }
                }
            }
        }
        let restless = "error: what this would change is being changed by another program: nothing was done";
        Err(Output::error(ToolOutcome::Failed, restless.to_owned()))
    }

    async fn commit(&self, limit: Duration, effect: Effect) -> Result<Commit, Output> {
        match &self.configuration.committer {
            Some(committer) => self.within(limit, || committer.commit(self.call, effect)).await,
            None => self.within(limit, || effect.action.commit()).await.map(Commit::Done),
        }
    }

    /// Asks the user about a proposal, where somebody is to be asked.
    async fn allow(&self, proposal: &Proposal) -> Result<(), Output> {
        let needs_reply = matches!(self.approvals, Approvals::Ask | Approvals::AskAlways);
        let id = format!("{}-approval", self.call.id);
        let reply = self.replies.expect(&id);
        let event = TurnEvent::Proposed {
            id: id.clone(),
            call_id: self.call.id.clone(),
            summary: proposal.summary.clone(),
            risk: proposal.risk,
            preview: proposal.preview.clone(),
            data: proposal.data.clone(),
            can_undo: proposal.can_undo,
            needs_reply,
        };
        self.reporter.send(event).await;
        let approval = match self.approvals {
            Approvals::Allow => return Ok(()),
            Approvals::Refuse => Approval::Nobody,
            Approvals::Ask | Approvals::AskAlways => match reply.recv().await {
                Ok(Reply::Approval(approval)) => approval,
                _ => Approval::Nobody,
            },
        };
        if needs_reply {
            self.reporter.send(TurnEvent::Decided { id, approval }).await;
        }
        if approval == Approval::Allowed { Ok(()) } else { Err(Output::refused(approval, self.approvals)) }
    }

    /// Lets the user choose.
    async fn choose(&self, question: &Question, number: usize) -> Option<usize> {
        let id = format!("{}-question-{number}", self.call.id);
        let reply = self.replies.expect(&id);
        if self.approvals == Approvals::Refuse {
            return None;
        }
        let (call_id, question) = (self.call.id.clone(), question.clone());
        self.reporter.send(TurnEvent::Asked { id: id.clone(), call_id, question }).await;
        let choice = match reply.recv().await {
            Ok(Reply::Choice(choice)) => choice,
            _ => None,
        };
        self.reporter.send(TurnEvent::Answered { id, choice }).await;
        choice
    }

    /// What a tool or a committer does, for as long as it may take; its panic is an error.
    async fn within<T, F>(&self, limit: Duration, begin: impl FnOnce() -> Pin<Box<F>>) -> Result<T, Output>
    where
        F: Future<Output = Result<T, ToolError>> + ?Sized,
    {
        // What panics before its first await panics here.
        let begun = catch_unwind(AssertUnwindSafe(begin));
        let work = async {
            match begun {
                Ok(future) => Guarded(future).await,
                Err(panic) => Err(panic_error(panic.as_ref())),
            }
        };
        let timer = async {
            futures_timer::Delay::new(limit).await;
            None
        };
        match futures_lite::future::or(async { Some(work.await) }, timer).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(Output::failed(&error)),
            None => {
                let text = format!("error: `{}` took longer than {limit:?} and was stopped", self.call.name);
                Err(Output::error(ToolOutcome::TimedOut, text))
            }
        }
    }
}

/// What the user is asked about.
struct Proposal {
    summary: String,
    risk: Option<Risk>,
    preview: Vec<String>,
    data: Value,
    can_undo: bool,
}

impl Proposal {
    fn of(effect: &Effect) -> Self {
        let Effect { summary, risk, preview, data, action } = effect;
        let (summary, preview, data) = (summary.clone(), preview.clone(), data.clone());
        Self { summary, risk: Some(*risk), preview, data, can_undo: action.can_undo() }
    }

    /// A call that changes nothing.
    fn reading(call: &ToolCall) -> Self {
        Self { summary: call.name.clone(), risk: None, preview: Vec::new(), data: Value::Null, can_undo: false }
    }
}

/// Work whose panic is an error.
struct Guarded<F: ?Sized>(Pin<Box<F>>);

impl<T, F: Future<Output = Result<T, ToolError>> + ?Sized> Future for Guarded<F> {
    type Output = Result<T, ToolError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is not polled again.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(panic_error(panic.as_ref()))),
        }
    }
}

fn panic_error(panic: &(dyn Any + Send)) -> ToolError {
    let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    ToolError::new(format!("the tool broke down: {}", message.unwrap_or("it did not say why")))
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
