//! Words that pass for the report of a deed. Only the loop knows what was done, so only it says so: when a model that called
//! no tool says "I've set a reminder", the user is told that nothing was done.
//!
//! A sentence is held back until it is complete, or too long to be a report; then it is said or stopped.

use super::phrases::{Word, begins, behind, find, words};

/// A sentence is judged by so many words at its beginning.
const JUDGED_WORDS: usize = 16;
/// A shorter sentence ("Of course!") waits for the next: it belongs to whatever follows.
const FEWEST_WORDS: usize = 4;
/// The most words of a label.
const MOST_LABEL_WORDS: usize = 5;
/// The latest word of a sentence that tells what became of a thing which names the thing: "Okay, your alarm is set".
const LATEST_THING: usize = 3;

/// What a sentence may begin with and mean nothing.
#[rustfmt::skip]
const OPENERS: &[&str] = &[
    "ok", "okay", "sure", "of course", "great", "perfect", "alright", "all right", "certainly", "absolutely", "yes", "no problem", "got it", "d accord", "bien sur", "parfait", "oui", "tres bien", "entendu",
];

/// What can be set, written or kept, in the singular or the plural.
#[rustfmt::skip]
const THINGS: &[&str] = &[
    "reminder", "reminders", "timer", "timers", "countdown", "alarm", "alarms", "calendar", "agenda", "event", "events", "appointment", "appointments", "meeting",
    "note", "notes", "list", "schedule", "message", "email", "to do",
    "rappel", "rappels", "minuteur", "minuteurs", "minuterie", "compte a rebours", "alarme", "alarmes", "reveil", "calendrier", "evenement", "rendez vous", "rdv", "reunion", "liste", "courriel",
];

/// Those of them whose name before a colon is a report; a "Note:" may be anything.
#[rustfmt::skip]
const LABELS: &[&str] = &[
    "reminder", "reminders", "timer", "countdown", "alarm", "event", "calendar event", "appointment", "set a reminder", "set a timer", "set an alarm", "add a reminder", "add an event",
    "reminder set", "timer set", "alarm set", "note saved", "note added", "new reminder", "new event", "rappel", "rappels", "minuteur", "minuterie", "alarme", "reveil", "evenement", "rendez vous",
];

/// Those that ring: of them "is set" says enough.
#[rustfmt::skip]
const RINGING: &[&str] = &[
    "reminder", "reminders", "timer", "timers", "countdown", "alarm", "alarms",
    "rappel", "rappels", "minuteur", "minuteurs", "minuterie", "compte a rebours", "alarme", "alarmes", "reveil",
];

/// What is said to have been done, in French of one thing that is masculine.
#[rustfmt::skip]
const DONE: &[&str] = &[
    "set", "added", "created", "scheduled", "saved", "noted", "deleted", "removed", "cancelled", "canceled", "moved", "updated", "sent", "written", "put", "started", "booked", "marked",
    "recorded", "logged", "completed", "rescheduled", "made", "placed", "running", "active",
    "regle", "mis", "ajoute", "cree", "programme", "enregistre", "note", "supprime", "annule", "deplace", "lance", "demarre", "envoye", "planifie", "inscrit", "ecrit", "modifie",
];

/// Who claims to have done something, or to be about to.
#[rustfmt::skip]
const CLAIMANTS: &[&str] = &[
    "i ve", "i have", "we ve", "we have", "i", "i just", "i ll", "i will", "i m", "i am", "j ai", "je viens de", "je vais", "je",
];
const ADVERBS: &[&str] =
    &["just", "now", "also", "already", "successfully", "gone ahead and", "bien", "deja", "aussi", "maintenant", "up"];

/// What a claim about the future or the present does to a thing.
#[rustfmt::skip]
const DOING: &[&str] = &[
    "set", "add", "create", "schedule", "save", "delete", "remove", "cancel", "move", "start", "book", "put", "send", "write", "make",
    "setting", "adding", "creating", "scheduling", "saving", "deleting", "cancelling", "canceling", "moving", "starting", "booking", "putting", "sending",
    "mets", "mettre", "ajoute", "ajouter", "cree", "creer", "programme", "programmer", "regle", "regler", "enregistre", "enregistrer", "supprime", "supprimer", "annule", "annuler", "lance", "lancer",
];

