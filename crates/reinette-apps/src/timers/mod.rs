//! Timers and alarms: one JSON file each, so that they survive a restart.
//!
//! Nothing here waits. A daemon asks [`next_ring_at`] how long it may sleep, [`due`] what rings, and applies the
//! [`Ring::acknowledgement`] once the user was told: until then the ring stays due.

mod cancel;
mod set;
mod store;

use crate::sentences::clock_time;
use crate::{AppError, FileChange, Plan, World};
use jiff::{SignedDuration, Zoned};
use serde::{Deserialize, Serialize};
use store::{Stored, Timers};

pub(crate) use cancel::cancel_timer;
pub(crate) use set::{set_alarm, set_timer};
pub use store::TimerKind;

/// A ring that comes later than this was missed: the machine was off or asleep.
const MISSED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// A timer or alarm whose time has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// Whether a timer or an alarm.
    pub kind: TimerKind,
    /// When it should have rung.
    pub rings_at: Zoned,
    /// Whether that is so long ago that it was missed.
    pub missed: bool,
    /// What to tell the user.
    pub text: String,
    /// Ends the ring: a timer goes, an alarm that repeats moves to the next time that is still to come.
    pub acknowledgement: FileChange,
}

/// What rings now or should have rung before, the oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn due(world: &World) -> Result<Vec<Ring>, AppError> {
    let timers = Timers::read(&world.folders.timers)?;
    let due = timers.all.into_iter().filter(|stored| stored.timer.rings_at <= world.clock.now);
    Ok(due.map(|stored| ring(&stored, world)).collect())
}

/// When the next timer or alarm rings; in the past when one is due.
///
/// # Errors
/// When the folder cannot be read.
pub fn next_ring_at(world: &World) -> Result<Option<Zoned>, AppError> {
    Ok(Timers::read(&world.folders.timers)?.all.into_iter().next().map(|stored| stored.timer.rings_at))
}

fn ring(stored: &Stored, world: &World) -> Ring {
    let (language, timer, now) = (world.language, &stored.timer, &world.clock.now);
    let missed = timer.rings_at.duration_until(now) > MISSED_AFTER;
    let name = timer.name(language);
    let text = if missed {
        let at = language.instant(&timer.rings_at, &world.clock);
        language.pick(format!("Missed: {name} ({at})."), format!("Manqué : {name} ({at})."))
    } else {
        language.pick(format!("It is {}: {name}.", clock_time(now)), format!("Il est {} : {name}.", clock_time(now)))
    };
    let acknowledgement = match timer.next_after(now) {
        Some(next) => FileChange::edit(stored.path.clone(), stored.content.clone(), next.to_json()),
        None => FileChange::remove(stored.path.clone(), stored.content.clone()),
    };
    Ring { kind: timer.kind, rings_at: timer.rings_at.clone(), missed, text, acknowledgement }
}

/// The arguments of `list_timers`: none.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ListTimers {}

pub(crate) fn list_timers(_: &ListTimers, world: &World) -> Result<Plan, AppError> {
    let timers = Timers::read(&world.folders.timers)?;
    let mut lines: Vec<String> = timers.all.iter().map(|stored| stored.timer.label(world)).collect();
    if lines.is_empty() {
        lines.push(world.language.pick("No timers or alarms.", "Aucun minuteur ni alarme.").to_owned());
    }
    Ok(Plan::Answer(lines.join("\n") + &world.language.broken_files(&timers.broken)))
}

#[cfg(test)]
mod tests;
