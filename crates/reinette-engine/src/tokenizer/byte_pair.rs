//! Byte-level byte-pair encoding with ranked merges.

use rustc_hash::FxHashMap;

use super::merge::{Merged, Merger};
use super::pre_tokenizer::PreTokenizer;
use super::vocabulary::{Vocabulary, decode_byte_level};
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

/// The merges of a vocabulary, and the pattern that cuts a text into words first.
///
/// A merge is kept with the token that it makes: where its left half ends. A table by pairs of tokens would take two more
/// look-ups for each of its lines, at every start.
#[derive(Debug)]
pub(super) struct BytePair {
    /// The first merge of each token, by its id.
    merges: Vec<Merge>,
    /// The ranks of further merges of a token, by the bytes of their left halves.
    others: FxHashMap<(TokenId, u32), u32>,
    pre_tokenizer: PreTokenizer,
}

#[derive(Debug, Clone, Copy)]
struct Merge {
    rank: u32,
    /// Bytes of the left half; 0 for a token that no merge makes.
    left_bytes: u32,
}

impl BytePair {
    pub(super) fn new(
        metadata: Metadata<'_>,
        vocabulary: &Vocabulary,
        pre_tokenizer: PreTokenizer,
    ) -> Result<Self, TokenizerError> {
        const MERGES: &str = "tokenizer.ggml.merges";
        let array = metadata.array(MERGES)?;
        let lines = array.strings().ok_or(TokenizerError::WrongElements { key: MERGES, expected: "strings" })?;
        let mut merges = vec![Merge { rank: 0, left_bytes: 0 }; vocabulary.len()];
        let mut others = FxHashMap::default();
        let mut both = Vec::new();
        let mut expected = TokenId(0);
        for (line, rank) in lines.zip(0u32..) {
            let Some(left_bytes) = parse_merge(line, &mut both) else { continue };
            // Most vocabularies list their tokens in the order in which merging made them: look there first.
            let id = if vocabulary.is_found_as(expected, &both) { Some(expected) } else { vocabulary.find(&both) };
            let Some(id) = id else { continue };
            expected = TokenId(id.0 + 1);
            match &mut merges[id.index()] {
                merge @ Merge { left_bytes: 0, .. } => *merge = Merge { rank, left_bytes },
                merge if merge.left_bytes == left_bytes => {}
                _ => drop(others.entry((id, left_bytes)).or_insert(rank)),
            }
        }
        Ok(BytePair { merges, others, pre_tokenizer })
    }

    /// Appends the ids of `text`.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<TokenId>) {
        let mut merger = Merger::default();
        self.pre_tokenizer.split(text, |word| {
            if self.pre_tokenizer.prefers_whole_words()
                && let Some(id) = vocabulary.find(word.as_bytes())
            {
                ids.push(id);
                return;
            }
            for &byte in word.as_bytes() {
                merger.push(1, vocabulary.byte_token(byte));
            }
            merger.run(
                |left, right| {
                    left.id.and(right.id)?;
                    let id = vocabulary.find(&word.as_bytes()[left.range_with(right)])?;
                    Some(Merged { rank: self.rank(id, left.range().len())?, id })
                },
                // A byte without a token (no real vocabulary lacks one) is dropped, as llama.cpp does.
                |symbol| ids.extend(symbol.id),
            );
        });
    }

    /// The rank of the merge that makes `id` of a left half of so many bytes and the rest.
    fn rank(&self, id: TokenId, left_bytes: usize) -> Option<u32> {
        let left_bytes = u32::try_from(left_bytes).ok()?;
        let merge = self.merges[id.index()];
        if merge.left_bytes == left_bytes { Some(merge.rank) } else { self.others.get(&(id, left_bytes)).copied() }
    }
}

/// The bytes of the left half of `both`, which becomes the bytes that a line such as `Ġ t` merges.
fn parse_merge(line: &[u8], both: &mut Vec<u8>) -> Option<u32> {
    // The first character is part of the left token even if it is a space.
    let space = 1 + line.get(1..)?.iter().position(|&byte| byte == b' ')?;
    both.clear();
    let is_valid = decode_byte_level(&line[..space], both);
    let left_bytes = u32::try_from(both.len()).ok()?;
    (is_valid && decode_byte_level(&line[space + 1..], both)).then_some(left_bytes)
}