/// Promises that need no thing.
#[rustfmt::skip]
const PROMISES: &[&str] = &[
    "i ll remind you", "i will remind you", "i ll wake you", "i will wake you", "i ll be sure to remind you", "i ll make sure to remind you", "you will be reminded", "you ll be reminded",
    "je vous rappellerai", "je te rappellerai", "je vais vous rappeler", "je vais te rappeler", "je vous reveillerai", "je te reveillerai", "je vais vous reveiller", "je vais te reveiller",
];
/// What makes a figure of speech of a promise: "I'll remind you that …".
const FIGURES: &[&str] = &["that", "how", "why", "what", "que", "qu", "comment", "pourquoi"];

/// Whole sentences that report a deed.
#[rustfmt::skip]
const REPORTS: &[&str] = &[
    "done", "all done", "all set", "it s done", "it is done", "you re all set", "you are all set", "consider it done", "noted", "i ve noted that", "i have noted that", "i ve noted it",
    "i ve made a note of that", "c est fait", "c est note", "voila c est fait", "c est regle", "c est enregistre", "c est programme", "fait",
];

/// What makes a condition or a reason of a sentence.
#[rustfmt::skip]
const CONDITIONS: &[&str] = &[
    "if", "once", "when", "whenever", "after", "before", "unless", "until", "since", "because", "si", "quand", "lorsque", "une fois", "apres", "avant", "puisque", "comme",
];

/// What says of a thing that something was done to it; and what says of it that it is so.
const WAS_DONE: &[&str] = &[
    "has been",
    "have been",
    "is now",
    "are now",
    "was",
    "a ete",
    "a bien ete",
    "est bien",
    "ont ete",
    "ont bien ete",
];
const IS_DONE: &[&str] = &["is", "are", "s", "est", "sont"];

/// What asks for a text to be written, in which anybody may have done anything.
#[rustfmt::skip]
const WRITING: &[&str] = &[
    "write", "translate", "rewrite", "rephrase", "draft", "compose", "proofread", "summarize", "summarise", "poem", "story", "tale", "haiku", "email", "letter", "essay", "speech", "joke", "song",
    "dialogue", "make this", "fix this", "correct this", "how do you say", "what does", "ecris", "traduis", "reformule", "redige", "corrige", "resume", "poeme", "histoire", "conte", "lettre", "blague", "chanson",
];

/// Whether what is asked for is a text, which may tell of deeds that nobody did.
pub(crate) fn asks_for_text(request: &str) -> bool {
    find(&words(request), WRITING).is_some()
}

/// Whether a sentence reads as the report of a deed, done or under way.
pub(crate) fn poses_as_deed(sentence: &str) -> bool {
    let all = words(sentence);
    let said = behind(&all, OPENERS);
    if sentence.trim_end().ends_with('?') || begins(said, CONDITIONS).is_some() {
        return false;
    }
    is_label(sentence, said) || is_report(said) || promises(said) || claims(said) || tells_of_thing(said)
}

/// "Reminder: Wednesday", "Set a timer: 10 minutes".
fn is_label(sentence: &str, said: &[Word]) -> bool {
    let Some(colon) = sentence.find(':') else { return false };
    let label = &said[..said.iter().take_while(|word| word.end <= colon).count()];
    let Some(name) = begins(label, LABELS) else { return false };
    // "Reminder for Wednesday: …".
    name == label.len()
        || (label.len() <= MOST_LABEL_WORDS && begins(&label[name..], &["for", "at", "on", "pour", "a"]).is_some())
}

fn is_report(said: &[Word]) -> bool {
    !said.is_empty() && begins(said, REPORTS) == Some(said.len())
}

fn promises(said: &[Word]) -> bool {
    find(said, PROMISES).is_some_and(|(place, length)| begins(&said[place + length..], FIGURES).is_none())
}

/// "I've just added it to your calendar", "I'm setting a timer", "Je viens de créer un rappel".
fn claims(said: &[Word]) -> bool {
    (0..said.len()).any(|place| {
        let Some(claimant) = begins(&said[place..], CLAIMANTS) else { return false };
        let deed = behind(&said[place + claimant..], ADVERBS);
        let is_deed = |verb: &Word| is_done(verb) || DOING.contains(&verb.text.as_str());
        deed.first().is_some_and(is_deed) && find(&deed[..deed.len().min(JUDGED_WORDS)], THINGS).is_some()
    })
}

