//! Weights rearranged for the processor's vector instructions, in a file that is made once and mapped ever after.
//!
//! The file is a cache. It may be deleted at any time; it is replaced when the model's file or the arrangement changes;
//! two processes that make it at once make the same; and where it cannot be written, the weights are rearranged in
//! memory. It belongs to one model file, whose path is in its head: files of models that are gone are deleted when
//! another is made.

use super::weights::{Weight, Weights};
use crate::gguf::Mapping;
use reinette_kernels::{Compute, InstructionSet, Layout, Matrix};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The first bytes of every file.
const MAGIC: &[u8; 8] = b"reinpack";
/// The end of the names of files.
const EXTENSION: &str = "packed";
/// Bytes before the weights: a page, so that the weights begin at one.
const HEAD_BYTES: usize = 4096;
/// Where the path of the model's file begins in the head, after the magic number and the key.
const PATH_AT: usize = 16;
/// Matrices begin at whole cache lines.
const ALIGNMENT: usize = 64;
/// Fewer bytes are rearranged in memory: that takes milliseconds.
const LEAST_FILE_BYTES: usize = 4 << 20;
/// Bytes that are rearranged at a time.
const SLAB_BYTES: usize = 4 << 20;
/// How many matrices, evenly spread, tell by their first bytes that a model's file has changed.
const SAMPLES: usize = 16;
/// Of each of them so many bytes.
const SAMPLE_BYTES: usize = 64;

/// The folder for packed weights unless the caller has another: `$XDG_CACHE_HOME/reinette/packed`.
pub(super) fn default_folder() -> Option<PathBuf> {
    let configured = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let standard = || std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".cache"));
    Some(configured.or_else(standard)?.join("reinette").join("packed"))
}

/// Replaces the weights by packed ones where that makes products faster. `source` is the file that they are from; with
/// a `folder`, the packed ones are found or kept there.
pub(super) fn pack(weights: &mut Weights, source: &Path, folder: Option<&Path>) {
    let set = InstructionSet::detect();
    let mut parts = weights.matrices_mut();
    parts.retain(|weight| Layout::fastest(set, weight.matrix().ty()) == Layout::Packed);
    let (ranges, end) = place(&parts);
    let folder = folder.filter(|_| end >= LEAST_FILE_BYTES);
    let mapped = folder.and_then(|folder| in_file(&parts, end, source, folder));
    let bytes = Arc::new(mapped.unwrap_or_else(|| {
        let mut bytes = vec![0; HEAD_BYTES];
        // Writing to memory does not fail.
        let _ = write(&parts, &mut bytes);
        Mapping::Owned(bytes)
    }));
    for (weight, range) in parts.into_iter().zip(ranges) {
        weight.replace(&bytes, range);
    }
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

/// The file of the packed matrices, made if it is not there; `None` if that is impossible.
fn in_file(parts: &[&mut Weight], length: usize, source: &Path, folder: &Path) -> Option<Mapping> {
    let source = std::fs::canonicalize(source).ok()?;
    let head = head(parts, &source)?;
    let mut hasher = FxHasher::default();
    source.hash(&mut hasher);
    let stem = source.file_stem()?.to_string_lossy();
    let path = folder.join(format!("{stem}-{:016x}.{EXTENSION}", hasher.finish()));
    let open = || Mapping::open(&path).ok().filter(|bytes| bytes.len() == length && bytes.starts_with(&head));
    if let Some(mapping) = open() {
        return Some(mapping);
    }
    std::fs::create_dir_all(folder).ok()?;
    delete_orphans(folder);
    let mut file = tempfile::NamedTempFile::new_in(folder).ok()?;
    file.write_all(&head).ok()?;
    write(parts, &mut file).ok()?;
    // A file that is there is complete, also after a loss of power.
    file.as_file().sync_all().ok()?;
    file.persist(&path).ok()?;
    open()
}

/// The head of the file: what tells the version of the model's file, and its path.
fn head(parts: &[&mut Weight], source: &Path) -> Option<Vec<u8>> {
    let metadata = std::fs::metadata(source).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut key = FxHasher::default();
    (Layout::VERSION, metadata.len(), modified).hash(&mut key);
    for weight in parts {
        let matrix = weight.matrix();
        (matrix.ty(), matrix.rows(), matrix.cols()).hash(&mut key);
    }
    for weight in parts.iter().step_by(parts.len().div_ceil(SAMPLES).max(1)) {
        let bytes = weight.matrix().bytes();
        bytes[..SAMPLE_BYTES.min(bytes.len())].hash(&mut key);
    }
    let path = source.as_os_str().as_encoded_bytes();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend(MAGIC);
    head.extend(key.finish().to_le_bytes());
    head.extend(path);
    // A zero ends the path.
    (head.len() < HEAD_BYTES).then(|| head.resize(HEAD_BYTES, 0))?;
    Some(head)
}

/// Writes the packed matrices, filled up to their alignment, as they follow the head.
fn write(parts: &[&mut Weight], out: &mut impl Write) -> std::io::Result<()> {
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

/// Deletes the files whose models are gone, and what was left half written.
fn delete_orphans(folder: &Path) {
    const ABANDONED_SECONDS: u64 = 3600;
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let is_ours = path.extension().is_some_and(|extension| extension == EXTENSION);
        let orphan = match Mapping::open(&path) {
            Ok(bytes) if is_ours => !source_exists(&bytes),
            _ => {
                let modified = path.metadata().and_then(|metadata| metadata.modified());
                modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age.as_secs() > ABANDONED_SECONDS))
            }
        };
        if orphan {
            // Whoever cannot delete a file leaves it.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn source_exists(bytes: &[u8]) -> bool {
    let path = bytes.get(PATH_AT..HEAD_BYTES).and_then(|path| path.split(|byte| *byte == 0).next());
    let path = path.filter(|_| bytes.starts_with(MAGIC)).and_then(|path| std::str::from_utf8(path).ok());
    path.is_some_and(|path| Path::new(path).exists())
}

#[cfg(test)]
mod tests {
    use super::{EXTENSION, HEAD_BYTES, MAGIC, delete_orphans};

    #[test]
    fn files_of_models_that_are_gone_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.gguf");
        std::fs::write(&model, "a model").unwrap();
        let write = |name: &str, source: &std::path::Path| {
            let mut bytes = [MAGIC.as_slice(), &[0; 8], source.as_os_str().as_encoded_bytes()].concat();
            bytes.resize(HEAD_BYTES, 0);
            let path = folder.path().join(name).with_extension(EXTENSION);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let (kept, orphan) = (write("kept", &model), write("orphan", &folder.path().join("gone.gguf")));
        delete_orphans(folder.path());
        assert!(kept.exists() && !orphan.exists());
        assert!(model.exists(), "what is young and not ours stays");
    }
}
