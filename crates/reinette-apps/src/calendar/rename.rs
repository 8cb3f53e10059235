//! Renames events.

use super::{Upcoming, find, read};
use crate::across::{self, Deed, Thing};
use crate::data::{Item, items};
use crate::sentences::Wording;
use crate::{AppError, Change, Plan, World};
use serde::{Deserialize, Serialize};

/// The arguments of `rename_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct RenameEvent {
    /// The event's title.
    #[guide(span)]
    title: String,
    /// What it shall be called.
    #[guide(span)]
    new_title: String,
}

pub(crate) fn rename_event(arguments: &RenameEvent, world: &World) -> Result<Plan, AppError> {
    across::plan(Thing::Event, &arguments.title, Deed::Rename(&arguments.new_title), world)
}

pub(crate) fn rename_titled(title: &str, new_title: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let found = find(title, &vdir, world);
    let plan = |event: Upcoming<'_>| {
        let component = event.occurrence.component;
        let (effect, done) = world.language.renamed(event.title(world), new_title)?;
        let file = event.series.renamed(component, new_title.trim(), &world.clock.now);
        let item = Item {
            title: Some(new_title.trim().to_owned()),
            renamed_from: Some(component.summary.clone()),
            ..event.item(world)
        };
        Ok(Plan::Change(Change { effect, done, data: items("changed", &[item]), files: vec![file] }))
    };
    world.language.plan_for(title, found, |event| event.label(world), plan)
}
