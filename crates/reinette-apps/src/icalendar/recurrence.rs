//! When a repeating component occurs.
//!
//! A rule counts in the civil time of the event's own zone ("every Monday at nine" stays at nine when the clocks change),
//! so it is expanded there, as if there were no zones, and each result is then placed in the zone.

use super::edit::utc;
use super::rule::Rule;
use super::time::{CalendarTime, civil, offset};
use calcard::icalendar::{ICalendar, ICalendarProperty, ICalendarRecurrenceRule, ICalendarValue};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reinette_time::Recurrence;

/// The rule of a series that begins at `first`; `None` when it cannot be followed.
pub(crate) fn rule_from(first: &CalendarTime, rule: &ICalendarRecurrenceRule) -> Option<Rule> {
    Rule::new(rule, first.civil(), last_start(first, rule))
}

/// The end of a rule in the civil time of its series.
fn last_start(first: &CalendarTime, rule: &ICalendarRecurrenceRule) -> Option<DateTime> {
    let until = rule.until.as_ref()?;
    let end = civil(until)?;
    match (offset(until), first) {
        // A date includes its whole day.
        _ if until.hour.is_none() => Some(end.date().at(23, 59, 59, 0)),
        (Some(offset), CalendarTime::Time(start, _)) => {
            let end = end.to_zoned(TimeZone::fixed(offset)).ok()?;
            Some(end.with_time_zone(start.time_zone().clone()).datetime())
        }
        _ => Some(end),
    }
}

/// A rule that was said, as the value of an `RRULE`; a last day becomes the last instant of it, since both must be of the
/// same type as the start (RFC 5545 §3.3.10).
pub(crate) fn rule_value(rule: &Recurrence, start: &CalendarTime) -> String {
    let CalendarTime::Time(start, _) = start else { return rule.to_string() };
    let endless = Recurrence { until: None, ..rule.clone() };
    let last = rule.until.and_then(|day| day.at(23, 59, 59, 0).to_zoned(start.time_zone().clone()).ok());
    last.map_or_else(|| endless.to_string(), |last| format!("{endless};UNTIL={}", utc(&last)))
}

/// Reads the value of an `RRULE`.
pub(crate) fn parse_rule(text: &str) -> Option<ICalendarRecurrenceRule> {
    let calendar = ICalendar::parse(format!("BEGIN:VEVENT\nRRULE:{text}\nEND:VEVENT\n")).ok()?;
    match calendar.components.first()?.property(&ICalendarProperty::Rrule)?.values.first()? {
        ICalendarValue::RecurrenceRule(rule) => Some((**rule).clone()),
        _ => None,
    }
}
