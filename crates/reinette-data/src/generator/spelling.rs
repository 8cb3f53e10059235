//! How a request is written, rightly and in a hurry. The arguments stay parts of the request.

use super::product::read_toml;
use super::segments::{Segment, Segments};
use crate::DataError;
use crate::random::Random;
use fancy_regex::{Captures, Regex};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Of requests, those that have no capital letter …
const LOWER_CASE: f64 = 0.30;
/// … and those that begin with one; the others stay as the grammar has them.
const CAPITAL: f64 = 0.50;
/// Of requests, those with clipped words, and of the words that can be clipped, those that are then.
const CLIPPED: f64 = 0.07;
const CLIPPED_WORD: f64 = 0.5;
/// Of requests, those with a slip of the finger.
const MISSPELT: f64 = 0.08;
/// Of requests, those without marks inside.
const UNPUNCTUATED: f64 = 0.12;
/// Of requests that end with a mark, those that lose it; of the others, those that gain one.
const MARK_LOST: f64 = 0.4;
const MARK_GAINED: f64 = 0.35;
/// The marks that are gained, by how often.
const MARKS: [&str; 4] = [".", ".", "!", "?"];

static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^\W\d_]{4,}").ok());
/// Marks inside of numbers, such as 6:30, are no punctuation.
static PUNCTUATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[;!?]|[,:](?!\d)").ok());

/// `LANGUAGE.toml`: what is particular to a language.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    unaccented: f64,
    #[serde(default)]
    unclipped: Option<String>,
    #[serde(default)]
    contractions: Vec<Rewriting>,
    #[serde(default)]
    slips: Vec<Rewriting>,
    #[serde(default)]
    clipped: BTreeMap<String, String>,
}

/// A pattern, what stands in its place, and how often.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewriting {
    pattern: String,
    replacement: String,
    #[serde(default = "always")]
    share: f64,
}

fn always() -> f64 {
    1.0
}

/// How a language is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Spelling {
    /// Of requests, those without accents.
    unaccented: f64,
    /// Arguments in which this is found are not clipped.
    unclipped: Option<Regex>,
    /// What is always written in another way, such as `d'` for `de`.
    contractions: Vec<(Regex, String)>,
    /// What sometimes is, with how often.
    slips: Vec<(Regex, String, f64)>,
    /// Words and what people in a hurry write, the longest first.
    clipped: Vec<(String, String)>,
}

impl Spelling {
    /// Reads `LANGUAGE.toml`.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, DataError> {
        let File { unaccented, unclipped, contractions, slips, clipped } = read_toml(file, text)?;
        let compile = |pattern: &str| {
            let line = text.lines().position(|line| line.contains(pattern)).map_or(0, |index| index + 1);
            Regex::new(pattern).map_err(|error| DataError::line(file, line, format!("`{pattern}`: {error}")))
        };
        let mut clipped: Vec<_> = clipped.into_iter().collect();
        clipped.sort_by_key(|(word, _)| std::cmp::Reverse(word.chars().count()));
        Ok(Self {
            unaccented,
            unclipped: unclipped.as_deref().map(compile).transpose()?,
            contractions: contractions
                .into_iter()
                .map(|rule| Ok((compile(&rule.pattern)?, rule.replacement)))
                .collect::<Result<_, DataError>>()?,
            slips: slips
                .into_iter()
                .map(|rule| Ok((compile(&rule.pattern)?, rule.replacement, rule.share)))
                .collect::<Result<_, DataError>>()?,
            clipped,
        })
    }

    /// Spaces and contractions as they ought to be.
    pub(super) fn write(&self, request: &mut Segments) {
        request.tidy();
        for (pattern, replacement) in &self.contractions {
            request.rewrite(pattern, replacement);
        }
        request.tidy();
    }

    /// Case, marks and spelling as they come.
    pub(super) fn roughen(&self, request: &mut Segments, random: &mut Random) {
        let style = random.share();
        if style < LOWER_CASE {
            request.map(|segment| segment.text.to_lowercase());
        } else if style < LOWER_CASE + CAPITAL {
            capitalise(request);
        }
        if random.chance(CLIPPED) {
            self.clip(request, random);
        }
        if random.chance(MISSPELT) {
            misspell(request, random);
        }
        if random.chance(self.unaccented) {
            request.map(|segment| segment.text.nfd().filter(|letter| !is_combining_mark(*letter)).collect());
        }
        for (pattern, replacement, share) in &self.slips {
            if random.chance(*share) {
                request.rewrite(pattern, replacement);
            }
        }
        if let Some(marks) = PUNCTUATION.as_ref().filter(|_| random.chance(UNPUNCTUATED)) {
            request.rewrite(marks, "");
        }
        let ends = ['?', '.', '!'];
        if request.text().trim_end().ends_with(ends) {
            if random.chance(MARK_LOST) {
                request.trim_end_matches(&[' ', '?', '.', '!']);
            }
        } else if random.chance(MARK_GAINED) {
            // Those who write carefully end with a full stop.
            let mark = if style < LOWER_CASE { MARKS[random.below(MARKS.len())] } else { MARKS[0] };
            request.push(mark, None);
        }
        request.squeeze();
    }

    fn clip(&self, request: &mut Segments, random: &mut Random) {
        let words: Vec<&(String, String)> = self.clipped.iter().filter(|_| random.chance(CLIPPED_WORD)).collect();
        if words.is_empty() {
            return;
        }
        let names: Vec<_> = words.iter().map(|(word, _)| fancy_regex::escape(word)).collect();
        let Ok(pattern) = Regex::new(&format!(r"(?<![\w'])(?:{})(?![\w'])", names.join("|"))) else { return };
        let clipped = |found: &Captures<'_, str>| {
            let found = &found[0];
            words.iter().find(|(word, _)| word == found).map_or(found, |(_, short)| short).to_owned()
        };
        request.map(|segment| {
            let stays = segment.capture.is_some()
                && self.unclipped.as_ref().is_some_and(|pattern| pattern.is_match(&segment.text).unwrap_or(true));
            if stays { segment.text.clone() } else { pattern.replace_all(&segment.text, clipped).into_owned() }
        });
    }
}