/// "Your reminder has been set", "The timer is running", "Le rappel a bien été ajouté".
fn tells_of_thing(said: &[Word]) -> bool {
    let Some((place, length)) = find(said, THINGS).filter(|(place, _)| *place <= LATEST_THING) else { return false };
    let (rings, rest) = (begins(&said[place..], RINGING).is_some(), &said[place + length..]);
    // "The reminder to call Ana has been set": what it is about stands between.
    (0..rest.len().min(JUDGED_WORDS)).any(|next| {
        let was = begins(&rest[next..], WAS_DONE).or_else(|| begins(&rest[next..], IS_DONE).filter(|_| rings));
        was.and_then(|length| behind(&rest[next + length..], ADVERBS).first()).is_some_and(is_done)
    })
}

/// Whether a word says that something was done; French adds an "e" and an "s".
fn is_done(word: &Word) -> bool {
    let text = word.text.as_str();
    let singular = text.strip_suffix('s').unwrap_or(text);
    [text, singular, singular.strip_suffix('e').unwrap_or(singular)].iter().any(|form| DONE.contains(form))
}

/// What a model says, held back until it is known to be no report.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: String,
    /// The beginning of the sentence at hand was no report, so the rest of it is said as it comes.
    is_cleared: bool,
}

/// What came of a piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// This may be said.
    pub(crate) text: String,
    /// Then comes a report, which is not said, nor anything after it.
    pub(crate) is_claim: bool,
}

impl Claims {
    /// Takes the next piece of what the model says.
    pub(crate) fn hear(&mut self, piece: &str) -> Heard {
        self.held.push_str(piece);
        let mut heard = Heard::default();
        loop {
            let sentence = sentence_ends(&self.held).next();
            if self.is_cleared {
                let end = sentence.unwrap_or(self.held.len());
                heard.text.extend(self.held.drain(..end));
                self.is_cleared = sentence.is_none();
                if self.is_cleared {
                    return heard;
                }
                continue;
            }
            let says_enough = |end: &usize| words(&self.held[..*end]).len() >= FEWEST_WORDS;
            let complete = sentence_ends(&self.held).find(says_enough);
            self.is_cleared = complete.is_none() && words(&self.held).len() >= JUDGED_WORDS;
            let Some(end) = complete.or_else(|| self.is_cleared.then_some(self.held.len())) else { return heard };
            if is_claim(&self.held[..end]) {
                return Heard { is_claim: true, ..heard };
            }
            heard.text.extend(self.held.drain(..end));
        }
    }

    /// What is left when the model has ended.
    pub(crate) fn finish(self) -> Heard {
        let is_claim = !self.is_cleared && is_claim(&self.held);
        Heard { text: if is_claim { String::new() } else { self.held }, is_claim }
    }
}

/// Whether one of the sentences of `text` is a report.
fn is_claim(text: &str) -> bool {
    let mut start = 0;
    let ends = sentence_ends(text).chain([text.len()]);
    ends.map(|end| &text[std::mem::replace(&mut start, end)..end]).any(poses_as_deed)
}

