//! What a model makes of a token depends on the tokens before it, and on nothing about how they were read.

use super::{Adapter, BATCH_TOKENS, Decoder, KvCache, Model, Part};
use crate::prefix::{MIN_PREFIX_TOKENS, PrefixCache, SnapshotFolder};
use crate::tokenizer::TokenId;
use reinette_kernels::KvType;
use reinette_testkit::{TestModel, TinyDecoder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Somebody who reads.
struct Reader<'a> {
    model: &'a Model,
    adapters: &'a [Arc<Adapter>],
    decoder: Decoder,
    cache: KvCache,
}

impl<'a> Reader<'a> {
    fn new(model: &'a Model, adapters: &'a [Arc<Adapter>], ty: KvType, n_threads: usize, capacity: usize) -> Self {
        let decoder = Decoder::new(model, capacity, n_threads).unwrap();
        let mut cache = KvCache::new(model.description(), ty, capacity).unwrap();
        cache.keep_prefix(&[], Adapter::fingerprint(adapters));
        Self { model, adapters, decoder, cache }
    }

    /// The bits of the logits after each of `tokens`, read in batches of these lengths, again and again.
    fn logits(&mut self, tokens: &[TokenId], lengths: &[usize]) -> Vec<Vec<u32>> {
        let mut rest = tokens;
        let mut logits = Vec::new();
        for length in lengths.iter().cycle() {
            let (batch, later) = rest.split_at(rest.len().min(*length).min(BATCH_TOKENS));
            if batch.is_empty() {
                break;
            }
            let Self { cache, adapters, .. } = self;
            let part = Part { cache, adapters, tokens: batch, n_outputs: batch.len() };
            assert!(self.decoder.read(self.model, &mut [part], &|| false));
            self.decoder.logits(self.model, &(0..batch.len()).collect::<Vec<_>>(), &mut logits);
            rest = later;
        }
        let vocab_size = logits.len() / tokens.len();
        logits.chunks_exact(vocab_size).map(|row| row.iter().map(|logit| logit.to_bits()).collect()).collect()
    }
}

/// Reads `n_tokens` tokens in several ways.
fn reads_the_same_in_any_batches(path: &Path, adapter: Option<&Path>, n_tokens: u32) {
    let model = Model::load(path).unwrap();
    // A stack of two where there is one: the order of its sums is the same however it is read.
    let adapter = adapter.map(|path| Arc::new(Adapter::load(path, &model).unwrap()));
    let adapters: Vec<_> = adapter.into_iter().flat_map(|adapter| [Arc::clone(&adapter), adapter]).collect();
    let tokens: Vec<TokenId> =
        (0..n_tokens).map(|position| TokenId((position * position + 7 * position) % 61)).collect();
    for ty in [KvType::F16, KvType::Q8] {
        let reader = |n_threads| Reader::new(&model, &adapters, ty, n_threads, tokens.len() + 9);
        let name = path.display();
        let whole = reader(2).logits(&tokens, &[tokens.len()]);
        for lengths in [&[1][..], &[7, 2, 3, 1, 40], &[48], &[130, 1]] {
            assert!(reader(1).logits(&tokens, lengths) == whole, "{name}, {ty:?}, batches of {lengths:?}");
        }
        // What a speculation guessed wrong is forgotten.
        let mut guessing = reader(1);
        let (first, second) = tokens.split_at(tokens.len() / 2);
        guessing.logits(&[first, &second[1..4]].concat(), &[tokens.len()]);
        guessing.cache.truncate(first.len());
        assert!(guessing.logits(second, &[5]) == whole[first.len()..], "{name}, {ty:?}, after wrong guesses");
    }
}

/// Reads a beginning once, and what follows it after it was restored from memory and from disk.
fn goes_on_the_same_after_restoring(path: &Path, n_prefix: usize) {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::load(path).unwrap();
    let tokens: Vec<TokenId> =
        (0..400_u32).map(|position| TokenId((position * position + 5 * position) % 61)).collect();
    for ty in [KvType::F16, KvType::Q8] {
        let reader = |n_threads| Reader::new(&model, &[], ty, n_threads, tokens.len());
        let whole = reader(2).logits(&tokens, &[tokens.len()]);
        let snapshots = || Some(SnapshotFolder::new(folder.path(), 1 << 30));
        let (in_memory, on_disk) = (PrefixCache::new(1 << 30, None), PrefixCache::new(0, snapshots()));
        let mut first = reader(1);
        first.logits(&tokens, &[33]);
        in_memory.keep_in_memory(model.fingerprint(), &first.cache, tokens.len() - 20);
        on_disk.keep(model.fingerprint(), &first.cache, n_prefix);
        // Another sequence splits what is kept, where it goes another way.
        let mut other = reader(1);
        let others: Vec<TokenId> = [&tokens[..n_prefix], &[TokenId(3); 30]].concat();
        other.logits(&others, &[64]);
        in_memory.keep_in_memory(model.fingerprint(), &other.cache, others.len());
        for (prefixes, known) in [(&in_memory, tokens.len() - 20), (&on_disk, n_prefix)] {
            // Some of it is in the cache already.
            for n_read in if known == n_prefix { vec![0] } else { vec![0, 20, 48, n_prefix + 1] } {
                let mut restored = reader(2);
                if n_read > 0 {
                    restored.logits(&tokens[..n_read], &[n_read]);
                }
                prefixes.recall(model.fingerprint(), &tokens, n_prefix, &mut restored.cache);
                assert_eq!(restored.cache.len(), known);
                let found = restored.logits(&tokens[known..], &[3, 1]);
                assert!(found == whole[known..], "{}, {ty:?}, {n_prefix} after {n_read}", path.display());
            }
        }
    }
}

fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "architectures", name].iter().collect()
}

#[test]
fn every_architecture_reads_the_same_in_any_batches() {
    for architecture in reinette_testkit::ARCHITECTURES {
        reads_the_same_in_any_batches(&golden(&format!("{architecture}.gguf")), None, 60);
    }
    reads_the_same_in_any_batches(&golden("llama.gguf"), Some(&golden("llama-lora")), 60);
}

#[test]
fn windows_read_the_same_in_any_batches() {
    let folder = tempfile::tempdir().unwrap();
    for decoder in TinyDecoder::ALL {
        let path = folder.path().join("tiny.gguf");
        std::fs::write(&path, decoder.file(1)).unwrap();
        reads_the_same_in_any_batches(&path, None, 700);
    }
}

#[test]
fn quantised_models_read_the_same_in_any_batches() {
    for model in [TestModel::SmolLm2, TestModel::Gemma3] {
        reads_the_same_in_any_batches(&reinette_testkit::model(model), None, 50);
    }
}

#[test]
fn what_is_restored_goes_on_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for decoder in TinyDecoder::ALL {
        let path = folder.path().join("tiny.gguf");
        std::fs::write(&path, decoder.file(1)).unwrap();
        for n_prefix in [MIN_PREFIX_TOKENS, 288, 301] {
            goes_on_the_same_after_restoring(&path, n_prefix);
        }
    }
}
