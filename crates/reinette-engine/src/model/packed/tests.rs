use super::file::{HEAD_BYTES, PackedFile, head};
use super::{
    Check, LEAST_FILE_BYTES, PackedFolder, PackedMatrix, Source, digest, in_memory, pack, packed_bytes, place,
};
use crate::file_cache::FileState;
use crate::gguf::{Gguf, GgufWriter};
use crate::model::weights::Weight;
use crate::model::{Fingerprint, Model};
use crate::tokenizer::TokenId;
use crate::{GenerateError, Sequence};
use reinette_kernels::{Activations, Compute, InstructionSet, Layout, MatmulTask, QuantType, matmul};
use reinette_testkit::golden_model;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Numbers as blocks of `Q8_0`: a scale in half precision, then 32 codes.
#[expect(clippy::cast_possible_truncation, reason = "a code is at most 127")]
fn q8_0(values: &[f32]) -> Vec<u8> {
    let block = |values: &[f32]| {
        let scale = values.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
        let code = move |value: &f32| (value / scale.max(f32::MIN_POSITIVE)).round() as i8;
        let codes = values.iter().map(move |value| code(value).to_le_bytes()[0]);
        half::f16::from_f32(scale).to_le_bytes().into_iter().chain(codes).collect::<Vec<u8>>()
    };
    values.chunks(32).flat_map(block).collect()
}

/// The golden model `name` with all matrices of whole blocks in 8 bits.
fn quantised(name: &str) -> Gguf {
    let file = Gguf::from_bytes(golden_model(name)).unwrap();
    let matrices: Vec<Option<Vec<u8>>> = file
        .tensors()
        .map(|tensor| {
            let is_matrix = tensor.dims.len() > 1 && tensor.dims[0].is_multiple_of(32);
            is_matrix.then(|| q8_0(&crate::model::weights::floats(tensor)))
        })
        .collect();
    let mut writer = GgufWriter::default();
    file.metadata().iter().for_each(|(key, value)| writer.copy(key, &value));
    for (tensor, matrix) in file.tensors().zip(&matrices) {
        let (ty, bytes) = match matrix {
            Some(bytes) => (QuantType::Q8_0, bytes.as_slice()),
            None => (tensor.quant_type, tensor.bytes),
        };
        writer.tensor(tensor.name, tensor.dims, ty, bytes).unwrap();
    }
    Gguf::from_bytes(writer.to_bytes()).unwrap()
}

fn logits(model: Model, n_tokens: u32) -> Vec<f32> {
    let tokens: Vec<TokenId> = (0..n_tokens).map(|token| TokenId(3 + 7 * token % 50)).collect();
    Sequence::new(Arc::new(model), 32, 2).unwrap().logits(&tokens, &[]).unwrap().to_vec()
}

#[test]
fn packed_models_compute_the_same() {
    // Fused projections, experts of both kinds, a shared embedding.
    for name in ["llama", "phi3", "mixtral", "qwen3moe", "gemma3"] {
        for n_tokens in [1, 2, 9] {
            let plain = logits(Model::unpacked(quantised(name)).unwrap(), n_tokens);
            let packed = logits(Model::from_gguf(quantised(name)).unwrap(), n_tokens);
            let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
            let distance = norm(&mut plain.iter().zip(&packed).map(|(plain, packed)| plain - packed));
            // Sums in another order; where one falls on the other side of a half, an activation rounds the other way.
            let share = distance / norm(&mut plain.iter().copied());
            assert!(share < 1e-2, "{name}, {n_tokens} tokens: the logits are {share} apart");
        }
    }
}

#[test]
fn every_matrix_of_whole_blocks_is_packed_but_an_embedding_that_is_no_output_layer() {
    if Layout::fastest(InstructionSet::detect(), QuantType::Q8_0) == Layout::Rows {
        return;
    }
    let mut model = Model::from_gguf(quantised("qwen3moe")).unwrap();
    assert_eq!(model.weights.embedding.matrix().layout(), Layout::Rows);
    let layout = |weight: &mut Weight| (weight.matrix().ty(), weight.matrix().layout());
    let layouts: Vec<_> = model.weights.matrices_mut().into_iter().map(layout).collect();
    assert!(layouts.iter().all(|layout| *layout == (QuantType::Q8_0, Layout::Packed)), "{layouts:?}");
    // Two layers of four projections, a router, and eight experts of three; the output.
    assert_eq!(layouts.len(), 2 * (4 + 1 + 8 * 3) + 1);
    let tied = Model::from_gguf(quantised("gemma3")).unwrap();
    assert_eq!(tied.weights.embedding.matrix().layout(), Layout::Packed);
}

