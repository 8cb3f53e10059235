//! What is read of an event or a to-do.

use super::time::CalendarTime;
use super::zones::Zones;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarDuration, ICalendarEntry, ICalendarMethod,
    ICalendarParameterName, ICalendarProperty, ICalendarRecurrenceRule, ICalendarStatus, ICalendarValue,
};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use reinette_time::Language;

/// Properties by which programs say that an event from midnight to midnight is of whole days.
pub(crate) const ALL_DAY: &[&str] =
    &["X-MICROSOFT-CDO-ALLDAYEVENT", "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT", "X-FUNAMBOL-ALLDAY"];

/// The occurrence of a to-do that `KOrganizer` is at: those before are done.
pub(crate) const KDE_CURRENT: &str = "X-KDE-LIBKCAL-DTRECURRENCE";

/// Which components of a file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `VEVENT`.
    Event,
    /// `VTODO`.
    ToDo,
}

impl Kind {
    /// The component's name in a file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Event => "VEVENT",
            Self::ToDo => "VTODO",
        }
    }

    fn component_type(self) -> ICalendarComponentType {
        match self {
            Self::Event => ICalendarComponentType::VEvent,
            Self::ToDo => ICalendarComponentType::VTodo,
        }
    }
}

/// How a component repeats by its `RRULE`.
#[derive(Clone, Debug)]
pub(crate) enum Repetition {
    /// As this says.
    Rule(Box<ICalendarRecurrenceRule>),
    /// In a way that cannot be read.
    Unreadable,
}

/// What an event asks of whoever takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Their time.
    Time,
    /// Nothing: it only stands there (`TRANSP:TRANSPARENT`).
    Nothing,
}

/// A length that a file states: days as the calendar counts them, then what the clock counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nominal {
    days: i64,
    exact: SignedDuration,
}

/// An event or a to-do as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) kind: Kind,
    /// How many of its kind stand before it in the file.
    pub(crate) index: usize,
    pub(crate) uid: String,
    pub(crate) summary: String,
    pub(crate) location: Option<String>,
    pub(crate) description: Option<String>,
    /// The names of those who are invited.
    pub(crate) people: Vec<String>,
    pub(crate) claim: Claim,
    pub(crate) start: Option<CalendarTime>,
    /// When an event ends (excluded), or a to-do is due.
    pub(crate) end: Option<CalendarTime>,
    pub(crate) duration: Option<Nominal>,
    pub(crate) repetition: Option<Repetition>,
    pub(crate) recurrence_id: Option<CalendarTime>,
    /// Whether it changes all occurrences from `recurrence_id` on, not only that one.
    pub(crate) and_future: bool,
    pub(crate) excluded: Vec<CalendarTime>,
    /// Occurrences beside the rule, with an end where the file gives one.
    pub(crate) added: Vec<(CalendarTime, Option<CalendarTime>)>,
    pub(crate) sequence: i64,
    /// Whether it takes place, or is still to be done.
    pub(crate) is_live: bool,
    /// Whether it lasts whole days though its times have hours.
    pub(crate) whole_days: bool,
    /// The occurrence of a to-do before which all are done.
    pub(crate) done_before: Option<CalendarTime>,
}

impl Component {
    /// Reads the components of one kind, in the order of the file.
    pub(crate) fn read_all(calendar: &ICalendar, kind: Kind, zones: &Zones<'_>) -> Vec<Self> {
        let wanted = kind.component_type();
        let method = ICalendarValue::Method(ICalendarMethod::Cancel);
        let is_cancelled = calendar.components.iter().any(|component| {
            component.property(&ICalendarProperty::Method).is_some_and(|entry| entry.values.contains(&method))
        });
        let components = calendar.components.iter().filter(|component| component.component_type == wanted);
        let read = |(index, component)| {
            let mut read = Self::read(component, kind, index, zones);
            read.is_live &= !is_cancelled;
            read
        };
        components.enumerate().map(read).collect()
    }

