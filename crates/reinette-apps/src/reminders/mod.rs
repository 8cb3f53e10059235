//! Reminders: a vdir folder of to-dos.

mod complete;
mod create;
mod list;
mod ring;

use crate::data::{Item, iso_time, items};
use crate::icalendar::{CalendarTime, Component, Kind, Vdir, VdirFile, starts};
use crate::matching::{self, Match};
use crate::visible::one_line;
use crate::{AppError, Change, Plan, World};
use calcard::icalendar::ICalendarStatus;
use serde::{Deserialize, Serialize};

pub(crate) use complete::complete_reminder;
pub(crate) use create::create_reminder;
pub(crate) use list::list_reminders;
pub use ring::{due_reminders, next_reminder};

/// A reminder that is not done.
#[derive(Clone, Copy, Debug)]
struct Open<'a> {
    file: &'a VdirFile,
    component: &'a Component,
}

impl Open<'_> {
    /// When it is due.
    fn due(&self) -> Option<&CalendarTime> {
        self.component.due.as_ref().or(self.component.start.as_ref())
    }

    /// When it starts and is due, time after time; once if it does not repeat.
    fn times(&self) -> impl Iterator<Item = (CalendarTime, CalendarTime)> {
        let due = self.due().cloned();
        let start = self.component.start.clone().or_else(|| due.clone());
        let rule = self.component.rule.clone();
        start.zip(due).into_iter().flat_map(move |(start, due)| {
            let once = rule.is_none().then(|| (start.clone(), due.clone()));
            let lead = start.until(&due);
            let repeated = rule.clone().into_iter().flat_map(move |rule| {
                let first = start.clone();
                starts(&start, &rule).filter_map(move |civil| {
                    let start = first.at_civil(civil)?;
                    let due = start.after(lead)?;
                    Some((start, due))
                })
            });
            once.into_iter().chain(repeated)
        })
    }

    fn label(&self, world: &World) -> String {
        let title = one_line(&self.component.summary);
        match self.due() {
            Some(due) => format!("{title}, {}", world.language.time(due, &world.clock)),
            None => title.into_owned(),
        }
    }

    /// What programs are told of it.
    fn item(&self) -> Item {
        let item = Item::of_component("reminder", self.component, Some(&self.file.path));
        Item { due: self.due().map(iso_time), rings_at: self.due().and_then(rings_at), ..item }
    }
}

/// When a reminder that is due at this time rings: those of a day without an hour do not.
fn rings_at(due: &CalendarTime) -> Option<String> {
    (!due.is_date()).then(|| iso_time(due))
}

fn read(world: &World) -> Result<Vdir, AppError> {
    Vdir::read(&world.folders.reminders, Kind::ToDo, world.clock.now.time_zone())
}

fn open(vdir: &Vdir) -> impl Iterator<Item = Open<'_>> {
    let all = vdir.files.iter().flat_map(|file| file.components.iter().map(move |component| Open { file, component }));
    all.filter(|found| !matches!(found.component.status, Some(ICalendarStatus::Completed | ICalendarStatus::Cancelled)))
}

fn find<'a>(title: &str, vdir: &'a Vdir) -> Match<Open<'a>> {
    matching::find(title, open(vdir), |found| &found.component.summary)
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
    language.plan_for(&arguments.title, find(&arguments.title, &vdir), label, |found| {
        let told = found.label(world);
        Ok(Plan::Change(Change {
            effect: language.pick(format!("Deletes the reminder: {told}."), format!("Supprime le rappel : {told}.")),
            done: language.pick(format!("Deleted the reminder: {told}."), format!("Rappel supprimé : {told}.")),
            data: items("deleted", &[Item { rings_at: None, ..found.item() }]),
            files: vec![found.file.without(Kind::ToDo, &[found.component.index])],
        }))
    })
}

#[cfg(test)]
mod tests;
