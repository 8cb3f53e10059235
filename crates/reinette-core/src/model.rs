//! Anything that turns a transcript into the next entries.

use crate::{Entry, Examples, GenerationOptions, Schema, ToolCall, ToolDefinition, ToolMode, Transcript};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
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
    /// The next words of what the model thinks before it answers.
    Reasoning(String),
    /// A call, complete.
    ToolCall(ToolCall),
    /// The end; nothing follows.
    Finished(Summary),
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model said it was done, or a stop string came.
    #[default]
    Stop,
    /// The limit of tokens was reached.
    Length,
    /// Tools were called.
    ToolCalls,
    /// Whoever asked stopped listening.
    Cancelled,
}

impl Request {
    /// Refuses what is attached or asked for by the options and `model` does not support. Whoever implements [`LanguageModel`] asks this
    /// before anything is generated.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`], with the capability that it takes.
    pub fn check_supported(&self, model: &dyn LanguageModel) -> Result<(), ModelError> {
        let options = &self.options;
        let is_attached = self.transcript.entries.iter().any(|entry| matches!(entry, Entry::Attachment { .. }));
        let asked = [
            (is_attached, "see attachments", Capability::Vision),
            (options.log_probabilities.is_some(), "tell probabilities", Capability::LogProbabilities),
            (options.logits_processor.is_some(), "have its logits edited", Capability::LogitAccess),
            (!options.adapters.is_empty(), "use adapters", Capability::Adapters),
            (options.reasoning_tokens > 0, "think before it answers", Capability::Reasoning),
        ];
        if let Some((_, what, capability)) =
            asked.into_iter().find(|(is_asked, _, capability)| *is_asked && !model.supports(*capability))
        {
            return Err(ModelError::Unsupported { what, capability });
        }
        match &options.language {
            Some(language) if model.info().speaks(language) == Some(false) => {
                let (language, languages) = (language.clone(), model.info().languages);
                Err(ModelError::UnsupportedLanguage { language, languages })
            }
            _ => Ok(()),
        }
    }
}

/// How likely a model held a token of its answer, by its own logits: before processors, schema, penalty and sampling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLogProbability {
    /// What the token says; at times part of a character.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability; `None` if the schema left no choice, so that the model was not asked.
    pub log_probability: Option<f32>,
    /// The tokens that were likeliest in its place, the likeliest first.
    pub likeliest: Vec<LikelyToken>,
}

/// A token that might have stood in another's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelyToken {
    /// What the token says; at times part of a character.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability.
    pub log_probability: f32,
}

impl TokenLogProbability {
    /// What the token says, as far as it is characters.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// What an answer took; by default nothing, for an answer that no model was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, how many were taken from the KV cache.
    pub cached_tokens: usize,
    /// Tokens of the answer.
    pub output_tokens: usize,
    /// Of these, how many it thought with.
    #[serde(default)]
    pub reasoning_tokens: usize,
    /// Of these, how many the constraint forced, without a step of the model.
    pub forced_tokens: usize,
    /// What the model held of each token of its words, those of a stop string included, if that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_probabilities: Vec<TokenLogProbability>,
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
    /// The languages that it was made for, as it names them itself (ISO 639, such as `en`); empty if it does not.
    #[serde(default)]
    pub languages: Vec<String>,
}

impl ModelInfo {
    /// Whether the model was made for the language of a tag such as `fr` or `fr-CA` (BCP 47); `None` if it does not tell its
    /// languages.
    pub fn speaks(&self, language: &str) -> Option<bool> {
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let asked = primary(language);
        let is_told = !self.languages.is_empty();
        is_told.then(|| self.languages.iter().any(|known| primary(known) == asked))
    }
}

