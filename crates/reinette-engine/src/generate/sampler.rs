//! From logits to a token: logits processors edit the logits, the sampler picks.

use crate::SplitMix64;
use crate::tokenizer::TokenId;
use reinette_kernels::{InstructionSet, argmax};
use std::collections::VecDeque;

/// How many of the latest tokens the repetition penalty looks at.
const PENALTY_WINDOW_TOKENS: usize = 64;

/// How a token is picked. The filters of a random pick apply in the order in which they stand here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Always the most likely token; of equals, the one with the lowest id.
    Greedy,
    /// A random token.
    Random {
        /// Divides the logits; above 0.
        temperature: f32,
        /// Keeps the `top_k` most likely tokens; 0 keeps all.
        top_k: usize,
        /// Keeps the fewest most likely tokens whose probabilities sum to `top_p` or more.
        ///
        /// Paper: The Curious Case of Neural Text Degeneration, arXiv:1904.09751.
        top_p: f32,
        /// Drops the tokens less likely than `min_p` times the most likely one.
        ///
        /// Paper: Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs, arXiv:2407.01082.
        min_p: f32,
        /// The same seed gives the same text.
        seed: u64,
    },
}

/// Picks tokens, and remembers what its random numbers and its penalty need.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    repetition_penalty: f32,
    recent: VecDeque<TokenId>,
    random: SplitMix64,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    /// A sampler that divides the positive logits of recent tokens by `repetition_penalty` and multiplies the
    /// negative ones by it (1 changes nothing).
    ///
    /// Paper: CTRL: A Conditional Transformer Language Model for Controllable Generation, arXiv:1909.05858.
    pub fn new(sampling: Sampling, repetition_penalty: f32) -> Self {
        let seed = match sampling {
            Sampling::Greedy => 0,
            Sampling::Random { seed, .. } => seed,
        };
        Self {
            sampling,
            repetition_penalty,
            recent: VecDeque::with_capacity(PENALTY_WINDOW_TOKENS),
            random: SplitMix64::new(seed),
            candidates: Vec::new(),
        }
    }

    /// Counts a token that was appended to the sequence, whoever picked it.
    pub fn observe(&mut self, token: TokenId) {
        if self.recent.len() == PENALTY_WINDOW_TOKENS {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
    }

    /// Picks the next token; a logit of −∞ is never picked as long as another is finite.
    ///
    /// Returns `None` if no logit is finite.
    pub fn pick(&mut self, logits: &mut [f32]) -> Option<TokenId> {
        self.penalise(logits);
        match self.sampling {
            Sampling::Greedy => most_likely(logits),
            Sampling::Random { temperature, top_k, top_p, min_p, .. } => {
                self.filter(logits, temperature, top_k, top_p, min_p)?;
                self.draw()
            }
        }
    }

    fn penalise(&self, logits: &mut [f32]) {
        if (self.repetition_penalty - 1.0).abs() < f32::EPSILON {
            return;
        }
        for (index, token) in self.recent.iter().enumerate() {
            let seen_before = self.recent.iter().take(index).any(|earlier| earlier == token);
            if let (false, Some(logit)) = (seen_before, logits.get_mut(token.0 as usize)) {
                if *logit > 0.0 {
                    *logit /= self.repetition_penalty;
                } else {
                    *logit *= self.repetition_penalty;
                }
            }
        }
    }

    /// Leaves in `self.candidates` the tokens that pass all filters, with their unnormalised probabilities,
    /// most likely first.
    fn filter(&mut self, logits: &[f32], temperature: f32, top_k: usize, top_p: f32, min_p: f32) -> Option<()> {
        let best = logits[most_likely(logits)?.0 as usize];
        let temperature = temperature.max(1e-4);
        self.candidates.clear();
        // A token e^-30 times less likely than the best would not be drawn in the lifetime of this program.
        let floor = best - 30.0 * temperature;
        let finite = logits.iter().zip(0_u32..).filter(|(logit, _)| **logit >= floor && logit.is_finite());
        self.candidates.extend(finite.map(|(logit, id)| (((logit - best) / temperature).exp(), id)));
        let more_likely_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if top_k > 0 && top_k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(top_k - 1, more_likely_first);
            self.candidates.truncate(top_k);
        }
        self.candidates.sort_unstable_by(more_likely_first);
        if top_p < 1.0 {
            let total: f32 = self.candidates.iter().map(|(p, _)| p).sum();
            let mut sum = 0.0;
            let kept = self.candidates.iter().take_while(|(p, _)| {
                let wanted = sum < top_p * total;
                sum += p;
                wanted
            });
            let kept = kept.count().max(1);
            self.candidates.truncate(kept);
        }
        // The most likely candidate has probability 1 before normalisation.
        self.candidates.retain(|(p, _)| *p >= min_p.min(1.0));
        Some(())
    }

    fn draw(&mut self) -> Option<TokenId> {
        let total: f64 = self.candidates.iter().map(|(p, _)| f64::from(*p)).sum();
        let mut left = self.random.unit() * total;
        for (p, id) in &self.candidates {
            left -= f64::from(*p);
            if left < 0.0 {
                return Some(TokenId(*id));
            }
        }
        self.candidates.last().map(|(_, id)| TokenId(*id))
    }
}

