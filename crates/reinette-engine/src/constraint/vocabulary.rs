//! The tokenizer as constraints see it: llguidance's parser reads bytes, and which tokens these make is told here.

use super::ConstraintError;
use super::bytes::ByteTokens;
use super::spelling;
use super::trie::TokenTrie;
use crate::tokenizer::{SpecialTokens, TokenId, Tokenizer};
use llguidance::ParserFactory;
use llguidance::earley::{BiasComputer, ParserRecognizer};
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokTrie};

/// A tokenizer and the trie of its tokens' bytes.
pub(super) struct Vocabulary {
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) factory: ParserFactory,
    /// Whether text is encoded as it stands.
    pub(super) is_canonical: bool,
    /// The tokens that text is made of, in the order of their bytes.
    sorted: Vec<TokenId>,
    trie: TokenTrie,
    /// The characters of each token that is text, by id.
    text_lengths: OnceLock<Vec<Option<u16>>>,
    texts: [OnceLock<Texts>; TEXT_LENGTHS.len()],
    bytes: Arc<ByteTokens>,
}

/// The tokens of up to so many characters that may stand inside of a JSON string as they are: where the grammar takes any
/// of them, they are looked up as a whole, as llguidance advises (`SlicedBiasComputer`), and only others are walked. Built
/// when a grammar comes to such a place.
struct Texts {
    tokens: SimpleVob,
    others: TokenTrie,
}

/// Characters of [`Texts`], and the regular expressions that say so, as the parser knows them by their index.
const TEXT_LENGTHS: [(usize, &str); 3] = [
    (usize::MAX, r#"[^"\\\x00-\x1F\x7F]+"#),
    (30, r#"[^"\\\x00-\x1F\x7F]{1,30}"#),
    (10, r#"[^"\\\x00-\x1F\x7F]{1,10}"#),
];

/// What finding out whether a grammar takes all [`Texts`] may cost, in llguidance's units; "to at least 500", it says.
const SUBSUMPTION_BUDGET: u64 = 1000;

/// Tokens at the end of what is forced that are looked at for others which could go on from within them, as in llguidance.
const LOOKBACK_TOKENS: usize = 4;

impl Vocabulary {
    /// Builds the trie: some 7 ms for 50,000 tokens, 40 ms for 260,000.
    pub(super) fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, ConstraintError> {
        if tokenizer.end_of_generation().is_empty() {
            return Err(ConstraintError::Vocabulary("no token ends an answer".to_owned()));
        }
        let bytes = Arc::new(ByteTokens::new());
        let environment: TokEnv = Arc::clone(&bytes) as _;
        let regexes = TEXT_LENGTHS.map(|(_, regex)| regex.to_owned());
        let factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &regexes);
        let mut factory = factory.map_err(|error| ConstraintError::Vocabulary(error.to_string()))?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        let spellings = spelling::sorted(&tokenizer);
        let trie = TokenTrie::new(spellings.iter().map(|spelling| (spelling.id, spelling)));
        let sorted = spellings.iter().map(|spelling| spelling.id).collect();
        let (text_lengths, texts) = (OnceLock::new(), Default::default());
        let mut vocabulary = Self { tokenizer, factory, is_canonical: false, sorted, trie, text_lengths, texts, bytes };
        vocabulary.is_canonical = vocabulary.encodes_in_place();
        Ok(vocabulary)
    }

    /// A tokenizer that puts a space in front cannot say how the grammar's text continues what is already there, so
    /// nothing is forced with it.
    fn encodes_in_place(&self) -> bool {
        let probe = "[{\"tool\": \"";
        let tokens = self.encode(probe);
        !tokens.is_empty() && self.tokenizer.decode(&tokens) == probe.as_bytes()
    }

    pub(super) fn encode(&self, text: &str) -> Vec<TokenId> {
        self.tokenizer.encode(text, SpecialTokens::AsText)
    }

    /// A mask that allows nothing.
    pub(super) fn no_tokens(&self) -> SimpleVob {
        SimpleVob::alloc(self.tokenizer.vocab_size())
    }

    /// How many of the last of `tokens`, and their bytes, could be other tokens, because one of the vocabulary goes on from
    /// within them to what `recognizer` takes next.
    pub(super) fn unsettled(&self, recognizer: &mut ParserRecognizer<'_>, tokens: &[TokenId]) -> (usize, usize) {
        let last = &tokens[tokens.len().saturating_sub(LOOKBACK_TOKENS)..];
        let end = self.tokenizer.decode(last);
        let goes_on = |from: &usize| self.trie.walk(recognizer, &end[*from..], |_| ControlFlow::Break(())).is_break();
        let Some(from) = (0..end.len()).find(goes_on) else { return (0, 0) };
        let (mut n_tokens, mut n_bytes) = (0, 0);
        for token in last.iter().rev() {
            if n_bytes >= end.len() - from {
                break;
            }
            n_tokens += 1;
            n_bytes += self.tokenizer.token_bytes(*token).len();
        }
        (n_tokens, n_bytes)
    }

    /// [`Texts`] of one of the [`TEXT_LENGTHS`].
    fn texts(&self, index: usize) -> &Texts {
        self.texts[index].get_or_init(|| {
            let lengths = self.text_lengths.get_or_init(|| {
                let ids = (0..u32::try_from(self.tokenizer.vocab_size()).unwrap_or(u32::MAX)).map(TokenId);
                ids.map(|id| text_length(self.tokenizer.token_bytes(id))).collect()
            });
            let (limit, _) = TEXT_LENGTHS[index];
            let is_text = |id: &TokenId| lengths[id.index()].is_some_and(|length| usize::from(length) <= limit);
            let mut tokens = self.no_tokens();
            self.sorted.iter().filter(|id| is_text(id)).for_each(|id| tokens.allow_token(id.0));
            let others = self.sorted.iter().filter(|id| !is_text(id));
            let others = TokenTrie::new(others.map(|id| (*id, self.tokenizer.token_bytes(*id))));
            Texts { tokens, others }
        })
    }
}

impl BiasComputer for Vocabulary {
    fn compute_bias(&self, recognizer: &mut ParserRecognizer<'_>, start: &[u8]) -> SimpleVob {
        let state = recognizer.lexer_state();
        if start.is_empty() && recognizer.lexer_mut().subsume_possible(state) {
            for index in 0..TEXT_LENGTHS.len() {
                if recognizer.lexer_mut().check_subsume(state, index, SUBSUMPTION_BUDGET, None).unwrap_or(false) {
                    let texts = self.texts(index);
                    let mut mask = texts.tokens.clone();
                    texts.others.allow(recognizer, start, &mut mask);
                    return mask;
                }
            }
        }
        let mut mask = self.no_tokens();
        for token in self.trie.beginnings(start) {
            mask.allow_token(token.0);
        }
        self.trie.allow(recognizer, start, &mut mask);
        mask
    }

    fn trie(&self) -> &TokTrie {
        self.bytes.trie()
    }
}

/// The characters of a token that may stand inside of a JSON string as it is; of no more than a number has room for.
fn text_length(bytes: &[u8]) -> Option<u16> {
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1F | 0x7F);
    if bytes.is_empty() || !bytes.iter().all(is_plain) {
        return None;
    }
    let length = if bytes.is_ascii() { bytes.len() } else { std::str::from_utf8(bytes).ok()?.chars().count() };
    Some(u16::try_from(length).unwrap_or(u16::MAX))
}
