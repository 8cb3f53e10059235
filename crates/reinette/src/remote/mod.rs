//! Models on a server that speaks the chat completions of `OpenAI`'s API, as llama.cpp, vLLM, Ollama and many others do.
//!
//! - [`ChatCompletionsModel`]: one model of one server.
//!
//! Invariants: the only module of the framework that speaks to a model elsewhere, and only to the server that it was
//! given; nothing of the vendor's words leaves it. What a server sends is bounded before it is kept.

mod stream;
mod wire;

use crate::{Capability, LanguageModel, ModelError, ModelInfo, Request, ResponseStream};
use std::fmt;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

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
    /// How long the server may be silent before the answer fails.
    pub silence_timeout: Duration,
    /// What the model can do, as the developer knows: a server does not tell.
    pub capabilities: Vec<Capability>,
}

impl ChatCompletionsConfig {
    /// The model `model` of the server at `base_url`: no key, a context of unknown length, two minutes of silence at most,
    /// and tools.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            context_tokens: 0,
            silence_timeout: Duration::from_mins(2),
            capabilities: vec![Capability::ToolCalling],
        }
    }
}

impl fmt::Debug for ChatCompletionsConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChatCompletionsConfig")
            .field("base_url", &self.base_url)
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
    agent: ureq::Agent,
}

impl ChatCompletionsModel {
    /// The model that `config` names. The server is not asked anything yet.
    pub fn new(config: ChatCompletionsConfig) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_connect(Some(config.silence_timeout))
            .timeout_recv_response(Some(config.silence_timeout))
            .timeout_per_read(Some(config.silence_timeout))
            .user_agent(concat!("reinette/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { config, agent }
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
        let (agent, config) = (self.agent.clone(), self.config.clone());
        // A thread of its own, because a read that blocks cannot be interrupted: it ends at the server's next word after
        // the stream was dropped.
        std::thread::spawn(move || {
            if let Err(error) = stream::answer(&agent, &config, &request, &events) {
                // Nobody may be listening any more.
                let _ = events.send_blocking(Err(error));
            }
        });
        ResponseStream::new(answer)
    }
}
