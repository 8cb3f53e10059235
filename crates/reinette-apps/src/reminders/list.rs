//! Shows the reminders that are not done.

use super::{Open, open, read};
use crate::data::{Item, items};
use crate::icalendar::CalendarTime;
use crate::sentences::{Wording, clock_time, days};
use crate::visible::one_line;
use crate::{Answer, AppError, Plan, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The most reminders that one answer shows.
const MAX_SHOWN: usize = 100;

/// The arguments of `list_reminders`: none.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ListReminders {}

pub(crate) fn list_reminders(_: &ListReminders, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let vdir = read(world)?;
    let mut all: Vec<Open<'_>> = open(&vdir, world).collect();
    all.sort_by_cached_key(|found| (due_at(found, world), found.title(world).to_owned()));
    let mut text = String::new();
    let mut heading = String::new();
    for found in all.iter().take(MAX_SHOWN) {
        let group = group(found, world);
        if group != heading {
            let _ = writeln!(text, "{group}");
            heading = group;
        }
        let _ = writeln!(text, "  {}", line(found, world));
    }
    if all.is_empty() {
        text.push_str(language.pick("No open reminders.", "Aucun rappel en cours."));
    }
    if all.len() > MAX_SHOWN {
        let more = all.len() - MAX_SHOWN;
        text.push_str(&language.pick(format!("… and {more} more"), format!("… et {more} autres")));
    }
    let shown: Vec<Item> = all.iter().take(MAX_SHOWN).map(|found| found.item(world)).collect();
    let text = text.trim_end().to_owned() + &language.broken_files(&vdir.broken);
    Ok(Plan::Answer(Answer { text, data: items("reminders", &shown) }))
}

/// The instant by which reminders are sorted; those without any come last.
pub(super) fn due_at(found: &Open<'_>, world: &World) -> Timestamp {
    let due = found.due().and_then(|due| due.instant(world.clock.now.time_zone()));
    due.map_or(Timestamp::MAX, |due| due.timestamp())
}

fn is_overdue(found: &Open<'_>, world: &World) -> bool {
    match found.due() {
        Some(CalendarTime::Date(date)) => *date < world.clock.now.date(),
        Some(CalendarTime::Time(instant, _)) => *instant < world.clock.now,
        None => false,
    }
}

fn group(found: &Open<'_>, world: &World) -> String {
    let language = world.language;
    match found.due() {
        _ if is_overdue(found, world) => language.pick("Overdue", "En retard").to_owned(),
        Some(due) => {
            let (day, _) = days(due, due, world.clock.now.time_zone());
            language.heading(day, &world.clock)
        }
        None => language.pick("No date", "Sans date").to_owned(),
    }
}

fn line(found: &Open<'_>, world: &World) -> String {
    let title = one_line(found.title(world));
    let mut line = match found.due() {
        Some(due) if is_overdue(found, world) => {
            format!("{title} ({})", world.language.time(due, &world.clock))
        }
        Some(CalendarTime::Time(due, _)) => {
            format!("{}  {title}", clock_time(&due.with_time_zone(world.clock.now.time_zone().clone())))
        }
        _ => title.into_owned(),
    };
    line.push_str(&world.language.zone_note(found.component().unknown_zone()));
    if found.series.main.repeats() {
        line.push_str(world.language.pick(", repeats", ", se répète"));
    }
    line
}
