//! Sets alarms to another time.

use super::cancel::meant;
use super::store::{Stored, Timer, TimerKind, Timers};
use crate::calendar::{SaidTime, moment_near, plan_from_event};
use crate::data::{Item, iso_instant, items};
use crate::icalendar::CalendarTime;
use crate::sentences::Wording;
use crate::shift::{Shift, TIMES};
use crate::{AppError, Change, FileChange, Plan, World};
use jiff::{SignedDuration, Span, Zoned};
use reinette_time::{Moment, Purpose, TimeError, resolve};
use serde::{Deserialize, Serialize};

/// The arguments of `move_alarm`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct MoveAlarm {
    /// Which one, when there are several.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    which: Option<String>,
    /// When it shall ring, or how much later or earlier.
    #[guide(span)]
    when: String,
}

pub(crate) fn move_alarm(arguments: &MoveAlarm, world: &World) -> Result<Plan, AppError> {
    let which = arguments.which.as_deref().unwrap_or_default();
    let mut all = Timers::read(&world.folders)?.all;
    all.retain(|stored| stored.timer.kind == TimerKind::Alarm);
    let named = if which.trim().is_empty() { world.language.pick("alarm", "alarme") } else { which };
    let label = |stored: &Stored| stored.timer.label(world);
    world.language.plan_for(named, meant(which, all, world), label, |stored| move_one(&stored, &arguments.when, world))
}

fn move_one(stored: &Stored, when: &str, world: &World) -> Result<Plan, AppError> {
    let by = |span: Span| {
        let from = local(&stored.timer, world).max(world.clock.now.clone());
        let rings_at = from.checked_add(span).map_err(|_| TimeError::OutOfRange)?;
        move_to(stored, Moment::Instant(rings_at), world).map(Plan::Change)
    };
    if let Some(shift) = Shift::read(when, &TIMES).filter(Shift::is_by) {
        return shift.plan(world, by);
    }
    let to = |moment| move_to(stored, moment, world).map(Plan::Change);
    match moment(&stored.timer, when, world) {
        Ok(moment) => to(moment),
        Err(error) => {
            if let Some(shift) = Shift::read(when, &TIMES) {
                return shift.plan(world, by);
            }
            let said = SaidTime { title: "", when, purpose: Purpose::Alarm, event: None, own: None };
            plan_from_event(said, error, world, to)
        }
    }
}

/// When a timer rings, in the user's zone.
fn local(timer: &Timer, world: &World) -> Zoned {
    timer.rings_at.with_time_zone(world.clock.now.time_zone().clone())
}

/// What `when` means: a time alone is one of the day on which the alarm rings, if that is still to come.
fn moment(timer: &Timer, when: &str, world: &World) -> Result<Moment, TimeError> {
    let old = local(timer, world);
    let near = moment_near("", Some(&CalendarTime::new(old.clone())), when, world)?;
    let Moment::Instant(instant) = near else { return Ok(near) };
    let instant = if is_bare(when) { nearer(&old, instant) } else { instant };
    if instant <= world.clock.now && timer.rule.is_none() {
        return resolve(when, &world.clock, Purpose::Alarm);
    }
    Ok(Moment::Instant(instant))
}

/// Whether `when` is an hour of which nothing says in which half of the day it is: "8", "to 6:30".
fn is_bare(when: &str) -> bool {
    let said = when.trim();
    let said = ["at ", "to "].iter().find_map(|word| said.strip_prefix(word)).unwrap_or(said);
    !said.starts_with('0') && said.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// Of an hour in both halves of a day the one that is nearer to the old time.
fn nearer(old: &Zoned, instant: Zoned) -> Zoned {
    let other = if instant.hour() < 12 { SignedDuration::from_hours(12) } else { SignedDuration::from_hours(-12) };
    let distance = |time: &Zoned| old.duration_until(time).abs();
    match instant.checked_add(other) {
        Ok(other) if distance(&other) < distance(&instant) => other,
        _ => instant,
    }
}

fn move_to(stored: &Stored, moment: Moment, world: &World) -> Result<Change, AppError> {
    let (language, now, timer) = (world.language, &world.clock.now, &stored.timer);
    let old = local(timer, world);
    let (first, rule) = match moment {
        Moment::Recurring { first, rule } => (*first, Some(rule.to_string())),
        moment => (moment, None),
    };
    let rings_at = match &first {
        Moment::Instant(instant) | Moment::Instants { start: instant, .. } => instant.clone(),
        // At the same time of another day.
        day => {
            let civil = day.first_date().to_datetime(old.time());
            civil.to_zoned(now.time_zone().clone()).map_err(|_| TimeError::OutOfRange)?
        }
    };
    if rule.is_none() && timer.rule.is_some() && rings_at.date() != old.date() {
        return Err(AppError::Refused(language.pick(
            "This alarm repeats; say only its new time, or how it shall repeat, for example “every day at 7”.".to_owned(),
            "Cette alarme se répète ; dites seulement sa nouvelle heure, ou comment elle doit se répéter, par exemple « tous les jours à 7h »."
                .to_owned(),
        )));
    }
    let moved = Timer { rings_at, rule: rule.or_else(|| timer.rule.clone()), ..timer.clone() };
    let moved = if moved.rings_at > *now {
        moved
    } else {
        let moment = Moment::Instant(moved.rings_at.clone()).to_string();
        moved.next_after(now).ok_or(TimeError::Past { moment })?
    };
    let (from, to) = (timer.when(world), moved.when(world));
    let item = Item { moved_from: Some(iso_instant(&timer.rings_at)), ..moved.item(&stored.path) };
    Ok(Change {
        effect: language.pick(format!("Moves the alarm: {from} → {to}."), format!("Déplace l’alarme : {from} → {to}.")),
        done: language.pick(format!("Moved the alarm: now {to}."), format!("Alarme déplacée : {to}.")),
        data: items("changed", &[item]),
        files: vec![FileChange::edit(stored.path.clone(), stored.content.clone(), moved.to_json())],
    })
}
