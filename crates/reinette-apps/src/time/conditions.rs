//! Reminders for a place or an occasion, "when I get home": there is nothing that could tell when that is.

use std::ops::Range;

use super::cursor::Cursor;

#[rustfmt::skip]
const CUES: &[&str] = &[
    "when", "once", "as soon as", "whenever", "next time", "the next time", "every time", "each time", "if", "quand", "lorsque", "lorsqu", "des que",
    "des qu", "une fois que", "une fois qu", "chaque fois que", "chaque fois qu", "la prochaine fois que", "la prochaine fois qu", "si",
];

#[rustfmt::skip]
const SUBJECTS: &[&str] = &[
    "i", "i m", "i am", "i ve", "i have", "we", "we re", "we are", "he", "she", "they", "je", "j", "on", "nous", "il", "elle", "je suis", "je serai", "on est",
];

/// Verbs of coming, going and being somewhere, with the words that belong to them.
#[rustfmt::skip]
const MOVES: &[&str] = &[
    "get home", "get back", "get to", "get in", "get into", "get there", "get off", "get out", "get up", "arrive", "arrives", "arrived", "reach",
    "leave", "leaves", "left", "come", "comes", "go", "goes", "pass", "enter", "return", "at", "in", "home", "near", "back", "there", "am at", "walk", "drive",
    "rentre", "rentrerai", "rentrons", "rentrerons", "arrive", "arriverai", "arrivons", "arriverons", "sors", "sort", "sortirai", "pars", "part",
    "partirai", "quitte", "quitterai", "passe", "passerai", "vais", "irai", "reviens", "reviendrai", "revient", "suis a", "serai a", "suis au", "serai au",
    "suis chez", "serai chez", "a la", "au", "chez", "dans", "a l", "descends", "entre",
];

/// Ways to say so in French without a subject.
const GERUNDS: &[&str] =
    &["en rentrant", "en arrivant", "en sortant", "en partant", "en passant", "en quittant", "en revenant"];

/// Words that end what is said of a place: what is to be done begins there.
const ENDS: &[&str] = &["to", "de", "d", "remind", "rappelle", "please", "that", "about", "il"];

/// Words of a place that nothing of it follows.
const PLACES: &[&str] = &["home", "there", "back", "work", "la", "maison", "bureau", "office"];

/// The most words that are told of a place.
const MOST_WORDS: usize = 4;

/// The bytes of a condition, if one stands here.
pub(crate) fn condition(mut cursor: Cursor) -> Option<Range<usize>> {
    let start = cursor.peek()?.start;
    if cursor.any(GERUNDS).is_none() {
        cursor.any(CUES)?;
        cursor.any(SUBJECTS)?;
        cursor.any(MOVES)?;
    }
    let mut ended = cursor.follows(PLACES);
    for _ in 0..MOST_WORDS {
        let goes_on = cursor.peek().is_some_and(|token| !token.after_mark);
        if ended || !goes_on || { cursor }.any(ENDS).is_some() {
            break;
        }
        cursor.advance();
        ended = cursor.follows(&["home", "there", "work", "maison", "bureau", "office"]);
    }
    Some(start..cursor.end())
}
