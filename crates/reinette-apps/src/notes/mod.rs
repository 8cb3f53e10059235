//! Notes: Markdown files, each named after its title.

mod create;
mod find;
mod folder;
mod list;

pub(crate) use create::{append_note, create_note};
pub(crate) use find::find_note;

#[cfg(test)]
mod tests;
