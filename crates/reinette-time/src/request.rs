//! Collects the items of a phrase, in whatever order they were said.

use std::ops::Range;

use jiff::Zoned;

use super::conditions::Occasion;
use super::cursor::Cursor;
use super::days::{self, Calendar, DateOrder, Day};
use super::durations::{Length, length};
use super::facts::{Closed, Distance, Facts, Request, Side, contradiction};
use super::hours::{self, Countdown, Reading};
use super::lexer::{Join, Token};
use super::lexicon::{FILLERS, PARTS_OF_DAY, RELATIVE_DAYS, WEEKDAYS};
use super::repetition::{exception, repetition};
use super::settle::merge_days;
use super::zones;
use super::{Clock, EXAMPLE, Language, Recurrence, TimeError, conditions, stretches, working_days};

/// How many of `tokens` could belong to one phrase about time that begins with the first of them: up to the first that is neither
/// part of an item nor filler, and none if there is no item. Where an item is impossible, as far as an item goes.
pub(crate) fn reach(tokens: &[Token], clock: &Clock) -> usize {
    let mut reader = Reader::new(tokens, clock, date_order(tokens));
    while !reader.cursor.is_done() {
        match reader.item() {
            Ok(true) => {}
            Ok(false) if reader.cursor.any(FILLERS).is_some() => {}
            Ok(false) => break,
            Err(_) => return (reader.cursor.position() + LONGEST_ITEM).min(tokens.len()),
        }
    }
    if reader.request.says_nothing() { 0 } else { reader.cursor.position() }
}

/// The most tokens of an item that is impossible: "Thursday the 30th of February 2027 at 25:10".
const LONGEST_ITEM: usize = 10;

/// The kinds of item that two times may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemKind {
    Day,
    Hour,
    Part,
    Rule,
    Other,
}

/// The items of a phrase that is understood, each with its bytes.
pub(crate) fn items(tokens: &[Token], clock: &Clock) -> Result<Vec<(ItemKind, Range<usize>)>, TimeError> {
    let mut reader = Reader::new(tokens, clock, date_order(tokens));
    let mut items = Vec::new();
    while let Some(token) = reader.cursor.peek() {
        let before = (reader.request.start.clone(), reader.request.rule.clone());
        if !reader.item()? {
            if reader.cursor.any(FILLERS).is_none() {
                return Err(TimeError::Empty { example: EXAMPLE });
            }
            continue;
        }
        let (was, now) = (&before.0, &reader.request.start);
        let kind = if before.1 != reader.request.rule {
            ItemKind::Rule
        } else if was.hour != now.hour {
            ItemKind::Hour
        } else if was.part != now.part && was.day == now.day {
            ItemKind::Part
        } else if was.day != now.day && was.part == now.part {
            ItemKind::Day
        } else {
            ItemKind::Other
        };
        items.push((kind, token.start..reader.cursor.end()));
    }
    Ok(items)
}

/// In which order a slashed date is written among these words.
pub(crate) fn date_order(tokens: &[Token]) -> DateOrder {
    match Language::of_tokens(tokens) {
        Language::English => DateOrder::MonthFirst,
        Language::French => DateOrder::DayFirst,
    }
}

/// Which word opened a stretch, since that tells what may close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    No,
    From,
    Between,
}

/// Reads phrases: the request so far and the place in the tokens.
struct Reader<'tokens> {
    cursor: Cursor<'tokens>,
    clock: &'tokens Clock,
    calendar: Calendar,
    opened: Opened,
    after_hour: bool,
    /// Whether the phrase begins with "to", or a day stands before "from".
    is_one_stretch: bool,
    request: Request,
}

/// Reads all of `tokens`, which are of `text` and reach to its end.
///
/// # Errors
/// The first words that belong to no item; impossible dates and hours; items that exclude each other.
pub(crate) fn read(text: &str, tokens: &[Token], clock: &Clock) -> Result<Request, TimeError> {
    let mut reader = Reader::new(tokens, clock, date_order(tokens));
    if let Some(words) = conditions::condition(Cursor::new(tokens), Occasion::Any) {
        return Err(TimeError::Condition { words: text[words].to_owned() });
    }
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
        reader.cursor.advance();
        // Up to the next token: between them stand marks, or words that are left out.
        let next = reader.cursor.peek().map_or(text.len(), |next| next.start);
        let rest = text.get(token.end..next).unwrap_or_default();
        unknown = Some((first, token.end + rest.trim_end_matches(|end: char| !end.is_alphanumeric()).len()));
    }
    if let Some((first, last)) = unknown {
        let words = text[first..last].to_owned();
        let counts_from_it = reader.request.offset.is_some() && reader.request.start.is_empty();
        return Err(if counts_from_it {
            TimeError::UnknownEvent { words }
        } else {
            TimeError::NotUnderstood { words, example: EXAMPLE }
        });
    }
    Ok(reader.request)
}

