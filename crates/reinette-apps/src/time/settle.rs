//! Combines what a phrase says into one moment, by the rules of the module's first page.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Zoned};

use super::days::{Day, next_of_month, next_weekday, shifted};
use super::durations::Length;
use super::hours::{DAY, Form, HALF_DAY, Reading};
use super::request::{Facts, Request, Side, contradiction};
use super::{Clock, EXAMPLE, Frequency, Moment, Purpose, Recurrence, TimeError};

/// How many days are searched for the first occurrence of a repetition: a leap day comes back within eight years.
const FIRST_OCCURRENCE_SEARCH_DAYS: i32 = 8 * 366 + 1;

/// The moment that `request` means.
pub(crate) fn settle(request: Request, clock: &Clock, purpose: Purpose) -> Result<Moment, TimeError> {
    let settler = Settler { clock, today: clock.now.date(), purpose };
    let moment = match (request.rule, request.end) {
        (Some(rule), end) => settler.recurring(request.start, end.as_ref(), rule)?,
        (None, Some(end)) if !end.is_empty() => settler.stretch(request.start, &end)?,
        // "from Friday" on
        (None, _) => settler.single(&request.start)?,
    };
    let moment = match request.offset {
        Some((length, side)) => moved(moment, length, side)?,
        None => moment,
    };
    let moment = match request.lasting {
        Some(length) => lasting(moment, length)?,
        None => moment,
    };
    if purpose == Purpose::Alarm && has_passed(&moment, clock) {
        return Err(TimeError::Past { moment: moment.to_string() });
    }
    Ok(moment)
}

fn has_passed(moment: &Moment, clock: &Clock) -> bool {
    match moment {
        Moment::Instant(instant) | Moment::Instants { end: instant, .. } => *instant < clock.now,
        Moment::Date(date) | Moment::Dates { last: date, .. } => *date < clock.now.date(),
        Moment::Recurring { .. } => false,
    }
}

/// `date` moved by a length of whole days.
pub(crate) fn moved_date(date: Date, length: Length, side: Side) -> Result<Date, TimeError> {
    let span = length.to_span()?;
    let moved = match side {
        Side::After => date.checked_add(span),
        Side::Before => date.checked_sub(span),
    };
    moved.map_err(|_| TimeError::OutOfRange)
}

/// `instant` moved by a length.
pub(crate) fn moved_instant(instant: &Zoned, length: Length, side: Side) -> Result<Zoned, TimeError> {
    let span = length.to_span()?;
    let moved = match side {
        Side::After => instant.checked_add(span),
        Side::Before => instant.checked_sub(span),
    };
    moved.map_err(|_| TimeError::OutOfRange)
}

fn moved(moment: Moment, length: Length, side: Side) -> Result<Moment, TimeError> {
    match moment {
        Moment::Instant(instant) => moved_instant(&instant, length, side).map(Moment::Instant),
        Moment::Date(date) if length.is_whole_days() => moved_date(date, length, side).map(Moment::Date),
        Moment::Date(_) => Err(contradiction("hours are counted from a day that has no hour")),
        _ => Err(contradiction("a distance is counted from more than one day")),
    }
}

fn lasting(moment: Moment, length: Length) -> Result<Moment, TimeError> {
    match moment {
        Moment::Instant(start) => {
            let end = moved_instant(&start, length, Side::After)?;
            Ok(Moment::Instants { start, end })
        }
        Moment::Date(first) if length.is_whole_days() => {
            let last = shifted(moved_date(first, length, Side::After)?, -1)?;
            Ok(Moment::Dates { first, last })
        }
        Moment::Recurring { first, rule } => Ok(Moment::Recurring { first: Box::new(lasting(*first, length)?), rule }),
        _ => Err(contradiction("a length is said of something that has no start hour")),
    }
}

