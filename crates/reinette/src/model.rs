//! Anything that turns a transcript into the next entries.

use crate::{Examples, GenerationOptions, Schema, ToolCall, ToolDefinition, ToolMode, Transcript};
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What a model is asked: the whole conversation, and what it may answer with.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Everything said and done so far; the last entry is what is to be answered.
    pub transcript: Transcript,
    /// The tools that may be called.
    pub tools: Vec<ToolDefinition>,
    /// Requests with the calls that are right for them: a model that has not learned the tools is shown the nearest.
    pub examples: Option<Arc<Examples>>,
    /// Whether they may, must or must not be called.
    pub tool_mode: ToolMode,
    /// The shape of the answer; `None` is free text.
    pub response_schema: Option<Schema>,
    /// How it is generated.
    pub options: GenerationOptions,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The next words.
    Text(String),
    /// A call, complete.
    ToolCall(ToolCall),
    /// The end; nothing follows.
    Finished(Summary),
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model said it was done, or a stop string came.
    Stop,
    /// The limit of tokens was reached.
    Length,
    /// Tools were called.
    ToolCalls,
    /// Whoever asked stopped listening.
    Cancelled,
}

/// What an answer took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, how many were taken from the KV cache.
    pub cached_tokens: usize,
    /// Tokens of the answer.
    pub output_tokens: usize,
    /// Of these, how many the constraint forced, without a step of the model.
    pub forced_tokens: usize,
    /// Milliseconds from the request to the first token.
    pub first_token_ms: f64,
    /// Milliseconds from the request to the end.
    pub total_ms: f64,
}

/// What a model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The model's name, as its file gives it.
    pub name: String,
    /// The architecture, as its file names it.
    pub architecture: String,
    /// The longest sequence it takes, in tokens.
    pub context_tokens: usize,
    /// The size of its weights.
    pub size_bytes: u64,
}

/// Why a model could not answer, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The conversation does not fit.
    #[error("the conversation has {needed_tokens} tokens, the model takes {limit_tokens}")]
    ContextFull {
        /// What it would take.
        needed_tokens: usize,
        /// What there is.
        limit_tokens: usize,
    },
    /// A schema cannot be followed.
    #[error("the schema of {what} cannot be followed: {reason}")]
    Schema {
        /// Whose schema it is.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Anything that turns a transcript into the next entries.
pub trait LanguageModel: Send + Sync {
    /// What it is.
    fn info(&self) -> ModelInfo;

    /// Starts an answer. Dropping the stream stops the work at the next token.
    fn respond(&self, request: Request) -> ResponseStream;
}

/// An answer as it comes: a [`Stream`](futures_core::Stream) for async code, an [`Iterator`] that blocks for the rest.
#[derive(Debug)]
pub struct ResponseStream {
    events: Pin<Box<async_channel::Receiver<Result<Event, ModelError>>>>,
}

impl ResponseStream {
    /// The stream of what `events` receives; its sender fails as soon as the stream is dropped.
    pub fn new(events: async_channel::Receiver<Result<Event, ModelError>>) -> Self {
        Self { events: Box::pin(events) }
    }
}

impl Iterator for ResponseStream {
    type Item = Result<Event, ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.events.recv_blocking().ok()
    }
}

impl futures_core::Stream for ResponseStream {
    type Item = Result<Event, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(context)
    }
}