impl<'tokens> Reader<'tokens> {
    fn new(tokens: &'tokens [Token], clock: &'tokens Clock, order: DateOrder) -> Self {
        Self {
            cursor: Cursor::new(tokens),
            clock,
            calendar: Calendar { today: clock.now.date(), order },
            opened: Opened::No,
            after_hour: false,
            is_one_stretch: Cursor::new(tokens).any(&["to", "a", "au"]).is_some(),
            request: Request {
                start: Facts::default(),
                end: None,
                lasting: None,
                offset: None,
                rule: None,
                leads_from_old_to_new: false,
                is_a_shift: false,
            },
        }
    }

    /// One item of the phrase; whether there was one. The order of the grammars decides every ambiguity.
    fn item(&mut self) -> Result<bool, TimeError> {
        let after_hour = std::mem::take(&mut self.after_hour);
        if let Some(closed) = self.closes_stretch(after_hour) {
            self.request.end = Some(Facts::default());
            self.request.leads_from_old_to_new = closed == Closed::To && !self.is_one_stretch;
            return Ok(true);
        }
        if self.opens_stretch() {
            return Ok(true);
        }
        if let Some(rule) = repetition(&mut self.cursor) {
            self.add_rule(rule)?;
            return Ok(true);
        }
        if self.leaves_out()? || self.until()? || self.relative()? || self.part_of_day()? {
            return Ok(true);
        }
        if let Some(day) = days::day(&mut self.cursor, self.calendar)? {
            self.add_day(day)?;
            return Ok(true);
        }
        if self.ends_with_a_number() {
            return Ok(true);
        }
        let countdown = if self.opened == Opened::No { Countdown::Understood } else { Countdown::Excluded };
        if let Some(hour) = hours::hour(&mut self.cursor, countdown)? {
            self.after_hour = true;
            let after_meridiem = self.cursor.follows(&["am", "pm", "m"]);
            let zone = zones::zone(&mut self.cursor, after_meridiem);
            let facts = self.facts();
            if facts.hour.is_some() {
                return Err(contradiction("two hours are said"));
            }
            facts.hour = Some(hour);
            facts.zone = zone;
            return Ok(true);
        }
        self.bare_length()
    }

