//! Marks reminders as done.

use super::{Open, find, read, rings_at};
use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, ComponentPath, Editor, Kind, utc};
use crate::{AppError, Change, Plan, World};
use calcard::icalendar::ICalendarRecurrenceRule;
use serde::{Deserialize, Serialize};

/// The arguments of `complete_reminder`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct CompleteReminder {
    /// The reminder's title.
    #[guide(span)]
    title: String,
}

pub(crate) fn complete_reminder(arguments: &CompleteReminder, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let label = |found: &Open<'_>| found.label(world);
    world.language.plan_for(&arguments.title, find(&arguments.title, &vdir), label, |found| {
        Ok(Plan::Change(
            next(&found, world).map_or_else(|| complete(&found, world), |next| advance(&found, &next, world)),
        ))
    })
}

/// Marks a reminder as done for good.
fn complete(found: &Open<'_>, world: &World) -> Change {
    let at = ComponentPath { kind: Kind::ToDo.name(), index: found.component.index };
    let mut editor = Editor::new(&found.file.text);
    editor.set(at, "STATUS", ":COMPLETED");
    editor.set(at, "COMPLETED", &format!(":{}", utc(&world.clock.now)));
    editor.set(at, "PERCENT-COMPLETE", ":100");
    editor.stamp(at, &world.clock.now);
    let title = world.language.quoted(&found.component.summary);
    Change {
        effect: world.language.pick(format!("Marks {title} as done."), format!("Marque {title} comme fait.")),
        done: world.language.pick(format!("Done: {title}."), format!("Fait : {title}.")),
        data: items("completed", &[Item { rings_at: None, ..found.item() }]),
        files: vec![found.file.edited(editor)],
    }
}

/// What follows when an occurrence of a reminder that repeats is done.
struct Next {
    start: CalendarTime,
    due: CalendarTime,
    /// How many occurrences are left, when the rule counts them.
    count: Option<u32>,
}

/// The next time a reminder is due: after the one that is done, and not in the past.
fn next(found: &Open<'_>, world: &World) -> Option<Next> {
    let rule = found.component.rule.as_ref()?;
    let due = found.due()?;
    let mut skipped = 0_u32;
    let coming = found.times().find(|(_, next)| {
        let is_coming = is_after(next, due, world) && !is_past(next, world);
        skipped += u32::from(!is_coming);
        is_coming
    });
    let (start, due) = coming?;
    Some(Next { start, due, count: rule.count.map(|count| count.saturating_sub(skipped)) })
}

fn is_after(time: &CalendarTime, other: &CalendarTime, world: &World) -> bool {
    let zone = world.clock.now.time_zone();
    time.instant(zone) > other.instant(zone)
}

fn is_past(time: &CalendarTime, world: &World) -> bool {
    match time {
        CalendarTime::Date(date) => *date < world.clock.now.date(),
        CalendarTime::Time(instant, _) => *instant <= world.clock.now,
    }
}

/// Moves a reminder that repeats to the next time it is due; it stays open.
fn advance(found: &Open<'_>, next: &Next, world: &World) -> Change {
    let component = found.component;
    let at = ComponentPath { kind: Kind::ToDo.name(), index: component.index };
    let mut editor = Editor::new(&found.file.text);
    if component.due.is_some() {
        editor.set(at, "DUE", &next.due.property());
    }
    if component.start.is_some() {
        editor.set(at, "DTSTART", &next.start.property());
    }
    if let (Some(rule), Some(count)) = (&component.rule, next.count) {
        let rule = ICalendarRecurrenceRule { count: Some(count), ..rule.clone() };
        editor.set(at, "RRULE", &format!(":{rule}"));
    }
    editor.stamp(at, &world.clock.now);
    let title = world.language.quoted(&component.summary);
    let due = world.language.time(&next.due, &world.clock);
    Change {
        effect: world.language.pick(
            format!("Marks {title} as done this time; it is next due {due}."),
            format!("Marque {title} comme fait cette fois ; prochaine échéance : {due}."),
        ),
        done: world
            .language
            .pick(format!("Done: {title}; next due {due}."), format!("Fait : {title} ; prochaine échéance : {due}.")),
        data: items(
            "completed",
            &[Item { due: Some(iso_time(&next.due)), rings_at: rings_at(&next.due), ..found.item() }],
        ),
        files: vec![found.file.edited(editor)],
    }
}