/// Rows of a matrix of 8 bits that stand somewhere within a tensor.
fn rows_of(values: &[f32], cols: usize, rows: std::ops::Range<usize>) -> Weight {
    let bytes = q8_0(&values[rows.start * cols..rows.end * cols]);
    Weight::owned(QuantType::Q8_0, rows.len(), cols, bytes).unwrap()
}

fn values(count: u16) -> Vec<f32> {
    (0..count).map(|index| f32::from(index * 37 % 101) / 50.0 - 1.0).collect()
}

#[test]
fn ranges_of_rows_that_are_no_multiple_of_eight_stay_right() {
    const COLS: usize = 64;
    let compute = Compute::new(1);
    let values = values(64 * 40);
    for rows in [0..3, 0..8, 3..14, 14..15, 15..40] {
        let plain = rows_of(&values, COLS, rows.clone());
        let mut packed = plain.clone();
        pack(vec![&mut packed], None);
        for n_tokens in [1, 2, 5] {
            let mut x = Activations::new();
            x.set(&compute, &values[..n_tokens * COLS], COLS);
            let [plain, packed] = [&plain, &packed].map(|weight| {
                let mut out = vec![0.0; n_tokens * rows.len()];
                matmul(&compute, &mut [MatmulTask { weights: weight.matrix(), out: &mut out }], &x);
                out
            });
            for (plain, packed) in plain.iter().zip(&packed) {
                assert!((plain - packed).abs() < 1e-4, "rows {rows:?}: {plain} and {packed}");
            }
        }
    }
}

#[test]
fn few_long_rows_are_left_as_they_are() {
    let mut long = rows_of(&values(64), 64, 0..1);
    pack(vec![&mut long], None);
    assert_eq!(long.matrix().layout(), Layout::Rows, "eight times the memory");
}

/// A folder for packed files beside a file that stands for the model.
fn folder_and_model() -> (tempfile::TempDir, PackedFolder, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("model.gguf");
    fs::write(&model, "a model").unwrap();
    let folder = PackedFolder::new(home.path().join("cache").join("packed"));
    (home, folder, model)
}

fn source(path: &Path) -> Source<'_> {
    Source { path, fingerprint: Fingerprint::of_bytes(&fs::read(path).unwrap()) }
}

/// The packed file of some matrices, which must be the same as what is made in memory.
fn found(folder: &PackedFolder, model: &Path) -> Option<PackedFile> {
    let mut weight = rows_of(&values(64 * 20), 64, 0..20);
    let parts = [&mut weight];
    let (ranges, end) = place(&parts);
    assert!(end >= HEAD_BYTES + packed_bytes(&parts[0].matrix()) && end < LEAST_FILE_BYTES);
    let file = folder.find_or_make(&parts, &ranges, &source(model))?;
    assert_eq!(file.bytes(HEAD_BYTES..end), &in_memory(&parts, end)[HEAD_BYTES..]);
    Some(file)
}

fn only_file(folder: &PackedFolder) -> std::path::PathBuf {
    let entries: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].as_ref().unwrap().path()
}

#[test]
fn a_file_is_made_once_and_made_again_if_it_is_damaged_or_of_another_model() {
    let (_home, folder, model) = folder_and_model();
    found(&folder, &model).unwrap();
    let path = only_file(&folder);
    let whole = fs::read(&path).unwrap();
    let long_ago = std::time::UNIX_EPOCH;
    let set_time = || fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    let is_old = || fs::metadata(&path).unwrap().modified().unwrap() == long_ago;
    set_time();
    found(&folder, &model).unwrap();
    assert!(is_old(), "it was mapped, not made again");

    let mut longer = whole.clone();
    longer.push(0);
    let mut other_head = whole.clone();
    other_head[10] ^= 1;
    let mut other_table = whole.clone();
    other_table[whole.len() - 30] ^= 1;
    for damaged in [&[][..], &whole[..100], &whole[..whole.len() - 1], &longer, &other_head, &other_table] {
        fs::write(&path, damaged).unwrap();
        set_time();
        found(&folder, &model).unwrap();
        assert!(!is_old() && fs::read(&path).unwrap() == whole, "{} bytes", damaged.len());
    }
    fs::write(&model, "another model").unwrap();
    found(&folder, &model).unwrap();
    assert_ne!(fs::read(only_file(&folder)).unwrap(), whole);
}

