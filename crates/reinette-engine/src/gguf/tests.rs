use reinette_kernels::QuantType;

use super::*;

/// A file with every metadata type, nested arrays, and three tensors.
fn sample() -> Vec<u8> {
    let matrix: Vec<u8> = (0..64u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let mut writer = GgufWriter::default();
    writer.set("general.architecture", "llama");
    writer.set("u8", &200u8);
    writer.set("i8", &-3i8);
    writer.set("u16", &60_000u16);
    writer.set("i16", &-300i16);
    writer.set("llama.block_count", &30u32);
    writer.set("i32", &-70_000i32);
    writer.set("f32", &1.5f32);
    writer.set("bool", &true);
    writer.set("u64", &u64::MAX);
    writer.set("i64", &i64::MIN);
    writer.set("f64", &2.25f64);
    writer.set("strings", ["", "é", "ab"].as_slice());
    writer.set("floats", [0.5f32, -1.0].as_slice());
    writer.set("integers", [3i32, 4, 5].as_slice());
    writer.set("nested", [[1u16, 2].as_slice(), [].as_slice()].as_slice());
    writer.tensor("matrix", &[16, 4], QuantType::F32, &matrix).unwrap();
    writer.tensor("vector", &[3], QuantType::F32, &matrix[..12]).unwrap();
    writer.tensor("blocks", &[32, 2], QuantType::Q8_0, &matrix[..68]).unwrap();
    writer.to_bytes()
}

/// A file with one F32 tensor described by hand.
fn file_with_tensor(dims: &[u64], code: u32, offset: u64, data_bytes: usize) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    for number in [&3u32.to_le_bytes()[..], &1u64.to_le_bytes(), &0u64.to_le_bytes()] {
        bytes.extend_from_slice(number);
    }
    "t".encode(&mut bytes);
    u32::try_from(dims.len()).unwrap().encode(&mut bytes);
    for dim in dims {
        dim.encode(&mut bytes);
    }
    code.encode(&mut bytes);
    offset.encode(&mut bytes);
    bytes.resize(bytes.len().next_multiple_of(32) + data_bytes, 0);
    bytes
}

fn tensor_problem(bytes: Vec<u8>) -> TensorProblem {
    match Gguf::from_bytes(bytes) {
        Err(GgufError::Tensor { name, problem, .. }) if name == "t" => problem,
        other => panic!("expected a tensor problem, got {other:?}"),
    }
}

#[test]
fn numbers_and_strings_are_read_as_written() {
    let file = Gguf::from_bytes(sample()).unwrap();
    let metadata = file.metadata();
    assert_eq!(metadata.len(), 16);
    assert_eq!(metadata.str("general.architecture").unwrap(), "llama");
    assert_eq!(metadata.u32("llama.block_count").unwrap(), 30);
    assert_eq!(metadata.u32("u8").unwrap(), 200);
    assert_eq!(metadata.require::<i32>("i8").unwrap(), -3);
    assert_eq!(metadata.require::<u64>("u64").unwrap(), u64::MAX);
    assert_eq!(metadata.get("i64"), Some(Value::I64(i64::MIN)));
    assert_eq!(metadata.f32("f32").unwrap().to_bits(), 1.5f32.to_bits());
    assert_eq!(metadata.f32("f64").unwrap().to_bits(), 2.25f32.to_bits());
    assert!(metadata.bool("bool").unwrap());
    assert_eq!(metadata.find::<u32>("absent").unwrap(), None);
}

#[test]
fn arrays_are_read_as_written() {
    let file = Gguf::from_bytes(sample()).unwrap();
    let metadata = file.metadata();
    let strings: Vec<&[u8]> = metadata.array("strings").unwrap().strings().unwrap().collect();
    assert_eq!(strings, [b"".as_slice(), "é".as_bytes(), b"ab"]);
    let floats: Vec<u32> = metadata.array("floats").unwrap().f32s().unwrap().map(f32::to_bits).collect();
    assert_eq!(floats, [0.5f32, -1.0].map(f32::to_bits));
    assert_eq!(metadata.array("integers").unwrap().integers().unwrap().collect::<Vec<_>>(), [3, 4, 5]);
    assert!(metadata.array("integers").unwrap().strings().is_none());
    let nested: Vec<usize> = metadata.array("nested").unwrap().arrays().unwrap().map(|inner| inner.len()).collect();
    assert_eq!(nested, [2, 0]);
}

