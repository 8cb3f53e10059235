//! One prompt, before it is asked.

use super::driver;
use super::{Approvals, EventStream, Response, Session, SessionError, TextStream, ValueStream};
use crate::{Entry, Examples, Generable, GenerationOptions, Schema, ToolMode};
use futures_lite::future::block_on;
use serde_json::Value;
use std::sync::Arc;

/// One prompt with options of its own. Nothing happens until what it gives is awaited or polled.
///
/// ```
/// # extern crate reinette_core as reinette;
/// use reinette::testing::{Reply, ScriptedModel};
/// use reinette::{GenerationOptions, Session};
///
/// let session = Session::new(&ScriptedModel::new([Reply::text("Four.")]));
/// let options = GenerationOptions { max_tokens: 16, ..GenerationOptions::default() };
/// let response = session.turn("What is two and two?").options(options).respond_blocking()?;
/// assert_eq!(response.content, "Four.");
/// assert!(response.usage.output_tokens > 0);
/// # Ok::<(), reinette::SessionError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a turn does nothing until it is asked: `respond`, `stream` or `events`"]
pub struct Turn {
    pub(super) session: Session,
    pub(super) prompt: String,
    pub(super) attachments: Vec<Entry>,
    pub(super) options: GenerationOptions,
    pub(super) tool_mode: ToolMode,
    pub(super) examples: Option<Arc<Examples>>,
    pub(super) approvals: Approvals,
}

impl Turn {
    pub(super) fn new(session: Session, prompt: String) -> Self {
        let (options, approvals) = (session.configuration.options.clone(), session.configuration.approvals);
        let (attachments, tool_mode) = (Vec::new(), ToolMode::default());
        Self { session, prompt, attachments, options, tool_mode, examples: None, approvals }
    }

    /// Gives something along with the prompt that is no text, such as a picture: `url` is where it is, or itself
    /// (`data:`). A model without [`Capability::Vision`](crate::Capability::Vision) refuses the turn with
    /// [`ModelError::Unsupported`](crate::ModelError::Unsupported), which leaves no trace.
    pub fn attach(mut self, media_type: impl Into<String>, url: impl Into<String>) -> Self {
        self.attachments.push(Entry::Attachment { media_type: media_type.into(), url: url.into() });
        self
    }

    /// How this answer is generated.
    pub fn options(self, options: GenerationOptions) -> Self {
        Self { options, ..self }
    }

    /// Whether tools may, must or must not be called. `Required` asks for one round of calls; then the model decides.
    pub fn tool_mode(self, tool_mode: ToolMode) -> Self {
        Self { tool_mode, ..self }
    }

    /// Requests with the calls that are right for them, for a model that has not learned the tools.
    pub fn examples(self, examples: Arc<Examples>) -> Self {
        Self { examples: Some(examples), ..self }
    }

    /// Who decides about the effects of this turn's calls. With [`Approvals::Ask`], whoever reads [`events`](Self::events)
    /// answers through [`EventStream::replies`]; where only the answer is awaited, nobody does, and effects are refused.
    pub fn approvals(self, approvals: Approvals) -> Self {
        Self { approvals, ..self }
    }

    /// Everything that happens, as it happens: words, calls and outputs of tools, what became of the context.
    pub fn events(self) -> EventStream {
        driver::start(self, None)
    }

    /// As [`events`](Self::events), for an answer that satisfies `schema`.
    pub fn events_under(self, schema: Schema) -> EventStream {
        driver::start(self, Some(schema))
    }

    /// The words of the answer as they come.
    pub fn stream(self) -> TextStream {
        TextStream::new(self.events())
    }

    /// The value of the answer as it grows.
    pub fn stream_as<T: Generable>(self) -> ValueStream<T> {
        ValueStream::new(self.events_under(T::schema()))
    }

    /// The whole answer, in words.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn respond(self) -> Result<Response, SessionError> {
        self.events().finish().await
    }

    /// The whole answer, as a value that satisfies all its guides.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn respond_as<T: Generable>(self) -> Result<Response<T>, SessionError> {
        driver::value_of(self.events_under(T::schema()).finish().await?)
    }

    /// The whole answer, as JSON that satisfies `schema`.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub async fn respond_under(self, schema: Schema) -> Result<Response<Value>, SessionError> {
        driver::value_of(self.events_under(schema).finish().await?)
    }

    /// As [`respond`](Self::respond), without async: waits on this thread.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn respond_blocking(self) -> Result<Response, SessionError> {
        block_on(self.respond())
    }

    /// As [`respond_as`](Self::respond_as), without async: waits on this thread.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn respond_as_blocking<T: Generable>(self) -> Result<Response<T>, SessionError> {
        block_on(self.respond_as())
    }
}