#[test]
fn where_no_file_can_be_made_none_is_found() {
    let (_home, folder, model) = folder_and_model();
    fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    fs::write(folder.path(), "a file where the folder would be").unwrap();
    assert!(found(&folder, &model).is_none());
}

#[test]
fn files_of_models_that_are_gone_are_deleted() {
    let (home, folder, model) = folder_and_model();
    let gone = home.path().join("gone.gguf");
    fs::copy(&model, &gone).unwrap();
    found(&folder, &gone).unwrap();
    let orphan = only_file(&folder);
    fs::remove_file(gone).unwrap();
    let foreign = folder.path().join("note.txt");
    fs::write(&foreign, "not ours").unwrap();
    found(&folder, &model).unwrap();
    assert!(!orphan.exists() && foreign.exists());
    assert_eq!(folder.usage().unwrap().files, 1);
    assert_eq!(folder.clear().unwrap().files, 1);
    assert!(foreign.exists() && folder.usage().unwrap().files == 0);
}

#[test]
fn a_packed_file_tells_whose_it_is() {
    let fingerprint = Fingerprint::of_bytes(b"model");
    let head_of = |path: &str| head(Layout::VERSION, fingerprint, Path::new(path));
    assert_eq!(head_of("/models/a.gguf").unwrap().len(), HEAD_BYTES);
    assert!(head_of(&"a/".repeat(HEAD_BYTES)).is_none(), "there is no room for its path");
}

#[test]
fn a_matrix_that_the_disk_has_damaged_is_packed_anew_and_the_file_is_made_again() {
    let (_home, folder, model) = folder_and_model();
    let original = rows_of(&values(64 * 20), 64, 0..20);
    let whole = found(&folder, &model).unwrap();
    let path = only_file(&folder);
    let bytes = fs::read(&path).unwrap();
    let range = HEAD_BYTES..HEAD_BYTES + packed_bytes(&original.matrix());
    let expected = whole.bytes(range.clone()).to_vec();
    // Every place of the matrix: any byte may decide which token is the likeliest.
    for at in range.clone().step_by(97).chain([range.end - 1]) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        // As a disk damages it: the file is the same, its length too.
        fs::write(&path, &damaged).unwrap();
        assert_eq!(folder.verify().unwrap()[0].state, FileState::Damaged, "byte {at}");
        let (ranges, _) = place(&[&mut original.clone()]);
        let head = &bytes[..HEAD_BYTES];
        let file = PackedFile::open(&path, head, &ranges).expect("its head and its table are whole");
        let check = Check { digest: file.digests[0], original: original.clone(), repaired: OnceLock::new() };
        assert_ne!(digest(file.bytes(range.clone())), check.digest, "byte {at}");
        let matrix = PackedMatrix { file: Arc::new(file), range: range.clone(), check: Some(check) };
        assert!(matrix.bytes() == expected, "byte {at}");
        assert!(!path.exists(), "nobody else is to find it");
        found(&folder, &model).unwrap();
        assert!(fs::read(&path).unwrap() == bytes && folder.verify().unwrap()[0].state == FileState::Intact);
    }
    fs::write(&path, [b"reinpak1".as_slice(), &bytes[8..]].concat()).unwrap();
    assert_eq!(folder.verify().unwrap()[0].state, FileState::Outdated);
}

#[test]
fn a_model_that_is_cut_short_while_it_is_in_use_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("model.gguf");
    fs::write(&path, golden_model("llama")).unwrap();
    let tokens: Vec<TokenId> = (3..12).map(TokenId).collect();
    let mut sequence = Sequence::new(Arc::new(Model::load(&path).unwrap()), 32, 2).unwrap();
    assert!(sequence.logits(&tokens, &[]).is_ok());
    // The floats of this model are not packed, but read where they are.
    fs::File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
    assert!(matches!(sequence.logits(&tokens, &[]), Err(GenerateError::WeightsLost { .. })));
    let answer = sequence.generate(crate::GenerateRequest::new(tokens), &mut |text| panic!("it says {text:?}"));
    assert!(matches!(answer, Err(GenerateError::WeightsLost { .. })), "{answer:?}");
}
