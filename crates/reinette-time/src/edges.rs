//! The words beside an expression of time that belong to it, though it was understood without them, and the numbers that do
//! not belong to a time at all. Words are told apart by lexical class alone:
//!
//! | class | before | behind |
//! |---|---|---|
//! | number or fraction, where the expression goes on or ends with one | "7 \\| 1/2 hours" | "2 hours \\| 30 4" |
//! | time zone, behind an hour | | "3pm \\| XST" |
//! | preposition of time | "after \\| Friday" | "an hour \\| before the dentist" |
//! | exception | | "every weekday \\| except the holidays" |
//! | qualifier | "mid \\| December" | "tomorrow \\| twice" |
//! | alternative | "10 or \\| 15 minutes" | "9 \\| or 10" |
//!
//! Nothing belongs to an expression beyond a mark of punctuation.

use std::ops::Range;

use super::Language;
use super::cursor::Cursor;
use super::holidays::HOLIDAYS;
use super::lexer::{Join, Kind, Token};
use super::lexicon::{FILLERS, MONTHS, PLURAL_WEEKDAYS, SMALL_NUMBERS, TENS, UNITS, WEEKDAYS};
use super::{working_days, zones};

/// What is looked for in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// Moments of something that rings, which might be asked for at a place.
    Rings,
    /// Other moments.
    Moments,
    /// Lengths of time.
    Lengths,
}

/// Prepositions of time; those that an expression may begin with are understood with it.
#[rustfmt::skip]
const PREPOSITIONS: &[&str] = &[
    "before", "after", "until", "till", "til", "since", "during", "prior to", "avant", "apres", "depuis", "pendant", "jusqu a", "jusqu au", "jusqu",
    "lors de", "lors du", "lors d", "unless", "a moins",
];

/// Words that only seem to name what a time is before.
const IDIOMS: &[&str] =
    &["before i forget", "before it s too late", "avant que j oublie", "avant d oublier", "after all"];

/// Words that leave something out, but for those that mean much else.
#[rustfmt::skip]
const EXCEPTIONS: &[&str] = &[
    "except", "excepting", "excluding", "but not", "but never", "apart from", "aside from", "other than", "sauf", "excepte", "hormis", "mais pas",
];

/// Qualifiers before a time.
#[rustfmt::skip]
const BEFORE: &[&str] = &[
    "after", "until", "till", "til", "since", "except", "every", "each", "other", "mid", "following", "previous", "alternate", "apres", "depuis", "jusqu",
    "sauf", "chaque", "mi", "hormis", "excepte", "nearly", "almost", "presque",
];

/// Parts of a time before "of".
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "half", "middle", "rest", "quarter", "third", "most", "milieu", "moitie", "reste", "courant", "day", "days", "weekday", "week", "jour", "jours", "semaine",
    "end", "evening", "morning",
];

/// Qualifiers behind a time.
#[rustfmt::skip]
const BEHIND: &[&str] = &[
    "every", "each", "twice", "thrice", "ago", "hence", "am", "pm", "prochain", "prochaine", "prochains", "prochaines", "suivant", "suivante", "dernier",
    "derniere", "passe", "passee", "chaque", "tous les", "toutes les", "times a", "times per", "fois par", "business", "working", "ouvres", "ouvrables",
];

/// Words whose number names a thing: "room 12".
#[rustfmt::skip]
const LABELS: &[&str] = &[
    "room", "chapter", "page", "flight", "bus", "tram", "line", "route", "gate", "platform", "track", "number", "no", "step", "season", "episode", "part",
    "version", "level", "floor", "unit", "apartment", "apt", "flat", "house", "building", "terminal", "seat", "row", "section", "volume", "issue", "lot",
    "lesson", "exercise", "question", "problem", "phase", "stage", "form", "group", "team", "class", "grade", "section", "article", "act", "scene", "day", "week",
    "salle", "chambre", "chapitre", "vol", "ligne", "quai", "porte", "numero", "etape", "saison", "partie", "niveau", "etage", "appartement", "batiment", "place",
    "rang", "tome", "lecon", "exercice", "groupe", "equipe", "classe", "acte", "scene", "jour", "semaine", "voie", "bureau", "dossier", "formulaire",
];

