//! Tells when a certain event is.

use super::{Upcoming, read, upcoming};
use crate::across::{self, Search, Thing};
use crate::matching;
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{AppError, Plan, World};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The most people of an event that are named.
const MAX_PEOPLE: usize = 100;

/// The arguments of `find_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct FindEvent {
    /// Words of the event.
    #[guide(span)]
    query: String,
}

pub(crate) fn find_event(arguments: &FindEvent, world: &World) -> Result<Plan, AppError> {
    across::find(Thing::Event, &arguments.query, world)
}

/// The events with some words, those that have most of them; those that are over come last.
pub(crate) fn search(query: &str, world: &World) -> Result<Search, AppError> {
    let language = world.language;
    let vdir = read(world)?;
    let mut found: Vec<(f64, Upcoming<'_>)> = vdir
        .series()
        .map(|series| (matching::coverage(query, &series.main.searchable(language)), series))
        .filter(|(coverage, _)| *coverage > 0.0)
        .filter_map(|(coverage, series)| Some((coverage, upcoming(series, world)?)))
        .collect();
    // Only the best: an event with one of three words is no answer when another has all three.
    let best = found.iter().map(|(coverage, _)| *coverage).fold(0.0, f64::max);
    found.retain(|(coverage, _)| *coverage >= best);
    found.sort_by_cached_key(|(_, event)| (event.is_over, event.occurrence.start.civil()));
    let is_exact = found.iter().any(|(_, event)| matching::is_exact(query, event.title(world)));
    let broken = language.broken_files(&vdir.broken);
    let found: Vec<Upcoming<'_>> = found.into_iter().map(|(_, event)| event).collect();
    Ok(Search::new((best, is_exact), &found, |event| detailed(event, world), |event| event.item(world), broken))
}

/// An event with when and where it is, and who comes.
pub(super) fn detailed(event: &Upcoming<'_>, world: &World) -> String {
    let language = world.language;
    let component = event.occurrence.component;
    let mut line = event.label(world);
    if let Some(location) = &component.location {
        let _ = write!(line, " ({})", one_line(location));
    }
    if !component.people.is_empty() {
        let people = language.joined(&component.people, MAX_PEOPLE);
        line.push_str(&language.pick(format!(", with {people}"), format!(", avec {people}")));
    }
    if event.series.main.repeats() {
        line.push_str(language.pick(", repeats", ", se répète"));
    }
    if event.is_over {
        line.push_str(language.pick(", over", ", passé"));
    }
    line
}