    fn read(component: &ICalendarComponent, kind: Kind, index: usize, zones: &Zones<'_>) -> Self {
        let text = |property: &ICalendarProperty| {
            component.property(property)?.values.first()?.as_text().map(|text| text.trim().to_owned())
        };
        let times = |property: &ICalendarProperty| -> Vec<CalendarTime> {
            component.properties(property).flat_map(|entry| CalendarTime::of_entry(entry, zones)).collect()
        };
        let time = |property: &ICalendarProperty| times(property).into_iter().next();
        let value = |property: &ICalendarProperty| component.property(property)?.values.first();
        let end = match kind {
            Kind::Event => ICalendarProperty::Dtend,
            Kind::ToDo => ICalendarProperty::Due,
        };
        let mut read = Self {
            kind,
            index,
            uid: component.uid().unwrap_or_default().to_owned(),
            summary: text(&ICalendarProperty::Summary).unwrap_or_default(),
            location: text(&ICalendarProperty::Location).filter(|text| !text.is_empty()),
            description: text(&ICalendarProperty::Description).filter(|text| !text.is_empty()),
            people: component.properties(&ICalendarProperty::Attendee).filter_map(name_of).collect(),
            claim: match value(&ICalendarProperty::Transp).and_then(ICalendarValue::as_text) {
                Some(text) if text.eq_ignore_ascii_case("TRANSPARENT") => Claim::Nothing,
                _ => Claim::Time,
            },
            start: time(&ICalendarProperty::Dtstart),
            end: time(&end),
            duration: value(&ICalendarProperty::Duration).and_then(Nominal::read),
            repetition: value(&ICalendarProperty::Rrule).map(|value| match value {
                ICalendarValue::RecurrenceRule(rule) => Repetition::Rule(rule.clone()),
                _ => Repetition::Unreadable,
            }),
            recurrence_id: time(&ICalendarProperty::RecurrenceId),
            // `calcard` keeps the parameter only when its value is THISANDFUTURE.
            and_future: component
                .property(&ICalendarProperty::RecurrenceId)
                .is_some_and(|entry| entry.parameters(&ICalendarParameterName::Range).next().is_some()),
            excluded: times(&ICalendarProperty::Exdate),
            added: component
                .properties(&ICalendarProperty::Rdate)
                .flat_map(|entry| CalendarTime::periods_of(entry, zones))
                .collect(),
            sequence: value(&ICalendarProperty::Sequence).and_then(ICalendarValue::as_integer).unwrap_or(0),
            is_live: !is_over_with(component),
            whole_days: false,
            done_before: component
                .property(&ICalendarProperty::Other(KDE_CURRENT.to_owned()))
                .and_then(|entry| CalendarTime::of_text(entry, zones)),
        };
        read.whole_days = says_whole_days(component) && read.is_midnight_to_midnight(zones.local);
        read
    }

    /// Its name, or what one without any is called.
    pub(crate) fn title(&self, language: Language) -> &str {
        if self.summary.is_empty() { language.pick("untitled", "sans titre") } else { &self.summary }
    }

    /// What its occurrences count from: its start; of a to-do without any, when it is due.
    pub(crate) fn anchor(&self) -> Option<&CalendarTime> {
        self.start.as_ref().or(self.end.as_ref())
    }

    /// The end of its occurrence at `start`: as long after as its file says, else a whole day for a day of an event and
    /// nothing for an instant (RFC 5545 §3.6.1), in the zone in which the file writes the end.
    pub(crate) fn end_of(&self, start: &CalendarTime) -> Option<CalendarTime> {
        let day = SignedDuration::from_hours(24);
        let end = match (self.anchor(), &self.end, &self.duration) {
            (Some(first), Some(end), _) => {
                let length = first.until(end).max(SignedDuration::ZERO);
                start.after(length)?.written_like(end)
            }
            (_, None, Some(nominal)) if nominal.days >= 0 && !nominal.exact.is_negative() => nominal.after(start)?,
            _ => start.clone(),
        };
        match (start, &end) {
            (CalendarTime::Date(date), CalendarTime::Date(end)) if self.kind == Kind::Event && end <= date => {
                start.after(day)
            }
            _ => Some(end),
        }
    }

    /// The days of an occurrence that lasts whole days though its times have hours.
    pub(crate) fn days_of(start: &CalendarTime, end: &CalendarTime, local: &TimeZone) -> (CalendarTime, CalendarTime) {
        let day = |time: &CalendarTime| midnight(time, local).unwrap_or_else(|| time.civil()).date();
        let (first, last) = (day(start), day(end));
        let last = if last > first { Some(last) } else { first.tomorrow().ok() };
        (CalendarTime::Date(first), CalendarTime::Date(last.unwrap_or(first)))
    }

