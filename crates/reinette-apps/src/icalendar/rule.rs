//! Expands recurrence rules (RFC 5545 §3.3.10) without ever holding more than one day's times.
//!
//! A rule is a set of days in each of its periods, and a set of times that every such day has. Days are found period by
//! period, times are an index into a list of at most 86,400 seconds, so that a few hundred bytes of `BYHOUR`, `BYMINUTE`
//! and `BYSECOND` cost no more than that list. Whatever lies before the wanted stretch is skipped by arithmetic.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, ToSpan};
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use calcard::common::CalendarScale;
use calcard::icalendar::{ICalendarFrequency as Frequency, ICalendarRecurrenceRule, ICalendarWeekday};

const DAY_SECONDS: i64 = 86_400;

/// How many times in one list make one unit of [`Effort`].
const TIMES_PER_UNIT: usize = 1024;

/// How many starts that are given do.
const STARTS_PER_UNIT: u32 = 64;

/// How many days of one period do.
const DAYS_PER_UNIT: usize = 64;

/// How much looking through rules one file may cost, in periods; shared by all series of the file.
#[derive(Clone, Debug)]
pub(crate) struct Effort(Cell<u32>);

impl Effort {
    /// A day a period, this looks through five centuries; and it takes well under a second.
    const UNITS: u32 = 200_000;

    /// Spends `units`; false when there are none left.
    fn spend(&self, units: usize) -> bool {
        let left = u32::try_from(units).ok().and_then(|units| self.0.get().checked_sub(units));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether something was not looked at, since it would have cost too much.
    pub(crate) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(Self::UNITS))
    }
}

/// A recurrence rule with the defaults that its first occurrence gives.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    first: DateTime,
    frequency: Frequency,
    interval: i64,
    count: Option<u64>,
    until: Option<DateTime>,
    months: Vec<i8>,
    week_numbers: Vec<i64>,
    year_days: Vec<i64>,
    month_days: Vec<i64>,
    weekdays: Vec<(Option<i16>, Weekday)>,
    hours: Vec<i64>,
    minutes: Vec<i64>,
    seconds: Vec<i64>,
    positions: Vec<i64>,
    week_start: Weekday,
}

impl Rule {
    /// The rule for a series that begins at `first`, which `until` shares its zone with; `None` when it cannot be
    /// followed: it has another calendar, or positions among the times of an hour or less.
    pub(crate) fn new(rule: &ICalendarRecurrenceRule, first: DateTime, until: Option<DateTime>) -> Option<Self> {
        let several_a_day = is_within_day(rule.freq);
        let is_gregorian = matches!(rule.rscale, None | Some(CalendarScale::Gregorian));
        if !is_gregorian || (several_a_day && !rule.bysetpos.is_empty()) {
            return None;
        }
        let numbers = |list: &[u8], most: i64| sorted(list.iter().map(|number| i64::from(*number).min(most)).collect());
        let mut made = Self {
            first,
            frequency: rule.freq,
            interval: i64::from(rule.interval.unwrap_or(1)),
            count: rule.count.map(u64::from),
            until,
            months: rule.bymonth.iter().filter_map(|month| i8::try_from(month.month()).ok()).collect(),
            week_numbers: rule.byweekno.iter().copied().map(i64::from).collect(),
            year_days: rule.byyearday.iter().copied().map(i64::from).collect(),
            month_days: rule.bymonthday.iter().copied().map(i64::from).collect(),
            weekdays: rule.byday.iter().map(|day| (day.ordwk, weekday(day.weekday))).collect(),
            hours: numbers(&rule.byhour, 23),
            minutes: numbers(&rule.byminute, 59),
            seconds: numbers(&rule.bysecond, 59),
            positions: rule.bysetpos.iter().map(|position| i64::from(*position)).collect(),
            week_start: rule.wkst.map_or(Weekday::Monday, weekday),
        };
        made.complete();
        (made.interval > 0).then_some(made)
    }

