//! Adds reminders.

use super::rings_at;
use crate::calendar::{SaidDay, SaidTime, plan_at};
use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, Kind, NewFile, rule_value};
use crate::sentences::Wording;
use crate::{AppError, Change, Plan, World};
use reinette_time::{Moment, Purpose, Recurrence, describe};
use serde::{Deserialize, Serialize};

/// The arguments of `create_reminder`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct CreateReminder {
    /// What is to be done.
    #[guide(span)]
    title: String,
    /// When it is due.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<String>,
}

pub(crate) fn create_reminder(arguments: &CreateReminder, world: &World) -> Result<Plan, AppError> {
    let title = arguments.title.trim();
    match arguments.when.as_deref().filter(|when| !when.trim().is_empty()) {
        None => Ok(Plan::Change(add(title, None, world))),
        Some(when) => {
            // "about the dentist, an hour before"
            let day = SaidDay::read(when);
            let said = SaidTime { title, when: &day.when, purpose: Purpose::Reminder, event: Some(title), own: None };
            plan_at(said, world, |moment| Ok(Plan::Change(add(title, Some(day.moment(moment)), world))))
        }
    }
}

fn add(title: &str, moment: Option<Moment>, world: &World) -> Change {
    let (language, now) = (world.language, &world.clock.now);
    let mut file = NewFile::new(Kind::ToDo, now).text("SUMMARY", title).raw("STATUS", "NEEDS-ACTION");
    let mut told = language.quoted(title);
    let mut item = Item { title: Some(title.to_owned()), ..Item::default() };
    if let Some(moment) = moment {
        let described = describe(&moment, &world.clock, language);
        let (due, rule) = due(moment);
        if let Some(rule) = &rule {
            // A rule counts from a start (RFC 5545 §3.8.5.3).
            file = file.time("DTSTART", &due).raw("RRULE", &rule_value(rule, &due));
            told = format!("{told}, {described}");
        } else {
            told = format!("{told}, {}", language.time(&due, &world.clock));
        }
        item.rule = rule.as_ref().map(|rule| rule_value(rule, &due));
        (item.due, item.rings_at) = (Some(iso_time(&due, &world.clock)), rings_at(&due, world));
        file = file.time("DUE", &due);
        if !due.is_date() {
            file = file.alarm_when_due(title);
        }
    }
    let file = file.into_change(&world.folders.reminders);
    let Item { kind, id, path, .. } = Item::in_file("reminder", &file.path);
    Change {
        effect: language.pick(format!("Adds the reminder {told}."), format!("Ajoute le rappel {told}.")),
        done: language.pick(format!("Added the reminder {told}."), format!("Rappel ajouté : {told}.")),
        data: items("created", &[Item { kind, id, path, ..item }]),
        files: vec![file],
    }
}

/// When a reminder is due and how it repeats; of a stretch of time, its start.
fn due(moment: Moment) -> (CalendarTime, Option<Recurrence>) {
    match moment {
        Moment::Instant(instant) | Moment::Instants { start: instant, .. } => (CalendarTime::new(instant), None),
        Moment::Date(date) | Moment::Dates { first: date, .. } => (CalendarTime::Date(date), None),
        Moment::Recurring { first, rule } => (due(*first).0, Some(rule)),
    }
}