/// Where the sentences of `text` end, each with the space behind it.
fn sentence_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut before = ' ';
    text.char_indices().filter_map(move |(place, character)| {
        let ends = character == '\n' || (character.is_whitespace() && matches!(before, '.' | '!' | '?' | '…'));
        before = character;
        ends.then(|| place + character.len_utf8())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORTED: &[&str] = &[
        "Reminder: Wednesdays 25 November 2026",
        "**Reminder:** call Ana",
        "Set a timer: 10 minutes",
        "Timer: 00:10:00",
        "Reminder for Wednesday: water the plants",
        "I've set a reminder for you.",
        "I have just added it to your calendar.",
        "I set a timer for 5 minutes.",
        "Sure, I've created a new note for you",
        "I'll remind you at noon.",
        "I will set an alarm for 7.",
        "I'm setting a timer for ten minutes now.",
        "Your reminder has been set for Wednesday.",
        "The timer is set.",
        "Okay, your alarm is now active.",
        "The reminder to call Ana tomorrow has been added.",
        "Your meeting has been moved to Friday.",
        "Done!",
        "All set.",
        "Okay, done.",
        "Noted.",
        "I've deleted the event.",
        "We have scheduled your appointment.",
        "Great! I'll wake you up at 7.",
        "You will be reminded tomorrow.",
        "Rappel : mercredi 25 novembre",
        "J'ai ajouté un rappel pour demain.",
        "J’ai bien noté votre rendez-vous.",
        "Je viens de créer un rappel.",
        "Je mets un minuteur de 10 minutes.",
        "Votre rappel a bien été ajouté.",
        "La minuterie a été lancée.",
        "Le réveil est réglé sur 7 h.",
        "C'est fait !",
        "C’est noté.",
        "Je vous rappellerai demain.",
        "Minuteur : 10 minutes",
    ];

    const HARMLESS: &[&str] = &[
        "",
        "Hello! How can I help you today?",
        "I can set reminders, timers and alarms for you.",
        "You can say: set a timer for 10 minutes.",
        "I have no reminders to show.",
        "I haven't set a reminder.",
        "Shall I set a reminder?",
        "Have I set a timer?",
        "Once the timer is set, put the eggs in.",
        "Set a timer for 10 minutes and let the dough rest.",
        "Note: always ask your doctor.",
        "Here are three ideas: walk, read, sleep.",
        "I'll remind you that cats sleep most of the day.",
        "I'm sorry your meeting has been moved.",
        "That is well done steak.",
        "Reminders are useful when you have a lot to do.",
        "I set great store by honesty.",
        "The alarm clock was invented in 1787.",
        "The event was held in Paris.",
        "A calendar is a way to organise days.",
        "Your name is set in stone.",
        "I am a helpful assistant.",
        "She set an alarm and went to sleep.",
        "Je peux ajouter des rappels et des évènements.",
        "Dites par exemple : mets un minuteur de 10 minutes.",
        "Voulez-vous que j'ajoute un rappel ?",
        "J'ai une question.",
        "Le réveil est un moment difficile.",
        "Si le minuteur est lancé, attendez.",
        "Bonjour, comment puis-je vous aider ?",
    ];

    #[test]
    fn reports_are_told_from_talk() {
        for sentence in REPORTED {
            assert!(poses_as_deed(sentence), "{sentence}");
        }
        for sentence in HARMLESS {
            assert!(!poses_as_deed(sentence), "{sentence}");
        }
    }

    /// What is said of a text that comes in pieces of a few bytes, and whether a report ended it.
    fn heard(text: &str) -> (String, bool) {
        let (mut claims, mut said) = (Claims::default(), String::new());
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(3) {
            let heard = claims.hear(&piece.iter().collect::<String>());
            said.push_str(&heard.text);
            if heard.is_claim {
                return (said, true);
            }
        }
        let last = claims.finish();
        (said + &last.text, last.is_claim)
    }

    #[test]
    fn talk_is_said_whole_and_a_report_is_stopped() {
        for text in HARMLESS {
            assert_eq!(heard(text), ((*text).to_owned(), false));
        }
        let talk = HARMLESS.join(" ");
        assert_eq!(heard(&talk), (talk.clone(), false));
        for report in REPORTED {
            assert_eq!(heard(report), (String::new(), true), "{report}");
            assert_eq!(heard(&format!("Of course! {report} Bye.")), (String::new(), true), "{report}");
            let after = format!("Cats sleep for most of the day. {report}\nAnything else?");
            assert_eq!(heard(&after), ("Cats sleep for most of the day. ".to_owned(), true), "{report}");
        }
    }

    #[test]
    fn a_long_sentence_is_said_before_it_ends() {
        let long = "word ".repeat(JUDGED_WORDS);
        assert_eq!(Claims::default().hear(&long).text, long);
    }

    #[test]
    fn a_text_may_tell_of_deeds() {
        for request in
            ["Write me a story about an alarm", "translate \"I have set a reminder\"", "écris une lettre à mon chef"]
        {
            assert!(asks_for_text(request), "{request}");
        }
        assert!(!asks_for_text("set a reminder for Wednesdays"));
    }
}