/// Why a model could not answer, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The conversation does not fit.
    #[error(
        "the conversation has {needed_tokens} tokens, the model takes {limit_tokens}: send less of it, or load the model \
         with more `context_tokens`"
    )]
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
    /// The model will not do what it was asked.
    #[error("the model refuses: {explanation}; ask in other words, or ask another model")]
    Refused {
        /// What it says about it.
        explanation: String,
    },
    /// The model cannot do what the request asks for at all.
    #[error("this model cannot {what}: use one that supports `Capability::{capability:?}`, or leave it out")]
    Unsupported {
        /// What was asked.
        what: &'static str,
        /// What it takes.
        capability: Capability,
    },
    /// The answer is to be in a language that the model was not made for.
    #[error("this model was not made for `{language}`, but for {}: use another, or ask in one of these", .languages.join(", "))]
    UnsupportedLanguage {
        /// The language that was asked for.
        language: String,
        /// Those that the model tells.
        languages: Vec<String>,
    },
    /// An adapter is damaged, or of another model.
    #[error("the adapter {name} cannot be used with this model: {reason}")]
    Adapter {
        /// The adapter.
        name: String,
        /// What is wrong with it, and what to do about it.
        reason: String,
    },
    /// The model's server has no time now.
    #[error("the model's server asks to wait{}", .retry_after_seconds.map(|seconds| format!(" {seconds} s")).unwrap_or_default())]
    RateLimited {
        /// When it will have, as it says.
        retry_after_seconds: Option<u64>,
    },
    /// The model's server cannot be reached, or does not speak as it should.
    #[error("the model at {server} did not answer: {reason}")]
    Server {
        /// Its address.
        server: String,
        /// What is wrong, and what to do about it.
        reason: String,
    },
    /// The model's server sends more than an answer may have.
    #[error(
        "the model at {server} sent more than {limit_bytes} bytes of {what}: ask for a shorter answer (`max_tokens`), or \
         raise the `limits` of its configuration"
    )]
    AnswerTooLong {
        /// The server's address.
        server: String,
        /// Of what it sent too much.
        what: &'static str,
        /// How much of it is taken.
        limit_bytes: usize,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// What some models can do and others cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// Answers under a schema satisfy it, because the model is held to it token by token.
    GuidedGeneration,
    /// The model calls tools.
    ToolCalling,
    /// The same request with the same seed gives the same text.
    SameTextForSameSeed,
    /// The model tells how many tokens a request has, before it is asked.
    TokenCount,
    /// The model tells with what probability it held each token of an answer.
    LogProbabilities,
    /// The program may edit the logits before a token is picked.
    LogitAccess,
    /// Each request may have adapters of its own.
    Adapters,
    /// The model sees pictures.
    Vision,
    /// The model thinks before it answers, as far as it is let: `GenerationOptions::reasoning_tokens`.
    Reasoning,
}

/// Anything that turns a transcript into the next entries.
///
/// What every implementation promises is checked by [`testing::conformance`](crate::testing::conformance).
pub trait LanguageModel: Send + Sync {
    /// What it is.
    fn info(&self) -> ModelInfo;

    /// Starts an answer. Dropping the stream stops the work at the next token.
    fn respond(&self, request: Request) -> ResponseStream;

    /// What it can do.
    fn supports(&self, capability: Capability) -> bool {
        let _ = capability;
        false
    }

    /// How many tokens a request's prompt has, the answer not included: where tools are offered, the longer one of those
    /// that the model may have to read. It fits if that is less than [`ModelInfo::context_tokens`].
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] where the model does not tell; what asking would fail with.
    fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        let _ = request;
        Err(ModelError::Unsupported { what: "count tokens", capability: Capability::TokenCount })
    }

    /// Which version of its weights it is, if it knows: a digest of the file, or what its server calls it. Two models of
    /// one version answer alike.
    fn version(&self) -> Option<String> {
        None
    }

    /// Whether it has learned a tool of this name, as an adapter does: it needs no definition of it and is shown none.
    /// It then chooses by the user's last words, and reads no outputs before it chooses again.
    fn has_learned(&self, tool: &str) -> bool {
        let _ = tool;
        false
    }

    /// Reads what later requests are likely to begin with, so that they are answered sooner. What comes is no answer.
    fn prewarm(&self, mut request: Request) -> ResponseStream {
        request.options.max_tokens = 1;
        self.respond(request)
    }
}

/// A shared model is a model.
impl<M: LanguageModel + ?Sized> LanguageModel for Arc<M> {
    fn info(&self) -> ModelInfo {
        (**self).info()
    }

    fn respond(&self, request: Request) -> ResponseStream {
        (**self).respond(request)
    }

    fn supports(&self, capability: Capability) -> bool {
        (**self).supports(capability)
    }

    fn token_count(&self, request: &Request) -> Result<usize, ModelError> {
        (**self).token_count(request)
    }

    fn version(&self) -> Option<String> {
        (**self).version()
    }

    fn has_learned(&self, tool: &str) -> bool {
        (**self).has_learned(tool)
    }

    fn prewarm(&self, request: Request) -> ResponseStream {
        (**self).prewarm(request)
    }
}

/// An answer as it comes: a [`Stream`](futures_core::Stream) for async code, an [`Iterator`] that blocks for the rest.
#[derive(Debug)]
pub struct ResponseStream {
    events: Pin<Box<async_channel::Receiver<Result<Event, ModelError>>>>,
    /// Dropped with the stream.
    _guard: Option<Box<dyn fmt::Debug + Send + Sync>>,
}

impl ResponseStream {
    /// The stream of what `events` receives; its sender fails as soon as the stream is dropped.
    pub fn new(events: async_channel::Receiver<Result<Event, ModelError>>) -> Self {
        Self { events: Box::pin(events), _guard: None }
    }

    /// The same stream, with which `guard` is dropped: it ends what the sender may be waiting for instead of the receiver,
    /// such as an answer of a server.
    #[must_use]
    pub fn with_guard(self, guard: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self { _guard: Some(Box::new(guard)), ..self }
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
