//! Requests that lack what they are about: "set a timer", "remind me at noon". A model makes something up for what is missing, or
//! talks as if it were done; the user is asked instead, and the answer completes the call. That needs no model.

use super::phrases::{Word, begins, behind, without_courtesies, words};
use crate::offer::{durations, purpose, times};
use reinette::{Entry, ToolCall, Transcript};
use reinette_time::{Clock, Language};
use serde_json::{Map, Value};

/// The most words of an answer to a question; whoever says more has begun something else.
const MOST_ANSWER_WORDS: usize = 25;

/// A kind of request.
struct Kind {
    tool: &'static str,
    /// The argument without which it cannot be done.
    lacks: &'static str,
    /// How such a request begins.
    heads: &'static [&'static str],
    english: &'static str,
    french: &'static str,
}

#[rustfmt::skip]
static KINDS: [Kind; 4] = [
    Kind {
        tool: "create_reminder",
        lacks: "title",
        heads: &[
            "remind me", "set a reminder", "set me a reminder", "set up a reminder", "create a reminder", "make a reminder", "add a reminder", "give me a reminder",
            "new reminder", "i need a reminder", "reminder", "rappelle moi", "rappelez moi", "mets un rappel", "mets moi un rappel", "cree un rappel", "ajoute un rappel",
            "fais moi un rappel", "programme un rappel", "nouveau rappel", "rappel",
        ],
        english: "What shall I remind you of?",
        french: "Que dois-je vous rappeler ?",
    },
    Kind {
        tool: "set_timer",
        lacks: "duration",
        heads: &[
            "set a timer", "set the timer", "set me a timer", "set another timer", "set a countdown", "start a timer", "start the timer", "start another timer", "start a countdown",
            "give me a timer", "i need a timer", "run a timer", "new timer", "timer", "mets un minuteur", "mets le minuteur", "mets moi un minuteur", "mets une minuterie",
            "lance un minuteur", "lance le minuteur", "lance une minuterie", "demarre un minuteur", "regle un minuteur", "programme un minuteur", "nouveau minuteur", "minuteur",
        ],
        english: "For how long?",
        french: "Pour combien de temps ?",
    },
    Kind {
        tool: "set_alarm",
        lacks: "when",
        heads: &[
            "set an alarm", "set the alarm", "set my alarm", "set me an alarm", "set another alarm", "create an alarm", "i need an alarm", "new alarm", "wake me up", "wake me", "alarm",
            "mets un reveil", "mets le reveil", "mets mon reveil", "mets moi un reveil", "mets une alarme", "mets l alarme", "regle un reveil", "regle le reveil", "regle une alarme",
            "programme un reveil", "programme une alarme", "reveille moi", "nouvelle alarme", "reveil", "alarme",
        ],
        english: "For what time?",
        french: "Pour quelle heure ?",
    },
    Kind {
        tool: "create_note",
        lacks: "text",
        heads: &[
            "write a note", "write me a note", "take a note", "make a note", "create a note", "add a note", "new note", "start a note", "write something down", "take note", "note",
            "ecris une note", "prends une note", "prends note", "cree une note", "fais une note", "ajoute une note", "nouvelle note",
        ],
        english: "What shall I write down?",
        french: "Que dois-je noter ?",
    },
];

/// Words that say nothing about what is to be done or when.
#[rustfmt::skip]
const FILLERS: &[&str] = &[
    "for", "at", "on", "in", "to", "of", "about", "by", "the", "a", "an", "me", "it", "something", "up", "called", "that", "later", "soon", "again", "and",
    "pour", "le", "la", "les", "l", "de", "d", "du", "un", "une", "en", "dans", "que", "qu", "quelque chose", "moi", "plus tard", "et",
];

/// What makes a question of "remind me": "remind me how photosynthesis works".
#[rustfmt::skip]
const QUESTIONS: &[&str] = &[
    "what", "how", "why", "who", "whose", "where", "which", "whether", "comment", "pourquoi", "qui", "quel", "quelle", "quels", "quelles", "ou", "ce que", "ce qu", "si",
];

/// Answers that leave what was asked, and the beginnings of other requests and of questions.
#[rustfmt::skip]
const NO_ANSWERS: &[&str] = &[
    "no", "nothing", "never mind", "nevermind", "forget it", "forget that", "cancel", "stop", "leave it", "don t", "do not", "skip it", "i don t know", "not now", "thanks", "thank you",
    "what", "who", "why", "how", "when", "where", "which", "is", "are", "do you", "can you", "could you", "show", "list", "tell me", "delete", "undo", "add", "put", "move", "hello", "hi",
    "non", "rien", "laisse", "laisse tomber", "oublie", "annule", "tant pis", "je ne sais pas", "pas maintenant", "merci",
    "quoi", "qui", "pourquoi", "comment", "quand", "ou", "quel", "quelle", "quels", "quelles", "combien", "est ce que", "montre", "dis moi", "supprime", "ajoute", "mets", "bonjour", "salut",
];

