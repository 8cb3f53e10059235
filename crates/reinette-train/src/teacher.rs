//! What a larger model finds likely, kept beside the examples that a smaller one learns from.

use crate::config::Config;
use crate::data::Encoder;
use crate::{TrainError, run};
use reinette_data::lines::Taught;
use reinette_engine::gguf::Gguf;
use reinette_engine::tokenizer::{TokenId, Tokenizer};
use reinette_engine::{Adapter, AdapterError, Model, Sequence};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A model that tells, for each token of an answer, which ones it finds likely there. It reads what the student reads, token
/// by token, so that both must have one vocabulary.
///
/// Paper: Distilling the Knowledge in a Neural Network, arXiv:1503.02531.
pub struct Teacher {
    sequence: Sequence,
    adapters: Vec<Arc<Adapter>>,
    encoder: Encoder,
    top_k: usize,
}

impl fmt::Debug for Teacher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.sequence.model().name();
        formatter.debug_struct("Teacher").field("model", &model).field("top_k", &self.top_k).finish_non_exhaustive()
    }
}

/// The most tokens that are kept of a place.
const MAX_TOP_K: usize = 256;

impl Teacher {
    /// Loads a teacher, perhaps with an adapter, and what it takes to read examples as the student of a configuration does.
    /// Of each place it tells the `top_k` likeliest tokens.
    ///
    /// # Errors
    /// If a model, the adapter or the template cannot be loaded, or the vocabularies differ.
    pub fn load(
        config: &Config,
        teacher: &Path,
        adapter: Option<&Path>,
        top_k: usize,
        n_threads: usize,
    ) -> Result<Self, TrainError> {
        if !(1..=MAX_TOP_K).contains(&top_k) {
            return Err(TrainError::Config(format!("of each token, 1 to {MAX_TOP_K} likely ones can be kept")));
        }
        let of = |path: &Path| {
            let path = path.to_owned();
            move |source| TrainError::Base { path, source }
        };
        let gguf = Gguf::open(&config.model.base).map_err(|error| of(&config.model.base)(error.into()))?;
        let template = run::template(config, &gguf)?;
        let student = Arc::new(Model::unpacked(gguf).map_err(of(&config.model.base))?);
        let model = Arc::new(Model::load(teacher).map_err(of(teacher))?);
        if !is_same(student.tokenizer(), model.tokenizer()) {
            let (student, teacher) = (student.name(), model.name());
            return Err(TrainError::Config(format!(
                "{teacher} has another vocabulary than {student}, so it cannot tell which of its tokens are likely: let it \
                 write answers instead, with --answers"
            )));
        }
        let load = |folder: &Path| {
            let problem =
                |error: AdapterError| TrainError::Adapter { folder: folder.to_owned(), problem: error.to_string() };
            Adapter::load(folder, &model).map(Arc::new).map_err(problem)
        };
        let adapters = adapter.map(load).transpose()?.into_iter().collect();
        let sequence = Sequence::new(model, config.data.max_tokens, n_threads).map_err(of(teacher))?;
        Ok(Self { sequence, adapters, encoder: Encoder::new(student, template, config.data.max_tokens)?, top_k })
    }

    /// A line of training data with what the teacher says of it.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn teach(&mut self, line: &str) -> Result<String, String> {
        let example = self.encoder.read(line, 0.0)?;
        if example.rejected.is_some() {
            return Err("has a rejected answer: preferences are learned without a teacher".to_owned());
        }
        let tokens: Vec<TokenId> = example.tokens[..example.tokens.len() - 1].iter().copied().map(TokenId).collect();
        let vocab_size = self.sequence.model().tokenizer().vocab_size();
        let logits = self.sequence.logits(&tokens, &self.adapters).map_err(|error| error.to_string())?;
        let places = logits.chunks_exact(vocab_size).skip(example.prompt_tokens - 1);
        let (tokens, log_probabilities) = places.map(|logits| likeliest(logits, self.top_k)).unzip();
        Taught { tokens, log_probabilities }.added_to(line)
    }
}

/// The likeliest tokens and the logarithms of how likely they are, to a thousandth.
fn likeliest(logits: &[f32], count: usize) -> (Vec<u32>, Vec<f32>) {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from(logit - greatest).exp()).sum();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let count = count.min(order.len());
    if count < order.len() {
        order.select_nth_unstable_by(count, |a, b| logits[*b].total_cmp(&logits[*a]));
    }
    order.truncate(count);
    order.sort_unstable_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    #[expect(clippy::cast_possible_truncation, reason = "tokens have 32 bits, and logarithms need no more")]
    let told = |token: usize| {
        let log = f64::from(logits[token] - greatest) - total.ln();
        (token as u32, ((log * 1e3).round() / 1e3) as f32)
    };
    order.into_iter().map(told).unzip()
}

/// Whether two vocabularies are one.
fn is_same(one: &Tokenizer, other: &Tokenizer) -> bool {
    let n_tokens = one.vocab_size();
    let ids = || (0..u32::try_from(n_tokens).unwrap_or(u32::MAX)).map(TokenId);
    n_tokens == other.vocab_size() && ids().all(|id| one.token_bytes(id) == other.token_bytes(id))
}
