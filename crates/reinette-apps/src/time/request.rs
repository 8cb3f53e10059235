//! Collects the items of a phrase, in whatever order they were said.

use jiff::Zoned;

use super::cursor::Cursor;
use super::days::{self, Calendar, DateOrder, Day};
use super::durations::{Length, length};
use super::hours::{self, Countdown, Reading};
use super::lexer::{Join, Token};
use super::lexicon::{FILLERS, PARTS_OF_DAY, PartOfDay};
use super::repetition::repetition;
use super::settle::merge_days;
use super::{Clock, EXAMPLE, Language, Recurrence, TimeError};

/// What was said of one moment, or of one end of a stretch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) day: Option<Day>,
    pub(crate) hour: Option<Reading>,
    pub(crate) part: Option<PartOfDay>,
    /// A point relative to now: "in two hours".
    pub(crate) instant: Option<Zoned>,
}

impl Facts {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which word opened a stretch, since that tells what may close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    No,
    From,
    Between,
}

/// On which side of the words behind it a length lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// All that a phrase says.
#[derive(Debug)]
pub(crate) struct Request {
    /// The moment, or the start of the stretch.
    pub(crate) start: Facts,
    /// The end of the stretch.
    pub(crate) end: Option<Facts>,
    /// "for an hour".
    pub(crate) lasting: Option<Length>,
    /// "two days before …".
    pub(crate) offset: Option<(Length, Side)>,
    pub(crate) rule: Option<Recurrence>,
}

/// Reads phrases: the request so far and the place in the tokens.
struct Reader<'tokens> {
    cursor: Cursor<'tokens>,
    clock: &'tokens Clock,
    calendar: Calendar,
    opened: Opened,
    after_hour: bool,
    request: Request,
}

/// Reads all of `text`, whose tokens are given.
///
/// # Errors
/// The first words that belong to no item; impossible dates and hours; items that exclude each other.
pub(crate) fn read(text: &str, tokens: &[Token], clock: &Clock) -> Result<Request, TimeError> {
    let order = match Language::of(text) {
        Language::English => DateOrder::MonthFirst,
        Language::French => DateOrder::DayFirst,
    };
    let mut reader = Reader {
        cursor: Cursor::new(tokens),
        clock,
        calendar: Calendar { today: clock.now.date(), order },
        opened: Opened::No,
        after_hour: false,
        request: Request { start: Facts::default(), end: None, lasting: None, offset: None, rule: None },
    };
    let mut unknown: Option<(usize, usize)> = None;
    while let Some(token) = reader.cursor.peek() {
        if reader.item()? || reader.cursor.any(FILLERS).is_some() {
            // Only the first run of unknown words is named.
            if unknown.is_some() {
                break;
            }
            continue;
        }
        let first = unknown.map_or(token.start, |(first, _)| first);
        unknown = Some((first, token.end));
        reader.cursor.advance();
    }
    if let Some((first, last)) = unknown {
        return Err(TimeError::NotUnderstood { words: text[first..last].to_owned(), example: EXAMPLE });
    }
    Ok(reader.request)
}

