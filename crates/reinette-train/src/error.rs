//! What can go wrong in the workshop.

use reinette_data::DataError;
use reinette_engine::template::TemplateError;
use reinette_engine::{LoadError, gguf::GgufError};
use std::io;
use std::path::{Path, PathBuf};

/// Why training cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written; what was written before is kept.
    #[error("cannot write {}: {source}; what was saved before is kept", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The base model cannot be used.
    #[error("the base model {}: {source}", path.display())]
    Base {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: LoadError,
    },
    /// A file of weights does not fit the base model.
    #[error("the weights in {}: {problem}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// The base model has a part through which no gradient is computed.
    #[error(
        "models with {part} cannot be trained (this is {architecture:?}): take a model of llama, mistral, qwen2, qwen3, smollm3, phi3, gemma or gemma3"
    )]
    Unsupported {
        /// The part.
        part: &'static str,
        /// The architecture.
        architecture: String,
    },
    /// Training data cannot be read, or a line of it is not as it should be.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of training data holds nothing.
    #[error("{} holds no example", path.display())]
    NoData {
        /// The file.
        path: PathBuf,
    },
    /// The configuration is not one.
    #[error("the configuration: {0}")]
    Config(String),
    /// The adapter to go on from, or its template, cannot be used.
    #[error("the adapter in {}: {problem}", folder.display())]
    Adapter {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The chat template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A GGUF file could not be made.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The loss or a gradient is no number.
    #[error(
        "step {step}: the loss is {loss} and the length of the gradient {gradient_norm}: training has diverged; go on from the last checkpoint with a lower optimizer.learning_rate"
    )]
    Diverged {
        /// The step, counted from 1.
        step: usize,
        /// Its loss.
        loss: f64,
        /// The length of its gradient.
        gradient_norm: f64,
    },
    /// A checkpoint is damaged or of another run.
    #[error("the checkpoint {}: {problem}", folder.display())]
    Checkpoint {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl TrainError {
    /// For `map_err`: a file that could not be read.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// For `map_err`: a file that could not be written.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}