/// A request that lacks an argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Missing {
    tool: &'static str,
    lacks: &'static str,
    /// The time that was said.
    when: Option<String>,
    /// What to ask.
    pub(crate) question: &'static str,
}

/// What `text` lacks, if it asks for something and does not say what, or how long.
pub(crate) fn missing(text: &str, clock: &Clock) -> Option<Missing> {
    let all = words(text);
    let (kind, rest) = kind(without_courtesies(&all))?;
    let behind = rest.first().map_or("", |first| &text[first.start..]);
    let whens = times(behind, purpose(kind.tool), clock);
    let says_when = !whens.is_empty() || !durations(behind).is_empty() || behind.contains(char::is_numeric);
    let when = match kind.lacks {
        "duration" | "when" => (!says_when).then_some(None),
        "title" => says_only(behind, &whens).then(|| stretch(behind, &whens)),
        _ => says_nothing(behind).then_some(None),
    }?;
    let question = match Language::of(text) {
        Language::English => kind.english,
        Language::French => kind.french,
    };
    Some(Missing { tool: kind.tool, lacks: kind.lacks, when, question })
}

/// The call that `text` completes, if the last thing said was the question that [`missing`] asks.
pub(crate) fn completed(text: &str, transcript: &Transcript, clock: &Clock) -> Option<(ToolCall, Language)> {
    let [.., Entry::Prompt { text: asked }, Entry::Response { text: question }] = transcript.entries.as_slice() else {
        return None;
    };
    let missing = missing(asked, clock).filter(|missing| missing.question == question)?;
    let all = words(text);
    let said = without_courtesies(&all);
    let is_answer = !said.is_empty()
        && said.len() <= MOST_ANSWER_WORDS
        && begins(said, NO_ANSWERS).is_none()
        && kind(said).is_none()
        && !text.trim_end().ends_with('?');
    if !is_answer {
        return None;
    }
    let value = match missing.lacks {
        "duration" => only(&durations(text))?,
        "when" => only(&times(text, purpose(missing.tool), clock))?,
        "title" => {
            text[behind(said, &["to", "of", "about", "de", "d", "que je dois"]).first()?.start..].trim().to_owned()
        }
        _ => text.trim().to_owned(),
    };
    let mut arguments = Map::from_iter([(missing.lacks.to_owned(), Value::String(value))]);
    arguments.extend(missing.when.map(|when| ("when".to_owned(), Value::String(when))));
    let call = ToolCall { id: "completed".to_owned(), name: missing.tool.to_owned(), arguments };
    Some((call, Language::of(asked)))
}

/// Whether `text` asks for something to be done, in so many words.
pub(crate) fn asks_for_deed(text: &str) -> bool {
    let all = words(text);
    let Some((_, rest)) = kind(without_courtesies(&all)) else { return false };
    // "Remind me how photosynthesis works" is a question.
    let is_question = text.trim_end().ends_with('?') || begins(rest, QUESTIONS).is_some();
    !is_question
}

/// The kind of request that `said` is, and what follows the words that tell.
fn kind(said: &[Word]) -> Option<(&'static Kind, &[Word])> {
    let lengths = KINDS.iter().filter_map(|kind| Some((begins(said, kind.heads)?, kind)));
    let (length, kind) = lengths.max_by_key(|(length, _)| *length)?;
    let rest = &said[length..];
    // "Alarm" alone asks for one; "alarm clocks are loud" does not.
    (length > 1 || behind(rest, FILLERS).is_empty()).then_some((kind, rest))
}

/// Whether `text` has no words but these times, in their order, and some that say nothing.
fn says_only(text: &str, times: &[&str]) -> bool {
    let mut rest = text;
    times.iter().all(|time| match rest.split_once(time) {
        Some((before, after)) => {
            rest = after;
            says_nothing(before)
        }
        None => false,
    }) && says_nothing(rest)
}

/// The stretch of `text` from the first of these times to the last, if there are any.
fn stretch(text: &str, times: &[&str]) -> Option<String> {
    let (first, last) = (times.first()?, times.last()?);
    Some(text[text.find(first)?..text.rfind(last)? + last.len()].to_owned())
}

fn says_nothing(text: &str) -> bool {
    behind(without_courtesies(&words(text)), FILLERS).is_empty()
}

