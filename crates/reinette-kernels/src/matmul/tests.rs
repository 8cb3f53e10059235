use super::{
    Activations, Compute, Layout, LowRankColumns, LowRankTask, MatmulTask, Matrix, ShapeError, add_low_rank, matmul,
    matmul_rows,
};
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

#[test]
fn packed_rows_have_the_same_weights() {
    for ty in QuantType::ALL.into_iter().filter(|ty| ty.block_len() > 1) {
        for rows in [1, 8, 19] {
            let mut random = Random(3);
            let bytes = random_matrix(ty, rows, 512, || random.float(), 17);
            let matrix = Matrix::new(ty, rows, 512, &bytes).unwrap();
            let mut packed = vec![0xff; Layout::Packed.bytes(ty, rows, 512).unwrap()];
            matrix.pack(&Compute::new(2), &mut packed);
            let packed = Matrix::in_layout(Layout::Packed, ty, rows, 512, &packed).unwrap();
            for row in 0..rows {
                let (mut expected, mut found) = ([0.0_f32; 512], [1.0_f32; 512]);
                matrix.row_f32(row, &mut expected);
                packed.row_f32(row, &mut found);
                assert_eq!(expected.map(f32::to_bits), found.map(f32::to_bits), "{ty}, row {row} of {rows}");
            }
        }
    }
}

/// Bytes of a matrix whose codes and sub-scales are anything and whose half-precision scales are `scale`s.
fn random_matrix(ty: QuantType, rows: usize, cols: usize, mut scale: impl FnMut() -> f32, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes: Vec<u8> = (0..ty.row_bytes(cols).unwrap() * rows).map(|_| random.byte()).collect();
    if ty.block_len() == 1 {
        let blocks = bytes.chunks_exact_mut(ty.block_bytes());
        blocks.for_each(|block| match ty {
            QuantType::F32 => block.copy_from_slice(&scale().to_le_bytes()),
            QuantType::F16 => block.copy_from_slice(&half::f16::from_f32(scale()).to_le_bytes()),
            _ => block.copy_from_slice(&half::bf16::from_f32(scale()).to_le_bytes()),
        });
    }
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        for at in half_precision(ty) {
            block[*at..at + 2].copy_from_slice(&half::f16::from_f32(scale()).to_le_bytes());
        }
    }
    bytes
}

/// Where a block has numbers in half precision.
fn half_precision(ty: QuantType) -> &'static [usize] {
    match ty {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => &[],
        QuantType::Q4_0 | QuantType::Q5_0 | QuantType::Q8_0 => &[0],
        QuantType::Q4_1 | QuantType::Q5_1 | QuantType::Q4K | QuantType::Q5K => &[0, 2],
        QuantType::Q2K => &[80, 82],
        QuantType::Q3K => &[108],
        QuantType::Q6K => &[208],
    }
}

/// Where a block has the scales of its groups.
fn group_scales(ty: QuantType) -> std::ops::Range<usize> {
    match ty {
        QuantType::Q2K => 0..16,
        QuantType::Q3K => 96..108,
        QuantType::Q4K | QuantType::Q5K => 4..16,
        QuantType::Q6K => 192..208,
        _ => 0..0,
    }
}

