//! Which of the user's things a few words mean.

mod vocabulary;

use std::cmp::Ordering;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use vocabulary::{
    ANYTHING, BESIDE_POINTERS, COMMON, FILLERS, KINDS, NEXT, OF_ALL, PARTICLES, POINTERS, WITH, standing_for,
};

pub(crate) use vocabulary::ALL;

/// How many things are named when none fits.
const MAX_NEAREST: usize = 3;

/// How well the best of some things fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Nothing,
    /// It is meant only if nothing else is: it is over, say.
    LastResort,
    /// It shares at least half of the words.
    Near,
    /// Only one of title and query has all words of the other.
    Partly,
    WordForWord,
}

/// What was found for some words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match<T> {
    /// Nothing fits; the nearest things, the best first.
    None {
        /// The nearest things.
        nearest: Vec<T>,
    },
    /// Exactly one thing.
    One(T),
    /// All of these fit equally well.
    Several(Vec<T>),
}

impl<T> Match<T> {
    /// What was found, each made into something else.
    pub(crate) fn map<U>(self, of: impl Fn(T) -> U) -> Match<U> {
        match self {
            Self::None { nearest } => Match::None { nearest: nearest.into_iter().map(of).collect() },
            Self::One(thing) => Match::One(of(thing)),
            Self::Several(things) => Match::Several(things.into_iter().map(of).collect()),
        }
    }
}

/// How well a title fits a query: first by which of the two has all words of the other, then by how many are shared.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Fit {
    coverage: Coverage,
    /// The part of all words that are shared, from 0 to 1.
    shared: f64,
    /// How many telling words are shared, if that is enough to mean the thing when nothing fits better; else 0.
    near: usize,
}

/// Which words are found in the other text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coverage {
    Partial,
    AllOfTitle,
    AllOfQuery,
    WordForWord,
}

/// Finds the things that `query` means by their titles.
///
/// Case, accents and filler words do not count, and a word may be misspelt by one letter. The titles with the same words
/// as the query win; then those that have all its words; then those whose words are all in it; then those that share the
/// most words, if these are half of the words of either.
pub(crate) fn find<T>(query: &str, things: impl IntoIterator<Item = T>, title: impl Fn(&T) -> &str) -> Match<T> {
    near(fitting(query, things, title))
}

/// As [`find`], but a title that only shares some words is not meant.
pub(crate) fn find_fitting<T>(
    query: &str,
    things: impl IntoIterator<Item = T>,
    title: impl Fn(&T) -> &str,
) -> Match<T> {
    match fitting(query, things, title) {
        Fitting::Best(best) => one_or_several(best),
        Fitting::Nothing(fitted) => nearest(fitted),
    }
}

/// What fits as a whole, or what there is else, the best first.
enum Fitting<T> {
    Best(Vec<T>),
    Nothing(Vec<(Fit, T)>),
}

fn fitting<T>(query: &str, things: impl IntoIterator<Item = T>, title: impl Fn(&T) -> &str) -> Fitting<T> {
    let query = all_words(query);
    let fitted = things.into_iter().map(|thing| (fit(&query, &all_words(title(&thing))), thing));
    let mut fitted: Vec<(Fit, T)> = fitted.filter(|(fit, _)| fit.shared > 0.0).collect();
    fitted.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
    let best = fitted.first().map_or(Coverage::Partial, |(fit, _)| fit.coverage);
    if best == Coverage::Partial {
        return Fitting::Nothing(fitted);
    }
    let best = fitted.into_iter().take_while(|(fit, _)| fit.coverage == best);
    Fitting::Best(best.map(|(_, thing)| thing).collect())
}

/// What fits, or what shares the most words.
fn near<T>(fitting: Fitting<T>) -> Match<T> {
    let fitted = match fitting {
        Fitting::Best(best) => return one_or_several(best),
        Fitting::Nothing(fitted) => fitted,
    };
    let most = fitted.iter().map(|(fit, _)| fit.near).max().unwrap_or(0);
    let count = fitted.iter().filter(|(fit, _)| fit.near == most).count();
    if most == 0 || count > MAX_NEAREST {
        return nearest(fitted);
    }
    let best = fitted.into_iter().filter(|(fit, _)| fit.near == most);
    one_or_several(best.map(|(_, thing)| thing).collect())
}

