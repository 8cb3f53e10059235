//! Reads a vdir folder.

use super::component::{Component, Kind};
use super::edit::{ComponentPath, Editor};
use super::series::Series;
use crate::{AppError, FileChange, Folders};
use calcard::icalendar::ICalendar;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// A larger file is left alone: an event with some pictures attached has a few megabytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// More files than this are not read: ten times the largest calendars that people report.
const MAX_FILES: usize = 100_000;

/// A file of a vdir folder.
#[derive(Clone, Debug)]
pub(crate) struct VdirFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) components: Vec<Component>,
}

/// What a vdir folder holds, of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vdir {
    pub(crate) files: Vec<VdirFile>,
    /// The names of the files that could not be read, to be told to the user.
    pub(crate) broken: Vec<String>,
}

impl Vdir {
    /// Reads one of the folders; one that does not exist is empty.
    pub(crate) fn read(folders: &Folders, folder: &Path, kind: Kind, local: &TimeZone) -> Result<Self, AppError> {
        let read_error = |source| AppError::Read { path: folder.to_owned(), source };
        let paths = folders.list(folder, "ics", 0, MAX_FILES).map_err(read_error)?;
        let mut vdir = Self::default();
        for path in paths {
            let content = folders.read(folder, &path, MAX_FILE_BYTES).ok();
            match content.and_then(|content| parse(&path, content, kind, local)) {
                Some(file) if file.components.is_empty() => {}
                Some(file) => vdir.files.push(file),
                None => vdir.broken.extend(path.file_name().map(|name| name.to_string_lossy().into_owned())),
            }
        }
        Ok(vdir)
    }

    /// Every series of every file.
    pub(crate) fn series(&self) -> impl Iterator<Item = Series<'_>> {
        self.files.iter().flat_map(Series::of_file)
    }
}

impl VdirFile {
    /// Whether the file holds more than components of this kind and the zones that they need.
    pub(crate) fn has_other_kinds(&self, kind: Kind) -> bool {
        let editor = Editor::new(&self.text);
        let others = ["VEVENT", "VTODO", "VJOURNAL"].into_iter().filter(|name| *name != kind.name());
        others.into_iter().any(|name| editor.count(name) != Some(0))
    }

    /// The file without the components at `indices`; no file when nothing else is in it.
    pub(crate) fn without(&self, kind: Kind, indices: &[usize]) -> FileChange {
        if indices.len() == self.components.len() && !self.has_other_kinds(kind) {
            return FileChange::remove(self.path.clone(), self.text.clone());
        }
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        let mut editor = Editor::new(&self.text);
        // From the last on, so that the places of those before stay.
        for index in indices.into_iter().rev() {
            editor.delete(ComponentPath { kind: kind.name(), index });
        }
        self.edited(editor)
    }

    /// The change to what an editor made of the file.
    pub(crate) fn edited(&self, editor: Editor) -> FileChange {
        FileChange::edit(self.path.clone(), self.text.clone(), editor.into_text())
    }
}

/// Reads the content of a file; `None` when it is broken.
fn parse(path: &Path, content: Vec<u8>, kind: Kind, local: &TimeZone) -> Option<VdirFile> {
    let text = String::from_utf8(content).ok()?;
    let calendar = ICalendar::parse(&text).ok()?;
    let components = Component::read_all(&calendar, kind, local);
    // A reader that tolerates everything calls a truncated file whole: what is cut off must not be edited.
    let editor = Editor::new(&text);
    let is_whole = editor.count("VCALENDAR") == Some(1) && editor.count(kind.name()) == Some(components.len());
    let usable = kind == Kind::ToDo || components.iter().all(|component| component.start.is_some());
    (is_whole && usable).then(|| VdirFile { path: path.to_owned(), text, components })
}
