//! The folder of snapshots, shared by all processes of a user.

use super::snapshot::{self, SnapshotKey};
use crate::model::KvCache;
use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// What a snapshot's name ends with.
const SNAPSHOT: &str = "kv";
/// What the name of a file ends with that is being written.
const PARTIAL: &str = "partial";

/// A folder of prefix snapshots: the keys and values of beginnings of prompts, ready for processes to come.
///
/// Everything in it can be deleted at any time, by anyone. A file is written under another name and renamed when it is
/// complete, so nobody reads half of one; a checksum tells what the disk has damaged. When the files exceed the limit,
/// those that were not used for longest go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFolder {
    path: PathBuf,
    limit_bytes: u64,
}

/// What a folder of snapshots holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotUsage {
    /// How many snapshots there are.
    pub snapshots: usize,
    /// Their size.
    pub bytes: u64,
}

impl SnapshotFolder {
    /// The folder `path`, which is made when the first snapshot is written, for snapshots of `limit_bytes` in all.
    pub fn new(path: impl Into<PathBuf>, limit_bytes: u64) -> Self {
        Self { path: path.into(), limit_bytes }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What all snapshots may take.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// What it holds; a folder that does not exist holds nothing.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn usage(&self) -> io::Result<SnapshotUsage> {
        let snapshots = self.snapshots()?;
        Ok(SnapshotUsage { snapshots: snapshots.len(), bytes: snapshots.iter().map(|snapshot| snapshot.bytes).sum() })
    }

    /// Deletes all snapshots and says what they were.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn clear(&self) -> io::Result<SnapshotUsage> {
        let usage = self.usage()?;
        self.remove_abandoned();
        self.snapshots()?.iter().try_for_each(|snapshot| remove(&snapshot.path))?;
        Ok(usage)
    }

    /// Reads the snapshot of `key` into `cache`. Where there is none, or none that is whole, the cache is empty or as it
    /// was, and a damaged file is deleted.
    pub(super) fn restore(&self, key: &SnapshotKey<'_>, cache: &mut KvCache) {
        let path = self.file(key);
        let Ok(mut file) = File::open(&path) else { return };
        match snapshot::read(key, cache, &mut file) {
            // The order of use is the order of these times; where they cannot be set, it is that of writing.
            Ok(()) => drop(file.set_modified(SystemTime::now())),
            Err(_) => drop(fs::remove_file(&path)),
        }
    }

    /// Writes the snapshot of `key`, unless there is one or it is larger than all may be, and makes room for it.
    pub(super) fn save(&self, key: &SnapshotKey<'_>, cache: &KvCache) -> io::Result<()> {
        static PARTIALS: AtomicUsize = AtomicUsize::new(0);
        let path = self.file(key);
        if key.size_bytes() > self.limit_bytes || path.exists() {
            return Ok(());
        }
        create_private(&self.path)?;
        self.remove_abandoned();
        let number = PARTIALS.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("{}-{number}.{PARTIAL}", std::process::id()));
        let written = write_locked(&partial, |file| snapshot::write(key, cache, file));
        if let Err(error) = written.and_then(|()| fs::rename(&partial, &path)) {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        self.keep_within_limit()
    }

    fn file(&self, key: &SnapshotKey<'_>) -> PathBuf {
        self.path.join(key.name()).with_extension(SNAPSHOT)
    }

    /// Deletes the snapshots that were not used for longest until the others are within the limit.
    fn keep_within_limit(&self) -> io::Result<()> {
        let mut snapshots = self.snapshots()?;
        snapshots.sort_by_key(|snapshot| snapshot.used);
        let mut bytes: u64 = snapshots.iter().map(|snapshot| snapshot.bytes).sum();
        for oldest in snapshots {
            if bytes <= self.limit_bytes {
                break;
            }
            remove(&oldest.path)?;
            bytes -= oldest.bytes;
        }
        Ok(())
    }

    /// Deletes what processes that were killed have left half-written: whoever still writes holds a lock.
    fn remove_abandoned(&self) {
        for entry in self.entries(PARTIAL).into_iter().flatten() {
            if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn snapshots(&self) -> io::Result<Vec<Snapshot>> {
        let snapshot = |entry: DirEntry| {
            let metadata = entry.metadata()?;
            Ok(Snapshot { path: entry.path(), bytes: metadata.len(), used: metadata.modified()? })
        };
        // What another process deletes meanwhile is no snapshot any more.
        let exists = |snapshot: &io::Result<Snapshot>| !matches!(snapshot, Err(error) if is_missing(error));
        self.entries(SNAPSHOT)?.into_iter().map(snapshot).filter(exists).collect()
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

/// A file in the folder.
struct Snapshot {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
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
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
