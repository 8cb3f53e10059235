//! Brings what people write in haste or dictate to the words that the grammars know: abbreviations, misspellings, words that add
//! nothing, and hours without their colon.
//!
//! How much is ventured depends on what is known of the text. In [`in_text`], any text, only what can be nothing else is respelt:
//! "tmrw", "thrusday", "um". In [`in_phrase`] a time stands, hence "8.15" is an hour and "dem" is tomorrow; in [`in_length`] a
//! length of time, where "8.15" stays a number. A respelt token keeps the bytes of what was written.

use super::Language;
use super::lexer::{Join, Kind, Token, tokens};
use super::lexicon::{FILLERS, MONTHS, ORDINALS, PLURAL_WEEKDAYS, RELATIVE_DAYS, SMALL_NUMBERS, TENS, UNITS, WEEKDAYS};

type Table = [(&'static str, &'static str)];

/// Spellings that are no words of anything else, and what they stand for: nothing, if they add nothing.
#[rustfmt::skip]
const ANYWHERE: &Table = &[
    ("tonite", "tonight"), ("tmr", "tomorrow"), ("tmw", "tomorrow"), ("tmrow", "tomorrow"), ("tomoz", "tomorrow"), ("tomo", "tomorrow"),
    ("tmmrw", "tomorrow"), ("tomrw", "tomorrow"), ("tmrrw", "tomorrow"), ("nxt", "next"), ("yday", "yesterday"), ("ystrday", "yesterday"), ("nite", "night"), ("arvo", "afternoon"), ("midnite", "midnight"),
    ("wensday", "wednesday"), ("wendsday", "wednesday"), ("wknd", "weekend"), ("wkend", "weekend"), ("wknds", "weekends"),
    ("wk", "week"), ("wks", "weeks"), ("mth", "month"), ("mths", "months"), ("mnth", "month"), ("mnths", "months"),
    ("qtr", "quarter"), ("quater", "quarter"), ("til", "till"), ("untill", "until"), ("fourty", "forty"), ("ninty", "ninety"),
    ("dmn", "demain"), ("ds", "dans"), ("tt les", "tous les"), ("ts les", "tous les"), ("ttes les", "toutes les"), ("du mat", "du matin"),
    ("semaine pro", "semaine prochaine"), ("aux alentours de", "vers"), ("aux alentours du", "vers"), ("aux environs de", "vers"),
    ("aux environs du", "vers"), ("approx", "around"), ("aprox", "around"),
    ("um", ""), ("umm", ""), ("uh", ""), ("uhh", ""), ("uhm", ""), ("er", ""), ("erm", ""), ("hm", ""), ("hmm", ""), ("euh", ""), ("heu", ""),
    ("ish", ""),
];

/// Spellings that are words of much else where no time stands.
#[rustfmt::skip]
const WHERE_A_TIME_STANDS: &Table = &[
    ("yest", "yesterday"), ("morn", "morning"), ("in the eve", "in the evening"), ("this eve", "this evening"), ("round", "around"),
    ("mo", "month"), ("mos", "months"), ("dem", "demain"), ("demin", "demain"), ("ce midi", "auj midi"), ("pro", "prochain"),
    ("ce we", "ce weekend"), ("ce w e", "ce weekend"), ("le we", "le weekend"), ("le w e", "le weekend"), ("we prochain", "weekend prochain"),
    ("we pro", "weekend prochain"), ("autour de", "vers"), ("petantes", "pile"), ("tapantes", "pile"), ("on the dot", "sharp"),
    ("like", ""), ("maybe", ""), ("perhaps", ""), ("probably", ""), ("possibly", ""), ("say", ""), ("let s say", ""), ("lets say", ""),
    ("i think", ""), ("i guess", ""), ("i suppose", ""), ("you know", ""), ("kinda", ""), ("kind of", ""), ("sort of", ""), ("or so", ""),
    ("or thereabouts", ""), ("thereabouts", ""), ("just", ""), ("oh", ""), ("weeknight", "weekday night"),
    ("weeknights", "weekdays night"), ("over the", "the"), ("any time", ""), ("anytime", ""), ("tops", ""), ("ok", ""), ("okay", ""), ("well", ""), ("so", ""),
    ("if possible", ""), ("thanks", ""), ("thank you", ""), ("thx", ""), ("cheers", ""), ("pls", ""), ("plz", ""), ("please", ""),
    ("at the latest", ""), ("latest", ""), ("or thereabout", ""),
    ("genre", ""), ("disons", ""), ("peut etre", ""), ("a peu pres", ""), ("plus ou moins", ""), ("grosso modo", ""), ("du coup", ""),
    ("bon", ""), ("ben", ""), ("bah", ""), ("alors", ""), ("hein", ""), ("je pense", ""), ("je crois", ""), ("si possible", ""), ("merci", ""),
    ("au plus tard", ""), ("dernier delai", ""), ("petite", ""), ("petites", ""), ("bonne", ""), ("bonnes", ""), ("grosse", ""), ("grosses", ""),
];