#[test]
fn tensors_are_read_as_written() {
    let file = Gguf::from_bytes(sample()).unwrap();
    let matrix = file.tensor("matrix").unwrap();
    assert_eq!((matrix.dims, matrix.quant_type, matrix.bytes.len()), ([16, 4].as_slice(), QuantType::F32, 256));
    assert_eq!(matrix.bytes[4..8], 1.0f32.to_le_bytes());
    assert_eq!(file.tensor("blocks").unwrap().bytes.len(), 68);
    assert_eq!(file.tensors().map(|tensor| tensor.name).collect::<Vec<_>>(), ["matrix", "vector", "blocks"]);
    assert!(file.tensor("absent").is_none());
}

#[test]
fn metadata_is_copied_from_file_to_file() {
    let original = Gguf::from_bytes(sample()).unwrap();
    let mut writer = GgufWriter::default();
    for (key, value) in original.metadata().iter() {
        writer.copy(key, &value);
    }
    let copy = Gguf::from_bytes(writer.to_bytes()).unwrap();
    assert!(original.metadata().iter().eq(copy.metadata().iter()));
}

#[test]
fn a_file_on_disk_is_mapped() {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), sample()).unwrap();
    let file = Gguf::open(path.path()).unwrap();
    assert_eq!(file.clone().tensor("vector").unwrap().dims, [3]);
    assert!(matches!(Gguf::open("no such file".as_ref()), Err(GgufError::Io { .. })));
    std::fs::write(path.path(), b"").unwrap();
    assert!(matches!(Gguf::open(path.path()), Err(GgufError::NotGguf { .. })));
}

#[test]
fn getters_say_key_expectation_and_finding() {
    let file = Gguf::from_bytes(sample()).unwrap();
    let message = |error: GgufError| error.to_string();
    assert_eq!(
        message(file.metadata().u32("general.architecture").unwrap_err()),
        "the metadata `general.architecture` should be a whole number of 32 bits and is a string of 5 bytes"
    );
    assert_eq!(
        message(file.metadata().u32("i8").unwrap_err()),
        "the metadata `i8` should be a whole number of 32 bits and is the i8 -3"
    );
    assert!(message(file.metadata().f32("absent").unwrap_err()).contains("`absent`"));
}

#[test]
fn a_file_cut_anywhere_is_refused_without_panic() {
    let bytes = sample();
    // The padding after the last tensor is not needed.
    let needed = bytes.len() - (96 - 68);
    for length in 0..needed {
        assert!(Gguf::from_bytes(bytes[..length].to_vec()).is_err(), "accepted with {length} bytes");
    }
    assert!(Gguf::from_bytes(bytes[..needed].to_vec()).is_ok());
}

#[test]
fn a_file_with_any_bit_flipped_never_panics() {
    let bytes = sample();
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << bit;
            if let Ok(file) = Gguf::from_bytes(damaged) {
                walk(&file);
            }
        }
    }
}

/// Touches everything that a reader could.
fn walk(file: &Gguf) {
    for (_, value) in file.metadata().iter() {
        if let Value::Array(array) = value {
            array.strings().into_iter().flatten().for_each(drop);
            array.arrays().into_iter().flatten().for_each(drop);
            array.scalars().into_iter().flatten().for_each(drop);
        }
    }
    assert!(file.tensors().all(|tensor| tensor.bytes.len() <= file.size_bytes()));
}

#[test]
fn wrong_kinds_of_file_are_named() {
    assert!(matches!(Gguf::from_bytes(b"PK\x03\x04".to_vec()), Err(GgufError::NotGguf { .. })));
    let version = |version: u32, big_endian: bool| {
        let mut bytes = sample();
        bytes[4..8].copy_from_slice(&if big_endian { version.to_be_bytes() } else { version.to_le_bytes() });
        Gguf::from_bytes(bytes)
    };
    assert!(version(2, false).is_ok());
    assert!(matches!(version(3, true), Err(GgufError::BigEndian)));
    assert!(matches!(version(1, false), Err(GgufError::UnsupportedVersion { version: 1 })));
}

