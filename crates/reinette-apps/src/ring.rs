//! What rings: timers, alarms and reminders whose time has come.
//!
//! Nothing here waits. A daemon looks often enough ([`due_timers`](crate::due_timers), [`due_reminders`](crate::due_reminders)),
//! tells the user of all that is due, and then applies each [`Ring::acknowledgement`]: until then the ring stays due, so
//! that a ring is rather told twice than not at all.

use crate::data::{Item, iso_instant};
use crate::sentences::{Wording, clock_time};
use crate::visible::one_line;
use crate::{FileChange, World};
use jiff::{SignedDuration, Zoned};
use serde::Serialize;

/// A ring that comes later than this was missed: the machine was off or asleep.
const MISSED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Something whose time has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// What rings: `timer`, `alarm` or `reminder`.
    pub kind: &'static str,
    /// The identifier of what rings: with the time, it tells one ring from another.
    pub id: String,
    /// When it should have rung, in ISO 8601.
    pub rings_at: String,
    /// Whether that is so long ago that it was missed.
    pub missed: bool,
    /// What to tell the user.
    pub text: String,
    /// Ends the ring: a timer goes, an alarm that repeats moves to the next time that is still to come, a reminder is
    /// noted as told. Rings are acknowledged in their order.
    pub acknowledgement: FileChange,
}

impl Ring {
    /// The ring of something that is called `name`.
    pub(crate) fn new(item: &Item, name: &str, rings_at: &Zoned, world: &World, acknowledgement: FileChange) -> Self {
        let (language, now, name) = (world.language, &world.clock.now, one_line(name));
        let missed = rings_at.duration_until(now) > MISSED_AFTER;
        let text = if missed {
            let at = language.instant(rings_at, &world.clock);
            language.pick(format!("Missed: {name} ({at})."), format!("Manqué : {name} ({at})."))
        } else {
            let at = clock_time(&rings_at.with_time_zone(now.time_zone().clone()));
            language.pick(format!("It is {at}: {name}."), format!("Il est {at} : {name}."))
        };
        let (kind, id) = (item.kind, item.id.clone());
        Self { kind, id, rings_at: iso_instant(rings_at), missed, text, acknowledgement }
    }
}

/// What will ring next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextRing {
    /// When, in ISO 8601.
    pub rings_at: String,
    /// What it is called.
    pub name: String,
    #[serde(skip)]
    instant: Zoned,
}

impl NextRing {
    pub(crate) fn new(name: String, instant: Zoned) -> Self {
        Self { rings_at: iso_instant(&instant), name, instant }
    }

    /// The earlier of two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        if other.instant < self.instant { other } else { self }
    }

    /// What rings when, in one line.
    pub fn to_text(&self, world: &World) -> String {
        format!("{}, {}", one_line(&self.name), world.language.instant(&self.instant, &world.clock))
    }
}

/// The last instant that something may have rung for the user to have heard of it, if nothing is noted.
pub(crate) fn heard_until(now: &Zoned) -> Zoned {
    now.saturating_sub(MISSED_AFTER)
}
