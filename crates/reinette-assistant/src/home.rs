//! Where a user's things are.

use reinette::data_folder;
use reinette_apps::Folders;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The user's data: the store, and the apps' folders unless they are configured elsewhere.
    pub data: PathBuf,
    /// The apps' folders.
    pub folders: Folders,
}

/// Why a home cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// There is no folder to put it in.
    #[error("there is no home folder: set HOME or XDG_DATA_HOME, or give --home DIR")]
    Nowhere,
    /// It cannot be written.
    #[error("cannot write {}: {source}. Choose another folder with --home DIR.", path.display())]
    Unwritable {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration is not as it should be.
    #[error("{} cannot be used: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// `config.toml` in the home.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    folders: FolderConfig,
}

/// Folders that other programs share, such as khal's calendar.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FolderConfig {
    calendar: Option<PathBuf>,
    reminders: Option<PathBuf>,
    notes: Option<PathBuf>,
}

impl Home {
    /// The home in `home`, or where the desktop's conventions put it; creates its folder.
    ///
    /// Specification: <https://specifications.freedesktop.org/basedir-spec/latest/>.
    ///
    /// # Errors
    /// If there is nowhere to put it, it cannot be written, or its `config.toml` is wrong.
    pub fn open(home: Option<&Path>) -> Result<Self, HomeError> {
        let data = home.map(Path::to_path_buf).or_else(data_folder).ok_or(HomeError::Nowhere)?;
        std::fs::create_dir_all(&data).map_err(|source| HomeError::Unwritable { path: data.clone(), source })?;
        let config = read_config(&data.join("config.toml"))?.folders;
        let inside = Folders::inside(&data);
        let folders = Folders {
            calendar: config.calendar.map_or(inside.calendar, |path| data.join(path)),
            reminders: config.reminders.map_or(inside.reminders, |path| data.join(path)),
            notes: config.notes.map_or(inside.notes, |path| data.join(path)),
            timers: inside.timers,
        };
        Ok(Self { data, folders })
    }
}

fn read_config(path: &Path) -> Result<Config, HomeError> {
    let unusable = |reason: String| HomeError::Config { path: path.to_path_buf(), reason };
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| unusable(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_may_be_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "[folders]\ncalendar = \"/srv/calendar\"\nnotes = \"n\"")
            .unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        assert_eq!(home.folders.calendar, Path::new("/srv/calendar"));
        assert_eq!(home.folders.notes, folder.path().join("n"));
        assert_eq!(home.folders.reminders, folder.path().join("reminders"));
    }

    #[test]
    fn a_wrong_configuration_is_said_and_not_ignored() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "[folders]\ncalender = \"x\"").unwrap();
        let error = Home::open(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("config.toml") && error.contains("calender"), "{error}");
    }

    #[test]
    fn a_home_that_is_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Home::open(Some(&file.join("home"))), Err(HomeError::Unwritable { .. })));
    }
}
