//! Combines what a phrase says into one moment, by the rules of the module's first page.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Zoned};

use super::days::{Day, last_of_month, last_of_year, next_of_month, next_of_year, next_weekday, shifted};
use super::durations::Length;
use super::facts::{Distance, Facts, Request, Side, contradiction};
use super::habits::Habit;
use super::hours::{DAY, Form, HALF_DAY, Reading};
use super::working_days;
use super::zones::Zone;
use super::{Clock, EXAMPLE, Frequency, Moment, Purpose, Recurrence, TimeError};

/// How many days are searched for the first occurrence of a repetition: a leap day comes back within eight years.
const FIRST_OCCURRENCE_SEARCH_DAYS: i32 = 8 * 366 + 1;

/// The moment that `request` means; `habit` is the time of day at which what it is of usually takes place.
pub(crate) fn settle(
    mut request: Request,
    clock: &Clock,
    purpose: Purpose,
    habit: Option<Habit>,
) -> Result<Moment, TimeError> {
    if purpose == Purpose::Move && request.is_a_shift {
        return Err(TimeError::Shift);
    }
    if purpose != Purpose::Move {
        repeat_from_monday(&mut request);
    }
    let settler = Settler { clock, today: clock.now.date(), purpose, habit };
    let says_an_hour_of_a_day = |facts: &Facts| facts.day.is_some() && facts.hour.is_some();
    let is_dated = says_an_hour_of_a_day(&request.start) || request.end.as_ref().is_some_and(says_an_hour_of_a_day);
    let moves = purpose == Purpose::Move && request.leads_from_old_to_new && request.rule.is_none();
    let moment = match (request.rule, request.end) {
        (Some(rule), end) => settler.recurring(request.start, end.as_ref(), rule)?,
        (None, Some(end)) if moves && !end.is_empty() => settler.single(&new_time(request.start, end)?)?,
        (None, Some(end)) if !end.is_empty() => settler.stretch(request.start, &end)?,
        // "from Friday" on
        (None, _) => settler.single(&request.start)?,
    };
    let moment = match request.offset {
        Some((distance, side)) => moved(moment, distance, side)?,
        None => moment,
    };
    let moment = match request.lasting {
        Some(length) => lasting(moment, length)?,
        None => moment,
    };
    match purpose {
        Purpose::Alarm | Purpose::Reminder if has_passed(&moment, clock) => passed(&moment),
        // What was yesterday may be noted down; an hour of today that is over was meant otherwise.
        Purpose::Event | Purpose::Move if is_dated && is_over_today(&moment, clock) => passed(&moment),
        _ => Ok(moment),
    }
}

/// "Monday to Friday at 8": an hour that is said of days from Monday on comes again each week.
fn repeat_from_monday(request: &mut Request) {
    let Some(end) = &request.end else { return };
    let timed = |facts: &Facts| facts.hour.is_some() || facts.part.is_some();
    let (Some(Day::Weekday(Weekday::Monday)), Some(Day::Weekday(last))) = (request.start.day, end.day) else { return };
    let of_weeks = |rule: &Recurrence| rule.frequency == Frequency::Weekly && rule.weekdays.is_empty();
    if timed(&request.start) == timed(end) || !request.rule.as_ref().is_none_or(of_weeks) {
        return;
    }
    let days = (0..=last.to_monday_zero_offset()).filter_map(|day| Weekday::from_monday_zero_offset(day).ok());
    let known = request.rule.take().unwrap_or_else(|| Recurrence::every(Frequency::Weekly));
    request.rule = Some(Recurrence { weekdays: Recurrence::weekly(days).weekdays, ..known });
    let timed_end = if timed(end) { request.end.take() } else { None };
    request.end = None;
    request.start = Facts { day: None, ..timed_end.unwrap_or_else(|| request.start.clone()) };
}

fn passed(moment: &Moment) -> Result<Moment, TimeError> {
    Err(TimeError::Past { moment: moment.to_string() })
}

/// In a move from an old to a new time, the new one: what is said of both only once holds for the new one too.
fn new_time(mut old: Facts, mut new: Facts) -> Result<Facts, TimeError> {
    share_month(&mut old, &mut new)?;
    if new.day.is_none() && new.hour.is_some() {
        new.day = old.day;
    }
    share_part(&mut old, &mut new);
    if let (Some(before), Some(hour), None) = (old.hour, new.hour, new.part)
        && before.form == Form::Exact
        && hour.form == Form::Bare
    {
        let half = if before.minutes < HALF_DAY { 0 } else { HALF_DAY };
        new.hour = Some(Reading { minutes: hour.before_noon() + half, form: Form::Exact, ..hour });
    }
    new.zone = new.zone.or(old.zone);
    Ok(new)
}

/// Whether an hour of today is over, but for the minute that is running.
fn is_over_today(moment: &Moment, clock: &Clock) -> bool {
    match moment {
        Moment::Instant(instant) => instant.date() == clock.now.date() && is_over(instant, clock),
        _ => false,
    }
}

/// Whether an instant lies before the minute that is running.
fn is_over(instant: &Zoned, clock: &Clock) -> bool {
    instant.duration_until(&clock.now).as_secs() >= 60
}

