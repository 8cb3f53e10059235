//! Runs of whole words of some texts, as terminals of a grammar.

mod automaton;
mod pieces;
#[cfg(test)]
mod tests;

use super::calls::quoted;
use automaton::{START, SuffixAutomaton};
use pieces::Piece;
use std::collections::HashMap;
use std::fmt::Write;

/// The symbol between two texts.
const BOUNDARY: usize = 0;

/// How a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpanWriting {
    /// As a JSON string, so that nothing in the text ends the string early.
    Json,
    /// As it is.
    Plain,
}

/// The runs of whole words of some texts; none reaches from one text into the next.
///
/// A run begins and ends where a word does; punctuation around a word may be left out, an elided article before it
/// (`l'apéro`) and a possessive after it (`Ana's`) too. The first letter may be in the other case. White space is one
/// space.
pub(super) struct Spans {
    writing: SpanWriting,
    /// The distinct pieces of the text; the automaton's symbols are their places here.
    pieces: Vec<Piece>,
    automaton: SuffixAutomaton,
    /// The states from which an end can be reached, by decreasing length: transitions lead to earlier ones only.
    alive: Vec<usize>,
    /// Whether the state at each place is among `alive`.
    is_alive: Vec<bool>,
}

impl Spans {
    /// The runs of `texts`.
    pub(super) fn of(texts: &[impl AsRef<str>], writing: SpanWriting) -> Self {
        // A run that reached it would never come to an end.
        let mut pieces = vec![Piece { text: String::new(), starts: false, ends: false }];
        let mut places: HashMap<Piece, usize> = HashMap::new();
        let mut automaton = SuffixAutomaton::default();
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                automaton.push(BOUNDARY);
            }
            for piece in pieces::split(text.as_ref()) {
                let symbol = *places.entry(piece).or_insert_with_key(|piece| {
                    pieces.push(piece.clone());
                    pieces.len() - 1
                });
                automaton.push(symbol);
            }
        }
        let is_alive = vec![false; automaton.states().len()];
        let mut spans = Self { writing, pieces, is_alive, automaton, alive: Vec::new() };
        for state in spans.automaton.longest_first() {
            let leads_on = spans.automaton.states()[state].next.values().any(|&next| spans.is_alive[next]);
            let is_boundary = spans.automaton.states()[state].symbol == Some(BOUNDARY);
            if !is_boundary && (spans.accepts(state) || leads_on) {
                spans.is_alive[state] = true;
                spans.alive.push(state);
            }
        }
        spans
    }

    /// The name of the terminal of a run, quotes included; `None` if the text has no word.
    pub(super) fn terminal(&self) -> Option<&'static str> {
        self.starts().next().map(|_| "SPAN")
    }

    /// The definition of the terminal and of those that it is made of.
    pub(super) fn terminals(&self) -> String {
        let starts: Vec<String> = self.starts().flat_map(|(piece, next)| self.start(piece, next)).collect();
        if starts.is_empty() {
            return String::new();
        }
        let mut lark = String::new();
        let mut names = String::new();
        for &state in self.alive.iter().filter(|&&state| state != START) {
            let steps: Vec<String> = self.steps(state).map(|(piece, next)| self.step(&piece.text, next)).collect();
            if !steps.is_empty() {
                let optional = if self.accepts(state) { "?" } else { "" };
                let _ = writeln!(lark, "SPAN_{state}: ({}){optional}", steps.join(" | "));
                let _ = write!(names, " SPAN_{state}");
            }
        }
        // The first alternative matches nothing. It has the states compiled from the last to the first, so that none
        // nests deeper than one; in the order of the text a long text would nest deeper than the stack.
        let run = match self.writing {
            SpanWriting::Json => format!("\"\\\"\" ({}) \"\\\"\"", starts.join(" | ")),
            SpanWriting::Plain => starts.join(" | "),
        };
        let _ = writeln!(lark, "SPAN: (/[^\\s\\S]/{names}) | {run}");
        lark
    }

    /// Whether a run may end in `state`: all ways into a state are by the same piece.
    fn accepts(&self, state: usize) -> bool {
        self.automaton.states()[state].symbol.is_some_and(|symbol| self.pieces[symbol].ends)
    }

    /// The ways on from `state` that reach an end.
    fn steps(&self, state: usize) -> impl Iterator<Item = (&Piece, usize)> {
        let next = &self.automaton.states()[state].next;
        next.iter().filter(|&(_, &next)| self.is_alive[next]).map(|(&symbol, &next)| (&self.pieces[symbol], next))
    }

    fn starts(&self) -> impl Iterator<Item = (&Piece, usize)> {
        self.steps(START).filter(|(piece, _)| piece.starts)
    }

    /// A run that begins with `piece`, in either case.
    fn start(&self, piece: &Piece, next: usize) -> Vec<String> {
        let texts = [Some(piece.text.clone()), other_case(&piece.text)];
        texts.into_iter().flatten().map(|text| self.step(&text, next)).collect()
    }

    /// The text of a way into `state`, and what follows. States with one way on and no end are passed through at once.
    fn step(&self, text: &str, mut state: usize) -> String {
        let mut text = text.to_owned();
        loop {
            let mut steps = self.steps(state);
            match (steps.next(), steps.next()) {
                (None, _) => return self.literal(&text),
                (Some((piece, next)), None) if !self.accepts(state) => {
                    text.push_str(&piece.text);
                    state = next;
                }
                _ => return format!("{} SPAN_{state}", self.literal(&text)),
            }
        }
    }

    /// Text as it is written, as a Lark string.
    fn literal(&self, text: &str) -> String {
        let json = quoted(text);
        match self.writing {
            SpanWriting::Json => quoted(&json[1..json.len() - 1]),
            SpanWriting::Plain => json,
        }
    }
}

/// `text` with its first letter in the other case, if that is one letter too.
fn other_case(text: &str) -> Option<String> {
    let first = text.chars().next()?;
    let mut other: Box<dyn Iterator<Item = char>> =
        if first.is_lowercase() { Box::new(first.to_uppercase()) } else { Box::new(first.to_lowercase()) };
    match (other.next(), other.next()) {
        (Some(letter), None) if letter != first => Some(format!("{letter}{}", &text[first.len_utf8()..])),
        _ => None,
    }
}
