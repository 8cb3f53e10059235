//! Folders of files that can be made again, shared by all processes of a user.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// What the name of a file ends with that is being written.
const PARTIAL: &str = "partial";

/// A folder of files with one extension; other files in it are left alone.
///
/// Everything in it can be deleted at any time, by anyone. A file is written under another name and renamed when it is
/// complete, so nobody reads half of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileCache {
    path: PathBuf,
    extension: &'static str,
}

/// What a folder holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// How many files there are.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
}

/// Whether a file of a folder is what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// All checksums are right.
    Intact,
    /// Some bytes have changed, or are missing. Nothing is computed with them: the file is made again when it is needed.
    Damaged,
    /// An earlier version of this program wrote it. It is made again when it is needed.
    Outdated,
}

/// A file of a folder that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is what was written.
    pub state: FileState,
}

/// A file of a folder.
pub(crate) struct CachedFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// When it was changed, which for some kinds of files is when it was used.
    pub(crate) changed: SystemTime,
}

impl FileCache {
    /// The folder `path`, which is made when the first file is written.
    pub(crate) fn new(path: PathBuf, extension: &'static str) -> Self {
        Self { path, extension }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file `name`, which has no extension.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.{}", self.extension))
    }

    /// What the folder holds; one that does not exist holds nothing.
    pub(crate) fn usage(&self) -> io::Result<CacheUsage> {
        let files = self.files()?;
        Ok(CacheUsage { files: files.len(), bytes: files.iter().map(|file| file.bytes).sum() })
    }

    /// Looks at every file.
    pub(crate) fn verify(&self, state: impl Fn(&Path) -> FileState) -> io::Result<Vec<VerifiedFile>> {
        let files = self.files()?.into_iter();
        Ok(files.map(|CachedFile { path, .. }| VerifiedFile { state: state(&path), path }).collect())
    }

    /// Deletes all files and says what they were.
    pub(crate) fn clear(&self) -> io::Result<CacheUsage> {
        let usage = self.usage()?;
        self.remove_abandoned();
        self.files()?.iter().try_for_each(|file| remove(&file.path))?;
        Ok(usage)
    }

    /// All files of the folder's kind that are complete.
    pub(crate) fn files(&self) -> io::Result<Vec<CachedFile>> {
        let file = |entry: DirEntry| {
            let metadata = entry.metadata()?;
            Ok(CachedFile { path: entry.path(), bytes: metadata.len(), changed: metadata.modified()? })
        };
        // What another process deletes meanwhile is no file any more.
        let exists = |file: &io::Result<CachedFile>| !matches!(file, Err(error) if is_missing(error));
        self.entries(self.extension)?.into_iter().map(file).filter(exists).collect()
    }

    /// Writes the file at `path`, which is one of [`Self::file`], in place of one that may be there.
    pub(crate) fn write(&self, path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        static PARTIALS: AtomicUsize = AtomicUsize::new(0);
        create_private(&self.path)?;
        self.remove_abandoned();
        let number = PARTIALS.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("{}-{number}.{PARTIAL}", std::process::id()));
        let written = write_locked(&partial, write);
        written.and_then(|()| fs::rename(&partial, path)).inspect_err(|_| drop(fs::remove_file(&partial)))
    }

    /// Deletes what processes that were killed have left half-written: whoever still writes holds a lock.
    fn remove_abandoned(&self) {
        for entry in self.entries(PARTIAL).into_iter().flatten() {
            if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn entries(&self, extension: &str) -> io::Result<Vec<DirEntry>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
            Err(error) if is_missing(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        let matches = |entry: &DirEntry| entry.path().extension().is_some_and(|found| found == extension);
        Ok(entries.into_iter().filter(matches).collect())
    }
}

/// Writes a new file under a lock, which tells others that somebody is at it.
fn write_locked(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.lock()?;
    write(&mut file)
}

/// Makes a folder that only the user can look into: snapshots hold what prompts say.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Deletes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