/// What is written glued to a "2": "2moro".
#[rustfmt::skip]
const BEHIND_TWO: &Table = &[
    ("moro", "tomorrow"), ("morow", "tomorrow"), ("morro", "tomorrow"), ("morrow", "tomorrow"), ("mrw", "tomorrow"), ("moz", "tomorrow"),
    ("nite", "tonight"), ("night", "tonight"), ("day", "today"), ("main", "demain"),
];

/// Names beside those of days and months that are understood though a letter is wrong.
#[rustfmt::skip]
const OTHER_NAMES: &[&str] = &[
    "tomorrow", "yesterday", "tonight", "morning", "afternoon", "evening", "midnight", "weekend", "minutes", "demain",
];

/// Words, names among them, that one letter tells from the name of a day or of a part of it.
#[rustfmt::skip]
const OTHER_WORDS: &[&str] = &[
    "sundae", "sundar", "sundry", "sunda", "frida", "fridah", "auguste", "augusta", "mourning", "moaning", "minuet", "minuets", "domain", "match", "marsh",
    "marche", "mandi", "madi", "marti", "lundy", "lundin", "jeudy", "events", "evenings", "mornings",
];

/// How much is known of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    IsALength,
    IsATime,
}

/// The tokens of any text.
pub(crate) fn in_text(text: &str) -> Vec<Token> {
    respelt(&tokens(text), Known::Nothing)
}

/// The tokens of a phrase that says a length of time.
pub(crate) fn in_length(text: &str) -> Vec<Token> {
    respelt(&tokens(text), Known::IsALength)
}

/// The tokens of a phrase that says a time.
pub(crate) fn in_phrase(text: &str) -> Vec<Token> {
    let mut tokens = respelt(&tokens(text), Known::IsATime);
    split_hours(&mut tokens);
    read_in_context(&mut tokens);
    tokens
}

fn respelt(written: &[Token], known: Known) -> Vec<Token> {
    let tables: &[&Table] = if known == Known::Nothing { &[ANYWHERE] } else { &[ANYWHERE, WHERE_A_TIME_STANDS] };
    let mut respelt: Vec<Token> = Vec::with_capacity(written.len());
    let (mut at, mut after_mark) = (0, false);
    while let Some(first) = written.get(at) {
        let (length, words) = match glued_to_two(&written[at..]).or_else(|| entry(&written[at..], tables)) {
            Some((length, words)) => (length, Some(words.to_owned())),
            None => (1, word(first).and_then(|word| without_ish(word).or_else(|| nearest_name(word, known)))),
        };
        let last = &written[at + length - 1];
        let first = Token { after_mark: first.after_mark || after_mark, end: last.end, ..first.clone() };
        match words {
            None => respelt.push(first.clone()),
            Some(words) => respelt.extend(words.split_whitespace().enumerate().map(|(nth, word)| Token {
                kind: Kind::Word(word.to_owned()),
                join: if nth == 0 { first.join } else { Join::Loose },
                after_mark: first.after_mark && nth == 0,
                ..first.clone()
            })),
        }
        // A mark before a word that is left out stands before the next.
        after_mark = respelt.last().is_none_or(|last| last.end != first.end) && first.after_mark;
        at += length;
    }
    respelt
}