/// Words behind whose "for" people are counted.
#[rustfmt::skip]
const PARTIES: &[&str] = &[
    "table", "room", "reservation", "booking", "ticket", "tickets", "seat", "seats", "place", "places", "cabin", "chambre", "billets", "couverts", "tables",
    "gite",
];

#[rustfmt::skip]
const MEALS: &[&str] =
    &["dinner", "lunch", "brunch", "breakfast", "supper", "meal", "picnic", "diner", "dejeuner", "souper", "repas", "pique", "nique"];

/// Words behind a number that are counted, beside plurals in "s".
#[rustfmt::skip]
const COUNTED: &[&str] = &["people", "persons", "children", "men", "women", "pax", "adults", "gens", "enfants", "chevaux", "kg", "g", "km", "ml", "cl", "l", "euros", "percent"];

/// Words in "s" that are not counted.
#[rustfmt::skip]
const NOT_COUNTED: &[&str] = &[
    "this", "always", "thus", "perhaps", "across", "towards", "unless", "thanks", "quarters", "thirds", "dans", "sans", "nous", "vous", "puis", "plus", "moins",
    "mais", "alors", "vers", "quarts", "jours", "sharp", "tous", "sous", "apres", "precises", "matins", "soirs", "mars", "prochains", "prochaines",
    "derniers", "dernieres", "suivants", "suivantes",
];

/// Words that announce an hour.
#[rustfmt::skip]
const ANNOUNCING: &[&str] = &["at", "a", "by", "around", "about", "vers", "from", "to", "until", "till", "between", "and", "before", "after", "de", "entre", "et", "past"];

/// Whether the number at `at` counts or names something that is no time.
pub(crate) fn counts_something_else(tokens: &[Token], at: usize) -> bool {
    if !is_number(&tokens[at]) || is_marked_as_time(&tokens[at + 1..]) {
        return false;
    }
    let before = |distance: usize| {
        let unbroken = (0..distance).all(|step| at.checked_sub(step).is_some_and(|index| !tokens[index].after_mark));
        at.checked_sub(distance).filter(|_| unbroken).and_then(|index| word(&tokens[index]))
    };
    let is_before = |distance: usize, list: &[&str]| before(distance).is_some_and(|word| list.contains(&word));
    if is_of_a_long_number(tokens, at) || is_a_bare_year(tokens, at) {
        return true;
    }
    // "Ocean's 11 on Saturday at 9"
    let may_be_a_day = is_before(1, &["le", "du", "au", "the", "on"])
        || at.checked_sub(1).is_some_and(|before| names_a_day_or_month(&tokens[before]));
    let stands_alone = in_digits(&tokens[at]) && tokens[at].join == Join::Loose;
    if stands_alone && !may_be_a_day && !is_before(1, ANNOUNCING) && announces_an_hour(clause(tokens, at + 1)) {
        return true;
    }
    if is_before(1, LABELS) || (is_before(1, &["in", "within", "dans", "sous"]) && !has_four_digits(&tokens[at])) {
        return true;
    }
    if is_before(1, &["for", "pour"]) {
        let of = |list: &[&str]| (2..=5).any(|distance| is_before(distance, list));
        // "Dinner for 7" may be at seven, unless an hour is said too.
        if of(PARTIES) || (of(MEALS) && (!in_digits(&tokens[at]) || announces_an_hour(&tokens[at + 1..]))) {
            return true;
        }
    }
    let is_plural = |next: &Token| {
        let is_weekday = WEEKDAYS.iter().chain(PLURAL_WEEKDAYS).any(|(name, _)| word(next) == Some(name));
        let counts = |word: &str| word.len() > 3 && word.ends_with('s') && !NOT_COUNTED.contains(&word);
        !is_weekday && word(next).is_some_and(|word| COUNTED.contains(&word) || counts(word))
    };
    tokens.get(at + 1).is_some_and(|next| !next.after_mark && is_plural(next)) && !is_before(1, ANNOUNCING)
}

