//! Moves reminders to another time.

use super::complete::{can_be_followed, is_past, with_component};
use super::{Open, find, read, rings_at};
use crate::across::{self, Deed, Thing};
use crate::calendar::{
    SaidTime, counts_from_told, in_notation_of, moment_near, others_stay, plan_from_event, takes_whole_days,
    unknown_zone,
};
use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, Component, ComponentPath, Editor, Kind, Notation, alarm_when_due};
use crate::sentences::Wording;
use crate::shift::{Shift, TIMES, has_hours};
use crate::{AppError, Change, Plan, World};
use jiff::Span;
use reinette_time::{Moment, Purpose, TimeError, resolve_of};
use serde::{Deserialize, Serialize};

/// The arguments of `move_reminder`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct MoveReminder {
    /// The reminder's title.
    #[guide(span)]
    title: String,
    /// When it shall be due, or how much later or earlier.
    #[guide(span)]
    when: String,
}

pub(crate) fn move_reminder(arguments: &MoveReminder, world: &World) -> Result<Plan, AppError> {
    across::plan(Thing::Reminder, &arguments.title, Deed::Move(&arguments.when), world)
}

pub(crate) fn move_titled(title: &str, when: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let found = find(title, &vdir, world);
    let plan = |found: Open<'_>| move_one(&found, when, world);
    world.language.plan_for(title, found, |found| found.label(world), plan)
}

fn move_one(found: &Open<'_>, when: &str, world: &World) -> Result<Plan, AppError> {
    let to = |moment: Moment| move_to(found, &new_due(found.due(), moment, world)?, world).map(Plan::Change);
    let title = &found.component().summary;
    if let Some(shift) = Shift::read(when, &TIMES).filter(Shift::is_by) {
        return shift.plan(world, |span| move_by(found, span, world));
    }
    let said = SaidTime { title, when, purpose: Purpose::Reminder, event: None, own: found.due() };
    let shift = Shift::read(when, &TIMES);
    if shift.is_none() && counts_from_told(said, world) {
        return plan_from_event(said, TimeError::Shift, world, to);
    }
    match (moment_ahead(found, when, world), shift) {
        (Ok(moment), _) => to(moment),
        (Err(_), Some(shift)) => shift.plan(world, |span| move_by(found, span, world)),
        (Err(error), None) => plan_from_event(said, error, world, to),
    }
}

/// What `when` means: a time alone is one of the day on which the reminder is due, if that is still to come.
fn moment_ahead(found: &Open<'_>, when: &str, world: &World) -> Result<Moment, TimeError> {
    let title = &found.component().summary;
    let on_its_day = moment_near(title, found.due(), when, world);
    match &on_its_day {
        Ok(Moment::Instant(instant)) if *instant <= world.clock.now => {
            resolve_of(title, when, &world.clock, Purpose::Reminder)
        }
        _ => on_its_day,
    }
}

/// Moves a reminder by a span from when it is due; one that is overdue, from now.
fn move_by(found: &Open<'_>, span: Span, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let Some(due) = found.due() else {
        let title = language.quoted(found.title(world));
        return Err(AppError::Refused(language.pick(
            format!("{title} has no date to count from; say one, for example “tomorrow at 9:30”."),
            format!("{title} n’a pas de date dont on puisse partir ; dites-en une, par exemple « demain à 9h30 »."),
        )));
    };
    if due.is_date() && has_hours(span) {
        return Err(AppError::Refused(takes_whole_days(found.title(world), world)));
    }
    let from = match due {
        CalendarTime::Date(_) if is_past(due, world) => CalendarTime::Date(world.clock.now.date()),
        CalendarTime::Time(..) if is_past(due, world) => in_notation_of(due, world.clock.now.clone()),
        due => due.clone(),
    };
    let moved = from.shifted(span).ok_or(TimeError::OutOfRange)?;
    if is_past(&moved, world) {
        let moment = language.time(&moved, &world.clock);
        return Err(TimeError::Past { moment }.into());
    }
    move_to(found, &moved, world).map(Plan::Change)
}