/// The longest entry of the tables that stands at the start of `written`: how many tokens, and what they stand for.
fn entry(written: &[Token], tables: &[&Table]) -> Option<(usize, &'static str)> {
    let matches =
        |spelling: &str| spelling.split(' ').enumerate().all(|(at, part)| written.get(at).and_then(word) == Some(part));
    let entries = tables.iter().flat_map(|table| table.iter()).filter(|(spelling, _)| matches(spelling));
    let lengths = entries.map(|(spelling, words)| (spelling.split(' ').count(), *words));
    // "1er" is no hesitation, nor is the zero of "seven oh five".
    let is_ending = written[0].join == Join::Glued && word(&written[0]) == Some("er");
    let is_zero = word(&written[0]) == Some("oh") && is_in(written.get(1), SMALL_NUMBERS);
    lengths.max_by_key(|(length, _)| *length).filter(|_| !is_ending && !is_zero)
}

fn glued_to_two(written: &[Token]) -> Option<(usize, &'static str)> {
    let [two, rest, ..] = written else { return None };
    let is_two = matches!(two.kind, Kind::Number { value: 2, digits: 1, .. }) && rest.join == Join::Glued;
    let found = BEHIND_TWO.iter().find(|(spelling, _)| word(rest) == Some(spelling));
    found.filter(|_| is_two).map(|(_, words)| (2, *words))
}

/// "noonish", "fourish", "ninish": the hour.
fn without_ish(word: &str) -> Option<String> {
    let stem = word.strip_suffix("ish")?;
    let is_hour = |hour: &str| {
        ["noon", "midday", "midnight", "lunchtime"].contains(&hour)
            || SMALL_NUMBERS.iter().chain(TENS).any(|(name, _)| *name == hour)
    };
    [stem.to_owned(), format!("{stem}e")].into_iter().find(|hour| is_hour(hour))
}

/// The one name of a day, a month or a part of the day that `word` is a misspelling of.
fn nearest_name(word: &str, known: Known) -> Option<String> {
    // Shorter words are near to too many others.
    if !(4..=12).contains(&word.len()) || !word.is_ascii() || is_known(word) {
        return None;
    }
    let days = WEEKDAYS.iter().map(|(name, day)| (*name, day.to_monday_zero_offset()));
    let plurals = PLURAL_WEEKDAYS.iter().map(|(name, day)| (*name, 10 + day.to_monday_zero_offset()));
    let months = MONTHS.iter().map(|(name, month)| (*name, 20 + month));
    let others = (40..).zip(OTHER_NAMES).map(|(meaning, name)| (*name, meaning));
    let mut nearest: Option<(usize, &str, i8)> = None;
    let mut is_clear = true;
    for (name, meaning) in days.chain(plurals).chain(months).chain(others) {
        let distance = edits(word, name);
        if !is_near(word, name, distance, known) || nearest.is_some_and(|(least, ..)| least < distance) {
            continue;
        }
        is_clear = nearest.is_none_or(|(least, _, other)| distance < least || other == meaning);
        nearest = Some((distance, name, meaning));
    }
    nearest.filter(|_| is_clear).map(|(_, name, _)| name.to_owned())
}

/// Whether `word`, so many edits from `name`, is taken for it: people begin a word with the right letter.
fn is_near(word: &str, name: &str, distance: usize, known: Known) -> bool {
    if word.as_bytes().first() != name.as_bytes().first() || name == "march" {
        return false;
    }
    match (known, name.len()) {
        (_, 0..=4) | (Known::Nothing, 5) => false,
        // A swap of two letters makes no other word: "firday".
        (Known::Nothing, 6) => distance == 1 && word.len() == name.len() && is_a_swap(word, name),
        (Known::Nothing, _) | (_, 5..=7) => distance == 1,
        _ => distance <= 2,
    }
}

fn is_a_swap(word: &str, name: &str) -> bool {
    word.bytes().zip(name.bytes()).filter(|(written, right)| written != right).count() == 2
}

fn is_known(word: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let is_name = |name: &str| name == word || name == singular;
    [WEEKDAYS, PLURAL_WEEKDAYS].concat().iter().any(|(name, _)| is_name(name))
        || MONTHS.iter().any(|(name, _)| is_name(name))
        || UNITS.iter().any(|(name, _)| *name == word)
        || ORDINALS.iter().any(|(name, _)| *name == word)
        || RELATIVE_DAYS.iter().any(|(name, _)| *name == word)
        || [OTHER_NAMES, OTHER_WORDS, FILLERS].concat().iter().any(|name| is_name(name))
}

