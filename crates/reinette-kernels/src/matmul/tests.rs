use super::{Activations, Compute, MatmulTask, Matrix, ShapeError, matmul, matmul_rows};
use crate::{InstructionSet, QuantType, ThreadPool};

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

/// Bytes of a matrix whose codes and sub-scales are anything and whose half-precision scales are `scale`s.
fn random_matrix(ty: QuantType, rows: usize, cols: usize, mut scale: impl FnMut() -> f32, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes: Vec<u8> = (0..ty.row_bytes(cols).unwrap() * rows).map(|_| random.byte()).collect();
    let halves: &[usize] = match ty {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => {
            let blocks = bytes.chunks_exact_mut(ty.block_bytes());
            blocks.for_each(|block| match ty {
                QuantType::F32 => block.copy_from_slice(&scale().to_le_bytes()),
                QuantType::F16 => block.copy_from_slice(&half::f16::from_f32(scale()).to_le_bytes()),
                _ => block.copy_from_slice(&half::bf16::from_f32(scale()).to_le_bytes()),
            });
            &[]
        }
        QuantType::Q4_0 | QuantType::Q5_0 | QuantType::Q8_0 => &[0],
        QuantType::Q4_1 | QuantType::Q5_1 | QuantType::Q4K | QuantType::Q5K => &[0, 2],
        QuantType::Q2K => &[80, 82],
        QuantType::Q3K => &[108],
        QuantType::Q6K => &[208],
    };
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        for at in halves {
            block[*at..at + 2].copy_from_slice(&half::f16::from_f32(scale()).to_le_bytes());
        }
    }
    bytes
}

/// A xorshift generator: George Marsaglia, "Xorshift RNGs", 2003.
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[5]
    }

    /// In −1..=1.
    fn float(&mut self) -> f32 {
        f32::from(i16::from_le_bytes([self.byte(), self.byte()])) / 32768.0
    }
}

fn product(compute: &Compute, matrix: Matrix<'_>, x: &[f32]) -> Vec<f32> {
    let mut activations = Activations::new();
    activations.set(compute, x, matrix.cols());
    let mut out = vec![f32::NAN; activations.n_tokens() * matrix.rows()];
    matmul(compute, &mut [MatmulTask { weights: matrix, out: &mut out }], &activations);
    out
}

/// `Σ w·x` and `√Σ (w·x)²`, the size of the rounding error's steps, in double precision.
fn exact_products(matrix: Matrix<'_>, x: &[f32]) -> Vec<(f64, f64)> {
    let mut row = vec![0.0; matrix.cols()];
    let mut out = vec![(0.0, 0.0); x.len() / matrix.cols() * matrix.rows()];
    for r in 0..matrix.rows() {
        matrix.row_f32(r, &mut row);
        for (token, x) in x.chunks_exact(matrix.cols()).enumerate() {
            let products = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let (sum, squares) = products.fold((0.0, 0.0), |(sum, squares), p| (sum + p, squares + p * p));
            out[token * matrix.rows() + r] = (sum, squares.sqrt());
        }
    }
    out
}

/// Largest error of a product, in multiples of `√Σ (w·x)²`. Rounding activations of uniform size to 127 levels errs by
/// 0.4% of the largest at most; formats with an offset also sum that error over weights that nearly cancel.
fn error_budget(ty: QuantType) -> f64 {
    match ty {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => 1e-5,
        _ => 0.02,
    }
}

fn sets() -> impl Iterator<Item = Compute> {
    InstructionSet::available().into_iter().map(|set| Compute { set, pool: ThreadPool::new(2) })
}

