//! Attention against the bounds of the machine, both measured in this run.
//!
//! Decode is compared with the time that reading the keys and values once takes at the measured bandwidth, prefill
//! with the time that its multiply-adds take at the measured peak. `cargo bench -p reinette-kernels --bench attention`.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use reinette_kernels::{AttentionShape, Compute, Direction, KvLayer, KvType, attention};

/// A cache larger than the last-level cache's 32 MiB, so that decode reads memory, as a whole model does.
const CACHE_BYTES: usize = 96 << 20;
/// How long each figure is measured.
const BUDGET: Duration = Duration::from_millis(250);

fn main() {
    let test_run = !std::env::args().any(|argument| argument == "--bench");
    let budget = if test_run { Duration::ZERO } else { BUDGET };
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let compute = Compute::new(n_threads);
    let bandwidth = measure_bandwidth(&compute, budget);
    let peak = measure_peak(&compute, budget);
    println!("{n_threads} threads: {:.1} GB/s, {:.0} GFLOP/s (f32 multiply-add)", bandwidth / 1e9, peak / 1e9);

    let shape = |n_heads, n_kv_heads, head_dim| AttentionShape {
        n_heads,
        n_kv_heads,
        head_dim,
        scale: 1.0 / (head_dim as f32).sqrt(),
        window: None,
        soft_cap: None,
        direction: Direction::Backward,
    };
    let models =
        [("SmolLM2-135M", shape(9, 3, 64)), ("Gemma-3-270M", shape(4, 1, 256)), ("Qwen2.5-1.5B", shape(12, 2, 128))];
    for (name, shape) in models {
        for ty in [KvType::F16, KvType::Q8] {
            for depth in [0, 512, 2048, 8192] {
                decode(&compute, name, &shape, (ty, depth), bandwidth, budget);
            }
            for n_tokens in [4, 96, 512, 2048] {
                prefill(&compute, name, &shape, (ty, n_tokens), peak, budget);
            }
        }
    }
}

/// One token of a model whose layers, read in turn, do not fit the last-level cache.
fn decode(
    compute: &Compute,
    name: &str,
    shape: &AttentionShape,
    (ty, depth): (KvType, usize),
    bandwidth: f64,
    budget: Duration,
) {
    let bits = match ty {
        KvType::F16 => 16,
        KvType::Q8 => 9,
    };
    let layer_bytes = (depth + 1) * shape.n_kv_heads * shape.head_dim * 2 * bits / 8;
    let n_layers = (CACHE_BYTES / layer_bytes).clamp(1, 1024);
    let layers: Vec<KvLayer> = (0..n_layers).map(|_| filled(shape, ty, depth + 1)).collect();
    let q = vec![0.1; shape.n_heads * shape.head_dim];
    let mut out = q.clone();
    let seconds = undisturbed(budget, |run| {
        attention(compute, shape, &q, depth, &layers[run % n_layers], &mut out);
        black_box(&out);
    });
    let share = layer_bytes as f64 / bandwidth / seconds;
    println!(
        "{name:<13} {ty:?} decode at {depth:>5}: {:>8.1} µs a layer, {:>5.1}% of the bandwidth",
        seconds * 1e6,
        share * 100.0
    );
}

fn prefill(
    compute: &Compute,
    name: &str,
    shape: &AttentionShape,
    (ty, n_tokens): (KvType, usize),
    peak: f64,
    budget: Duration,
) {
    let layer = filled(shape, ty, n_tokens);
    let q: Vec<f32> = (0..n_tokens * shape.n_heads * shape.head_dim).map(|i| (i as f32).sin()).collect();
    let mut out = vec![0.0; q.len()];
    let seconds = undisturbed(budget, |_| {
        attention(compute, shape, &q, 0, &layer, &mut out);
        black_box(&out);
    });
    // Two products, of two operations each, for every pair that the causal mask leaves.
    let operations = 4.0 * (shape.n_heads * shape.head_dim) as f64 * (n_tokens * (n_tokens + 1) / 2) as f64;
    println!(
        "{name:<13} {ty:?} prefill {n_tokens:>5}: {:>8.1} µs a layer, {:>5.1}% of the peak",
        seconds * 1e6,
        operations / peak / seconds * 100.0
    );
}

