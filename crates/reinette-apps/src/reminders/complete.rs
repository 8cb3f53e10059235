//! Marks reminders as done.

use super::all::{All, all};
use super::{Open, find, read, rings_at};
use crate::across::{self, Deed, Thing};
use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, ComponentPath, Editor, KDE_CURRENT, Kind, Occurrence, Repetition, Window, utc};
use crate::matching::means_all;
use crate::sentences::Wording;
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
    if means_all(&arguments.title) {
        return all(All::Completed, world);
    }
    across::plan(Thing::Reminder, &arguments.title, Deed::Complete, world)
}

pub(crate) fn complete_titled(title: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let label = |found: &Open<'_>| found.label(world);
    world.language.plan_for(title, find(title, &vdir, world), label, |found| {
        let mut editor = Editor::new(&found.series.file.content);
        let completed = complete(&mut editor, &found, world)?;
        Ok(Plan::Change(Change {
            effect: completed.effect,
            done: completed.done,
            data: items("completed", &[completed.item]),
            files: vec![found.series.file.edited(editor)],
        }))
    })
}

/// A reminder that was marked as done in an editor.
pub(super) struct Completed {
    effect: String,
    done: String,
    pub(super) item: Item,
}

/// Marks a reminder as done, or the occurrence of it that is open.
pub(super) fn complete(editor: &mut Editor, found: &Open<'_>, world: &World) -> Result<Completed, AppError> {
    match &found.occurrence {
        Some(occurrence) if found.series.main.repeats() => complete_occurrence(editor, found, occurrence, world),
        _ => Ok(done_for_good(editor, found, world)),
    }
}

/// Marks one occurrence as done: where the file has occurrences of their own, as its program does; else by moving on.
fn complete_occurrence(
    editor: &mut Editor,
    found: &Open<'_>,
    occurrence: &Occurrence<'_>,
    world: &World,
) -> Result<Completed, AppError> {
    let series = &found.series;
    can_be_followed(found, world)?;
    if occurrence.component.recurrence_id.is_some() || !series.changed.is_empty() {
        return Ok(mark_occurrence(editor, found, occurrence, world));
    }
    Ok(match next(found, occurrence, world) {
        Some(next) => advance(editor, found, &next, world),
        None => done_for_good(editor, found, world),
    })
}

/// Refuses what repeats in a way that is not understood: nobody could say what follows.
pub(super) fn can_be_followed(found: &Open<'_>, world: &World) -> Result<(), AppError> {
    let series = &found.series;
    if let (Some(Repetition::Unreadable), _) | (_, true) = (&series.main.repetition, series.file.effort.is_spent()) {
        let title = world.language.quoted(found.title(world));
        return Err(AppError::Refused(world.language.pick(
            format!("How {title} repeats cannot be followed; change it in the program that it comes from."),
            format!("La répétition de {title} ne peut pas être suivie ; modifiez-le dans son programme."),
        )));
    }
    Ok(())
}

/// Marks the component of one occurrence as done, which it gets if it has none.
fn mark_occurrence(editor: &mut Editor, found: &Open<'_>, occurrence: &Occurrence<'_>, world: &World) -> Completed {
    let at = with_component(editor, occurrence);
    mark(editor, at, world);
    match found.series.after(occurrence) {
        Some(next) => said_next(found, &next.end, world),
        None => said_done(found, world),
    }
}

