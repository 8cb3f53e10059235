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
    /// `P?U*L+C?|P?U+L*C?|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`, where `P` is
    /// `[^\r\n\p{L}\p{N}]`, `U` any letter but a–z, `L` any letter but A–Z, and `C` a contraction's ending, where these
    /// are parts of words.
    CaseChanges { max_digits: usize, contractions: Contractions },
    /// Runs of punctuation apart, the GPT-2 pattern within what is left, then numbers as [`Layers`] says.
    Layered(Layers),
}

/// Whether `'s`, `'ll` and the like belong to the word before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contractions {
    Apart,
    WithWords,
}

/// What becomes of numbers, and what is punctuation, where one pattern is applied after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layers {
    /// `[\p{P}$+<=>^~|]+`, the GPT-2 pattern, `\p{N}+`, `[0-9][0-9][0-9]`: of files that name no pattern.
    NumbersApart,
    /// ``[\p{P}$+<=>^~|`]+``, the GPT-2 pattern, `[0-9][0-9][0-9]`.
    Backquotes,
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
            "tekken" => {
                let pattern = Pattern::CaseChanges { max_digits: 1, contractions: Contractions::Apart };
                return Ok(PreTokenizer { pattern, whole_words: WholeWords::Preferred });
            }
            "gpt-4o" | "llama4" | "kanana2" | "talkie" | "minimax-m2" => {
                Pattern::CaseChanges { max_digits: 3, contractions: Contractions::WithWords }
            }
            "default" => Pattern::Layered(Layers::NumbersApart),
            "falcon" => Pattern::Layered(Layers::Backquotes),
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
            Pattern::CaseChanges { max_digits, contractions } => {
                scan(text, |scanner| scanner.case_changes_word(max_digits, contractions), &mut emit);
            }
            Pattern::Layered(layers) => runs(
                text,
                |c, class| layers.is_punctuation(c, class),
                |piece| {
                    scan(piece, Scanner::gpt2_word, &mut |word| match layers {
                        Layers::NumbersApart => {
                            runs(word, |_, class| class == Class::Number, |piece| threes(piece, &mut emit));
                        }
                        Layers::Backquotes => threes(word, &mut emit),
                    });
                },
            ),
        }
    }
}

impl Layers {
    fn is_punctuation(self, character: char, class: Class) -> bool {
        let symbols = match self {
            Layers::NumbersApart => "$+<=>^~|",
            Layers::Backquotes => "$+<=>^~|`",
        };
        class == Class::Punctuation || symbols.contains(character)
    }
}

/// Cuts `text` into the runs of characters of which `belongs` holds, and what is between them.
fn runs<'a>(text: &'a str, belongs: impl Fn(char, Class) -> bool, mut emit: impl FnMut(&'a str)) {
    let belongs = |character| belongs(character, Class::of(character));
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let within = belongs(first);
        let end = rest.find(|character| belongs(character) != within).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        emit(run);
        rest = after;
    }
}

/// Cuts every three digits out of `text`, from the left.
fn threes<'a>(text: &'a str, emit: &mut impl FnMut(&'a str)) {
    let (mut start, mut position) = (0, 0);
    while let Some(three) = text.as_bytes().get(position..position + 3) {
        if three.iter().all(u8::is_ascii_digit) {
            if start < position {
                emit(&text[start..position]);
            }
            emit(&text[position..position + 3]);
            position += 3;
            start = position;
        } else {
            position += 1;
        }
    }
    if start < text.len() {
        emit(&text[start..]);
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
        self.symbols_or_white_space(|class| is_symbol(class, marks), is_line_break)
    }

    /// The length of the first word of the pattern that cuts where lower case becomes upper case; the text is not
    /// empty.
    fn case_changes_word(self, max_digits: usize, contractions: Contractions) -> usize {
        let Some((first, class)) = self.at(0) else { return self.text.len() };
        let start = if class == Class::Letter { 0 } else { first.len_utf8() };
        if class != Class::Number
            && !is_line_break(first)
            && let Some(end) = self.letters_end(start)
        {
            let ending = match contractions {
                Contractions::Apart => None,
                Contractions::WithWords => {
                    Scanner { text: &self.text[end..] }.contraction(<[u8]>::eq_ignore_ascii_case)
                }
            };
            return end + ending.unwrap_or(0);
        }
        if class == Class::Number {
            return self.run(0, max_digits, |_, class| class == Class::Number);
        }
        let follows = |character| is_line_break(character) || character == '/';
        self.symbols_or_white_space(|class| is_symbol(class, Marks::Apart), follows)
    }

    /// Where `U*L+|U+L*` ends that begins at `start`, as a pattern that tries again with fewer letters finds it.
    fn letters_end(self, start: usize) -> Option<usize> {
        let upper = |character: char, class| class == Class::Letter && !character.is_ascii_lowercase();
        let lower = |character: char, class| class == Class::Letter && !character.is_ascii_uppercase();
        let upper_end = self.run(start, usize::MAX, upper);
        let lower_end = self.run(upper_end, usize::MAX, lower);
        if lower_end > upper_end {
            return Some(lower_end);
        }
        // A letter that is neither a–z nor A–Z counts as both: the last such one can be the `L`.
        let letters = self.text[start..upper_end].char_indices();
        let last = letters.rev().find(|(_, character)| !character.is_ascii_uppercase());
        let end = last.map_or(upper_end, |(offset, character)| start + offset + character.len_utf8());
        (end > start).then_some(end)
    }

    /// The length of ` ?S+F*|\s*[\r\n]+|\s+(?!\S)|\s+` at the beginning, with the given `S` and `F`.
    fn symbols_or_white_space(self, symbol: impl Fn(Class) -> bool, follows: impl Fn(char) -> bool) -> usize {
        let start = usize::from(self.text.starts_with(' '));
        if self.at(start).is_some_and(|(_, class)| symbol(class)) {
            let end = self.run(start, usize::MAX, |_, class| symbol(class));
            return self.run(end, usize::MAX, |character, _| follows(character));
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
