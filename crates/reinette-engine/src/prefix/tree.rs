//! What sequences of this process have read, as a radix tree over tokens.
//!
//! Paper: `SGLang`: Efficient Execution of Structured Language Model Programs, arXiv:2312.07104.

use crate::model::{Fingerprint, KvCache, KvShape};
use crate::tokenizer::TokenId;
use std::convert::Infallible;

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

/// Tokens that follow those of the nodes above, with their keys and values.
#[derive(Debug)]
struct Node {
    tokens: Vec<TokenId>,
    /// In the order of [`KvCache::rows`].
    words: Vec<u16>,
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
            let skipped = cache.len().saturating_sub(start).min(shared);
            node.copy_to(skipped, &prompt[start + skipped..start + shared], cache);
            start += shared;
            if shared < node.tokens.len() {
                return;
            }
            nodes = &mut node.children;
        }
    }

    /// Keeps the first `n_tokens` tokens of `cache`; forgets what was not used for longest when all are more than
    /// `limit_bytes`.
    pub(super) fn insert(&mut self, key: &TreeKey, cache: &KvCache, n_tokens: usize, limit_bytes: usize) {
        if size_of::<u16>() * key.shape.words_per_token() * n_tokens > limit_bytes {
            return;
        }
        self.clock += 1;
        let now = self.clock;
        let tokens = &cache.tokens()[..n_tokens];
        let mut nodes = self.children_mut(key);
        let mut start = 0;
        while let Some(index) = nodes.iter().position(|node| tokens.get(start) == node.tokens.first()) {
            let node = &mut nodes[index];
            let shared = node.shared_tokens(&tokens[start..]);
            start += shared;
            if shared < node.tokens.len() && start < n_tokens {
                node.split(shared, key.shape.row_words);
            }
            node.used = now;
            nodes = &mut nodes[index].children;
        }
        if start < n_tokens {
            let words: Vec<u16> = cache.rows(start..n_tokens).flatten().copied().collect();
            let bytes = size_of_val(words.as_slice());
            nodes.push(Node { tokens: tokens[start..].to_vec(), words, used: now, children: Vec::new() });
            self.bytes += bytes;
        }
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
        self.bytes -= size_of_val(leaf.words.as_slice());
    }
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

    /// Appends the keys and values of `tokens`, which are the node's own from `first` on, to `cache`.
    fn copy_to(&self, first: usize, tokens: &[TokenId], cache: &mut KvCache) {
        let row_words = cache.shape().row_words;
        let mut rows = self.words.chunks_exact(self.tokens.len() * row_words);
        let copied = cache.append_filled(tokens, |row| {
            if let Some(own) = rows.next() {
                row.copy_from_slice(&own[first * row_words..][..row.len()]);
            }
            Ok::<(), Infallible>(())
        });
        let Ok(()) = copied;
    }

    /// Makes all but the first `n_tokens` tokens a child.
    fn split(&mut self, n_tokens: usize, row_words: usize) {
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for row in self.words.chunks_exact(self.tokens.len() * row_words) {
            let (row_first, row_rest) = row.split_at(n_tokens * row_words);
            first.extend_from_slice(row_first);
            rest.extend_from_slice(row_rest);
        }
        let child = Self {
            tokens: self.tokens.split_off(n_tokens),
            words: rest,
            used: self.used,
            children: std::mem::take(&mut self.children),
        };
        (self.words, self.children) = (first, vec![child]);
    }
}
