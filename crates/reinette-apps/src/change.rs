//! Changes to files that can be shown before, made atomically, and taken back after.

mod exchange;

use crate::files;
use exchange::{exchange, folder_of, holds, replace, restore, target};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How the names of unfinished files begin and end; readers skip them.
const TEMPORARY_PREFIX: &str = ".reinette-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// No app writes a larger file.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// One file before and after; `None` is a file that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Which file.
    pub path: PathBuf,
    /// What the file held when the change was planned.
    pub before: Option<Vec<u8>>,
    /// What it shall hold.
    pub after: Option<Vec<u8>>,
}

/// Why a file could not be changed, and what to do about it. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Somebody else changed the file after the change was planned.
    #[error("{} was changed by another program in the meantime and is left as it is", path.display())]
    Conflict {
        /// Which file.
        path: PathBuf,
    },
    /// The path names something other than a plain file in its folder.
    #[error("{} is left as it is: {reason}", path.display())]
    NotPlain {
        /// Which file.
        path: PathBuf,
        /// Why it is refused.
        reason: String,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}. {}", path.display(), hint(source))]
    Io {
        /// What was tried, an infinitive.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What the user can do about an error of the system.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "Check who owns the folder, or choose another one.",
        io::ErrorKind::ReadOnlyFilesystem => "The disk is read-only: choose a folder on another one.",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "The disk is full: make room and try again.",
        io::ErrorKind::NotADirectory => "A part of its path is a file: move that file or choose another folder.",
        _ => "Nothing was changed.",
    }
}

impl ChangeError {
    /// Whether the file is not what the change is about, so that trying again changes nothing.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::NotPlain { .. })
    }
}

impl FileChange {
    /// A file that comes to be.
    pub fn create(path: PathBuf, content: impl Into<Vec<u8>>) -> Self {
        Self { path, before: None, after: Some(content.into()) }
    }

    /// A file whose content changes.
    pub fn edit(path: PathBuf, before: impl Into<Vec<u8>>, after: impl Into<Vec<u8>>) -> Self {
        Self { path, before: Some(before.into()), after: Some(after.into()) }
    }

    /// A file that goes.
    pub fn remove(path: PathBuf, content: impl Into<Vec<u8>>) -> Self {
        Self { path, before: Some(content.into()), after: None }
    }

    /// Makes the change: whoever reads the file sees all of it or nothing of it, even if the power fails.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] when the file is not as it was when the change was planned; [`ChangeError::Io`].
    pub fn apply(&self) -> Result<(), ChangeError> {
        replace(&self.path, self.before.as_deref(), self.after.as_deref(), exchange)
    }

    /// Takes the change back.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] when the file is not as the change left it; [`ChangeError::Io`].
    pub fn revert(&self) -> Result<(), ChangeError> {
        replace(&self.path, self.after.as_deref(), self.before.as_deref(), exchange)
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { path: self.path, before: self.after, after: self.before }
    }

    /// Whether the file is as it was when the change was planned.
    ///
    /// # Errors
    /// [`ChangeError::NotPlain`], [`ChangeError::Io`].
    pub fn can_be_made(&self) -> Result<bool, ChangeError> {
        let target = target(&self.path)?;
        holds(&target, self.before.as_deref()).map_err(failed("read", &target))
    }

    /// Whether the file is as the change leaves it.
    pub fn is_made(&self) -> bool {
        target(&self.path).is_ok_and(|target| holds(&target, self.after.as_deref()).unwrap_or(false))
    }

    /// The file's present content; `None` if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read or is far larger than what apps write.
    pub fn content(&self) -> io::Result<Option<Vec<u8>>> {
        match files::read(folder_of(&self.path), &self.path, MAX_FILE_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            content => content.map(Some),
        }
    }
}

/// Changes one after the other as changes at once: one a file, none that changes nothing. Changes of a file that do not
/// follow from each other stay apart, and so will not be made.
pub fn combine(changes: impl IntoIterator<Item = FileChange>) -> Vec<FileChange> {
    let mut combined: Vec<FileChange> = Vec::new();
    for change in changes {
        let same_file = combined.iter_mut().rev().find(|earlier| earlier.path == change.path);
        match same_file.filter(|earlier| earlier.after == change.before) {
            Some(earlier) => earlier.after = change.after,
            None => combined.push(change),
        }
    }
    combined.retain(|change| change.before != change.after);
    combined
}

/// Makes all of `changes` or none of them.
///
/// # Errors
/// Those of [`FileChange::apply`]; the changes already made were taken back.
pub fn apply_all(changes: &[FileChange]) -> Result<(), ChangeError> {
    in_order(changes.iter(), FileChange::apply, FileChange::revert)
}

/// Takes back all of `changes`, the last one first, or none of them.
///
/// # Errors
/// Those of [`FileChange::revert`]; the changes already taken back were made again.
pub fn revert_all(changes: &[FileChange]) -> Result<(), ChangeError> {
    in_order(changes.iter().rev(), FileChange::revert, FileChange::apply)
}

fn in_order<'a>(
    changes: impl Iterator<Item = &'a FileChange>,
    step: fn(&FileChange) -> Result<(), ChangeError>,
    back: fn(&FileChange) -> Result<(), ChangeError>,
) -> Result<(), ChangeError> {
    let mut made = Vec::new();
    for change in changes {
        if let Err(error) = step(change) {
            // The first error is what the user must hear; a file that cannot be put back was changed by somebody else.
            for change in made.into_iter().rev() {
                drop(back(change));
            }
            return Err(error);
        }
        made.push(change);
    }
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChangeError {
    move |source| ChangeError::Io { action, path: path.to_owned(), source }
}

/// Takes back whatever of `changes` was made by a process that died, the last one first, and what it left unfinished. What
/// it did not reach, or what another program changed since, stays. To be called while no other process makes changes.
///
/// # Errors
/// The first [`ChangeError::Io`]; all that could be taken back was.
pub fn take_back(changes: &[FileChange]) -> Result<(), ChangeError> {
    let mut first_error = Ok(());
    for change in changes.iter().rev() {
        let taken_back = take_back_one(change);
        // Anything but a file as the change left it is to be left alone.
        if taken_back.as_ref().is_err_and(|error| !error.is_conflict()) {
            first_error = first_error.and(taken_back);
        }
    }
    first_error
}

fn take_back_one(change: &FileChange) -> Result<(), ChangeError> {
    let target = target(&change.path)?;
    restore(&target, change.before.as_deref(), change.after.as_deref(), exchange)?;
    remove_temporary_files(folder_of(&target), Duration::ZERO);
    change.revert()
}

/// Deletes files in `folder` that a killed process left unfinished, at least `age` ago; returns how many they were. A
/// folder that cannot be read has none.
pub fn remove_temporary_files(folder: &Path, age: Duration) -> usize {
    let is_left = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|n| n.starts_with(TEMPORARY_PREFIX) && n.ends_with(TEMPORARY_SUFFIX));
        let modified = || entry.metadata().ok()?.modified().ok();
        // A time in the future has an age of nothing.
        let found = || Some(SystemTime::now().duration_since(modified()?).unwrap_or_default());
        ours && found().is_some_and(|found| found >= age)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(is_left).filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
}

#[cfg(test)]
mod tests;
