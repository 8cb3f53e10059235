//! Opens the user's files: plain files that lie in their folder. Links are not followed out of it, and nothing waits for
//! a pipe or a device.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Folders in folders are read this far.
pub(crate) const MAX_DEPTH: usize = 8;

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
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    only_plain(options.open(path)?)
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

/// The files in `folder`, and `depth` folders deep below it, whose names end in `extension`, at most `limit` of them; one
/// that does not exist has none. Hidden files are left out, and links to folders are not followed.
pub(crate) fn list(folder: &Path, extension: &str, depth: usize, limit: usize) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    add_files(&mut found, folder, extension, depth, limit)?;
    found.sort();
    Ok(found)
}

fn add_files(found: &mut Vec<PathBuf>, folder: &Path, extension: &str, depth: usize, limit: usize) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if found.len() >= limit {
            break;
        }
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth > 0 && !is_hidden(&path) {
                add_files(found, &path, extension, depth - 1, limit)?;
            }
        } else if is_listed(&path, extension) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file's name ends in `extension` and is not hidden.
pub(crate) fn is_listed(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension)) && !is_hidden(path)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(all(test, unix))]
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
