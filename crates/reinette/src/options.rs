//! How an answer is generated.

pub use reinette_engine::Sampling;

/// Whether a model may, must or must not call tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolMode {
    /// The model decides.
    #[default]
    Allowed,
    /// At least one call.
    Required,
    /// None.
    Disallowed,
}

/// How an answer is generated.
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
}

impl Default for GenerationOptions {
    fn default() -> Self {
        Self { sampling: Sampling::Greedy, repetition_penalty: 1.0, max_tokens: 1024, stop: Vec::new() }
    }
}
