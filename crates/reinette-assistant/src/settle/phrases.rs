//! Words as they are compared: in lower case and without accents, each with its place in the text.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A run of letters and digits.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// In lower case and without accents.
    pub(super) text: String,
    /// Where it begins in the text, in bytes.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// What people say before a request and after it, and what asks for nothing by itself.
#[rustfmt::skip]
const COURTESIES: &[&str] = &[
    "please", "hey", "hi", "hello", "ok", "okay", "reinette", "can you", "could you", "would you", "will you", "can i", "could i", "i want to",
    "i would like to", "i d like to", "i need to", "i want you to", "i d like you to", "just", "quickly", "also", "and", "so", "now", "then", "thanks", "thank you",
    "s il te plait", "s il vous plait", "stp", "svp", "bonjour", "salut", "peux tu", "tu peux", "pourrais tu", "tu pourrais", "pouvez vous", "vous pouvez",
    "pourriez vous", "je veux", "je voudrais", "j aimerais", "et", "alors", "donc", "merci", "for me", "pour moi",
];

/// The words of `text`, in one pass.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut joined = false;
    for (start, character) in text.char_indices() {
        let continues = character.is_alphanumeric() || is_combining_mark(character);
        if continues {
            let end = start + character.len_utf8();
            if !joined {
                found.push(Word { text: String::new(), start, end });
            }
            if let Some(word) = found.last_mut() {
                word.end = end;
                word.text.extend(character.nfd().filter(|part| !is_combining_mark(*part)).flat_map(char::to_lowercase));
            }
        }
        joined = continues;
    }
    found
}

/// How many words the longest of these phrases takes at the beginning of `words`.
pub(super) fn begins(words: &[Word], phrases: &[&str]) -> Option<usize> {
    let length = |phrase: &&str| {
        let mut count = 0;
        let matches = phrase.split(' ').all(|part| {
            count += 1;
            words.get(count - 1).is_some_and(|word| word.text == part)
        });
        matches.then_some(count)
    };
    phrases.iter().filter_map(length).max()
}

/// Where one of these phrases stands in `words`: the place of its first word, and how many it takes.
pub(super) fn find(words: &[Word], phrases: &[&str]) -> Option<(usize, usize)> {
    (0..words.len()).find_map(|place| Some((place, begins(&words[place..], phrases)?)))
}

/// `words` behind all of these phrases that stand at the beginning.
pub(super) fn behind<'a>(mut words: &'a [Word], phrases: &[&str]) -> &'a [Word] {
    while let Some(length) = begins(words, phrases) {
        words = &words[length..];
    }
    words
}

/// `words` without what is said for courtesy before a request.
pub(super) fn behind_courtesies(words: &[Word]) -> &[Word] {
    behind(words, COURTESIES)
}

/// `words` without what is said for courtesy at both ends.
pub(super) fn without_courtesies(words: &[Word]) -> &[Word] {
    let mut words = behind_courtesies(words);
    let ends = |words: &[Word]| {
        let suffix = |length: &usize| begins(&words[words.len() - length..], COURTESIES) == Some(*length);
        (1..=words.len().min(4)).rev().find(suffix)
    };
    while let Some(length) = ends(words) {
        words = &words[..words.len() - length];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_place_and_lose_case_and_accents() {
        let text = "Écris-moi l’e\u{301}té !";
        let found = words(text);
        let texts: Vec<&str> = found.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["ecris", "moi", "l", "ete"]);
        assert_eq!(&text[found[3].start..found[3].end], "e\u{301}té");
    }

    #[test]
    fn courtesies_are_left_out_at_both_ends() {
        let left = |text: &str| {
            let all = words(text);
            without_courtesies(&all).iter().map(|word| word.text.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(left("Hey Reinette, could you please set a timer, thank you!"), "set a timer");
        assert_eq!(left("S’il te plaît, mets un minuteur, merci"), "mets un minuteur");
        assert_eq!(left("please"), "");
    }
}