/// How many letters are wrong, missing or too many, or swapped with the next.
///
/// Paper: the restricted edit distance of Damerau, A technique for computer detection and correction of spelling errors, 1964.
fn edits(first: &str, second: &str) -> usize {
    let (first, second) = (first.as_bytes(), second.as_bytes());
    // More than two are of no interest.
    if first.len().abs_diff(second.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=second.len()).collect();
    for (line, letter) in first.iter().enumerate() {
        let mut next = vec![line + 1];
        for (column, other) in second.iter().enumerate() {
            let changed = row[column] + usize::from(letter != other);
            let mut least = changed.min(row[column + 1] + 1).min(next[column] + 1);
            let is_swap =
                line > 0 && column > 0 && *letter == second[column - 1] && first[line - 1] == *other && letter != other;
            if is_swap {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Words before four digits that then are a year.
const BEFORE_A_YEAR: &[&str] =
    &["in", "en", "of", "de", "since", "depuis", "year", "annee", "an", "l", "before", "avant"];

/// Words before a number that counts: "in 1500 hours".
const BEFORE_A_COUNT: &[&str] = &["in", "for", "within", "every", "dans", "pendant", "sous", "ici"];

/// "630" and "1500" are hours: they get a colon, as "8.15" does.
fn split_hours(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some(hour) = dotted(tokens, at) {
            tokens[at + 1].join = hour;
        } else if let Some((hour, minutes)) = run_together(tokens, at) {
            tokens.splice(at..=at, [hour, minutes]);
        }
        at += 1;
    }
}

/// The join of the minutes behind "8.15", if an hour of a clock is written so.
fn dotted(tokens: &[Token], at: usize) -> Option<Join> {
    let (hour, digits) = number(&tokens[at])?;
    let minutes = tokens.get(at + 1).filter(|next| next.join == Join::Dot)?;
    let (minute, minute_digits) = number(minutes)?;
    let is_time = hour <= 24 && digits <= 2 && minute < 60 && minute_digits == 2;
    let goes_on = tokens.get(at + 2).is_some_and(|next| next.join == Join::Dot);
    let is_inside = matches!(tokens[at].join, Join::Dot | Join::Slash | Join::Comma | Join::Colon);
    (is_time && !goes_on && !is_inside && !is_a_unit(tokens.get(at + 2))).then_some(Join::Colon)
}

/// The hour and the minutes of "630" and "1500".
fn run_together(tokens: &[Token], at: usize) -> Option<(Token, Token)> {
    let token = &tokens[at];
    let Kind::Number { value, digits: digits @ 3..=4, leading_zero: false } = token.kind else { return None };
    let is_long = |token: Option<&Token>| token.and_then(number).is_some_and(|(_, digits)| digits >= 3);
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let next = tokens.get(at + 1);
    let is_free = match token.join {
        Join::Loose => true,
        Join::Hyphen => is_long(before),
        _ => false,
    };
    let ends = next.is_none_or(|next| match next.join {
        Join::Loose | Join::Glued => true,
        Join::Hyphen => is_long(Some(next)),
        _ => false,
    });
    let follows = |words: &[&str]| before.and_then(word).is_some_and(|word| words.contains(&word));
    let names_hours = next.and_then(word).is_some_and(|word| ["hours", "hrs", "h", "hour"].contains(&word));
    let half = next.and_then(word).is_some_and(|word| ["am", "pm"].contains(&word));
    let counts = if names_hours { digits == 3 || follows(BEFORE_A_COUNT) } else { is_a_unit(next) };
    let of_a_year = digits == 4
        && !names_hours
        && !half
        && (follows(BEFORE_A_YEAR) || is_in(before, MONTHS) || (value >= 1900 && !is_a_day(before) && !is_a_day(next)));
    let is_a_time = (100..=2400).contains(&value) && value % 100 < 60 && (digits == 4 || value < 1000);
    if !is_free || !ends || counts || of_a_year || !is_a_time || is_in(next, MONTHS) || follows(&["in", "dans"]) {
        return None;
    }
    let middle = token.end - 2;
    let part = |value, digits, join, start, end| {
        let kind = Kind::Number { value, digits, leading_zero: false };
        Token { kind, join, start, end, ..token.clone() }
    };
    let hour = part(value / 100, digits - 2, token.join, token.start, middle);
    Some((hour, Token { after_mark: false, ..part(value % 100, 2, Join::Colon, middle, token.end) }))
}

/// Words that only the words beside them tell: "6:30p", "sunday eve", "3 n 4", "mar. 1 déc.", "14h pdt 1h".
fn read_in_context(tokens: &mut [Token]) {
    let language = Language::of_tokens(tokens);
    for at in 0..tokens.len() {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let next = tokens.get(at + 1);
        let after_number = before.and_then(number).is_some();
        let before_number = next.and_then(number).is_some();
        let glued = after_number && tokens[at].join == Join::Glued;
        let abbreviates = next.is_none_or(|next| next.join == Join::Loose);
        let meant = match word(&tokens[at]) {
            Some("p") if glued && abbreviates => "pm",
            Some("a") if glued && abbreviates && !before_number => "am",
            Some("eve") if is_a_day(before) => "evening",
            // Alone it is a mat.
            Some("mat") if before.is_some() => "matin",
            Some("n") if after_number && before_number => "and",
            Some("mar") if before_number && (language == Language::French || is_in(tokens.get(at + 2), MONTHS)) => {
                "mardi"
            }
            Some("pdt") if language == Language::French && before_number => "pendant",
            _ => continue,
        };
        tokens[at].kind = Kind::Word(meant.to_owned());
    }
}

fn is_a_day(token: Option<&Token>) -> bool {
    let parts = ["morning", "night", "tonight", "on"];
    is_in(token, WEEKDAYS)
        || is_in(token, RELATIVE_DAYS)
        || token.and_then(word).is_some_and(|word| parts.contains(&word))
}

fn is_a_unit(token: Option<&Token>) -> bool {
    is_in(token, UNITS)
}

fn is_in<T>(token: Option<&Token>, table: &[(&str, T)]) -> bool {
    token.and_then(word).is_some_and(|word| table.iter().any(|(name, _)| *name == word))
}

fn word(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Word(word) => Some(word),
        Kind::Number { .. } => None,
    }
}

fn number(token: &Token) -> Option<(u32, u8)> {
    match token.kind {
        Kind::Number { value, digits, .. } => Some((value, digits)),
        Kind::Word(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(tokens: &[Token]) -> String {
        let shown = tokens.iter().map(|token| match &token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Number { value, .. } => value.to_string(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_misspelling_is_read_only_as_the_one_name_it_is_near_to() {
        for (written, meant) in [
            ("thrusday", "thursday"),
            ("vendedi", "vendredi"),
            ("setpember", "september"),
            ("tursday", "tursday"),
            ("Thusday", "thursday"),
            ("sundae", "sundae"),
            ("mourning", "mourning"),
            ("fridays", "fridays"),
            ("weekends", "weekends"),
            ("mardis", "mardis"),
        ] {
            assert_eq!(words(&in_phrase(written)), meant);
        }
    }

    #[test]
    fn in_any_text_less_is_ventured() {
        for text in ["like mondya at 8.15 say", "call Frida in 630", "dem mat lundy avrli", "1 er mai"] {
            let kept = words(&tokens(text)).replace("mondya", "monday").replace("1 er", "1");
            assert_eq!(words(&in_text(text)), kept);
        }
    }

    #[test]
    fn hours_without_a_colon_get_one_and_years_do_not() {
        for (written, is_hour) in [
            ("630", true),
            ("1500 tomorrow", true),
            ("friday 1930", true),
            ("8.15", true),
            ("2027", false),
            ("in 1815", false),
            ("March 1815", false),
            ("500 minutes", false),
            ("4.12.2026", false),
            ("2026-02-28", false),
            ("1.30 hours", false),
        ] {
            let tokens = in_phrase(written);
            assert_eq!(tokens.iter().any(|token| token.join == Join::Colon), is_hour, "{written}");
        }
    }
}
