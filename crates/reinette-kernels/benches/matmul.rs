//! Matrix products as shares of what the machine can do, measured in the same run.
//!
//! `cargo bench -p reinette-kernels --bench matmul [-- [--threads=N] [FILTER]]`: decode (one token) as a share of the bandwidth of
//! reading memory, prefill (512 tokens) as a share of the peak of 8-bit multiplication: of `vpdpbusd` where there is AVX-512
//! with VNNI, else of `vpmaddubsw` + `vpmaddwd` + `vpaddd`. Figures are the first decile of calls that are shorter than a time slice, so that they mean something on
//! a busy machine too. Weights are random. As a test (`--test`) everything runs once.

#![expect(clippy::print_stdout, reason = "the result of a benchmark")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

mod blocks;

use blocks::random_bytes;
use reinette_kernels::{Activations, Compute, Layout, MatmulTask, Matrix, QuantType, matmul};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// More than any cache holds, so that decode reads memory.
const WORKING_SET: usize = 128 << 20;
const PREFILL_TOKENS: usize = 512;
/// Work of one call of prefill: about 0.3 milliseconds on one core.
const PREFILL_OPERATIONS: usize = 40_000_000;

/// Layers of models that people run: name, type, rows, columns.
const SHAPES: &[(&str, QuantType, usize, usize)] = &[
    ("SmolLM2-135M attention", QuantType::Q4_1, 576, 576),
    ("SmolLM2-135M up", QuantType::Q4_1, 1536, 576),
    ("SmolLM2-135M down", QuantType::Q4_1, 576, 1536),
    ("SmolLM2-135M up", QuantType::Q4_0, 1536, 576),
    ("SmolLM2-135M output", QuantType::Q8_0, 49152, 576),
    ("Gemma-3-270M up", QuantType::Q5_0, 2048, 640),
    ("Gemma-3-270M down", QuantType::Q4K, 640, 2048),
    ("Gemma-3-270M down", QuantType::Q6K, 640, 2048),
    ("Gemma-3-270M output", QuantType::Q8_0, 262_144, 640),
    ("Qwen2.5-1.5B up", QuantType::Q4K, 8960, 1536),
    ("Qwen2.5-1.5B down", QuantType::Q4K, 1536, 8960),
    ("Qwen2.5-1.5B down", QuantType::Q6K, 1536, 8960),
    ("Qwen2.5-1.5B output", QuantType::Q6K, 151_936, 1536),
    ("five bits in 256", QuantType::Q5K, 1536, 1536),
    ("three bits in 256", QuantType::Q3K, 1536, 1536),
    ("two bits in 256", QuantType::Q2K, 1536, 1536),
];

/// How long a figure is measured for.
#[derive(Clone, Copy)]
enum Effort {
    Once,
    For(Duration),
}

/// First decile of the seconds that a call takes; it is told how often it has been called.
fn typical(effort: Effort, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let mut seconds = Vec::new();
    loop {
        let call_start = Instant::now();
        call(seconds.len());
        seconds.push(call_start.elapsed().as_secs_f64());
        match effort {
            Effort::For(duration) if start.elapsed() < duration || seconds.len() < 9 => {}
            _ => break,
        }
    }
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 10]
}

/// Bytes per second that all threads together read from memory.
fn read_bandwidth(effort: Effort, compute: &Compute, memory: &[u8]) -> f64 {
    const PIECE: usize = 1 << 20;
    const CHUNKS: usize = 64;
    let pieces: Vec<_> = memory.chunks_exact(PIECE).collect();
    let seconds = typical(effort, |call| {
        let words = pieces[call % pieces.len()].as_chunks::<8>().0;
        compute.pool.run(CHUNKS, |index| {
            let words = words.chunks(words.len() / CHUNKS).nth(index).unwrap();
            black_box(words.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word)));
        });
    });
    PIECE as f64 / seconds
}

