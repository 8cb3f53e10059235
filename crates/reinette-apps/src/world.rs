//! What the apps stand in: the time, the user's folders, the user's language.

use crate::time::{Clock, Language};
use crate::{FileChange, files};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What an app may know when it plans.
#[derive(Clone, Debug)]
pub struct World {
    /// The time and the time zone.
    pub clock: Clock,
    /// Where the user's things are.
    pub folders: Folders,
    /// The language in which the user is answered.
    pub language: Language,
}

/// Where the user's things are; a folder that does not exist yet is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// A vdir collection of events: one `.ics` file each.
    pub calendar: PathBuf,
    /// A vdir collection of to-dos: one `.ics` file each.
    pub reminders: PathBuf,
    /// Markdown files.
    pub notes: PathBuf,
    /// Timers and alarms: one JSON file each.
    pub timers: PathBuf,
    /// Contents of files as planned changes will leave them; `None` for a file that will not exist.
    planned: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl Folders {
    /// The four folders inside `home`.
    pub fn inside(home: &Path) -> Self {
        Self {
            calendar: home.join("calendar"),
            reminders: home.join("reminders"),
            notes: home.join("notes"),
            timers: home.join("timers"),
            planned: BTreeMap::new(),
        }
    }

    /// The same folders as they will be once `changes` are made: whoever plans with them plans what comes after.
    #[must_use]
    pub fn after(mut self, changes: &[FileChange]) -> Self {
        self.planned.extend(changes.iter().map(|change| (change.path.clone(), change.after.clone())));
        self
    }

    /// The files that are in `folder`, `depth` folders deep below it, and end in `extension`; at most `limit`, sorted.
    pub(crate) fn list(&self, folder: &Path, extension: &str, depth: usize, limit: usize) -> io::Result<Vec<PathBuf>> {
        let mut paths = files::list(folder, extension, depth, limit)?;
        paths.retain(|path| !self.planned.contains_key(path));
        let planned = self.planned.iter().filter(|(path, content)| {
            content.is_some() && path.starts_with(folder) && files::is_listed(path, extension)
        });
        paths.extend(planned.map(|(path, _)| path.clone()));
        paths.sort();
        Ok(paths)
    }

    /// The content of a plain file in `folder`, if it has at most `max_bytes`.
    pub(crate) fn read(&self, folder: &Path, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        match self.planned.get(path) {
            Some(content) => content.clone().ok_or_else(|| io::ErrorKind::NotFound.into()),
            None => files::read(folder, path, max_bytes),
        }
    }
}
