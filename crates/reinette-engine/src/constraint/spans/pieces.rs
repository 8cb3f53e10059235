//! A text cut where spans may begin and end.

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Whether a span may begin with it.
    pub(super) starts: bool,
    /// Whether a span may end with it.
    pub(super) ends: bool,
}

/// Marks that a span may leave out at the front of a word.
const OPENING: &[char] = &['"', '\'', '“', '‘', '«', '„', '‹', '(', '[', '{', '¿', '¡', '*', '_', '`'];

/// Marks that a span may leave out at the end of a word.
const CLOSING: &[char] = &[
    '"', '\'', '”', '’', '»', '“', '›', ')', ']', '}', ',', '.', ';', ':', '?', '!', '…', '*', '_', '`', '。', '，',
    '、', '？', '！',
];

/// Marks that no span ends with: something follows.
const JOINING: &[&str] = &[",", ";", ":", "，", "、"];

/// French words that are elided before a vowel, without their apostrophe.
const ELIDED: &[&str] = &["l", "d", "j", "m", "t", "s", "n", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"];

/// The pieces of `text`, in order: words with one space between them, cut at marks, elisions and possessives.
pub(super) fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|word| !word.is_empty())
    {
        if !pieces.is_empty() {
            pieces.push(Piece { text: " ".to_owned(), starts: false, ends: false });
        }
        split_word(word, &mut pieces);
    }
    pieces
}

fn split_word(word: &str, pieces: &mut Vec<Piece>) {
    let bare = word.trim_start_matches(OPENING).trim_end_matches(CLOSING);
    let core_start = if bare.is_empty() { 0 } else { word.len() - word.trim_start_matches(OPENING).len() };
    let has_core = !bare.is_empty();
    marks(&word[..core_start], |text| Piece { text, starts: true, ends: false }, pieces);
    if has_core {
        split_core(bare, pieces);
    }
    let closing = |text: String| Piece { ends: !JOINING.contains(&text.as_str()), starts: false, text };
    marks(&word[core_start + bare.len()..], closing, pieces);
}

fn marks(text: &str, piece: impl Fn(String) -> Piece, pieces: &mut Vec<Piece>) {
    pieces.extend(text.chars().map(|mark| piece(mark.to_string())));
}

/// Cuts `l'apéro` before the noun and `Ana's` after the name.
fn split_core(core: &str, pieces: &mut Vec<Piece>) {
    let mut rest = core;
    if let Some((article, noun)) = split_after_apostrophe(core)
        && ELIDED.contains(&article.to_lowercase().as_str())
        && !noun.is_empty()
    {
        let elision = core[..core.len() - noun.len()].to_owned();
        pieces.push(Piece { text: elision, starts: true, ends: false });
        rest = noun;
    }
    let possessive = ["'s", "’s"].into_iter().find(|suffix| rest.len() > suffix.len() && rest.ends_with(suffix));
    let owner = &rest[..rest.len() - possessive.map_or(0, str::len)];
    pieces.push(Piece { text: owner.to_owned(), starts: true, ends: true });
    if let Some(possessive) = possessive {
        pieces.push(Piece { text: possessive.to_owned(), starts: false, ends: true });
    }
}

/// What stands before the first apostrophe, and what after.
fn split_after_apostrophe(word: &str) -> Option<(&str, &str)> {
    word.split_once(['\'', '’'])
}
