//! The calendar: a vdir folder of events.

mod back;
mod create;
mod delete;
mod delete_many;
mod details;
mod duration;
mod find;
mod free;
mod list;
mod moving;
mod next;
mod relative;
mod rename;
mod skip;
mod stretch;
mod whole_day;

use crate::data::{Item, iso_time};
use crate::focus::{self, Closeness, Origin, Told, ToldTime};
use crate::icalendar::{CalendarTime, Kind, Occurrence, Series, Vdir, Window};
use crate::matching::{self, Match, Rank};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{AppError, World};
use std::path::Path;

pub(crate) use create::create_event;
pub(crate) use delete::{delete_event, delete_titled};
pub(crate) use delete_many::delete_events;
pub(crate) use details::{invite, place_event};
pub(crate) use duration::change_event_duration;
pub(crate) use find::{find_event, search};
pub(crate) use free::find_free;
pub(crate) use list::{dates, list_events, window};
pub(crate) use moving::{in_notation_of, moment_near, move_event, move_titled, others_stay, unknown_zone};
pub(crate) use relative::{SaidTime, counts_from_told, plan_at, plan_from_event, takes_whole_days};
pub(crate) use rename::{rename_event, rename_titled};
pub(crate) use skip::skip_event;
pub(crate) use whole_day::SaidDay;

/// An event and the time of it that is meant: the next, or the last when all are over.
#[derive(Clone, Debug)]
struct Upcoming<'a> {
    series: Series<'a>,
    occurrence: Occurrence<'a>,
    is_over: bool,
}

impl Upcoming<'_> {
    fn title(&self, world: &World) -> &str {
        self.occurrence.component.title(world.language)
    }

    /// What times are counted from that are counted from it.
    fn origin(&self, world: &World) -> Origin {
        Origin { title: self.title(world).to_owned(), start: self.occurrence.start.clone(), is_a_day: false }
    }

    /// The event as it is told: its title and when it is.
    fn label(&self, world: &World) -> String {
        let span = world.language.span(&self.occurrence.start, &self.occurrence.end, &world.clock);
        let note = world.language.zone_note(self.occurrence.component.unknown_zone());
        format!("{}, {span}{note}", one_line(self.title(world)))
    }

    /// What programs are told of it.
    fn item(&self, world: &World) -> Item {
        event_item(&self.occurrence, Some(&self.series.file.path), world)
    }
}

impl focus::Thing for Upcoming<'_> {
    fn title(&self, world: &World) -> &str {
        self.occurrence.component.title(world.language)
    }

    fn identity(&self) -> (&'static str, String) {
        ("event", self.occurrence.component.uid.clone())
    }

    /// The occurrence that was told of, if it still is there.
    fn like_told(self, told: &Told, world: &World) -> Self {
        let zone = world.clock.now.time_zone();
        let day = match told.at {
            Some(ToldTime::Date(date)) => date,
            Some(ToldTime::Instant(instant)) => instant.to_zoned(zone.clone()).date(),
            None => return self,
        };
        let is_then = |found: &Occurrence<'_>| match (&found.start, told.at) {
            (CalendarTime::Date(date), Some(ToldTime::Date(told))) => *date == told,
            (CalendarTime::Time(instant, _), Some(ToldTime::Instant(told))) => instant.timestamp() == told,
            _ => false,
        };
        if is_then(&self.occurrence) {
            return self;
        }
        let Ok(window) = window(day, day, world) else { return self };
        match self.series.occurrences(&window).0.into_iter().find(is_then) {
            Some(occurrence) => Self { occurrence, is_over: false, ..self },
            None => self,
        }
    }
}

fn read(world: &World) -> Result<Vdir, AppError> {
    Vdir::read(&world.folders, &world.folders.calendar, Kind::Event, world.clock.now.time_zone())
}

/// The event that `title` means; those that are over count only when no other fits as a whole, or when they were told of.
fn find<'a>(title: &str, vdir: &'a Vdir, world: &World) -> Match<Upcoming<'a>> {
    let all: Vec<Upcoming<'a>> = vdir.series().filter_map(|series| upcoming(series, world)).collect();
    if matching::points(title) {
        return find_among(title, all.into_iter(), world);
    }
    let (over, ahead): (Vec<_>, Vec<_>) = all.into_iter().partition(|event| event.is_over);
    let fitting = |events: Vec<Upcoming<'a>>| focus::find(title, events, Closeness::Fitting, world);
    match fitting(ahead.clone()) {
        Match::None { .. } => match fitting(over) {
            Match::None { .. } => find_among(title, ahead.into_iter(), world),
            found => found,
        },
        found => found,
    }
}

/// How well an event fits a title; those that are over fit as a last resort.
pub(crate) fn rank(title: &str, world: &World) -> Result<Rank, AppError> {
    let vdir = read(world)?;
    let all: Vec<Upcoming<'_>> = vdir.series().filter_map(|series| upcoming(series, world)).collect();
    let rank = |over: bool| {
        matching::rank(title, all.iter().filter(|event| event.is_over == over).map(|event| event.title(world)))
    };
    let over = if rank(true) < Rank::Partly { Rank::Nothing } else { Rank::LastResort };
    Ok(rank(false).max(over))
}

/// Which answer is the newest that tells of an event.
pub(crate) fn recency(world: &World) -> Result<Option<usize>, AppError> {
    let vdir = read(world)?;
    let all: Vec<Upcoming<'_>> = vdir.series().filter_map(|series| upcoming(series, world)).collect();
    Ok(world.focus.recency(&all))
}

/// The one of some events that `title` means.
fn find_among<'a>(title: &str, events: impl Iterator<Item = Upcoming<'a>>, world: &World) -> Match<Upcoming<'a>> {
    focus::find(title, events, Closeness::Near, world)
}

/// The first occurrence of each event within a window, over or not.
fn within<'a>(vdir: &'a Vdir, window: &Window) -> impl Iterator<Item = Upcoming<'a>> {
    vdir.series().filter_map(move |series| {
        let occurrence = series.occurrences(window).0.into_iter().next()?;
        Some(Upcoming { series, occurrence, is_over: false })
    })
}

fn upcoming<'a>(series: Series<'a>, world: &World) -> Option<Upcoming<'a>> {
    let next = series.next(&world.clock.now);
    let is_over = next.is_none();
    let occurrence = next.or_else(|| series.first())?;
    Some(Upcoming { series, occurrence, is_over })
}

/// What programs are told of one occurrence of an event.
fn event_item(occurrence: &Occurrence<'_>, path: Option<&Path>, world: &World) -> Item {
    let time = |time| Some(iso_time(time, &world.clock));
    let (start, end) = (time(&occurrence.start), time(&occurrence.end));
    Item { start, end, ..Item::of_component("event", occurrence.component, path) }
}

#[cfg(test)]
mod day_tests;
#[cfg(test)]
mod editing_tests;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod relative_tests;
#[cfg(test)]
mod tests;
