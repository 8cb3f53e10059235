//! Refuses templates in which a namespace could come to contain itself.
//!
//! Namespaces are the only values that a template can change. One that contains itself, however deep, would be printed,
//! compared and hashed without end, which no budget stops: the stack overflows first. Templates in the wild use a
//! namespace only through its attributes, so nothing else is allowed: `{% set ns = namespace(…) %}`, `ns.attribute`,
//! `ns['attribute']` and `ns is defined`. Then no second name for it exists, and it can be put nowhere.

use std::collections::BTreeSet;

/// Begins a block of text that may look like code; no chat template needs it.
const RAW: &str = "raw";

/// The function that makes a namespace.
const NAMESPACE: &str = "namespace";

/// A piece of the code in a template; what is not needed here is left out or lumped together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Word(&'a str),
    /// One character of an operator or a bracket.
    Symbol(char),
    /// A whole literal, without its content.
    Text,
}

/// The first use of a namespace, or of the function that makes one, in another way than through its attributes; or the
/// first raw block.
pub(super) fn misused(source: &str) -> Option<&str> {
    let pieces = pieces(source);
    let names: BTreeSet<&str> = (0..pieces.len()).filter_map(|index| made_at(&pieces, index)).collect();
    (0..pieces.len()).find_map(|index| match pieces[index] {
        Piece::Word(NAMESPACE) => (index < 3 || made_at(&pieces, index - 3).is_none()).then_some(NAMESPACE),
        Piece::Word(RAW) => (index == 0 || pieces[index - 1] != Piece::Symbol('.')).then_some(RAW),
        Piece::Word(name) if names.contains(name) => (!is_plain_use(&pieces, index)).then_some(name),
        _ => None,
    })
}

/// The name in `set NAME = namespace(` when that begins at `index`.
fn made_at<'a>(pieces: &[Piece<'a>], index: usize) -> Option<&'a str> {
    match pieces.get(index..index + 5)? {
        [Piece::Word("set"), Piece::Word(name), Piece::Symbol('='), Piece::Word(NAMESPACE), Piece::Symbol('(')] => {
            Some(name)
        }
        _ => None,
    }
}

/// Whether the namespace's name at `index` is used for its attributes, is made, or is asked about.
fn is_plain_use(pieces: &[Piece<'_>], index: usize) -> bool {
    let before = index.checked_sub(1).map(|before| pieces[before]);
    let is_attribute = before == Some(Piece::Symbol('.'));
    let is_made = index > 0 && made_at(pieces, index - 1).is_some();
    is_attribute || is_made || matches!(pieces.get(index + 1), Some(Piece::Symbol('.' | '[') | Piece::Word("is")))
}

/// The code between `{{ }}` and `{% %}`, in pieces.
fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        rest = &rest[start + 1..];
        let end = match rest.as_bytes().first() {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => {
                rest = rest.find("#}").map_or("", |end| &rest[end + 2..]);
                continue;
            }
            _ => continue,
        };
        rest = &rest[1..];
        // As in the template engine, the end of a block counts only outside of brackets.
        let mut open_brackets = 0isize;
        while !rest.is_empty() && (open_brackets != 0 || !rest.starts_with(end)) {
            let (piece, length) = first_piece(rest);
            match piece {
                Some(Piece::Symbol('(' | '[' | '{')) => open_brackets += 1,
                Some(Piece::Symbol(')' | ']' | '}')) => open_brackets -= 1,
                _ => {}
            }
            pieces.extend(piece);
            rest = &rest[length..];
        }
    }
    pieces
}

/// The piece at the beginning of `code`, which is not empty, and its length in bytes; white space is no piece.
fn first_piece(code: &str) -> (Option<Piece<'_>>, usize) {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    let first = code.chars().next().unwrap_or_default();
    match first {
        '"' | '\'' => (Some(Piece::Text), literal_length(code, first)),
        _ if in_word(first) => {
            let length = code.find(|character| !in_word(character)).unwrap_or(code.len());
            (Some(Piece::Word(&code[..length])), length)
        }
        _ => ((!first.is_whitespace()).then_some(Piece::Symbol(first)), first.len_utf8()),
    }
}

/// The length of a literal with its quotes; a backslash protects the character after it.
fn literal_length(code: &str, quote: char) -> usize {
    let mut protected = false;
    for (position, character) in code.char_indices().skip(1) {
        match character {
            _ if protected => protected = false,
            '\\' => protected = true,
            _ if character == quote => return position + quote.len_utf8(),
            _ => {}
        }
    }
    code.len()
}
