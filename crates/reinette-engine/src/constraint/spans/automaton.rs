//! The suffix automaton: the smallest automaton of all runs of a sequence.

use std::collections::BTreeMap;

/// The state before the first symbol.
pub(super) const START: usize = 0;

/// Accepts every contiguous run of the symbols that were pushed, in at most two states a symbol.
///
/// Paper: The Smallest Automaton Recognizing the Subwords of a Text, Blumer et al., Theoretical Computer Science 40
/// (1985).
#[derive(Debug)]
pub(super) struct SuffixAutomaton {
    states: Vec<State>,
    last: usize,
}

/// The runs that end at the same places of the sequence.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The length of the longest such run.
    length: usize,
    /// The state of the longest suffix of these runs that ends at more places.
    link: Option<usize>,
    /// The symbol that all these runs end with.
    pub(super) symbol: Option<usize>,
    /// Where each symbol leads.
    pub(super) next: BTreeMap<usize, usize>,
}

impl Default for SuffixAutomaton {
    fn default() -> Self {
        Self { states: vec![State::default()], last: START }
    }
}

impl SuffixAutomaton {
    pub(super) fn states(&self) -> &[State] {
        &self.states
    }

    /// The states by decreasing length: every transition leads from a later one to an earlier one.
    pub(super) fn longest_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.states.len()).collect();
        order.sort_by_key(|&state| std::cmp::Reverse(self.states[state].length));
        order
    }

    /// Appends `symbol` to the sequence.
    pub(super) fn push(&mut self, symbol: usize) {
        let length = self.states[self.last].length + 1;
        let added = self.add(State { length, symbol: Some(symbol), ..State::default() });
        let mut suffix = Some(self.last);
        while let Some(state) = suffix.filter(|&state| !self.states[state].next.contains_key(&symbol)) {
            self.states[state].next.insert(symbol, added);
            suffix = self.states[state].link;
        }
        self.states[added].link = Some(suffix.map_or(START, |state| self.shortest_through(state, symbol)));
        self.last = added;
    }

    /// The state that `symbol` leads to from `state`, parted from longer runs that no longer end at the same places.
    fn shortest_through(&mut self, state: usize, symbol: usize) -> usize {
        let target = self.states[state].next[&symbol];
        let length = self.states[state].length + 1;
        if self.states[target].length == length {
            return target;
        }
        let parted = self.add(State { length, ..self.states[target].clone() });
        let mut suffix = Some(state);
        while let Some(state) = suffix.filter(|&state| self.states[state].next.get(&symbol) == Some(&target)) {
            self.states[state].next.insert(symbol, parted);
            suffix = self.states[state].link;
        }
        self.states[target].link = Some(parted);
        parted
    }

    fn add(&mut self, state: State) -> usize {
        self.states.push(state);
        self.states.len() - 1
    }
}
