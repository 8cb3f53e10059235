//! Words and how they come together: named rules with alternatives.

use super::pattern::{Node, Pattern, Slot, Source};
use super::segments::{Capture, Segments};
use crate::DataError;
use crate::random::Random;
use std::collections::{HashMap, HashSet};

/// Parts the words that stay outside of an argument, such as a preposition, from the argument itself.
const OUTSIDE: char = '~';

/// Words of a rule stop growing here; requests as long as this are of no use.
const LONGEST_WORDS: usize = 4096;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A way to say something, and what it means if that is not the words.
#[derive(Clone, Debug)]
struct Alternative {
    pattern: Pattern,
    value: Option<String>,
}

/// Words, and what they mean if that is something else.
#[derive(Clone, Debug, Default)]
struct Words {
    text: String,
    value: Option<String>,
}

/// The rules of one language.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(HashMap<String, Vec<Alternative>>);

impl Rules {
    /// Adds rules: `:name` opens one, lines below it hold alternatives with ` | ` between them, `#` begins a comment.
    /// `loud -> high` are the words of a value. A name that is there already gains alternatives.
    ///
    /// # Errors
    /// If a line is not such, a rule does not exist, or one is made of itself.
    pub(super) fn read(&mut self, file: &str, text: &str) -> Result<(), DataError> {
        let mut name = None;
        let mut lines_of_rules = Vec::new();
        for (line, words) in lines(text) {
            let error = |problem| DataError::line(file, line, problem);
            if let Some(new_name) = words.strip_prefix(':') {
                self.0.entry(new_name.to_owned()).or_default();
                name = Some(new_name.to_owned());
                continue;
            }
            let Some(name) = &name else { return Err(error("stands before the first `:rule`".to_owned())) };
            for alternative in split_alternatives(words) {
                let (words, value) = match alternative.rsplit_once(" -> ") {
                    Some((words, value)) => (words, Some(value.trim().to_owned())),
                    None => (alternative, None),
                };
                let pattern = Pattern::parse(words).map_err(error)?;
                if let Some(argument) = pattern.slots().iter().find_map(|slot| slot.argument.as_ref()) {
                    return Err(error(format!("names the argument {argument}: only requests can")));
                }
                lines_of_rules.push((line, pattern.clone()));
                self.0.entry(name.clone()).or_default().push(Alternative { pattern, value });
            }
        }
        for (line, pattern) in &lines_of_rules {
            self.check(file, *line, pattern)?;
        }
        self.check_cycles(file)
    }

    /// Checks that the rules of a pattern exist.
    pub(super) fn check(&self, file: &str, line: usize, pattern: &Pattern) -> Result<(), DataError> {
        match pattern.rules().find(|name| self.0.get(*name).is_none_or(Vec::is_empty)) {
            Some(name) => Err(DataError::line(file, line, format!("there is no rule {name}"))),
            None => Ok(()),
        }
    }

    /// A rule that is made of itself would never end.
    fn check_cycles(&self, file: &str) -> Result<(), DataError> {
        let mut finished = HashSet::new();
        for start in self.0.keys() {
            // A rule is left (`true`) after all that it is made of.
            let mut open = vec![(start.as_str(), false)];
            let mut path = HashSet::new();
            while let Some((name, leaves)) = open.pop() {
                if leaves {
                    path.remove(name);
                    finished.insert(name);
                } else if !finished.contains(name) {
                    path.insert(name);
                    open.push((name, true));
                    for next in self.0[name].iter().flat_map(|alternative| alternative.pattern.rules()) {
                        if path.contains(next) {
                            return Err(DataError::line(file, 0, format!("the rule {next} is made of itself")));
                        }
                        open.push((next, false));
                    }
                }
            }
        }
        Ok(())
    }

    /// Words of a rule that a product may lack, without what they mean.
    pub(super) fn optional_words(&self, name: &str, random: &mut Random) -> Option<String> {
        self.0.contains_key(name).then(|| self.words_of_rule(name, random).text)
    }

    /// A request: a pattern with its choices made and its gaps filled.
    pub(super) fn expand(&self, pattern: &Pattern, part: usize, random: &mut Random) -> Segments {
        let mut segments = Segments::default();
        for node in &pattern.0 {
            match node {
                Node::Text(text) => segments.push(text.as_str(), None),
                Node::Choice(alternatives) => {
                    segments.append(self.expand(&alternatives[random.below(alternatives.len())], part, random));
                }
                Node::Slot(slot) => self.fill(slot, part, random, &mut segments),
            }
        }
        segments
    }

    /// Appends the words of a gap.
    pub(super) fn fill(&self, slot: &Slot, part: usize, random: &mut Random, segments: &mut Segments) {
        let words = self.words_of_source(&slot.source, random);
        let Some(argument) = &slot.argument else {
            segments.push(words.text.replace(OUTSIDE, ""), None);
            return;
        };
        let (outside, inside) = words.text.rsplit_once(OUTSIDE).unwrap_or(("", &words.text));
        segments.push(outside.replace(OUTSIDE, ""), None);
        segments.push(inside, Some(Capture { part, name: argument.clone(), value: words.value }));
    }

