//! What sequences of this process have read, as a radix tree over tokens.
//!
//! Paper: `SGLang`: Efficient Execution of Structured Language Model Programs, arXiv:2312.07104.

use crate::model::{Fingerprint, KvCache, KvShape, pages};
use crate::tokenizer::TokenId;
use reinette_kernels::Buffer;
use std::convert::Infallible;
use std::ops::Range;

/// What keys and values depend on besides the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreeKey {
    pub(super) model: Fingerprint,
    pub(super) adapter: Option<Fingerprint>,
    pub(super) shape: KvShape,
}

/// Keys and values by the tokens that lead to them. Sequences that begin alike share what is kept of the beginning.
///
/// A sequence copies what it needs into its own cache: attention reads each head's positions in one run, and copying
/// them takes far less time than computing them.
#[derive(Debug, Default)]
pub(super) struct PrefixTree {
    roots: Vec<(TreeKey, Vec<Node>)>,
    bytes: usize,
    /// Counts up at every use.
    clock: u64,
}

/// Tokens that follow those of the nodes above, with the pages that hold their keys and values. The first page may hold
/// tokens of the nodes above, too.
#[derive(Debug)]
struct Node {
    /// The position of the first token.
    start: usize,
    tokens: Vec<TokenId>,
    /// In the order of [`KvCache::pages`]; memory of the system's own, or conversations that come and go would leave holes in
    /// the allocator's.
    words: Buffer<u16>,
    used: u64,
    /// They begin with different tokens.
    children: Vec<Node>,
}

impl PrefixTree {
    /// Appends to `cache`, which holds the first tokens of `prompt`, as many more of them as are known.
    pub(super) fn restore(&mut self, key: &TreeKey, prompt: &[TokenId], cache: &mut KvCache) {
        self.clock += 1;
        let now = self.clock;
        let mut nodes = self.children_mut(key);
        let mut start = 0;
        while let Some(node) = nodes.iter_mut().find(|node| prompt.get(start) == node.tokens.first()) {
            node.used = now;
            let shared = node.shared_tokens(&prompt[start..]);
            let known = cache.len().clamp(start, start + shared);
            start += shared;
            node.copy_to(&prompt[known..start], cache);
            if shared < node.tokens.len() {
                return;
            }
            nodes = &mut node.children;
        }
    }

    /// Keeps the first `n_tokens` tokens of `cache`; forgets what was not used for longest when all are more than
    /// `limit_bytes`.
    pub(super) fn insert(&mut self, key: &TreeKey, cache: &KvCache, n_tokens: usize, limit_bytes: usize) {
        if size_of::<u16>() * key.shape.words(0..n_tokens) > limit_bytes {
            return;
        }
        self.clock += 1;
        let now = self.clock;
        let tokens = &cache.tokens()[..n_tokens];
        let mut nodes = self.children_mut(key);
        let mut start = 0;
        let mut added_words = 0;
        while let Some(index) = nodes.iter().position(|node| tokens.get(start) == node.tokens.first()) {
            let node = &mut nodes[index];
            let shared = node.shared_tokens(&tokens[start..]);
            start += shared;
            if shared < node.tokens.len() && start < n_tokens {
                added_words += node.split(shared, key.shape);
            }
            node.used = now;
            nodes = &mut nodes[index].children;
        }
        if start < n_tokens {
            let words = joined(cache.pages(start..n_tokens), key.shape.words(start..n_tokens));
            added_words += words.len();
            nodes.push(Node { start, tokens: tokens[start..].to_vec(), words, used: now, children: Vec::new() });
        }
        self.bytes += size_of::<u16>() * added_words;
        while self.bytes > limit_bytes {
            self.forget_oldest();
        }
    }

    fn children_mut(&mut self, key: &TreeKey) -> &mut Vec<Node> {
        let index = self.roots.iter().position(|(root, _)| root == key).unwrap_or_else(|| {
            self.roots.push((*key, Vec::new()));
            self.roots.len() - 1
        });
        &mut self.roots[index].1
    }

    /// Removes the leaf that was not used for longest.
    fn forget_oldest(&mut self) {
        let lists = self.roots.iter_mut().map(|(_, nodes)| nodes).filter(|nodes| !nodes.is_empty());
        let Some(mut nodes) = lists.min_by_key(|nodes| oldest(nodes).1) else { return };
        while !nodes[oldest(nodes).0].children.is_empty() {
            let index = oldest(nodes).0;
            nodes = &mut nodes[index].children;
        }
        let leaf = nodes.swap_remove(oldest(nodes).0);
        self.bytes -= size_of_val(&*leaf.words);
    }
}

/// One after the other, `len` words in all.
fn joined<'a>(parts: impl Iterator<Item = &'a [u16]>, len: usize) -> Buffer<u16> {
    let mut words = Buffer::zeroed(len);
    let mut rest = &mut words[..];
    for part in parts {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    words
}

/// The index of the node whose oldest leaf was not used for longest, and when that was.
fn oldest(nodes: &[Node]) -> (usize, u64) {
    let ages = nodes.iter().map(Node::oldest_use).enumerate();
    ages.min_by_key(|(_, used)| *used).unwrap_or((0, u64::MAX))
}

impl Node {
    fn shared_tokens(&self, tokens: &[TokenId]) -> usize {
        self.tokens.iter().zip(tokens).take_while(|(own, other)| own == other).count()
    }

    /// When the leaf below (or this one, if it is a leaf) that was not used for longest was used.
    fn oldest_use(&self) -> u64 {
        self.children.iter().map(Node::oldest_use).min().unwrap_or(self.used)
    }

    /// Where it is in the sequence.
    fn positions(&self) -> Range<usize> {
        self.start..self.start + self.tokens.len()
    }

    /// Appends `tokens`, which are the node's own at the positions after those of `cache`.
    fn copy_to(&self, tokens: &[TokenId], cache: &mut KvCache) {
        if tokens.is_empty() {
            return;
        }
        let page_words = cache.shape().page_words;
        let own = pages(self.positions());
        let skipped = pages(cache.len()..cache.len()).start - own.start;
        let mut heads = self.words.chunks_exact(own.len() * page_words);
        let copied = cache.append_filled(tokens, |pages| {
            if let Some(own) = heads.next() {
                pages.copy_from_slice(&own[skipped * page_words..][..pages.len()]);
            }
            Ok::<(), Infallible>(())
        });
        let Ok(()) = copied;
    }

    /// Makes all but the first `n_tokens` tokens a child, and says how many words that adds: the page where the two
    /// part may be kept twice.
    fn split(&mut self, n_tokens: usize, shape: KvShape) -> usize {
        let (all, middle) = (self.positions(), self.start + n_tokens);
        let [own, first, rest] = [all.clone(), all.start..middle, middle..all.end].map(pages);
        let heads = || self.words.chunks_exact(own.len() * shape.page_words);
        let first_words = heads().map(|head| &head[..first.len() * shape.page_words]);
        let first_words = joined(first_words, shape.words(all.start..middle));
        let rest_words = heads().map(|head| &head[(rest.start - own.start) * shape.page_words..]);
        let rest_words = joined(rest_words, shape.words(middle..all.end));
        let added_words = first_words.len() + rest_words.len() - self.words.len();
        let child = Self {
            start: middle,
            tokens: self.tokens.split_off(n_tokens),
            words: rest_words,
            used: self.used,
            children: std::mem::take(&mut self.children),
        };
        (self.words, self.children) = (first_words, vec![child]);
        added_words
    }
}