#[test]
fn every_type_and_instruction_set_keeps_its_error_budget() {
    for compute in sets() {
        for ty in QuantType::ALL {
            for (rows, cols, tokens) in
                [(1, 256, 1), (5, 512, 2), (37, 1280, 1), (37, 1280, 9), (16, 256, 6), (3, 2304, 7)]
            {
                let mut random = Random(0x5eed ^ rows as u64);
                let bytes = random_matrix(ty, rows, cols, || random.float(), 77);
                let matrix = Matrix::new(ty, rows, cols, &bytes).unwrap();
                let mut random = Random(99);
                let x: Vec<f32> = (0..tokens * cols).map(|_| random.float()).collect();
                let products = product(&compute, matrix, &x);
                for (index, (ours, (exact, size))) in products.iter().zip(exact_products(matrix, &x)).enumerate() {
                    let error = (f64::from(*ours) - exact).abs() / size;
                    let budget = error_budget(ty);
                    assert!(error < budget, "{ty} {rows}×{cols}×{tokens} {:?}: [{index}] errs by {error}", compute.set);
                }
            }
        }
    }
}

#[test]
fn instruction_sets_agree() {
    let scalar = Compute { set: InstructionSet::SCALAR, pool: ThreadPool::new(1) };
    for compute in sets() {
        for ty in QuantType::ALL {
            // Lengths of less than a whole panel, more than one, and (of floats) less than a register.
            let lens: &[usize] = match ty.block_len() {
                1 => &[1, 7, 8, 16, 33],
                32 => &[32, 64, 576, 1120],
                _ => &[256, 768, 1280],
            };
            for &cols in lens {
                for tokens in [1, 3, 6, 8, 11] {
                    let mut random = Random(cols as u64);
                    let bytes = random_matrix(ty, 19, cols, || random.float(), 7);
                    let matrix = Matrix::new(ty, 19, cols, &bytes).unwrap();
                    let x: Vec<f32> = (0..tokens * cols).map(|_| random.float()).collect();
                    let sizes = exact_products(matrix, &x);
                    let (ours, reference) = (product(&compute, matrix, &x), product(&scalar, matrix, &x));
                    for ((ours, reference), (_, size)) in ours.iter().zip(&reference).zip(sizes) {
                        let difference = f64::from((ours - reference).abs());
                        assert!(difference <= 1e-4 * size, "{ty} {cols}×{tokens}: {ours} and {reference}");
                    }
                }
            }
        }
    }
}

#[test]
fn odd_scales_and_activations_do_not_panic() {
    for compute in sets() {
        for ty in QuantType::ALL {
            for odd in [0.0, f32::INFINITY, f32::NAN, -f32::MAX] {
                let bytes = random_matrix(ty, 9, 512, || odd, 3);
                let matrix = Matrix::new(ty, 9, 512, &bytes).unwrap();
                for tokens in [1, 8] {
                    product(&compute, matrix, &vec![1.0; 512 * tokens]);
                    product(&compute, matrix, &vec![odd; 512 * tokens]);
                }
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_or_on_what_else_is_computed() {
    for set in InstructionSet::available() {
        let mut random = Random(5);
        let bytes = random_matrix(QuantType::Q4_1, 300, 576, || random.float(), 11);
        let matrix = Matrix::new(QuantType::Q4_1, 300, 576, &bytes).unwrap();
        let x: Vec<f32> = (0..9 * 576).map(|_| random.float()).collect();
        let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for x in [&x[..576], &x[..]] {
            let one = Compute { set, pool: ThreadPool::new(1) };
            let expected = bits(&product(&one, matrix, x));
            let three = Compute { set, pool: ThreadPool::new(3) };
            let mut activations = Activations::new();
            activations.set(&three, x, 576);
            let (mut first, mut second) = (vec![0.0; expected.len()], vec![0.0; expected.len()]);
            let tasks = &mut [
                MatmulTask { weights: matrix, out: &mut first },
                MatmulTask { weights: matrix, out: &mut second },
            ];
            matmul(&three, tasks, &activations);
            assert_eq!(bits(&first), expected);
            assert_eq!(bits(&second), expected);
            if activations.n_tokens() == 1 {
                let rows = [299, 0, 7, 7, 150];
                let mut out = [0.0; 5];
                matmul_rows(&three, matrix, &rows, &activations, &mut out);
                assert_eq!(bits(&out), rows.map(|row| expected[row as usize]));
            }
        }
    }
}
