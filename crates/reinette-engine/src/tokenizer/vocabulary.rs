//! The tokens: their bytes, their kinds, and the way from bytes to a token.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use super::{TokenId, TokenizerError};
use crate::gguf::{Array, Metadata};

/// Most tokens of a vocabulary; the largest known has 262 144.
const MAX_TOKENS: usize = 1 << 22;

/// Most bytes of all tokens together.
const MAX_BYTES: usize = 1 << 30;

/// A slot of the hash table that holds no token.
const EMPTY: u32 = u32::MAX;

/// SentencePiece's stand-in for a space, U+2581.
pub(super) const SPACE_MARK: &str = "\u{2581}";

/// What a token is, as the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Normal,
    Unknown,
    Control,
    /// Cut out of every text before anything else is done.
    UserDefined,
    /// Fills the vocabulary up to a round number; stands for nothing.
    Unused,
    /// Stands for one byte: `<0x0A>`.
    Byte,
}

impl TokenKind {
    fn from_code(code: i128) -> Self {
        match code {
            2 => TokenKind::Unknown,
            3 => TokenKind::Control,
            4 => TokenKind::UserDefined,
            5 => TokenKind::Unused,
            6 => TokenKind::Byte,
            // 1 is normal; a number that nobody has defined is treated the same way.
            _ => TokenKind::Normal,
        }
    }
}

/// All tokens by id, and by bytes.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<u32>,
    kinds: Vec<TokenKind>,
    /// Open addressing with linear probing; a power of two of ids.
    slots: Vec<u32>,
    /// The token that stands for each byte value alone.
    byte_ids: [Option<TokenId>; 256],
    longest_bytes: usize,
}

impl Vocabulary {
    /// A byte-level vocabulary, whose tokens are written in printable characters that stand for bytes.
    pub(super) fn byte_level(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        let mut vocabulary = Vocabulary::with_kinds(metadata)?;
        let mut texts = token_texts(metadata)?;
        vocabulary.fill(|kind, out| {
            let text = texts.next().unwrap_or_default();
            let start = out.len();
            if kind != TokenKind::Unused && (kind != TokenKind::Normal || !decode_byte_level(text, out)) {
                out.truncate(start);
                out.extend_from_slice(text);
            }
            true
        })?;
        for byte in 0..=u8::MAX {
            vocabulary.byte_ids[usize::from(byte)] = vocabulary.find(&[byte]);
        }
        Ok(vocabulary)
    }

    /// A SentencePiece-style vocabulary, whose tokens are written with [`SPACE_MARK`] for spaces.
    pub(super) fn sentence_piece(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        Vocabulary::space_marked(metadata, replace_space_marks)
    }

    /// A `WordPiece` vocabulary, in which [`SPACE_MARK`] begins the tokens that begin a word; it is no mark elsewhere.
    pub(super) fn word_piece(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        Vocabulary::space_marked(metadata, |text, out| match text.strip_prefix(SPACE_MARK.as_bytes()) {
            Some(rest) if !rest.is_empty() => out.extend([b" ", rest].concat()),
            // A mark alone is the character itself, within a word.
            _ => out.extend_from_slice(text),
        })
    }

    /// A vocabulary of plain texts; `unmark` appends one with spaces for its marks.
    fn space_marked(metadata: Metadata<'_>, unmark: fn(&[u8], &mut Vec<u8>)) -> Result<Self, TokenizerError> {
        let mut vocabulary = Vocabulary::with_kinds(metadata)?;
        let mut texts = token_texts(metadata)?;
        let mut byte_ids = [None; 256];
        let mut id = 0;
        vocabulary.fill(|kind, out| {
            let text = texts.next().unwrap_or_default();
            let byte = fallback_byte(text);
            if let Some(byte) = byte {
                byte_ids[usize::from(byte)] = Some(TokenId(id));
            }
            id += 1;
            match (kind, byte) {
                (TokenKind::Byte, Some(byte)) => out.push(byte),
                (TokenKind::Normal, _) => unmark(text, out),
                (TokenKind::Unused, _) => {}
                _ => out.extend_from_slice(text),
            }
            // Texts are looked up with their spaces marked: a token with a plain one is never found that way.
            !text.contains(&b' ')
        })?;
        vocabulary.byte_ids = byte_ids;
        Ok(vocabulary)
    }

