//! Places for sequences that are computed together.

use super::GenerateRequest;
use super::draft::Drafter;
use super::run::Run;
use crate::model::{Adapter, Fingerprint, KvCache, Model};
use crate::prefix::{MIN_PREFIX_TOKENS, PrefixCache};
use crate::tokenizer::TokenId;
use reinette_kernels::{CacheTooLarge, KvType};
use std::convert::Infallible;
use std::sync::Arc;

/// A KV cache, and the answer that is made with it.
pub(super) struct Slot {
    pub(super) cache: KvCache,
    /// What the draft model has read, if there is one.
    pub(super) draft: Option<KvCache>,
    pub(super) run: Option<Run>,
    /// The most tokens that the cache has held: what it takes of memory.
    touched: usize,
    /// The most that it may come to hold for the run.
    needed: usize,
    /// When it was taken last.
    taken: u64,
    /// The length of the beginning that [`Slots::save_prefixes`] is to keep.
    prefix_tokens: usize,
}

/// The caches of the sequences of one model, within a limit of tokens for all of them.
pub(super) struct Slots {
    pub(super) all: Vec<Slot>,
    pub(super) kv_type: KvType,
    pub(super) drafter: Option<Drafter>,
    pub(super) prefixes: Arc<PrefixCache>,
    /// Tokens of one sequence.
    pub(super) capacity: usize,
    pub(super) max_sequences: usize,
    pub(super) max_tokens: usize,
    /// Tokens of free caches.
    pub(super) max_idle_tokens: usize,
    /// Counts up at every use.
    pub(super) clock: u64,
}

/// How a sequence begins.
pub(super) struct Beginning<'a> {
    pub(super) prompt: &'a [TokenId],
    pub(super) prefix_tokens: usize,
    pub(super) adapter: Option<Fingerprint>,
}

impl<'a> Beginning<'a> {
    pub(super) fn of(request: &'a GenerateRequest) -> Self {
        let GenerateRequest { prompt, prefix_tokens, adapters, .. } = request;
        Self { prompt, prefix_tokens: *prefix_tokens, adapter: Adapter::fingerprint(adapters) }
    }
}

impl Slot {
    /// Takes the run out.
    pub(super) fn release(&mut self) -> Option<Run> {
        let run = self.run.take();
        if run.is_some() {
            (self.touched, self.needed) = (self.touched.max(self.cache.len()), 0);
        }
        run
    }

    /// Forgets what was read: it must not be used again.
    pub(super) fn forget(&mut self) {
        self.cache.truncate(0);
        self.prefix_tokens = 0;
    }

    /// Gives the memory of all that is not needed for `n_tokens` tokens back, if it is much.
    fn release_after(&mut self, n_tokens: usize) {
        let n_tokens = n_tokens.max(self.cache.len());
        if self.touched >= n_tokens + MIN_PREFIX_TOKENS {
            self.touched = n_tokens;
            for cache in [Some(&mut self.cache), self.draft.as_mut()].into_iter().flatten() {
                cache.release_after(n_tokens);
            }
        }
    }

    fn is_free(&self) -> bool {
        self.run.is_none()
    }

    /// What it takes of memory, or may come to take.
    fn tokens(&self) -> usize {
        self.touched.max(self.needed)
    }

    /// Tokens that need not be read for `prompt`, less those of another prompt that would be forgotten for it.
    fn gain(&self, beginning: &Beginning<'_>) -> isize {
        let shared = self.cache.shared_tokens(beginning.prompt, beginning.adapter).cast_signed();
        2 * shared - self.cache.len().cast_signed()
    }
}

impl Slots {
    /// An empty cache.
    pub(super) fn add(&mut self, model: &Model) -> Result<&mut Slot, CacheTooLarge> {
        let cache = KvCache::new(model.description(), self.kv_type, self.capacity)?;
        let draft = self.drafter.as_ref().map(|drafter| drafter.cache(self.kv_type)).transpose()?;
        self.all.push(Slot { cache, draft, run: None, touched: 0, needed: 0, taken: 0, prefix_tokens: 0 });
        let last = self.all.len() - 1;
        Ok(&mut self.all[last])
    }

    /// What all of them take of memory, or may come to take.
    pub(super) fn kept_tokens(&self) -> usize {
        self.all.iter().map(Slot::tokens).sum()
    }

    /// The place for a run, with what is known of its prompt in the cache and nothing else; `None` as long as all are
    /// taken, or too much memory is.
    pub(super) fn place(&mut self, model: &Model, run: &Run) -> Result<Option<usize>, CacheTooLarge> {
        let request = &run.request;
        let needed = request.prompt.len().saturating_add(request.max_tokens).min(self.capacity);
        let taken = self.all.iter().filter(|slot| !slot.is_free());
        let (n_taken, taken_tokens) = taken.fold((0, 0), |(count, tokens), slot| (count + 1, tokens + slot.tokens()));
        if n_taken == self.max_sequences || (n_taken > 0 && taken_tokens + needed > self.max_tokens) {
            return Ok(None);
        }
        self.prepare(model, &Beginning::of(request), needed).map(Some)
    }

