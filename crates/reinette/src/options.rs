//! How an answer is generated.

/// How the next token is picked from the model's distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Always the most likely token.
    Greedy,
    /// A random token; the filters apply in the order in which they stand here.
    Random {
        /// Divides the logits; above 0.
        temperature: f32,
        /// Keeps the `top_k` most likely tokens; 0 keeps all.
        top_k: usize,
        /// Keeps the fewest most likely tokens whose probabilities sum to `top_p` or more.
        top_p: f32,
        /// Drops the tokens less likely than `min_p` times the most likely one.
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
