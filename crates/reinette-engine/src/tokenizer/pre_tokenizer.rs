//! Cuts a text into words, within which byte pairs are then merged.
//!
//! The patterns are those that llama.cpp knows by the name in `tokenizer.ggml.pre`. They are scanned by hand: one pass,
//! no backtracking, a few nanoseconds a character.

use super::TokenizerError;
use super::characters::Class;

/// A pattern, and what comes with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreTokenizer {
    pattern: Pattern,
    whole_words: WholeWords,
}

#[derive(Debug, Clone, Copy)]
enum Pattern {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, after cutting out what
    /// [`Digits`] says.
    Gpt2(Digits),
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
    /// \s+(?!\S)|\s+`.
    Cased { max_digits: usize, marks: Marks },
}

/// What is cut out of a text before the GPT-2 pattern is applied to the rest.
#[derive(Debug, Clone, Copy)]
enum Digits {
    /// Nothing.
    InRuns,
    /// Every digit alone.
    Single,
}

/// Whether combining marks are parts of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    Apart,
    WithLetters,
}

/// Whether a word that is a token is taken whole, without looking at the merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WholeWords {
    Merged,
    Preferred,
}

impl PreTokenizer {
    /// The pre-tokenizer that a GGUF file names.
    pub(super) fn named(name: &str) -> Result<Self, TokenizerError> {
        let cased = |max_digits, marks| Pattern::Cased { max_digits, marks };
        let pattern = match name {
            "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "jina-v2-es" | "jina-v2-de" | "jina-v1-en" | "jina-v2-code"
            | "roberta-bpe" | "gigachat" | "a.x-4.0" | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais"
            | "trillion" | "granite-docling" | "exaone4" => Pattern::Gpt2(Digits::InRuns),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
                Pattern::Gpt2(Digits::Single)
            }
            "dbrx" | "smaug-bpe" | "chatglm-bpe" | "glm4" => cased(3, Marks::Apart),
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan" | "solar-open" => {
                cased(1, Marks::Apart)
            }
            "qwen35" => cased(1, Marks::WithLetters),
            "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2"
            | "jina-v5-nano" => {
                return Ok(PreTokenizer { pattern: cased(3, Marks::Apart), whole_words: WholeWords::Preferred });
            }
            _ => return Err(TokenizerError::UnknownPreTokenizer { name: name.into() }),
        };
        Ok(PreTokenizer { pattern, whole_words: WholeWords::Merged })
    }

    /// Whether models with this pre-tokenizer expect a beginning of sequence, unless their file says otherwise.
    pub(super) fn adds_bos(self) -> bool {
        // In llama.cpp the same families have both properties.
        self.whole_words == WholeWords::Preferred
    }

    pub(super) fn prefers_whole_words(self) -> bool {
        self.whole_words == WholeWords::Preferred
    }

    /// Hands the words of `text` to `emit`, one after the other; together they are the text.
    pub(super) fn split<'a>(self, text: &'a str, mut emit: impl FnMut(&'a str)) {
        match self.pattern {
            Pattern::Gpt2(Digits::InRuns) => scan(text, Scanner::gpt2_word, &mut emit),
            Pattern::Gpt2(Digits::Single) => {
                let mut rest = text;
                while let Some((start, digit)) = rest.char_indices().find(|&(_, c)| Class::of(c) == Class::Number) {
                    let (before, from_digit) = rest.split_at(start);
                    let (digit, after) = from_digit.split_at(digit.len_utf8());
                    scan(before, Scanner::gpt2_word, &mut emit);
                    emit(digit);
                    rest = after;
                }
                scan(rest, Scanner::gpt2_word, &mut emit);
            }
            Pattern::Cased { max_digits, marks } => {
                scan(text, |scanner| scanner.cased_word(max_digits, marks), &mut emit);
            }
        }
    }
}

/// Cuts `text` where `word` says.
fn scan<'a>(text: &'a str, word: impl Fn(Scanner<'a>) -> usize, emit: &mut impl FnMut(&'a str)) {
    let mut rest = text;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(word(Scanner { text: rest }));
        emit(head);
        rest = tail;
    }
}

