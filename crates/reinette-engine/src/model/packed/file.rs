//! The file of a model's packed matrices.
//!
//! All numbers are little-endian:
//!
//! | what | bytes |
//! |---|---|
//! | `reinpak2`, the layout's version, the fingerprint of the model's file, its path, zeros | 8, 4, 16, 4,068 in all |
//! | the matrices, each at a multiple of 64 | |
//! | where each matrix begins and ends, and XXH3-64 of it | 8 each |
//! | how many there are | 8 |
//! | XXH3-64 of the head and of what stands between the matrices and this | 8 |

use crate::file_cache::{FileState, remove};
use crate::gguf::Mapping;
use crate::model::Fingerprint;
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use twox_hash::XxHash3_64;

/// The first bytes of every file; they change with its format and with the order of its matrices.
const MAGIC: &[u8; 8] = b"reinpak2";
/// What the first bytes begin with in every format.
const KIND: &[u8; 7] = b"reinpak";
/// Bytes before the matrices: a page, so that they begin at one.
pub(super) const HEAD_BYTES: usize = 4096;
/// Where the path of the model's file begins in the head, after the magic number, the layout's version and the
/// fingerprint.
const PATH_AT: usize = 28;
/// Bytes of the table for each matrix.
const ENTRY_BYTES: usize = 24;
/// Bytes after the table's entries.
const END_BYTES: usize = 16;

/// Packed matrices, in a file or in memory.
#[derive(Debug)]
pub(crate) struct PackedFile {
    mapping: Mapping,
    /// Of each matrix, in order; none where they were made in this process.
    pub(super) digests: Vec<u64>,
    path: Option<PathBuf>,
}

impl PackedFile {
    /// Matrices that were made in this process.
    pub(super) fn made(mapping: Mapping) -> Self {
        Self { mapping, digests: Vec::new(), path: None }
    }

    /// Maps the file at `path`, if it begins with `head` and holds matrices at `ranges`; they are not looked at yet.
    pub(super) fn open(path: &Path, head: &[u8], ranges: &[Range<usize>]) -> Option<Self> {
        let mapping = Mapping::open(path).ok()?;
        let entries = table(&mapping).filter(|_| mapping.starts_with(head))?;
        let is_expected = entries.iter().map(|(range, _)| range).eq(ranges);
        let digests = entries.into_iter().map(|(_, digest)| digest).collect();
        is_expected.then(|| {
            mapping.advise_large_pages();
            Self { mapping, digests, path: Some(path.to_owned()) }
        })
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.mapping[range]
    }

    /// Whether some of it could not be read any more.
    pub(super) fn is_lost(&self) -> bool {
        self.mapping.is_lost()
    }

    /// Deletes the file, which is damaged: the next process makes it again.
    pub(super) fn discard(&self) {
        // Whoever cannot delete it packs the damaged matrices anew at every start.
        let _ = self.path.as_deref().map(remove);
    }
}

/// XXH3-64.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The head of the file: what tells the version of the model's file, and its path.
pub(super) fn head(layout: u32, fingerprint: Fingerprint, model: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend(MAGIC);
    head.extend(layout.to_le_bytes());
    head.extend(fingerprint.to_le_bytes());
    head.extend(model.as_os_str().as_encoded_bytes());
    // A zero ends the path.
    (head.len() < HEAD_BYTES).then(|| head.resize(HEAD_BYTES, 0))?;
    Some(head)
}

/// Writes what follows the matrices.
pub(super) fn write_table(head: &[u8], parts: &[(Range<usize>, u64)], out: &mut impl Write) -> io::Result<()> {
    let mut table = Vec::with_capacity(parts.len() * ENTRY_BYTES + END_BYTES);
    for (range, digest) in parts {
        table.extend([range.start as u64, range.end as u64, *digest].into_iter().flat_map(u64::to_le_bytes));
    }
    table.extend((parts.len() as u64).to_le_bytes());
    table.extend(table_digest(head, &table).to_le_bytes());
    out.write_all(&table)
}

fn table_digest(head: &[u8], table: &[u8]) -> u64 {
    let mut hasher = XxHash3_64::new();
    hasher.write(head);
    hasher.write(table);
    hasher.finish()
}

/// Where the matrices stand in a file, and their digests; `None` if it does not end with the table that it was given.
fn table(file: &[u8]) -> Option<Vec<(Range<usize>, u64)>> {
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    let (rest, expected) = file.split_at_checked(file.len().checked_sub(8)?)?;
    let count = usize::try_from(number(rest.get(rest.len().checked_sub(8)?..)?)?).ok()?;
    let length = count.checked_mul(ENTRY_BYTES)?.checked_add(8)?;
    let start = rest.len().checked_sub(length).filter(|start| *start >= HEAD_BYTES)?;
    let table = &rest[start..];
    if Some(table_digest(&file[..HEAD_BYTES], table)) != number(expected) {
        return None;
    }
    let entry = |entry: &[u8]| {
        let [first, end, digest] = [0, 8, 16].map(|at| number(&entry[at..at + 8]));
        let range = usize::try_from(first?).ok()?..usize::try_from(end?).ok()?;
        (range.start >= HEAD_BYTES && range.start <= range.end && range.end <= start).then_some((range, digest?))
    };
    table[..length - 8].chunks_exact(ENTRY_BYTES).map(entry).collect()
}

/// Compares all of a file with its digests.
pub(super) fn verify(path: &Path) -> FileState {
    let Ok(mapping) = Mapping::open(path) else { return FileState::Damaged };
    if mapping.starts_with(KIND) && !mapping.starts_with(MAGIC) {
        return FileState::Outdated;
    }
    let is_whole = |(range, expected): (Range<usize>, u64)| digest(&mapping[range]) == expected;
    let is_intact = mapping.starts_with(MAGIC) && table(&mapping).is_some_and(|parts| parts.into_iter().all(is_whole));
    if is_intact && !mapping.is_lost() { FileState::Intact } else { FileState::Damaged }
}

/// Whether the model is there that a packed file was made of.
pub(super) fn source_exists(packed: &Path) -> bool {
    let mut head = [0; HEAD_BYTES];
    if File::open(packed).and_then(|mut file| file.read_exact(&mut head)).is_err() || !head.starts_with(MAGIC) {
        return false;
    }
    let path = head[PATH_AT..].split(|byte| *byte == 0).next();
    path.and_then(|path| std::str::from_utf8(path).ok()).is_some_and(|path| Path::new(path).exists())
}
