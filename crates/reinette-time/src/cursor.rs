//! A position in the tokens of a phrase, and the matching that every grammar is made of.

use super::lexer::{Join, Kind, Token};
use super::lexicon;

/// A position in the tokens. Copying one is how a grammar looks ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'tokens> {
    tokens: &'tokens [Token],
    position: usize,
}

impl<'tokens> Cursor<'tokens> {
    pub(crate) fn new(tokens: &'tokens [Token]) -> Self {
        Self { tokens, position: 0 }
    }

    pub(crate) fn peek(&self) -> Option<&'tokens Token> {
        self.tokens.get(self.position)
    }

    /// The byte at which the token before this place ends; 0 at the start.
    pub(crate) fn end(&self) -> usize {
        self.position.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |token| token.end)
    }

    /// How many tokens were stepped over.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn is_done(&self) -> bool {
        self.position >= self.tokens.len()
    }

    /// Steps over one token.
    pub(crate) fn advance(&mut self) -> Option<&'tokens Token> {
        let token = self.peek()?;
        self.position += 1;
        Some(token)
    }

    /// How the next token is joined to the one before it; `Loose` at the end.
    pub(crate) fn join(&self) -> Join {
        self.peek().map_or(Join::Loose, |token| token.join)
    }

    /// Runs `grammar` and, when it finds nothing, stands again where it stood.
    pub(crate) fn attempt<T>(&mut self, grammar: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.position;
        let found = grammar(self);
        if found.is_none() {
            self.position = start;
        }
        found
    }

    fn word_at(&self, ahead: usize) -> Option<&'tokens str> {
        match &self.tokens.get(self.position + ahead)?.kind {
            Kind::Word(word) => Some(word),
            Kind::Number { .. } => None,
        }
    }

    /// The meaning of the longest phrase of `table` that stands here. Phrases are words separated by one space.
    pub(crate) fn phrase<T: Copy>(&mut self, table: &[(&str, T)]) -> Option<T> {
        let mut longest: Option<(usize, T)> = None;
        for (phrase, meaning) in table {
            let mut length = 0;
            let matches = phrase.split(' ').all(|word| {
                length += 1;
                self.word_at(length - 1) == Some(word)
            });
            if matches && longest.is_none_or(|(best, _)| length > best) {
                longest = Some((length, *meaning));
            }
        }
        let (length, meaning) = longest?;
        self.position += length;
        Some(meaning)
    }

    /// Steps over the longest of these phrases that stands here.
    pub(crate) fn any(&mut self, phrases: &[&str]) -> Option<()> {
        let longest = phrases
            .iter()
            .map(|phrase| phrase.split(' '))
            .filter(|words| words.clone().enumerate().all(|(ahead, word)| self.word_at(ahead) == Some(word)))
            .map(Iterator::count)
            .max()?;
        self.position += longest;
        Some(())
    }

    /// Whether the token before this place is one of these words.
    pub(crate) fn follows(&self, words: &[&str]) -> bool {
        let before = self.position.checked_sub(1).and_then(|before| self.tokens.get(before));
        before.is_some_and(|token| matches!(&token.kind, Kind::Word(word) if words.contains(&word.as_str())))
    }

    /// Steps over any run of these words.
    pub(crate) fn skip(&mut self, words: &[&str]) {
        while self.any(words).is_some() {}
    }

    /// A number in digits: its value and how many digits.
    pub(crate) fn digits(&mut self) -> Option<(u32, u8)> {
        let Kind::Number { value, digits, .. } = self.peek()?.kind else { return None };
        self.position += 1;
        Some((value, digits))
    }

    /// A number in digits, joined to the token before it by `join`.
    pub(crate) fn digits_after(&mut self, join: Join) -> Option<(u32, u8)> {
        if self.join() == join { self.digits() } else { None }
    }

    /// A cardinal number in digits or in words.
    pub(crate) fn number(&mut self) -> Option<u32> {
        if let Some((value, _)) = self.digits() {
            return Some(value);
        }
        let below_hundred = self.words_below_hundred();
        let hundreds = match (below_hundred, self.any(&["hundred", "cent", "cents"])) {
            (value, None) => return value,
            (value, Some(())) => value.unwrap_or(1).checked_mul(100)?,
        };
        let rest = self.attempt(|cursor| {
            cursor.skip(&["and"]);
            cursor.words_below_hundred()
        });
        Some(hundreds + rest.unwrap_or(0))
    }

    /// A cardinal below a hundred in words, French scores included: "twenty-five", "soixante et onze", "quatre-vingt-dix-sept".
    fn words_below_hundred(&mut self) -> Option<u32> {
        if self.any(&["quatre vingt", "quatre vingts"]).is_some() {
            return Some(80 + self.small(19).unwrap_or(0));
        }
        if let Some(tens) = self.phrase(lexicon::TENS) {
            // French counts on from sixty to seventy-nine.
            let largest = if tens == 60 { 19 } else { 9 };
            let units = self.attempt(|cursor| {
                cursor.skip(&["et"]);
                cursor.small(largest)
            });
            return Some(tens + units.unwrap_or(0));
        }
        self.small(19)
    }

    /// A number word of 1 to `largest`, at most 19.
    fn small(&mut self, largest: u32) -> Option<u32> {
        self.attempt(|cursor| {
            let first = cursor.phrase(lexicon::SMALL_NUMBERS)?;
            let more = (first == 10)
                .then(|| cursor.attempt(|inner| inner.phrase(&[("sept", 7), ("huit", 8), ("neuf", 9)])))
                .flatten();
            Some(first + more.unwrap_or(0)).filter(|value| *value <= largest)
        })
    }

    /// An ordinal: "3rd", "1er", "third", "troisième", "twenty-first"; "last" and "dernier" are −1.
    pub(crate) fn ordinal(&mut self) -> Option<i8> {
        self.attempt(|cursor| {
            let (value, _) = cursor.digits()?;
            if cursor.join() != Join::Glued {
                return None;
            }
            cursor.any(&["st", "nd", "rd", "th", "er", "re", "ere", "e", "eme", "nde"])?;
            i8::try_from(value).ok().filter(|value| *value > 0)
        })
        .or_else(|| {
            self.attempt(|cursor| {
                let tens = cursor.phrase(&[("twenty", 20), ("thirty", 30)])?;
                cursor.phrase(lexicon::ORDINALS).filter(|units| (1..=9).contains(units)).map(|units| tens + units)
            })
        })
        .or_else(|| self.phrase(lexicon::ORDINALS))
    }
}
