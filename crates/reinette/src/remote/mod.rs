//! Models on a server that speaks the chat completions of `OpenAI`'s API, as llama.cpp, vLLM, Ollama and many others do.
//!
//! - [`ChatCompletionsModel`]: one model of one server.
//! - [`AnswerLimits`]: how much of an answer is taken.
//!
//! Invariants: the only module of the framework that speaks to a model elsewhere, and only to the server that it was
//! given, never to where that one redirects; nothing of the vendor's words leaves it. What a server sends is bounded
//! before it is kept, every wait has an end, and no error repeats the key.

mod stream;
mod wire;

use crate::outbound::{self, CONNECT_TIMEOUT, Deadlines, HangUp};
use crate::{Capability, LanguageModel, ModelError, ModelInfo, Request, ResponseStream};
use std::fmt;
use std::time::Duration;
use stream::Exchange;

/// A model of a server.
#[derive(Clone)]
pub struct ChatCompletionsConfig {
    /// The server's address up to its version, such as `http://127.0.0.1:8080/v1`.
    pub base_url: String,
    /// What the server calls the model.
    pub model: String,
    /// What the server knows its users by. Printed nowhere.
    pub api_key: Option<String>,
    /// The longest conversation that the model takes, in tokens; 0 if nobody knows.
    pub context_tokens: usize,
    /// How long the server may send nothing, take nothing, or be at the headers of its answer, before the answer fails.
    pub silence_timeout: Duration,
    /// How long the whole answer may take, from the connection to its last word; `None` is as long as the server speaks.
    pub total_timeout: Option<Duration>,
    /// How much of an answer is taken.
    pub limits: AnswerLimits,
    /// What the model can do, as the developer knows: a server does not tell.
    pub capabilities: Vec<Capability>,
}

/// How much of an answer is taken, in bytes. More is [`ModelError::AnswerTooLong`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// What the server sends altogether, comments and punctuation included.
    pub transfer_bytes: usize,
    /// Words, thoughts and the tokens that probabilities are told of.
    pub text_bytes: usize,
    /// The names and arguments of all calls.
    pub call_bytes: usize,
}

impl Default for AnswerLimits {
    /// 256 MiB altogether (a token with the probabilities of twenty others takes 3 kB), 32 MiB of words and 4 MiB of calls.
    fn default() -> Self {
        Self { transfer_bytes: 256 << 20, text_bytes: 32 << 20, call_bytes: 4 << 20 }
    }
}

impl ChatCompletionsConfig {
    /// The model `model` of the server at `base_url`: no key, a context of unknown length, two minutes of silence and ten
    /// altogether at most, and tools.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            context_tokens: 0,
            silence_timeout: Duration::from_mins(2),
            total_timeout: Some(Duration::from_mins(10)),
            limits: AnswerLimits::default(),
            capabilities: vec![Capability::ToolCalling],
        }
    }
}

impl fmt::Debug for ChatCompletionsConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChatCompletionsConfig")
            .field("base_url", &outbound::shown(&self.base_url))
            .field("model", &self.model)
            .field("has_api_key", &self.api_key.is_some())
            .finish_non_exhaustive()
    }
}

/// A model on a server that speaks the chat completions of `OpenAI`'s API.
///
/// Answers are streamed. Schemas are sent as strict JSON Schemas; whether the server holds the model to them is its own
/// business, so a [`Session`](crate::Session) checks every value and every call against its schema.
///
/// ```no_run
/// use reinette::{ChatCompletionsConfig, ChatCompletionsModel, Session};
///
/// let model = ChatCompletionsModel::new(ChatCompletionsConfig::new("http://127.0.0.1:8080/v1", "qwen3-8b"));
/// println!("{}", Session::new(&model).respond_blocking("Three days in Lyon with a child")?);
/// # Ok::<(), reinette::SessionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChatCompletionsModel {
    config: ChatCompletionsConfig,
}

impl ChatCompletionsModel {
    /// The model that `config` names. The server is not asked anything yet.
    pub fn new(config: ChatCompletionsConfig) -> Self {
        Self { config }
    }

    fn url(&self) -> String {
        format!("{}/chat/completions", self.config.base_url.trim_end_matches('/'))
    }

    fn deadlines(&self) -> Deadlines {
        let silence = self.config.silence_timeout;
        Deadlines { connect: silence.min(CONNECT_TIMEOUT), silence, total: self.config.total_timeout }
    }

    /// Refuses what cannot be answered, before anything is sent.
    fn check(&self, request: &Request) -> Result<(), ModelError> {
        request.check_supported(self)?;
        request.response_schema.as_ref().map_or(Ok(()), |schema| schema.check("the answer"))
    }
}

impl LanguageModel for ChatCompletionsModel {
    fn info(&self) -> ModelInfo {
        ModelInfo {
            name: self.config.model.clone(),
            architecture: "remote".to_owned(),
            context_tokens: self.config.context_tokens,
            size_bytes: 0,
            languages: Vec::new(),
        }
    }

    fn supports(&self, capability: Capability) -> bool {
        // What this API has no words for is not supported, whatever the model can do.
        let is_of_api = !matches!(capability, Capability::TokenCount | Capability::LogitAccess | Capability::Adapters);
        is_of_api && self.config.capabilities.contains(&capability)
    }

    fn respond(&self, request: Request) -> ResponseStream {
        // Of few events: a server that is read no further stops sending, and sees the connection end when it is dropped.
        let (events, answer) = async_channel::bounded(16);
        if let Err(refused) = self.check(&request) {
            let _ = events.try_send(Err(refused));
            return ResponseStream::new(answer);
        }
        let exchange = Exchange { config: self.config.clone(), url: self.url(), events };
        // Of this request alone: to end it is to shut its agent down.
        let agent = match outbound::agent(&exchange.url, self.deadlines()) {
            Ok(agent) => agent,
            Err(reason) => {
                let _ = exchange.events.try_send(Err(exchange.failed(reason)));
                return ResponseStream::new(answer);
            }
        };
        let hang_up = HangUp::of(&agent);
        std::thread::spawn(move || {
            if let Err(error) = exchange.run(&agent, &request) {
                // Nobody may be listening any more.
                let _ = exchange.events.send_blocking(Err(error));
            }
        });
        ResponseStream::new(answer).with_guard(hang_up)
    }
}