fn has_passed(moment: &Moment, clock: &Clock) -> bool {
    match moment {
        Moment::Instant(instant) | Moment::Instants { end: instant, .. } => is_over(instant, clock),
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

/// `date` moved by a distance of whole days.
pub(crate) fn moved_by(date: Date, distance: Distance, side: Side) -> Result<Date, TimeError> {
    match distance {
        Distance::Length(length) => moved_date(date, length, side),
        Distance::WorkingDays(count) => working_days::moved(date, count, side),
    }
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

fn moved(moment: Moment, distance: Distance, side: Side) -> Result<Moment, TimeError> {
    match (moment, distance) {
        (Moment::Instant(instant), Distance::Length(length)) => {
            moved_instant(&instant, length, side).map(Moment::Instant)
        }
        (Moment::Instant(instant), Distance::WorkingDays(_)) => {
            let date = moved_by(instant.date(), distance, side)?;
            let there = date.to_datetime(instant.time()).to_zoned(instant.time_zone().clone());
            there.map(Moment::Instant).map_err(|_| TimeError::OutOfRange)
        }
        (Moment::Date(_), Distance::Length(length)) if !length.is_whole_days() => {
            Err(contradiction("hours are counted from a day that has no hour"))
        }
        (Moment::Date(date), _) => moved_by(date, distance, side).map(Moment::Date),
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
    let dated = |day: Day| match day {
        Day::OfYear(month, day) => next_of_year(today, month, day).map(Day::On),
        day => Ok(day),
    };
    match (dated(first)?, dated(second)?) {
        (Day::Weekday(weekday), Day::On(date)) | (Day::On(date), Day::Weekday(weekday))
            if date.weekday() == weekday =>
        {
            Ok(Day::On(date))
        }
        (Day::Weekday(weekday), Day::On(date)) | (Day::On(date), Day::Weekday(weekday)) => {
            let said = super::describe::weekday_name(weekday, super::Language::English);
            let actual = super::describe::weekday_name(date.weekday(), super::Language::English);
            let (day, month, year) = (date.day(), super::describe::month_name(date.month()), date.year());
            Err(TimeError::Impossible { what: format!("{said} {day} {month} {year}: that day is a {actual}") })
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
        Day::OfYear(month, day) => next_of_year(today, month, day),
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
    habit: Option<Habit>,
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
        let (minutes, seconds) = self.minutes(facts)?;
        self.at(date, minutes, seconds, facts)
    }

    /// Minutes and seconds after midnight of the hour or part of day, when the day is known.
    fn minutes(&self, facts: &Facts) -> Result<(u16, u8), TimeError> {
        Ok(match (facts.hour, facts.part) {
            (Some(hour), Some(part)) => (hour.within(part), hour.seconds),
            (Some(hour), None) => (self.reading(hour)?, hour.seconds),
            (None, Some(part)) => (part.usual_hour() * 60, 0),
            (None, None) => (0, 0),
        })
    }

    /// Minutes after midnight of an hour that no part of the day is said of.
    fn reading(&self, hour: Reading) -> Result<u16, TimeError> {
        if let Some(minutes) = self.habit.and_then(|habit| habit.reading(hour)) {
            return Ok(minutes);
        }
        if self.purpose == Purpose::Alarm {
            return Ok(hour.minutes);
        }
        if hour.is_unclear() {
            let hour = hour.minutes / 60;
            return Err(TimeError::Unclear { hour, afternoon: hour + 12 });
        }
        Ok(hour.usual())
    }

    /// The next time it is that hour: the readings of today in the order of preference, then tomorrow's.
    fn next(&self, facts: &Facts) -> Result<Zoned, TimeError> {
        let (preferred, seconds) = self.minutes(facts)?;
        let mut readings = vec![preferred];
        if let (Some(hour), None) = (facts.hour, facts.part)
            && hour.form == Form::Bare
            && self.habit.is_none_or(|habit| habit.reading(hour).is_none())
        {
            let dial = preferred % HALF_DAY;
            match self.purpose {
                Purpose::Alarm => readings = vec![dial, dial + HALF_DAY, dial + DAY],
                _ => readings.push(dial + HALF_DAY),
            }
        }
        readings.push(preferred + DAY);
        // Elsewhere it may be another day.
        let today = match &facts.zone {
            Some(Zone::Of(zone)) => self.clock.now.with_time_zone(zone.clone()).date(),
            _ => self.today,
        };
        for minutes in readings {
            let instant = self.at(today, minutes, seconds, facts)?;
            if instant > self.clock.now {
                return Ok(instant);
            }
        }
        self.at(today, preferred + DAY, seconds, facts)
    }

    /// The instant so many minutes after the midnight that starts `date`, on the clock of the zone that is said or of the user's,
    /// and told in the user's. An hour that a change to summer time skips moves forward by the gap; one that comes twice is the
    /// first.
    fn at(&self, date: Date, minutes: u16, seconds: u8, facts: &Facts) -> Result<Zoned, TimeError> {
        let date = shifted(date, i32::from(minutes / DAY))?;
        let (hour, minute) = (minutes % DAY / 60, minutes % 60);
        let small = |value: u16| i8::try_from(value).map_err(|_| TimeError::OutOfRange);
        let civil = date.at(small(hour)?, small(minute)?, small(u16::from(seconds))?, 0);
        let here = self.clock.now.time_zone();
        let there = match &facts.zone {
            Some(Zone::Of(zone)) => zone,
            _ => here,
        };
        let instant = civil.to_zoned(there.clone()).map_err(|_| TimeError::OutOfRange)?;
        Ok(instant.with_time_zone(here.clone()))
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

    /// Without years the end is the next such day, and the start the last one before it, though it may have passed.
    fn stretch_of_days(&self, start: &Facts, end: &Facts) -> Result<Moment, TimeError> {
        let (Some(start), Some(end)) = (start.day, end.day) else { return Err(TimeError::Empty { example: EXAMPLE }) };
        let (first, last) = match (start, end) {
            (Day::OfYear(month, day), Day::On(_) | Day::OfYear(..)) => {
                let last = last_date(end, self.today)?;
                (last_of_year(last, month, day)?, last)
            }
            (Day::OfMonth(day), Day::On(_) | Day::OfYear(..) | Day::OfMonth(_)) => {
                let last = last_date(end, self.today)?;
                (last_of_month(last, day)?, last)
            }
            _ => {
                let first = first_date(start, self.today)?;
                (first, last_date(end, first)?)
            }
        };
        if last < first {
            return Err(contradiction("the stretch ends before it starts"));
        }
        Ok(Moment::Dates { first, last })
    }

    fn stretch_of_hours(&self, mut start: Facts, mut end: Facts) -> Result<Moment, TimeError> {
        let end_day = if start.day.is_some() { end.day } else { None };
        start.day = start.day.or(end.day);
        share_part(&mut start, &mut end);
        start.zone = start.zone.or_else(|| end.zone.clone());
        end.zone = end.zone.or_else(|| start.zone.clone());
        if let (Some(first), Some(last), None) = (start.hour, end.hour, start.part) {
            start.hour = Some(agreeing(first, last));
        }
        let first = self.start(&start)?;
        let last = match (end.instant.clone(), end_day) {
            (Some(instant), _) => instant,
            (None, Some(day)) => {
                let date = last_date(day, first.date())?;
                let (minutes, seconds) = self.minutes(&end)?;
                self.at(date, minutes, seconds, &end)?
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
        let (preferred, seconds) = self.minutes(end)?;
        let readings = match (end.hour, end.part) {
            (Some(hour), None) if hour.form == Form::Bare => {
                let dial = hour.before_noon();
                [dial, dial + HALF_DAY, dial + DAY]
            }
            _ => [preferred, preferred + DAY, preferred + DAY],
        };
        for minutes in readings {
            let day = match &end.zone {
                Some(Zone::Of(zone)) => start.with_time_zone(zone.clone()).date(),
                _ => start.date(),
            };
            let instant = self.at(day, minutes, seconds, end)?;
            if instant > *start {
                return Ok(instant);
            }
        }
        Err(contradiction("the stretch ends before it starts"))
    }

    fn recurring(&self, mut start: Facts, end: Option<&Facts>, mut rule: Recurrence) -> Result<Moment, TimeError> {
        let is_elsewhere =
            |facts: &Facts| matches!(&facts.zone, Some(Zone::Of(zone)) if zone != self.clock.now.time_zone());
        if is_elsewhere(&start) || end.is_some_and(is_elsewhere) {
            return Err(TimeError::RepeatsElsewhere);
        }
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
        self.on(date, facts).map(Moment::Instant)
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
        Facts { day: None, hour: Some(hour), part: None, instant: None, zone: None }
            if hour.seconds == 0 && hour.minutes.is_multiple_of(60) =>
        {
            i8::try_from(hour.minutes / 60).ok()
        }
        Facts { day: Some(Day::OfMonth(day)), hour: None, part: None, .. } => Some(*day),
        _ => None,
    };
    // The day that is said with its month, with another number of it.
    let with_month = |facts: &Facts, day: i8| match facts {
        Facts { day: Some(Day::On(date)), hour: None, part: None, .. } => {
            Some(super::days::date(date.year(), date.month(), day).map(Day::On))
        }
        Facts { day: Some(Day::OfYear(month, _)), hour: None, part: None, .. } => {
            Some(super::days::of_year(Date::ZERO, *month, day))
        }
        _ => None,
    };
    if let Some(day) = number_as_day(start).and_then(|day| with_month(end, day)) {
        *start = Facts { day: Some(day?), ..Facts::default() };
    } else if let Some(day) = number_as_day(end).and_then(|day| with_month(start, day)) {
        *end = Facts { day: Some(day?), ..Facts::default() };
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
pub(crate) fn agreeing(start: Reading, end: Reading) -> Reading {
    if start.form == Form::Exact || end.form == Form::Bare {
        return start;
    }
    let dial = start.before_noon();
    let minutes = if dial + HALF_DAY < end.minutes { dial + HALF_DAY } else { dial };
    Reading { minutes, form: Form::Exact, ..start }
}
