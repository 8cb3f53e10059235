//! Text to token ids and back, from the vocabulary in a GGUF file; the ids are those of llama.cpp.
//!
//! ```no_run
//! use reinette_engine::gguf::Gguf;
//! use reinette_engine::tokenizer::{SpecialTokens, Tokenizer};
//!
//! let model = Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf".as_ref())?;
//! let tokenizer = Tokenizer::from_gguf(&model)?;
//! let ids = tokenizer.encode("Call the plumber", SpecialTokens::AsText);
//! assert_eq!(tokenizer.decode(&ids), b"Call the plumber");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Three kinds of vocabulary: byte-level BPE with ranked merges (`gpt2`), SentencePiece-style with a score for each
//! token and a fallback to bytes (`llama`), and `WordPiece` (`bert`) for embedding models. The first two merge with the
//! same priority queue, so that encoding takes `O(n log n)` for any text. Text that the user typed is encoded with
//! [`SpecialTokens::AsText`]: nothing in it can become a control token.
//!
//! Papers: Neural Machine Translation of Rare Words with Subword Units, arXiv:1508.07909; SentencePiece: A simple and
//! language independent subword tokenizer and detokenizer for Neural Text Processing, arXiv:1808.06226.

mod byte_pair;
mod characters;
mod end_of_generation;
mod merge;
mod pre_tokenizer;
mod sentence_piece;
mod special;
#[cfg(test)]
mod tests;
mod utf8_stream;
mod vocabulary;
mod word_piece;

use crate::gguf::{Gguf, GgufError, Metadata};

use byte_pair::BytePair;
use end_of_generation::end_of_generation;
use merge::MAX_TEXT_BYTES;
use pre_tokenizer::PreTokenizer;
use sentence_piece::SentencePiece;
use special::{Fragment, SpecialMatcher};
pub use utf8_stream::Utf8Stream;
use vocabulary::{TokenKind, Vocabulary};
use word_piece::WordPiece;

/// A token's number: its row in the embedding matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub u32);

impl TokenId {
    /// The id as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What to make of a control token's text, such as `<|im_end|>`, where it stands in a text to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// It becomes the token: for a rendered chat template.
    Parse,
    /// It is text like any other: for what a user, a file or a web page says.
    AsText,
}

/// Why a vocabulary was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The metadata of the vocabulary is incomplete or of a wrong type.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A kind of tokenizer that is not built in.
    #[error("the tokenizer model `{name}` is not supported (`gpt2`, `llama` and `bert` are)")]
    UnknownModel {
        /// What `tokenizer.ggml.model` says.
        name: String,
    },
    /// A pre-tokenizer that is not built in.
    #[error(
        "the pre-tokenizer `{name}` is not supported: ids would be wrong, so the model is refused; take another model"
    )]
    UnknownPreTokenizer {
        /// What `tokenizer.ggml.pre` says.
        name: String,
    },
    /// Lists of the vocabulary that should be equally long are not.
    #[error("`{key}` has {found} entries for {expected} tokens")]
    WrongLength {
        /// The metadata key.
        key: &'static str,
        /// Tokens in the vocabulary.
        expected: usize,
        /// Entries of the list.
        found: usize,
    },
    /// A list of the vocabulary has elements of the wrong type.
    #[error("`{key}` should be an array of {expected}")]
    WrongElements {
        /// The metadata key.
        key: &'static str,
        /// The type that was expected.
        expected: &'static str,
    },
    /// More tokens, or more bytes of tokens, than any model has.
    #[error("the vocabulary has {what} {found}; the limit is {limit}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much is accepted.
        limit: usize,
    },
}

/// Text to token ids and back.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    special: SpecialMatcher,
    algorithm: Algorithm,
    bos: Option<TokenId>,
    adds_bos: bool,
    eos: Option<TokenId>,
    separator: Option<TokenId>,
    end_of_generation: Vec<TokenId>,
}

#[derive(Debug)]
enum Algorithm {
    BytePair(BytePair),
    SentencePiece(SentencePiece),
    WordPiece(WordPiece),
}