/// The rest of a text; lengths are in bytes.
#[derive(Debug, Clone, Copy)]
struct Scanner<'a> {
    text: &'a str,
}

impl Scanner<'_> {
    /// The character at `position` with its class.
    fn at(self, position: usize) -> Option<(char, Class)> {
        let character = self.text[position..].chars().next()?;
        Some((character, Class::of(character)))
    }

    /// Where the run of characters of which `belongs` holds ends, from `start` and at most `limit` characters long.
    fn run(self, start: usize, limit: usize, belongs: impl Fn(char, Class) -> bool) -> usize {
        let ends = self.text[start..].char_indices().take(limit).find(|&(_, c)| !belongs(c, Class::of(c)));
        match ends {
            Some((offset, _)) => start + offset,
            None => self.text[start..].char_indices().nth(limit).map_or(self.text.len(), |(offset, _)| start + offset),
        }
    }

    /// The length of a contraction's ending: `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d`.
    fn contraction(self, same: impl Fn(&[u8], &[u8]) -> bool) -> Option<usize> {
        const ENDINGS: [&[u8]; 7] = [b"s", b"t", b"m", b"d", b"re", b"ve", b"ll"];
        let rest = self.text.as_bytes().strip_prefix(b"'")?;
        let ending = ENDINGS.iter().find(|ending| rest.get(..ending.len()).is_some_and(|start| same(start, ending)))?;
        Some(1 + ending.len())
    }

    /// The length of the first word of the GPT-2 pattern; the text is not empty.
    fn gpt2_word(self) -> usize {
        if let Some(length) = self.contraction(|start, ending| start == ending) {
            return length;
        }
        let start = usize::from(self.text.starts_with(' '));
        match self.at(start).map(|(_, class)| class) {
            None | Some(Class::Space) => self.white_space(),
            Some(kind @ (Class::Letter | Class::Number)) => self.run(start, usize::MAX, |_, class| class == kind),
            Some(_) => self.run(start, usize::MAX, |_, class| is_symbol(class, Marks::Apart)),
        }
    }

    /// The length of the first word of the other pattern; the text is not empty.
    fn cased_word(self, max_digits: usize, marks: Marks) -> usize {
        if let Some(length) = self.contraction(<[u8]>::eq_ignore_ascii_case) {
            return length;
        }
        let Some((first, class)) = self.at(0) else { return self.text.len() };
        let in_word = |class| class == Class::Letter || marks == Marks::WithLetters && class == Class::Mark;
        let after_first = first.len_utf8();
        let word_follows = self.at(after_first).is_some_and(|(_, class)| in_word(class));
        if in_word(class) || word_follows && class != Class::Number && !is_line_break(first) {
            return self.run(after_first, usize::MAX, |_, class| in_word(class));
        }
        if class == Class::Number {
            return self.run(0, max_digits, |_, class| class == Class::Number);
        }
        let start = usize::from(first == ' ');
        if self.at(start).is_some_and(|(_, class)| is_symbol(class, marks)) {
            let end = self.run(start, usize::MAX, |_, class| is_symbol(class, marks));
            return self.run(end, usize::MAX, |character, _| is_line_break(character));
        }
        let white = self.run(0, usize::MAX, |_, class| class == Class::Space);
        match self.text[..white].rfind(is_line_break) {
            Some(last_break) => last_break + 1,
            None => self.white_space(),
        }
    }

    /// The length of `\s+(?!\S)|\s+` at the beginning: the last space is left for the word that follows it.
    fn white_space(self) -> usize {
        let end = self.run(0, usize::MAX, |_, class| class == Class::Space);
        let last = self.text[..end].chars().next_back().map_or(0, char::len_utf8);
        if end < self.text.len() && end > last { end - last } else { end }
    }
}

fn is_line_break(character: char) -> bool {
    matches!(character, '\r' | '\n')
}

/// `[^\s\p{L}\p{N}]`, or the same without marks.
fn is_symbol(class: Class, marks: Marks) -> bool {
    match class {
        Class::Punctuation | Class::Other => true,
        Class::Mark => marks == Marks::Apart,
        Class::Letter | Class::Number | Class::Space => false,
    }
}