    /// The last day of "the 3rd to 10", "du 3 au 28": where a day of a month began a stretch, a number ends it with another.
    fn ends_with_a_number(&mut self) -> bool {
        let began_with_a_day = matches!(
            self.request.start,
            Facts { day: Some(Day::OfMonth(_) | Day::OfYear(..)), hour: None, part: None, .. }
        );
        let Some(end) = self.request.end.as_mut().filter(|end| began_with_a_day && end.is_empty()) else {
            return false;
        };
        let mut ahead = self.cursor;
        let number = days::bare_day(&mut ahead).and_then(|day| i8::try_from(day).ok());
        let Some(day) = number.filter(|day| (1..=31).contains(day)) else { return false };
        end.day = Some(Day::OfMonth(day));
        self.cursor = ahead;
        true
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
    fn closes_stretch(&mut self, after_hour: bool) -> Option<Closed> {
        if self.request.end.is_some() || self.request.start.is_empty() {
            return None;
        }
        if self.cursor.join() == Join::Hyphen {
            // The dash itself is part of the next token; `end` being set keeps it from closing twice.
            return { self.cursor }.phrase(PARTS_OF_DAY).is_none().then_some(Closed::Otherwise);
        }
        let mut ahead = self.cursor;
        let closed = match self.opened {
            Opened::Between => ahead.phrase(&[
                ("and", Closed::Otherwise),
                ("et", Closed::Otherwise),
                ("to", Closed::To),
                ("a", Closed::To),
            ]),
            Opened::No | Opened::From => {
                let closed = ahead.phrase(&[
                    ("to", Closed::To),
                    ("through", Closed::Otherwise),
                    ("thru", Closed::Otherwise),
                    ("until", Closed::Otherwise),
                    ("till", Closed::Otherwise),
                    ("til", Closed::Otherwise),
                    ("up to", Closed::Otherwise),
                    ("jusqu a", Closed::Otherwise),
                    ("jusqu au", Closed::Otherwise),
                ]);
                let in_french = |ahead: &mut Cursor| {
                    let closes = if ahead.any(&["a"]).is_some() {
                        // "à partir de demain à 9h" is no stretch, "de lundi à mercredi" is one.
                        after_hour || (self.opened == Opened::From && { *ahead }.phrase(WEEKDAYS).is_some())
                    } else {
                        ahead.any(&["au"]).is_some() && { *ahead }.phrase(PARTS_OF_DAY).is_none()
                    };
                    closes.then_some(Closed::To)
                };
                closed.or_else(|| in_french(&mut ahead))
            }
        };
        // Behind a repetition, "until" and a day end the repetition and not a stretch.
        let closed = closed.filter(|_| self.request.rule.is_none() || after_hour);
        if closed.is_some() {
            self.cursor = ahead;
        }
        closed
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
        self.is_one_stretch |= opened.is_some() && !self.request.start.is_empty();
        opened.is_some()
    }

    /// "except Friday" behind a repetition.
    fn leaves_out(&mut self) -> Result<bool, TimeError> {
        let Some(rule) = &mut self.request.rule else { return Ok(false) };
        match exception(&mut self.cursor, rule) {
            Some(left) => *rule = left?,
            None => return Ok(false),
        }
        Ok(true)
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
            self.facts().instant = Some(to_the_minute(&self.clock.now)?);
            return Ok(true);
        }
        if let Some((length, side)) = stretches::counted_hours(&mut self.cursor) {
            return self.counted_hours(length, side).map(|()| true);
        }
        let mut ahead = self.cursor;
        if let Some((days, side)) = named_distance(&mut ahead) {
            self.cursor = ahead;
            self.request.offset = Some((Distance::Length(Length { days, ..Length::default() }), side));
            return Ok(true);
        }
        if let Some((count, weekday)) = days::counted_weekdays(&mut ahead) {
            self.cursor = ahead;
            let date = days::nth_weekday_from(self.calendar.today, count, weekday)?;
            return self.add_day(Day::On(date)).map(|()| true);
        }
        if working_days::next(&mut ahead).is_some() {
            self.cursor = ahead;
            self.place(Distance::WorkingDays(1), Side::After)?;
            return Ok(true);
        }
        if self.shift_of_an_hour() || self.week_on_a_day()? {
            return Ok(true);
        }
        let preposition = ahead.phrase(PREPOSITIONS);
        let is_in = matches!(preposition, Some(Preposition::In));
        let Some(distance) = distance(&mut ahead, is_in) else { return Ok(false) };
        let side = match (preposition, distance) {
            (Some(Preposition::For), Distance::Length(length)) => {
                self.request.lasting = Some(length);
                self.cursor = ahead;
                return Ok(true);
            }
            (Some(Preposition::For), Distance::WorkingDays(_)) => {
                return Err(contradiction("working days are counted, and not how long something lasts"));
            }
            (Some(Preposition::In), _) => {
                ahead.any(&["time", "s time", "from now"]);
                Some(Side::After)
            }
            (Some(Preposition::Ago), _) => Some(Side::Before),
            (None, _) => ahead.phrase(&[
                ("from now", Side::After),
                ("hence", Side::After),
                ("later", Side::After),
                ("plus tard", Side::After),
                ("ago", Side::Before),
                ("earlier", Side::Before),
                ("sooner", Side::Before),
                ("plus tot", Side::Before),
            ]),
        };
        let Some(side) = side else { return self.offset(ahead, distance) };
        self.request.is_a_shift = preposition.is_none() && !ahead.follows(&["now", "ago", "hence"]);
        self.cursor = ahead;
        self.place(distance, side)?;
        Ok(true)
    }

    /// "d'une heure", all that is said: how far something is moved, and not one o'clock.
    fn shift_of_an_hour(&mut self) -> bool {
        let mut ahead = self.cursor;
        let found = ahead.position() == 0 && ahead.any(&["d une heure"]).is_some() && ahead.is_done();
        if found {
            self.cursor = ahead;
            self.request.is_a_shift = true;
        }
        found
    }

    /// "week on Friday"
    fn week_on_a_day(&mut self) -> Result<bool, TimeError> {
        let mut ahead = self.cursor;
        if ahead.any(&["week on", "week from"]).is_none() {
            return Ok(false);
        }
        if { ahead }.phrase(WEEKDAYS).is_none() && { ahead }.phrase(RELATIVE_DAYS).is_none() {
            return Ok(false);
        }
        self.cursor.any(&["week"]);
        let week = Length { days: 7, ..Length::default() };
        self.offset(self.cursor, Distance::Length(week))
    }

