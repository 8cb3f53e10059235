//! Times that are said with "all day", and other ways of writing that the language of time leaves to us.

use reinette_time::Moment;
use std::borrow::Cow;

/// Words that say that something takes the whole day, the longest first.
const ALL_DAY: &[&str] = &[
    "for the whole day",
    "the whole day",
    "all day long",
    "whole day",
    "all-day",
    "all day",
    "pendant toute la journée",
    "toute la journée",
    "toute la journee",
    "la journée entière",
    "journée entière",
];

/// What is said of a time beside "all day".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaidDay<'a> {
    pub(crate) when: Cow<'a, str>,
    is_whole: bool,
}

impl<'a> SaidDay<'a> {
    /// Takes "all day" out of `when`, unless it says nothing else.
    pub(crate) fn read(when: &'a str) -> Self {
        let when = with_and(when);
        let lower = when.to_lowercase();
        let rest = ALL_DAY.iter().find_map(|phrase| {
            let at = lower.find(phrase)?;
            let [before, after] = [when.get(..at)?, when.get(at + phrase.len()..)?];
            let is_edge = |character: Option<char>| character.is_none_or(|character| !character.is_alphanumeric());
            let is_word = is_edge(before.chars().next_back()) && is_edge(after.chars().next());
            let trimmed = |text: &str| text.trim_matches([' ', ',']).to_owned();
            is_word.then(|| [trimmed(before), trimmed(after)].join(" ").trim().to_owned())
        });
        match rest.filter(|rest| !rest.is_empty()) {
            Some(rest) => Self { when: Cow::Owned(rest), is_whole: true },
            None => Self { when, is_whole: false },
        }
    }

    /// The moment that its words mean, or the days that it touches if it takes all of them.
    pub(crate) fn moment(&self, moment: Moment) -> Moment {
        if self.is_whole { whole(moment) } else { moment }
    }
}

fn whole(moment: Moment) -> Moment {
    match moment {
        Moment::Instant(instant) => Moment::Date(instant.date()),
        Moment::Instants { start, end } if start.date() < end.date() => {
            Moment::Dates { first: start.date(), last: end.date() }
        }
        Moment::Instants { start, .. } => Moment::Date(start.date()),
        Moment::Recurring { first, rule } => Moment::Recurring { first: Box::new(whole(*first)), rule },
        days @ (Moment::Date(_) | Moment::Dates { .. }) => days,
    }
}

/// "mon n thurs" as "mon and thurs".
fn with_and(when: &str) -> Cow<'_, str> {
    if when.contains(" n ") { Cow::Owned(when.replace(" n ", " and ")) } else { Cow::Borrowed(when) }
}
