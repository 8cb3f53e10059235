//! Opens what lies in the user's folders: regular files inside them, never followed out and never waited for.
//!
//! A folder that is synchronised or shared may hold anything under any name: links to other places, links in circles,
//! named pipes that no one writes to, devices, folders, files of any size. Each is told apart before a byte is read,
//! and whoever lists a folder names what was left alone and why, once.

use crate::AppError;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a file is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not what its name says, or cut off.
    Content,
    /// It is not UTF-8 text.
    Encoding,
    /// A folder, a pipe, a socket or a device.
    Kind,
    /// A symbolic link that leads out of the folder or nowhere.
    Link,
    /// It has more bytes than this.
    Size(u64),
    /// The system refuses to read it.
    Access,
    /// More files than this are in the folder.
    Count(usize),
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::other(match fault {
            Fault::Content | Fault::Encoding => "it holds something else",
            Fault::Kind => "it is no file",
            Fault::Link => "it is a link that leads out of its folder",
            Fault::Size(_) | Fault::Count(_) => "it is too large",
            Fault::Access => "the system refuses to read it",
        })
    }
}

/// A file that was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The name of the file.
    pub(crate) name: String,
    pub(crate) fault: Fault,
}

impl Unread {
    pub(crate) fn new(path: &Path, fault: Fault) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Self { name: name.to_string_lossy().into_owned(), fault }
    }
}

/// A folder of the user's. The folder itself may be a link: where it is, the user has decided.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    real: PathBuf,
    planned: Planned,
}

/// What files hold, or that they do not exist, once changes are made that are only planned.
pub(crate) type Planned = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct ReadFile {
    /// Where it is; of a link, where the link leads.
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

impl Folder {
    /// The folder as it will be once what is planned is done, or `None` when it does not exist.
    pub(crate) fn open(path: &Path, planned: &Planned) -> Result<Option<Self>, AppError> {
        let inside = planned.iter().filter(|(file, _)| file.starts_with(path));
        let planned: Planned = inside.map(|(file, content)| (file.clone(), content.clone())).collect();
        match fs::canonicalize(path) {
            Ok(real) => Ok(Some(Self { path: path.to_owned(), real, planned })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let is_planned = planned.values().any(Option::is_some);
                Ok(is_planned.then(|| Self { path: path.to_owned(), real: path.to_owned(), planned }))
            }
            Err(source) => Err(AppError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads the files in the folder that end in `.extension`, in the order of their names, and gives each to `read`
    /// (without the hidden ones; a link counts as the file that it leads to, once). Names those that were left alone.
    pub(crate) fn read_all(
        &self,
        extension: &str,
        limits: Limits,
        mut read: impl FnMut(ReadFile) -> Result<(), Fault>,
    ) -> Result<Vec<Unread>, AppError> {
        let (paths, mut unread) = self.list(extension, limits)?;
        // Links come last, so that a file is known by its own name.
        let (links, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|(_, is_link)| *is_link);
        let has_links = !links.is_empty();
        let mut seen = HashSet::new();
        for (path, _) in files.into_iter().chain(links) {
            let outcome = self.read(&path, limits.bytes).and_then(|file| {
                let is_new = !has_links || seen.insert(file.path.clone());
                if is_new { read(file) } else { Ok(()) }
            });
            unread.extend(outcome.err().map(|fault| Unread::new(&path, fault)));
        }
        Ok(unread)
    }

    /// The paths of what ends in `.extension`, sorted, each with whether it is a link; and what is no file.
    fn list(&self, extension: &str, limits: Limits) -> Result<Listed, AppError> {
        let mut listing = Listing { extension, most: limits.files, paths: Vec::new(), unread: Vec::new() };
        // One that exists only in a plan has nothing to list.
        let is_there = self.real.try_exists();
        let listed =
            is_there.and_then(|is_there| if is_there { listing.add(&self.path, limits.depth) } else { Ok(()) });
        listed.map_err(|source| AppError::Read { path: self.path.clone(), source })?;
        let Listing { mut paths, unread, .. } = listing;
        paths.retain(|(path, _)| !self.planned.contains_key(path));
        let planned = self.planned.iter().filter(|(path, content)| content.is_some() && is_listed(path, extension));
        paths.extend(planned.map(|(path, _)| (path.clone(), false)));
        paths.sort();
        Ok((paths, unread))
    }

    /// Reads a regular file of at most `most` bytes inside the folder.
    pub(crate) fn read(&self, path: &Path, most: u64) -> Result<ReadFile, Fault> {
        if let Some(planned) = self.planned.get(path) {
            return Ok(ReadFile { path: path.to_owned(), content: planned.clone().ok_or(Fault::Access)? });
        }
        match open_itself(path) {
            Ok(file) => Ok(ReadFile { path: path.to_owned(), content: content(file, most)? }),
            Err(_) if is_link(path) => {
                let real = fs::canonicalize(path).map_err(|_| Fault::Link)?;
                let inside = real.strip_prefix(&self.real).map_err(|_| Fault::Link)?;
                let file = open_itself(&real).map_err(|error| fault(&error))?;
                Ok(ReadFile { path: self.path.join(inside), content: content(file, most)? })
            }
            Err(error) => Err(fault(&error)),
        }
    }
}

/// The paths in a folder, each with whether it is a link, and what is no file.
type Listed = (Vec<(PathBuf, bool)>, Vec<Unread>);

/// How much of a folder is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A larger file is left alone.
    pub(crate) bytes: u64,
    /// More entries than this are not looked at.
    pub(crate) files: usize,
    /// Folders in folders are read this far.
    pub(crate) depth: usize,
}

/// What is found in a folder and those below it.
struct Listing<'a> {
    extension: &'a str,
    most: usize,
    paths: Vec<(PathBuf, bool)>,
    unread: Vec<Unread>,
}

impl Listing<'_> {
    fn add(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if self.paths.len() == self.most {
                let fault = Fault::Count(self.most);
                self.unread.extend(
                    (!self.unread.iter().any(|unread| unread.fault == fault)).then(|| Unread::new(folder, fault)),
                );
                break;
            }
            let path = entry.path();
            let kind = entry.file_type();
            if depth > 0 && kind.as_ref().is_ok_and(fs::FileType::is_dir) && !is_hidden(&path) {
                // One folder that cannot be read does not hide the others.
                if self.add(&path, depth - 1).is_err() {
                    self.unread.push(Unread::new(&path, Fault::Access));
                }
            } else if is_listed(&path, self.extension) {
                match kind {
                    Ok(kind) if kind.is_file() => self.paths.push((path, false)),
                    Ok(kind) if kind.is_symlink() => self.paths.push((path, true)),
                    Ok(_) => self.unread.push(Unread::new(&path, Fault::Kind)),
                    Err(_) => self.unread.push(Unread::new(&path, Fault::Access)),
                }
            }
        }
        Ok(())
    }
}

