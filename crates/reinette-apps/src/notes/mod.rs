//! Notes: Markdown files, each named after its title.

mod create;
mod find;
mod folder;
mod list;
mod remove;
mod rename;
mod show;
mod tick;

use crate::data::Item;
use std::path::Path;

pub(crate) use create::{append_note, create_note, lists, remember};
pub(crate) use find::{find_note, search};
pub(crate) use remove::{clear_note, delete_note, delete_titled, rank, recency, remove_from_note};
pub(crate) use rename::rename_note;
pub(crate) use show::{list_notes, read_note};
pub(crate) use tick::tick_in_note;

/// What programs are told of a note.
fn note_item(path: &Path) -> Item {
    let item = Item::in_file("note", path);
    Item { title: Some(item.id.clone()), ..item }
}

#[cfg(test)]
mod tests;