/// When it is due then: the hour stays when only a day is said.
fn new_due(old: Option<&CalendarTime>, moment: Moment, world: &World) -> Result<CalendarTime, AppError> {
    let zone = world.clock.now.time_zone();
    Ok(match (moment, old) {
        (Moment::Recurring { .. }, _) => {
            return Err(AppError::Refused(world.language.pick(
                "A reminder is moved to one time; to change how it repeats, delete it and add it again.".to_owned(),
                "Un rappel se déplace vers une seule date ; pour changer sa répétition, supprimez-le et recréez-le."
                    .to_owned(),
            )));
        }
        (Moment::Instant(instant) | Moment::Instants { start: instant, .. }, Some(old)) => in_notation_of(old, instant),
        (Moment::Instant(instant) | Moment::Instants { start: instant, .. }, None) => {
            CalendarTime::Time(instant, Notation::Utc)
        }
        (Moment::Date(date) | Moment::Dates { first: date, .. }, Some(old @ CalendarTime::Time(before, _))) => {
            let time = before.with_time_zone(zone.clone()).time();
            let instant = date.to_datetime(time).to_zoned(zone.clone()).map_err(|_| TimeError::OutOfRange)?;
            in_notation_of(old, instant)
        }
        (Moment::Date(date) | Moment::Dates { first: date, .. }, _) => CalendarTime::Date(date),
    })
}

/// Makes the occurrence that is open due at another time; the others of a reminder that repeats stay.
fn move_to(found: &Open<'_>, due: &CalendarTime, world: &World) -> Result<Change, AppError> {
    let (language, component) = (world.language, found.component());
    if let Some(zone) = component.unknown_zone() {
        return Err(AppError::Refused(unknown_zone(zone, found.title(world), world)));
    }
    let repeats = found.series.main.repeats();
    let mut editor = Editor::new(&found.series.file.content);
    let at = match &found.occurrence {
        Some(occurrence) if repeats => {
            can_be_followed(found, world)?;
            with_component(&mut editor, occurrence)
        }
        _ => ComponentPath { kind: Kind::ToDo.name(), index: component.index },
    };
    write_due(&mut editor, at, found, due)?;
    let was_silent = found.due().is_none_or(CalendarTime::is_date);
    if was_silent && !due.is_date() && !editor.holds(at, "VALARM") {
        editor.add_lines(at, &alarm_when_due(&component.summary));
    }
    editor.stamp(at, &world.clock.now);
    let (title, to) = (language.quoted(found.title(world)), language.time(due, &world.clock));
    let from = found.due().map(|due| language.time(due, &world.clock) + " ").unwrap_or_default();
    let note = others_stay(repeats, world);
    let item = Item {
        due: Some(iso_time(due, &world.clock)),
        rings_at: rings_at(due, world),
        moved_from: found.due().map(|due| iso_time(due, &world.clock)),
        rule: None,
        ..found.item(world)
    };
    Ok(Change {
        effect: language.pick(
            format!("Moves the reminder {title}: {from}→ {to}.{note}"),
            format!("Déplace le rappel {title} : {from}→ {to}.{note}"),
        ),
        done: language.pick(
            format!("Moved the reminder {title}: now {to}.{note}"),
            format!("Le rappel {title} est déplacé : {to}.{note}"),
        ),
        data: items("changed", &[item]),
        files: vec![found.series.file.edited(editor)],
    })
}

/// Sets when a component is due; its start stays as far before, for it must be of the same kind (RFC 5545 §3.8.2.3).
fn write_due(editor: &mut Editor, at: ComponentPath<'_>, found: &Open<'_>, due: &CalendarTime) -> Result<(), AppError> {
    let component: &Component = found.component();
    let start = component.start.as_ref().map(|_| {
        let old = found.occurrence.as_ref().map(|occurrence| (&occurrence.start, &occurrence.end));
        match old.filter(|(start, end)| start.is_date() == due.is_date() && end.is_date() == due.is_date()) {
            Some((start, end)) => Some(due.after(end.until(start))?.written_like(start)),
            None => Some(due.clone()),
        }
    });
    if let Some(start) = start {
        editor.set(at, "DTSTART", &start.ok_or(TimeError::OutOfRange)?.property());
    }
    if component.end.is_some() || component.start.is_none() {
        editor.set(at, "DUE", &due.property());
    }
    Ok(())
}