    /// Prepares a place for a request that is to come, if there is one.
    pub(super) fn expect(&mut self, model: &Model, beginning: &Beginning<'_>) -> Result<(), CacheTooLarge> {
        if self.all.iter().all(Slot::is_free) {
            let index = self.prepare(model, beginning, 0)?;
            let slot = &mut self.all[index];
            slot.touched = slot.touched.max(slot.cache.len());
        }
        Ok(())
    }

    /// A free place whose cache holds what is known of a prompt and nothing else, with room for `needed` tokens.
    fn prepare(&mut self, model: &Model, beginning: &Beginning<'_>, needed: usize) -> Result<usize, CacheTooLarge> {
        let free = self.all.iter().enumerate().filter(|(_, slot)| slot.is_free());
        let best = free.max_by_key(|(_, slot)| (slot.gain(beginning), std::cmp::Reverse(slot.taken)));
        let best = best.map(|(index, slot)| (index, slot.gain(beginning)));
        let index = match best {
            Some((index, gain)) if gain >= 0 || self.all.len() == self.max_sequences => index,
            _ => {
                self.add(model)?;
                self.all.len() - 1
            }
        };
        self.clock += 1;
        let slot = &mut self.all[index];
        slot.taken = self.clock;
        slot.needed = needed;
        self.recall(model, index, beginning);
        Ok(self.make_room(model, index))
    }

    /// Gives up free caches, those unused for longest first, until all others keep to the limits. Gives the new index of the
    /// slot at `kept`.
    fn make_room(&mut self, model: &Model, mut kept: usize) -> usize {
        loop {
            let all = self.all.iter().enumerate();
            let idle: Vec<_> = all.filter(|(index, slot)| slot.is_free() && *index != kept).collect();
            let idle_tokens: usize = idle.iter().map(|(_, slot)| slot.tokens()).sum();
            let oldest = idle.into_iter().min_by_key(|(_, slot)| slot.taken).map(|(index, _)| index);
            let is_within_limits = self.kept_tokens() <= self.max_tokens && idle_tokens <= self.max_idle_tokens;
            let Some(oldest) = oldest.filter(|_| !is_within_limits) else { return kept };
            let slot = self.all.remove(oldest);
            self.prefixes.keep_conversation(model.fingerprint(), &slot.cache);
            kept -= usize::from(oldest < kept);
        }
    }

    /// Gets what is known of a prompt into a cache, and what is not of the prompt out of it.
    fn recall(&mut self, model: &Model, index: usize, beginning: &Beginning<'_>) {
        let Beginning { prompt, prefix_tokens, adapter } = *beginning;
        let prefix_tokens = prefix_tokens.min(prompt.len() - 1);
        let prefix_tokens = if prefix_tokens < MIN_PREFIX_TOKENS { 0 } else { prefix_tokens };
        let (before, rest) = self.all.split_at_mut(index);
        let Some((slot, after)) = rest.split_first_mut() else { return };
        slot.prefix_tokens = prefix_tokens;
        let kept = slot.cache.shared_tokens(prompt, adapter);
        if slot.cache.len() - kept >= MIN_PREFIX_TOKENS {
            // Another conversation: it may go on later.
            self.prefixes.keep_conversation(model.fingerprint(), &slot.cache);
        }
        slot.cache.keep_prefix(prompt, adapter);
        let others =
            before.iter().chain(&*after).map(|other| (other.cache.shared_tokens(prompt, adapter), &other.cache));
        if let Some((shared, other)) = others.max_by_key(|(shared, _)| *shared) {
            copy(other, shared, &mut slot.cache);
        }
        self.prefixes.recall(model.fingerprint(), prompt, prefix_tokens, &mut slot.cache);
        slot.release_after(prompt.len());
    }

    /// Keeps the beginnings of prompts that have been answered for other sequences and processes, if they are worth it
    /// and not kept yet.
    pub(super) fn save_prefixes(&mut self, model: &Model) {
        for slot in self.all.iter_mut().filter(|slot| slot.is_free()) {
            let prefix_tokens = std::mem::take(&mut slot.prefix_tokens);
            if prefix_tokens > 0 {
                self.prefixes.keep(model.fingerprint(), &slot.cache, prefix_tokens);
            }
        }
    }
}

/// Makes `to`, which begins like `from`, hold the first `n_tokens` tokens of it, if these are more.
fn copy(from: &KvCache, n_tokens: usize, to: &mut KvCache) {
    let positions = to.len()..n_tokens;
    if positions.is_empty() {
        return;
    }
    let mut pages = from.pages(positions.clone());
    let copied = to.append_filled(&from.tokens()[positions], |own| {
        if let Some(known) = pages.next() {
            own.copy_from_slice(known);
        }
        Ok::<(), Infallible>(())
    });
    let Ok(()) = copied;
}
