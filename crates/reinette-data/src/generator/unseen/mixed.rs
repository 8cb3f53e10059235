//! Requests for tools of the catalogue and for invented ones, a set of one or of the other.

use super::{REQUESTS_OF_A_SET, UnseenTools};
use crate::generator::example::Example;
use crate::generator::invented::InventedTools;
use crate::random::Random;
use std::collections::VecDeque;

/// Examples of both, set after set. Where one of the two has nothing new any more, those of the other are left.
#[derive(Debug)]
pub struct MixedTools<'a> {
    catalogue: UnseenTools<'a>,
    invented: InventedTools<'a>,
    share: f64,
    random: Random,
    /// What is left of a set.
    left: VecDeque<Example>,
}

impl<'a> MixedTools<'a> {
    /// Mixes: of sets, `share` are invented ones.
    pub fn new(catalogue: UnseenTools<'a>, invented: InventedTools<'a>, share: f64, seed: u64) -> Self {
        Self { catalogue, invented, share, random: Random::new(seed, 12), left: VecDeque::new() }
    }
}

impl Iterator for MixedTools<'_> {
    type Item = Example;

    fn next(&mut self) -> Option<Example> {
        if self.left.is_empty() {
            if self.random.chance(self.share) {
                self.left.extend(self.invented.next().unwrap_or_default());
            }
            if self.left.is_empty() {
                self.left.extend(self.catalogue.by_ref().take(REQUESTS_OF_A_SET));
            }
        }
        self.left.pop_front()
    }
}
