//! Byte-level byte-pair encoding with ranked merges.

use rustc_hash::FxHashMap;

use super::merge::{Merged, Merger};
use super::pre_tokenizer::PreTokenizer;
use super::vocabulary::{Vocabulary, decode_byte_level};
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

/// The merges of a vocabulary, and the pattern that cuts a text into words first.
#[derive(Debug)]
pub(super) struct BytePair {
    merges: FxHashMap<(u32, u32), Merged>,
    pre_tokenizer: PreTokenizer,
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
        // The file has at least 8 bytes for each merge, so it bounds this allocation.
        let mut merges = FxHashMap::with_capacity_and_hasher(array.len(), rustc_hash::FxBuildHasher);
        let mut both = Vec::new();
        for (line, rank) in lines.zip(0u32..) {
            let Some(((left, right), id)) = parse_merge(line, vocabulary, &mut both) else { continue };
            merges.entry((left, right)).or_insert(Merged { rank, id });
        }
        Ok(BytePair { merges, pre_tokenizer })
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
            for (index, &byte) in word.as_bytes().iter().enumerate() {
                merger.push(index..index + 1, vocabulary.byte_token(byte).map(|id| id.0));
            }
            merger.run(
                |left, right| self.merges.get(&(left.id?, right.id?)).copied(),
                // A byte without a token (no real vocabulary lacks one) is dropped, as llama.cpp does.
                |symbol| ids.extend(symbol.id.map(TokenId)),
            );
        });
    }
}

/// The two tokens that a line such as `Ġ t` merges, and the token that they become; `None` when one is not in the
/// vocabulary. `both` is scratch space.
fn parse_merge(line: &[u8], vocabulary: &Vocabulary, both: &mut Vec<u8>) -> Option<((u32, u32), u32)> {
    // The first character is part of the left token even if it is a space.
    let space = 1 + line.get(1..)?.iter().position(|&byte| byte == b' ')?;
    both.clear();
    let whole = decode_byte_level(&line[..space], both);
    let middle = both.len();
    if !whole || !decode_byte_level(&line[space + 1..], both) {
        return None;
    }
    let left = vocabulary.find(&both[..middle])?;
    let right = vocabulary.find(&both[middle..])?;
    Some(((left.0, right.0), vocabulary.find(both)?.0))
}