fn one_or_several<T>(mut best: Vec<T>) -> Match<T> {
    if best.len() > 1 {
        Match::Several(best)
    } else {
        best.pop().map_or(Match::None { nearest: Vec::new() }, Match::One)
    }
}

fn nearest<T>(fitted: Vec<(Fit, T)>) -> Match<T> {
    Match::None { nearest: fitted.into_iter().take(MAX_NEAREST).map(|(_, thing)| thing).collect() }
}

/// How well the best of some titles fits a query.
pub(crate) fn rank<'a>(query: &str, titles: impl IntoIterator<Item = &'a str>) -> Rank {
    let query = all_words(query);
    let fits = titles.into_iter().map(|title| fit(&query, &all_words(title))).filter(|fit| fit.shared > 0.0);
    let rank = |fit: Fit| match fit.coverage {
        Coverage::WordForWord => Rank::WordForWord,
        Coverage::AllOfQuery | Coverage::AllOfTitle => Rank::Partly,
        Coverage::Partial if fit.near > 0 => Rank::Near,
        Coverage::Partial => Rank::Nothing,
    };
    fits.map(rank).max().unwrap_or(Rank::Nothing)
}

/// Whether a title has the very words of a query.
pub(crate) fn is_exact(query: &str, title: &str) -> bool {
    rank(query, [title]) == Rank::WordForWord
}

/// Whether `text` means all things of a kind: "all of them", "everything", "tous mes rappels".
pub(crate) fn means_all(text: &str) -> bool {
    let words = all_words(text);
    // Both of which two?
    let is_all = |word: &String| word != "both" && ALL.contains(&word.as_str());
    words.iter().any(is_all) && words.iter().all(|word| is_all(word) || OF_ALL.contains(&word.as_str()))
}

/// Whether `text` means the next thing of a kind: "next", "my next meeting", "prochain rendez-vous".
pub(crate) fn means_next(text: &str) -> bool {
    let words = all_words(text);
    let is_next = |word: &String| NEXT.contains(&word.as_str());
    let says_no_more = |word: &str| [PARTICLES, KINDS, ANYTHING].iter().any(|list| list.contains(&word));
    words.iter().any(is_next) && words.iter().all(|word| is_next(word) || says_no_more(word))
}

/// Whether `text` only points at a thing: "it", "that one", "celui-là".
pub(crate) fn points(text: &str) -> bool {
    let words = all_words(text);
    let is_pointer = |word: &String| POINTERS.contains(&word.as_str());
    words.iter().any(is_pointer)
        && words.iter().all(|word| is_pointer(word) || BESIDE_POINTERS.contains(&word.as_str()))
}

/// Whether `text` only says what kind of thing is meant: "the meeting", "that event".
pub(crate) fn says_only_a_kind(text: &str) -> bool {
    let words = all_words(text);
    let is_kind = |word: &String| KINDS.contains(&word.as_str());
    let says_nothing = |word: &str| [PARTICLES, FILLERS].iter().any(|list| list.contains(&word));
    words.iter().any(is_kind) && words.iter().all(|word| is_kind(word) || says_nothing(word))
}

/// The part of the telling words of `query` that `text` has, from 0 to 1.
pub(crate) fn coverage(query: &str, text: &str) -> f64 {
    let query = asked(&all_words(query));
    covered(&query, &all_words(text)) as f64 / query.len().max(1) as f64
}

/// The words of `text` that tell what is meant.
pub(crate) fn words(text: &str) -> Vec<String> {
    telling(all_words(text))
}

fn fit(query: &[String], title: &[String]) -> Fit {
    let (telling_query, telling_title) = (asked(query), telling(title.to_vec()));
    let (of_query, of_title) = (covered(&telling_query, title), covered(&telling_title, query));
    let coverage = match (of_query == telling_query.len(), of_title == telling_title.len()) {
        (true, true) => Coverage::WordForWord,
        (true, false) => Coverage::AllOfQuery,
        (false, true) => Coverage::AllOfTitle,
        (false, false) => Coverage::Partial,
    };
    let count = (telling_query.len() + telling_title.len()).max(1);
    Fit { coverage, shared: (of_query + of_title) as f64 / count as f64, near: shared_enough(query, title) }
}

