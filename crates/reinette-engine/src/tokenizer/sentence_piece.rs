//! SentencePiece-style encoding: neighbours are merged by the score of the token that they become.

use super::merge::{Merged, Merger};
use super::vocabulary::{SPACE_MARK, Vocabulary, replace_space_marks};
use super::{TokenId, TokenizerError};
use crate::gguf::{Array, Metadata};

/// The scores of a vocabulary, as ranks.
#[derive(Debug)]
pub(super) struct SentencePiece {
    /// By token: the lower the rank, the higher the score.
    ranks: Vec<u32>,
    /// Whether a text gets a space in front where it begins or follows a control token.
    adds_space_prefix: bool,
    unknown: Option<TokenId>,
}

impl SentencePiece {
    pub(super) fn new(metadata: Metadata<'_>, vocabulary: &Vocabulary) -> Result<Self, TokenizerError> {
        const SCORES: &str = "tokenizer.ggml.scores";
        let ranks = match metadata.find::<Array<'_>>(SCORES)? {
            None => vec![0; vocabulary.len()],
            Some(scores) if scores.len() < vocabulary.len() => {
                let (expected, found) = (vocabulary.len(), scores.len());
                return Err(TokenizerError::WrongLength { key: SCORES, expected, found });
            }
            Some(scores) => scores
                .f32s()
                .ok_or(TokenizerError::WrongElements { key: SCORES, expected: "32-bit floats" })?
                .map(rank_of_score)
                .collect(),
        };
        let adds_space_prefix = metadata.find("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        let unknown = metadata.find::<u32>("tokenizer.ggml.unknown_token_id")?.unwrap_or(0);
        Ok(SentencePiece { ranks, adds_space_prefix, unknown: vocabulary.existing(TokenId(unknown)) })
    }

    /// Appends the ids of `text`; `follows_special` says that it begins the whole or follows a control token.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, follows_special: bool, ids: &mut Vec<TokenId>) {
        // The vocabulary has its spaces unmarked, so the text has too: a mark in it means the same as a space.
        let mut bytes = Vec::with_capacity(text.len() + 1);
        if self.adds_space_prefix && follows_special {
            bytes.push(b' ');
        }
        replace_space_marks(text.as_bytes(), &mut bytes);
        let mut merger = Merger::default();
        for range in characters(&bytes) {
            merger.push(range.len(), vocabulary.find(&bytes[range]));
        }
        merger.run(
            |left, right| {
                let id = vocabulary.find(&bytes[left.range_with(right)])?;
                Some(Merged { rank: *self.ranks.get(id.index())?, id })
            },
            |symbol| match symbol.id {
                Some(id) => ids.push(id),
                None => self.fall_back(vocabulary, &bytes[symbol.range()], ids),
            },
        );
    }

    /// Appends the byte tokens of a character that is no token itself.
    fn fall_back(&self, vocabulary: &Vocabulary, character: &[u8], ids: &mut Vec<TokenId>) {
        let bytes = if character == b" " { SPACE_MARK.as_bytes() } else { character };
        ids.extend(bytes.iter().filter_map(|&byte| vocabulary.byte_token(byte).or(self.unknown)));
    }
}

/// The ranges of the characters of `text`, which is UTF-8.
fn characters(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start + 1..)?;
        let continued = rest.iter().take_while(|&&byte| byte & 0b1100_0000 == 0b1000_0000).count();
        let range = start..start + 1 + continued;
        start = range.end;
        Some(range)
    })
}

/// Maps scores to whole numbers that order the other way round.
fn rank_of_score(score: f32) -> u32 {
    // Adding zero makes -0.0 and 0.0 the same.
    let bits = (score + 0.0).to_bits();
    // The bits of floats order like whole numbers, the negative ones backwards.
    if bits >> 31 == 0 { !(bits | 1 << 31) } else { bits }
}
