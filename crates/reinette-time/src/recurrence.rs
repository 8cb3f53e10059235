//! How something repeats: the part of iCalendar's recurrence rules that people say.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};

use super::TimeError;

/// The unit in which a repetition counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Frequency {
    Minutely,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

const FREQUENCIES: [(Frequency, &str); 6] = [
    (Frequency::Minutely, "MINUTELY"),
    (Frequency::Hourly, "HOURLY"),
    (Frequency::Daily, "DAILY"),
    (Frequency::Weekly, "WEEKLY"),
    (Frequency::Monthly, "MONTHLY"),
    (Frequency::Yearly, "YEARLY"),
];

const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "MO"),
    (Weekday::Tuesday, "TU"),
    (Weekday::Wednesday, "WE"),
    (Weekday::Thursday, "TH"),
    (Weekday::Friday, "FR"),
    (Weekday::Saturday, "SA"),
    (Weekday::Sunday, "SU"),
];

/// A weekday of a rule: every one, or with an ordinal the nth (−1: the last) of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecurringDay {
    /// The day of the week.
    pub weekday: Weekday,
    /// Which one of the month, −1 being the last; `None`: each.
    pub ordinal: Option<i8>,
}

/// A recurrence rule. `Display` and `FromStr` use the text of RFC 5545 (`FREQ=WEEKLY;BYDAY=MO,TU`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// The unit.
    pub frequency: Frequency,
    /// Every how many units; at least 1.
    pub interval: u16,
    /// On which days of the week; empty: that of the first occurrence.
    pub weekdays: Vec<RecurringDay>,
    /// On which day of the month (−1: the last); `None`: that of the first occurrence.
    pub month_day: Option<i8>,
    /// The last day on which it may occur.
    pub until: Option<Date>,
}

impl Recurrence {
    /// The rule that repeats once every `frequency`, for ever.
    pub fn every(frequency: Frequency) -> Self {
        Self { frequency, interval: 1, weekdays: Vec::new(), month_day: None, until: None }
    }

    /// The weekly rule of these days.
    pub fn weekly(weekdays: impl IntoIterator<Item = Weekday>) -> Self {
        let weekdays = weekdays.into_iter().map(|weekday| RecurringDay { weekday, ordinal: None }).collect();
        Self { weekdays, ..Self::every(Frequency::Weekly) }
    }

    /// Whether the rule's days allow `date`; the interval, which counts from the first occurrence, is not looked at.
    pub fn allows(&self, date: Date) -> bool {
        let weekday_fits = self.weekdays.is_empty()
            || self.weekdays.iter().any(|day| {
                day.weekday == date.weekday()
                    && day.ordinal.is_none_or(|ordinal| {
                        date.first_of_month().nth_weekday_of_month(ordinal, day.weekday).is_ok_and(|nth| nth == date)
                    })
            });
        let month_day_fits =
            self.month_day.is_none_or(|day| date.day() == if day < 0 { date.days_in_month() + 1 + day } else { day });
        weekday_fits && month_day_fits && self.until.is_none_or(|until| date <= until)
    }
}

fn abbreviation(weekday: Weekday) -> &'static str {
    WEEKDAYS[usize::from(weekday.to_monday_zero_offset().unsigned_abs())].1
}

impl fmt::Display for Recurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FREQUENCIES.iter().find(|(frequency, _)| *frequency == self.frequency).map_or("", |(_, name)| name);
        write!(formatter, "FREQ={name}")?;
        if self.interval > 1 {
            write!(formatter, ";INTERVAL={}", self.interval)?;
        }
        for (index, day) in self.weekdays.iter().enumerate() {
            formatter.write_str(if index == 0 { ";BYDAY=" } else { "," })?;
            if let Some(ordinal) = day.ordinal {
                write!(formatter, "{ordinal}")?;
            }
            formatter.write_str(abbreviation(day.weekday))?;
        }
        if let Some(day) = self.month_day {
            write!(formatter, ";BYMONTHDAY={day}")?;
        }
        if let Some(until) = self.until {
            write!(formatter, ";UNTIL={:04}{:02}{:02}", until.year(), until.month(), until.day())?;
        }
        Ok(())
    }
}

impl FromStr for Recurrence {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| TimeError::NotCanonical { text: text.to_owned() })
    }
}

fn read(text: &str) -> Option<Recurrence> {
    let mut parts = text.split(';');
    let name = parts.next()?.strip_prefix("FREQ=")?;
    let mut rule = Recurrence::every(FREQUENCIES.iter().find(|(_, known)| *known == name)?.0);
    for part in parts {
        match part.split_once('=')? {
            ("INTERVAL", count) => rule.interval = count.parse().ok().filter(|count| *count > 0)?,
            ("BYDAY", days) => rule.weekdays = days.split(',').map(read_day).collect::<Option<_>>()?,
            ("BYMONTHDAY", day) => {
                rule.month_day = Some(day.parse().ok().filter(|day: &i8| *day != 0 && (-31..=31).contains(day))?);
            }
            ("UNTIL", date) => rule.until = Some(Date::strptime("%Y%m%d", date).ok()?),
            _ => return None,
        }
    }
    Some(rule)
}

fn read_day(text: &str) -> Option<RecurringDay> {
    let (weekday, name) = WEEKDAYS.iter().find(|(_, name)| text.ends_with(name))?;
    let ordinal = match text.strip_suffix(name)? {
        "" => None,
        number => Some(number.parse().ok().filter(|ordinal: &i8| *ordinal != 0 && (-5..=5).contains(ordinal))?),
    };
    Some(RecurringDay { weekday: *weekday, ordinal })
}
