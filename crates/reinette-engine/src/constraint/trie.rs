//! The tokens of a vocabulary by their bytes, as a tree in one array.

use crate::tokenizer::TokenId;
use std::ops::ControlFlow;
use toktrie::{Recognizer, SimpleVob};

/// A node that no token ends at.
const NO_TOKEN: u32 = u32::MAX;

/// Tokens that begin with the same bytes share the nodes of these, in depth-first order: children follow their parent, in
/// the order of their bytes. Tokens of the same bytes are siblings.
#[derive(Debug)]
pub(super) struct TokenTrie {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    token: u32,
    /// Nodes of this one's tree, itself included.
    len: u32,
    /// Bytes from the root to here.
    depth: u16,
    byte: u8,
}

impl TokenTrie {
    /// The trie of `tokens`, which are in the order of their bytes. Tokens without bytes, and longer ones than 65,535, are
    /// left out: no text leads to the first, and none of that length is written.
    pub(super) fn new<B: AsRef<[u8]>>(tokens: impl Iterator<Item = (TokenId, B)>) -> Self {
        // More than there will be: memory that is never written is none.
        let mut nodes = Vec::with_capacity(4 * tokens.size_hint().1.unwrap_or_default() + 1);
        nodes.push(Node { token: NO_TOKEN, len: 1, depth: 0, byte: 0 });
        // The nodes of the last token's bytes.
        let mut path: Vec<usize> = Vec::new();
        let mut last: Option<B> = None;
        let may_be = |bytes: &[u8]| !bytes.is_empty() && u16::try_from(bytes.len()).is_ok();
        for (id, spelling) in tokens.filter(|(_, bytes)| may_be(bytes.as_ref())) {
            let (last_bytes, bytes) = (last.as_ref().map_or(&[][..], B::as_ref), spelling.as_ref());
            let shared = last_bytes.iter().zip(bytes).take_while(|(one, other)| one == other).count();
            // The last byte has a node of its own, so that a token of the same bytes has its place.
            let shared = shared.min(bytes.len() - 1);
            close(&mut nodes, &mut path, shared);
            for &byte in &bytes[shared..] {
                path.push(nodes.len());
                let depth = u16::try_from(path.len()).unwrap_or(u16::MAX);
                nodes.push(Node { token: NO_TOKEN, len: 1, depth, byte });
            }
            if let Some(end) = nodes.last_mut() {
                end.token = id.0;
            }
            last = Some(spelling);
        }
        close(&mut nodes, &mut path, 0);
        nodes[0].len = as_len(nodes.len());
        Self { nodes }
    }

    /// Calls `found` with the tokens that begin with `start` and of which `recognizer` takes what comes after, until it
    /// breaks. `recognizer` is as it was afterwards.
    pub(super) fn walk(
        &self,
        recognizer: &mut impl Recognizer,
        start: &[u8],
        mut found: impl FnMut(TokenId) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(root) = self.find(start) else { return ControlFlow::Continue(()) };
        let tree = &self.nodes[root..root + self.nodes[root].len as usize];
        let mut taken = tree[0].depth;
        let mut outcome = ControlFlow::Continue(());
        recognizer.trie_started("tokens");
        let mut index = 1;
        while let Some(node) = tree.get(index) {
            let above = node.depth - 1;
            recognizer.pop_bytes(usize::from(taken - above));
            if !recognizer.try_push_byte(node.byte) {
                taken = above;
                index += node.len as usize;
                continue;
            }
            taken = node.depth;
            index += 1;
            if node.token != NO_TOKEN {
                outcome = found(TokenId(node.token));
                if outcome.is_break() {
                    break;
                }
            }
        }
        recognizer.pop_bytes(usize::from(taken - tree[0].depth));
        recognizer.trie_finished();
        outcome
    }

    /// Allows in `mask` the tokens of a whole [`walk`](Self::walk).
    pub(super) fn allow(&self, recognizer: &mut impl Recognizer, start: &[u8], mask: &mut SimpleVob) {
        let _ = self.walk(recognizer, start, |token| {
            mask.allow_token(token.0);
            ControlFlow::Continue(())
        });
    }

    /// The tokens that are a beginning of `text`, or the whole of it.
    pub(super) fn beginnings(&self, text: &[u8]) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        let mut parent = 0;
        for &byte in text {
            let mut same = None;
            for child in self.children(parent).filter(|&child| self.nodes[child].byte == byte) {
                tokens.extend((self.nodes[child].token != NO_TOKEN).then_some(TokenId(self.nodes[child].token)));
                same = Some(child);
            }
            let Some(child) = same else { break };
            parent = child;
        }
        tokens
    }

    /// The node of `bytes` that longer tokens go on from.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        bytes
            .iter()
            .try_fold(0, |parent, &byte| self.children(parent).filter(|&child| self.nodes[child].byte == byte).last())
    }

    fn children(&self, parent: usize) -> impl Iterator<Item = usize> {
        let end = parent + self.nodes[parent].len as usize;
        let next = move |child: usize| (child < end).then_some(child);
        std::iter::successors(next(parent + 1), move |&child| next(child + self.nodes[child].len as usize))
    }
}

/// Completes the nodes of `path` below `depth`: nothing is added to them any more.
fn close(nodes: &mut [Node], path: &mut Vec<usize>, depth: usize) {
    let end = nodes.len();
    for index in path.drain(depth..) {
        nodes[index].len = as_len(end - index);
    }
}

fn as_len(count: usize) -> u32 {
    // No file that is mapped whole has so many bytes of tokens.
    u32::try_from(count).expect("fewer nodes than 2³²")
}

#[cfg(test)]
mod tests {
    use super::*;
    use toktrie::recognizer::{FunctionalRecognizer, StackRecognizer};

    /// Takes the bytes of one text in turn.
    struct Spelled(&'static [u8]);

    impl FunctionalRecognizer<usize> for Spelled {
        fn initial(&self) -> usize {
            0
        }

        fn try_append(&self, place: usize, byte: u8) -> Option<usize> {
            (self.0.get(place) == Some(&byte)).then_some(place + 1)
        }
    }

    fn walked(trie: &TokenTrie, start: &[u8], rest: &'static [u8]) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut recognizer = StackRecognizer::from(Spelled(rest));
        let outcome = trie.walk(&mut recognizer, start, |token| {
            tokens.push(token.0);
            ControlFlow::Continue(())
        });
        assert!(outcome.is_continue());
        tokens
    }

    #[test]
    fn tokens_are_found_by_their_bytes() {
        let words: [&[u8]; 8] = [b"", b"a", b"a", b"ab", b"abc", b"ac", b"b", b"bcd"];
        let trie = TokenTrie::new((0_u32..).map(TokenId).zip(words));
        assert_eq!(walked(&trie, b"", b"abc"), [1, 2, 3, 4], "of the same bytes, both are found");
        assert_eq!(walked(&trie, b"a", b"bcd"), [3, 4]);
        assert_eq!(walked(&trie, b"bc", b"d"), [7]);
        assert_eq!(walked(&trie, b"c", b"d"), [0_u32; 0]);
        let ids = |tokens: Vec<TokenId>| tokens.into_iter().map(|token| token.0).collect::<Vec<_>>();
        assert_eq!(ids(trie.beginnings(b"abx")), [1, 2, 3]);
        assert_eq!(ids(trie.beginnings(b"bcd")), [6, 7]);
        assert!(trie.beginnings(b"x").is_empty());
    }
}