/// Bytes of a matrix all of whose codes and sub-scales have the same bits.
fn uniform_matrix(ty: QuantType, rows: usize, cols: usize, code: u8, scale: u8) -> Vec<u8> {
    let mut random = Random(23);
    let mut bytes = random_matrix(ty, rows, cols, || random.float(), 19);
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        for (at, byte) in block.iter_mut().enumerate() {
            if !half_precision(ty).iter().any(|half| (*half..half + 2).contains(&at)) {
                *byte = if group_scales(ty).contains(&at) { scale } else { code };
            }
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

/// The bytes of a matrix in the layout that is fastest.
fn rearranged(compute: &Compute, matrix: Matrix<'_>) -> Vec<u8> {
    let layout = Layout::fastest(compute.set, matrix.ty());
    if layout == Layout::Rows {
        return matrix.bytes().to_vec();
    }
    let mut bytes = vec![0; layout.bytes(matrix.ty(), matrix.rows(), matrix.cols()).unwrap()];
    matrix.pack(compute, &mut bytes);
    bytes
}

/// A matrix of [`rearranged`] bytes.
fn fastest<'a>(compute: &Compute, matrix: Matrix<'_>, bytes: &'a [u8]) -> Matrix<'a> {
    let layout = Layout::fastest(compute.set, matrix.ty());
    Matrix::in_layout(layout, matrix.ty(), matrix.rows(), matrix.cols(), bytes).unwrap()
}

fn product(compute: &Compute, matrix: Matrix<'_>, x: &[f32]) -> Vec<f32> {
    let bytes = rearranged(compute, matrix);
    let matrix = fastest(compute, matrix, &bytes);
    let mut activations = Activations::new();
    activations.set(compute, x, matrix.cols());
    let mut out = vec![f32::NAN; activations.n_tokens() * matrix.rows()];
    matmul(compute, &mut [MatmulTask { weights: matrix, out: &mut out }], &activations);
    out
}

/// What a product is in exact arithmetic.
#[derive(Clone, Copy, Default)]
struct Exact {
    /// `Σ w·x`
    sum: f64,
    /// `Σ (w·x)²`: its root is the size of the steps in which a sum of `f32` is rounded.
    squares: f64,
    /// `Σ w²·s²/12`, the variance of the error if activations are rounded to multiples of `s`, a 127th of the largest
    /// of their group.
    variance: f64,
}

fn exact_products(matrix: Matrix<'_>, x: &[f32]) -> Vec<Exact> {
    let mut row = vec![0.0; matrix.cols()];
    let mut out = vec![Exact::default(); x.len() / matrix.cols() * matrix.rows()];
    for r in 0..matrix.rows() {
        matrix.row_f32(r, &mut row);
        for (token, x) in x.chunks_exact(matrix.cols()).enumerate() {
            let exact = &mut out[token * matrix.rows() + r];
            for (weights, x) in row.chunks(32).zip(x.chunks(32)) {
                let step = f64::from(x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()))) / 127.0;
                for (w, x) in weights.iter().zip(x) {
                    let product = f64::from(*w) * f64::from(*x);
                    exact.sum += product;
                    exact.squares += product * product;
                    exact.variance += (f64::from(*w) * step).powi(2) / 12.0;
                }
            }
        }
    }
    out
}

/// The largest error of a product: of floats, what rounding some hundred sums comes to; of quantised weights, six
/// standard deviations of what rounding the activations does, which one in a billion products exceeds.
fn error_budget(ty: QuantType, exact: Exact) -> f64 {
    let rounding = 1e-5 * exact.squares.sqrt();
    match ty {
        QuantType::F32 | QuantType::F16 | QuantType::BF16 => rounding,
        _ => rounding + 6.0 * exact.variance.sqrt(),
    }
}

/// How far two instruction sets may be apart: they add the same numbers in another order.
const ORDER_BUDGET: f64 = 1e-4;

fn sets() -> impl Iterator<Item = Compute> {
    InstructionSet::available().into_iter().map(|set| Compute { set, pool: ThreadPool::new(2).into() })
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
                for (index, (ours, exact)) in products.iter().zip(exact_products(matrix, &x)).enumerate() {
                    let (error, budget) = ((f64::from(*ours) - exact.sum).abs(), error_budget(ty, exact));
                    let case = format!("{ty} {rows}×{cols}×{tokens} {:?}", compute.set);
                    assert!(error <= budget, "{case}: [{index}] errs by {error}, more than {budget}");
                }
            }
        }
    }
}

#[test]
fn instruction_sets_agree() {
    let scalar = Compute { set: InstructionSet::SCALAR, pool: ThreadPool::new(1).into() };
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
                    assert_close(&compute, &scalar, matrix, &x);
                }
            }
        }
    }
}