impl Reader<'_> {
    /// One item of the phrase; whether there was one. The order of the grammars decides every ambiguity.
    fn item(&mut self) -> Result<bool, TimeError> {
        let after_hour = std::mem::take(&mut self.after_hour);
        if self.closes_stretch(after_hour) {
            self.request.end = Some(Facts::default());
            return Ok(true);
        }
        if self.opens_stretch() {
            return Ok(true);
        }
        if let Some(rule) = repetition(&mut self.cursor) {
            self.add_rule(rule)?;
            return Ok(true);
        }
        if self.until()? || self.relative()? || self.part_of_day()? {
            return Ok(true);
        }
        if let Some(day) = days::day(&mut self.cursor, self.calendar)? {
            self.add_day(day)?;
            return Ok(true);
        }
        let countdown = if self.opened == Opened::No { Countdown::Understood } else { Countdown::Excluded };
        if let Some(hour) = hours::hour(&mut self.cursor, countdown)? {
            self.after_hour = true;
            let facts = self.facts();
            if facts.hour.is_some() {
                return Err(contradiction("two hours are said"));
            }
            facts.hour = Some(hour);
            return Ok(true);
        }
        self.bare_length()
    }

    /// The facts of the end that is being read.
    fn facts(&mut self) -> &mut Facts {
        self.request.end.as_mut().unwrap_or(&mut self.request.start)
    }

    fn add_day(&mut self, day: Day) -> Result<(), TimeError> {
        let today = self.calendar.today;
        let facts = self.facts();
        facts.day = Some(match facts.day {
            Some(known) => merge_days(known, day, today)?,
            None => day,
        });
        Ok(())
    }

    fn add_rule(&mut self, rule: Recurrence) -> Result<(), TimeError> {
        self.request.rule = Some(match self.request.rule.take() {
            None => rule,
            // "every two weeks on Mondays"
            Some(known)
                if known.frequency == rule.frequency && known.weekdays.is_empty() && !rule.weekdays.is_empty() =>
            {
                Recurrence { weekdays: rule.weekdays, ..known }
            }
            Some(_) => return Err(contradiction("two repetitions are said")),
        });
        Ok(())
    }

    /// The word or dash between the two ends of a stretch.
    fn closes_stretch(&mut self, after_hour: bool) -> bool {
        if self.request.end.is_some() || self.request.start.is_empty() {
            return false;
        }
        if self.cursor.join() == Join::Hyphen {
            // The dash itself is part of the next token; `end` being set keeps it from closing twice.
            return { self.cursor }.phrase(PARTS_OF_DAY).is_none();
        }
        let mut ahead = self.cursor;
        let closes = match self.opened {
            Opened::Between => ahead.any(&["and", "et", "to", "a"]).is_some(),
            Opened::No | Opened::From => {
                ahead.any(&["to", "through", "thru", "until", "till", "til", "up to", "jusqu a", "jusqu au"]).is_some()
                    || (after_hour && ahead.any(&["a"]).is_some())
                    || (ahead.any(&["au"]).is_some() && { ahead }.phrase(PARTS_OF_DAY).is_none())
            }
        };
        // Behind a repetition, "until" and a day end the repetition and not a stretch.
        let closes = closes && (self.request.rule.is_none() || after_hour);
        if closes {
            self.cursor = ahead;
        }
        closes
    }

    fn opens_stretch(&mut self) -> bool {
        if self.opened != Opened::No || self.request.end.is_some() {
            return false;
        }
        let opened = self.cursor.phrase(&[
            ("from", Opened::From),
            ("de", Opened::From),
            ("between", Opened::Between),
            ("entre", Opened::Between),
            ("in between", Opened::Between),
        ]);
        self.opened = opened.unwrap_or(Opened::No);
        opened.is_some()
    }

    /// "until Friday" behind a repetition.
    fn until(&mut self) -> Result<bool, TimeError> {
        let Some(rule) = &mut self.request.rule else { return Ok(false) };
        let mut ahead = self.cursor;
        if ahead.any(&["until", "till", "til", "jusqu a", "jusqu au", "jusqu en", "ending"]).is_none() {
            return Ok(false);
        }
        let Some(day) = days::day(&mut ahead, self.calendar)? else { return Ok(false) };
        rule.until = Some(super::settle::last_date(day, self.calendar.today)?);
        self.cursor = ahead;
        Ok(true)
    }

    /// Lengths that place a moment: "in two hours", "three days ago", "a week before …", "for an hour".
    fn relative(&mut self) -> Result<bool, TimeError> {
        if self
            .cursor
            .any(&["right now", "now", "immediately", "maintenant", "tout de suite", "immediatement"])
            .is_some()
        {
            self.facts().instant = Some(self.clock.now.clone());
            return Ok(true);
        }
        let mut ahead = self.cursor;
        let preposition = ahead.phrase(&[
            ("in", Preposition::In),
            ("within", Preposition::In),
            ("dans", Preposition::In),
            ("d ici", Preposition::In),
            ("il y a", Preposition::Ago),
            ("for", Preposition::For),
            ("pendant", Preposition::For),
            ("durant", Preposition::For),
            ("lasting", Preposition::For),
        ]);
        let Some(length) = length(&mut ahead) else { return Ok(false) };
        let placed = match preposition {
            Some(Preposition::In) => {
                ahead.any(&["time", "s time", "from now"]);
                Some(Side::After)
            }
            Some(Preposition::Ago) => Some(Side::Before),
            Some(Preposition::For) => {
                self.request.lasting = Some(length);
                self.cursor = ahead;
                return Ok(true);
            }
            None => ahead.phrase(&[
                ("from now", Side::After),
                ("hence", Side::After),
                ("later", Side::After),
                ("plus tard", Side::After),
                ("ago", Side::Before),
                ("earlier", Side::Before),
                ("plus tot", Side::Before),
            ]),
        };
        if let Some(side) = placed {
            self.cursor = ahead;
            self.place(length, side)?;
            return Ok(true);
        }
        let side = ahead.phrase(&[
            ("before", Side::Before),
            ("avant", Side::Before),
            ("prior to", Side::Before),
            ("after", Side::After),
            ("from", Side::After),
            // "a week on Monday"
            ("on", Side::After),
            ("apres", Side::After),
            ("past", Side::After),
            ("following", Side::After),
        ]);
        let Some(side) = side else { return Ok(false) };
        if self.request.offset.is_some() {
            return Err(contradiction("two distances are said"));
        }
        self.request.offset = Some((length, side));
        self.cursor = ahead;
        Ok(true)
    }

    /// A length from now: a date when it counts days only, else a point in time.
    fn place(&mut self, length: Length, side: Side) -> Result<(), TimeError> {
        if length.is_whole_days() {
            let date = super::settle::moved_date(self.calendar.today, length, side)?;
            return self.add_day(Day::On(date));
        }
        let instant = super::settle::moved_instant(&self.clock.now, length, side)?;
        let facts = self.facts();
        if facts.instant.is_some() {
            return Err(contradiction("two distances from now are said"));
        }
        facts.instant = Some(instant);
        Ok(())
    }

    fn part_of_day(&mut self) -> Result<bool, TimeError> {
        let mut ahead = self.cursor;
        let same_hour = ["this time", "the same time", "same time", "a la meme heure", "la meme heure", "meme heure"];
        if ahead.any(&same_hour).is_some() {
            self.cursor = ahead;
            let time = self.clock.now.time();
            self.facts().hour = Some(Reading::at(time.hour(), time.minute()));
            return Ok(true);
        }
        let Some((part, distance)) = ahead.phrase(PARTS_OF_DAY) else { return Ok(false) };
        self.cursor = ahead;
        let facts = self.facts();
        if facts.part.is_some_and(|known| known != part) {
            return Err(contradiction("two parts of the day are said"));
        }
        facts.part = Some(part);
        if let Some(distance) = distance {
            self.add_day(Day::On(days::shifted(self.calendar.today, i32::from(distance))?))?;
        }
        Ok(true)
    }

    /// A length with no preposition: when nothing else is said, from now on.
    fn bare_length(&mut self) -> Result<bool, TimeError> {
        let mut ahead = self.cursor;
        let Some(length) = length(&mut ahead) else { return Ok(false) };
        if !self.request.start.is_empty() || self.request.rule.is_some() {
            return Ok(false);
        }
        self.cursor = ahead;
        self.place(length, Side::After)?;
        Ok(true)
    }
}

#[derive(Clone, Copy)]
enum Preposition {
    In,
    Ago,
    For,
}

/// An error for parts that exclude each other.
pub(crate) fn contradiction(what: &str) -> TimeError {
    TimeError::Contradiction { what: what.to_owned() }
}