fn only(found: &[&str]) -> Option<String> {
    let [found] = found else { return None };
    Some((*found).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn clock() -> Clock {
        Clock { now: "2026-03-11T10:15:00+01:00[Europe/Paris]".parse().unwrap() }
    }

    fn asked(text: &str) -> Option<&'static str> {
        missing(text, &clock()).map(|missing| missing.question)
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        for (question, requests) in [
            (
                "What shall I remind you of?",
                &[
                    "remind me at noon",
                    "Set a reminder for Wednesdays",
                    "please remind me",
                    "remind me of something tomorrow at 9",
                    "reminder",
                    "remind me later",
                ][..],
            ),
            (
                "For how long?",
                &[
                    "set a timer",
                    "Could you start a timer, please?",
                    "set a timer for the pasta",
                    "timer",
                    "give me a timer for a while",
                ],
            ),
            ("For what time?", &["set an alarm", "wake me up", "wake me up early please", "alarm"]),
            ("What shall I write down?", &["write a note", "take a note, please", "note:", "Write a note: \n"]),
            (
                "Que dois-je vous rappeler ?",
                &["rappelle-moi demain", "mets un rappel pour mercredi à 14h", "rappelle-moi"],
            ),
            ("Pour combien de temps ?", &["mets un minuteur", "lance le minuteur s'il te plaît"]),
            ("Pour quelle heure ?", &["réveille-moi", "mets le réveil"]),
            ("Que dois-je noter ?", &["écris une note", "prends une note s'il te plaît"]),
        ] {
            for request in requests {
                assert_eq!(asked(request), Some(question), "{request}");
            }
        }
    }

    #[test]
    fn what_says_enough_is_not_asked_about() {
        for request in [
            "",
            "remind me to call Ana",
            "remind me at noon to call Ana",
            "remind me how photosynthesis works",
            "set a timer for 10 minutes",
            "set a timer for twenty minutes",
            "set a timer until 5",
            "wake me at 7",
            "wake me up tomorrow",
            "réveille-moi à 7h",
            "alarm clocks are loud",
            "note taking tips",
            "note that the code is 12",
            "write a note: milk",
            "how do I set a timer?",
            "the timer rang",
            "timers?",
            "mets un minuteur de 10 minutes",
        ] {
            assert_eq!(asked(request), None, "{request}");
        }
    }

    fn answered(asked: &str, answer: &str) -> Option<Value> {
        let clock = clock();
        let mut transcript = Transcript::from_prompt(asked);
        transcript.push(Entry::Response { text: missing(asked, &clock).unwrap().question.to_owned() });
        let (call, _) = completed(answer, &transcript, &clock)?;
        Some(Value::Object(call.arguments))
    }

    #[test]
    fn the_answer_completes_the_request() {
        for (request, answer, arguments) in [
            ("remind me at noon", "to call Ana", json!({"title": "call Ana", "when": "noon"})),
            ("set a reminder", "Water the plants, please", json!({"title": "Water the plants, please"})),
            ("set a timer", "10 minutes please", json!({"duration": "10 minutes"})),
            ("set an alarm", "tomorrow at 7", json!({"when": "tomorrow at 7"})),
            ("write a note", "the boiler is a Vaillant", json!({"text": "the boiler is a Vaillant"})),
            ("rappelle-moi demain", "d'appeler Ana", json!({"title": "appeler Ana", "when": "demain"})),
        ] {
            assert_eq!(answered(request, answer), Some(arguments), "{request}, then {answer}");
        }
    }

    #[test]
    fn what_is_no_answer_is_a_request_of_its_own() {
        for (request, answer) in [
            ("set a timer", "never mind"),
            ("set a timer", "the blue one"),
            ("remind me at noon", "what time is it?"),
            ("remind me at noon", "set a timer for 5 minutes"),
            ("write a note", "non merci"),
        ] {
            assert_eq!(answered(request, answer), None, "{request}, then {answer}");
        }
        let mut transcript = Transcript::from_prompt("set a timer");
        transcript.push(Entry::Response { text: "Of course.".into() });
        assert!(completed("10 minutes", &transcript, &clock()).is_none());
    }

    #[test]
    fn a_deed_is_asked_for_in_so_many_words() {
        for request in [
            "set a timer for the pasta in the oven",
            "remind me to call Ana",
            "réveille-moi à l'aube",
            "rappelle-moi de payer",
        ] {
            assert!(asks_for_deed(request), "{request}");
        }
        for request in [
            "remind me how photosynthesis works",
            "rappelle-moi comment on fait les crêpes",
            "who set the timer?",
            "note taking tips",
            "hello",
            "can you set a timer for the pasta?",
        ] {
            assert!(!asks_for_deed(request), "{request}");
        }
    }
}
