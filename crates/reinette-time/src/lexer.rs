//! Cuts a phrase into words and numbers, keeping how each is joined to the one before it.

/// What stands between a token and the one before it.
///
/// Keeping punctuation here instead of making it tokens lets `14:30`, `14/3` and `2-3` be told apart while commas, full stops and
/// apostrophes between words need no rule at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// White space, loose punctuation, or the start of the text.
    Loose,
    /// Nothing: `9am`, `14h`.
    Glued,
    /// A hyphen or dash, spaces allowed around it.
    Hyphen,
    /// A colon between characters: `14:30`.
    Colon,
    /// A slash between characters: `5/3`.
    Slash,
    /// A full stop between characters: `p.m`, `2.5`.
    Dot,
    /// A comma between characters: `2,5`.
    Comma,
}

/// A word or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, in lower case and without diacritics; or one character that means nothing here.
    Word(String),
    /// Digits: at most nine of them, more are a word.
    Number {
        /// The value.
        value: u32,
        /// How many digits were written.
        digits: u8,
        /// Whether the first digit is a zero: `09`, `0800`.
        leading_zero: bool,
    },
}

/// A token and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) join: Join,
    /// Byte range in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether it is written with a capital first, and whether in capitals altogether.
    pub(crate) capitalised: bool,
    pub(crate) uppercase: bool,
    /// Whether a mark between sentences or clauses stands before it: "at 7, room 12".
    pub(crate) after_mark: bool,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

fn class(character: char) -> Class {
    match character {
        _ if character.is_alphabetic() => Class::Letter,
        '0'..='9' => Class::Digit,
        _ if character.is_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

/// The tokens of `text`, in one pass.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut characters = text.char_indices().peekable();
    // What was skipped since the last token.
    let mut gap = String::new();
    while let Some((start, character)) = characters.next() {
        let class_here = class(character);
        let mut end = start + character.len_utf8();
        match class_here {
            Class::Letter | Class::Digit => {
                while let Some((_, next)) = characters.next_if(|(_, next)| class(*next) == class_here) {
                    end += next.len_utf8();
                }
            }
            Class::Other if !is_punctuation(character) => {}
            Class::Space | Class::Other => {
                gap.push(character);
                continue;
            }
        }
        let written = &text[start..end];
        let kind = match class_here {
            Class::Digit => number(written),
            _ if character == '@' => Kind::Word("at".to_owned()),
            _ if character == '~' => Kind::Word("around".to_owned()),
            _ if character == '&' => Kind::Word("and".to_owned()),
            _ => Kind::Word(plain(written)),
        };
        let join = if tokens.is_empty() { Join::Loose } else { join(&gap) };
        let after_mark = gap.contains([',', ';', ':', '.', '!', '?', '(', ')', '"', '«', '»', '“', '”'])
            && matches!(join, Join::Loose);
        gap.clear();
        let capitalised = character.is_uppercase();
        let uppercase = capitalised && !written.contains(char::is_lowercase);
        tokens.push(Token { kind, join, start, end, capitalised, uppercase, after_mark });
    }
    tokens
}

fn is_punctuation(character: char) -> bool {
    matches!(
        character,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '/'
            | '-'
            | '‐'
            | '‑'
            | '–'
            | '—'
            | '\''
            | '’'
            | '"'
            | '«'
            | '»'
            | '“'
            | '”'
            | '('
            | ')'
    )
}

fn join(gap: &str) -> Join {
    let mut inside = gap.trim().chars();
    match (inside.next(), inside.next()) {
        (None, _) if gap.is_empty() => Join::Glued,
        (Some('-' | '‐' | '‑' | '–' | '—'), None) => Join::Hyphen,
        (Some(':'), None) if gap.len() == 1 => Join::Colon,
        (Some('/'), None) => Join::Slash,
        (Some('.'), None) if gap.len() == 1 => Join::Dot,
        (Some(','), None) if gap.len() == 1 => Join::Comma,
        _ => Join::Loose,
    }
}

fn number(written: &str) -> Kind {
    match (written.len(), written.parse()) {
        (digits @ 1..=9, Ok(value)) => {
            let digits = u8::try_from(digits).unwrap_or(u8::MAX);
            Kind::Number { value, digits, leading_zero: written.starts_with('0') }
        }
        _ => Kind::Word(written.to_owned()),
    }
}

/// Lower case, without the diacritics of French, so that `à`, `A` and `a` are one word.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        match character {
            'à' | 'â' | 'ä' | 'á' | 'ã' | 'å' => plain.push('a'),
            'é' | 'è' | 'ê' | 'ë' => plain.push('e'),
            'î' | 'ï' | 'í' => plain.push('i'),
            'ô' | 'ö' | 'ó' | 'õ' | 'ø' => plain.push('o'),
            'ù' | 'û' | 'ü' | 'ú' => plain.push('u'),
            'ç' => plain.push('c'),
            'ñ' => plain.push('n'),
            'œ' => plain.push_str("oe"),
            // Combining marks, which decomposed text carries after the letter.
            '\u{300}'..='\u{36f}' => {}
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<(String, Join)> {
        tokens(text)
            .into_iter()
            .map(|token| match token.kind {
                Kind::Word(word) => (word, token.join),
                Kind::Number { value, .. } => (value.to_string(), token.join),
            })
            .collect()
    }

    #[test]
    fn punctuation_becomes_the_joint_between_tokens() {
        let expected =
            [("14", Join::Loose), ("h", Join::Glued), ("15", Join::Hyphen), ("h", Join::Glued), ("30", Join::Glued)];
        assert_eq!(shape("14h - 15h30."), expected.map(|(word, join)| (word.to_owned(), join)));
        let expected = [("l", Join::Loose), ("apres", Join::Loose), ("midi", Join::Hyphen)];
        assert_eq!(shape("l’Après-midi,"), expected.map(|(word, join)| (word.to_owned(), join)));
        assert_eq!(shape("9:05")[1], ("5".to_owned(), Join::Colon));
        assert_eq!(shape("99999999999")[0].0, "99999999999");
    }
}
