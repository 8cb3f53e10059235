//! When things usually take place, which tells the two readings of an hour apart: "dinner at 7" is in the evening.

use super::hours::{Form, HALF_DAY, Reading};
use super::lexer::{Kind, tokens};

/// The part of the day in which something usually takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Morning,
    Midday,
    Evening,
}

#[rustfmt::skip]
const HABITS: &[(&str, Habit)] = &[
    ("breakfast", Habit::Morning), ("petit", Habit::Morning), ("wake", Habit::Morning), ("reveil", Habit::Morning), ("lever", Habit::Morning),
    ("lunch", Habit::Midday), ("dejeuner", Habit::Midday), ("brunch", Habit::Midday),
    ("dinner", Habit::Evening), ("supper", Habit::Evening), ("diner", Habit::Evening), ("souper", Habit::Evening), ("drinks", Habit::Evening),
    ("apero", Habit::Evening), ("aperitif", Habit::Evening), ("concert", Habit::Evening), ("gig", Habit::Evening), ("theatre", Habit::Evening),
    ("theater", Habit::Evening), ("opera", Habit::Evening), ("cinema", Habit::Evening), ("movie", Habit::Evening), ("party", Habit::Evening),
    ("soiree", Habit::Evening), ("bedtime", Habit::Evening), ("nightcap", Habit::Evening), ("cocktails", Habit::Evening),
];

/// Words after which something else is told of: whom it is with, what for.
#[rustfmt::skip]
const PREPOSITIONS: &[&str] = &[
    "with", "for", "at", "in", "before", "after", "about", "from", "to", "avec", "pour", "chez", "a", "au", "avant", "apres", "de", "du", "d",
];

/// What is done beforehand: who cooks dinner at 11 does not dine then.
#[rustfmt::skip]
const PREPARING: &[&str] = &[
    "buy", "cook", "make", "prepare", "order", "book", "start", "get", "plan", "shop", "acheter", "cuisiner", "preparer", "commander", "faire", "reserver",
];

impl Habit {
    /// The habit of what `title` tells, by its words up to the first preposition.
    pub(crate) fn of(title: &str) -> Option<Self> {
        let words = tokens(title);
        let mut words = words.iter().filter_map(|token| match &token.kind {
            Kind::Word(word) => Some(word.as_str()),
            Kind::Number { .. } => None,
        });
        if words.clone().next().is_some_and(|first| PREPARING.contains(&first)) {
            return None;
        }
        let told = words.by_ref().take_while(|word| !PREPOSITIONS.contains(word));
        let mut known = told.filter_map(|word| HABITS.iter().find(|(name, _)| *name == word));
        known.next().map(|(_, habit)| *habit)
    }

    /// The reading, in minutes after midnight, of an hour that has two and of which one is usual.
    pub(crate) fn reading(self, hour: Reading) -> Option<u16> {
        if hour.form == Form::Exact {
            return None;
        }
        let dial = hour.before_noon();
        let from = |first: u16, last: u16| (first * 60..=last * 60 + 59).contains(&dial);
        match self {
            Self::Morning if from(4, 11) => Some(dial),
            Self::Midday if from(1, 4) => Some(dial + HALF_DAY),
            // Twelve on a dial is its zero.
            Self::Midday if from(0, 0) => Some(dial + HALF_DAY),
            Self::Midday if from(10, 11) => Some(dial),
            Self::Evening if from(4, 11) => Some(dial + HALF_DAY),
            Self::Morning | Self::Midday | Self::Evening => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_habit_is_that_of_what_takes_place() {
        for (title, habit) in [
            ("dinner with Zoe", Some(Habit::Evening)),
            ("the team lunch", Some(Habit::Midday)),
            ("petit-déjeuner avec Paul", Some(Habit::Morning)),
            ("déjeuner", Some(Habit::Midday)),
            ("buy wine for dinner", None),
            ("cook dinner", None),
            ("call Ana about the party", None),
            ("dentist", None),
        ] {
            assert_eq!(Habit::of(title), habit, "{title}");
        }
    }
}
