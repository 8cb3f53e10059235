//! Changes to files that can be shown before, made atomically, and taken back after.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How the names of unfinished files begin and end; readers skip them.
const TEMPORARY_PREFIX: &str = ".reinette-";
const TEMPORARY_SUFFIX: &str = ".tmp";

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
        replace(&self.path, self.before.as_deref(), self.after.as_deref())
    }

    /// Takes the change back.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] when the file is not as the change left it; [`ChangeError::Io`].
    pub fn revert(&self) -> Result<(), ChangeError> {
        replace(&self.path, self.after.as_deref(), self.before.as_deref())
    }
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

/// Replaces the content of `path`, which must be `expected`, by `wanted`.
fn replace(path: &Path, expected: Option<&[u8]>, wanted: Option<&[u8]>) -> Result<(), ChangeError> {
    let target = behind_links(path);
    if read_if_exists(&target)?.as_deref() != expected {
        return Err(ChangeError::Conflict { path: path.to_owned() });
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    match wanted {
        Some(content) => write(&target, folder, content, expected.is_some())?,
        None if expected.is_some() => fs::remove_file(&target).map_err(failed("delete", &target))?,
        None => return Ok(()),
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("save the folder", folder))
}

/// The file behind a symbolic link is what other programs share: the link stays.
fn behind_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn write(target: &Path, folder: &Path, content: &[u8], replaces: bool) -> Result<(), ChangeError> {
    fs::create_dir_all(folder).map_err(failed("create the folder", folder))?;
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .suffix(TEMPORARY_SUFFIX)
        .tempfile_in(folder)
        .map_err(failed("write in", folder))?;
    if let Ok(metadata) = fs::metadata(target) {
        fs::set_permissions(file.path(), metadata.permissions()).map_err(failed("write", target))?;
    }
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed("write", target))?;
    if replaces {
        return file.persist(target).map(drop).map_err(|error| failed("write", target)(error.error));
    }
    file.persist_noclobber(target).map(drop).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => ChangeError::Conflict { path: target.to_owned() },
        _ => failed("write", target)(error.error),
    })
}

fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>, ChangeError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChangeError {
    move |source| ChangeError::Io { action, path: path.to_owned(), source }
}

/// Takes back whatever of `changes` was made by a process that died, the last one first, and deletes what it left
/// unfinished. What it did not reach, or what somebody else changed since, stays. To be called while nobody writes.
pub fn take_back(changes: &[FileChange]) {
    for change in changes.iter().rev() {
        // Anything but a file as the change left it is an error of a revert, and to be left alone.
        drop(change.revert());
        if let Some(folder) = behind_links(&change.path).parent() {
            remove_temporary_files(folder, Duration::ZERO);
        }
    }
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
