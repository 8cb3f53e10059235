//! Deletes all events of a stretch of time.

use super::delete::exclude_in;
use super::list::window;
use super::stretch::{Stretch, stretch};
use super::{Upcoming, event_item, read};
use crate::data::{Item, fields, items};
use crate::icalendar::{Editor, Kind, Occurrence, Series, Vdir, Window};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{Answer, AppError, Change, FileChange, Plan, World};
use jiff::ToSpan;
use reinette_time::TimeError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More events than this are not deleted at once: nobody reads what it would be.
const MAX_DELETED: usize = 20;

/// The arguments of `delete_events`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct DeleteEvents {
    /// The day, or from when to when.
    #[guide(span)]
    when: String,
}

/// What is to be deleted of one event.
type Meant<'a> = (Series<'a>, Vec<Occurrence<'a>>);

pub(crate) fn delete_events(arguments: &DeleteEvents, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let vdir = read(world)?;
    let meant = meant(&arguments.when, &vdir, world)?;
    let count: usize = meant.iter().map(|(_, occurrences)| occurrences.len()).sum();
    let when = language.quoted(&arguments.when);
    if count == 0 {
        let text = language.pick(
            format!("Nothing in your calendar begins then: {when}."),
            format!("Rien ne commence alors dans votre agenda : {when}."),
        );
        return Ok(Plan::Answer(Answer { text, data: fields([("found", Value::Array(Vec::new()))]) }));
    }
    if count > MAX_DELETED {
        return Err(AppError::Refused(language.pick(
            format!("That would delete {count} events, and at most {MAX_DELETED} are deleted at once; say a shorter time than {when}."),
            format!("Cela supprimerait {count} évènements, et {MAX_DELETED} au plus sont supprimés à la fois ; dites une période plus courte que {when}."),
        )));
    }
    let mut files = Vec::new();
    for file in &vdir.files {
        let of_file: Vec<&Meant<'_>> = meant.iter().filter(|(series, _)| std::ptr::eq(series.file, file)).collect();
        if !of_file.is_empty() {
            files.push(without(&of_file, world)?);
        }
    }
    let mut deleted: Vec<(&Series<'_>, &Occurrence<'_>)> =
        meant.iter().flat_map(|(series, all)| all.iter().map(move |found| (series, found))).collect();
    let zone = world.clock.now.time_zone();
    deleted.sort_by_cached_key(|(_, found)| found.start.instant(zone).map(|start| start.timestamp()));
    let label = |found: &Occurrence<'_>| {
        let span = language.span(&found.start, &found.end, &world.clock);
        format!("{}, {span}", one_line(found.component.title(language)))
    };
    let told = deleted.iter().map(|(_, found)| label(found)).collect::<Vec<_>>().join("; ");
    let item = |(series, found): &(&Series<'_>, &Occurrence<'_>)| Item {
        rule: None,
        ..event_item(found, Some(&series.file.path), world)
    };
    let note = if meant.iter().any(|(series, _)| series.main.repeats()) {
        language.pick(" Of what repeats, the others stay.", " De ce qui se répète, le reste ne bouge pas.")
    } else {
        ""
    };
    Ok(Plan::Change(Change {
        effect: language.pick(
            format!("Deletes from your calendar: {told}.{note}"),
            format!("Supprime de votre agenda : {told}.{note}"),
        ),
        done: language.pick(
            format!("Deleted from your calendar: {told}.{note}"),
            format!("Supprimé de votre agenda : {told}.{note}"),
        ),
        data: items("deleted", &deleted.iter().map(item).collect::<Vec<_>>()),
        files,
    }))
}

/// What begins in a stretch of time; of a time of day, what takes place then.
fn meant<'a>(when: &str, vdir: &'a Vdir, world: &World) -> Result<Vec<Meant<'a>>, AppError> {
    let stretch = stretch(when, world)?;
    let window = match &stretch {
        Stretch::Days(first, last) => window(*first, *last, world)?,
        Stretch::Between(window) => window.clone(),
        Stretch::At(instant) => {
            let end = instant.checked_add(1.minute()).map_err(|_| TimeError::OutOfRange)?;
            Window { start: instant.clone(), end }
        }
    };
    let zone = world.clock.now.time_zone();
    let is_meant = |found: &Occurrence<'_>| match stretch {
        Stretch::At(_) => !found.start.is_date(),
        _ => found.start.instant(zone).is_some_and(|start| start >= window.start),
    };
    let all = vdir.series().map(|series| {
        let (mut occurrences, _) = series.occurrences(&window);
        occurrences.retain(is_meant);
        (series, occurrences)
    });
    Ok(all.filter(|(_, occurrences)| !occurrences.is_empty()).collect())
}

/// A file without what is to be deleted of its events.
fn without(meant: &[&Meant<'_>], world: &World) -> Result<FileChange, AppError> {
    let (first, _) = meant[0];
    let mut editor = Editor::new(&first.file.content);
    let mut indices = Vec::new();
    for (series, occurrences) in meant {
        if series.main.repeats() {
            let event = Upcoming { series: series.clone(), occurrence: occurrences[0].clone(), is_over: false };
            indices.extend(exclude_in(&mut editor, &event, occurrences, world)?);
        } else {
            indices.extend(series.indices());
        }
    }
    Ok(first.file.without_in(editor, Kind::Event, &indices))
}
