//! Deletes all reminders that are open, or marks all of them as done.

use super::complete::complete;
use super::{Open, open, read};
use crate::data::{Item, fields, items};
use crate::icalendar::{Editor, Kind, VdirFile};
use crate::sentences::{MAX_LISTED, Wording};
use crate::{Answer, AppError, Change, FileChange, Plan, World};
use std::cmp::Reverse;

/// What happens to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum All {
    Completed,
    Deleted,
}

/// One change for all that are open.
pub(super) fn all(deed: All, world: &World) -> Result<Plan, AppError> {
    let vdir = read(world)?;
    let all: Vec<Open<'_>> = open(&vdir, world).collect();
    let mut changed = Changed::default();
    for file in &vdir.files {
        let mut of_file: Vec<&Open<'_>> = all.iter().filter(|found| std::ptr::eq(found.series.file, file)).collect();
        // From the last on, so that the places of those before stay.
        of_file.sort_by_key(|found| Reverse(found.component().index));
        if !of_file.is_empty() {
            changed.change(deed, file, &of_file, world);
        }
    }
    if changed.titles.is_empty() {
        let refused = changed.refused.into_iter().next();
        let nothing = world.language.pick("No open reminders.", "Aucun rappel en cours.").to_owned();
        return match refused {
            Some(error) => Err(error),
            None => Ok(Plan::Answer(Answer { text: nothing, data: fields([("found", Vec::<String>::new().into())]) })),
        };
    }
    Ok(Plan::Change(told(deed, changed, world)))
}

/// What becomes of the reminders of a folder.
#[derive(Default)]
struct Changed {
    titles: Vec<String>,
    items: Vec<Item>,
    files: Vec<FileChange>,
    /// Why some stay as they are.
    refused: Vec<AppError>,
}

impl Changed {
    fn change(&mut self, deed: All, file: &VdirFile, reminders: &[&Open<'_>], world: &World) {
        let mut editor = Editor::new(&file.content);
        let mut indices = Vec::new();
        for found in reminders {
            let item = match deed {
                All::Deleted => {
                    indices.extend(found.series.indices());
                    Item { rings_at: None, ..found.item(world) }
                }
                All::Completed => match complete(&mut editor, found, world) {
                    Ok(completed) => completed.item,
                    Err(error) => {
                        self.refused.push(error);
                        continue;
                    }
                },
            };
            self.titles.push(found.title(world).to_owned());
            self.items.push(item);
        }
        let change = match deed {
            All::Deleted => file.without(Kind::ToDo, &indices),
            All::Completed => file.edited(editor),
        };
        self.files.extend(Some(change).filter(|change| change.before != change.after));
    }
}

fn told(deed: All, changed: Changed, world: &World) -> Change {
    let language = world.language;
    let Changed { titles, items: changed_items, files, refused } = changed;
    let count = titles.len();
    let quoted: Vec<String> = titles.iter().map(|title| language.quoted(title)).collect();
    let named = language.joined(&quoted, MAX_LISTED);
    let (all, tous) = if count == 1 {
        ("the only open reminder".to_owned(), "le seul rappel en cours".to_owned())
    } else {
        (format!("{count} open reminders"), format!("{count} rappels en cours"))
    };
    let stay = match refused.len() {
        0 => String::new(),
        stay => language.pick(
            format!(" {stay} cannot be followed and stay."),
            format!(" {stay} ne peuvent pas être suivis et restent."),
        ),
    };
    let (effect, done) = match deed {
        All::Deleted => (
            language.pick(format!("Deletes {all}: {named}."), format!("Supprime {tous} : {named}.")),
            language.pick(format!("Deleted {all}: {named}."), format!("Supprimé {tous} : {named}.")),
        ),
        All::Completed => (
            language.pick(format!("Marks {all} as done: {named}."), format!("Marque comme fait {tous} : {named}.")),
            language.pick(format!("Done, {all}: {named}."), format!("Fait, {tous} : {named}.")),
        ),
    };
    let name = if deed == All::Deleted { "deleted" } else { "completed" };
    Change { effect: effect + &stay, done: done + &stay, data: items(name, &changed_items), files }
}