    fn words_of_source(&self, source: &Source, random: &mut Random) -> Words {
        match source {
            Source::Rule(name) => self.words_of_rule(name, random),
            Source::Number(first, last) => {
                let count = usize::try_from(last - first).unwrap_or(usize::MAX - 1) + 1;
                Words { text: (first + random.below(count) as u64).to_string(), value: None }
            }
            Source::Date => date(random),
        }
    }

    fn words_of_rule(&self, name: &str, random: &mut Random) -> Words {
        // The names were checked when the patterns were read.
        let Some(alternatives) = self.0.get(name) else { return Words::default() };
        let alternative = &alternatives[random.below(alternatives.len())];
        let mut words = self.words_of_pattern(&alternative.pattern, random);
        words.value = alternative.value.clone().or(words.value);
        words
    }

    /// The words of a pattern; they mean what its only gap means if they are nothing but that.
    fn words_of_pattern(&self, pattern: &Pattern, random: &mut Random) -> Words {
        let mut text = String::new();
        let mut value = None;
        for node in &pattern.0 {
            let words = match node {
                Node::Text(text) => Words { text: text.clone(), value: None },
                Node::Choice(alternatives) => {
                    self.words_of_pattern(&alternatives[random.below(alternatives.len())], random)
                }
                Node::Slot(slot) => self.words_of_source(&slot.source, random),
            };
            text.push_str(&words.text);
            value = if pattern.0.len() == 1 { words.value } else { None };
            if text.len() > LONGEST_WORDS {
                break;
            }
        }
        Words { text, value }
    }
}

/// The lines that say something, with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

/// Splits at ` | ` outside of parentheses.
fn split_alternatives(line: &str) -> Vec<&str> {
    let mut alternatives = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (place, letter) in line.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 && line[start..place].ends_with(' ') && line[place + 1..].starts_with(' ') => {
                alternatives.push(&line[start..place - 1]);
                start = place + 2;
            }
            _ => {}
        }
    }
    alternatives.push(&line[start.min(line.len())..]);
    alternatives
}

/// A day between 2024 and 2030 and its ISO 8601 form.
fn date(random: &mut Random) -> Words {
    let (year, month, day) = (2024 + random.below(7), random.below(12), 1 + random.below(28));
    let iso = format!("{year}-{:02}-{day:02}", month + 1);
    let (month, ending) = (MONTHS[month], ordinal_ending(day));
    let text = match random.below(5) {
        0 => iso.clone(),
        1 => format!("{month} {day}, {year}"),
        2 => format!("{day} {month} {year}"),
        3 => format!("{month} {day}{ending}, {year}"),
        _ => format!("the {day}{ending} of {month} {year}"),
    };
    Words { text, value: Some(iso) }
}

fn ordinal_ending(day: usize) -> &'static str {
    match (day % 10, day) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<Rules, DataError> {
        let mut rules = Rules::default();
        rules.read("test.grammar", text)?;
        Ok(rules)
    }

    fn expand(rules: &Rules, pattern: &str) -> Segments {
        rules.expand(&Pattern::parse(pattern).unwrap(), 0, &mut Random::new(1, 0))
    }

    #[test]
    fn prepositions_stay_outside_of_arguments() {
        let rules = rules(":day\non ~Monday\n:clock\n5 | 5\n").unwrap();
        let request = expand(&rules, "call {when=day} at {clock} {day}");
        assert_eq!(request.text(), "call on Monday at 5 on Monday");
        assert_eq!(request.captured(0)["when"], "Monday");
    }

    #[test]
    fn words_mean_values() {
        let rules = rules(":level\nas loud as it goes -> high\n:sound\n{level}\n:both\n{level} now\n").unwrap();
        assert_eq!(expand(&rules, "play {volume=sound}").captured(0)["volume"], "high");
        assert_eq!(expand(&rules, "play {volume=both}").captured(0)["volume"], "as loud as it goes now");
        let day = expand(&rules, "{day=@date}");
        let written = day.captured(0)["day"].clone();
        assert!(written.len() == 10 && written.starts_with("20"), "{written}");
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, problem) in [
            (":a\n{b}\n", "test.grammar, line 2: there is no rule b"),
            ("# c\n\na\n", "line 3: stands before the first"),
            (":a\nx (y\n", "line 2: a `(` is not closed"),
            (":a\n{title=#1-2}\n", "line 2: names the argument title"),
            (":a\nx {b}\n:b\n{c}\n:c\ny | {a}\n", "is made of itself"),
            (":a\n", ""),
        ] {
            match rules(text) {
                Err(error) => assert!(error.to_string().contains(problem), "{error}"),
                Ok(_) => assert_eq!(problem, "", "{text}"),
            }
        }
    }

    #[test]
    fn alternatives_keep_their_spaces() {
        assert_eq!(split_alternatives("am |  pm | (a | b) x"), ["am", " pm", "(a | b) x"]);
    }
}
