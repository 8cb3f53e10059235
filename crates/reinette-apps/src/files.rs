//! Reads what lies in the user's folders: regular files inside them, never followed out and never waited for.
//!
//! A folder that is synchronised or shared may hold anything under any name: links to other places, links in circles,
//! named pipes that no one writes to, devices, folders, files of any size. Each is told apart before a byte is read,
//! and whoever lists a folder names what was left alone and why, once.

use crate::AppError;
use std::collections::HashSet;
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
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct ReadFile {
    /// Where it is; of a link, where the link leads.
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

impl Folder {
    /// The folder, or `None` when it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, AppError> {
        match fs::canonicalize(path) {
            Ok(real) => Ok(Some(Self { path: path.to_owned(), real })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
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
        let (paths, mut unread) = self.list(extension, limits.files)?;
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
    fn list(&self, extension: &str, most: usize) -> Result<Listed, AppError> {
        let read_error = |source| AppError::Read { path: self.path.clone(), source };
        let (mut paths, mut unread) = (Vec::new(), Vec::new());
        for (count, entry) in fs::read_dir(&self.path).map_err(read_error)?.enumerate() {
            let entry = entry.map_err(read_error)?;
            if count == most {
                unread.push(Unread::new(&self.path, Fault::Count(most)));
                break;
            }
            let path = entry.path();
            if is_hidden(&path) || !ends_in(&path, extension) {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_file() => paths.push((path, false)),
                Ok(kind) if kind.is_symlink() => paths.push((path, true)),
                Ok(_) => unread.push(Unread::new(&path, Fault::Kind)),
                Err(_) => unread.push(Unread::new(&path, Fault::Access)),
            }
        }
        paths.sort();
        Ok((paths, unread))
    }

    /// Reads a regular file of at most `most` bytes inside the folder.
    pub(crate) fn read(&self, path: &Path, most: u64) -> Result<ReadFile, Fault> {
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
}

/// Whether a file's name begins with a point: unfinished files of programs, and what the user does not want to see.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Opens what is at `path` itself: no link is followed, and a pipe does not wait for a writer.
fn open_itself(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    #[cfg(not(unix))]
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::ErrorKind::Other.into());
    }
    options.open(path)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn fault(error: &io::Error) -> Fault {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENXIO) {
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
