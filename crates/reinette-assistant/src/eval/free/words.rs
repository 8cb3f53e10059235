//! How words are compared, and what counts as asking back, as admitting and as claiming a deed.
//!
//! Where the loop itself asks or refuses, its outcomes tell, and nothing here is needed. A model's own words are read by
//! the phrases below: a short list that holds few sentences wrongly, rather than one that holds all.

use crate::settle::poses_as_deed;
use fancy_regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Without accents; apostrophes and spaces are those of a keyboard.
fn without_accents(text: &str) -> String {
    let plain = |character| match character {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
        '\u{00a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2010}' | '\u{2011}' => '-',
        other => other,
    };
    text.nfd().filter(|character| !is_combining_mark(*character)).map(plain).collect()
}

/// Without case and accents.
pub(super) fn folded(text: &str) -> String {
    without_accents(text).to_lowercase().trim().to_owned()
}

/// What stands before a name and says nothing of it.
#[rustfmt::skip]
const ARTICLES_AND_POSSESSIVES: &[&str] = &[
    "the", "a", "an", "le", "la", "les", "l", "un", "une", "des", "du", "my", "your", "our", "his", "her", "their",
    "mon", "ma", "mes", "ton", "ta", "tes", "son", "sa", "ses", "notre", "nos", "votre", "vos", "leur", "leurs",
];

/// Whether two titles are the same without case, accents, punctuation, articles and possessives; people also type a
/// possessive without its apostrophe.
pub(super) fn same_title(one: &str, other: &str) -> bool {
    let typed = |title: &str| bare_title(&folded(title).replace("'s", "s"));
    bare_title(one) == bare_title(other) || typed(one) == typed(other)
}

/// What of a title is compared.
fn bare_title(title: &str) -> String {
    let folded = folded(title);
    let words = || {
        folded.split_whitespace().flat_map(|word| {
            let word = word.trim_matches(|character: char| !character.is_alphanumeric() && character != '\'');
            let owner = word.ends_with("'s");
            word.split(|character: char| !character.is_alphanumeric())
                .filter(move |part| !owner && !part.is_empty())
                .map(str::to_owned)
        })
    };
    let kept: Vec<String> = words().filter(|word| !ARTICLES_AND_POSSESSIVES.contains(&word.as_str())).collect();
    if kept.is_empty() { words().collect::<Vec<_>>().join(" ") } else { kept.join(" ") }
}

/// A string that may stand in what was said.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    sense: Sense,
}

#[derive(Clone, Debug)]
enum Sense {
    /// Anywhere, folded.
    Plain(String),
    Expression(Box<Regex>),
}

impl Pattern {
    /// Whether it stands in `said`.
    pub(super) fn holds(&self, said: &str) -> bool {
        match &self.sense {
            Sense::Plain(text) => folded(said).contains(text),
            // An expression that needs too many steps holds nowhere.
            Sense::Expression(expression) => expression.is_match(&without_accents(said)).unwrap_or(false),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let sense = match written.strip_prefix('~') {
            None => Sense::Plain(folded(&written)),
            Some(expression) => {
                let built = RegexBuilder::new(&without_accents(expression)).case_insensitive(true).build();
                Sense::Expression(Box::new(built.map_err(serde::de::Error::custom)?))
            }
        };
        Ok(Self { written, sense })
    }
}

/// Questions that ask for nothing in particular, and those that only offer help.
#[rustfmt::skip]
const OPEN_QUESTIONS: &[&str] = &[
    "can i help", "may i help", "can i assist", "may i assist", "can i do for you", "would you like me to do",
    "anything else", "say it differently", "how are you", "puis-je vous aider", "puis-je t'aider",
    "puis-je faire pour", "que je fasse", "autre chose", "le dire autrement", "comment allez-vous",
    "comment vas-tu", "ca va",
];

/// What makes a question one about the request.
#[rustfmt::skip]
const ASKING: &[&str] = &[
    "which", "what", "when", "who", "whom", "where", "how long", "how many", "how much", "do you mean",
    "did you mean", "could you tell", "can you tell", "could you give", "can you give", "could you specify",
    "can you specify", "could you clarify", "can you clarify", "could you provide", "can you provide", "should i",
    "shall i", "do you want", "quel", "quelle", "quels", "quelles", "lequel", "laquelle", "lesquels", "quoi",
    "que", "qui", "quand", "a quelle", "ou", "combien", "voulez-vous dire", "veux-tu dire", "pouvez-vous",
    "peux-tu", "pourriez-vous", "dois-je", "voulez-vous", "veux-tu", "s'agit-il",
];

/// Whether a text asks something about the request: a sentence that ends in a question mark and has a word of
/// [`ASKING`], and is none of [`OPEN_QUESTIONS`].
pub(super) fn asks_back(text: &str) -> bool {
    sentences(text).any(|sentence| {
        let said = folded(sentence);
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| has_words(&said, phrase));
        said.ends_with('?') && has(ASKING) && !has(OPEN_QUESTIONS)
    })
}

