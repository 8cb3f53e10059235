//! Where a user's things are.

use reinette::data_folder;
use reinette_apps::{Folders, open_plain};
use reinette_mcp::McpConfig;
use serde::Deserialize;
use std::fs;
use std::io::{self, Read};
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
        source: io::Error,
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
    mcp: McpConfig,
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
        let unwritable = |source| HomeError::Unwritable { path: data.clone(), source };
        let data = std::path::absolute(&data).map_err(unwritable)?;
        make_private_folder(&data).map_err(unwritable)?;
        let config = read_config(&data.join(CONFIG))?.folders;
        let mut folders = Folders::inside(&data);
        let configured = [
            (&mut folders.calendar, config.calendar),
            (&mut folders.reminders, config.reminders),
            (&mut folders.notes, config.notes),
        ];
        for (folder, configured) in configured {
            if let Some(path) = configured {
                *folder = data.join(path);
            }
        }
        repair_modes(&data, &folders);
        Ok(Self { data, folders })
    }

    /// Where the configuration stands, whether there is one or not.
    pub fn config_path(&self) -> PathBuf {
        self.data.join(CONFIG)
    }

    /// The servers of other programs, as the configuration names them now.
    ///
    /// # Errors
    /// If `config.toml` is wrong.
    pub fn mcp(&self) -> Result<McpConfig, HomeError> {
        Ok(read_config(&self.config_path())?.mcp)
    }
}

/// The configuration's file in a home.
const CONFIG: &str = "config.toml";

/// The program's own files in a home, and its own folders.
const OWN_FILES: [&str; 7] = [
    "store.sqlite",
    "store.sqlite-wal",
    "store.sqlite-shm",
    "journal.lock",
    "daemon.lock",
    "config.toml",
    "chat_history.txt",
];
const OWN_FOLDERS: [&str; 3] = ["cache", "cache/prefixes", "cache/packed"];

/// Makes a folder that only its owner may enter, in folders with the usual modes.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

/// Takes from everybody but the owner what a former version, or a copy, let them read: in the home's folder, the program's
/// own files, the apps' folders that are in it, and the cache with its files. A folder that other programs share keeps
/// its mode, and so does a home that is everybody's or another user's, such as `/tmp`. Where the system refuses, nothing
/// can be done.
#[cfg(unix)]
fn repair_modes(data: &Path, folders: &Folders) {
    const STICKY: u32 = 0o1000;
    let Ok(data) = fs::canonicalize(data) else { return };
    let Ok(home) = fs::metadata(&data) else { return };
    // A folder that holds other things and becomes a home now keeps the mode that the user gave it.
    let is_empty = || fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_none());
    if mode(&home) & STICKY == 0 && (data.join("store.sqlite").exists() || is_empty()) {
        make_private(&data);
    }
    for name in OWN_FILES {
        make_private(&data.join(name));
    }
    for name in OWN_FOLDERS {
        let folder = data.join(name);
        make_private(&folder);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            make_private(&entry.path());
        }
    }
    let apps = [&folders.calendar, &folders.reminders, &folders.notes, &folders.timers];
    let is_inside = |folder: &Path| fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with(&data));
    apps.into_iter().filter(|folder| is_inside(folder)).for_each(|folder| make_private(folder));
}

#[cfg(not(unix))]
fn repair_modes(_: &Path, _: &Folders) {}

/// Takes everybody's rights but the owner's from a plain file or a folder.
#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = fs::symlink_metadata(path) else { return };
    if (found.is_file() || found.is_dir()) && mode(&found) & 0o077 != 0 {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode(&found) & 0o700));
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
}

/// Reads the configuration, which may stand behind a link of the user's, but is no pipe to be waited for.
fn read_plain_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_plain(&fs::canonicalize(path)?)?.take(MAX_CONFIG_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn read_config(path: &Path) -> Result<Config, HomeError> {
    let unusable = |reason: String| HomeError::Config { path: path.to_path_buf(), reason };
    match read_plain_file(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| unusable(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// A configuration is far shorter.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

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
    fn servers_are_configured_beside_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        assert!(home.mcp().unwrap().servers.is_empty());
        std::fs::write(
            home.config_path(),
            "[folders]\nnotes = \"n\"\n[mcp.servers.a]\nurl = \"https://a.example/mcp\"\n",
        )
        .unwrap();
        assert_eq!(home.mcp().unwrap().servers.len(), 1);
        std::fs::write(home.config_path(), "[mcp.servers.a]\nuri = \"https://a.example/mcp\"\n").unwrap();
        assert!(home.mcp().unwrap_err().to_string().contains("uri"));
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

    #[cfg(unix)]
    #[test]
    fn a_home_is_the_users_alone_whatever_it_was() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("home");
        let shared = folder.path().join("shared");
        let open_to_all = |path: &Path, is_folder: bool| {
            if is_folder {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::write(path, "").unwrap();
            }
            fs::set_permissions(path, fs::Permissions::from_mode(if is_folder { 0o755 } else { 0o644 })).unwrap();
        };
        let folders = ["", "notes", "cache", "cache/prefixes"].map(|name| data.join(name));
        let files = ["store.sqlite", "store.sqlite-wal", "journal.lock", "chat_history.txt", "cache/prefixes/a.kv"];
        let files = files.map(|name| data.join(name));
        for (paths, is_folder) in [(&folders[..], true), (&files[..], false)] {
            for path in paths {
                open_to_all(path, is_folder);
            }
        }
        open_to_all(&shared, true);
        fs::write(data.join("config.toml"), "[folders]\ncalendar = \"../shared\"").unwrap();

        Home::open(Some(&data)).unwrap();
        let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(folders.each_ref().map(mode), [0o700; 4]);
        assert_eq!(files.each_ref().map(mode), [0o600; 5]);
        assert_eq!(mode(&shared), 0o755, "what other programs share stays theirs");
        let new = folder.path().join("a/new/home");
        Home::open(Some(&new)).unwrap();
        assert_eq!(mode(&new), 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_the_configuration_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            std::process::Command::new("mkfifo").arg(folder.path().join("config.toml")).status().unwrap().success()
        );
        assert!(matches!(Home::open(Some(folder.path())), Err(HomeError::Config { .. })));
    }
}