/// The two compute the same products.
fn assert_close(ours: &Compute, reference: &Compute, matrix: Matrix<'_>, x: &[f32]) {
    let exact = exact_products(matrix, x);
    let (ours, reference) = (product(ours, matrix, x), product(reference, matrix, x));
    for ((ours, reference), exact) in ours.iter().zip(&reference).zip(exact) {
        let difference = f64::from((ours - reference).abs());
        let budget = ORDER_BUDGET * exact.squares.sqrt();
        assert!(difference <= budget, "{matrix:?}, {} activations: {ours} and {reference}", x.len());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn instruction_sets_agree_on_any_shape(
        ty in proptest::sample::select(QuantType::ALL.to_vec()),
        (rows, blocks, tokens) in (1_usize..40, 1_usize..12, 1_usize..10),
        threads in 1_usize..4,
        seed in 1_u64..u64::MAX,
        // How much larger some activations are than others.
        outlier in 1.0_f32..1000.0,
    ) {
        let cols = blocks * ty.block_len();
        let mut random = Random(seed);
        let bytes = random_matrix(ty, rows, cols, || random.float(), seed);
        let matrix = Matrix::new(ty, rows, cols, &bytes).unwrap();
        let mut random = Random(seed.rotate_left(1));
        let x: Vec<f32> = (0..tokens * cols)
            .map(|_| random.float() * if random.byte() == 0 { outlier } else { 1.0 })
            .collect();
        let scalar = Compute { set: InstructionSet::SCALAR, pool: ThreadPool::new(1).into() };
        for set in InstructionSet::available() {
            assert_close(&Compute { set, pool: ThreadPool::new(threads).into() }, &scalar, matrix, &x);
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
            let one = Compute { set, pool: ThreadPool::new(1).into() };
            let expected = bits(&product(&one, matrix, x));
            let three = Compute { set, pool: ThreadPool::new(3).into() };
            let packed = rearranged(&three, matrix);
            let matrix = fastest(&three, matrix, &packed);
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

#[test]
fn a_token_has_the_same_products_alone_and_among_others() {
    for compute in sets() {
        for ty in QuantType::ALL {
            // More groups than a panel has, and rows that fill no tile.
            for (rows, cols) in [(37, 1280), (3, 256), (16, 8192)] {
                let mut random = Random(rows as u64);
                let bytes = random_matrix(ty, rows, cols, || random.float(), 13);
                let matrix = Matrix::new(ty, rows, cols, &bytes).unwrap();
                let n_tokens = if rows == 37 { 300 } else { 64 };
                let x: Vec<f32> = (0..n_tokens * cols).map(|_| random.float()).collect();
                let all = product(&compute, matrix, &x);
                let mut first = 0;
                for batch in [1, 2, 3, 1, 7, 4, 5, 33] {
                    let tokens = first..first + batch;
                    let found = product(&compute, matrix, &x[tokens.start * cols..tokens.end * cols]);
                    let expected = &all[tokens.start * rows..tokens.end * rows];
                    let same =
                        found.iter().zip(expected).all(|(found, expected)| found.to_bits() == expected.to_bits());
                    assert!(same, "{:?}, {ty} {rows}×{cols}, tokens {tokens:?}", compute.set);
                    first += batch;
                }
            }
        }
    }
}

/// The products of packed weights and activations as bits.
fn packed_products(compute: &Compute, weights: Matrix<'_>, x: &Activations) -> Vec<u32> {
    let mut out = vec![f32::NAN; x.n_tokens() * weights.rows()];
    matmul(compute, &mut [MatmulTask { weights, out: &mut out }], x);
    out.into_iter().map(f32::to_bits).collect()
}

/// All sets with vector kernels have the same products as the first of them, for up to 20 tokens.
fn assert_same_bits(matrix: Matrix<'_>, x: &[f32]) {
    let packing = |compute: &Compute| Layout::fastest(compute.set, matrix.ty()) == Layout::Packed;
    let computes: Vec<Compute> = sets().filter(packing).collect();
    let Some((reference, others)) = computes.split_first() else { return };
    let bytes = rearranged(reference, matrix);
    let packed = fastest(reference, matrix, &bytes);
    for n_tokens in 1..=20 {
        let x = &x[..n_tokens * matrix.cols()];
        let mut activations = Activations::new();
        activations.set(reference, x, matrix.cols());
        let expected = packed_products(reference, packed, &activations);
        for compute in others {
            let case = format!("{matrix:?}, {n_tokens} tokens, {:?}", compute.set);
            // Activations that another set prepared may be multiplied more slowly, but not differently.
            assert!(packed_products(compute, packed, &activations) == expected, "{case}, prepared by another");
            let mut activations = Activations::new();
            activations.set(compute, x, matrix.cols());
            assert!(packed_products(compute, packed, &activations) == expected, "{case}");
        }
    }
}

#[test]
fn vector_instruction_sets_give_the_same_bits() {
    for ty in QuantType::ALL.into_iter().filter(|ty| ty.block_len() > 1) {
        // The longest rows have more groups than any panel.
        let shapes =
            if ty.block_len() == 32 { [(1, 32), (37, 96), (19, 2336)] } else { [(1, 256), (37, 512), (19, 2304)] };
        for (rows, cols) in shapes {
            let mut random = Random(cols as u64);
            let any: Vec<f32> = (0..20 * cols).map(|_| random.float()).collect();
            // Codes of activations are all 127, all −127, either, or zero.
            let largest = [1.0, -1.0].map(|value| vec![value; 20 * cols]);
            let either: Vec<f32> = any.iter().map(|x| x.signum()).collect();
            let [positive, negative] = &largest;
            for x in [&any, positive, negative, &either, &vec![0.0; 20 * cols]] {
                let bytes = random_matrix(ty, rows, cols, || random.float(), 29);
                assert_same_bits(Matrix::new(ty, rows, cols, &bytes).unwrap(), x);
                for (code, scale) in [(0x00, 0x80), (0xff, 0x80), (0xff, 0xff), (0x7f, 0x7f), (0x80, 0x00)] {
                    let bytes = uniform_matrix(ty, rows, cols, code, scale);
                    assert_same_bits(Matrix::new(ty, rows, cols, &bytes).unwrap(), x);
                }
            }
        }
    }
}

#[test]
fn low_rank_products_are_added() {
    for compute in sets() {
        for (rows, rank, tokens) in [(1, 1, 1), (7, 4, 2), (300, 16, 5), (576, 16, 1), (1000, 3, 3)] {
            let mut random = Random(rows as u64);
            let mut floats = |len| (0..len).map(|_| random.float()).collect::<Vec<f32>>();
            let (b, factors, before) = (floats(rows * rank), floats(tokens * rank), floats(tokens * rows));
            let bytes: Vec<u8> = b.iter().flat_map(|value| value.to_le_bytes()).collect();
            let columns = LowRankColumns::new(Matrix::new(QuantType::F32, rows, rank, &bytes).unwrap());
            let mut out = before.clone();
            let tasks = &mut [LowRankTask { columns: &columns, factors: &factors, scale: 0.5, out: &mut out }];
            add_low_rank(&compute, tasks);
            for (index, (out, before)) in out.iter().zip(before).enumerate() {
                let (token, row) = (index / rows, index % rows);
                let products = b[row * rank..][..rank].iter().zip(&factors[token * rank..][..rank]);
                let sum: f32 = products.map(|(b, factor)| half::f16::from_f32(*b).to_f32() * factor).sum();
                assert!((out - (before + 0.5 * sum)).abs() < 1e-5, "{rows}×{rank}×{tokens}: [{token}, {row}]");
            }
        }
    }
}
