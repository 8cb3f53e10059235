//! How far something is moved from where it is: "by an hour", "30 minutes earlier", "d’une heure".

use crate::{AppError, Choice, Plan, Question, World};
use jiff::Span;
use reinette_time::{plain, resolve_duration};

/// In which direction something is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// To a later time.
    Later,
    /// To an earlier time.
    Earlier,
}

/// How far something is moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    span: Span,
    /// `None` if only the length is said.
    direction: Option<Direction>,
}

/// Words beside the length that say where to; of those of several words, the one that tells.
const DIRECTIONS: &[(&str, Direction)] = &[
    ("later", Direction::Later),
    ("back", Direction::Later),
    ("tard", Direction::Later),
    ("earlier", Direction::Earlier),
    ("sooner", Direction::Earlier),
    ("forward", Direction::Earlier),
    ("forwards", Direction::Earlier),
    ("tot", Direction::Earlier),
];

/// Words beside the length that say no more.
const FILLERS: &[&str] = &["by", "to", "from", "now", "of", "de", "d", "plus", "another", "encore", "much"];

impl Shift {
    /// The shift that words mean which say a length and perhaps a direction, and nothing else.
    pub(crate) fn read(said: &str) -> Option<Self> {
        let mut direction = None;
        let mut rest = said.trim();
        loop {
            if let Ok(span) = resolve_duration(rest) {
                return Some(Self { span, direction });
            }
            let is_edge = |word: &str| {
                let word = plain(word);
                let found = DIRECTIONS.iter().find(|(known, _)| *known == word).map(|(_, direction)| *direction);
                (found.is_some() || FILLERS.contains(&word.as_str())).then_some(found)
            };
            let is_between = |character: char| !character.is_alphanumeric();
            let first = rest.find(is_between).unwrap_or(rest.len());
            let last = rest.rfind(is_between).map_or(0, |at| at + rest[at..].chars().next().map_or(0, char::len_utf8));
            let (found, shorter) = if let Some(found) = is_edge(&rest[..first]) {
                (found, &rest[first..])
            } else {
                (is_edge(&rest[last..])?, &rest[..last])
            };
            if direction.is_some() && found.is_some() && direction != found {
                return None;
            }
            direction = direction.or(found);
            let shorter = shorter.trim_matches(is_between);
            if shorter.len() == rest.len() || shorter.is_empty() {
                return None;
            }
            rest = shorter;
        }
    }

    /// Goes on with the span by which it is moved, negative if to an earlier time; asks for the direction if none is said.
    pub(crate) fn plan(self, world: &World, plan: impl Fn(Span) -> Result<Plan, AppError>) -> Result<Plan, AppError> {
        let language = world.language;
        let by = |direction| match direction {
            Direction::Later => self.span,
            Direction::Earlier => self.span.negate(),
        };
        if let Some(direction) = self.direction {
            return plan(by(direction));
        }
        let choice = |direction| {
            let label = match direction {
                Direction::Later => language.pick("later", "plus tard"),
                Direction::Earlier => language.pick("earlier", "plus tôt"),
            };
            Ok(Choice { label: label.to_owned(), plan: plan(by(direction))? })
        };
        let choices =
            [Direction::Later, Direction::Earlier].into_iter().map(choice).collect::<Result<_, AppError>>()?;
        let text = language.pick("Later or earlier?", "Plus tard ou plus tôt ?").to_owned();
        Ok(Plan::Ask(Question { text, choices }))
    }
}

/// Whether a span counts hours or less, which a day cannot be moved by.
pub(crate) fn has_hours(span: Span) -> bool {
    span.get_hours() != 0 || span.get_minutes() != 0 || span.get_seconds() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_with_its_direction() {
        for (said, length, direction) in [
            ("by an hour", "PT1H", None),
            ("30 minutes", "PT30M", None),
            ("back by an hour", "PT1H", Some(Direction::Later)),
            ("an hour later", "PT1H", Some(Direction::Later)),
            ("forward by 2 days", "P2D", Some(Direction::Earlier)),
            ("half an hour earlier", "PT30M", Some(Direction::Earlier)),
            ("d’une heure", "PT1H", None),
            ("une heure plus tard", "PT1H", Some(Direction::Later)),
            ("de 15 minutes plus tôt", "PT15M", Some(Direction::Earlier)),
        ] {
            let shift = Shift::read(said).unwrap_or_else(|| panic!("{said}"));
            assert_eq!((shift.span.to_string().as_str(), shift.direction), (length, direction), "{said}");
        }
        for said in ["tomorrow", "later", "", "an hour before noon", "by", "back an hour earlier", "5 pm"] {
            assert!(Shift::read(said).is_none(), "{said}");
        }
    }
}
