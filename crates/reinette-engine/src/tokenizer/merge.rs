//! The merging that both kinds of vocabulary share: the best pair of neighbours becomes one, until none is left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// Marks the end of the chain of symbols.
const NONE: usize = usize::MAX;

/// A part of the text that may still grow. An empty one was merged into its left neighbour.
#[derive(Debug, Clone)]
pub(super) struct Symbol {
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
    /// Its token, when it is one.
    pub(super) id: Option<u32>,
    previous: usize,
    next: usize,
}

/// A pair of neighbours that can become one token; the least is merged first: lowest rank, then leftmost.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: usize,
    right: usize,
    /// Bytes of both when the pair was found: if either has grown since, the pair is out of date.
    length: usize,
    id: u32,
}

/// What two neighbours become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merged {
    /// Lower is merged earlier.
    pub(super) rank: u32,
    /// The token of both together.
    pub(super) id: u32,
}

/// Merges symbols; keeps its memory from one word to the next.
#[derive(Debug, Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<Pair>>,
}

impl Merger {
    /// Appends a symbol to the right.
    pub(super) fn push(&mut self, range: Range<usize>, id: Option<u32>) {
        let index = self.symbols.len();
        if let Some(last) = self.symbols.last_mut() {
            last.next = index;
        }
        let previous = if index == 0 { NONE } else { index - 1 };
        self.symbols.push(Symbol { range, id, previous, next: NONE });
    }

    /// Merges for as long as `merged` knows a pair, hands each remaining symbol to `emit`, and forgets them all.
    pub(super) fn run(&mut self, merged: impl Fn(&Symbol, &Symbol) -> Option<Merged>, mut emit: impl FnMut(&Symbol)) {
        for right in 1..self.symbols.len() {
            self.consider(right - 1, right, &merged);
        }
        while let Some(Reverse(pair)) = self.queue.pop() {
            let (left, right) = (&self.symbols[pair.left], &self.symbols[pair.right]);
            if left.range.is_empty() || right.range.is_empty() || left.range.len() + right.range.len() != pair.length {
                continue;
            }
            self.join(&pair);
            let Symbol { previous, next, .. } = self.symbols[pair.left];
            self.consider(previous, pair.left, &merged);
            self.consider(pair.left, next, &merged);
        }
        let mut index = if self.symbols.is_empty() { NONE } else { 0 };
        while index != NONE {
            emit(&self.symbols[index]);
            index = self.symbols[index].next;
        }
        self.symbols.clear();
    }

    fn consider(&mut self, left: usize, right: usize, merged: &impl Fn(&Symbol, &Symbol) -> Option<Merged>) {
        if left == NONE || right == NONE {
            return;
        }
        let (first, second) = (&self.symbols[left], &self.symbols[right]);
        if let Some(Merged { rank, id }) = merged(first, second) {
            let length = first.range.len() + second.range.len();
            self.queue.push(Reverse(Pair { rank, left, right, length, id }));
        }
    }

    /// Takes the right symbol of the pair out of the chain and gives its bytes to the left one.
    fn join(&mut self, pair: &Pair) {
        let right = &mut self.symbols[pair.right];
        let (end, next) = (right.range.end, right.next);
        right.range = end..end;
        let left = &mut self.symbols[pair.left];
        left.range.end = end;
        left.id = Some(pair.id);
        left.next = next;
        if next != NONE {
            self.symbols[next].previous = pair.left;
        }
    }
}
