//! The table of tensors: names, shapes, types, and where the data stands.

use reinette_kernels::QuantType;
use rustc_hash::FxHashMap;

use super::reader::Reader;
use super::{GgufError, TensorProblem};

/// Most tensors; a large mixture of experts has a few thousand.
const MAX_TENSORS: u64 = 131_072;

/// Longest tensor name; the format's own limit is 64 bytes.
const MAX_NAME_BYTES: u64 = 256;

/// Most dimensions of a tensor.
const MAX_DIMENSIONS: u32 = 4;

/// Fewest bytes of an entry: the name's length, the number of dimensions, one dimension, type and offset.
const LEAST_ENTRY_BYTES: u64 = 8 + 4 + 8 + 4 + 8;

/// One entry of the table; `start..end` is checked to lie in the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    pub(super) dims: Vec<usize>,
    pub(super) quant_type: QuantType,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the entry itself stands, for messages.
    described_at: usize,
}

impl Entry {
    fn problem(&self, problem: TensorProblem) -> GgufError {
        GgufError::Tensor { name: self.name.to_string(), offset: self.described_at, problem }
    }
}

/// All tensors, in the order of the file.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
    by_name: FxHashMap<Box<str>, usize>,
}

impl Table {
    pub(super) fn read_count(reader: &mut Reader<'_>) -> Result<usize, GgufError> {
        reader.count("the number of tensors", MAX_TENSORS, LEAST_ENTRY_BYTES)
    }

    /// Reads `count` entries and checks that their data lies inside of the file (`file_bytes` long) without overlap.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        count: usize,
        alignment: u32,
        file_bytes: usize,
    ) -> Result<Self, GgufError> {
        let mut entries = Vec::with_capacity(count);
        let mut by_name = FxHashMap::default();
        for index in 0..count {
            let entry = read_entry(reader, alignment)?;
            if by_name.insert(entry.name.clone(), index).is_some() {
                return Err(entry.problem(TensorProblem::Duplicate));
            }
            entries.push(entry);
        }
        let data_start = reader.position().next_multiple_of(alignment as usize);
        for entry in &mut entries {
            place(entry, data_start, file_bytes)?;
        }
        check_overlaps(&entries)?;
        Ok(Table { entries, by_name })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        Some(&self.entries[*self.by_name.get(name)?])
    }
}

/// Reads one entry; its `start` and `end` are relative to the data section until [`place`] moves them.
fn read_entry(reader: &mut Reader<'_>, alignment: u32) -> Result<Entry, GgufError> {
    let described_at = reader.position();
    let name = reader.string("a tensor's name", MAX_NAME_BYTES)?;
    let fail = |problem| GgufError::Tensor { name: name.into(), offset: described_at, problem };
    let count = reader.u32("a tensor's number of dimensions")?;
    if !(1..=MAX_DIMENSIONS).contains(&count) {
        return Err(fail(TensorProblem::Dimensions { count }));
    }
    let dims = (0..count).map(|_| reader.u64("a tensor's dimension")).collect::<Result<Vec<u64>, _>>()?;
    let code = reader.u32("a tensor's type")?;
    let quant_type = QuantType::from_ggml(code).ok_or_else(|| fail(TensorProblem::UnknownType { code }))?;
    let offset = reader.u64("a tensor's data offset")?;
    if !offset.is_multiple_of(u64::from(alignment)) {
        return Err(fail(TensorProblem::Misaligned { offset, alignment }));
    }
    let (dims, size) = checked_size(&dims, quant_type).map_err(fail)?;
    let (Ok(start), Some(end)) = (usize::try_from(offset), offset.checked_add(size as u64)) else {
        return Err(fail(TensorProblem::Size { dims: dims.iter().map(|&dim| dim as u64).collect() }));
    };
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    Ok(Entry { name: name.into(), dims, quant_type, start, end, described_at })
}

/// The dimensions as machine words and the bytes of the data, or what is wrong with them.
pub(super) fn checked_size(dims: &[u64], quant_type: QuantType) -> Result<(Vec<usize>, usize), TensorProblem> {
    let unaddressable = || TensorProblem::Size { dims: dims.to_vec() };
    let row = dims[0];
    let block = quant_type.block_len();
    if !row.is_multiple_of(block as u64) {
        return Err(TensorProblem::PartialBlock { row, block });
    }
    let sizes: Option<Vec<usize>> = dims.iter().map(|&dim| usize::try_from(dim).ok().filter(|&dim| dim > 0)).collect();
    let sizes = sizes.ok_or_else(unaddressable)?;
    let elements = sizes.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let bytes = elements.and_then(|elements| (elements / block).checked_mul(quant_type.block_bytes()));
    // Pointers may be offset by at most `isize::MAX` bytes.
    match bytes.filter(|&bytes| isize::try_from(bytes).is_ok()) {
        Some(bytes) => Ok((sizes, bytes)),
        None => Err(unaddressable()),
    }
}

/// Moves the entry's range from the data section to the file.
fn place(entry: &mut Entry, data_start: usize, file_bytes: usize) -> Result<(), GgufError> {
    let size = (entry.end - entry.start) as u64;
    let moved = (entry.start.checked_add(data_start)).zip(entry.end.checked_add(data_start));
    let Some((start, end)) = moved.filter(|&(_, end)| end <= file_bytes) else {
        let start = entry.start.saturating_add(data_start) as u64;
        return Err(entry.problem(TensorProblem::OutOfFile { start, size, file: file_bytes }));
    };
    (entry.start, entry.end) = (start, end);
    Ok(())
}

fn check_overlaps(entries: &[Entry]) -> Result<(), GgufError> {
    let mut by_place: Vec<&Entry> = entries.iter().collect();
    by_place.sort_unstable_by_key(|entry| entry.start);
    for pair in by_place.windows(2) {
        if let [before, after] = pair
            && after.start < before.end
        {
            return Err(after.problem(TensorProblem::Overlap { other: before.name.to_string() }));
        }
    }
    Ok(())
}
