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

/// Ways to say so without a subject.
#[rustfmt::skip]
const PHRASES: &[&str] = &[
    "en rentrant", "en arrivant", "en sortant", "en partant", "en passant", "en quittant", "en revenant", "when leaving", "when arriving", "when entering",
    "when passing", "when home", "once home", "on arrival", "on my way home", "on the way home", "on my way to", "on the way to", "sur le chemin",
];

/// Places that are said as if they were times: "remind me at the office".
#[rustfmt::skip]
const AT_PLACES: &[&str] = &[
    "at home", "at work", "at school", "at the office", "at the store", "at the shop", "at the supermarket", "at the gym", "at the station", "at the airport",
    "at the pharmacy", "at the bank", "near the", "a la maison", "au bureau", "au travail", "au supermarche", "au magasin", "a la gare", "a la pharmacie",
    "a l ecole", "a l aeroport", "chez moi", "pres de", "pres du",
];

/// What a request may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Anything, where the words for a time stand: "remind me when I am bored".
    Any,
    /// Being somewhere, where something else may be told: "… when I get home".
    Place,
}

/// Words that end what is said of a place: what is to be done begins there.
const ENDS: &[&str] = &["to", "de", "d", "remind", "rappelle", "please", "that", "about", "il"];

/// The most words that are told of a place.
const MOST_WORDS: usize = 4;

/// The bytes of a condition, if one stands here.
pub(crate) fn condition(mut cursor: Cursor, occasion: Occasion) -> Option<Range<usize>> {
    let start = cursor.peek()?.start;
    if occasion == Occasion::Any && cursor.any(AT_PLACES).is_some() {
        return Some(start..cursor.end());
    }
    if cursor.any(PHRASES).is_none() {
        cursor.any(CUES)?;
        cursor.any(SUBJECTS)?;
        let moves = cursor.any(MOVES).is_some();
        if !moves && occasion == Occasion::Place {
            return None;
        }
    }
    let names_a_place = |cursor: &Cursor| cursor.follows(&["home", "there", "work", "maison", "bureau", "office"]);
    for _ in 0..MOST_WORDS {
        let goes_on = cursor.peek().is_some_and(|token| !token.after_mark);
        if names_a_place(&cursor) || !goes_on || { cursor }.any(ENDS).is_some() {
            break;
        }
        cursor.advance();
    }
    Some(start..cursor.end())
}
