//! Cuts the tokens that stand for themselves out of a text, before any of it is encoded.

use rustc_hash::FxHashMap;

use super::vocabulary::{TokenKind, Vocabulary};
use super::{SpecialTokens, TokenId};

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fragment<'a> {
    Text(&'a str),
    Token(TokenId),
}

/// Finds control tokens, unknown-tokens and user-defined tokens by their text.
#[derive(Debug)]
pub(super) struct SpecialMatcher {
    by_text: FxHashMap<Box<[u8]>, SpecialToken>,
    /// The lengths of the tokens, longest first.
    lengths: Vec<usize>,
    /// By first byte: whether a token begins with it.
    first_bytes: [bool; 256],
}

#[derive(Debug, Clone, Copy)]
struct SpecialToken {
    id: TokenId,
    /// User-defined tokens are cut out of any text, control tokens only where they are asked for.
    user_defined: bool,
}

/// A token found in a text.
#[derive(Debug, Clone, Copy)]
struct Match {
    start: usize,
    end: usize,
    id: TokenId,
}

impl SpecialMatcher {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        let mut by_text: FxHashMap<Box<[u8]>, SpecialToken> = FxHashMap::default();
        let mut first_bytes = [false; 256];
        for (id, kind, bytes) in vocabulary.iter() {
            let user_defined = kind == TokenKind::UserDefined;
            if !user_defined && !matches!(kind, TokenKind::Control | TokenKind::Unknown) {
                continue;
            }
            // A token that begins in the middle of a character could only be found in the middle of one.
            if let Some(&first) = bytes.first()
                && std::str::from_utf8(bytes).is_ok()
            {
                first_bytes[usize::from(first)] = true;
                by_text.entry(bytes.into()).or_insert(SpecialToken { id, user_defined });
            }
        }
        let mut lengths: Vec<usize> = by_text.keys().map(|text| text.len()).collect();
        lengths.sort_unstable_by(|first, second| second.cmp(first));
        lengths.dedup();
        SpecialMatcher { by_text, lengths, first_bytes }
    }

    /// The token with exactly this text.
    pub(super) fn token(&self, text: &[u8]) -> Option<TokenId> {
        self.by_text.get(text).map(|special| special.id)
    }

    /// Cuts `text` at its special tokens. Longer tokens win over shorter ones wherever they stand, as in llama.cpp.
    pub(super) fn partition<'a>(&self, text: &'a str, special: SpecialTokens) -> Vec<Fragment<'a>> {
        let mut fragments = Vec::new();
        let mut position = 0;
        for found in self.matches(text.as_bytes(), special) {
            if found.start > position {
                fragments.push(Fragment::Text(&text[position..found.start]));
            }
            fragments.push(Fragment::Token(found.id));
            position = found.end;
        }
        if position < text.len() {
            fragments.push(Fragment::Text(&text[position..]));
        }
        fragments
    }

    /// The tokens in `text`, in its order, without overlap.
    fn matches(&self, text: &[u8], special: SpecialTokens) -> Vec<Match> {
        let begins = |&position: &usize| self.first_bytes[usize::from(text[position])];
        let candidates: Vec<usize> = (0..text.len()).filter(begins).collect();
        let mut taken = vec![false; if candidates.is_empty() { 0 } else { text.len() }];
        let mut matches = Vec::new();
        for &length in &self.lengths {
            for &start in &candidates {
                let end = start + length;
                // What was taken is no shorter than this length, so it cannot lie strictly inside of the range.
                let Some(last) = taken.get(end - 1) else { break };
                if taken[start] || *last {
                    continue;
                }
                let Some(found) = self.by_text.get(&text[start..end]) else { continue };
                if special == SpecialTokens::Parse || found.user_defined {
                    taken[start..end].fill(true);
                    matches.push(Match { start, end, id: found.id });
                }
            }
        }
        matches.sort_unstable_by_key(|found| found.start);
        matches
    }
}