/// How many telling words two texts share, if that is at least half of those of either, one of them says more than
/// "buy" or "call", and they are not with different people; else 0.
fn shared_enough(query: &[String], title: &[String]) -> usize {
    let (telling_query, telling_title) = (asked(query), telling(title.to_vec()));
    let shared: Vec<&String> =
        telling_query.iter().filter(|word| telling_title.iter().any(|other| same_word(word, other))).collect();
    let is_half_of = |words: &[String]| 2 * shared.len() >= words.len();
    let says_something = shared.iter().any(|word| !COMMON.contains(&word.as_str()));
    let same_people = match (companions(query), companions(title)) {
        (Some(one), Some(other)) => covered(one, other) > 0,
        _ => true,
    };
    let is_enough = says_something && same_people && (is_half_of(&telling_query) || is_half_of(&telling_title));
    if is_enough { shared.len() } else { 0 }
}

/// The words behind "with".
fn companions(words: &[String]) -> Option<&[String]> {
    let with = words.iter().position(|word| WITH.contains(&word.as_str()))?;
    Some(&words[with + 1..])
}

fn covered(of: &[String], by: &[String]) -> usize {
    of.iter().filter(|word| by.iter().any(|other| same_word(word, other))).count()
}

/// All words, in lower case and without accents; of those that name the same thing, always the same.
fn all_words(text: &str) -> Vec<String> {
    let plain: String = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).flat_map(standing_for).collect()
}

/// The telling words of a query: what is to be done to the thing is not in its title.
fn asked(query: &[String]) -> Vec<String> {
    let telling = telling(query.to_vec());
    let rest: Vec<String> = telling.iter().filter(|word| !FILLERS.contains(&word.as_str())).cloned().collect();
    if rest.is_empty() { telling } else { rest }
}

/// The words that are neither particles nor kinds; when there are none, those that are no particles; else all.
fn telling(all: Vec<String>) -> Vec<String> {
    let without = |skipped: &[&[&str]]| -> Vec<String> {
        all.iter().filter(|word| !skipped.iter().any(|list| list.contains(&word.as_str()))).cloned().collect()
    };
    [without(&[PARTICLES, KINDS]), without(&[PARTICLES])].into_iter().find(|words| !words.is_empty()).unwrap_or(all)
}

/// Whether two words are the same, in another number or with one letter wrong.
fn same_word(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.chars().count() < 4 || short.chars().all(|c| c.is_ascii_digit()) {
        return long.strip_prefix(short).is_some_and(|rest| rest == "s" && short.len() > 2);
    }
    one_edit_apart(short, long)
}