/// Whether a file's name ends in `.extension` and is not hidden.
fn is_listed(path: &Path, extension: &str) -> bool {
    let found = path.extension().and_then(OsStr::to_str);
    found.is_some_and(|found| found.eq_ignore_ascii_case(extension)) && !is_hidden(path)
}

/// Whether a file's name begins with a point: unfinished files of programs, and what the user does not want to see.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Opens what is at `path` itself: no link is followed, and a pipe does not wait for a writer.
fn open_itself(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    options.open(path)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn fault(error: &io::Error) -> Fault {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) {
        return Fault::Kind;
    }
    Fault::Access
}

fn content(file: File, most: u64) -> Result<Vec<u8>, Fault> {
    let metadata = file.metadata().map_err(|_| Fault::Access)?;
    if !metadata.is_file() {
        return Err(Fault::Kind);
    }
    if metadata.len() > most {
        return Err(Fault::Size(most));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // It may grow while it is read.
    file.take(most + 1).read_to_end(&mut content).map_err(|_| Fault::Access)?;
    if content.len() as u64 > most { Err(Fault::Size(most)) } else { Ok(content) }
}

/// The file that `path` names in `folder`: itself, or what a link stands for if that lies in `folder` too.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] where there is nothing; [`io::ErrorKind::InvalidInput`] for what is no plain file or lies
/// elsewhere.
pub(crate) fn plain_file(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_file() {
        return Ok(path.to_owned());
    }
    let refused = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    if !metadata.is_symlink() {
        return refused("it is no plain file");
    }
    let real = fs::canonicalize(path)?;
    if !real.starts_with(fs::canonicalize(folder)?) {
        return refused("it is a link to another folder");
    }
    if fs::symlink_metadata(&real)?.is_file() { Ok(real) } else { refused("it is no plain file") }
}

/// Opens a plain file to read it; a link, a pipe or a device in its place is refused.
///
/// # Errors
/// The system's error; [`io::ErrorKind::InvalidInput`] for a pipe or a device.
pub fn open_plain(path: &Path) -> io::Result<File> {
    only_plain(open_itself(path)?)
}

/// Opens a file of the program's own for locking, and makes it if need be; only its owner may read it.
///
/// # Errors
/// The system's error; [`io::ErrorKind::InvalidInput`] for a link, a pipe or a device in its place.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    without_waiting(&mut options);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    only_plain(options.open(path)?)
}

/// Makes `open` fail on a link and return at once on a pipe.
#[cfg_attr(not(unix), expect(unused_variables, reason = "other systems have neither"))]
fn without_waiting(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.cast_signed());
    }
}

fn only_plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"))
}

/// The content of a plain file in `folder`, if it has at most `max_bytes`.
///
/// # Errors
/// Those of [`plain_file`]; [`io::ErrorKind::FileTooLarge`].
pub(crate) fn read(folder: &Path, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open_plain(&plain_file(folder, path)?)?.take(max_bytes + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_within_their_folder_and_pipes_are_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("notes");
        fs::create_dir(&folder).unwrap();
        fs::write(home.path().join("secret"), "secret").unwrap();
        fs::write(folder.join("note"), "note").unwrap();
        symlink("note", folder.join("inside")).unwrap();
        symlink(home.path().join("secret"), folder.join("outside")).unwrap();
        symlink("/dev/zero", folder.join("device")).unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
        assert!(made.success());

        let found = |name: &str| read(&folder, &folder.join(name), 10).map_err(|error| error.kind());
        assert_eq!(found("note"), Ok(b"note".to_vec()));
        assert_eq!(found("inside"), Ok(b"note".to_vec()));
        for name in ["outside", "device", "pipe", "."] {
            assert_eq!(found(name), Err(io::ErrorKind::InvalidInput), "{name}");
        }
        assert_eq!(found("dangling"), Err(io::ErrorKind::NotFound));
        assert_eq!(read(&folder, &folder.join("note"), 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(open_private(&folder.join("pipe")).is_err() && open_private(&folder.join("outside")).is_err());
    }
}
