//! The tokenizer as llguidance sees it.

use super::ConstraintError;
use crate::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use std::sync::Arc;
use toktrie::{TokRxInfo, TokTrie, TokenizerEnv};

/// A tokenizer and the trie of its tokens' bytes.
pub(super) struct Vocabulary {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
    is_canonical: bool,
}

impl Vocabulary {
    /// Builds the trie: some 30 ms for 50,000 tokens.
    pub(super) fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, ConstraintError> {
        let size = tokenizer.vocab_size();
        let count =
            u32::try_from(size).map_err(|_| ConstraintError::Vocabulary(format!("{size} tokens are too many")))?;
        let ends: Vec<u32> = (0..count).filter(|&id| tokenizer.is_end_of_generation(TokenId(id))).collect();
        let &[first_end, ..] = ends.as_slice() else {
            return Err(ConstraintError::Vocabulary("no token ends an answer".to_owned()));
        };
        let tokens: Vec<Vec<u8>> = (0..count).map(|id| trie_bytes(&tokenizer, TokenId(id))).collect();
        let trie = TokTrie::from(&TokRxInfo::new(count, first_end), &tokens).with_eos_tokens(&ends);
        let mut vocabulary = Self { trie, tokenizer, is_canonical: false };
        vocabulary.is_canonical = vocabulary.encodes_in_place();
        Ok(vocabulary)
    }

    /// Whether text is encoded as it stands. A tokenizer that puts a space in front cannot say how the grammar's text
    /// continues what is already there, so nothing is forced with it.
    fn encodes_in_place(&self) -> bool {
        let probe = "[{\"tool\": \"";
        let tokens = self.encode(probe);
        !tokens.is_empty() && self.trie.decode(&tokens) == probe.as_bytes()
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode(text, SpecialTokens::AsText).iter().map(|id| id.0).collect()
    }
}

/// A token's bytes; special tokens carry the trie's marker, so that no text leads to them.
fn trie_bytes(tokenizer: &Tokenizer, id: TokenId) -> Vec<u8> {
    let bytes = tokenizer.token_bytes(id);
    if tokenizer.is_special(id) || tokenizer.is_end_of_generation(id) {
        let mut marked = vec![TokTrie::SPECIAL_TOKEN_MARKER];
        marked.extend_from_slice(bytes);
        return marked;
    }
    bytes.to_vec()
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.encode(text))
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.is_canonical
    }
}