/// Whether the last token before `end` is a number, and the next its unit: "for 8 | minutes".
pub(crate) fn splits_a_count(tokens: &[Token], end: usize) -> bool {
    let next = tokens.get(end).filter(|next| !next.after_mark && next.end - next.start > 2);
    is_number(&tokens[end - 1]) && next.is_some() && Cursor::new(&tokens[end..]).phrase(UNITS).is_some()
}

/// What follows up to the next mark, a few words at most.
fn clause(tokens: &[Token], start: usize) -> &[Token] {
    let length = tokens[start..].iter().take(LONGEST_NAME).take_while(|token| !token.after_mark).count();
    &tokens[start..start + length]
}

fn names_a_day_or_month(token: &Token) -> bool {
    let mut cursor = Cursor::new(std::slice::from_ref(token));
    cursor.phrase(WEEKDAYS).is_some() || cursor.phrase(MONTHS).is_some()
}

/// "06 12 34 56 78": a telephone number.
fn is_of_a_long_number(tokens: &[Token], at: usize) -> bool {
    let before = tokens[..at].iter().rev().take_while(|token| in_digits(token)).count();
    let behind = tokens[at..].iter().take_while(|token| in_digits(token)).count();
    before + behind >= 4 && tokens[at].join != Join::Colon
}

fn has_four_digits(token: &Token) -> bool {
    matches!(token.kind, Kind::Number { digits: 4, leading_zero: false, .. })
}

/// "read 1984": four digits that no word of time announces.
fn is_a_bare_year(tokens: &[Token], at: usize) -> bool {
    if !has_four_digits(&tokens[at]) {
        return false;
    }
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return false };
    let announcing = ["in", "en", "of", "de", "during", "since", "st", "nd", "rd", "th", "year", "annee", "l"];
    let ends_a_holiday = |word: &str| HOLIDAYS.iter().any(|(name, _)| name.rsplit(' ').next() == Some(word));
    !in_digits(before)
        && !names_a_day_or_month(before)
        && !word(before)
            .is_some_and(|word| announcing.contains(&word) || ANNOUNCING.contains(&word) || ends_a_holiday(word))
}

/// Whether "at" and a number stand in a text.
fn announces_an_hour(tokens: &[Token]) -> bool {
    // "At" and "à" have two bytes, and the article "a" has one.
    let is_at =
        |token: &Token| token.end - token.start == 2 && word(token).is_some_and(|word| ["at", "a"].contains(&word));
    tokens.windows(2).any(|pair| is_at(&pair[0]) && is_number(&pair[1]))
}

/// Whether a short name of a day or month is a word of another kind: "a call with Sam", "mon rendez-vous", "I may come".
pub(crate) fn is_no_day(tokens: &[Token], at: usize, language: Language) -> bool {
    let Some(name) = word(&tokens[at]) else { return false };
    let before = at.checked_sub(1).and_then(|before| word(&tokens[before])).unwrap_or_default();
    let next = tokens.get(at + 1);
    match name {
        "mon" => language == Language::French,
        "may" => ["i", "we", "you", "he", "she", "it", "they", "that", "there", "who"].contains(&before),
        "sam" | "mer" | "jeu" | "dim" | "ven" | "lun" | "mar" => {
            let is_dated = next.is_some_and(in_digits) && tokens[at].end - tokens[at].start == 3;
            !is_dated && !["le", "ce", "du", "au", "les", "de"].contains(&before)
        }
        _ => false,
    }
}

/// Whether what follows a number makes it part of a time.
fn is_marked_as_time(rest: &[Token]) -> bool {
    let mut cursor = Cursor::new(rest);
    let joined = rest.first().is_some_and(|next| next.join != Join::Loose);
    joined
        || { cursor }.phrase(UNITS).is_some()
        || { cursor }.phrase(MONTHS).is_some()
        || working_days::follow(cursor)
        || cursor.any(&["am", "pm", "o clock", "oclock", "sharp", "pile"]).is_some()
}

