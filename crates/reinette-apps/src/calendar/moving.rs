//! Moves events.

use super::back;
use super::create::event_times;
use super::relative::{SaidTime, counts_from_told, plan_from_event, takes_whole_days};
use super::{Upcoming, find, read};
use crate::across::{self, Deed, Thing};
use crate::data::{Item, iso_time, items};
use crate::icalendar::{ALL_DAY, CalendarTime, Component, ComponentPath, Editor, Kind, Notation, Occurrence};
use crate::sentences::Wording;
use crate::shift::{Shift, TIMES, has_hours};
use crate::{AppError, Change, Plan, World};
use jiff::{SignedDuration, Span, ToSpan, Zoned};
use reinette_time::{Clock, Moment, Purpose, TimeError, resolve_of};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The arguments of `move_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct MoveEvent {
    /// The event's title.
    #[guide(span)]
    title: String,
    /// When it shall be.
    #[guide(span)]
    when: String,
}

pub(crate) fn move_event(arguments: &MoveEvent, world: &World) -> Result<Plan, AppError> {
    across::plan(Thing::Event, &arguments.title, Deed::Move(&arguments.when), world)
}

pub(crate) fn move_titled(title: &str, when: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let found = find(title, &vdir, world);
    let plan = |event: Upcoming<'_>| move_one(&event, when, world);
    world.language.plan_for(title, found, |event| event.label(world), plan)
}

/// Moves the occurrence that is meant to where `when` says, or as far as it says; of an event that repeats, the others stay.
fn move_one(event: &Upcoming<'_>, when: &str, world: &World) -> Result<Plan, AppError> {
    let to = |moment: Moment| -> Result<Plan, AppError> {
        let (start, end) = new_times(&event.occurrence, moment, world)?;
        move_to(event, (&start, &end), world).map(Plan::Change)
    };
    let title = &event.occurrence.component.summary;
    if let Some(shift) = Shift::read(when, &TIMES).filter(Shift::is_by) {
        return shift.plan(world, |span| move_by(event, span, world));
    }
    let own = Some(&event.occurrence.start);
    let said = SaidTime { title, when, purpose: Purpose::Move, event: None, own };
    let shift = Shift::read(when, &TIMES);
    if shift.is_none() && counts_from_told(said, world) {
        return plan_from_event(said, TimeError::Shift, world, to);
    }
    match (moment_near(title, own, when, world), shift) {
        (Ok(moment), _) => to(moment),
        (Err(_), Some(shift)) => shift.plan(world, |span| move_by(event, span, world)),
        (Err(error), None) => plan_from_event(said, error, world, to),
    }
}

/// Moves the occurrence that is meant by a span from its own start.
fn move_by(event: &Upcoming<'_>, span: Span, world: &World) -> Result<Plan, AppError> {
    let Occurrence { start, end, .. } = &event.occurrence;
    if start.is_date() && has_hours(span) {
        return Err(AppError::Refused(takes_whole_days(event.title(world), world)));
    }
    let out_of_range = || AppError::Time(TimeError::OutOfRange);
    let moved = start.shifted(span).ok_or_else(out_of_range)?;
    let moved_end = moved.after(start.until(end)).ok_or_else(out_of_range)?.written_like(end);
    move_to(event, (&moved, &moved_end), world).map(Plan::Change)
}

/// Gives the occurrence that is meant a new start and end.
fn move_to(
    event: &Upcoming<'_>,
    (start, end): (&CalendarTime, &CalendarTime),
    world: &World,
) -> Result<Change, AppError> {
    let (language, occurrence) = (world.language, &event.occurrence);
    let (editor, of_many) = with_times(event, (start, end), world)?;
    let title = language.quoted(event.title(world));
    let from = language.span(&occurrence.start, &occurrence.end, &world.clock);
    let to = language.span(start, end, &world.clock);
    let note = others_stay(of_many, world);
    let item = Item {
        start: Some(iso_time(start, &world.clock)),
        end: Some(iso_time(end, &world.clock)),
        moved_from: Some(iso_time(&occurrence.start, &world.clock)),
        rule: None,
        ..event.item(world)
    };
    Ok(Change {
        effect: language
            .pick(format!("Moves {title}: {from} → {to}.{note}"), format!("Déplace {title} : {from} → {to}.{note}")),
        done: language.pick(format!("Moved {title}: now {to}.{note}"), format!("{title} est déplacé : {to}.{note}")),
        data: items("changed", &[item]),
        files: vec![event.series.file.edited(editor)],
    })
}

/// Said of one occurrence of several.
pub(crate) fn others_stay(of_many: bool, world: &World) -> &'static str {
    if !of_many {
        return "";
    }
    world
        .language
        .pick(" Only this one; the others stay where they are.", " Seulement celui-ci ; les autres ne bougent pas.")
}

/// The file in which the occurrence that is meant has a new start and end, and whether it is one of several.
pub(super) fn with_times(
    event: &Upcoming<'_>,
    (start, end): (&CalendarTime, &CalendarTime),
    world: &World,
) -> Result<(Editor, bool), AppError> {
    let occurrence = &event.occurrence;
    if let Some(zone) = occurrence.component.unknown_zone() {
        return Err(AppError::Refused(unknown_zone(zone, event.title(world), world)));
    }
    let mut editor = Editor::new(&event.series.file.content);
    let mut at = ComponentPath { kind: Kind::Event.name(), index: occurrence.component.index };
    let of_many = occurrence.component.repeats() || occurrence.component.and_future;
    if of_many {
        let stands_alone = occurrence.component.and_future && !push_on(&mut editor, event);
        if !stands_alone {
            editor.duplicate(at);
            at.index += 1;
        }
        for name in ["RRULE", "RDATE", "EXDATE"] {
            editor.remove(at, name);
        }
        editor.set(at, "RECURRENCE-ID", &occurrence.id.property());
    }
    write_times(&mut editor, at, occurrence.component, (start, end), world);
    revise(&mut editor, at, occurrence.component, world);
    Ok((editor, of_many))
}

/// Notes in a component that it was changed.
pub(super) fn revise(editor: &mut Editor, at: ComponentPath<'_>, component: &Component, world: &World) {
    editor.set(at, "SEQUENCE", &format!(":{}", component.sequence.saturating_add(1)));
    editor.stamp(at, &world.clock.now);
}

/// Sets the start and the end of a component, in the way in which its file has them.
pub(super) fn write_times(
    editor: &mut Editor,
    at: ComponentPath<'_>,
    component: &Component,
    (start, end): (&CalendarTime, &CalendarTime),
    world: &World,
) {
    let local = world.clock.now.time_zone();
    let (mut start, mut end) = (start.clone(), end.clone());
    if component.whole_days && start.is_date() {
        // It lasted from midnight to midnight and still does.
        let written = |day: &CalendarTime, like: Option<&CalendarTime>| Component::midnight_like(day, like?, local);
        let like = component.end.as_ref().or(component.start.as_ref());
        end = written(&end, like).unwrap_or(end);
        start = written(&start, component.start.as_ref()).unwrap_or(start);
    } else if component.whole_days {
        for name in ALL_DAY {
            editor.remove(at, name);
        }
    }
    editor.set(at, "DTSTART", &start.property());
    if component.end.is_some() || component.end_of(&start).as_ref() != Some(&end) {
        editor.remove(at, "DURATION");
        editor.set(at, "DTEND", &end.property());
    }
}

/// Makes a change of all occurrences from one on begin with the one after `event`, when that is the first that it changes.
/// Returns false when it changes no other.
pub(super) fn push_on(editor: &mut Editor, event: &Upcoming<'_>) -> bool {
    let (component, occurrence) = (event.occurrence.component, &event.occurrence);
    let is_first =
        component.recurrence_id.as_ref().is_some_and(|id| id.clone().written_like(&occurrence.id) == occurrence.id);
    if !is_first {
        return true;
    }
    let Some(next) = event.series.after(occurrence).filter(|next| next.component.index == component.index) else {
        return false;
    };
    let at = ComponentPath { kind: Kind::Event.name(), index: component.index };
    editor.set(at, "RECURRENCE-ID", &format!(";RANGE=THISANDFUTURE{}", next.id.property()));
    editor.set(at, "DTSTART", &next.start.property());
    if component.end.is_some() {
        editor.set(at, "DTEND", &next.end.property());
    }
    true
}

/// Why what is in a time zone that nothing explains is not moved.
pub(crate) fn unknown_zone(zone: &str, title: &str, world: &World) -> String {
    let (zone, title) = (world.language.quoted(zone), world.language.quoted(title));
    world.language.pick(
        format!(
            "{title} is in the time zone {zone}, which is not known and which its file does not explain: whatever is \
             written there could be wrong. Move it in the program that it comes from, or delete it and add it anew."
        ),
        format!(
            "{title} est dans le fuseau {zone}, inconnu et que son fichier n’explique pas : toute heure écrite pourrait \
             être fausse. Déplacez-le dans le programme d’où il vient, ou supprimez-le et recréez-le."
        ),
    )
}

/// The new start and end (excluded): the length stays unless an end is said; the date stays when only a time is said, and
/// the time when only a date is.
fn new_times(
    occurrence: &Occurrence<'_>,
    moment: Moment,
    world: &World,
) -> Result<(CalendarTime, CalendarTime), AppError> {
    let zone = world.clock.now.time_zone();
    let old = &occurrence.start;
    let out_of_range = || AppError::Time(TimeError::OutOfRange);
    let length = old.until(&occurrence.end);
    let start = match moment {
        Moment::Recurring { .. } => {
            return Err(AppError::Refused(world.language.pick(
                "An event is moved to one time; to change how it repeats, delete it and add it again.".to_owned(),
                "Un évènement se déplace vers une seule date ; pour changer sa répétition, supprimez-le et recréez-le."
                    .to_owned(),
            )));
        }
        Moment::Instant(instant) if !old.is_date() => in_notation_of(old, instant),
        Moment::Date(date) => match old {
            CalendarTime::Date(_) => CalendarTime::Date(date),
            CalendarTime::Time(before, _) => {
                let time = before.with_time_zone(zone.clone()).time();
                in_notation_of(old, date.to_datetime(time).to_zoned(zone.clone()).map_err(|_| out_of_range())?)
            }
        },
        moment => {
            let (start, end, _) = event_times(moment)?;
            return Ok((rewritten(old, start), rewritten(&occurrence.end, end)));
        }
    };
    let end = start.after(length).ok_or_else(out_of_range)?;
    Ok((start, end.written_like(&occurrence.end)))
}

/// What `when` means for something that is at `old`: a time alone is one of its day.
pub(crate) fn moment_near(
    title: &str,
    old: Option<&CalendarTime>,
    when: &str,
    world: &World,
) -> Result<Moment, TimeError> {
    let when = &without_same_time(when);
    let said = SaidTime { title, when, purpose: Purpose::Move, event: None, own: None };
    if let Some(moment) = back::moment(said, world) {
        return Ok(moment);
    }
    let resolved = resolve_of(title, when, &world.clock, Purpose::Move);
    if !says_no_date(title, when, &world.clock) {
        return resolved;
    }
    let morning = old.and_then(|old| old.instant(world.clock.now.time_zone())?.start_of_day().ok());
    match morning {
        Some(morning) => resolve_of(title, when, &Clock { now: morning }, Purpose::Move),
        None => resolved,
    }
}

/// Words that say that the time of day stays: that of the event, not the present one.
const SAME_TIME: &[&str] =
    &["at the same time", "the same time", "same time", "à la même heure", "a la meme heure", "même heure"];

/// What else is said beside those.
fn without_same_time(when: &str) -> Cow<'_, str> {
    let lower = when.to_lowercase();
    let rest = SAME_TIME.iter().find_map(|phrase| {
        let at = lower.find(phrase)?;
        Some([when.get(..at)?, when.get(at + phrase.len()..)?].concat())
    });
    rest.filter(|rest| !rest.trim().is_empty()).map_or(Cow::Borrowed(when), Cow::Owned)
}

/// Words that say today, beside a time of day.
const TODAY: &[&str] = &["today", "tonight", "this", "aujourd", "ce", "cet", "cette"];

/// Whether `when` is a time of day and nothing else: on any day it means that day, and it does not count from now.
pub(super) fn says_no_date(title: &str, when: &str, clock: &Clock) -> bool {
    let says_today = when.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| TODAY.contains(&word));
    let on_day = |days: i64, hours: i64| -> Option<(Zoned, Zoned)> {
        let start = clock.now.start_of_day().ok()?.checked_add(days.days()).ok()?;
        let now = start.checked_add(SignedDuration::from_hours(hours)).ok()?;
        match resolve_of(title, when, &Clock { now }, Purpose::Move).ok()? {
            Moment::Instant(instant) | Moment::Instants { start: instant, .. } => Some((start, instant)),
            _ => None,
        }
    };
    let same_day = |(start, instant): &(Zoned, Zoned)| start.date() == instant.date();
    let (today, tomorrow, later) = (on_day(0, 0), on_day(1, 0), on_day(0, 1));
    let follows_the_day = [&today, &tomorrow].into_iter().all(|found| found.as_ref().is_some_and(same_day));
    let counts_from_now = match (today, later) {
        (Some((_, at_midnight)), Some((_, at_one))) => at_midnight != at_one,
        _ => true,
    };
    follows_the_day && !counts_from_now && !says_today
}

/// An instant in the notation that the event's file has, so that the zones that the file explains suffice.
pub(crate) fn in_notation_of(old: &CalendarTime, instant: Zoned) -> CalendarTime {
    match old {
        CalendarTime::Time(before, notation) => {
            CalendarTime::Time(instant.with_time_zone(before.time_zone().clone()), notation.clone())
        }
        CalendarTime::Date(_) => CalendarTime::Time(instant, Notation::Utc),
    }
}

fn rewritten(old: &CalendarTime, new: CalendarTime) -> CalendarTime {
    match new {
        CalendarTime::Time(instant, _) => in_notation_of(old, instant),
        date @ CalendarTime::Date(_) => date,
    }
}
