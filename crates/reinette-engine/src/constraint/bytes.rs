//! The tokenizer that llguidance's parser is given: every byte is a token.

use toktrie::{INVALID_TOKEN, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

/// A token for every byte. The last, which is no byte of any text, is llguidance's marker of special tokens, so that here
/// it stands for nothing.
pub(super) struct ByteTokens {
    trie: TokTrie,
}

/// What the parser is told of a token that its bytes alone decide about.
pub(super) const NO_BYTE: TokenId = TokTrie::SPECIAL_TOKEN_MARKER as TokenId;

impl ByteTokens {
    pub(super) fn new() -> Self {
        let words: Vec<Vec<u8>> = (0..=u8::MAX)
            .map(|byte| if byte == TokTrie::SPECIAL_TOKEN_MARKER { Vec::new() } else { vec![byte] })
            .collect();
        Self { trie: TokTrie::from(&TokRxInfo::new(256, INVALID_TOKEN), &words) }
    }

    pub(super) fn trie(&self) -> &TokTrie {
        &self.trie
    }
}

impl TokenizerEnv for ByteTokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        bytes.iter().map(|&byte| TokenId::from(byte)).collect()
    }
}
