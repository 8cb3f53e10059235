//! The numbers that a file gives for its architecture: `llama.block_count` and the like.

use super::LoadError;
use crate::gguf::{FromValue, Gguf, Metadata};

/// The most layers, heads and tokens that a file may claim: far above any model, far below what would overflow.
const LIMIT: usize = 1 << 24;

/// Metadata whose keys begin with the architecture's name.
#[derive(Clone, Copy)]
pub(crate) struct HyperParameters<'a> {
    metadata: Metadata<'a>,
    architecture: &'a str,
}

impl<'a> HyperParameters<'a> {
    pub(crate) fn of(gguf: &'a Gguf) -> Result<Self, LoadError> {
        let metadata = gguf.metadata();
        Ok(Self { metadata, architecture: metadata.str("general.architecture")? })
    }

    pub(crate) fn architecture(self) -> &'a str {
        self.architecture
    }

    /// The whole key of `suffix`.
    pub(crate) fn key(self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture)
    }

    /// The value of a key, `None` where the file is silent.
    pub(crate) fn find<T: FromValue<'a>>(self, suffix: &str) -> Result<Option<T>, LoadError> {
        Ok(self.metadata.find(&self.key(suffix))?)
    }

    /// A number of layers, heads, tokens: from 1 to [`LIMIT`].
    pub(crate) fn size(self, suffix: &str) -> Result<usize, LoadError> {
        let value: usize = self.metadata.require(&self.key(suffix))?;
        if (1..=LIMIT).contains(&value) { Ok(value) } else { Err(self.impossible(suffix, &value)) }
    }

    /// A size that a file may leave out, or give as 0 for the same.
    pub(crate) fn optional_size(self, suffix: &str) -> Result<Option<usize>, LoadError> {
        match self.find::<usize>(suffix)? {
            None | Some(0) => Ok(None),
            Some(_) => self.size(suffix).map(Some),
        }
    }

    /// A number that must be finite and positive.
    pub(crate) fn positive(self, suffix: &str) -> Result<f32, LoadError> {
        let value: f32 = self.metadata.require(&self.key(suffix))?;
        if value.is_finite() && value > 0.0 { Ok(value) } else { Err(self.impossible(suffix, &value)) }
    }

    /// A finite and positive number that a file may leave out, or give as 0 for the same.
    pub(crate) fn optional_positive(self, suffix: &str) -> Result<Option<f32>, LoadError> {
        match self.find::<f32>(suffix)? {
            None | Some(0.0) => Ok(None),
            Some(_) => self.positive(suffix).map(Some),
        }
    }

    pub(crate) fn impossible(self, suffix: &str, value: &dyn std::fmt::Display) -> LoadError {
        LoadError::Impossible { what: self.key(suffix), value: value.to_string() }
    }
}