    /// What a rule leaves out it has from its first occurrence.
    fn complete(&mut self) {
        let names_days = !(self.week_numbers.is_empty()
            && self.year_days.is_empty()
            && self.month_days.is_empty()
            && self.weekdays.is_empty());
        match self.frequency {
            Frequency::Yearly if !names_days => {
                if self.months.is_empty() {
                    self.months.push(self.first.month());
                }
                self.month_days.push(i64::from(self.first.day()));
            }
            Frequency::Monthly if !names_days => self.month_days.push(i64::from(self.first.day())),
            Frequency::Weekly if !names_days => self.weekdays.push((None, self.first.weekday())),
            _ => {}
        }
        let (hour, minute, second) = (self.first.hour(), self.first.minute(), self.first.second());
        let complete = |list: &mut Vec<i64>, unit: Frequency, frequency: Frequency, value: i8| {
            // A unit that the frequency counts in is limited by the list, not given by it.
            if list.is_empty() && (frequency as u8) < (unit as u8) {
                list.push(i64::from(value));
            }
        };
        complete(&mut self.hours, Frequency::Hourly, self.frequency, hour);
        complete(&mut self.minutes, Frequency::Minutely, self.frequency, minute);
        complete(&mut self.seconds, Frequency::Secondly, self.frequency, second);
    }

    /// How many times a day has, about.
    pub(crate) fn times_a_day(&self) -> usize {
        match self.frequency {
            _ if !is_within_day(self.frequency) => self.hours.len() * self.minutes.len() * self.seconds.len(),
            frequency => usize::try_from(DAY_SECONDS / (unit_seconds(frequency) * self.interval)).unwrap_or(1),
        }
    }

