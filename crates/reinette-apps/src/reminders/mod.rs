//! Reminders: a vdir folder of to-dos.

mod all;
mod complete;
mod create;
mod list;
mod moving;
mod rename;
mod ring;

use crate::across::{self, Deed, Search, Thing};
use crate::data::{Item, iso_time, items};
use crate::focus::{self, Closeness};
use crate::icalendar::{CalendarTime, Component, Kind, Occurrence, Series, Vdir};
use crate::matching::{self, Match, Rank, means_all};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{AppError, Change, Plan, World};
use all::{All, all};
use serde::{Deserialize, Serialize};

pub(crate) use complete::{complete_reminder, complete_titled};
pub(crate) use create::create_reminder;
pub(crate) use list::list_reminders;
pub(crate) use moving::{move_reminder, move_titled};
pub(crate) use rename::{rename_reminder, rename_titled};
pub use ring::{due_reminders, next_reminder};

/// A reminder that is not done, and the first time of it that is not.
#[derive(Clone, Debug)]
struct Open<'a> {
    series: Series<'a>,
    /// `None` of one that has no time.
    occurrence: Option<Occurrence<'a>>,
}

impl<'a> Open<'a> {
    fn new(series: Series<'a>, world: &World) -> Option<Self> {
        let main = series.main;
        let occurrence = series.earliest(&world.clock.now);
        let is_open = occurrence.is_some() || (main.is_live && main.anchor().is_none());
        is_open.then_some(Self { series, occurrence })
    }

    /// The component that describes what is to be done.
    fn component(&self) -> &'a Component {
        self.occurrence.as_ref().map_or(self.series.main, |occurrence| occurrence.component)
    }

    /// When it is due.
    fn due(&self) -> Option<&CalendarTime> {
        self.occurrence.as_ref().map(|occurrence| &occurrence.end)
    }

    fn title(&self, world: &World) -> &'a str {
        self.component().title(world.language)
    }

    fn label(&self, world: &World) -> String {
        let (language, title) = (world.language, one_line(self.title(world)));
        let note = language.zone_note(self.component().unknown_zone());
        match self.due() {
            Some(due) => format!("{title}, {}{note}", language.time(due, &world.clock)),
            None => title.into_owned(),
        }
    }

    /// What programs are told of it.
    fn item(&self, world: &World) -> Item {
        let item = Item::of_component("reminder", self.component(), Some(&self.series.file.path));
        let due = self.due();
        Item {
            due: due.map(|due| iso_time(due, &world.clock)),
            rings_at: due.and_then(|due| rings_at(due, world)),
            ..item
        }
    }
}

impl focus::Thing for Open<'_> {
    fn title(&self, world: &World) -> &str {
        self.component().title(world.language)
    }

    fn identity(&self) -> (&'static str, String) {
        ("reminder", self.component().uid.clone())
    }
}

/// When a reminder that is due at this time rings: those of a day without an hour do not.
fn rings_at(due: &CalendarTime, world: &World) -> Option<String> {
    (!due.is_date()).then(|| iso_time(due, &world.clock))
}

fn read(world: &World) -> Result<Vdir, AppError> {
    Vdir::read(&world.folders, &world.folders.reminders, Kind::ToDo, world.clock.now.time_zone())
}

fn open<'a>(vdir: &'a Vdir, world: &World) -> impl Iterator<Item = Open<'a>> {
    vdir.series().filter_map(|series| Open::new(series, world))
}

fn find<'a>(title: &str, vdir: &'a Vdir, world: &World) -> Match<Open<'a>> {
    focus::find(title, open(vdir, world), Closeness::Near, world)
}

/// Which answer is the newest that tells of an open reminder.
pub(crate) fn recency(world: &World) -> Result<Option<usize>, AppError> {
    let vdir = read(world)?;
    let all: Vec<Open<'_>> = open(&vdir, world).collect();
    Ok(world.focus.recency(&all))
}

/// How well an open reminder fits a title.
pub(crate) fn rank(title: &str, world: &World) -> Result<Rank, AppError> {
    let vdir = read(world)?;
    let all: Vec<Open<'_>> = open(&vdir, world).collect();
    Ok(matching::rank(title, all.iter().map(|found| found.title(world))))
}

/// The open reminders with some words, those that have most of them.
pub(crate) fn search(query: &str, world: &World) -> Result<Search, AppError> {
    let vdir = read(world)?;
    let covered = |found: &Open<'_>| matching::coverage(query, &found.component().searchable(world.language));
    let all: Vec<(f64, Open<'_>)> = open(&vdir, world).map(|found| (covered(&found), found)).collect();
    let best = all.iter().map(|(coverage, _)| *coverage).fold(0.0, f64::max);
    let mut found: Vec<Open<'_>> =
        all.into_iter().filter(|(coverage, _)| *coverage > 0.0 && *coverage >= best).map(|(_, found)| found).collect();
    found.sort_by_cached_key(|found| list::due_at(found, world));
    let is_exact = found.iter().any(|found| matching::is_exact(query, found.title(world)));
    let line = |found: &Open<'_>| {
        let repeats = if found.series.main.repeats() { world.language.pick(", repeats", ", se répète") } else { "" };
        let late = if list::is_overdue(found, world) { world.language.pick(", overdue", ", en retard") } else { "" };
        found.label(world) + repeats + late
    };
    let broken = world.language.broken_files(&vdir.broken);
    Ok(Search::new((best, is_exact), &found, line, |found| found.item(world), broken))
}

/// The arguments of `delete_reminder`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct DeleteReminder {
    /// The reminder's title.
    #[guide(span)]
    title: String,
}

pub(crate) fn delete_reminder(arguments: &DeleteReminder, world: &World) -> Result<Plan, AppError> {
    if means_all(&arguments.title) {
        return all(All::Deleted, world);
    }
    across::plan(Thing::Reminder, &arguments.title, Deed::Delete, world)
}

pub(crate) fn delete_titled(title: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let language = world.language;
    let label = |found: &Open<'_>| found.label(world);
    language.plan_for(title, find(title, &vdir, world), label, |found| {
        let told = found.label(world);
        Ok(Plan::Change(Change {
            effect: language.pick(format!("Deletes the reminder: {told}."), format!("Supprime le rappel : {told}.")),
            done: language.pick(format!("Deleted the reminder: {told}."), format!("Rappel supprimé : {told}.")),
            data: items("deleted", &[Item { rings_at: None, ..found.item(world) }]),
            files: vec![found.series.file.without(Kind::ToDo, &found.series.indices())],
        }))
    })
}

#[cfg(test)]
mod moving_tests;
#[cfg(test)]
mod tests;
