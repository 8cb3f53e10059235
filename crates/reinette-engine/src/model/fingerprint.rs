//! What tells models and adapters apart, cheap enough to be computed at every start.

use crate::gguf::Gguf;
use std::time::{SystemTime, UNIX_EPOCH};
use twox_hash::xxhash3_128::Hasher;

/// Bytes of each tensor that are looked at: one cache line.
const SAMPLE_BYTES: usize = 64;

/// A 128-bit digest (XXH3) of everything that keys and values are computed with.
///
/// Not for security: whoever can replace a model's file can replace what is derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u128);

impl Fingerprint {
    /// Of a model's file: its length, when it was changed, everything before its tensors, and the first bytes of every
    /// tensor.
    ///
    /// A digest of the whole file would take longer than answering. The time tells two states of one file apart;
    /// the samples tell two models of one shape apart where the times do not, as package managers set all to one.
    pub(crate) fn of_model(gguf: &Gguf, changed: Option<SystemTime>) -> Self {
        let mut hasher = Hasher::new();
        hasher.write(&gguf.size_bytes().to_le_bytes());
        let since_epoch = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hasher.write(&since_epoch.map_or(0, |time| time.as_nanos()).to_le_bytes());
        hasher.write(gguf.head());
        for tensor in gguf.tensors() {
            hasher.write(&tensor.bytes[..tensor.bytes.len().min(SAMPLE_BYTES)]);
        }
        Self(hasher.finish_128())
    }

    /// Of an adapter: the names of its matrices, their bytes, and what their products are multiplied by.
    pub(crate) fn of_adapter<'a, M: IntoIterator<Item = &'a [u8]>>(
        modules: impl IntoIterator<Item = (&'a str, M, f32)>,
    ) -> Self {
        let mut hasher = Hasher::new();
        for (name, matrices, scale) in modules {
            hasher.write(name.as_bytes());
            for bytes in matrices {
                hasher.write(bytes);
            }
            hasher.write(&scale.to_le_bytes());
        }
        Self(hasher.finish_128())
    }

    /// Of any bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self(twox_hash::XxHash3_128::oneshot(bytes))
    }

    pub(crate) fn to_le_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}