/// Gives one occurrence a component of its own, and says where that is.
pub(super) fn with_component(editor: &mut Editor, occurrence: &Occurrence<'_>) -> ComponentPath<'static> {
    let mut at = ComponentPath { kind: Kind::ToDo.name(), index: occurrence.component.index };
    let has_its_own = occurrence.component.recurrence_id.is_some() && !occurrence.component.and_future;
    if !has_its_own {
        editor.duplicate(at);
        at.index += 1;
        for name in ["RRULE", "RDATE", "EXDATE"] {
            editor.remove(at, name);
        }
        editor.set(at, "RECURRENCE-ID", &occurrence.id.property());
        if occurrence.component.start.is_some() {
            editor.set(at, "DTSTART", &occurrence.start.property());
        }
        if occurrence.component.end.is_some() {
            editor.set(at, "DUE", &occurrence.end.property());
        }
    }
    at
}

fn mark(editor: &mut Editor, at: ComponentPath<'_>, world: &World) {
    editor.set(at, "STATUS", ":COMPLETED");
    editor.set(at, "COMPLETED", &format!(":{}", utc(&world.clock.now)));
    editor.set(at, "PERCENT-COMPLETE", ":100");
    editor.stamp(at, &world.clock.now);
}

/// Marks a reminder as done for good.
fn done_for_good(editor: &mut Editor, found: &Open<'_>, world: &World) -> Completed {
    mark(editor, ComponentPath { kind: Kind::ToDo.name(), index: found.component().index }, world);
    said_done(found, world)
}

fn said_done(found: &Open<'_>, world: &World) -> Completed {
    let title = world.language.quoted(found.title(world));
    Completed {
        effect: world.language.pick(format!("Marks {title} as done."), format!("Marque {title} comme fait.")),
        done: world.language.pick(format!("Done: {title}."), format!("Fait : {title}.")),
        item: Item { rings_at: None, ..found.item(world) },
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
fn next(found: &Open<'_>, done: &Occurrence<'_>, world: &World) -> Option<Next> {
    let zone = world.clock.now.time_zone();
    let main = found.series.main;
    let window = Window { start: main.anchor()?.instant(zone)?, ..Window::from(world.clock.now.clone())? };
    let is_coming =
        |next: &Occurrence<'_>| next.end.instant(zone) > done.end.instant(zone) && !is_past(&next.end, world);
    let coming = found.series.around(&window).into_iter().find(is_coming)?;
    let skipped = u32::try_from(found.series.counted_before(&coming)).unwrap_or(u32::MAX);
    let count = match &main.repetition {
        Some(Repetition::Rule(rule)) => rule.count.map(|count| count.saturating_sub(skipped)),
        _ => None,
    };
    Some(Next { start: coming.id, due: coming.end, count })
}

pub(super) fn is_past(time: &CalendarTime, world: &World) -> bool {
    match time {
        CalendarTime::Date(date) => *date < world.clock.now.date(),
        CalendarTime::Time(instant, _) => *instant <= world.clock.now,
    }
}

/// Moves a reminder that repeats to the next time it is due; it stays open.
fn advance(editor: &mut Editor, found: &Open<'_>, next: &Next, world: &World) -> Completed {
    let component = found.series.main;
    let at = ComponentPath { kind: Kind::ToDo.name(), index: component.index };
    if component.end.is_some() {
        editor.set(at, "DUE", &next.due.property());
    }
    if component.start.is_some() {
        editor.set(at, "DTSTART", &next.start.property());
    }
    if component.done_before.is_some() {
        editor.remove(at, KDE_CURRENT);
    }
    if let (Some(Repetition::Rule(rule)), Some(count)) = (&component.repetition, next.count) {
        let rule = ICalendarRecurrenceRule { count: Some(count), ..(**rule).clone() };
        editor.set(at, "RRULE", &format!(":{rule}"));
    }
    editor.stamp(at, &world.clock.now);
    said_next(found, &next.due, world)
}

fn said_next(found: &Open<'_>, due: &CalendarTime, world: &World) -> Completed {
    let title = world.language.quoted(found.title(world));
    let (due_at, due) = (due, world.language.time(due, &world.clock));
    Completed {
        effect: world.language.pick(
            format!("Marks {title} as done this time; it is next due {due}."),
            format!("Marque {title} comme fait cette fois ; prochaine échéance : {due}."),
        ),
        done: world
            .language
            .pick(format!("Done: {title}; next due {due}."), format!("Fait : {title} ; prochaine échéance : {due}.")),
        item: Item {
            due: Some(iso_time(due_at, &world.clock)),
            rings_at: rings_at(due_at, world),
            ..found.item(world)
        },
    }
}
