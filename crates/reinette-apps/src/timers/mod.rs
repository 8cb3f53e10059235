//! Timers and alarms: one JSON file each, so that they survive a restart.

mod cancel;
mod set;
mod store;

use crate::{AppError, FileChange, Plan, Ring, World};
use jiff::Zoned;
use serde::{Deserialize, Serialize};
use store::{Stored, Timer, Timers};

pub(crate) use cancel::cancel_timer;
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

fn ring(stored: &Stored, world: &World) -> Ring {
    let timer = &stored.timer;
    let acknowledgement = match timer.next_after(&world.clock.now) {
        Some(next) => FileChange::edit(stored.path.clone(), stored.content.clone(), next.to_json()),
        None => FileChange::remove(stored.path.clone(), stored.content.clone()),
    };
    Ring::new(&timer.name(world.language), &timer.rings_at, world, acknowledgement)
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
    Ok(Plan::Answer(lines.join("\n") + &world.language.broken_files(&timers.broken)))
}

#[cfg(test)]
mod tests;
