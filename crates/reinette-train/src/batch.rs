//! Examples as tokens, and how several of them share one batch.

use reinette_data::lines::Shares;
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// All tokens: the prompt's, then the answer's.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt's; at least 1. Only what follows is learned.
    pub prompt_tokens: usize,
    /// Answers of earlier turns, by their places in the prompt, which are learned as well.
    pub earlier: Vec<Range<usize>>,
    /// An answer to which the other is preferred: then it is not learned by heart, but to be the likelier of the two.
    pub rejected: Option<Vec<u32>>,
    /// For each token of the answer, the tokens that a teacher finds likely in its place, with the shares that they have in
    /// what is learned there; the rest is the answer's own token's. Empty without a teacher.
    pub taught: Vec<Shares>,
}

impl Example {
    /// How many tokens are learned, or compared.
    pub fn answer_tokens(&self) -> usize {
        self.earlier.iter().map(ExactSizeIterator::len).sum::<usize>() + self.last_tokens()
    }

    /// How many tokens it has in all.
    pub fn n_tokens(&self) -> usize {
        self.prompt_tokens + self.last_tokens()
    }

    /// How many tokens the last answer has, with the rejected one.
    fn last_tokens(&self) -> usize {
        self.answers().map(<[u32]>::len).sum()
    }

    /// The prompt's tokens.
    pub fn prompt(&self) -> &[u32] {
        &self.tokens[..self.prompt_tokens]
    }

