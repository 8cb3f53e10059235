//! Adds events.

use super::relative::{SaidTime, plan_at};
use super::whole_day::SaidDay;
use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, Kind, NewFile, rule_value};
use crate::sentences::Wording;
use crate::{AppError, Change, Plan, World};
use jiff::{ToSpan, Zoned};
use reinette_time::{Moment, Purpose, Recurrence, describe};
use serde::{Deserialize, Serialize};

/// How long an event takes when only its start was said.
pub(super) const DEFAULT_HOURS: i64 = 1;

/// The arguments of `create_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct CreateEvent {
    /// What happens.
    #[guide(span)]
    title: String,
    /// When it happens.
    #[guide(span)]
    when: String,
}

pub(crate) fn create_event(arguments: &CreateEvent, world: &World) -> Result<Plan, AppError> {
    let title = &arguments.title;
    let day = SaidDay::read(&arguments.when);
    let said = SaidTime { title, when: &day.when, purpose: Purpose::Event, event: None, own: None };
    plan_at(said, world, |moment| add(title, &day.moment(moment), world).map(Plan::Change))
}

fn add(title: &str, moment: &Moment, world: &World) -> Result<Change, AppError> {
    let (language, now) = (world.language, &world.clock.now);
    let (start, end, rule) = event_times(moment.clone())?;
    let mut told = language.span(&start, &end, &world.clock);
    let mut file =
        NewFile::new(Kind::Event, now).text("SUMMARY", title.trim()).time("DTSTART", &start).time("DTEND", &end);
    if let Some(rule) = &rule {
        file = file.raw("RRULE", &rule_value(rule, &start));
        let repeated = describe(moment, &world.clock, language);
        told = language.pick(format!("{repeated}, first {told}"), format!("{repeated}, d’abord {told}"));
    }
    let file = file.into_change(&world.folders.calendar);
    let item = Item {
        title: Some(title.trim().to_owned()),
        start: Some(iso_time(&start, &world.clock)),
        end: Some(iso_time(&end, &world.clock)),
        rule: rule.as_ref().map(|rule| rule_value(rule, &start)),
        ..Item::in_file("event", &file.path)
    };
    let title = language.quoted(title.trim());
    Ok(Change {
        effect: language.pick(
            format!("Adds {title} to your calendar: {told}."),
            format!("Ajoute {title} à votre agenda : {told}."),
        ),
        done: language.pick(
            format!("Added {title} to your calendar: {told}."),
            format!("{title} est dans votre agenda : {told}."),
        ),
        data: items("created", &[item]),
        files: vec![file],
    })
}

/// When an event starts and ends (excluded), and how it repeats.
pub(super) fn event_times(moment: Moment) -> Result<(CalendarTime, CalendarTime, Option<Recurrence>), AppError> {
    let too_late = |_| AppError::Time(reinette_time::TimeError::OutOfRange);
    let instants = |start: Zoned, end: Zoned| (CalendarTime::new(start), CalendarTime::new(end), None);
    Ok(match moment {
        Moment::Instant(start) => {
            let end = start.checked_add(DEFAULT_HOURS.hours()).map_err(too_late)?;
            instants(start, end)
        }
        Moment::Instants { start, end } => instants(start, end),
        Moment::Date(date) => (CalendarTime::Date(date), CalendarTime::Date(date.tomorrow().map_err(too_late)?), None),
        Moment::Dates { first, last } => {
            (CalendarTime::Date(first), CalendarTime::Date(last.tomorrow().map_err(too_late)?), None)
        }
        Moment::Recurring { first, rule } => {
            let (start, end, _) = event_times(*first)?;
            (start, end, Some(rule))
        }
    })
}
