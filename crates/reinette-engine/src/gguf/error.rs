//! What can be wrong with a GGUF file, said with the place in the file and the name of the thing.

use std::path::PathBuf;

/// Why a GGUF file was refused, or why a metadata value could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The file could not be opened or mapped.
    #[error("cannot open the model file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file shrank, or its disk failed, after it was opened.
    #[error(
        "the model's file was cut short, or its disk failed, while it was read: check it with `reinette models verify`, \
         then load it again"
    )]
    Lost,
    /// The first four bytes are not `GGUF`.
    #[error("not a GGUF file: it starts with the bytes {found:02x?} instead of \"GGUF\"")]
    NotGguf {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// The file was written for big-endian machines.
    #[error(
        "this GGUF file is big-endian; only little-endian files are supported: convert it again without `--bigendian`"
    )]
    BigEndian,
    /// A version other than 2 and 3.
    #[error("GGUF version {version} is not supported (2 and 3 are): convert the model again with a current converter")]
    UnsupportedVersion {
        /// The version that the file says.
        version: u32,
    },
    /// The file ends before what it announces.
    #[error(
        "the file is truncated: {what} at byte {offset} needs {needed} bytes and {available} are left; fetch it again"
    )]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it begins, in bytes from the start of the file.
        offset: usize,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that the file still has there.
        available: usize,
    },
    /// A count or a length above the hard limit for its kind.
    #[error("{what} at byte {offset} is {count}, above the limit of {limit}: the file is damaged or hostile")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// Where the count stands.
        offset: usize,
        /// The count that the file says.
        count: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// Text that is not UTF-8.
    #[error("{what} at byte {offset} is not UTF-8")]
    InvalidUtf8 {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// A metadata value of a type that GGUF does not have.
    #[error("metadata type {code} at byte {offset} is unknown")]
    UnknownValueType {
        /// The type's number in the file.
        code: u32,
        /// Where it stands.
        offset: usize,
    },
    /// Arrays of arrays of arrays, too deep.
    #[error("the metadata array at byte {offset} is nested deeper than {limit} levels")]
    NestedTooDeep {
        /// Where the innermost array begins.
        offset: usize,
        /// The deepest nesting that is accepted.
        limit: usize,
    },
    /// The same metadata key twice.
    #[error("the metadata key `{key}` at byte {offset} was already given")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it stands the second time.
        offset: usize,
    },
    /// `general.alignment` is not a power of two in range.
    #[error("`general.alignment` is {alignment}; it must be a power of two up to {limit}")]
    BadAlignment {
        /// The alignment that the file says.
        alignment: u32,
        /// The largest that is accepted.
        limit: u32,
    },
    /// A metadata key that the reader needs is not there.
    #[error("the metadata has no `{key}`: the file is incomplete or of another kind of model")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A metadata value of another type than the reader needs.
    #[error("the metadata `{key}` should be {expected} and is {found}")]
    WrongType {
        /// The key.
        key: String,
        /// The type that was asked for.
        expected: &'static str,
        /// The type that the file has, with the value where it is short.
        found: String,
    },
    /// An entry of the tensor table is wrong.
    #[error("tensor `{name}` (described at byte {offset}): {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// Where its entry begins.
        offset: usize,
        /// What is wrong with it.
        problem: TensorProblem,
    },
}

/// What is wrong with one entry of the tensor table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// A type that the kernels do not know.
    #[error("tensor type {code} is not supported: take a file quantised to another type (Q4_K_M, Q8_0, F16)")]
    UnknownType {
        /// The type's number in the file.
        code: u32,
    },
    /// No dimension, or more than four.
    #[error("it has {count} dimensions; 1 to 4 are supported")]
    Dimensions {
        /// The number of dimensions that the file says.
        count: u32,
    },
    /// A dimension of zero, or a size past what a machine can address.
    #[error("its dimensions {dims:?} give no addressable size")]
    Size {
        /// The dimensions, innermost first.
        dims: Vec<u64>,
    },
    /// Rows that do not divide into the type's blocks.
    #[error("its rows of {row} elements do not divide into blocks of {block}")]
    PartialBlock {
        /// Elements in a row.
        row: u64,
        /// Elements in a block of the tensor's type.
        block: usize,
    },
    /// Data that does not begin at a multiple of the alignment.
    #[error("its data offset {offset} is not a multiple of the alignment {alignment}")]
    Misaligned {
        /// Offset from the start of the data section.
        offset: u64,
        /// The file's alignment in bytes.
        alignment: u32,
    },
    /// Data that ends past the end of the file.
    #[error("its {size} bytes from byte {start} end past the end of the file ({file} bytes); fetch it again")]
    OutOfFile {
        /// First byte in the file.
        start: u64,
        /// Bytes of data.
        size: u64,
        /// Bytes in the file.
        file: usize,
    },
    /// Data shared with another tensor.
    #[error("its data overlaps that of tensor `{other}`")]
    Overlap {
        /// The other tensor.
        other: String,
    },
    /// The same name twice.
    #[error("the name was already given")]
    Duplicate,
    /// Given bytes that are not as many as type and dimensions say (writing only).
    #[error("it was given {found} bytes and needs {expected}")]
    WrongLength {
        /// Bytes that type and dimensions need.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
}
