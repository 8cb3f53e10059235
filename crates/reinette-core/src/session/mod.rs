//! Conversations with a model.
//!
//! - [`Session`]: a conversation; hands prompts to its model, carries out its calls of tools, keeps the transcript.
//! - [`Turn`]: one prompt with its own options, before it is asked.
//! - [`EventStream`], [`TextStream`], [`ValueStream`]: an answer as it comes.
//! - [`Response`]: a whole answer, what it took, and what it added to the transcript.
//!
//! Invariants: a turn does its work when it is polled, on the thread that polls it, and needs no runtime; dropping it
//! cancels the model at its next token and the tools where they wait; no lock is held across an await; a turn that fails
//! or is dropped leaves no trace in the transcript, unless tools have acted: then prompt, calls and outputs stay.

mod approval;
mod context;
mod driver;
mod error;
mod gate;
mod guardrail;
mod response;
mod selection;
mod streams;
mod tools;
mod turn;

pub use approval::{Approval, Approvals, Replies};
pub use context::ContextPolicy;
pub use error::SessionError;
pub use guardrail::{GuardedPart, Guardrail};
pub use response::{ContextReduction, Response, Timings, ToolOutcome, TurnEvent, Usage};
pub use streams::{EventStream, TextStream, ValueStream};
pub use tools::{Decision, ToolOrder};
pub use turn::Turn;

use crate::{
    Committer, Entry, Generable, GenerationOptions, LanguageModel, Tool, ToolAnswer, ToolCall, ToolDefinition,
    Transcript,
};
use context::ContextWindow;
use gate::Gate;
use guardrail::{CallGuard, Guardrails};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a call of a tool may take, unless the tool or the session says otherwise.
const TOOL_TIMEOUT: Duration = Duration::from_secs(30);
/// How often in one turn the model may see outputs of tools and call again.
const MAX_TOOL_ROUNDS: usize = 8;

/// What becomes of a prompt while another is being answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// It fails with [`SessionError::Busy`].
    #[default]
    Refuse,
    /// It waits in line, first come first served.
    Queue,
}

/// A conversation with a model.
///
/// Clones are handles of one conversation: one may answer while another looks at the transcript. What is configured by
/// a method that takes `self` belongs to the handle and the clones made of it later: a handle is a profile, with tools,
/// options and guardrails of its own.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::testing::{Reply, ScriptedModel};
/// use reinette::{Generable, Session};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Generable)]
/// struct Trip {
///     title: String,
///     #[guide(range = 1..=5)]
///     days: u8,
/// }
///
/// # futures_lite::future::block_on(async {
/// // Any model would do; this one says what it was told to.
/// let model = ScriptedModel::new([Reply::text("Lyon, perhaps?"), Reply::text(r#"{"title": "Silk and puppets", "days": 3}"#)]);
/// let session = Session::new(&model).instructions("You plan trips.");
/// assert_eq!(session.respond("Where to, with a child?").await?, "Lyon, perhaps?");
/// let trip: Trip = session.respond_as("Three days, please").await?;
/// assert_eq!(trip.days, 3);
/// assert_eq!(session.transcript().entries.len(), 5);
/// # Ok::<_, reinette::SessionError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Session {
    configuration: Arc<Configuration>,
    state: Arc<State>,
}

/// What a handle of a session brings to each turn.
#[derive(Clone)]
struct Configuration {
    tools: Vec<Arc<dyn Tool>>,
    options: GenerationOptions,
    context_policy: ContextPolicy,
    concurrency: Concurrency,
    tool_order: ToolOrder,
    tool_timeout: Duration,
    max_tool_rounds: usize,
    max_offered_tools: usize,
    guardrails: Guardrails,
    approvals: Approvals,
    committer: Option<Arc<dyn Committer>>,
}

/// What all handles of a session share.
struct State {
    gate: Arc<Gate>,
    conversation: Mutex<Conversation>,
}

struct Conversation {
    model: Arc<dyn LanguageModel>,
    /// What the model is told about its job; first in every transcript.
    instructions: Option<String>,
    /// Everything after the instructions.
    transcript: Transcript,
    /// The calls under way, and what each came to so far.
    pending: Vec<(String, Option<ToolAnswer>)>,
    view: ContextWindow,
}

impl Conversation {
    /// Everything said and done so far.
    fn whole(&self) -> Transcript {
        self.instructed(self.transcript.clone())
    }

    /// What the model is shown of it.
    fn shown(&self) -> Transcript {
        self.instructed(self.view.of(&self.transcript))
    }

