//! Weights rearranged for the processor's vector instructions, in a file that is made once and mapped ever after.
//!
//! The file is replaced when the model's file or the arrangement changes; two processes that make it at once make the same;
//! and where it cannot be written, the weights are rearranged in memory. It belongs to one model file, whose path is in
//! its head: files of models that are gone are deleted when another is made.
//!
//! A matrix is compared with its checksum when it is first used; one that the disk has damaged is rearranged again from the
//! model's own file, and the next process makes the whole file anew.

mod file;
#[cfg(test)]
mod tests;

use super::Fingerprint;
use super::weights::Weight;
use crate::file_cache::{CacheUsage, FileCache, VerifiedFile, remove};
use crate::gguf::Mapping;
use file::{HEAD_BYTES, PackedFile, digest, head, source_exists, write_table};
use reinette_kernels::{Buffer, Compute, InstructionSet, Layout, Matrix};
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use twox_hash::XxHash3_64;

/// The end of the names of files.
const PACKED: &str = "packed";
/// Matrices begin at whole cache lines.
const ALIGNMENT: usize = 64;
/// Fewer bytes are rearranged in memory: that takes milliseconds.
const LEAST_FILE_BYTES: usize = 4 << 20;
/// Bytes that are rearranged at a time.
const SLAB_BYTES: usize = 4 << 20;

/// A folder of weights that are rearranged for this processor: one file for each model, of about its size.
///
/// Everything in it can be deleted at any time, by anyone. A file is written under another name and renamed when it is
/// complete, so nobody maps half of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFolder {
    files: FileCache,
}

/// The file of the model that weights are from.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) fingerprint: Fingerprint,
}

impl PackedFolder {
    /// The folder `path`, which is made when the first file is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { files: FileCache::new(path.into(), PACKED) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// What it holds; a folder that does not exist holds nothing.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn usage(&self) -> io::Result<CacheUsage> {
        self.files.usage()
    }

    /// Deletes all packed weights and says what they were. Models that are loaded keep theirs.
    ///
    /// # Errors
    /// If a file cannot be deleted.
    pub fn clear(&self) -> io::Result<CacheUsage> {
        self.files.clear()
    }

    /// Compares every file with the checksums in it.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn verify(&self) -> io::Result<Vec<VerifiedFile>> {
        self.files.verify(file::verify)
    }

    /// The file of the packed matrices, made if it is not there; `None` if that is impossible.
    fn find_or_make(&self, parts: &[&mut Weight], ranges: &[Range<usize>], source: &Source<'_>) -> Option<PackedFile> {
        let model = std::fs::canonicalize(source.path).ok()?;
        let head = head(Layout::VERSION, source.fingerprint, &model)?;
        let digest = Fingerprint::of_bytes(model.as_os_str().as_encoded_bytes());
        let path = self.files.file(&format!("{}-{digest}", model.file_stem()?.to_string_lossy()));
        if let Some(file) = PackedFile::open(&path, &head, ranges) {
            return Some(file);
        }
        self.remove_orphans();
        let write = |file: &mut File| {
            let mut out = WholePages { file: &mut *file, buffer: Vec::with_capacity(SLAB_BYTES) };
            out.write_all(&head)?;
            let digests = write(parts, &mut out)?;
            write_table(&head, &ranges.iter().cloned().zip(digests).collect::<Vec<_>>(), &mut out)?;
            out.flush()?;
            if parts.iter().any(|weight| weight.is_lost()) {
                return Err(io::Error::other("the model's file was cut short meanwhile"));
            }
            // A file that is there is complete, also after a loss of power.
            file.sync_all()
        };
        self.files.write(&path, write).ok()?;
        PackedFile::open(&path, &head, ranges)
    }

    /// Deletes the files whose models are gone.
    fn remove_orphans(&self) {
        for file in self.files.files().into_iter().flatten() {
            if !source_exists(&file.path) {
                // Whoever cannot delete a file leaves it.
                let _ = remove(&file.path);
            }
        }
    }
}

/// Writes in slabs that begin at multiples of their length, because the system keeps the file in pages as large as what
/// it is given at a time, and maps large pages with less work.
struct WholePages<'a> {
    file: &'a mut File,
    buffer: Vec<u8>,
}

