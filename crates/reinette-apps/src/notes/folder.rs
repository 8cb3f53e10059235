//! The folder of notes, and the names of files in it.

use crate::AppError;
use crate::files::{Fault, Folder, Unread, is_hidden};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A larger file is no note that somebody wrote.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// More notes than this are not read.
const MAX_FILES: usize = 100_000;

/// Folders in folders are followed this far.
const MAX_DEPTH: usize = 8;

/// The title has at most so many words, and the file name so many bytes (file systems allow 255).
const MAX_TITLE_WORDS: usize = 6;
const MAX_NAME_BYTES: usize = 120;

/// Names that Windows reserves, with which notes could not be synchronised.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul"];

/// A note.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Note {
    /// The file's name without `.md`.
    pub(super) fn title(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }
}

/// What the folder of notes holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) all: Vec<Note>,
    /// The files and folders that could not be read.
    pub(super) broken: Vec<Unread>,
}

impl Notes {
    /// Reads the folder and those in it; one that does not exist is empty. Hidden files and symbolic links to folders
    /// are not followed.
    pub(super) fn read(folder: &Path) -> Result<Self, AppError> {
        let mut notes = Self::default();
        let Some(root) = Folder::open(folder)? else { return Ok(notes) };
        notes.read_folder(&root, folder, 0).map_err(|source| AppError::Read { path: folder.to_owned(), source })?;
        notes.all.sort_by(|a, b| a.path.cmp(&b.path));
        // A link to a note beside it is the same note.
        notes.all.dedup_by(|a, b| a.path == b.path);
        Ok(notes)
    }

    fn read_folder(&mut self, root: &Folder, folder: &Path, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if is_hidden(&path) || self.all.len() >= MAX_FILES {
                continue;
            }
            let is_folder = entry.file_type()?.is_dir();
            let read = if is_folder && depth < MAX_DEPTH {
                // One folder that cannot be read does not hide the others.
                self.read_folder(root, &path, depth + 1).map_err(|_| Fault::Access)
            } else if !is_folder && path.extension().is_some_and(|extension| extension == "md") {
                self.read_note(root, &path)
            } else {
                Ok(())
            };
            self.broken.extend(read.err().map(|fault| Unread::new(&path, fault)));
        }
        Ok(())
    }

    fn read_note(&mut self, root: &Folder, path: &Path) -> Result<(), Fault> {
        let file = root.read(path, MAX_FILE_BYTES)?;
        let text = String::from_utf8(file.content).map_err(|_| Fault::Encoding)?;
        self.all.push(Note { path: file.path, text });
        Ok(())
    }
}

/// The title of a text: the first words of its first line that has any, as far as a mark that ends a clause.
pub(super) fn title_of(text: &str) -> String {
    let line = text.lines().map(|line| line.trim_start_matches(['#', '-', '*', ' '])).find(|line| !line.is_empty());
    let mut title: Vec<&str> = Vec::new();
    for word in line.unwrap_or_default().split_whitespace().take(MAX_TITLE_WORDS) {
        let bare = word.trim_end_matches([',', ';', ':', '.', '!', '?']);
        title.push(bare);
        if bare != word {
            break;
        }
    }
    title.join(" ").trim().to_owned()
}

/// A path in `folder` for a note with this title: a plain file name that no note has yet.
pub(super) fn free_path(folder: &Path, title: &str) -> PathBuf {
    let name = file_name(title);
    let numbered = (2_u32..).map(|number| format!("{name} {number}.md"));
    std::iter::once(format!("{name}.md"))
        .chain(numbered)
        .map(|name| folder.join(name))
        .find(|path| fs::symlink_metadata(path).is_err())
        .unwrap_or_else(|| folder.join(format!("{}.md", uuid::Uuid::new_v4())))
}

/// A title as a file name: without what a path or another system's file names give a meaning.
fn file_name(title: &str) -> String {
    let plain: String =
        title.chars().map(|c| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { ' ' } else { c }).collect();
    let mut name = String::new();
    for word in plain.split_whitespace() {
        if name.len() + word.len() >= MAX_NAME_BYTES {
            break;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
    }
    if name.is_empty() {
        // One long word.
        name = plain.trim().chars().take(MAX_NAME_BYTES / 4).collect();
    }
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() || RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return format!("Note {name}").trim_end().to_owned();
    }
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_title_gives_a_file_directly_in_the_folder(title in ".{0,300}") {
            let path = free_path(Path::new("notes"), &title);
            prop_assert_eq!(path.parent(), Some(Path::new("notes")));
            let name = path.file_name().unwrap().to_str().unwrap();
            prop_assert!(name.len() <= 255 && path.extension().unwrap() == "md" && !name.starts_with('.'));
        }
    }

    #[test]
    fn a_title_is_the_first_words() {
        assert_eq!(title_of("Wifi: 42, at home"), "Wifi");
        assert_eq!(title_of("# Wifi\n\npassword"), "Wifi");
        assert_eq!(title_of("\n- one two three four five six seven"), "one two three four five six");
        assert_eq!(file_name("../../etc/passwd"), "Etc passwd");
        assert_eq!(file_name("Étagère : 3×2"), "Étagère 3×2");
        assert_eq!(file_name("nul"), "Note nul");
    }
}
