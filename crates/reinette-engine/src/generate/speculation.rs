//! Reading tokens on the guess that the answer goes on with them.
//!
//! A batch of a few tokens takes little longer than one token, because weights are read from memory once for all of them.
//! Every token is still picked by the sampler from the model's logits at its own position, whatever was guessed: an
//! answer is the same as without guessing, and so is the distribution of random ones.
//!
//! Papers: Fast Inference from Transformers via Speculative Decoding, arXiv:2211.17192; Inference with Reference: Lossless
//! Acceleration of Large Language Models, arXiv:2304.04487.

use super::draft::Draft;
use crate::tokenizer::TokenId;
use std::collections::VecDeque;

/// The last tokens that must have stood in the text before for what followed them to be a guess.
const MATCHED_TOKENS: usize = 3;

/// How the tokens to come are guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Speculation {
    /// Not at all.
    #[default]
    Off,
    /// The text goes on as it did when its last three tokens stood in it before: pays where an answer copies from its
    /// prompt. After a wrong guess the next ones are shorter, after a right one longer.
    PromptLookup {
        /// The most tokens to guess at once.
        max_tokens: usize,
    },
    /// What the batch's [draft model](super::BatchConfig::draft) holds for likely; nothing where there is none. The lengths of
    /// guesses follow the success of the last one as well.
    DraftModel {
        /// The most tokens to guess at once.
        max_tokens: usize,
        /// The draft model guesses no further than it gives its best token this probability.
        least_probability: f32,
    },
}

/// The guessing of one answer.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    speculation: Speculation,
    max_tokens: usize,
    next_tokens: usize,
    /// Tokens that were read after those of the answer.
    ahead: VecDeque<TokenId>,
    /// How many tokens the last guess had.
    guessed: usize,
    /// How many tokens were read that turned out right.
    pub(super) accepted: usize,
}

impl Guesses {
    pub(super) fn new(speculation: Speculation) -> Self {
        let max_tokens = match speculation {
            Speculation::Off => 0,
            Speculation::PromptLookup { max_tokens } | Speculation::DraftModel { max_tokens, .. } => max_tokens,
        };
        Self { speculation, max_tokens, next_tokens: max_tokens, ..Self::default() }
    }

    /// How many tokens were read that the answer has not come to yet.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Takes off `unread`, the answer's next tokens, what was read already. Gives how many tokens at the end of the cache
    /// were guessed wrong.
    pub(super) fn confirm(&mut self, unread: &mut Vec<TokenId>) -> usize {
        let right = self.ahead.iter().zip(unread.iter()).take_while(|(guess, token)| guess == token).count();
        self.ahead.drain(..right);
        unread.drain(..right);
        self.accepted += right;
        if unread.is_empty() {
            return 0;
        }
        let wrong = self.ahead.len();
        self.ahead.clear();
        if self.guessed > 0 {
            let right = self.guessed - wrong;
            self.next_tokens = if wrong == 0 { 2 * right.max(1) } else { right.max(1) }.min(self.max_tokens);
            self.guessed = 0;
        }
        wrong
    }

    /// Guesses at most `room` tokens that follow `read` and `unread`, to be read with `unread`.
    pub(super) fn guess(
        &mut self,
        read: &[TokenId],
        unread: &[TokenId],
        room: usize,
        draft: Option<Draft<'_>>,
    ) -> Vec<TokenId> {
        let max_tokens = self.next_tokens.min(room);
        if max_tokens == 0 {
            return Vec::new();
        }
        let text = [read, unread].concat();
        let guess = match (self.speculation, draft) {
            (Speculation::PromptLookup { .. }, _) => look_up(&text, max_tokens).to_vec(),
            (Speculation::DraftModel { least_probability, .. }, Some(mut draft)) => {
                draft.guess(&text, max_tokens, least_probability)
            }
            _ => Vec::new(),
        };
        self.guessed = guess.len();
        self.ahead = guess.iter().copied().collect();
        guess
    }
}

/// What followed the last tokens of `text` when they stood in it last, at most `max_tokens` tokens.
fn look_up(text: &[TokenId], max_tokens: usize) -> &[TokenId] {
    let Some(start) = text.len().checked_sub(MATCHED_TOKENS) else { return &[] };
    let last = &text[start..];
    let earlier = text[..text.len() - 1].windows(MATCHED_TOKENS).rposition(|tokens| tokens == last);
    earlier.map_or(&[], |at| {
        let following = &text[at + MATCHED_TOKENS..];
        &following[..following.len().min(max_tokens)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: &[u32]) -> Vec<TokenId> {
        ids.iter().copied().map(TokenId).collect()
    }

    #[test]
    fn a_guess_is_what_followed_the_same_tokens_last() {
        let text = tokens(&[1, 2, 3, 4, 1, 2, 3, 5, 6, 1, 2, 3]);
        assert_eq!(look_up(&text, 2), tokens(&[5, 6]));
        assert_eq!(look_up(&text, 9), tokens(&[5, 6, 1, 2, 3]));
        assert_eq!(look_up(&tokens(&[7, 7, 7, 7]), 4), tokens(&[7]));
        assert_eq!(look_up(&tokens(&[1, 2, 3, 4]), 4), &[]);
        assert_eq!(look_up(&tokens(&[1]), 4), &[]);
    }

    #[test]
    fn wrong_guesses_are_counted_and_make_the_next_one_shorter() {
        let mut guesses = Guesses::new(Speculation::PromptLookup { max_tokens: 4 });
        let text = tokens(&[1, 2, 3, 4, 5, 6, 7, 1, 2, 3]);
        assert_eq!(guesses.guess(&text[..9], &text[9..], 10, None), tokens(&[4, 5, 6, 7]));
        let mut unread = tokens(&[4]);
        assert_eq!((guesses.confirm(&mut unread), guesses.ahead(), unread.len()), (0, 3, 0));
        unread = tokens(&[9]);
        assert_eq!((guesses.confirm(&mut unread), guesses.ahead(), unread.len()), (3, 0, 1));
        assert_eq!(guesses.accepted, 1);
        assert_eq!(guesses.guess(&text[..9], &text[9..], 10, None), tokens(&[4]));
        unread = tokens(&[4, 5]);
        assert_eq!((guesses.confirm(&mut unread), guesses.ahead(), unread.len()), (0, 0, 1));
        assert_eq!(
            guesses.guess(&text[..9], &text[9..], 10, None),
            tokens(&[4, 5]),
            "a right guess makes the next one longer"
        );
        assert_eq!(guesses.guess(&text[..9], &text[9..], 1, None), tokens(&[4]), "as far as there is room");
    }
}
