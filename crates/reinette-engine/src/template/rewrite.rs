//! Rewrites constructs that `transformers`' Jinja2 has and minijinja lacks into equivalent ones that minijinja has.
//!
//! | in the template | what is compiled |
//! |---|---|
//! | `{% generation %}…{% endgeneration %}`, where training finds the assistant's words | `{% with %}…{% endwith %}` |
//! | `a % b`, which also formats strings | `(a) \| __remainder(b)` |
//! | `{% set ns.x = value %}`, which could make a namespace contain itself | `{% set ns.x = (value) \| __settled(ns) %}` |
//! | `+x` | `x` |
//!
//! Only code is touched: not text, strings, comments and raw blocks. Lines stay where they are, so errors name the right one.

use std::ops::Range;

/// The filter that stands for the operator `%`.
pub(super) const REMAINDER: &str = "__remainder";

/// The filter that every value goes through before a namespace keeps it.
pub(super) const SETTLED: &str = "__settled";

/// A piece of code: a word, a number, a literal with its quotes, or one operator or bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece<'a> {
    text: &'a str,
    start: usize,
    /// How many brackets it stands within, counting from the beginning of its block.
    depth: usize,
}

impl Piece<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is what operators work on, or its end.
    fn is_operand(&self) -> bool {
        let first = self.text.chars().next().unwrap_or_default();
        let is_value = first.is_alphanumeric() || "_\"')]}".contains(first);
        is_value && !OPERATOR_WORDS.contains(&self.text)
    }

    fn is_opening(&self) -> bool {
        matches!(self.text, "(" | "[" | "{")
    }

    fn is_closing(&self) -> bool {
        matches!(self.text, ")" | "]" | "}")
    }
}

/// Words after which an expression begins.
const OPERATOR_WORDS: [&str; 13] =
    ["and", "or", "not", "in", "is", "if", "else", "elif", "set", "do", "print", "for", "call"];

/// Operators that bind tighter than `%` or as tight.
const TIGHT: [&str; 6] = ["*", "/", "//", "**", "%", "|"];

/// The template with everything of the table above in minijinja's terms.
pub(super) fn rewritten(source: &str) -> String {
    let mut edits = Vec::new();
    for block in Blocks::of(source) {
        edit_block(&block, &mut edits);
    }
    edits.sort_by_key(|edit| edit.at.start);
    let mut rewritten = String::with_capacity(source.len() + 16 * edits.len());
    let mut done = 0;
    for Edit { at, text } in edits {
        if at.start < done {
            // Only in what is no template do two edits overlap: it is left to minijinja, which says what is wrong.
            return source.to_owned();
        }
        rewritten.push_str(&source[done..at.start]);
        rewritten.push_str(&text);
        done = at.end;
    }
    rewritten.push_str(&source[done..]);
    rewritten
}

/// Text to put in the place of a range of the source.
struct Edit {
    at: Range<usize>,
    text: String,
}

impl Edit {
    fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { at: at..at, text: text.into() }
    }

    fn replace(piece: &Piece<'_>, text: impl Into<String>) -> Self {
        Self { at: piece.start..piece.end(), text: text.into() }
    }
}

fn edit_block(block: &Block<'_>, edits: &mut Vec<Edit>) {
    let pieces = &block.pieces;
    if block.is_statement
        && let [tag] = pieces.as_slice()
    {
        match tag.text {
            "generation" => edits.push(Edit::replace(tag, "with")),
            "endgeneration" => edits.push(Edit::replace(tag, "endwith")),
            _ => {}
        }
    }
    if block.is_statement {
        edit_assignment(block, edits);
    }
    for (index, piece) in pieces.iter().enumerate() {
        let is_binary = index > 0 && pieces[index - 1].is_operand();
        match piece.text {
            "%" if is_binary => {
                let left = left_operand(pieces, index);
                edits.push(Edit::insert(pieces[left].start, "("));
                edits.push(Edit::replace(piece, format!(") | {REMAINDER}(")));
                let right = right_operand(pieces, index);
                edits.push(Edit::insert(pieces[right].end(), ")"));
            }
            "+" if !is_binary => edits.push(Edit::replace(piece, " ")),
            _ => {}
        }
    }
}

/// Sends the value of `{% set ns.x = value %}` through [`SETTLED`], with the namespaces that are to keep it.
fn edit_assignment(block: &Block<'_>, edits: &mut Vec<Edit>) {
    let Some((set, rest)) = block.pieces.split_first() else { return };
    let Some(equals) = rest.iter().position(|piece| piece.text == "=" && piece.depth == 0) else { return };
    let namespaces: Vec<&str> =
        rest[..equals].windows(2).filter(|pair| pair[1].text == ".").map(|pair| pair[0].text).collect();
    if set.text != "set" || namespaces.is_empty() {
        return;
    }
    edits.push(Edit::insert(rest[equals].end(), " ("));
    edits.push(Edit::insert(block.end, format!(") | {SETTLED}({})", namespaces.join(", "))));
}

