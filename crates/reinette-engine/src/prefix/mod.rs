//! Beginnings of prompts that were read before: what other requests can begin with.
//!
//! - [`PrefixCache`]: what a sequence asks before it reads a prompt, and tells what it has read.
//! - [`SnapshotFolder`]: keys and values on disk, for the next process.
//!
//! Instructions and descriptions of tools are the longest part of an assistant's prompt and the same in every request.
//! Which keys and values they lead to depends on the model, the adapter and the tokens alone, so they are read once.

mod folder;
mod snapshot;
mod tree;

pub use folder::SnapshotFolder;

use crate::model::{Fingerprint, KvCache};
use crate::tokenizer::TokenId;
use snapshot::SnapshotKey;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tree::{PrefixTree, TreeKey};

/// Shorter beginnings are read again: on a small model that takes a fraction of a second, and the few lines of
/// instructions of a chat, which tell the day, would leave a file behind every day.
pub(crate) const MIN_PREFIX_TOKENS: usize = 256;

/// One conversation may take so much of the memory for all: copying one that fills a context is slow, and it seldom goes on as
/// it was, for its oldest turns are dropped next.
const LARGEST_SHARE: usize = 2;

/// What is kept of prompts: in memory for all sequences that share this, on disk for other processes.
#[derive(Debug, Default)]
pub struct PrefixCache {
    tree: Mutex<PrefixTree>,
    limit_bytes: usize,
    folder: Option<SnapshotFolder>,
    /// Set once something could not be written: the disk is full or not ours, and would be so the next time.
    is_unwritable: AtomicBool,
}

impl PrefixCache {
    /// Keeps up to `limit_bytes` of keys and values in memory, and the fixed beginnings of prompts in `folder`.
    pub fn new(limit_bytes: usize, folder: Option<SnapshotFolder>) -> Self {
        Self { limit_bytes, folder, ..Self::default() }
    }

    /// Appends to `cache`, which holds the first tokens of `prompt`, as many more of them as are known. On disk, only its
    /// first `prefix_tokens` are looked for; a damaged file may leave the cache empty.
    pub(crate) fn recall(&self, model: Fingerprint, prompt: &[TokenId], prefix_tokens: usize, cache: &mut KvCache) {
        if self.limit_bytes > 0 {
            // The last token is read in any case, for the logits after it.
            self.tree().restore(&tree_key(model, cache), &prompt[..prompt.len() - 1], cache);
        }
        if let Some(folder) = self.folder.as_ref().filter(|_| cache.len() < prefix_tokens) {
            folder.restore(&snapshot_key(model, cache, &prompt[..prefix_tokens]), cache);
        }
    }

    /// Keeps the first `n_tokens` tokens of `cache` for sequences of this process, if they are worth it.
    pub(crate) fn keep_in_memory(&self, model: Fingerprint, cache: &KvCache, n_tokens: usize) {
        if n_tokens >= MIN_PREFIX_TOKENS && self.limit_bytes > 0 {
            self.tree().insert(&tree_key(model, cache), cache, n_tokens, self.limit_bytes);
        }
    }

    /// Keeps a conversation that gave way to another one, unless it is so long that most others would have to go for it.
    pub(crate) fn keep_conversation(&self, model: Fingerprint, cache: &KvCache) {
        if cache.len() * cache.shape().token_bytes() <= self.limit_bytes / LARGEST_SHARE {
            self.keep_in_memory(model, cache, cache.len());
        }
    }

    /// Keeps the first `prefix_tokens` tokens of `cache`, if it holds as many, for everybody. What cannot be written is
    /// not kept; nothing else comes of it.
    pub(crate) fn keep(&self, model: Fingerprint, cache: &KvCache, prefix_tokens: usize) {
        let Some(tokens) = cache.tokens().get(..prefix_tokens) else { return };
        self.keep_in_memory(model, cache, prefix_tokens);
        let Some(folder) = self.folder.as_ref().filter(|_| !self.is_unwritable.load(Ordering::Relaxed)) else { return };
        match folder.save(&snapshot_key(model, cache, tokens), cache) {
            // Somebody deleted the folder meanwhile, which says nothing about the next time.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => self.is_unwritable.store(true, Ordering::Relaxed),
            Ok(()) => {}
        }
    }

    fn tree(&self) -> MutexGuard<'_, PrefixTree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tree_key(model: Fingerprint, cache: &KvCache) -> TreeKey {
    TreeKey { model, adapter: cache.adapter(), shape: cache.shape() }
}

fn snapshot_key<'a>(model: Fingerprint, cache: &KvCache, tokens: &'a [TokenId]) -> SnapshotKey<'a> {
    SnapshotKey { model, adapter: cache.adapter(), shape: cache.shape(), tokens }
}
