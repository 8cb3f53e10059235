//! The words of an answer while it comes.

use super::{CallSyntax, WordsSyntax};

/// Parts the words of an answer from the calls after them, as the text comes piece by piece: what may turn out to be the
/// beginning of a call is held back.
#[derive(Clone, Debug)]
pub struct WordsStream {
    syntax: CallSyntax,
    held: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing came yet.
    Beginning,
    Words,
    Calls,
}

impl WordsStream {
    /// The words of answers in this syntax.
    pub fn new(syntax: &CallSyntax) -> Self {
        let state = if syntax.words == WordsSyntax::Refused { State::Calls } else { State::Beginning };
        Self { syntax: syntax.clone(), held: String::new(), state }
    }

    /// Takes the next piece of the answer and gives back the words that are certain to be no call.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        if self.state == State::Calls {
            return String::new();
        }
        match &self.syntax.words {
            WordsSyntax::Before(mark) => {
                let (end, state) = match self.held.find(mark.as_str()) {
                    Some(start) => (start, State::Calls),
                    None => (self.held.len() - begun(&self.held, mark), State::Words),
                };
                self.state = state;
                // White space before a call belongs to no words.
                let end = self.held[..end].trim_end().len();
                self.held.drain(..end).collect()
            }
            _ if self.state == State::Beginning && !self.held.is_empty() => {
                let is_call = self.held.chars().next() == self.syntax.opening.chars().next();
                self.state = if is_call { State::Calls } else { State::Words };
                if is_call { String::new() } else { std::mem::take(&mut self.held) }
            }
            _ => std::mem::take(&mut self.held),
        }
    }

    /// The words that were held back, once the answer has ended.
    pub fn finish(self) -> String {
        if self.state == State::Calls { String::new() } else { self.held }
    }
}

/// How many bytes at the end of `text` may be the beginning of `mark`.
fn begun(text: &str, mark: &str) -> usize {
    let ends = mark.char_indices().map(|(place, _)| place).filter(|place| *place > 0);
    ends.rev().find(|length| text.ends_with(&mark[..*length])).unwrap_or_default()
}
