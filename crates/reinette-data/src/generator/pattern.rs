//! The notation of phrases: `(a|b|)` chooses, `{rule}` is words of a rule, `{argument=rule}` words that are an argument,
//! `{#1-9}` a number, `{@date}` a date, `\(` a parenthesis.

use std::iter::Peekable;
use std::str::Chars;

/// Words with choices and gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(pub(super) Vec<Node>);

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Words as they stand.
    Text(String),
    /// One of several patterns.
    Choice(Vec<Pattern>),
    /// A gap.
    Slot(Slot),
}

/// A gap in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The argument that its words are.
    pub(super) argument: Option<String>,
    /// What fills it.
    pub(super) source: Source,
}

/// What fills a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// One of the alternatives of the rule of this name.
    Rule(String),
    /// A whole number from the first to the last.
    Number(u64, u64),
    /// A day of some year, in one of the ways to write it.
    Date,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut letters = text.chars().peekable();
        let pattern = parse_nodes(&mut letters, Depth::Top)?;
        match letters.next() {
            None => Ok(pattern),
            Some(letter) => Err(format!("a `{letter}` stands outside of parentheses")),
        }
    }

    /// All its gaps, those of choices included.
    pub(super) fn slots(&self) -> Vec<&Slot> {
        let mut slots = Vec::new();
        for node in &self.0 {
            match node {
                Node::Text(_) => {}
                Node::Choice(alternatives) => slots.extend(alternatives.iter().flat_map(Pattern::slots)),
                Node::Slot(slot) => slots.push(slot),
            }
        }
        slots
    }

    /// The rules that it names.
    pub(super) fn rules(&self) -> impl Iterator<Item = &str> {
        self.slots().into_iter().filter_map(|slot| match &slot.source {
            Source::Rule(name) => Some(name.as_str()),
            Source::Number(..) | Source::Date => None,
        })
    }
}

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Top,
    /// In parentheses, so many deep.
    Inside(usize),
}

/// Parentheses in parentheses, at most.
const DEEPEST: usize = 16;

fn parse_nodes(letters: &mut Peekable<Chars<'_>>, depth: Depth) -> Result<Pattern, String> {
    let mut nodes = Vec::new();
    let mut text = String::new();
    while let Some(&letter) = letters.peek() {
        if matches!(letter, '|' | ')') {
            break;
        }
        letters.next();
        let node = match letter {
            '(' => parse_choice(letters, depth)?,
            '{' => parse_slot(letters)?,
            '}' => return Err("a `}` closes nothing".to_owned()),
            '\\' if matches!(letters.peek(), Some('(' | ')')) => {
                text.extend(letters.next());
                continue;
            }
            _ => {
                text.push(letter);
                continue;
            }
        };
        if !text.is_empty() {
            nodes.push(Node::Text(std::mem::take(&mut text)));
        }
        nodes.push(node);
    }
    if !text.is_empty() {
        nodes.push(Node::Text(text));
    }
    Ok(Pattern(nodes))
}

/// From behind `(` to behind `)`.
fn parse_choice(letters: &mut Peekable<Chars<'_>>, depth: Depth) -> Result<Node, String> {
    let inside = match depth {
        Depth::Top => 1,
        Depth::Inside(deep) if deep < DEEPEST => deep + 1,
        Depth::Inside(_) => return Err(format!("parentheses are nested more than {DEEPEST} deep")),
    };
    let mut alternatives = Vec::new();
    loop {
        alternatives.push(parse_nodes(letters, Depth::Inside(inside))?);
        match letters.next() {
            Some('|') => {}
            Some(_) => return Ok(Node::Choice(alternatives)),
            None => return Err("a `(` is not closed".to_owned()),
        }
    }
}

/// From behind `{` to behind `}`.
fn parse_slot(letters: &mut Peekable<Chars<'_>>) -> Result<Node, String> {
    let mut inside = String::new();
    loop {
        match letters.next() {
            Some('}') => break,
            Some('{') => return Err("a `{` stands within another".to_owned()),
            Some(letter) => inside.push(letter),
            None => return Err("a `{` is not closed".to_owned()),
        }
    }
    let (argument, source) = match inside.split_once('=') {
        Some((argument, source)) => (Some(argument.to_owned()), source),
        None => (None, inside.as_str()),
    };
    if source.is_empty() || argument.as_deref() == Some("") {
        return Err(format!("`{{{inside}}}` has no name"));
    }
    Ok(Node::Slot(Slot { argument, source: parse_source(source)? }))
}

fn parse_source(text: &str) -> Result<Source, String> {
    if let Some(range) = text.strip_prefix('#') {
        let bounds = range.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        return match bounds {
            Some((first, last)) if first <= last => Ok(Source::Number(first, last)),
            _ => Err(format!("`{{{text}}}` is no range of numbers: write {{#1-9}}")),
        };
    }
    match text.strip_prefix('@') {
        None => Ok(Source::Rule(text.to_owned())),
        Some("date") => Ok(Source::Date),
        Some(_) => Err(format!("`{{{text}}}` is unknown: write {{@date}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_read() {
        let pattern = Pattern::parse("(wake|get (me|us|)) up at {when=clock} {#1-9}").unwrap();
        let slots: Vec<_> = pattern.slots().into_iter().cloned().collect();
        let clock = Slot { argument: Some("when".to_owned()), source: Source::Rule("clock".to_owned()) };
        assert_eq!(slots, [clock, Slot { argument: None, source: Source::Number(1, 9) }]);
        let Node::Choice(alternatives) = &pattern.0[0] else { panic!("a choice") };
        assert_eq!(alternatives[0], Pattern(vec![Node::Text("wake".to_owned())]));
        assert_eq!(pattern.rules().collect::<Vec<_>>(), ["clock"]);
        assert_eq!(Pattern::parse(r"\(a\)").unwrap().0, [Node::Text("(a)".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, problem) in [
            ("(a|b", "`(` is not closed"),
            ("a)", "`)` stands outside"),
            ("a|b", "`|` stands outside"),
            ("{a", "`{` is not closed"),
            ("a}", "closes nothing"),
            ("{a{b}}", "within another"),
            ("{}", "has no name"),
            ("{=a}", "has no name"),
            ("{#9-1}", "no range"),
            ("{#1}", "no range"),
            ("{@time}", "unknown"),
            (&"(".repeat(100), "nested"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
