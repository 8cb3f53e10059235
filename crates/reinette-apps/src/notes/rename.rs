//! Renames notes.

use super::folder::{Note, Notes, file_name};
use super::list::is_heading;
use super::note_item;
use crate::data::{Item, items};
use crate::focus::{self, Closeness};
use crate::matching::words;
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{AppError, Change, FileChange, Plan, World};
use serde::{Deserialize, Serialize};
use std::fs;

/// The arguments of `rename_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct RenameNote {
    /// The note's title.
    #[guide(span)]
    note: String,
    /// What it shall be called.
    #[guide(span)]
    new_title: String,
}

pub(crate) fn rename_note(arguments: &RenameNote, world: &World) -> Result<Plan, AppError> {
    let title = arguments.note.trim();
    let notes = Notes::read(&world.folders)?;
    let found = focus::find(title, notes.all.clone(), Closeness::Near, world);
    let label = |note: &Note| one_line(note.title()).into_owned();
    let plan = |note: Note| rename(&note, arguments.new_title.trim(), &notes, world).map(Plan::Change);
    world.language.plan_for(title, found, label, plan)
}

/// Gives a note another file name, and its heading the new title if that was its name.
fn rename(note: &Note, new: &str, notes: &Notes, world: &World) -> Result<Change, AppError> {
    let language = world.language;
    language.renamed(note.title(), new)?;
    let path = note.path.with_file_name(format!("{}.md", file_name(new)));
    let renamed = Note { path: path.clone(), text: with_heading(note, new) };
    let (effect, done) = language.renamed(note.title(), renamed.title())?;
    if notes.all.iter().any(|other| other.path == path) || fs::symlink_metadata(&path).is_ok() {
        let title = language.quoted(renamed.title());
        return Err(AppError::Refused(language.pick(
            format!("There is a note {title} already, which is not overwritten; say another title."),
            format!("Il y a déjà une note {title}, qui n’est pas écrasée ; dites un autre titre."),
        )));
    }
    let item = Item { renamed_from: Some(note.title().to_owned()), ..note_item(&path) };
    let files = vec![FileChange::create(path, renamed.text), FileChange::remove(note.path.clone(), note.text.clone())];
    Ok(Change { effect, done, data: items("changed", &[item]), files })
}

/// The text of a note, whose heading has another title if it was the old one.
fn with_heading(note: &Note, new: &str) -> String {
    let head = note.head();
    let mut at = 0;
    for line in note.text[..head].split_inclusive('\n') {
        let text = line.trim_start_matches('#').trim();
        if is_heading(line) {
            if words(text) != words(note.title()) {
                break;
            }
            let start = at + line.find(text).unwrap_or(0);
            return [&note.text[..start], new, &note.text[start + text.len()..]].concat();
        }
        at += line.len();
    }
    note.text.clone()
}