/// The tokens of something about time that is known by its form and means nothing here: "in 3 lunar months", "3 times a day".
pub(crate) fn length_of_unknown(tokens: &[Token]) -> Option<usize> {
    let mut cursor = Cursor::new(tokens);
    cursor
        .attempt(times_a_unit)
        .or_else(|| cursor.attempt(unknown_units))
        .or_else(|| cursor.attempt(before_an_event))?;
    Some(cursor.position())
}

/// "the day before my birthday"
fn before_an_event(cursor: &mut Cursor) -> Option<()> {
    super::request::named_distance(cursor)?;
    for _ in 0..LONGEST_NAME {
        if cursor.peek().is_none_or(ends_a_phrase) {
            break;
        }
        cursor.advance();
    }
    Some(())
}

/// "3 times a day", "twice a week", "deux fois par jour": nobody says when.
fn times_a_unit(cursor: &mut Cursor) -> Option<()> {
    let number = cursor.any(&["twice", "several times", "plusieurs fois"]).is_none();
    if number {
        cursor.number()?;
        cursor.any(&["times", "fois", "x"])?;
    }
    cursor.any(&["a", "per", "each", "every", "par", "an"])?;
    cursor.phrase(UNITS).map(|_| ())
}

/// "in 3 lunar months": a count of something that is no unit, and a unit.
fn unknown_units(cursor: &mut Cursor) -> Option<()> {
    cursor.any(&["in", "within", "dans", "sous"])?;
    cursor.number()?;
    if { *cursor }.phrase(UNITS).is_some() || working_days::follow(*cursor) {
        return None;
    }
    let joins = ["a", "and", "to", "or", "et", "the", "of", "de"];
    cursor.advance().filter(|token| !token.after_mark && word(token).is_some_and(|word| !joins.contains(&word)))?;
    // Units of a letter or two are words of much else.
    cursor.peek().filter(|unit| !unit.after_mark && unit.end - unit.start > 2)?;
    cursor.phrase(UNITS).map(|_| ())
}

/// Whether the words for a time may stand here: at the start, or behind "remind me".
pub(crate) fn begins_a_time(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| word(&tokens[before]));
    tokens[at].after_mark || before.is_none_or(|before| ["me", "moi", "us", "nous"].contains(&before))
}

/// Whether only "or" stands between two expressions.
pub(crate) fn are_alternatives(between: &[Token]) -> bool {
    let words: Vec<&str> = between.iter().filter_map(word).collect();
    words.len() == between.len()
        && between.iter().all(|token| !token.after_mark)
        && words.iter().any(|word| ["or", "ou"].contains(word))
        && words
            .iter()
            .all(|word| ["or", "ou", "at", "on", "in", "the", "maybe", "a", "le", "la", "either"].contains(word))
}

/// The run with the words beside it that belong to it; `free_from` is where the expression before it ends.
pub(crate) fn widened(tokens: &[Token], run: Range<usize>, free_from: usize, grammar: Grammar) -> Range<usize> {
    let mut start = run.start;
    while let Some(more) = belonging_before(tokens, start, grammar).filter(|more| start >= free_from + more) {
        start -= more;
    }
    start..run.end + belonging_behind(tokens, run.end, grammar)
}

/// Whether a word adds nothing to a time at whose edge it stands.
pub(crate) fn is_filler(token: &Token) -> bool {
    word(token).is_some_and(|word| FILLERS.contains(&word))
}

/// Whether a word adds nothing to a time behind which it stands: a filler, or one that would lead to another time.
pub(crate) fn adds_nothing_at_the_end(token: &Token) -> bool {
    is_filler(token)
        || word(token).is_some_and(|word| ["up", "until", "till", "through", "between", "and", "et"].contains(&word))
}