#[test]
fn counts_past_the_end_of_the_file_allocate_nothing() {
    for (position, what) in [(8, "tensors"), (16, "metadata")] {
        for count in [100_000, 1 << 40, u64::MAX] {
            let mut bytes = sample();
            bytes[position..position + 8].copy_from_slice(&count.to_le_bytes());
            let error = Gguf::from_bytes(bytes).unwrap_err();
            assert!(
                matches!(error, GgufError::TooLarge { .. } | GgufError::Truncated { .. }),
                "{what} {count}: {error}"
            );
        }
    }
    let mut writer = GgufWriter::default();
    writer.set("huge", [0u64].as_slice());
    let mut bytes = writer.to_bytes();
    let length_at = 24 + 8 + 4 + 4 + 4;
    bytes[length_at..length_at + 8].copy_from_slice(&(u64::MAX / 4).to_le_bytes());
    assert!(matches!(Gguf::from_bytes(bytes), Err(GgufError::Truncated { .. })));
}

#[test]
fn deep_nesting_and_repeated_keys_are_refused() {
    let mut writer = GgufWriter::default();
    let deep: &[&[&[&[&[u8]]]]] = &[&[&[&[&[1]]]]];
    writer.set("deep", deep);
    assert!(matches!(Gguf::from_bytes(writer.to_bytes()), Err(GgufError::NestedTooDeep { .. })));
    let mut writer = GgufWriter::default();
    writer.set("key", &1u8);
    writer.set("key", &2u8);
    assert!(matches!(Gguf::from_bytes(writer.to_bytes()), Err(GgufError::DuplicateKey { key, .. }) if key == "key"));
}

#[test]
fn alignment_must_be_a_power_of_two() {
    for (alignment, accepted) in
        [(0u32, false), (24, false), (u32::MAX, false), (1 << 30, false), (64, true), (1, true)]
    {
        let mut writer = GgufWriter::default();
        writer.set("general.alignment", &alignment);
        assert_eq!(Gguf::from_bytes(writer.to_bytes()).is_ok(), accepted, "{alignment}");
    }
}

#[test]
fn bad_tensor_entries_are_named() {
    assert!(Gguf::from_bytes(file_with_tensor(&[8, 4], 0, 0, 128)).is_ok());
    assert!(matches!(tensor_problem(file_with_tensor(&[8], 9999, 0, 32)), TensorProblem::UnknownType { code: 9999 }));
    assert!(matches!(tensor_problem(file_with_tensor(&[1; 5], 0, 0, 32)), TensorProblem::Dimensions { count: 5 }));
    assert!(matches!(tensor_problem(file_with_tensor(&[8, 0], 0, 0, 32)), TensorProblem::Size { .. }));
    assert!(matches!(tensor_problem(file_with_tensor(&[1 << 40, 1 << 40], 0, 0, 32)), TensorProblem::Size { .. }));
    assert!(matches!(tensor_problem(file_with_tensor(&[33], 8, 0, 64)), TensorProblem::PartialBlock { row: 33, .. }));
    assert!(matches!(tensor_problem(file_with_tensor(&[8], 0, 8, 64)), TensorProblem::Misaligned { offset: 8, .. }));
    assert!(matches!(tensor_problem(file_with_tensor(&[8], 0, 32, 32)), TensorProblem::OutOfFile { size: 32, .. }));
    let far = u64::MAX - 31;
    assert!(matches!(
        tensor_problem(file_with_tensor(&[8], 0, far, 32)),
        TensorProblem::OutOfFile { .. } | TensorProblem::Size { .. }
    ));
}

#[test]
fn overlapping_tensors_are_refused() {
    let data = [0; 64];
    let mut writer = GgufWriter::default();
    writer.tensor("first", &[16], QuantType::F32, &data).unwrap();
    writer.tensor("second", &[16], QuantType::F32, &data).unwrap();
    let mut bytes = writer.to_bytes();
    let offset_at = 24 + (8 + 5 + 4 + 8 + 4 + 8) + (8 + 6 + 4 + 8 + 4);
    assert_eq!(bytes[offset_at..offset_at + 8], 64u64.to_le_bytes());
    bytes[offset_at] = 32;
    match Gguf::from_bytes(bytes) {
        Err(GgufError::Tensor { name, problem: TensorProblem::Overlap { other }, .. }) => {
            assert_eq!((name.as_str(), other.as_str()), ("second", "first"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_writer_refuses_bytes_that_do_not_fit_the_shape() {
    let mut writer = GgufWriter::default();
    let error = writer.tensor("t", &[4], QuantType::F32, &[0; 15]).unwrap_err();
    assert!(matches!(error, GgufError::Tensor { problem: TensorProblem::WrongLength { expected: 16, found: 15 }, .. }));
}
