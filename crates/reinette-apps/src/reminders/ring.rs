//! Reminders whose time has come.
//!
//! Nothing is written into their files, which other programs share. A file among the timers holds the time up to which
//! the user was told; what comes due after it rings, once.

use super::{Open, open, read};
use crate::icalendar::Window;
use crate::ring::heard_until;
use crate::{AppError, FileChange, Folders, NextRing, Ring, World};
use jiff::{Timestamp, ToSpan, Zoned};
use std::path::Path;

/// The name of the file; the point keeps it out of the timers.
const TOLD_UNTIL: &str = ".reminders-told-until";

/// It holds one instant: a larger one is somebody else's.
const MAX_FILE_BYTES: u64 = 4096;

/// The reminders that the user has to be told about, the oldest first. Those of a day without an hour do not ring.
///
/// # Errors
/// When the folder cannot be read.
pub fn due_reminders(world: &World) -> Result<Vec<Ring>, AppError> {
    let path = world.folders.timers.join(TOLD_UNTIL);
    let mut told = told_until(&world.folders, &path)?;
    let now = &world.clock.now;
    // A file that says no time is somebody else's: it is taken for one that is not there, and rewritten.
    let noted = told.as_deref().and_then(|told| std::str::from_utf8(told).ok()?.trim().parse::<Timestamp>().ok());
    // Nothing was told after now: the clock has been put back, and what is due by it has not been told.
    let noted = noted.filter(|noted| *noted <= now.timestamp());
    let since = noted.map_or_else(|| heard_until(now), |noted| noted.to_zoned(now.time_zone().clone()));
    let vdir = read(world)?;
    let mut due: Vec<(Zoned, Open<'_>)> =
        open(&vdir, world).filter_map(|found| Some((last_due(&found, &since, now)?, found))).collect();
    due.sort_by(|(first, _), (second, _)| first.cmp(second));
    let ring = |(at, found): (Zoned, Open<'_>)| {
        let after = format!("{}\n", at.timestamp()).into_bytes();
        let noted = FileChange { path: path.clone(), before: told.replace(after.clone()), after: Some(after) };
        Ring::new(&found.item(world), found.title(world), &at, world, noted)
    };
    Ok(due.into_iter().map(ring).collect())
}

/// The reminder that rings next.
///
/// # Errors
/// When the folder cannot be read.
pub fn next_reminder(world: &World) -> Result<Option<NextRing>, AppError> {
    let vdir = read(world)?;
    let now = &world.clock.now;
    let next = |found: Open<'_>| {
        let window = Window::from(now.clone())?;
        let due = dues(&found, &window)?.filter(|due| due > now).min()?;
        Some(NextRing::new(found.title(world).to_owned(), due))
    };
    Ok(open(&vdir, world).filter_map(next).reduce(NextRing::earlier))
}

/// What the file says, if there is one. It may be anything that somebody put in its place, and is never waited for.
fn told_until(folders: &Folders, path: &Path) -> Result<Option<Vec<u8>>, AppError> {
    let Some(folder) = folders.open(&folders.timers)? else { return Ok(None) };
    match folder.read(path, MAX_FILE_BYTES) {
        Ok(file) => Ok(Some(file.content)),
        Err(_) if path.symlink_metadata().is_err() => Ok(None),
        Err(fault) => Err(AppError::Read { path: path.to_owned(), source: fault.into() }),
    }
}

/// When a reminder was last due, after `since` and not after `now`.
fn last_due(found: &Open<'_>, since: &Zoned, now: &Zoned) -> Option<Zoned> {
    let window = Window { start: since.clone(), end: now.checked_add(1.second()).ok()? };
    dues(found, &window)?.filter(|due| due > since && due <= now).max()
}

