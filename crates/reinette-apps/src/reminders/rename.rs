//! Renames reminders.

use super::{Open, find, read};
use crate::across::{self, Deed, Thing};
use crate::data::{Item, items};
use crate::sentences::Wording;
use crate::{AppError, Change, Plan, World};
use serde::{Deserialize, Serialize};

/// The arguments of `rename_reminder`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct RenameReminder {
    /// The reminder's title.
    #[guide(span)]
    title: String,
    /// What it shall be called.
    #[guide(span)]
    new_title: String,
}

pub(crate) fn rename_reminder(arguments: &RenameReminder, world: &World) -> Result<Plan, AppError> {
    across::plan(Thing::Reminder, &arguments.title, Deed::Rename(&arguments.new_title), world)
}

pub(crate) fn rename_titled(title: &str, new_title: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let found = find(title, &vdir, world);
    let plan = |found: Open<'_>| {
        let component = found.component();
        let (effect, done) = world.language.renamed(found.title(world), new_title)?;
        let file = found.series.renamed(component, new_title.trim(), &world.clock.now);
        let item = Item {
            title: Some(new_title.trim().to_owned()),
            renamed_from: Some(component.summary.clone()),
            ..found.item(world)
        };
        Ok(Plan::Change(Change { effect, done, data: items("changed", &[item]), files: vec![file] }))
    };
    world.language.plan_for(title, found, |found| found.label(world), plan)
}
