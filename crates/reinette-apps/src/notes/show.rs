//! Shows notes: all of them, or all of one.

use super::folder::{Note, Notes};
use super::list::without_bullet;
use super::note_item;
use super::remove::{rank, with_note};
use super::search;
use crate::across::{self, Thing};
use crate::data::{Item, items};
use crate::matching::{Rank, points, says_only_a_kind};
use crate::sentences::Wording;
use crate::visible::one_line;
use crate::{Answer, AppError, Plan, World};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The most notes that one answer names.
const MAX_SHOWN: usize = 100;

/// The most lines of one note that are shown.
const MAX_LINES: usize = 200;

/// How much of each note is shown beside its title.
const SNIPPET_CHARACTERS: usize = 60;

/// The arguments of `list_notes`: none.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ListNotes {}

/// The arguments of `read_note`.
#[derive(Debug, Serialize, Deserialize, reinette::Generable)]
pub(crate) struct ReadNote {
    /// The note's title.
    #[guide(span)]
    note: String,
}

pub(crate) fn list_notes(_: &ListNotes, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    let notes = Notes::read(&world.folders)?;
    let mut lines: Vec<String> = notes.all.iter().take(MAX_SHOWN).map(entry).collect();
    if lines.is_empty() {
        lines.push(language.pick("No notes.", "Aucune note.").to_owned());
    }
    if notes.all.len() > MAX_SHOWN {
        let more = notes.all.len() - MAX_SHOWN;
        lines.push(language.pick(format!("… and {more} more"), format!("… et {more} autres")));
    }
    let text = lines.join("\n") + &language.broken_files(&notes.broken);
    let shown: Vec<Item> = notes.all.iter().take(MAX_SHOWN).map(|note| note_item(&note.path)).collect();
    Ok(Plan::Answer(Answer { text, data: items("notes", &shown) }))
}

/// Whether a note is meant by its title, rather than by what stands in one: "wifi password".
fn is_title(query: &str, world: &World) -> Result<bool, AppError> {
    let query = query.trim();
    let closest = rank(query, world)?;
    if closest >= Rank::Partly || points(query) || says_only_a_kind(query) {
        return Ok(true);
    }
    Ok(closest == Rank::Near && search(query, world)?.coverage < 1.0)
}

/// A note's title and how it begins.
fn entry(note: &Note) -> String {
    let text = note.text[note.head()..]
        .lines()
        .map(without_bullet)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" · ");
    let mut snippet: String = text.chars().take(SNIPPET_CHARACTERS).collect();
    if snippet.len() < text.len() {
        snippet.push('…');
    }
    let title = one_line(note.title());
    if snippet.is_empty() { title.into_owned() } else { format!("{title}: {}", one_line(&snippet)) }
}

pub(crate) fn read_note(arguments: &ReadNote, world: &World) -> Result<Plan, AppError> {
    let language = world.language;
    if !is_title(&arguments.note, world)? {
        return across::find(Thing::Note, &arguments.note, world);
    }
    with_note(&arguments.note, world, |note| {
        let title = language.quoted(note.title());
        let count = note.text.trim_end().lines().count();
        let mut text = match count {
            0 => language.pick(format!("The note {title} is empty."), format!("La note {title} est vide.")),
            _ => one_line(note.title()).into_owned(),
        };
        for line in note.text.trim_end().lines().take(MAX_LINES) {
            let _ = write!(text, "\n  {}", one_line(line.trim_end()));
        }
        if count > MAX_LINES {
            let more = count - MAX_LINES;
            text.push_str(&language.pick(format!("\n… and {more} more lines"), format!("\n… et {more} autres lignes")));
        }
        Ok(Plan::Answer(Answer { text, data: items("notes", &[note_item(&note.path)]) }))
    })
}
