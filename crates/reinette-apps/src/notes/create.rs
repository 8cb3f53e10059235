//! Writes notes.

use super::folder::{Note, Notes, free_path, title_of};
use super::list::{is_name_of_list, items};
use super::note_item;
use crate::data;
use crate::focus::{self, Closeness};
use crate::matching::Match;
use crate::sentences::{MAX_LISTED, Wording};
use crate::visible::one_line;
use crate::{AppError, Change, FileChange, Plan, World};
use serde::{Deserialize, Serialize};

/// The arguments of `create_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct CreateNote {
    /// What to write down.
    #[guide(span)]
    text: String,
}

/// The arguments of `append_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct AppendNote {
    /// The note's title.
    #[guide(span)]
    note: String,
    /// What to add.
    #[guide(span)]
    text: String,
}

pub(crate) fn create_note(arguments: &CreateNote, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let text = required(&arguments.text, world)?;
    let path = free_path(&world.folders.notes, &title_of(text));
    let name = language.quoted(Note { path: path.clone(), text: String::new() }.title());
    Ok(Plan::Change(Change {
        effect: language.pick(format!("Writes the note {name}."), format!("Écrit la note {name}.")),
        done: language.pick(format!("Wrote the note {name}."), format!("La note {name} est écrite.")),
        data: data::items("created", &[note_item(&path)]),
        files: vec![FileChange::create(path, format!("{text}\n"))],
    }))
}

pub(crate) fn append_note(arguments: &AppendNote, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let text = required(&arguments.text, world)?;
    let notes = Notes::read(&world.folders)?;
    let title = arguments.note.trim();
    match focus::find(title, notes.all, Closeness::Near, world) {
        Match::None { .. } => Ok(Plan::Change(begin(title, text, world))),
        found => {
            let label = |note: &Note| one_line(note.title()).into_owned();
            language.plan_for(title, found, label, |note| Ok(Plan::Change(append(&note, text, world))))
        }
    }
}

/// The arguments of `remember`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct Remember {
    /// What is to be remembered.
    #[guide(span)]
    text: String,
}

/// Adds to the note about the user, which they can read, change and delete like any other.
pub(crate) fn remember(arguments: &Remember, world: &World) -> Result<Plan, AppError> {
    let note = world.language.pick("About me", "À propos de moi").to_owned();
    append_note(&AppendNote { note, text: arguments.text.clone() }, world)
}

/// The titles of the notes that are lists, of which one may be meant that was not named.
pub(crate) fn lists(world: &World) -> Result<Vec<String>, AppError> {
    let notes = Notes::read(&world.folders)?;
    let lists = notes.all.iter().filter(|note| is_name_of_list(note.title()) || bullet(note).is_some());
    Ok(lists.take(MAX_LISTED).map(|note| note.title().to_owned()).collect())
}

/// The bullet of a note's last line.
fn bullet(note: &Note) -> Option<&'static str> {
    let last = note.text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ["- [ ] ", "- [x] ", "- ", "* ", "+ "].into_iter().find(|bullet| last.starts_with(bullet))
}

fn required<'a>(text: &'a str, world: &World) -> Result<&'a str, AppError> {
    let text = text.trim();
    if text.is_empty() {
        let refusal = world.language.pick("There is nothing to write down.", "Il n’y a rien à noter.");
        return Err(AppError::Refused(refusal.to_owned()));
    }
    Ok(text)
}

/// A new note that begins as a list.
fn begin(title: &str, text: &str, world: &World) -> Change {
    let language = world.language;
    let path = free_path(&world.folders.notes, title);
    let items = if is_name_of_list(title) { items(text) } else { vec![text] };
    let (title, told) = (language.quoted(title), language.listed(&items));
    let lines = items.iter().map(|item| format!("- {item}\n")).collect::<Vec<_>>().concat();
    Change {
        effect: language.pick(
            format!("There is no note {title} yet: starts one with {told}."),
            format!("Il n’y a pas encore de note {title} : en commence une avec {told}."),
        ),
        done: language.pick(
            format!("There was no note {title} yet, so I started one with {told}."),
            format!("Il n’y avait pas encore de note {title} : je l’ai commencée avec {told}."),
        ),
        data: data::items("created", &[note_item(&path)]),
        files: vec![FileChange::create(path, lines)],
    }
}

fn append(note: &Note, text: &str, world: &World) -> Change {
    let language = world.language;
    let line_end = if note.text.contains("\r\n") { "\r\n" } else { "\n" };
    // A list goes on as a list.
    let bullet = bullet(note);
    // One that was emptied begins as a list again.
    let is_empty = note.text[note.head()..].trim().is_empty();
    let bullet = bullet.or_else(|| (is_empty && is_name_of_list(note.title())).then_some("- "));
    let items = if bullet.is_some() { items(text) } else { vec![text] };
    let bullet = bullet.map_or("", |bullet| if bullet == "- [x] " { "- [ ] " } else { bullet });
    let join = if note.text.is_empty() || note.text.ends_with('\n') { "" } else { line_end };
    let lines = items.iter().map(|item| format!("{bullet}{item}{line_end}")).collect::<Vec<_>>().concat();
    let (title, told) = (language.quoted(note.title()), language.listed(&items));
    Change {
        effect: language.pick(format!("Adds {told} to the note {title}."), format!("Ajoute {told} à la note {title}.")),
        done: language
            .pick(format!("Added {told} to the note {title}."), format!("J’ai ajouté {told} à la note {title}.")),
        data: data::items("changed", &[note_item(&note.path)]),
        files: vec![FileChange::edit(note.path.clone(), note.text.clone(), format!("{}{join}{lines}", note.text))],
    }
}
