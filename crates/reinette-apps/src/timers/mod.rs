//! Timers and alarms: one JSON file each, so that they survive a restart.

mod cancel;
mod extend;
mod moving;
mod set;
mod store;

use crate::data::{Item, items};
use crate::sentences::Wording;
use crate::{Answer, AppError, FileChange, NextRing, Plan, Ring, World};
use jiff::Zoned;
use serde::{Deserialize, Serialize};
use store::{Stored, Timer, Timers};

pub(crate) use cancel::{cancel_named, cancel_timer, rank, recency};
pub(crate) use extend::extend_timer;
pub(crate) use moving::move_alarm;
pub(crate) use set::{set_alarm, set_timer};

/// The timers and alarms that ring now or should have rung before, the oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn due_timers(world: &World) -> Result<Vec<Ring>, AppError> {
    let timers = Timers::read(&world.folders)?;
    let due = timers.all.into_iter().filter(|stored| stored.timer.rings_at <= world.clock.now);
    Ok(due.map(|stored| ring(&stored, world)).collect())
}

/// The timer or alarm that rings next.
///
/// # Errors
/// When the folder cannot be read.
pub fn next_timer(world: &World) -> Result<Option<NextRing>, AppError> {
    let timers = Timers::read(&world.folders)?;
    let next = timers.all.into_iter().next();
    Ok(next.map(|stored| NextRing::new(stored.timer.name(world.language), stored.timer.rings_at)))
}

fn ring(stored: &Stored, world: &World) -> Ring {
    let timer = &stored.timer;
    let acknowledgement = match timer.next_after(&world.clock.now) {
        Some(next) => FileChange::edit(stored.path.clone(), stored.content.clone(), next.to_json()),
        None => FileChange::remove(stored.path.clone(), stored.content.clone()),
    };
    let (item, name) = (timer.item(&stored.path), timer.name(world.language));
    Ring::new(&item, &name, &timer.rings_at, world, acknowledgement)
}

/// How ringing changed the file of a timer or an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Nothing: it has not rung, or is no timer's.
    Not,
    /// The file went, since it rang for the last time.
    Gone,
    /// It rang, and was set to the next time.
    Again,
}

/// How ringing changed a timer's file: its content was `written` and is now `found`.
pub fn rung(written: &[u8], found: Option<&[u8]>, now: &Zoned) -> Rung {
    let Some(timer) = Timer::from_json(written) else { return Rung::Not };
    match found.map(Timer::from_json) {
        None if timer.rings_at <= *now => Rung::Gone,
        Some(Some(found)) if found.rings_at > timer.rings_at => {
            let same = Timer { rings_at: timer.rings_at.clone(), ..found };
            if same == timer && timer.rule.is_some() { Rung::Again } else { Rung::Not }
        }
        _ => Rung::Not,
    }
}

/// The arguments of `list_timers`: none.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ListTimers {}

pub(crate) fn list_timers(_: &ListTimers, world: &World) -> Result<Plan, AppError> {
    let timers = Timers::read(&world.folders)?;
    let mut lines: Vec<String> = timers.all.iter().map(|stored| stored.timer.label(world)).collect();
    if lines.is_empty() {
        lines.push(world.language.pick("No timers or alarms.", "Aucun minuteur ni alarme.").to_owned());
    }
    let text = lines.join("\n") + &world.language.broken_files(&timers.broken);
    let all: Vec<Item> = timers.all.iter().map(|stored| stored.timer.item(&stored.path)).collect();
    Ok(Plan::Answer(Answer { text, data: items("timers", &all) }))
}

#[cfg(test)]
mod tests;
