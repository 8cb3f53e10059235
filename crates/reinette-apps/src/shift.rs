//! How far something is moved from where it is, and by how much its length changes: "by an hour", "30 minutes earlier",
//! "une heure de plus".

use crate::{AppError, Choice, Plan, Question, World};
use jiff::Span;
use reinette_time::{TimeError, plain, resolve_duration};

/// Where to a length leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// To a later time, or to a greater length.
    Up,
    /// To an earlier time, or to a smaller length.
    Down,
}

/// The words that say where to on one scale, and those with which the user is asked for it.
#[derive(Debug)]
pub(crate) struct Scale {
    up: &'static [&'static str],
    down: &'static [&'static str],
    /// Words that say where to also in the middle of a length: "5 more minutes".
    inside: &'static [(&'static str, Direction)],
    /// Whether a word for less outweighs one for more, as in "moins long"; else two that disagree mean nothing.
    down_wins: bool,
    /// English and French.
    question: [&'static str; 2],
    labels: [[&'static str; 2]; 2],
}

/// Times are moved.
pub(crate) static TIMES: Scale = Scale {
    // Of those of several words, the one that tells.
    up: &["later", "back", "tard"],
    down: &["earlier", "sooner", "forward", "forwards", "tot"],
    inside: &[],
    down_wins: false,
    question: ["Later or earlier?", "Plus tard ou plus tôt ?"],
    labels: [["later", "plus tard"], ["earlier", "plus tôt"]],
};

/// Lengths become greater or smaller.
static LENGTHS: Scale = Scale {
    up: &["longer", "later", "another", "further", "plus", "encore", "tard", "supplementaire", "supplementaires"],
    down: &["shorter", "earlier", "off", "moins", "court", "courte", "tot"],
    inside: &[
        ("more", Direction::Up),
        ("extra", Direction::Up),
        ("additional", Direction::Up),
        ("less", Direction::Down),
        ("fewer", Direction::Down),
    ],
    down_wins: true,
    question: ["Longer or shorter?", "Plus long ou plus court ?"],
    labels: [["longer", "plus long"], ["shorter", "plus court"]],
};

/// How far something is moved, or by how much its length changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    span: Span,
    scale: &'static Scale,
    /// `None` if only the length is said.
    direction: Option<Direction>,
    /// Whether the length is said to be a difference.
    is_by: bool,
}

/// Words beside the length that say that it is a difference.
const BY: &[&str] = &["by", "de", "d"];

/// Words beside the length that say no more.
const FILLERS: &[&str] = &[
    "to", "for", "from", "now", "of", "plus", "another", "encore", "much", "long", "longue", "last", "pendant", "pour",
    "instead", "plutot", "make", "makes", "making", "it", "be", "is", "lasts", "lasting", "takes", "only", "just",
    "please",
];

/// Words before the length that belong to it, or not: "an hour", "an extra 15 minutes", "à 2 heures".
const ARTICLES: &[&str] = &["a", "an"];

impl Scale {
    fn direction(&self, word: &str) -> Option<Direction> {
        let inside = self.inside.iter().find(|(known, _)| *known == word).map(|(_, direction)| *direction);
        let up = || self.up.contains(&word).then_some(Direction::Up);
        let down = || self.down.contains(&word).then_some(Direction::Down);
        inside.or_else(up).or_else(down)
    }

    /// The direction of two words; `None` if they disagree.
    fn of_both(&self, first: Option<Direction>, second: Direction) -> Option<Direction> {
        match first {
            Some(first) if first != second => self.down_wins.then_some(Direction::Down),
            _ => Some(second),
        }
    }
}

impl Shift {
    /// The shift that words mean which say a length and perhaps a direction, and nothing else.
    pub(crate) fn read(said: &str, scale: &'static Scale) -> Option<Self> {
        let inside = said.split(|character: char| !character.is_alphanumeric()).find_map(|word| {
            let at = scale.inside.iter().find(|(known, _)| *known == plain(word))?;
            Some((word, at.1))
        });
        let without = inside.map(|(word, _)| said.replacen(word, "", 1));
        let mut direction = inside.map(|(_, direction)| direction);
        let mut rest = without.as_deref().unwrap_or(said).trim();
        // "une heure" may as well be a time or a length: "d’une heure" is neither.
        let first = rest.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
        let mut is_by = BY.contains(&plain(first).as_str());
        loop {
            if let Ok(span) = resolve_duration(rest) {
                return Some(Self { span, scale, direction, is_by });
            }
            let is_edge = |word: &str| {
                let word = plain(word);
                let found = scale.direction(&word);
                let is_known = found.is_some() || [BY, FILLERS].iter().any(|list| list.contains(&word.as_str()));
                is_known.then_some((found, BY.contains(&word.as_str())))
            };
            let is_between = |character: char| !character.is_alphanumeric();
            let first = rest.find(is_between).unwrap_or(rest.len());
            let last = rest.rfind(is_between).map_or(0, |at| at + rest[at..].chars().next().map_or(0, char::len_utf8));
            let ((found, says_by), shorter) = if let Some(found) = is_edge(&rest[..first]) {
                (found, &rest[first..])
            } else if let Some(found) = is_edge(&rest[last..]) {
                (found, &rest[..last])
            } else {
                // "an extra 15 minutes"
                let is_article = ARTICLES.contains(&plain(&rest[..first]).as_str());
                (is_article.then_some((None, false))?, &rest[first..])
            };
            if let Some(found) = found {
                direction = Some(scale.of_both(direction, found)?);
            }
            is_by |= says_by;
            let shorter = shorter.trim_matches(is_between);
            if shorter.len() == rest.len() || shorter.is_empty() {
                return None;
            }
            rest = shorter;
        }
    }

    /// The length that words say, or by how much one shall change.
    ///
    /// # Errors
    /// [`TimeError`], which names the words that were not understood.
    pub(crate) fn read_length(said: &str) -> Result<Self, TimeError> {
        match (Self::read(said, &LENGTHS), resolve_duration(said)) {
            (Some(shift), _) => Ok(shift),
            (None, Err(error)) => Err(error),
            (None, Ok(span)) => Ok(Self { span, scale: &LENGTHS, direction: None, is_by: false }),
        }
    }

    /// As [`Shift::read_length`], where a bare number counts minutes: "another ten".
    ///
    /// # Errors
    /// Those of [`Shift::read_length`].
    pub(crate) fn read_minutes(said: &str) -> Result<Self, TimeError> {
        Self::read_length(said)
            .or_else(|error| Self::read_length(&format!("{} minutes", said.trim())).map_err(|_| error))
    }

    /// Whether a word says that it is a difference, which else might be a time: "d’une heure".
    pub(crate) fn is_by(&self) -> bool {
        self.is_by
    }

    /// The length, if nothing says that it is a difference.
    pub(crate) fn absolute(self) -> Option<Span> {
        (self.direction.is_none() && !self.is_by).then_some(self.span)
    }

    /// The same, upwards if no direction is said.
    #[must_use]
    pub(crate) fn or_up(self) -> Self {
        Self { direction: self.direction.or(Some(Direction::Up)), ..self }
    }

    /// Goes on with the span of the difference, negative if it leads down; asks for the direction if none is said.
    pub(crate) fn plan(self, world: &World, plan: impl Fn(Span) -> Result<Plan, AppError>) -> Result<Plan, AppError> {
        let pick = |[english, french]: [&'static str; 2]| world.language.pick(english, french).to_owned();
        let by = |direction| match direction {
            Direction::Up => self.span,
            Direction::Down => self.span.negate(),
        };
        if let Some(direction) = self.direction {
            return plan(by(direction));
        }
        let choice = |(direction, label)| Ok(Choice { label: pick(label), plan: plan(by(direction))? });
        let choices = [Direction::Up, Direction::Down].into_iter().zip(self.scale.labels);
        let choices = choices.map(choice).collect::<Result<_, AppError>>()?;
        Ok(Plan::Ask(Question { text: pick(self.scale.question), choices }))
    }
}

/// Whether a span counts hours or less, which a day cannot be moved by.
pub(crate) fn has_hours(span: Span) -> bool {
    span.get_hours() != 0 || span.get_minutes() != 0 || span.get_seconds() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cases: &[(&str, &str, Option<Direction>)], scale: &'static Scale) {
        for (said, length, direction) in cases {
            let shift = Shift::read(said, scale).unwrap_or_else(|| panic!("{said}"));
            assert_eq!((shift.span.to_string().as_str(), shift.direction), (*length, *direction), "{said}");
        }
    }

    #[test]
    fn a_length_is_read_with_its_direction() {
        let (later, earlier) = (Some(Direction::Up), Some(Direction::Down));
        read(
            &[
                ("by an hour", "PT1H", None),
                ("30 minutes", "PT30M", None),
                ("back by an hour", "PT1H", later),
                ("an hour later", "PT1H", later),
                ("forward by 2 days", "P2D", earlier),
                ("half an hour earlier", "PT30M", earlier),
                ("d’une heure", "PT1H", None),
                ("une heure plus tard", "PT1H", later),
                ("de 15 minutes plus tôt", "PT15M", earlier),
            ],
            &TIMES,
        );
        for said in ["tomorrow", "later", "", "an hour before noon", "by", "back an hour earlier", "5 pm"] {
            assert!(Shift::read(said, &TIMES).is_none(), "{said}");
        }
    }

    #[test]
    fn a_difference_of_lengths_is_told_from_a_length() {
        let (longer, shorter) = (Some(Direction::Up), Some(Direction::Down));
        read(
            &[
                ("an hour longer", "PT1H", longer),
                ("by 20 minutes longer", "PT20M", longer),
                ("another half hour", "PT30M", longer),
                ("5 more minutes", "PT5M", longer),
                ("an extra 15 minutes", "PT15M", longer),
                ("an additional hour", "PT1H", longer),
                ("a day longer", "P1D", longer),
                ("15 minutes less", "PT15M", shorter),
                ("une heure de plus", "PT1H", longer),
                ("10 minutes de moins", "PT10M", shorter),
                ("plus longue d’une heure", "PT1H", longer),
                ("plus court de 20 minutes", "PT20M", shorter),
                ("moins long d’une heure", "PT1H", shorter),
                ("encore 5 minutes", "PT5M", longer),
            ],
            &LENGTHS,
        );
        for said in [
            "2 hours",
            "to two hours",
            "for 2 hours",
            "an hour long",
            "une heure et demie",
            "à 2 heures",
            "to last two hours",
        ] {
            assert!(Shift::read(said, &LENGTHS).unwrap().absolute().is_some(), "{said}");
        }
        for said in ["by an hour", "d’une heure", "an hour longer"] {
            assert!(Shift::read(said, &LENGTHS).unwrap().absolute().is_none(), "{said}");
        }
        for said in ["longer", "until 5", "much more"] {
            assert!(Shift::read(said, &LENGTHS).is_none(), "{said}");
        }
    }
}
