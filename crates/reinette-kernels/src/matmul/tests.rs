use super::{Activations, Compute, MatmulTask, Matrix, ShapeError, matmul, matmul_rows};
use crate::QuantType;

#[test]
fn matrices_have_the_length_of_their_bytes() {
    let bytes = [0; 40];
    assert!(Matrix::new(QuantType::Q4_1, 2, 32, &bytes).is_ok());
    assert!(matches!(Matrix::new(QuantType::Q4_1, 3, 32, &bytes), Err(ShapeError::Length { .. })));
    assert!(matches!(Matrix::new(QuantType::Q4_1, 2, 33, &bytes), Err(ShapeError::PartialBlock { .. })));
    assert!(matches!(Matrix::new(QuantType::F32, usize::MAX, 8, &bytes), Err(ShapeError::Length { .. })));
}

#[test]
#[expect(clippy::float_cmp, reason = "small integers are exact")]
fn float_products_are_exact_on_small_integers() {
    let weights: Vec<u8> = (0..15_i8).flat_map(|w| f32::from(w).to_le_bytes()).collect();
    let matrix = Matrix::new(QuantType::F32, 3, 5, &weights).unwrap();
    let compute = Compute::new(2);
    let mut x = Activations::new();
    x.set(&compute, &[1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0, 0.0], 5);
    let mut out = [0.0; 6];
    matmul(&compute, &mut [MatmulTask { weights: matrix, out: &mut out }], &x);
    assert_eq!(out, [8.0, 23.0, 38.0, 3.0, 13.0, 23.0]);
    x.set(&compute, &[1.0, 0.0, 0.0, 0.0, 2.0], 5);
    let mut out = [0.0; 2];
    matmul_rows(&compute, matrix, &[2, 0], &x, &mut out);
    assert_eq!(out, [38.0, 8.0]);
}
