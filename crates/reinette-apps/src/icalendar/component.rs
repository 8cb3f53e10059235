//! What is read of an event or a to-do.

use super::time::CalendarTime;
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarRecurrenceRule, ICalendarStatus,
    ICalendarValue,
};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

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

/// An event or a to-do as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    /// How many of its kind stand before it in the file.
    pub(crate) index: usize,
    pub(crate) uid: String,
    pub(crate) summary: String,
    pub(crate) location: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) start: Option<CalendarTime>,
    pub(crate) end: Option<CalendarTime>,
    pub(crate) due: Option<CalendarTime>,
    pub(crate) duration: Option<SignedDuration>,
    pub(crate) rule: Option<ICalendarRecurrenceRule>,
    pub(crate) recurrence_id: Option<CalendarTime>,
    pub(crate) excluded: Vec<CalendarTime>,
    pub(crate) added: Vec<CalendarTime>,
    pub(crate) sequence: i64,
    pub(crate) status: Option<ICalendarStatus>,
}

impl Component {
    /// Reads the components of one kind, in the order of the file.
    pub(crate) fn read_all(calendar: &ICalendar, kind: Kind, local: &TimeZone) -> Vec<Self> {
        let zones = calendar.build_tz_resolver();
        let wanted = kind.component_type();
        let components = calendar.components.iter().filter(|component| component.component_type == wanted);
        components.enumerate().map(|(index, component)| Self::read(component, index, &zones, local)).collect()
    }

    fn read(component: &ICalendarComponent, index: usize, zones: &TzResolver<&str>, local: &TimeZone) -> Self {
        let text = |property: &ICalendarProperty| {
            component.property(property)?.values.first()?.as_text().map(|text| text.trim().to_owned())
        };
        let times = |property: &ICalendarProperty| -> Vec<CalendarTime> {
            component.properties(property).flat_map(|entry| CalendarTime::of_entry(entry, zones, local)).collect()
        };
        let time = |property: &ICalendarProperty| times(property).into_iter().next();
        let value = |property: &ICalendarProperty| component.property(property)?.values.first();
        Self {
            index,
            uid: component.uid().unwrap_or_default().to_owned(),
            summary: text(&ICalendarProperty::Summary).unwrap_or_default(),
            location: text(&ICalendarProperty::Location).filter(|text| !text.is_empty()),
            description: text(&ICalendarProperty::Description).filter(|text| !text.is_empty()),
            start: time(&ICalendarProperty::Dtstart),
            end: time(&ICalendarProperty::Dtend),
            due: time(&ICalendarProperty::Due),
            duration: value(&ICalendarProperty::Duration).and_then(|value| match value {
                ICalendarValue::Duration(duration) => Some(SignedDuration::from_secs(duration.as_seconds())),
                _ => None,
            }),
            rule: value(&ICalendarProperty::Rrule).and_then(|value| match value {
                ICalendarValue::RecurrenceRule(rule) => Some((**rule).clone()),
                _ => None,
            }),
            recurrence_id: time(&ICalendarProperty::RecurrenceId),
            excluded: times(&ICalendarProperty::Exdate),
            added: times(&ICalendarProperty::Rdate),
            sequence: value(&ICalendarProperty::Sequence).and_then(ICalendarValue::as_integer).unwrap_or(0),
            status: component.status().cloned(),
        }
    }

    /// How long it takes: as its file says, else a whole day for a day and nothing for an instant (RFC 5545 §3.6.1).
    pub(crate) fn length(&self) -> SignedDuration {
        let day = SignedDuration::from_hours(24);
        let stated = match (&self.start, &self.end) {
            (Some(start), Some(end)) => Some(start.until(end)),
            _ => self.duration,
        };
        match (&self.start, stated.filter(|length| !length.is_negative())) {
            (Some(CalendarTime::Date(_)), length) => length.map_or(day, |length| length.max(day)),
            (_, length) => length.unwrap_or(SignedDuration::ZERO),
        }
    }

    /// All the words that it can be found by.
    pub(crate) fn searchable(&self) -> String {
        [Some(&self.summary), self.location.as_ref(), self.description.as_ref()].into_iter().flatten().fold(
            String::new(),
            |mut all, text| {
                all.push_str(text);
                all.push('\n');
                all
            },
        )
    }

    /// Whether it repeats.
    pub(crate) fn repeats(&self) -> bool {
        self.rule.is_some() || !self.added.is_empty()
    }
}
