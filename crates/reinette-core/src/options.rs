//! How an answer is generated.

use crate::{Adapter, LogitsProcessor};

/// No more of the likeliest tokens are told beside each that was picked.
pub const MAX_LIKELIEST_TOKENS: usize = 20;

/// How a token is picked. The filters of a random pick apply in the order in which they stand here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Always the most likely token; of equals, the one with the lowest id.
    Greedy,
    /// A random token.
    Random {
        /// Divides the logits; above 0.
        temperature: f32,
        /// Keeps the `top_k` most likely tokens; 0 keeps all.
        top_k: usize,
        /// Keeps the fewest most likely tokens whose probabilities sum to `top_p` or more.
        ///
        /// Paper: The Curious Case of Neural Text Degeneration, arXiv:1904.09751.
        top_p: f32,
        /// Drops the tokens less likely than `min_p` times the most likely one.
        ///
        /// Paper: Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs, arXiv:2407.01082.
        min_p: f32,
        /// The same seed gives the same text.
        seed: u64,
    },
}

/// Whether a model may, must or must not call tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolMode {
    /// The model decides.
    #[default]
    Allowed,
    /// The model decides, and need not say anything: what tools answered has been shown to the user.
    CallsOnly,
    /// At least one call.
    Required,
    /// None.
    Disallowed,
}

/// Whether schemas stand in the prompt, for the model to read. It is held to them either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaDisplay {
    /// The model is told what its answer is to look like, with the descriptions of the fields, and what tools there are.
    #[default]
    Shown,
    /// The prompt holds nothing of it: the instructions say what matters, or the model has learned it. Where tools are
    /// chosen, the instructions stand in the place of the tools' descriptions. A model on a server that is sent schemas does
    /// with them what it does.
    LeftOut,
}

/// How an answer is generated. A model refuses by name what it cannot do: see [`Capability`](crate::Capability).
///
/// ```no_run
/// # extern crate reinette_core as reinette;
/// use reinette::{GenerationOptions, LanguageModel, LogitsProcessor, Session};
///
/// # fn show(model: &std::sync::Arc<dyn LanguageModel>) -> Result<(), reinette::SessionError> {
/// // Favours one word a little, and tells how sure the model was of each token.
/// let favour = LogitsProcessor::new(|logits| {
///     for token in logits.tokens_of(" garden") {
///         logits.values()[token.index()] += 2.0;
///     }
/// });
/// let options = GenerationOptions {
///     logits_processor: Some(favour),
///     log_probabilities: Some(3),
///     ..GenerationOptions::default()
/// };
/// for token in Session::new(model).turn("A line of a poem").options(options).respond_blocking()?.log_probabilities {
///     println!("{:?} {:?}, before {:?}", token.text(), token.log_probability, token.likeliest);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationOptions {
    /// How the next token is picked.
    pub sampling: Sampling,
    /// Divides the logits of tokens seen lately when they are positive, multiplies them when negative; 1 does nothing.
    pub repetition_penalty: f32,
    /// The answer ends after this many tokens.
    pub max_tokens: usize,
    /// The answer ends before the first of these strings.
    pub stop: Vec<String>,
    /// Tells with what probability the model held each token of the answer, and this many of the likeliest beside it, up to
    /// [`MAX_LIKELIEST_TOKENS`](crate::MAX_LIKELIEST_TOKENS): see
    /// [`Response::log_probabilities`](crate::Response::log_probabilities). `None` tells nothing.
    pub log_probabilities: Option<usize>,
    /// Edits the logits of each token of the answer before all else.
    pub logits_processor: Option<LogitsProcessor>,
    /// Whether the schemas of the answer and of tools stand in the prompt.
    pub schemas: SchemaDisplay,
    /// The model may think with so many tokens before it answers; 0 lets it answer at once. What it thinks is told as it comes
    /// and kept in the transcript, and is not shown to it again. A server reads it as a measure of effort.
    pub reasoning_tokens: usize,
    /// The language that the answer is to be in, as a tag such as `fr` or `pt-BR`: a model that tells its languages refuses
    /// another one instead of answering badly. The prompt says nothing of it.
    pub language: Option<String>,
    /// The adapters to answer with, each loaded by the model itself, in the order in which they are stacked.
    pub adapters: Vec<Adapter>,
}

impl Default for GenerationOptions {
    fn default() -> Self {
        Self {
            sampling: Sampling::Greedy,
            repetition_penalty: 1.0,
            max_tokens: 1024,
            stop: Vec::new(),
            log_probabilities: None,
            logits_processor: None,
            schemas: SchemaDisplay::default(),
            reasoning_tokens: 0,
            language: None,
            adapters: Vec::new(),
        }
    }
}
