//! Which examples are learned from when: decided by the seed and the epoch alone, so that a run can go on anywhere.

use crate::batch::{Example, families};
use reinette_data::Random;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hasher as _;
use twox_hash::XxHash3_64;

/// Where a run is in its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// How many times everything was seen before.
    pub(crate) epoch: usize,
    /// How many examples of this epoch were seen.
    pub(crate) offset: usize,
}

/// Prompts that begin with the same so many tokens belong together: their tools are described alike.
const FAMILY_TOKENS: usize = 64;
/// Together they stand in bundles of so many: enough to share a beginning, few enough to be spread over an epoch.
const BUNDLE: usize = 8;

/// The order of an epoch, made anew for each.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    seed: u64,
    epoch: usize,
    /// Indices of examples.
    places: Vec<usize>,
}

impl Order {
    /// The order of an epoch.
    pub(crate) fn new(examples: &[(Example, f64)], seed: u64, epoch: usize) -> Self {
        let mut random = Random::new(seed, epoch as u64);
        let mut places = Vec::new();
        for (place, (_, weight)) in examples.iter().enumerate() {
            // The whole part of the weight for certain, the rest as a chance.
            let chance = weight.fract() > f64::from(random.within_one()).mul_add(0.5, 0.5);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "weights are 0 to 1000")]
            let times = weight.trunc() as usize + usize::from(chance);
            places.extend(std::iter::repeat_n(place, times));
        }
        random.shuffle(&mut places);
        let mut bundles: Vec<Vec<usize>> = Vec::new();
        let mut open = HashMap::new();
        for place in places {
            match family(&examples[place].0) {
                None => bundles.push(vec![place]),
                Some(family) => {
                    let bundle = *open.entry(family).or_insert_with(|| {
                        bundles.push(Vec::with_capacity(BUNDLE));
                        bundles.len() - 1
                    });
                    bundles[bundle].push(place);
                    if bundles[bundle].len() == BUNDLE {
                        open.remove(&family);
                    }
                }
            }
        }
        random.shuffle(&mut bundles);
        Self { seed, epoch, places: bundles.concat() }
    }

    /// How many tokens are computed in the epoch.
    pub(crate) fn n_tokens(&self, examples: &[(Example, f64)]) -> usize {
        n_computed(&self.places.iter().map(|place| &examples[*place].0).collect::<Vec<_>>())
    }

    /// The examples of the next step: as many as it takes to compute `tokens` tokens, over the end of the epoch if need be.
    /// `position` goes on behind them.
    pub(crate) fn take<'a>(
        &mut self,
        examples: &'a [(Example, f64)],
        position: &mut Position,
        tokens: usize,
    ) -> Vec<&'a Example> {
        let mut taken: Vec<&Example> = Vec::new();
        while n_computed(&taken) < tokens {
            if self.epoch != position.epoch {
                *self = Self::new(examples, self.seed, position.epoch);
            }
            if let Some(place) = self.places.get(position.offset) {
                taken.push(&examples[*place].0);
                position.offset += 1;
            } else {
                *position = Position { epoch: position.epoch + 1, offset: 0 };
            }
        }
        taken
    }
}

/// How many tokens are computed for examples in a row.
fn n_computed(examples: &[&Example]) -> usize {
    families(examples).iter().map(|(_, tokens)| tokens).sum()
}

/// What the prompts of a family have in common; `None` for a prompt that is too short to share anything.
fn family(example: &Example) -> Option<u64> {
    let beginning = example.prompt().get(..FAMILY_TOKENS)?;
    let mut hasher = XxHash3_64::new();
    for token in beginning {
        hasher.write(&token.to_le_bytes());
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(weights: &[f64]) -> Vec<(Example, f64)> {
        let example = |place: usize| Example {
            tokens: vec![u32::try_from(place).unwrap(); 10],
            prompt_tokens: 5,
            ..Example::default()
        };
        weights.iter().enumerate().map(|(place, weight)| (example(place), *weight)).collect()
    }

    fn names(taken: &[&Example]) -> Vec<u32> {
        taken.iter().map(|example| example.tokens[0]).collect()
    }

    #[test]
    fn an_epoch_sees_every_example_as_often_as_its_weight_says() {
        let examples = examples(&[1.0, 2.0, 0.0, 1.0]);
        let (mut order, mut position) = (Order::new(&examples, 7, 0), Position::default());
        let mut seen = names(&order.take(&examples, &mut position, 40));
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 1, 3]);
        assert_eq!(position, Position { epoch: 0, offset: 4 });
        assert_eq!(order.take(&examples, &mut position, 5).len(), 1);
        assert_eq!(position, Position { epoch: 1, offset: 1 });
        let counts: usize = (0..1000).map(|epoch| Order::new(&self::examples(&[0.5]), 7, epoch).places.len()).sum();
        assert!((400..600).contains(&counts), "{counts} of 1000 epochs see half an example");
    }

    #[test]
    fn a_run_goes_on_anywhere() {
        let examples = examples(&[1.0; 30]);
        let mut order = Order::new(&examples, 3, 0);
        let mut position = Position::default();
        let steps: Vec<_> = (0..9).map(|_| (position, names(&order.take(&examples, &mut position, 45)))).collect();
        assert!(position.epoch > 0);
        for (mut position, expected) in steps {
            let mut order = Order::new(&examples, 3, position.epoch);
            assert_eq!(names(&order.take(&examples, &mut position, 45)), expected);
        }
    }

    #[test]
    fn prompts_that_begin_alike_stay_together() {
        let example = |family: u32, own: u32| Example {
            tokens: [vec![family; 70], vec![own; 9]].concat(),
            prompt_tokens: 75,
            ..Example::default()
        };
        let examples: Vec<_> = (0..64).map(|place| (example(place % 4, place), 1.0)).collect();
        let order = Order::new(&examples, 1, 0);
        let changes = order.places.windows(2).filter(|pair| pair[0] % 4 != pair[1] % 4).count();
        assert!(changes <= 7, "{changes} changes between 8 bundles");
    }
}
