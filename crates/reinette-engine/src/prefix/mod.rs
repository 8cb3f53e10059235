//! Beginnings of prompts that were read before: what other requests can begin with.
//!
//! - [`PrefixCache`]: what a sequence asks before it reads a prompt, and tells what it has read.
//! - [`SnapshotFolder`]: keys and values on disk, for the next process.
//!
//! Instructions and descriptions of tools are the longest part of an assistant's prompt and the same in every request.
//! Which keys and values they lead to depends on the model, the adapter and the tokens alone, so they are read once.

mod folder;
mod snapshot;

pub use folder::{SnapshotFolder, SnapshotUsage};

use crate::model::{Fingerprint, KvCache};
use crate::tokenizer::TokenId;
use snapshot::SnapshotKey;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shorter beginnings are read again: on a small model that takes a fraction of a second, and the few lines of
/// instructions of a chat, which tell the time, would leave a file behind every minute.
pub(crate) const MIN_PREFIX_TOKENS: usize = 256;

/// What is kept of prompts, for all sequences of a process.
#[derive(Debug, Default)]
pub struct PrefixCache {
    folder: Option<SnapshotFolder>,
    /// Set once something could not be written: the disk is full or not ours, and would be so the next time.
    is_unwritable: AtomicBool,
}

impl PrefixCache {
    /// Keeps beginnings of prompts in `folder`, for other processes.
    pub fn new(folder: Option<SnapshotFolder>) -> Self {
        Self { folder, is_unwritable: AtomicBool::new(false) }
    }

    /// Fills `cache` with the keys and values of `prefix`, if they are known; if not, it is as before or empty.
    pub(crate) fn recall(
        &self,
        model: Fingerprint,
        adapter: Option<Fingerprint>,
        prefix: &[TokenId],
        cache: &mut KvCache,
    ) {
        if let Some(folder) = &self.folder {
            folder.restore(&SnapshotKey { model, adapter, shape: cache.shape(), tokens: prefix }, cache);
        }
    }

    /// Keeps the first `prefix_tokens` tokens of `cache` for others. What cannot be written is not kept; nothing else
    /// comes of it.
    pub(crate) fn keep(&self, model: Fingerprint, cache: &KvCache, prefix_tokens: usize) {
        let Some(folder) = &self.folder else { return };
        let Some(tokens) = cache.tokens().get(..prefix_tokens) else { return };
        if self.is_unwritable.load(Ordering::Relaxed) {
            return;
        }
        let key = SnapshotKey { model, adapter: cache.adapter(), shape: cache.shape(), tokens };
        match folder.save(&key, cache) {
            // Somebody deleted the folder meanwhile, which says nothing about the next time.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => self.is_unwritable.store(true, Ordering::Relaxed),
            Ok(()) => {}
        }
    }
}