fn filled(shape: &AttentionShape, ty: KvType, n_positions: usize) -> KvLayer {
    let mut layer = KvLayer::new(ty, shape.n_kv_heads, shape.head_dim, n_positions).expect("a cache that fits");
    let row: Vec<f32> = (0..shape.n_kv_heads * shape.head_dim).map(|i| (i as f32).cos()).collect();
    for position in 0..n_positions {
        layer.store(position, &row, &row);
    }
    layer
}

/// The time of a run that nothing disturbed, in seconds: of all runs, one in ten is faster.
///
/// Runs are short and numbered; cold data are had by taking other data in each run.
fn undisturbed(budget: Duration, mut run: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let mut seconds = Vec::new();
    while seconds.is_empty() || start.elapsed() < budget {
        let began = Instant::now();
        run(seconds.len());
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 10]
}

/// Bytes a second when all threads sum up memory that no cache holds.
fn measure_bandwidth(compute: &Compute, budget: Duration) -> f64 {
    const RUN_BYTES: usize = 2 << 20;
    let words = vec![1u64; CACHE_BYTES / size_of::<u64>()];
    let runs: Vec<&[u64]> = words.chunks_exact(RUN_BYTES / size_of::<u64>()).collect();
    let seconds = undisturbed(budget, |run| {
        let chunks: Vec<&[u64]> = runs[run % runs.len()].chunks(1 << 14).collect();
        compute.pool.run(chunks.len(), |index| {
            black_box(chunks[index].iter().fold(0u64, |sum, word| sum.wrapping_add(*word)));
        });
    });
    RUN_BYTES as f64 / seconds
}

/// Operations a second of multiply-adds that never wait for one another, on all threads.
fn measure_peak(compute: &Compute, budget: Duration) -> f64 {
    const STEPS: usize = 1 << 12;
    let n_chunks = 8 * compute.pool.threads();
    let seconds = undisturbed(budget, |_| {
        compute.pool.run(n_chunks, |_| {
            black_box(multiply_add(STEPS));
        });
    });
    (n_chunks * STEPS * 2 * INDEPENDENT * lanes()) as f64 / seconds
}

/// Vectors: two multiply-adds a cycle with a latency of four or five need ten.
const INDEPENDENT: usize = 12;

/// Numbers of a vector.
fn lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return 16;
    }
    8
}

#[cfg(target_arch = "x86_64")]
fn multiply_add(steps: usize) -> f32 {
    use std::arch::x86_64::{
        _mm256_add_ps, _mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_reduce_add_ps,
        _mm512_set1_ps,
    };

    #[target_feature(enable = "avx512f")]
    fn fused_sixteen(steps: usize) -> f32 {
        let (factor, addend) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
        let mut sums = [_mm512_set1_ps(0.5); INDEPENDENT];
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, addend);
            }
        }
        sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
    }

    #[target_feature(enable = "avx2,fma")]
    fn fused(steps: usize) -> f32 {
        let (factor, addend) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
        let mut sums = [_mm256_set1_ps(0.5); INDEPENDENT];
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, addend);
            }
        }
        let total = sums.into_iter().fold(addend, |total, sum| _mm256_add_ps(total, sum));
        _mm256_cvtss_f32(total)
    }
    assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"), "the bench needs AVX2");
    #[expect(unsafe_code, reason = "enters code compiled for FMA")]
    // SAFETY: the processor has just said that it has these instructions.
    unsafe {
        if lanes() == 16 { fused_sixteen(steps) } else { fused(steps) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn multiply_add(steps: usize) -> f32 {
    let (factor, addend) = (black_box(0.999_f32), black_box(0.001_f32));
    let mut sums = [0.5_f32; INDEPENDENT * 8];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = *sum * factor + addend;
        }
    }
    sums.iter().sum()
}