fn capitalise(request: &mut Segments) {
    let Some(first) = request.iter().position(|segment| !segment.text.trim().is_empty()) else { return };
    let text = request.iter().nth(first).map_or("", |segment| segment.text.as_str());
    let mut letters = text.chars();
    let capitalised = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    request.set_text(first, capitalised);
}

/// One slip in one word that belongs to no argument: a letter lost, doubled, or before its neighbour.
fn misspell(request: &mut Segments, random: &mut Random) {
    let Some(pattern) = &*WORD else { return };
    let words_of = |(index, segment): (usize, &Segment)| {
        let found = pattern.find_iter(&segment.text).map_while(Result::ok);
        found.map(|found| (index, found.range())).collect::<Vec<_>>()
    };
    let free = request.iter().enumerate().filter(|(_, segment)| segment.capture.is_none());
    let places: Vec<_> = free.flat_map(words_of).collect();
    if places.is_empty() {
        return;
    }
    let (index, range) = places[random.below(places.len())].clone();
    let Some(text) = request.iter().nth(index).map(|segment| segment.text.clone()) else { return };
    let mut letters: Vec<char> = text[range.clone()].chars().collect();
    let place = 1 + random.below(letters.len() - 2);
    match random.below(3) {
        0 => drop(letters.remove(place)),
        1 => letters.swap(place, place + 1),
        _ => letters.insert(place, letters[place]),
    }
    let word: String = letters.into_iter().collect();
    request.set_text(index, format!("{}{word}{}", &text[..range.start], &text[range.end..]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::segments::Capture;

    fn french() -> Spelling {
        Spelling::read("french.toml", include_str!("../../grammars/everyday/french.toml")).unwrap()
    }

    fn written(pieces: &[(&str, bool)]) -> String {
        let mut request = Segments::default();
        for (text, is_argument) in pieces {
            let capture = Capture { part: 0, name: "title".to_owned(), value: None };
            request.push(*text, is_argument.then_some(capture));
        }
        french().write(&mut request);
        request.text()
    }

    #[test]
    fn french_contracts() {
        assert_eq!(written(&[("rappelle-moi de ", false), ("appeler Ana", true)]), "rappelle-moi d'appeler Ana");
        assert_eq!(written(&[("téléphoner à le dentiste de le quartier", true)]), "téléphoner au dentiste du quartier");
        assert_eq!(written(&[("rappelle-moi de ", false), ("le rappeler", true)]), "rappelle-moi de le rappeler");
        assert_eq!(written(&[("que  Élodie vienne, de Hélène", false)]), "qu'Élodie vienne, d'Hélène");
        assert_eq!(
            written(&[("ajoute-le à ", false), ("la haie de onze heures", true)]),
            "ajoute-le à la haie de onze heures"
        );
    }

    #[test]
    fn whatever_is_done_arguments_are_parts_of_the_request() {
        let spelling = french();
        for seed in 0..500 {
            let mut random = Random::new(seed, 0);
            let mut request = Segments::default();
            let capture = |name: &str| Some(Capture { part: 0, name: name.to_owned(), value: None });
            request.push("s'il te plaît rappelle-moi de ", None);
            request.push("téléphoner à Zoé pour l'été", capture("title"));
            request.push(", ", None);
            request.push("demain à 6:30", capture("when"));
            spelling.write(&mut request);
            spelling.roughen(&mut request, &mut random);
            let text = request.text();
            let captured = request.captured(0);
            assert_eq!(captured.len(), 2);
            assert!(captured.values().all(|words| text.contains(words.as_str())), "{text}: {captured:?}");
            assert!(captured["when"].ends_with("6:30"), "{captured:?}");
            assert_eq!(text, text.trim());
        }
    }

    #[test]
    fn a_pattern_that_is_none_has_a_place() {
        let text = "[[slips]]\npattern = '(a'\nreplacement = 'b'\n";
        let error = Spelling::read("x.toml", text).unwrap_err().to_string();
        assert!(error.contains("x.toml, line 2"), "{error}");
        let error = Spelling::read("x.toml", "[clipped]\na = 1\n").unwrap_err().to_string();
        assert!(error.contains("x.toml, line 2"), "{error}");
    }
}