    /// A day as the file writes the days of something that lasts whole days though its times have hours, beside `like`.
    pub(crate) fn midnight_like(day: &CalendarTime, like: &CalendarTime, local: &TimeZone) -> Option<CalendarTime> {
        let midnight = day.civil();
        if like.civil().time() == Time::midnight() {
            return like.at_civil(midnight);
        }
        Some(CalendarTime::new(midnight.to_zoned(local.clone()).ok()?).written_like(like))
    }

    fn is_midnight_to_midnight(&self, local: &TimeZone) -> bool {
        let Some(start) = &self.start else { return false };
        let is_midnight = |time: &CalendarTime| time.is_date() || midnight(time, local).is_some();
        !start.is_date() && is_midnight(start) && self.end_of(start).is_some_and(|end| is_midnight(&end))
    }

    /// All the words that it can be found by.
    pub(crate) fn searchable(&self, language: Language) -> String {
        let parts = [Some(self.title(language)), self.location.as_deref(), self.description.as_deref()];
        parts.into_iter().flatten().flat_map(|text| [text, "\n"]).collect()
    }

    /// The name of a zone that it is written in and that nothing explains.
    pub(crate) fn unknown_zone(&self) -> Option<&str> {
        [&self.start, &self.end].into_iter().flatten().find_map(CalendarTime::unknown_zone)
    }

    /// Whether it repeats.
    pub(crate) fn repeats(&self) -> bool {
        self.recurrence_id.is_none() && (self.repetition.is_some() || !self.added.is_empty())
    }
}

impl Nominal {
    fn read(value: &ICalendarValue) -> Option<Self> {
        let ICalendarValue::Duration(duration) = value else { return None };
        let ICalendarDuration { neg, weeks, days, hours, minutes, seconds } = *duration;
        let sign = if neg { -1 } else { 1 };
        let exact = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
        Some(Self {
            days: sign * (i64::from(weeks) * 7 + i64::from(days)),
            exact: SignedDuration::from_secs(sign * exact),
        })
    }

    /// The time that it leads to from `start`: the days first (RFC 5545 §3.3.6).
    fn after(&self, start: &CalendarTime) -> Option<CalendarTime> {
        let civil = start.civil().checked_add(self.days.checked_mul(24).map(SignedDuration::from_hours)?).ok()?;
        start.at_civil(civil)?.after(self.exact)
    }
}

/// What somebody who is invited is called; without a name, the address.
fn name_of(attendee: &ICalendarEntry) -> Option<String> {
    let name = attendee.parameters(&ICalendarParameterName::Cn).find_map(|value| value.as_text());
    let name = name.map(str::trim).filter(|name| !name.is_empty()).or_else(|| attendee.calendar_address())?;
    Some(name.to_owned())
}

/// Whether a program has marked it as cancelled or done. For a to-do there are three signs of the latter, and programs
/// write any of them: Thunderbird takes each for enough.
fn is_over_with(component: &ICalendarComponent) -> bool {
    let is_done = component.component_type == ICalendarComponentType::VTodo && {
        let percent = component.property(&ICalendarProperty::PercentComplete).and_then(|entry| entry.values.first());
        component.property(&ICalendarProperty::Completed).is_some_and(|entry| !entry.values.is_empty())
            || percent.and_then(ICalendarValue::as_integer).is_some_and(|percent| percent >= 100)
            || component.status() == Some(&ICalendarStatus::Completed)
    };
    is_done || component.status() == Some(&ICalendarStatus::Cancelled)
}

fn says_whole_days(component: &ICalendarComponent) -> bool {
    component.entries.iter().any(|entry| {
        let ICalendarProperty::Other(name) = &entry.name else { return false };
        let says = |value: &ICalendarValue| match value {
            ICalendarValue::Text(text) => ["TRUE", "1"].iter().any(|yes| text.trim().eq_ignore_ascii_case(yes)),
            ICalendarValue::Boolean(yes) => *yes,
            ICalendarValue::Integer(number) => *number == 1,
            _ => false,
        };
        ALL_DAY.iter().any(|known| name.eq_ignore_ascii_case(known)) && entry.values.first().is_some_and(says)
    })
}

/// The civil midnight that a time is, as it is written or for the user.
fn midnight(time: &CalendarTime, local: &TimeZone) -> Option<jiff::civil::DateTime> {
    let written = time.civil();
    let here = || time.instant(local).as_ref().map(Zoned::datetime);
    Some(written)
        .filter(|civil| civil.time() == Time::midnight())
        .or_else(|| here().filter(|civil| civil.time() == Time::midnight()))
}