/// Operations (a multiplication and an addition are two) per second that all threads together do in 8 bits.
#[cfg(target_arch = "x86_64")]
fn multiplication_peak(effort: Effort, compute: &Compute) -> Option<f64> {
    const ROUNDS: usize = 20_000;
    // As many as hide how long a product takes.
    const CHAINS: usize = 12;
    if compute.set == reinette_kernels::InstructionSet::SCALAR {
        return None;
    }
    let has_vnni = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
    let operations = if has_vnni { 128 } else { 64 };
    let chunks = 2 * compute.pool.threads();
    let seconds = typical(effort, |_| {
        compute.pool.run(chunks, |_| {
            // SAFETY: VNNI was detected; a set other than scalar exists only if the machine has AVX2.
            #[expect(unsafe_code, reason = "the peak is one of vector instructions")]
            unsafe {
                if has_vnni {
                    black_box(multiply_and_add_vnni::<CHAINS>(ROUNDS));
                } else {
                    black_box(multiply_and_add::<CHAINS>(ROUNDS));
                }
            }
        });
    });
    Some((chunks * ROUNDS * CHAINS * operations) as f64 / seconds)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn multiply_and_add_vnni<const CHAINS: usize>(rounds: usize) -> i32 {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512,
    };
    let codes = _mm512_set1_epi8(black_box(3));
    let mut sums = [_mm512_setzero_si512(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            // The sum is an operand, so that no product can be moved out of the loop.
            *sum = _mm512_dpbusd_epi32(*sum, codes, *sum);
        }
    }
    let total = sums.into_iter().fold(_mm512_setzero_si512(), |total, sum| _mm512_add_epi32(total, sum));
    _mm512_reduce_add_epi32(total)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn multiply_and_add<const CHAINS: usize>(rounds: usize) -> i32 {
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_extract_epi32, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_setzero_si256,
    };
    let ones = _mm256_set1_epi16(black_box(1));
    let codes = _mm256_set1_epi8(black_box(3));
    let mut sums = [_mm256_setzero_si256(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            // The sum is an operand, so that no product can be moved out of the loop.
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, *sum), ones));
        }
    }
    let total = sums.into_iter().fold(_mm256_setzero_si256(), |total, sum| _mm256_add_epi32(total, sum));
    _mm256_extract_epi32::<0>(total)
}

#[cfg(not(target_arch = "x86_64"))]
fn multiplication_peak(_effort: Effort, _compute: &Compute) -> Option<f64> {
    None
}

/// Seconds that a product takes; matrices are used in turn, so that many of them are never found in the cache.
fn seconds(effort: Effort, compute: &Compute, matrices: &[Matrix<'_>], n_tokens: usize) -> f64 {
    let (rows, cols) = (matrices[0].rows(), matrices[0].cols());
    let x: Vec<f32> = (0..n_tokens * cols).map(|i| (i as f32).sin()).collect();
    let mut activations = Activations::new();
    activations.set(compute, &x, cols);
    let mut out = vec![0.0; n_tokens * rows];
    typical(effort, |call| {
        let weights = matrices[call % matrices.len()];
        matmul(compute, &mut [MatmulTask { weights, out: &mut out }], &activations);
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test") || !arguments.iter().any(|a| a == "--bench");
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    let effort = if test { Effort::Once } else { Effort::For(Duration::from_millis(300)) };
    let threads = arguments.iter().find_map(|argument| argument.strip_prefix("--threads="));
    let compute = Compute::new(threads.map_or(2, |threads| threads.parse().unwrap()));
    let memory = random_bytes(WORKING_SET);
    let bandwidth = read_bandwidth(effort, &compute, &memory);
    let peak = multiplication_peak(effort, &compute);
    let reference = peak.unwrap_or(f64::INFINITY);
    println!("{compute:?}: memory {:.1} GB/s, 8-bit products {:.0} GOP/s", bandwidth / 1e9, reference / 1e9);
    println!("{:24} {:5} {:>12} {:>9} {:>9} {:>9} {:>9}", "layer", "type", "shape", "GB/s", "share", "GOP/s", "share");
    for &(name, ty, rows, cols) in SHAPES {
        if filter.is_some_and(|filter| !name.contains(filter.as_str()) && ty.name() != filter) {
            continue;
        }
        let rows = rows.min(memory.len() / ty.row_bytes(cols).unwrap() / 8 * 8);
        let bytes = rows * ty.row_bytes(cols).unwrap();
        let layout = Layout::fastest(compute.set, ty);
        let matrix = |rows, bytes| Matrix::in_layout(layout, ty, rows, cols, bytes).unwrap();
        let copies: Vec<_> = memory.chunks_exact(bytes).map(|bytes| matrix(rows, bytes)).collect();
        let decode = bytes as f64 / seconds(effort, &compute, &copies, 1);
        let prefill_rows = rows.min((PREFILL_OPERATIONS / (2 * cols * PREFILL_TOKENS)).next_multiple_of(16));
        let part = matrix(prefill_rows, &memory[..prefill_rows * ty.row_bytes(cols).unwrap()]);
        let n_tokens = if test { 8 } else { PREFILL_TOKENS };
        let prefill = (2 * prefill_rows * cols * n_tokens) as f64 / seconds(effort, &compute, &[part], n_tokens);
        println!(
            "{name:24} {:5} {:>12} {:9.1} {:8.0}% {:9.0} {:8.0}%",
            ty.name(),
            format!("{rows}×{cols}"),
            decode / 1e9,
            100.0 * decode / bandwidth,
            prefill / 1e9,
            100.0 * prefill / reference,
        );
    }
}
