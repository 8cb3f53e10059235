//! Lets single occurrences of events that repeat not take place.

use super::delete::{delete_all, exclude};
use super::list::{dates, window};
use super::{Upcoming, event_item, find, find_among, read, within};
use crate::data::{Item, items};
use crate::icalendar::{Occurrence, Window};
use crate::matching::Match;
use crate::sentences::{MAX_LISTED, Wording};
use crate::{AppError, Change, Plan, World};
use jiff::civil::Date;
use reinette_time::{Purpose, plain, resolve};
use serde::{Deserialize, Serialize};

/// Words that say no day, only the next time.
const NEXT: &[&str] = &[
    "next",
    "the next",
    "next time",
    "the next time",
    "the next one",
    "once",
    "this time",
    "this once",
    "prochain",
    "prochaine",
    "le prochain",
    "la prochaine",
    "prochaine fois",
    "la prochaine fois",
    "une fois",
    "cette fois",
];

/// The arguments of `skip_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct SkipEvent {
    /// The event's title.
    #[guide(span)]
    title: String,
    /// On which day, or on which days, it is skipped; without it, the next time.
    #[guide(span)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<String>,
}

pub(crate) fn skip_event(arguments: &SkipEvent, world: &World) -> Result<Plan, AppError> {
    let (language, title) = (world.language, arguments.title.as_str());
    let vdir = read(world)?;
    let label = |event: &Upcoming<'_>| event.label(world);
    let is_day = |when: &&str| !when.trim().is_empty() && !NEXT.contains(&plain(when.trim()).as_str());
    let Some(when) = arguments.when.as_deref().filter(is_day) else {
        return language.plan_for(title, find(title, &vdir, world), label, |event| {
            let only = vec![event.occurrence.clone()];
            Ok(Plan::Change(skip(event, &only, world)?))
        });
    };
    let days = dates(&resolve(when, &world.clock, Purpose::Search)?);
    let window = window(days.0, days.1, world)?;
    match find_among(title, within(&vdir, &window), world) {
        Match::None { .. } => match find(title, &vdir, world) {
            Match::One(event) => Err(AppError::Refused(not_then(&event, days, world))),
            found => {
                language.plan_for(title, found, label, |event| Err(AppError::Refused(not_then(&event, days, world))))
            }
        },
        found => language.plan_for(title, found, label, |event| {
            let (all, _) = event.series.occurrences(&window);
            Ok(Plan::Change(skip(event, &starting(all, &window), world)?))
        }),
    }
}

/// Those that start in a window; all of them, if all began before.
fn starting<'a>(all: Vec<Occurrence<'a>>, window: &Window) -> Vec<Occurrence<'a>> {
    let zone = window.start.time_zone();
    let begins = |found: &Occurrence<'_>| found.start.instant(zone).is_some_and(|start| start >= window.start);
    if all.iter().any(begins) { all.into_iter().filter(begins).collect() } else { all }
}

fn not_then(event: &Upcoming<'_>, (first, last): (Date, Date), world: &World) -> String {
    let (language, label) = (world.language, event.label(world));
    let title = language.quoted(event.title(world));
    let (from, to) = (language.day(first, &world.clock), language.day(last, &world.clock));
    if first == last {
        return language.pick(
            format!("{title} does not take place {from}; there is: {label}."),
            format!("{title} n’a pas lieu {from} ; il y a : {label}."),
        );
    }
    language.pick(
        format!("{title} does not take place from {from} to {to}; there is: {label}."),
        format!("{title} n’a pas lieu du {from} au {to} ; il y a : {label}."),
    )
}

fn skip<'a>(event: Upcoming<'a>, skipped: &[Occurrence<'a>], world: &World) -> Result<Change, AppError> {
    let language = world.language;
    if !event.series.main.repeats() {
        return Ok(delete_all(&event, world));
    }
    let event = match skipped.first() {
        Some(first) => Upcoming { occurrence: first.clone(), ..event },
        None => event,
    };
    let file = exclude(&event, skipped, world)?;
    let path = Some(event.series.file.path.as_path());
    let item = |found: &Occurrence<'_>| Item { rule: None, ..event_item(found, path, world) };
    let skipped_items: Vec<Item> = skipped.iter().map(item).collect();
    let title = language.quoted(event.title(world));
    let spans = skipped.iter().take(MAX_LISTED).map(|found| language.span(&found.start, &found.end, &world.clock));
    let mut told = spans.collect::<Vec<_>>().join("; ");
    if skipped.len() > MAX_LISTED {
        let more = skipped.len() - MAX_LISTED;
        told.push_str(&language.pick(format!("; and {more} more"), format!(" ; et {more} autres")));
    }
    Ok(Change {
        effect: language.pick(
            format!("Takes out of the series {title}: {told}. The others stay."),
            format!("Retire de la série {title} : {told}. Les autres restent."),
        ),
        done: language.pick(
            format!("Skipped {title}: {told}. The others stay."),
            format!("{title} n’aura pas lieu : {told}. Les autres restent."),
        ),
        data: items("deleted", &skipped_items),
        files: vec![file],
    })
}
