//! Deletes events.

use super::moving::push_on;
use super::{Upcoming, find, read};
use crate::across::{self, Deed, Thing};
use crate::data::{Item, items};
use crate::icalendar::{Component, ComponentPath, Editor, Kind, Occurrence};
use crate::sentences::Wording;
use crate::{AppError, Change, Choice, FileChange, Plan, Question, World};
use serde::{Deserialize, Serialize};

/// The arguments of `delete_event`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct DeleteEvent {
    /// The event's title.
    #[guide(span)]
    title: String,
}

pub(crate) fn delete_event(arguments: &DeleteEvent, world: &World) -> Result<Plan, AppError> {
    across::plan(Thing::Event, &arguments.title, Deed::Delete, world)
}

pub(crate) fn delete_titled(title: &str, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let found = find(title, &vdir, world);
    world.language.plan_for(title, found, |event| event.label(world), |event| delete(&event, world))
}

/// An event that repeats is never deleted as a whole without the user having said so.
fn delete(event: &Upcoming<'_>, world: &World) -> Result<Plan, AppError> {
    if !event.series.main.repeats() || event.is_over {
        return Ok(Plan::Change(delete_all(event, world)));
    }
    let language = world.language;
    let title = language.quoted(event.title(world));
    let span = language.span(&event.occurrence.start, &event.occurrence.end, &world.clock);
    let only = language.pick(format!("only the next: {span}"), format!("seulement le prochain : {span}"));
    let choices = vec![
        Choice { label: only, plan: Plan::Change(delete_occurrence(event, world)?) },
        Choice { label: language.pick("all of them", "tous").to_owned(), plan: Plan::Change(delete_all(event, world)) },
    ];
    let text = language.pick(
        format!("{title} repeats. Which one shall I delete?"),
        format!("{title} se répète. Que faut-il supprimer ?"),
    );
    Ok(Plan::Ask(Question { text, choices }))
}

pub(super) fn delete_all(event: &Upcoming<'_>, world: &World) -> Change {
    let (file, series) = (event.series.file, &event.series);
    let change = file.without(Kind::Event, &series.indices());
    let told = match (series.main.repeats(), world.language.quoted(event.title(world))) {
        (true, title) => world.language.pick(format!("{title}, all of them"), format!("{title}, tous")),
        (false, _) => event.label(world),
    };
    sentences(&told, event.item(world), change, world)
}

/// Excludes one occurrence from its series.
fn delete_occurrence(event: &Upcoming<'_>, world: &World) -> Result<Change, AppError> {
    let file = exclude(event, std::slice::from_ref(&event.occurrence), world)?;
    let item = Item { rule: None, ..event.item(world) };
    Ok(sentences(&event.label(world), item, file, world))
}

/// The file of an event, without some of its occurrences.
pub(super) fn exclude(
    event: &Upcoming<'_>,
    occurrences: &[Occurrence<'_>],
    world: &World,
) -> Result<FileChange, AppError> {
    let mut editor = Editor::new(&event.series.file.content);
    let indices = exclude_in(&mut editor, event, occurrences, world)?;
    for index in indices.into_iter().rev() {
        editor.delete(ComponentPath { kind: Kind::Event.name(), index });
    }
    Ok(event.series.file.edited(editor))
}

/// Excludes some occurrences of an event in an editor; gives the places of the components that are theirs alone, in order,
/// which are to be deleted.
pub(super) fn exclude_in(
    editor: &mut Editor,
    event: &Upcoming<'_>,
    occurrences: &[Occurrence<'_>],
    world: &World,
) -> Result<Vec<usize>, AppError> {
    let path = |index| ComponentPath { kind: Kind::Event.name(), index };
    for occurrence in occurrences {
        editor.add(path(event.series.main.index), "EXDATE", &occurrence.id.property());
    }
    let mut changed: Vec<&Component> = occurrences.iter().map(|occurrence| occurrence.component).collect();
    changed.retain(|component| component.recurrence_id.is_some());
    if occurrences.len() > 1 && changed.iter().any(|component| component.and_future) {
        return Err(AppError::Refused(world.language.pick(
            "The series changes in between; say one day at a time.".to_owned(),
            "La série change entre-temps ; dites un jour à la fois.".to_owned(),
        )));
    }
    changed.sort_by_key(|component| component.index);
    changed.dedup_by_key(|component| component.index);
    changed.retain(|component| !(component.and_future && push_on(editor, event)));
    Ok(changed.into_iter().map(|component| component.index).collect())
}

fn sentences(told: &str, item: Item, change: FileChange, world: &World) -> Change {
    Change {
        effect: world
            .language
            .pick(format!("Deletes from your calendar: {told}."), format!("Supprime de votre agenda : {told}.")),
        done: world
            .language
            .pick(format!("Deleted from your calendar: {told}."), format!("Supprimé de votre agenda : {told}.")),
        data: items("deleted", &[item]),
        files: vec![change],
    }
}
