//! A loaded model: what its file describes, and its tensors.

mod adapter;
mod decoder;
mod description;
mod fingerprint;
mod hyper_parameters;
mod kv_cache;
mod mixture;
mod packed;
mod rope;
mod tensors;
#[cfg(test)]
mod tests;
mod weights;

pub use adapter::{Adapter, AdapterError};
pub(crate) use decoder::{BATCH_TOKENS, Decoder, Part};
pub use description::{Activation, Description, LayerKind, Mixture, Positions, Scores, Shares, Temperature};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use hyper_parameters::HyperParameters;
pub(crate) use kv_cache::{KvCache, KvShape, pages};
use mixture::MixtureBuffers;
pub use packed::PackedFolder;
pub(crate) use packed::pack;
use packed::{PackedMatrix, Source};
pub(crate) use rope::Reach;
pub use rope::Rope;
pub(crate) use tensors::Tensors;
pub use weights::{Experts, FeedForward, Gated, Layer, Projection, Weight, Weights};

use crate::gguf::{Gguf, GgufError};
use crate::template::{ChatTemplate, TemplateError};
use crate::tokenizer::{Tokenizer, TokenizerError};
use reinette_kernels::{CacheTooLarge, RopeError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

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
    #[error("the architecture {found:?} is not supported; take a model of one of these: {supported}")]
    Architecture {
        /// What the file says.
        found: String,
        /// What there is.
        supported: String,
    },
    /// A number in the metadata cannot be right, or asks for what is not built in.
    #[error("{what} is {value}, which no supported model has: the file is damaged or needs another program")]
    Impossible {
        /// The metadata key.
        what: String,
        /// What the file says.
        value: String,
    },
    /// A tensor is missing.
    #[error("the tensor {0} is missing")]
    MissingTensor(String),
    /// The file holds a tensor that an architecture of this name does not use here.
    #[error(
        "the tensor {tensor} is not used by the architecture {architecture:?}: results would be wrong, so the model is refused"
    )]
    UnusedTensor {
        /// The tensor.
        tensor: String,
        /// The architecture.
        architecture: String,
    },
    /// The rotary frequencies cannot be computed.
    #[error(transparent)]
    Rope(#[from] RopeError),
    /// The KV cache would be larger than any machine's memory.
    #[error(transparent)]
    Cache(#[from] CacheTooLarge),
    /// The system has no thread left to compute on.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A draft model cannot guess for another one.
    #[error(
        "{draft:?} has other tokens than {target:?} and cannot guess them: take a smaller model of the same family"
    )]
    DraftVocabulary {
        /// The model that was to guess.
        draft: String,
        /// The model that answers.
        target: String,
    },
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
    /// Those of the weights that are packed.
    packed: Vec<Arc<PackedMatrix>>,
    tokenizer: Arc<Tokenizer>,
    template: OnceLock<Result<ChatTemplate, TemplateError>>,
    path: Option<PathBuf>,
    changed: Option<SystemTime>,
    fingerprint: OnceLock<Fingerprint>,
}

impl Model {
    /// [`load_with_cache`](Self::load_with_cache) with nothing kept on disk.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a model that is not supported.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_with_cache(path, None)
    }

    /// Maps a GGUF file and checks it; what is multiplied is rearranged for this processor, which takes some seconds for
    /// a gigabyte.
    ///
    /// With a `folder`, the rearranged weights are kept there, in a file of the size of the model, and mapped the next
    /// time; the pages are read from disk, and compared with their checksums, when they are first used. Without one, or where it cannot be written, they are
    /// rearranged in memory at every start.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds a model that is not supported.
    pub fn load_with_cache(path: &Path, folder: Option<&PackedFolder>) -> Result<Self, LoadError> {
        let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let mut model = Self { changed, path: Some(path.to_owned()), ..Self::unpacked(Gguf::open(path)?)? };
        let keep = folder.map(|folder| (folder, Source { path, fingerprint: model.fingerprint() }));
        model.packed = pack(model.weights.matrices_mut(), keep);
        // Where they were packed just now, all of the file was read, most of it for the last time.
        model.gguf.release_pages();
        model.check_read()
    }

    /// Refuses a model whose file changed while it was read.
    fn check_read(self) -> Result<Self, LoadError> {
        if self.gguf.is_lost() { Err(GgufError::Lost.into()) } else { Ok(self) }
    }

    /// The model that an open file holds, rearranged in memory.
    ///
    /// # Errors
    /// If it is not supported, or its tensors are not those that its metadata ask for.
    pub fn from_gguf(gguf: Gguf) -> Result<Self, LoadError> {
        let mut model = Self::unpacked(gguf)?;
        model.packed = pack(model.weights.matrices_mut(), None);
        model.check_read()
    }

    /// The model that an open file holds, its weights where they stand in the file: to read them, not to answer quickly.
    ///
    /// # Errors
    /// If it is not supported, or its tensors are not those that its metadata ask for.
    pub fn unpacked(gguf: Gguf) -> Result<Self, LoadError> {
        let description = Description::from_gguf(&gguf)?;
        let tokenizer = Tokenizer::from_gguf(&gguf)?;
        let weights = Weights::from_gguf(&gguf, &description, tokenizer.vocab_size())?;
        Ok(Self {
            gguf,
            description,
            weights,
            packed: Vec::new(),
            tokenizer: Arc::new(tokenizer),
            template: OnceLock::new(),
            path: None,
            changed: None,
            fingerprint: OnceLock::new(),
        })
    }

    /// Reads the packed weights and compares them with their checksums, which otherwise is done for each matrix when it is
    /// first used: for a thread that has nothing else to do. Experts, of which an answer may use few, are left for then.
    pub fn check_weights(&self) {
        if self.description.mixture.is_none() {
            self.packed.iter().for_each(|matrix| {
                matrix.bytes();
            });
        }
    }

    /// Whether a file of the model could not be read any more, because another program cut it short or the disk failed:
    /// what was computed since may be wrong.
    pub(crate) fn is_lost(&self) -> bool {
        self.gguf.is_lost() || self.packed.first().is_some_and(|matrix| matrix.is_lost())
    }

    /// The model's file, or its name where there is none: for errors.
    pub(crate) fn place(&self) -> String {
        let path = self.path.as_ref().map(|path| format!("the model {}", path.display()));
        path.unwrap_or_else(|| format!("the model {:?}", self.name()))
    }

    /// The model's name, as its file gives it.
    pub fn name(&self) -> &str {
        self.gguf.metadata().str("general.name").unwrap_or("unnamed")
    }

    /// The architecture, as the file names it.
    pub fn architecture(&self) -> &str {
        &self.description.architecture
    }

    /// The languages that the model was made for, as its file names them (ISO 639, such as `en`); empty if it does not.
    pub fn languages(&self) -> Vec<&str> {
        let languages = self.gguf.metadata().array("general.languages").ok();
        let languages = languages.and_then(|languages| languages.strings());
        languages.into_iter().flatten().filter_map(|name| std::str::from_utf8(name).ok()).collect()
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

    /// Tells this model from others, computed when it is first asked for.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        *self.fingerprint.get_or_init(|| Fingerprint::of_model(&self.gguf, self.changed))
    }

    /// What sets this architecture apart, as data.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The tensors.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }
}
