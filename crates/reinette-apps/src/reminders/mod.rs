//! Reminders: a vdir folder of to-dos.

mod complete;
mod create;
mod list;
mod moving;
mod rename;
mod ring;

use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, Component, Kind, Occurrence, Series, Vdir};
use crate::matching::{self, Match};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{AppError, Change, Plan, World};
use serde::{Deserialize, Serialize};

pub(crate) use complete::complete_reminder;
pub(crate) use create::create_reminder;
pub(crate) use list::list_reminders;
pub(crate) use moving::move_reminder;
pub(crate) use rename::rename_reminder;
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
    matching::find(title, open(vdir, world), |found| found.title(world))
}

/// The arguments of `delete_reminder`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct DeleteReminder {
    /// The reminder's title.
    #[guide(span)]
    title: String,
}

pub(crate) fn delete_reminder(arguments: &DeleteReminder, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let language = world.language;
    let label = |found: &Open<'_>| found.label(world);
    language.plan_for(&arguments.title, find(&arguments.title, &vdir, world), label, |found| {
        let told = found.label(world);
        let series = &found.series;
        let indices: Vec<usize> =
            series.changed.iter().chain([&series.main]).map(|component| component.index).collect();
        Ok(Plan::Change(Change {
            effect: language.pick(format!("Deletes the reminder: {told}."), format!("Supprime le rappel : {told}.")),
            done: language.pick(format!("Deleted the reminder: {told}."), format!("Rappel supprimé : {told}.")),
            data: items("deleted", &[Item { rings_at: None, ..found.item(world) }]),
            files: vec![series.file.without(Kind::ToDo, &indices)],
        }))
    })
}

#[cfg(test)]
mod moving_tests;
#[cfg(test)]
mod tests;
