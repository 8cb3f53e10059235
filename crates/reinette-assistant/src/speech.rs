//! What is said of what a model says when it has called no tool: talk, but no report of a deed.

use crate::sentences;
use crate::settle::{Claims, asks_for_deed, asks_for_text};
use reinette_time::Language;
use std::ops::ControlFlow;

/// The answer in words to one request, as far as it was said.
#[derive(Debug)]
pub(crate) struct Speech {
    kind: Kind,
    language: Language,
    said: String,
}

/// What the user asked for.
#[derive(Debug)]
enum Kind {
    /// A text, in which anybody may have done anything: it is said as it comes.
    Text,
    /// Talk.
    Talk(Claims),
    /// A deed, which was not understood, as no tool was called.
    Deed,
}

impl Speech {
    /// The answer to `request`, in the words of which anything may be said if it asks for a text.
    pub(crate) fn new(request: &str, language: Language) -> Self {
        let kind = if asks_for_deed(request) {
            Kind::Deed
        } else if asks_for_text(request) {
            Kind::Text
        } else {
            Kind::Talk(Claims::default())
        };
        Self { kind, language, said: String::new() }
    }

    /// Talk, to words that ask for nothing.
    pub(crate) fn talk(language: Language) -> Self {
        Self { kind: Kind::Talk(Claims::default()), language, said: String::new() }
    }

    /// A text that was asked for.
    pub(crate) fn text(language: Language) -> Self {
        Self { kind: Kind::Text, language, said: String::new() }
    }

    /// What is said after tools have answered: of deeds only where one was done.
    pub(crate) fn after_tools(has_acted: bool, language: Language) -> Self {
        let kind = if has_acted { Kind::Text } else { Kind::Talk(Claims::default()) };
        Self { kind, language, said: String::new() }
    }

    /// Takes the next piece of what the model says, and says what may be said; breaks where nothing more may be.
    pub(crate) fn hear(&mut self, piece: &str, say: &mut dyn FnMut(&str)) -> ControlFlow<()> {
        let (text, is_claim) = match &mut self.kind {
            Kind::Text => (piece.to_owned(), false),
            Kind::Talk(claims) => {
                let heard = claims.hear(piece);
                (heard.text, heard.is_claim)
            }
            Kind::Deed => {
                self.kind = Kind::Text;
                self.say(&sentences::not_understood(self.language), say);
                return ControlFlow::Break(());
            }
        };
        self.say(&text, say);
        if is_claim {
            self.deny(say);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Says what was held back when the model has ended; gives all that was said.
    pub(crate) fn finish(mut self, say: &mut dyn FnMut(&str)) -> String {
        if let Kind::Talk(claims) = &mut self.kind {
            let last = std::mem::take(claims).finish();
            self.say(&last.text, say);
            if last.is_claim {
                self.deny(say);
            }
        }
        self.said
    }

    fn deny(&mut self, say: &mut dyn FnMut(&str)) {
        self.kind = Kind::Text;
        let nothing = sentences::nothing_done(self.language);
        let space = if self.said.is_empty() || self.said.ends_with(char::is_whitespace) { "" } else { " " };
        self.say(&format!("{space}{nothing}"), say);
    }

    fn say(&mut self, text: &str, say: &mut dyn FnMut(&str)) {
        if !text.is_empty() {
            self.said.push_str(text);
            say(text);
        }
    }
}
