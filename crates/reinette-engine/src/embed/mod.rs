//! Texts as vectors whose directions tell what they are about: embedding models of the BERT family.

mod encoder;

use crate::gguf::Gguf;
use crate::model::{LoadError, pack};
use crate::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use encoder::{Encoder, EncoderWeights, Pooling};
use std::path::Path;

/// Why a text has no vector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The text is longer than the model can read.
    #[error("the text has {tokens} tokens, the model reads {limit_tokens} at most: embed it in parts")]
    TooLong {
        /// Tokens of the text, those that begin and end it included.
        tokens: usize,
        /// What the model can read.
        limit_tokens: usize,
    },
    /// The text has no tokens.
    #[error("the text is empty")]
    Empty,
    /// The model's file could not be read any more, or holds numbers that lead to none.
    #[error(
        "the embedding model computed no finite numbers, or its file was cut short while it was in use: fetch it again, then \
         load it again"
    )]
    Damaged,
}

/// An embedding model of the BERT family: a text in, a vector of length 1 out.
///
/// The scalar product of two vectors is the cosine of the angle between them: near 1 for texts of the same meaning.
///
/// ```no_run
/// use reinette_engine::Embedder;
///
/// let mut embedder = Embedder::load("all-MiniLM-L6-v2.gguf".as_ref(), 2)?;
/// let note = embedder.embed("The plumber's number is 555-0123")?;
/// let question = embedder.embed("How do I reach the plumber?")?;
/// let similarity: f32 = note.iter().zip(&question).map(|(note, question)| note * question).sum();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Paper: Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks, arXiv:1908.10084.
#[derive(Debug)]
pub struct Embedder {
    tokenizer: Tokenizer,
    weights: EncoderWeights,
    encoder: Encoder,
}

impl Embedder {
    /// Maps a GGUF file with a model of the architecture `bert` and checks it; computes with `n_threads` threads, the
    /// caller's included.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a model that is not supported.
    pub fn load(path: &Path, n_threads: usize) -> Result<Self, LoadError> {
        let gguf = Gguf::open(path)?;
        let tokenizer = Tokenizer::from_gguf(&gguf)?;
        let mut weights = EncoderWeights::from_gguf(&gguf, tokenizer.vocab_size())?;
        // These models are small: what is kept on disk for large ones would save milliseconds.
        pack(weights.matrices_mut(), None);
        let encoder = Encoder::new(&weights, n_threads)?;
        Ok(Self { tokenizer, weights, encoder })
    }

    /// The length of the vectors.
    pub fn dimensions(&self) -> usize {
        self.weights.hidden_dim()
    }

    /// The longest text that the model can read, in tokens, two of them for its beginning and end.
    pub fn context_tokens(&self) -> usize {
        self.weights.context_tokens()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The vector of `text`, `[dimensions]`, of length 1.
    ///
    /// # Errors
    /// If the text is empty or longer than the model can read (nothing is left out silently), or the model is damaged.
    pub fn embed(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let words = self.tokenizer.encode(text, SpecialTokens::AsText);
        if words.is_empty() {
            return Err(EmbedError::Empty);
        }
        let tokens: Vec<TokenId> =
            self.tokenizer.bos().into_iter().chain(words).chain(self.tokenizer.separator()).collect();
        let limit_tokens = self.weights.context_tokens();
        if tokens.len() > limit_tokens {
            return Err(EmbedError::TooLong { tokens: tokens.len(), limit_tokens });
        }
        let hidden = self.encoder.encode(&self.weights, &tokens);
        let mut vector = pool(self.weights.pooling(), hidden, self.weights.hidden_dim());
        normalise(&mut vector);
        let is_sound = vector.iter().all(|value| value.is_finite()) && !self.weights.is_lost();
        if is_sound { Ok(vector) } else { Err(EmbedError::Damaged) }
    }
}

/// One vector of those of all tokens, `[n_tokens, dim]`.
fn pool(pooling: Pooling, hidden: &[f32], dim: usize) -> Vec<f32> {
    match pooling {
        Pooling::First => hidden[..dim].to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0.0; dim];
            for row in hidden.chunks_exact(dim) {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let count = (hidden.len() / dim) as f32;
            sum.into_iter().map(|sum| sum / count).collect()
        }
    }
}

/// Makes a vector as long as 1; one of zeros stays.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
}
