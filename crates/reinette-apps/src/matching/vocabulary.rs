//! The words that say little or nothing of which thing is meant, and those that say the same.

/// Words that tell nothing.
pub(super) const PARTICLES: &[&str] = &[
    "the", "a", "an", "my", "our", "to", "with", "of", "for", "at", "on", "in", "and", "n", "about", "that", "this",
    "le", "la", "les", "un", "une", "des", "du", "de", "mon", "ma", "mes", "avec", "pour", "au", "aux", "et", "ce",
    "cette", "l", "d", "s",
];

/// Words that say what kind of thing is meant, which its title need not have.
pub(super) const KINDS: &[&str] = &[
    "appointment",
    "meeting",
    "event",
    "reminder",
    "task",
    "note",
    "list",
    "rendez",
    "vous",
    "rdv",
    "reunion",
    "evenement",
    "rappel",
    "tache",
    "liste",
];

/// Words that say that nothing is left out.
pub(crate) const ALL: &[&str] = &["all", "every", "everything", "both", "tous", "toutes", "tout"];

/// Words beside those of which nothing more is said.
pub(super) const OF_ALL: &[&str] = &[
    "of",
    "them",
    "my",
    "the",
    "those",
    "these",
    "it",
    "open",
    "reminder",
    "reminders",
    "todo",
    "todos",
    "task",
    "tasks",
    "de",
    "d",
    "entre",
    "eux",
    "elles",
    "mes",
    "les",
    "ces",
    "rappel",
    "rappels",
    "tache",
    "taches",
];

/// Words for the next thing there is.
pub(super) const NEXT: &[&str] = &["next", "prochain", "prochaine"];

/// Words for anything.
pub(super) const ANYTHING: &[&str] = &["one", "thing", "engagement", "chose", "activity", "activite"];

/// Words around a title that are seldom in one: what is to be done to the thing, and what is said to be polite.
#[rustfmt::skip]
pub(super) const FILLERS: &[&str] = &[
    "done", "finished", "off", "cancelled", "canceled", "cancel", "move", "delete", "remove", "put", "scrap", "bin", "stick", "whole", "please", "pls", "lol", "thing", "one",
    "fini", "finie", "annule", "annulee", "supprime", "deplace", "mets", "svp", "stp", "truc", "chose",
];

/// Words of titles that many share which mean other things: "buy milk" is no "buy bread".
#[rustfmt::skip]
pub(super) const COMMON: &[&str] = &[
    "buy", "get", "call", "ring", "pay", "send", "book", "take", "make", "go", "bring", "pick", "up", "out", "check", "email", "do", "give", "day", "new",
    "acheter", "appeler", "payer", "envoyer", "prendre", "faire", "aller", "donner", "jour", "nouveau", "nouvelle",
];

/// Words before somebody who comes along: two meals with two people are two meals.
pub(super) const WITH: &[&str] = &["with", "avec"];

/// Words that point at a thing which was told of before.
#[rustfmt::skip]
pub(super) const POINTERS: &[&str] = &["it", "that", "this", "ca", "cela", "celui", "celle"];

/// Words beside those.
pub(super) const BESIDE_POINTERS: &[&str] =
    &["one", "thing", "same", "very", "la", "ci", "please", "pls", "lol", "svp", "stp"];

/// Words that name the same thing; the first of each row stands for all.
const SAME: &[&[&str]] = &[
    &["christmas", "xmas"],
    &["birthday", "bday"],
    &["mum", "mom", "mam"],
    &["appointment", "appt", "appts", "appointments"],
    &["meeting", "mtg", "mtgs"],
    &["doctor", "doc", "dr"],
    &["phone", "tel", "telephone"],
    &["picture", "pic", "pics"],
    &["anniversaire", "anniv"],
];

/// The words that stand for a word in lower case and without accents: mostly itself.
pub(super) fn standing_for(word: &str) -> Vec<String> {
    match (word, SAME.iter().find(|row| row.contains(&word))) {
        ("rdv", _) => vec!["rendez".to_owned(), "vous".to_owned()],
        (_, Some(row)) => vec![row[0].to_owned()],
        (word, None) => vec![word.to_owned()],
    }
}