/// Whether one insertion, deletion, substitution or swap of neighbours makes the words the same.
fn one_edit_apart(short: &str, long: &str) -> bool {
    let (short, long): (Vec<char>, Vec<char>) = (short.chars().collect(), long.chars().collect());
    let prefix = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[prefix..], &long[prefix..]);
    match long.len().checked_sub(short.len()) {
        Some(0) => {
            let swapped = short.len() >= 2 && short[0] == long[1] && short[1] == long[0] && short[2..] == long[2..];
            swapped || short.get(1..) == long.get(1..)
        }
        Some(1) => *short == long[1..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(query: &str, titles: &[&'a str]) -> Match<&'a str> {
        find(query, titles.iter().copied(), |title| title)
    }

    #[test]
    fn a_thing_is_found_by_its_telling_words() {
        let titles = ["Dentist", "Lunch with Ana", "Réunion d'équipe"];
        assert_eq!(found("the dentist appointment", &titles), Match::One("Dentist"));
        assert_eq!(found("ana", &titles), Match::One("Lunch with Ana"));
        assert_eq!(found("reunion d’equipe", &titles), Match::One("Réunion d'équipe"));
        assert_eq!(found("dentsit", &titles), Match::One("Dentist"));
        assert_eq!(found("ma réunion", &titles), Match::One("Réunion d'équipe"));
    }

    #[test]
    fn two_that_fit_are_both_offered_and_a_word_for_word_title_wins() {
        assert_eq!(
            found("lunch", &["Lunch with Ana", "Lunch with Bo"]),
            Match::Several(vec!["Lunch with Ana", "Lunch with Bo"])
        );
        assert_eq!(found("lunch", &["Lunch with Ana", "Lunch"]), Match::One("Lunch"));
        assert_eq!(found("lunch", &["Lunch", "Lunch"]), Match::Several(vec!["Lunch", "Lunch"]));
    }

    #[test]
    fn a_word_too_many_and_another_word_for_the_same_do_not_matter() {
        let titles = ["Christmas lunch", "Mum's birthday party", "Doctor's appointment", "Yearly boiler service"];
        assert_eq!(found("xmas lunch", &titles), Match::One("Christmas lunch"));
        assert_eq!(found("mom bday", &titles), Match::One("Mum's birthday party"));
        assert_eq!(found("the dr appt", &titles), Match::One("Doctor's appointment"));
        assert_eq!(found("the whole lunch thing is off lol", &titles), Match::One("Christmas lunch"));
        assert_eq!(found("cancelled the boiler checkup service", &titles), Match::One("Yearly boiler service"));
        assert_eq!(found("cancelled", &titles), Match::None { nearest: Vec::new() });
        let strict = find_fitting("boiler checkup", titles, |title| title);
        assert_eq!(strict, Match::None { nearest: vec!["Yearly boiler service"] });
    }

    #[test]
    fn of_those_that_share_as_many_words_one_is_asked_for() {
        let titles = ["Boiler service", "Boiler invoice", "Call Bo", "Buy bread"];
        assert_eq!(found("boiler checkup", &titles), Match::Several(vec!["Boiler service", "Boiler invoice"]));
        assert_eq!(found("boiler service checkup today", &titles), Match::One("Boiler service"));
        let many = ["Boiler a1", "Boiler b2", "Boiler c3", "Boiler d4"];
        assert!(matches!(found("boiler checkup", &many), Match::None { .. }));
    }

    #[test]
    fn what_only_points_is_told_from_titles() {
        for text in ["it", "that one", "this", "That thing, please", "celui-là", "ça"] {
            assert!(points(text), "{text}");
        }
        for text in ["the one", "that dentist", "la", "", "them"] {
            assert!(!points(text), "{text}");
        }
        assert!(says_only_a_kind("the meeting") && says_only_a_kind("ce rendez-vous"));
        assert!(!says_only_a_kind("team meeting") && !says_only_a_kind("it"));
    }

    #[test]
    fn all_and_next_are_told_from_titles() {
        for text in [
            "all",
            "all of them",
            "everything",
            "all my reminders",
            "every reminder",
            "tous",
            "toutes",
            "tous les rappels",
        ] {
            assert!(means_all(text), "{text}");
        }
        for text in ["everything for the party", "both", "reminders", "", "all alarms"] {
            assert!(!means_all(text), "{text}");
        }
        for text in ["next", "my next meeting", "the next one", "prochain", "mon prochain rendez-vous", "la prochaine"]
        {
            assert!(means_next(text), "{text}");
        }
        for text in ["next week", "next Monday", "meeting", "la semaine prochaine", "next events", ""] {
            assert!(!means_next(text), "{text}");
        }
    }

    #[test]
    fn a_rank_is_that_of_the_best() {
        let rank = |query| rank(query, ["Dentist", "Lunch with Ana"]);
        assert_eq!(rank("the dentist appointment"), Rank::WordForWord);
        assert_eq!(rank("lunch"), Rank::Partly);
        assert_eq!(rank("lunch with Bo"), Rank::Nothing);
        assert_eq!(rank(""), Rank::Nothing);
    }

    #[test]
    fn what_is_only_near_is_not_taken_for_a_match() {
        let nothing = Match::None { nearest: Vec::new() };
        assert_eq!(found("buy milk", &["Buy bread"]), Match::None { nearest: vec!["Buy bread"] });
        assert_eq!(found("zebra", &["Buy bread"]), nothing);
        assert_eq!(found("", &["Buy bread"]), nothing);
        assert_eq!(found("gym", &["gin"]), nothing);
    }
}