    fn instructed(&self, mut transcript: Transcript) -> Transcript {
        if let Some(text) = &self.instructions {
            transcript.entries.insert(0, Entry::Instructions { text: text.clone() });
        }
        transcript
    }
}

impl State {
    /// The conversation, for a moment: never across an await.
    fn conversation(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conversation = self.state.conversation();
        formatter
            .debug_struct("Session")
            .field("model", &conversation.model.info().name)
            .field("entries", &conversation.transcript.entries.len())
            .field("is_responding", &self.is_responding())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// An empty conversation with `model`. Models are cheap to clone, or stand in an [`Arc`].
    pub fn new<M: LanguageModel + Clone + 'static>(model: &M) -> Self {
        Self::from_transcript(model, Transcript::default())
    }

    /// The conversation that `transcript` tells of, to go on with: of an earlier process, or of another model.
    pub fn from_transcript<M: LanguageModel + Clone + 'static>(model: &M, transcript: Transcript) -> Self {
        let model: Arc<dyn LanguageModel> = Arc::new(model.clone());
        let configuration = Configuration {
            tools: Vec::new(),
            options: GenerationOptions::default(),
            context_policy: ContextPolicy::default(),
            concurrency: Concurrency::default(),
            tool_order: ToolOrder::default(),
            tool_timeout: TOOL_TIMEOUT,
            max_tool_rounds: MAX_TOOL_ROUNDS,
            max_offered_tools: usize::MAX,
            guardrails: Guardrails::default(),
            approvals: Approvals::default(),
            committer: None,
        };
        let mut transcript = transcript;
        let instructions = match transcript.entries.first() {
            Some(Entry::Instructions { text }) => Some(text.clone()),
            _ => None,
        };
        transcript.entries.drain(..usize::from(instructions.is_some()));
        let conversation =
            Conversation { model, instructions, transcript, pending: Vec::new(), view: ContextWindow::default() };
        Self {
            configuration: Arc::new(configuration),
            state: Arc::new(State { gate: Arc::default(), conversation: Mutex::new(conversation) }),
        }
    }

    /// The tools that the model is offered for a prompt.
    fn offered_tools(&self, prompt: &str) -> Vec<ToolDefinition> {
        let tools = self.configuration.tools.iter().map(|tool| tool.definition()).collect();
        let conversation = self.state.conversation();
        selection::nearest(tools, self.configuration.max_offered_tools, prompt, &conversation.transcript)
    }

    fn configure(mut self, set: impl FnOnce(&mut Configuration)) -> Self {
        set(Arc::make_mut(&mut self.configuration));
        self
    }

    /// Tells the model about its job, in place of what it was told before.
    #[must_use]
    pub fn instructions(self, text: impl Into<String>) -> Self {
        self.state.conversation().instructions = Some(text.into());
        self
    }

    /// Lets the model use a tool. One that has the name of an earlier one takes its place.
    #[must_use]
    pub fn tool(self, tool: impl Tool + 'static) -> Self {
        self.configure(|configuration| {
            let name = tool.definition().name;
            configuration.tools.retain(|other| other.definition().name != name);
            configuration.tools.push(Arc::new(tool));
        })
    }

    /// Lets the model use these tools, and no others.
    #[must_use]
    pub fn tools(self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.configure(|configuration| configuration.tools = tools.into_iter().collect())
    }

    /// How answers are generated, unless a [`Turn`] says otherwise.
    #[must_use]
    pub fn options(self, options: GenerationOptions) -> Self {
        self.configure(|configuration| configuration.options = options)
    }

    /// What becomes of the conversation when it outgrows the model's context.
    #[must_use]
    pub fn context_policy(self, policy: ContextPolicy) -> Self {
        self.configure(|configuration| configuration.context_policy = policy)
    }

    /// What becomes of a prompt while another is being answered.
    #[must_use]
    pub fn concurrency(self, concurrency: Concurrency) -> Self {
        self.configure(|configuration| configuration.concurrency = concurrency)
    }

    /// Whether several calls of one answer are carried out at once.
    #[must_use]
    pub fn tool_order(self, order: ToolOrder) -> Self {
        self.configure(|configuration| configuration.tool_order = order)
    }

    /// How long a call may take of a tool that does not say so itself; 30 seconds unless set.
    #[must_use]
    pub fn tool_timeout(self, timeout: Duration) -> Self {
        self.configure(|configuration| configuration.tool_timeout = timeout)
    }

    /// How often in one turn the model may call tools; then it has to answer. 8 unless set.
    #[must_use]
    pub fn max_tool_rounds(self, rounds: usize) -> Self {
        self.configure(|configuration| configuration.max_tool_rounds = rounds)
    }

    /// How many of the tools a prompt offers to the model; all unless set. Of more, those are offered whose names,
    /// descriptions, arguments and examples share most words with the prompt, and those that were called last.
    #[must_use]
    pub fn max_offered_tools(self, count: usize) -> Self {
        self.configure(|configuration| configuration.max_offered_tools = count)
    }

    /// Lets nothing pass that `guardrail` refuses, beside those that are asked already.
    #[must_use]
    pub fn guardrail(self, guardrail: impl Guardrail + 'static) -> Self {
        self.configure(|configuration| configuration.guardrails.push(guardrail))
    }

    /// Asks `approval` before every call of a tool: a guardrail for calls alone. A refused call is an output that the model
    /// sees.
    #[must_use]
    pub fn approve_calls(self, approval: impl Fn(&ToolCall) -> Decision + Send + Sync + 'static) -> Self {
        self.guardrail(CallGuard(approval))
    }

    /// Who decides about the effects of calls, unless a [`Turn`] says otherwise; nobody unless set: effects are refused.
    #[must_use]
    pub fn approvals(self, approvals: Approvals) -> Self {
        self.configure(|configuration| configuration.approvals = approvals)
    }

    /// Makes the effects that were allowed with `committer`, such as a journal.
    #[must_use]
    pub fn committer(self, committer: impl Committer + 'static) -> Self {
        self.configure(|configuration| configuration.committer = Some(Arc::new(committer)))
    }

    /// Goes on with another model, from the next turn on. What the context policy hid is shown again.
    pub fn use_model<M: LanguageModel + Clone + 'static>(&self, model: &M) {
        let mut conversation = self.state.conversation();
        conversation.model = Arc::new(model.clone());
        conversation.view = ContextWindow::default();
    }

    /// Everything said and done so far.
    pub fn transcript(&self) -> Transcript {
        self.state.conversation().whole()
    }

    /// Whether a prompt is being answered.
    pub fn is_responding(&self) -> bool {
        self.state.gate.is_taken()
    }

    /// A prompt with options of its own, before it is asked.
    pub fn turn(&self, prompt: impl Into<String>) -> Turn {
        Turn::new(self.clone(), prompt.into())
    }

    /// Asks, and gives the answer in words.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn respond(&self, prompt: impl Into<String>) -> Result<String, SessionError> {
        Ok(self.turn(prompt).respond().await?.content)
    }

    /// Asks, and gives the answer as a value that satisfies all its guides.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn respond_as<T: Generable>(&self, prompt: impl Into<String>) -> Result<T, SessionError> {
        Ok(self.turn(prompt).respond_as().await?.content)
    }

    /// Asks, and gives the words of the answer as they come.
    pub fn stream(&self, prompt: impl Into<String>) -> TextStream {
        self.turn(prompt).stream()
    }

    /// Asks, and gives the value of the answer as it grows.
    pub fn stream_as<T: Generable>(&self, prompt: impl Into<String>) -> ValueStream<T> {
        self.turn(prompt).stream_as()
    }

    /// As [`respond`](Self::respond), without async: waits on this thread.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn respond_blocking(&self, prompt: impl Into<String>) -> Result<String, SessionError> {
        futures_lite::future::block_on(self.respond(prompt))
    }

    /// As [`respond_as`](Self::respond_as), without async: waits on this thread.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn respond_as_blocking<T: Generable>(&self, prompt: impl Into<String>) -> Result<T, SessionError> {
        futures_lite::future::block_on(self.respond_as(prompt))
    }

    /// Lets the model read the instructions, the tools and the beginning of a prompt that is likely to come, so that the
    /// answer starts sooner. A model with a cache on disk keeps what it has read for later processes. The transcript stays
    /// as it is.
    ///
    /// # Errors
    /// [`SessionError::Busy`] while a prompt is being answered; what the model's own reading fails with.
    pub async fn prewarm(&self, prompt_prefix: &str) -> Result<(), SessionError> {
        let _pass = self.state.gate.try_enter().ok_or(SessionError::Busy)?;
        driver::prewarm(self, prompt_prefix).await
    }

    /// How many tokens the model would read if this prompt were asked now: the instructions, the conversation as far as it
    /// is shown, the tools and the prompt. [`ModelInfo::context_tokens`](crate::ModelInfo::context_tokens) is what there is
    /// room for, answer included.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`](crate::ModelError::Unsupported) where the model does not tell.
    pub fn token_count(&self, prompt: &str) -> Result<usize, SessionError> {
        driver::token_count(self, prompt)
    }
}
