//! A loaded model: what its file describes, and its tensors.

mod adapter;
mod decoder;
mod description;
mod kv_cache;
mod packed;
mod weights;

pub use adapter::{Adapter, AdapterError};
pub(crate) use decoder::{Decoder, Logits};
pub(crate) use description::{Activation, Description};
pub(crate) use kv_cache::KvCache;
pub(crate) use weights::{Projection, Weight, Weights};

use crate::gguf::{Gguf, GgufError};
use crate::template::{ChatTemplate, TemplateError};
use crate::tokenizer::{Tokenizer, TokenizerError};
use reinette_kernels::{CacheTooLarge, RopeError};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is not a sound GGUF.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The vocabulary cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The architecture is not one of ours.
    #[error("the architecture {found:?} is not supported; supported are {supported}")]
    Architecture {
        /// What the file says.
        found: String,
        /// What there is.
        supported: String,
    },
    /// A number in the metadata cannot be right.
    #[error("{what} is {value}, which no supported model has")]
    Impossible {
        /// The metadata key.
        what: String,
        /// What the file says.
        value: String,
    },
    /// A tensor is missing.
    #[error("the tensor {0} is missing")]
    MissingTensor(String),
    /// The rotary frequencies cannot be computed.
    #[error(transparent)]
    Rope(#[from] RopeError),
    /// The KV cache would be larger than any machine's memory.
    #[error(transparent)]
    Cache(#[from] CacheTooLarge),
    /// A tensor does not fit the metadata.
    #[error("{0}")]
    Shape(String),
}

/// A model: immutable, memory-mapped, shared by any number of sequences.
#[derive(Debug)]
pub struct Model {
    gguf: Gguf,
    description: Description,
    weights: Weights,
    tokenizer: Arc<Tokenizer>,
    template: OnceLock<Result<ChatTemplate, TemplateError>>,
}

impl Model {
    /// [`load_with_cache`](Self::load_with_cache) with the user's own folder for caches
    /// (`$XDG_CACHE_HOME/reinette/packed`).
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a model that is not supported.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_with_cache(path, packed::default_folder().as_deref())
    }

    /// Maps a GGUF file and checks it; weights are read from disk when they are first used.
    ///
    /// The first time, the weights are rearranged for this processor, which takes some seconds for a gigabyte. With
    /// a `folder`, they are kept there, as a file of the size of the model, and mapped the next time; the file may be
    /// deleted at any time. Without one, or where it cannot be written, they are rearranged in memory at every start.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a model that is not supported.
    pub fn load_with_cache(path: &Path, folder: Option<&Path>) -> Result<Self, LoadError> {
        let gguf = Gguf::open(path)?;
        let description = Description::from_gguf(&gguf)?;
        let tokenizer = Tokenizer::from_gguf(&gguf)?;
        let mut weights = Weights::from_gguf(&gguf, &description, tokenizer.vocab_size())?;
        packed::pack(&mut weights, path, folder);
        Ok(Self { gguf, description, weights, tokenizer: Arc::new(tokenizer), template: OnceLock::new() })
    }

    /// The model's name, as its file gives it.
    pub fn name(&self) -> &str {
        self.gguf.metadata().str("general.name").unwrap_or("unnamed")
    }

    /// The architecture, as the file names it.
    pub fn architecture(&self) -> &str {
        &self.description.architecture
    }

    /// The longest sequence that the model was made for, in tokens.
    pub fn context_tokens(&self) -> usize {
        self.description.context_tokens
    }

    /// The size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.gguf.size_bytes() as u64
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// The chat template, compiled when it is first asked for.
    ///
    /// # Errors
    /// If the file has none, or it cannot be compiled.
    pub fn chat_template(&self) -> Result<&ChatTemplate, TemplateError> {
        self.template.get_or_init(|| ChatTemplate::from_gguf(&self.gguf)).as_ref().map_err(Clone::clone)
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }
}