/// The index of the first piece of the left operand of the operator at `index`.
fn left_operand(pieces: &[Piece<'_>], index: usize) -> usize {
    let depth = pieces[index].depth;
    let mut first = index;
    while let Some(before) = first.checked_sub(1) {
        let piece = pieces[before];
        let is_inside = piece.depth > depth || (piece.depth == depth && (piece.is_closing() || piece.is_opening()));
        let is_sign = matches!(piece.text, "-" | "+") && (before == 0 || !pieces[before - 1].is_operand());
        let is_part = piece.is_operand() || piece.text == "." || TIGHT.contains(&piece.text) || is_sign;
        if piece.depth < depth || !(is_inside || is_part) {
            break;
        }
        first = before;
    }
    first
}

/// The index of the last piece of the right operand of the operator at `index`.
fn right_operand(pieces: &[Piece<'_>], index: usize) -> usize {
    let depth = pieces[index].depth;
    let mut last = index;
    while let Some(piece) = pieces.get(last + 1) {
        let is_inside = piece.depth > depth || (piece.depth == depth && (piece.is_closing() || piece.is_opening()));
        let follows_operand = last > index && pieces[last].is_operand();
        let is_sign = matches!(piece.text, "-" | "+") && !follows_operand;
        let is_part = piece.is_operand() || matches!(piece.text, "." | "**" | "|") || is_sign;
        if piece.depth < depth || !(is_inside || is_part) {
            break;
        }
        last += 1;
    }
    last
}

/// The code between `{{ }}` or `{% %}`.
struct Block<'a> {
    is_statement: bool,
    pieces: Vec<Piece<'a>>,
    /// Where its code ends: before the sign of white space control.
    end: usize,
}

/// The blocks of code in a template.
struct Blocks<'a> {
    source: &'a str,
    position: usize,
}

impl<'a> Blocks<'a> {
    fn of(source: &'a str) -> Self {
        Self { source, position: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.position..]
    }

    /// Goes on behind the next `text`, or to the end.
    fn skip_past(&mut self, text: &str) {
        self.position = self.rest().find(text).map_or(self.source.len(), |at| self.position + at + text.len());
    }

    /// Reads a block up to `end`, which counts only outside of brackets, as in the template engines.
    fn block(&mut self, end: &str) -> Block<'a> {
        let mut pieces = Vec::new();
        let mut depth = 0_usize;
        if self.rest().starts_with(['-', '+']) {
            self.position += 1;
        }
        let ends =
            |rest: &str| rest.starts_with(end) || rest.strip_prefix(['-', '+']).is_some_and(|it| it.starts_with(end));
        while !self.rest().is_empty() && (depth > 0 || !ends(self.rest())) {
            let (start, length) = (self.position, piece_length(self.rest()));
            let text = &self.source[start..start + length];
            self.position += length;
            if text.trim().is_empty() {
                continue;
            }
            let mut piece = Piece { text, start, depth };
            if piece.is_closing() {
                depth = depth.saturating_sub(1);
                piece.depth = depth;
            } else if piece.is_opening() {
                depth += 1;
            }
            pieces.push(piece);
        }
        let code_end = self.position;
        self.skip_past(end);
        Block { is_statement: end == "%}", pieces, end: code_end }
    }

    /// Goes on behind the tag that ends a raw block.
    fn skip_raw(&mut self) {
        while !self.rest().is_empty() {
            self.skip_past("{%");
            let tag = self.rest().trim_start_matches(['-', '+']).trim_start();
            if let Some(rest) = tag.strip_prefix("endraw")
                && rest.trim_start().trim_start_matches(['-', '+']).starts_with("%}")
            {
                return self.skip_past("%}");
            }
        }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        loop {
            self.position += self.rest().find('{')? + 1;
            let end = match self.rest().as_bytes().first() {
                Some(b'{') => "}}",
                Some(b'%') => "%}",
                Some(b'#') => {
                    self.skip_past("#}");
                    continue;
                }
                _ => continue,
            };
            self.position += 1;
            let block = self.block(end);
            match block.pieces.as_slice() {
                [tag] if block.is_statement && tag.text == "raw" => self.skip_raw(),
                _ => return Some(block),
            }
        }
    }
}

/// The length in bytes of the piece, or of the white space, with which `code` begins; `code` is not empty.
fn piece_length(code: &str) -> usize {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    let first = code.chars().next().unwrap_or_default();
    match first {
        '"' | '\'' => literal_length(code, first),
        '0'..='9' => number_length(code),
        _ if in_word(first) => code.find(|character| !in_word(character)).unwrap_or(code.len()),
        _ if code.starts_with("**") || code.starts_with("//") || code.starts_with("==") => 2,
        _ if first.is_whitespace() => code.find(|character: char| !character.is_whitespace()).unwrap_or(code.len()),
        '!' | '<' | '>' if code[1..].starts_with('=') => 2,
        _ => first.len_utf8(),
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

/// The length of a number, whose exponent may have a sign.
fn number_length(code: &str) -> usize {
    let word = |from: usize| {
        let rest = &code[from..];
        from + rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(rest.len())
    };
    let mut length = word(0);
    if code[length..].strip_prefix('.').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit())) {
        length = word(length + 1);
    }
    let is_exponent = code[..length].ends_with(['e', 'E']) && !code.starts_with("0x");
    if is_exponent && code[length..].starts_with(['-', '+']) { word(length + 1) } else { length }
}
