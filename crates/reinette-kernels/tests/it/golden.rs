//! Dequantisation against llama.cpp: see `tests/golden/make.py`.

use reinette_kernels::{Matrix, QuantType, dequantize};

fn golden(ty: QuantType) -> (Vec<u8>, Vec<f32>) {
    let path = format!("{}/tests/golden/{ty}.bin", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read(path).expect("written by make.py");
    let n_blocks = file.len() / (ty.block_bytes() + 4 * ty.block_len());
    let (blocks, weights) = file.split_at(n_blocks * ty.block_bytes());
    (blocks.to_vec(), weights.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

#[test]
#[expect(clippy::float_cmp, reason = "all formats are exact in f32, and 0 equals −0")]
fn every_format_dequantises_exactly_as_in_llama_cpp() {
    for ty in QuantType::ALL {
        let (blocks, expected) = golden(ty);
        assert!(expected.len() >= 32, "{ty}");
        let mut weights = vec![f32::NAN; expected.len()];
        dequantize(ty, &blocks, &mut weights);
        let differing = weights.iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
        if let Some(i) = differing {
            panic!("{ty}: weight {i} is {} here and {} in llama.cpp", weights[i], expected[i]);
        }
    }
}

#[test]
fn embeddings_are_rows() {
    let ty = QuantType::Q4_1;
    let (blocks, expected) = golden(ty);
    let matrix = Matrix::new(ty, 2, expected.len() / 2, &blocks).unwrap();
    let mut row = vec![0.0; matrix.cols()];
    matrix.row_f32(1, &mut row);
    assert_eq!(row, expected[matrix.cols()..]);
}
