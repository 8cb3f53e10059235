//! How fast this machine reads memory: what bounds the speed of answering.

use std::hint::black_box;
use std::time::Instant;

/// Several times what any level of cache holds: 128 MiB.
const WORDS: usize = 16 << 20;
/// Other programs only slow a pass down, so the fastest of a few is the machine's own.
const PASSES: usize = 8;

/// Bytes per second that `threads` threads together read from memory.
pub(super) fn read_bytes_per_second(threads: usize) -> f64 {
    // Pages of zeros that were never written would all be one page.
    let memory: Vec<u64> = (0..WORDS as u64).collect();
    let part = WORDS.div_ceil(threads.max(1));
    let pass = || {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for words in memory.chunks(part) {
                scope.spawn(|| black_box(words.iter().fold(0, |sum, word| sum ^ word)));
            }
        });
        started.elapsed().as_secs_f64()
    };
    let fastest = (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min);
    size_of_val(memory.as_slice()) as f64 / fastest
}
