//! The tokens that text is made of, in the order of their bytes.

use crate::tokenizer::{TokenId, Tokenizer};

/// So many bytes are told without a look at the vocabulary, where tokens lie in another order: more than most have.
const FIRST_BYTES: usize = 15;

/// A token and its bytes.
pub(super) struct Spelling<'a> {
    pub(super) id: TokenId,
    /// The first bytes, zeros where there are none, and how many there are, or one more than that at most. As a number it
    /// compares as the bytes do, but for those after the first.
    first: [u8; FIRST_BYTES + 1],
    tokenizer: &'a Tokenizer,
}

impl<'a> Spelling<'a> {
    fn new(tokenizer: &'a Tokenizer, id: TokenId) -> Self {
        let bytes = tokenizer.token_bytes(id);
        let mut first = [0; FIRST_BYTES + 1];
        let len = bytes.len().min(FIRST_BYTES);
        first[..len].copy_from_slice(&bytes[..len]);
        first[FIRST_BYTES] = u8::try_from(bytes.len().min(FIRST_BYTES + 1)).unwrap_or(u8::MAX);
        Self { id, first, tokenizer }
    }

    fn key(&self) -> u128 {
        u128::from_be_bytes(self.first)
    }
}

impl AsRef<[u8]> for &Spelling<'_> {
    fn as_ref(&self) -> &[u8] {
        let len = usize::from(self.first[FIRST_BYTES]);
        if len <= FIRST_BYTES { &self.first[..len] } else { self.tokenizer.token_bytes(self.id) }
    }
}

/// The tokens that text is made of, in the order of their bytes, those of the same in the order of their ids.
pub(super) fn sorted(tokenizer: &Tokenizer) -> Vec<Spelling<'_>> {
    let ids = (0..u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX)).map(TokenId);
    let is_text = |id: &TokenId| !tokenizer.is_special(*id) && !tokenizer.is_end_of_generation(*id);
    let mut spellings: Vec<_> = ids.filter(is_text).map(|id| Spelling::new(tokenizer, id)).collect();
    spellings.sort_unstable_by_key(Spelling::key);
    for alike in spellings.chunk_by_mut(|one, other| one.key() == other.key()).filter(|alike| alike.len() > 1) {
        alike.sort_unstable_by(|one, other| (one.as_ref(), one.id).cmp(&(other.as_ref(), other.id)));
    }
    spellings
}
