//! The tokenizer as constraints see it: llguidance's parser reads bytes, and which tokens these make is told here.

use super::ConstraintError;
use super::bytes::ByteTokens;
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
    texts: OnceLock<Vec<Texts>>,
    bytes: Arc<ByteTokens>,
}

/// The tokens of up to so many characters that may stand inside of a JSON string as they are: where the grammar takes any
/// of them, they are looked up as a whole, as llguidance advises (`SlicedBiasComputer`), and only others are walked.
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
        let sorted = sorted(&tokenizer);
        let trie = TokenTrie::new(sorted.iter().map(|id| (*id, tokenizer.token_bytes(*id))));
        let texts = OnceLock::new();
        let mut vocabulary = Self { tokenizer, factory, is_canonical: false, sorted, trie, texts, bytes };
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

    /// Builds what only grammars with free text need.
    pub(super) fn prepare(&self) {
        let _ = self.texts();
    }

    fn texts(&self) -> &[Texts] {
        self.texts.get_or_init(|| {
            let bytes = |id: &TokenId| (*id, self.tokenizer.token_bytes(*id));
            let tokens: Vec<_> =
                self.sorted.iter().map(bytes).map(|(id, bytes)| (id, bytes, text_length(bytes))).collect();
            let texts = |(limit, _)| {
                let is_text = |length: Option<usize>| length.is_some_and(|length| length <= limit);
                let mut mask = self.no_tokens();
                tokens.iter().filter(|(.., length)| is_text(*length)).for_each(|(id, ..)| mask.allow_token(id.0));
                let others = tokens.iter().filter(|(.., length)| !is_text(*length));
                Texts { tokens: mask, others: TokenTrie::new(others.map(|(id, bytes, _)| (*id, *bytes))) }
            };
            TEXT_LENGTHS.map(texts).into()
        })
    }
}

impl BiasComputer for Vocabulary {
    fn compute_bias(&self, recognizer: &mut ParserRecognizer<'_>, start: &[u8]) -> SimpleVob {
        let state = recognizer.lexer_state();
        if start.is_empty() && recognizer.lexer_mut().subsume_possible(state) {
            for (index, texts) in self.texts().iter().enumerate() {
                if recognizer.lexer_mut().check_subsume(state, index, SUBSUMPTION_BUDGET, None).unwrap_or(false) {
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

/// The tokens that text is made of, in the order of their bytes.
fn sorted(tokenizer: &Tokenizer) -> Vec<TokenId> {
    // The first sixteen bytes as a number, which compares as they do, but at once.
    let key = |bytes: &[u8]| {
        let mut first = [0; 16];
        let len = bytes.len().min(16);
        first[..len].copy_from_slice(&bytes[..len]);
        u128::from_be_bytes(first)
    };
    let ids = (0..u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX)).map(TokenId);
    let is_text = |id: &TokenId| !tokenizer.is_special(*id) && !tokenizer.is_end_of_generation(*id);
    let mut tokens: Vec<_> = ids.filter(is_text).map(|id| (key(tokenizer.token_bytes(id)), id)).collect();
    let bytes = |id: TokenId| tokenizer.token_bytes(id);
    tokens.sort_unstable_by(|(one_key, one), (other_key, other)| {
        one_key.cmp(other_key).then_with(|| bytes(*one).cmp(bytes(*other))).then_with(|| one.0.cmp(&other.0))
    });
    tokens.into_iter().map(|(_, id)| id).collect()
}

/// The characters of a token that may stand inside of a JSON string as it is.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_plain = |character: char| !matches!(character, '"' | '\\' | '\0'..='\x1F' | '\x7F');
    (!text.is_empty() && text.chars().all(is_plain)).then(|| text.chars().count())
}
