//! GGUF, the file format of llama.cpp's models: metadata, vocabulary and quantised tensors in one file that is mapped.
//!
//! ```no_run
//! use reinette_engine::gguf::Gguf;
//!
//! let model = Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf".as_ref())?;
//! let layers = model.metadata().u32("llama.block_count")?;
//! let embedding = model.tensor("token_embd.weight");
//! # Ok::<(), reinette_engine::gguf::GgufError>(())
//! ```
//!
//! A file is foreign data: nothing is allocated by a number that the file says before that number is checked against
//! the bytes that are left, every offset is checked when the file is opened, and no file makes this module panic.
//!
//! Specification: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

mod error;
mod mapping;
mod metadata;
mod reader;
mod tensors;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use reinette_kernels::QuantType;

pub use error::{GgufError, TensorProblem};
pub(crate) use mapping::Mapping;
pub use metadata::{FromValue, Metadata};
use reader::Reader;
pub use value::{Array, Value, ValueType};
pub use write::{Encode, GgufWriter};

/// The first four bytes of every GGUF file.
const MAGIC: &[u8; 4] = b"GGUF";

/// Longest metadata key; the format's own limit.
const MAX_KEY_BYTES: u64 = 65_535;

/// Alignment of tensor data where `general.alignment` does not say another.
const DEFAULT_ALIGNMENT: u32 = 32;

/// Largest alignment that is accepted: a huge page.
const MAX_ALIGNMENT: u32 = 1 << 21;

/// An open GGUF file. Cloning shares the mapping.
#[derive(Debug, Clone)]
pub struct Gguf {
    file: Arc<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    mapping: Mapping,
    metadata: metadata::Table,
    tensors: tensors::Table,
}

impl Gguf {
    /// Maps the file at `path` and checks all of it but the numbers in the tensors.
    ///
    /// # Errors
    /// [`GgufError`] says what is wrong and at which byte.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        Gguf::from_mapping(Mapping::open(path)?)
    }

    /// Reads a file that is already in memory.
    ///
    /// # Errors
    /// [`GgufError`] says what is wrong and at which byte.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, GgufError> {
        Gguf::from_mapping(Mapping::Owned(bytes))
    }

    fn from_mapping(mapping: Mapping) -> Result<Self, GgufError> {
        let mut reader = Reader::new(&mapping);
        check_version(&mut reader)?;
        let tensor_count = tensors::Table::read_count(&mut reader)?;
        let metadata_count = metadata::Table::read_count(&mut reader)?;
        let metadata = metadata::Table::read(&mut reader, metadata_count)?;
        let alignment = alignment(Metadata::new(&metadata, &mapping))?;
        let tensors = tensors::Table::read(&mut reader, tensor_count, alignment, mapping.len())?;
        if mapping.is_lost() {
            return Err(GgufError::Lost);
        }
        Ok(Gguf { file: Arc::new(OpenFile { mapping, metadata, tensors }) })
    }

    /// The key–value part.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::new(&self.file.metadata, &self.file.mapping)
    }

    /// The tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        self.file.tensors.get(name).map(|entry| self.view(entry))
    }

    /// All tensors, in the order of the file.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorView<'_>> {
        self.file.tensors.entries.iter().map(|entry| self.view(entry))
    }

    /// Where the data of the tensor called `name` stands in the file, for [`Gguf::bytes`]: what a weight that outlives
    /// a [`TensorView`] keeps beside its clone of the `Gguf`.
    pub fn tensor_range(&self, name: &str) -> Option<Range<usize>> {
        self.file.tensors.get(name).map(|entry| entry.start..entry.end)
    }

    /// The bytes of a range that [`Gguf::tensor_range`] gave.
    ///
    /// # Panics
    /// When the range is of another, larger file.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.file.mapping[range]
    }

    /// Everything before the first tensor's data: metadata, vocabulary and the table of tensors.
    pub fn head(&self) -> &[u8] {
        let end = self.file.tensors.entries.iter().map(|entry| entry.start).min().unwrap_or(self.file.mapping.len());
        &self.file.mapping[..end]
    }

    /// Takes the file's pages out of this process's memory; they come back when they are read.
    pub(crate) fn release_pages(&self) {
        self.file.mapping.release_pages();
    }

    /// Whether some of the file could not be read any more, because another program cut it short or the disk failed: what
    /// was read meanwhile may have been zeros.
    pub(crate) fn is_lost(&self) -> bool {
        self.file.mapping.is_lost()
    }

    /// The length of the file.
    pub fn size_bytes(&self) -> usize {
        self.file.mapping.len()
    }

    fn view<'a>(&'a self, entry: &'a tensors::Entry) -> TensorView<'a> {
        TensorView {
            name: &entry.name,
            dims: &entry.dims,
            quant_type: entry.quant_type,
            bytes: &self.file.mapping[entry.start..entry.end],
        }
    }
}

/// A tensor where it stands in the file.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: &'a str,
    /// One to four dimensions as ggml orders them: `dims[0]` is the length of a row, which is contiguous.
    pub dims: &'a [usize],
    /// How its numbers are stored.
    pub quant_type: QuantType,
    /// Its data: rows one after the other, each a whole number of blocks.
    pub bytes: &'a [u8],
}

fn check_version(reader: &mut Reader<'_>) -> Result<(), GgufError> {
    let magic = reader.clone().take("the magic number", reader.remaining().min(4) as u64)?;
    if magic != MAGIC {
        return Err(GgufError::NotGguf { found: magic.to_vec() });
    }
    reader.take("the magic number", 4)?;
    match reader.u32("the version")? {
        2 | 3 => Ok(()),
        // 2 or 3 read in the wrong order.
        version if matches!(version.swap_bytes(), 2 | 3) => Err(GgufError::BigEndian),
        version => Err(GgufError::UnsupportedVersion { version }),
    }
}

fn alignment(metadata: Metadata<'_>) -> Result<u32, GgufError> {
    let alignment = metadata.find("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    if alignment.is_power_of_two() && alignment <= MAX_ALIGNMENT {
        Ok(alignment)
    } else {
        Err(GgufError::BadAlignment { alignment, limit: MAX_ALIGNMENT })
    }
}