/// The token with the highest logit; NaN counts as −∞.
fn most_likely(logits: &[f32]) -> Option<TokenId> {
    let index = argmax(InstructionSet::detect(), logits)?;
    let id = u32::try_from(index).ok().filter(|_| logits[index] > f32::NEG_INFINITY);
    id.map(TokenId)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(top_k: usize, top_p: f32, min_p: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling::Random { temperature: 1.0, top_k, top_p, min_p, seed }, 1.0)
    }

    /// How often each of four tokens with probabilities 0.5, 0.3, 0.15, 0.05 is picked in 20,000 draws.
    fn frequencies(mut sampler: Sampler) -> [f64; 4] {
        let logits = [0.5_f32.ln(), 0.3_f32.ln(), 0.15_f32.ln(), 0.05_f32.ln()];
        let mut counts = [0.0; 4];
        for _ in 0..20_000 {
            let token = sampler.pick(&mut logits.clone()).unwrap();
            counts[token.0 as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    fn assert_close(found: [f64; 4], expected: [f64; 4]) {
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 0.015, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn draws_follow_the_distribution_and_the_filters() {
        assert_close(frequencies(random(0, 1.0, 0.0, 1)), [0.5, 0.3, 0.15, 0.05]);
        assert_close(frequencies(random(2, 1.0, 0.0, 2)), [0.625, 0.375, 0.0, 0.0]);
        assert_close(frequencies(random(0, 0.7, 0.0, 3)), [0.625, 0.375, 0.0, 0.0]);
        assert_close(frequencies(random(0, 1.0, 0.25, 4)), [0.526, 0.316, 0.158, 0.0]);
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens() {
        let draw = |seed| {
            let mut sampler = random(0, 1.0, 0.0, seed);
            (0..50).map(|_| sampler.pick(&mut [0.1, 0.2, 0.3, 0.4]).unwrap().0).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn masked_and_broken_logits_are_never_picked() {
        let mut logits = [f32::NEG_INFINITY, f32::NAN, -3.0, f32::NEG_INFINITY];
        assert_eq!(Sampler::new(Sampling::Greedy, 1.0).pick(&mut logits), Some(TokenId(2)));
        assert_eq!(random(0, 1.0, 0.0, 9).pick(&mut logits), Some(TokenId(2)));
        assert_eq!(Sampler::new(Sampling::Greedy, 1.0).pick(&mut [f32::NEG_INFINITY; 3]), None);
        assert_eq!(random(5, 0.5, 0.5, 9).pick(&mut [f32::NAN; 3]), None);
    }

    #[test]
    fn repetition_is_penalised_once_per_token() {
        let mut sampler = Sampler::new(Sampling::Greedy, 2.0);
        sampler.observe(TokenId(0));
        sampler.observe(TokenId(0));
        let mut logits = [3.0, 2.0, -1.0];
        assert_eq!(sampler.pick(&mut logits), Some(TokenId(1)));
        assert_eq!(logits.map(f32::to_bits), [1.5_f32, 2.0, -1.0].map(f32::to_bits));
    }
}
