//! What the apps stand in: the time, the user's folders, the user's language.

use crate::files::{Folder, Planned};
use crate::focus::Focus;
use crate::{AppError, FileChange};
use reinette_time::{Clock, Language};
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
    /// What the conversation is about.
    pub focus: Focus,
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
    planned: Planned,
}

impl Folders {
    /// The four folders inside `home`.
    pub fn inside(home: &Path) -> Self {
        Self {
            calendar: home.join("calendar"),
            reminders: home.join("reminders"),
            notes: home.join("notes"),
            timers: home.join("timers"),
            planned: Planned::new(),
        }
    }

    /// The same folders as they will be once `changes` are made: whoever plans with them plans what comes after.
    #[must_use]
    pub fn after(mut self, changes: &[FileChange]) -> Self {
        self.planned.extend(changes.iter().map(|change| (change.path.clone(), change.after.clone())));
        self
    }

    /// One of the folders as it will be once what is planned is done, or `None` when it does not exist.
    pub(crate) fn open(&self, folder: &Path) -> Result<Option<Folder>, AppError> {
        Folder::open(folder, &self.planned)
    }
}