    /// The answer, then the rejected one where there is one.
    fn answers(&self) -> impl Iterator<Item = &[u32]> {
        std::iter::once(&self.tokens[self.prompt_tokens..]).chain(self.rejected.as_deref())
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
    /// What a teacher finds likely there; empty without one.
    pub taught: Vec<Shares>,
    /// For each answer how many of the outputs are its own, in order.
    pub outputs_per_answer: Vec<usize>,
    /// The answers that are preferred to the ones that follow them.
    pub preferred: Vec<usize>,
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
            taught: Vec::new(),
            outputs_per_answer: Vec::new(),
            preferred: Vec::new(),
        };
        let mut segments = Vec::new();
        let mut rest = examples;
        while let Some(first) = rest.first() {
            let (count, shared) = family(rest);
            let (group, others) = rest.split_at(count);
            let behind = (shared > 0).then(|| batch.append(&first.tokens[..shared], 0, None, &mut segments));
            for example in group {
                if example.rejected.is_some() {
                    batch.preferred.push(batch.outputs_per_answer.len());
                }
                let own_prompt = &example.prompt()[shared..];
                for earlier in &example.earlier {
                    // What has answers in its prompt shares nothing; the last answer's segment, which is next, has them all.
                    let start = batch.tokens.len() + earlier.start;
                    batch.outputs.extend(start - 1..start - 1 + earlier.len());
                    batch.targets.extend_from_slice(&example.tokens[earlier.clone()]);
                    batch.taught.resize(batch.targets.len(), Vec::new());
                    batch.outputs_per_answer.push(earlier.len());
                }
                for (answer, taught) in example.answers().zip([example.taught.as_slice(), &[]]) {
                    // The last token is only predicted.
                    let read = [own_prompt, &answer[..answer.len() - 1]].concat();
                    let place = batch.append(&read, shared, behind.clone(), &mut segments);
                    batch.outputs.extend(place.start + own_prompt.len() - 1..place.end);
                    batch.targets.extend(answer);
                    batch.taught.extend_from_slice(taught);
                    batch.taught.resize(batch.targets.len(), Vec::new());
                    batch.outputs_per_answer.push(answer.len());
                }
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

/// How many tokens are computed for examples in one batch, family by family: with how many examples each has.
pub(crate) fn families(examples: &[&Example]) -> Vec<(usize, usize)> {
    let mut families = Vec::new();
    let mut rest = examples;
    while !rest.is_empty() {
        let (count, shared) = family(rest);
        let (group, others) = rest.split_at(count);
        families.push((count, shared + group.iter().map(|example| example.n_tokens() - shared).sum::<usize>()));
        rest = others;
    }
    families
}

/// How many of the first examples share a long beginning, and how long it is: all that they have in common of their
/// prompts but the last token, after which the first of an answer is predicted. One that would take a quarter from what is
/// shared by those before it, as other tools after the same instructions do, starts a family of its own. Two answers to one
/// prompt are a family already.
fn family(examples: &[&Example]) -> (usize, usize) {
    let mut shared = examples[0].prompt_tokens - 1;
    let mut count = 1;
    if !examples[0].earlier.is_empty() {
        return (1, 0);
    }
    for other in examples[1..].iter().take_while(|other| other.earlier.is_empty()) {
        let limit = shared.min(other.prompt_tokens - 1);
        let common = examples[0].tokens.iter().zip(&other.tokens).take(limit).take_while(|(a, b)| a == b).count();
        if common < SHORTEST_SHARED.max(shared - shared / 4) {
            break;
        }
        (shared, count) = (common, count + 1);
    }
    let is_shared = count > 1 || examples[0].rejected.is_some() && shared >= SHORTEST_SHARED;
    (count, if is_shared { shared } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(prompt: impl IntoIterator<Item = u32>, answer: &[u32]) -> Example {
        let mut tokens: Vec<u32> = prompt.into_iter().collect();
        let prompt_tokens = tokens.len();
        tokens.extend(answer);
        Example { tokens, prompt_tokens, ..Example::default() }
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
    fn the_answers_of_all_turns_are_learned() {
        let dialogue = Example { earlier: vec![2..4, 6..7], ..example([1, 2, 30, 31, 3, 4, 32, 5], &[33, 34]) };
        let batch = Batch::new(&[&example([9], &[8]), &dialogue, &dialogue]);
        assert_eq!(batch.tokens[..10], [9, 1, 2, 30, 31, 3, 4, 32, 5, 33]);
        assert_eq!(batch.outputs[..6], [0, 2, 3, 6, 8, 9]);
        assert_eq!(batch.targets[..6], [8, 30, 31, 32, 33, 34]);
        assert_eq!(batch.outputs_per_answer, [1, 2, 1, 2, 2, 1, 2]);
        assert_eq!((dialogue.answer_tokens(), dialogue.n_tokens()), (5, 10));
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

    #[test]
    fn other_tools_after_the_same_instructions_are_another_family() {
        // Instructions of 40 tokens, tools of 30, words of 5.
        let example = |tools: u32, words: u32| example((0..40).chain([tools; 30]).chain([words; 5]), &[1]);
        let examples = [example(50, 60), example(50, 61), example(51, 60), example(51, 61), example(51, 62)];
        assert_eq!(families(&examples.iter().collect::<Vec<_>>()), [(2, 70 + 2 * 6), (3, 70 + 3 * 6)]);
    }

    #[test]
    fn two_answers_stand_behind_one_prompt() {
        let rejected = |tokens: &[u32]| Some(tokens.to_vec());
        let short = Example { rejected: rejected(&[5, 6]), ..example([1, 2], &[3]) };
        let long = Example { rejected: rejected(&[7]), ..example(0..40, &[8, 9]) };
        let batch = Batch::new(&[&short, &long, &example([4], &[2])]);
        assert_eq!(batch.tokens[..5], [1, 2, 1, 2, 5]);
        let places: Vec<_> = batch.segments.iter().map(|s| (s.tokens.clone(), s.behind.clone())).collect();
        assert_eq!(places[..2], [(0..2, None), (2..5, None)]);
        assert_eq!(places[2..5], [(5..44, None), (44..46, Some(5..44)), (46..47, Some(5..44))]);
        assert_eq!(batch.targets, [3, 5, 6, 8, 9, 7, 2]);
        assert_eq!(batch.outputs, [1, 3, 4, 44, 45, 46, 47]);
        assert_eq!((batch.outputs_per_answer, batch.preferred), (vec![1, 2, 2, 1, 1], vec![0, 2]));
        assert_eq!((short.answer_tokens(), long.n_tokens()), (3, 43));
    }
}
