//! The expressions of time that a text holds, with the words beside them that belong to a time and are not understood.
//!
//! The text is cut into tokens once, and from each word a phrase is read as far as it goes, so that the work grows with the
//! length of the text and not with the number of runs of words in it.
//!
//! # Nothing is cut off silently
//! What is understood of "3pm XST tomorrow" is "3pm" and "tomorrow". An expression therefore takes in the words at its edges
//! that are of a lexical class of time (`edges` lists the classes): it is then not understood as a whole, and whoever resolves
//! it gets an error that names those words, instead of another time than the user meant.

use std::ops::Range;

use super::conditions::Occasion;
use super::cursor::Cursor;
use super::edges::{self, Grammar};
use super::lexer::{Kind, Token};
use super::{Clock, Language, Purpose, TimeError, conditions, durations, request, settle, spelling};

/// The most tokens of one expression: "every other Tuesday of the month from 9 to half past ten in the morning".
const LONGEST: usize = 24;

/// The most tokens of a text that are looked at; nobody says more in one breath.
const MOST_TOKENS: usize = 400;

/// An expression of time within a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// Its bytes.
    pub range: Range<usize>,
    /// Whether it has a meaning as a whole. One that has none is still what was said of time.
    pub is_understood: bool,
}

/// The expressions of a moment that `text` holds, in their order, each without the words at its ends that add nothing to it:
/// of "on Friday at noon", "Friday at noon".
pub fn moments_in(text: &str, clock: &Clock, purpose: Purpose) -> Vec<Expression> {
    // Late in the evening "9" is tomorrow at 9: that "tomorrow" says something shows at the day's start.
    let start = clock.now.start_of_day().map_or_else(|_| clock.clone(), |now| Clock { now });
    let meaning = |run: &[Token]| {
        let meant = |clock: &Clock| -> Result<String, TimeError> {
            let text = &text[..run.last().map_or(text.len(), |last| last.end)];
            let request = request::read(text, run, clock)?;
            settle::settle(request, clock, purpose, None).map(|moment| moment.to_string())
        };
        match meant(clock) {
            Ok(moment) => {
                let words = format!("{moment} {}", meant(&start).unwrap_or_default());
                Some(Meaning { words, is_understood: true })
            }
            Err(error) if error.is_of_a_whole() => Some(Meaning { words: error.to_string(), is_understood: false }),
            Err(_) => None,
        }
    };
    let reach = |run: &[Token]| request::reach(run, clock);
    let grammar = match purpose {
        Purpose::Reminder | Purpose::Alarm => Grammar::Rings,
        _ => Grammar::Moments,
    };
    Finder { text, tokens: &read(text), grammar, language: Language::of(text) }.expressions(reach, meaning)
}

/// The expressions of a length of time that `text` holds, in their order.
pub fn lengths_in(text: &str) -> Vec<Expression> {
    let meaning = |run: &[Token]| {
        let words = durations::whole(text, run).ok()?.to_string();
        Some(Meaning { words, is_understood: true })
    };
    Finder { text, tokens: &read(text), grammar: Grammar::Lengths, language: Language::of(text) }
        .expressions(durations::reach, meaning)
}

/// What a run of words says: a moment or a length, or why there is no such one.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    words: String,
    is_understood: bool,
}

fn read(text: &str) -> Vec<Token> {
    let mut tokens = spelling::in_text(text);
    tokens.truncate(MOST_TOKENS);
    tokens
}

struct Finder<'text> {
    text: &'text str,
    tokens: &'text [Token],
    grammar: Grammar,
    language: Language,
}