/// Two statements about the day: "Monday" and "next week", "Friday" and "the 13th".
pub(crate) fn merge_days(first: Day, second: Day, today: Date) -> Result<Day, TimeError> {
    match (first, second) {
        (Day::Weekday(weekday), Day::On(date)) | (Day::On(date), Day::Weekday(weekday))
            if date.weekday() == weekday =>
        {
            Ok(Day::On(date))
        }
        (Day::Weekday(weekday), Day::On(date)) | (Day::On(date), Day::Weekday(weekday)) => {
            let said = super::describe::weekday_name(weekday, super::Language::English);
            let actual = super::describe::weekday_name(date.weekday(), super::Language::English);
            Err(TimeError::Contradiction { what: format!("{date} is a {actual} and not a {said}") })
        }
        (Day::Weekday(weekday), Day::OfMonth(day)) | (Day::OfMonth(day), Day::Weekday(weekday)) => {
            weekday_of_month(weekday, day, today)
        }
        (Day::Weekday(weekday), Day::Span(first, last)) | (Day::Span(first, last), Day::Weekday(weekday)) => {
            let before = shifted(first, -1)?;
            let date = next_weekday(before, weekday)?;
            if date <= last { Ok(Day::On(date)) } else { Err(contradiction("that weekday is not among those days")) }
        }
        (Day::OfMonth(day), Day::Span(first, last)) | (Day::Span(first, last), Day::OfMonth(day)) => {
            let date = next_of_month(shifted(first, -1)?, day)?;
            if date <= last { Ok(Day::On(date)) } else { Err(contradiction("that day is not in that period")) }
        }
        (Day::On(date), Day::Span(first, last)) | (Day::Span(first, last), Day::On(date))
            if (first..=last).contains(&date) =>
        {
            Ok(Day::On(date))
        }
        (first, second) if first == second => Ok(first),
        _ => Err(contradiction("two different days are said")),
    }
}

/// "Friday the 13th": the next one.
fn weekday_of_month(weekday: Weekday, day: i8, today: Date) -> Result<Day, TimeError> {
    let mut date = today;
    // Every combination of weekday and day comes back within eleven years.
    for _ in 0..12 * 11 {
        date = next_of_month(date, day)?;
        if date.weekday() == weekday {
            return Ok(Day::On(date));
        }
    }
    Err(TimeError::OutOfRange)
}

/// The last date that `day` means.
pub(crate) fn last_date(day: Day, today: Date) -> Result<Date, TimeError> {
    match day {
        Day::On(date) | Day::Span(_, date) => Ok(date),
        Day::Weekday(weekday) => next_weekday(today, weekday),
        Day::OfMonth(day) => next_of_month(today, day),
    }
}

/// The first date that `day` means.
fn first_date(day: Day, today: Date) -> Result<Date, TimeError> {
    match day {
        Day::Span(first, _) => Ok(first),
        other => last_date(other, today),
    }
}

struct Settler<'clock> {
    clock: &'clock Clock,
    today: Date,
    purpose: Purpose,
}