    /// A distance from the day or hour that follows: "two days before …", "a week on Monday", "a week tomorrow".
    fn offset(&mut self, mut ahead: Cursor<'tokens>, distance: Distance) -> Result<bool, TimeError> {
        let side = ahead.phrase(&[
            ("before", Side::Before),
            ("avant", Side::Before),
            ("prior to", Side::Before),
            ("ahead of", Side::Before),
            ("after", Side::After),
            ("from", Side::After),
            // "a week on Monday"
            ("on", Side::After),
            ("apres", Side::After),
            ("past", Side::After),
            ("following", Side::After),
        ]);
        let is_weeks = matches!(distance, Distance::Length(length) if length.is_whole_weeks());
        let a_day_follows = || { ahead }.phrase(WEEKDAYS).is_some() || { ahead }.phrase(RELATIVE_DAYS).is_some();
        let Some(side) = side.or_else(|| (is_weeks && a_day_follows()).then_some(Side::After)) else {
            return Ok(false);
        };
        if self.request.offset.is_some() {
            return Err(contradiction("two distances are said"));
        }
        self.request.offset = Some((distance, side));
        self.cursor = ahead;
        Ok(true)
    }

    /// "the next 48 hours": from now on, or until now.
    fn counted_hours(&mut self, length: Length, side: Side) -> Result<(), TimeError> {
        if !self.request.start.is_empty() || self.request.end.is_some() {
            return Err(contradiction("a stretch from now and another time are said"));
        }
        let now = &self.clock.now;
        let other = super::settle::moved_instant(now, length, side)?;
        let (start, end) = match side {
            Side::After => (now.clone(), other),
            Side::Before => (other, now.clone()),
        };
        self.request.start.instant = Some(start);
        self.request.end = Some(Facts { instant: Some(end), ..Facts::default() });
        Ok(())
    }

    /// A distance from now: a date when it counts days only, else a point in time.
    fn place(&mut self, distance: Distance, side: Side) -> Result<(), TimeError> {
        let length = match distance {
            Distance::Length(length) if !length.is_whole_days() => length,
            whole_days => {
                let date = super::settle::moved_by(self.calendar.today, whole_days, side)?;
                return self.add_day(Day::On(date));
            }
        };
        let instant = super::settle::moved_instant(&self.clock.now, length, side)?;
        let instant = if length.is_whole_minutes() { to_the_minute(&instant)? } else { instant };
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
            // "Next week" is then a week from today.
            if self.cursor.any(&["next week", "la semaine prochaine"]).is_some() {
                self.add_day(Day::On(days::shifted(self.calendar.today, 7)?))?;
            }
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
        self.request.is_a_shift = true;
        self.place(Distance::Length(length), Side::After)?;
        Ok(true)
    }
}

/// "the day before", "la veille de", "a week after" some day; the day before yesterday is one by itself.
pub(crate) fn named_distance(cursor: &mut Cursor) -> Option<(i64, Side)> {
    let mut day = *cursor;
    day.skip(&["the"]);
    if day.phrase(RELATIVE_DAYS).is_some() {
        return None;
    }
    let found = cursor.phrase(&[
        ("the day before", (1, Side::Before)),
        ("day before", (1, Side::Before)),
        ("the evening before", (1, Side::Before)),
        ("the night before", (1, Side::Before)),
        ("the day after", (1, Side::After)),
        ("day after", (1, Side::After)),
        ("the week before", (7, Side::Before)),
        ("the week after", (7, Side::After)),
        ("la veille de", (1, Side::Before)),
        ("la veille du", (1, Side::Before)),
        ("la veille d", (1, Side::Before)),
        ("le lendemain de", (1, Side::After)),
        ("le lendemain du", (1, Side::After)),
        ("la semaine avant", (7, Side::Before)),
        ("la semaine apres", (7, Side::After)),
    ]);
    // "the week after next"
    found.filter(|_| { *cursor }.any(&["next"]).is_none())
}

/// The nearest whole minute: nobody who says "in an hour" means seconds.
fn to_the_minute(instant: &Zoned) -> Result<Zoned, TimeError> {
    instant.round(jiff::Unit::Minute).map_err(|_| TimeError::OutOfRange)
}

/// What is counted here; behind "in" also what is only implied.
fn distance(cursor: &mut Cursor, is_in: bool) -> Option<Distance> {
    if let Some(count) = working_days::counted(cursor) {
        return Some(Distance::WorkingDays(count));
    }
    let length = length(cursor).or_else(|| if is_in { stretches::implied(cursor) } else { None });
    length.map(Distance::Length)
}

#[rustfmt::skip]
const PREPOSITIONS: &[(&str, Preposition)] = &[
    ("in", Preposition::In), ("within", Preposition::In), ("dans", Preposition::In), ("sous", Preposition::In), ("d ici", Preposition::In),
    ("il y a", Preposition::Ago), ("for", Preposition::For), ("pendant", Preposition::For), ("durant", Preposition::For),
    ("lasting", Preposition::For),
];

#[derive(Clone, Copy)]
enum Preposition {
    In,
    Ago,
    For,
}
