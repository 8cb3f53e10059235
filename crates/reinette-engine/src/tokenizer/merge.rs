//! The merging that both kinds of vocabulary share: the best pair of neighbours becomes one, until none is left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::TokenId;

/// Marks the end of the chain of symbols.
const NONE: u32 = u32::MAX;

/// Most bytes of a text whose symbols are merged at once; positions are kept in 32 bits.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 30;

/// A part of the text that may still grow. An empty one was merged into its left neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    start: u32,
    end: u32,
    /// Its token, when it is one.
    pub(super) id: Option<TokenId>,
    previous: u32,
    next: u32,
}

impl Symbol {
    /// Its bytes in the text.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes of this symbol and its right neighbour in the text.
    pub(super) fn range_with(&self, right: &Symbol) -> Range<usize> {
        self.start as usize..right.end as usize
    }

    fn length(&self) -> u32 {
        self.end - self.start
    }
}

/// A pair of neighbours that can become one token; the least is merged first: lowest rank, then leftmost.
///
/// Small, because a text of one letter keeps as many pairs in the queue as it has letters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: u32,
    /// Bytes of both when the pair was found: if either has grown since, the pair is out of date.
    length: u32,
    id: TokenId,
}

/// What two neighbours become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merged {
    /// Lower is merged earlier.
    pub(super) rank: u32,
    /// The token of both together.
    pub(super) id: TokenId,
}

/// Merges symbols; keeps its memory from one word to the next.
#[derive(Debug, Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Pair>>,
}

impl Merger {
    /// Appends a symbol of `length` bytes to the right. All of them have [`MAX_TEXT_BYTES`] at most.
    pub(super) fn push(&mut self, length: usize, id: Option<TokenId>) {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_TEXT_BYTES")]
        let (index, length) = (self.symbols.len() as u32, length as u32);
        let start = self.symbols.last_mut().map_or(0, |last| {
            last.next = index;
            last.end
        });
        self.symbols.push(Symbol { start, end: start + length, id, previous: index.wrapping_sub(1), next: NONE });
    }

    /// Merges for as long as `merged` knows a pair, hands each remaining symbol to `emit`, and forgets them all.
    pub(super) fn run(&mut self, merged: impl Fn(&Symbol, &Symbol) -> Option<Merged>, mut emit: impl FnMut(&Symbol)) {
        for (left, pair) in (0..).zip(self.symbols.windows(2)) {
            if let [first, second] = pair {
                self.queue.extend(candidate(left, first, second, &merged));
            }
        }
        while let Some(Reverse(pair)) = self.queue.pop() {
            if self.join(&pair) {
                let Symbol { previous, next, .. } = self.symbols[pair.left as usize];
                self.consider(previous, pair.left, &merged);
                self.consider(pair.left, next, &merged);
            }
        }
        let mut next = self.symbols.first();
        while let Some(symbol) = next {
            emit(symbol);
            next = self.symbols.get(symbol.next as usize);
        }
        self.symbols.clear();
    }

    fn consider(&mut self, left: u32, right: u32, merged: &impl Fn(&Symbol, &Symbol) -> Option<Merged>) {
        if left != NONE && right != NONE {
            let (first, second) = (&self.symbols[left as usize], &self.symbols[right as usize]);
            self.queue.extend(candidate(left, first, second, merged));
        }
    }

    /// Gives the left symbol of the pair the bytes of its right neighbour and takes that out of the chain, unless one
    /// of them has changed since the pair was found.
    fn join(&mut self, pair: &Pair) -> bool {
        let left = self.symbols[pair.left as usize];
        let Some(right) = self.symbols.get_mut(left.next as usize) else { return false };
        if left.length() == 0 || left.length() + right.length() != pair.length {
            return false;
        }
        let Symbol { end, next, .. } = *right;
        right.start = end;
        if let Some(after) = self.symbols.get_mut(next as usize) {
            after.previous = pair.left;
        }
        self.symbols[pair.left as usize] = Symbol { end, next, id: Some(pair.id), ..left };
        true
    }
}

fn candidate(
    left: u32,
    first: &Symbol,
    second: &Symbol,
    merged: &impl Fn(&Symbol, &Symbol) -> Option<Merged>,
) -> Option<Reverse<Pair>> {
    let Merged { rank, id } = merged(first, second)?;
    Some(Reverse(Pair { rank, left, length: second.end - first.start, id }))
}
