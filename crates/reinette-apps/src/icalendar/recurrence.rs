//! When a repeating component occurs.
//!
//! A rule counts in the civil time of the event's own zone ("every Monday at nine" stays at nine when the clocks change),
//! so it is expanded there, as if there were no zones, and each result is then placed in the zone.

use super::edit::utc;
use super::time::{CalendarTime, civil, offset};
use crate::time::Recurrence;
use calcard::icalendar::{ICalendar, ICalendarProperty, ICalendarRecurrenceRule, ICalendarValue};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rrule::RRuleSet;

/// The most occurrences that are looked through: a daily event of 270 years. Ends rules such as "every second".
const MAX_OCCURRENCES: usize = 100_000;

/// The starts of the occurrences of a rule, in civil time and in order; just the first when the rule cannot be followed.
pub(crate) fn starts(first: &CalendarTime, rule: &ICalendarRecurrenceRule) -> impl Iterator<Item = DateTime> + use<> {
    let set = rule_text(first, rule).parse::<RRuleSet>().ok();
    let fallback = set.is_none().then(|| first.civil());
    let starts = set.map(|set| set.limit().into_iter());
    let civil = |start: i64| Some(TimeZone::UTC.to_datetime(Timestamp::from_second(start).ok()?));
    starts.into_iter().flatten().take(MAX_OCCURRENCES).filter_map(move |start| civil(start.timestamp())).chain(fallback)
}

/// The rule for a reader that knows no zones: all times are written as if they were UTC.
fn rule_text(first: &CalendarTime, rule: &ICalendarRecurrenceRule) -> String {
    let written = |civil: DateTime| civil.strftime("%Y%m%dT%H%M%SZ").to_string();
    let endless = ICalendarRecurrenceRule { until: None, ..rule.clone() };
    let until = rule.until.as_ref().and_then(|until| {
        let end = civil(until)?;
        Some(match (offset(until), first) {
            // A date includes its whole day.
            _ if until.hour.is_none() => end.date().at(23, 59, 59, 0),
            (Some(offset), CalendarTime::Time(start, _)) => {
                end.to_zoned(TimeZone::fixed(offset)).ok()?.with_time_zone(start.time_zone().clone()).datetime()
            }
            _ => end,
        })
    });
    let until = until.map(|until| format!(";UNTIL={}", written(until))).unwrap_or_default();
    format!("DTSTART:{}\nRRULE:{endless}{until}", written(first.civil()))
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