    /// The starts within `range`, in order.
    pub(crate) fn starts(self, range: Range<DateTime>, effort: &Effort) -> Starts<'_> {
        let skipped = if self.count.is_some() { 0 } else { self.periods_before(range.start) };
        let left = self.count.unwrap_or(u64::MAX);
        let times = (!is_within_day(self.frequency)).then(|| {
            let is_affordable = effort.spend(self.times_a_day() / TIMES_PER_UNIT);
            Rc::from(if is_affordable { self.seconds_of(self.first.date()) } else { Vec::new() })
        });
        Starts { rule: self, range, period: skipped, times, current: None, left, given: 0, effort }
    }

    /// How many periods end before `at`, or a few fewer.
    fn periods_before(&self, at: DateTime) -> i64 {
        let days = whole_days(self.first.date(), at.date()) - 1;
        let years = i64::from(at.year()) - i64::from(self.first.year()) - 1;
        let periods = match self.frequency {
            Frequency::Yearly => years,
            Frequency::Monthly => years * 12,
            Frequency::Weekly => days / 7 - 1,
            // Within a day, the interval is one of its times: every day is a period.
            Frequency::Daily => days,
            _ => return days.max(0),
        };
        (periods / self.interval).max(0)
    }

    /// The first day of a period and the day after its last; `None` beyond the last year.
    fn period(&self, number: i64) -> Option<Range<Date>> {
        let first = self.first.date();
        let steps = number.checked_mul(if is_within_day(self.frequency) { 1 } else { self.interval })?;
        Some(match self.frequency {
            Frequency::Yearly => {
                let year = i16::try_from(i64::from(first.year()).checked_add(steps)?).ok()?;
                Date::new(year, 1, 1).ok()?..Date::new(year.checked_add(1)?, 1, 1).ok()?
            }
            Frequency::Monthly => {
                let start = first.first_of_month().checked_add(i32::try_from(steps).ok()?.months()).ok()?;
                start..start.checked_add(1.month()).ok()?
            }
            Frequency::Weekly => {
                let start = days_after(first, -i64::from(first.weekday().since(self.week_start)))?;
                let start = days_after(start, steps.checked_mul(7)?)?;
                start..days_after(start, 7)?
            }
            _ => {
                let start = days_after(first, steps)?;
                start..days_after(start, 1)?
            }
        })
    }

    /// The days of a period that the rule names.
    fn days_of(&self, period: &Range<Date>) -> Vec<Date> {
        let mut days = Vec::new();
        let mut day = period.start;
        while day < period.end {
            if !self.months.is_empty() && !self.months.contains(&day.month()) {
                // The rest of the month cannot have any.
                let Ok(next) = day.last_of_month().tomorrow() else { break };
                day = next;
                continue;
            }
            if self.has_day(day) {
                days.push(day);
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        days
    }

    fn has_day(&self, day: Date) -> bool {
        // A negative number counts from the end.
        let fits = |list: &[i64], number: i64, length: i64| {
            list.is_empty() || list.contains(&number) || list.contains(&(number - length - 1))
        };
        let by_week = || {
            let (number, weeks) = self.week_number(day);
            fits(&self.week_numbers, number, weeks)
        };
        fits(&self.month_days, i64::from(day.day()), i64::from(day.days_in_month()))
            && fits(&self.year_days, i64::from(day.day_of_year()), i64::from(day.days_in_year()))
            && (self.week_numbers.is_empty() || by_week())
            && self.has_weekday(day)
    }

    fn has_weekday(&self, day: Date) -> bool {
        let by_month =
            self.frequency == Frequency::Monthly || (self.frequency == Frequency::Yearly && !self.months.is_empty());
        let (position, length) = if by_month {
            (i64::from(day.day()), i64::from(day.days_in_month()))
        } else {
            (i64::from(day.day_of_year()), i64::from(day.days_in_year()))
        };
        let counts = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        let fits = |(nth, weekday): &(Option<i16>, Weekday)| {
            *weekday == day.weekday()
                && match nth.filter(|nth| counts && *nth != 0) {
                    None => true,
                    Some(nth) if nth > 0 => (position - 1) / 7 + 1 == i64::from(nth),
                    Some(nth) => (length - position) / 7 + 1 == -i64::from(nth),
                }
        };
        self.weekdays.is_empty() || self.weekdays.iter().any(fits)
    }

    /// The number of a day's week in the year that the day is in, and how many weeks that year has. Week 1 is the first
    /// with four days in the year; a day of another year's week has a number outside.
    fn week_number(&self, day: Date) -> (i64, i64) {
        let since = |date: Date| i64::from(date.weekday().since(self.week_start));
        let begin = |year_first: Date| {
            let offset = since(year_first);
            if offset <= 3 { -offset } else { 7 - offset }
        };
        let year_first = day.first_of_year();
        let week_one = begin(year_first);
        let length = i64::from(day.days_in_year());
        let next_week_one = day.last_of_year().tomorrow().map_or(length, |next| length + begin(next));
        let weeks = (next_week_one - week_one) / 7;
        let number = (i64::from(day.day_of_year()) - 1 - week_one).div_euclid(7) + 1;
        match number {
            0 => {
                // The last week of the year before.
                let last = day.first_of_year().yesterday().map_or((0, 0), |last| self.week_number(last));
                (last.0, last.1)
            }
            number if number > weeks => (1, weeks),
            number => (number, weeks),
        }
    }

    /// The times of a day, in seconds from its midnight.
    fn seconds_of(&self, day: Date) -> Vec<u32> {
        let mut times = Vec::new();
        let has = |list: &[i64], value: i64| list.is_empty() || list.contains(&value);
        let mut push = |second: i64| times.extend(u32::try_from(second));
        if !is_within_day(self.frequency) {
            for hour in &self.hours {
                for minute in &self.minutes {
                    self.seconds.iter().for_each(|second| push(hour * 3600 + minute * 60 + second));
                }
            }
            return times;
        }
        let unit = unit_seconds(self.frequency);
        let Some(step) = unit.checked_mul(self.interval) else { return times };
        let midnight = whole_days(self.first.date(), day) * DAY_SECONDS;
        let of_day = |at: DateTime| i64::from(at.hour()) * 3600 + i64::from(at.minute()) * 60 + i64::from(at.second());
        let phase = of_day(self.first) / unit * unit - midnight;
        let mut start = phase.rem_euclid(step);
        while start < DAY_SECONDS {
            if has(&self.hours, start / 3600) && (unit == 3600 || has(&self.minutes, start / 60 % 60)) {
                match self.frequency {
                    Frequency::Hourly => {
                        for minute in &self.minutes {
                            self.seconds.iter().for_each(|second| push(start + minute * 60 + second));
                        }
                    }
                    Frequency::Minutely => self.seconds.iter().for_each(|second| push(start + second)),
                    _ if has(&self.seconds, start % 60) => push(start),
                    _ => {}
                }
            }
            start += step;
        }
        times
    }
}

/// The times of one period: its days, the times of each, and which of all those are meant.
#[derive(Clone, Debug)]
struct Period {
    days: Vec<Date>,
    times: Rc<[u32]>,
    /// Positions that were chosen, last first; without them, all from `next` on.
    chosen: Option<Vec<usize>>,
    next: usize,
}

impl Period {
    fn new(days: Vec<Date>, times: Rc<[u32]>, positions: &[i64]) -> Self {
        let length = days.len() * times.len();
        let index = |position: &i64| {
            let forward = if *position < 0 { i64::try_from(length).ok()? + position } else { position - 1 };
            usize::try_from(forward).ok().filter(|index| *index < length)
        };
        let chosen = (!positions.is_empty()).then(|| {
            let mut chosen: Vec<usize> = positions.iter().filter_map(index).collect();
            chosen.sort_unstable_by(|a, b| b.cmp(a));
            chosen.dedup();
            chosen
        });
        Self { days, times, chosen, next: 0 }
    }

    /// Goes to the first time that is not before `at`; returns how many were skipped.
    fn skip_to(&mut self, at: DateTime) -> u64 {
        let day = self.days.partition_point(|day| *day < at.date());
        let mut index = day * self.times.len();
        if self.days.get(day) == Some(&at.date()) {
            let second = i64::from(at.hour()) * 3600 + i64::from(at.minute()) * 60 + i64::from(at.second());
            index += self.times.partition_point(|time| i64::from(*time) < second);
        }
        let before = self.len();
        match &mut self.chosen {
            Some(chosen) => chosen.retain(|chosen| *chosen >= index),
            None => self.next = self.next.max(index),
        }
        before - self.len()
    }

    /// How many times are left.
    fn len(&self) -> u64 {
        let all = self.days.len() * self.times.len();
        self.chosen.as_ref().map_or(all.saturating_sub(self.next), Vec::len) as u64
    }
}

impl Iterator for Period {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        let index = if let Some(chosen) = &mut self.chosen {
            chosen.pop()?
        } else {
            self.next += 1;
            self.next - 1
        };
        let day = self.days.get(index.checked_div(self.times.len())?)?;
        let time = self.times[index % self.times.len()];
        Some(day.to_datetime(jiff::civil::Time::midnight()) + SignedDuration::from_secs(i64::from(time)))
    }
}