impl Settler<'_> {
    fn single(&self, facts: &Facts) -> Result<Moment, TimeError> {
        if let Some(instant) = &facts.instant {
            return match facts {
                Facts { day: None, hour: None, part: None, .. } => Ok(Moment::Instant(instant.clone())),
                _ => Err(contradiction("a distance from now and a date or hour are said")),
            };
        }
        if facts.hour.is_some() || facts.part.is_some() {
            return self.start(facts).map(Moment::Instant);
        }
        match facts.day {
            Some(Day::Span(first, last)) if first == last => Ok(Moment::Date(first)),
            Some(Day::Span(first, last)) => Ok(Moment::Dates { first, last }),
            Some(day) => last_date(day, self.today).map(Moment::Date),
            None => Err(TimeError::Empty { example: EXAMPLE }),
        }
    }

    /// The instant that a day and an hour mean, one of which may be missing.
    fn start(&self, facts: &Facts) -> Result<Zoned, TimeError> {
        if let Some(instant) = &facts.instant {
            return Ok(instant.clone());
        }
        let date = match facts.day {
            Some(Day::Span(first, last)) if first != last => {
                return Err(contradiction("an hour is said of several days"));
            }
            Some(day) => Some(last_date(day, self.today)?),
            None => None,
        };
        match date {
            Some(date) => self.on(date, facts),
            None => self.next(facts),
        }
    }

    /// The hour on a day that was said.
    fn on(&self, date: Date, facts: &Facts) -> Result<Zoned, TimeError> {
        let (minutes, seconds) = self.minutes(facts);
        let instant = self.at(date, minutes, seconds)?;
        let ambiguous = facts.part.is_none() && facts.hour.is_some_and(|hour| hour.form == Form::Bare);
        // "Today at 9" said at ten is this evening.
        if ambiguous
            && self.purpose != Purpose::Search
            && date == self.today
            && instant <= self.clock.now
            && minutes < HALF_DAY
        {
            return self.at(date, minutes + HALF_DAY, seconds);
        }
        Ok(instant)
    }

    /// Minutes and seconds after midnight of the hour or part of day, when the day is known.
    fn minutes(&self, facts: &Facts) -> (u16, u8) {
        match (facts.hour, facts.part) {
            (Some(hour), Some(part)) => (hour.within(part), hour.seconds),
            (Some(hour), None) if self.purpose == Purpose::Alarm => (hour.minutes, hour.seconds),
            (Some(hour), None) => (hour.usual(), hour.seconds),
            (None, Some(part)) => (part.usual_hour() * 60, 0),
            (None, None) => (0, 0),
        }
    }

    /// The next time it is that hour: the readings of today in the order of preference, then tomorrow's.
    fn next(&self, facts: &Facts) -> Result<Zoned, TimeError> {
        let (preferred, seconds) = self.minutes(facts);
        let mut readings = vec![preferred];
        if let (Some(Reading { form: Form::Bare, .. }), None) = (facts.hour, facts.part) {
            let dial = preferred % HALF_DAY;
            match self.purpose {
                Purpose::Alarm => readings = vec![dial, dial + HALF_DAY, dial + DAY],
                Purpose::Event | Purpose::Search => readings.push(dial + HALF_DAY),
            }
        }
        readings.push(preferred + DAY);
        for minutes in readings {
            let instant = self.at(self.today, minutes, seconds)?;
            if instant > self.clock.now {
                return Ok(instant);
            }
        }
        self.at(self.today, preferred + DAY, seconds)
    }

    /// The instant so many minutes after the midnight that starts `date`, on the clock of the user's zone. An hour that a change to
    /// summer time skips moves forward by the gap; one that comes twice is the first.
    fn at(&self, date: Date, minutes: u16, seconds: u8) -> Result<Zoned, TimeError> {
        let date = shifted(date, i32::from(minutes / DAY))?;
        let (hour, minute) = (minutes % DAY / 60, minutes % 60);
        let small = |value: u16| i8::try_from(value).map_err(|_| TimeError::OutOfRange);
        let civil = date.at(small(hour)?, small(minute)?, small(u16::from(seconds))?, 0);
        civil.to_zoned(self.clock.now.time_zone().clone()).map_err(|_| TimeError::OutOfRange)
    }

    fn stretch(&self, mut start: Facts, end: &Facts) -> Result<Moment, TimeError> {
        let mut end = end.clone();
        share_month(&mut start, &mut end)?;
        let timed = |facts: &Facts| facts.hour.is_some() || facts.part.is_some() || facts.instant.is_some();
        match (timed(&start), timed(&end)) {
            (true, true) => self.stretch_of_hours(start, end),
            (false, false) => self.stretch_of_days(&start, &end),
            _ => Err(contradiction("only one end of a stretch has an hour")),
        }
    }

    fn stretch_of_days(&self, start: &Facts, end: &Facts) -> Result<Moment, TimeError> {
        let (Some(start), Some(end)) = (start.day, end.day) else { return Err(TimeError::Empty { example: EXAMPLE }) };
        let first = first_date(start, self.today)?;
        let last = last_date(end, first)?;
        if last < first {
            return Err(contradiction("the stretch ends before it starts"));
        }
        Ok(Moment::Dates { first, last })
    }

    fn stretch_of_hours(&self, mut start: Facts, mut end: Facts) -> Result<Moment, TimeError> {
        let end_day = if start.day.is_some() { end.day } else { None };
        start.day = start.day.or(end.day);
        share_part(&mut start, &mut end);
        if let (Some(first), Some(last), None) = (start.hour, end.hour, start.part) {
            start.hour = Some(agreeing(first, last));
        }
        let first = self.start(&start)?;
        let last = match (end.instant.clone(), end_day) {
            (Some(instant), _) => instant,
            (None, Some(day)) => {
                let date = last_date(day, first.date())?;
                let (minutes, seconds) = self.minutes(&end);
                self.at(date, minutes, seconds)?
            }
            (None, None) => self.first_after(&first, &end)?,
        };
        if last <= first {
            return Err(contradiction("the stretch ends before it starts"));
        }
        Ok(Moment::Instants { start: first, end: last })
    }

    /// The first reading of the end's hour after `start`.
    fn first_after(&self, start: &Zoned, end: &Facts) -> Result<Zoned, TimeError> {
        let (preferred, seconds) = self.minutes(end);
        let readings = match (end.hour, end.part) {
            (Some(hour), None) if hour.form == Form::Bare => {
                let dial = hour.before_noon();
                [dial, dial + HALF_DAY, dial + DAY]
            }
            _ => [preferred, preferred + DAY, preferred + DAY],
        };
        for minutes in readings {
            let instant = self.at(start.date(), minutes, seconds)?;
            if instant > *start {
                return Ok(instant);
            }
        }
        Err(contradiction("the stretch ends before it starts"))
    }

    fn recurring(&self, mut start: Facts, end: Option<&Facts>, mut rule: Recurrence) -> Result<Moment, TimeError> {
        if let (Frequency::Weekly, Some(Day::Weekday(weekday)), true) =
            (rule.frequency, start.day, rule.weekdays.is_empty())
        {
            rule.weekdays = Recurrence::weekly([weekday]).weekdays;
            start.day = None;
        }
        if let (Frequency::Monthly, None, Some(Day::OfMonth(day))) = (rule.frequency, rule.month_day, start.day) {
            rule.month_day = Some(day);
            start.day = None;
        }
        let from = match start.day.take() {
            Some(day) => first_date(day, self.today)?,
            None => self.today,
        };
        let timed = start.hour.is_some() || start.part.is_some();
        if !timed && matches!(rule.frequency, Frequency::Minutely | Frequency::Hourly) {
            return self.recurring_within_the_day(rule);
        }
        for days in 0..FIRST_OCCURRENCE_SEARCH_DAYS {
            let date = shifted(from, days)?;
            if rule.until.is_some_and(|until| date > until) {
                return Err(contradiction("the repetition ends before it starts"));
            }
            if !rule.allows(date) {
                continue;
            }
            let facts = Facts { day: Some(Day::On(date)), ..start.clone() };
            let first = match end {
                Some(end) if !end.is_empty() => self.stretch(facts, end)?,
                _ => self.on_a_recurring_day(date, &facts)?,
            };
            let begins_ahead = match &first {
                Moment::Instant(instant) | Moment::Instants { start: instant, .. } => *instant > self.clock.now,
                _ => true,
            };
            if begins_ahead {
                return Ok(Moment::Recurring { first: Box::new(first), rule });
            }
        }
        Err(TimeError::OutOfRange)
    }

    /// Every other day has the same hour, so that today being late in the day must not change its reading.
    fn on_a_recurring_day(&self, date: Date, facts: &Facts) -> Result<Moment, TimeError> {
        if facts.hour.is_none() && facts.part.is_none() {
            return Ok(Moment::Date(date));
        }
        let (minutes, seconds) = self.minutes(facts);
        self.at(date, minutes, seconds).map(Moment::Instant)
    }

    /// "Every two hours" starts one interval from now.
    fn recurring_within_the_day(&self, rule: Recurrence) -> Result<Moment, TimeError> {
        let interval = i64::from(rule.interval);
        let span = if rule.frequency == Frequency::Hourly { interval.hours() } else { interval.minutes() };
        let first = self.clock.now.checked_add(span).map_err(|_| TimeError::OutOfRange)?;
        Ok(Moment::Recurring { first: Box::new(Moment::Instant(first)), rule })
    }
}

