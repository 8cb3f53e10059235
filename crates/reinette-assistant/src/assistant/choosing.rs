//! What the user says next to a question that nobody answered: "the second", "the one on Friday".

use reinette_time::plain;

/// Words that choose nothing.
const FILLERS: &[&str] = &[
    "the", "one", "ones", "please", "yes", "yeah", "that", "this", "it", "um", "uh", "i", "mean", "meant", "at", "on",
    "of", "for", "le", "la", "l", "les", "celui", "celle", "ce", "oui", "stp", "a", "de", "du", "des", "euh", "est",
];

/// Places in a list, from the first.
const PLACES: &[&[&str]] = &[
    &["first", "1", "1st", "1er", "1ere", "premier", "premiere"],
    &["second", "2", "2nd", "2e", "deuxieme", "two"],
    &["third", "3", "3rd", "3e", "troisieme", "three"],
    &["fourth", "4", "4th", "4e", "quatrieme", "four"],
    &["fifth", "5", "5th", "5e", "cinquieme", "five"],
];
const LAST: &[&str] = &["last", "latter", "dernier", "derniere"];

/// An answer has so many words at most that say something; more are another request.
const MOST_WORDS: usize = 5;

/// The choice that some words mean, if they mean one alone: by its place, or by words that it has and no other.
pub(super) fn chosen(said: &str, choices: &[String]) -> Option<usize> {
    let said: Vec<String> = words(said).into_iter().filter(|word| !FILLERS.contains(&word.as_str())).collect();
    if said.is_empty() || said.len() > MOST_WORDS {
        return None;
    }
    if let [only] = said.as_slice() {
        let place = PLACES.iter().position(|names| names.contains(&only.as_str()));
        let place = place.or_else(|| LAST.contains(&only.as_str()).then(|| choices.len().saturating_sub(1)));
        if let Some(place) = place.filter(|place| *place < choices.len()) {
            return Some(place);
        }
    }
    let shared = |choice: &String| {
        let words = words(choice);
        said.iter().filter(|word| words.contains(word)).count()
    };
    let shared: Vec<usize> = choices.iter().map(shared).collect();
    let most = shared.iter().copied().max().filter(|most| 2 * most > said.len())?;
    let mut best = (0..choices.len()).filter(|place| shared[*place] == most);
    best.next().filter(|_| best.next().is_none())
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_meant_by_its_place_or_by_its_own_words() {
        let choices = ["Dentist Theo, Tuesday 8 December", "Dentist, Friday 4 December", "Dentist Mia, 9 December"]
            .map(String::from);
        for (said, expected) in [
            ("the second one", Some(1)),
            ("2", Some(1)),
            ("la dernière", Some(2)),
            ("theo", Some(0)),
            ("the one on friday", Some(1)),
            ("the dentist", None),
            ("december", None),
            ("the sixth", None),
            ("never mind", None),
            ("what is on friday and who comes along then to the thing", None),
            ("", None),
        ] {
            assert_eq!(chosen(said, &choices), expected, "{said}");
        }
    }
}
