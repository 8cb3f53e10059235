//! Where journaled files are: paths in the folders of a home, so that the journal of a copied home is the copy's.

use crate::home::Home;
use serde::Serialize;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A folder that journaled paths begin in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The folder of events.
    Calendar,
    /// The folder of reminders.
    Reminders,
    /// The folder of notes.
    Notes,
    /// The folder of timers and alarms.
    Timers,
    /// The home itself.
    Home,
    /// No folder of this home: the path is absolute, and nothing is changed there.
    Elsewhere,
}

impl Place {
    const ALL: [Self; 6] = [Self::Calendar, Self::Reminders, Self::Notes, Self::Timers, Self::Home, Self::Elsewhere];

    /// The name that the database has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Reminders => "reminders",
            Self::Notes => "notes",
            Self::Timers => "timers",
            Self::Home => "home",
            Self::Elsewhere => "elsewhere",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }

    /// Its folder; `None` for [`Place::Elsewhere`].
    pub(crate) fn folder(self, home: &Home) -> Option<&Path> {
        match self {
            Self::Calendar => Some(&home.folders.calendar),
            Self::Reminders => Some(&home.folders.reminders),
            Self::Notes => Some(&home.folders.notes),
            Self::Timers => Some(&home.folders.timers),
            Self::Home => Some(&home.data),
            Self::Elsewhere => None,
        }
    }
}

/// A file's place, and its path from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located {
    /// The folder that the path begins in.
    pub folder: Place,
    /// The path from there; absolute for [`Place::Elsewhere`].
    pub path: PathBuf,
}

impl Located {
    /// Finds the innermost folder of the home that `path` lies in.
    pub(crate) fn of(path: &Path, home: &Home) -> Self {
        let within = |place: &Place| {
            let folder = place.folder(home)?;
            let rest = path.strip_prefix(folder).ok().filter(|rest| is_plain(rest))?;
            Some((folder.components().count(), Self { folder: *place, path: rest.to_owned() }))
        };
        let innermost = Place::ALL.iter().filter_map(within).max_by_key(|(depth, _)| *depth);
        innermost.map_or_else(|| Self { folder: Place::Elsewhere, path: path.to_owned() }, |(_, located)| located)
    }

    /// Where it is in this home; `None` if the path leads out of its folder.
    pub(crate) fn absolute(&self, home: &Home) -> Option<PathBuf> {
        match self.folder.folder(home) {
            Some(folder) => is_plain(&self.path).then(|| folder.join(&self.path)),
            None => Some(self.path.clone()),
        }
    }

    /// Whether the file, links in its path followed, lies in its folder.
    pub(crate) fn is_inside(&self, home: &Home) -> io::Result<bool> {
        let (Some(folder), Some(path)) = (self.folder.folder(home), self.absolute(home)) else { return Ok(false) };
        if !folder.try_exists()? {
            return Ok(true);
        }
        let folder = fs::canonicalize(folder)?;
        // Folders that do not exist yet will be made, and are no links.
        for parent in path.ancestors().skip(1) {
            if parent.try_exists()? {
                return Ok(fs::canonicalize(parent)?.starts_with(folder));
            }
        }
        Ok(false)
    }
}

/// Whether a path goes down only.
fn is_plain(path: &Path) -> bool {
    let mut components = path.components().peekable();
    components.peek().is_some() && components.all(|component| matches!(component, Component::Normal(_)))
}

/// A path as the database keeps it.
pub(crate) fn to_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// A path that the database keeps; `None` if this system has no such paths.
#[cfg_attr(unix, expect(clippy::unnecessary_wraps, reason = "here any bytes are a path"))]
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    return Some(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).into());
    #[cfg(not(unix))]
    return std::str::from_utf8(bytes).ok().map(|path| OsStr::new(path).into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_the_innermost_folder_and_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home::open(Some(folder.path())).unwrap();
        home.folders.notes = home.folders.calendar.join("notes");
        let at = |path: &str| Located::of(&home.data.join(path), &home);
        assert_eq!(at("calendar/a.ics"), Located { folder: Place::Calendar, path: "a.ics".into() });
        assert_eq!(at("calendar/notes/b/c.md"), Located { folder: Place::Notes, path: "b/c.md".into() });
        assert_eq!(at("other"), Located { folder: Place::Home, path: "other".into() });
        assert_eq!(at("../other").folder, Place::Elsewhere);
        assert_eq!(at("notes/../../other").folder, Place::Elsewhere);
        assert_eq!(Located { folder: Place::Notes, path: "../x".into() }.absolute(&home), None);
        assert_eq!(Located { folder: Place::Notes, path: "/etc/x".into() }.absolute(&home), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_another_folder_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(&folder.path().join("home"))).unwrap();
        fs::create_dir_all(&home.folders.notes).unwrap();
        std::os::unix::fs::symlink(folder.path(), home.folders.notes.join("out")).unwrap();
        let inside = |path: &str| Located { folder: Place::Notes, path: path.into() }.is_inside(&home).unwrap();
        assert!(inside("a.md") && inside("new/folder/a.md") && !inside("out/a.md") && !inside("out/new/a.md"));
    }
}
