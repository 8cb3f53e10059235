//! Weights rearranged for the processor's vector instructions, in a file that is made once and mapped ever after.
//!
//! The file is replaced when the model's file or the arrangement changes; two processes that make it at once make the same;
//! and where it cannot be written, the weights are rearranged in memory. It belongs to one model file, whose path is in
//! its head: files of models that are gone are deleted when another is made.

use super::Fingerprint;
use super::weights::Weight;
use crate::file_cache::{CacheUsage, FileCache, remove};
use crate::gguf::Mapping;
use reinette_kernels::{Compute, InstructionSet, Layout, Matrix};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first bytes of every file; they change with the order of its matrices.
const MAGIC: &[u8; 8] = b"reinpak1";
/// The end of the names of files.
const PACKED: &str = "packed";
/// Bytes before the weights: a page, so that the weights begin at one.
const HEAD_BYTES: usize = 4096;
/// Where the path of the model's file begins in the head, after the magic number, the layout's version and the
/// fingerprint.
const PATH_AT: usize = 28;
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

    /// The file of the packed matrices, made if it is not there; `None` if that is impossible.
    fn find_or_make(&self, parts: &[&mut Weight], length: usize, source: &Source<'_>) -> Option<Mapping> {
        let model = std::fs::canonicalize(source.path).ok()?;
        let head = head(source.fingerprint, &model)?;
        let digest = Fingerprint::of_bytes(model.as_os_str().as_encoded_bytes());
        let path = self.files.file(&format!("{}-{digest}", model.file_stem()?.to_string_lossy()));
        let open = || {
            let mapping =
                Mapping::open(&path).ok().filter(|bytes| bytes.len() == length && bytes.starts_with(&head))?;
            mapping.advise_large_pages();
            Some(mapping)
        };
        if let Some(mapping) = open() {
            return Some(mapping);
        }
        self.remove_orphans();
        let write = |file: &mut File| {
            let mut out = WholePages { file: &mut *file, buffer: Vec::with_capacity(SLAB_BYTES) };
            out.write_all(&head)?;
            write(parts, &mut out)?;
            out.flush()?;
            // A file that is there is complete, also after a loss of power.
            file.sync_all()
        };
        self.files.write(&path, write).ok()?;
        open()
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

/// Replaces the weights by packed ones where that makes products faster. With a folder, the packed ones of the model's
/// file are found or kept there.
pub(crate) fn pack(mut parts: Vec<&mut Weight>, keep: Option<(&PackedFolder, Source<'_>)>) {
    let set = InstructionSet::detect();
    parts.retain(|weight| {
        let matrix = weight.matrix();
        // A few long rows, which real models do not have, would become a multiple of what is in the file.
        Layout::fastest(set, matrix.ty()) == Layout::Packed && packed_bytes(&matrix) <= 2 * matrix.bytes().len()
    });
    if parts.is_empty() {
        return;
    }
    let (ranges, end) = place(&parts);
    let keep = keep.filter(|_| end >= LEAST_FILE_BYTES);
    let mapped = keep.and_then(|(folder, source)| folder.find_or_make(&parts, end, &source));
    let bytes = Arc::new(mapped.unwrap_or_else(|| in_memory(&parts, end)));
    for (weight, range) in parts.into_iter().zip(ranges) {
        weight.replace(&bytes, range);
    }
}

/// The packed matrices where they stand in the file, which there is none of.
fn in_memory(parts: &[&mut Weight], length: usize) -> Mapping {
    let mut bytes = Vec::with_capacity(length);
    bytes.resize(HEAD_BYTES, 0);
    write(parts, &mut bytes).expect("writing to memory does not fail");
    Mapping::Owned(bytes)
}

/// Where the matrices stand in the file, and where it ends.
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

/// The head of the file: what tells the version of the model's file, and its path.
fn head(fingerprint: Fingerprint, model: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend(MAGIC);
    head.extend(Layout::VERSION.to_le_bytes());
    head.extend(fingerprint.to_le_bytes());
    head.extend(model.as_os_str().as_encoded_bytes());
    // A zero ends the path.
    (head.len() < HEAD_BYTES).then(|| head.resize(HEAD_BYTES, 0))?;
    Some(head)
}

/// Writes the packed matrices, filled up to their alignment, as they follow the head.
fn write(parts: &[&mut Weight], out: &mut impl Write) -> io::Result<()> {
    let compute = Compute::new(std::thread::available_parallelism().map_or(1, usize::from));
    let mut buffer = Vec::new();
    let mut end: usize = HEAD_BYTES;
    for weight in parts {
        let matrix = weight.matrix();
        out.write_all(&[0; ALIGNMENT][..end.next_multiple_of(ALIGNMENT) - end])?;
        end = end.next_multiple_of(ALIGNMENT) + packed_bytes(&matrix);
        let rows = (SLAB_BYTES * matrix.rows() / matrix.bytes().len().max(1)).next_multiple_of(64);
        for first in (0..matrix.rows()).step_by(rows) {
            let slab = matrix.part(first..matrix.rows().min(first + rows));
            buffer.resize(packed_bytes(&slab), 0);
            slab.pack(&compute, &mut buffer);
            out.write_all(&buffer)?;
        }
    }
    Ok(())
}

/// Whether the model is there that a packed file was made of.
fn source_exists(packed: &Path) -> bool {
    let mut head = [0; HEAD_BYTES];
    if File::open(packed).and_then(|mut file| file.read_exact(&mut head)).is_err() || !head.starts_with(MAGIC) {
        return false;
    }
    let path = head[PATH_AT..].split(|byte| *byte == 0).next();
    path.and_then(|path| std::str::from_utf8(path).ok()).is_some_and(|path| Path::new(path).exists())
}

#[cfg(test)]
mod tests;