/// The instants in `window` at which a reminder is due, and some around it; `None` if it is due on a day without an hour, or
/// at no time.
fn dues(found: &Open<'_>, window: &Window) -> Option<impl Iterator<Item = Zoned>> {
    if found.due()?.is_date() {
        return None;
    }
    let zone = window.start.time_zone().clone();
    Some(found.series.around(window).into_iter().filter_map(move |found| found.end.instant(&zone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;
    use serde_json::json;

    fn told(home: &Home) -> Vec<String> {
        let rings = due_reminders(&home.world).unwrap();
        for ring in &rings {
            ring.acknowledgement.apply().unwrap();
        }
        rings.into_iter().map(|ring| ring.text).collect()
    }

    #[test]
    fn a_reminder_rings_once_when_it_is_due() {
        let home = Home::new();
        for title in ["call Ana", "call Leo"] {
            home.act("create_reminder", &json!({"title": title, "when": "today at 11"}));
        }
        home.act("create_reminder", &json!({"title": "buy bread", "when": "today"}));
        home.to_do("done.ics", "UID:d\nSUMMARY:Done\nSTATUS:COMPLETED\nDUE;TZID=Europe/Paris:20260311T110000");
        assert_eq!(told(&home), [""; 0]);
        let home = home.at("2026-03-11T11:00:00+01:00[Europe/Paris]");
        let mut first = told(&home);
        first.sort();
        assert_eq!(first, ["It is 11:00: call Ana.", "It is 11:00: call Leo."]);
        assert_eq!(told(&home), [""; 0]);
        assert_eq!(home.answer("list_timers", &json!({})), "No timers or alarms.");
    }

    #[test]
    fn what_was_missed_is_told_once_however_often_it_came() {
        let home = Home::new();
        home.act("create_reminder", &json!({"title": "pills", "when": "every day at 11"}));
        let home = home.at("2026-03-11T11:00:05+01:00[Europe/Paris]");
        assert_eq!(told(&home), ["It is 11:00: pills."]);
        let home = home.at("2026-03-14T12:00:00+01:00[Europe/Paris]");
        assert_eq!(told(&home), ["Missed: pills (today, Saturday 14 March at 11:00)."]);
        assert_eq!(told(&home), [""; 0]);
    }

    #[test]
    fn a_clock_that_was_put_back_keeps_nothing_from_ringing() {
        let home = Home::new().at("2026-03-13T11:00:05+01:00[Europe/Paris]");
        home.to_do("soon.ics", "UID:s\nSUMMARY:Soon\nDUE;TZID=Europe/Paris:20260313T110000");
        assert_eq!(told(&home), ["It is 11:00: Soon."]);
        let home = home.at("2026-03-11T10:15:00+01:00[Europe/Paris]");
        home.act("create_reminder", &json!({"title": "call Ana", "when": "today at 11"}));
        let home = home.at("2026-03-11T11:00:05+01:00[Europe/Paris]");
        assert_eq!(told(&home), ["It is 11:00: call Ana."]);
    }

    #[test]
    fn the_next_ring_is_the_earliest_that_is_still_to_come() {
        let home = Home::new();
        assert_eq!(next_reminder(&home.world).unwrap(), None);
        home.act("create_reminder", &json!({"title": "pills", "when": "every day at 9"}));
        home.act("create_reminder", &json!({"title": "call Ana", "when": "today at 11"}));
        home.act("create_reminder", &json!({"title": "buy bread", "when": "today"}));
        let next = next_reminder(&home.world).unwrap().unwrap();
        assert_eq!((next.name.as_str(), next.rings_at.as_str()), ("call Ana", "2026-03-11T11:00:00+01:00"));
        let home = home.at("2026-03-11T11:00:05+01:00[Europe/Paris]");
        let next = next_reminder(&home.world).unwrap().unwrap();
        assert_eq!((next.name.as_str(), next.rings_at.as_str()), ("pills", "2026-03-12T09:00:00+01:00"));
    }

    #[test]
    fn what_was_due_long_before_anybody_looked_is_left_to_the_list() {
        let home = Home::new();
        home.to_do("old.ics", "UID:o\nSUMMARY:Pay rent\nDUE;TZID=Europe/Paris:20260310T110000");
        assert_eq!(told(&home), [""; 0]);
    }
}
