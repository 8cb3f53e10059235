//! The folder of snapshots, shared by all processes of a user.

use super::snapshot::{self, SnapshotKey};
use crate::file_cache::{CacheUsage, FileCache, FileState, VerifiedFile, remove};
use crate::model::KvCache;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a snapshot's name ends with.
const SNAPSHOT: &str = "kv";

/// A folder of prefix snapshots: the keys and values of beginnings of prompts, ready for processes to come.
///
/// Everything in it can be deleted at any time, by anyone. A file is written under another name and renamed when it is
/// complete, so nobody reads half of one; a checksum tells what the disk has damaged. When the files exceed the limit,
/// those that were not used for longest go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFolder {
    files: FileCache,
    limit_bytes: u64,
}

impl SnapshotFolder {
    /// The folder `path`, which is made when the first snapshot is written, for snapshots of `limit_bytes` in all.
    pub fn new(path: impl Into<PathBuf>, limit_bytes: u64) -> Self {
        Self { files: FileCache::new(path.into(), SNAPSHOT), limit_bytes }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// What all snapshots may take.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// What it holds; a folder that does not exist holds nothing.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn usage(&self) -> io::Result<CacheUsage> {
        self.files.usage()
    }

    /// Deletes all snapshots and says what they were.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn clear(&self) -> io::Result<CacheUsage> {
        self.files.clear()
    }

    /// Compares every snapshot with the checksum in it.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn verify(&self) -> io::Result<Vec<VerifiedFile>> {
        self.files.verify(|path| File::open(path).map_or(FileState::Damaged, |mut file| snapshot::verify(&mut file)))
    }

    /// Reads the snapshot of `key` into `cache`. Where there is none, or none that is whole, the cache is empty or as it
    /// was, and a damaged file is deleted.
    pub(super) fn restore(&self, key: &SnapshotKey<'_>, cache: &mut KvCache) {
        let path = self.files.file(&key.name());
        let Ok(mut file) = File::open(&path) else { return };
        match snapshot::read(key, cache, &mut file) {
            // The order of use is the order of these times; where they cannot be set, it is that of writing.
            Ok(()) => drop(file.set_modified(SystemTime::now())),
            Err(_) => drop(fs::remove_file(&path)),
        }
    }

    /// Writes the snapshot of `key`, unless there is one or it is larger than all may be, and makes room for it.
    pub(super) fn save(&self, key: &SnapshotKey<'_>, cache: &KvCache) -> io::Result<()> {
        let path = self.files.file(&key.name());
        if key.size_bytes() > self.limit_bytes || path.exists() {
            return Ok(());
        }
        self.files.write(&path, |file| snapshot::write(key, cache, file))?;
        self.keep_within_limit()
    }

    /// Deletes the snapshots that were not used for longest until the others are within the limit.
    fn keep_within_limit(&self) -> io::Result<()> {
        let mut snapshots = self.files.files()?;
        snapshots.sort_by_key(|snapshot| snapshot.changed);
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
}
