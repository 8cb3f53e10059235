//! What rings: timers, alarms and reminders whose time has come.
//!
//! Nothing here waits. A daemon looks often enough ([`due_timers`](crate::due_timers), [`due_reminders`](crate::due_reminders)),
//! tells the user, and applies each [`Ring::acknowledgement`]: until then the ring stays due.

use crate::sentences::clock_time;
use crate::{FileChange, World};
use jiff::{SignedDuration, Zoned};

/// A ring that comes later than this was missed: the machine was off or asleep.
const MISSED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Something whose time has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// When it should have rung.
    pub rings_at: Zoned,
    /// Whether that is so long ago that it was missed.
    pub missed: bool,
    /// What to tell the user.
    pub text: String,
    /// Ends the ring: a timer goes, an alarm that repeats moves to the next time that is still to come, a reminder is
    /// noted as told. Rings are acknowledged in their order.
    pub acknowledgement: FileChange,
}

impl Ring {
    /// The ring of what is called `name`.
    pub(crate) fn new(name: &str, rings_at: &Zoned, world: &World, acknowledgement: FileChange) -> Self {
        let (language, now) = (world.language, &world.clock.now);
        let missed = rings_at.duration_until(now) > MISSED_AFTER;
        let text = if missed {
            let at = language.instant(rings_at, &world.clock);
            language.pick(format!("Missed: {name} ({at})."), format!("Manqué : {name} ({at})."))
        } else {
            let at = clock_time(&rings_at.with_time_zone(now.time_zone().clone()));
            language.pick(format!("It is {at}: {name}."), format!("Il est {at} : {name}."))
        };
        Self { rings_at: rings_at.clone(), missed, text, acknowledgement }
    }
}

/// The last instant that something may have rung for the user to have heard of it, if nothing is noted.
pub(crate) fn heard_until(now: &Zoned) -> Zoned {
    now.saturating_sub(MISSED_AFTER)
}
