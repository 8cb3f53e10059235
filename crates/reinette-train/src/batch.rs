//! Examples as tokens, and how several of them share one batch.

use std::ops::Range;
use std::sync::Arc;

/// Tokens that follow one another in one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its tokens, by their places in the batch.
    pub tokens: Range<usize>,
    /// A segment whose continuation this is, by the places of its tokens; several may continue the same one.
    pub behind: Option<Range<usize>>,
}

/// An example: a prompt, and the answer to learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// All tokens: the prompt's, then the answer's.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt's; at least 1. Only what follows is learned.
    pub prompt_tokens: usize,
}

impl Example {
    /// How many tokens are learned.
    pub fn answer_tokens(&self) -> usize {
        self.tokens.len() - self.prompt_tokens
    }

    /// The tokens that are read: the last one is only predicted.
    fn read(&self) -> &[u32] {
        &self.tokens[..self.tokens.len() - 1]
    }
}

/// Several examples, one after the other, without padding.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Of all examples.
    pub tokens: Vec<u32>,
    /// The position of each token in its sequence.
    pub positions: Vec<usize>,
    /// Which tokens see which.
    pub segments: Arc<[Segment]>,
    /// The places after which an answer's token is predicted.
    pub outputs: Vec<usize>,
    /// The tokens that are right there.
    pub targets: Vec<u32>,
    /// For each example how many of the outputs are its own, in order.
    pub outputs_per_example: Vec<usize>,
}

/// Beginnings shorter than this are computed anew for each example: a segment of its own costs about as much.
const SHORTEST_SHARED: usize = 32;

impl Batch {
    /// Puts examples into one batch; those that follow one another and begin alike stand behind one copy of what they
    /// share.
    pub fn new(examples: &[&Example]) -> Self {
        let mut batch = Self {
            tokens: Vec::new(),
            positions: Vec::new(),
            segments: Arc::from([]),
            outputs: Vec::new(),
            targets: Vec::new(),
            outputs_per_example: Vec::new(),
        };
        let mut segments = Vec::new();
        let mut rest = examples;
        while let Some(first) = rest.first() {
            let (count, shared) = family(rest);
            let (group, others) = rest.split_at(count);
            let behind = (shared > 0).then(|| batch.append(&first.tokens[..shared], 0, None, &mut segments));
            for example in group {
                let place = batch.append(&example.read()[shared..], shared, behind.clone(), &mut segments);
                let first_output = place.start + example.prompt_tokens - 1 - shared;
                batch.outputs.extend(first_output..place.end);
                batch.targets.extend(&example.tokens[example.prompt_tokens..]);
                batch.outputs_per_example.push(example.answer_tokens());
            }
            rest = others;
        }
        batch.segments = segments.into();
        batch
    }

    /// Appends a segment whose first token has a position; gives its place.
    fn append(
        &mut self,
        tokens: &[u32],
        position: usize,
        behind: Option<Range<usize>>,
        segments: &mut Vec<Segment>,
    ) -> Range<usize> {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.positions.extend(position..position + tokens.len());
        let place = start..self.tokens.len();
        segments.push(Segment { tokens: place.clone(), behind });
        place
    }

    /// The greatest number of positions that a sequence in it has.
    pub fn n_positions(&self) -> usize {
        self.positions.iter().max().map_or(0, |last| last + 1)
    }
}

/// How many of the first examples share a long beginning, and how long it is: all that they have in common of their
/// prompts but the last token, after which the first of an answer is predicted. One that would halve what is shared by
/// those before it starts a family of its own.
fn family(examples: &[&Example]) -> (usize, usize) {
    let mut shared = examples[0].prompt_tokens - 1;
    let mut count = 1;
    for other in &examples[1..] {
        let limit = shared.min(other.prompt_tokens - 1);
        let common = examples[0].tokens.iter().zip(&other.tokens).take(limit).take_while(|(a, b)| a == b).count();
        if common < SHORTEST_SHARED.max(shared / 2) {
            break;
        }
        (shared, count) = (common, count + 1);
    }
    if count == 1 { (1, 0) } else { (count, shared) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(prompt: impl IntoIterator<Item = u32>, answer: &[u32]) -> Example {
        let mut tokens: Vec<u32> = prompt.into_iter().collect();
        let prompt_tokens = tokens.len();
        tokens.extend(answer);
        Example { tokens, prompt_tokens }
    }

    #[test]
    fn short_examples_stand_side_by_side() {
        let (one, two) = (example([1, 2], &[3, 4]), example([5], &[6]));
        let batch = Batch::new(&[&one, &two]);
        assert_eq!(batch.tokens, [1, 2, 3, 5]);
        assert_eq!(batch.positions, [0, 1, 2, 0]);
        assert_eq!(batch.outputs, [1, 2, 3]);
        assert_eq!(batch.targets, [3, 4, 6]);
        let places: Vec<_> = batch.segments.iter().map(|segment| segment.tokens.clone()).collect();
        assert_eq!(places, [0..3, 3..4]);
    }

    #[test]
    fn a_long_beginning_is_there_once() {
        let examples = [example(0..40, &[1, 2]), example((0..38).chain([7]), &[3]), example([0, 1], &[9])];
        let batch = Batch::new(&examples.iter().collect::<Vec<_>>());
        assert_eq!(batch.segments[0], Segment { tokens: 0..38, behind: None });
        assert_eq!(batch.segments[1], Segment { tokens: 38..41, behind: Some(0..38) });
        assert_eq!(batch.segments[2], Segment { tokens: 41..42, behind: Some(0..38) });
        assert_eq!(batch.segments[3], Segment { tokens: 42..44, behind: None });
        assert_eq!(batch.positions[38..44], [38, 39, 40, 38, 0, 1]);
        assert_eq!(batch.outputs, [39, 40, 41, 43]);
        assert_eq!(batch.targets, [1, 2, 3, 9]);
    }
}
