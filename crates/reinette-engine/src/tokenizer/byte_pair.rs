//! Byte-level byte-pair encoding with ranked merges.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::merge::{Merged, Merger};
use super::pre_tokenizer::PreTokenizer;
use super::vocabulary::{Vocabulary, decode_byte_level};
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;

/// The merges of a vocabulary, and the pattern that cuts a text into words first.
#[derive(Debug)]
pub(super) struct BytePair {
    merges: FxHashMap<(TokenId, TokenId), Merged>,
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
        let mut expected = TokenId(0);
        for (line, rank) in lines.zip(0u32..) {
            let Some((left, right)) = parse_merge(line, &mut both) else { continue };
            // Most vocabularies list their tokens in the order in which merging made them: look there first.
            let id = if vocabulary.bytes(expected) == both { Some(expected) } else { vocabulary.find(&both) };
            let (left, right) = (vocabulary.find(&both[left]), vocabulary.find(&both[right]));
            if let (Some(left), Some(right), Some(id)) = (left, right, id) {
                merges.entry((left, right)).or_insert(Merged { rank, id });
                expected = TokenId(id.0 + 1);
            }
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
            for &byte in word.as_bytes() {
                merger.push(1, vocabulary.byte_token(byte));
            }
            merger.run(
                |left, right| self.merges.get(&(left.id?, right.id?)).copied(),
                // A byte without a token (no real vocabulary lacks one) is dropped, as llama.cpp does.
                |symbol| ids.extend(symbol.id),
            );
        });
    }
}

/// The two ranges of `both`, which becomes the bytes that a line such as `Ġ t` merges.
fn parse_merge(line: &[u8], both: &mut Vec<u8>) -> Option<(Range<usize>, Range<usize>)> {
    // The first character is part of the left token even if it is a space.
    let space = 1 + line.get(1..)?.iter().position(|&byte| byte == b' ')?;
    both.clear();
    let valid = decode_byte_level(&line[..space], both);
    let middle = both.len();
    (valid && decode_byte_level(&line[space + 1..], both)).then_some((0..middle, middle..both.len()))
}