    /// Room for the vocabulary, with the kinds of the tokens and nothing else.
    fn with_kinds(metadata: Metadata<'_>) -> Result<Self, TokenizerError> {
        const KINDS: &str = "tokenizer.ggml.token_type";
        let tokens = metadata.array("tokenizer.ggml.tokens")?;
        let (count, length) = (tokens.len(), tokens.as_bytes().len());
        if count > MAX_TOKENS {
            return Err(TokenizerError::TooLarge { what: "tokens:", found: count, limit: MAX_TOKENS });
        }
        if length > MAX_BYTES {
            return Err(TokenizerError::TooLarge { what: "bytes:", found: length, limit: MAX_BYTES });
        }
        let kinds = match metadata.find::<Array<'_>>(KINDS)? {
            None => vec![TokenKind::Normal; count],
            Some(codes) if codes.len() != count => {
                return Err(TokenizerError::WrongLength { key: KINDS, expected: count, found: codes.len() });
            }
            Some(codes) => codes
                .integers()
                .ok_or(TokenizerError::WrongElements { key: KINDS, expected: "whole numbers" })?
                .map(TokenKind::from_code)
                .collect(),
        };
        let slots = vec![EMPTY; (count * 2).next_power_of_two()];
        let (bytes, ends) = (Vec::with_capacity(length), Vec::with_capacity(count));
        Ok(Vocabulary { bytes, ends, kinds, slots, byte_ids: [None; 256], longest_bytes: 0 })
    }

    /// Appends the tokens one by one: `write` appends the bytes of the next one and says whether a text may find it.
    fn fill(&mut self, mut write: impl FnMut(TokenKind, &mut Vec<u8>) -> bool) -> Result<(), TokenizerError> {
        for index in 0..self.kinds.len() {
            let kind = self.kinds[index];
            let start = self.bytes.len();
            let findable = write(kind, &mut self.bytes);
            let end = self.bytes.len();
            let limit = MAX_BYTES;
            let end_u32 =
                u32::try_from(end).map_err(|_| TokenizerError::TooLarge { what: "bytes:", found: end, limit })?;
            self.ends.push(end_u32);
            // No text may become a control token by merging.
            let text = matches!(kind, TokenKind::Normal | TokenKind::UserDefined);
            if findable && text && end > start {
                self.longest_bytes = self.longest_bytes.max(end - start);
                self.insert(index);
            }
        }
        Ok(())
    }

    /// Makes token `index` findable, unless an earlier one has the same bytes.
    fn insert(&mut self, index: usize) {
        let id = u32::try_from(index).unwrap_or(EMPTY);
        let slot = self.slot(self.bytes_at(index));
        if self.slots[slot] == EMPTY {
            self.slots[slot] = id;
        }
    }

    /// The slot that holds the token with these bytes, or the empty one where it would stand. The table is at most
    /// half full, so there is always one.
    fn slot(&self, bytes: &[u8]) -> usize {
        let mut hasher = FxHasher::default();
        hasher.write(bytes);
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        let mut slot = hasher.finish() as usize & mask;
        while self.slots[slot] != EMPTY && self.bytes_at(self.slots[slot] as usize) != bytes {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn bytes_at(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// The token that a text with exactly these bytes is; never a control token.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<TokenId> {
        if bytes.len() > self.longest_bytes {
            return None;
        }
        let id = self.slots[self.slot(bytes)];
        (id != EMPTY).then_some(TokenId(id))
    }

    /// Whether `id` has these bytes and a text may become it: in most vocabularies, what [`find`](Self::find) would give.
    pub(super) fn is_found_as(&self, id: TokenId, bytes: &[u8]) -> bool {
        self.kind(id) == Some(TokenKind::Normal) && self.bytes(id) == bytes
    }

    /// The most bytes of a token that a text can be.
    pub(super) fn longest_bytes(&self) -> usize {
        self.longest_bytes
    }

    /// The token that stands for `byte` alone.
    pub(super) fn byte_token(&self, byte: u8) -> Option<TokenId> {
        self.byte_ids[usize::from(byte)]
    }

    pub(super) fn bytes(&self, id: TokenId) -> &[u8] {
        if id.index() < self.len() { self.bytes_at(id.index()) } else { &[] }
    }

    pub(super) fn kind(&self, id: TokenId) -> Option<TokenKind> {
        self.kinds.get(id.index()).copied()
    }

    pub(super) fn set_kind(&mut self, id: TokenId, kind: TokenKind) {
        if let Some(old) = self.kinds.get_mut(id.index()) {
            *old = kind;
        }
    }

    /// `id` when there is such a token.
    pub(super) fn existing(&self, id: TokenId) -> Option<TokenId> {
        (id.index() < self.len()).then_some(id)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All tokens with their kinds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TokenId, TokenKind, &[u8])> {
        (0u32..).map(TokenId).zip(&self.kinds).map(|(id, &kind)| (id, kind, self.bytes(id)))
    }
}

/// The texts of the tokens as the file has them.
fn token_texts(metadata: Metadata<'_>) -> Result<impl Iterator<Item = &[u8]>, TokenizerError> {
    const TOKENS: &str = "tokenizer.ggml.tokens";
    let strings = metadata.array(TOKENS)?.strings();
    strings.ok_or(TokenizerError::WrongElements { key: TOKENS, expected: "strings" })
}

/// The byte that a byte-level character stands for.
///
/// The printable characters of Latin-1 stand for themselves; the 68 other bytes are moved, in order, to U+0100 and on.
fn byte_of(character: char) -> Option<u8> {
    let moved = u32::from(character).checked_sub(0x100);
    match (character, moved) {
        ('!'..='~' | '¡'..='¬' | '®'..='ÿ', _) => u8::try_from(character).ok(),
        (_, Some(index @ 0..=0x20)) => u8::try_from(index).ok(),
        (_, Some(index @ 0x21..=0x42)) => u8::try_from(index - 0x21 + 0x7f).ok(),
        (_, Some(0x43)) => Some(0xad),
        _ => None,
    }
}

/// Appends the bytes that a byte-level `text` stands for; `false` when it is no such text.
pub(super) fn decode_byte_level(mut text: &[u8], out: &mut Vec<u8>) -> bool {
    // Most tokens begin with a space, which is all of them that is not ASCII.
    if let Some(rest) = text.strip_prefix("Ġ".as_bytes()) {
        out.push(b' ');
        text = rest;
    }
    if text.iter().all(u8::is_ascii_graphic) {
        out.extend_from_slice(text);
        return true;
    }
    let Ok(text) = std::str::from_utf8(text) else { return false };
    text.chars().all(|character| match byte_of(character) {
        Some(byte) => {
            out.push(byte);
            true
        }
        None => false,
    })
}

/// The byte that a SentencePiece fallback token such as `<0x0A>` stands for.
fn fallback_byte(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let [high, low] = *digits else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// Appends `text` with a space for every [`SPACE_MARK`].
pub(super) fn replace_space_marks(text: &[u8], out: &mut Vec<u8>) {
    let mark = SPACE_MARK.as_bytes();
    let mut rest = text;
    while let Some(place) = rest.iter().position(|&byte| byte == mark[0]) {
        let (before, from_mark) = rest.split_at(place);
        out.extend_from_slice(before);
        let (byte, after) = from_mark.strip_prefix(mark).map_or((mark[0], &from_mark[1..]), |after| (b' ', after));
        out.push(byte);
        rest = after;
    }
    out.extend_from_slice(rest);
}