/// How many tokens before `start` belong to what begins there.
fn belonging_before(tokens: &[Token], start: usize, grammar: Grammar) -> Option<usize> {
    let first = &tokens[start];
    let before = &tokens[start.checked_sub(1).filter(|_| !first.after_mark)?];
    if word(before).is_some_and(|word| BEFORE.contains(&word)) {
        return Some(1);
    }
    if word(first).is_some_and(|word| ["of", "du", "de", "d"].contains(&word))
        && word(before).is_some_and(|word| PARTS.contains(&word))
    {
        return Some(1);
    }
    let goes_on_a_number =
        is_number(first) || is_fraction(first) || Cursor::new(&tokens[start..]).phrase(UNITS).is_some();
    if !goes_on_a_number {
        return None;
    }
    if in_digits(before) && !counts_something_else(tokens, start - 1) {
        return Some(1);
    }
    // "10 or 15 minutes"
    let joins = word(before).is_some_and(|word| ["or", "to", "ou", "a", "and", "et"].contains(&word));
    let number =
        start.checked_sub(2).map(|index| &tokens[index]).filter(|number| is_number(number) && !before.after_mark);
    (grammar == Grammar::Lengths && joins && number.is_some()).then_some(2)
}

/// How many tokens from `end` on belong to what ends there.
fn belonging_behind(tokens: &[Token], end: usize, grammar: Grammar) -> usize {
    let rest = &tokens[end..];
    let (Some(next), Some(last)) = (rest.first().filter(|next| !next.after_mark), tokens.get(end.wrapping_sub(1)))
    else {
        return 0;
    };
    let mut cursor = Cursor::new(rest);
    if { cursor }.any(IDIOMS).is_some() {
        return 0;
    }
    if ends_an_hour(last)
        && let Some(length) = zones::length_of_unknown(cursor)
    {
        return length;
    }
    if cursor.any(PREPOSITIONS).is_some() || cursor.any(EXCEPTIONS).is_some() {
        return cursor.position() + phrase_length(&rest[cursor.position()..]);
    }
    if cursor.any(BEHIND).is_some() {
        return cursor.position();
    }
    let after_number = is_number(last) || Cursor::new(std::slice::from_ref(last)).phrase(UNITS).is_some();
    let counts_nothing_else = !counts_something_else(tokens, end);
    if is_fraction(next) || (after_number && in_digits(next) && counts_nothing_else) {
        return 1;
    }
    let is_alternative = word(next).is_some_and(|word| ["or", "ou"].contains(&word));
    if grammar == Grammar::Lengths && is_alternative && rest.get(1).is_some_and(is_number) {
        return 2;
    }
    0
}

/// The most words that name what a time is before or after.
const LONGEST_NAME: usize = 5;

/// How many tokens name a thing, up to a mark or to the word with which another clause begins.
fn phrase_length(tokens: &[Token]) -> usize {
    tokens.iter().take(LONGEST_NAME).take_while(|token| !ends_a_phrase(token)).count()
}

/// Whether a mark stands before a token, or another clause begins with it.
fn ends_a_phrase(token: &Token) -> bool {
    let ends = ["to", "and", "that", "remind", "please", "rappelle", "et", "pour", "i", "je"];
    token.after_mark || word(token).is_some_and(|word| ends.contains(&word))
}

fn ends_an_hour(last: &Token) -> bool {
    let words = ["am", "pm", "m", "h", "heure", "heures", "clock", "oclock", "noon", "midnight", "midi", "minuit"];
    is_number(last) || word(last).is_some_and(|word| words.contains(&word))
}

fn word(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Word(word) => Some(word),
        Kind::Number { .. } => None,
    }
}

fn in_digits(token: &Token) -> bool {
    matches!(token.kind, Kind::Number { .. })
}

fn is_number(token: &Token) -> bool {
    let is_named = |word: &str| SMALL_NUMBERS.iter().chain(TENS).any(|(name, _)| *name == word);
    in_digits(token) || word(token).is_some_and(|word| is_named(word) && !["un", "une"].contains(&word))
}

fn is_fraction(token: &Token) -> bool {
    word(token).is_some_and(|word| ["½", "¼", "¾", "⅓", "⅔"].contains(&word))
}
