//! How much faster each vector instruction set multiplies than AVX2, measured in the same run.
//!
//! `cargo bench -p reinette-kernels --bench instruction_sets [-- [--threads=N] [--tokens=N] [FILTER]]`: one token (weights
//! from memory), a few (as guesses are read) and many. The sets take turns, short calls each, so that what else the machine
//! does meets all of them. A ratio is one of the first deciles of a round's calls; the median of all rounds is printed,
//! with the quartiles. Weights are random. As a test (`--test`) everything runs once.

#![expect(clippy::print_stdout, reason = "the result of a benchmark")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

mod blocks;

use blocks::random_bytes;
use reinette_kernels::{
    Activations, Compute, InstructionSet, Layout, MatmulTask, Matrix, QuantType, ThreadPool, matmul,
};
use std::time::{Duration, Instant};

/// More than the first two caches hold, so that weights for one token come from beyond.
const WORKING_SET: usize = 64 << 20;
const TOKENS: [usize; 3] = [1, 4, 512];
/// Work of one call, at most: a fraction of a millisecond, shorter than a time slice.
const OPERATIONS: usize = 40_000_000;
const ROUNDS: usize = 15;
/// Time of a set in a round: some dozen calls.
const ROUND: Duration = Duration::from_millis(20);

/// Rows (fewer where that is too much work for a call) and columns of the feed-forward layers of SmolLM2-135M, in whole
/// blocks of 256.
const SHAPES: [(usize, usize); 2] = [(1536, 512), (576, 1536)];
const TYPES: [QuantType; 10] = [
    QuantType::Q4_0,
    QuantType::Q4_1,
    QuantType::Q5_0,
    QuantType::Q5_1,
    QuantType::Q8_0,
    QuantType::Q2K,
    QuantType::Q3K,
    QuantType::Q4K,
    QuantType::Q5K,
    QuantType::Q6K,
];

/// First decile of the seconds that a product takes in one round; matrices are used in turn.
fn seconds(round: Duration, compute: &Compute, matrices: &[Matrix<'_>], x: &Activations) -> f64 {
    let mut out = vec![0.0; x.n_tokens() * matrices[0].rows()];
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while seconds.is_empty() || start.elapsed() < round {
        let call_start = Instant::now();
        let weights = matrices[seconds.len() % matrices.len()];
        matmul(compute, &mut [MatmulTask { weights, out: &mut out }], x);
        seconds.push(call_start.elapsed().as_secs_f64());
    }
    quantile(seconds, 1, 10)
}

/// What `numerator / denominator` of the numbers are below.
fn quantile(mut numbers: Vec<f64>, numerator: usize, denominator: usize) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() * numerator / denominator]
}

/// Measures all sets in turn and prints a line for each.
fn compare(rounds: usize, round: Duration, computes: &[Compute], matrices: &[Matrix<'_>], n_tokens: usize) {
    let (ty, rows, cols) = (matrices[0].ty(), matrices[0].rows(), matrices[0].cols());
    let x: Vec<f32> = (0..n_tokens * cols).map(|i| (i as f32).sin()).collect();
    let activations = computes.iter().map(|compute| {
        let mut activations = Activations::new();
        activations.set(compute, &x, cols);
        activations
    });
    let activations: Vec<_> = activations.collect();
    let mut times = vec![Vec::new(); computes.len()];
    for _ in 0..rounds {
        for ((compute, activations), times) in computes.iter().zip(&activations).zip(&mut times) {
            times.push(seconds(round, compute, matrices, activations));
        }
    }
    let operations = (2 * rows * cols * n_tokens) as f64;
    for (compute, own) in computes.iter().zip(&times) {
        let ratios: Vec<f64> = times[0].iter().zip(own).map(|(first, own)| first / own).collect();
        let ratio = |numerator| quantile(ratios.clone(), numerator, 4);
        println!(
            "{:5} {:>10} {n_tokens:6} {:24} {:9.0} {:6.2} {:6.2}-{:.2}",
            ty.name(),
            format!("{rows}×{cols}"),
            format!("{:?}", compute.set),
            operations / quantile(own.clone(), 1, 2) / 1e9,
            ratio(2),
            ratio(1),
            ratio(3),
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test") || !arguments.iter().any(|a| a == "--bench");
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    let number = |name| arguments.iter().find_map(|argument| argument.strip_prefix(name)).map(|n| n.parse().unwrap());
    let threads = number("--threads=").unwrap_or(1);
    let (rounds, round) = if test { (1, Duration::ZERO) } else { (ROUNDS, ROUND) };
    let is_packed = |set: &InstructionSet| Layout::fastest(*set, TYPES[0]) == Layout::Packed;
    let sets = InstructionSet::available().into_iter().filter(is_packed);
    let computes: Vec<_> = sets.map(|set| Compute { set, pool: ThreadPool::new(threads).into() }).collect();
    if computes.len() < 2 {
        println!("this machine has fewer than two vector instruction sets to compare");
        return;
    }
    let memory = random_bytes(WORKING_SET);
    println!("type       shape tokens set                          GOP/s  ratio quartiles");
    for ty in TYPES.into_iter().filter(|ty| filter.is_none_or(|filter| ty.name() == filter)) {
        for (rows, cols) in SHAPES {
            for n_tokens in number("--tokens=").map_or(TOKENS.to_vec(), |tokens| vec![tokens]) {
                let rows = rows.min((OPERATIONS / (2 * cols * n_tokens)).next_multiple_of(16));
                let bytes = Layout::Packed.bytes(ty, rows, cols).unwrap();
                let matrix = |bytes| Matrix::in_layout(Layout::Packed, ty, rows, cols, bytes).unwrap();
                let matrices: Vec<_> = memory.chunks_exact(bytes).map(matrix).collect();
                compare(rounds, round, &computes, &matrices, n_tokens);
            }
        }
    }
}