impl Write for WholePages<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == SLAB_BYTES {
            self.flush()?;
        }
        let taken = bytes.len().min(SLAB_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// A matrix among others that are packed.
#[derive(Debug)]
pub(crate) struct PackedMatrix {
    file: Arc<PackedFile>,
    range: Range<usize>,
    check: Option<Check>,
}

/// What tells whether a matrix of a file is whole, and what to do if it is not.
#[derive(Debug)]
struct Check {
    digest: u64,
    /// The matrix in the model's own file.
    original: Weight,
    /// Once it was looked at: the packed matrix where the file's was damaged.
    repaired: OnceLock<Option<Vec<u8>>>,
}

impl PackedMatrix {
    /// The bytes of the matrix; whoever asks first waits until they are compared with their checksum.
    pub(super) fn bytes(&self) -> &[u8] {
        let stored = self.file.bytes(self.range.clone());
        let repaired = self.check.as_ref().and_then(|check| {
            let repaired = check.repaired.get_or_init(|| {
                (digest(stored) != check.digest).then(|| {
                    self.file.discard();
                    let matrix = check.original.matrix();
                    let mut bytes = vec![0; packed_bytes(&matrix)];
                    matrix.pack(&Compute::new(1), &mut bytes);
                    bytes
                })
            });
            repaired.as_deref()
        });
        repaired.unwrap_or(stored)
    }

    /// Whether some of the file could not be read any more.
    pub(super) fn is_lost(&self) -> bool {
        self.file.is_lost()
    }
}

/// Replaces the weights by packed ones where that makes products faster, and gives those. With a folder, the packed ones of
/// the model's file are found or kept there.
pub(crate) fn pack(mut parts: Vec<&mut Weight>, keep: Option<(&PackedFolder, Source<'_>)>) -> Vec<Arc<PackedMatrix>> {
    let set = InstructionSet::detect();
    parts.retain(|weight| {
        let matrix = weight.matrix();
        // A few long rows, which real models do not have, would become a multiple of what is in the file.
        Layout::fastest(set, matrix.ty()) == Layout::Packed && packed_bytes(&matrix) <= 2 * matrix.bytes().len()
    });
    if parts.is_empty() {
        return Vec::new();
    }
    let (ranges, end) = place(&parts);
    let keep = keep.filter(|_| end >= LEAST_FILE_BYTES);
    let kept = keep.and_then(|(folder, source)| folder.find_or_make(&parts, &ranges, &source));
    let file = Arc::new(kept.unwrap_or_else(|| PackedFile::made(in_memory(&parts, end))));
    let packed = parts.into_iter().zip(ranges).enumerate().map(|(index, (weight, range))| {
        let check = |digest: &u64| Check { digest: *digest, original: weight.clone(), repaired: OnceLock::new() };
        let check = file.digests.get(index).map(check);
        let packed = Arc::new(PackedMatrix { file: Arc::clone(&file), range, check });
        weight.replace(&packed);
        packed
    });
    packed.collect()
}

/// The packed matrices where they stand in the file, which there is none of.
fn in_memory(parts: &[&mut Weight], length: usize) -> Mapping {
    let mut bytes = Buffer::zeroed(length);
    bytes.advise_large_pages();
    write(parts, &mut &mut bytes[HEAD_BYTES..]).expect("there is room for all matrices");
    Mapping::Made(bytes)
}

/// Where the matrices stand in the file, and where the last one ends.
fn place(parts: &[&mut Weight]) -> (Vec<Range<usize>>, usize) {
    let mut end = HEAD_BYTES;
    let ranges = parts.iter().map(|weight| {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + packed_bytes(&weight.matrix());
        start..end
    });
    (ranges.collect(), end)
}

fn packed_bytes(matrix: &Matrix<'_>) -> usize {
    // Seven more rows than what is in memory already cannot overflow.
    Layout::Packed.bytes(matrix.ty(), matrix.rows(), matrix.cols()).unwrap_or(usize::MAX)
}

/// Writes the packed matrices, filled up to their alignment, as they follow the head, and gives the digest of each.
fn write(parts: &[&mut Weight], out: &mut impl Write) -> io::Result<Vec<u64>> {
    let compute = Compute::new(std::thread::available_parallelism().map_or(1, usize::from));
    let mut buffer = Vec::new();
    let mut end: usize = HEAD_BYTES;
    let mut digests = Vec::with_capacity(parts.len());
    for weight in parts {
        let matrix = weight.matrix();
        out.write_all(&[0; ALIGNMENT][..end.next_multiple_of(ALIGNMENT) - end])?;
        end = end.next_multiple_of(ALIGNMENT) + packed_bytes(&matrix);
        let rows = (SLAB_BYTES * matrix.rows() / matrix.bytes().len().max(1)).next_multiple_of(64);
        let mut hasher = XxHash3_64::new();
        for first in (0..matrix.rows()).step_by(rows) {
            let slab = matrix.part(first..matrix.rows().min(first + rows));
            buffer.resize(packed_bytes(&slab), 0);
            slab.pack(&compute, &mut buffer);
            hasher.write(&buffer);
            out.write_all(&buffer)?;
        }
        digests.push(hasher.finish());
    }
    Ok(digests)
}