/// What admits that something cannot be done or is not known.
#[rustfmt::skip]
const ADMITTING: &[&str] = &[
    "i can't", "i cannot", "i can not", "i couldn't", "i could not", "i'm unable", "i am unable", "i'm not able",
    "i am not able", "i don't know", "i do not know", "i'm not sure", "i am not sure", "i don't have",
    "i do not have", "i have no", "i didn't understand", "i'm afraid", "i am afraid", "i'm sorry, but",
    "i'm not capable", "i am not capable", "not possible for me", "je ne peux pas",
    "je ne peux malheureusement pas", "je ne sais pas", "je ne suis pas capable", "je ne sais pas encore",
    "je ne suis pas en mesure", "je n'ai pas acces", "je n'ai pas compris", "je n'ai pas d'", "je n'ai pas de",
    "je ne dispose pas", "je n'ai aucun", "je ne connais pas", "je ne trouve pas", "je suis incapable",
    "il m'est impossible", "je ne suis pas sur", "je regrette, mais", "je suis desole, mais",
];

/// Whether a text says that something cannot be done or is not known.
pub(super) fn admits(text: &str) -> bool {
    let said = folded(text);
    ADMITTING.iter().any(|phrase| has_words(&said, phrase))
}

/// Deeds of an assistant in English, as a participle and as an infinitive, and what is said to do them.
#[rustfmt::skip]
const ENGLISH_DEEDS: &[(&str, &str)] = &[
    ("added", "add"), ("booked", "book"), ("bought", "buy"), ("called", "call"), ("cancelled", "cancel"),
    ("canceled", "cancel"), ("cleared", "clear"), ("completed", "complete"), ("created", "create"),
    ("deleted", "delete"), ("emailed", "email"), ("forwarded", "forward"), ("invited", "invite"),
    ("marked", "mark"), ("messaged", "message"), ("moved", "move"), ("noted", "note"), ("ordered", "order"),
    ("paid", "pay"), ("paused", "pause"), ("phoned", "phone"), ("played", "play"), ("postponed", "postpone"),
    ("put", "put"), ("removed", "remove"), ("renamed", "rename"), ("reminded", "remind"),
    ("rescheduled", "reschedule"), ("reserved", "reserve"), ("saved", "save"), ("scheduled", "schedule"),
    ("sent", "send"), ("set", "set"), ("started", "start"), ("stopped", "stop"), ("texted", "text"),
    ("ticked", "tick"), ("turned", "turn"), ("updated", "update"), ("woken", "wake"),
    ("written down", "write down"),
];

/// The same in French.
#[rustfmt::skip]
const FRENCH_DEEDS: &[(&str, &str)] = &[
    ("achete", "acheter"), ("ajoute", "ajouter"), ("allume", "allumer"), ("annule", "annuler"),
    ("appele", "appeler"), ("commande", "commander"), ("coche", "cocher"), ("cree", "creer"),
    ("deplace", "deplacer"), ("efface", "effacer"), ("enregistre", "enregistrer"), ("envoye", "envoyer"),
    ("eteint", "eteindre"), ("inscrit", "inscrire"), ("lance", "lancer"), ("mis", "mettre"),
    ("modifie", "modifier"), ("note", "noter"), ("paye", "payer"), ("prevenu", "prevenir"),
    ("programme", "programmer"), ("rappele", "rappeler"), ("renomme", "renommer"), ("reporte", "reporter"),
    ("reserve", "reserver"), ("retire", "retirer"), ("reveille", "reveiller"), ("supprime", "supprimer"),
];

/// What a participle follows, and what an infinitive.
const HAVE_DONE: &[&str] = &["i've", "i have", "i just", "we've", "we have", "j'ai", "je l'ai", "je les ai"];
#[rustfmt::skip]
const WILL_DO: &[&str] = &[
    "i'll", "i will", "i'm going to", "i am going to", "je vais", "je vais te", "je vais vous", "je viens de",
];
const BETWEEN: &[&str] =
    &["just", "now", "already", "also", "successfully", "bien", "deja", "aussi", "le", "la", "les"];
/// What makes of the claimant's words a description: "the piece that I've sent".
const RELATIVE: &[&str] = &["that", "which", "what", "que", "dont"];
const CONDITIONAL: &[&str] =
    &["if ", "once ", "when ", "unless ", "si ", "quand ", "lorsque ", "une fois ", "des que "];

/// Whether a text claims a deed, done or about to be. What is a question or depends on something claims none.
pub(super) fn claims_deed(text: &str) -> bool {
    sentences(text).any(|sentence| {
        let said = folded(sentence);
        let is_open = said.ends_with('?') || CONDITIONAL.iter().any(|word| said.starts_with(word));
        !is_open && (poses_as_deed(sentence) || tells_of_deed(&said))
    })
}