impl Finder<'_> {
    /// From each word that may begin an expression, the longest run that has a meaning and is no part of the one before.
    fn expressions(
        &self,
        reach: impl Fn(&[Token]) -> usize,
        meaning: impl Fn(&[Token]) -> Option<Meaning>,
    ) -> Vec<Expression> {
        let meaning = |run: Range<usize>| meaning(&self.tokens[run]);
        let mut found: Vec<(Range<usize>, bool)> = Vec::new();
        let mut start = 0;
        while start < self.tokens.len() {
            if !self.begins_a_word(start) {
                start += 1;
                continue;
            }
            let understood = if self.is_no_time(start) {
                None
            } else {
                let limit = self.limit(start);
                self.longest(start..start + reach(&self.tokens[start..limit]), meaning)
            };
            let said = match understood {
                Some((end, meant)) => Some((end, Some(meant))),
                None => self.said_and_unknown(start).map(|end| (end, None)),
            };
            let Some((end, meant)) = said else {
                start += 1;
                continue;
            };
            let free_from = found.last().map_or(0, |(last, _)| last.end);
            let (run, is_understood) = self.expression(start..end, meant, meaning, free_from);
            start = run.end;
            found.push((run, is_understood));
        }
        self.joined(found)
    }

    /// The end of the longest run from the start of `within` that has a meaning. One that cannot be ends where that shows.
    fn longest(
        &self,
        within: Range<usize>,
        meaning: impl Fn(Range<usize>) -> Option<Meaning>,
    ) -> Option<(usize, Meaning)> {
        let mut ends = (within.start + 1..=within.end).rev().filter(|end| self.ends_a_word(*end));
        let (mut end, meant) = ends.find_map(|end| Some((end, meaning(within.start..end)?)))?;
        if !meant.is_understood {
            let shorter =
                |inner: &usize| self.ends_a_word(*inner) && meaning(within.start..*inner).as_ref() == Some(&meant);
            end = (within.start + 1..end).find(shorter).unwrap_or(end);
        }
        Some((end, meant))
    }

    /// Whether the word at `at` has another meaning than one of time.
    fn is_no_time(&self, at: usize) -> bool {
        edges::counts_something_else(self.tokens, at) || edges::is_no_day(self.tokens, at, self.language)
    }

    /// The end of something that is said of time here and that nothing could be made of.
    fn said_and_unknown(&self, start: usize) -> Option<usize> {
        if self.grammar == Grammar::Lengths {
            return None;
        }
        if let Some(length) = edges::length_of_unknown(&self.tokens[start..]) {
            return Some(start + length);
        }
        if self.grammar != Grammar::Rings {
            return None;
        }
        let occasion = if edges::begins_a_time(self.tokens, start) { Occasion::Any } else { Occasion::Place };
        let bytes = conditions::condition(Cursor::new(&self.tokens[start..]), occasion)?;
        let end = start + self.tokens[start..].iter().position(|token| token.end >= bytes.end)? + 1;
        // Elsewhere it is told at the end.
        let is_last = self.tokens.get(end).is_none_or(|next| next.after_mark);
        (occasion == Occasion::Any || is_last).then_some(end)
    }

    /// How far a run may go at most: it holds no word that has another meaning.
    fn limit(&self, start: usize) -> usize {
        let limit = (start + LONGEST).min(self.tokens.len());
        (start + 1..limit).find(|at| self.is_no_time(*at)).unwrap_or(limit)
    }

    /// The run with the words at its edges that belong to a time, or else without those that add nothing; and whether it is
    /// understood as a whole.
    fn expression(
        &self,
        run: Range<usize>,
        meant: Option<Meaning>,
        meaning: impl Fn(Range<usize>) -> Option<Meaning>,
        free_from: usize,
    ) -> (Range<usize>, bool) {
        let Some(meant) = meant else { return (run, false) };
        let wide = edges::widened(self.tokens, run.clone(), free_from, self.grammar);
        if wide != run {
            let is_understood = meaning(wide.clone()).is_some_and(|meaning| meaning.is_understood);
            let starts_wider = wide.start < run.start;
            let first = if starts_wider { wide.start } else { self.first_after_fillers(&run) };
            return (first..wide.end, is_understood);
        }
        let same = |run: Range<usize>| meaning(run).as_ref() == Some(&meant);
        let fillers =
            self.tokens[run.clone()].iter().rev().take_while(|token| edges::adds_nothing_at_the_end(token)).count();
        let mut inner_ends = (run.end - fillers.min(run.len() - 1)..run.end).filter(|end| self.ends_a_word(*end));
        let end = inner_ends.find(|end| same(run.start..*end)).unwrap_or(run.end);
        let mut start = run.start;
        while end - start > 1
            && edges::is_filler(&self.tokens[start])
            && self.begins_a_word(start + 1)
            && same(start + 1..end)
        {
            start += 1;
        }
        (start..end, meant.is_understood)
    }

    fn first_after_fillers(&self, run: &Range<usize>) -> usize {
        run.clone().find(|at| !edges::is_filler(&self.tokens[*at])).unwrap_or(run.start)
    }

    /// Two expressions with only "or" between them are one, of which nobody knows which part is meant; and so are two with
    /// nothing between them of which one is not understood.
    fn joined(&self, found: Vec<(Range<usize>, bool)>) -> Vec<Expression> {
        let mut joined: Vec<(Range<usize>, bool)> = Vec::new();
        for (run, is_understood) in found {
            if let Some((before, before_is_understood)) = joined.last_mut() {
                let between = &self.tokens[before.end..run.start];
                let touches = between.iter().all(edges::is_filler)
                    && self.tokens[before.end..=run.start].iter().all(|token| !token.after_mark);
                if edges::are_alternatives(between) || (touches && !(*before_is_understood && is_understood)) {
                    before.end = run.end;
                    *before_is_understood = false;
                    continue;
                }
            }
            joined.push((run, is_understood));
        }
        let expression = |(run, is_understood): (Range<usize>, bool)| Expression {
            range: self.tokens[run.start].start..self.tokens[run.end - 1].end,
            is_understood,
        };
        joined.into_iter().map(expression).collect()
    }

    /// Whether white space, an opening mark or an apostrophe stands before a token.
    fn begins_a_word(&self, at: usize) -> bool {
        let before = self.text[..self.tokens[at].start].chars().next_back();
        before.is_none_or(|before| before.is_whitespace() || matches!(before, '\'' | '’' | '(' | '"' | '«' | '“'))
    }

    /// Whether the tokens before `end` do not go on within a word, nor with the unit of a number.
    fn ends_a_word(&self, end: usize) -> bool {
        let last = &self.tokens[end - 1];
        let goes_on = self.text[last.end..].starts_with(char::is_alphanumeric);
        let is_mark = matches!(&last.kind, Kind::Word(word) if !word.contains(char::is_alphanumeric));
        !goes_on && !is_mark && !edges::splits_a_count(self.tokens, end)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::lexer::tokens;
    use super::*;

    fn clock() -> Clock {
        Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
    }

    /// The expressions, one that is not understood in brackets.
    fn shown(text: &str, found: Vec<Expression>) -> Vec<String> {
        let show = |found: Expression| match (&text[found.range], found.is_understood) {
            (words, true) => words.to_owned(),
            (words, false) => format!("[{words}]"),
        };
        found.into_iter().map(show).collect()
    }

    #[test]
    fn expressions_take_in_what_belongs_to_a_time() {
        let mut failures = Vec::new();
        let mut kind = "";
        let mut count = 0;
        for line in
            include_str!("spans.txt").lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(said) = line.strip_prefix("@kind ") {
                kind = said;
                continue;
            }
            let (text, expected) = line.split_once(" => ").or_else(|| Some((line.strip_suffix(" =>")?, ""))).unwrap();
            let found = match kind {
                "event" => moments_in(text, &clock(), Purpose::Event),
                "reminder" => moments_in(text, &clock(), Purpose::Reminder),
                "alarm" => moments_in(text, &clock(), Purpose::Alarm),
                "move" => moments_in(text, &clock(), Purpose::Move),
                "search" => moments_in(text, &clock(), Purpose::Search),
                "duration" => lengths_in(text),
                other => panic!("the table has no kind {other}"),
            };
            let found = shown(text, found).join(" | ");
            count += 1;
            if found != expected {
                failures.push(format!("{kind} {text}: {found}, not {expected}"));
            }
        }
        assert!(failures.is_empty(), "of {count} texts:\n{}", failures.join("\n"));
        assert!(count >= 100, "the table has only {count} texts");
    }

    /// How many runs of words are read to find the expressions of a text.
    fn runs_read(text: &str) -> usize {
        let (read_runs, clock) = (Cell::new(0), clock());
        let meaning = |run: &[Token]| {
            read_runs.set(read_runs.get() + 1);
            let request = request::read(text, run, &clock).ok()?;
            let words = settle::settle(request, &clock, Purpose::Event, None).ok()?.to_string();
            Some(Meaning { words, is_understood: true })
        };
        let tokens = tokens(text);
        let finder = Finder { text, tokens: &tokens, grammar: Grammar::Moments, language: Language::English };
        finder.expressions(|run| request::reach(run, &clock), meaning);
        read_runs.get()
    }

    #[test]
    fn the_work_grows_with_the_length_of_the_text_only() {
        let words = "the quick brown fox called Ana at the office about 12 eggs ";
        assert!(runs_read(&words.repeat(20)) <= 20 * 12 * 3, "{}", runs_read(&words.repeat(20)));
        for worst in ["at ", "3 ", "tomorrow at 9 ", "from to ", "next week in "] {
            let (some, twice) = (runs_read(&worst.repeat(40)), runs_read(&worst.repeat(80)));
            assert!(twice <= 2 * some + LONGEST * LONGEST, "{worst}: {some} runs, and {twice} of a text twice as long");
            assert!(twice <= 80 * 3 * 3 * LONGEST, "{worst}: {twice}");
        }
        // Beyond what anybody says in one breath nothing is read.
        let tail = format!("{} tomorrow", "word ".repeat(2 * MOST_TOKENS));
        assert_eq!(moments_in(&tail, &clock(), Purpose::Event), []);
    }
}
