//! Shows the reminders that are not done.

use super::{Open, open, read};
use crate::calendar::{dates, window};
use crate::data::{Item, items};
use crate::icalendar::{CalendarTime, Window};
use crate::matching::means_all;
use crate::sentences::{Wording, clock_time, days};
use crate::visible::one_line;
use crate::{Answer, AppError, Plan, World};
use jiff::Timestamp;
use jiff::civil::Date;
use reinette_time::{Purpose, resolve};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The most reminders that one answer shows.
const MAX_SHOWN: usize = 100;

/// The arguments of `list_reminders`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ListReminders {
    /// The days to show; without it, all that are open.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<String>,
}

pub(crate) fn list_reminders(arguments: &ListReminders, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let vdir = read(world)?;
    let when = arguments.when.as_deref().filter(|when| !when.trim().is_empty() && !means_all(when));
    let said = when.map(|when| resolve(when, &world.clock, Purpose::Search)).transpose()?.map(|moment| dates(&moment));
    let mut all: Vec<Open<'_>> = match said {
        None => open(&vdir, world).collect(),
        Some(said) => {
            let window = window(said.0, said.1, world)?;
            open(&vdir, world).filter_map(|found| due_within(found, said, &window, world)).collect()
        }
    };
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
        text.push_str(&nothing(said, world));
    }
    if all.len() > MAX_SHOWN {
        let more = all.len() - MAX_SHOWN;
        text.push_str(&language.pick(format!("… and {more} more"), format!("… et {more} autres")));
    }
    let shown: Vec<Item> = all.iter().take(MAX_SHOWN).map(|found| found.item(world)).collect();
    let text = text.trim_end().to_owned() + &language.broken_files(&vdir.broken);
    Ok(Plan::Answer(Answer { text, data: items("reminders", &shown) }))
}

/// A reminder, if it is due on some days or overdue while today is one of them; of one that repeats, its first time then.
fn due_within<'a>(found: Open<'a>, (first, last): (Date, Date), window: &Window, world: &World) -> Option<Open<'a>> {
    let (today, zone) = (world.clock.now.date(), world.clock.now.time_zone());
    let day = |due: &CalendarTime| days(due, due, zone).0;
    let is_within = |due: &CalendarTime| (first..=last).contains(&day(due));
    let due = found.due()?;
    if is_within(due) || (is_overdue(&found, world) && (first..=last).contains(&today)) {
        return Some(found);
    }
    if !found.series.main.repeats() || day(due) > last {
        return None;
    }
    let (occurrences, _) = found.series.occurrences(window);
    let occurrence = occurrences.into_iter().find(|later| is_within(&later.end))?;
    Some(Open { series: found.series, occurrence: Some(occurrence) })
}

fn nothing(said: Option<(Date, Date)>, world: &World) -> String {
    let language = world.language;
    let Some((first, last)) = said else {
        return language.pick("No open reminders.", "Aucun rappel en cours.").to_owned();
    };
    let (from, to) = (language.day(first, &world.clock), language.day(last, &world.clock));
    if first == last {
        return language.pick(format!("No open reminders {from}."), format!("Aucun rappel en cours {from}."));
    }
    language
        .pick(format!("No open reminders from {from} to {to}."), format!("Aucun rappel en cours du {from} au {to}."))
}

/// The instant by which reminders are sorted; those without any come last.
pub(super) fn due_at(found: &Open<'_>, world: &World) -> Timestamp {
    let due = found.due().and_then(|due| due.instant(world.clock.now.time_zone()));
    due.map_or(Timestamp::MAX, |due| due.timestamp())
}

pub(super) fn is_overdue(found: &Open<'_>, world: &World) -> bool {
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
