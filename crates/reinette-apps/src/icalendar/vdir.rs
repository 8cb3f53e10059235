//! Reads a vdir folder.

use super::component::{Component, Kind};
use super::edit::{ComponentPath, Editor, unfolded};
use super::rule::Effort;
use super::series::Series;
use super::zones::{ZoneCache, Zones};
use crate::files::{Fault, Limits, ReadFile, Unread};
use crate::{AppError, FileChange, Folders};
use calcard::icalendar::ICalendar;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// A larger file is left alone: an event with some pictures attached has a few megabytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// More files than this are not read: ten times the largest calendars that people report.
const MAX_FILES: usize = 100_000;

/// A file with more entries than this is no file of a vdir, and not even the export of a busy life.
const MAX_COMPONENTS: usize = 20_000;

/// What all files of a folder may have together: some thousands with pictures.
const MAX_TOTAL_BYTES: u64 = 256 << 20;

/// A file of a vdir folder.
#[derive(Clone, Debug)]
pub(crate) struct VdirFile {
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
    pub(crate) components: Vec<Component>,
    /// Where the user is.
    pub(crate) local: TimeZone,
    /// What may still be spent on its rules.
    pub(crate) effort: Effort,
}

/// What a vdir folder holds, of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vdir {
    pub(crate) files: Vec<VdirFile>,
    /// The files that could not be read, to be told to the user.
    pub(crate) broken: Vec<Unread>,
}

impl Vdir {
    /// Reads one of the folders; one that does not exist is empty.
    pub(crate) fn read(folders: &Folders, folder: &Path, kind: Kind, local: &TimeZone) -> Result<Self, AppError> {
        let Some(folder) = folders.open(folder)? else { return Ok(Self::default()) };
        let mut files = Vec::new();
        let cache = ZoneCache::default();
        let mut left = MAX_TOTAL_BYTES;
        let broken = folder.read_all("ics", Limits { bytes: MAX_FILE_BYTES, files: MAX_FILES, depth: 0 }, |file| {
            left = left.checked_sub(file.content.len() as u64).ok_or(Fault::Size(MAX_TOTAL_BYTES))?;
            let file = parse(file, kind, local, &cache)?;
            files.extend((!file.components.is_empty()).then_some(file));
            Ok(())
        })?;
        Ok(Self { files, broken })
    }

    /// Every series of every file.
    pub(crate) fn series(&self) -> impl Iterator<Item = Series<'_>> {
        self.files.iter().flat_map(Series::of_file)
    }
}

impl VdirFile {
    /// Whether the file holds more than components of this kind and the zones that they need.
    pub(crate) fn has_other_kinds(&self, kind: Kind) -> bool {
        let editor = Editor::new(&self.content);
        let others = ["VEVENT", "VTODO", "VJOURNAL"].into_iter().filter(|name| *name != kind.name());
        others.into_iter().any(|name| editor.count(name) != Some(0))
    }

    /// The file without the components at `indices`; no file when nothing else is in it.
    pub(crate) fn without(&self, kind: Kind, indices: &[usize]) -> FileChange {
        self.without_in(Editor::new(&self.content), kind, indices)
    }

    /// The same, as an editor has it that has moved no component.
    pub(crate) fn without_in(&self, mut editor: Editor, kind: Kind, indices: &[usize]) -> FileChange {
        if indices.len() == self.components.len() && !self.has_other_kinds(kind) {
            return FileChange::remove(self.path.clone(), self.content.clone());
        }
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        // From the last on, so that the places of those before stay.
        for index in indices.into_iter().rev() {
            editor.delete(ComponentPath { kind: kind.name(), index });
        }
        self.edited(editor)
    }

    /// The change to what an editor made of the file.
    pub(crate) fn edited(&self, editor: Editor) -> FileChange {
        FileChange::edit(self.path.clone(), self.content.clone(), editor.into_content())
    }
}

fn parse(file: ReadFile, kind: Kind, local: &TimeZone, cache: &ZoneCache) -> Result<VdirFile, Fault> {
    let ReadFile { path, content } = file;
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::Encoding);
    }
    // A reader that tolerates everything calls a truncated file whole: what is cut off must not be edited.
    let editor = Editor::new(&content);
    let count = editor.count(kind.name()).ok_or(Fault::Content)?;
    if editor.count("VCALENDAR") != Some(1) || count > MAX_COMPONENTS {
        return Err(Fault::Content);
    }
    let calendar = ICalendar::parse(unfolded(&content)).map_err(|_| Fault::Content)?;
    let components = Component::read_all(&calendar, kind, &Zones::new(&calendar, local, cache));
    let usable = kind == Kind::ToDo || components.iter().all(|component| component.start.is_some());
    if components.len() != count || !usable {
        return Err(Fault::Content);
    }
    Ok(VdirFile { path, content, components, local: local.clone(), effort: Effort::default() })
}