/// The starts of the occurrences of a rule, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Starts<'e> {
    rule: Rule,
    range: Range<DateTime>,
    period: i64,
    /// The times of every day, where all days have the same.
    times: Option<Rc<[u32]>>,
    current: Option<Period>,
    /// How many more the rule's count allows.
    left: u64,
    /// How many were given.
    given: u32,
    effort: &'e Effort,
}

impl Starts<'_> {
    /// The next period that is not over before the wanted stretch; `None` when there is no other.
    fn advance(&mut self) -> Option<Period> {
        loop {
            let days = self.rule.period(self.period)?;
            let end = self.rule.until.map_or(self.range.end, |until| until.min(self.range.end));
            let cost = 1 + usize::try_from(whole_days(days.start, days.end)).unwrap_or(0) / DAYS_PER_UNIT;
            if days.start > end.date() || self.left == 0 || !self.effort.spend(cost) {
                return None;
            }
            self.period += 1;
            let days = self.rule.days_of(&days);
            if days.is_empty() {
                continue;
            }
            let times = match &self.times {
                Some(times) => Rc::clone(times),
                None => self.rule.seconds_of(days[0]).into(),
            };
            if !self.effort.spend(times.len() / TIMES_PER_UNIT) {
                return None;
            }
            let mut period = Period::new(days, times, &self.rule.positions);
            // What is before the series is none of it; what is before the range is only counted.
            period.skip_to(self.rule.first);
            self.left = self.left.saturating_sub(period.skip_to(self.range.start));
            return Some(period);
        }
    }
}

impl Iterator for Starts<'_> {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        loop {
            if self.left == 0 {
                return None;
            }
            if let Some(start) = self.current.as_mut().and_then(Period::next) {
                let is_over = start >= self.range.end || self.rule.until.is_some_and(|until| start > until);
                self.given = self.given.wrapping_add(1);
                let is_over = is_over || (self.given.is_multiple_of(STARTS_PER_UNIT) && !self.effort.spend(1));
                self.left = if is_over { 0 } else { self.left - 1 };
                return (!is_over).then_some(start);
            }
            self.current = Some(self.advance()?);
        }
    }
}

/// Whether a rule counts in hours, minutes or seconds.
fn is_within_day(frequency: Frequency) -> bool {
    matches!(frequency, Frequency::Hourly | Frequency::Minutely | Frequency::Secondly)
}

fn unit_seconds(frequency: Frequency) -> i64 {
    match frequency {
        Frequency::Hourly => 3600,
        Frequency::Minutely => 60,
        _ => 1,
    }
}

fn weekday(day: ICalendarWeekday) -> Weekday {
    match day {
        ICalendarWeekday::Monday => Weekday::Monday,
        ICalendarWeekday::Tuesday => Weekday::Tuesday,
        ICalendarWeekday::Wednesday => Weekday::Wednesday,
        ICalendarWeekday::Thursday => Weekday::Thursday,
        ICalendarWeekday::Friday => Weekday::Friday,
        ICalendarWeekday::Saturday => Weekday::Saturday,
        ICalendarWeekday::Sunday => Weekday::Sunday,
    }
}

fn sorted(mut list: Vec<i64>) -> Vec<i64> {
    list.sort_unstable();
    list.dedup();
    list
}

fn whole_days(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

fn days_after(date: Date, days: i64) -> Option<Date> {
    date.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}
