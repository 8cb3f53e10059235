//! The tokenizer as llguidance sees it.

use super::ConstraintError;
use crate::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use llguidance::ParserFactory;
use llguidance::earley::{BiasComputer, ParserRecognizer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

/// A tokenizer and the trie of its tokens' bytes.
pub(super) struct Vocabulary {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
    is_canonical: bool,
    /// A trie of one token, which is shown instead of the real one while [`factory`] makes a factory: that copies the
    /// trie twice, for masks that are computed by [`WholeVocabulary`] instead.
    stand_in: TokTrie,
    shows_stand_in: AtomicBool,
}

/// Computes masks by walking the whole trie.
pub(super) struct WholeVocabulary(pub(super) Arc<Vocabulary>);

impl BiasComputer for WholeVocabulary {
    fn compute_bias(&self, recognizer: &mut ParserRecognizer<'_>, start: &[u8]) -> SimpleVob {
        let mut mask = self.trie().alloc_token_set();
        self.trie().add_bias(recognizer, &mut mask, start);
        mask
    }

    fn trie(&self) -> &TokTrie {
        &self.0.trie
    }
}

/// A factory of parsers without slices of the vocabulary, made in no time; its parsers need a [`WholeVocabulary`].
pub(super) fn factory(vocabulary: &Arc<Vocabulary>) -> Result<ParserFactory, String> {
    let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
    let environment: TokEnv = Arc::clone(vocabulary) as _;
    vocabulary.shows_stand_in.store(true, Ordering::Relaxed);
    let factory = ParserFactory::new(&environment, capabilities, &[]).map_err(|error| error.to_string());
    vocabulary.shows_stand_in.store(false, Ordering::Relaxed);
    let mut factory = factory?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

impl Vocabulary {
    /// Builds the trie: some 30 ms for 50,000 tokens, 400 ms for 260,000.
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
        let stand_in = TokTrie::from(&TokRxInfo::new(1, 0), &[vec![TokTrie::SPECIAL_TOKEN_MARKER]]);
        let shows_stand_in = AtomicBool::new(false);
        let mut vocabulary = Self { trie, tokenizer, is_canonical: false, stand_in, shows_stand_in };
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
        if self.shows_stand_in.load(Ordering::Relaxed) { &self.stand_in } else { &self.trie }
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.encode(text))
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.is_canonical
    }
}