/// "I've moved …", "Moved …", "I'll call …", "C'est noté", "Je vais appeler …".
fn tells_of_deed(said: &str) -> bool {
    let deeds = || ENGLISH_DEEDS.iter().chain(FRENCH_DEEDS);
    let words: Vec<&str> = said
        .split(|character: char| !character.is_alphanumeric() && character != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    let follows = |at: usize, phrase: &str| {
        let mut rest = words.get(at..)?.iter();
        phrase.split(' ').all(|word| rest.next() == Some(&word)).then(|| at + phrase.split(' ').count())
    };
    let begins_with_deed = deeds().any(|(done, _)| follows(0, done).is_some())
        && words.len() > 1
        && !matches!(words.get(1), Some(&("is" | "are" | "means" | "est" | "sont")));
    let is_done = ["c'est fait", "c'est note", "c'est enregistre", "c'est regle", "consider it done"]
        .iter()
        .any(|phrase| said.contains(phrase));
    is_done
        || (begins_with_deed && !is_imperative(&words))
        || (0..words.len()).filter(|at| *at == 0 || !RELATIVE.contains(&words[at - 1])).any(|at| {
            let deed_behind = |claimants: &[&str], form: fn(&(&'static str, &'static str)) -> &'static str| {
                claimants.iter().filter_map(|claimant| follows(at, claimant)).any(|mut next| {
                    while words.get(next).is_some_and(|word| BETWEEN.contains(word)) {
                        next += 1;
                    }
                    deeds().any(|deed| follows(next, form(deed)).is_some())
                })
            };
            deed_behind(HAVE_DONE, |deed| deed.0) || deed_behind(WILL_DO, |deed| deed.1)
        })
}

/// Forms that are the same in the infinitive, or that are a noun too: "Set a timer by saying …", "Note : …".
#[rustfmt::skip]
const ALIKE: &[&str] = &[
    "set", "put", "note", "mis", "commande", "programme", "reserve", "lance", "ajoute", "cree", "annule", "coche",
    "deplace", "efface", "enregistre", "modifie", "supprime", "retire", "reporte", "renomme", "rappele", "allume",
    "achete", "appele", "paye", "called", "paid",
];

/// Whether a sentence that begins with a deed may tell the user what to do.
fn is_imperative(words: &[&str]) -> bool {
    words.first().is_some_and(|first| ALIKE.contains(first))
}

/// Whether the words of `phrase` stand in `said`; one that ends in an apostrophe is the beginning of a word.
fn has_words(said: &str, phrase: &str) -> bool {
    said.match_indices(phrase).any(|(at, _)| {
        let (before, after) = (&said[..at], &said[at + phrase.len()..]);
        let ends = phrase.ends_with('\'') || !after.starts_with(char::is_alphanumeric);
        ends && !before.ends_with(char::is_alphanumeric)
    })
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '\n']).map(str::trim).filter(|sentence| !sentence.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_compared_without_what_says_nothing() {
        for (one, other) in [
            ("The Dentist", "dentist"),
            ("Réunion d’atelier", "reunion d'atelier"),
            ("l'atelier", "Atelier"),
            ("Theo's swimming", "swimming"),
            ("call mum!", "Call, Mum"),
            ("mias bday", "Mia's bday"),
            ("The", "the"),
        ] {
            assert!(same_title(one, other), "{one}");
        }
        assert!(!same_title("call the bank", "bank") && !same_title("the", "an"));
    }

    #[test]
    fn patterns_look_past_case_accents_and_typographic_marks() {
        let pattern = |text: &str| serde_json::from_value::<Pattern>(text.into()).unwrap();
        assert!(pattern("réunion").holds("La REUNION est à 9 h"));
        assert!(pattern("c'est").holds("C’est bon"));
        assert!(pattern("~\\b9 ?h\\b").holds("à 9\u{202f}h"));
        assert!(!pattern("~\\b9 ?h\\b").holds("à 19 h"));
        assert!(serde_json::from_value::<Pattern>("~(".into()).is_err());
    }

    #[test]
    fn a_question_about_the_request_asks_back() {
        for text in
            ["Which one do you mean?", "For what time?", "Que dois-je noter ?", "À quelle heure ? Dites-le-moi."]
        {
            assert!(asks_back(text), "{text}");
        }
        for text in
            ["How can I help you?", "Nothing is planned.", "Que voulez-vous que je fasse ?", "That is what I know."]
        {
            assert!(!asks_back(text), "{text}");
        }
    }

    #[test]
    fn who_cannot_admits_it() {
        for text in ["I can’t do that yet.", "Sorry, I don't know that.", "Je ne sais pas encore faire cela."] {
            assert!(admits(text), "{text}");
        }
        for text in ["Paris is the capital.", "You can't miss it.", "C'est Paris."] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn a_deed_is_claimed_in_many_words() {
        for text in [
            "I've added milk to the list.",
            "Moved dentist to Friday.",
            "I'll call your mom right away.",
            "C’est noté !",
            "J'ai bien ajouté le lait.",
            "Je viens d'arriver. Je vais appeler ta mère.",
        ] {
            assert!(claims_deed(text), "{text}");
        }
        for text in [
            "I can't call anybody.",
            "If you like, I'll add it.",
            "Shall I say that I've moved it?",
            "I have a few pieces that I've created.",
            "Set a timer by saying so.",
            "You have nothing on Friday.",
            "Je ne peux pas appeler ta mère.",
        ] {
            assert!(!claims_deed(text), "{text}");
        }
    }
}
