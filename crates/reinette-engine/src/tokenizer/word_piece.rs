//! `WordPiece`, the encoding of the BERT family: words without case and accents, cut into the longest pieces there are.
//!
//! The ids are those of the `tokenizers` library, which these models were trained with.
//!
//! Paper: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, arXiv:1810.04805.

use super::vocabulary::Vocabulary;
use super::{TokenId, TokenizerError};
use crate::gguf::Metadata;
use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

/// Longer words are unknown.
const MAX_WORD_CHARACTERS: usize = 100;

/// How words become pieces.
#[derive(Debug)]
pub(super) struct WordPiece {
    unknown: Option<TokenId>,
}

impl WordPiece {
    pub(super) fn new(metadata: Metadata<'_>, vocabulary: &Vocabulary) -> Result<Self, TokenizerError> {
        const DEFAULT_UNKNOWN: u32 = 100;
        let unknown = metadata.find::<u32>("tokenizer.ggml.unknown_token_id")?.unwrap_or(DEFAULT_UNKNOWN);
        Ok(WordPiece { unknown: vocabulary.existing(TokenId(unknown)) })
    }

    /// Appends the ids of `text`.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str, ids: &mut Vec<TokenId>) {
        let kept = text.chars().filter(|&character| !is_dropped(character));
        let without_accents = kept.nfd().filter(|&character| !is_accent(character));
        let mut word = String::new();
        for character in without_accents.flat_map(char::to_lowercase) {
            let alone = is_punctuation(character) || is_ideograph(character);
            if alone || character.is_whitespace() {
                self.encode_word(vocabulary, &word, ids);
                word.clear();
            }
            if alone {
                self.encode_word(vocabulary, character.encode_utf8(&mut [0; 4]), ids);
            } else if !character.is_whitespace() {
                word.push(character);
            }
        }
        self.encode_word(vocabulary, &word, ids);
    }

    /// Appends the longest piece that the word begins with, then the longest that goes on, and so forth; the
    /// unknown-token where there is none.
    fn encode_word(&self, vocabulary: &Vocabulary, word: &str, ids: &mut Vec<TokenId>) {
        if word.is_empty() {
            return;
        }
        let first_id = ids.len();
        let short = word.chars().nth(MAX_WORD_CHARACTERS).is_none();
        // A piece that begins a word has a space in front.
        let bytes = [b" ", word.as_bytes()].concat();
        let mut start = 0;
        while short && start < bytes.len() {
            let least = if start == 0 { 2 } else { start + 1 };
            let longest = bytes.len().min(start + vocabulary.longest_bytes());
            let found = (least..=longest).rev().find_map(|end| Some((end, vocabulary.find(&bytes[start..end])?)));
            let Some((end, id)) = found else { break };
            ids.push(id);
            start = end;
        }
        if start < bytes.len() {
            ids.truncate(first_id);
            ids.extend(self.unknown);
        }
    }
}

/// Control characters and what stands for broken ones.
fn is_dropped(character: char) -> bool {
    use GeneralCategory as C;
    let control = matches!(get_general_category(character), C::Control | C::Format | C::PrivateUse | C::Surrogate);
    character == char::REPLACEMENT_CHARACTER || control && !matches!(character, '\t' | '\n' | '\r')
}

fn is_accent(character: char) -> bool {
    get_general_category(character) == GeneralCategory::NonspacingMark
}

fn is_punctuation(character: char) -> bool {
    use GeneralCategory as C;
    character.is_ascii_punctuation()
        || matches!(
            get_general_category(character),
            C::ConnectorPunctuation
                | C::DashPunctuation
                | C::OpenPunctuation
                | C::ClosePunctuation
                | C::InitialPunctuation
                | C::FinalPunctuation
                | C::OtherPunctuation
        )
}

/// Chinese characters are words of their own; the blocks are those of the original tokenizer.
fn is_ideograph(character: char) -> bool {
    matches!(character,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}