impl Tokenizer {
    /// Builds the tokenizer that the file's metadata describe.
    ///
    /// # Errors
    /// [`TokenizerError`], when a part of the vocabulary is missing, of a wrong type, or of a kind that is not built
    /// in.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, TokenizerError> {
        let metadata = gguf.metadata();
        match metadata.str("tokenizer.ggml.model")? {
            "gpt2" => Tokenizer::byte_pair(metadata),
            "llama" => Tokenizer::sentence_piece(metadata),
            "bert" => Tokenizer::word_piece(metadata),
            name => Err(TokenizerError::UnknownModel { name: name.into() }),
        }
    }

    fn byte_pair(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        let pre_tokenizer = PreTokenizer::named(metadata.find("tokenizer.ggml.pre")?.unwrap_or("default"))?;
        let adds_bos = pre_tokenizer.adds_bos();
        let mut vocabulary = Vocabulary::byte_level(metadata)?;
        let eog = end_of_generation(metadata, &mut vocabulary, None)?;
        let special = SpecialMatcher::new(&vocabulary);
        let algorithm = Algorithm::BytePair(BytePair::new(metadata, &vocabulary, pre_tokenizer)?);
        Tokenizer {
            vocabulary,
            special,
            algorithm,
            bos: None,
            adds_bos,
            eos: None,
            separator: None,
            end_of_generation: eog,
        }
        .with_markers(metadata)
    }

    fn sentence_piece(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        const DEFAULT_BOS: TokenId = TokenId(1);
        const DEFAULT_EOS: TokenId = TokenId(2);
        let mut vocabulary = Vocabulary::sentence_piece(metadata)?;
        let eog = end_of_generation(metadata, &mut vocabulary, Some(DEFAULT_EOS))?;
        let special = SpecialMatcher::new(&vocabulary);
        let algorithm = Algorithm::SentencePiece(SentencePiece::new(metadata, &vocabulary)?);
        let (bos, eos) = (vocabulary.existing(DEFAULT_BOS), vocabulary.existing(DEFAULT_EOS));
        Tokenizer { vocabulary, special, algorithm, bos, adds_bos: true, eos, separator: None, end_of_generation: eog }
            .with_markers(metadata)
    }

    fn word_piece(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        const DEFAULT_BOS: TokenId = TokenId(101);
        const DEFAULT_SEPARATOR: TokenId = TokenId(102);
        let vocabulary = Vocabulary::word_piece(metadata)?;
        let special = SpecialMatcher::new(&vocabulary);
        let algorithm = Algorithm::WordPiece(WordPiece::new(metadata, &vocabulary)?);
        Tokenizer {
            bos: vocabulary.existing(DEFAULT_BOS),
            separator: vocabulary.existing(DEFAULT_SEPARATOR),
            vocabulary,
            special,
            algorithm,
            adds_bos: true,
            eos: None,
            end_of_generation: Vec::new(),
        }
        .with_markers(metadata)
    }

    /// Takes the beginning and end of sequence from the metadata, where they say something.
    fn with_markers(mut self, metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        let marker = |key: &str, default| {
            let id = metadata.find::<u32>(key)?.map(TokenId);
            Ok::<_, GgufError>(id.and_then(|id| self.vocabulary.existing(id)).or(default))
        };
        let bos = marker("tokenizer.ggml.bos_token_id", self.bos)?;
        let eos = marker("tokenizer.ggml.eos_token_id", self.eos)?;
        // The format's own spelling.
        let separator = marker("tokenizer.ggml.seperator_token_id", self.separator)?;
        (self.bos, self.eos, self.separator) = (bos, eos, separator);
        self.adds_bos = metadata.find("tokenizer.ggml.add_bos_token")?.unwrap_or(self.adds_bos);
        Ok(self)
    }

    /// The ids of `text`; no beginning of sequence is added.
    pub fn encode(&self, text: &str, special: SpecialTokens) -> Vec<TokenId> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut follows_special = true;
        for fragment in self.special.partition(text, special) {
            match fragment {
                Fragment::Token(id) => ids.push(id),
                Fragment::Text(text) => self.encode_text(text, follows_special, &mut ids),
            }
            follows_special = matches!(fragment, Fragment::Token(_));
        }
        ids
    }

    /// Appends the ids of a text without special tokens.
    fn encode_text(&self, text: &str, follows_special: bool, ids: &mut Vec<TokenId>) {
        // A text of gigabytes is cut at an arbitrary character.
        let (text, rest) = text.split_at(text.floor_char_boundary(MAX_TEXT_BYTES / 2));
        match &self.algorithm {
            Algorithm::BytePair(algorithm) => algorithm.encode(&self.vocabulary, text, ids),
            Algorithm::SentencePiece(algorithm) => algorithm.encode(&self.vocabulary, text, follows_special, ids),
            Algorithm::WordPiece(algorithm) => algorithm.encode(&self.vocabulary, text, ids),
        }
        if !rest.is_empty() {
            self.encode_text(rest, false, ids);
        }
    }

    /// The bytes of text that `ids` stand for; a control token stands for its own name.
    pub fn decode(&self, ids: &[TokenId]) -> Vec<u8> {
        ids.iter().flat_map(|&id| self.token_bytes(id)).copied().collect()
    }

    /// The bytes that `id` contributes to a text: not always whole characters. Empty when there is no such token.
    pub fn token_bytes(&self, id: TokenId) -> &[u8] {
        self.vocabulary.bytes(id)
    }

    /// The token that begins a sequence.
    pub fn bos(&self) -> Option<TokenId> {
        self.bos
    }

    /// Whether the model expects every sequence to begin with [`Tokenizer::bos`].
    pub fn adds_bos(&self) -> bool {
        self.adds_bos && self.bos.is_some()
    }

    /// The token that ends a sequence.
    pub fn eos(&self) -> Option<TokenId> {
        self.eos
    }

    /// The token that ends a text of an embedding model.
    pub fn separator(&self) -> Option<TokenId> {
        self.separator
    }

    /// Whether the model says with `id` that it has finished: end of sequence, of turn, of message.
    pub fn is_end_of_generation(&self, id: TokenId) -> bool {
        self.end_of_generation.binary_search(&id).is_ok()
    }

    /// All tokens with which the model can say that it has finished, in ascending order.
    pub fn end_of_generation(&self) -> &[TokenId] {
        &self.end_of_generation
    }

    /// Whether `id` is a control token: never part of a text.
    pub fn is_special(&self, id: TokenId) -> bool {
        matches!(self.vocabulary.kind(id), Some(TokenKind::Control | TokenKind::Unknown))
    }

    /// The token whose bytes are exactly `name`, control tokens included: `<|im_end|>`.
    pub fn token(&self, name: &str) -> Option<TokenId> {
        self.special.token(name.as_bytes()).or_else(|| self.vocabulary.find(name.as_bytes()))
    }

    /// The number of tokens.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }
}