/// "3 to 12 May", "the 3rd to the 12th of May", "May 3 to 12": one month said for both ends, a number beside it being a day.
fn share_month(start: &mut Facts, end: &mut Facts) -> Result<(), TimeError> {
    let number_as_day = |facts: &Facts| match facts {
        Facts { day: None, hour: Some(hour), part: None, instant: None }
            if hour.seconds == 0 && hour.minutes.is_multiple_of(60) =>
        {
            i8::try_from(hour.minutes / 60).ok()
        }
        Facts { day: Some(Day::OfMonth(day)), hour: None, part: None, .. } => Some(*day),
        _ => None,
    };
    let whole_date = |facts: &Facts| match facts {
        Facts { day: Some(Day::On(date)), hour: None, part: None, .. } => Some(*date),
        _ => None,
    };
    let in_month_of = |date: Date, day: i8| super::days::date(date.year(), date.month(), day);
    if let (Some(day), Some(date)) = (number_as_day(start), whole_date(end)) {
        *start = Facts { day: Some(Day::On(in_month_of(date, day)?)), ..Facts::default() };
    } else if let (Some(date), Some(day)) = (whole_date(start), number_as_day(end)) {
        *end = Facts { day: Some(Day::On(in_month_of(date, day)?)), ..Facts::default() };
    }
    Ok(())
}

/// "from 7 to 9 in the evening": the part of day said for one end holds for both, if both then stand in order.
fn share_part(start: &mut Facts, end: &mut Facts) {
    let (Some(first), Some(last)) = (start.hour, end.hour) else { return };
    let ((None, Some(part)) | (Some(part), None)) = (start.part, end.part) else { return };
    if first.within(part) < last.within(part) {
        start.part = Some(part);
        end.part = Some(part);
    }
}

/// "from 2 to 3:30 pm" starts at 2 pm, "from 11 to 1 pm" at 11 am: the start takes the later reading that is still before the end.
fn agreeing(start: Reading, end: Reading) -> Reading {
    if start.form == Form::Exact || end.form == Form::Bare {
        return start;
    }
    let dial = start.before_noon();
    let minutes = if dial + HALF_DAY < end.minutes { dial + HALF_DAY } else { dial };
    Reading { minutes, form: Form::Exact, ..start }
}
